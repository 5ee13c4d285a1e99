"""Cases of the primitives below places and matrices: what happens at places, order, views, decompositions."""

from collections.abc import Callable
from typing import Any

import numpy as np
from strategies import NOT_ZERO, Array, Call, Draw

from tinygrad_mnist.core.errors import GradientError
from tinygrad_mnist.kernels import lapack
from tinygrad_mnist.ops import decompositions as D
from tinygrad_mnist.ops import index as I  # noqa: E741
from tinygrad_mnist.ops import layout as L
from tinygrad_mnist.ops import order as O  # noqa: E741

from .case import Example, a, case
from .shapes import draw_along

# ---------------------------------------------------------------- at the places that gather reads


def at_places(x: Array, value: Any, index: Array, axis: int, combine: Callable[[Any, Any], Any]) -> Array:
    out = np.array(x, float)
    for where in np.ndindex(index.shape):
        to = (*where[:axis], index[where], *where[axis + 1 :])
        out[to] = combine(out[to], value[where] if np.ndim(value) else value)
    return out


def build_at(d: Draw, distinct: bool = False, twice: bool = True, **static: Any) -> Call:
    shape, index, axis = draw_along(d)
    if not twice:  # a place named twice would take one value or another
        index = d.array(np.argsort(d.rng.random(shape), axis % len(shape)))
    x, value = (d.distinct(index.shape if i else shape, 0.1 * i) if distinct else d.values(index.shape if i else shape,
        NOT_ZERO)
                for i in (0, 1))  # fmt: skip
    return Call([x, value, index], {"axis": axis % len(shape), **static}, d.seed)


ROW, TWICE = {"axis": 0}, np.array([0, 0])
case(
    I.place,
    lambda d: build_at(d, twice=False),
    lambda x, v, i, axis: at_places(x, v, i, axis, lambda old, new: new),
    torch=lambda m, x, v, i, axis: m.scatter(x, axis, i, v),
    examples=(Example((a(1, 2, 3), a(5, 6), np.array([2, 0])), a(6, 2, 5), (a(0, 3, 0), a(7, 2)), ROW, g=a(2, 3, 7)),),
)
case(
    I.extreme_at,
    lambda d: build_at(d, True, largest=d.boolean()),
    lambda x, v, i, axis, largest: at_places(x, v, i, axis, max if largest else min),
    order=2,
    torch=lambda m, x, v, i, axis, largest: x.scatter_reduce(axis, i, v, "amax" if largest else "amin"),
    examples=(
        Example((a(1, 7), a(5, 5), TWICE), a(5, 7), (a(0, 1), a(1, 1)), {**ROW, "largest": True}, g=a(2, 1)),
        Example((a(5, 7), a(5, 6), TWICE), a(5, 7), (a(1, 1), a(1, 0)), {**ROW, "largest": False}, g=a(2, 1)),
    ),
)


def build_ties(d: Draw) -> Call:
    call = build_at(d, True)
    x, value, index = call.args
    top = at_places(x, value, index, call.static["axis"], max).astype(x.dtype)
    return Call([x, d.array(top), value, index], call.static, d.seed)


def ties_oracle(x: Array, top: Array, value: Array, index: Array, axis: int) -> Array:
    return np.maximum(at_places(x == top, value == np.asarray(I.gather(top, index, axis=axis)), index, axis, np.add), 1)


case(I.ties_at, build_ties, ties_oracle, order=0, alone="a part of PyTorch's rule of scatter_reduce",
     examples=(Example((a(5, 7), a(5, 7), a(5, 5), TWICE), a(3, 1), static=ROW),))  # fmt: skip
