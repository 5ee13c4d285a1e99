"""`tg.linalg`, PyTorch's names for linear algebra: norms, solutions, inverses, decompositions; on stacks of matrices.

Each is a primitive of ops/decompositions.py or composed, with gradients of any order. PyTorch's older names for some
of them, in `tg` itself, stand in decompositions.py.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, LinAlgError
from ..core.graph import no_grad
from ..core.scope import refuse_captured, unchanging
from ..ops import compare, elementwise, reduce
from ..ops import decompositions as D
from ..ops.compare import where
from ..ops.contract import swap
from ..ops.index import getitem
from . import contractions, moving
from .dims import flag, integer, need
from .norms import floats, matrix_norm, vector_norm
from .numbers import number
from .products import matmul
from .shapes import squeeze, unsqueeze
from .types import Tensor, Values

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "lstsq", "matmul",
    "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve",
    "solve_triangular", "svd", "svdvals", "vector_norm",
]  # fmt: skip


SignAndLog = namedtuple("SignAndLog", ("sign", "logabsdet"))
QAndR = namedtuple("QAndR", ("Q", "R"))
SingularValues = namedtuple("SingularValues", ("U", "S", "Vh"))
Eigen = namedtuple("Eigen", ("eigenvalues", "eigenvectors"))
LeastSquares = namedtuple("LeastSquares", ("solution", "residuals", "rank", "singular_values"))


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


def cond(A: Values, p: Any = None) -> Tensor:
    """Condition of matrices: the largest singular value over the smallest, or ‖A‖ ‖A⁻¹‖ by a norm of matrix_norm."""
    if p in (None, 2, -2):
        values = D.svdvals(floats("cond", A))
        ends = [f(values, axis=-1, keepdims=False) for f in (reduce.amax, reduce.amin)]
        return elementwise.divide(*(ends if p != -2 else ends[::-1]))
    size = matrix_norm(A, p)
    try:
        return elementwise.multiply(size, matrix_norm(D.inv(A), p))
    except LinAlgError:
        return elementwise.multiply(size, math.inf)


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


def _check_rows(name: str, A: Any, B: Any, rows: int, at: int) -> None:
    need(A.dtype == B.dtype, f"{name}: A and B differ in dtype.", A, B, kind=DTypeError)
    need(B.ndim > 1 and B.shape[at] == rows, f"{name}: expected B with {rows} rows.", A, B)


def solve(A: Values, B: Values, *, left: bool = True) -> Tensor:
    """Solution X of A X = B (left=False: X A = B), of vectors or matrices B; a singular A is a LinAlgError."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        return D.solve(A, B)  # which says so
    if left and _is_vector(A, B):
        return squeeze(solve(A, unsqueeze(B, -1)), -1)
    _check_rows("solve", A, B, A.shape[-1], -2 if left else -1)
    return D.solve(A, B) if left else swap(D.solve(swap(A), swap(B)))


