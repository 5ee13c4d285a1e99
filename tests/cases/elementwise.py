"""Cases of elementwise primitives."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from strategies import ANYWHERE, NOT_ZERO, POSITIVE, Array, Call, Domain, Draw

from tinygrad_mnist.core.primitive import Primitive
from tinygrad_mnist.ops import activation, compare, promotion
from tinygrad_mnist.ops import elementwise as E

from .case import INF, INFINITE, Example, a, case


def unary(primitive: Primitive, oracle: Callable[[Array], Array], domain: Domain = ANYWHERE, **options: Any) -> None:
    case(primitive, lambda d: Call([d.values(d.shape(), domain)], {}, d.seed), oracle, **options)


unary(E.negative, lambda x: -x, torch="neg", examples=(Example((a(1, -2),), a(-1, 2), (a(-1, -1),)),))
unary(
    E.absolute, np.abs, NOT_ZERO, torch="abs", order=2, examples=(Example((a(-3, 0, 2),), a(3, 0, 2), (a(-1, 0, 1),)),),
)  # fmt: skip
unary(E.sign, np.sign, NOT_ZERO, torch="sign", order=2,
      examples=(
          Example((a(-3, 0, 2),), a(-1, 0, 1), (a(0, 0, 0),)), Example((a(-3, 2),), a(-1, 1), (a(0, 0),), g=INFINITE),
      ))  # fmt: skip
unary(E.square, lambda x: x * x, torch="square", examples=(Example((a(-3, 0, 0.5),), a(9, 0, 0.25), (a(-6, 0, 1),)),))
unary(E.sqrt, np.sqrt, POSITIVE, torch="sqrt", examples=(Example((a(4, 0.25),), a(2, 0.5), (a(0.25, 1),)),))
unary(E.reciprocal, lambda x: 1 / x, POSITIVE, torch="reciprocal",
      examples=(Example((a(2, -4),), a(0.5, -0.25), (a(-0.25, -0.0625),)),))  # fmt: skip
unary(E.exp, np.exp, torch="exp", examples=(Example((a(0, math.log(2)),), a(1, 2), (a(1, 2),)),))
unary(E.expm1, np.expm1, torch="expm1", examples=(Example((a(0, math.log(2), 1e-20),), a(0, 1, 1e-20), (a(1, 2, 1),)),))
unary(E.log, np.log, POSITIVE, torch="log", examples=(Example((a(1, 4),), a(0, 2 * math.log(2)), (a(1, 0.25),)),))
unary(E.log1p, np.log1p, Domain(-0.6, 3.0), torch="log1p",
      examples=(Example((a(0, 3, 1e-20),), a(0, math.log(4), 1e-20), (a(1, 0.25, 1),)),))  # fmt: skip
unary(E.sin, np.sin, torch="sin", examples=(Example((a(0, math.pi / 6),), a(0, 0.5), (a(1, math.sqrt(0.75)),)),))
unary(E.cos, np.cos, torch="cos", examples=(Example((a(0, math.pi / 6),), a(1, math.sqrt(0.75)), (a(0, -0.5),)),))
unary(E.erf, lambda x: np.vectorize(math.erf, [float])(x), torch="erf",
      examples=(Example((a(0, 0.5, -2),), a(0, 0.5204998778130465, -0.9953222650189527),
                        (a(1.1283791670955126, 0.8787825789354448, 0.02066698535409205),)),))  # fmt: skip
unary(activation.tanh, np.tanh, torch="tanh", examples=(Example((a(0, math.log(2)),), a(0, 0.6), (a(1, 0.64),)),))
unary(activation.sigmoid, lambda x: 1 / (1 + np.exp(-x)), Domain(-4.0, 4.0), torch="sigmoid",
      examples=(Example((a(0, math.log(3)),), a(0.5, 0.75), (a(0.25, 0.1875),)),
                Example((a(-1000, 1000),), a(0, 1), (a(0, 0),)),))  # fmt: skip
unary(activation.relu, lambda x: np.maximum(x, 0), NOT_ZERO, torch="relu", order=2,
      examples=(Example((a(-1, 0, 2),), a(0, 0, 2), (a(0, 0, 1),)),))  # fmt: skip


def build_keep(d: Draw) -> Call:
    shape = d.shape()
    return Call([d.values(shape), d.integers(0, 2, shape).astype(bool)], {}, d.seed)


case(activation.keep, build_keep, lambda x, mask: np.where(mask, x, 0),
     torch=lambda m, x, mask: m.where(mask, x, m.zeros_like(x)),
     examples=(Example((a(5, 6, 7), np.array([False, False, True])), a(0, 0, 7), (a(0, 0, 3),), g=a(1, 2, 3)),
               Example((a(np.inf, np.nan, -np.inf), np.array([False, False, True])), a(0, 0, -np.inf), (a(0, 0, 1),)),))
unary(E.clone, lambda x: x, torch="clone", examples=(Example((a(1, 2),), a(1, 2), (a(1, 1),)),))
unary(compare.isnan, np.isnan, torch="isnan", order=0,
      examples=(Example((a(1, np.nan, np.inf),), np.array([False, True, False])),))  # fmt: skip
unary(compare.isfinite, np.isfinite, torch="isfinite", order=0,
      examples=(Example((a(1, np.nan, np.inf),), np.array([True, False, False])),))
case(compare.logical_not, lambda d: Call([d.integers(0, 2, d.shape()).astype(bool)], {}, d.seed), np.logical_not,
     order=0, torch="logical_not", examples=(Example((np.array([True, False]),), np.array([False, True])),))


def build_cast(d: Draw) -> Call:
    target = d.choose((np.float64, np.float32)) if not d.exact else np.float64
    return Call([d.values(d.shape())], {"dtype": np.dtype(target)}, d.seed)


case(promotion.cast, build_cast, lambda x, dtype: x.astype(dtype),
     torch=lambda m, x, dtype: x.to(getattr(m, dtype.name)),
     examples=(Example((a(1, 2),), np.array([1, 2], np.float32), (a(1, 1),), {"dtype": np.dtype(np.float32)}),))


def build_power_scalar(d: Draw) -> Call:
    exponent = d.choose((2, 3, 0.5, -1, 1, 0, -2, 2.5, 4))
    whole = isinstance(exponent, int) and exponent >= 0
    return Call([d.values(d.shape(), ANYWHERE if whole else POSITIVE)], {"exponent": exponent}, d.seed)


case(E.power_scalar, build_power_scalar, lambda x, exponent: x**exponent, torch="pow",
     examples=(Example((a(-2, 0, 3),), a(-8, 0, 27), (a(12, 0, 27),), {"exponent": 3}),
               Example((a(-2, 0, 3),), a(1, 1, 1), (a(0, 0, 0),), {"exponent": 0}),
               Example((a(-2, 3),), a(1, 1), (a(0, 0),), {"exponent": 0}, g=INFINITE),
               Example((a(-2, 0, 3),), a(-2, 0, 3), (a(1, 1, 1),), {"exponent": 1}),
               Example((a(4, 0.25),), a(0.5, 2), (a(-0.0625, -4),), {"exponent": -0.5}),))  # fmt: skip
case("power_scalar: exponent 0", lambda d: Call([d.values(d.shape())], {"exponent": 0}, d.seed),
     lambda x, exponent: x**exponent, call=E.power_scalar, torch="pow")  # fmt: skip


def build_clamp(d: Draw) -> Call:
    low, high = d.choose(((-1.0, 1.0), (None, 1.0), (-1.0, None), (1.0, -1.0)))
    return Call([d.values(d.shape(), Domain(-2, 2, (-1.0, 1.0)))], {"low": low, "high": high}, d.seed)


case(
    compare.clamp, build_clamp, lambda x, low, high: np.clip(x, low, high), order=2, torch="clamp",
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


case(E.add, two, np.add, torch="add", examples=(Example((a(1, 2), a(10)), a(11, 12), (a(1, 1), a(2))),))
case(E.subtract, two, np.subtract, torch="sub", examples=(Example((a(1, 2), a(10)), a(-9, -8), (a(1, 1), a(-2))),))
case(E.multiply, two, np.multiply, torch="mul", examples=(Example((a(2, 3), a(10)), a(20, 30), (a(10, 10), a(5))),))
case(E.divide, lambda d: two(d, right=POSITIVE), np.divide, torch="div",
     examples=(Example((a(2, 3), a(-4)), a(-0.5, -0.75), (a(-0.25, -0.25), a(-0.3125))),))  # fmt: skip
case(
    E.power, lambda d: two(d, left=POSITIVE), np.power, torch="pow",
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
    # d²/da db of a^b is 1 / a where b = 0: a rule that replaces the exponent there is wrong at order 2, as in torch.pow
    "power: exponent 0", lambda d: Call([d.values((3,), POSITIVE), d.array(np.zeros(3))], {}, d.seed), np.power,
    call=E.power, torch=lambda m, x, y: m.exp(y * m.log(x)),
)  # fmt: skip
case(compare.maximum, apart, np.maximum, order=2, torch="maximum",
     examples=(Example((a(1, 2, 3), a(3, 2, 1)), a(3, 2, 3), (a(0, 2, 6), a(2, 2, 0)), g=a(2, 4, 6)),
               Example((a(1, 3), a(3, 1)), a(3, 3), (a(0, INF), a(INF, 0)), g=INFINITE),))  # fmt: skip
case(compare.minimum, apart, np.minimum, order=2, torch="minimum",
     examples=(Example((a(1, 2, 3), a(3, 2, 1)), a(1, 2, 1), (a(2, 2, 0), a(0, 2, 6)), g=a(2, 4, 6)),
               Example((a(1, 3), a(3, 1)), a(1, 1), (a(INF, 0), a(0, INF)), g=INFINITE),))  # fmt: skip
COMPARISONS = [(compare.equal, "eq", [False, True, False]), (compare.not_equal, "ne", [True, False, True]),
               (compare.less, "lt", [True, False, False]), (compare.less_equal, "le", [True, True, False]),
               (compare.greater, "gt", [False, False, True]), (compare.greater_equal, "ge", [False, True, True])]
for comparison, twin, truth in COMPARISONS:
    hand = Example((a(1, 2, 3), a(2, 2, 2)), np.array(truth))
    case(comparison, tied, getattr(np, comparison.name), order=0, torch=twin, examples=(hand,))


def flags(d: Draw) -> Call:
    first, second = d.broadcasting(2)
    return Call([d.integers(0, 2, first).astype(bool), d.integers(0, 2, second).astype(bool)], {}, d.seed)


BITS = np.array([False, False, True, True]), np.array([False, True, False, True])
for logic, truth in ((compare.logical_and, [0, 0, 0, 1]), (compare.logical_or, [0, 1, 1, 1])):
    hand = Example(BITS, np.array(truth, bool))
    case(logic, flags, getattr(np, logic.name), order=0, torch=logic.name, examples=(hand,))


def build_where(d: Draw) -> Call:
    condition, first, second = d.broadcasting(3)
    return Call([d.integers(0, 2, condition).astype(bool), d.values(first), d.values(second)], {}, d.seed)


case(compare.where, build_where, np.where, torch="where",
     examples=(Example((np.array([True, False]), a(1, 2), a(5)), a(1, 5), (None, a(1, 0), a(1))),))  # fmt: skip


def build_dropout(d: Draw) -> Call:
    shape = d.shape()
    return Call([d.values(shape), d.array(2.0 * d.rng.integers(0, 2, shape))], {}, d.seed)


case(activation.dropout, build_dropout, np.multiply, constant=(1,), torch="mul",
     examples=(Example((a(1, 3), a(0, 2)), a(0, 6), (a(0, 2),)),))  # fmt: skip
