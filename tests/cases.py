"""One Case per primitive, and one per public function composed of primitives: how to call it and what must come out.

A Case gives a primitive the whole matrix of tests (matrix.py). The oracle is plain NumPy, in float64, and never the
package. Examples are written by hand: a checker and a rule can share a mistake, hand numbers do not. Look next at
matrix.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from strategies import ANYWHERE, NOT_ZERO, POSITIVE, Array, Call, Domain, Draw

from tinygrad_mnist import functions as F
from tinygrad_mnist.core.primitive import Primitive, registry
from tinygrad_mnist.nn import functional as NF
from tinygrad_mnist.ops import activation, broadcast, compare, contract, conv, pool, promotion
from tinygrad_mnist.ops import elementwise as E
from tinygrad_mnist.ops import index as I  # noqa: E741
from tinygrad_mnist.ops import layout as L
from tinygrad_mnist.ops import reduce as R
from tinygrad_mnist.ops import softmax as S

ARRAY = I.ARRAY


@dataclass(frozen=True)
class Example:
    """Numbers written by hand: arguments, result, and per argument the gradient for a cotangent of ones (or `g`)."""

    args: tuple[Any, ...]
    out: Any
    gradients: tuple[Any, ...] = ()
    static: dict[str, Any] | None = None
    g: Any = None
    warns: bool = False  # NumPy says that the result is not a number


@dataclass(frozen=True)
class Case:
    """How to test one operation. order: highest order that is compared with numeric derivatives; 0: constant.

    constant: positions of floating arguments that have no derivative. composed: not a primitive.
    """

    name: str
    call: Callable[..., Any]
    build: Callable[[Draw], Call]
    oracle: Callable[..., Any]
    order: int = 3
    constant: tuple[int, ...] = ()
    examples: tuple[Example, ...] = ()
    raw: bool = True  # the function takes raw arrays too

    @property
    def primitive(self) -> Primitive | None:
        return self.call if isinstance(self.call, Primitive) else None

    def wrt(self, args: Sequence[Any]) -> list[int]:
        """List the positions of the arguments that are differentiated."""
        if not self.order:
            return []
        floating = [i for i, x in enumerate(args) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        return [i for i in floating if i not in self.constant]


CASES: dict[str, Case] = {}


def case(name: str | Primitive, build: Callable[[Draw], Call], oracle: Callable[..., Any], **options: Any) -> None:
    """Add a Case; a primitive is its own name and call. Composed functions give `call`."""
    call = options.pop("call", name)
    name = name.name if isinstance(name, Primitive) else name
    if isinstance(call, str):
        call = registry[call.partition(":")[0]]
    assert name not in CASES, name
    CASES[name] = Case(name, call, build, oracle, **options)


def a(*values: Any) -> Array:
    """Write a float64 vector."""
    return np.array(values, dtype=np.float64)


INF = math.inf
INFINITE = a(INF, INF)  # a cotangent of which what was not chosen gets 0 all the same

# ---------------------------------------------------------------- elementwise, one argument


def unary(primitive: Primitive, oracle: Callable[[Array], Array], domain: Domain = ANYWHERE, **options: Any) -> None:
    case(primitive, lambda d: Call([d.values(d.shape(), domain)], {}, d.seed), oracle, **options)


unary(E.negative, lambda x: -x, examples=(Example((a(1, -2),), a(-1, 2), (a(-1, -1),)),))
unary(E.absolute, np.abs, NOT_ZERO, order=2, examples=(Example((a(-3, 0, 2),), a(3, 0, 2), (a(-1, 0, 1),)),))
unary(
    E.sign, np.sign, NOT_ZERO, order=2,
    examples=(
        Example((a(-3, 0, 2),), a(-1, 0, 1), (a(0, 0, 0),)),
        Example((a(-3, 2),), a(-1, 1), (a(0, 0),), g=INFINITE),
    ),
)  # fmt: skip
unary(E.square, lambda x: x * x, examples=(Example((a(-3, 0.5),), a(9, 0.25), (a(-6, 1),)),))
unary(E.sqrt, np.sqrt, POSITIVE, examples=(Example((a(4, 0.25),), a(2, 0.5), (a(0.25, 1),)),))
unary(E.reciprocal, lambda x: 1 / x, POSITIVE, examples=(Example((a(2, -4),), a(0.5, -0.25), (a(-0.25, -0.0625),)),))
unary(E.exp, np.exp, examples=(Example((a(0, math.log(2)),), a(1, 2), (a(1, 2),)),))
unary(E.expm1, np.expm1, examples=(Example((a(0, math.log(2), 1e-20),), a(0, 1, 1e-20), (a(1, 2, 1),)),))
unary(E.log, np.log, POSITIVE, examples=(Example((a(1, 4),), a(0, 2 * math.log(2)), (a(1, 0.25),)),))
unary(
    E.log1p, np.log1p, Domain(-0.6, 3.0),
    examples=(Example((a(0, 3, 1e-20),), a(0, math.log(4), 1e-20), (a(1, 0.25, 1),)),),
)  # fmt: skip
unary(E.sin, np.sin, examples=(Example((a(0, math.pi / 6),), a(0, 0.5), (a(1, math.sqrt(0.75)),)),))
unary(E.cos, np.cos, examples=(Example((a(0, math.pi / 6),), a(1, math.sqrt(0.75)), (a(0, -0.5),)),))
unary(
    E.erf, lambda x: np.vectorize(math.erf, [float])(x),
    examples=(Example((a(0, 0.5, -2),), a(0, 0.5204998778130465, -0.9953222650189527),
                      (a(1.1283791670955126, 0.8787825789354448, 0.02066698535409205),)),),
)  # fmt: skip
unary(activation.tanh, np.tanh, examples=(Example((a(0, math.log(2)),), a(0, 0.6), (a(1, 0.64),)),))
unary(
    activation.sigmoid, lambda x: 1 / (1 + np.exp(-x)), Domain(-4.0, 4.0),
    examples=(
        Example((a(0, math.log(3)),), a(0.5, 0.75), (a(0.25, 0.1875),)),
        Example((a(-1000, 1000),), a(0, 1), (a(0, 0),)),
    ),
)  # fmt: skip
unary(
    activation.relu, lambda x: np.maximum(x, 0), NOT_ZERO, order=2,
    examples=(Example((a(-1, 0, 2),), a(0, 0, 2), (a(0, 0, 1),)),),
)  # fmt: skip


def build_keep(d: Draw) -> Call:
    shape = d.shape()
    return Call([d.values(shape), d.integers(0, 2, shape).astype(bool)], {}, d.seed)


case(
    activation.keep, build_keep, lambda x, mask: np.where(mask, x, 0),
    examples=(
        Example((a(5, 6, 7), np.array([False, False, True])), a(0, 0, 7), (a(0, 0, 3),), g=a(1, 2, 3)),
        Example((a(np.inf, np.nan, -np.inf), np.array([False, False, True])), a(0, 0, -np.inf), (a(0, 0, 1),)),
    ),
)  # fmt: skip
unary(E.clone, lambda x: x, examples=(Example((a(1, 2),), a(1, 2), (a(1, 1),)),))
unary(compare.isnan, np.isnan, order=0, examples=(Example((a(1, np.nan, np.inf),), np.array([False, True, False])),))
unary(
    compare.isfinite, np.isfinite, order=0, examples=(Example((a(1, np.nan, np.inf),), np.array([True, False, False])),)
)
case(
    compare.logical_not,
    lambda d: Call([d.integers(0, 2, d.shape()).astype(bool)], {}, d.seed),
    np.logical_not,
    order=0,
    examples=(Example((np.array([True, False]),), np.array([False, True])),),
)  # fmt: skip


def build_cast(d: Draw) -> Call:
    target = d.choose((np.float64, np.float32)) if not d.exact else np.float64
    return Call([d.values(d.shape())], {"dtype": np.dtype(target)}, d.seed)


case(
    promotion.cast, build_cast, lambda x, dtype: x.astype(dtype),
    examples=(Example((a(1, 2),), np.array([1, 2], np.float32), (a(1, 1),), {"dtype": np.dtype(np.float32)}),),
)  # fmt: skip


def build_power_scalar(d: Draw) -> Call:
    exponent = d.choose((2, 3, 0.5, -1, 1, 0, -2, 2.5, 4))
    whole = isinstance(exponent, int) and exponent >= 0
    return Call([d.values(d.shape(), ANYWHERE if whole else POSITIVE)], {"exponent": exponent}, d.seed)


case(
    E.power_scalar, build_power_scalar, lambda x, exponent: x**exponent,
    examples=(
        Example((a(-2, 0, 3),), a(-8, 0, 27), (a(12, 0, 27),), {"exponent": 3}),
        Example((a(-2, 0, 3),), a(1, 1, 1), (a(0, 0, 0),), {"exponent": 0}),
        Example((a(-2, 3),), a(1, 1), (a(0, 0),), {"exponent": 0}, g=INFINITE),
        Example((a(-2, 0, 3),), a(-2, 0, 3), (a(1, 1, 1),), {"exponent": 1}),
        Example((a(4, 0.25),), a(0.5, 2), (a(-0.0625, -4),), {"exponent": -0.5}),
    ),
)  # fmt: skip
case(
    "power_scalar: exponent 0", lambda d: Call([d.values(d.shape())], {"exponent": 0}, d.seed),
    lambda x, exponent: x**exponent, call=E.power_scalar,
)  # fmt: skip


def build_clamp(d: Draw) -> Call:
    low, high = d.choose(((-1.0, 1.0), (None, 1.0), (-1.0, None), (1.0, -1.0)))
    return Call([d.values(d.shape(), Domain(-2, 2, (-1.0, 1.0)))], {"low": low, "high": high}, d.seed)


case(
    compare.clamp, build_clamp, lambda x, low, high: np.clip(x, low, high), order=2,
    examples=(
        Example((a(-2, -1, 0, 1, 2),), a(-1, -1, 0, 1, 1), (a(0, 1, 1, 1, 0),), {"low": -1.0, "high": 1.0}),
        Example((a(-2, 2),), a(-2, 1), (a(1, 0),), {"low": None, "high": 1.0}),
        Example((a(0, 2),), a(0, 1), (a(INF, 0),), {"low": -1.0, "high": 1.0}, g=INFINITE),
        Example((a(1, 2),), a(1, 1), (a(1, 0),), {"low": 1.0, "high": 1.0}),
        # between bounds that are exchanged lies nothing, not even the result itself
        Example((a(-1, 0),), a(-1, -1), (a(0, 0),), {"low": 1.0, "high": -1.0}, g=INFINITE),
    ),
)  # fmt: skip


# ---------------------------------------------------------------- elementwise, several arguments


def two(d: Draw, left: Domain = ANYWHERE, right: Domain = ANYWHERE) -> Call:
    first, second = d.broadcasting(2)
    return Call([d.values(first, left), d.values(second, right)], {}, d.seed)


def apart(d: Draw) -> Call:
    first, second = d.broadcasting(2)
    return Call([d.distinct(first), d.distinct(second, offset=0.1)], {}, d.seed)


def tied(d: Draw) -> Call:
    """Draw whole numbers, so that comparisons meet equal elements."""
    first, second = d.broadcasting(2)
    return Call([d.array(d.rng.integers(0, 3, s).astype(float)) for s in (first, second)], {}, d.seed)


case(E.add, two, np.add, examples=(Example((a(1, 2), a(10)), a(11, 12), (a(1, 1), a(2))),))
case(E.subtract, two, np.subtract, examples=(Example((a(1, 2), a(10)), a(-9, -8), (a(1, 1), a(-2))),))
case(E.multiply, two, np.multiply, examples=(Example((a(2, 3), a(10)), a(20, 30), (a(10, 10), a(5))),))
case(
    E.divide, lambda d: two(d, right=POSITIVE), np.divide,
    examples=(Example((a(2, 3), a(-4)), a(-0.5, -0.75), (a(-0.25, -0.25), a(-0.3125))),),
)  # fmt: skip
case(
    E.power, lambda d: two(d, left=POSITIVE), np.power,
    examples=(
        Example((a(2, 4), a(3, 0.5)), a(8, 2), (a(12, 0.25), a(8 * math.log(2), 2 * math.log(4)))),
        # 0 ** 0 = 1, and no derivative there is NaN
        Example((a(0, 0, 0), a(0, 1, 2)), a(1, 0, 0), (a(0, 1, 0), a(0, 0, 0))),
        # 0 ** -1 is infinite, as are both its derivatives; a ** 0 is constant, beside an infinite cotangent too
        Example((a(0), a(-1)), a(INF), (a(-INF), a(-INF)), warns=True),
        Example((a(2, 3), a(0, 0)), a(1, 1), (a(0, 0), a(INF, INF)), g=INFINITE, warns=True),
    ),
)  # fmt: skip
case(
    # d²/da db of a^b is 1 / a where b = 0: a rule that replaces the exponent there is wrong at order 2
    "power: exponent 0", lambda d: Call([d.values((3,), POSITIVE), d.array(np.zeros(3))], {}, d.seed), np.power,
    call=E.power,
)  # fmt: skip
case(
    compare.maximum, apart, np.maximum, order=2,
    examples=(
        Example((a(1, 2, 3), a(3, 2, 1)), a(3, 2, 3), (a(0, 2, 6), a(2, 2, 0)), g=a(2, 4, 6)),
        Example((a(1, 3), a(3, 1)), a(3, 3), (a(0, INF), a(INF, 0)), g=INFINITE),
    ),
)  # fmt: skip
case(
    compare.minimum, apart, np.minimum, order=2,
    examples=(
        Example((a(1, 2, 3), a(3, 2, 1)), a(1, 2, 1), (a(2, 2, 0), a(0, 2, 6)), g=a(2, 4, 6)),
        Example((a(1, 3), a(3, 1)), a(1, 1), (a(INF, 0), a(0, INF)), g=INFINITE),
    ),
)  # fmt: skip
case(compare.equal, tied, np.equal, order=0, examples=(Example((a(1, 2), a(2, 2)), np.array([False, True])),))
case(compare.not_equal, tied, np.not_equal, order=0, examples=(Example((a(1, 2), a(2, 2)), np.array([True, False])),))
case(compare.less, tied, np.less, order=0, examples=(Example((a(1, 2), a(2, 2)), np.array([True, False])),))
case(compare.less_equal, tied, np.less_equal, order=0, examples=(Example((a(3, 2), a(2, 2)), np.array([False, True])),))
case(compare.greater, tied, np.greater, order=0, examples=(Example((a(3, 2), a(2, 2)), np.array([True, False])),))
case(
    compare.greater_equal,
    tied,
    np.greater_equal,
    order=0,
    examples=(Example((a(1, 2), a(2, 2)), np.array([False, True])),),
)


def flags(d: Draw) -> Call:
    first, second = d.broadcasting(2)
    return Call([d.integers(0, 2, first).astype(bool), d.integers(0, 2, second).astype(bool)], {}, d.seed)


BITS = np.array([False, False, True, True]), np.array([False, True, False, True])
case(
    compare.logical_and,
    flags,
    np.logical_and,
    order=0,
    examples=(Example(BITS, np.array([False, False, False, True])),),
)
case(compare.logical_or, flags, np.logical_or, order=0, examples=(Example(BITS, np.array([False, True, True, True])),))


def build_where(d: Draw) -> Call:
    condition, first, second = d.broadcasting(3)
    return Call([d.integers(0, 2, condition).astype(bool), d.values(first), d.values(second)], {}, d.seed)


case(
    compare.where, build_where, np.where,
    examples=(Example((np.array([True, False]), a(1, 2), a(5)), a(1, 5), (None, a(1, 0), a(1))),),
)  # fmt: skip


def build_dropout(d: Draw) -> Call:
    shape = d.shape()
    return Call([d.values(shape), d.array(2.0 * d.rng.integers(0, 2, shape))], {}, d.seed)


case(
    activation.dropout, build_dropout, np.multiply, constant=(1,),
    examples=(Example((a(1, 3), a(0, 2)), a(0, 6), (a(0, 2),)),),
)  # fmt: skip


# ---------------------------------------------------------------- broadcasting


def build_broadcast_to(d: Draw) -> Call:
    shape = d.shape()
    stretched = tuple(3 if size == 1 and d.boolean() else size for size in shape)
    lead = d.choose(((), (2,), (2, 1)))
    return Call([d.values(shape)], {"shape": lead + stretched}, d.seed)


case(
    broadcast.broadcast_to, build_broadcast_to, lambda x, shape: np.zeros(shape) + x,
    examples=(Example((a(1, 2),), np.array([[1.0, 2], [1, 2]]), (a(2, 2),), {"shape": (2, 2)}),),
)  # fmt: skip


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


case(
    broadcast.sum_to, build_sum_to, sum_to_oracle,
    examples=(Example((np.array([[1.0, 2], [3, 4]]),), a(4, 6), (np.ones((2, 2)),), {"shape": (2,)}),),
)  # fmt: skip


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

case(R.sum, build_reduction, numpy_reduction(np.sum), examples=(Example((TABLE,), a(6, 6), (np.ones((2, 2)),), ROWS),))
case(
    R.mean, lambda d: build_reduction(d, empty=False), numpy_reduction(np.mean),
    examples=(Example((TABLE,), 3.0, (np.full((2, 2), 0.25),), ALL),),
)  # fmt: skip
case(
    R.amax, lambda d: build_reduction(d, empty=False, distinct=True), numpy_reduction(np.max), order=2,
    examples=(
        Example((TABLE,), a(5, 4), (np.array([[0.0, 1], [1, 0]]),), ROWS),
        Example((a(3, 1, 3),), 3.0, (a(0.5, 0, 0.5),), ALL),
    ),
)  # fmt: skip
case(
    R.amin, lambda d: build_reduction(d, empty=False, distinct=True), numpy_reduction(np.min), order=2,
    examples=(
        Example((TABLE,), a(1, 2), (np.array([[1.0, 0], [0, 1]]),), ROWS),
        Example((a(1, 3, 1, 1),), 1.0, (a(1 / 3, 0, 1 / 3, 1 / 3),), ALL),
    ),
)  # fmt: skip


def build_share_of_extreme(d: Draw) -> Call:
    shape = d.shape(empty=False)
    x = d.rng.integers(0, 3, shape).astype(float)
    axis = d.axes(len(shape))
    top = np.broadcast_to(x.max(axis=axis if shape else None, keepdims=True), shape)
    return Call([d.array(x), d.array(top)], {"axis": axis}, d.seed)


case(
    R.share_of_extreme, build_share_of_extreme,
    lambda x, extreme, axis: (x == extreme) / (x == extreme).sum(axis=axis if x.ndim else None, keepdims=True), order=0,
    examples=(Example((a(3, 1, 3), a(3, 3, 3)), a(0.5, 0, 0.5), static={"axis": None}),),
)  # fmt: skip


def build_position(d: Draw) -> Call:
    shape = d.shape(empty=False)
    axis = d.choose((None, *range(-len(shape), len(shape))) if shape else (None, 0, -1))
    return Call([d.array(d.rng.integers(0, 3, shape).astype(float))], {"axis": axis, "keepdims": d.boolean()}, d.seed)


case(
    R.argmax, build_position, numpy_reduction(np.argmax), order=0,
    examples=(Example((a(1, 3, 3),), np.int64(1), static=ALL),),
)  # fmt: skip
case(
    R.argmin, build_position, numpy_reduction(np.argmin), order=0,
    examples=(Example((a(3, 1, 1),), np.int64(1), static=ALL),),
)  # fmt: skip
case(
    R.all, build_truth, numpy_reduction(np.all), order=0, examples=(Example((a(1, 0, 3),), np.False_, static=ALL),)
)
case(
    R.any, build_truth, numpy_reduction(np.any), order=0, examples=(Example((a(0, 0, 3),), np.True_, static=ALL),)
)
case(
    R.logsumexp, lambda d: build_reduction(d, empty=False),
    lambda x, axis, keepdims: np.log(np.exp(x).sum(axis=axis, keepdims=keepdims)),
    examples=(
        Example((a(0, math.log(3)),), math.log(4), (a(0.25, 0.75),), ALL),
        Example((a(1000, 1000),), 1000 + math.log(2), (a(0.5, 0.5),), ALL),
    ),
)  # fmt: skip


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


case(
    R.var, build_var, var_oracle,
    examples=(
        Example((a(1, 2, 6),), 7.0, (a(-2, -1, 3),), {"axis": None, "correction": 1, "keepdims": False}),
        Example((a(2),), np.nan, (a(np.nan),), {"axis": None, "correction": 2, "keepdims": False}, warns=True),
    ),
)  # fmt: skip


# ---------------------------------------------------------------- layout


def build_reshape(d: Draw) -> Call:
    shape = d.shape()
    size = math.prod(shape)
    options: list[Any] = [(size,), (1, size), shape[::-1], (size, 1, 1)]
    options += [(-1,), (1, -1)] if size else []
    return Call([d.values(shape)], {"shape": d.choose(options)}, d.seed)


case(
    L.reshape, build_reshape, lambda x, shape: x.reshape(shape),
    examples=(Example((a(1, 2),), np.array([[1.0], [2]]), (a(1, 1),), {"shape": (2, 1)}),),
)  # fmt: skip


def build_transpose(d: Draw) -> Call:
    shape = d.shape()
    ndim = len(shape)
    axes = d.choose(list(map(tuple, {(*range(ndim),), (*range(1, ndim), 0)[:ndim], (*reversed(range(ndim)),)})))
    return Call([d.values(shape)], {"axes": tuple(i - ndim if d.boolean() else i for i in axes)}, d.seed)


case(
    L.transpose, build_transpose, lambda x, axes: np.einsum(x, list(range(x.ndim)), [i % max(x.ndim, 1) for i in axes]),
    examples=(
        Example((np.array([[1.0, 2]]),), np.array([[1.0], [2]]), (np.array([[3.0, 4]]),), {"axes": (1, 0)},
                g=np.array([[3.0], [4]])),
    ),
)  # fmt: skip


def build_flip(d: Draw) -> Call:
    shape = d.shape()
    axes = range(-len(shape), len(shape))
    axis = d.choose([(), *((i,) for i in axes), *([(0, -1)] if len(shape) > 1 else [])])
    return Call([d.values(shape)], {"axis": axis}, d.seed)


def flip_oracle(x: Array, axis: tuple[int, ...]) -> Array:
    flipped = [i % x.ndim for i in axis]
    return x[tuple(slice(None, None, -1 if i in flipped else 1) for i in range(x.ndim))]


case(L.flip, build_flip, flip_oracle, examples=(Example((a(1, 2),), a(2, 1), (a(4, 3),), {"axis": (0,)}, g=a(3, 4)),))


def build_pad(d: Draw) -> Call:
    shape = tuple(size + 2 for size in d.shape(empty=False))
    width = tuple(d.choose(((0, 0), (1, 2), (2, 0), (-1, 1), (0, -2), (-1, -1))) for _ in shape)
    return Call([d.values(shape)], {"width": width, "value": d.choose((0.0, 3.0))}, d.seed)


def pad_oracle(x: Array, width: Any, value: float) -> Array:
    grown = [(max(before, 0), max(after, 0)) for before, after in width]
    wider = np.pad(x, grown, constant_values=value) if width else x
    ends = [size + min(after, 0) for (_, after), size in zip(width, wider.shape, strict=True)]
    return wider[tuple(slice(max(-before, 0), end) for (before, _), end in zip(width, ends, strict=True))]


case(
    L.pad, build_pad, pad_oracle,
    examples=(
        Example((a(1, 2),), a(9, 1, 2, 9, 9), (a(1, 1),), {"width": ((1, 2),), "value": 9.0}),
        Example((a(1, 2, 3),), a(2, 3, 0), (a(0, 4, 5),), {"width": ((-1, 1),), "value": 0.0}, g=a(4, 5, 6)),
    ),
)  # fmt: skip


def pieces(d: Draw) -> tuple[list[Array], int]:
    shape = list(d.shape(least=1))
    axis = d.axis(len(shape))
    arrays = []
    for _ in range(d.choose((2, 1, 3))):
        shape[axis] = d.choose((2, 1, 3) if d.exact else (2, 1, 3, 0))
        arrays.append(d.values(tuple(shape)))
    return arrays, axis


def build_cat(d: Draw) -> Call:
    arrays, axis = pieces(d)
    return Call(arrays, {"axis": axis}, d.seed)


case(
    L.cat, build_cat, lambda *xs, axis: np.concatenate(xs, axis),
    examples=(Example((a(1), a(2, 3)), a(1, 2, 3), (a(4), a(5, 6)), {"axis": 0}, g=a(4, 5, 6)),),
)  # fmt: skip


# ---------------------------------------------------------------- index

# (shape, static index, index arrays): every kind of index, with elements named twice where arrays allow it
INDICES: list[tuple[tuple[int, ...], tuple[Any, ...], list[Any]]] = [
    ((), (Ellipsis,), []),
    ((), (None,), []),
    ((4,), (slice(1, 3),), []),
    ((4,), (-1,), []),
    ((4, 3), (slice(None, None, -2), 1), []),
    ((4, 3), (Ellipsis, None, slice(0, 2)), []),
    ((2, 3, 2), (1, Ellipsis, 0), []),
    ((4,), (ARRAY,), [[0, 2, 2, -1]]),
    ((4, 3), (ARRAY,), [[[3, 0], [0, 0]]]),
    ((4, 3), (slice(None), ARRAY), [[1, 1]]),
    ((4, 3), (ARRAY, ARRAY), [[[0], [3]], [2, 2]]),
    ((4, 3), (ARRAY, slice(1, None)), [[1, 3, 1]]),
    ((4, 3), (ARRAY,), [[True, False, True, True]]),
    ((2, 3), (ARRAY,), [[[True, False, True], [False, False, True]]]),
    ((2, 3), (slice(None), ARRAY), [[False, False, False]]),
    ((2, 3), (ARRAY, ARRAY), [[True, False], [1, 1]]),
    ((0, 3), (slice(None), 1), []),
]


def draw_index(d: Draw) -> tuple[tuple[int, ...], tuple[Any, ...], list[Array]]:
    chosen = [i for i in INDICES if d.kind == "any" or (not i[0] if d.kind == "scalar" else 0 in i[0])]
    shape, index, arrays = d.choose(chosen)
    return shape, index, [np.array(x) for x in arrays]


def build_getitem(d: Draw) -> Call:
    shape, index, arrays = draw_index(d)
    return Call([d.values(shape), *arrays], {"index": index}, d.seed)


def build_put(d: Draw) -> Call:
    shape, index, arrays = draw_index(d)
    part = np.zeros(shape)[I.fill(index, tuple(arrays))].shape
    return Call([d.values(part), *arrays], {"index": index, "shape": shape}, d.seed)


def put_oracle(x: Array, *arrays: Array, index: Any, shape: tuple[int, ...]) -> Array:
    positions = np.arange(math.prod(shape)).reshape(shape)[I.fill(index, arrays)]
    return np.bincount(np.ravel(positions), np.ravel(x), math.prod(shape)).reshape(shape).astype(float)


def build_setitem(d: Draw) -> Call:
    shape, index, arrays = draw_index(d)
    part = np.zeros(shape)[I.fill(index, tuple(arrays))].shape
    value = d.choose([part, (), (1, *part), tuple(1 for _ in part)])
    return Call([d.values(shape), d.values(value), *arrays], {"index": index}, d.seed)


def setitem_oracle(x: Array, value: Array, *arrays: Array, index: Any) -> Array:
    positions = np.arange(x.size).reshape(x.shape)[I.fill(index, arrays)]
    value = value.reshape(value.shape[max(value.ndim - np.ndim(positions), 0) :])
    out = np.array(x, float).reshape(-1)
    for at, v in zip(np.ravel(positions), np.ravel(np.broadcast_to(value, np.shape(positions))), strict=True):
        out[at] = v
    return out.reshape(x.shape)


case(
    I.getitem, build_getitem, lambda x, *arrays, index: x[I.fill(index, arrays)],
    examples=(Example((a(5, 6, 7), np.array([2, 0, 2])), a(7, 5, 7), (a(1, 0, 2),), {"index": (ARRAY,)}),),
)  # fmt: skip
case(
    I.put, build_put, put_oracle,
    examples=(
        Example((a(5, 6, 7), np.array([2, 0, 2])), a(6, 0, 12), (a(3, 1, 3),), {"index": (ARRAY,), "shape": (3,)},
                g=a(1, 2, 3)),
        # a mask beside another array can name an element twice
        Example((a(5, 6), np.array([True, False]), np.array([1, 1])), np.array([[0.0, 11], [0, 0]]), (a(2, 2),),
                {"index": (ARRAY, ARRAY), "shape": (2, 2)}, g=np.full((2, 2), 2.0)),
    ),
)  # fmt: skip
case(
    I.setitem, build_setitem, setitem_oracle,
    examples=(
        Example((a(5, 6), a(1)), a(5, 1), (a(1, 0), a(1)), {"index": (-1,)}),
        Example((a(5, 6, 7), a(1)), a(1, 1, 7), (a(0, 0, 1), a(2)), {"index": (slice(0, 2),)}),
        # an element named twice keeps the last value, and only that one has a gradient
        Example((a(5, 6, 7), a(1, 2), np.array([0, 0])), a(2, 6, 7), (a(0, 1, 1), a(0, 1)), {"index": (ARRAY,)}),
    ),
)  # fmt: skip


def stays_oracle(x: Array, *arrays: Array, index: Any) -> Array:
    positions = np.arange(x.size).reshape(x.shape)[I.fill(index, arrays)]
    later = np.ravel(positions).tolist()
    return np.array([at not in later[i + 1 :] for i, at in enumerate(later)], float).reshape(np.shape(positions))


case(
    I.stays, build_getitem, stays_oracle, order=0,
    examples=(Example((a(5, 6, 7), np.array([2, 0, 2])), a(0, 1, 1), static={"index": (ARRAY,)}),),
)  # fmt: skip


def draw_along(d: Draw) -> tuple[tuple[int, ...], Array, int]:
    shape = d.shape(least=1, empty=False)
    axis = d.axis(len(shape))
    picked = [d.choose((1, size)) for size in shape]
    picked[axis] = d.choose((2, 3) if d.kind != "empty" else (0,))
    return shape, d.integers(0, shape[axis], tuple(picked)), axis


def build_gather(d: Draw) -> Call:
    shape, index, axis = draw_along(d)
    return Call([d.values(shape), index], {"axis": axis}, d.seed)


def gather_oracle(x: Array, index: Array, axis: int) -> Array:
    out = np.zeros(index.shape)
    for at in np.ndindex(index.shape):
        source = list(at)
        source[axis] = index[at]
        out[at] = x[tuple(source)]
    return out


def build_scatter(d: Draw) -> Call:
    shape, index, axis = draw_along(d)
    return Call([d.values(index.shape), index], {"axis": axis, "shape": shape}, d.seed)


def scatter_oracle(x: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
    out = np.zeros(shape)
    for at in np.ndindex(index.shape):
        target = list(at)
        target[axis] = index[at]
        out[tuple(target)] += x[at]
    return out


PICK = np.array([[1], [0]])
case(
    I.gather, build_gather, gather_oracle,
    examples=(Example((TABLE, PICK), np.array([[5.0], [4]]), (np.array([[0.0, 1], [1, 0]]),), {"axis": 1}),),
)  # fmt: skip
case(
    I.scatter, build_scatter, scatter_oracle,
    examples=(
        Example((np.array([[7.0], [8]]), PICK), np.array([[0.0, 7], [8, 0]]), (np.array([[5.0], [4]]),),
                {"axis": 1, "shape": (2, 2)}, g=TABLE),
    ),
)  # fmt: skip


# ---------------------------------------------------------------- products


def build_matmul(d: Draw) -> Call:
    rows, inner, columns = (d.choose((2, 3, 1) if d.kind != "empty" else (2, 0)) for _ in range(3))
    left, right = d.broadcasting(2, 0, 2)
    return Call([d.values((*left, rows, inner)), d.values((*right, inner, columns))], {}, d.seed)


case(
    contract.matmul, build_matmul, lambda x, y: np.einsum("...ik,...kj->...ij", x, y),
    examples=(
        Example((np.array([[1.0, 2]]), np.array([[3.0, 4], [5, 6]])), np.array([[13.0, 16]]),
                (np.array([[7.0, 11]]), np.array([[1.0, 1], [2, 2]]))),
    ),
)  # fmt: skip


def build_linear(d: Draw) -> Call:
    features, outputs = d.choose((3, 2, 1)), d.choose((2, 4))
    bias = d.values((outputs,)) if d.boolean() else None
    lead = d.shape(0, 2)
    return Call([d.values((*lead, features)), d.values((outputs, features)), bias], {}, d.seed)


def linear_oracle(x: Array, w: Array, b: Array | None) -> Array:
    return np.einsum("...i,oi->...o", x, w) + (0 if b is None else b)


case(
    contract.linear, build_linear, linear_oracle,
    examples=(
        Example((np.array([[1.0, 2]]), np.array([[3.0, 4], [5, 6]]), a(10, 20)), np.array([[21.0, 37]]),
                (np.array([[8.0, 10]]), np.array([[1.0, 2], [1, 2]]), a(1, 1))),
    ),
)  # fmt: skip


# ---------------------------------------------------------------- softmax and its losses


def build_softmax(d: Draw, name: str = "axis", empty: bool = True) -> Call:
    shape = d.shape(least=1, empty=empty)
    return Call([d.values(shape)], {name: d.axis(len(shape))}, d.seed)


def softmax_oracle(x: Array, axis: int) -> Array:
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


THIRDS = a(0, math.log(2))
case(
    S.softmax, build_softmax, softmax_oracle,
    examples=(
        Example((THIRDS,), a(1 / 3, 2 / 3), (a(2 / 9, -2 / 9),), {"axis": 0}, g=a(1, 0)),
        Example((a(1000, 1000),), a(0.5, 0.5), (a(0, 0),), {"axis": -1}),
    ),
)  # fmt: skip
case(
    S.log_softmax, build_softmax, lambda x, axis: np.log(softmax_oracle(x, axis)),
    examples=(Example((THIRDS,), a(-math.log(3), math.log(2 / 3)), (a(2 / 3, -2 / 3),), {"axis": 0}, g=a(1, 0)),),
)  # fmt: skip


def rows_and_classes(d: Draw) -> tuple[Array, Array]:
    rows, classes = d.choose((3, 2, 1) if d.kind != "empty" else (0,)), d.choose((3, 4, 1))
    return d.values((rows, classes)), d.integers(0, classes, (rows,))


SMOOTHING = (0.0, 0.1)


def smooth_one_hot(target: Array, classes: int, smoothing: float) -> Array:
    return (1 - smoothing) * np.eye(classes)[target] + smoothing / classes


def losses_oracle(x: Array, target: Array, smoothing: float) -> Array:
    wanted = smooth_one_hot(target, x.shape[1], smoothing)
    return -np.array([np.log(softmax_oracle(row, -1)) @ t for row, t in zip(x, wanted, strict=True)], float)


case(
    S.cross_entropy,
    lambda d: Call([*rows_and_classes(d)], {"smoothing": d.choose(SMOOTHING)}, d.seed), losses_oracle,
    examples=(
        Example((THIRDS[None], np.array([1])), a(math.log(1.5)), (np.array([[1 / 3, -1 / 3]]),), {"smoothing": 0.0}),
        # half of the mass on the target, the other half spread over both: (3/4) log(3/2) + (1/4) log 3
        Example((THIRDS[None], np.array([1])), a(0.75 * math.log(1.5) + 0.25 * math.log(3)),
                (np.array([[1 / 3 - 1 / 4, 2 / 3 - 3 / 4]]),), {"smoothing": 0.5}),
    ),
)  # fmt: skip


def build_less_one_hot(d: Draw) -> Call:
    p, target = rows_and_classes(d)
    return Call([p, d.values(target.shape), target], {"smoothing": d.choose(SMOOTHING)}, d.seed)


case(
    S.less_one_hot, build_less_one_hot,
    lambda p, s, target, smoothing: s[:, None] * (p - smooth_one_hot(target, p.shape[1], smoothing)),
    examples=(
        Example((np.array([[0.25, 0.75]]), a(4), np.array([1])), np.array([[1.0, -1]]), (np.array([[4.0, 4]]), a(0)),
                {"smoothing": 0.0}),
        Example((np.array([[0.5, 0.75]]), a(4), np.array([1])), np.array([[2.0, -1]]), (np.array([[4.0, 8]]), a(0)),
                {"smoothing": 0.0}, g=np.array([[1.0, 2]])),
        Example((np.array([[0.5, 0.75]]), a(4), np.array([1])), np.array([[1.0, 0]]), (np.array([[4.0, 8]]), a(0.25)),
                {"smoothing": 0.5}, g=np.array([[1.0, 2]])),
    ),
)  # fmt: skip
case(
    S.pick, lambda d: Call([*rows_and_classes(d)], {}, d.seed),
    lambda x, target: np.array([row[t] for row, t in zip(x, target, strict=True)], float),
    examples=(Example((TABLE, np.array([1, 0])), a(5, 4), (np.array([[0.0, 1], [1, 0]]),)),),
)  # fmt: skip


# ---------------------------------------------------------------- convolution and pooling

# (stride, padding, dilation, groups): each differs from the others in every place, so that no two can be confused
GEOMETRIES = [
    ((2, 1), (1, 2), (1, 2), 1),
    ((1, 1), (0, 0), (1, 1), 1),
    ((1, 2), (0, 1), (2, 1), 2),
    ((1, 3), (2, 0), (1, 1), 2),
]


def windows(shape: tuple[int, ...], w: Array, geometry: dict[str, Any]) -> Any:
    """Yield, per output position and group, where it is, what it sees in the padded image, and its channels."""
    (sh, sw), (ph, pw), (dh, dw), groups = (geometry[k] for k in ("stride", "padding", "dilation", "groups"))
    kh, kw = w.shape[2:]
    oh, ow = (shape[2] + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (shape[3] + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    for i, j, group in product(range(oh), range(ow), range(groups)):
        outs = slice(group * w.shape[0] // groups, (group + 1) * w.shape[0] // groups)
        ins = slice(group * w.shape[1], (group + 1) * w.shape[1])
        rows, columns = slice(i * sh, i * sh + dh * (kh - 1) + 1, dh), slice(j * sw, j * sw + dw * (kw - 1) + 1, dw)
        yield (slice(None), outs, i, j), (slice(None), ins, rows, columns), outs, (oh, ow)


def padded(x: Array, geometry: dict[str, Any]) -> Array:
    (ph, pw) = geometry["padding"]
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))


def conv2d_oracle(x: Array, w: Array, b: Array | None, **geometry: Any) -> Array:
    wide = padded(x, geometry)
    _, _, _, size = next(iter(windows(x.shape, w, geometry)))
    out = np.zeros((x.shape[0], w.shape[0], *size))
    for at, seen, outs, _ in windows(x.shape, w, geometry):
        out[at] = np.einsum("ncpq,ocpq->no", wide[seen], w[outs])
    return out + (0 if b is None else b[:, None, None])


def input_gradient_oracle(y: Array, w: Array, x_shape: tuple[int, ...], **geometry: Any) -> Array:
    wide = padded(np.zeros(x_shape), geometry)
    for at, seen, outs, _ in windows(x_shape, w, geometry):
        wide[seen] += np.einsum("no,ocpq->ncpq", y[at], w[outs])
    (ph, pw) = geometry["padding"]
    return wide[:, :, ph : ph + x_shape[2], pw : pw + x_shape[3]]


def weight_gradient_oracle(y: Array, x: Array, w_shape: tuple[int, ...], **geometry: Any) -> Array:
    out, wide = np.zeros(w_shape), padded(x, geometry)
    for at, seen, outs, _ in windows(x.shape, out, geometry):
        out[outs] += np.einsum("no,ncpq->ocpq", y[at], wide[seen])
    return out


def draw_conv(d: Draw) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
    stride, padding, dilation, groups = d.choose(GEOMETRIES)
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    images = d.choose((2, 1)) if d.kind != "empty" else 0
    x = d.values((images, d.choose((1, 2)) * groups, 4, 5))
    w = d.values((2 * groups if d.boolean() else groups, x.shape[1] // groups, d.choose((2, 1)), d.choose((2, 3))))
    out = conv2d_oracle(x, w, None, **geometry)
    return x, w, d.values((w.shape[0],)), d.values(out.shape), geometry


def build_conv2d(d: Draw) -> Call:
    x, w, b, _, geometry = draw_conv(d)
    return Call([x, w, b if d.boolean() else None], geometry, d.seed)


def build_input_gradient(d: Draw) -> Call:
    x, w, _, y, geometry = draw_conv(d)
    return Call([y, w], {"x_shape": x.shape, **geometry}, d.seed)


def build_weight_gradient(d: Draw) -> Call:
    x, w, _, y, geometry = draw_conv(d)
    return Call([y, x], {"w_shape": w.shape, **geometry}, d.seed)


PLAIN = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
IMAGE, FILTER = a(1, 2, 3).reshape(1, 1, 1, 3), a(10, 1).reshape(1, 1, 1, 2)
case(
    conv.conv2d, build_conv2d, conv2d_oracle,
    examples=(
        Example((IMAGE, FILTER, a(0.5)), a(12.5, 23.5).reshape(1, 1, 1, 2),
                (a(10, 11, 1).reshape(1, 1, 1, 3), a(3, 5).reshape(1, 1, 1, 2), a(2)), PLAIN),
    ),
)  # fmt: skip
SHARES = a(1, 2).reshape(1, 1, 1, 2)
case(
    conv.conv2d_input_gradient, build_input_gradient, input_gradient_oracle,
    examples=(
        Example((SHARES, FILTER), a(10, 21, 2).reshape(1, 1, 1, 3),
                (a(11, 11).reshape(1, 1, 1, 2), a(3, 3).reshape(1, 1, 1, 2)), {"x_shape": (1, 1, 1, 3), **PLAIN}),
    ),
)  # fmt: skip
case(
    conv.conv2d_weight_gradient, build_weight_gradient, weight_gradient_oracle,
    examples=(
        Example((SHARES, IMAGE), a(5, 8).reshape(1, 1, 1, 2),
                (a(3, 5).reshape(1, 1, 1, 2), a(1, 3, 2).reshape(1, 1, 1, 3)), {"w_shape": (1, 1, 1, 2), **PLAIN}),
    ),
)  # fmt: skip

# (kernel_size, stride, padding), again different from each other in every place
POOLS = [((2, 3), (1, 2), (0, 1)), ((2, 2), (2, 2), (0, 0)), ((3, 2), (1, 1), (1, 0)), ((2, 3), (2, 1), (1, 0))]


def build_pool(d: Draw, distinct: bool = True) -> Call:
    kernel_size, stride, padding = d.choose(POOLS)
    shape = (d.choose((2, 1)) if d.kind != "empty" else 0, d.choose((2, 1)), 4, 5)
    x = d.distinct(shape) if distinct else d.array(d.rng.integers(0, 3, shape).astype(float))
    return Call([x], {"kernel_size": kernel_size, "stride": stride, "padding": padding}, d.seed)


def pool_oracles(x: Array, kernel_size: Any, stride: Any, padding: Any) -> tuple[Array, Array]:
    (ph, pw), (kh, kw), (n, c, height, width) = padding, kernel_size, x.shape
    wide = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
    oh, ow = (height + 2 * ph - kh) // stride[0] + 1, (width + 2 * pw - kw) // stride[1] + 1
    out, winners = np.zeros((n, c, oh, ow)), np.zeros((n, c, oh, ow), np.uint8)
    for at in np.ndindex(out.shape):
        top, left = at[2] * stride[0], at[3] * stride[1]
        window = wide[at[0], at[1], top : top + kh, left : left + kw]
        winners[at] = np.argmax(window)
        out[at] = window.flat[winners[at]]
    return out, winners


def pixel(at: tuple[int, ...], tap: int, kernel_size: Any, stride: Any, padding: Any) -> tuple[int, ...]:
    """Index the pixel that a window sees at one of its taps."""
    row, column = divmod(int(tap), kernel_size[1])
    return *at[:2], at[2] * stride[0] + row - padding[0], at[3] * stride[1] + column - padding[1]


case(
    pool.max_pool2d, build_pool, lambda x, **static: pool_oracles(x, **static)[0], order=2,
    examples=(
        Example((a(1, 3, 3, 2).reshape(1, 1, 1, 4),), a(3, 3, 3).reshape(1, 1, 1, 3),
                (a(0, 2, 1, 0).reshape(1, 1, 1, 4),), {"kernel_size": (1, 2), "stride": (1, 1), "padding": (0, 0)}),
    ),
)  # fmt: skip
case(
    pool.pool_winners, lambda d: build_pool(d, distinct=False), lambda x, **static: pool_oracles(x, **static)[1],
    order=0,
    examples=(
        Example((a(1, 3, 3, 2).reshape(1, 1, 1, 4),), np.array([1, 0, 0], np.uint8).reshape(1, 1, 1, 3),
                static={"kernel_size": (1, 2), "stride": (1, 1), "padding": (0, 0)}),
    ),
)  # fmt: skip


def draw_winners(d: Draw) -> tuple[tuple[int, ...], Array, dict[str, Any]]:
    call = build_pool(d, distinct=False)
    return call.args[0].shape, d.array(pool_oracles(call.args[0], **call.static)[1]), call.static


def build_pool_scatter(d: Draw) -> Call:
    shape, winners, static = draw_winners(d)
    return Call([d.values(winners.shape), winners], {"x_shape": shape, **static}, d.seed)


def pool_scatter_oracle(x: Array, winners: Array, x_shape: tuple[int, ...], **static: Any) -> Array:
    out = np.zeros(x_shape)
    for at in np.ndindex(winners.shape):
        out[pixel(at, winners[at], **static)] += x[at]
    return out


def build_pool_gather(d: Draw) -> Call:
    shape, winners, static = draw_winners(d)
    return Call([d.values(shape), winners], static, d.seed)


def pool_gather_oracle(x: Array, winners: Array, **static: Any) -> Array:
    out = np.zeros(winners.shape)
    for at in np.ndindex(winners.shape):
        out[at] = x[pixel(at, winners[at], **static)]
    return out


WINNERS = np.array([1, 0, 0], np.uint8).reshape(1, 1, 1, 3)  # pixels 1, 1 and 2
PAIRS = {"kernel_size": (1, 2), "stride": (1, 1), "padding": (0, 0)}
case(
    pool.pool_scatter, build_pool_scatter, pool_scatter_oracle,
    examples=(
        Example((a(5, 6, 7).reshape(1, 1, 1, 3), WINNERS), a(0, 11, 7, 0).reshape(1, 1, 1, 4),
                (a(2, 2, 3).reshape(1, 1, 1, 3),), {"x_shape": (1, 1, 1, 4), **PAIRS},
                g=a(1, 2, 3, 4).reshape(1, 1, 1, 4)),
    ),
)  # fmt: skip
case(
    pool.pool_gather, build_pool_gather, pool_gather_oracle,
    examples=(
        Example((a(5, 6, 7, 8).reshape(1, 1, 1, 4), WINNERS), a(6, 6, 7).reshape(1, 1, 1, 3),
                (a(0, 3, 3, 0).reshape(1, 1, 1, 4),), PAIRS, g=a(1, 2, 3).reshape(1, 1, 1, 3)),
    ),
)  # fmt: skip

PRIMITIVE_CASES = dict(CASES)


# ---------------------------------------------------------------- composed: everything else public that differentiates


def composed(name: str, call: Callable[..., Any], build: Callable[[Draw], Call], oracle: Any, **options: Any) -> None:
    case(f"{name} (composed)", build, oracle, call=call, **options)


def one(d: Draw, domain: Domain = ANYWHERE, least: int = 0, **static: Any) -> Call:
    return Call([d.values(d.shape(least), domain)], static, d.seed)


# operators, with numbers on either side and without
composed("a + 2", lambda x: x + 2, one, lambda x: x + 2)
composed("2 - a", lambda x: 2 - x, one, lambda x: 2 - x)
composed("a * 2.5", lambda x: x * 2.5, one, lambda x: x * 2.5)
composed("2 / a", lambda x: 2 / x, lambda d: one(d, NOT_ZERO), lambda x: 2 / x)
composed("a ** 3", lambda x: x**3, one, lambda x: x**3)
composed("a ** b", lambda x, y: x**y, lambda d: two(d, left=POSITIVE), np.power)
composed("2 ** a", lambda x: 2**x, one, lambda x: 2**x)
composed("abs(-a)", lambda x: abs(-x), lambda d: one(d, NOT_ZERO), np.abs, order=2)
composed("pow scalar", F.pow, lambda d: one(d, POSITIVE, exponent=d.choose((2, -0.5, np.float32(3)))),
         lambda x, exponent: x ** float(exponent))  # fmt: skip
composed("pow tensor", F.pow, lambda d: two(d, left=POSITIVE), np.power)
composed("add alpha", F.add, lambda d: Call(two(d).args, {"alpha": 3}, d.seed), lambda x, y, alpha: x + alpha * y)
composed("sub alpha", F.sub, lambda d: Call(two(d).args, {"alpha": 3}, d.seed), lambda x, y, alpha: x - alpha * y)
composed(
    "clamp", F.clamp, lambda d: one(d, Domain(-2, 2, (-1.0, 1.0)), min=d.choose((-1.0, None)), max=1.0),
    lambda x, min, max: np.clip(x, min, max), order=2,
)  # fmt: skip


def build_clamp_tensors(d: Draw) -> Call:
    shape = d.shape()
    x = d.distinct(shape)
    low, high = (d.array(d.rng.choice(options, shape)) for options in ([-0.1, 0.3], [-0.3, 0.5]))
    return Call([x, low, high], {}, d.seed)


composed(
    # torch.clamp with tensors: the result is `max` where min > max
    "clamp tensors", F.clamp, build_clamp_tensors, lambda x, low, high: np.minimum(np.maximum(x, low), high), order=2,
    examples=(Example((a(-2, -1, 0, 1, 2), a(-1), a(1)), a(-1, -1, 0, 1, 1), (a(0, 1, 1, 1, 0), a(1), a(1))),),
)  # fmt: skip
composed(
    "clamp min tensor", lambda x, low: F.clamp(x, min=low, max=1.0), lambda d: Call(apart(d).args, {}, d.seed),
    lambda x, low: np.minimum(np.maximum(x, low), 1.0), order=2,
)  # fmt: skip

# reductions
composed("prod", F.prod, lambda d: Call([d.values(d.shape())], {"keepdim": d.boolean()}, d.seed),
         lambda x, keepdim: np.prod(x, keepdims=keepdim))  # fmt: skip


def one_dim(d: Draw, least: int = 1, empty: bool = True, distinct: bool = False) -> Call:
    shape = d.shape(least, empty=empty)
    x = d.distinct(shape) if distinct else d.values(shape)
    return Call([x], {"dim": d.axis(len(shape)), "keepdim": d.boolean()}, d.seed)


def with_dim(function: Any) -> Callable[..., Array]:
    return lambda x, dim, keepdim: function(x, axis=dim, keepdims=keepdim)


def build_prod_zeros(d: Draw) -> Call:
    call = one_dim(d, empty=False)
    return Call([d.array(np.where(d.rng.random(call.args[0].shape) < 0.4, 0, call.args[0]))], call.static, d.seed)


composed("prod dim", F.prod, one_dim, with_dim(np.prod))
composed(
    "prod zeros", F.prod, build_prod_zeros, with_dim(np.prod),
    examples=(Example((a(0, 2, 3),), 0.0, (a(6, 0, 0),), {}), Example((a(0, 2, 0),), 0.0, (a(0, 0, 0),), {})),
)  # fmt: skip


def build_std(d: Draw) -> Call:
    shape = (d.choose((2, 3)), *d.shape(0, 2, empty=False))
    return Call([d.distinct(shape)], {"dim": 0, "correction": d.choose((1, 0)), "keepdim": d.boolean()}, d.seed)


composed(
    "std", F.std, build_std, lambda x, dim, correction, keepdim: np.sqrt(var_oracle(x, dim, correction, keepdim)),
    examples=(
        Example((a(1, 3),), math.sqrt(2), (a(-1, 1) / math.sqrt(2),), {}),
        Example((a(2, 2),), 0.0, (a(0, 0),), {}),
    ),
)  # fmt: skip
composed("sum dims", F.sum, lambda d: one(d, least=2, dim=[0, -1]), lambda x, dim: x.sum((0, -1)))
composed("mean", F.mean, lambda d: Call([d.values(d.shape(empty=False))], {}, d.seed), np.mean)
FIRST = {"dim": 0, "keepdim": False}
composed(
    "max dim", lambda x, **static: F.max(x, **static).values, lambda d: one_dim(d, empty=False, distinct=True),
    with_dim(np.max), order=2, examples=(Example((a(3, 1, 3),), 3.0, (a(1, 0, 0),), FIRST),),
)  # fmt: skip
composed(
    "min dim", lambda x, **static: F.min(x, **static).values, lambda d: one_dim(d, empty=False, distinct=True),
    with_dim(np.min), order=2, examples=(Example((a(3, 1, 1),), 1.0, (a(0, 1, 0),), FIRST),),
)  # fmt: skip
composed("max", F.max, lambda d: Call([d.distinct(d.shape(empty=False))], {}, d.seed), np.max, order=2)
composed("min", F.min, lambda d: Call([d.distinct(d.shape(empty=False))], {}, d.seed), np.min, order=2)
composed("max of two", F.max, apart, np.maximum, order=2)
composed("min of two", F.min, apart, np.minimum, order=2)

# shape


def build_squeeze(d: Draw) -> Call:
    shape = (1, *d.shape(0, 2), 1)
    return Call([d.values(shape)], {"dim": d.choose((None, 0, -1, (0, -1)))}, d.seed)


def squeeze_oracle(x: Array, dim: Any) -> Array:
    return x.reshape([s for i, s in enumerate(x.shape) if s != 1]) if dim is None else np.squeeze(x, dim)


composed("squeeze", F.squeeze, build_squeeze, squeeze_oracle)
composed("unsqueeze", F.unsqueeze, lambda d: one(d, dim=d.choose((0, -1))), lambda x, dim: np.expand_dims(x, dim))
composed("flatten", F.flatten, one, np.ravel)
composed(
    "flatten from 1", F.flatten, lambda d: Call([d.values(d.shape(2, empty=False))], {"start_dim": 1}, d.seed),
    lambda x, start_dim: x.reshape(x.shape[0], -1),
)  # fmt: skip
composed(
    "reshape", lambda x: F.reshape(x, -1, 2), lambda d: Call([d.values((2, 3))], {}, d.seed), lambda x: x.reshape(3, 2)
)
composed(
    "expand", lambda x: F.expand(x, 3, -1, 2), lambda d: Call([d.values((2, 1))], {}, d.seed),
    lambda x: np.tile(x, (3, 1, 2)),
)  # fmt: skip
composed(
    "transpose", F.transpose, lambda d: one(d, least=2, dim0=0, dim1=-1), lambda x, dim0, dim1: np.swapaxes(x, 0, -1)
)
composed("permute", lambda x: F.permute(x, 2, 0, 1), lambda d: Call([d.values((2, 3, 1))], {}, d.seed),
         lambda x: np.moveaxis(x, 2, 0))  # fmt: skip
composed(".T", lambda x: x.T, lambda d: Call([d.values((2, 3))], {}, d.seed), lambda x: x.T)
composed("flip", lambda x: F.flip(x, 0), lambda d: one(d, least=1), lambda x: x[::-1])


def build_dim_cat(d: Draw) -> Call:
    arrays, dim = pieces(d)
    return Call(arrays, {"dim": dim}, d.seed)


def build_stack(d: Draw) -> Call:
    shape = d.shape(0, 2)
    return Call([d.values(shape) for _ in range(d.choose((2, 1)))], {"dim": d.axis(len(shape) + 1)}, d.seed)


composed("cat", lambda *xs, dim: F.cat(xs, dim), build_dim_cat, lambda *xs, dim: np.concatenate(xs, dim))
composed("stack", lambda *xs, dim: F.stack(xs, dim), build_stack, lambda *xs, dim: np.stack(xs, dim))
composed(
    "split", lambda x, dim, part: F.split(x, 2, dim)[part],
    lambda d: Call([d.values((5, 5))], {"dim": d.choose((0, -1)), "part": d.choose((0, 2))}, d.seed),
    lambda x, dim, part: np.take(x, range(2 * part, min(2 * part + 2, 5)), dim),
)  # fmt: skip
composed(
    "split sections", lambda x, part: F.split(x, [1, 3], 1)[part],
    lambda d: Call([d.values((2, 4))], {"part": d.choose((0, 1))}, d.seed),
    lambda x, part: x[:, :1] if part == 0 else x[:, 1:],
)  # fmt: skip
composed(
    "pad", lambda x: F.pad(x, (1, 2, 0, 1), value=0.5), lambda d: Call([d.values((2, 3))], {}, d.seed),
    lambda x: np.pad(x, ((0, 1), (1, 2)), constant_values=0.5),
)  # fmt: skip
composed(
    "index", lambda x, y: x[1:, None, y, [0, 0]], lambda d: Call([d.values((3, 2, 2)), np.array([1, 0])], {}, d.seed),
    lambda x, y: np.stack([x[1:, 1, 0], x[1:, 0, 0]], -1)[:, None],
)  # fmt: skip
composed(
    "gather", lambda x, index: F.gather(x, 1, index),
    lambda d: Call([d.values((2, 3)), np.array([[2, 2], [0, 1]])], {}, d.seed),
    lambda x, index: np.take_along_axis(x, index, 1),
)  # fmt: skip


# changes in place, recorded


def in_place(x: Any, y: Any) -> Any:
    x = x * 1  # a result of its own: leaves cannot be changed in place
    x[0] = y
    x += y
    x[1:] = 3 * y
    x *= 2
    return x / y


def in_place_oracle(x: Array, y: Array) -> Array:
    rows = np.concatenate([np.broadcast_to(y + y, x[:1].shape), np.broadcast_to(3 * y, x[1:].shape)])
    return 2 * rows / y


composed(
    "in place", in_place,
    lambda d: Call([d.values((3, 2)), d.values(d.choose(((2,), (), (1,))), POSITIVE)], {}, d.seed),
    in_place_oracle,
)  # fmt: skip


# products


def build_matmul_ranks(d: Draw) -> Call:
    left, right = d.choose([((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,)),
                            ((2, 2, 3), (3, 1)), ((1, 3), (3, 1))])  # fmt: skip
    return Call([d.values(left), d.values(right)], {}, d.seed)


composed("matmul ranks", F.matmul, build_matmul_ranks, np.matmul)
composed("a @ b", lambda x, y: x @ y, build_matmul_ranks, np.matmul)
composed("linear", NF.linear, build_linear, linear_oracle)
composed("softmax", F.softmax, lambda d: build_softmax(d, "dim"), lambda x, dim: softmax_oracle(x, dim))
composed("log_softmax", F.log_softmax, lambda d: build_softmax(d, "dim"), lambda x, dim: np.log(softmax_oracle(x, dim)))
composed("logsumexp", F.logsumexp, lambda d: one_dim(d, empty=False),
         lambda x, dim, keepdim: np.log(np.exp(x).sum(dim, keepdims=keepdim)))  # fmt: skip


# losses

REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


def build_mse(d: Draw) -> Call:
    shape = d.shape(empty=False)
    return Call([d.values(shape), d.values(shape)], {"reduction": d.choose(list(REDUCE))}, d.seed)


composed("mse_loss", NF.mse_loss, build_mse, lambda x, y, reduction: REDUCE[reduction]((x - y) ** 2))


def build_class_loss(d: Draw, **static: Any) -> Call:
    shapes = [((3, 4), (3,)), ((1, 1), (1,)), ((4,), ()), ((2, 3, 2), (2, 2)), ((2, 3, 1, 2), (2, 1, 2))]
    shape, target = d.choose(shapes)
    x, classes = d.values(shape), shape[1] if len(shape) > 1 else shape[0]
    return Call([x, d.integers(0, classes, target)], {"reduction": d.choose(list(REDUCE)), **static}, d.seed)


def class_losses(x: Array, target: Array, logs: Callable[[Array], Array], smoothing: float = 0.0) -> Array:
    x, target = (x[None], target[None]) if x.ndim == 1 else (x, target)
    out = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        log_p = logs(x[(at[0], slice(None), *at[1:])])
        out[at] = -(1 - smoothing) * log_p[target[at]] - smoothing * log_p.mean()
    return out


def log_p(x: Array) -> Array:
    return np.log(softmax_oracle(x, -1))


def unbatched(losses: Array, x: Array, reduction: str) -> Array:
    return losses.reshape(()) if x.ndim == 1 and reduction == "none" else REDUCE[reduction](losses)


composed(
    "nll_loss", NF.nll_loss, build_class_loss,
    lambda x, target, reduction: unbatched(class_losses(x, target, lambda row: row), x, reduction),
)  # fmt: skip
composed(
    "cross_entropy", NF.cross_entropy, lambda d: build_class_loss(d, label_smoothing=d.choose((0.0, 0.1))),
    lambda x, target, reduction, label_smoothing: unbatched(
        class_losses(x, target, log_p, label_smoothing), x, reduction),
)  # fmt: skip


def build_soft_targets(d: Draw) -> Call:
    x = d.values((3, 4))
    return Call([x, d.array(softmax_oracle(d.rng.normal(size=x.shape), 1))],
                {"reduction": d.choose(list(REDUCE)), "label_smoothing": d.choose((0.0, 0.2))}, d.seed)  # fmt: skip


def soft_oracle(x: Array, target: Array, reduction: str, label_smoothing: float) -> Array:
    smooth = target * (1 - label_smoothing) + label_smoothing / x.shape[1]
    return REDUCE[reduction](-(smooth * np.log(softmax_oracle(x, 1))).sum(1))


composed("cross_entropy of probabilities", NF.cross_entropy, build_soft_targets, soft_oracle)


# layers without state


class SameForEveryDtype(np.random.Generator):
    """NumPy draws other numbers in float32 than in float64; the checks compare the two."""

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        return np.asarray(super().random(size)).astype(dtype)


def fixed_dropout(x: Any, seed: int) -> Any:
    return NF.dropout(x, 0.5, generator=SameForEveryDtype(np.random.PCG64(seed)))


def dropout_oracle(x: Array, seed: int) -> Array:
    return x * 2 * (np.random.default_rng(seed).random(x.shape) >= 0.5)


composed("dropout", fixed_dropout, lambda d: Call([d.values(d.shape())], {"seed": 3}, d.seed), dropout_oracle)


def build_same(d: Draw) -> Call:
    w = d.values((2, 1, *d.choose(((3, 3), (2, 3), (2, 2), (1, 4)))))
    return Call([d.values((2, 1, 4, 5)), w], {"dilation": d.choose((1, (1, 2)))}, d.seed)


def same_oracle(x: Array, w: Array, dilation: Any) -> Array:
    spread = (dilation, dilation) if isinstance(dilation, int) else dilation
    total = [s * (k - 1) for s, k in zip(spread, w.shape[2:], strict=True)]
    wide = np.pad(x, ((0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)))
    return conv2d_oracle(wide, w, None, stride=(1, 1), padding=(0, 0), dilation=spread, groups=1)


composed(
    "conv2d same", lambda x, w, dilation: NF.conv2d(x, w, padding="same", dilation=dilation), build_same, same_oracle
)
composed(
    "conv2d", lambda x, w, b: NF.conv2d(x, w, b, stride=2, padding=1),
    lambda d: Call([d.values((2, 2, 4, 5)), d.values((3, 2, 3, 2)), d.values((3,))], {}, d.seed),
    lambda x, w, b: conv2d_oracle(x, w, b, stride=(2, 2), padding=(1, 1), dilation=(1, 1), groups=1),
)  # fmt: skip
composed(
    "max_pool2d", lambda x: NF.max_pool2d(x, 2), lambda d: Call([d.distinct((2, 1, 4, 5))], {}, d.seed),
    lambda x: pool_oracles(x, (2, 2), (2, 2), (0, 0))[0], order=2,
)  # fmt: skip

__all__ = ["CASES", "PRIMITIVE_CASES", "Call", "Case", "Example"]
