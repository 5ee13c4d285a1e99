"""Rows of a table by number, and their sums back into it.

Equal numbers are brought together by sorting, so that each row of the table is written once. Must not know: Tensor.
Look next at ops/embedding.py (the calculus).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import DTypeError, IndexRangeError


def embed(w: Array, index: Array, *, padding: int, out: Array | None = None) -> Any:
    """Take rows of w.

    Shapes:  w (V, D), index (*A) of integers from 0 to V - 1 -> (*A, D)
    """
    check_numbers(index, len(w))
    return w[index] if out is None else np.take(w, index, axis=0, out=out, mode="clip")


def check_numbers(index: Array, count: int) -> None:
    """Raise unless every number names a row."""
    if index.dtype.kind not in "iu":
        raise DTypeError("embedding: the input must hold integers.", got=str(index.dtype), hint="input.long()")
    if index.size and (index.min() < 0 or index.max() >= count):
        bad = index.min() if index.min() < 0 else index.max()
        raise IndexRangeError(f"embedding: there is no row {bad}.", expected=f"from 0 to {count - 1}")


def add_rows(x: Array, index: Array, *, count: int, padding: int, out: Array | None = None) -> Array:
    """Add rows into a table of zeros, but for those that go to the row `padding`.

    Shapes:  x (*A, D), index (*A) -> (count, D)
    """
    rows, places = x.reshape(-1, x.shape[-1]), index.reshape(-1)
    out = np.empty((count, x.shape[-1]), x.dtype) if out is None else out
    out[...] = 0
    if rows.size:
        order = np.argsort(places, kind="stable")
        places = places[order]
        starts = np.flatnonzero(np.concatenate(([True], places[1:] != places[:-1])))
        out[places[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    if 0 <= padding < count:
        out[padding] = 0
    return out
