"""Cases of products over any dimensions and of linear algebra."""

import math
from typing import Any

import numpy as np
from strategies import POSITIVE, Array

from .places import Of, table

MATRICES: list[tuple[int, ...]] = [(3, 3), (2, 3, 3)]


def well(m: Any, x: Any) -> Any:
    """A matrix far from singular."""
    return x @ x.swapaxes(-1, -2) + 3 * m.eye(x.shape[-1], dtype=x.dtype)


def blend(product: Any) -> Any:
    return lambda c, x, y: 0.5 * c + 2 * product(x, y)


table({
    "mm": (lambda m, x, y: m.mm(x, y), np.matmul, ((2, 3), (3, 4), {})),
    "bmm": (lambda m, x, y: m.bmm(x, y), np.matmul, ((2, 2, 3), (2, 3, 1), {})),
    "mv": (lambda m, x, y: m.mv(x, y), np.matmul, ((2, 3), (3,), {})),
    "dot": (lambda m, x, y: m.dot(x, y), np.dot, ((3,), (3,), {})),
    "inner": (lambda m, x, y: m.inner(x, y), np.inner, ((2, 3), (4, 3), {}), ((3,), (2, 2, 3), {}), ((), (2, 3), {})),
    "outer": (lambda m, x, y: m.outer(x, y), np.outer, ((2,), (3,), {})),
    "ger": (lambda m, x, y: m.ger(x, y), np.outer, ((2,), (3,), {})),
    "addmm": (lambda m, c, x, y: m.addmm(c, x, y, beta=0.5, alpha=2), blend(np.matmul), ((2, 4), (2, 3), (3, 4), {}),
        ((4,), (2, 3), (3, 4), {})),
    "addmv": (lambda m, c, x, y: m.addmv(c, x, y, beta=0.5, alpha=2), blend(np.matmul), ((2,), (2, 3), (3,), {}),
        ((), (2, 3), (3,), {})),
    "baddbmm": (lambda m, c, x, y: m.baddbmm(c, x, y, beta=0.5, alpha=2), blend(np.matmul),
        ((2, 2, 4), (2, 2, 3), (2, 3, 4), {})),
    "tensordot": (lambda m, x, y, dims: m.tensordot(x, y, dims), lambda x, y, dims: np.tensordot(x, y, dims),
        ((2, 3, 4), (3, 4, 2), {"dims": 2}),
                  ((2, 3, 4), (4, 3), {"dims": ([1, 2], [1, 0])}), ((2,), (3,), {"dims": 0})),
    "cross": (lambda m, x, y, dim: m.cross(x, y, dim), lambda x, y, dim: np.cross(x, y, axis=dim),
        ((2, 3), (2, 3), {"dim": 1}), ((3, 2), (3, 2), {"dim": 0})),
    **{f"einsum {e}": (lambda m, *xs, e=e: m.einsum(e, *xs), lambda *xs, e=e: np.einsum(e, *xs), (*shapes, {})) for e,
        shapes in {
    "ij,jk": ((2, 3), (3, 4)), "ij,jk->ki": ((2, 3), (3, 4)), "bij,bjk->bik": ((2, 2, 3), (2, 3, 2)),
    "ii": ((3, 3),), "ii->i": ((3, 3),),
    "iji->j": ((2, 3, 2),), "ij->ji": ((2, 3),), "ij->": ((2, 3),), "i,j->ij": ((2,), (3,)),
    "i,i->i": ((3,), (3,)), "...ij,...jk": ((2, 2, 3), (3, 2)),
    "b...d,hd->...bh": ((2, 3, 2, 4), (2, 4)), "ab,bc,cd->ad": ((2, 3), (3, 2), (2, 4)),
    "bhqd,bhkd->bhqk": ((2, 2, 3, 2), (2, 2, 1, 2)), "ba": ((2, 3),),
    "ij,j,k->ik": ((2, 3), (3,), (2,)), "i,i": ((3,), (3,)), "ijk,k->ij": ((2, 3, 2), (2,)),
    "...,...->...": ((2, 1), (3,)), "aab,b->a": ((2, 2, 3), (3,))}.items()},
    "cdist mm": (lambda m, x, y: m.cdist(x, y + 9), lambda x, y: np.sqrt(((x[:, None] - y - 9) ** 2).sum(-1)),
        ((2, 3), (27, 3), {})),
}, raw=False)  # fmt: skip

NORMS = [({"ord": o}, d) for o in (2, 1, 3, 1.5, 0.5, -1, math.inf, -math.inf) for d in (None, 0, (0, 1))]
SQUARES = [(s, {}) for s in MATRICES]
ANY = [(s, {}) for s in ((3, 2), (2, 3), (2, 3, 3))]


def over_vectors(x: Array, ord: Any, dim: Any) -> Array:  # noqa: A002
    axes = tuple(range(x.ndim)) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    moved = np.moveaxis(x, axes, range(len(axes)))
    return np.linalg.norm(moved.reshape(-1, *moved.shape[len(axes) :]), ord, axis=0)


def solvable(a: Array) -> Array:
    return a @ a.swapaxes(-1, -2) + 3 * np.eye(a.shape[-1])


def projected(x: Array) -> Array:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return u @ (s[..., None] ** 2 * vh)


