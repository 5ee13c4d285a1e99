"""Datasets and batches. Exports only; start reading with dataset.py and loader.py, then image_set.py."""

from ..core.absent import absent as _absent

# isort: off
from .choose import Opened, open_dataset
from .collate import default_collate, default_convert
from .dataset import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from .digits import Digits, load_digits_arrays
from .image_set import ImageSet
from .loader import DataLoader
from .mnist import MNIST, load_mnist_arrays
from .sampler import (
    BatchSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler,
)  # fmt: skip
from .workers import get_worker_info
# isort: on

__all__ = [
    "BatchSampler", "ConcatDataset", "DataLoader", "Dataset", "Digits", "ImageSet", "IterableDataset", "MNIST",
    "Opened", "RandomSampler", "Sampler", "SequentialSampler", "Subset", "SubsetRandomSampler", "TensorDataset",
    "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info", "load_digits_arrays",
    "load_mnist_arrays", "open_dataset", "random_split",
]  # fmt: skip

__getattr__ = _absent(__name__)
