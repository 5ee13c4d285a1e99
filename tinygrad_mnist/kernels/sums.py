"""Sums that leave short rows, as bias gradients do: NumPy adds row to row, and spends its time between them.

Must not know: Tensor, gradients' bookkeeping. Look next at ops/reduce.py and ops/broadcast.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Array
from .product import product
from .scratch import scratch

SMALL = 1 << 13  # values that BLAS adds up before NumPy's own loop has begun; more would wake the threads of BLAS
_SHORT = 256  # values in a row up to which a product adds it up as exactly as NumPy, and quicker
_PIECE = 40  # of a running sum; a power of 2 would have all pieces share few lines of the cache
_LONG_ROW = 1 << 11  # values in a row from which adding rows runs at the speed of memory

_add_up: Any = np.add.reduce  # NumPy's type stubs do not know these with a variable keepdims
_multiply_up: Any = np.multiply.reduce
_ones: dict[tuple[np.dtype[Any], int], Array] = {}


def add_up(x: Array, axis: Any, dtype: Any = None, out: Array | None = None, keepdims: bool = False) -> Any:
    """Sum as NumPy does, but all floats in C order, or those of rows, with as many sums at once as a register holds."""
    if x.size > SMALL and x.dtype.char in "fd" and dtype is None and x.flags.c_contiguous:
        if axis is None:
            whole = x.size - x.size % _LONG_ROW
            flat = x.reshape(-1)
            sums = np.einsum("ij->i", flat[:whole].reshape(-1, _LONG_ROW))
            total = _add_up(sums) + _add_up(flat[whole:])
            if out is None:
                return total.reshape((1,) * x.ndim) if keepdims else total
            out[...] = total
            return out
        if axis in (-1, x.ndim - 1, (-1,), (x.ndim - 1,)) and x.shape[-1] <= _LONG_ROW:
            sums = np.einsum("...i->...", x, out=out[..., 0] if keepdims and out is not None else out)
            return out if out is not None else sums[..., None] if keepdims else sums
    return _add_up(x, axis, dtype, out, keepdims)


def multiply_up(x: Array, axis: int | None, keepdims: bool) -> Any:
    """Multiply along an axis or all, many at once: in NumPy's own loop over neighbours each product waits for the last.

    Shapes:
        x (*A) -> A without the axis (or 1 there with keepdims)
    """
    kind = x.dtype
    x = x.astype(np.float32 if kind.char == "e" else kind if kind.kind == "f" else np.int64, copy=False)
    if axis is None and x.size > _LONG_ROW and x.flags.c_contiguous:
        whole = x.size - x.size % _LONG_ROW
        rest = x.reshape(-1)[whole:]
        x = _multiply_up(x.reshape(-1)[:whole].reshape(-1, _LONG_ROW), axis=0).reshape((1,) * (x.ndim - 1) + (-1,))
        x[..., : rest.size] *= rest
    while x.ndim and axis in (-1, x.ndim - 1) and x.shape[-1] > _SHORT:
        half, odd = x.shape[axis] // 2, x[..., 2 * (x.shape[axis] // 2) :]
        x = x[..., :half] * x[..., half : 2 * half]
        x[..., : odd.shape[-1]] *= odd
    found = _multiply_up(x, axis=axis, keepdims=keepdims)
    return found.astype(kind) if kind.char == "e" else found


def sum_to(x: Array, shape: tuple[int, ...], out: Array | None = None) -> Array:
    """Sum x over the axes along which `shape` would be stretched to x's shape.

    Shapes:
        x (*A) -> shape, which broadcasts to A
    """
    lead = x.ndim - len(shape)
    if lead == 1 and x.ndim == 2 and x.shape[1:] == shape and x.flags.c_contiguous:  # the bias of a Linear layer
        return sum_rows(x, out=out)
    axes = tuple(range(lead)) + tuple(i + lead for i, size in enumerate(shape) if size == 1 and x.shape[i + lead] != 1)
    if axes:
        kept = None if out is None else out.reshape((1,) * lead + shape)
        large = x.size > SMALL
        x = sum_axes(x, axes, keepdims=True, out=kept) if large else _add_up(x, axis=axes, keepdims=True, out=kept)
    return x.reshape(shape)


def broadcast_to(x: Array, shape: tuple[int, ...]) -> Array:
    """Give a read-only view of x, repeated along new axes and axes of size 1, as np.broadcast_to does."""
    if x.ndim or -1 in shape:
        return np.broadcast_to(x, shape)
    view: Array = np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))  # the gradient of a mean; NumPy takes 4 µs
    view.flags.writeable = False
    return view


def sum_axes(x: Array, axes: tuple[int, ...], *, keepdims: bool, dtype: Any = None, out: Array | None = None) -> Any:
    """Sum over axes, counted from 0 and in rising order.

    Shapes:
        x (*A) -> A without the axes (or 1 there with keepdims)
    """
    if axes == (x.ndim - 1,) and x.size > SMALL:
        if x.shape[-1] <= _SHORT and x.flags.c_contiguous and x.dtype.char in "fd" and dtype is None:
            return row_sums(x, out) if keepdims else row_sums(x, None if out is None else out[..., None])[..., 0]
        return add_up(x, axes, dtype, out, keepdims)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    rows = x.transpose(*axes, *kept)  # channels-last memory summed over all but the channels is one such case
    if x.ndim == 4 and axes == (0, 2, 3) and x.flags.c_contiguous and x.dtype.char in "fd" and dtype is None:
        sums = np.add.reduce(np.einsum("nchw->nc", x), axis=0, out=None if out is None else out.reshape(-1))
        return out if out is not None else sums.reshape(1, -1, 1, 1) if keepdims else sums
    if not (axes and kept and x.size and rows.flags.c_contiguous):
        return _add_up(x, axis=axes, keepdims=keepdims, dtype=dtype, out=out)
    shape = tuple(x.shape[i] for i in kept)
    sums = sum_rows(rows.reshape(-1, math.prod(shape)), dtype, None if out is None else out.reshape(-1))
    if out is not None:
        return out
    if keepdims:
        shape = tuple(1 if i in axes else size for i, size in enumerate(x.shape))
    return sums if sums.shape == shape else sums.reshape(shape)


def row_sums(x: Array, out: Array | None = None) -> Array:
    """Add up the last axis of floats in C order, as a product: NumPy spends its time between short rows.

    Shapes:
        x (*A, N) -> (*A, 1)
    """
    return product(x, _ones_of(x.shape[-1], x.dtype)[:, None], out)


def sum_rows(x: Array, dtype: Any = None, out: Array | None = None) -> Array:
    """Add up the rows of a matrix in C order, many at a time.

    Shapes:
        x (N, M) -> (M,)
    """
    n, m = x.shape
    if x.size <= SMALL and x.dtype.char in "fd":
        sums: Array = np.matmul(_ones_of(n, x.dtype), x, out=out)
        return sums
    together = min(_LONG_ROW // max(m, 1), n // 8)
    if together < 2 or x.dtype.char == "e":  # half precision adds up in a wider type, but only within one call
        plain: Array = np.add.reduce(x, axis=0, dtype=dtype, out=out)
        return plain
    whole = n - n % together
    partial = scratch("sum_rows partial", (together * m,), dtype or x.dtype)
    np.add.reduce(x[:whole].reshape(-1, together * m), axis=0, dtype=dtype, out=partial)
    sums = np.add.reduce(partial.reshape(together, m), axis=0, out=out)
    if whole < n:
        sums += np.add.reduce(x[whole:], axis=0, dtype=dtype, out=scratch("sum_rows rest", (m,), dtype or x.dtype))
    return sums


def norm(x: Array, axes: tuple[int, ...], *, keepdims: bool, out: Array | None = None) -> Array:
    """Take the root of the sum of squares over axes, counted from 0, without an array of squares.

    Shapes:
        x (*A) -> A without the axes (or 1 there with keepdims)
    """
    every = list(range(x.ndim))
    kept = [i for i in every if i not in axes]
    kind = np.result_type(x, np.float32)  # the squares of half precision would soon be infinite
    sums = None if out is None or kind != out.dtype else out.reshape([x.shape[i] for i in kept])
    sums = np.asarray(np.einsum(x, every, x, every, kept, out=sums, dtype=kind))
    if keepdims:
        sums = sums.reshape([1 if i in axes else size for i, size in enumerate(x.shape)])
    return np.asarray(np.sqrt(sums, out=sums if out is None else out), x.dtype if out is None else None)


def running(ufunc: np.ufunc, x: Array) -> Array:
    """Accumulate along the last axis in place, many pieces at a time: NumPy's accumulate goes element by element.

    Shapes:
        x (*A, N), C-contiguous
    """
    with np.errstate(all="ignore"):
        if x.size < 50 * _PIECE or x.shape[-1] < _PIECE:
            return np.asarray(ufunc.accumulate(x, axis=-1))
        rows, end = x.reshape(-1, x.shape[-1]), x.shape[-1] // _PIECE * _PIECE
        pieces = rows[:, :end].reshape(len(rows), -1, _PIECE)
        for j in range(1, _PIECE):
            ufunc(pieces[..., j - 1], pieces[..., j], out=pieces[..., j])
        before = ufunc.accumulate(pieces[:, :-1, -1], axis=1)
        ufunc(np.repeat(before, _PIECE, axis=1), rows[:, _PIECE:end], out=rows[:, _PIECE:end])
        for j in range(end, rows.shape[1]):
            ufunc(rows[:, j - 1], rows[:, j], out=rows[:, j])
    return x


def recurrence(x: Array, w: Array, reverse: bool) -> Array:
    """Give out_i = x_i + w_i out_(i-1) along the first axis; in reverse out_i = x_i + w_(i+1) out_(i+1).

    Math:
        out_i = Σ_j x_j p_i / p_j, p the running product of w; where p is no divisor, in log₂ n steps instead
    """
    products = np.cumprod(w, axis=0)
    if x.dtype.kind == "f" and np.isfinite(products).all() and (np.abs(products) > 1e-30).all():
        if reverse:
            return np.asarray(np.cumsum((x * products)[::-1], axis=0)[::-1] / products)
        return np.asarray(np.cumsum(x / products, axis=0) * products)
    out, weight, step = (x[::-1].copy(), np.roll(w[::-1], 1, axis=0), 1) if reverse else (x.copy(), w.copy(), 1)
    while step < len(out):
        out[step:] = out[step:] + weight[step:] * out[:-step]
        weight[step:] = weight[step:] * weight[:-step]
        step *= 2
    return out[::-1] if reverse else out


def _ones_of(n: int, dtype: np.dtype[Any]) -> Array:
    ones = _ones.get((dtype, n))
    if ones is None:
        if len(_ones) >= 64:  # batches that differ from call to call are not worth remembering
            _ones.clear()
        ones = _ones[dtype, n] = np.ones(n, dtype)
    return ones
