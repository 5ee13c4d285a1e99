"""Operations that move elements without computing: reshape, transpose, flip, pad, join.

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
from .index import MOVED, getitem
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


def borders(mode: str, size: int, before: int, after: int) -> list[tuple[slice, slice]]:
    """Tell what the borders of a padded axis show: (border, elements inside), mirrored where the slice runs back."""
    end = before + size
    if mode == "reflect":
        pairs = [
            (slice(0, before), slice(2 * before, before, -1)),
            (slice(end, None), slice(end - 2, end - 2 - after, -1)),
        ]
        pairs = [(b, slice(s.start, s.stop if s.stop >= 0 else None, -1)) for b, s in pairs]
    elif mode == "replicate":
        pairs = [(slice(0, before), slice(before, before + 1)), (slice(end, None), slice(end - 1, end))]
    else:
        pairs = [(slice(0, before), slice(size, end)), (slice(end, None), slice(before, before + after))]
    return [pair for pair, count in zip(pairs, (before, after), strict=True) if count]


@primitive(slow=MOVED, linear=True)
def mirror(x: Array, *, width: tuple[tuple[int, int], ...], mode: str, out: Array | None = None) -> Array:
    """Surround x with itself: reflected, repeated at the edge or wrapped around; width as in pad, at least 0."""
    shape = tuple(size + before + after for size, (before, after) in zip(x.shape, width, strict=True))
    out = np.empty(shape, x.dtype) if out is None else out
    out[tuple(slice(b, b + size) for size, (b, _) in zip(x.shape, width, strict=True))] = x
    for axis, (size, (before, after)) in enumerate(zip(x.shape, width, strict=True)):
        for border, inside in borders(mode, size, before, after):
            lead = (slice(None),) * axis
            out[(*lead, border)] = out[(*lead, inside)]
    return out


@primitive(slow=MOVED, linear=True)
def fold(x: Array, *, width: tuple[tuple[int, int], ...], mode: str) -> Array:
    """Cut off borders, adding them to the elements that they show."""
    out = x.copy()
    sizes = [size - before - after for size, (before, after) in zip(x.shape, width, strict=True)]
    for axis in reversed(range(x.ndim)):
        for border, inside in borders(mode, sizes[axis], *width[axis]):
            lead = (slice(None),) * axis
            part = out[(*lead, border)]
            out[(*lead, inside)] += np.add.reduce(part, axis, keepdims=True) if mode == "replicate" else part
    kept = tuple(slice(b, b + size) for size, (b, _) in zip(sizes, width, strict=True))
    return np.array(out[kept])


@mirror.vjp("x")
def mirror_vjp_x(g: Any, out: Any, x: Any, *, width: tuple[tuple[int, int], ...], mode: str) -> Any:
    return fold(g, width=width, mode=mode)


@fold.vjp("x")
def fold_vjp_x(g: Any, out: Any, x: Any, *, width: tuple[tuple[int, int], ...], mode: str) -> Any:
    return mirror(g, width=width, mode=mode)


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
