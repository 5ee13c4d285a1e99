"""Optimizers that scale the step of every number by its own past: Adadelta, Adagrad, Adamax, NAdam, RAdam, RMSprop.

Each names what it keeps of a parameter, and the numbers of a step; kernels/steps.py has the arithmetic. Read after
adam.py; signs.py has those that stand apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from ..core.graph import Array
from ..kernels import steps
from ..tensors.tensor import Tensor
from .optimizer import Group, Optimizer, State, check_at_least, settings

BETAS = (0.9, 0.999)


class ByRule(Optimizer):
    """Base of optimizers whose step is one rule of kernels/steps.py."""

    rule: ClassVar[Callable[..., None]]
    limits: ClassVar[dict[str, float]] = {}  # settings that lie between 0 and this, without it
    scalars: ClassVar[dict[str, float]] = {"step": 0}  # numbers kept of a parameter

    def arrays(self, group: Group) -> dict[str, float]:
        """Name the arrays kept of a parameter, in the rule's order, with their first values."""
        raise TypeError(f"{self._name} must define arrays(group)")

    def numbers(self, state: State, o: Group) -> dict[str, Any]:
        """Give the rule its numbers, from the state and the settings."""
        raise TypeError(f"{self._name} must define numbers(state, o)")

    def check(self, group: Group) -> None:
        """Refuse settings out of range."""
        for name in ("lr", "eps", "weight_decay", *self.limits):
            if name in group:
                check_at_least(self._name, 0, self.limits.get(name, math.inf), **{name: group[name]})
        for i, beta in enumerate(group.get("betas", ())):
            check_at_least(self._name, 0, 1, **{f"beta{i + 1}": beta})

    def init_state(self, p: Tensor, group: Group) -> State:
        """Count the steps, and make the arrays."""
        return self.scalars | {k: np.full(p.shape, v, p.dtype) for k, v in self.arrays(group).items()}

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Take one step."""
        state["step"] += 1
        o: Group = {k: float(v) if isinstance(v, np.ndarray | np.number) else v for k, v in group.items()}
        arrays = self.arrays(o)
        for name in arrays:
            if name not in state:  # turned on after the first step
                state[name] = np.full(p.shape, arrays[name], p.dtype)
        numbers = {"weight_decay": o.get("weight_decay", 0.0), **self.numbers(state, o)}
        steps.step(type(self).rule, p, g, *(state[k] for k in arrays), maximize=o["maximize"], **numbers)


class Adadelta(ByRule):
    """Adadelta: steps as long as past steps were, for gradients as large as past gradients were.

    Math:    v = ρ v + (1 - ρ) g²;  Δ = √(u + ε) / √(v + ε) · g;  u = ρ u + (1 - ρ) Δ²;  p = p - lr · Δ
    Source:  Zeiler 2012, Algorithm 1 (arXiv:1212.5701)
    """

    rule = steps.adadelta
    limits = {"rho": math.nextafter(1, 2)}

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def arrays(self, group: Group) -> dict[str, float]:
        """Keep running mean squares of gradients and steps."""
        return {"square_avg": 0, "acc_delta": 0}

    def numbers(self, state: State, o: Group) -> dict[str, Any]:
        """Take the settings as they are."""
        return {"rate": o["lr"], "rho": o["rho"], "eps": o["eps"]}


class Adagrad(ByRule):
    """Adagrad: steps scaled by the root of the sum of all squared gradients.

    Math:    v = v + g²;  p = p - lr / (1 + (t - 1) · lr_decay) · g / (√v + ε)
    Source:  Duchi, Hazan & Singer 2011 (JMLR 12)
    """

    rule = steps.adagrad
    limits = {"lr_decay": math.inf, "initial_accumulator_value": math.inf}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def arrays(self, group: Group) -> dict[str, float]:
        """Keep the sum of squares."""
        return {"sum": group["initial_accumulator_value"]}

    def numbers(self, state: State, o: Group) -> dict[str, Any]:
        """Let the rate decay."""
        return {"rate": o["lr"] / (1 + (state["step"] - 1) * o["lr_decay"]), "eps": o["eps"]}


class Adamax(ByRule):
    """Adamax: Adam with the largest gradient, decaying, in the place of the mean square.

    Math:    m = β₁ m + (1 - β₁) g;  u = max(β₂ u, |g| + ε);  p = p - lr / (1 - β₁ᵗ) · m / u
    Source:  Kingma & Ba 2015, Algorithm 2 (arXiv:1412.6980); ε as in PyTorch
    """

    rule = steps.adamax

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = BETAS, eps: float = 1e-8,
        weight_decay: float = 0.0, foreach: bool | None = None, *, maximize: bool = False,
        differentiable: bool = False, capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def arrays(self, group: Group) -> dict[str, float]:
        """Keep the mean and the largest gradient."""
        return {"exp_avg": 0, "exp_inf": 0}

    def numbers(self, state: State, o: Group) -> dict[str, Any]:
        """Correct the bias of the mean."""
        beta1, beta2 = map(float, o["betas"])
        return {"beta1": beta1, "beta2": beta2, "eps": o["eps"], "rate": o["lr"] / (1 - beta1 ** state["step"])}


class _Moments(ByRule):
    """Base of the two that keep Adam's moments."""

    def arrays(self, group: Group) -> dict[str, float]:
        """Keep the mean and the mean square of gradients."""
        return {"exp_avg": 0, "exp_avg_sq": 0}

    def numbers(self, state: State, o: Group) -> dict[str, Any]:
        """Apply weight decay to the parameter where it is decoupled, and not to the gradient."""
        beta1, beta2 = map(float, o["betas"])
        decay = {"weight_decay": 0.0, "shrink": 1 - o["lr"] * o["weight_decay"]} if o["decoupled_weight_decay"] else {}
        return {**decay, "beta1": beta1, "beta2": beta2, "eps": o["eps"], **self.rates(state, o, beta1, beta2)}

    def rates(self, state: State, o: Group, beta1: float, beta2: float) -> dict[str, Any]:
        """Give the numbers of the last line of the rule."""
        raise TypeError(f"{self._name} must define rates(state, o, beta1, beta2)")


