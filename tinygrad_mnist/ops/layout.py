"""Operations that move elements without computing: reshape, transpose, flip, pad, join, diagonals, windows.

Where PyTorch's result is a view of the argument's memory, so is ours where NumPy can (`view=True`), and a change in
place of either is noticed. Look next at index.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import primitive
from .broadcast import Shape
from .index import MOVED, getitem, zeros
from .promotion import meet


def reshape_each(sizes: Shape, x: Any, *, shape: Shape) -> Any:
    """Give every example of a batch another shape."""
    if -1 in shape:
        one, rest = x.shape[len(sizes) :], -math.prod(shape)
        shape = tuple(math.prod(one) // rest if rest and n == -1 else n for n in shape)
    return reshape(x, shape=(*sizes, *shape))


@primitive(view=True, linear=True, batch=reshape_each)
def reshape(x: Array, *, shape: Shape, out: Array | None = None) -> Array:
    """Give x another shape with as many elements; one size may be -1."""
    if out is None:
        return x.reshape(shape)
    np.copyto(out.reshape(x.shape), x)  # out is no view of x, whose memory runs in another order
    return out


@reshape.vjp("x")
def reshape_vjp_x(g: Any, out: Any, x: Any, *, shape: Shape) -> Any:
    return reshape(g, shape=x.shape)


def transpose_each(sizes: Shape, x: Any, *, axes: tuple[int, ...]) -> Any:
    """Reorder the axes of every example of a batch."""
    k = len(sizes)
    return transpose(x, axes=(*range(k), *(a % len(axes) + k for a in axes)))


@primitive(view=True, linear=True, batch=transpose_each)
def transpose(x: Array, *, axes: tuple[int, ...]) -> Array:
    """Reorder the axes: axis i of the result is axis axes[i] of x."""
    return x.transpose(axes)


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Find the order that undoes an order of axes."""
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i] % len(axes)))


@transpose.vjp("x")
def transpose_vjp_x(g: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return transpose(g, axes=inverse(axes))


@primitive(slow=MOVED, linear=True, batch="axis")
def flip(x: Array, *, axis: tuple[int, ...], out: Array | None = None) -> Array:
    """Reverse the order along the given axes, in memory of its own (as PyTorch, whose views have no negative strides).
    """
    if out is None:
        return np.array(np.flip(x, axis))
    np.copyto(out, np.flip(x, axis))
    return out


@flip.vjp("x")
def flip_vjp_x(g: Any, out: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    return flip(g, axis=axis)


def pad_each(sizes: Shape, x: Any, *, width: tuple[tuple[int, int], ...], value: float) -> Any:
    """Pad every example of a batch."""
    return pad(x, width=(*[(0, 0)] * len(sizes), *width), value=value)


@primitive(slow=MOVED, batch=pad_each)
def pad(x: Array, *, width: tuple[tuple[int, int], ...], value: float, out: Array | None = None) -> Array:
    """Surround x with a constant: width[i] = (before, after) on axis i; negative widths cut."""
    shape = tuple(size + before + after for size, (before, after) in zip(x.shape, width, strict=True))
    out = np.empty(shape, x.dtype) if out is None else out
    out[...] = value
    inside = tuple(slice(max(b, 0), size - max(a, 0)) for size, (b, a) in zip(shape, width, strict=True))
    kept = tuple(slice(max(-b, 0), size - max(-a, 0)) for size, (b, a) in zip(x.shape, width, strict=True))
    out[inside] = x[kept]
    return out


@pad.vjp("x")
def pad_vjp_x(g: Any, out: Any, x: Any, *, width: tuple[tuple[int, int], ...], value: float) -> Any:
    return pad(g, width=tuple((-before, -after) for before, after in width), value=0)


@pad.jvp("x")
def pad_jvp_x(t: Any, out: Any, x: Any, *, width: tuple[tuple[int, int], ...], value: float) -> Any:
    return pad(t, width=width, value=0)


@primitive(slow=MOVED, linear=True, batch="axis")
def cat(*xs: Array, axis: int, out: Array | None = None) -> Array:
    """Join arrays end to end along an axis that exists."""
    if out is not None:
        return np.concatenate(xs, axis=axis, out=out)
    if any(x.dtype is not xs[0].dtype for x in xs):
        return np.concatenate(xs, axis=axis, dtype=meet(tuple((x.dtype, True) for x in xs)))
    return np.concatenate(xs, axis=axis)


@cat.vjp("xs")
def cat_vjp_xs(g: Any, out: Any, *xs: Any, axis: int, which: int) -> Any:
    start = sum(x.shape[axis] for x in xs[:which])
    index = [slice(None)] * out.ndim
    index[axis] = slice(start, start + xs[which].shape[axis])
    return getitem(g, index=tuple(index))


# ---------------------------------------------------------------- diagonals, windows, memory in C order


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

    Shapes:
        x (*A, N, *B) -> (*A, (N - size) // step + 1, *B, size)
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
