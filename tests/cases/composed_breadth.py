"""Cases of public functions composed of elementary functions, reductions and ranks."""

import math
from typing import Any

import numpy as np
from strategies import ANYWHERE, NOT_ZERO, POSITIVE, Array, Call, Domain, Draw

from tinygrad_mnist import functions as F

from .case import Example, a
from .composed import composed, one, one_dim, text
from .elementary import BETWEEN, INSIDE, build_rest, build_scaled, running, whole
from .elementwise import apart, two
from .reductions import var_oracle

UNIT = Domain(0.05, 0.95)
composed("round", F.round, lambda d: one(d, BETWEEN, decimals=0), lambda x, decimals: np.round(x), order=2)
composed("round decimals", F.round, lambda d: one(d, Domain(-2.4, 2.4, tuple(np.arange(-2.45, 2.5, 0.1)), 0.02),
     decimals=1),
         lambda x, decimals: np.round(x * 10) / 10, order=2)  # fmt: skip
composed("logit", F.logit, lambda d: one(d, UNIT), lambda x: np.log(x / (1 - x)))
composed("logit eps", F.logit, lambda d: one(d, Domain(-0.5, 1.5, (0.25, 0.75)), eps=0.25),
         lambda x, eps: np.log((c := np.clip(x, eps, 1 - eps)) / (1 - c)), order=2)  # fmt: skip
composed("lerp", F.lerp, lambda d: Call(two(d).args, {"weight": d.choose((0.25, 0.75, -1.0))}, d.seed),
         lambda x, y, weight: x + weight * (y - x))  # fmt: skip
composed("addcmul", F.addcmul, build_scaled, lambda x, y, z, value: x + value * y * z)
composed("addcdiv", F.addcdiv, build_scaled, lambda x, y, z, value: x + value * y / z)
composed("nan_to_num", F.nan_to_num, one, lambda x: x)
composed("true_divide", F.true_divide, lambda d: two(d, right=POSITIVE), np.divide)
composed("clamp_min", F.clamp_min, lambda d: one(d, Domain(-2, 2, (-1.0, 1.0)), min=-1.0),
         lambda x, min: np.maximum(x, min), order=2)  # fmt: skip
