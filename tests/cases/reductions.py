"""Cases of broadcasting and reductions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from strategies import Array, Call, Draw

from tinygrad_mnist.ops import broadcast
from tinygrad_mnist.ops import reduce as R

from .case import Example, a, case

# ---------------------------------------------------------------- broadcasting


def build_broadcast_to(d: Draw) -> Call:
    shape = d.shape()
    stretched = tuple(3 if size == 1 and d.boolean() else size for size in shape)
    lead = d.choose(((), (2,), (2, 1)))
    return Call([d.values(shape)], {"shape": lead + stretched}, d.seed)


case(broadcast.broadcast_to, build_broadcast_to, lambda x, shape: np.zeros(shape) + x,
     torch=lambda m, x, shape: x.expand(shape),
     examples=(Example((a(1, 2),), np.array([[1.0, 2], [1, 2]]), (a(2, 2),), {"shape": (2, 2)}),))  # fmt: skip


def build_sum_to(d: Draw) -> Call:
    full = d.shape()
    kept = full[d.choose(range(len(full) + 1)) :]
    return Call([d.values(full)], {"shape": tuple(1 if size and d.boolean() else size for size in kept)}, d.seed)


def sum_to_oracle(x: Array, shape: tuple[int, ...]) -> Array:
    out = np.zeros(shape)
    for at in np.ndindex(x.shape):
        tail = at[x.ndim - len(shape) :]
        out[tuple(0 if size == 1 else i for i, size in zip(tail, shape, strict=True))] += x[at]
    return out


case(broadcast.sum_to, build_sum_to, sum_to_oracle, torch=lambda m, x, shape: x.sum_to_size(shape),
     examples=(Example((np.array([[1.0, 2], [3, 4]]),), a(4, 6), (np.ones((2, 2)),), {"shape": (2,)}),))  # fmt: skip


# ---------------------------------------------------------------- reductions


def build_reduction(d: Draw, empty: bool = True, distinct: bool = False, **more: Any) -> Call:
    shape = d.shape(empty=empty)
    x = d.distinct(shape) if distinct else d.values(shape)
    return Call([x], {"axis": d.axes(len(shape)), "keepdims": d.boolean(), **more}, d.seed)


def build_truth(d: Draw) -> Call:
    call = build_reduction(d)
    return Call([np.where(x > 0, x, 0).astype(x.dtype) for x in call.args], call.static, call.seed)


def numpy_reduction(function: Any) -> Callable[..., Array]:
    return lambda x, axis, keepdims: function(x, axis=axis if x.ndim else None, keepdims=keepdims)


TABLE = np.array([[1.0, 5.0], [4.0, 2.0]])
ALL = {"axis": None, "keepdims": False}
ROWS = {"axis": 1, "keepdims": False}

case(R.sum, build_reduction, numpy_reduction(np.sum), torch="sum",
     examples=(Example((TABLE,), a(6, 6), (np.ones((2, 2)),), ROWS),))  # fmt: skip
case(R.mean, lambda d: build_reduction(d, empty=False), numpy_reduction(np.mean), torch="mean",
     examples=(Example((TABLE,), 3.0, (np.full((2, 2), 0.25),), ALL),))  # fmt: skip
case(R.amax, lambda d: build_reduction(d, empty=False, distinct=True), numpy_reduction(np.max), order=2, torch="amax",
     examples=(Example((TABLE,), a(5, 4), (np.array([[0.0, 1], [1, 0]]),), ROWS),
               Example((a(3, 1, 3),), 3.0, (a(0.5, 0, 0.5),), ALL),))  # fmt: skip
case(R.amin, lambda d: build_reduction(d, empty=False, distinct=True), numpy_reduction(np.min), order=2, torch="amin",
     examples=(Example((TABLE,), a(1, 2), (np.array([[1.0, 0], [0, 1]]),), ROWS),
               Example((a(1, 3, 1, 1),), 1.0, (a(1 / 3, 0, 1 / 3, 1 / 3),), ALL),))  # fmt: skip


def build_product(d: Draw) -> Call:
    call = build_position(d)
    x = d.values(call.args[0].shape)
    return Call([d.array(np.where(d.rng.random(x.shape) < 0.3, 0, x))], call.static, d.seed)


case(R.prod, build_product, numpy_reduction(np.prod), order=3,
     torch=lambda m, x, axis, keepdims: x.prod(axis, keepdims) if axis is not None else
     x.prod().reshape((1,) * x.ndim * keepdims),
     examples=(Example((a(0, 2, 3),), 0.0, (a(6, 0, 0),), ALL),
               Example((TABLE,), a(5, 8), (TABLE[:, ::-1],), ROWS),
               Example((TABLE,), a(5, 8), (TABLE[:, ::-1],), ROWS | {"axis": -1})))  # fmt: skip


def build_share_of_extreme(d: Draw) -> Call:
    shape = d.shape(empty=False)
    x = d.rng.integers(0, 3, shape).astype(float)
    axis = d.axes(len(shape))
    top = np.broadcast_to(x.max(axis=axis if shape else None, keepdims=True), shape)
    return Call([d.array(x), d.array(top)], {"axis": axis}, d.seed)


case(
    R.share_of_extreme, build_share_of_extreme,
    lambda x, extreme, axis: (x == extreme) / (x == extreme).sum(axis=axis if x.ndim else None, keepdims=True), order=0,
    alone="a part of PyTorch's rule of amax",
    examples=(Example((a(3, 1, 3), a(3, 3, 3)), a(0.5, 0, 0.5), static={"axis": None}),),
)  # fmt: skip


def build_position(d: Draw) -> Call:
    shape = d.shape(empty=False)
    axis = d.choose((None, *range(-len(shape), len(shape))) if shape else (None, 0, -1))
    return Call([d.array(d.rng.integers(0, 3, shape).astype(float))], {"axis": axis, "keepdims": d.boolean()}, d.seed)


case(R.argmax, build_position, numpy_reduction(np.argmax), order=0, torch="argmax",
     examples=(Example((a(1, 3, 3),), np.int64(1), static=ALL),))  # fmt: skip
case(R.argmin, build_position, numpy_reduction(np.argmin), order=0, torch="argmin",
     examples=(Example((a(3, 1, 1),), np.int64(1), static=ALL),))  # fmt: skip
case(R.all, build_truth, numpy_reduction(np.all), order=0, torch="all",
     examples=(Example((a(1, 0, 3),), np.False_, static=ALL),))
case(R.any, build_truth, numpy_reduction(np.any), order=0, torch="any",
     examples=(Example((a(0, 0, 3),), np.True_, static=ALL),))
case(R.logsumexp, lambda d: build_reduction(d, empty=False),
     lambda x, axis, keepdims: np.log(np.exp(x).sum(axis=axis, keepdims=keepdims)),
     torch=lambda m, x, axis, keepdims: m.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdims),
     examples=(Example((a(0, math.log(3)),), math.log(4), (a(0.25, 0.75),), ALL),
               Example((a(1000, 1000),), 1000 + math.log(2), (a(0.5, 0.5),), ALL),))  # fmt: skip


def reduced_count(shape: tuple[int, ...], axis: Any) -> int:
    return int(np.zeros(shape).size / max(np.zeros(shape).sum(axis=axis if shape else None).size, 1))


def build_var(d: Draw) -> Call:
    shape = d.shape(empty=False)
    axis = d.axes(len(shape))
    options = [c for c in (1, 0, 0.5, 2) if reduced_count(shape, axis) > c]
    return Call([d.values(shape)], {"axis": axis, "correction": d.choose(options), "keepdims": d.boolean()}, d.seed)


def var_oracle(x: Array, axis: Any, correction: float, keepdims: bool = False) -> Array:
    n, axis = reduced_count(x.shape, axis), axis if x.ndim else None
    return ((x - x.mean(axis=axis, keepdims=True)) ** 2).sum(axis=axis, keepdims=keepdims) / (n - correction)


case(R.var, build_var, var_oracle, torch="var",
     examples=(Example((a(1, 2, 6),), 7.0, (a(-2, -1, 3),), {"axis": None, "correction": 1, "keepdims": False}),
               Example((a(2),), np.nan, (a(np.nan),), {"axis": None, "correction": 2, "keepdims": False}, warns=True),))
