"""Dropout as layers: of elements, of whole channels, and the kind that keeps mean and variance.

Each is its function with a generator of its own: nn/functional/dropout.py has the formulas. Read after layer.py.
"""

from __future__ import annotations

from typing import Any

from ..core.backend import Generator
from ..tensors.tensor import Tensor
from . import functional as F
from .functional.checks import check_probability
from .layer import Layer, layer


class _Dropout(Layer):
    """What the kinds of dropout share: a probability, and a generator of one's own."""

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        check_probability(f"{type(self).__name__}: p", p)
        self.p, self.inplace, self.generator = p, inplace, generator

    def extra_repr(self) -> str:
        """Name the probability."""
        return f"p={self.p}, inplace={self.inplace}"

    def forward(self, input: Tensor) -> Any:
        return type(self).function(input, self.p, self.training, self.inplace, generator=self.generator)


def _dropout(name: str, function: Any) -> Any:
    made = layer(name, function, base=_Dropout)
    del made.__signature__
    return made


Dropout, Dropout1d = _dropout("Dropout", F.dropout), _dropout("Dropout1d", F.dropout1d)
Dropout2d, Dropout3d = _dropout("Dropout2d", F.dropout2d), _dropout("Dropout3d", F.dropout3d)
AlphaDropout = _dropout("AlphaDropout", F.alpha_dropout)
FeatureAlphaDropout = _dropout("FeatureAlphaDropout", F.feature_alpha_dropout)
