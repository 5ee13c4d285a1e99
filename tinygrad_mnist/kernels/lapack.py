"""LAPACK's decompositions of stacks of matrices by NumPy, with errors of ours; several results are packed in one array.

Must not know: Tensor, gradients' bookkeeping. Look next at ops/decompositions.py (the calculus).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import DTypeError, LinAlgError, ShapeError

RECTANGULAR = {"qr", "svd"}
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
            return function(0.5 * (x + np.swapaxes(x, -1, -2)) if symmetric else x, *more, **options)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"{name}: a matrix {WRONG.get(name, UNBOUNDED)}.", got=f"A {x.shape}") from None


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
