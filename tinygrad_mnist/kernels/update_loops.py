"""The optimizers' steps of a compiled step as plain loops over one parameter, for numba.

What is said in loops.py holds here; update.py has the oracles. A change of p, and of the optimizer's arrays, in place.
"""

from __future__ import annotations

import math

from ..core.backend import Array
from .loops import Number


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
