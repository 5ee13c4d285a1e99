"""Running results along an axis: sums, products, log Σ eˣ, and where the extreme so far was.

x (*A) -> (*A). `reverse` runs from the end; the rule of a running sum is the running sum the other way. Look next at
order.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import sums as kernel
from .compare import greater, where
from .elementwise import exp, log
from .index import getitem
from .layout import cat
from .promotion import floating

LEAST = -1e37  # its exponential is 0, and unlike that of -∞ its difference from itself is a number
RARE = "one element after the other: NumPy is as fast"


def running(ufunc: np.ufunc, x: Array, axis: int, reverse: bool = False) -> Array:
    """Accumulate along an axis: floats in double precision, integers as int64, as in PyTorch."""
    kind, wide = (x.dtype, np.dtype(np.float64)) if x.dtype.kind == "f" else (np.dtype(np.int64),) * 2
    found = kernel.running(ufunc, np.moveaxis(np.flip(x, axis) if reverse else x, axis, -1).astype(wide, order="C"))
    found = np.moveaxis(found.astype(kind, copy=False), -1, axis)
    return np.flip(found, axis) if reverse else found


@primitive(slow=RARE, linear=True, batch="axis")
def cumsum(x: Array, *, axis: int, reverse: bool) -> Any:
    """Sum of the elements up to each one; booleans and integers as int64."""
    return running(np.add, x, axis, reverse)


@cumsum.vjp("x")
def cumsum_vjp_x(g: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return cumsum(g, axis=axis, reverse=not reverse)


@primitive(slow=RARE, batch="axis")
def cumprod(x: Array, *, axis: int) -> Any:
    """Product of the elements up to each one; of integers in int64. Nothing is divided, so that 0 does no harm."""
    return running(np.multiply, x, axis)


@cumprod.vjp("x")
def cumprod_vjp_x(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return recurrence(g, x, axis=axis, reverse=True) * delayed(out, axis, 1.0)


def delayed(x: Any, axis: int, first: float) -> Any:
    """Move elements one place on along an axis."""
    lead = (slice(None),) * axis
    head = where(False, getitem(x, index=(*lead, slice(1))), first)
    return cat(head, getitem(x, index=(*lead, slice(-1))), axis=axis)


@primitive(slow=RARE, linear=True, batch="axis")
def recurrence(x: Array, w: Array, *, axis: int, reverse: bool) -> Any:
    """Sum up with weights, out_i = x_i + w_i out_(i-1); in reverse out_i = x_i + w_(i+1) out_(i+1)."""
    return np.moveaxis(kernel.recurrence(np.moveaxis(x, axis, 0), np.moveaxis(w, axis, 0), reverse), 0, axis)


@recurrence.vjp("x")
def recurrence_vjp_x(g: Any, out: Any, x: Any, w: Any, *, axis: int, reverse: bool) -> Any:
    return recurrence(g, w, axis=axis, reverse=not reverse)


@recurrence.vjp("w")
def recurrence_vjp_w(g: Any, out: Any, x: Any, w: Any, *, axis: int, reverse: bool) -> Any:
    back = recurrence(g, w, axis=axis, reverse=not reverse)
    return out * delayed(back, axis, 0.0) if reverse else delayed(out, axis, 0.0) * back


@primitive(slow=RARE, batch="axis")
def logcumsumexp(x: Array, *, axis: int, reverse: bool) -> Any:
    """Logarithm of the sum of the exponentials up to each element, without overflow."""
    x = np.flip(floating(x), axis) if reverse else floating(x)
    found = np.logaddexp.accumulate(x, axis=axis)
    return np.flip(found, axis) if reverse else found


@logcumsumexp.vjp("x")
def logcumsumexp_vjp_x(g: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return share(g, out, x, axis, reverse) - share(-g, out, x, axis, reverse)


def share(g: Any, out: Any, x: Any, axis: int, reverse: bool) -> Any:
    """Give what the positive part of a cotangent sends back, in logarithms: eˣ Σ g e^(-out)."""
    positive = greater(g, 0)
    size = where(positive, log(where(positive, g, 1.0)), LEAST)
    return exp(logcumsumexp(size - out, axis=axis, reverse=not reverse) + x)
