"""Conversions between dtypes, as methods of Tensor: x.to(tg.float64), x.float(), x.long() ...

Integers and booleans carry no gradient, so a conversion to them leaves the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Var
from ..ops import promotion


def to(input: Any, dtype: Any) -> Any:
    """Convert to a dtype (or to the dtype of a tensor); `"cpu"` is accepted and changes nothing."""
    if isinstance(dtype, str) and dtype.partition(":")[0] == "cpu":
        return input
    try:
        kind = dtype.dtype if isinstance(dtype, Var) else np.dtype(dtype)
    except TypeError:
        raise ArgumentError(
            f"to: {dtype!r} is neither a dtype nor the device this package has.",
            expected="a dtype such as tg.float64, or 'cpu'",
        ) from None
    if kind == input.dtype:
        return input
    return promotion.cast(input if kind.kind == "f" else input.detach(), dtype=kind)


def to_float32(input: Any) -> Any:
    """Convert to float32."""
    return to(input, np.float32)


def to_float64(input: Any) -> Any:
    """Convert to float64."""
    return to(input, np.float64)


def to_float16(input: Any) -> Any:
    """Convert to float16, for storage."""
    return to(input, np.float16)


def to_int32(input: Any) -> Any:
    """Convert to int32."""
    return to(input, np.int32)


def to_int64(input: Any) -> Any:
    """Convert to int64."""
    return to(input, np.int64)


def to_bool(input: Any) -> Any:
    """Convert to bool."""
    return to(input, np.bool_)
