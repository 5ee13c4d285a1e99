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
    nesterov: bool, first: bool,
) -> None:  # fmt: skip
    """Step down the gradient, with velocity v where momentum is used.

    Math:    d = g + weight_decay · p;  v = momentum · v + (1 - dampening) · d  (v = d at the first step);
             p = p - lr · v, with Nesterov p - lr · (d + momentum · v)
    Shapes:  p, g, v (*A), changed in place: p and v
    """

    def plain(p: Array, g: Array) -> None:
        s = scratch("update", p.shape, p.dtype)
        if weight_decay:
            np.multiply(p, weight_decay, out=s)
            s += g
            s *= lr
        else:
            np.multiply(g, lr, out=s)
        p -= s

    def with_velocity(p: Array, g: Array, v: Array) -> None:
        s, d = scratch("update", p.shape, p.dtype), g
        if weight_decay:
            d = np.multiply(p, weight_decay, out=scratch("decayed", p.shape, p.dtype))
            d += g
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
        _by_blocks(plain, p, g)
    else:
        _by_blocks(with_velocity, p, g, v)


def adam(
    p: Array, g: Array, m: Array, v: Array, *, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    decoupled: bool, step: int,
) -> None:  # fmt: skip
    """Step down the gradient scaled by its running mean and mean square.

    Math:    m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε);
             weight decay adds weight_decay · p to g, or, decoupled, first shrinks p by lr · weight_decay
    Shapes:  p, g, m, v (*A), changed in place: p, m and v
    """
    # m / (√(v / r²) + ε) = r · m / (√v + r ε): one pass less
    root = math.sqrt(1 - beta2**step)
    rate, least = lr / (1 - beta1**step) * root, eps * root

    def change(p: Array, g: Array, m: Array, v: Array) -> None:
        s = scratch("update", p.shape, p.dtype)
        if weight_decay and decoupled:
            p *= 1 - lr * weight_decay
        elif weight_decay:
            decayed = np.multiply(p, weight_decay, out=scratch("decayed", p.shape, p.dtype))
            decayed += g
            g = decayed
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=s)
        v *= beta2
        np.multiply(g, g, out=s)
        s *= 1 - beta2
        v += s
        np.sqrt(v, out=s)
        s += least
        np.divide(m, s, out=s)
        s *= rate
        p -= s

    _by_blocks(change, p, g, m, v)


def _by_blocks(change: Callable[..., None], *arrays: Array) -> None:
    """Apply a change to matching flat pieces of arrays of one shape. Those that it writes to must be C-contiguous."""
    size = arrays[0].size
    if size <= BLOCK:
        change(*arrays)
        return
    flat = [x.reshape(-1) for x in arrays]
    block = _SHARE if size > _SHARE and is_awake() else BLOCK
    for_each(lambda first: change(*(x[first : first + block] for x in flat)), range(0, size, block), wake=False)
