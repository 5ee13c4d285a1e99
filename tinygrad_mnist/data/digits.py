"""The digits that need no network: scikit-learn's 1,797 handwritten digits of 8x8, as a stand-in for MNIST.

They are not MNIST: another source, 1/40 of the images, 1/12 of the pixels; accuracies do not compare.
Knows nothing of MNIST's files. Look next at choose.py, which decides between the two.
"""

from __future__ import annotations

import importlib

import numpy as np

from ..core.errors import ArgumentError, MissingDependencyError
from .idx import Bytes
from .image_set import Floats, ImageSet
from .mnist import DIGIT_CLASSES

TRAIN_COUNT = 1437  # 80 % of 1,797; 360 remain to test
SPLIT_SEED = 0
SOURCE = "scikit-learn's 8x8 digits, NOT MNIST"


def load_digits_arrays(train: bool = True) -> tuple[Bytes, Bytes]:
    """Load one split of scikit-learn's digits as raw arrays.

    Shapes:
        -> images uint8 (N, 8, 8), labels uint8 (N,); N = 1,437 or 360, the same images on every machine.
    Units:
        0 to 255 (the 17 grey levels of the original, rescaled as MNIST's).
    Raises:
        MissingDependencyError: if scikit-learn is not installed
    Source:
        Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits (its test part), by way of
        sklearn.datasets.load_digits. The split is ours: the original has the same writers throughout.
    """
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        what = "load_digits_arrays needs scikit-learn, which is not installed."
        raise MissingDependencyError(what, got=str(error), hint="pip install scikit-learn") from error
    levels, labels = datasets.load_digits(return_X_y=True)
    images = np.rint(np.asarray(levels).reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    # RandomState's streams are frozen for good (NEP 19), so the split is too.
    order = np.random.RandomState(SPLIT_SEED).permutation(len(images))
    chosen = order[:TRAIN_COUNT] if train else order[TRAIN_COUNT:]
    return images[chosen], np.asarray(labels)[chosen].astype(np.uint8)


def upsample(images: Bytes, size: int) -> Bytes:
    """Enlarge square images by bilinear interpolation.

    Math:
        out = M x Mᵀ; row i of M interpolates at (i + 0.5) · side / size − 0.5, clamped to the image
        (PyTorch's interpolate with mode="bilinear", align_corners=False)
    Shapes:
        images (N, side, side) -> (N, size, size).
    Raises:
        ArgumentError: if the size is smaller than the side
    """
    side = images.shape[-1]
    if size < side:
        raise ArgumentError("upsample: the size is too small.", got=f"size={size}", expected=f"size >= {side}")
    position = np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, side - 1)
    # A tent of width one pixel around each position is linear interpolation.
    weights: Floats = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(side))).astype(np.float32)
    enlarged: Floats = weights @ images.astype(np.float32) @ weights.T
    return np.rint(enlarged).astype(np.uint8)


class Digits(ImageSet):
    """Load one split of scikit-learn's digits as a data set like MNIST.

    Shapes:
        images uint8 (N, size, size), labels int64 (N,); ds[i] -> (float32 (1, size, size), int). See ImageSet.
    Args:
        size: 8 as they are; 28 gives MNIST's shape, so that the same model runs on both
    Raises:
        MissingDependencyError: if scikit-learn is not installed
    """

    def __init__(self, *, train: bool = True, size: int = 8) -> None:
        images, labels = load_digits_arrays(train)
        source = SOURCE if size == 8 else f"{SOURCE}, enlarged to {size}x{size}"
        super().__init__(upsample(images, size), labels, classes=DIGIT_CLASSES, source=source)
