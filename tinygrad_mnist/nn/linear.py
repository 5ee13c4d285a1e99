"""Linear, the affine layer, Bilinear, and what brings inputs to them: Flatten, Unflatten, Identity.

Read after module.py; functional/linear.py has the operation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Generator
from ..core.errors import ArgumentError
from ..functions import unflatten
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
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


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
        """Name the dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split a dimension into several.

    Shapes:
        input (*, ΠS, *) -> (*, S, *)
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Name the dimension and the sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """Give what comes in; any arguments are accepted, so that it can stand for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, input: Any) -> Any:
        return input


class Bilinear(Module):
    """Map two inputs to one output, linearly in each.

    Math:
        out_o = Σ_ij x1_i w_oij x2_j + b_o
    Shapes:
        x1 (*, in1_features), x2 (*, in2_features) -> (*, out_features)
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, device: Any = None,
        dtype: Any = None, generator: Generator | None = None,
    ) -> None:  # fmt: skip
        positive("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        weight = Parameter(zeros(out_features, in1_features, in2_features, dtype=dtype, device=device))
        self.weight = fan_in_uniform(weight, in1_features, generator)
        offset = Parameter(zeros(out_features, dtype=dtype))
        self.bias = fan_in_uniform(offset, in1_features, generator) if bias else None

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Name the sizes."""
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"
