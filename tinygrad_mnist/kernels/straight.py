"""Activations made of straight pieces on raw arrays: a slope below 0, a part set to 0, limits.

NumPy compares with an array of one value, and multiplies two arrays of one shape, several times as fast as with a
number or what it stretches itself: hence `level` and copies of a slope. Must not know: Tensor. Look next at gates.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Array
from .activation import level
from .gates import _BLOCK, _BOOL, Piece, blocks, choose
from .scratch import scratch


def leaky(x: Array, slope: Any, out: Piece = None) -> Any:
    """Give x where it is positive, else slope · x.

    Shapes:
        x (*A), slope a number or broadcasting with x -> their common shape
    """
    x = x if x.dtype.kind == "f" else x.astype(np.float32)
    if isinstance(slope, float | int) or np.ndim(slope) == 0:
        if slope == 0:  # times infinity it would be NaN
            return np.maximum(x, 0, out=out)
        out = np.empty_like(x) if out is None else out
        pick: Any = np.maximum if slope <= 1 else np.minimum
        for piece, result in blocks(x, out):
            product = np.multiply(piece, slope, out=scratch("leaky", piece.shape, piece.dtype))
            pick(piece, product, out=result)
        return out
    shape = np.broadcast_shapes(x.shape, slope.shape)
    if np.isfinite(slope).all() and slope.dtype == x.dtype and x.shape == shape:  # so that 0 · slope is 0
        out = np.empty(shape, x.dtype) if out is None else out
        plain = bool(slope.all() and (slope <= 1).all())  # then x · slope is larger than x where x < 0, and only there
        alike = slope.ndim < x.ndim or len(slope) == 1  # for every row, so that it is stretched once
        rows = min(len(x), max(1, len(x) * _BLOCK // max(2 * x.size, 1)))  # of four arrays in cache
        for i in range(0, len(x), rows or 1):
            piece, result = x[i : i + rows], out[i : i + rows]
            if i == 0 or not alike:
                factor = scratch("leaky slope", (rows, *x.shape[1:]), x.dtype)
                factor[: len(piece)] = slope if alike else slope[i : i + rows]
            low = scratch("leaky", piece.shape, x.dtype)
            if plain:
                np.maximum(piece, np.multiply(piece, factor[: len(piece)], out=low), out=result)
                continue
            np.minimum(piece, level(piece, 0), out=low)
            low *= factor[: len(piece)]
            np.maximum(piece, level(piece, 0), out=result)
            result += low
        return out
    return choose(np.greater(x, 0), x, np.multiply(slope, x), out)


def cut(x: Array, *, low: float, high: float, out: Piece = None) -> Any:
    """Put 0 in place of what is within [low, high]."""
    out = np.empty_like(x) if out is None else out
    kind = np.dtype(f"i{x.itemsize}")
    for piece, result in blocks(x, out):
        if low == -high <= 0:  # the bits of numbers of one sign are in their order
            bits = np.bitwise_and(piece.view(kind), np.iinfo(kind).max, out=scratch("cut", piece.shape, kind))
            np.right_shift(np.subtract(x.dtype.type(high).view(kind), bits, out=bits), 8 * x.itemsize - 1, out=bits)
            np.bitwise_and(piece.view(kind), bits, out=result.view(kind))
            continue
        inside, other = (scratch(f"cut {i}", piece.shape, _BOOL) for i in (0, 1))
        np.less_equal(piece, high, out=inside)
        if low > -math.inf:
            inside &= np.greater_equal(piece, low, out=other)
        factor = scratch("cut", piece.shape, kind)
        np.copyto(factor, np.logical_not(inside, out=inside))
        np.multiply(piece.view(kind), factor, out=result.view(kind))
    return out


def hardtanh(x: Array, *, low: float, high: float, out: Piece = None) -> Any:
    """Limit x to [low, high]."""
    return np.clip(x, low, high, out=out)


def softshrink(x: Array, *, limit: float, out: Piece = None) -> Any:
    """Move x towards 0 by the limit, and to 0 where it is nearer."""
    return np.subtract(x, np.clip(x, -limit, limit), out=out)