case(I.multiply_at, build_at, lambda x, v, i, axis: at_places(x, v, i, axis, lambda old, new: old * new),
     torch=lambda m, x, v, i, axis: x.scatter_reduce(axis, i, v, "prod"),
     examples=(Example((a(2, 3), a(5, 0), TWICE), a(0, 3), (a(0, 1), a(0, 10)), ROW),
               Example((a(2, 3), a(0, 0), TWICE), a(0, 3), (a(0, 1), a(0, 0)), ROW),
               Example((a(2, 3), a(5, 4), TWICE), a(40, 3), (a(40, 1), a(16, 20)), ROW, g=a(2, 1)),))  # fmt: skip
case(
    I.within,
    lambda d: Call([d.integers(0, 3, d.shape())], {"size": 3, "name": "f"}, d.seed),
    lambda x, size, name: x,
    order=0,
    alone="a check",
    examples=(Example((TWICE,), TWICE, static={"size": 1, "name": "f"}),),
)

# ---------------------------------------------------------------- order

case(
    O.argsort,
    lambda d: Call([d.distinct((3, 4))], {"axis": d.choose((0, 1)), "descending": d.boolean()}, d.seed),
    lambda x, axis, descending: np.argsort(-x if descending else x, axis),
    order=0,
    torch=lambda m, x, axis, descending: m.argsort(x, axis, descending),
    examples=(
        Example((a(2, np.nan, 1, 2),), np.array([1, 0, 3, 2]), static={"axis": 0, "descending": True}),
        Example((a(2, np.nan, 1, 2),), np.array([2, 0, 3, 1]), static={"axis": 0, "descending": False}),
    ),
)
case(
    O.argtopk,
    lambda d: Call(
        [d.distinct((3, 4))], {"count": d.choose((0, 1, 2)), "axis": d.choose((0, 1)), "largest": d.boolean()}, d.seed
    ),
    lambda x, count, axis, largest: np.take(np.argsort(-x if largest else x, axis), range(count), axis),
    order=0,
    torch=lambda m, x, count, axis, largest: m.topk(x, count, axis, largest)[1],
    examples=(Example((a(2, np.nan, 1),), np.array([1, 0]), static={"count": 2, "axis": 0, "largest": True}),),
)
case(
    O.kth,
    lambda d: Call([d.distinct((3, 4))], {"k": d.choose((0, 1, 2)), "axis": d.choose((0, 1))}, d.seed),
    lambda x, k, axis: np.take(np.argsort(x, axis), [k], axis),
    order=0,
    torch=lambda m, x, k, axis: m.kthvalue(x, k + 1, axis, True)[1],
    examples=(Example((a(2, np.nan, 1),), np.array([0]), static={"k": 1, "axis": 0}),),
)
case(
    O.searchsorted,
    lambda d: Call([d.array(np.sort(d.distinct((4,)))), d.values(d.shape())], {"right": d.boolean()}, d.seed),
    lambda x, v, right: np.searchsorted(x, v, "right" if right else "left"),
    order=0,
    torch=lambda m, x, v, right: m.searchsorted(x, v.contiguous(), right=right),
    examples=(
        Example((a(1, 2, 2), a(2, 3)), np.array([1, 3]), static={"right": False}),
        Example((a(1, 2, 2), a(2, 0)), np.array([3, 0]), static={"right": True}),
    ),
)
case(
    O.chosen,
    lambda d: Call(
        [np.abs(d.values((2, 4), NOT_ZERO)), d.array(d.rng.random((2, 3)))], {"count": 3, "replacement": True}, d.seed
    ),
    lambda w, u, count, replacement: (u[:, :, None] * w.sum(1)[:, None, None] >= w.cumsum(1)[:, None]).sum(-1),
    order=0,
    alone="PyTorch draws inside",
    examples=(
        Example(
            (np.array([[1.0, 0, 3]]), np.array([[0.0, 0.3, 0.99]])),
            np.array([[0, 2, 2]]),
            static={"count": 3, "replacement": True},
        ),
        Example(
            (np.array([[1.0, 0, 3]]), np.array([[0.5, 0.5, 0.5]])),
            np.array([[2, 0]]),
            static={"count": 2, "replacement": False},
        ),
    ),
)
case(
    O.nonzero,
    lambda d: Call([d.integers(0, 2, d.shape())], {}, d.seed),
    lambda x: np.array([i for i in np.ndindex(x.shape) if x[i]], int).reshape(-1 if x.ndim else int(x != 0), x.ndim),
    order=0,
    torch="nonzero",
    examples=(Example((a(0, 5, -1),), np.array([[1], [2]])),),
)
case(O.spread, lambda d: Call([d.integers(0, 3, (4,))], {}, d.seed),
    lambda x: np.array([i for i, n in enumerate(x) for _ in range(n)], int), order=0,
     torch=lambda m, x: m.repeat_interleave(x), examples=(Example((np.array([2, 0, 1]),),
         np.array([0, 0, 2])),))  # fmt: skip

