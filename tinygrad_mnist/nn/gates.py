"""Activations as functions: PyTorch's names and settings for what ops/gates.py computes, and compositions of it.

`inplace=True` writes the result over the input. Element by element, (*A) -> (*A), unless a line says more. Read after
checks.py; look next at dropout.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Generator
from ..core.draws import draw, uniform
from ..core.errors import ArgumentError, ShapeError
from ..functions import relu as rectified
from ..functions import reshape, sigmoid, softmax, split, tanh
from ..functions.dims import as_axis
from ..functions.types import Tensor
from ..ops import compare, elementwise
from ..ops import gates as ops
from .checks import changed, floats

SELU = {"alpha": 1.6732632423543772848170429916717, "scale": 1.0507009873554804934193349852946}


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Rectifier max(input, 0)."""
    return changed(relu, input) if inplace else rectified(input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Limit to [min_val, max_val]; no gradient passes at a bound.

    Raises:
        ArgumentError if min_val is above max_val
    """
    if min_val > max_val:
        raise ArgumentError("hardtanh: min_val is above max_val.", got=f"{min_val}, {max_val}")
    return changed(hardtanh, input, min_val, max_val) if inplace else ops.hardtanh(input, low=min_val, high=max_val)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Limit to [0, 6]."""
    return changed(relu6, input) if inplace else ops.hardtanh(input, low=0, high=6)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Keep what is above the threshold, and put the value elsewhere."""
    if inplace:
        return changed(_threshold, input, threshold, value)
    if value or input.dtype.kind != "f":
        return compare.where(compare.less_equal(input, threshold), value, input)
    return ops.cut(input, low=-math.inf, high=threshold)


_threshold = threshold  # its argument has its name


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Keep what is positive, and multiply the rest by the slope."""
    if inplace:
        return changed(leaky_relu, input, negative_slope)
    return ops.leaky(floats("leaky_relu", input), float(negative_slope))


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Keep what is positive, and multiply the rest by a slope that is learned.

    Shapes:
        input (N, C, *), weight (1,), (C,) or () -> (N, C, *)
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or (math.prod(weight.shape) not in (1, channels)):
        raise ShapeError(
            "prelu: the weight fits neither all elements nor the channels.",
            got=f"input {tuple(input.shape)}, weight {tuple(weight.shape)}", expected=f"(1,) or ({channels},)",
        )  # fmt: skip
    if math.prod(weight.shape) == 1:
        return ops.leaky(input, reshape(weight, ()))
    return ops.leaky(input, reshape(weight, (channels, *(1,) * (input.ndim - 2))))


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False,
    *, generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Keep what is positive, and multiply the rest by slopes drawn from U(lower, upper), in evaluation by their mean.

    Source:
        Xu et al. 2015 (arXiv:1505.00853)
    """
    if lower > upper:
        raise ArgumentError("rrelu: lower is above upper.", got=f"{lower}, {upper}")
    x = floats("rrelu", input)
    slope = draw(uniform, x.shape, x.dtype, generator, low=lower, high=upper) if training else (lower + upper) / 2
    return changed(lambda_of(ops.leaky, "rrelu"), x, slope) if inplace else ops.leaky(x, slope)


def lambda_of(operation: Any, name: str) -> Any:
    """Give an operation as a function of another name."""

    def function(*args: Any) -> Any:
        return operation(*args)

    function.__name__ = name
    return function


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Keep what is positive, and bend the rest to α (eˣ - 1).

    Source:
        Clevert et al. 2015 (arXiv:1511.07289)
    """
    return changed(elu, input, alpha) if inplace else ops.elu(floats("elu", input), alpha=alpha, scale=1, along=1)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Bend as elu does, scaled so that mean 0 and variance 1 stay.

    Source:
        Klambauer et al. 2017 (arXiv:1706.02515)
    """
    return changed(selu, input) if inplace else ops.elu(floats("selu", input), **SELU, along=1)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Keep what is positive, and bend the rest to α (e^(x/α) - 1).

    Raises:
        ArgumentError for an alpha of 0
    """
    if alpha == 0:
        raise ArgumentError("celu: alpha must not be 0.", got=f"{alpha}")
    if inplace:
        return changed(celu, input, alpha)
    return ops.elu(floats("celu", input), alpha=alpha, scale=1, along=1 / alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Multiply by the normal distribution: x Φ(x); approximate="tanh" takes a tanh in its place.

    Source:
        Hendrycks & Gimpel 2016 (arXiv:1606.08415)
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate={approximate!r} is unknown.", expected="'none' or 'tanh'")
    return ops.gelu(floats("gelu", input), approximate=approximate == "tanh")


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Multiply by the logistic function: x / (1 + e⁻ˣ).

    Source:
        Ramachandran et al. 2017 (arXiv:1710.05941)
    """
    return changed(silu, input) if inplace else ops.silu(floats("silu", input))


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Multiply by the tanh of the softplus.

    Source:
        Misra 2019 (arXiv:1908.08681)
    """
    return changed(mish, input) if inplace else ops.mish(floats("mish", input))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Smooth the rectifier: log(1 + e^(βx)) / β, and x itself where βx is above the threshold."""
    if beta == 0:
        raise ArgumentError("softplus: beta must not be 0.", got=f"{beta}")
    return ops.softplus(floats("softplus", input), beta=beta, threshold=threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """Logarithm of the logistic function, which does not overflow: -log(1 + e⁻ˣ)."""
    return -ops.softplus(-floats("logsigmoid", input), beta=1, threshold=math.inf)


def softsign(input: Tensor) -> Tensor:
    """Bring to (-1, 1) by x / (1 + |x|)."""
    return input / (elementwise.absolute(input) + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """Take away the tanh: x - tanh x."""
    return input - tanh(input)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Keep what lies outside of [-λ, λ], and set the rest to 0."""
    return ops.cut(floats("hardshrink", input), low=-lambd, high=lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Move towards 0 by λ, and to 0 what is nearer.

    Raises:
        ArgumentError for a negative lambd
    """
    if lambd < 0:
        raise ArgumentError("softshrink: lambd must not be negative.", got=f"{lambd}")
    return ops.softshrink(floats("softshrink", input), limit=lambd)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Piecewise straight logistic function: (x + 3) / 6, limited to [0, 1]."""
    if inplace:
        return changed(hardsigmoid, input)
    return ops.hardtanh(floats("hardsigmoid", input) + 3, low=0, high=6) / 6


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Multiply by the piecewise straight logistic function.

    Source:
        Howard et al. 2019 (arXiv:1905.02244)
    """
    if inplace:
        return changed(hardswish, input)
    return floats("hardswish", input) * ops.hardtanh(input + 3, low=0, high=6) / 6


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Multiply the first half of a dimension by the logistic function of the second.

    Shapes:
        input (*, 2 M, *) -> (*, M, *)
    Raises:
        ShapeError for an odd size
    Source:
        Dauphin et al. 2016 (arXiv:1612.08083)
    """
    axis = as_axis("glu", dim, np.ndim(floats("glu", input)))
    if input.ndim == 0 or input.shape[axis] % 2:
        raise ShapeError("glu: a dimension must have two halves.", got=f"{tuple(input.shape)}, dim {dim}")
    a, b = split(input, input.shape[axis] // 2, axis) if input.shape[axis] else (input, input)
    return a * sigmoid(b)


def softmin(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Turn numbers into probabilities along a dimension, of which the smallest has the largest."""
    return softmax(-input, dim, dtype=dtype)
