"""The arithmetic of a compiled step as plain loops over rows, for numba: arrays in, arrays out.

Each function is ordinary Python, so that it can be read, and tested, without numba; compile/ hands it to numba. A batch
is shared out by rows, so functions take the rows of one thread. Images lie in memory as H, W, C ("channels last"),
one image a row of H·W·C values. Inner loops go over views from 0 on: indices that cannot be negative are what lets the
compiler do many at a time. The fast spellings elsewhere in kernels/ are the oracles. Must not know: Tensor, threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any
Number = Any

# tanh x = x P(x²) / Q(x²) on [-9.02, 9.02], fitted to 2e-8; beyond it tanh is ±1 in float32. Unlike math.tanh, a loop
# of these is done eight or sixteen values at a time.
P = tuple(np.float32(c) for c in (1.0, 0.1337976, 0.0034940815, 2.058413e-05, 1.3319744e-08))
Q = tuple(np.float32(c) for c in (1.0, 0.46713075, 0.02587126, 0.00032831641, 7.7623423e-07))


def tanh(x: Number) -> Number:
    """Hyperbolic tangent of a float32 number."""
    limit = np.float32(9.02)
    x = limit if x > limit else (-limit if x < -limit else x)
    z = x * x
    top = (((P[4] * z + P[3]) * z + P[2]) * z + P[1]) * z + P[0]
    bottom = (((Q[4] * z + Q[3]) * z + Q[2]) * z + Q[1]) * z + Q[0]
    return x * top / bottom


def cross_entropy(x: Array, target: Array, kept: Number, spread: Number, out: Array, probabilities: Array) -> None:
    """Compare rows of logits with classes.

    Shapes:  x, probabilities (n, C), target, out (n,)
    Args:    with smoothing ε: kept is 1 - ε, spread is ε/C
    """
    rows, classes = x.shape
    zero = x.dtype.type(0)
    for i in range(rows):
        top = x[i, 0]
        for j in range(1, classes):
            top = max(top, x[i, j])
        total, mass = zero, zero
        for j in range(classes):
            centred = x[i, j] - top
            mass += centred
            power = math.exp(centred)
            probabilities[i, j] = power
            total += power
        for j in range(classes):
            probabilities[i, j] /= total
        out[i] = math.log(total) - kept * (x[i, target[i]] - top) - spread * mass


def less_one_hot(p: Array, s: Array, target: Array, kept: Number, spread: Number, out: Array) -> None:
    """Give the gradient of cross_entropy for rows.

    Shapes:  p, out (n, C), s, target (n,)
    """
    rows, classes = p.shape
    for i in range(rows):
        for j in range(classes):
            out[i, j] = s[i] * (p[i, j] - spread)
        out[i, target[i]] -= s[i] * kept


def softmax(x: Array, out: Array) -> None:
    """Turn rows of logits into probabilities.

    Shapes:  x, out (n, C)
    """
    rows, classes = x.shape
    for i in range(rows):
        top = x[i, 0]
        for j in range(1, classes):
            top = max(top, x[i, j])
        total = out.dtype.type(0)
        for j in range(classes):
            out[i, j] = math.exp(x[i, j] - top)
            total += out[i, j]
        for j in range(classes):
            out[i, j] /= total


def sum_columns(x: Array, low: int, high: int, out: Array) -> None:
    """Sum the columns from low to high over all rows.

    Shapes:  x (n, C), out (C,)
    """
    sums = out[low:high]
    sums[:] = 0
    for i in range(len(x)):
        row = x[i, low:high]
        for j in range(len(sums)):
            sums[j] += row[j]


def total(x: Array) -> Number:
    """Add up a vector."""
    result = x.dtype.type(0)
    for i in range(len(x)):
        result += x[i]
    return result


# ---------------------------------------------------------------- images


def patches(
    image: Array, width: int, channels: int, kh: int, kw: int, stride: int, ow: int, first: int, last: int,
    columns: Array,
) -> None:  # fmt: skip
    """Copy what the windows of output rows first to last see: one row per window, in the order KH, KW, C.

    Shapes:  image (H·W·C,), columns (at least (last - first)·OW, KH·KW·C or more)
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

    Shapes:  columns (at least (last - first)·OW, KH·KW·C), image (H·W·C,)
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

    Shapes:  image (H·W·C,), out ((H + 2 by)·(W + 2 by)·C,), whose border is written too
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

    Shapes:  image ((H + 2 by)·(W + 2 by)·C,), out (H·W·C,)
    """
    run, wide = width * channels, (width + 2 * by) * channels
    for i in range(height):
        start = (i + by) * wide + by * channels
        source, target = image[start : start + run], out[i * run : (i + 1) * run]
        for k in range(run):
            target[k] = source[k]


def pack(w: Array, taps: int, out: Array) -> None:
    """Order kernels as convolution multiplies by them.

    Shapes:  w (O, C·KH·KW), out (KH·KW·C or more, O)
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
    Shapes:  image (H·W·C,), weight (KH·KW·C or one more, O), columns (at_once·OW, as many), out (OH·OW·O,)
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

    Shapes:  image (H·W·C,), g (OH·OW·O,), product, partial (KH·KW·C, O)
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

    Shapes:  g (OH·OW·O,), weight (KH·KW·C, O), out (H·W·C,)
    """
    shares = g.reshape((oh * ow, weight.shape[1]))
    out[:] = 0
    for first in range(0, oh, at_once):
        last = min(first + at_once, oh)
        np.dot(shares[first * ow : last * ow], weight.T, columns[: (last - first) * ow])
        collect(columns, width, channels, kh, kw, stride, ow, first, last, out)


def sum_image(image: Array, out: Array) -> None:
    """Add one image's sums over its pixels.

    Shapes:  image (H·W·C,), out (C,)
    """
    channels = len(out)
    for start in range(0, len(image), channels):
        pixel = image[start : start + channels]
        for c in range(channels):
            out[c] += pixel[c]


def unpack_sum(partials: Array, taps: int, low: int, high: int, out: Array) -> None:
    """Add up the threads' shares of packed kernels from low to high, and put them in order: the adjoint of `pack`.

    Shapes:  partials (threads, KH·KW·C, O), out (O, C·KH·KW)
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

    Shapes:  image (H·W·C,), out, winners (OH·OW·C,)
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

    Shapes:  g, winners (OH·OW·C,), out (H·W·C,)
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