# ---------------------------------------------------------------- views


def build_diagonal(d: Draw) -> Call:
    first, second = d.choose(((0, 1), (1, 0), (0, 2), (2, 1)))
    return Call([d.values((2, 3, 4))], {"offset": d.choose((0, 1, -1)), "axis1": first, "axis2": second}, d.seed)


def build_put_diagonal(d: Draw) -> Call:
    call = build_diagonal(d)
    part = np.diagonal(call.args[0], **call.static)
    return Call([d.values(part.shape)], {**call.static, "shape": (2, 3, 4)}, d.seed)


def put_diagonal_oracle(x: Array, shape: Any, **static: Any) -> Array:
    out = np.zeros(shape)
    out.reshape(-1)[np.diagonal(np.arange(out.size).reshape(shape), **static).reshape(-1)] = x.reshape(-1)
    return out


MAIN = {"offset": 0, "axis1": 0, "axis2": 1}
SQUARE = np.array([[1.0, 2], [3, 4]])
case(L.diagonal, build_diagonal, np.diagonal, torch=lambda m, x, offset, axis1,
    axis2: m.diagonal(x, offset, axis1, axis2),
     examples=(Example((SQUARE,), a(1, 4), (np.diag([5.0, 6]),), MAIN, g=a(5, 6)),))  # fmt: skip
case(L.put_diagonal, build_put_diagonal, put_diagonal_oracle,
     torch=lambda m, x, shape, offset, axis1, axis2: m.diagonal_scatter(m.zeros(shape, dtype=x.dtype), x, offset,
         axis1, axis2),
     examples=(Example((a(5, 6),), np.diag([5.0, 6]), (a(1, 4),), {**MAIN, "shape": (2, 2)}, g=SQUARE),))  # fmt: skip


def build_windows(d: Draw) -> Call:
    return Call(
        [d.values((5, 4))], {"axis": d.choose((0, 1)), "size": d.choose((1, 2, 4)), "step": d.choose((1, 2, 3))}, d.seed
    )


def windows_oracle(x: Array, axis: int, size: int, step: int) -> Array:
    starts = range(0, x.shape[axis] - size + 1, step)
    return np.stack([np.moveaxis(x.take(range(s, s + size), axis), axis, -1) for s in starts], axis)


def build_add_windows(d: Draw) -> Call:
    call = build_windows(d)
    return Call([d.values(windows_oracle(*call.args, **call.static).shape)], {**call.static, "shape": (5, 4)}, d.seed)


def add_windows_oracle(x: Array, axis: int, size: int, step: int, shape: Any) -> Array:
    numbers = windows_oracle(np.arange(20).reshape(shape), axis, size, step)
    return np.bincount(numbers.reshape(-1), x.reshape(-1), 20).reshape(shape)


PAIRS = {"axis": 0, "size": 2, "step": 1}
case(L.windows, build_windows, windows_oracle, torch=lambda m, x, axis, size, step: x.unfold(axis, size, step),
     examples=(Example((a(1, 2, 3),), np.array([[1.0, 2], [2, 3]]), (a(1, 5, 4),), PAIRS, g=SQUARE),))  # fmt: skip
