"""Muon, for the matrices inside a network: steps along orthogonal matrices.

The vectors of a network want another optimizer beside it. Read after adaptive.py.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.graph import Array
from ..tensors.tensor import Tensor
from .optimizer import Group, Optimizer, Params, State, check_at_least, settings


class Muon(Optimizer):
    """Muon: momentum made orthogonal by Newton and Schulz's iteration.

    Math:
        b = momentum · b + (1 - momentum) g;  u = b, with Nesterov (1 - momentum) g + momentum · b;
        X = u / max(‖u‖, eps), ns_steps times X = a X + (b A + c A²) X with A = X Xᵀ;
        p = (1 - lr · weight_decay) p - lr · r X, with r = √max(1, rows / columns), or 0.2 √max(rows, columns) for
        adjust_lr_fn="match_rms_adamw"

    Shapes:
        matrices only

    Source:
        Jordan et al. 2024; Liu et al. 2025 (arXiv:2502.16982). In the parameter's dtype: PyTorch iterates in
        bfloat16, so that its X differs by about 1 %
    """

    def __init__(self, params: Params, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
                 nesterov: bool = True, ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
                 eps: float = 1e-7, ns_steps: int = 5, adjust_lr_fn: str | None = None) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse settings out of range, and what is no matrix."""
        check_at_least("Muon", 0, **{k: group[k] for k in ("lr", "weight_decay", "momentum")})
        check_at_least("Muon", 0, 100, ns_steps=group["ns_steps"])
        if (known := group["adjust_lr_fn"]) not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(f"Muon: adjust_lr_fn {known!r} is unknown.", expected="'original' or 'match_rms_adamw'")
        for p in (p for p in group["params"] if p.ndim != 2):
            raise ShapeError("Muon: a parameter is no matrix.", got=f"{p.shape}", hint="AdamW for all but matrices")

    def init_state(self, p: Tensor, group: Group) -> State:
        """Remember the momentum."""
        return {"momentum_buffer": np.zeros(p.shape, p.dtype)}

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Take one step."""
        lr, decay, momentum, eps = (float(group[k]) for k in ("lr", "weight_decay", "momentum", "eps"))
        buffer, (rows, columns) = state["momentum_buffer"], p.shape
        buffer += (g - buffer) * (1 - momentum)
        x = g + (buffer - g) * momentum if group["nesterov"] else buffer
        x = np.asarray(x.T if rows > columns else x, np.promote_types(x.dtype, np.float32))
        x = x / max(float(np.sqrt(np.vdot(x, x))), eps)
        a, b, c = group["ns_coefficients"]
        for _ in range(int(group["ns_steps"])):
            gram = x @ x.T  # symmetric, which half the work is enough for
            x = a * x + (b * gram + c * (gram @ gram.T)) @ x
        matched = group["adjust_lr_fn"] == "match_rms_adamw"
        ratio = 0.2 * math.sqrt(max(rows, columns)) if matched else math.sqrt(max(1, rows / columns))
        p *= 1 - lr * decay
        p -= (lr * ratio * (x.T if rows > columns else x)).astype(p.dtype, copy=False)
