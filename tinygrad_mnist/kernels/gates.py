"""Activations on raw arrays, in blocks that stay in cache: the result, and its slope on the way where it is wanted.

A block function is given a block of x, where to write the result and the slope (either may be None), memory to work
in, and the settings; `gate` makes the kernels of it. A slope that costs an exponential is kept from the forward pass,
so that the gradient is one product. Must not know: Tensor. Look next at ops/gates.py (the calculus).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.backend import Array
from .activation import erf, level
from .scratch import scratch
from .shapes import flatten

_BLOCK = 1 << 16  # as in activation.py, whose levels have that size
_BOOL = np.dtype(bool)
Piece = Array | None


class Gate(NamedTuple):
    """The kernels of one activation: result and slope, either alone."""

    both: Callable[..., tuple[Array, Array]]
    value: Callable[..., Array]
    slope: Callable[..., Array]


def blocks(*arrays: Any, size: int = _BLOCK) -> list[Any]:
    """Cut arrays of one shape (or None) that lie alike in memory into blocks that stay in cache."""
    given = [x for x in arrays if x is not None]
    flat = flatten(*given) if given[0].size > size else None
    if flat is None:
        return [arrays]
    vectors = iter(flat)
    cut = [None if x is None else next(vectors) for x in arrays]
    return [[None if x is None else x[i : i + size] for x in cut] for i in range(0, given[0].size, size)]


def gate(block: Callable[..., None], spare: int) -> Gate:
    """Make the kernels of an activation from what it does with a block and a number of working arrays."""

    def run(x: Array, out: Piece, slope: Piece, settings: dict[str, Any]) -> tuple[Any, Any]:
        kind = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
        if kind.char == "e":  # half precision is computed in single
            wide = x.astype(np.float32)
            mine: Any = [None if y is None else np.empty(x.shape, np.float32) for y in (out, slope)]
            run(wide, mine[0], mine[1], settings)
            for y, result in zip((out, slope), mine, strict=True):
                if y is not None:
                    np.copyto(y, result, casting="same_kind")
            return out, slope
        x = x if x.dtype is kind else x.astype(kind)
        for piece, value, derivative in blocks(x, out, slope):
            if value is not None and np.may_share_memory(piece, value):
                source = scratch("gate x", piece.shape, kind)  # the slope is computed after the result
                np.copyto(source, piece)
                piece = source
            block(piece, value, derivative, [scratch(f"gate {i}", piece.shape, kind) for i in range(spare)], **settings)
        return out, slope

    def new(x: Array) -> Array:
        return np.empty_like(x, dtype=None if x.dtype.kind == "f" else np.float32)

    def both(x: Array, *, out: Piece = None, saved: Piece = None, **settings: Any) -> tuple[Array, Array]:
        return run(x, new(x) if out is None else out, new(x) if saved is None else saved, settings)

    def value(x: Array, *, out: Piece = None, **settings: Any) -> Any:
        return run(x, new(x) if out is None else out, None, settings)[0]

    def slope(x: Array, *, out: Piece = None, **settings: Any) -> Any:
        return run(x, None, new(x) if out is None else out, settings)[1]

    return Gate(both, value, slope)


# ---------------------------------------------------------------- exponential

def _silu(x: Array, out: Piece, slope: Piece, spare: list[Array]) -> None:
    half, t = spare
    np.tanh(np.multiply(x, 0.5, out=half), out=t)  # of which the logistic function is (1 + t) / 2
    product = np.multiply(half, t, out=t if out is None and slope is None else slope if out is None else out)
    product += half
    if slope is not None:
        t += 1
        t *= 0.5
        np.multiply(np.subtract(1, t, out=half), product, out=slope)
        slope += t


def _mish(x: Array, out: Piece, slope: Piece, spare: list[Array]) -> None:
    e, t, u = spare
    np.exp(np.minimum(x, level(x, 40), out=e), out=e)
    np.multiply(np.add(e, 2, out=t), e, out=t)  # tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2)
    np.divide(t, np.add(t, 2, out=u), out=t)
    if out is not None:
        np.multiply(x, t, out=out)
    if slope is not None:
        np.divide(e, np.add(e, 1, out=u), out=e)
        np.subtract(1, np.multiply(t, t, out=u), out=u)
        u *= e
        np.multiply(u, x, out=slope)
        slope += t


def _elu(
    x: Array, out: Piece, slope: Piece, spare: list[Array], *, alpha: float, scale: float, along: float
) -> None:
    low, high = spare
    zero = level(x, 0)
    np.minimum(x, zero, out=low)
    if along != 1:
        low *= low.dtype.type(along)
    np.expm1(low, out=low)
    low *= low.dtype.type(alpha * scale)
    if out is not None:
        np.maximum(x, zero, out=high)
        if scale != 1:
            high *= high.dtype.type(scale)
        np.add(high, low, out=out)
    if slope is not None:
        np.add(low, alpha * scale, out=slope)
        if along != 1:
            slope *= slope.dtype.type(along)
        if (rest := scale - along * alpha * scale) != 0:  # added where x > 0
            np.copyto(high, np.greater(x, zero, out=scratch("gate mask", x.shape, _BOOL)))
            high *= high.dtype.type(rest)
            slope += high


def _softplus(x: Array, out: Piece, slope: Piece, spare: list[Array], *, beta: float, threshold: float) -> None:
    z, e, r = spare
    np.multiply(x, beta, out=z)
    np.exp(np.negative(np.abs(z, out=e), out=e), out=e)
    np.log1p(e, out=r)
    r += np.maximum(z, level(z, 0), out=e)
    straight = np.greater(z, threshold) if threshold < 16 or x.itemsize == 8 else None
    if slope is not None:  # the sigmoid, 1 - e^(-softplus)
        np.negative(np.expm1(np.negative(r, out=slope), out=slope), out=slope)
        if straight is not None:
            choose(straight, 1.0, slope, slope)
    if out is not None:
        np.divide(r, beta, out=out)
        if straight is not None:
            choose(straight, x, out, out)


# ---------------------------------------------------------------- the normal distribution

# Φ(x) = (1 + tanh(x (z + c₀ + c₁ / (z + c₂ + c₃ / (z + c₄))))) / 2 with z = (c x)², to 1.5e-7, fitted on |x| < 5.6
_ROOT = 0.136197218
_FRACTION = (1.15640714, -0.0351781078, -0.707794793, 0.880538268, 1.09259519)
_QUIET = np.errstate(over="ignore")
BEND, SLOPE = 0.044715, math.sqrt(2 / math.pi)


@_QUIET
def _normal(x: Array, out: Array, square: Array) -> float:
    """Give the normal distribution Φ in out, and in square x², but for the factor that is returned."""
    if x.itemsize == 8:
        erf(np.multiply(x, math.sqrt(0.5), out=square), out)
        np.square(np.clip(x, -40, 40, out=square), out=square)
    else:
        np.multiply(x, _ROOT, out=square)
        square *= square
        np.add(square, _FRACTION[4], out=out)
        for over, plus in (_FRACTION[3:1:-1], _FRACTION[1::-1]):
            np.divide(over, out, out=out)
            out += square
            out += plus
        np.tanh(np.multiply(out, x, out=out), out=out)
    out += 1
    out *= 0.5
    return 1.0 if x.itemsize == 8 else _ROOT * _ROOT


def _gelu(x: Array, out: Piece, slope: Piece, spare: list[Array], *, approximate: bool) -> None:
    phi, a, b = spare
    if approximate:
        np.multiply(x, x, out=a)
        np.multiply(np.add(np.multiply(a, BEND * SLOPE, out=b), SLOPE, out=b), x, out=b)
        np.tanh(b, out=phi)
        phi += 1
        phi *= 0.5
        if slope is not None:  # Φ' = 2 Φ (1 - Φ) · the slope of the argument of tanh
            a *= 6 * BEND * SLOPE
            a += 2 * SLOPE
            a *= x
            a *= phi
            np.multiply(a, np.subtract(1, phi, out=b), out=a)
    else:
        factor = _normal(x, phi, b)
        if slope is not None:
            np.exp(np.multiply(b, -0.5 / factor, out=a), out=a)
            a *= x
            a *= 1 / math.sqrt(2 * math.pi)
    if out is not None:
        np.multiply(x, phi, out=out)
    if slope is not None:
        np.add(phi, a, out=slope)


silu, mish, elu = gate(_silu, 2), gate(_mish, 3), gate(_elu, 2)
softplus, gelu = gate(_softplus, 3), gate(_gelu, 3)


# ---------------------------------------------------------------- choices


def choose(mask: Array, a: Any, b: Any, out: Piece = None) -> Array:
    """Take a where the mask is true, else b, by their bits: a branch would guess wrong half of the time.

    Shapes:
        mask, a, b broadcast
    """
    kind = np.result_type(a, b)
    bits = np.dtype(f"i{kind.itemsize}") if kind.kind == "f" and kind.itemsize <= 8 else None
    shape = np.broadcast_shapes(np.shape(mask), np.shape(a), np.shape(b))
    arrays = [x for x in (a, b, out) if type(x) is np.ndarray]
    alike = type(mask) is np.ndarray and mask.dtype == _BOOL and all(x.dtype == kind for x in arrays)
    alike = alike and all(x.shape == shape and x.flags.c_contiguous for x in (mask, *arrays))
    if bits is None or not alike or not shape:
        chosen = np.where(mask, a, b)
        if out is None:
            return np.asarray(chosen)
        np.copyto(out, chosen)
        return out
    out = np.empty(shape, kind) if out is None else out
    sources = [x if type(x) is np.ndarray else None for x in (a, b)]
    for chosen, yes, no, result in blocks(mask, *sources, out, size=_BLOCK // 2):  # six arrays
        select, rest = (scratch(f"choose {i}", result.shape, bits) for i in (0, 1))
        np.copyto(select, chosen)
        first, last = (kind.type(x).view(bits) if y is None else y.view(bits) for x, y in ((a, yes), (b, no)))
        np.multiply(np.bitwise_xor(first, last, out=rest), select, out=rest)
        np.bitwise_xor(rest, last, out=result.view(bits))
    return out
