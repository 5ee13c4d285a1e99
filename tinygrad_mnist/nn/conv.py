"""Conv2d and MaxPool2d: layers on images (N, C, H, W).

Read after linear.py; ops/conv.py has the calculus and kernels/conv.py the arithmetic.
"""

from __future__ import annotations

from typing import Any

from ..core.backend import Generator
from ..core.errors import ArgumentError
from ..functions.types import DTypeLike
from ..kernels.shapes import Pair
from ..tensors.creation import zeros
from ..tensors.tensor import Tensor
from . import functional as F
from .linear import fan_in_uniform, positive
from .module import Module
from .parameter import Parameter


class Conv2d(Module):
    """Cross-correlation of images with learned filters.

    Math:
        out[n,o,i,j] = b[o] + Σ w[o,c,p,q] · x[n, c, i·s + p·d - pad, j·s + q·d - pad]
    Shapes:
        input (N, in_channels, H, W) -> (N, out_channels, OH, OW); OH = ⌊(H + 2 pad - d (KH - 1) - 1) / s⌋ + 1
    Args:
        kernel_size, stride, padding, dilation: ints or (height, width); padding may be "same" or "valid"
        bias: starts, as the weight, from U(-1/√fan_in, 1/√fan_in) with fan_in = in_channels / groups · KH · KW
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair, stride: int | Pair = 1,
        padding: int | Pair | str = 0, dilation: int | Pair = 1, groups: int = 1, bias: bool = True,
        device: Any = None, dtype: DTypeLike | None = None, generator: Generator | None = None,
    ) -> None:  # fmt: skip
        positive("Conv2d", in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            got = f"in_channels = {in_channels}, out_channels = {out_channels}, groups = {groups}"
            raise ArgumentError("Conv2d: groups must divide in_channels and out_channels.", got=got)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = F.pair(kernel_size, "Conv2d: kernel_size")
        self.stride, self.dilation = F.pair(stride, "Conv2d: stride"), F.pair(dilation, "Conv2d: dilation")
        self.padding = padding if isinstance(padding, str) else F.pair(padding, "Conv2d: padding")
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        fan_in = shape[1] * shape[2] * shape[3]
        self.weight = fan_in_uniform(Parameter(zeros(*shape, dtype=dtype, device=device)), fan_in, generator)
        self.bias = fan_in_uniform(Parameter(zeros(out_channels, dtype=dtype)), fan_in, generator) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Name the sizes, and the settings that are not the default."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        defaults = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
        text += "".join(f", {k}={getattr(self, k)!r}" for k, v in defaults.items() if getattr(self, k) != v)
        return text + ("" if self.bias is not None else ", bias=False")


class MaxPool2d(Module):
    """Largest element of every window, side by side unless a stride is given; of equal ones the first has the gradient.

    Shapes:
        input (N, C, H, W) -> (N, C, OH, OW); OH = ⌊(H + 2 pad - KH) / s⌋ + 1
    """

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
    ) -> None:
        self.kernel_size = F.pair(kernel_size, "MaxPool2d: kernel_size")
        self.stride = self.kernel_size if stride is None else F.pair(stride, "MaxPool2d: stride")
        self.padding = F.pair(padding, "MaxPool2d: padding")

    def forward(self, input: Tensor) -> Tensor:
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        """Name the window, and the settings that are not the default."""
        text = f"kernel_size={self.kernel_size}"
        text += f", stride={self.stride}" if self.stride != self.kernel_size else ""
        return text + (f", padding={self.padding}" if self.padding != (0, 0) else "")
