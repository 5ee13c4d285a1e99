"""Dropout as layers: of elements, of whole channels, and the kind that keeps mean and variance.

Each is its function with a generator of its own: nn/functional/dropout.py has the formulas. Read after layer.py.
"""

from __future__ import annotations

from typing import Any

from ..core.backend import Generator
from ..tensors.tensor import Tensor
from . import functional as F
from .functional.arguments import check_probability
from .layer import Layer, layer


class _Dropout(Layer):
    """What the kinds of dropout share: a probability, and a generator of one's own."""

    p: float
    inplace: bool
    generator: Generator | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_probability(f"{type(self).__name__}: p", self.p)

    def forward(self, input: Tensor) -> Any:
        return type(self).function(input, self.p, self.training, self.inplace, generator=self.generator)


def _dropout(name: str, function: Any) -> Any:
    return layer(name, function, "p={p}, inplace={inplace}", _Dropout, p=0.5, inplace=False,
                 generator=None)  # fmt: skip


Dropout, AlphaDropout = _dropout("Dropout", F.dropout), _dropout("AlphaDropout", F.alpha_dropout)
Dropout1d, Dropout2d = _dropout("Dropout1d", F.dropout1d), _dropout("Dropout2d", F.dropout2d)
Dropout3d = _dropout("Dropout3d", F.dropout3d)
FeatureAlphaDropout = _dropout("FeatureAlphaDropout", F.feature_alpha_dropout)
