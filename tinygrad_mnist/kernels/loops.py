"""The arithmetic of a compiled step as plain loops over rows, for numba: arrays in, arrays out.

Each function is ordinary Python, so that it can be read, and tested, without numba; fast/ hands it to numba. A batch is
shared out by rows, so functions take the rows of one thread. Inner loops go over views from 0 on: indices that cannot
be negative are what lets the compiler do many at a time. The fast spellings elsewhere in kernels/ are the oracles. Must
not know: Tensor, threads. Look next at image_loops.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Array

Number = Any

def tanh(x: Number) -> Number:
    """Hyperbolic tangent of a float32 number. Unlike math.tanh, a loop of these is done eight or sixteen at a time.

    Math:
        x P(x²) / Q(x²) on [-9.02, 9.02], fitted to 2e-8; beyond it ±1
    """
    limit = np.float32(9.02)
    far = abs(x) > limit
    sign = np.float32(1) if x > 0 else np.float32(-1)
    x = sign if far else x  # a number that does not overflow
    z = x * x
    top = (np.float32(1.3319744e-08) * z + np.float32(2.058413e-05)) * z + np.float32(0.0034940815)
    top = (top * z + np.float32(0.1337976)) * z + np.float32(1)
    bottom = (np.float32(7.7623423e-07) * z + np.float32(0.00032831641)) * z + np.float32(0.02587126)
    bottom = (bottom * z + np.float32(0.46713075)) * z + np.float32(1)
    near = x * top / bottom
    # exactly ±1, beyond the fit and where it would pass 1 by a rounding: the gradient 1 - tanh² is 0 there, never less
    return sign if far or abs(near) > np.float32(1) else near


def exp(x: Number) -> Number:
    """Exponential of a float32 number, to the ends of the range; done eight or sixteen at a time, as tanh is.

    Math:
        eˣ = 2ⁿ eʳ, eʳ a polynomial on |r| ≤ ln(2) / 2; n is from -150 to 129, so that 2ⁿ takes two factors
    Source:
        Cephes, expf.c, for the polynomial
    """
    one, low, high = np.float32(1), np.float32(-104), np.float32(89)
    a = x if x > low else low
    a = a if a < high else high
    n = np.int32(np.floor(a * np.float32(1.44269504) + np.float32(0.5)))
    r = a - np.float32(n) * np.float32(0.693359375) + np.float32(n) * np.float32(2.12194440e-4)
    p = (np.float32(1.9875691500e-4) * r + np.float32(1.3981999507e-3)) * r + np.float32(8.3334519073e-3)
    p = ((p * r + np.float32(4.1665795894e-2)) * r + np.float32(1.6666665459e-1)) * r + np.float32(5.0000001201e-1)
    half = n >> np.int32(1)
    first = np.int32((half + np.int32(127)) << np.int32(23)).view(np.float32)
    last = np.int32((n - half + np.int32(127)) << np.int32(23)).view(np.float32)
    return x if x != x else (p * r * r + r + one) * first * last


def sigmoid(x: Number) -> Number:
    """Logistic function of a float32 number, accurate to the end of the range."""
    e = exp(x if x < 0 else -x)
    return (np.float32(1) if x >= 0 else e) / (np.float32(1) + e)


def sigmoid_double(x: Number) -> Number:
    """Logistic function of a float64 number."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1.0 + e) if x == x else x


def floor(x: Number) -> Number:
    """Round a number down."""
    return np.floor(x)


def ceil(x: Number) -> Number:
    """Round a number up."""
    return np.ceil(x)


def trunc(x: Number) -> Number:
    """Round a number towards 0."""
    return np.trunc(x)


def rint(x: Number) -> Number:
    """Round a number to the nearest whole one, an even one halfway."""
    return np.rint(x)


def normal(x: Number) -> Number:
    """Normal distribution Φ of a float32 number, to 1.3e-7: (1 + tanh(x P(x²) / Q(x²))) / 2, fitted."""
    limit = np.float32(10)
    a = limit if x > limit else -limit if x < -limit else x
    z = a * a
    top = (np.float32(5.50948448e-05) * z + np.float32(5.16510669e-03)) * z + np.float32(9.50604737e-02)
    bottom = (np.float32(3.15594213e-03) * z + np.float32(7.36100181e-02)) * z + np.float32(1)
    return np.float32(0.5) * (np.float32(1) + tanh(a * (top * z + np.float32(7.97886048e-01)) / bottom))


def normal_double(x: Number) -> Number:
    """Normal distribution Φ of a float64 number."""
    return 0.5 * (1.0 + math.erf(0.7071067811865476 * x))


def softplus(x: Number) -> Number:
    """log(1 + eˣ), without overflow."""
    return math.log1p(math.exp(-abs(x))) + (x if x > 0 else x * 0)


def total(x: Array) -> Number:
    """Add up a vector."""
    result = x.dtype.type(0)
    for i in range(len(x)):
        result += x[i]
    return result


