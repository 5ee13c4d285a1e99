"""Fill tensors with initial values, in place: PyTorch's functions and formulas.

fan_in is the number of inputs that one output sums (I, or C / groups · KH · KW), fan_out the number of outputs that
one input feeds. xavier: Glorot & Bengio 2010, equation 16; kaiming: He et al. 2015 (arXiv:1502.01852). The modules call
these; read any one alone.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.backend import Generator
from ..core.draws import draw, normal, uniform
from ..core.errors import ArgumentError, ShapeError
from ..core.graph import Array, no_grad
from ..tensors.tensor import Tensor

Draw = Generator | None


def _fill(tensor: Tensor, values: Array | float) -> Tensor:
    with no_grad():
        tensor.copy_(values)
    return tensor


def fans(tensor: Tensor) -> tuple[int, int]:
    """Count (fan_in, fan_out) of a weight (O, I, ...)."""
    if tensor.ndim < 2:
        raise ShapeError(
            "init: a weight needs two dimensions or more to have fans.",
            got=f"tensor {tensor.shape}",
            expected="(out, in) or (out, in, kh, kw)",
            hint="zeros_ or uniform_ for a bias",
        )
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Draw = None) -> Tensor:
    """Draw from U(a, b)."""
    return _fill(tensor, draw(uniform, tensor.shape, np.float64, generator, low=a, high=b))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Draw = None) -> Tensor:
    """Draw from N(mean, std²)."""
    return _fill(tensor, draw(normal, tensor.shape, np.float64, generator, mean=mean, std=std))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Set every element to one value."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Set every element to 0."""
    return _fill(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Set every element to 1."""
    return _fill(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Give the factor that keeps the scale of activations through a nonlinearity."""
    gains = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in gains:
        raise ArgumentError(f"calculate_gain: {nonlinearity!r} is unknown.", expected=", ".join([*gains, "leaky_relu"]))
    return gains[nonlinearity]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Draw = None) -> Tensor:
    """Draw from U(-r, r) with r = gain √(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Draw = None) -> Tensor:
    """Draw from N(0, s²) with s = gain √(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"kaiming: mode {mode!r} is unknown.", expected="'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Draw = None
) -> Tensor:
    """Draw from U(-r, r) with r = gain √(3 / fan)."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Draw = None
) -> Tensor:
    """Draw from N(0, s²) with s = gain / √fan."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)
