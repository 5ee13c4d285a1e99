"""Arithmetic of the further optimizers, as update.py has SGD's and Adam's: one rule each for a block of a parameter.

A rule is given the block p, what to go against (d: the gradient, with weight decay), working memory s and t, the block
of every array that the optimizer keeps, and numbers; it changes p and those arrays. optim/adaptive.py has the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.backend import Array
from .scratch import scratch
from .update import by_blocks, direction


def step(rule: Callable[..., None], p: Array, g: Array, arrays: Sequence[Array], o: dict[str, Any]) -> None:
    """Change a parameter and the arrays that belong to it by a rule, block by block; o: its numbers and more.

    Shapes:  p, g, arrays (*A), changed in place: all but g
    """
    code = rule.__code__
    numbers = {k: o[k] for k in code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]}
    decoupled = o.get("decoupled_weight_decay", False)
    decay = o.get("weight_decay", 0.0)

    def change(p: Array, g: Array, *arrays: Array) -> None:
        d = direction(p, g, 0.0 if decoupled else decay, o["maximize"])
        if decoupled and decay:
            p *= 1 - o["lr"] * decay
        s, t = scratch("update", p.shape, p.dtype), scratch("second", p.shape, p.dtype)
        with np.errstate(all="ignore"):  # PyTorch says nothing of infinite gradients
            rule(p, d, s, t, *arrays, **numbers)

    by_blocks(change, p, g, *arrays)


def lerp(a: Array, b: Array, share: float, s: Array) -> None:
    """Move a by a share of the way to b, in PyTorch's rounding: it arrives at b, whatever the share."""
    np.subtract(b, a, out=s)
    s *= share if share < 0.5 else 1 - share
    np.add(a, s, out=a) if share < 0.5 else np.subtract(b, s, out=a)


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


def adadelta(p: Array, d: Array, s: Array, t: Array, v: Array, u: Array, *, lr: Any, rho: Any, eps: Any) -> None:
    """Adadelta: v, u running mean squares of gradients and of steps."""
    mix_square(v, d, rho, s)
    np.sqrt(np.add(v, eps, out=s), out=s)
    np.sqrt(np.add(u, eps, out=t), out=t)
    t /= s
    t *= d
    mix_square(u, t, rho, s)
    t *= lr
    p -= t


def adagrad(p: Array, d: Array, s: Array, t: Array, v: Array, *, rate: Any, eps: Any) -> None:
    """Adagrad: v the sum of squares."""
    v += np.multiply(d, d, out=s)
    np.add(np.sqrt(v, out=s), eps, out=s)
    less_quotient(p, d, s, rate, s)


def adamax(p: Array, d: Array, s: Array, t: Array, m: Array, u: Array, *, beta1: Any, beta2: Any, rate: Any,
           eps: Any) -> None:  # fmt: skip
    """Adamax: u the decaying largest gradient."""
    lerp(m, d, 1 - beta1, s)
    u *= beta2
    np.maximum(u, np.add(np.abs(d, out=s), eps, out=s), out=u)
    less_quotient(p, m, u, rate, s)


def nadam(p: Array, d: Array, s: Array, t: Array, m: Array, v: Array, *, beta1: Any, beta2: Any, eps: Any, rest2: Any,
          rate: Any, ahead: Any) -> None:  # fmt: skip
    """NAdam: one share of the step along the gradient, one along its mean; rest2: the correction of v."""
    lerp(m, d, 1 - beta1, s)
    mix_square(v, d, beta2, s)
    np.add(np.sqrt(np.divide(v, rest2, out=s), out=s), eps, out=s)
    less_quotient(p, d, s, rate, t)
    less_quotient(p, m, s, ahead, t)


def radam(p: Array, d: Array, s: Array, t: Array, m: Array, v: Array, *, beta1: Any, beta2: Any, eps: Any, rate: Any,
          adaptive: Any) -> None:  # fmt: skip
    """RAdam: the step of Adam where its variance is tractable, else that of momentum."""
    lerp(m, d, 1 - beta1, s)
    mix_square(v, d, beta2, s)
    if adaptive:
        less_quotient(p, m, np.add(np.sqrt(v, out=s), eps, out=s), rate, s)
    else:
        p -= np.multiply(m, rate, out=s)


def rmsprop(p: Array, d: Array, s: Array, t: Array, v: Array, *others: Array, lr: Any, alpha: Any, eps: Any,
            momentum: Any, centered: Any) -> None:  # fmt: skip
    """RMSprop; others: the mean of gradients where centered, the velocity where there is momentum."""
    mix_square(v, d, alpha, s)
    if centered:
        lerp(others[0], d, 1 - alpha, s)
        np.subtract(v, np.multiply(others[0], others[0], out=s), out=s)
    np.add(np.sqrt(s if centered else v, out=s), eps, out=s)
    if momentum:
        velocity = others[-1]
        velocity *= momentum
        velocity += np.divide(d, s, out=s)
        p -= np.multiply(velocity, lr, out=s)
    else:
        less_quotient(p, d, s, lr, s)


def rprop(p: Array, d: Array, s: Array, t: Array, before: Array, size: Array, *, etas: Any, step_sizes: Any) -> None:
    """Rprop: the size of every number's step grows while its gradient keeps its sign."""
    same, turned = (scratch(name, p.shape, np.dtype(bool)) for name in ("same", "turned"))
    np.multiply(d, before, out=s)
    np.greater(s, 0, out=same)
    np.less(s, 0, out=turned)
    np.multiply(size, etas[1], out=size, where=same)
    np.multiply(size, etas[0], out=size, where=turned)
    np.clip(size, *step_sizes, out=size)
    np.copyto(before, d)
    np.copyto(before, 0, where=turned)
    np.subtract(p, size, out=p, where=np.greater(before, 0, out=same))
    np.add(p, size, out=p, where=np.less(before, 0, out=turned))


def asgd(p: Array, d: Array, s: Array, t: Array, mean: Array, *, lambd: Any, rate: Any, share: Any) -> None:
    """ASGD: gradient descent, and the mean of where it has been."""
    p *= 1 - lambd * rate
    p -= np.multiply(d, rate, out=s)
    lerp(mean, p, share, s) if share != 1 else np.copyto(mean, p)
