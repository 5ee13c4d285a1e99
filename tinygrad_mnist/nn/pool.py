"""Pooling as layers, one line each, as layer.py makes them: maxima, means, power means, and back.

Each calls the function of its name in nn/functional/pool.py, with the settings as PyTorch orders them.
"""

from __future__ import annotations

from typing import Any

from ..functions.types import Tensor
from . import functional as F
from .functional.arguments import numbers
from .layer import REQUIRED, Settled, layer


class Windows(Settled):
    """Base of layers on windows: sizes are ints, or one for each dimension; no stride is that of the kernel."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stride = self.kernel_size if self.stride is None else self.stride
        for name in {"kernel_size", "stride", "padding", "dilation"} & {*self.settings}:
            label = f"{type(self).__name__}: {name}"
            setattr(self, name, numbers(getattr(self, name), label, self.count))

    kernel_size: Any
    stride: Any


class Unpool(Windows):
    """Base of what takes the indices of maxima besides, and the size of its output."""

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Any:
        given = {name: getattr(self, name) for name in self.settings}
        return type(self).function(input, indices, **given, output_size=output_size)


SIZES: dict[str, Any] = {"kernel_size": REQUIRED, "stride": None}
MAX: dict[str, Any] = SIZES | {"padding": 0, "dilation": 1, "return_indices": False, "ceil_mode": False}
AVERAGE: dict[str, Any] = SIZES | {"padding": 0, "ceil_mode": False, "count_include_pad": True}
POWER: dict[str, Any] = {"norm_type": REQUIRED} | SIZES | {"ceil_mode": False}
MaxPool1d = layer("MaxPool1d", F.max_pool1d, base=Windows, **MAX)
MaxPool2d = layer("MaxPool2d", F.max_pool2d, base=Windows, **MAX)
AvgPool1d = layer("AvgPool1d", F.avg_pool1d, base=Windows, **AVERAGE)
AvgPool2d = layer("AvgPool2d", F.avg_pool2d, base=Windows, **AVERAGE, divisor_override=None)
LPPool1d = layer("LPPool1d", F.lp_pool1d, base=Windows, **POWER)
LPPool2d = layer("LPPool2d", F.lp_pool2d, base=Windows, **POWER)
MaxUnpool1d = layer("MaxUnpool1d", F.max_unpool1d, base=Unpool, **SIZES, padding=0)
MaxUnpool2d = layer("MaxUnpool2d", F.max_unpool2d, base=Unpool, **SIZES, padding=0)
AdaptiveAvgPool1d = layer("AdaptiveAvgPool1d", F.adaptive_avg_pool1d, base=Settled, output_size=REQUIRED)
AdaptiveAvgPool2d = layer("AdaptiveAvgPool2d", F.adaptive_avg_pool2d, base=Settled, output_size=REQUIRED)
ADAPTIVE: dict[str, Any] = {"output_size": REQUIRED, "return_indices": False}
AdaptiveMaxPool1d = layer("AdaptiveMaxPool1d", F.adaptive_max_pool1d, base=Settled, **ADAPTIVE)
AdaptiveMaxPool2d = layer("AdaptiveMaxPool2d", F.adaptive_max_pool2d, base=Settled, **ADAPTIVE)