# ---------------------------------------------------------------- optimizers


def sgd(p: Array, g: Array, lr: Number, weight_decay: Number) -> None:
    """Step down the gradient: flat pieces of a parameter and its gradient."""
    for i in range(len(p)):
        p[i] -= lr * (g[i] + weight_decay * p[i])


def sgd_momentum(
    p: Array, g: Array, v: Array, momentum: Number, share: Number, weight_decay: Number, ahead: Number,
    along: Number,
) -> None:  # fmt: skip
    """Step along the velocity v.

    Args:    share: 1 - dampening, 1 at the first step; ahead, along: factors of the step on d and on v: 0 and lr, with
             Nesterov lr and lr · momentum
    """
    for i in range(len(p)):
        d = g[i] + weight_decay * p[i]
        v[i] = momentum * v[i] + share * d
        p[i] -= ahead * d + along * v[i]


def adam(
    p: Array, g: Array, m: Array, v: Array, rate: Number, beta1: Number, rest1: Number, beta2: Number, rest2: Number,
    eps: Number, root: Number, decay: Number, shrink: Number,
) -> None:  # fmt: skip
    """Step down the gradient over its running size.

    Args:    rate: lr / (1 - β₁ᵗ); rest1, rest2: 1 - β; root: 1 / √(1 - β₂ᵗ); decay: weight decay of Adam; shrink: the
             factor on p of AdamW, else 1
    """
    for i in range(len(p)):
        shrunk = p[i] * shrink
        d = g[i] + decay * shrunk
        m[i] = beta1 * m[i] + rest1 * d
        v[i] = beta2 * v[i] + rest2 * (d * d)
        p[i] = shrunk - rate * m[i] / (math.sqrt(v[i]) * root + eps)
