"""Pooling as layers, without parameters: each keeps its settings and calls the function of its name.

Read after conv.py; look next at resizing.py.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..tensors.tensor import Tensor
from . import pooling as F
from .arguments import numbers
from .module import Module


class Settled(Module):
    """A layer that is a function with settings; `defaults` are those that its repr leaves out."""

    defaults: ClassVar[dict[str, Any]] = {}

    def _given(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k[0] != "_" and k != "training"}

    def extra_repr(self) -> str:
        """Name the settings, less the defaults."""
        plain = self._plain()
        given = {k: v for k, v in self._given().items() if k not in plain or plain[k] != v}
        return ", ".join(f"{k}={v!r}" for k, v in given.items())

    def _plain(self) -> dict[str, Any]:
        return {**self.defaults, "stride": vars(self).get("kernel_size")}


class _Pool(Settled):
    """Windows: sizes are ints or one for each of `count` dimensions."""

    count: ClassVar[int] = 2

    def _set(self, **sizes: Any) -> None:
        if sizes["stride"] is None:
            sizes["stride"] = sizes["kernel_size"]
        for name, value in sizes.items():
            setattr(self, name, numbers(value, f"{type(self).__name__}: {name}", self.count))

    def _plain(self) -> dict[str, Any]:
        return {**super()._plain(), "padding": (0,) * self.count, "dilation": (1,) * self.count}


class _MaxPool(_Pool):
    """The constructor of MaxPool1d and MaxPool2d."""

    defaults: ClassVar[dict[str, Any]] = {"return_indices": False, "ceil_mode": False}

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        self._set(kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
        self.return_indices, self.ceil_mode = return_indices, ceil_mode


class MaxPool1d(_MaxPool):
    """Largest element of every window: (N, C, L) or (C, L) -> (N, C, OL) or (C, OL)."""

    count = 1

    def forward(self, x: Tensor) -> Any:
        return F.max_pool1d(x, **self._given())


class MaxPool2d(_MaxPool):
    """Largest element of every window, side by side unless a stride is given; of equal ones the first has the gradient.

    Shapes:
        x (N, C, H, W) -> (N, C, OH, OW); OH = ⌊(H + 2 pad - d (KH - 1) - 1) / s⌋ + 1, with ceil_mode rounded up
    """

    def forward(self, x: Tensor) -> Any:
        return F.max_pool2d(x, **self._given())


class AvgPool1d(_Pool):
    """Average of every window: (N, C, L) or (C, L) -> (N, C, OL) or (C, OL)."""

    count = 1
    defaults: ClassVar[dict[str, Any]] = {"ceil_mode": False, "count_include_pad": True}

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        self._set(kernel_size=kernel_size, stride=stride, padding=padding)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool1d(x, **self._given())


class AvgPool2d(_Pool):
    """Average of every window: (N, C, H, W) -> (N, C, OH, OW)."""

    defaults: ClassVar[dict[str, Any]] = {"ceil_mode": False, "count_include_pad": True, "divisor_override": None}

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        self._set(kernel_size=kernel_size, stride=stride, padding=padding)
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, **self._given())


class LPPool1d(Settled):
    """Root of the sum of powers (Σ xᵖ)^(1/p) of every window, with p = norm_type."""

    defaults: ClassVar[dict[str, Any]] = {"ceil_mode": False}

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return F.lp_pool1d(x, **self._given())


class LPPool2d(LPPool1d):
    """Root of the sum of powers (Σ xᵖ)^(1/p) of every window, with p = norm_type."""

    def forward(self, x: Tensor) -> Tensor:
        return F.lp_pool2d(x, **self._given())


class AdaptiveAvgPool1d(Settled):
    """Averages of windows that divide a sequence into output_size as evenly as they can."""

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveAvgPool2d(AdaptiveAvgPool1d):
    """Averages of windows that divide images into output_size as evenly as they can; None keeps a size."""

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, self.output_size)


class AdaptiveMaxPool1d(Settled):
    """Maxima of windows that divide a sequence into output_size as evenly as they can."""

    defaults: ClassVar[dict[str, Any]] = {"return_indices": False}

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x: Tensor) -> Any:
        return F.adaptive_max_pool1d(x, **self._given())


class AdaptiveMaxPool2d(AdaptiveMaxPool1d):
    """Maxima of windows that divide images into output_size as evenly as they can; None keeps a size."""

    def forward(self, x: Tensor) -> Any:
        return F.adaptive_max_pool2d(x, **self._given())


class MaxUnpool1d(_Pool):
    """Maxima put back where MaxPool1d found them, with zeros between them."""

    count = 1

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self._set(kernel_size=kernel_size, stride=stride, padding=padding)

    def forward(self, x: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool1d(x, indices, **self._given(), output_size=output_size)


class MaxUnpool2d(MaxUnpool1d):
    """Maxima put back where MaxPool2d found them, with zeros between them."""

    count = 2

    def forward(self, x: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return F.max_unpool2d(x, indices, **self._given(), output_size=output_size)
