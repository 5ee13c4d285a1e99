"""Optimizers that scale the step of every number by its own past: a formula each.

Read after formula.py. Where an array is moved towards another (m + (d - m) · share), that is PyTorch's rounding.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array
from ..kernels.scratch import scratch
from ..kernels.update import by_blocks
from .formula import BETAS, Betas, ByFormula, Flag
from .optimizer import Group, Params, State, settings


class Adadelta(ByFormula):
    """Adadelta: steps as long as past steps were, for gradients as large as past gradients were.

    Source:
        Zeiler 2012, Algorithm 1 (arXiv:1212.5701)
    """

    kept = {"v": "square_avg", "u": "acc_delta"}
    formula = """
        v = v * rho + d * d * (1 - rho)
        s = sqrt(u + eps) / sqrt(v + eps) * d
        u = u * rho + s * s * (1 - rho)
        p = p - s * lr
    """

    def __init__(self, params: Params, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
                 weight_decay: float = 0.0, foreach: Flag = None, *, capturable: bool = False, maximize: bool = False,
                 differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))


class Adagrad(ByFormula):
    """Adagrad: steps scaled by the root of the sum of all squared gradients.

    Source:
        Duchi, Hazan & Singer 2011 (JMLR 12)
    """

    kept, starts = {"v": "sum"}, {"sum": "initial_accumulator_value"}
    formula = """
        v = v + d * d
        p = p - d / (sqrt(v) + eps) * (lr / (1 + (t - 1) * lr_decay))
    """

    def __init__(self, params: Params, lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
                 initial_accumulator_value: float = 0.0, eps: float = 1e-10, foreach: Flag = None, *,
                 maximize: bool = False, differentiable: bool = False, fused: Flag = None) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))


class Adamax(ByFormula):
    """Adamax: Adam with the largest gradient, decaying, in the place of the mean square.

    Source:
        Kingma & Ba 2015, Algorithm 2 (arXiv:1412.6980); ε as in PyTorch
    """

    kept = {"m": "exp_avg", "u": "exp_inf"}
    formula = """
        m = m + (d - m) * (1 - beta1)
        u = maximum(u * beta2, abs(d) + eps)
        p = p - m / u * (lr / (1 - beta1**t))
    """

    def __init__(self, params: Params, lr: float = 2e-3, betas: Betas = BETAS, eps: float = 1e-8,
                 weight_decay: float = 0.0, foreach: Flag = None, *, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))


class NAdam(ByFormula):
    """NAdam: Adam with Nesterov's momentum, which grows from step to step.

    Math:
        μₜ = β₁ (1 - 0.96^(t · momentum_decay) / 2), M = μ₁ … μₜ; now and after in the formula are μₜ and μₜ₊₁

    Source:
        Dozat 2016 (ICLR workshop); M in float32, as in PyTorch
    """

    kept = {"m": "exp_avg", "v": "exp_avg_sq"}
    formula = """
        m = m + (d - m) * (1 - beta1)
        v = v * beta2 + d * d * (1 - beta2)
        s = sqrt(v / (1 - beta2**t)) + eps
        p = p - d / s * (lr * (1 - now) / (1 - product)) - m / s * (lr * after / (1 - product * after))
    """

    def __init__(self, params: Params, lr: float = 2e-3, betas: Betas = BETAS, eps: float = 1e-8,
                 weight_decay: float = 0.0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
                 foreach: Flag = None, maximize: bool = False, capturable: bool = False,
                 differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def _extra(self, group: Group) -> State:
        return {"mu_product": 1.0}

    def _derived(self, o: Group, t: int, state: State) -> Group:
        now, after = (o["betas"][0] * (1 - 0.5 * 0.96 ** (n * o["momentum_decay"])) for n in (t, t + 1))
        product = state["mu_product"] = float(np.float32(state["mu_product"]) * np.float32(now))
        return {"now": now, "after": after, "product": product}


class RAdam(ByFormula):
    """RAdam: Adam that takes steps of momentum until there are gradients enough for the variance of its rate.

    Math:
        ρ∞ = 2 / (1 - β₂) - 1, ρ = ρ∞ - 2t β₂ᵗ / (1 - β₂ᵗ);  adaptive where ρ > 5, then with
        rectified = √((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ))

    Source:
        Liu et al. 2020, Algorithm 2 (arXiv:1908.03265); 5 in the place of 4, and ε, as in PyTorch
    """

    kept = {"m": "exp_avg", "v": "exp_avg_sq"}
    formula = """
        m = m + (d - m) * (1 - beta1)
        v = v * beta2 + d * d * (1 - beta2)
        rate = lr / (1 - beta1**t)
        p = p - (m / (sqrt(v) + eps) * (rate * rectified * sqrt(1 - beta2**t)) if adaptive else m * rate)
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: Betas = BETAS, eps: float = 1e-8,
                 weight_decay: float = 0.0, decoupled_weight_decay: bool = False, *, foreach: Flag = None,
                 maximize: bool = False, capturable: bool = False, differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def _derived(self, o: Group, t: int, state: State) -> Group:
        power, most = o["betas"][1] ** t, 2 / (1 - o["betas"][1]) - 1
        n = most - 2 * t * power / (1 - power)
        square = (n - 4) * (n - 2) * most / ((most - 4) * (most - 2) * n) if n > 5 else 0
        return {"adaptive": n > 5, "rectified": math.sqrt(square)}


