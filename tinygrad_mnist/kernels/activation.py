"""The rectifier on raw arrays, and what its gradient needs: to keep some values and drop others as bits, so that no NaN
or infinity survives where nothing is to pass.

Must not know: Tensor, gradients' bookkeeping. Look next at ops/activation.py (the calculus).
"""

from __future__ import annotations

import numpy as np

from .scratch import scratch
from .shapes import Array, flatten

_BLOCK = 1 << 16  # elements up to which zeros to compare with are kept
_INTEGERS = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}
_BOOL, _INT8 = np.dtype(bool), np.dtype(np.int8)

_zeros: dict[tuple[np.dtype[np.generic], tuple[int, ...]], Array] = {}


def relu(x: Array, out: Array | None = None) -> Array:
    """Replace what is negative by 0; NaN stays.

    Shapes:  x (*A) -> (*A)
    """
    if x.dtype.kind != "f":
        return np.maximum(x, 0, out=out)
    if x.size > _BLOCK:
        if out is None:
            out = np.empty_like(x)
        flat = flatten(x, out)
        if flat is not None:
            source, target = flat
            for i in range(0, source.size, _BLOCK):
                piece = source[i : i + _BLOCK]
                np.maximum(piece, _zeros_like(piece), out=target[i : i + _BLOCK])
            return out
    elif x.flags.c_contiguous:
        return np.maximum(x, _zeros_like(x), out=out)
    return np.maximum(x, 0, out=out)


def sigmoid(x: Array, out: Array | None = None) -> Array:
    """Map to (0, 1): 1 / (1 + e⁻ˣ), or eˣ / (1 + eˣ) where x is negative, so that nothing overflows or cancels.

    Shapes:  x (*A) -> (*A); out may be x
    """
    if x.dtype.kind != "f":
        x = x.astype(np.float32)
    if out is None:
        out = np.empty_like(x)
    top, positive = scratch("sigmoid", x.shape, x.dtype), scratch("sigmoid's sign", x.shape, np.dtype(bool))
    np.greater_equal(x, 0, out=positive)
    np.copysign(x, -1, out=out)
    np.exp(out, out=out)
    np.copyto(top, out)
    np.copyto(top, 1, where=positive)  # else the exponential; of NaN, NaN
    np.add(out, 1, out=out)
    return np.divide(top, out, out=out)


def _zeros_like(x: Array) -> Array:
    """Give zeros of the shape of x: NumPy compares two arrays four times as fast as an array and a number."""
    key = x.dtype, x.shape
    zeros = _zeros.get(key)
    if zeros is None:
        if len(_zeros) >= 16:  # shapes that differ from call to call are not worth remembering
            _zeros.clear()
        zeros = _zeros[key] = np.zeros(x.shape, x.dtype)
        zeros.flags.writeable = False
    return zeros


def keep(y: Array, mask: Array, out: Array | None = None) -> Array:
    """Keep y where the mask is true, and have 0 elsewhere, whatever y is there.

    The bits of y, read as integers, are multiplied by 1 or 0: exact, in one pass, ten times as fast as np.where.

    Shapes:  y, mask (*A) -> (*A)
    """
    kind = _INTEGERS.get(y.dtype.itemsize)
    if kind is None or mask.dtype is not _BOOL or y.ndim == 0:
        kept = np.where(mask, y, y.dtype.type(0))
        if out is None:
            return kept
        out[...] = kept
        return out
    if out is None:
        if y.size <= _BLOCK:
            factor = mask.astype(kind)  # here calls cost, not values, and this needs few
            small: Array = np.multiply(y.view(kind), factor, out=factor).view(y.dtype)
            return small
        out = np.empty_like(mask, y.dtype)
    if y.strides != out.strides:
        np.copyto(out, y)
        y = out
    flat = flatten(y, mask, out)
    if flat is None:
        np.multiply(y.view(kind), mask.view(_INT8), out=out.view(kind))
        return out
    values, chosen, target = flat
    for i in range(0, values.size, _BLOCK):  # factors converted first: the product would allocate memory to do it in
        piece = values[i : i + _BLOCK].view(kind)
        factor = scratch("keep", piece.shape, kind)
        np.copyto(factor, chosen[i : i + _BLOCK])
        np.multiply(piece, factor, out=target[i : i + _BLOCK].view(kind))
    return out
