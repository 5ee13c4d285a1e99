"""Standardizing rows as plain loops, for numba: kernels/norms.py is their oracle.

As in loops.py, ordinary Python over the rows of one thread. Must not know: Tensor, threads.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.backend import Array


def standardize(x: Array, eps: Any, out: Array, saved: Array) -> None:
    """Standardize rows: x, out (n, D), saved (n,)."""
    rows, d = x.shape
    zero, one, count = x.dtype.type(0), x.dtype.type(1), x.dtype.type(d)
    for i in range(rows):
        mean, squares = zero, zero
        for j in range(d):
            mean += x[i, j]
        mean /= count
        for j in range(d):
            out[i, j] = x[i, j] - mean
            squares += out[i, j] * out[i, j]
        r = one / math.sqrt(squares / count + eps)
        saved[i] = r
        for j in range(d):
            out[i, j] *= r


def standardize_grad(y: Array, h: Array, r: Array, out: Array) -> None:
    """Give the gradient of standardize: y, h, out (n, D), r (n,)."""
    rows, d = y.shape
    zero, count = y.dtype.type(0), y.dtype.type(d)
    for i in range(rows):
        mean, along = zero, zero
        for j in range(d):
            mean += y[i, j]
            along += y[i, j] * h[i, j]
        mean /= count
        along /= count
        for j in range(d):
            out[i, j] = (y[i, j] - mean - h[i, j] * along) * r[i]
