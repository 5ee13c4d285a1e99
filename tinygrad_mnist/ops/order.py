"""Positions that depend on values: those that sort, the largest, the middle one, the
most common, where a value belongs, what is not 0, what was drawn.

All are constant to differentiation: values are read at them by index.py. Look next at reduce.py.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array
from ..core.primitive import primitive
from ..core.scope import refuse_captured
from ..kernels import places

SORTED = "elements are compared, not computed: as quick in NumPy"


@primitive(differentiable=False, slow=SORTED, batch="axis")
def argsort(x: Array, *, axis: int, descending: bool) -> Array:
    """Positions that sort along an axis; equal elements stay in order, NaN is the largest."""
    return places.order(x, axis, descending)


@primitive(differentiable=False, slow=SORTED, batch="axis")
def argtopk(x: Array, *, count: int, axis: int, largest: bool) -> Array:
    """Positions of the `count` largest (smallest) elements along an axis, in their order."""
    return places.first(x, count, axis, largest)


@primitive(differentiable=False, slow=SORTED, batch="axis")
def middle(x: Array, *, axis: int, ignore: bool) -> Array:
    """Position of the median along an axis, of two the lower one, of NaN the first NaN; keeps the axis. int64.

    Args:    ignore: the median of what is a number
    """
    missing = np.isnan(x) if x.dtype.kind == "f" else np.zeros((), bool)
    if missing.any() and not ignore:
        spoilt, first = missing.any(axis, keepdims=True), np.argmax(missing, axis=axis, keepdims=True)
        return first if spoilt.all() else np.asarray(np.where(spoilt, first, middle(x, axis=axis, ignore=True)))
    few = missing.any()
    k = np.asarray((x.shape[axis] - (missing.sum(axis, keepdims=True) if few else 0) - 1) // 2).clip(0)
    if k.min() < k.max():
        return np.take_along_axis(np.argsort(x, axis=axis), k, axis)
    return np.take(np.argpartition(x, k.flat[0], axis=axis), k.flat[:1], axis=axis)


@primitive(differentiable=False, slow=SORTED, batch="axis")
def most_common(x: Array, *, axis: int) -> Array:
    """Position of the most common element along an axis, of the smallest one the last; keeps the axis. int64."""
    rows = np.moveaxis(x, axis, -1)
    by_size = np.argsort(rows, axis=-1, kind="stable")
    values, places = np.take_along_axis(rows, by_size, -1), np.arange(rows.shape[-1])
    begins = np.ones(values.shape, bool)
    begins[..., 1:] = values[..., 1:] != values[..., :-1]
    run = places - np.maximum.accumulate(np.where(begins, places, 0), axis=-1)  # equal ones before each
    return np.moveaxis(np.take_along_axis(by_size, run.argmax(-1)[..., None], -1), -1, axis)


@primitive(differentiable=False, slow=SORTED)
def among(x: Array, known: Array) -> Array:
    """Tell which elements of x are among the known ones."""
    return np.isin(x, known)


@primitive(differentiable=False, slow=SORTED)
def searchsorted(rows: Array, values: Array, *, right: bool) -> Array:
    """Where values belong among sorted rows: before the first that is not smaller (right: that is larger)."""
    return places.searched(rows, values, right)


@primitive(differentiable=False, slow=SORTED)
def nonzero(x: Array) -> Array:
    """Positions of the elements that are not 0, one a row."""
    refuse_captured("a shape that depends on values (nonzero)")
    return np.argwhere(x) if x.ndim else np.zeros((int(x != 0), 0), np.int64)


@primitive(differentiable=False, slow=SORTED)
def spread(repeats: Array) -> Array:
    """Position i as often as repeats[i] says."""
    refuse_captured("a shape that depends on values (repeat_interleave)")
    if repeats.min(initial=0) < 0:
        raise ArgumentError("repeat_interleave: repeats must not be negative.", got=f"{repeats.min()}")
    return np.repeat(np.arange(len(repeats)), repeats)


@primitive(differentiable=False, slow=SORTED)
def chosen(weights: Array, drawn: Array, *, count: int, replacement: bool) -> Array:
    """Positions chosen in each row in proportion to weights, by numbers drawn from [0, 1).

    Shapes:  weights (R, N), drawn (R, count), without replacement (R, N) -> (R, count)
    """
    summed = np.cumsum(weights, axis=-1, dtype=np.float64)
    if not (np.isfinite(summed[:, -1]) & (summed[:, -1] > 0)).all() or weights.min(initial=0) < 0:
        what = "multinomial: the weights must be finite, at least 0, and not all 0."
        raise ArgumentError(what, got=f"weights {weights.shape}")
    if not replacement and (weights > 0).sum(axis=-1).min(initial=count) < count:
        raise ArgumentError(f"multinomial: fewer than {count} weights are above 0.", hint="replacement=True")
    if not replacement:  # the order of exponential waiting times
        with np.errstate(divide="ignore"):
            return np.argsort(-np.log1p(-drawn) / weights, axis=-1, kind="stable")[:, :count]
    found = places.searched(summed, drawn * summed[:, -1:], True) if len(summed) else np.zeros(drawn.shape, np.int64)
    if found.max(initial=0) == weights.shape[-1]:  # rounded beyond the last of them
        return np.asarray(np.minimum(found, weights.shape[-1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=-1)[:, None]))
    return found
