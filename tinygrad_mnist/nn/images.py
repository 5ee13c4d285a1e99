"""Layers on images that have no parameters: pooling, borders, other sizes; one line each, as layer.py makes them.

Each calls the function of its name, with the settings as PyTorch orders them. Read after conv.py.
"""

from __future__ import annotations

from typing import Any

from ..functions import pad
from ..functions.types import Tensor
from . import pooling as P
from . import resampling as R
from .arguments import numbers
from .layer import REQUIRED, Layer, layer


class Settled(Layer):
    """Base of layers whose repr names all settings that are not the default."""

    def extra_repr(self) -> str:
        """Name the settings, less the defaults."""
        given = {name: getattr(self, name) for name in self.settings}
        plain = {**self.settings, "stride": given.get("kernel_size")} if "output_size" not in given else {}
        return ", ".join(f"{k}={v!r}" for k, v in given.items() if k not in plain or plain[k] != _plain(v))


class Windows(Settled):
    """Base of layers on windows: sizes are ints, or one for each dimension; no stride is that of the kernel."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stride = self.kernel_size if self.stride is None else self.stride
        for name in {"kernel_size", "stride", "padding", "dilation"} & {*self.settings}:
            label = f"{type(self).__name__}: {name}"
            setattr(self, name, numbers(getattr(self, name), label, int(type(self).__name__[-2])))

    kernel_size: Any
    stride: Any


def _plain(value: Any) -> Any:
    """Write sizes of 0 or 1 in all dimensions as one."""
    same = isinstance(value, tuple) and len(set(value)) == 1 and value[0] in (0, 1)
    return value[0] if same else value


class Unpool(Windows):
    """Base of what takes the indices of maxima besides, and the size of its output."""

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Any:
        given = {name: getattr(self, name) for name in self.settings}
        return type(self).function(input, indices, **given, output_size=output_size)


SIZES: dict[str, Any] = {"kernel_size": REQUIRED, "stride": None}
MAX: dict[str, Any] = SIZES | {"padding": 0, "dilation": 1, "return_indices": False, "ceil_mode": False}
AVERAGE: dict[str, Any] = SIZES | {"padding": 0, "ceil_mode": False, "count_include_pad": True}
POWER: dict[str, Any] = {"norm_type": REQUIRED} | SIZES | {"ceil_mode": False}
MaxPool1d = layer("MaxPool1d", P.max_pool1d, base=Windows, **MAX)
MaxPool2d = layer("MaxPool2d", P.max_pool2d, base=Windows, **MAX)
AvgPool1d = layer("AvgPool1d", P.avg_pool1d, base=Windows, **AVERAGE)
AvgPool2d = layer("AvgPool2d", P.avg_pool2d, base=Windows, **AVERAGE, divisor_override=None)
LPPool1d = layer("LPPool1d", P.lp_pool1d, base=Windows, **POWER)
LPPool2d = layer("LPPool2d", P.lp_pool2d, base=Windows, **POWER)
MaxUnpool1d = layer("MaxUnpool1d", P.max_unpool1d, base=Unpool, **SIZES, padding=0)
MaxUnpool2d = layer("MaxUnpool2d", P.max_unpool2d, base=Unpool, **SIZES, padding=0)
AdaptiveAvgPool1d = layer("AdaptiveAvgPool1d", P.adaptive_avg_pool1d, base=Settled, output_size=REQUIRED)
AdaptiveAvgPool2d = layer("AdaptiveAvgPool2d", P.adaptive_avg_pool2d, base=Settled, output_size=REQUIRED)
ADAPTIVE: dict[str, Any] = {"output_size": REQUIRED, "return_indices": False}
AdaptiveMaxPool1d = layer("AdaptiveMaxPool1d", P.adaptive_max_pool1d, base=Settled, **ADAPTIVE)
AdaptiveMaxPool2d = layer("AdaptiveMaxPool2d", P.adaptive_max_pool2d, base=Settled, **ADAPTIVE)

# other sizes, windows as columns, channels as pixels
RESCALED: dict[str, Any] = {"size": None, "scale_factor": None}
Upsample = layer(
    "Upsample", R.interpolate, base=Settled, **RESCALED, mode="nearest", align_corners=None, recompute_scale_factor=None
)
UpsamplingNearest2d = layer("UpsamplingNearest2d", R.upsample_nearest, base=Settled, **RESCALED)
UpsamplingBilinear2d = layer("UpsamplingBilinear2d", R.upsample_bilinear, base=Settled, **RESCALED)
COLUMNS: dict[str, Any] = {"kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1}
Unfold = layer("Unfold", R.unfold, base=Settled, **COLUMNS)
Fold = layer("Fold", R.fold, base=Settled, output_size=REQUIRED, **COLUMNS)
PixelShuffle = layer("PixelShuffle", R.pixel_shuffle, base=Settled, upscale_factor=REQUIRED)
PixelUnshuffle = layer("PixelUnshuffle", R.pixel_unshuffle, base=Settled, downscale_factor=REQUIRED)
ChannelShuffle = layer("ChannelShuffle", R.channel_shuffle, base=Settled, groups=REQUIRED)


class Border(Layer):
    """Base of layers that pad: by one width, or (before, after) of the last dimension, then of the one before it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, count = type(self).__name__, 2 * int(type(self).__name__[-2])
        self.padding = numbers(self.padding, f"{name}: padding", count)

    padding: Any


def zeros_around(input: Tensor, padding: Any) -> Tensor:
    """Surround with zeros."""
    return pad(input, padding)


def constant_around(input: Tensor, padding: Any, value: float) -> Tensor:
    """Surround with one value."""
    return pad(input, padding, "constant", value)


def reflection_around(input: Tensor, padding: Any) -> Tensor:
    """Surround with what is inside, mirrored at the border."""
    return pad(input, padding, "reflect")


def replication_around(input: Tensor, padding: Any) -> Tensor:
    """Surround with what stands at the border."""
    return pad(input, padding, "replicate")


def circular_around(input: Tensor, padding: Any) -> Tensor:
    """Surround with what is at the other side."""
    return pad(input, padding, "circular")


def borders(name: str, function: Any, shown: str = "{padding}", **settings: Any) -> Any:
    """Make a layer for one, two and three dimensions."""
    return (layer(f"{name}{n}d", function, shown, Border, padding=REQUIRED, **settings) for n in (1, 2, 3))


ZeroPad1d, ZeroPad2d, ZeroPad3d = borders("ZeroPad", zeros_around)
ConstantPad1d, ConstantPad2d, ConstantPad3d = borders(
    "ConstantPad", constant_around, "padding={padding}, value={value}", value=REQUIRED
)
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = borders("ReflectionPad", reflection_around)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = borders("ReplicationPad", replication_around)
CircularPad1d, CircularPad2d, CircularPad3d = borders("CircularPad", circular_around)
