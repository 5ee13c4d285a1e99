"""Optimizers that stand apart: Rprop goes by signs alone, ASGD averages its way, Muon steps along orthogonal matrices.

Read after adaptive.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.graph import Array
from ..kernels import steps
from ..kernels.scratch import scratch
from ..tensors.tensor import Tensor
from .adaptive import ByRule
from .optimizer import Group, Optimizer, State, check_at_least, settings


class Rprop(ByRule):
    """Resilient backpropagation: every number has a step of its own, longer while the gradient keeps its sign.

    Math:    s = s · η₊ where g · g' > 0, s · η₋ and g = 0 where it is < 0, within step_sizes;  p = p - sign(g) · s
    Units:   lr is the first s; for whole batches, not for samples of them
    Source:  Riedmiller & Braun 1993, without the step back
    """

    rule = steps.rprop

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse factors that do not shrink and grow."""
        super().check(group)
        if not 0 < group["etas"][0] < 1 < group["etas"][1]:
            raise ArgumentError("Rprop: etas are out of range.", got=f"{group['etas']}", expected="0 < η₋ < 1 < η₊")

    def arrays(self, group: Group) -> dict[str, float]:
        """Keep the latest gradient and the sizes."""
        return {"prev": 0, "step_size": float(group["lr"])}

    def numbers(self, state: State, o: Group) -> dict[str, Any]:
        """Take the settings as they are."""
        return {"etas": o["etas"], "sizes": o["step_sizes"]}


class ASGD(ByRule):
    """Averaged stochastic gradient descent: state "ax" has the mean of the parameters since step t0.

    Math:    p = (1 - lambd · η) p - η g;  a = a + μ (p - a), with η = lr / (1 + lambd · lr · t)^alpha and
             μ = 1 / max(1, t - t0) of the step before
    Source:  Polyak & Juditsky 1992; η and μ in float32, as in PyTorch
    """

    rule = steps.asgd

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0.0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def arrays(self, group: Group) -> dict[str, float]:
        """Keep the mean."""
        return {"ax": 0}

    def init_state(self, p: Tensor, group: Group) -> State:
        """Begin with the rate that was asked for."""
        return {**super().init_state(p, group), "eta": _single(group["lr"]), "mu": 1.0}

    def numbers(self, state: State, o: Group) -> dict[str, Any]:
        """Use the latest rates, and make the next."""
        eta, mu, t = state["eta"], state["mu"], state["step"]
        state["eta"] = _single(o["lr"] / (1 + o["lambd"] * o["lr"] * t) ** o["alpha"])
        state["mu"] = _single(1 / max(1, t - o["t0"]))
        return {"shrinking": 1 - o["lambd"] * eta, "rate": eta, "share": mu}


def _single(x: Any) -> float:
    """Round to float32."""
    return float(np.float32(x))


class Muon(Optimizer):
    """Muon: momentum made orthogonal by Newton and Schulz's iteration, for the matrices inside a network.

    Math:    b = momentum · b + (1 - momentum) g;  u = b, with Nesterov (1 - momentum) g + momentum · b;
             X = u / max(‖u‖, eps), ns_steps times X = a X + (b A + c A²) X with A = X Xᵀ;
             p = (1 - lr · weight_decay) p - lr · r X, with r = √max(1, rows / columns), or 0.2 √max(rows, columns) for
             adjust_lr_fn="match_rms_adamw"
    Shapes:  matrices only; use AdamW for the other parameters
    Source:  Jordan et al. 2024; Liu et al. 2025 (arXiv:2502.16982). The iteration is done in the parameter's dtype;
             PyTorch does it in bfloat16, so that its X differs by about 1 %
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
        nesterov: bool = True, ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7, ns_steps: int = 5, adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse settings out of range, and what is no matrix."""
        check_at_least("Muon", 0, **{k: group[k] for k in ("lr", "weight_decay", "momentum")})
        check_at_least("Muon", 0, 100, ns_steps=group["ns_steps"])
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(f"Muon: adjust_lr_fn {group['adjust_lr_fn']!r} is unknown.",
                                expected="'original' or 'match_rms_adamw'")  # fmt: skip
        if len(group["ns_coefficients"]) != 3:
            raise ArgumentError("Muon: ns_coefficients must be three numbers.", got=f"{group['ns_coefficients']}")
        for p in group["params"]:
            if p.ndim != 2:
                raise ShapeError("Muon: a parameter is no matrix.", got=f"{p.shape}", hint="AdamW for all but matrices")

    def init_state(self, p: Tensor, group: Group) -> State:
        """Remember the momentum."""
        return {"momentum_buffer": np.zeros(p.shape, p.dtype)}

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Take one step."""
        o = {k: float(group[k]) for k in ("lr", "weight_decay", "momentum", "eps")}
        buffer, x, s = state["momentum_buffer"], np.array(g), scratch("update", p.shape, p.dtype)
        steps.lerp(buffer, g, 1 - o["momentum"], s)
        if group["nesterov"]:
            steps.lerp(x, buffer, o["momentum"], s)
        else:
            x[...] = buffer
        x = orthogonal(x, group["ns_coefficients"], int(group["ns_steps"]), o["eps"])
        rows, columns = p.shape
        matched = group["adjust_lr_fn"] == "match_rms_adamw"
        ratio = 0.2 * math.sqrt(max(rows, columns)) if matched else math.sqrt(max(1, rows / columns))
        p *= 1 - o["lr"] * o["weight_decay"]
        p -= np.multiply(x, o["lr"] * ratio, out=s)


def orthogonal(x: Array, coefficients: tuple[float, float, float], count: int, eps: float) -> Array:
    """Bring the singular values of a matrix near 1, by Newton and Schulz's iteration of the fifth degree."""
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = np.asarray(x.T if tall else x, np.promote_types(x.dtype, np.float32))
    x = x / max(float(np.sqrt(np.vdot(x, x))), eps)
    for _ in range(count):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
