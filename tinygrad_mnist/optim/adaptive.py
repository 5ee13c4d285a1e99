"""Optimizers that scale the step of every number by its own past: one rule of kernels/steps.py each.

A class names what it keeps of a parameter and, where the rule wants more than settings, how that is computed. Read
after adam.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array
from ..kernels import steps
from ..tensors.tensor import Tensor
from .optimizer import UNUSED, Group, Optimizer, Params, State, check_at_least, settings

BETAS = (0.9, 0.999)
OTHERS = {*UNUSED, "maximize", "centered", "decoupled_weight_decay", "betas", "etas", "step_sizes"}  # no numbers
Flag = bool | None


class ByRule(Optimizer):
    """Base of optimizers whose step is one rule."""

    rule: ClassVar[Callable[..., None]]
    arrays: ClassVar[dict[str, float | str]]  # kept of a parameter, in the rule's order: a number, or a setting's name
    free: ClassVar[set[str]] = set()  # settings that may be any number

    def check(self, group: Group) -> None:
        """Refuse settings out of range."""
        for name in self.defaults.keys() - OTHERS - self.free:
            check_at_least(self._name, 0, math.nextafter(1, 2) if name == "rho" else math.inf, **{name: group[name]})
        for i, beta in enumerate(group.get("betas", ())):
            check_at_least(self._name, 0, 1, **{f"beta{i + 1}": beta})

    def init_state(self, p: Tensor, group: Group) -> State:
        """Count the steps, and make the arrays."""
        first = {k: group[v] if isinstance(v, str) else v for k, v in self.arrays.items()}
        first |= {k: 0 for k, setting in self.optional.items() if group[setting]}
        return {"step": 0, **self._extra(group)} | {k: np.full(p.shape, v, p.dtype) for k, v in first.items()}

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Take one step."""
        state["step"] += 1
        o: Group = {k: float(v) if isinstance(v, np.ndarray | np.number) else v for k, v in group.items()}
        used = [*self.arrays, *(k for k, setting in self.optional.items() if o[setting])]
        for name in used:
            if name not in state:  # turned on after the first step
                state[name] = np.zeros(p.shape, p.dtype)
        if "betas" in o:
            o["beta1"], o["beta2"] = map(float, o["betas"])
        steps.step(type(self).rule, p, g, [state[k] for k in used], o | self._numbers(state, o))

    def _extra(self, group: Group) -> State:
        return {}  # numbers in the state of a parameter

    def _numbers(self, state: State, o: Group) -> dict[str, Any]:
        return {}  # what the rule wants besides the settings


class Adadelta(ByRule):
    """Adadelta: steps as long as past steps were, for gradients as large as past gradients were.

    Math:
        v = ρ v + (1 - ρ) g²;  Δ = √(u + ε) / √(v + ε) · g;  u = ρ u + (1 - ρ) Δ²;  p = p - lr · Δ

    Source:
        Zeiler 2012, Algorithm 1 (arXiv:1212.5701)
    """

    rule, arrays = steps.adadelta, {"square_avg": 0, "acc_delta": 0}

    def __init__(self, params: Params, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
                 weight_decay: float = 0.0, foreach: Flag = None, *, capturable: bool = False, maximize: bool = False,
                 differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))


class Adagrad(ByRule):
    """Adagrad: steps scaled by the root of the sum of all squared gradients.

    Math:
        v = v + g²;  p = p - lr / (1 + (t - 1) · lr_decay) · g / (√v + ε)

    Source:
        Duchi, Hazan & Singer 2011 (JMLR 12)
    """

    rule, arrays = steps.adagrad, {"sum": "initial_accumulator_value"}

    def __init__(self, params: Params, lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
                 initial_accumulator_value: float = 0.0, eps: float = 1e-10, foreach: Flag = None, *,
                 maximize: bool = False, differentiable: bool = False, fused: Flag = None) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def _numbers(self, state: State, o: Group) -> dict[str, Any]:
        return {"rate": o["lr"] / (1 + (state["step"] - 1) * o["lr_decay"])}


