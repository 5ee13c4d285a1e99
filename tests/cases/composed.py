"""Cases of public functions and operators that are composed of primitives."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from strategies import ANYWHERE, NOT_ZERO, POSITIVE, Array, Call, Domain, Draw

import tinygrad_mnist as tg
from tinygrad_mnist import functions as F

from .case import Example, a, case
from .elementwise import apart, two
from .reductions import build_broadcast_to, var_oracle
from .shapes import build_flip, build_gather, build_reshape, build_transpose, flip_oracle, gather_oracle, pieces


def composed(name: str, call: Any, build: Any, oracle: Any, torch: Any = None, alone: str = "", **options: Any) -> None:
    """Add a Case of what is composed. Its twin is PyTorch's function of the same name; of operators, the same text."""
    if torch is None and not alone:
        public = call.__module__.startswith("tinygrad_mnist")
        torch = call.__name__ if public else lambda m, *args, **static: call(*args, **static)
    case(f"{name} (composed)", build, oracle, call=call, torch=torch, alone=alone, **options)


def text(name: str, function: Any, build: Any, oracle: Any, **options: Any) -> None:
    """Add a Case of a text that runs in both packages: a function of (package, *arguments, **static)."""
    composed(name, partial(function, tg), build, oracle, torch=function, **options)


def one(d: Draw, domain: Domain = ANYWHERE, least: int = 0, **static: Any) -> Call:
    return Call([d.values(d.shape(least), domain)], static, d.seed)


# operators, with numbers on either side and without
composed("a + 2", lambda x: x + 2, one, lambda x: x + 2)
composed("2 - a", lambda x: 2 - x, one, lambda x: 2 - x)
composed("a * 2.5", lambda x: x * 2.5, one, lambda x: x * 2.5)
composed("2 / a", lambda x: 2 / x, lambda d: one(d, NOT_ZERO), lambda x: 2 / x)
text("pow 3", lambda m, x: m.pow(x, 3), one, lambda x: x**3)
composed("a ** b", lambda x, y: x**y, lambda d: two(d, left=POSITIVE), np.power)
composed("2 ** a", lambda x: 2**x, one, lambda x: 2**x)
composed("abs(-a)", lambda x: abs(-x), lambda d: one(d, NOT_ZERO), np.abs, order=2)
composed("pow scalar", F.pow, lambda d: one(d, POSITIVE, exponent=d.choose((2, -0.5, np.float32(3)))),
         lambda x, exponent: x ** float(exponent))  # fmt: skip
composed("pow tensor", F.pow, lambda d: two(d, left=POSITIVE), np.power)
composed("add alpha", F.add, lambda d: Call(two(d).args, {"alpha": 3}, d.seed), lambda x, y, alpha: x + alpha * y)
composed("sub alpha", F.sub, lambda d: Call(two(d).args, {"alpha": 3}, d.seed), lambda x, y, alpha: x - alpha * y)
composed("clamp", F.clamp, lambda d: one(d, Domain(-2, 2, (-1.0, 1.0)), min=d.choose((-1.0, None)), max=1.0),
         lambda x, min, max: np.clip(x, min, max), order=2)  # fmt: skip


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
composed("clamp min tensor", lambda x, low: F.clamp(x, min=low, max=1.0), lambda d: Call(apart(d).args, {}, d.seed),
         lambda x, low: np.minimum(np.maximum(x, low), 1.0), order=2,
         torch=lambda m, x, low: x.clamp(min=low).clamp(max=1.0))  # fmt: skip

# reductions
composed("prod", F.prod, lambda d: Call([d.values(d.shape())], {"keepdim": d.boolean()}, d.seed),
         lambda x, keepdim: np.prod(x, keepdims=keepdim),
         torch=lambda m, x, keepdim: x.prod().reshape((1,) * x.ndim * keepdim))  # fmt: skip


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
composed("prod zeros", F.prod, build_prod_zeros, with_dim(np.prod),
         examples=(Example((a(0, 2, 3),), 0.0, (a(6, 0, 0),), {}), Example((a(0, 2, 0),), 0.0, (a(0, 0, 0),), {})))


