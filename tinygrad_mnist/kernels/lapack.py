"""LAPACK's decompositions of stacks of matrices by NumPy, with errors of ours; several results are packed in one array.

Must not know: Tensor, gradients' bookkeeping. Look next at ops/decompositions.py (the calculus).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import DTypeError, LinAlgError, ShapeError

RECTANGULAR = {"qr", "svd"}
HALVES = {1: np.triu, -1: np.tril}  # what keeps one triangle
UNBOUNDED = "has values that are not finite"
WRONG = {"inv": "is singular", "solve": "is singular", "cholesky": "is not positive-definite"}


def run(name: str, function: Callable[..., Any], x: Array, *more: Any, symmetric: bool = False, **options: Any) -> Any:
    """Call a function of NumPy's on matrices of floats (of which all but two decompositions take square ones only)."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2] and name not in RECTANGULAR:
        wanted = "(..., m, n)" if name in RECTANGULAR else "(..., n, n)"
        raise ShapeError(f"{name}: expected matrices {wanted}.", got=f"A {x.shape}")
    if x.dtype.char not in "fd":
        raise DTypeError(f"{name}: expected float32 or float64.", got=f"A {x.dtype}", hint="A.float()")
    try:
        with np.errstate(all="ignore"):
            if symmetric and not np.array_equal(x, turned := np.swapaxes(x, -1, -2)):
                x = 0.5 * (x + turned)
            return function(x, *more, **options)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"{name}: a matrix {WRONG.get(name, UNBOUNDED)}.", got=f"A {x.shape}") from None


def solve(a: Array, b: Array, side: int) -> Array:
    """Solve a x = b; of a the upper (1) or the lower (-1) triangle is read, or all (0)."""
    return np.asarray(run("solve", partial(triangular, side=side) if side else np.linalg.solve, a, b))


def triangular(a: Array, b: Array, side: int) -> Array:
    """Solve by halves in a copy of b: many matrices down to numbers, few to what LAPACK solves in one call.

    Zeros on the diagonal give what divisions by them give, inf and NaN, as in PyTorch.
    """
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.empty((*stack, *b.shape[-2:]), np.result_type(a, b))
    x[...] = b
    substitute(a, x, side, 32 if math.prod(stack) <= 8 and np.diagonal(a, 0, -2, -1).all() else 1)
    return x


def substitute(a: Array, x: Array, side: int, leaf: int) -> None:
    """Put the solution in the place of x: of one half first, the product with which is taken from the other."""
    n, turned = a.shape[-1], slice(None, None, side)
    if n < 2:
        x /= np.diagonal(a, 0, -2, -1)[..., None]
        return
    if n <= leaf:  # a lower triangle from behind, as an upper one, of which LAPACK exchanges no rows
        x[..., turned, :] = np.linalg.solve(HALVES[side](a)[..., turned, turned], x[..., turned, :])
        return
    first, last = (slice(n // 2), slice(n // 2, n))[::-side]
    substitute(a[..., first, first], x[..., first, :], side, leaf)
    x[..., last, :] -= np.matmul(a[..., last, first], x[..., first, :])
    substitute(a[..., last, last], x[..., last, :], side, leaf)


def pack(*parts: Array) -> Array:
    """Join stacks of matrices and, at last, of vectors, each flattened: (*B, ...) -> (*B, all their elements)."""
    lead = parts[0].shape[:-2]
    return np.concatenate([np.ascontiguousarray(p).reshape(*lead, math.prod(p.shape[len(lead) :])) for p in parts], -1)


def qr(x: Array, complete: bool) -> Array:
    """Pack Q and R."""
    return pack(*run("qr", np.linalg.qr, x, mode="complete" if complete else "reduced"))


def svd(x: Array, full: bool) -> Array:
    """Pack U, Vh and the singular values."""
    u, s, vh = run("svd", np.linalg.svd, x, full_matrices=full)
    return pack(u, vh, s)


def eigh(x: Array) -> Array:
    """Pack the eigenvectors and the eigenvalues."""
    w, v = run("eigh", np.linalg.eigh, x, symmetric=True)
    return pack(v, w)