table({
    "linalg.vector_norm": (lambda m, x, ord, dim: m.linalg.vector_norm(x, ord, dim), over_vectors,
                           *((Of((2, 3)), {**o, "dim": d}) for o, d in NORMS)),
    "linalg.matrix_norm": (lambda m, x, ord: m.linalg.matrix_norm(x, ord), lambda x,
        ord: np.linalg.norm(x, ord, (-2, -1)),
                           *((Of(s), {"ord": o}) for s in ((3, 3), (2, 3, 2)) for o in ("fro", "nuc", 1, -1, math.inf,
                               -math.inf, 2, -2))),
    "linalg.norm": (lambda m, x, ord, dim: m.linalg.norm(x, ord, dim), lambda x, ord, dim: np.linalg.norm(x, ord, dim),
                    *((Of((3, 2)), {"ord": o, "dim": d}) for o,
                        d in ((None, None), (None, (0, 1)), ("fro", None), (2, 0), (1, (1, 0)), (3, 1)))),
    "linalg.inv": (lambda m, x: m.linalg.inv(well(m, x)), lambda x: np.linalg.inv(solvable(x)), *SQUARES),
    "inverse": (lambda m, x: m.inverse(well(m, x)), lambda x: np.linalg.inv(solvable(x)), *SQUARES),
    "det": (lambda m, x: m.det(well(m, x)) + m.linalg.det(x), lambda x: np.linalg.det(solvable(x)) + np.linalg.det(x),
        *SQUARES),
    "logdet": (lambda m, x: m.logdet(well(m, x)), lambda x: np.linalg.slogdet(solvable(x))[1], *SQUARES),
    "linalg.solve": (lambda m, a, b: m.linalg.solve(well(m, a), b), lambda a, b: np.linalg.solve(solvable(a), b),
                     ((3, 3), (3, 2), {}), ((2, 3, 3), (2, 3, 1), {}), ((3, 3), (2, 3, 2), {})),
    "linalg.solve vector": (lambda m, a, b: m.linalg.solve(well(m, a), b), lambda a,
        b: np.linalg.solve(solvable(a), b[..., None])[..., 0],
                            ((3, 3), (3,), {}), ((2, 3, 3), (2, 3), {})),
    "linalg.solve right": (lambda m, a, b: m.linalg.solve(well(m, a), b, left=False), lambda a,
        b: b @ np.linalg.inv(solvable(a)), ((3, 3), (2, 3), {})),
    "linalg.solve_triangular": (lambda m, a, b, upper, one: m.linalg.solve_triangular(well(m, a), b, upper=upper,
        unitriangular=one),
                                lambda a, b, upper, one: np.linalg.solve(triangle(solvable(a), upper, one), b),
                                *(((3, 3), (3, 2), {"upper": u, "one": o}) for u in (True, False) for o in (True,
                                    False))),
    "linalg.slogdet": (lambda m, x: m.linalg.slogdet(well(m, x)).logabsdet + m.linalg.slogdet(well(m, x))[0],
        lambda x: np.linalg.slogdet(solvable(x))[1] + 1, *SQUARES),
    "linalg.cholesky": (lambda m, x, upper: m.linalg.cholesky(well(m, x), upper=upper),
                 lambda x, upper: np.linalg.cholesky(solvable(x), upper=upper),
                 *((s, {"upper": u}) for s in MATRICES for u in (True, False))),
    "linalg.qr": (lambda m, x: m.linalg.qr(x)[0] * 2 @ m.linalg.qr(x).R ** 2,
        lambda x: 2 * np.linalg.qr(x)[0] @ np.linalg.qr(x)[1] ** 2, *ANY),
    "linalg.svd": (lambda m, x: (lambda u, s, vh: u @ (s[..., None] ** 2 * vh))(*m.linalg.svd(x, False)), projected,
        *((Of(s), {}) for s, _ in ANY)),
    "linalg.svdvals": (lambda m, x: m.linalg.svdvals(x), lambda x: np.linalg.svd(x, compute_uv=False),
        *((Of(s), {}) for s, _ in ANY)),
    "linalg.eigh": (lambda m, x, UPLO: (lambda w, v: v * w[..., None, :] ** 2 @ v.swapaxes(-1,
        -2))(*m.linalg.eigh(x + x.swapaxes(-1, -2), UPLO)),
                    lambda x, UPLO: np.linalg.matrix_power(x + x.swapaxes(-1, -2), 2),
                        *((Of(s), {"UPLO": t}) for s in MATRICES for t in "LU")),
    "eigenvectors at rest": (lambda m, x, y: m.linalg.eigh(m.diag(x) + y + y.T).eigenvectors ** 2,
        lambda x, y: np.linalg.eigh(np.diag(x) + y + y.T)[1] ** 2, (Of((3,)), np.zeros((3, 3)), {})),
    }, raw=False, order=2)  # fmt: skip


def triangle(x: Array, upper: bool, one: bool) -> Array:
    part = np.triu(x) if upper else np.tril(x)
    return np.where(np.eye(x.shape[-1]), 1.0, part) if one else part


table({
    "cdist": (lambda m, x, y, p: m.cdist(x, y, p), lambda x, y,
        p: np.stack([[np.linalg.norm(a - b, p) for b in y] for a in x]),
              *(((2, 3), Of((4, 3), POSITIVE), {"p": p}) for p in (2.0, 3.0))),
}, raw=False, order=1)  # fmt: skip
