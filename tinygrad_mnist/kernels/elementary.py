"""Elementary functions of arrays that NumPy has not, or computes one element at a time: remainders, logaddexp, hypot.

Half and single precision go through double precision in pieces that stay in cache: exact where it matters, and ten
times as fast as C's fmod. Integers and doubles are NumPy's. Must not know: Tensor, gradients' bookkeeping. Look next at
special.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Array, Defaults, isolated
from ..core.errors import ArgumentError

nditer: Any = np.nditer  # NumPy's type stubs want its flags as literals
_PIECE = 1 << 14
_EXACT = 2.0**29  # quotients of singles below it are right in double precision


def by_pieces(function: Callable[..., Any], arrays: tuple[Any, ...], out: Array | None, wide: Any = None) -> Array:
    """Call function(*pieces, piece of out) on pieces of arrays that broadcast, converted to a wide dtype."""
    kind = np.result_type(*arrays)
    kind = kind if kind.kind == "f" else Defaults.dtype
    if out is None:
        out = np.empty(np.broadcast_shapes(*map(np.shape, arrays)), kind)
    count, wide = len(arrays), wide or np.result_type(kind, np.float32)
    pieces = nditer(
        [*arrays, out], ["external_loop", "buffered", "zerosize_ok"], [["readonly"]] * count + [["writeonly"]],
        [wide] * (count + 1), casting="same_kind", buffersize=_PIECE,
    )  # fmt: skip

    def run() -> None:
        with pieces, np.errstate(all="ignore"):
            for piece in pieces:
                function(*piece)

    if out.size:
        isolated(run)
    return out


def put(out: Array, mask: Array, values: Array) -> None:
    """Write values where the mask is true, by their bits: no branch that a random mask would have guessed wrongly."""
    kind = np.dtype(f"i{out.itemsize}")
    bits = np.bitwise_xor(out.view(kind), values.view(kind))
    bits &= np.negative(mask, dtype=kind)
    out.view(kind)[...] ^= bits


def _rest(a: Array, b: Array, out: Array, rounded: Any, exact: Any) -> None:
    q = np.divide(a, b)
    rounded(q, out=q)
    np.subtract(a, np.multiply(q, b, out=out), out=out)
    far = np.less(np.abs(q, out=q), _EXACT)
    far &= np.less(np.abs(b, out=q), np.inf)
    if not far.all():
        exact(a, b, out=out, where=~far)


def _divided(rounded: Any, exact: Any) -> Callable[..., Any]:
    """Make the function that gives the remainder that a rounding of the quotient leaves."""

    def rest(a: Any, b: Any, out: Array | None = None) -> Any:
        if np.result_type(a, b).char not in "ef":
            return exact(a, _divisor(exact.__name__, a, b), out=out)
        return by_pieces(lambda a, b, out: _rest(a, b, out, rounded, exact), (a, b), out, np.float64)

    return rest


def _divisor(name: str, a: Any, b: Any) -> Any:
    if np.result_type(a, b).kind in "iu" and np.equal(b, 0).any():
        raise ArgumentError(f"{name}: an integer cannot be divided by 0.", expected="other divisors, or floats")
    return b


fmod, remainder = _divided(np.trunc, np.fmod), _divided(np.floor, np.remainder)


def floor_divide(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give a / b, rounded down."""
    if np.result_type(a, b).char not in "ef":
        return np.floor_divide(a, _divisor("floor_divide", a, b), out=out)
    return by_pieces(_floor_divide, (a, b), out, np.float64)