case(L.add_windows, build_add_windows, add_windows_oracle, alone="inside PyTorch's rule of unfold",
     examples=(Example((SQUARE,), a(1, 5, 4), (SQUARE - [[0, 0], [1, 1]],), {**PAIRS, "shape": (3,)},
         g=a(1, 2, 3)),))  # fmt: skip
case(L.contiguous, lambda d: Call([d.values(d.shape())], {}, d.seed), lambda x: x, torch=lambda m, x: x.contiguous(),
     examples=(Example((SQUARE.T,), SQUARE.T, (SQUARE,), g=SQUARE),))  # fmt: skip


# ---------------------------------------------------------------- decompositions


def matrix(d: Draw, *shapes: tuple[int, ...]) -> Array:
    """A matrix whose diagonal is 1, 2.2, 3.6 ... and far from all else, so that no two singular values are near."""
    shape = d.choose(shapes or ((3, 3), (2, 2, 2), (2, 1, 2, 2)))
    n = min(shape[-2:])
    main = np.zeros(shape)
    main[..., range(n), range(n)] = 1 + 1.1 * np.arange(n) + 0.1 * np.arange(n) ** 2
    return d.array(0.2 * d.rng.uniform(-1, 1, shape) + main)


def square(
    primitive: Any, oracle: Any, torch: Any, examples: Any, *shapes: tuple[int, ...], order: int = 2, **static: Any
) -> None:
    case(primitive, lambda d: Call([matrix(d, *shapes)], static, d.seed), oracle, order=order, examples=examples,
         **({"alone": torch[1:]} if isinstance(torch, str) and torch[0] == "-" else {"torch": torch}))  # fmt: skip


def sym(x: Any) -> Any:
    return 0.5 * (x + x.swapaxes(-1, -2))


def main(*values: float) -> Array:
    return np.diag(np.array(values, float))


def half(x: Array, side: int) -> Array:
    return {0: np.asarray, 1: np.triu, -1: np.tril}[side](x)


