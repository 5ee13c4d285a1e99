"""Stochastic gradient descent, with momentum.

The arithmetic is in kernels/update.py. Read after optimizer.py.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array
from ..kernels import update as kernel
from ..tensors.tensor import Tensor
from .optimizer import Group, Optimizer, Params, State, check_at_least, settings


class SGD(Optimizer):
    """Stochastic gradient descent.

    Math:
        d = g + weight_decay · p, with maximize -g;  v = momentum · v + (1 - dampening) · d  (v = d at first);
        p = p - lr · v, with Nesterov p - lr · (d + momentum · v), without momentum p - lr · d

    Units:
        lr per step

    Source:
        Sutskever et al. 2013 for Nesterov's form; velocity in units of the gradient, as in PyTorch
    """

    optional = {"momentum_buffer": "momentum"}

    def __init__(self, params: Params, lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
                 weight_decay: float = 0.0, nesterov: bool = False, *, maximize: bool = False,
                 foreach: bool | None = None, differentiable: bool = False,
                 fused: bool | None = None) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse negative settings, and Nesterov without plain momentum."""
        check_at_least("SGD", 0, lr=group["lr"], momentum=group["momentum"], weight_decay=group["weight_decay"])
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError("SGD: nesterov needs momentum and no dampening.",
                                got=f"momentum = {group['momentum']}, dampening = {group['dampening']}",
                                expected="momentum > 0 and dampening = 0")  # fmt: skip

    def init_state(self, p: Tensor, group: Group) -> State:
        """Remember a velocity, where momentum is used."""
        return {"step": 0, "momentum_buffer": np.zeros(p.shape, p.dtype)} if group["momentum"] else {"step": 0}

    def adopted(self, saved: State) -> State:
        """Take PyTorch's state, which counts no steps and may hold None."""
        kept = {k: v for k, v in saved.items() if v is not None}
        return kept if "step" in kept else {"step": len(kept), **kept}

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Take one step."""
        first = state["step"] == 0
        if group["momentum"] and "momentum_buffer" not in state:  # momentum was turned on after the first step
            state["momentum_buffer"], first = np.zeros(p.shape, p.dtype), True
        velocity = state["momentum_buffer"] if group["momentum"] else None  # one that is not used stays as it is
        kernel.sgd(
            p, g, velocity, lr=group["lr"], momentum=group["momentum"],
            dampening=group["dampening"], weight_decay=group["weight_decay"], nesterov=group["nesterov"],
            first=first, maximize=group["maximize"],
        )  # fmt: skip
        state["step"] += 1

    def loop_name(self, p: Tensor, group: Group) -> str:
        """Name the loop in kernels/update_loops.py that does the next step."""
        return "sgd_momentum" if group["momentum"] else "sgd"

    def loop(self, p: Tensor, group: Group) -> tuple[str, list[Array], list[float]]:
        """Describe the next step for update_loops.py: the loop, its arrays beside p and its gradient, its numbers."""
        state = self.state_of(p, group)
        lr, momentum, decay = (float(group[k]) for k in ("lr", "momentum", "weight_decay"))  # arrays may change
        sign = -1.0 if group["maximize"] else 1.0  # ±lr (g ± decay p) is lr (±g + decay p) to the bit
        first = state["step"] == 0
        state["step"] += 1
        if self.loop_name(p, group) == "sgd":
            return "sgd", [], [sign * lr, sign * decay]
        if "momentum_buffer" not in state:
            state["momentum_buffer"], first = np.zeros(p.shape, p.dtype), True
        share = sign * (1.0 if first else 1 - group["dampening"])
        ahead, along = (sign * lr, lr * momentum) if group["nesterov"] else (0.0, lr)
        return "sgd_momentum", [state["momentum_buffer"]], [momentum, share, sign * decay, ahead, along]
