"""A set of small labelled grey images held as two arrays: what MNIST and Digits have in common.

One array and one gather per batch, never a Python loop over samples: that is what makes an epoch cheap.
Knows nothing of files or sources, nor of Tensor. Look next at mnist.py and digits.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..core.errors import ArgumentError
from ..functions.dims import need
from .idx import Bytes

Floats: TypeAlias = npt.NDArray[np.float32]
Integers: TypeAlias = npt.NDArray[np.int64]


class ImageSet:
    """Hold images and labels, and hand them out scaled for training.

    Shapes:
        images uint8 (N, H, W), labels int64 (N,); ds[i] -> (float32 (1, H, W), int), and with a slice or an array
        of indices -> (float32 (B, 1, H, W), int64 (B,)), as torchvision's ToTensor and a DataLoader would.
    Units:
        images in 0..255; what indexing and arrays() give is in [0, 1].
    Args:
        source: one sentence on where the images came from
    Raises:
        ShapeError: if images and labels do not fit together
    """

    takes_index_arrays = True  # a DataLoader may ask for a whole batch at once

    def __init__(self, images: Bytes, labels: npt.NDArray[np.integer], *, classes: Sequence[str], source: str) -> None:
        fit = images.ndim == 3 and labels.shape == images.shape[:1]
        need(fit, f"{type(self).__name__}: images (N, H, W) and labels (N,) do not fit together.", images, labels)
        self.images = images
        self.labels: Integers = labels.astype(np.int64)
        self.classes = tuple(classes)
        self.source = source

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> tuple[Floats, Any]:
        images, labels = self.images[index], self.labels[index]
        return _scaled(images[..., None, :, :]), int(labels) if labels.ndim == 0 else labels

    def arrays(self, *, scale: bool = True, flatten: bool = False, channel: bool = False) -> tuple[Floats, Integers]:
        """Give all images and labels as two arrays.

        Shapes:
            images float32 (N, H, W), with flatten (N, H*W), with channel (N, 1, H, W); labels int64 (N,).
        Units:
            [0, 1], or 0..255 with scale=False.
        Raises:
            ArgumentError: if both flatten and channel are asked for
        """
        what = f"{type(self).__name__}.arrays: flatten and channel exclude each other."
        need(not (flatten and channel), what, kind=ArgumentError)
        images = _scaled(self.images) if scale else self.images.astype(np.float32)
        count, height, width = images.shape
        if flatten or channel:
            images = images.reshape(count, *((height * width,) if flatten else (1, height, width)))
        return images, self.labels.copy()

    def __repr__(self) -> str:
        count, height, width = self.images.shape
        return f"{type(self).__name__}({count:,} images of {height}x{width}; {self.source})"


def _scaled(images: Bytes) -> Floats:
    # Divided, not multiplied by 1/255: bit for bit what torchvision's ToTensor gives.
    return np.divide(images, np.float32(255), dtype=np.float32)