ONES, UPRIGHT = np.ones((2, 2)), np.array([[3.0, 0], [0, 2], [0, 0]])
TALL = ((3, 3), (4, 2), (2, 3), (2, 3, 2))
PART = "-a part of the rule of det"
PACKED = "-PyTorch gives the parts, not packed; tried through them"
square(
    D.inv,
    np.linalg.inv,
    lambda m, x: m.linalg.inv(x),
    (Example((main(2, 4),), main(0.5, 0.25), (-np.array([[0.25, 0.125], [0.125, 1 / 16]]),)),),
)
square(
    D.det,
    np.linalg.det,
    lambda m, x: m.linalg.det(x),
    (Example((SQUARE,), -2.0, (np.array([[4.0, -3], [-2, 1]]),)),),
)
square(
    D.cofactors,
    lambda x: np.linalg.det(x)[..., None, None] * np.linalg.inv(x).swapaxes(-1, -2),
    PART,
    (Example((SQUARE,), np.array([[4.0, -3], [-2, 1]]), (np.array([[4.0, -3], [-2, 1]]),), g=SQUARE),),
)
square(
    D.sign_of_det, lambda x: np.linalg.slogdet(x)[0], lambda m, x: m.slogdet(x)[0], (Example((SQUARE,), -1.0),), order=0
)
square(
    D.log_of_det,
    lambda x: np.linalg.slogdet(x)[1],
    lambda m, x: m.slogdet(x)[1],
    (Example((SQUARE,), np.log(2.0), (np.array([[-2.0, 1.5], [1, -0.5]]),)),),
)
HALVES = -np.array([[0.25, 0.125], [0.125, 1 / 16]])
square(
    D.cholesky,
    lambda x: np.linalg.cholesky(sym(x)),
    lambda m, x: m.linalg.cholesky(sym(x)),
    (Example((main(4, 16),), main(2, 4), (np.array([[0.25, 0.25], [0.25, 0.125]]),), g=np.tril(ONES)),),
)
square(
    D.qr,
    lambda x, complete: lapack.pack(*np.linalg.qr(x)),
    PACKED,
    (
        Example(
            (-main(2, 3),), a(1, 0, 0, 1, -2, 0, 0, -3), (main(1, 1),), {"complete": False}, g=a(0, 0, 0, 0, 1, 0, 0, 1)
        ),
        Example(
            (-main(2, 3),), a(1, 0, 0, 1, -2, 0, 0, -3), (main(1, 1),), {"complete": True}, g=a(0, 0, 0, 0, 1, 0, 0, 1)
        ),
        Example((UPRIGHT,), a(1, 0, 0, 0, 1, 0, 0, 0, 1, 3, 0, 0, 2, 0, 0), GradientError, {"complete": True}),
    ),
    *TALL[:2],
    (2, 3, 2),
    complete=False,
)
square(
    D.svd,
    lambda x, full: lapack.svd(x, full),
    PACKED,
    (
        Example((main(3, 2),), a(1, 0, 0, 1, 1, 0, 0, 1, 3, 2), (main(5, 7),), {"full": False}, g=a(*[0] * 8, 5, 7)),
        Example((UPRIGHT,), a(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 3, 2), (np.array([[5.0, 0], [0, 7], [2, 3]]),),
                {"full": True}, g=a(0, 0, 8, 0, 0, 8, 6, 6, 8, 0, 0, 0, 0, 5, 7)),
        Example((UPRIGHT.T,), a(1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 3, 2), (np.array([[5.0, 0, 2], [0, 7, 3]]),),
                {"full": True}, g=a(0, 0, 0, 0, 0, 0, 6, 0, 0, 6, 8, 8, 8, 5, 7)),
    ),
    *TALL,
    full=False,
)
square(
    D.svdvals,
    lambda x: np.linalg.svd(x, compute_uv=False),
    lambda m, x: m.linalg.svdvals(x),
    (Example((main(2, 3),), a(3, 2), (main(7, 5),), g=a(5, 7)),),
    *TALL,
)
square(
    D.eigh,
    lapack.eigh,
    PACKED,
    (
        Example((main(2, 3),), a(1, 0, 0, 1, 2, 3), (main(5, 7),), g=a(0, 0, 0, 0, 5, 7)),
        Example((main(2, 2),), a(1, 0, 0, 1, 2, 2), (main(5, 7),), g=a(0, 0, 0, 0, 5, 7)),
        Example((main(2, 2),), a(1, 0, 0, 1, 2, 2), (np.nan * ONES,), g=a(0, 1, 0, 0, 5, 7), warns=True),
    ),
)
case(
    D.solve,
    lambda d: Call(
        [matrix(d, (3, 3), (9, 3, 3)), d.values(d.choose(((3, 2), (9, 3, 1))))],
        {"side": d.choose((0, 1, -1))},
        d.seed,
    ),
    lambda x, y, side: np.linalg.solve(half(x, side), y),
    order=2,
    torch=lambda m, x, y, side: m.linalg.solve_triangular(x, y, upper=side > 0) if side else m.linalg.solve(x, y),
    examples=(
        Example(
            (main(2, 4), SQUARE),
            np.array([[0.5, 1], [0.75, 1]]),
            (-np.array([[0.75, 0.875], [0.375, 0.4375]]), np.array([[0.5, 0.5], [0.25, 0.25]])),
            {"side": 0},
        ),
        *(
            Example(
                (main(2, 4) + 9 * half(1 - np.eye(2), -side), SQUARE),  # the other triangle is not read
                np.array([[0.5, 1], [0.75, 1]]),
                (-half(np.array([[0.75, 0.875], [0.375, 0.4375]]), side), np.array([[0.5, 0.5], [0.25, 0.25]])),
                {"side": side},
            )
            for side in (1, -1)
        ),
    ),
)
