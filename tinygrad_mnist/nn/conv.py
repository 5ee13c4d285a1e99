"""Convolutions as layers: Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d.

Read after linear.py; functional/conv.py has the functions, ops/conv.py the calculus and kernels/conv.py the arithmetic.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..core.errors import ArgumentError
from ..functions import pad
from ..tensors.tensor import Tensor
from . import functional as F
from .functional.arguments import numbers
from .layer import DRAWN, REQUIRED, Learned
from .linear import learn, positive

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
SIZES: dict[str, Any] = {"in_channels": REQUIRED, "out_channels": REQUIRED, "kernel_size": REQUIRED, "stride": 1,
                         "padding": 0}  # fmt: skip
MODE: dict[str, Any] = {"padding_mode": "zeros", **DRAWN}


class _Conv(Learned):
    """What convolutions have in common; those that have an output padding are transposed."""

    shown = "{in_channels}, {out_channels}, kernel_size={kernel_size}"
    hidden = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros",
              "bias": True}  # fmt: skip
    count = 2
    transposed: ClassVar[bool] = False
    in_channels: int
    out_channels: int
    groups: int
    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any
    padding_mode: str

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        name, sizes, transposed = type(self).__name__, (self.in_channels, self.out_channels), self.transposed
        positive(name, in_channels=sizes[0], out_channels=sizes[1], groups=self.groups)
        if any(size % self.groups for size in sizes):
            got = f"in_channels = {sizes[0]}, out_channels = {sizes[1]}, groups = {self.groups}"
            raise ArgumentError(f"{name}: groups must divide in_channels and out_channels.", got=got)
        modes = PADDING_MODES[:1] if transposed else PADDING_MODES
        if self.padding_mode not in modes:
            raise ArgumentError(f"{name}: padding_mode is {self.padding_mode!r}.", expected=", ".join(modes))
        for key in ("kernel_size", "stride", "padding", "output_padding", "dilation"):
            value = vars(self).get(key)
            if value is not None and (transposed or key != "padding" or not isinstance(value, str)):
                setattr(self, key, numbers(value, f"{name}: {key}", self.count))
        first, second = sizes if transposed else sizes[::-1]
        shape = (first, second // self.groups, *self.kernel_size)
        learn(self, shape, math.prod(shape[1:]), bias, **made, outputs=self.out_channels)


class _Convolution(_Conv):
    settings = {**SIZES, "dilation": 1, "groups": 1, "bias": True, **MODE}

    def forward(self, input: Tensor) -> Any:
        padding = self.padding
        if self.padding_mode != "zeros":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            before = [t // 2 for t in total] if padding == "same" else [0 if padding == "valid" else p for p in padding]
            after = [t - b for t, b in zip(total, before, strict=True)] if padding == "same" else before
            widths = [n for b, a in zip(reversed(before), reversed(after), strict=True) for n in (b, a)]
            input, padding = pad(input, widths, mode=self.padding_mode), 0
        return type(self).function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Convolution):
    """Cross-correlation of sequences (N, in_channels, L) or (in_channels, L) with learned filters; as Conv2d.

    Example:
        >>> nn.Conv1d(4, 8, kernel_size=3)(tg.rand(32, 4, 20)).shape
        (32, 8, 18)
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

    Example:
        >>> nn.Conv2d(1, 8, kernel_size=3, padding=1)(tg.rand(64, 1, 28, 28)).shape
        (64, 8, 28, 28)
    """

    function = staticmethod(F.conv2d)


class _Transposed(_Conv):
    transposed = True
    shown = _Conv.shown + ", stride={stride}"
    hidden = {k: v for k, v in _Conv.hidden.items() if k != "stride"}
    settings = {**SIZES, "output_padding": 0, "groups": 1, "bias": True, "dilation": 1, **MODE}
    output_padding: Any

    def forward(self, input: Tensor, output_size: Any = None) -> Any:
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
    """Sequences spread over learned filters: what undoes the shape of Conv1d; see `functional.conv_transpose1d`."""

    count, function = 1, staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """Images spread over learned filters: what undoes the shape of Conv2d; see `functional.conv_transpose2d`.

    Example:
        >>> nn.ConvTranspose2d(8, 4, kernel_size=2, stride=2)(tg.rand(32, 8, 7, 7)).shape
        (32, 4, 14, 14)
    """

    function = staticmethod(F.conv_transpose2d)
