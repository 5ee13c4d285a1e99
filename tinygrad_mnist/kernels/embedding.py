"""Rows of a table by number, and their sums back into it.

Must not know: Tensor, gradients' bookkeeping. Look next at ops/embedding.py (the calculus).
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
    return np.take(w, index.astype(np.intp, copy=False), axis=0, out=out, mode="clip")  # quicker than w[index]


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
    width = x.shape[-1]
    table = out if out is not None and out.flags.c_contiguous else np.empty((count, width), x.dtype)
    table[...] = 0
    places = index.reshape(-1, 1).astype(np.intp) * width + np.arange(width)
    np.add.at(table.reshape(-1), places.reshape(-1), x.reshape(-1))  # quick along one axis only
    if 0 <= padding < count:
        table[padding] = 0
    if out is None:
        return table
    if out is not table:
        np.copyto(out, table)
    return out