def solve_triangular(
    A: Values, B: Values, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:  # fmt: skip
    """Solution X of A X = B (left=False: X A = B) by one triangle of A; unitriangular: with 1 on the diagonal."""
    part = (moving.triu if upper else moving.tril)(A, (1 if upper else -1) if unitriangular else 0)
    if unitriangular:
        part = elementwise.add(part, unchanging(np.eye(A.shape[-1], dtype=A.dtype)))
    _check_rows("solve_triangular", A, B, A.shape[-1], -2 if left else -1)
    return D.solve(part, B) if left else swap(D.solve(swap(part), swap(B)))


def pinv(A: Values, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False) -> Tensor:
    """Pseudo-inverse; singular values up to max(atol, rtol · the largest) count as 0.

    Args:
        rtol: unless it or atol is given, the larger size times the dtype's eps
        hermitian: that A is symmetric, which changes nothing
    """
    return D.pinv(A, **_tolerances("pinv", A, atol, rtol))


def _tolerances(name: str, A: Any, atol: Any, rtol: Any) -> dict[str, float]:
    atol, rtol = (None if t is None else float(number(name, t)) for t in (atol, rtol))
    if rtol is None:
        rtol = 0.0 if atol else max(A.shape[-2:]) * float(np.finfo(floats(name, A).dtype).eps)
    return {"atol": atol or 0.0, "rtol": rtol}


@no_grad()
def matrix_rank(
    A: Values, tol: float | None = None, hermitian: bool = False, *, atol: float | None = None,
    rtol: float | None = None,
) -> Tensor:  # fmt: skip
    """Number of singular values above max(atol, rtol · the largest); tol: the same as atol alone."""
    least = _tolerances("matrix_rank", A, atol if tol is None else tol, rtol if tol is None else 0.0)
    values = D.svdvals(A)
    if 0 in values.shape:
        return reduce.sum(values != 0, axis=-1, keepdims=False)
    limit = compare.maximum(reduce.amax(values, axis=-1, keepdims=True) * least["rtol"], least["atol"])
    return reduce.sum(compare.greater(values, limit), axis=-1, keepdims=False)


def lstsq(A: Values, B: Values, rcond: float | None = None, *, driver: str | None = None) -> LeastSquares:
    """X for which ‖A X - B‖ is least, of several the smallest; residuals only where A is tall and of full rank."""
    need(A.ndim > 1, "lstsq: expected matrices.", A)
    refuse_captured("a shape that depends on values (lstsq)", "tg.linalg.pinv(A) @ B")
    vector = _is_vector(A, B)
    right = unsqueeze(B, -1) if vector else B
    _check_rows("lstsq", A, right, A.shape[-2], -2)
    tall = A.shape[-2] >= A.shape[-1]
    q, r = qr(A if tall else swap(A))
    size = np.abs(np.asarray(diagonal(r)))
    least = _tolerances("lstsq", A, None, rcond)["rtol"] * size.max(-1, initial=0, keepdims=True)
    if np.all(size > least):
        solution = D.solve(r, matmul(swap(q), right)) if tall else matmul(q, D.solve(swap(r), right))
        rank = reduce.sum(compare.not_equal(diagonal(r), 0), axis=-1, keepdims=False)
    else:
        solution, rank = matmul(pinv(A, rtol=rcond), right), matrix_rank(A, rtol=rcond)
    with no_grad():
        residuals = empty = getitem(moving.ravel(A), index=(slice(0, 0),))
    if A.shape[-2] > A.shape[-1] and np.all(np.asarray(rank) == A.shape[-1]):
        residuals = reduce.sum(elementwise.square(matmul(A, solution) - right), axis=-2, keepdims=False)
    return LeastSquares(squeeze(solution, -1) if vector else solution, residuals, rank, empty)


def matrix_power(A: Values, n: int) -> Tensor:
    """Product of n copies of square matrices; of the inverse for a negative n."""
    power = integer("matrix_power", "n", n)
    out: Any = None
    need(A.ndim > 1 and A.shape[-1] == A.shape[-2], "matrix_power: expected square matrices.", A)
    if power == 0:
        return elementwise.add(where(False, A, 0), unchanging(np.eye(A.shape[-1], dtype=A.dtype)))
    base, power = D.inv(A) if power < 0 else A, abs(power)
    while power:
        if power % 2:
            out = base if out is None else matmul(out, base)
        power //= 2
        base = matmul(base, base) if power else base
    return elementwise.clone(out) if out is A else out


def multi_dot(tensors: Sequence[Values]) -> Tensor:
    """Product of several matrices, in the order that costs least; the first and the last may be vectors."""
    need(len(tensors) > 1, "multi_dot: expected at least two tensors.", *tensors, kind=ArgumentError)
    first, last = tensors[0].ndim == 1, tensors[-1].ndim == 1
    given = [unsqueeze(tensors[0], 0) if first else tensors[0], *tensors[1:]]
    given[-1] = unsqueeze(given[-1], 1) if last else given[-1]
    out = contractions.chain_matmul(*given)
    out = squeeze(out, -1) if last else out
    return squeeze(out, 0) if first else out


def matrix_exp(A: Values) -> Tensor:
    """Exponential of square matrices.

    Source:
        Higham, The scaling and squaring method for the matrix exponential revisited (2005), degree 13
    """
    refuse_captured("a count that depends on values (matrix_exp)")
    with no_grad():
        largest = float(np.max(np.asarray(matrix_norm(A, 1)), initial=0)) if 0 not in A.shape else 0.0
    twice = max(0, math.ceil(math.log2(largest / 5.4))) if 0 < largest < math.inf else 0
    x = elementwise.multiply(A, 0.5**twice)
    # of the terms xᵏ of Padé's numerator
    b = [math.comb(13, k) * math.factorial(26 - k) / math.factorial(26) for k in range(14)]
    one, x2 = unchanging(np.eye(A.shape[-1], dtype=A.dtype)), matmul(x, x)
    x4 = matmul(x2, x2)
    x6 = matmul(x4, x2)
    odd = matmul(x6, x6 * b[13] + x4 * b[11] + x2 * b[9]) + x6 * b[7] + x4 * b[5] + x2 * b[3] + one * b[1]
    even = matmul(x6, x6 * b[12] + x4 * b[10] + x2 * b[8]) + x6 * b[6] + x4 * b[4] + x2 * b[2] + one
    odd = matmul(x, odd)
    out = D.solve(even - odd, even + odd)
    for _ in range(twice):
        out = matmul(out, out)
    return out


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
    found, (rows, columns) = D.qr(A, complete=mode == "complete"), A.shape[-2:]
    inner = rows if mode == "complete" else min(rows, columns)
    q, r = D.unpack(found, (rows, inner), (inner, columns))
    return QAndR(getitem(moving.ravel(q), index=(slice(0, 0),)) if mode == "r" else q, r)


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
        half, rest = (moving.triu, 1) if UPLO in "Uu" else (moving.tril, -1)
        change = elementwise.subtract(elementwise.add(half(A), swap(half(A, rest))), A)
    return elementwise.add(A, change)


def eigh(A: Values, UPLO: str = "L") -> Eigen:
    """Eigenvalues, the smallest first, and eigenvectors of symmetric matrices, of which one triangle is read."""
    n = A.shape[-1] if A.ndim else 0
    v, w = D.unpack(D.eigh(_symmetric("eigh", A, UPLO)), (n, n), (n,))
    return Eigen(w, v)


def eigvalsh(A: Values, UPLO: str = "L") -> Tensor:
    """Eigenvalues, the smallest first, of symmetric matrices, of which one triangle is read."""
    return D.eigvalsh(_symmetric("eigvalsh", A, UPLO))


def cross(input: Values, other: Values, *, dim: int = -1) -> Tensor:
    """Cross product of vectors of 3 along a dimension; the others broadcast."""
    return contractions.cross(input, other, dim)


def diagonal(A: Values, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Give the diagonal over two dimensions, the last ones unless given, as the last dimension of a view."""
    return moving.diagonal(A, offset, dim1, dim2)
