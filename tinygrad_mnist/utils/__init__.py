"""PyTorch's path to datasets and batches, `utils.data`; what it names stands in data/."""

from . import data

__all__ = ["data"]
