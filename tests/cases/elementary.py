"""Cases of elementary and special functions, of rounding, remainders and bits, and of running results and ranks."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from strategies import ANYWHERE, NOT_ZERO, POSITIVE, Array, Call, Domain, Draw

from tinygrad_mnist.ops import cumulate as C
from tinygrad_mnist.ops import elementary as E
from tinygrad_mnist.ops import order as O  # noqa: E741
from tinygrad_mnist.ops import reduce as R

from .case import INF, Example, a, case
from .elementwise import flags, two, unary
from .reductions import ALL, ROWS, numpy_reduction

NAN = math.nan
INSIDE, SHIFTED = Domain(-0.9, 0.9), Domain(2.2, 4.0)  # shifted: half of it is above 1, too
BETWEEN = Domain(-2.4, 2.4, tuple(np.arange(-2.5, 3, 0.5)), 0.05)  # away from whole numbers and halves

# primitive, oracle, domain, and by hand: arguments, results, slopes
SMOOTH: list[tuple[Any, Callable[[Array], Array], Domain, Any, Any, Any]] = [
    (E.tan, lambda x: np.sin(x) / np.cos(x), Domain(-1.2, 1.2), (0, math.pi / 4), (0, 1), (1, 2)),
    (E.asin, np.arcsin, INSIDE, (0, 0.5), (0, math.pi / 6), (1, 1 / math.sqrt(0.75))),
    (E.acos, np.arccos, INSIDE, (0, 0.5), (math.pi / 2, math.pi / 3), (-1, -1 / math.sqrt(0.75))),
    (E.atan, np.arctan, ANYWHERE, (0, 1, -INF), (0, math.pi / 4, -math.pi / 2), (1, 0.5, 0)),
    (E.sinh, lambda x: (np.exp(x) - np.exp(-x)) / 2, ANYWHERE, (0, math.log(2)), (0, 0.75), (1, 1.25)),
    (E.cosh, lambda x: (np.exp(x) + np.exp(-x)) / 2, ANYWHERE, (0, math.log(2)), (1, 1.25), (0, 0.75)),
    (E.asinh, np.arcsinh, ANYWHERE, (0, 0.75), (0, math.log(2)), (1, 0.8)),
    (E.acosh, np.arccosh, SHIFTED, (1.25,), (math.log(2),), (1 / 0.75,)),
    (E.atanh, np.arctanh, INSIDE, (0, 0.6), (0, math.log(2)), (1, 1 / 0.64)),
    (E.exp2, lambda x: 2.0**x, ANYWHERE, (0, 3, -1), (1, 8, 0.5), (math.log(2), 8 * math.log(2), 0.5 * math.log(2))),
    (E.log2, np.log2, POSITIVE, (1, 8), (0, 3), (1 / math.log(2), 0.125 / math.log(2))),
    (E.log10, np.log10, POSITIVE, (1, 100), (0, 2), (1 / math.log(10), 0.01 / math.log(10))),
    (E.rsqrt, lambda x: 1 / np.sqrt(x), POSITIVE, (4, 0.25), (0.5, 2), (-0.0625, -4)),
    (E.erfc, lambda x: 1 - np.vectorize(math.erf, [float])(x), ANYWHERE, (0, 0.5, -5), (1, 1 - math.erf(0.5), 2),
     (-2 / math.sqrt(math.pi), -2 / math.sqrt(math.pi) * math.exp(-0.25), -2 / math.sqrt(math.pi) * math.exp(-25))),
]  # fmt: skip


for p, oracle, domain, at, values, slopes in SMOOTH:
    unary(p, oracle, domain, torch=p.name, examples=(Example((a(*at),), a(*values), (a(*slopes),)),))


def angles(d: Draw) -> Call:
    return two(d, NOT_ZERO, NOT_ZERO)


case(E.atan2, angles, np.arctan2, torch="atan2",
     examples=(Example((a(1, 0, 0, -1), a(1, 0, -1, 0)), a(math.pi / 4, 0, math.pi, -math.pi / 2),
                       (a(0.5, 0, -1, 0), a(-0.5, 0, 0, 1))),))  # fmt: skip
case(E.logaddexp, two, lambda x, y: np.log(np.exp(x) + np.exp(y)), torch="logaddexp",
     examples=(Example((a(0, 1000, -INF), a(0, 0, 1)), a(math.log(2), 1000, 1), (a(0.5, 1, 0), a(0.5, 0, 1)),
          warns=True),
               Example((a(0), a(math.log(3))), a(math.log(4)), (a(0.25), a(0.75))),))  # fmt: skip
case(E.xlogy, lambda d: two(d, right=POSITIVE), lambda x, y: x * np.log(y), torch="xlogy",
     examples=(Example((a(0, 0, 2), a(0, 2, math.e)), a(0, 0, 2), (a(0, math.log(2), 1), a(NAN, 0, 2 / math.e)),
          warns=True),
               Example((a(0, 1, 0), a(-1, math.e, 0.5)), a(0, 1, 0), (a(0, 1, -math.log(2)), a(0, 1 / math.e, 0)),
                    warns=True),))  # fmt: skip


def build_lerp(d: Draw) -> Call:
    first, second, third = d.broadcasting(3)
    return Call([d.values(first), d.values(second), d.values(third, Domain(-1, 2, (0.5,), 0.05))], {}, d.seed)


case(E.lerp, build_lerp, lambda x, y, w: x + w * (y - x), torch="lerp",
     examples=(Example((a(1, 1), a(3, 5), a(0.25, 0.75)), a(1.5, 4), (a(0.75, 0.25), a(0.25, 0.75), a(2, 4))),))


def build_scaled(d: Draw) -> Call:
    first, second, third = d.broadcasting(3)
    return Call([d.values(first), d.values(second), d.values(third, POSITIVE)], {"value": d.choose((1, 0.5, -2))},
         d.seed)


case(E.nan_to_num, lambda d: Call([d.values(d.shape())], {"nan": 0.5, "posinf": None, "neginf": -1.0}, d.seed),
     lambda x, nan, posinf, neginf: x, torch="nan_to_num",
     examples=(Example((a(NAN, INF, -INF, 2),), a(0, 5, -np.finfo(float).max, 2), (a(0, 0, 0, 1),),
                       {"nan": 0.0, "posinf": 5.0, "neginf": None}),))  # fmt: skip

# ---------------------------------------------------------------- rounding, remainders

ROUNDED = a(-1.5, -0.5, 0.5, 1.5, 2.5, INF), a(0, 0, 0, 0, 0, 0), a(*[INF] * 6)
for p, numpys, results in (
    (E.floor, np.floor, (-2, -1, 0, 1, 2, INF)), (E.ceil, np.ceil, (-1, -0.0, 1, 2, 3, INF)),
    (E.trunc, np.trunc, (-1, -0.0, 0, 1, 2, INF)), (E.rint, np.round, (-2, -0.0, 0, 2, 2, INF)),
):  # fmt: skip
    unary(p, numpys, BETWEEN, order=2, torch={"rint": "round"}.get(p.name, p.name),
          examples=(Example((ROUNDED[0],), a(*results), (ROUNDED[1],), g=ROUNDED[2]),))  # fmt: skip


unary(E.frac, lambda x: x - np.trunc(x), BETWEEN, order=2, torch="frac",
      examples=(Example((a(-1.25, 0, 2.5),), a(-0.25, 0, 0.5), (a(1, 1, 1),)),))  # fmt: skip


def build_rest(d: Draw) -> Call:
    """Draw quotients away from whole numbers."""
    first, second = d.broadcasting(2)
    if d.exact:
        first = second = np.broadcast_shapes(first, second)
    divisor = NOT_ZERO.values(d.rng, second)
    quotient = BETWEEN.values(d.rng, first)
    return Call([d.array(quotient * divisor if d.exact else quotient), d.array(divisor)], {}, d.seed)


SIGNS = a(5, -5, 5, -5, 6), a(3, 3, -3, -3, 3)
ONES = a(1, 1, 1, 1, 1)
case(E.remainder, build_rest, np.remainder, order=2, torch="remainder",
     examples=(Example(SIGNS, a(2, 1, -1, -2, 0), (ONES, a(-1, 2, 2, -1, -2))),
               Example((a(1, 1e300), a(INF, 3)), a(1, np.remainder(1e300, 3)), (a(1, 1), a(0, -np.floor(1e300 / 3)))),))
case(E.fmod, build_rest, np.fmod, order=2, torch="fmod",
     examples=(Example(SIGNS, a(2, -2, 2, -2, 0), (ONES, a(-1, 1, 1, -1, -2))),))
case(E.floor_divide, build_rest, np.floor_divide, order=2, torch=lambda m, x, y: m.div(x, y, rounding_mode="floor"),
     examples=(Example(SIGNS, a(1, -2, -2, 1, 2), (a(0, 0, 0, 0, 0),) * 2, g=a(*[INF] * 5)),
               Example((a(1, -1), a(0.1, INF)), a(9, -1), (a(0, 0), a(0, 0))),))  # fmt: skip
case(E.trunc_divide, build_rest, lambda x, y: np.trunc(x / y), order=2,
     torch=lambda m, x, y: m.div(x, y, rounding_mode="trunc"),
     examples=(Example(SIGNS, a(1, -1, -1, 1, 2), (a(0, 0, 0, 0, 0),) * 2, g=a(*[INF] * 5)),
               Example((np.array([7, -7]), np.array([2, 2])), np.array([3, -3])),))  # fmt: skip
# ---------------------------------------------------------------- constant to differentiation


def whole(d: Draw, low: int = -5, high: int = 6, truths: bool = False) -> Call:
    first, second = d.broadcasting(2)
    if truths and d.boolean():
        return flags(d)
    return Call([d.integers(low, high, first), d.integers(low, high, second)], {}, d.seed)


def bits(x: int, y: int, table: str) -> int:
    """Combine two integers bit by bit: table has the results of 00, 01, 10, 11."""
    return sum((int(table[2 * (x >> i & 1) + (y >> i & 1)]) << i) * (1 if i < 63 else -1) for i in range(64))


def bitwise(table: str) -> Callable[[Array, Array], Array]:
    combined = np.vectorize(partial(bits, table=table), otypes=[np.int64])
    return lambda x, y: combined(x.astype(int), y.astype(int)).astype(np.result_type(x, y))


I3 = np.array([6, -1, 0]), np.array([3, 5, -2])
for p, table, results in ((E.bitwise_and, "0001", [2, 5, 0]), (E.bitwise_or, "0111", [7, -1, -2]),
                          (E.bitwise_xor, "0110", [5, -6, -2])):  # fmt: skip
    case(p, partial(whole, truths=True), bitwise(table), order=0, torch=p.name,
         examples=(Example(I3, np.array(results)),))  # fmt: skip
case(E.bitwise_not, lambda d: Call(whole(d, truths=True).args[:1], {}, d.seed),
     lambda x: np.logical_not(x) if x.dtype == bool else -x - 1, order=0,
     torch="bitwise_not", examples=(Example((np.array([True, False]),), np.array([False, True])),))  # fmt: skip
for p, by, results in ((E.bitwise_left_shift, 1, [48, -32, 0]), (E.bitwise_right_shift, -1, [0, -1, 0])):
    case(p, partial(whole, low=0, high=7), lambda x, y, by=by: np.floor(x * 2.0 ** (by * y)).astype(int), order=0,
         torch=p.name, examples=(Example((I3[0], np.array([3, 5, 1])), np.array(results)),))  # fmt: skip
case(E.logical_xor, flags, np.not_equal, order=0, torch="logical_xor",
     examples=(Example((a(0, 0, 2, 3), a(0, 1, 0, 1)), np.array([False, True, True, False])),))  # fmt: skip
unary(E.isinf, lambda x: np.abs(x) == INF, order=0, torch="isinf",
      examples=(Example((a(1, NAN, -INF),), np.array([False, False, True])),))  # fmt: skip
CLOSE = {"rtol": 0.01, "atol": 0.1, "equal_nan": True}
case(E.isclose, lambda d: Call(two(d).args, CLOSE, d.seed), lambda x, y, rtol, atol,
     equal_nan: abs(x - y) <= 0.1 + 0.01 * abs(y),
     order=0, torch="isclose",
     examples=(Example((a(1, 100, NAN, INF), a(1.2, 101, NAN, INF)), np.array([False, True, True, True]),
          static=CLOSE),))

# ---------------------------------------------------------------- norms, running results, ranks

case(R.norm, lambda d: Call([d.values((s := d.shape()), NOT_ZERO)], {"axis": d.axes(len(s)),
     "keepdims": d.boolean()}, d.seed),
     numpy_reduction(lambda x, axis, keepdims: np.sqrt((x * x).sum(axis, keepdims=keepdims))), torch="norm",
     examples=(Example((np.array([[3.0, 4], [0, 0]]),), a(5, 0), (np.array([[0.6, 0.8], [0, 0]]),), ROWS),
               Example((a(2, -1, 2),), 3.0, (a(2 / 3, -1 / 3, 2 / 3),), ALL),))  # fmt: skip


def rows(d: Draw, domain: Domain = ANYWHERE, empty: bool = True, **static: Any) -> Call:
    shape = d.shape(1, empty=empty)
    return Call([d.values(shape, domain)], {"axis": d.choose(range(len(shape))), **static}, d.seed)


def running(step: Callable[..., Any]) -> Callable[..., Array]:
    """Make an oracle that runs along an axis, one slice after the other."""

    def oracle(x: Array, axis: int, reverse: bool = False) -> Array:
        out, order = np.array(x), range(x.shape[axis])
        out, order = np.moveaxis(out, axis, 0), [*order][::-1] if reverse else [*order]
        for before, at in zip(order, order[1:], strict=False):
            out[at] = step(out[before], out[at])
        return np.moveaxis(out, 0, axis)

    return oracle


def from_end(m: Any, f: Callable[..., Any], x: Any, axis: int, reverse: bool) -> Any:
    return f(x.flip(axis), axis).flip(axis) if reverse else f(x, axis)


case(C.cumsum, lambda d: rows(d, reverse=d.boolean()), running(np.add),
     torch=lambda m, x, axis, reverse: from_end(m, m.cumsum, x, axis, reverse),
     examples=(Example((a(1, 2, 3),), a(1, 3, 6), (a(6, 5, 3),), {"axis": 0, "reverse": False}, g=a(1, 2, 3)),
               Example((a(1, 2, 3),), a(6, 5, 3), (a(1, 3, 6),), {"axis": 0, "reverse": True}, g=a(1, 2, 3)),))
case(C.cumprod, lambda d: rows(d, POSITIVE), running(np.multiply), torch="cumprod",
     examples=(Example((a(2, 3, 4),), a(2, 6, 24), (a(16, 10, 6),), {"axis": 0}),))  # fmt: skip


def build_recurrence(d: Draw) -> Call:
    call = rows(d, reverse=d.boolean())
    w = d.values(call.args[0].shape, NOT_ZERO)
    return Call([call.args[0], d.array(np.where(d.rng.random(w.shape) < 0.3, 0, w))], call.static, d.seed)


def recurrence_oracle(x: Array, w: Array, axis: int, reverse: bool) -> Array:
    out, w = np.moveaxis(np.array(x), axis, 0), np.moveaxis(w, axis, 0)
    if reverse:
        out, w = out[::-1], np.roll(w[::-1], 1, axis=0)
    for i in range(1, len(out)):
        out[i] += w[i] * out[i - 1]
    return np.moveaxis(out[::-1] if reverse else out, 0, axis)


case(C.recurrence, build_recurrence, recurrence_oracle, alone="a part of the rule of cumprod",
     examples=(Example((a(1, 2, 3), a(9, 2, 0)), a(1, 4, 3), (a(3, 1, 1), a(0, 1, 4)), {"axis": 0, "reverse": False}),
               Example((a(1, 2, 3), a(9, 2, 4)), a(29, 14, 3), (a(1, 3, 13), a(0, 14, 9)),
                       {"axis": 0, "reverse": True}),))  # fmt: skip
case(C.logcumsumexp, lambda d: rows(d, reverse=d.boolean()), running(lambda x, y: np.log(np.exp(x) + np.exp(y))),
     torch=lambda m, x, axis, reverse: from_end(m, m.logcumsumexp, x, axis, reverse),
     examples=(Example((a(0, math.log(2)),), a(0, math.log(3)), (a(4 / 3, 2 / 3),), {"axis": 0, "reverse": False}),
               Example((a(1000, 1000),), a(1000, 1000 + math.log(2)), (a(0, -1),), {"axis": 0, "reverse": False},
                       g=a(1, -2)),))  # fmt: skip


def one_at(function: Callable[[Array], int]) -> Callable[..., Array]:
    return lambda x, axis: np.expand_dims(np.apply_along_axis(function, axis, x), axis)


def distinct_rows(d: Draw) -> Call:
    shape = d.shape(1, empty=False)
    return Call([d.distinct(shape)], {"axis": d.choose(range(len(shape)))}, d.seed)


case(O.middle, distinct_rows, lambda x, axis: one_at(lambda r: [*r].index(sorted(r)[(len(r) - 1) // 2]))(x, axis),
     order=0, torch=lambda m, x, axis: m.median(x, axis, keepdim=True).indices,
     examples=(Example((a(3, 1, 4, 2),), np.array([3]), static={"axis": 0}),
               Example((a(3, NAN, 4),), np.array([1]), static={"axis": 0}),))  # fmt: skip
