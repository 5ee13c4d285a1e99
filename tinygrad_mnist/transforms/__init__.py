"""Transforms of images with torchvision's names, for single images and batches. Start reading with functional.py.

`v2`, torchvision's second edition, is this same room.
"""

import sys as _sys

from ..core.absent import absent as _absent

# isort: off
from . import functional
from .classes import (
    CenterCrop, Compose, ConvertImageDtype, Lambda, Normalize, Pad, RandomAffine, RandomCrop, RandomHorizontalFlip,
    RandomRotation, RandomVerticalFlip, Resize, ToDtype, ToImage, ToTensor,
)  # fmt: skip
from .functional import InterpolationMode
# isort: on

v2 = _sys.modules[f"{__name__}.v2"] = _sys.modules[__name__]  # importable by that path, too

__all__ = [
    "CenterCrop", "Compose", "ConvertImageDtype", "InterpolationMode", "Lambda", "Normalize", "Pad", "RandomAffine",
    "RandomCrop", "RandomHorizontalFlip", "RandomRotation", "RandomVerticalFlip", "Resize", "ToDtype", "ToImage",
    "ToTensor", "functional",
]  # fmt: skip

__getattr__ = _absent(__name__)