composed("clamp_max", F.clamp_max, lambda d: Call(apart(d).args, {}, d.seed), np.minimum, order=2)
text("operators", lambda m, x, y: x % y + (x // y) * y + 5 % y, build_rest,
     lambda x, y: np.mod(x, y) + np.floor_divide(x, y) * y + np.mod(5, y), order=0, raw=False)
text("operators of bits", lambda m, x, y: (x & y) + (x | y) + (x ^ y) + ~x + (x << 2) + (y >> 1) + (5 ^ x), whole,
     lambda x, y: (x & y) + (x | y) + (x ^ y) - x - 1 + x * 4 + y // 2 + (5 ^ x), order=0, raw=False)


def changed(m: Any, x: Any, y: Any) -> Any:
    x = x * 1
    x.sin_().lerp_(y, 0.25).addcmul_(y, y, value=0.5).atan2_(y).square_().remainder_(7.5)
    x %= 100
    return x.log1p_()


def changed_oracle(x: Array, y: Array) -> Array:
    x = np.sin(x) + 0.25 * (y - np.sin(x))
    return np.log1p(np.arctan2(x + 0.5 * y * y, y) ** 2)


composed("many in place", lambda x, y: changed(None, x, y),
         lambda d: Call([d.values((3, 2), INSIDE), d.values((3, 2), Domain(0.5, 0.9))], {}, d.seed), changed_oracle,
         raw=False, alone="PyTorch keeps no copy of what log1p_ overwrites, and says so")  # fmt: skip


# ---------------------------------------------------------------- comparisons

composed("isclose", F.isclose, apart, np.isclose, order=0)
# ---------------------------------------------------------------- reductions


def build_norm(d: Draw) -> Call:
    call = one_dim(d, empty=False, distinct=True)
    x = call.args[0]
    p = d.choose((1, 2, 3, 0.5, 1.5, -1, math.inf, -math.inf, "fro"))
    return Call([d.array(x + np.where(x < 0, -0.13, 0.17))], {"p": p, **call.static}, d.seed)


def norm_oracle(x: Array, p: Any, dim: int, keepdim: bool) -> Array:
    size = np.abs(x)
    if p in (math.inf, -math.inf):
        return (np.max if p > 0 else np.min)(size, axis=dim, keepdims=keepdim)
    p = 2 if p == "fro" else p
    return (size**p).sum(dim, keepdims=keepdim) ** (1 / p)


composed("norm", F.norm, build_norm, norm_oracle, order=2,
         examples=(Example((a(0, 3, -4),), 5.0, (a(0, 0.6, -0.8),), {}), Example((a(0, 0),), 0.0, (a(0, 0),),
              {"p": 1.5}),
                   Example((a(0, 2),), 2.0, (a(0, 1),), {"p": 0.5}), Example((a(0, 2),), 0.0, (a(0, 0),), {"p": -1}),
                   Example((a(2, -2, 1),), 2.0, (a(0.5, -0.5, 0),), {"p": math.inf}),
                   Example((a(0, 0),), 0.0, (a(0, 0),), {"p": 1}), Example((a(0, 3),), 1.0, (a(0, 0),), {"p": 0})),)
composed("sum dtype", F.sum, lambda d: Call(one_dim(d).args, {"dtype": np.dtype(np.float64)}, d.seed),
         lambda x, dtype: x.sum(), torch=lambda m, x, dtype: x.sum(dtype=m.float64), raw=False)  # fmt: skip
composed("count_nonzero", F.count_nonzero, lambda d: Call(one_dim(d).args, {"dim": 0}, d.seed),
         lambda x, dim: (x != 0).sum(dim), order=0)  # fmt: skip


def spread(d: Draw) -> Call:
    shape = (d.choose((2, 3)), *d.shape(0, 2, empty=False))
    return Call([d.distinct(shape)], {"dim": 0, "keepdim": d.boolean()}, d.seed)


text("var_mean", lambda m, x, **s: m.var_mean(x, **s)[0] * m.var_mean(x, **s)[1], spread,
     lambda x, dim, keepdim: var_oracle(x, dim, 1, keepdim) * x.mean(dim, keepdims=keepdim))  # fmt: skip
text("std_mean", lambda m, x, **s: m.std_mean(x, **s)[0] * m.std_mean(x, **s)[1], spread,
     lambda x, dim, keepdim: np.sqrt(var_oracle(x, dim, 1, keepdim)) * x.mean(dim, keepdims=keepdim))  # fmt: skip


def lower(x: Array, axis: Any, keepdims: bool) -> Array:
    return np.quantile(x, 0.5, axis=axis, keepdims=keepdims, method="lower")


def distinct(d: Draw) -> Call:
    return one_dim(d, empty=False, distinct=True)


text("median", lambda m, x, **s: m.median(x, **s).values + m.median(x), distinct,
     lambda x, dim, keepdim: lower(x, dim, keepdim) + lower(x, None, False), order=2)  # fmt: skip
composed("median of all", F.median, lambda d: Call(distinct(d).args, {}, d.seed), lambda x: lower(x, None, False),
     order=2,
         examples=(Example((a(2, 1, 2, 2, 5),), 2.0, (a(1 / 3, 0, 1 / 3, 1 / 3, 0),), {}),))  # fmt: skip


def build_quantile(d: Draw) -> Call:
    call = distinct(d)
    kind = d.choose(("linear", "lower", "higher", "midpoint", "nearest"))
    return Call(call.args, {"q": d.choose((0.0, 0.3, 0.77, 1.0)), **call.static, "interpolation": kind}, d.seed)


def quantile_oracle(x: Array, q: float, dim: int, keepdim: bool, interpolation: str) -> Array:
    return np.quantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)


composed("quantile", F.quantile, build_quantile, quantile_oracle, order=2)
# ---------------------------------------------------------------- running results


def along(d: Draw, domain: Domain = ANYWHERE) -> Call:
    shape = d.shape(1)
    return Call([d.values(shape, domain)], {"dim": d.axis(len(shape))}, d.seed)


def run(step: Any) -> Any:
    oracle = running(step)
    return lambda x, dim: oracle(x, dim)


def along_zeros(d: Draw) -> Call:
    call = along(d)
    return Call([d.array(np.where(d.rng.random(call.args[0].shape) < 0.4, 0, call.args[0]))], call.static, d.seed)


composed("cumsum", F.cumsum, along, run(np.add))
composed("cumprod", F.cumprod, lambda d: along(d, NOT_ZERO), run(np.multiply))
composed("cumprod zeros", F.cumprod, along_zeros, run(np.multiply), order=2,
         examples=(Example((a(2, 0, 3, 0),), a(2, 0, 0, 0), (a(1, 8, 0, 0),), {"dim": 0}),))  # fmt: skip
composed("logcumsumexp", F.logcumsumexp, along, run(lambda x, y: np.log(np.exp(x) + np.exp(y))))


def along_distinct(d: Draw) -> Call:
    shape = d.shape(1)
    return Call([d.distinct(shape)], {"dim": d.axis(len(shape))}, d.seed)