class Adamax(ByRule):
    """Adamax: Adam with the largest gradient, decaying, in the place of the mean square.

    Math:
        m = β₁ m + (1 - β₁) g;  u = max(β₂ u, |g| + ε);  p = p - lr / (1 - β₁ᵗ) · m / u

    Source:
        Kingma & Ba 2015, Algorithm 2 (arXiv:1412.6980); ε as in PyTorch
    """

    rule, arrays = steps.adamax, {"exp_avg": 0, "exp_inf": 0}

    def __init__(self, params: Params, lr: float = 2e-3, betas: tuple[float, float] = BETAS, eps: float = 1e-8,
                 weight_decay: float = 0.0, foreach: Flag = None, *, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def _numbers(self, state: State, o: Group) -> dict[str, Any]:
        return {"rate": o["lr"] / (1 - o["beta1"] ** state["step"])}


class NAdam(ByRule):
    """NAdam: Adam with Nesterov's momentum, which grows from step to step.

    Math:
        μₜ = β₁ (1 - 0.96^(t · momentum_decay) / 2), M = μ₁ … μₜ;  m, v as Adam;
        p = p - lr · ((1 - μₜ) / (1 - M) · g + μₜ₊₁ / (1 - M μₜ₊₁) · m) / (√(v / (1 - β₂ᵗ)) + ε)

    Source:
        Dozat 2016 (ICLR workshop); M in float32, as in PyTorch
    """

    rule, arrays = steps.nadam, {"exp_avg": 0, "exp_avg_sq": 0}

    def __init__(self, params: Params, lr: float = 2e-3, betas: tuple[float, float] = BETAS, eps: float = 1e-8,
                 weight_decay: float = 0.0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
                 foreach: Flag = None, maximize: bool = False, capturable: bool = False,
                 differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def _extra(self, group: Group) -> State:
        return {"mu_product": 1.0}

    def _numbers(self, state: State, o: Group) -> dict[str, Any]:
        t, lr = state["step"], o["lr"]
        now, after = (o["beta1"] * (1.0 - 0.5 * 0.96 ** (n * o["momentum_decay"])) for n in (t, t + 1))
        product = state["mu_product"] = float(np.float32(state["mu_product"]) * np.float32(now))
        rates = {"rate": lr * (1 - now) / (1 - product), "ahead": lr * after / (1 - product * after)}
        return {"rest2": 1 - o["beta2"] ** t, **rates}


class RAdam(ByRule):
    """RAdam: Adam that takes steps of momentum until there are gradients enough for the variance of its rate.

    Math:
        ρ∞ = 2 / (1 - β₂) - 1, ρ = ρ∞ - 2t β₂ᵗ / (1 - β₂ᵗ);  m, v as Adam;  p = p - lr · r · m / (1 - β₁ᵗ), where
        r = √((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ)) · √(1 - β₂ᵗ) / (√v + ε) if ρ > 5, else 1

    Source:
        Liu et al. 2020, Algorithm 2 (arXiv:1908.03265); 5 in the place of 4, and ε, as in PyTorch
    """

    rule, arrays = steps.radam, {"exp_avg": 0, "exp_avg_sq": 0}

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = BETAS, eps: float = 1e-8,
                 weight_decay: float = 0.0, decoupled_weight_decay: bool = False, *, foreach: Flag = None,
                 maximize: bool = False, capturable: bool = False, differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def _numbers(self, state: State, o: Group) -> dict[str, Any]:
        t, power, most = state["step"], o["beta2"] ** state["step"], 2 / (1 - o["beta2"]) - 1
        rate, n = o["lr"] / (1 - o["beta1"] ** t), most - 2 * t * power / (1 - power)
        if n > 5.0:
            rate *= math.sqrt((n - 4) * (n - 2) * most / ((most - 4) * (most - 2) * n) * (1 - power))
        return {"adaptive": n > 5.0, "rate": rate}


class RMSprop(ByRule):
    """RMSprop: steps scaled by a running mean square of the gradient, or by its variance.

    Math:
        v = α v + (1 - α) g²;  where centered, a = α a + (1 - α) g and v - a² in the place of v;
        p = p - lr · g / (√v + ε), with momentum b = momentum · b + g / (√v + ε), p = p - lr · b

    Source:
        Tieleman & Hinton 2012 (lecture 6.5); centered: Graves 2013 (arXiv:1308.0850)
    """

    rule, arrays = steps.rmsprop, {"square_avg": 0}
    optional = {"grad_avg": "centered", "momentum_buffer": "momentum"}

    def __init__(self, params: Params, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
                 weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, capturable: bool = False,
                 foreach: Flag = None, maximize: bool = False, differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))


class Rprop(ByRule):
    """Resilient backpropagation: every number has a step of its own, longer while the gradient keeps its sign.

    Math:
        s = s · η₊ where g · g' > 0, s · η₋ and g = 0 where it is < 0, within step_sizes;  p = p - sign(g) · s

    Units:
        lr is the first s; for whole batches, not for samples of them

    Source:
        Riedmiller & Braun 1993, without the step back
    """

    rule, arrays = steps.rprop, {"prev": 0, "step_size": "lr"}

    def __init__(self, params: Params, lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
                 step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: Flag = None,
                 maximize: bool = False, differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse factors that do not shrink and grow."""
        super().check(group)
        if not 0 < group["etas"][0] < 1 < group["etas"][1]:
            raise ArgumentError("Rprop: etas are out of range.", got=f"{group['etas']}", expected="0 < η₋ < 1 < η₊")


class ASGD(ByRule):
    """Averaged stochastic gradient descent: state "ax" has the mean of the parameters since step t0.

    Math:
        p = (1 - lambd · η) p - η g;  a = a + μ (p - a), with η = lr / (1 + lambd · lr · t)^alpha and
        μ = 1 / max(1, t - t0) of the step before

    Source:
        Polyak & Juditsky 1992; η and μ in float32, as in PyTorch
    """

    rule, arrays, free = steps.asgd, {"ax": 0}, {"lambd", "alpha", "t0"}

    def __init__(self, params: Params, lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75,
                 t0: float = 1e6, weight_decay: float = 0.0, foreach: Flag = None, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def _extra(self, group: Group) -> State:
        return {"eta": float(np.float32(group["lr"])), "mu": 1.0}

    def _numbers(self, state: State, o: Group) -> dict[str, Any]:
        now = {"rate": state["eta"], "share": state["mu"]}
        state["eta"] = float(np.float32(o["lr"] / (1 + o["lambd"] * o["lr"] * state["step"]) ** o["alpha"]))
        state["mu"] = float(np.float32(1 / max(1, state["step"] - o["t0"])))
        return now
