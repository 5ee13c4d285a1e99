"""Positions that depend on values: those that sort, the largest, where a value belongs, what is not 0, what was drawn.

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


@primitive(differentiable=False, slow=SORTED)
def argsort(x: Array, *, axis: int, descending: bool) -> Array:
    """Positions that sort along an axis; equal elements stay in order, NaN is the largest."""
    return places.order(x, axis, descending)


@primitive(differentiable=False, slow=SORTED)
def argtopk(x: Array, *, count: int, axis: int, largest: bool) -> Array:
    """Positions of the `count` largest (smallest) elements along an axis, in their order."""
    return places.first(x, count, axis, largest)


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
        raise ArgumentError(
            "multinomial: the weights must be finite, at least 0, and not all 0.", got=f"weights {weights.shape}"
        )
    if not replacement and (weights > 0).sum(axis=-1).min(initial=count) < count:
        raise ArgumentError(f"multinomial: fewer than {count} weights are above 0.", hint="replacement=True")
    if not replacement:  # the order of exponential waiting times
        with np.errstate(divide="ignore"):
            return np.argsort(-np.log1p(-drawn) / weights, axis=-1, kind="stable")[:, :count]
    found = places.searched(summed, drawn * summed[:, -1:], True) if len(summed) else np.zeros(drawn.shape, np.int64)
    if found.max(initial=0) == weights.shape[-1]:  # rounded beyond the last of them
        return np.asarray(np.minimum(found, weights.shape[-1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=-1)[:, None]))
    return found
