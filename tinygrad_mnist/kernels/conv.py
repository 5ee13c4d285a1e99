"""Convolution on raw arrays: the product, and its two gradients, each many small or a few large matrix products.

The three are linear in each array argument and derive from one form, ⟨g, conv(x, w)⟩, so between them they answer
every order of derivative. Work goes over blocks of images whose columns stay in cache, spread over the threads; how
it is cut does not depend on their number, and so neither do the results. Results have shape (N, C, H, W) but memory
order N, H, W, C ("channels last"): products write it directly, and copies of it run over whole pixels; elementwise
NumPy keeps the order, so the next layer finds it again. `out` may be of either order and is overwritten.
Must not know: Tensor, gradients' bookkeeping, layers. Look next at shapes.py (geometry), ops/conv.py (the calculus).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.backend import Array
from .parallel import for_each
from .scratch import contiguous, scratch
from .shapes import Pair, check_conv2d, conv_output_size, empty_channels_last

Sizes = tuple[int, ...]  # a Pair of computed numbers
# What the columns of one block of images may hold: measured best between 1 and 3 MB of floats on 32-channel layers.
_BLOCK_VALUES = 1 << 19
# Multiplications below which threads wait for each other more than they gain, and starting a block is felt: some
# 150 µs. Reading and writing a value takes as long as so many.
_BLOCK_WORK, _PER_VALUE = 16 << 20, 16
# Blocks beyond this number gain nothing; up to as many partial weight gradients are kept, if they do not take more than
# so many bytes.
_MOST_BLOCKS, _SUMS_BYTES = 16, 16 << 20
# Copies shorter than this many values cost more for their overhead than for their bytes.
_SHORT_RUN = 8
# Output pixels of an image from which on BLAS's small products, one per image, are quicker than a large one of all.
_OWN_PRODUCT = 32
# Multiplications up to which OpenBLAS reads matrices where they lie, a fifth quicker than packed for large products.
_SMALL_PRODUCT = 10**6


def conv2d(
    x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Correlate images with kernels; raises what check_conv2d does.

    Math:
        out[n,o,i,j] = b[o] + Σ_{c,p,q} w[o,c,p,q] · x[n, c, i·s + p·d − pad, j·s + q·d − pad], zero outside x
    Shapes:
        x (N, C, H, W), w (O, C/groups, KH, KW), b (O,) -> (N, O, OH, OW), memory order N OH OW O
    """
    check_conv2d(x, w, b, stride, padding, dilation, groups)
    outputs, channels, kh, kw = w.shape
    oh, ow = (conv_output_size(x.shape[2 + a], w.shape[2 + a], stride[a], padding[a], dilation[a]) for a in (0, 1))
    dtype = np.result_type(x, w) if b is None else np.result_type(x, w, b)
    out = empty_channels_last((x.shape[0], outputs, oh, ow), dtype) if out is None else out
    pixels = out.transpose(0, 2, 3, 1)
    per_group = outputs // groups
    whole = kw * channels < max(per_group, _SHORT_RUN) or oh * ow < _OWN_PRODUCT
    # The bias is the weight of one more tap that always reads 1, or has a pass of its own over blocks in cache.
    taps, ones = kh * kw * channels, whole and b is not None
    weights = scratch("conv2d weights", (groups, taps + ones, per_group), dtype)
    weights[:, :taps].reshape(groups, kh, kw, channels, per_group)[...] = w.reshape(
        groups, per_group, channels, kh, kw).transpose(0, 3, 4, 2, 1)
    bias = None if b is None else b.reshape(groups, per_group)
    if ones:
        weights[:, taps] = bias
    weights = weights.reshape(groups, 1 if whole else kh, -1, per_group)
    bias = None if bias is None or whole else np.tile(bias, ow)

    def work(block: tuple[int, slice]) -> None:
        group, images = block
        source = x[images, group * channels : (group + 1) * channels]
        target = pixels[images, ..., group * per_group : (group + 1) * per_group]
        result = target if target.flags.c_contiguous else scratch("conv2d result", target.shape, dtype)
        outputs = None if whole else per_group
        seen = _taps(source, (kh, kw), (oh, ow), stride, padding, dilation, outputs, dtype, ones)
        _add_products(seen, weights[group], result)
        if bias is not None:
            result = result.reshape(-1, ow * per_group)
            result += bias[group]
        if not target.flags.c_contiguous:
            target[...] = result.reshape(target.shape)

    values = oh * ow * (per_group + kw * channels * (kh if whole else stride[0]))
    blocks = _blocks(x.shape[0], values, oh * ow * per_group, w[0].size)
    for_each(work, [(group, images) for group in range(groups) for images in blocks])
    return out


