"""Were gradients forgotten before backward? Told exactly, from which tensor `.grad` is and when it was last changed.

Knows no threshold. Look next at doctor.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd.grad import grad
from ...core.graph import Array
from ...optim import Optimizer


class Gradients:
    """Watches the last parameter of an optimizer, whose own gradient is cheap to compute where there is a suspicion."""

    def __init__(self, optimizer: Optimizer) -> None:
        every = [p for group in optimizer.param_groups for p in group["params"]]
        self.parameter = next((p for p in reversed(every) if p.differentiable), every[-1])
        self.tick: int | None = None  # when the parameter was last changed, as seen at the latest call
        self.used: Any = None  # its gradient then, if an update had come before
        self.own: Array | None = None  # the gradient of the latest loss alone
        self.suspected = False

    def added(self, loss: Any) -> bool | None:
        """Tell, before the backward pass of a loss, whether that of the one before added to a gradient already used."""
        p, found = self.parameter, None
        g, tick = p.gradient, p.version.tick
        if self.tick is not None and g is not None and tick != self.tick:
            same = g is self.used and g.version.tick > self.tick
            found = same and self.own is not None and not parallel(g.array, self.own)
            self.suspected = same
        self.used = g if self.tick is not None and tick != self.tick else None
        self.tick, self.own = tick, None
        if self.suspected and p.differentiable:
            (own,) = grad(loss, p, retain_graph=True, allow_unused=True) if loss.node is not None else (None,)
            self.own = None if own is None else own.array
        return found


def parallel(a: Array, b: Array) -> bool:
    """Tell whether two gradients differ by a factor at most, as one that was clipped does."""
    x, y = (v.reshape(-1).astype(np.float64) for v in (a, b))
    return bool(x @ y >= 0.9999 * np.sqrt((x @ x) * (y @ y)))
