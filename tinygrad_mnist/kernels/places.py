"""Arithmetic of places: where an index points in flat memory, and what is added, chosen or multiplied there.

NumPy's `ufunc.at` is quick for one index array of a flat array, and slow for every other index: so places are counted
in flat memory first. Must not know: Tensor, gradients' bookkeeping. Look next at ops/index.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.backend import Array

BLOCK = 1 << 15  # places that are counted at a time


def along(index: Array, axis: int, shape: tuple[int, ...]) -> Iterator[tuple[slice, Array]]:
    """Count the places, in a C-ordered array of this shape, that `index` picks on one axis and its own on every other.

    Gives a few rows at a time, so that what is counted stays in the processor's cache.

    Shapes:
        index (*B), as many axes as the shape -> (slice of its first axis, places)
    """
    steps, axis = [math.prod(shape[i + 1 :]) for i in range(len(shape))], axis % len(shape)
    start: Any = 0
    for i, (size, step) in enumerate(zip(index.shape, steps, strict=True)):
        if i not in (0, axis):
            start = start + (np.arange(size) * step).reshape((-1,) + (1,) * (index.ndim - i - 1))
    rows = max(BLOCK * len(index) // max(index.size, 1), 1)
    for first in range(0, len(index), rows):
        part = index[first : first + rows]
        if axis:
            lead = (np.arange(first, first + len(part)) * steps[0]).reshape((-1,) + (1,) * (index.ndim - 1))
            own: Any = part if steps[axis] == 1 else part * np.intp(steps[axis])
            places = np.add(own, lead + start if index.ndim > 2 else lead, dtype=np.intp)
        else:
            places = np.add(np.multiply(part, steps[0], dtype=np.intp), start)
        yield slice(first, first + rows), np.asarray(places)


def at(ufunc: np.ufunc, out: Array, places: Array, values: Array) -> None:
    """Let a ufunc of two take each value to the place in out that it belongs to, one after the other."""
    flat = out.reshape(-1)  # a copy, if memory runs in another order
    ufunc.at(flat, places.reshape(-1), values.reshape(-1).astype(out.dtype, copy=False))
    if not np.may_share_memory(flat, out):
        out[...] = flat.reshape(out.shape)


def at_index(ufunc: np.ufunc, out: Array, index: Array, axis: int, values: Array) -> None:
    """Do what `at` does, at the places that an index picks along an axis."""
    for rows, places in along(index, axis, out.shape):
        at(ufunc, out, places, values[rows])


def add(out: Array, where: tuple[Any, ...], values: Array) -> None:
    """Add a value to the element of out that any index names for it, one after the other."""
    axis, index = len(where) - 1, where[-1]
    whole = all(isinstance(i, slice) and i == slice(None) for i in where[:-1])
    rows = whole and isinstance(index, np.ndarray) and index.dtype.kind in "iu"
    if not rows or not out.flags.c_contiguous or (axis and index.ndim != 1):
        at(np.add, out, np.asarray(np.arange(out.size).reshape(out.shape)[where]), values)
        return
    index = np.arange(out.shape[axis])[index].reshape(-1, 1)  # of whole rows; a negative one counts from the end
    before, after = out.shape[:axis], math.prod(out.shape[axis + 1 :])
    spread = np.broadcast_to(index, (*before, len(index), after))
    at_index(np.add, out.reshape(*before, out.shape[axis], after), spread, axis, values.reshape(spread.shape))


def put(out: Array, index: Array, axis: int, value: Any) -> None:
    """Write a value, an array like the index or a number, along an axis of an array in C order."""
    for rows, places in along(index, axis, out.shape):
        out.reshape(-1)[places] = value[rows] if isinstance(value, np.ndarray) else value


def take(x: Array, index: Array, axis: int) -> Array:
    """Pick from x along one axis, by an index that is known to be within."""
    if x.flags.c_contiguous:
        out = np.empty(index.shape, x.dtype)
        for rows, places in along(index, axis, x.shape):
            x.reshape(-1).take(places, out=out[rows], mode="clip")
        return out
    grid: list[Any] = list(np.ogrid[tuple(slice(size) for size in index.shape)])
    grid[axis] = index
    return np.asarray(x[tuple(grid)])
