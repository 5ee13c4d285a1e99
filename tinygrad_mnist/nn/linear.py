"""Linear, the affine layer, and Flatten, which brings images to it.

Read after module.py; functional.py has the operation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Generator
from ..core.errors import ArgumentError
from ..functions.types import DTypeLike
from ..tensors.creation import zeros
from ..tensors.tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


def fan_in_uniform(parameter: Parameter, fan_in: int, generator: Generator | None) -> Parameter:
    """Draw from U(-1/√fan_in, 1/√fan_in): PyTorch's start for Linear and Conv2d, weight and bias alike."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    init.uniform_(parameter, -bound, bound, generator)
    return parameter


def positive(name: str, **sizes: int) -> None:
    """Raise unless every size is a positive whole number."""
    for label, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < 1:
            raise ArgumentError(f"{name}: {label} must be a whole number of at least 1.", got=f"{label} = {size!r}")


class Linear(Module):
    """Affine map of the last dimension.

    Math:
        out = x wᵀ + b
    Shapes:
        input (*, in_features) -> (*, out_features); weight (out_features, in_features), bias (out_features,)
    Args:
        bias: starts, as the weight, from U(-1/√in_features, 1/√in_features)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None,
        dtype: DTypeLike | None = None,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        weight, offset = zeros(out_features, in_features, dtype=dtype, device=device), zeros(out_features, dtype=dtype)
        self.weight = fan_in_uniform(Parameter(weight), in_features, generator)
        self.bias = fan_in_uniform(Parameter(offset), in_features, generator) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Name the sizes."""
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


class Flatten(Module):
    """Join the dimensions from start_dim to end_dim: by default everything but the batch.

    Shapes:
        input (N, *A) -> (N, ΠA)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return F.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Name the dimensions where they are not the default."""
        return "" if (self.start_dim, self.end_dim) == (1, -1) else f"{self.start_dim}, {self.end_dim}"