def cross_entropy(x: Array, target: Array, smoothing: Number, out: Array, saved: Array) -> None:
    """Compare rows of logits x (n, C) with classes, target and out (n,); saved (n, C): their probabilities."""
    rows, classes = x.shape
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(rows):
        top = x[i, 0]
        for j in range(1, classes):
            top = max(top, x[i, j])
        total, mass = zero, zero
        for j in range(classes):
            centred = x[i, j] - top
            mass += centred
            power = math.exp(centred)
            saved[i, j] = power
            total += power
        for j in range(classes):
            saved[i, j] /= total
        out[i] = math.log(total) - (one - smoothing) * (x[i, target[i]] - top)
        if smoothing != zero:  # 0 times the infinity of a logit of -inf would be NaN
            out[i] -= smoothing / x.dtype.type(classes) * mass


def less_one_hot(p: Array, s: Array, target: Array, smoothing: Number, out: Array) -> None:
    """Give the gradient of cross_entropy for rows: p, out (n, C), s, target (n,)."""
    rows, classes = p.shape
    kept, spread = p.dtype.type(1) - smoothing, smoothing / p.dtype.type(classes)
    for i in range(rows):
        for j in range(classes):
            out[i, j] = s[i] * (p[i, j] - spread)
        out[i, target[i]] -= s[i] * kept


def pick(x: Array, target: Array, out: Array) -> None:
    """Take the element of each row that its target names."""
    for i in range(len(out)):
        out[i] = x[i, target[i]]


def softmax(x: Array, out: Array) -> None:
    """Turn rows of logits into probabilities: x, out (n, C)."""
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


def log_softmax(x: Array, out: Array) -> None:
    """Turn rows of logits into log-probabilities: x, out (n, C)."""
    rows, classes = x.shape
    for i in range(rows):
        top = x[i, 0]
        for j in range(1, classes):
            top = max(top, x[i, j])
        total = out.dtype.type(0)
        for j in range(classes):
            out[i, j] = x[i, j] - top
            total += math.exp(out[i, j])
        total = math.log(total)
        for j in range(classes):
            out[i, j] -= total


def row_sums(x: Array, out: Array) -> None:
    """Add up each row."""
    for i in range(len(x)):
        out[i] = total(x[i])


def row_means(x: Array, out: Array) -> None:
    """Take the mean of each row."""
    for i in range(len(x)):
        out[i] = total(x[i]) / x.dtype.type(x.shape[1])


def row_norms(x: Array, out: Array) -> None:
    """Take the root of the sum of squares of each row."""
    for i in range(len(x)):
        squares = x.dtype.type(0)
        for j in range(x.shape[1]):
            squares += x[i, j] * x[i, j]
        out[i] = math.sqrt(squares)


def largest(x: Array) -> int:
    """Find where the largest element of a vector is, the first of equal ones; NaN wins."""
    best = 0
    for j in range(1, len(x)):
        best = best if x[best] >= x[j] or x[best] != x[best] else j
    return best


def smallest(x: Array) -> int:
    """Find where the smallest element of a vector is, the first of equal ones; NaN wins."""
    best = 0
    for j in range(1, len(x)):
        best = best if x[best] <= x[j] or x[best] != x[best] else j
    return best


def row_maxima(x: Array, out: Array) -> None:
    """Give the largest element of each row."""
    for i in range(len(x)):
        out[i] = x[i, largest(x[i])]


def row_minima(x: Array, out: Array) -> None:
    """Give the smallest element of each row."""
    for i in range(len(x)):
        out[i] = x[i, smallest(x[i])]


def first_maxima(x: Array, out: Array) -> None:
    """Find where the largest element of each row is."""
    for i in range(len(x)):
        out[i] = largest(x[i])


def first_minima(x: Array, out: Array) -> None:
    """Find where the smallest element of each row is."""
    for i in range(len(x)):
        out[i] = smallest(x[i])


def row_variances(x: Array, correction: Number, out: Array) -> None:
    """Take the variance of each row."""
    zero, count = x.dtype.type(0), x.dtype.type(x.shape[1])
    for i in range(len(x)):
        mean, squares = total(x[i]) / count, zero
        for j in range(x.shape[1]):
            squares += (x[i, j] - mean) * (x[i, j] - mean)
        out[i] = squares / max(count - correction, zero)


def row_logsumexp(x: Array, out: Array) -> None:
    """Take log Σ eˣ of each row."""
    zero = x.dtype.type(0)
    for i in range(len(x)):
        top, sum_ = x[i, 0], zero
        for j in range(1, x.shape[1]):
            top = max(top, x[i, j])
        top = top if math.isfinite(top) else zero
        for j in range(x.shape[1]):
            sum_ += math.exp(x[i, j] - top)
        out[i] = math.log(sum_) + top


def sum_columns(x: Array, low: int, high: int, out: Array) -> None:
    """Sum the columns from low to high over all rows: x (n, C), out (C,)."""
    sums = out[low:high]
    sums[:] = 0
    for i in range(len(x)):
        row = x[i, low:high]
        for j in range(len(sums)):
            sums[j] += row[j]


def copy_columns(x: Array, low: int, out: Array) -> None:
    """Copy columns from low on to memory of their own: x (n, C), out (n, as many as wanted)."""
    for i in range(len(out)):
        row, part = x[i, low : low + out.shape[1]], out[i]
        for j in range(len(part)):
            part[j] = row[j]
