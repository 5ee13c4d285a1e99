"""Elementary functions of arrays that NumPy has not, or not fast: remainders, logaddexp, lerp, erfc, what is no number.

Must not know: Tensor, gradients' bookkeeping. Look next at ops/elementary.py (the calculus).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Array, Defaults
from ..core.errors import ArgumentError
from .activation import _FAR, _NEAR, _NEAR_TO, _pieces, _ratio, keep
from .gates import blocks, choose
from .scratch import scratch
from .sums import add_up

# erfc x = e^(-x²) / x (1/√π - P(x⁻²) / (x² Q(x⁻²))) beyond 4 (Cody 1969)
_BEYOND = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip
# of singles: erfc x = t e^(P(2t - 1) - x²), t = 1 / (1 + x / 2), P fitted to 1e-6
_SINGLE = (
    0.0003337358939, -0.0002079091206, -0.00204873476, 0.001776564635, 0.008703812035, -0.009873768747, -0.04687488818,
    0.04734310629, 0.6726422172, -0.6717940761,
)  # fmt: skip
_SMALL = 1 << 16  # doubles of which three arrays stay in cache
quiet = np.errstate(all="ignore")


def of_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have a function, a ufunc or one that allocates its result, take integers as floats and write to out."""

    @quiet
    def call(*xs: Any, out: Array | None = None, **settings: Any) -> Any:
        kinds = [x.dtype for x in xs if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        kind = np.result_type(*kinds) if kinds else Defaults.dtype
        return given(function(*(np.asarray(x, kind) for x in xs), **settings), out)

    return call


def given(value: Any, out: Array | None) -> Any:
    """Give a value, in memory that there is already if there is some."""
    if out is None:
        return value
    out[...] = value
    return out


# ---------------------------------------------------------------- remainders


@quiet
def fmod(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give the remainder of a / b, with the sign of a."""
    if np.result_type(a, b).kind in "iub" and np.equal(b, 0).any():
        raise ArgumentError("division: an integer cannot be divided by 0.", expected="other divisors, or floats")
    singles = all(getattr(x, "dtype", None) == np.float32 for x in (a, b)) or isinstance(b, int | float)
    if not (singles and isinstance(a, np.ndarray) and a.dtype == np.float32 and a.ndim):
        return np.fmod(a, b, out=out)
    shape = np.broadcast_shapes(a.shape, np.shape(b))
    a, b = (np.ascontiguousarray(np.broadcast_to(np.float32(x), shape)) for x in (a, b))
    out = np.empty(shape, np.float32) if out is None else out
    for pieces in blocks(a, b, out):
        x, y, result = (piece.reshape(-1) for piece in pieces)
        for i in range(0, x.size, _SMALL):
            _fmod_of_singles(x[i : i + _SMALL], y[i : i + _SMALL], result[i : i + _SMALL])
    return out


def _fmod_of_singles(a: Array, b: Array, out: Array) -> None:
    """Subtract from a the multiple of b in doubles, where that is exact: ten times as fast as NumPy."""
    x, y, q = (scratch(f"fmod {name}", a.shape, np.dtype(np.float64)) for name in "xyq")
    x[...], y[...] = a, b
    np.trunc(np.divide(x, y, out=q), out=q)
    if not (max(q.max(), -q.min()) < 1 << 24 and max(b.max(), -b.min()) < math.inf):
        np.fmod(a, b, out=out)
        return
    sign = np.bitwise_and(a.view(np.int32), np.int32(-(2**31)))
    np.subtract(x, np.multiply(q, y, out=q), out=out, casting="same_kind")
    np.bitwise_or(out.view(np.int32), sign, out=out.view(np.int32))


def turned(rest: Array, b: Any) -> Any:
    """Tell where a remainder is of the other sign than b."""
    return np.asarray(np.not_equal(rest, 0) & np.not_equal(np.less(rest, 0), np.less(b, 0)))


@quiet
def remainder(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give the remainder of a / b, with the sign of b."""
    rest = np.asarray(fmod(a, b))
    rest += keep(np.asarray(np.broadcast_to(b, rest.shape), rest.dtype, order="C"), turned(rest, b))
    return given(rest, out)


@quiet
def floor_divide(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give a / b, rounded down."""
    rest = np.asarray(fmod(a, b))
    if rest.dtype.kind != "f":
        return np.floor_divide(a, b, out=out)
    quotient = np.rint(np.true_divide(np.subtract(a, rest), b))
    quotient -= turned(rest, b)
    return given(np.where(np.equal(b, 0), np.true_divide(a, b), quotient), out)


@quiet
def trunc_divide(a: Any, b: Any, out: Array | None = None) -> Any:
    """Give a / b, rounded towards 0."""
    if np.result_type(a, b).kind == "f":
        return np.trunc(np.true_divide(a, b), out=out)
    return np.floor_divide(np.subtract(a, fmod(a, b)), b, out=out)


# ---------------------------------------------------------------- of floats


def _logaddexp(a: Any, b: Any) -> Any:
    top = np.maximum(a, b)
    below = np.minimum(a, b) - top
    below = np.where(np.equal(a, b), 0, below).astype(below.dtype)  # infinities, too
    return np.log1p(np.exp(below)) + top


def _xlogy(a: Any, b: Any) -> Any:
    product = np.log(b) * a
    return np.where(np.equal(a, 0) & np.equal(b, b), product.dtype.type(0), product)


logaddexp, xlogy = of_floats(_logaddexp), of_floats(_xlogy)
arctan2 = of_floats(np.arctan2)
rsqrt = of_floats(lambda x: 1 / np.sqrt(x))


@quiet
def lerp(a: Any, b: Any, w: Any, out: Array | None = None) -> Any:
    """Give a + w (b - a), from the nearer end."""
    if np.ndim(w) == 0:
        way, far = np.subtract(b, a), abs(w) >= 0.5
        return np.add(b if far else a, np.multiply(way, w - far, out=way if way.ndim else None), out=out)
    out = np.empty(np.broadcast_shapes(*map(np.shape, (a, b, w))), np.result_type(a, b, w)) if out is None else out
    kind, bits = out.dtype, np.dtype(f"i{out.itemsize}")
    if not all(isinstance(x, np.ndarray) and x.dtype == kind and x.shape == out.shape and x.flags.c_contiguous
               for x in (a, b, w, out)):  # fmt: skip
        far = np.abs(w) >= 0.5
        return np.add(choose(far, b, a), np.subtract(b, a) * (w - far), out=out)
    for low, high, weight, result in blocks(a, b, w, out, size=_SMALL // 2):  # chosen by bits, as choose does
        way, part, far = (scratch(f"lerp {i}", result.shape, d) for i, d in enumerate((kind, kind, bits)))
        np.copyto(far, np.greater_equal(np.abs(weight, out=part), 0.5))
        np.subtract(weight, np.multiply(far, kind.type(1).view(bits), out=part.view(bits)).view(kind), out=part)
        np.multiply(np.subtract(high, low, out=way), part, out=part)
        nearer = np.bitwise_xor(low.view(bits), high.view(bits), out=way.view(bits))
        np.bitwise_xor(np.multiply(nearer, far, out=nearer), low.view(bits), out=nearer)
        np.add(way, part, out=result)
    return out


@quiet
def frac(x: Array, out: Array | None = None) -> Any:
    """Give what is behind the point."""
    return np.subtract(x, np.trunc(x), out=out)


def same(a: Array, b: Array) -> bool:
    """Tell whether two arrays of one shape hold the same, and look no further than to the block that differs."""
    if a.size and a.dtype == b.dtype and a.item(0) != b.item(0):  # Python compares two dtypes exactly, NumPy does not
        return False
    return all(np.equal(x, y).all() for x, y in blocks(a, b))


def rint(x: Array, out: Array | None = None) -> Any:
    """Round to the nearest whole number, an even one halfway; integers stay."""
    return np.rint(x, out=out) if x.dtype.kind == "f" else np.positive(x, out=out)


def nan_to_num(x: Array, *, nan: float, posinf: float | None, neginf: float | None) -> Array:
    """Replace what is not a number, and infinities: those of None by the largest numbers."""
    if x.dtype.kind != "f" or np.isfinite(add_up(x, None)):  # nothing to replace
        return x.copy()
    out = keep(x, np.asarray(np.equal(x, x)))  # far quicker than np.copyto
    if x.dtype.kind == "f":
        if nan:
            out += x.dtype.type(nan) * np.isnan(x)
        for infinity, value in ((math.inf, posinf), (-math.inf, neginf)):
            if value is not None:
                np.copyto(out, value, where=np.equal(x, infinity))
        np.clip(out, None if neginf == -math.inf else np.finfo(x.dtype).min,
                None if posinf == math.inf else np.finfo(x.dtype).max, out=out)  # fmt: skip
    return out


@quiet
def erfc(x: Array, out: Array | None = None) -> Any:
    """Give 1 - erf x, small values too to full precision; of singles to 1e-6."""
    x = x if x.dtype.kind == "f" else x.astype(Defaults.dtype)
    out = np.empty_like(x) if out is None else out
    for piece, result in _pieces(x, out):
        size = np.abs(piece).astype(np.result_type(x, np.float32), copy=False)
        result[...] = np.abs(2 * np.less(piece, 0) - (_erfc if x.itemsize == 8 else _erfc_of_singles)(size))
    return out


def _erfc(size: Array) -> Any:
    value = _ratio("far", np.minimum(size, 4), _FAR) * np.exp(-size * size)
    inverse = 1 / np.square(np.maximum(size, 4))
    beyond = (1 / math.sqrt(math.pi) - inverse * _ratio("far", inverse, _BEYOND)) / np.clip(size, 4, 30)
    value = np.where(size > 4, np.exp(-size * size) * beyond, value)
    return np.where(size < _NEAR_TO, 1 - size * _ratio("near", np.square(np.minimum(size, 1)), _NEAR), value)


def _erfc_of_singles(size: Array) -> Any:
    t = 1 / (1 + np.minimum(size, 1e4) * 0.5)
    exponent, y = np.full_like(t, _SINGLE[0]), 2 * t - 1
    for coefficient in _SINGLE[1:]:
        exponent *= y
        exponent += coefficient
    exponent -= size * size
    return np.exp(exponent, out=exponent) * t
