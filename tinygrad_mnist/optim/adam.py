"""Adam and AdamW: steps scaled by running moments of the gradient.

The arithmetic is in kernels/update.py. Read after sgd.py.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.graph import Array
from ..kernels import update as kernel
from ..tensors.tensor import Tensor
from .optimizer import Group, Optimizer, Params, State, check_at_least, settings


class Adam(Optimizer):
    """Adam: every number gets a step of about lr, whatever the scale of its gradient.

    Math:
        m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p = p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)

    Units:
        lr per step

    Args:
        weight_decay: added to the gradient as weight_decay · p; amsgrad: the largest v so far in the place of v;
        maximize: -g in the place of g

    Source:
        Kingma & Ba 2015, Algorithm 1 (arXiv:1412.6980)
    """

    optional = {"max_exp_avg_sq": "amsgrad"}

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 0.0, amsgrad: bool = False, *, foreach: bool | None = None,
                 maximize: bool = False, capturable: bool = False, differentiable: bool = False,
                 fused: bool | None = None, decoupled_weight_decay: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse settings out of range."""
        check_at_least(self._name, 0, lr=group["lr"], eps=group["eps"], weight_decay=group["weight_decay"])
        check_at_least(self._name, 0, 1, beta1=group["betas"][0], beta2=group["betas"][1])

    def init_state(self, p: Tensor, group: Group) -> State:
        """Remember both moments and count the steps."""
        names = ["exp_avg", "exp_avg_sq", *(self.optional if group["amsgrad"] else ())]
        return {"step": 0} | {name: np.zeros(p.shape, p.dtype) for name in names}

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Take one step."""
        state["step"] += 1
        if group["amsgrad"] and "max_exp_avg_sq" not in state:  # turned on after the first step
            state["max_exp_avg_sq"] = np.zeros(p.shape, p.dtype)
        kernel.adam(
            p, g, state["exp_avg"], state["exp_avg_sq"], lr=group["lr"], beta1=group["betas"][0],
            beta2=group["betas"][1], eps=group["eps"], weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"], step=state["step"], maximize=group["maximize"],
            largest=state["max_exp_avg_sq"] if group["amsgrad"] else None,
        )  # fmt: skip

    def loop_name(self, p: Tensor, group: Group) -> str:
        """Name the loop in kernels/update_loops.py that does the next step."""
        return "" if group["amsgrad"] else "adam"

    def loop(self, p: Tensor, group: Group) -> tuple[str, list[Array], list[float]]:
        """Describe the next step for update_loops.py: the loop, its arrays beside p and its gradient, its numbers."""
        state, lr = self.state_of(p, group), group["lr"]
        decay, eps = float(group["weight_decay"]), float(group["eps"])  # an array of these may change in place
        state["step"] += 1
        beta1, beta2 = group["betas"]
        rate, root = lr / (1 - beta1 ** state["step"]), 1 / math.sqrt(1 - beta2 ** state["step"])
        added, shrink = (0.0, 1 - lr * decay) if group["decoupled_weight_decay"] else (decay, 1.0)
        sign = -1.0 if group["maximize"] else 1.0  # ± (g ± decay p) is ±g + decay p to the bit
        numbers = [rate, beta1, sign * (1 - beta1), beta2, 1 - beta2, eps, root, sign * added, shrink]
        return "adam", [state["exp_avg"], state["exp_avg_sq"]], numbers


class AdamW(Adam):
    """Adam with decoupled weight decay: the parameter shrinks by lr · weight_decay, apart from the gradient.

    Source:
        Loshchilov & Hutter 2019, Algorithm 2 (arXiv:1711.05101)
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
                 foreach: bool | None = None, capturable: bool = False, differentiable: bool = False,
                 fused: bool | None = None) -> None:  # fmt: skip
        super().__init__(decoupled_weight_decay=True, **settings(locals(), "params"))
