"""Images of other sizes, windows as columns and channels as pixels as layers; one line each, as layer.py makes them.

Each calls the function of its name in nn/functional/resampling.py, with the settings as PyTorch orders them.
"""

from __future__ import annotations

import functools
from typing import Any

from . import functional as F
from .layer import REQUIRED, Settled, layer

RESCALED: dict[str, Any] = {"size": None, "scale_factor": None}
Upsample = layer(
    "Upsample", F.interpolate, base=Settled, **RESCALED, mode="nearest", align_corners=None, recompute_scale_factor=None
)
UpsamplingNearest2d = layer("UpsamplingNearest2d", F.interpolate, base=Settled, **RESCALED)
_smooth = functools.partial(F.interpolate, mode="bilinear", align_corners=True)
UpsamplingBilinear2d = layer("UpsamplingBilinear2d", _smooth, base=Settled, **RESCALED)
UpsamplingBilinear2d.__doc__ = "Give images another size, interpolated between corner pixels that stay."
COLUMNS: dict[str, Any] = {"kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1}
Unfold = layer("Unfold", F.unfold, base=Settled, **COLUMNS)
Fold = layer("Fold", F.fold, base=Settled, output_size=REQUIRED, **COLUMNS)
PixelShuffle = layer("PixelShuffle", F.pixel_shuffle, base=Settled, upscale_factor=REQUIRED)
PixelUnshuffle = layer("PixelUnshuffle", F.pixel_unshuffle, base=Settled, downscale_factor=REQUIRED)
ChannelShuffle = layer("ChannelShuffle", F.channel_shuffle, base=Settled, groups=REQUIRED)
