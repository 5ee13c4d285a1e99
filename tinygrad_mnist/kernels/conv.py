"""Convolution on raw arrays: the product, and its two gradients, each a few large matrix products.

The three are linear in each array argument and derive from one form, ⟨g, conv(x, w)⟩, so between them they answer
every order of derivative. Work goes over blocks of images whose columns stay in cache. Results have shape
(N, C, H, W) but memory order N, H, W, C ("channels last"): products write it directly, and copies of it run over
whole pixels; elementwise NumPy keeps the order, so the next layer finds it again.

Must not know: Tensor, gradients' bookkeeping, layers. Look next at shapes.py (geometry), ops/conv.py (the calculus).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .shapes import Array, Pair, check_conv2d, conv_output_size, empty_channels_last, is_channels_last, tap_slices

# What one block of images may take. Measured on 32-channel layers: 4 MB best, 0.5 MB and 8 MB up to a fifth slower.
_BLOCK_BYTES = 4 << 20
# Copies shorter than this many values cost more for their overhead than for their bytes.
_SHORT_RUN = 8


def conv2d(x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """Correlate images with kernels.

    Math:    out[n,o,i,j] = b[o] + Σ_{c,p,q} w[o,c,p,q] · x[n, c, i·s + p·d − pad, j·s + q·d − pad], zero outside x
    Shapes:  x (N, C, H, W), w (O, C/groups, KH, KW), b (O,) -> (N, O, OH, OW), memory order N OH OW O
    Raises:  ShapeError, ArgumentError: see check_conv2d
    """
    check_conv2d(x, w, b, stride, padding, dilation, groups)
    outputs, channels, kh, kw = w.shape
    oh, ow = _output_size(x.shape, (kh, kw), stride, padding, dilation)
    dtype = np.result_type(x, w) if b is None else np.result_type(x, w, b)
    out = empty_channels_last((x.shape[0], outputs, oh, ow), dtype)
    pixels = out.transpose(0, 2, 3, 1).reshape(-1, outputs)  # a view
    per_group, bias = outputs // groups, b is not None
    for group in range(groups):
        mine = slice(group * per_group, (group + 1) * per_group)
        # The bias is the weight of one more tap that always reads 1: no pass of its own over the result.
        weight = np.empty((kh * kw * channels + bias, per_group), dtype)
        weight[: kh * kw * channels].reshape(kh, kw, channels, per_group)[...] = w[mine].transpose(2, 3, 1, 0)
        if b is not None:
            weight[-1] = b[mine]
        source = x[:, group * channels : (group + 1) * channels]
        for images, columns in _column_blocks(source, (kh, kw), (oh, ow), stride, padding, dilation, bias, dtype):
            rows = slice(images.start * oh * ow, images.stop * oh * ow)
            np.matmul(columns, weight, out=pixels[rows, mine])
    return out


def conv2d_weight_gradient(
    g: Array, x: Array, *, w_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Gather the gradient of the kernels from the cotangent of the result and the images.

    Math:    gw[o,c,p,q] = Σ_{n,i,j} g[n,o,i,j] · x[n, c, i·s + p·d − pad, j·s + q·d − pad]
    Shapes:  g (N, O, OH, OW), x (N, C, H, W) -> w_shape (O, C/groups, KH, KW), C order
    """
    outputs, channels, kh, kw = w_shape
    dtype = np.result_type(g, x)
    per_group = outputs // groups
    gw = np.empty(w_shape, dtype)
    for group in range(groups):
        mine = slice(group * per_group, (group + 1) * per_group)
        source = x[:, group * channels : (group + 1) * channels]
        total = np.zeros((kh * kw * channels, per_group), dtype)
        for images, columns in _column_blocks(source, (kh, kw), g.shape[2:], stride, padding, dilation, False, dtype):
            total += columns.T @ _pixels(g[images, mine]).reshape(-1, per_group)
        gw[mine] = total.reshape(kh, kw, channels, per_group).transpose(3, 2, 0, 1)
    return gw


