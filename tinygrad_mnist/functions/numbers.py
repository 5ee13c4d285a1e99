"""Python's numbers on their way into a dtype, checked before NumPy would wrap or refuse them.

Look next at dims.py.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, shown


def number(name: str, value: Any) -> Any:
    """Read a number: Python's, NumPy's or a tensor of one element; everything else is a DTypeError."""
    if isinstance(value, bool | int | float):
        return value
    dtype = getattr(value, "dtype", None)
    if dtype is not None and np.dtype(dtype).kind in "fiub" and np.ndim(value) == 0:
        return value.item()
    try:
        return operator.index(value)
    except TypeError:
        pass
    raise DTypeError(f"{name}: expected a number.", got=shown(value))


def storable(name: str, value: Any, dtype: Any, *, wraps: bool = True) -> Any:
    """Read a number that is to be stored in a dtype and fits; in an integer dtype a float loses its fraction.

    wraps: unsigned dtypes take the negatives of what they can hold, from the end, as PyTorch's do.
    """
    value, kind = number(name, value), np.dtype(dtype)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ArgumentError(f"{name}: {value:.4g} is too large a number.", expected="less than 2⁶³")
    if kind.kind == "b":
        return bool(value)
    if kind.kind == "f":
        if isinstance(value, float) or abs(value) < 2**63:
            return value
    elif isinstance(value, int) or math.isfinite(value):
        low, high = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
        if (-high if kind.kind == "u" and wraps else low) <= int(value) <= high:
            return int(value) % (high + 1) if kind.kind == "u" else int(value)
    wanted = f"from {np.iinfo(kind).min} to {np.iinfo(kind).max}" if kind.kind in "iu" else "less than 2⁶³"
    raise ArgumentError(f"{name}: {value} does not fit into {kind}.", expected=wanted, hint="a wider dtype")
