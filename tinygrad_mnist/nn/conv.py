"""Convolutions as layers: Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d.

Read after linear.py; functional/conv.py has the functions, ops/conv.py the calculus and kernels/conv.py the arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from ..core.backend import Generator
from ..core.errors import ArgumentError
from ..functions import pad
from ..tensors.creation import zeros
from ..tensors.tensor import Tensor
from . import functional as F
from .functional.arguments import numbers
from .functional.conv import Sizes
from .linear import fan_in_uniform, positive
from .module import Module
from .parameter import Parameter

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What convolutions have in common: sizes, weight and bias. Subclasses say the number of dimensions."""

    count: ClassVar[int] = 2
    transposed: ClassVar[bool] = False
    output_padding: tuple[int, ...] = ()

    def _build(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes, padding: Sizes | str,
        dilation: Sizes, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any,
        generator: Generator | None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: groups must divide in_channels and out_channels.",
                got=f"in_channels = {in_channels}, out_channels = {out_channels}, groups = {groups}",
            )
        modes = PADDING_MODES[:1] if self.transposed else PADDING_MODES
        if padding_mode not in modes:
            raise ArgumentError(f"{name}: padding_mode is {padding_mode!r}.", expected=", ".join(modes))
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = numbers(kernel_size, f"{name}: kernel_size", self.count)
        self.stride = numbers(stride, f"{name}: stride", self.count)
        self.dilation = numbers(dilation, f"{name}: dilation", self.count)
        words = isinstance(padding, str) and not self.transposed
        self.padding: Any = padding if words else numbers(padding, f"{name}: padding", self.count)
        self.padding_mode = padding_mode
        ends = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        shape, made = (*ends, *self.kernel_size), {"dtype": dtype, "device": device}
        fan_in = math.prod(shape[1:])
        self.weight = fan_in_uniform(Parameter(zeros(shape, **made)), fan_in, generator)
        self.bias = fan_in_uniform(Parameter(zeros(out_channels, **made)), fan_in, generator) if bias else None

    def extra_repr(self) -> str:
        """Name the sizes, and the settings that are not the default."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}" if set(self.stride) != {1} or self.transposed else ""
        none, one = (0,) * self.count, (1,) * self.count
        plain = {"padding": none, "output_padding": none, "dilation": one, "groups": 1, "padding_mode": "zeros"}
        given = {k: getattr(self, k) for k in plain if k != "output_padding" or self.transposed}
        text += "".join(f", {k}={v!r}" for k, v in given.items() if v != plain[k])
        return text + ("" if self.bias is not None else ", bias=False")


class _Convolution(_Conv):
    """The constructor and forward of Conv1d and Conv2d."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes | str = 0,
        dilation: Sizes = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None, generator: Generator | None = None,
    ) -> None:  # fmt: skip
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                    device, dtype, generator)  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            before = [t // 2 for t in total] if padding == "same" else [0 if padding == "valid" else p for p in padding]
            after = [t - b for t, b in zip(total, before, strict=True)] if padding == "same" else before
            widths = [n for b, a in zip(reversed(before), reversed(after), strict=True) for n in (b, a)]
            input, padding = pad(input, widths, mode=self.padding_mode), 0
        return type(self).function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Convolution):
    """Cross-correlation of sequences with learned filters.

    Shapes:
        input (N, in_channels, L) or (in_channels, L) -> (N, out_channels, OL) or (out_channels, OL);
        OL = ⌊(L + 2 pad - d (K - 1) - 1) / s⌋ + 1
    Args:
        padding: an int, or "same" or "valid"
        padding_mode: zeros, reflect, replicate or circular
    """

    count, function = 1, staticmethod(F.conv1d)


class Conv2d(_Convolution):
    """Cross-correlation of images with learned filters.

    Math:
        out[n,o,i,j] = b[o] + Σ w[o,c,p,q] · x[n, c, i·s + p·d - pad, j·s + q·d - pad]
    Shapes:
        input (N, in_channels, H, W) -> (N, out_channels, OH, OW); OH = ⌊(H + 2 pad - d (KH - 1) - 1) / s⌋ + 1
    Args:
        kernel_size, stride, padding, dilation: ints or (height, width); padding may be "same" or "valid"
        padding_mode: zeros, reflect, replicate or circular
        bias: starts, as the weight, from U(-1/√fan_in, 1/√fan_in) with fan_in = in_channels / groups · KH · KW
    """

    count, function = 2, staticmethod(F.conv2d)


class _Transposed(_Conv):
    """The constructor and forward of ConvTranspose1d and ConvTranspose2d."""

    transposed = True
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
        output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None, generator: Generator | None = None,
    ) -> None:  # fmt: skip
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                    device, dtype, generator)  # fmt: skip
        self.output_padding = numbers(output_padding, f"{type(self).__name__}: output_padding", self.count)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        more = self.output_padding
        if output_size is not None:
            wanted = numbers(list(output_size)[-self.count :], f"{type(self).__name__}: output_size", self.count)
            geometry = zip(input.shape[-self.count :], self.kernel_size, self.stride, self.padding, self.dilation,
                           strict=True)  # fmt: skip
            least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in geometry]
            more = tuple(w - m for w, m in zip(wanted, least, strict=True))
            if any(not 0 <= m < s for m, s in zip(more, self.stride, strict=True)):
                raise ArgumentError(f"{type(self).__name__}: output_size is {wanted}.",
                                    expected=f"from {tuple(least)}, less than a stride more")  # fmt: skip
        return type(self).function(input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
                                   self.dilation)  # fmt: skip


class ConvTranspose1d(_Transposed):
    """Sequences spread over learned filters: what undoes the shape of Conv1d.

    Shapes:
        input (N, in_channels, L) -> (N, out_channels, OL); OL = (L - 1) s - 2 pad + d (K - 1) + output_padding + 1
    """

    count, function = 1, staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """Images spread over learned filters: what undoes the shape of Conv2d.

    Shapes:
        input (N, in_channels, H, W) -> (N, out_channels, OH, OW);
        OH = (H - 1) s - 2 pad + d (KH - 1) + output_padding + 1
    """

    count, function = 2, staticmethod(F.conv_transpose2d)
