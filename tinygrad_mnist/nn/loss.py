"""Losses as modules: what a model's output is compared with, and how.

Read after functional.py, which has the formulas and the checks.
"""

from __future__ import annotations

from ..functions.types import Tensor, TensorLike
from . import functional as F
from .module import Module


class Loss(Module):
    """Base of the losses: keeps how the losses of a batch are reduced ("mean", "sum" or "none")."""

    def __init__(self, reduction: str = "mean") -> None:
        F.check_reduction(reduction)
        self.reduction = reduction

    def extra_repr(self) -> str:
        """Name the reduction where it is not the mean."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class CrossEntropyLoss(Loss):
    """Softmax and negative log-likelihood in one: give it raw outputs and class numbers.

    Shapes:
        input (N, C), target (N,) of integers or (N, C) of probabilities -> (), in nats
    """

    def __init__(self, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__(reduction)
        self.label_smoothing = label_smoothing

    def extra_repr(self) -> str:
        """Name what is not the default."""
        smoothing = f"label_smoothing={self.label_smoothing}" if self.label_smoothing else ""
        return ", ".join(part for part in (super().extra_repr(), smoothing) if part)

    def forward(self, input: Tensor, target: TensorLike) -> Tensor:
        return F.cross_entropy(input, target, self.reduction, self.label_smoothing)


class NLLLoss(Loss):
    """Negative log-likelihood of class numbers under log-probabilities (from LogSoftmax).

    Shapes:
        input (N, C), target (N,) of integers -> (), in nats
    """

    def forward(self, input: Tensor, target: TensorLike) -> Tensor:
        return F.nll_loss(input, target, self.reduction)


class MSELoss(Loss):
    """Mean of squared differences of two tensors of one shape."""

    def forward(self, input: Tensor, target: TensorLike) -> Tensor:
        return F.mse_loss(input, target, self.reduction)