def conv2d_input_gradient(
    g: Array, w: Array, *, x_shape: tuple[int, ...], stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """Send the cotangent of the result back to the pixels that it was computed from.

    Math:    gx[n,c,h,v] = Σ g[n,o,i,j] · w[o,c,p,q] over all o, p, q, i, j with
             h = i·s + p·d − pad and v = j·s + q·d − pad; a pixel that no tap reads gets 0
    Shapes:  g (N, O, OH, OW), w (O, C/groups, KH, KW) -> x_shape (N, C, H, W), memory order N H W C
    """
    (outputs, channels, kh, kw), (count, _, height, width) = w.shape, x_shape
    oh, ow = g.shape[2:]
    dtype = np.result_type(g, w)
    gx = empty_channels_last(x_shape, dtype)
    gx[...] = 0
    per_group = outputs // groups
    # Windows one column apart: each pixel meets all KW taps of a row, so one product does a row. Further apart: most of
    # those meetings would be with zeros, so one product per tap.
    spread = stride[1] == 1
    row_slices = [tap_slices(p * dilation[0] - padding[0], height, stride[0], oh) for p in range(kh)]
    column_slices = [tap_slices(q * dilation[1] - padding[1], width, stride[1], ow) for q in range(kw)]
    everywhere = (slice(0, width), slice(0, width))
    per_image = oh * (width * (kw * per_group + channels) if spread else ow * (per_group + channels))
    for group in range(groups):
        mine = slice(group * per_group, (group + 1) * per_group)
        pixels = gx.transpose(0, 2, 3, 1)[..., group * channels : (group + 1) * channels]
        weight = w[mine].transpose(2, 3, 0, 1).astype(dtype, order="C")  # KH KW O C
        block = result = np.empty((0, 0), dtype)
        for images in _blocks(count, per_image * dtype.itemsize):
            here = _pixels(g[images, mine])
            if spread:
                if len(block) != len(here):
                    block = np.zeros((len(here), oh, width, kw, per_group), dtype)
                for q, (read, written) in enumerate(column_slices):
                    block[:, :, written, q] = here[:, :, read]
                rows = block.reshape(-1, kw * per_group)
                products = [(p, everywhere, weight[p].reshape(-1, channels)) for p in range(kh)]
            else:
                rows = here.reshape(-1, per_group)
                products = [(p, column_slices[q], weight[p, q]) for p in range(kh) for q in range(kw)]
            shape = (len(here), oh, width if spread else ow, channels)
            if len(result) != len(rows):
                result = np.empty((len(rows), channels), dtype)
            for p, (columns_read, columns_written), taps in products:
                rows_read, rows_written = row_slices[p]
                np.matmul(rows, taps, out=result)
                target = pixels[images, rows_written, columns_written]
                target += result.reshape(shape)[:, rows_read, columns_read]
    return gx


def _output_size(x_shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    return (conv_output_size(x_shape[2], kernel[0], stride[0], padding[0], dilation[0]),
            conv_output_size(x_shape[3], kernel[1], stride[1], padding[1], dilation[1]))


def _blocks(count: int, bytes_per_image: int) -> Iterator[slice]:
    size = max(1, _BLOCK_BYTES // max(1, bytes_per_image))
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


def _pixels(x: Array) -> Array:
    """Return x (N, C, H, W) as (N, H, W, C) in C order: a view where the memory already runs so."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _column_blocks(
    x: Array, kernel: Pair, output: Pair, stride: Pair, padding: Pair, dilation: Pair, ones: bool, dtype: np.dtype[Any]
) -> Iterator[tuple[slice, Array]]:
    """Yield the images of each block, and its columns: one row per output pixel, one column per value it reads.

    The columns run KH, KW, C; with ones, a last one is all 1. Each block overwrites the one before.
    """
    (count, channels, height, width), (kh, kw), (oh, ow) = x.shape, kernel, output
    taps = kh * kw * channels
    framed = padding != (0, 0) or not is_channels_last(x)
    frame = columns = np.empty((0, 0), dtype)
    for images in _blocks(count, 2 * oh * ow * (taps + ones) * dtype.itemsize):
        size = images.stop - images.start
        here = x[images].transpose(0, 2, 3, 1)
        if len(columns) != size * oh * ow:
            shape = (size * oh * ow, taps + ones)
            # Copies should run over neighbours: the C values of KW taps or, where those are few, a tap's OW outputs.
            columns = np.empty(shape, dtype, order="F" if kw * channels < _SHORT_RUN else "C")
            columns[:, taps:] = 1
            if framed:
                frame = np.zeros((size, height + 2 * padding[0], width + 2 * padding[1], channels), dtype)
        if framed:
            frame[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = here
            here = frame
        sn, sh, sw, sc = here.strides
        windows = as_strided(
            here, (size, oh, ow, kh, kw, channels),
            (sn, sh * stride[0], sw * stride[1], sh * dilation[0], sw * dilation[1], sc), writeable=False,
        )
        columns[:, :taps].reshape(windows.shape)[...] = windows
        yield images, columns
