"""PyTorch's older constructors, of one dtype each: LongTensor([1, 2]) of data, FloatTensor(2, 3) of sizes.

They are types, too: isinstance(x, LongTensor) tells the dtype, x.type(FloatTensor) converts. Look next at creation.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..functions.dtypes import TYPES
from .creation import tensor, zeros
from .tensor import Tensor


class OfDType(type):
    """The type of these constructors."""

    dtype: np.dtype[Any]

    def __call__(cls, *data: Any) -> Tensor:
        """Make a tensor of data, or, of sizes, one of zeros, where PyTorch's holds what was in memory."""
        if all(isinstance(n, int) for n in data):
            return zeros(*data if data else (0,), dtype=cls.dtype)
        return tensor(data[0] if len(data) == 1 else data, dtype=cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype


typed: dict[str, Any] = {f"{word}Tensor": OfDType(f"{word}Tensor", (), {"dtype": np.dtype(kind)})
                         for word, kind in TYPES.items()}  # fmt: skip
