"""Arithmetic of the optimizers: one parameter changed in place, block by block, so that temporaries stay in cache.

Each number is changed by itself, so that neither blocks nor threads make a difference to the result. Knows nothing of
parameters or groups. optim/ keeps the state and calls these.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..core.backend import Array
from .parallel import for_each, is_awake
from .scratch import scratch

BLOCK = 1 << 16  # elements: five float32 arrays of this size take 1.3 MB; smaller ones spend their time on calls
_SHARE = 1 << 17  # elements worth handing to another thread


def sgd(
    p: Array, g: Array, v: Array | None, *, lr: float, momentum: float, dampening: float, weight_decay: float,
    nesterov: bool, first: bool, maximize: bool = False,
) -> None:  # fmt: skip
    """Step down the gradient (up, to maximize), with velocity v where momentum is used.

    Math:    d = ±g + weight_decay · p;  v = momentum · v + (1 - dampening) · d  (v = d at the first step);
             p = p - lr · v, with Nesterov p - lr · (d + momentum · v)
    Shapes:  p, g, v (*A), changed in place: p and v
    """

    def plain(p: Array, g: Array) -> None:
        p -= np.multiply(direction(p, g, weight_decay, maximize), lr, out=scratch("update", p.shape, p.dtype))

    def with_velocity(p: Array, g: Array, v: Array) -> None:
        s, d = scratch("update", p.shape, p.dtype), direction(p, g, weight_decay, maximize)
        if first:
            v[...] = d
        else:
            v *= momentum
            v += np.multiply(d, 1 - dampening, out=s) if dampening else d
        if nesterov:
            np.multiply(d, lr, out=s)
            p -= s
        np.multiply(v, lr * momentum if nesterov else lr, out=s)
        p -= s

    if v is None:
        by_blocks(plain, p, g)
    else:
        by_blocks(with_velocity, p, g, v)


def adam(
    p: Array, g: Array, m: Array, v: Array, *, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    decoupled: bool, step: int, maximize: bool = False, largest: Array | None = None,
) -> None:  # fmt: skip
    """Step down the gradient (up, to maximize) scaled by its running mean and mean square, or by the largest of these.

    Math:    m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε);
             weight decay adds weight_decay · p to g, or, decoupled, first shrinks p by lr · weight_decay
    Shapes:  p, g, m, v, largest (*A), changed in place: all but g
    """
    # m / (√(v / r²) + ε) = r · m / (√v + r ε): one pass less
    root = math.sqrt(1 - beta2**step)
    rate, least = lr / (1 - beta1**step) * root, eps * root

    def change(p: Array, g: Array, m: Array, v: Array, w: Array | None = None) -> None:
        s = scratch("update", p.shape, p.dtype)
        if weight_decay and decoupled:
            p *= 1 - lr * weight_decay
        g = direction(p, g, 0.0 if decoupled else weight_decay, maximize)
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=s)
        v *= beta2
        np.multiply(g, g, out=s)
        s *= 1 - beta2
        v += s
        np.sqrt(v if w is None else np.maximum(w, v, out=w), out=s)
        s += least
        np.divide(m, s, out=s)
        s *= rate
        p -= s

    by_blocks(change, p, g, m, v, *([] if largest is None else [largest]))


def direction(p: Array, g: Array, weight_decay: float, maximize: bool) -> Array:
    """Give what a step goes against: ±g + weight_decay · p, in working memory where it is not g itself."""
    if not weight_decay and not maximize:
        return g
    d = scratch("decayed", p.shape, p.dtype)
    if not weight_decay:
        return np.negative(g, out=d)
    np.multiply(p, weight_decay, out=d)
    return np.subtract(d, g, out=d) if maximize else np.add(d, g, out=d)


def by_blocks(change: Callable[..., None], *arrays: Array) -> None:
    """Apply a change to matching flat pieces of arrays of one shape. Those that it writes to must be C-contiguous."""
    size = arrays[0].size
    if size <= BLOCK:
        change(*arrays)
        return
    flat = [x.reshape(-1) for x in arrays]
    block = _SHARE if size > _SHARE and is_awake() else BLOCK
    for_each(lambda first: change(*(x[first : first + block] for x in flat)), range(0, size, block), wake=False)
