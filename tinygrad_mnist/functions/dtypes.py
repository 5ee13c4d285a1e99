"""Conversions between dtypes, as methods of Tensor: x.to(tg.float64), x.float(), x.long() ...

Integers and booleans carry no gradient, so a conversion to them leaves the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Var
from ..ops import promotion
from .types import Tensor


def to(self: Tensor, dtype: Any) -> Tensor:
    """Convert to a dtype (or to the dtype of a tensor); `"cpu"` is accepted and changes nothing."""
    if isinstance(dtype, str) and dtype.partition(":")[0] == "cpu":
        return self
    try:
        kind = dtype.dtype if isinstance(dtype, Var) else np.dtype(dtype)
    except TypeError:
        raise ArgumentError(
            f"to: {dtype!r} is neither a dtype nor the device this package has.",
            expected="a dtype such as tg.float64, or 'cpu'",
        ) from None
    if kind == self.dtype:
        return self
    return promotion.cast(self if kind.kind == "f" else self.detach(), dtype=kind)


def to_float32(self: Tensor) -> Tensor:
    """Convert to float32."""
    return to(self, np.float32)


def to_float64(self: Tensor) -> Tensor:
    """Convert to float64."""
    return to(self, np.float64)


def to_float16(self: Tensor) -> Tensor:
    """Convert to float16, for storage."""
    return to(self, np.float16)


def to_int32(self: Tensor) -> Tensor:
    """Convert to int32."""
    return to(self, np.int32)


def to_int64(self: Tensor) -> Tensor:
    """Convert to int64."""
    return to(self, np.int64)


def to_bool(self: Tensor) -> Tensor:
    """Convert to bool."""
    return to(self, np.bool_)