def build_std(d: Draw) -> Call:
    shape = (d.choose((2, 3)), *d.shape(0, 2, empty=False))
    return Call([d.distinct(shape)], {"dim": 0, "correction": d.choose((1, 0)), "keepdim": d.boolean()}, d.seed)


composed(
    "std", F.std, build_std, lambda x, dim, correction, keepdim: np.sqrt(var_oracle(x, dim, correction, keepdim)),
    examples=(
        Example((a(1, 3),), math.sqrt(2), (a(-1, 1) / math.sqrt(2),), {}), Example((a(2, 2),), 0.0, (a(0, 0),), {}),
    ),
)  # fmt: skip
composed("sum dims", F.sum, lambda d: one(d, least=2, dim=[0, -1]), lambda x, dim: x.sum((0, -1)))
composed("mean", F.mean, lambda d: Call([d.values(d.shape(empty=False))], {}, d.seed), np.mean)
FIRST = {"dim": 0, "keepdim": False}
text("max dim", lambda m, x, **static: m.max(x, **static).values, lambda d: one_dim(d, empty=False, distinct=True),
     with_dim(np.max), order=2, examples=(Example((a(3, 1, 3),), 3.0, (a(1, 0, 0),), FIRST),))  # fmt: skip
text("min dim", lambda m, x, **static: m.min(x, **static)[0], lambda d: one_dim(d, empty=False, distinct=True),
     with_dim(np.min), order=2, examples=(Example((a(3, 1, 1),), 1.0, (a(0, 1, 0),), FIRST),))  # fmt: skip
TIES = {"order": 2, "examples": (Example((a(2, 2),), 2.0, (a(0.5, 0.5),)),)}
composed("max", F.max, lambda d: Call([d.distinct(d.shape(empty=False))], {}, d.seed), np.max, **TIES)
composed("min", F.min, lambda d: Call([d.distinct(d.shape(empty=False))], {}, d.seed), np.min, **TIES)
composed("max of two", F.max, apart, np.maximum, order=2)
composed("min of two", F.min, apart, np.minimum, order=2)

# shape


def build_squeeze(d: Draw) -> Call:
    shape = (1, *d.shape(0, 2), 1)
    return Call([d.values(shape)], {"dim": d.choose((None, 0, -1, 1, (0, -1)))}, d.seed)


def squeeze_oracle(x: Array, dim: Any) -> Array:
    dims = range(x.ndim) if dim is None else [d % x.ndim for d in (dim if isinstance(dim, tuple) else (dim,))]
    return x.reshape([s for i, s in enumerate(x.shape) if s != 1 or i not in dims])


composed("squeeze", F.squeeze, build_squeeze, squeeze_oracle)


def build_unsqueeze(d: Draw) -> Call:
    shape = d.shape()
    return Call([d.values(shape)], {"dim": d.axis(len(shape) + 1)}, d.seed)


composed("unsqueeze", F.unsqueeze, build_unsqueeze, lambda x, dim: np.expand_dims(x, dim))
composed("flatten", F.flatten, one, np.ravel)
composed("flatten from 1", F.flatten, lambda d: Call([d.values(d.shape(2, empty=False))], {"start_dim": 1}, d.seed),
         lambda x, start_dim: x.reshape(x.shape[0], -1))  # fmt: skip
text("reshape", lambda m, x, shape: m.reshape(x.reshape(*shape or [()]), shape), build_reshape,
     lambda x, shape: x.reshape(shape))  # fmt: skip


