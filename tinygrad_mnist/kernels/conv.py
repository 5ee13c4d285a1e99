"""Convolution on raw arrays: the product, and its two gradients, each a few large matrix products.

The three are linear in each array argument and derive from one form, ⟨g, conv(x, w)⟩, so between them they answer
every order of derivative. Work goes over blocks of images whose columns stay in cache, spread over the threads; how
it is cut does not depend on their number, and so neither do the results. Results have shape (N, C, H, W) but memory
order N, H, W, C ("channels last"): products write it directly, and copies of it run over whole pixels; elementwise
NumPy keeps the order, so the next layer finds it again. `out` may be of either order and is overwritten.
Must not know: Tensor, gradients' bookkeeping, layers. Look next at shapes.py (geometry), ops/conv.py (the calculus).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..core.backend import Array
from .parallel import for_each
from .scratch import contiguous, scratch
from .shapes import Pair, check_conv2d, conv_output_size, empty_channels_last, is_channels_last, tap_slices

# What the columns of one block of images may take: measured best between 1 and 3 MB on 32-channel layers.
_BLOCK_BYTES = 2 << 20
# Multiplications below which threads wait for each other more than they gain: some 100 µs.
_BLOCK_WORK = 4 << 20
# Blocks beyond this number gain nothing; up to as many partial weight gradients are kept, if they do not take more than
# so many bytes.
_MOST_BLOCKS, _SUMS_BYTES = 16, 16 << 20
# Copies shorter than this many values cost more for their overhead than for their bytes.
_SHORT_RUN = 8


def conv2d(
    x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Correlate images with kernels.

    Math:    out[n,o,i,j] = b[o] + Σ_{c,p,q} w[o,c,p,q] · x[n, c, i·s + p·d − pad, j·s + q·d − pad], zero outside x
    Shapes:  x (N, C, H, W), w (O, C/groups, KH, KW), b (O,) -> (N, O, OH, OW), memory order N OH OW O
    Raises:  ShapeError, ArgumentError: see check_conv2d
    """
    check_conv2d(x, w, b, stride, padding, dilation, groups)
    outputs, channels, kh, kw = w.shape
    oh, ow = (conv_output_size(x.shape[2 + a], w.shape[2 + a], stride[a], padding[a], dilation[a]) for a in (0, 1))
    dtype = np.result_type(x, w) if b is None else np.result_type(x, w, b)
    out = empty_channels_last((x.shape[0], outputs, oh, ow), dtype) if out is None else out
    pixels = out.transpose(0, 2, 3, 1)
    taps, per_group = kh * kw * channels, outputs // groups
    ones = b is not None
    # The bias is the weight of one more tap that always reads 1: no pass of its own over the result.
    weights = scratch("conv2d weights", (groups, taps + ones, per_group), dtype)
    for group in range(groups):
        mine = slice(group * per_group, (group + 1) * per_group)
        weights[group, :taps].reshape(kh, kw, channels, per_group)[...] = w[mine].transpose(2, 3, 1, 0)
        if b is not None:
            weights[group, taps] = b[mine]

    def work(block: tuple[int, slice]) -> None:
        group, images = block
        source = x[images, group * channels : (group + 1) * channels]
        columns = _columns(source, (kh, kw), (oh, ow), stride, padding, dilation, ones, dtype)
        target = pixels[images, ..., group * per_group : (group + 1) * per_group]
        straight = target.flags.c_contiguous  # its pixels are rows of memory
        result = target if straight else scratch("conv2d result", target.shape, target.dtype)
        np.matmul(columns, weights[group], out=result.reshape(-1, per_group))
        if not straight:
            target[...] = result

    blocks = _blocks(x.shape[0], oh * ow * (taps + ones) * dtype.itemsize, oh * ow * taps * per_group)
    for_each(work, [(group, images) for group in range(groups) for images in blocks])
    return out


