"""`tg.linalg`, PyTorch's names for linear algebra: norms, solutions, inverses, decompositions; on stacks of matrices.

Each is a primitive of ops/decompositions.py or composed, with gradients of any order. What `__all__` does not list has
PyTorch's older names, in `tg` itself.
"""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from ..core.absent import absent
from ..core.errors import ArgumentError, DTypeError, LinAlgError
from ..core.graph import no_grad
from ..core.scope import unchanging
from ..ops import compare, elementwise, reduce
from ..ops import decompositions as D
from ..ops.compare import where
from ..ops.contract import swap
from ..ops.index import getitem
from . import moving
from .dims import flag, need
from .norms import matrix_norm, vector_norm
from .products import matmul
from .shapes import cat, ravel, squeeze, unsqueeze
from .types import Tensor, Values

__all__ = [
    "LinAlgError", "cholesky", "det", "eigh", "inv", "matmul", "matrix_norm", "norm", "qr", "slogdet", "solve",
    "solve_triangular", "svd", "svdvals", "vector_norm",
]  # fmt: skip


SignAndLog = namedtuple("SignAndLog", ("sign", "logabsdet"))
QAndR = namedtuple("QAndR", ("Q", "R"))
SingularValues = namedtuple("SingularValues", ("U", "S", "Vh"))
Eigen = namedtuple("Eigen", ("eigenvalues", "eigenvectors"))
MODES = (
    "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist",
)  # fmt: skip


# ---------------------------------------------------------------- norms


