"""Datasets and batches under PyTorch's path, utils.data.

Re-exports of data/, and nothing else. Look next at ../data/loader.py.
"""

from ..core.absent import absent as _absent

# isort: off
from ..data import (
    BatchSampler, ConcatDataset, DataLoader, Dataset, IterableDataset, RandomSampler, Sampler, SequentialSampler,
    Subset, SubsetRandomSampler, TensorDataset, WeightedRandomSampler, default_collate, default_convert,
    get_worker_info, random_split,
)  # fmt: skip
# isort: on

__all__ = [
    "BatchSampler", "ConcatDataset", "DataLoader", "Dataset", "IterableDataset", "RandomSampler", "Sampler",
    "SequentialSampler", "Subset", "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler", "default_collate",
    "default_convert", "get_worker_info", "random_split",
]  # fmt: skip

__getattr__ = _absent(__name__.replace(".utils", ""))
