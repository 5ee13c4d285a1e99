"""Datasets and batches. Exports only; start reading with loader.py, then image_set.py."""

from ..core.absent import absent as _absent
from .choose import Opened, open_dataset
from .digits import Digits, load_digits_arrays
from .image_set import ImageSet
from .loader import DataLoader, Subset, TensorDataset, random_split
from .mnist import MNIST, load_mnist_arrays

__all__ = [
    "DataLoader", "Digits", "ImageSet", "MNIST", "Opened", "Subset", "TensorDataset", "load_digits_arrays",
    "load_mnist_arrays", "open_dataset", "random_split",
]  # fmt: skip

__getattr__ = _absent(__name__)
