"""The arithmetic of a compiled step on images, as plain loops for numba: convolution and its gradients, pooling.

Images lie in memory as H, W, C ("channels last"); each function does one image, a row of H·W·C values. Everything said
in loops.py holds here. kernels/conv.py and kernels/pool.py are the oracles.
"""

from __future__ import annotations

import numpy as np

from ..core.backend import Array


def patches(
    image: Array, width: int, channels: int, kh: int, kw: int, stride: int, ow: int, first: int, last: int,
    columns: Array,
) -> None:  # fmt: skip
    """Copy what the windows of output rows first to last see: one row per window, in the order KH, KW, C.

    Shapes:
        image (H·W·C,), columns (at least (last - first)·OW, KH·KW·C or more)
    """
    run = kw * channels
    for i in range(first, last):
        for j in range(ow):
            row = columns[(i - first) * ow + j]
            for p in range(kh):
                start = ((i * stride + p) * width + j * stride) * channels
                seen, part = image[start : start + run], row[p * run : (p + 1) * run]
                for k in range(run):
                    part[k] = seen[k]


def collect(
    columns: Array, width: int, channels: int, kh: int, kw: int, stride: int, ow: int, first: int, last: int,
    image: Array,
) -> None:  # fmt: skip
    """Add what the windows of output rows first to last hold to the pixels that they saw: the adjoint of `patches`.

    Shapes:
        columns (at least (last - first)·OW, KH·KW·C), image (H·W·C,)
    """
    run = kw * channels
    for i in range(first, last):
        for j in range(ow):
            row = columns[(i - first) * ow + j]
            for p in range(kh):
                start = ((i * stride + p) * width + j * stride) * channels
                seen, part = image[start : start + run], row[p * run : (p + 1) * run]
                for k in range(run):
                    seen[k] += part[k]


def frame(image: Array, height: int, width: int, channels: int, by: int, out: Array) -> None:
    """Surround an image with zeros.

    Shapes:
        image (H·W·C,), out ((H + 2 by)·(W + 2 by)·C,), whose border is written too
    """
    run, wide = width * channels, (width + 2 * by) * channels
    out[:] = 0
    for i in range(height):
        start = (i + by) * wide + by * channels
        source, target = image[i * run : (i + 1) * run], out[start : start + run]
        for k in range(run):
            target[k] = source[k]


def crop(image: Array, height: int, width: int, channels: int, by: int, out: Array) -> None:
    """Take the frame off an image: the adjoint of `frame`.

    Shapes:
        image ((H + 2 by)·(W + 2 by)·C,), out (H·W·C,)
    """
    run, wide = width * channels, (width + 2 * by) * channels
    for i in range(height):
        start = (i + by) * wide + by * channels
        source, target = image[start : start + run], out[i * run : (i + 1) * run]
        for k in range(run):
            target[k] = source[k]


def pack(w: Array, taps: int, out: Array) -> None:
    """Order kernels as convolution multiplies by them.

    Shapes:
        w (O, C·KH·KW), out (KH·KW·C or more, O)
    """
    outputs, channels = w.shape[0], w.shape[1] // taps
    for o in range(outputs):
        for c in range(channels):
            for p in range(taps):
                out[p * channels + c, o] = w[o, c * taps + p]


def conv_image(
    image: Array, width: int, channels: int, kh: int, kw: int, stride: int, oh: int, ow: int, at_once: int,
    weight: Array, columns: Array, out: Array,
) -> None:  # fmt: skip
    """Correlate one image with packed kernels, `at_once` output rows at a time, so that their columns stay in cache.

    A bias is one more row of the kernels, which meets a column of ones.
    Shapes:
        image (H·W·C,), weight (KH·KW·C or one more, O), columns (at_once·OW, as many), out (OH·OW·O,)
    """
    result = out.reshape((oh * ow, weight.shape[1]))
    for first in range(0, oh, at_once):
        last = min(first + at_once, oh)
        patches(image, width, channels, kh, kw, stride, ow, first, last, columns)
        np.dot(columns[: (last - first) * ow], weight, result[first * ow : last * ow])


