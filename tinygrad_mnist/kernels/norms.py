"""Standardizing on raw arrays: rows of a matrix for layers and groups, channels of a batch (N, C, *) for batches.

Sums are einsum's, whose loops are NumPy's quickest, and blocks of a few images or rows stay in cache between passes.
Images may lie in memory with the channels last. Must not know: Tensor. Look next at ops/norms.py (the calculus).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Array
from .parallel import for_each
from .scratch import scratch

_BLOCK = 1 << 15
_LARGE = 1 << 17


def standardize(x: Array, *, eps: float, out: Array | None = None, saved: Array | None = None) -> tuple[Array, Array]:
    """Take the mean from each row and divide by the deviation; give the reciprocals of the deviations, too.

    Math:
        out = (x - mean) · saved, saved = 1 / √(variance + eps)
    Shapes:
        x (N, D) -> (N, D), (N,)
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

    Math:
        out = r (y - mean(y) - h mean(y h)), row by row
    Shapes:
        y, h (N, D), r (N,) -> (N, D)
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

    The rows are long, so that NumPy does not spend its time between them; channels lie in them as in the memory of x.
    """

    def __init__(self, x: Array) -> None:
        self.n, self.c = x.shape[:2]
        self.s = math.prod(x.shape[2:])
        self.last = channels_last(x) or self.s == 1
        step = max(1, _LARGE // max(self.c * self.s, 1))  # images that stay in cache
        self.parts = [slice(i, i + step) for i in range(0, self.n if x.size else 0, step)]

    def rows(self, x: Array) -> Array:
        """View a batch as rows, or copy it to such."""
        return (x.transpose(0, *range(2, x.ndim), 1) if self.last else x).reshape(self.n, self.c * self.s)

    def row(self, vector: Any, kind: Any) -> Array:
        """Repeat what is per channel over a row."""
        wide = np.empty((self.s, self.c) if self.last else (self.c, self.s), kind)
        wide[...] = vector if self.last else np.reshape(vector, (-1, 1))
        return wide.reshape(-1)

    def sums(self, *rows: Array) -> Array:
        """Sum rows, or the products of two, over all but the channels."""
        if self.last:
            long = [v.reshape(-1, _run(self.s, self.c)) for v in rows]
            total = np.add.reduce(long[0], axis=0) if len(rows) == 1 else np.einsum("nd,nd->d", *long)
            return np.asarray(np.add.reduce(total.reshape(-1, self.c), axis=0))
        images = [v.reshape(-1, self.c, self.s) for v in rows]
        partial: Array = np.einsum("ncs->nc" if len(rows) == 1 else "ncs,ncs->nc", *images)
        return np.asarray(np.add.reduce(partial, axis=0))

    def over_parts(self, count: int, kind: Any, work: Callable[[slice], list[Array]]) -> Array:
        """Add up so many sums per channel that work gives of each part of the batch."""
        partial = np.zeros((max(len(self.parts), 1), count, self.c), kind)

        def work_on(i: int) -> None:
            for k, sums in enumerate(work(self.parts[i])):
                partial[i, k] = sums

        for_each(work_on, range(len(self.parts)), wake=False)
        return np.asarray(np.add.reduce(partial, axis=0))


@functools.cache
def _run(pixels: int, channels: int) -> int:
    """Give the length of rows that are worth a loop of their own, of pixels that divide those of an image."""
    return channels * max(d for d in range(1, pixels + 1) if pixels % d == 0 and (d == 1 or d * channels <= 1 << 12))


def channels_last(x: Array) -> bool:
    """Tell whether the channels lie last in memory, densely."""
    return x.ndim > 2 and not x.flags.c_contiguous and x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous


def moments(x: Array, out: Array | None = None) -> Array:
    """Take mean and variance of each channel, of what is left when something near the mean is taken away.

    Shapes:
        x (N, C, *) -> (2, C)
    """
    kind = np.result_type(x, np.float32)
    view = Channels(x)
    v = view.rows(x if x.dtype == kind else x.astype(kind))
    count = max(view.n * view.s, 1)
    first = v[view.parts[0]] if view.parts else v
    near = view.sums(first) / max(len(first) * view.s, 1)
    shift = view.row(near, kind)

    def work(part: slice) -> list[Array]:
        centred = np.subtract(v[part], shift, out=scratch("moments", v[part].shape, kind))
        return [view.sums(centred), view.sums(centred, centred)]

    result = view.over_parts(2, kind, work) / count
    result[1] = np.maximum(result[1] - result[0] * result[0], 0)
    result[0] += near
    return result.astype(x.dtype, copy=False) if out is None else filled(result, out, x.dtype)


def rescale(
    x: Array, centre: Array | None, factor: Array, offset: Array | None, y: Array | None, share: Array | None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Give (x - centre) · factor + offset + y · share, with one of each per channel; centre, offset, y may be missing.

    Shapes:
        x, y (N, C, *), centre, factor, offset, share (C,) -> (N, C, *)
    """
    view, kind = Channels(x), x.dtype
    last = channels_last(x)
    result = np.empty_like(x) if last else np.empty(x.shape, kind)
    if out is not None and (channels_last(out) if last else out.flags.c_contiguous):
        result = out
    if centre is not None:
        offset = np.subtract(0 if offset is None else offset, np.multiply(centre, factor, dtype=np.float64))
    f, o = view.row(factor, kind), None if offset is None else view.row(offset, kind)
    v, target = view.rows(x), view.rows(result)
    other, s = (None, f) if y is None else (view.rows(y), view.row(share, kind))

    def work(part: slice) -> None:
        here = np.multiply(v[part], f, out=target[part])
        if other is not None:
            here += np.multiply(other[part], s, out=scratch("rescale", here.shape, kind))
        if o is not None:
            here += o

    for_each(work, view.parts, wake=False)
    if out is not None and result is not out:
        np.copyto(out, result)
        return out
    return result


def batch_norm(
    x: Array, known: Array | None, weight: Array | None, bias: Array | None, *, eps: float, out: Array | None = None,
    saved: Array | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Bring each channel to mean 0 and variance 1, scale and shift it; give the moments, too, if not known yet.

    Shapes:
        x (N, C, *), known (2, C), weight, bias (C,) -> (N, C, *), (2, C)
    """
    saved = moments(x, saved) if known is None else filled(known, saved, x.dtype)
    factor = 1 / np.sqrt(saved[1] + saved.dtype.type(eps))
    return rescale(x, saved[0], factor if weight is None else factor * weight, bias, None, None, out), saved


def channel_sums(y: Array, x: Array, centre: Array | None, out: Array | None = None) -> Array:
    """Sum y, and y · (x - centre), over all but the channels.

    Shapes:
        y, x (N, C, *), centre (C,) -> (2, C)
    """
    kind = np.result_type(x, np.float32)
    view = Channels(x)
    a, b = view.rows(y), view.rows(x)
    m = None if centre is None else view.row(centre, x.dtype)

    def work(part: slice) -> list[Array]:
        c = b[part] if m is None else np.subtract(b[part], m, out=scratch("channel sums", b[part].shape, b.dtype))
        return [view.sums(a[part]), view.sums(a[part], c)]

    return filled(view.over_parts(2, kind, work), out, x.dtype)
