"""PyTorch's older names, in `tg` itself, for what `tg.linalg` has: inverse, det, svd, qr ...; and cdist, by its norms.

Some have other arguments and results than there. Look next at tensor.py.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from ..core.errors import ArgumentError
from ..ops import compare, elementwise, reduce
from ..ops.contract import swap
from . import linalg
from .dims import need
from .products import matmul
from .shapes import unsqueeze
from .types import Tensor, Values

OlderSVD = namedtuple("OlderSVD", ("U", "S", "V"))


def inverse(input: Values) -> Tensor:
    """Inverse of matrices; a singular one is a LinAlgError."""
    return linalg.inv(input)


def det(input: Values) -> Tensor:
    """Determinant of matrices."""
    return linalg.det(input)


def slogdet(input: Values) -> linalg.SignAndLog:
    """Sign of the determinant and logarithm of its absolute value, without overflow."""
    return linalg.slogdet(input)


def logdet(input: Values) -> Tensor:
    """Logarithm of the determinant: NaN where that is negative."""
    sign, log = linalg.slogdet(input)
    return compare.where(compare.less(sign, 0), float("nan"), log)


def cholesky(input: Values, upper: bool = False) -> Tensor:
    """Lower triangle L of input = L Lᵀ (upper: its transpose)."""
    return linalg.cholesky(input, upper=upper)


def qr(input: Values, some: bool = True) -> linalg.QAndR:
    """Q with orthonormal columns and an upper triangular R of input = Q R; some=False: Q is square."""
    return linalg.qr(input, "reduced" if some else "complete")


def svd(input: Values, some: bool = True, compute_uv: bool = True) -> OlderSVD:
    """U, S and V, not transposed, of input = U diag(S) Vᵀ; some=False: U and V are square."""
    need(compute_uv, "svd: compute_uv=False gives zeros for U and V.", kind=ArgumentError, hint="tg.linalg.svdvals(x)")
    u, s, vh = linalg.svd(input, not some)
    return OlderSVD(u, s, swap(vh))


def pinverse(input: Values, rcond: float = 1e-15) -> Tensor:
    """Pseudo-inverse; singular values up to rcond times the largest count as 0."""
    return linalg.pinv(input, rtol=rcond)


def matrix_power(input: Values, n: int) -> Tensor:
    """Product of n copies of square matrices; of the inverse for a negative n."""
    return linalg.matrix_power(input, n)


def matrix_exp(input: Values) -> Tensor:
    """Exponential of square matrices."""
    return linalg.matrix_exp(input)


MODES = (
    "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist",
)  # fmt: skip


def cdist(x1: Values, x2: Values, p: float = 2.0, compute_mode: str = MODES[0]) -> Tensor:
    """Distance, by a vector norm, of each row of one matrix from each of another; leading dimensions broadcast.

    Args:
        compute_mode: whether p = 2 goes through a product of matrices: quicker, less exact; if_necessary: from 26
            rows on
    """
    need(compute_mode in MODES, f"cdist: compute_mode is one of {MODES}.", compute_mode, kind=ArgumentError)
    fits = x1.ndim > 1 and x2.ndim > 1 and x1.shape[-1] == x2.shape[-1]
    need(fits, "cdist: expected matrices with as many columns.", x1, x2)
    many = max(x1.shape[-2], x2.shape[-2]) > 25 if compute_mode == MODES[0] else compute_mode == MODES[1]
    if p != 2 or not many:
        return linalg.vector_norm(elementwise.subtract(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, -1)
    a, b = (reduce.sum(elementwise.square(x), axis=-1, keepdims=True) for x in (x1, x2))
    squared: Any = elementwise.add(elementwise.subtract(a, 2 * matmul(x1, swap(x2))), swap(b))
    none = compare.less_equal(squared, 0)
    return compare.where(none, 0.0, elementwise.sqrt(compare.where(none, 1.0, squared)))
