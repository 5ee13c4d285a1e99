"""Softmax and cross-entropy on raw arrays, in few passes and, where `out` is given, without allocating.

Must not know: Tensor, gradients' bookkeeping, layers. Look next at ops/softmax.py (the calculus).
"""

from __future__ import annotations

import numpy as np

from ..core.backend import Array, Defaults
from .scratch import scratch, stretched
from .sums import SMALL, row_sums

_FEW = 32  # classes, up to which it pays to turn the logits
_NEAR = 1e-6  # of a row's share in exp(x - the largest of all): what a difference of 14 loses in rounding is one digit
_INDEX = np.dtype(np.intp)


def softmax(x: Array, *, axis: int, out: Array | None = None) -> Array:
    """Turn logits into probabilities along an axis; the largest logit is taken out first, so nothing overflows.

    Math:
        out_i = exp(x_i) / Σ_j exp(x_j)
    Shapes:
        x (*A) -> (*A)
    """
    x = _floating(x)
    if x.size > SMALL and axis in (-1, x.ndim - 1) and x.dtype.char in "fd" and x.flags.c_contiguous:
        # rows whose largest logits are near each other need not be gone through for these: short ones would cost most
        top = np.maximum.reduce(x, axis=None)
        if np.isfinite(top):
            over = out is not None and np.may_share_memory(out, x)
            powers = np.subtract(x, top, out=scratch("powers", x.shape, x.dtype) if over else out)
            total = row_sums(np.exp(powers, out=powers))
            if np.minimum.reduce(total, axis=None) > _NEAR:
                return np.divide(powers, total, out=out if over else powers)
    out = np.subtract(x, _peak(x, axis), out=out)
    np.exp(out, out=out)
    out /= np.add.reduce(out, axis=axis, keepdims=True)
    return out


def log_softmax(x: Array, *, axis: int, out: Array | None = None) -> Array:
    """Turn logits into log-probabilities along an axis.

    Math:
        out_i = x_i - log Σ_j exp(x_j)
    Shapes:
        x (*A) -> (*A)
    """
    x = _floating(x)
    out = np.subtract(x, _peak(x, axis), out=out)
    if x.size:  # the logarithm of an empty sum would warn
        powers = np.exp(out, out=scratch("powers", out.shape, out.dtype))
        out -= np.log(np.add.reduce(powers, axis=axis, keepdims=True))
    return out


def _floating(x: Array) -> Array:
    return x if x.dtype.kind == "f" else x.astype(Defaults.dtype)


def _peak(x: Array, axis: int, out: Array | None = None) -> Array:
    return np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf if x.dtype.kind == "f" else None, out=out)


def cross_entropy(
    x: Array, target: Array, *, smoothing: float, out: Array | None = None, probabilities: Array | None = None
) -> tuple[Array, Array]:
    """Compare logits with classes; give the losses, and the softmax on the way.

    Math:
        out_n = log Σ_j exp(x_nj) - (1 - ε) x_n,target_n - ε/C Σ_c x_nc
    Shapes:
        x (N, C), target (N,) of integers from 0 to C - 1 -> (N,), (N, C)
    """
    if x.shape[1] <= _FEW:
        return _cross_entropy_by_columns(x, target, smoothing, out, probabilities)
    n, classes = x.shape
    peak = _peak(x, 1, scratch("total", (n, 1), x.dtype))
    p = np.subtract(x, stretched("rows", peak, x.shape), out=probabilities)
    index = _chosen(target, classes)
    out = np.take(p, index, out=out, mode="clip")  # of numbers known to be in range: "raise" would copy
    if smoothing:
        out *= 1 - smoothing
        spread = np.add.reduce(p, axis=1, out=scratch("row", (n,), p.dtype))
        spread *= smoothing / classes
        out += spread
    np.exp(p, out=p)
    total = np.add.reduce(p, axis=1, keepdims=True, out=scratch("total", (n, 1), p.dtype))
    p /= stretched("rows", total, p.shape)
    np.log(total, out=total)
    np.subtract(total[:, 0], out, out=out)
    return out, p


def _cross_entropy_by_columns(
    x: Array, target: Array, smoothing: float, out: Array | None, probabilities: Array | None
) -> tuple[Array, Array]:
    """Do the same with the classes as rows: NumPy spends its time between rows, and short ones are many."""
    n, classes = x.shape
    p = np.empty(x.shape, x.dtype) if probabilities is None else probabilities
    turned, total = scratch("turned", (classes, n), x.dtype), scratch("row", (n,), x.dtype)
    np.copyto(turned, x.T)
    np.subtract(turned, stretched("rows", _peak(turned, 0, total[None]), turned.shape), out=turned)
    index = scratch("chosen", target.shape, _INDEX)
    np.multiply(target, n, out=index, dtype=_INDEX, casting="unsafe")
    np.add(index, _count(n), out=index)
    out = np.take(turned, index, out=out, mode="clip")
    if smoothing:
        out *= 1 - smoothing
        np.add.reduce(turned, axis=0, out=total)
        total *= smoothing / classes
        out += total
    np.exp(turned, out=turned)
    np.add.reduce(turned, axis=0, out=total)
    np.divide(turned, stretched("rows", total, turned.shape), out=turned)
    np.copyto(p, turned.T)
    np.log(total, out=total)
    return np.subtract(total, out, out=out), p


def less_one_hot(p: Array, s: Array, target: Array, *, smoothing: float, out: Array | None = None) -> Array:
    """Scale each row of p less the distribution that its target stands for: the gradient of cross_entropy.

    Math:
        out_nc = s_n (p_nc - (1 - ε) [c = target_n] - ε/C)
    Shapes:
        p (N, C), s (N,), target (N,) -> (N, C); out may be p
    """
    n, classes = p.shape
    same = s.strides == (0,) and n > 0  # in a mean every row has the same share
    share = s[0] if same else stretched("rows", s[:, None], p.shape)
    if smoothing:
        out = np.subtract(p, smoothing / classes, out=out)
        out *= share
    else:
        out = np.multiply(p, share, out=out)
    if not out.flags.c_contiguous:
        out[np.arange(n), target] -= s * (1 - smoothing)
        return out
    index, flat = _chosen(target, classes), out.reshape(-1)
    chosen = np.take(flat, index, out=scratch("row", (n,), out.dtype), mode="clip")
    if smoothing:
        chosen -= np.multiply(s, 1 - smoothing, out=scratch("total", (n,), out.dtype))
    else:
        chosen -= s
    flat[index] = chosen
    return out


def _chosen(target: Array, classes: int) -> Array:
    """Number the chosen elements of (N, C) in its flattened form: n C + target_n."""
    index = scratch("chosen", target.shape, _INDEX)
    np.multiply(_count(len(target)), classes, out=index)
    return np.add(index, target, out=index, casting="unsafe")


_counted = np.arange(256)


def _count(n: int) -> Array:
    """Give 0 ... n - 1 without making it anew each time."""
    global _counted
    counted = _counted  # which another thread may make anew meanwhile
    if n > len(counted):
        counted = _counted = np.arange(2 * n)
    return counted[:n]
