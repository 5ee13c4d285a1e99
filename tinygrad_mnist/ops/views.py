"""Views of diagonals and of windows, each beside its adjoint, and copies whose memory runs in C order.

Look next at order.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import primitive
from .broadcast import Shape
from .index import MOVED, zeros


def _diagonal(x: Array, offset: int, axis1: int, axis2: int) -> Array:
    view = np.diagonal(x, offset, axis1, axis2)
    if x.flags.writeable:
        view.flags.writeable = True
    return view


@primitive(view=True, linear=True, batch="axis")
def diagonal(x: Array, *, offset: int, axis1: int, axis2: int) -> Array:
    """Diagonal over two axes, which becomes the last one."""
    return _diagonal(x, offset, axis1, axis2)


@primitive(slow=MOVED, linear=True, batch="axis")
def put_diagonal(
    x: Array, *, offset: int, axis1: int, axis2: int, shape: Shape, out: Array | None = None
) -> Array:  # fmt: skip
    """Write x, its last axis, on the diagonal of zeros of a shape."""
    out = zeros(shape, x.dtype, out)
    _diagonal(out, offset, axis1, axis2)[...] = x
    return out


@diagonal.vjp("x")
def diagonal_vjp_x(g: Any, out: Any, x: Any, *, offset: int, axis1: int, axis2: int) -> Any:
    return put_diagonal(g, offset=offset, axis1=axis1, axis2=axis2, shape=x.shape)


@put_diagonal.vjp("x")
def put_diagonal_vjp_x(g: Any, out: Any, x: Any, *, offset: int, axis1: int, axis2: int, shape: Shape) -> Any:
    return diagonal(g, offset=offset, axis1=axis1, axis2=axis2)


@primitive(view=True, linear=True, batch="axis")
def windows(x: Array, *, axis: int, size: int, step: int) -> Array:
    """Overlapping pieces along an axis: out[..., i, ..., k] = x[..., i * step + k, ...].

    Shapes:  x (*A, N, *B) -> (*A, (N - size) // step + 1, *B, size)
    """
    count = (x.shape[axis] - size) // step + 1
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
    strides = (*x.strides[:axis], step * x.strides[axis], *x.strides[axis + 1 :], x.strides[axis])
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=x.flags.writeable)


@primitive(slow=MOVED, linear=True, batch="axis")
def add_windows(x: Array, *, axis: int, size: int, step: int, shape: Shape, out: Array | None = None) -> Array:
    """Add pieces into zeros at the places where `windows` reads them."""
    out = zeros(shape, x.dtype, out)
    count = x.shape[axis]
    for k in range(size):
        out[(slice(None),) * axis + (slice(k, k + step * count - step + 1, step),)] += x[..., k]
    return out


@windows.vjp("x")
def windows_vjp_x(g: Any, out: Any, x: Any, *, axis: int, size: int, step: int) -> Any:
    return add_windows(g, axis=axis, size=size, step=step, shape=x.shape)


@add_windows.vjp("x")
def add_windows_vjp_x(g: Any, out: Any, x: Any, *, axis: int, size: int, step: int, shape: Shape) -> Any:
    return windows(g, axis=axis, size=size, step=step)


@primitive(loop="x")
def contiguous(x: Array, *, out: Array | None = None) -> Array:
    """Copy x to memory in C order; the gradient passes through."""
    if out is None:
        return np.array(x, order="C")
    np.copyto(out, x)
    return out


@contiguous.vjp("x")
def contiguous_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g