def conv_weights_image(
    image: Array, g: Array, width: int, channels: int, kh: int, kw: int, stride: int, oh: int, ow: int, at_once: int,
    columns: Array, product: Array, partial: Array,
) -> None:  # fmt: skip
    """Add one image's share to the gradient of packed kernels.

    Shapes:
        image (H·W·C,), g (OH·OW·O,), product, partial (KH·KW·C, O)
    """
    shares = g.reshape((oh * ow, product.shape[1]))
    for first in range(0, oh, at_once):
        last = min(first + at_once, oh)
        patches(image, width, channels, kh, kw, stride, ow, first, last, columns)
        np.dot(columns[: (last - first) * ow].T, shares[first * ow : last * ow], product)
        for k in range(len(partial)):
            share, total = product[k], partial[k]
            for o in range(len(total)):
                total[o] += share[o]


def conv_input_image(
    g: Array, width: int, channels: int, kh: int, kw: int, stride: int, oh: int, ow: int, at_once: int,
    weight: Array, columns: Array, out: Array,
) -> None:  # fmt: skip
    """Give one image's gradient: what each output passes to the pixels that it saw.

    Shapes:
        g (OH·OW·O,), weight (KH·KW·C, O), out (H·W·C,)
    """
    shares = g.reshape((oh * ow, weight.shape[1]))
    out[:] = 0
    for first in range(0, oh, at_once):
        last = min(first + at_once, oh)
        np.dot(shares[first * ow : last * ow], weight.T, columns[: (last - first) * ow])
        collect(columns, width, channels, kh, kw, stride, ow, first, last, out)


def sum_image(image: Array, out: Array) -> None:
    """Add one image's sums over its pixels.

    Shapes:
        image (H·W·C,), out (C,)
    """
    channels = len(out)
    for start in range(0, len(image), channels):
        pixel = image[start : start + channels]
        for c in range(channels):
            out[c] += pixel[c]


def unpack_sum(partials: Array, taps: int, low: int, high: int, out: Array) -> None:
    """Add up the threads' shares of packed kernels from low to high, and put them in order: the adjoint of `pack`.

    Shapes:
        partials (threads, KH·KW·C, O), out (O, C·KH·KW)
    """
    threads, channels = partials.shape[0], out.shape[1] // taps
    for o in range(low, high):
        for c in range(channels):
            for p in range(taps):
                share = partials[0, p * channels + c, o]
                for t in range(1, threads):
                    share += partials[t, p * channels + c, o]
                out[o, c * taps + p] = share


def pool_image(
    image: Array, width: int, channels: int, kh: int, kw: int, sh: int, sw: int, oh: int, ow: int, out: Array,
    winners: Array,
) -> None:  # fmt: skip
    """Take the maximum of each window of one image, and the number of the tap that had it, the first of equals.

    Shapes:
        image (H·W·C,), out, winners (OH·OW·C,)
    """
    for i in range(oh):
        for j in range(ow):
            here = (i * ow + j) * channels
            best, won = out[here : here + channels], winners[here : here + channels]
            won[:] = 0
            for p in range(kh):
                for q in range(kw):
                    start = ((i * sh + p) * width + j * sw + q) * channels
                    seen, tap = image[start : start + channels], winners.dtype.type(p * kw + q)
                    for c in range(channels):
                        better = tap == 0 or seen[c] > best[c] or seen[c] != seen[c]
                        best[c] = seen[c] if better else best[c]
                        won[c] = tap if better else won[c]


def scatter_image(
    g: Array, winners: Array, width: int, channels: int, kh: int, kw: int, sh: int, sw: int, oh: int, ow: int,
    out: Array,
) -> None:  # fmt: skip
    """Add each window's value at its winner, in zeros.

    Shapes:
        g, winners (OH·OW·C,), out (H·W·C,)
    """
    zero = out.dtype.type(0)
    out[:] = 0
    for i in range(oh):
        for j in range(ow):
            here = (i * ow + j) * channels
            share, won = g[here : here + channels], winners[here : here + channels]
            for p in range(kh):
                for q in range(kw):
                    start = ((i * sh + p) * width + j * sw + q) * channels
                    seen, tap = out[start : start + channels], p * kw + q
                    for c in range(channels):
                        seen[c] += share[c] if won[c] == tap else zero


def turn(x: Array, rows: int, columns: int, out: Array) -> None:
    """Transpose one image between the memory orders H·W, C and C, H·W: x (rows·columns,), out (columns·rows,)."""
    for i in range(rows):
        for j in range(columns):
            out[j * rows + i] = x[i * columns + j]