def conv2d_weight_gradient(
    g: Array, x: Array, *, w_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Gather the gradient of the kernels from the cotangent of the result and the images.

    Math:    gw[o,c,p,q] = Σ_{n,i,j} g[n,o,i,j] · x[n, c, i·s + p·d − pad, j·s + q·d − pad]
    Shapes:  g (N, O, OH, OW), x (N, C, H, W) -> w_shape (O, C/groups, KH, KW), C order
    """
    outputs, channels, kh, kw = w_shape
    oh, ow = g.shape[2:]
    dtype = np.result_type(g, x)
    gw = np.empty(w_shape, dtype) if out is None else out
    taps, per_group = kh * kw * channels, outputs // groups
    blocks = _blocks(x.shape[0], oh * ow * taps * dtype.itemsize, oh * ow * taps * per_group)
    # Each lane adds up some of the blocks, and the lanes are added up at the end: one order, whoever works on them.
    most = max(2, min(_MOST_BLOCKS, _SUMS_BYTES // (math.prod(w_shape) * dtype.itemsize)))
    lanes = [blocks[i::most] for i in range(min(len(blocks), most))]
    sums = scratch("conv2d sums", (groups, max(len(lanes), 1), taps, per_group), dtype)
    if not lanes:
        sums[...] = 0

    def work(item: tuple[int, int]) -> None:
        group, lane = item
        mine = slice(group * per_group, (group + 1) * per_group)
        total, later = sums[group, lane], scratch("conv2d part", (taps, per_group), dtype)
        for images in lanes[lane]:
            source = x[images, group * channels : (group + 1) * channels]
            columns = _columns(source, (kh, kw), (oh, ow), stride, padding, dilation, False, dtype)
            shares = contiguous(g[images, mine].transpose(0, 2, 3, 1), "conv2d shares").reshape(-1, per_group)
            # dot, not matmul, which keeps Python's lock when the result is small, however long the product takes
            if images is lanes[lane][0]:
                np.dot(columns.T, shares, out=total)
            else:
                total += np.dot(columns.T, shares, out=later)

    for_each(work, [(group, lane) for group in range(groups) for lane in range(len(lanes))])
    total = np.add.reduce(sums, axis=1, out=scratch("conv2d total", (groups, taps, per_group), dtype))
    gw.reshape(groups, per_group, channels, kh, kw)[...] = total.reshape(
        groups, kh, kw, channels, per_group).transpose(0, 4, 3, 1, 2)
    return gw


def conv2d_input_gradient(
    g: Array, w: Array, *, x_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Send the cotangent of the result back to the pixels that it was computed from.

    Math:    gx[n,c,h,v] = Σ g[n,o,i,j] · w[o,c,p,q] over all o, p, q, i, j with
             h = i·s + p·d − pad and v = j·s + q·d − pad; a pixel that no tap reads gets 0
    Shapes:  g (N, O, OH, OW), w (O, C/groups, KH, KW) -> x_shape (N, C, H, W), memory order N H W C
    """
    (outputs, channels, kh, kw), (count, _, height, width) = w.shape, x_shape
    oh, ow = g.shape[2:]
    dtype = np.result_type(g, w)
    gx = empty_channels_last(x_shape, dtype) if out is None else out
    pixels = gx.transpose(0, 2, 3, 1)
    per_group = outputs // groups
    # Windows one column apart: each pixel meets all KW taps of a row, so one product does a row. Further apart: most of
    # those meetings would be with zeros; one product does all taps, and each tap's part is added where it belongs.
    spread = stride[1] == 1
    row_slices = [tap_slices(p * dilation[0] - padding[0], height, stride[0], oh) for p in range(kh)]
    column_slices = [tap_slices(q * dilation[1] - padding[1], width, stride[1], ow) for q in range(kw)]
    by_group = w.reshape(groups, per_group, channels, kh, kw)
    order = (0, 3, 4, 1, 2) if spread else (0, 1, 3, 4, 2)
    weights = scratch("conv2d weights", tuple(by_group.shape[i] for i in order), dtype)
    weights[...] = by_group.transpose(order)
    across, depth = (width, kw * per_group) if spread else (ow, per_group)
    taps = channels if spread else kh * kw * channels

    def work(block: tuple[int, slice]) -> None:
        group, images = block
        mine = slice(group * per_group, (group + 1) * per_group)
        here = contiguous(g[images, mine].transpose(0, 2, 3, 1), "conv2d shares")
        target = pixels[images, ..., group * channels : (group + 1) * channels]
        target[...] = 0
        rows = _spread(here, column_slices, width, dtype) if spread else here
        result = scratch("conv2d result", (len(here), oh, across, taps), dtype)
        if not spread:
            np.matmul(here.reshape(-1, depth), weights[group].reshape(depth, taps), out=result.reshape(-1, taps))
        for p, (rows_read, rows_written) in enumerate(row_slices):
            if spread:
                product = weights[group, p].reshape(depth, channels)
                np.matmul(rows.reshape(-1, depth), product, out=result.reshape(-1, channels))
                met = target[:, rows_written]
                met += result[:, rows_read]
                continue
            for q, (read, written) in enumerate(column_slices):
                at = (p * kw + q) * channels
                met = target[:, rows_written, written]
                met += result[:, rows_read, read, at : at + channels]

    per_image = oh * across * (depth + taps)
    blocks = _blocks(count, per_image * dtype.itemsize, oh * ow * kh * kw * per_group * channels)
    for_each(work, [(group, images) for group in range(groups) for images in blocks])
    return gx


def _blocks(count: int, bytes_per_image: int, work_per_image: int) -> list[slice]:
    """Cut the images into blocks: as many as threads can use, unless too small for one or too large for its cache."""
    worth_it = -(-_BLOCK_WORK // max(1, work_per_image))
    size = max(worth_it, -(-count // _MOST_BLOCKS))
    size = max(1, min(size, _BLOCK_BYTES // max(1, bytes_per_image)))
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _columns(
    x: Array, kernel: Pair, output: Pair, stride: Pair, padding: Pair, dilation: Pair, ones: bool, dtype: np.dtype[Any]
) -> Array:
    """Lay out what each output pixel reads: one row per output pixel, one column per value.

    The columns run KH, KW, C; with ones, a last one is all 1. In scratch memory: the next call overwrites it.
    """
    (count, channels, height, width), (kh, kw), (oh, ow) = x.shape, kernel, output
    taps, rows = kh * kw * channels, count * oh * ow
    here = x.transpose(0, 2, 3, 1)
    if padding != (0, 0) or not is_channels_last(x):
        frame = scratch("conv2d frame", (count, height + 2 * padding[0], width + 2 * padding[1], channels), dtype)
        if padding != (0, 0):
            frame[...] = 0
        frame[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = here
        here = frame
    # Copies should run over neighbours: the C values of KW taps or, where those are few, a tap's OW outputs.
    if kw * channels < _SHORT_RUN:
        columns = scratch("conv2d columns", (taps + ones, rows), dtype).T
    else:
        columns = scratch("conv2d columns", (rows, taps + ones), dtype)
    columns[:, taps:] = 1
    sn, sh, sw, sc = here.strides
    windows = as_strided(
        here, (count, oh, ow, kh, kw, channels),
        (sn, sh * stride[0], sw * stride[1], sh * dilation[0], sw * dilation[1], sc), writeable=False,
    )  # fmt: skip
    columns[:, :taps].reshape(windows.shape)[...] = windows
    return columns


def _spread(g: Array, column_slices: list[tuple[slice, slice]], width: int, dtype: np.dtype[Any]) -> Array:
    """Lay out the shares that meet each pixel at the taps of a row: (N, OH, OW, O) -> (N, OH, W, KW, O).

    In scratch memory: the next call overwrites it.
    """
    n, oh, _, outputs = g.shape
    spread = scratch("conv2d columns", (n, oh, width, len(column_slices), outputs), dtype)
    for q, (read, written) in enumerate(column_slices):
        spread[:, :, written, q] = g[:, :, read]
        if written.start > 0:
            spread[:, :, : written.start, q] = 0
        if written.stop < width:
            spread[:, :, written.stop :, q] = 0
    return spread
