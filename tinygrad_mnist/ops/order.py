"""Where elements stand in the order of their row, and which are among others: positions, constant to differentiation.

Values are gathered at the positions, which gives them their gradient. Look next at contract.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import primitive

RARE = "orders rows, which kernels do not"


@primitive(differentiable=False, slow=RARE)
def ranked(x: Array, *, axis: int) -> Any:
    """Positions of the elements along an axis from the smallest to the largest, NaN last. int64."""
    return np.argsort(x, axis=axis, kind="stable")


@primitive(differentiable=False, slow=RARE)
def middle(x: Array, *, axis: int) -> Any:
    """Position of the median along an axis, of two the lower one, of NaN the first NaN; keeps the axis. int64."""
    k = (x.shape[axis] - 1) // 2
    at = np.take(np.argpartition(x, k, axis=axis), [k], axis=axis)
    if x.dtype.kind == "f":
        missing = np.isnan(x)
        if missing.any():
            first = np.argmax(missing, axis=axis, keepdims=True)
            at = np.where(missing.any(axis=axis, keepdims=True), first, at)
    return at


@primitive(differentiable=False, slow=RARE)
def most_common(x: Array, *, axis: int) -> Any:
    """Position of the most common element along an axis, of the smallest one the last; keeps the axis. int64."""
    rows = np.moveaxis(x, axis, -1)
    by_size = np.argsort(rows, axis=-1, kind="stable")
    values, places = np.take_along_axis(rows, by_size, -1), np.arange(rows.shape[-1])
    begins = np.ones(values.shape, bool)
    begins[..., 1:] = values[..., 1:] != values[..., :-1]
    run = places - np.maximum.accumulate(np.where(begins, places, 0), axis=-1)  # equal ones before each
    return np.moveaxis(np.take_along_axis(by_size, run.argmax(-1)[..., None], -1), -1, axis)


@primitive(differentiable=False, slow=RARE)
def among(x: Array, known: Array) -> Any:
    """Tell which elements of x are among the known ones."""
    return np.isin(x, known)
