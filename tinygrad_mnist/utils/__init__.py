"""PyTorch's path to datasets and batches, `utils.data`; what it names stands in data/."""

from ..core.absent import absent as _absent
from . import data

__all__ = ["data"]

__getattr__ = _absent(__name__)
