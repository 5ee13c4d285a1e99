"""Arithmetic of the optimizers: one parameter changed in place, block by block, so that temporaries stay in cache.

Knows nothing of parameters or groups. optim/ keeps the state and calls these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 1 << 14  # elements: four float32 arrays of this size fit into a 256 KiB cache


def blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Yield matching flat pieces of arrays of one shape. The first array is written to, so it must be C-contiguous."""
    flat = [a.reshape(-1) for a in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield tuple(a[start : start + BLOCK] for a in flat)


def sgd(
    p: Array, g: Array, v: Array | None, *, lr: float, momentum: float, dampening: float, weight_decay: float,
    nesterov: bool, first: bool,
) -> None:  # fmt: skip
    """Step down the gradient, with velocity v where momentum is used.

    Math:    d = g + weight_decay · p;  v = momentum · v + (1 - dampening) · d  (v = d at the first step);
             p = p - lr · v, with Nesterov p - lr · (d + momentum · v)
    Shapes:  p, g, v (*A), changed in place: p and v
    """
    scratch = np.empty(min(BLOCK, p.size), p.dtype)
    for pieces in blocks(p, g) if v is None else blocks(p, g, v):
        pb, gb = pieces[0], pieces[1]
        s = scratch[: pb.size]
        d = gb
        if weight_decay:
            np.multiply(pb, weight_decay, out=s)
            s += gb
            d = s
        if v is not None:
            vb = pieces[2]
            if first:
                vb[...] = d
            else:
                vb *= momentum
                if dampening:
                    vb += d * (1 - dampening)
                else:
                    vb += d
            if nesterov:
                np.multiply(d, lr, out=s)
                pb -= s
            d, rate = vb, lr * momentum if nesterov else lr
        else:
            rate = lr
        np.multiply(d, rate, out=s)
        pb -= s


def adam(
    p: Array, g: Array, m: Array, v: Array, *, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    decoupled: bool, step: int,
) -> None:  # fmt: skip
    """Step down the gradient scaled by its running mean and mean square.

    Math:    m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε);
             weight decay adds weight_decay · p to g, or, decoupled, first shrinks p by lr · weight_decay
    Shapes:  p, g, m, v (*A), changed in place: p, m and v
    """
    root = float(np.sqrt(1 - beta2**step))
    rate = lr / (1 - beta1**step)
    scratch = np.empty((2, min(BLOCK, p.size)), p.dtype)
    for pb, gb, mb, vb in blocks(p, g, m, v):
        s, decayed = scratch[0, : pb.size], scratch[1, : pb.size]
        if weight_decay and decoupled:
            pb *= 1 - lr * weight_decay
        elif weight_decay:
            np.multiply(pb, weight_decay, out=decayed)
            decayed += gb
            gb = decayed
        mb *= beta1
        np.multiply(gb, 1 - beta1, out=s)
        mb += s
        vb *= beta2
        np.multiply(gb, gb, out=s)
        s *= 1 - beta2
        vb += s
        np.sqrt(vb, out=s)
        s *= 1 / root
        s += eps
        np.divide(mb, s, out=s)
        s *= rate
        pb -= s