def norm(A: Values, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Norm of vectors (one dimension, or `ord` not given) or of matrices (two)."""
    dims = (dim,) if isinstance(dim, int) else dim
    if ord is None:
        return vector_norm(A, 2, dims, keepdim, dtype=dtype)
    need(dims is not None or A.ndim in (1, 2), "norm: with ord and without dim, expected a vector or a matrix.", A)
    if (A.ndim if dims is None else len(dims)) == 2:
        return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


# ---------------------------------------------------------------- solutions and inverses


def inv(A: Values) -> Tensor:
    """Inverse of matrices; a singular one is a LinAlgError."""
    return D.inv(A)


def det(A: Values) -> Tensor:
    """Determinant of matrices; it has a gradient where they are singular, too."""
    return D.det(A)


def slogdet(A: Values) -> SignAndLog:
    """Sign of the determinant and logarithm of its absolute value, without overflow."""
    return SignAndLog(D.sign_of_det(A), D.log_of_det(A))


def _is_vector(A: Any, B: Any) -> bool:
    return B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))


def _solve(name: str, A: Any, B: Any, left: bool, side: int) -> Any:
    need(A.dtype == B.dtype, f"{name}: A and B differ in dtype.", A, B, kind=DTypeError)
    rows, at = A.shape[-1], -2 if left else -1
    need(B.ndim > 1 and B.shape[at] == rows, f"{name}: expected B with {rows} rows.", A, B)
    return D.solve(A, B, side=side) if left else swap(D.solve(swap(A), swap(B), side=-side))


def solve(A: Values, B: Values, *, left: bool = True) -> Tensor:
    """Solution X of A X = B (left=False: X A = B), of vectors or matrices B; a singular A is a LinAlgError."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        return D.solve(A, B, side=0)  # which says so
    if left and _is_vector(A, B):
        return squeeze(solve(A, unsqueeze(B, -1)), -1)
    return _solve("solve", A, B, left, 0)


def solve_triangular(
    A: Values, B: Values, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:  # fmt: skip
    """Solution X of A X = B (left=False: X A = B) by one triangle of A; unitriangular: with 1 on the diagonal."""
    need(A.ndim > 1 and A.shape[-1] == A.shape[-2], "solve_triangular: expected matrices (..., n, n).", A)
    side = 1 if upper else -1
    if unitriangular:
        A = (moving.triu if upper else moving.tril)(A, side)
        A = elementwise.add(A, unchanging(np.eye(A.shape[-1], dtype=A.dtype)))
    return _solve("solve_triangular", A, B, left, side)


# ---------------------------------------------------------------- decompositions


def cholesky(A: Values, *, upper: bool = False) -> Tensor:
    """Lower triangle L of A = L Lᵀ (upper: its transpose); one that is not positive-definite is a LinAlgError."""
    found = D.cholesky(_symmetric("cholesky", A, "L"))
    return swap(found) if flag("cholesky", "upper", upper) else found


def qr(A: Values, mode: str = "reduced") -> QAndR:
    """Q with orthonormal columns and an upper triangular R of A = Q R.

    Args:
        mode: "complete" for a square Q; "r" leaves Q empty
    """
    need(mode in ("reduced", "complete", "r"), "qr: mode is reduced, complete or r.", mode, kind=ArgumentError)
    need(A.ndim > 1, "qr: expected matrices.", A)
    rows, columns = A.shape[-2:]
    if rows < columns:  # the first columns have the whole of Q; the others are Q times theirs
        q, r = qr(getitem(A, index=(Ellipsis, slice(rows))))
        r = cat([r, matmul(swap(q), getitem(A, index=(Ellipsis, slice(rows, columns))))], -1)
    else:
        size = rows if mode == "complete" else columns
        q, r = D.unpack(D.qr(A, complete=mode == "complete"), (rows, size), (size, columns))
    return QAndR(getitem(ravel(q), index=(slice(0, 0),)) if mode == "r" else q, r)


def svd(A: Values, full_matrices: bool = True, *, driver: str | None = None) -> SingularValues:
    """U, S and Vᵀ of A = U diag(S) Vᵀ, S from the largest on; of equal singular values the vectors have no gradient."""
    full = flag("svd", "full_matrices", full_matrices)
    need(A.ndim > 1, "svd: expected matrices.", A)
    found, (rows, columns) = D.svd(A, full=full), A.shape[-2:]
    n = min(rows, columns)
    u, vh, s = D.unpack(found, (rows, rows if full else n), (columns if full else n, columns), (n,))
    return SingularValues(u, s, vh)


def svdvals(A: Values, *, driver: str | None = None) -> Tensor:
    """Singular values, the largest first."""
    return D.svdvals(A)


def _symmetric(name: str, A: Any, UPLO: str) -> Any:
    """Mirror one triangle; the gradient goes to both, as in PyTorch."""
    need(UPLO in ("L", "U", "l", "u"), f"{name}: UPLO is L or U.", UPLO, kind=ArgumentError)
    if A.ndim < 2 or A.shape[-1] != A.shape[-2] or A.dtype.kind != "f":
        return A  # what reads it says so
    with no_grad():
        half, rest = (moving.tril, -1) if UPLO in "Uu" else (moving.triu, 1)
        change = half(elementwise.subtract(swap(A), A), rest)
    return elementwise.add(A, change)


def eigh(A: Values, UPLO: str = "L") -> Eigen:
    """Eigenvalues, the smallest first, and eigenvectors of symmetric matrices, of which one triangle is read."""
    n = A.shape[-1] if A.ndim else 0
    v, w = D.unpack(D.eigh(_symmetric("eigh", A, UPLO)), (n, n), (n,))
    return Eigen(w, v)


# ---------------------------------------------------------------- PyTorch's older names


def logdet(input: Values) -> Tensor:
    """Logarithm of the determinant: NaN where that is negative."""
    sign, log = slogdet(input)
    return where(compare.less(sign, 0), math.nan, log)


def cdist(x1: Values, x2: Values, p: float = 2.0, compute_mode: str = MODES[0]) -> Tensor:
    """Distance, by a vector norm, of each row of one matrix from each of another; leading dimensions broadcast.

    Args:
        compute_mode: whether p = 2 goes through a product of matrices: quicker, less exact; if_necessary: from 26 rows
            on
    """
    need(compute_mode in MODES, f"cdist: compute_mode is one of {MODES}.", compute_mode, kind=ArgumentError)
    fits = x1.ndim > 1 and x2.ndim > 1 and x1.shape[-1] == x2.shape[-1]
    need(fits, "cdist: expected matrices with as many columns.", x1, x2)
    many = max(x1.shape[-2], x2.shape[-2]) > 25 if compute_mode == MODES[0] else compute_mode == MODES[1]
    if p != 2 or not many:
        return vector_norm(elementwise.subtract(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, -1)
    a, b = (reduce.sum(elementwise.square(x), axis=-1, keepdims=True) for x in (x1, x2))
    squared: Any = elementwise.add(elementwise.subtract(a, 2 * matmul(x1, swap(x2))), swap(b))
    none = compare.less_equal(squared, 0)
    return where(none, 0.0, elementwise.sqrt(where(none, 1.0, squared)))


__getattr__ = absent(__name__)