def trunc_divide(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give a / b, rounded towards 0."""
    if np.result_type(a, b).kind == "f":
        return np.trunc(np.true_divide(a, b), out=out)
    return np.floor_divide(np.subtract(a, np.fmod(a, _divisor("div", a, b))), b, out=out)


def heaviside(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give 0 where a < 0, b where a = 0, 1 where a > 0."""
    if np.result_type(a, b).kind == "f":
        return np.heaviside(a, b, out=out)
    return np.where(np.equal(a, 0), b, np.greater(a, 0))


def _floor_divide(a: Array, b: Array, out: Array) -> None:
    np.floor(np.divide(a, b, out=out), out=out)
    endless = np.isinf(a) | np.isinf(b)
    if endless.any():
        np.floor_divide(a, b, out=out, where=endless)


def hypot(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give √(a² + b²); squares of singles are no trouble in double precision."""
    return by_pieces(_hypot, (a, b), out, np.float64)


def _hypot(a: Array, b: Array, out: Array) -> None:
    np.add(np.multiply(a, a, out=out), b * b, out=out)
    safe = 1e-280 < out.min() and out.max() < 1e300
    np.sqrt(out, out=out)
    if not safe:
        np.hypot(a, b, out=out)


def _add_exponents(exp: Any, log: Any, one: float) -> Callable[..., Any]:
    def piece(a: Array, b: Array, out: Array) -> None:
        top = np.maximum(a, b)
        np.subtract(np.minimum(a, b, out=out), top, out=out)
        if not np.isfinite(top).all():
            np.copyto(out, 0, where=np.equal(a, b))  # infinities, too
        log(exp(out, out=out), out=out)
        if one != 1:
            out *= out.dtype.type(one)
        out += top

    return lambda a, b, out=None: by_pieces(piece, (a, b), out)


logaddexp = _add_exponents(np.exp, np.log1p, 1)
logaddexp2 = _add_exponents(np.exp2, np.log1p, 1 / np.log(2))


def _of_two(function: Any) -> Callable[..., Any]:
    """Have a ufunc of two take integers as singles."""

    def call(a: Any, b: Any, out: Array | None = None) -> Any:
        a, b = (x.astype(Defaults.dtype) if isinstance(x, np.ndarray) and x.dtype.kind != "f" else x for x in (a, b))
        return function(a, b, out=out)

    return call


arctan2, copysign = _of_two(np.arctan2), _of_two(np.copysign)


def xlogy(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give a log b, and 0 where a is 0 and b is a number."""
    return by_pieces(_xlogy, (a, b), out)


def _xlogy(a: Array, b: Array, out: Array) -> None:
    nothing = np.equal(a, 0)
    np.multiply(np.log(b), a, out=out)
    if nothing.any():
        np.copyto(out, 0, where=nothing & (b == b))


def rint(x: Array, out: Array | None = None) -> Any:
    """Round to the nearest whole number, an even one halfway; integers stay."""
    return np.rint(x, out=out) if x.dtype.kind == "f" else np.positive(x, out=out)


def signbit(x: Array, out: Array | None = None) -> Any:
    """Tell where there is a minus sign."""
    return np.signbit(x, out=out) if x.dtype.kind == "f" else np.less(x, 0, out=out)


def rsqrt(x: Array, out: Array | None = None) -> Any:
    """Give 1 / √x."""
    x = x if x.dtype.kind == "f" else x.astype(Defaults.dtype)
    out = np.sqrt(x, out=out)
    return np.divide(1, out, out=out if out.ndim else None)


def lerp(a: Any, b: Any, w: Any, out: Array | None = None) -> Any:
    """Give a + w (b - a), from the nearer end."""
    return by_pieces(_lerp, (a, b, w), out)


def _lerp(a: Array, b: Array, w: Array, out: Array) -> None:
    np.subtract(b, a, out=out)
    far = np.abs(w) >= 0.5
    if not far.any():
        out *= w
        out += a
    elif far.all():
        np.subtract(b, np.multiply(out, 1 - w, out=out), out=out)
    else:
        other = b - out * (1 - w)
        out *= w
        out += a
        put(out, far, other)


def addcmul(x: Any, a: Any, b: Any, out: Array | None = None, *, value: float) -> Any:
    """Give x + value a b."""
    return by_pieces(functools.partial(_add_scaled, np.multiply, value), (x, a, b), out)


def addcdiv(x: Any, a: Any, b: Any, out: Array | None = None, *, value: float) -> Any:
    """Give x + value a / b."""
    return by_pieces(functools.partial(_add_scaled, np.divide, value), (x, a, b), out)


def _add_scaled(operation: Any, value: float, x: Array, a: Array, b: Array, out: Array) -> None:
    operation(a, b, out=out)
    if value != 1:
        out *= out.dtype.type(value)
    out += x
