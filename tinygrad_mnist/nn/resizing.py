"""Layers that pad images or give them another size, without parameters; each calls the function of its name.

Read after pools.py.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..functions import pad
from ..tensors.tensor import Tensor
from . import resampling as F
from .arguments import numbers
from .module import Module
from .pools import Settled


class _Pad(Module):
    """A border around the last `count` dimensions, made as `mode` says."""

    count: ClassVar[int] = 2
    mode: ClassVar[str] = "constant"
    value: float = 0.0

    def __init__(self, padding: Any) -> None:
        width = padding if isinstance(padding, list | tuple) else (padding,) * (2 * self.count)
        self.padding = numbers(width, f"{type(self).__name__}: padding", 2 * self.count)

    def forward(self, x: Tensor) -> Tensor:
        return pad(x, self.padding, self.mode, self.value if self.mode == "constant" else None)

    def extra_repr(self) -> str:
        """Name the widths, and the value if there is one."""
        return f"padding={self.padding}, value={self.value}" if "value" in vars(self) else f"{self.padding}"


class ConstantPad1d(_Pad):
    """A border of one value, before and after the last dimension."""

    count = 1

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value


class ConstantPad2d(ConstantPad1d):
    """A border of one value around images."""

    count = 2


class ConstantPad3d(ConstantPad1d):
    """A border of one value around volumes."""

    count = 3


class ZeroPad1d(_Pad):
    """A border of zeros, before and after the last dimension."""

    count = 1


class ZeroPad2d(ZeroPad1d):
    """A border of zeros, around images."""

    count = 2


class ZeroPad3d(ZeroPad1d):
    """A border of zeros, around volumes."""

    count = 3


class ReflectionPad1d(_Pad):
    """A border that mirrors what is inside, before and after the last dimension."""

    count, mode = 1, "reflect"


class ReflectionPad2d(ReflectionPad1d):
    """A border that mirrors what is inside, around images."""

    count = 2


class ReflectionPad3d(ReflectionPad1d):
    """A border that mirrors what is inside, around volumes."""

    count = 3


class ReplicationPad1d(_Pad):
    """A border that repeats the outermost, before and after the last dimension."""

    count, mode = 1, "replicate"


class ReplicationPad2d(ReplicationPad1d):
    """A border that repeats the outermost, around images."""

    count = 2


class ReplicationPad3d(ReplicationPad1d):
    """A border that repeats the outermost, around volumes."""

    count = 3


class CircularPad1d(_Pad):
    """A border that goes on at the other side, before and after the last dimension."""

    count, mode = 1, "circular"


class CircularPad2d(CircularPad1d):
    """A border that goes on at the other side, around images."""

    count = 2


class CircularPad3d(CircularPad1d):
    """A border that goes on at the other side, around volumes."""

    count = 3


class Upsample(Settled):
    """Images of another size: F.interpolate as a layer."""

    defaults: ClassVar[dict[str, Any]] = dict.fromkeys(
        ("size", "scale_factor", "align_corners", "recompute_scale_factor")
    )

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:  # fmt: skip
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, **self._given())


class UpsamplingNearest2d(Upsample):
    """Images of another size, of their nearest pixels."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """Images of another size, interpolated, their corner pixels lying on each other."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "bilinear", True)


class Unfold(Settled):
    """What each window sees, as a column: (N, C, H, W) -> (N, C · KH · KW, windows)."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.unfold(x, **self._given())


class Fold(Settled):
    """What columns hold, added to the pixels that their windows see: the adjoint of Unfold."""

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        self.output_size, self.kernel_size, self.dilation = output_size, kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.fold(x, **self._given())


class PixelShuffle(Settled):
    """Pixels made of channels: (*, C r², H, W) -> (*, C, H r, W r)."""

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(x, self.upscale_factor)


class PixelUnshuffle(Settled):
    """Channels made of pixels: (*, C, H r, W r) -> (*, C r², H, W)."""

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_unshuffle(x, self.downscale_factor)


class ChannelShuffle(Settled):
    """Channels taken from the groups in turn."""

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return F.channel_shuffle(x, self.groups)