class NAdam(_Moments):
    """NAdam: Adam with Nesterov's momentum, which grows from step to step.

    Math:    μₜ = β₁ (1 - 0.96^(t · momentum_decay) / 2), M = μ₁ … μₜ;  m, v as Adam;
             p = p - lr · ((1 - μₜ) / (1 - M) · g + μₜ₊₁ / (1 - M μₜ₊₁) · m) / (√(v / (1 - β₂ᵗ)) + ε)
    Source:  Dozat 2016 (ICLR workshop); M in float32, as in PyTorch
    """

    rule = steps.nadam
    limits = {"momentum_decay": math.inf}
    scalars = {"step": 0, "mu_product": 1.0}

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = BETAS, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def rates(self, state: State, o: Group, beta1: float, beta2: float) -> dict[str, Any]:
        """Let the momentum grow."""
        t = state["step"]
        now, ahead = (beta1 * (1.0 - 0.5 * 0.96 ** (n * o["momentum_decay"])) for n in (t, t + 1))
        product = state["mu_product"] = float(np.float32(state["mu_product"]) * np.float32(now))
        return {
            "correction": 1 - beta2**t, "rate_d": o["lr"] * (1 - now) / (1 - product),
            "rate_m": o["lr"] * ahead / (1 - product * ahead),
        }  # fmt: skip


class RAdam(_Moments):
    """RAdam: Adam that takes steps of momentum until there are gradients enough for the variance of its rate.

    Math:    ρ∞ = 2 / (1 - β₂) - 1, ρ = ρ∞ - 2t β₂ᵗ / (1 - β₂ᵗ);  m, v as Adam;  p = p - lr · r · m / (1 - β₁ᵗ), where
             r = √((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ)) · √(1 - β₂ᵗ) / (√v + ε) if ρ > 5, else 1
    Source:  Liu et al. 2020, Algorithm 2 (arXiv:1908.03265); 5 in the place of 4, and ε, as in PyTorch
    """

    rule = steps.radam

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = BETAS, eps: float = 1e-8,
        weight_decay: float = 0.0, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def rates(self, state: State, o: Group, beta1: float, beta2: float) -> dict[str, Any]:
        """Rectify the rate, where that can be."""
        t = state["step"]
        rate, most = o["lr"] / (1 - beta1**t), 2 / (1 - beta2) - 1
        length = most - 2 * t * beta2**t / (1 - beta2**t)
        if length > 5.0:
            share = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            rate *= math.sqrt(share * (1 - beta2**t))
        return {"adaptive": length > 5.0, "rate": rate}


class RMSprop(ByRule):
    """RMSprop: steps scaled by a running mean square of the gradient, or by its variance.

    Math:    v = α v + (1 - α) g²;  where centered, a = α a + (1 - α) g and v - a² in the place of v;
             p = p - lr · g / (√v + ε), with momentum b = momentum · b + g / (√v + ε), p = p - lr · b
    Source:  Tieleman & Hinton 2012 (lecture 6.5); centered: Graves 2013 (arXiv:1308.0850)
    """

    rule = steps.rmsprop
    limits = {"alpha": math.inf, "momentum": math.inf}
    optional = ("grad_avg", "momentum_buffer")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def arrays(self, group: Group) -> dict[str, float]:
        """Keep the mean square, and what centered and momentum need."""
        used = zip(self.optional, (group["centered"], group["momentum"] > 0), strict=True)
        return {"square_avg": 0, **{name: 0 for name, is_used in used if is_used}}

    def numbers(self, state: State, o: Group) -> dict[str, Any]:
        """Take the settings as they are."""
        return {"rate": o["lr"], **{k: o[k] for k in ("alpha", "eps", "momentum", "centered")}}
