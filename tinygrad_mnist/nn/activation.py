"""Layers without parameters: activations, probabilities, dropout.

Read after module.py; ops/elementwise.py and ops/softmax.py have the formulas.
"""

from __future__ import annotations

from ..core.backend import Generator
from ..tensors.tensor import Tensor
from . import functional as F
from .module import Module


class ReLU(Module):
    """Rectifier max(x, 0), element by element."""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input)


class Tanh(Module):
    """Hyperbolic tangent, element by element."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """Logistic function 1 / (1 + e⁻ˣ), element by element."""

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Softmax(Module):
    """Probabilities from logits along a dimension. CrossEntropyLoss includes it: do not put it before that loss."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Name the dimension."""
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """Log-probabilities from logits along a dimension; NLLLoss takes them."""

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Dropout(Module):
    """While training, set elements to 0 with probability p and scale the rest by 1 / (1 - p); in evaluation nothing.

    Source:
        Srivastava et al. 2014 (JMLR 15), inverted form
    """

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        F.check_probability("Dropout: p", p)
        self.p, self.generator = p, generator

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        """Name the probability."""
        return f"p={self.p}"
