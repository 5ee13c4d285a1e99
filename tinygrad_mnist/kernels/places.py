"""Arithmetic of places: where an index points in flat memory, what is added, chosen or multiplied there, and in what
order values come.

NumPy's `ufunc.at` is quick for one index array of a flat array, and slow for every other index: so places are counted
in flat memory first. Must not know: Tensor, gradients' bookkeeping. Look next at ops/index.py and ops/order.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Array


def along(index: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """Count the places, in a C-ordered array of this shape, that `index` picks on one axis and its own on every other.

    Shapes:  index (*B), as many axes as the shape -> (*B)
    """
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    own, others = steps.pop(axis), [size for i, size in enumerate(index.shape) if i != axis % len(shape)]
    start: Any = 0
    for i, (size, step) in enumerate(zip(others, steps, strict=True)):
        start = start + (np.arange(size) * step).reshape((-1,) + (1,) * (len(others) - i - 1))
    index = index if own == 1 else np.multiply(index, own, dtype=np.intp)
    return np.asarray(np.add(index, np.expand_dims(start, axis) if others else start, dtype=np.intp))


def indexed(where: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Count the places in a C-ordered array of this shape that any index names."""
    axes = [i for i, part in enumerate(where) if isinstance(part, np.ndarray)]
    if len(axes) == 1 and where[axes[0]].dtype.kind in "iu" and all(i == slice(None) for i in where[: axes[0]]):
        axis, index = axes[0], where[axes[0]]
        if len(where) == axis + 1 and index.ndim == 1:  # whole rows
            rows = np.arange(shape[axis])[index]
            before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
            lead = np.arange(before)[:, None, None] * shape[axis]
            return np.asarray((lead + rows[:, None]) * after + np.arange(after))
    return np.asarray(np.arange(math.prod(shape)).reshape(shape)[where])


def at(ufunc: np.ufunc, out: Array, places: Array, values: Array) -> None:
    """Let a ufunc of two take each value to the place in out that it belongs to, one after the other."""
    flat = out.reshape(-1)  # a copy, if memory runs in another order
    ufunc.at(flat, places.reshape(-1), values.reshape(-1).astype(out.dtype, copy=False))
    if not np.may_share_memory(flat, out):
        out[...] = flat.reshape(out.shape)


def take(x: Array, index: Array, axis: int) -> Array:
    """Pick from x along one axis, by an index that is known to be within."""
    if x.flags.c_contiguous and index.size > 64:
        return x.reshape(-1).take(along(index, axis, x.shape), mode="clip")
    return np.asarray(np.take_along_axis(x, index, axis) if _same_outside(x, index, axis) else x[_grid(index, axis)])


def _same_outside(x: Array, index: Array, axis: int) -> bool:
    return all(a == b for i, (a, b) in enumerate(zip(x.shape, index.shape, strict=True)) if i != axis)


def _grid(index: Array, axis: int) -> tuple[Any, ...]:
    grid: list[Any] = list(np.ogrid[tuple(slice(size) for size in index.shape)])
    grid[axis] = index
    return tuple(grid)


# ---------------------------------------------------------------- order


def order(x: Array, axis: int, descending: bool) -> Array:
    """Give the positions that sort along an axis: equal elements stay in order, NaN is the largest of all."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    backwards: Array = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    return np.asarray(x.shape[axis] - 1 - backwards)


def first(x: Array, count: int, axis: int, largest: bool) -> Array:
    """Give the positions of the `count` largest (smallest) elements along an axis, in their order."""
    size = x.shape[axis]
    if count == 0 or size == 0:
        return np.zeros((*x.shape[:axis], count, *x.shape[axis + 1 :]), np.intp)
    low, high = (size - count, size) if largest else (0, count)
    part = np.argpartition(x, low if largest else count - 1, axis=axis)
    part = part[(slice(None),) * axis + (slice(low, high),)]
    found: Array = np.take_along_axis(part, order(np.take_along_axis(x, part, axis), axis, largest), axis)
    return found


def searched(rows: Array, values: Array, right: bool) -> Array:
    """Find where values belong among sorted ones, row by row.

    Shapes:  rows (N,) and values (*A), or rows (*B, N) and values (*B, M) -> values'
    """
    side: Any = "right" if right else "left"
    if rows.ndim == 1:
        return np.asarray(np.searchsorted(rows, values, side))
    out = np.empty(values.shape, np.int64)
    for at_ in np.ndindex(rows.shape[:-1]):
        out[at_] = np.searchsorted(rows[at_], values[at_], side)
    return out
