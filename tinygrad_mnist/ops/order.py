"""Positions that depend on values: those that sort, the largest, the middle one, where a value belongs, what is not 0,
what was drawn.

All are constant to differentiation: values are read at them by index.py. Look next at reduce.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array
from ..core.primitive import primitive
from ..core.scope import refuse_captured

CARD: dict[str, Any] = {"differentiable": False, "slow": "elements are compared, not computed: as quick in NumPy"}


@primitive(**CARD, batch="axis")
def argsort(x: Array, *, axis: int, descending: bool) -> Array:
    """Positions that sort along an axis; equal elements stay in order, NaN is the largest. int64, as all here."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    backwards = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    return np.asarray(x.shape[axis] - 1 - backwards)


@primitive(**CARD, batch="axis")
def argtopk(x: Array, *, count: int, axis: int, largest: bool) -> Array:
    """Positions of the `count` largest (smallest) elements along an axis, in their order."""
    size = x.shape[axis]
    if count == 0 or size == 0:
        return np.zeros((*x.shape[:axis], count, *x.shape[axis + 1 :]), np.intp)
    part = np.argpartition(x, size - count if largest else count - 1, axis=axis)
    part = part[(slice(None),) * axis + (slice(size - count, size) if largest else slice(count),)]
    places = argsort(np.take_along_axis(x, part, axis), axis=axis, descending=largest)
    return np.asarray(np.take_along_axis(part, places, axis))


@primitive(**CARD, batch="axis")
def kth(x: Array, *, k: int, axis: int) -> Array:
    """Position of the element that has k before it in order, along an axis, which it keeps."""
    return np.take(np.argpartition(x, k, axis=axis), [k], axis=axis)


@primitive(**CARD, batch="axis")
def middle(x: Array, *, axis: int) -> Array:
    """Position of the median along an axis, of two the lower one, of NaN the first NaN; keeps the axis."""
    found = np.asarray(kth(x, k=(x.shape[axis] - 1) // 2, axis=axis))
    if x.dtype.kind != "f" or not (missing := np.isnan(x)).any():
        return found
    return np.where(missing.any(axis, keepdims=True), np.argmax(missing, axis=axis, keepdims=True), found)


@primitive(**CARD)
def searchsorted(rows: Array, values: Array, *, right: bool) -> Array:
    """Where values belong among sorted rows: before the first that is not smaller (right: that is larger).

    Shapes:
        rows (N,) and values (*A), or rows (*B, N) and values (*B, M) -> values'
    """
    side: Any = "right" if right else "left"
    if rows.ndim == 1:
        return np.asarray(np.searchsorted(rows, values, side))
    out = np.empty(values.shape, np.int64)
    for at in np.ndindex(rows.shape[:-1]):
        out[at] = np.searchsorted(rows[at], values[at], side)
    return out


@primitive(**CARD)
def nonzero(x: Array) -> Array:
    """Positions of the elements that are not 0, one a row."""
    refuse_captured("a shape that depends on values (nonzero)")
    return np.argwhere(x) if x.ndim else np.zeros((int(x != 0), 0), np.int64)


@primitive(**CARD)
def spread(repeats: Array) -> Array:
    """Position i as often as repeats[i] says."""
    refuse_captured("a shape that depends on values (repeat_interleave)")
    if repeats.min(initial=0) < 0:
        raise ArgumentError("repeat_interleave: repeats must not be negative.", got=f"{repeats.min()}")
    return np.repeat(np.arange(len(repeats)), repeats)


@primitive(**CARD)
def chosen(weights: Array, drawn: Array, *, count: int, replacement: bool) -> Array:
    """Positions chosen in each row in proportion to weights, by numbers drawn from [0, 1).

    Shapes:
        weights (R, N), drawn (R, count), without replacement (R, N) -> (R, count)
    """
    summed = np.cumsum(weights, axis=-1, dtype=np.float64)
    if not (np.isfinite(summed[:, -1]) & (summed[:, -1] > 0)).all() or weights.min(initial=0) < 0:
        what = "multinomial: the weights must be finite, at least 0, and not all 0."
        raise ArgumentError(what, got=f"weights {weights.shape}")
    if not replacement:  # the order of exponential waiting times
        if (weights > 0).sum(axis=-1).min(initial=count) < count:
            raise ArgumentError(f"multinomial: fewer than {count} weights are above 0.", hint="replacement=True")
        with np.errstate(divide="ignore"):
            return np.asarray(argtopk(-np.log1p(-drawn) / weights, count=count, axis=1, largest=False))
    found: Array = searchsorted(summed, drawn * summed[:, -1:], right=True)
    if found.max(initial=0) == weights.shape[-1]:  # rounded beyond the last of them
        return np.asarray(np.minimum(found, weights.shape[-1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=-1)[:, None]))
    return found
