"""What LAPACK computes of matrices: inverse, solution, determinant, Cholesky, QR, singular values, eigenvalues.

All work on stacks, A (*B, N, N) or (*B, M, N). A decomposition of several results gives them in one packed array, so
that it has one rule; `unpack` cuts them out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import GradientError
from ..core.graph import Array
from ..core.primitive import primitive
from ..core.scope import unchanging
from ..kernels import lapack
from .broadcast import sum_to
from .compare import equal, keep, logical_and, where
from .contract import matmul, swap
from .index import getitem
from .layout import put_diagonal, reshape
from .reduce import sum

LAPACK = "LAPACK computes it"


def unpack(packed: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """Cut a packed array into arrays of these shapes (of the last axes)."""
    parts, start, lead = [], 0, packed.shape[:-1]
    for shape in shapes:
        size = math.prod(shape)
        part = getitem(packed, index=(Ellipsis, slice(start, start + size)))
        parts.append(reshape(part, shape=(*lead, *shape)))
        start += size
    return parts


def diagonals(x: Any) -> Any:
    """Make diagonal matrices of the last axis."""
    n = x.shape[-1]
    return put_diagonal(x, offset=0, axis1=-2, axis2=-1, shape=(*x.shape, n))


def half(x: Any, side: int) -> Any:
    """Keep one triangle: the upper (1) or the lower (-1); of 0 all."""
    if side == 0:
        return x
    mask = lapack.HALVES[side](np.ones(x.shape[-2:], bool))
    return keep(x, unchanging(np.broadcast_to(mask, x.shape)))


def mirrored(x: Any) -> Any:
    """Put the lower triangle in the place of the upper, too."""
    n = x.shape[-1]
    below = x * unchanging(np.tri(n, dtype=x.dtype) - 0.5 * np.eye(n, dtype=x.dtype))
    return below + swap(below)


def expand(x: Any) -> Any:
    """Give the last axis another behind it: (*B, N) -> (*B, N, 1)."""
    return reshape(x, shape=(*x.shape, 1))


# ---------------------------------------------------------------- inverse, solution, determinant


@primitive(slow=LAPACK, batch="leading")
def inv(x: Array) -> Array:
    """Inverse of matrices."""
    return np.asarray(lapack.run("inv", np.linalg.inv, x))


@inv.vjp("x")
def inv_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return -matmul(swap(out), matmul(g, swap(out)))


@primitive(lapack.solve, unbroadcast=sum_to, slow=LAPACK, linear=("b",), batch="matrices")
def solve(a: Array, b: Array, *, side: int) -> Any:
    """Solution x of a x = b, matrices whose leading axes broadcast; of a one triangle is read (see half), or all."""


@solve.vjp("a")
def solve_vjp_a(g: Any, out: Any, a: Any, b: Any, *, side: int) -> Any:
    return half(-matmul(solve(swap(a), g, side=-side), swap(out)), side)


@solve.vjp("b")
def solve_vjp_b(g: Any, out: Any, a: Any, b: Any, *, side: int) -> Any:
    return solve(swap(a), g, side=-side)


@primitive(slow=LAPACK, batch="leading")
def det(x: Array) -> Array:
    """Determinant."""
    return np.asarray(lapack.run("det", np.linalg.det, x))


@det.vjp("x")
def det_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return expand(expand(g)) * cofactors(x)


@primitive(slow=LAPACK, batch="leading")
def cofactors(x: Array) -> Array:
    """Derivative of the determinant with respect to each element, also where the matrix is singular.

    Math:
        of x = U diag(s) Vᵀ it is det(U) det(V) U diag(Π_{j≠i} s_j) Vᵀ
    """
    try:
        return np.asarray(np.linalg.det(x)[..., None, None] * np.linalg.inv(np.swapaxes(x, -1, -2)))
    except np.linalg.LinAlgError:  # singular
        u, s, vh = lapack.run("det", np.linalg.svd, x)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), s.dtype.type(1), s[..., None, :]).prod(-1)
    signs = np.linalg.det(u) * np.linalg.det(vh)
    return np.asarray(signs[..., None, None] * np.matmul(u * others[..., None, :], vh))


@cofactors.vjp("x")
def cofactors_vjp_x(g: Any, out: Any, x: Any) -> Any:
    inverse = swap(inv(x))
    trace = sum(g * inverse, axis=(-2, -1), keepdims=True)
    return trace * out - matmul(out, matmul(swap(g), inverse))


@primitive(differentiable=False, slow=LAPACK, batch="leading")
def sign_of_det(x: Array) -> Array:
    """Sign of the determinant."""
    return np.asarray(lapack.run("slogdet", np.linalg.slogdet, x)[0])


@primitive(slow=LAPACK, batch="leading")
def log_of_det(x: Array) -> Array:
    """Logarithm of the absolute value of the determinant."""
    return np.asarray(lapack.run("slogdet", np.linalg.slogdet, x)[1])


@log_of_det.vjp("x")
def log_of_det_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return expand(expand(g)) * swap(inv(x))


# ---------------------------------------------------------------- Cholesky and QR


@primitive(slow=LAPACK, batch="leading")
def cholesky(x: Array) -> Array:
    """Lower triangle L of x = L Lᵀ; of what is not symmetric, of the symmetric part."""
    return np.asarray(lapack.run("cholesky", np.linalg.cholesky, x, symmetric=True))


@cholesky.vjp("x")
def cholesky_vjp_x(g: Any, out: Any, x: Any) -> Any:
    middle = 0.5 * mirrored(matmul(swap(out), g))
    return solve(swap(out), swap(solve(swap(out), middle, side=1)), side=1)


@primitive(lapack.qr, slow=LAPACK, batch="leading")
def qr(x: Array, *, complete: bool) -> Any:
    """Orthogonal Q and upper triangular R of x = Q R, packed; x has at least as many rows as columns."""


@qr.vjp("x")
def qr_vjp_x(g: Any, out: Any, x: Any, *, complete: bool) -> Any:
    rows, columns = x.shape[-2:]
    if complete and rows > columns:
        raise GradientError("qr: of mode 'complete' with more rows than columns there is no gradient.")
    (q, r), (gq, gr) = (unpack(t, (rows, columns), (columns, columns)) for t in (out, g))
    middle = matmul(r, swap(gr)) - matmul(swap(gq), q)
    return swap(solve(r, swap(gq + matmul(q, mirrored(middle))), side=1))


# ---------------------------------------------------------------- singular values and eigenvalues


def gaps(values: Any) -> Any:
    """Differences v_j - v_i of the last axis."""
    n = values.shape[-1]
    return reshape(values, shape=(*values.shape[:-1], 1, n)) - expand(values)


def over(x: Any, difference: Any) -> Any:
    """x / difference, 0 where both are 0: on the diagonal, and of equal values whose vectors nothing depends on."""
    return x / where(logical_and(equal(x, 0), equal(difference, 0)), 1.0, difference)


@primitive(lapack.svd, slow=LAPACK, batch="leading")
def svd(x: Array, *, full: bool) -> Any:
    """U, Vᵀ and the singular values of x = U diag(s) Vᵀ, packed."""


@svd.vjp("x")
def svd_vjp_x(g: Any, out: Any, x: Any, *, full: bool) -> Any:
    rows, columns = x.shape[-2:]
    n = min(rows, columns)
    shapes = ((rows, rows), (columns, columns), (n,)) if full else ((rows, n), (n, columns), (n,))
    (u, vh, s), (gu, gvh, gs) = unpack(out, *shapes), unpack(g, *shapes)
    u, gu = (getitem(t, index=(Ellipsis, slice(n))) for t in (u, gu))
    vh, gvh = (getitem(t, index=(Ellipsis, slice(n), slice(None))) for t in (vh, gvh))
    gv, v, line = swap(gvh), swap(vh), reshape(s, shape=(*s.shape[:-1], 1, n))
    difference = gaps(s * s)
    left, right = matmul(swap(u), gu), matmul(vh, gv)
    left, right = over(left - swap(left), difference), over(right - swap(right), difference)
    middle = left * line + expand(s) * right + diagonals(gs)
    gx = matmul(u, matmul(middle, vh))
    if rows > n:
        outer = gu / line
        gx = gx + matmul(outer - matmul(u, matmul(swap(u), outer)), vh)
    if columns > n:
        outer = swap(gv / line)
        gx = gx + matmul(u, outer - matmul(matmul(outer, v), vh))
    return gx


@primitive(slow=LAPACK, batch="leading")
def svdvals(x: Array) -> Array:
    """Singular values, the largest first."""
    return np.asarray(lapack.run("svd", np.linalg.svd, x, compute_uv=False))


@svdvals.vjp("x")
def svdvals_vjp_x(g: Any, out: Any, x: Any) -> Any:
    rows, columns = x.shape[-2:]
    n = min(rows, columns)
    u, vh = unpack(svd(x, full=False), (rows, n), (n, columns))
    return matmul(u, expand(g) * vh)


@primitive(lapack.eigh, slow=LAPACK, batch="leading")
def eigh(x: Array) -> Any:
    """Eigenvectors and eigenvalues, the smallest first, of the symmetric part, packed."""


@eigh.vjp("x")
def eigh_vjp_x(g: Any, out: Any, x: Any) -> Any:
    n = x.shape[-1]
    (v, w), (gv, gw) = (unpack(t, (n, n), (n,)) for t in (out, g))
    turn = matmul(swap(v), gv)
    middle = 0.5 * over(turn - swap(turn), gaps(w)) + diagonals(gw)
    return matmul(v, matmul(middle, swap(v)))