class RMSprop(ByFormula):
    """RMSprop: steps scaled by a running mean square of the gradient, or, centered, by its variance.

    Source:
        Tieleman & Hinton 2012 (lecture 6.5); centered: Graves 2013 (arXiv:1308.0850)

    Example:
        >>> w = nn.Parameter(tg.tensor([1.0]))
        >>> optimizer = tg.optim.RMSprop([w], lr=0.01)
        >>> (w * w).sum().backward()
        >>> optimizer.step()  # the first step is lr / √(1 - alpha)
        >>> w.detach()
        tensor([0.9])
    """

    kept = {"v": "square_avg", "a": "grad_avg", "b": "momentum_buffer"}
    optional = {"grad_avg": "centered", "momentum_buffer": "momentum"}
    formula = """
        v = v * alpha + d * d * (1 - alpha)
        if centered: a = a + (d - a) * (1 - alpha)
        s = sqrt(v - a * a if centered else v) + eps
        if momentum: b = b * momentum + d / s
        p = p - (b if momentum else d / s) * lr
    """

    def __init__(self, params: Params, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
                 weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, capturable: bool = False,
                 foreach: Flag = None, maximize: bool = False, differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))


class Rprop(ByFormula):
    """Resilient backpropagation: every number has a step of its own, longer while the gradient keeps its sign.

    Math:
        s = s · η₊ where g · g' > 0, s · η₋ and g = 0 where it is < 0, within step_sizes;  p = p - sign(g) · s

    Units:
        lr is the first s; for whole batches, not for samples of them

    Source:
        Riedmiller & Braun 1993, without the step back
    """

    kept, starts, formula = {"b": "prev", "s": "step_size"}, {"step_size": "lr"}, ""

    def __init__(self, params: Params, lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
                 step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: Flag = None,
                 maximize: bool = False, differentiable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse factors that do not shrink and grow."""
        super().check(group)
        if not 0 < group["etas"][0] < 1 < group["etas"][1]:
            raise ArgumentError("Rprop: etas are out of range.", got=f"{group['etas']}", expected="0 < η₋ < 1 < η₊")

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Take one step: it asks for signs, which formulas do not."""
        state["step"] += 1

        def change(p: Array, g: Array, before: Array, size: Array) -> None:
            d, s = (scratch(name, p.shape, p.dtype) for name in ("update 0", "update 1"))
            same, turned = (scratch(name, p.shape, np.dtype(bool)) for name in ("same", "turned"))
            d = np.negative(g, out=d) if group["maximize"] else g
            np.multiply(d, before, out=s)
            np.greater(s, 0, out=same)
            np.less(s, 0, out=turned)
            np.multiply(size, group["etas"][1], out=size, where=same)
            np.multiply(size, group["etas"][0], out=size, where=turned)
            np.clip(size, *group["step_sizes"], out=size)
            np.copyto(before, d)
            np.copyto(before, 0, where=turned)
            np.subtract(p, size, out=p, where=np.greater(before, 0, out=same))
            np.add(p, size, out=p, where=np.less(before, 0, out=turned))

        with np.errstate(all="ignore"):
            by_blocks(change, p, g, state["prev"], state["step_size"])


class ASGD(ByFormula):
    """Averaged stochastic gradient descent: state "ax" has the mean of the parameters since step t0.

    Math:
        η = lr / (1 + lambd · lr · t)^alpha and μ = 1 / max(1, t - t0) of the step before

    Source:
        Polyak & Juditsky 1992; η and μ in float32, as in PyTorch
    """

    kept, free = {"a": "ax"}, {"lambd", "alpha", "t0"}
    formula = """
        p = p * (1 - lambd * eta) - d * eta
        a = a + (p - a) * mu if averages else p
    """

    def __init__(self, params: Params, lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75,
                 t0: float = 1e6, weight_decay: float = 0.0, foreach: Flag = None, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def _extra(self, group: Group) -> State:
        return {"eta": float(np.float32(group["lr"])), "mu": 1.0}

    def _derived(self, o: Group, t: int, state: State) -> Group:
        now = {"eta": state["eta"], "mu": state["mu"], "averages": state["mu"] != 1}
        state["eta"] = float(np.float32(o["lr"] / (1 + o["lambd"] * o["lr"] * t) ** o["alpha"]))
        state["mu"] = float(np.float32(1 / max(1, t - o["t0"])))
        return now
