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
from .layer import DRAWN, REQUIRED, Learned, layer
from .module import Module
from .parameter import Parameter


def fan_in_uniform(parameter: Parameter, fan_in: int, generator: Generator | None) -> Parameter:
    """Draw from U(-1/√fan_in, 1/√fan_in): PyTorch's start for Linear and Conv2d, weight and bias alike."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    init.uniform_(parameter, -bound, bound, generator)
    return parameter


def learn(
    module: Any, shape: tuple[int, ...], fan_in: int, bias: bool, device: Any = None, dtype: Any = None,
    generator: Generator | None = None, outputs: int | None = None,
) -> None:  # fmt: skip
    """Give a module a weight, and a bias of as many numbers as it has outputs, or None."""
    sizes = {"weight": shape, "bias": (shape[0] if outputs is None else outputs,)}
    for name, size in sizes.items() if bias else [("weight", shape)]:
        setattr(module, name, fan_in_uniform(Parameter(zeros(size, dtype=dtype, device=device)), fan_in, generator))
    if not bias:
        module.bias = None


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

    Example:
        >>> layer = nn.Linear(784, 10)
        >>> layer(tg.rand(64, 784)).shape, layer.weight.shape, layer.bias.shape
        ((64, 10), (10, 784), (10,))
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None,
        dtype: DTypeLike | None = None, generator: Generator | None = None,
    ) -> None:  # fmt: skip
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        learn(self, (out_features, in_features), in_features, bias, device, dtype, generator)

    weight: Parameter
    bias: Parameter | None

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Name the sizes."""
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


Flatten = layer("Flatten", F.flatten, "start_dim={start_dim}, end_dim={end_dim}", start_dim=1, end_dim=-1)


def unflattened(input: Tensor, dim: int, unflattened_size: Any) -> Tensor:
    """Split a dimension into several: (*, ΠS, *) -> (*, S, *)."""
    return unflatten(input, dim, tuple(unflattened_size))


Unflatten = layer("Unflatten", unflattened, "dim={dim}, unflattened_size={unflattened_size}", dim=REQUIRED,
                  unflattened_size=REQUIRED)  # fmt: skip


class Identity(Module):
    """Give what comes in; any arguments are accepted, so that it can stand for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, input: Any) -> Any:
        return input


class Bilinear(Learned):
    """Map two inputs to one output, linearly in each; see `functional.bilinear`."""

    settings = {"in1_features": REQUIRED, "in2_features": REQUIRED, "out_features": REQUIRED, "bias": True, **DRAWN}
    shown = "in1_features={in1_features}, in2_features={in2_features}, out_features={out_features}, bias={bias}"

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        sizes = {k: v for k, v in vars(self).items() if k.endswith("features")}
        positive("Bilinear", **sizes)
        *inputs, outputs = sizes.values()
        learn(self, (outputs, *inputs), inputs[0], bias, **made)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)