def whole(x: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    """Put the sizes of x where -1 stands."""
    return tuple(x.shape[i - len(size)] if s == -1 else s for i, s in enumerate(size))


def build_expand(d: Draw) -> Call:
    call = build_broadcast_to(d)
    (x,), size = call.args, call.static["shape"]
    old = (0,) * (len(size) - x.ndim) + x.shape
    size = tuple(-1 if s == t and d.boolean() else s for s, t in zip(size, old, strict=True))
    return Call([x], {"size": size}, d.seed)


def build_swap(d: Draw) -> Call:
    shape = d.shape(2)
    return Call([d.values(shape)], {"dim0": d.axis(len(shape)), "dim1": d.axis(len(shape))}, d.seed)


text("expand", lambda m, x, size: x.expand(*size or [()]).expand(size), build_expand,
     lambda x, size: np.broadcast_to(x, whole(x, size)), raw=False)  # fmt: skip
composed("transpose", F.transpose, build_swap, lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1))
text("permute", lambda m, x, axes: m.permute(x, axes).permute(*axes or [()]), build_transpose,
     lambda x, axes: x.transpose(axes).transpose(axes), raw=False)  # fmt: skip
composed(".T", lambda x: x.T, lambda d: Call([d.values((2, 3))], {}, d.seed), lambda x: x.T)
text("flip", lambda m, x, axis: m.flip(x, axis), build_flip, flip_oracle)


def build_dim_cat(d: Draw) -> Call:
    arrays, dim = pieces(d)
    return Call(arrays, {"dim": dim}, d.seed)


def build_stack(d: Draw) -> Call:
    shape = d.shape(0, 2)
    return Call([d.values(shape) for _ in range(d.choose((2, 1)))], {"dim": d.axis(len(shape) + 1)}, d.seed)


text("cat", lambda m, *xs, dim: m.cat(xs, dim), build_dim_cat, lambda *xs, dim: np.concatenate(xs, dim))
text("stack", lambda m, *xs, dim: m.stack(xs, dim), build_stack, lambda *xs, dim: np.stack(xs, dim))
text("split", lambda m, x, size, dim, part: m.split(x, size, dim)[part],
     lambda d: Call([d.values((5, 5))], {"size": d.choose((2, 1, 3)), "dim": d.axis(2), "part": d.choose((0, 1))},
                    d.seed),
     lambda x, size, dim, part: np.take(x, range(size * part, min(size * (part + 1), 5)), dim))  # fmt: skip
text("split sections", lambda m, x, part: m.split(x, [1, 3], 1)[part],
     lambda d: Call([d.values((2, 4))], {"part": d.choose((0, 1))}, d.seed),
     lambda x, part: x[:, :1] if part == 0 else x[:, 1:])  # fmt: skip


def build_padding(d: Draw) -> Call:
    shape = d.shape(1)
    pad = [d.choose((0, 1, 2)) for _ in range(2 * d.choose(range(1, len(shape) + 1)))]
    return Call([d.values(shape)], {"pad": pad, "value": 0.5}, d.seed)


def padding_oracle(x: Array, pad: list[int], value: float) -> Array:
    widths = [*zip(pad[::2], pad[1::2], strict=True), *[(0, 0)] * (x.ndim - len(pad) // 2)]
    return np.pad(x, widths[::-1], constant_values=value)


composed("pad", F.pad, build_padding, padding_oracle)
composed(
    "index", lambda x, y: x[1:, None, y, [0, 0]], lambda d: Call([d.values((3, 2, 2)), np.array([1, 0])], {}, d.seed),
    lambda x, y: np.stack([x[1:, 1, 0], x[1:, 0, 0]], -1)[:, None],
)  # fmt: skip
KEYS: list[Any] = [
    0, -1, slice(1, None), slice(None, None, 2), (slice(None), 1), (Ellipsis, 0), (None, 1), (0, slice(None), 2),
    ([0, 2, 0],), ([0, 1], [1, 1]), (slice(None), [2, 2]), (0, [1, 0]), (Ellipsis, [0, 0]),
]  # fmt: skip
composed("index keys", lambda x, key: x[key], lambda d: Call([d.values((3, 3, 4))], {"key": d.choose(KEYS)}, d.seed),
         lambda x, key: x[key])  # fmt: skip
text("gather", lambda m, x, index, axis: m.gather(x, axis, index), build_gather, gather_oracle)


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
    lambda d: Call([d.values((3, 2)), d.values(d.choose(((2,), (), (1,))), POSITIVE)], {}, d.seed), in_place_oracle,
)  # fmt: skip
