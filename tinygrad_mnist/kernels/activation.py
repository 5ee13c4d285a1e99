"""The rectifier on raw arrays, and what its gradient needs: to keep some values and drop others as bits, so that no NaN
or infinity survives where nothing is to pass.

Must not know: Tensor, gradients' bookkeeping. Look next at ops/activation.py (the calculus).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..core.backend import Array, Defaults
from .scratch import scratch
from .shapes import flatten

_BLOCK = 1 << 16  # elements up to which zeros to compare with are kept
_INTEGERS = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}
_BOOL, _INT8 = np.dtype(bool), np.dtype(np.int8)

_levels: dict[tuple[float, np.dtype[np.generic], tuple[int, ...]], Array] = {}


def relu(x: Array, out: Array | None = None) -> Array:
    """Replace what is negative by 0; NaN stays.

    Shapes:
        x (*A) -> (*A)
    """
    if x.size <= _BLOCK or x.dtype.kind != "f":
        small: Array = np.maximum(x, level(x, 0), out=out)
        return small
    out = np.empty_like(x) if out is None else out
    for piece, result in _pieces(x, out):
        np.maximum(piece, level(piece, 0), out=result)
    return out


def sigmoid(x: Array, out: Array | None = None) -> Array:
    """Map to (0, 1) by eˣ / (1 + eˣ), in which nothing cancels; where eˣ is infinite it is 1.

    Shapes:
        x (*A) -> (*A); out may be x
    """
    if x.dtype.kind != "f":
        x = x.astype(Defaults.dtype)
    out = np.empty_like(x) if out is None else out
    with np.errstate(over="ignore", invalid="raise"):
        for piece, result in _pieces(x, out):
            e = scratch("sigmoid", piece.shape, piece.dtype)
            try:
                np.exp(piece, out=e)
                np.divide(e, np.add(e, 1, out=result), out=result)
            except FloatingPointError:  # infinity by infinity
                np.minimum(e, math.exp(_one_from(x.dtype)), out=e)  # NaN stays
                np.divide(e, np.add(e, 1, out=result), out=result)
    return out


@functools.cache
def _one_from(dtype: np.dtype[Any]) -> float:
    """Give a number from which on the sigmoid is 1 in this dtype."""
    return float(2 - np.log(np.finfo(dtype).eps))


# erf x = x P(x²) / Q(x²) up to _NEAR_TO, 1 - e^(-x²) P(x) / Q(x) beyond: P and Q of either, from the highest power on
_NEAR_TO = 0.46875
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_FAR = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
     8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
# of singles: erf x = tanh(x P(x²) / Q(x²)) to 3e-7, fitted on |x| < 4
_BELL = (
    (0.00217828213, 0.0426465578, 0.279806822, 1.12837917),
    (0.000324924428, 0.0236899279, 0.156892572, 1.0),
)


def erf(x: Array, out: Array | None = None) -> Array:
    """Integrate the normal density: 2/√π ∫₀ˣ e^(-t²) dt, to a few units in the last place.

    Shapes:
        x (*A) -> (*A); out may be x
    Source:
        of doubles Cody 1969 (Mathematics of Computation 23), without his third range, of which 1 - ... leaves 0
    """
    if x.dtype.kind != "f":
        x = x.astype(Defaults.dtype)
    out = np.empty_like(x) if out is None else out
    kind = np.result_type(x.dtype, np.float32)  # half precision cannot hold the coefficients
    for piece, result in _pieces(x, out):
        size, square, inner = (scratch(f"erf {name}", piece.shape, kind) for name in ("size", "square", "inner"))
        if x.itemsize < 8:
            np.clip(piece, -5, 5, out=size)
            bell = _ratio("near", np.multiply(size, size, out=square), _BELL)
            np.tanh(np.multiply(bell, size, out=bell), out=result)
            continue
        np.minimum(np.abs(piece, out=size), 6, out=size)  # from which on it is 1
        np.multiply(size, size, out=square)
        near, far = _ratio("near", square, _NEAR), _ratio("far", size, _FAR)
        far *= np.exp(np.negative(square, out=square), out=square)
        np.subtract(1, far, out=far)
        np.multiply(near, size, out=inner)
        np.copyto(far, inner, where=np.less(size, _NEAR_TO, out=scratch("erf near", piece.shape, _BOOL)))
        np.copysign(far, piece, out=result)
    return out


def _cube(x: Array, out: Array | None = None) -> Array:
    out = np.empty_like(x) if out is None else out
    for piece, result in _pieces(x, out):
        np.multiply(np.square(piece, out=scratch("cube", piece.shape, x.dtype)), piece, out=result)
    return out


def _inverse_root(x: Array, out: Array | None = None) -> Any:
    return np.true_divide(1, np.sqrt(x, out=out), out=out)


# the powers that PyTorch, too, computes otherwise: up to ten times as fast
POWERS: dict[float, Any] = {
    3: _cube, 0.5: np.sqrt, -1: lambda x, out=None: np.true_divide(1, x, out=out), -0.5: _inverse_root,
}  # fmt: skip


def _ratio(name: str, x: Array, polynomials: tuple[tuple[float, ...], ...]) -> Array:
    """Divide the values of two polynomials, in working memory."""
    values = [scratch(f"ratio {name} {i}", x.shape, x.dtype) for i in (0, 1)]
    for value, (first, *rest) in zip(values, polynomials, strict=True):
        value[...] = first
        for coefficient in rest:
            value *= x
            value += coefficient
    top, bottom = values
    return np.divide(top, bottom, out=top)


def _pieces(x: Array, out: Array) -> list[tuple[Array, Array]]:
    """Cut two arrays that lie alike in memory into blocks that stay in cache."""
    flat = flatten(x, out) if x.size > _BLOCK else None
    if flat is None and x.size > _BLOCK and out.flags.c_contiguous:  # a part of a larger array
        np.copyto(out, x)
        flat = flatten(out, out)
    if flat is None:
        return [(x, out)]
    source, target = flat
    return [(source[i : i + _BLOCK], target[i : i + _BLOCK]) for i in range(0, x.size, _BLOCK)]


def level(x: Array, value: float) -> Any:
    """Give an array of one value in the shape of x: NumPy compares two arrays four times as fast as with a number."""
    if x.size > _BLOCK or not x.flags.c_contiguous or x.dtype.kind != "f":
        return value
    key = value, x.dtype, x.shape
    level = _levels.get(key)
    if level is None:
        if len(_levels) >= 16:  # shapes that differ from call to call are not worth remembering
            _levels.clear()
        level = _levels[key] = np.full(x.shape, value, x.dtype)
        level.flags.writeable = False
    return level


def keep(y: Array, mask: Array, out: Array | None = None) -> Array:
    """Keep y where the mask is true, and have 0 elsewhere, whatever y is there.

    The bits of y, read as integers, are multiplied by 1 or 0: exact, in one pass, ten times as fast as np.where.

    Shapes:
        y, mask (*A) -> (*A)
    """
    kind = _INTEGERS.get(y.dtype.itemsize)
    if kind is None or mask.dtype is not _BOOL or y.ndim == 0:
        kept = np.where(mask, y, y.dtype.type(0))
        if out is None:
            return kept
        out[...] = kept
        return out
    if 0 in mask.strides:
        mask = np.ascontiguousarray(mask)  # one that is repeated gave its strange order to the result, and took long
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
