"""Standardizing on raw arrays: rows of a matrix for layers and groups, channels of a batch (N, C, *) for batches.

Sums are einsum's, whose loops are NumPy's quickest, and blocks of a few images or rows stay in cache between passes.
Images may lie in memory with the channels last. Must not know: Tensor. Look next at ops/norms.py (the calculus).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Array
from .scratch import scratch
from .sums import sum_rows

_BLOCK = 1 << 15
_LARGE = 1 << 17


def standardize(x: Array, *, eps: float, out: Array | None = None, saved: Array | None = None) -> tuple[Array, Array]:
    """Take the mean from each row and divide by the deviation; give the reciprocals of the deviations, too.

    Math:    out = (x - mean) · saved, saved = 1 / √(variance + eps)
    Shapes:  x (N, D) -> (N, D), (N,)
    """
    n, d = x.shape
    wide = x.astype(np.float32) if x.dtype.char == "e" else x
    hat = np.empty(x.shape, wide.dtype) if out is None or wide is not x else out
    factor = np.empty(n, wide.dtype) if saved is None or wide is not x else saved
    step = max(1, _BLOCK // max(d, 1))
    for i in range(0, n if d else 0, step):
        rows, centred, r = wide[i : i + step], hat[i : i + step], factor[i : i + step]
        mean = np.einsum("nd->n", rows)
        mean /= d
        np.subtract(rows, mean[:, None], out=centred)
        np.einsum("nd,nd->n", centred, centred, out=r)
        r /= d
        r += eps
        np.sqrt(r, out=r)
        np.divide(1, r, out=r)
        centred *= r[:, None]
    if wide is x:
        return hat, factor
    return filled(hat, out, x.dtype), filled(factor, saved, x.dtype)


def filled(values: Array, out: Array | None, dtype: Any) -> Array:
    """Bring values that were computed in another dtype to the memory where they are to go."""
    if out is None:
        return values.astype(dtype)
    np.copyto(out, values, casting="same_kind")
    return out


def standardize_grad(y: Array, h: Array, r: Array, out: Array | None = None) -> Array:
    """Give the gradient of standardize, of its result h and the reciprocal deviations r.

    Math:    out = r (y - mean(y) - h mean(y h)), row by row
    Shapes:  y, h (N, D), r (N,) -> (N, D)
    """
    n, d = y.shape
    kind = np.result_type(y, h)
    out = np.empty(y.shape, kind) if out is None else out
    step = max(1, _BLOCK // max(d, 1))
    for i in range(0, n if d else 0, step):
        rows, hats, result, share = y[i : i + step], h[i : i + step], out[i : i + step], r[i : i + step, None]
        mean, along = np.einsum("nd->n", rows), np.einsum("nd,nd->n", rows, hats)
        work = np.multiply(hats, (along / d)[:, None], out=scratch("standardize", result.shape, kind))
        work += (mean / d)[:, None]
        np.subtract(rows, work, out=result)
        result *= share
    return out


# ---------------------------------------------------------------- channels


class Channels:
    """A way to see batches (N, C, *) as matrices of one image a row, and what is per channel as one such row.

    The rows are long, so that NumPy does not spend its time between them. last: the channels lie last in memory.
    """

    def __init__(self, *arrays: Array) -> None:
        x = arrays[0]
        self.n, self.c = x.shape[:2]
        self.s = math.prod(x.shape[2:])
        self.last = all(channels_last(y) for y in arrays)
        self.step = max(1, _LARGE // max(self.c * self.s, 1))

    def rows(self, x: Array) -> Array:
        """View a batch as rows, or copy it to such."""
        return (np.moveaxis(x, 1, -1) if self.last else x).reshape(self.n, self.c * self.s)

    def row(self, vector: Any, kind: Any) -> Array:
        """Repeat what is per channel over a row."""
        vector = np.asarray(vector, kind)
        wide: Array = np.tile(vector, self.s) if self.last else np.repeat(vector, self.s)
        return wide

    def sums(self, x: Array, y: Array | None = None) -> Array:
        """Sum rows, or the products of two, over all but the channels."""
        if self.last:
            return sum_rows((x if y is None else x * y).reshape(-1, self.c))
        images = [v.reshape(-1, self.c, self.s) for v in (x, y) if v is not None]
        partial: Array = np.einsum("ncs->nc" if y is None else "ncs,ncs->nc", *images)
        return np.asarray(np.add.reduce(partial, axis=0))

    def parts(self) -> list[slice]:
        """Cut the batch into blocks that stay in cache."""
        return [slice(i, i + self.step) for i in range(0, self.n, self.step)]


def channels_last(x: Array) -> bool:
    """Tell whether the channels lie last in memory, densely."""
    return x.ndim > 2 and not x.flags.c_contiguous and bool(np.moveaxis(x, 1, -1).flags.c_contiguous)


def moments(x: Array, out: Array | None = None) -> Array:
    """Take mean and variance of each channel.

    Shapes:  x (N, C, *) -> (2, C)
    """
    kind = np.result_type(x, np.float32)
    view = Channels(x)
    v = view.rows(x if x.dtype == kind else x.astype(kind))
    result = np.zeros((2, view.c), kind)
    count = view.n * view.s
    if count and view.c:
        result[0] = view.sums(v) / count
        centre = view.row(result[0], kind)
        for part in view.parts():
            c = np.subtract(v[part], centre, out=scratch("moments", v[part].shape, kind))
            result[1] += view.sums(c, c)
        result[1] /= count
    return result.astype(x.dtype, copy=False) if out is None else filled(result, out, x.dtype)


def rescale(x: Array, centre: Array | None, factor: Array, offset: Array | None, out: Array | None = None) -> Array:
    """Give (x - centre) · factor + offset, with one of each per channel; centre and offset may be missing.

    Shapes:  x (N, C, *), centre, factor, offset (C,) -> (N, C, *)
    """
    if out is None:
        out = np.empty_like(x) if channels_last(x) else np.empty(x.shape, x.dtype)
    view = Channels(x, out)
    if not view.last and not out.flags.c_contiguous:
        np.copyto(out, rescale(x, centre, factor, offset))
        return out
    kind, v, result = x.dtype, view.rows(x), view.rows(out)
    if centre is not None:
        offset = np.subtract(0 if offset is None else offset, np.multiply(centre, factor, dtype=np.float64))
    f, o = view.row(factor, kind), None if offset is None else view.row(offset, kind)
    for part in view.parts():
        target = np.multiply(v[part], f, out=result[part])
        if o is not None:
            target += o
    return out


def channel_dot(y: Array, x: Array, centre: Array, out: Array | None = None) -> Array:
    """Sum y · (x - centre) over all but the channels.

    Shapes:  y, x (N, C, *), centre (C,) -> (C,)
    """
    view = Channels(x, y)
    a, b, m = view.rows(y), view.rows(x), view.row(centre, x.dtype)
    total = np.zeros(centre.shape, np.result_type(x, np.float32))
    for part in view.parts() if x.size else ():
        c = np.subtract(b[part], m, out=scratch("channel dot", b[part].shape, b.dtype))
        total += view.sums(c, a[part])
    return filled(total, out, x.dtype) if out is not None or total.dtype != x.dtype else total