def conv2d_weight_gradient(
    g: Array, x: Array, *, w_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Gather the gradient of the kernels from the cotangent of the result and the images.

    Math:
        gw[o,c,p,q] = Σ_{n,i,j} g[n,o,i,j] · x[n, c, i·s + p·d − pad, j·s + q·d − pad]
    Shapes:
        g (N, O, OH, OW), x (N, C, H, W) -> w_shape (O, C/groups, KH, KW), C order
    """
    outputs, channels, kh, kw = w_shape
    oh, ow = g.shape[2:]
    dtype = np.result_type(g, x)
    gw = np.empty(w_shape, dtype) if out is None else out
    per_group = outputs // groups
    whole = kw * channels < _SHORT_RUN or oh * ow < max(_OWN_PRODUCT, per_group // 2)
    shape = (1, kh * kw * channels, per_group) if whole else (kh, kw * channels, per_group)
    values = shape[1] * (oh * ow if whole else max(oh * ow * stride[0], per_group))
    blocks = _blocks(x.shape[0], values, oh * ow * per_group, math.prod(w_shape[1:]))
    # Each lane adds up some of the blocks, and the lanes are added up at the end: one order, whoever works on them.
    most = max(2, min(_MOST_BLOCKS, _SUMS_BYTES // (math.prod(w_shape) * dtype.itemsize)))
    lanes = [blocks[i::most] for i in range(min(len(blocks), most))]
    sums = scratch("conv2d sums", (groups, max(len(lanes), 1), *shape), dtype)
    sums[...] = 0

    def work(item: tuple[int, int]) -> None:
        group, lane = item
        mine = slice(group * per_group, (group + 1) * per_group)
        for images in lanes[lane]:
            source = x[images, group * channels : (group + 1) * channels]
            shares = contiguous(g[images, mine].transpose(0, 2, 3, 1), "conv2d shares")
            outputs = None if whole else per_group
            for p, matrix in _taps(source, (kh, kw), (oh, ow), stride, padding, dilation, outputs, dtype):
                part = scratch("conv2d part", (*matrix.shape[:-2], *shape[1:]), dtype)
                # dot, not matmul, which keeps Python's lock when the result is small, however long the product takes
                if whole:
                    np.dot(matrix.T, shares.reshape(-1, per_group), out=part)
                else:
                    np.matmul(matrix.swapaxes(-1, -2), shares.reshape(*matrix.shape[:-1], per_group), out=part)
                    part = np.add.reduce(part, axis=(0, 1), out=scratch("conv2d parts", shape[1:], dtype))
                sums[group, lane, p] += part

    for_each(work, [(group, lane) for group in range(groups) for lane in range(len(lanes))])
    total = np.add.reduce(sums, axis=1, out=scratch("conv2d total", (groups, *shape), dtype))
    gw.reshape(groups, per_group, channels, kh, kw)[...] = total.reshape(
        groups, kh, kw, channels, per_group).transpose(0, 4, 3, 1, 2)
    return gw


def conv2d_input_gradient(
    g: Array, w: Array, *, x_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Send the cotangent of the result back to the pixels that it was computed from.

    With a stride a convolution of g that gives s x s pixels at once: pixel h = t·s + r − pad meets g[t − e] by the taps
    p·d = e·s + r, so that row t of the squares is made of E rows of g, and of those that have a tap.

    Math:
        gx[n,c,h,v] = Σ g[n,o,i,j] · w[o,c,p,q] over all o, p, q, i, j with
        h = i·s + p·d − pad and v = j·s + q·d − pad; a pixel that no tap reads gets 0
    Shapes:
        g (N, O, OH, OW), w (O, C/groups, KH, KW) -> x_shape (N, C, H, W), memory order N H W C
    """
    (outputs, channels, kh, kw), (count, _, _, width) = w.shape, x_shape
    dtype = np.result_type(g, w)
    gx = empty_channels_last(x_shape, dtype) if out is None else out
    pixels = gx.transpose(0, 2, 3, 1)
    per_group, (sh, sw) = outputs // groups, stride
    axes = list(zip((kh, kw), stride, padding, dilation, x_shape[2:], strict=True))
    apart = tuple(d if s == 1 else 1 for _, s, _, d, _ in axes)  # between the rows of g that a square meets
    reach = tuple((k - 1) * d // s // a + 1 for (k, s, _, d, _), a in zip(axes, apart, strict=True))  # their number
    squares = tuple((n - 1 + p) // s - p // s + 1 for _, s, p, _, n in axes)
    before = tuple((r - 1) * a - p // s for (_, s, p, _, _), r, a in zip(axes, reach, apart, strict=True))
    weights = scratch("conv2d weights", (groups, sh, *reach, per_group, sw, channels), dtype)
    weights[...] = 0
    by_group, met = w.reshape(groups, per_group, channels, kh, kw), set()
    for p in range(kh):
        e, r = divmod(p * dilation[0], sh)
        row = reach[0] - 1 - e // apart[0]
        met.add((r, row))
        for q in range(kw):
            e, c = divmod(q * dilation[1], sw)
            weights[:, r, row, reach[1] - 1 - e // apart[1], :, c] = by_group[..., p, q]
    whole = sw * channels > reach[1] * per_group or math.prod(squares) < _OWN_PRODUCT
    weights = weights.reshape(groups, sh, 1 if whole else reach[0], -1, sw * channels)
    straight = stride == (1, 1) and groups == 1 and pixels.flags.c_contiguous
    left = padding[1] % sw  # what of the first square is outside the image

    def work(block: tuple[int, slice]) -> None:
        group, images = block
        source = g[images, group * per_group : (group + 1) * per_group]
        target = pixels[images, ..., group * channels : (group + 1) * channels]
        taps = list(_taps(source, reach, squares, (1, 1), before, apart, None if whole else sw * channels, dtype))
        for r in range(sh):
            mine = [tap for tap in taps if (r, tap[0]) in met or (whole and any(r == other for other, _ in met))]
            skip = max(0, -((r - padding[0]) // sh) - padding[0] // sh)  # squares whose row r is above the image
            rows = target[:, (padding[0] // sh + skip) * sh + r - padding[0] :: sh]
            if not mine:
                rows[...] = 0
                continue
            result = target if straight else scratch("conv2d result", (len(source), *squares, sw * channels), dtype)
            _add_products(mine, weights[group, r], result)
            if not straight:
                result = result.reshape(len(source), squares[0], -1, channels)
                rows[...] = result[:, skip : skip + rows.shape[1], left : left + width]

    values = math.prod(squares) * per_group * reach[1] * (reach[0] if whole else 1)
    blocks = _blocks(count, values, math.prod(g.shape[2:]) * per_group, w[0].size)
    for_each(work, [(group, images) for group in range(groups) for images in blocks])
    return gx


def _blocks(count: int, values_per_image: int, results: int, taps: int) -> list[slice]:
    """Cut the images into blocks: as many as threads can use, unless too small for one or too large for its cache."""
    worth_it = -(-_BLOCK_WORK // max(1, results * (taps + _PER_VALUE)))
    size = max(worth_it, -(-count // _MOST_BLOCKS))
    size = max(1, min(size, _BLOCK_VALUES // max(1, values_per_image)))
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _add_products(taps: Any, weights: Array, out: Array) -> None:
    """Write the sum over the taps of what the pixels see times its weights."""
    part = scratch("conv2d part", out.shape, out.dtype)
    begun = False
    for p, matrix in taps:
        np.matmul(matrix, weights[p], out=(part if begun else out).reshape(*matrix.shape[:-1], weights.shape[-1]))
        if begun:
            out += part
        begun = True


def _taps(
    x: Array, kernel: Sizes, output: Sizes, stride: Pair, before: Sizes, dilation: Sizes, outputs: int | None,
    dtype: Any, ones: bool = False,
) -> Iterator[tuple[int, Array]]:  # fmt: skip
    """Lay out what each output pixel reads: one row per output pixel, one column per value, in order KW, C.

    All taps at once, (N·OH·OW, KH·KW·C), without outputs: one large product. Else the taps of one row of the kernel
    after the other, (N, parts, OH·OW / parts, KW·C) each: a third of the copies with kernels of 3 x 3, since they
    share rows, and small products. In scratch memory: the next call, or offset within a stride, overwrites it.
    Args:
        before: rows and columns of zeros before x, or, where negative, of x to leave out
        outputs: how many columns the weights have that are to be multiplied by
        ones: a last column of 1
    """
    (count, channels, height, width), (kh, kw), (oh, ow) = x.shape, kernel, output
    size = tuple((n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(output, stride, kernel, dilation, strict=True))
    here = x.transpose(0, 2, 3, 1)
    if before != (0, 0) or size[0] > height or size[1] > width or not here.flags.c_contiguous or here.dtype != dtype:
        frame = scratch("conv2d frame", (count, *size, channels), dtype)
        read, inside, covered = _overlap(before, (height, width), size)
        if not covered:
            frame[...] = 0
        frame[inside] = here[read]
        here = frame
    if outputs is None:
        columns = _windows(here, 0, kernel, output, stride, dilation, ones)
        yield 0, columns.reshape(-1, columns.shape[-1])
        return
    together = _together(oh, ow * kw * channels * outputs)
    for r in range(stride[0]):
        taps = [(p, p * dilation[0] // stride[0]) for p in range(kh) if p * dilation[0] % stride[0] == r]
        if taps:
            rows = oh + taps[-1][1]
            seen = _windows(here, r, (1, kw), (rows, ow), stride, dilation)
            for p, first in taps:
                yield p, seen[:, first : first + oh].reshape(count, -1, together * ow, kw * channels)


@functools.lru_cache(256)
def _together(rows: int, work: int) -> int:
    """Give how many rows of an image to multiply at once: as many as BLAS need not pack; all if one is too much."""
    return max((n for n in range(1, rows) if rows % n == 0 and n * work <= _SMALL_PRODUCT < rows * work), default=rows)


@functools.lru_cache(256)
def _overlap(before: Sizes, image: Sizes, frame: Sizes) -> tuple[Any, Any, bool]:
    """Index what of images lies in frames that begin so far before them, and where, and tell whether it is all."""
    inside = [slice(max(0, b), max(0, min(n, b + m))) for b, m, n in zip(before, image, frame, strict=True)]
    read = [slice(s.start - b, s.stop - b) for s, b in zip(inside, before, strict=True)]
    return (slice(None), *read), (slice(None), *inside), inside == [slice(0, n) for n in frame]


def _windows(
    x: Array, first: int, kernel: Sizes, output: Sizes, stride: Pair, dilation: Sizes, ones: bool = False
) -> Array:
    """Copy what output pixels read of x (N, H, W, C) from a row on: (N, OH, OW, KH·KW·C), with ones one more.

    A view where that is what x is.
    """
    (count, height, width, channels), (kh, kw), (oh, ow) = x.shape, kernel, output
    if not ones and kernel == (1, 1) and stride == (1, 1) and (first, oh, ow) == (0, height, width):
        return x
    sn, sh, sw, sc = x.strides
    windows = np.ndarray(
        (count, oh, ow, kh, kw, channels), x.dtype, x, first * sh,
        (sn, sh * stride[0], sw * stride[1], sh * dilation[0], sw * dilation[1], sc),
    )  # fmt: skip
    # Copies should run over neighbours: the C values of KW taps or, where those are few, a tap's OW outputs.
    taps = kh * kw * channels
    if kw * channels < _SHORT_RUN:
        columns = scratch("conv2d columns", (taps + ones, count, oh, ow), x.dtype).transpose(1, 2, 3, 0)
    else:
        columns = scratch("conv2d columns", (count, oh, ow, taps + ones), x.dtype)
    columns[..., :taps].reshape(windows.shape)[...] = windows
    columns[..., taps:] = 1
    return columns
