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


def turned(x: Array, axis: int, reverse: bool) -> Array:
    """Look at an array from its end."""
    return np.flip(x, axis) if reverse else x


@primitive(slow=RARE, linear=True, batch="axis")
def cumsum(x: Array, *, axis: int, reverse: bool) -> Any:
    """Sum of the elements up to each one; booleans and integers as int64."""
    x = turned(x, axis, reverse)
    # singles are added up in double precision, as in PyTorch
    wide = np.cumsum(x.astype(np.float64 if x.dtype.kind == "f" else np.int64, copy=False), axis=axis)
    return turned(wide.astype(x.dtype if x.dtype.kind == "f" else np.int64, copy=False), axis, reverse)


@cumsum.vjp("x")
def cumsum_vjp_x(g: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return cumsum(g, axis=axis, reverse=not reverse)


@primitive(slow=RARE, batch="axis")
def cumprod(x: Array, *, axis: int) -> Any:
    """Product of the elements up to each one; of integers in int64. Nothing is divided, so that 0 does no harm."""
    return np.cumprod(x, axis=axis, dtype=None if x.dtype.kind == "f" else np.int64)


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
    running = np.logaddexp.accumulate(turned(floating(x), axis, reverse), axis=axis)
    return turned(running, axis, reverse)


@logcumsumexp.vjp("x")
def logcumsumexp_vjp_x(g: Any, out: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return share(g, out, x, axis, reverse) - share(-g, out, x, axis, reverse)


def share(g: Any, out: Any, x: Any, axis: int, reverse: bool) -> Any:
    """Give what the positive part of a cotangent sends back, in logarithms: eˣ Σ g e^(-out)."""
    positive = greater(g, 0)
    size = where(positive, log(where(positive, g, 1.0)), LEAST)
    return exp(logcumsumexp(size - out, axis=axis, reverse=not reverse) + x)


@primitive(differentiable=False, slow=RARE, batch="axis")
def running_extreme(x: Array, *, axis: int, largest: bool) -> Any:
    """Position of the largest (smallest) element so far, of equal ones the last; NaN stays. int64."""
    extremes = (np.maximum if largest else np.minimum).accumulate(x, axis=axis)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    places = np.arange(x.shape[axis], dtype=np.int32 if x.shape[axis] < 2**31 else np.int64).reshape(shape)
    return np.maximum.accumulate(((x == extremes) | (x != x)) * places, axis=axis).astype(np.int64)
