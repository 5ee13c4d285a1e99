"""Images of other sizes, windows as columns and channels as pixels as layers; one line each, as layer.py makes them.

Each calls the function of its name in nn/functional/resampling.py, with the settings as PyTorch orders them.
"""

from __future__ import annotations

from typing import Any

from . import functional as F
from .functional.resampling import upsample_bilinear, upsample_nearest
from .layer import REQUIRED, Settled, layer

RESCALED: dict[str, Any] = {"size": None, "scale_factor": None}
Upsample = layer(
    "Upsample", F.interpolate, base=Settled, **RESCALED, mode="nearest", align_corners=None, recompute_scale_factor=None
)
UpsamplingNearest2d = layer("UpsamplingNearest2d", upsample_nearest, base=Settled, **RESCALED)
UpsamplingBilinear2d = layer("UpsamplingBilinear2d", upsample_bilinear, base=Settled, **RESCALED)
COLUMNS: dict[str, Any] = {"kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1}
Unfold = layer("Unfold", F.unfold, base=Settled, **COLUMNS)
Fold = layer("Fold", F.fold, base=Settled, output_size=REQUIRED, **COLUMNS)
PixelShuffle = layer("PixelShuffle", F.pixel_shuffle, base=Settled, upscale_factor=REQUIRED)
PixelUnshuffle = layer("PixelUnshuffle", F.pixel_unshuffle, base=Settled, downscale_factor=REQUIRED)
ChannelShuffle = layer("ChannelShuffle", F.channel_shuffle, base=Settled, groups=REQUIRED)
