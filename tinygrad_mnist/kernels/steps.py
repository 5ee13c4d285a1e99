"""Arithmetic of the further optimizers, as update.py has SGD's and Adam's: one rule each for a block of a parameter.

A rule is given the block p, what to go against (d: the gradient, with weight decay), working memory s, the block of
every array that the optimizer keeps, and numbers; it changes p and those arrays in place. optim/adaptive.py has the
formulas and the names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Array
from .scratch import scratch
from .update import by_blocks, direction


def step(
    rule: Callable[..., None], p: Array, g: Array, *arrays: Array, weight_decay: float = 0.0, maximize: bool = False,
    shrink: float = 1.0, **numbers: Any,
) -> None:  # fmt: skip
    """Change a parameter and the arrays that belong to it by a rule, block by block.

    Shapes:  p, g, arrays (*A), changed in place: all but g
    """

    def change(p: Array, g: Array, *arrays: Array) -> None:
        d = direction(p, g, weight_decay, maximize)
        if shrink != 1.0:
            p *= shrink
        rule(p, d, scratch("update", p.shape, p.dtype), *arrays, **numbers)

    by_blocks(change, p, g, *arrays)


def lerp(a: Array, b: Array, share: float, s: Array) -> None:
    """Move a by a share of the way to b, in PyTorch's rounding: it arrives at b, whatever the share."""
    np.subtract(b, a, out=s)
    if share < 0.5:
        s *= share
        a += s
    else:
        s *= 1 - share
        np.subtract(b, s, out=a)


def mix_square(v: Array, d: Array, kept: float, s: Array) -> None:
    """v = kept · v + (1 - kept) · d²."""
    v *= kept
    np.multiply(d, d, out=s)
    s *= 1 - kept
    v += s


def less_quotient(p: Array, a: Array, b: Array, rate: float, s: Array) -> None:
    """p = p - rate · a / b; s may be b."""
    np.divide(a, b, out=s)
    s *= rate
    p -= s


def adadelta(p: Array, d: Array, s: Array, v: Array, u: Array, *, rho: float, eps: float, rate: float) -> None:
    """Adadelta: v, u running mean squares of gradients and of steps."""
    t = scratch("second", p.shape, p.dtype)
    mix_square(v, d, rho, s)
    np.sqrt(np.add(v, eps, out=s), out=s)
    np.sqrt(np.add(u, eps, out=t), out=t)
    t /= s
    t *= d
    mix_square(u, t, rho, s)
    t *= rate
    p -= t


def adagrad(p: Array, d: Array, s: Array, v: Array, *, eps: float, rate: float) -> None:
    """Adagrad: v the sum of squares."""
    v += np.multiply(d, d, out=s)
    np.add(np.sqrt(v, out=s), eps, out=s)
    less_quotient(p, d, s, rate, s)


def adamax(p: Array, d: Array, s: Array, m: Array, u: Array, *, beta1: float, beta2: float, eps: float,
           rate: float) -> None:  # fmt: skip
    """Adamax: u the decaying largest gradient."""
    lerp(m, d, 1 - beta1, s)
    u *= beta2
    np.add(np.abs(d, out=s), eps, out=s)
    np.maximum(u, s, out=u)
    less_quotient(p, m, u, rate, s)


def nadam(p: Array, d: Array, s: Array, m: Array, v: Array, *, beta1: float, beta2: float, eps: float,
          correction: float, rate_d: float, rate_m: float) -> None:  # fmt: skip
    """NAdam: one share of the step along the gradient, one along its mean."""
    t = scratch("second", p.shape, p.dtype)
    lerp(m, d, 1 - beta1, s)
    mix_square(v, d, beta2, s)
    np.sqrt(np.divide(v, correction, out=s), out=s)
    s += eps
    less_quotient(p, d, s, rate_d, t)
    less_quotient(p, m, s, rate_m, t)


def radam(p: Array, d: Array, s: Array, m: Array, v: Array, *, beta1: float, beta2: float, eps: float,
          adaptive: bool, rate: float) -> None:  # fmt: skip
    """RAdam: the step of Adam where its variance is tractable, else that of momentum."""
    lerp(m, d, 1 - beta1, s)
    mix_square(v, d, beta2, s)
    if adaptive:
        np.add(np.sqrt(v, out=s), eps, out=s)
        less_quotient(p, m, s, rate, s)
    else:
        p -= np.multiply(m, rate, out=s)


def rmsprop(p: Array, d: Array, s: Array, v: Array, *others: Array, alpha: float, eps: float, momentum: float,
            centered: bool, rate: float) -> None:  # fmt: skip
    """RMSprop; others: the mean of gradients where centered, the velocity where there is momentum."""
    mix_square(v, d, alpha, s)
    if centered:
        mean = others[0]
        lerp(mean, d, 1 - alpha, s)
        np.subtract(v, np.multiply(mean, mean, out=s), out=s)
    np.sqrt(s if centered else v, out=s)
    s += eps
    if momentum > 0:
        velocity = others[-1]
        velocity *= momentum
        velocity += np.divide(d, s, out=s)
        p -= np.multiply(velocity, rate, out=s)
    else:
        less_quotient(p, d, s, rate, s)


def rprop(p: Array, d: Array, s: Array, previous: Array, size: Array, *, etas: tuple[float, float],
          sizes: tuple[float, float]) -> None:  # fmt: skip
    """Rprop: the size of every number's step grows while its gradient keeps its sign."""
    same, turned = scratch("same", p.shape, np.bool_), scratch("turned", p.shape, np.bool_)
    np.multiply(d, previous, out=s)
    np.greater(s, 0, out=same)
    np.less(s, 0, out=turned)
    np.multiply(size, etas[1], out=size, where=same)
    np.multiply(size, etas[0], out=size, where=turned)
    np.clip(size, *sizes, out=size)
    np.copyto(previous, d)
    np.copyto(previous, 0, where=turned)
    np.sign(previous, out=s)
    s *= size
    p -= s


def asgd(p: Array, d: Array, s: Array, mean: Array, *, shrinking: float, rate: float, share: float) -> None:
    """ASGD: gradient descent, and the mean of where it has been."""
    p *= shrinking
    p -= np.multiply(d, rate, out=s)
    if share == 1:
        np.copyto(mean, p)
    else:
        np.subtract(p, mean, out=s)
        s *= share
        mean += s
