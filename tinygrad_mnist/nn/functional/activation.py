"""Activations as functions: PyTorch's names and settings for what ops/gates.py computes, and compositions of it.

`inplace=True` writes the result over the input. Element by element, (*A) -> (*A), unless a line says more. Read after
arguments.py; look next at dropout.py.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.backend import Generator
from ...core.draws import draw, uniform
from ...core.errors import ArgumentError, ShapeError
from ...functions import relu as rectified
from ...functions import reshape, sigmoid, softmax, split, tanh
from ...functions.dims import as_axis
from ...functions.types import Tensor
from ...ops import compare
from ...ops import elementwise as E
from ...ops import gates as ops
from .arguments import changed, floats

SELU = {"alpha": 1.6732632423543772848170429916717, "scale": 1.0507009873554804934193349852946}


def _row(name: str, text: str, formula: Callable[..., Any], changes: bool = True) -> Callable[..., Tensor]:
    """Make an activation of its formula, whose arguments are its settings; changes: it has `inplace` behind them."""
    settings = [*inspect.signature(formula).parameters.values()][1:]

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        inplace = changes and kwargs.pop("inplace", False)
        if changes and len(args) == len(settings) + 1:
            *args, inplace = args  # type: ignore[assignment]
        x = floats(name, input)
        return changed(function, x, *args, **kwargs) if inplace else formula(x, *args, **kwargs)

    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first, last = inspect.Parameter("input", keyword), inspect.Parameter("inplace", keyword, default=False)
    parameters = [first, *settings, *([last] if changes else [])]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


leaky_relu = _row("leaky_relu", "Keep what is positive, and multiply the rest by the slope.",
                  lambda x, negative_slope=0.01: ops.leaky(x, float(negative_slope)))  # fmt: skip
elu = _row("elu", "Keep what is positive, and bend the rest to α (eˣ - 1); Clevert et al. 2015 (arXiv:1511.07289).",
           lambda x, alpha=1.0: ops.elu(x, alpha=alpha, scale=1, along=1))  # fmt: skip
selu = _row("selu", "Bend as elu does, scaled so that mean 0 and variance 1 stay; Klambauer et al. 2017 "
            "(arXiv:1706.02515).", lambda x: ops.elu(x, **SELU, along=1))  # fmt: skip
silu = _row("silu", "Multiply by the logistic function: x / (1 + e⁻ˣ); Ramachandran et al. 2017 (arXiv:1710.05941).",
            lambda x: ops.silu(x))  # fmt: skip
mish = _row("mish", "Multiply by the tanh of the softplus; Misra 2019 (arXiv:1908.08681).", lambda x: ops.mish(x))
hardsigmoid = _row("hardsigmoid", "Piecewise straight logistic function: (x + 3) / 6, limited to [0, 1].",
                   lambda x: ops.hardtanh(x + 3, low=0, high=6) / 6)  # fmt: skip
hardswish = _row("hardswish", "Multiply by the piecewise straight logistic function; Howard et al. 2019 "
                 "(arXiv:1905.02244).", lambda x: x * ops.hardtanh(x + 3, low=0, high=6) / 6)  # fmt: skip
logsigmoid = _row("logsigmoid", "Logarithm of the logistic function, which does not overflow: -log(1 + e⁻ˣ).",
                  lambda x: -ops.softplus(-x, beta=1, threshold=math.inf), changes=False)  # fmt: skip
hardshrink = _row(
    "hardshrink", "Keep what lies outside of [-λ, λ], and set the rest to 0.", changes=False,
    formula=lambda x, lambd=0.5: ops.cut(x, low=-lambd, high=lambd),
)  # fmt: skip


def softsign(input: Tensor) -> Tensor:
    """Bring to (-1, 1) by x / (1 + |x|)."""
    return input / (E.absolute(input) + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """Take away the tanh: x - tanh x."""
    return input - tanh(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Limit to [0, 6]."""
    return changed(relu6, input) if inplace else ops.hardtanh(input, low=0, high=6)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Rectifier max(input, 0)."""
    return changed(relu, input) if inplace else rectified(input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Limit to [min_val, max_val]; no gradient passes at a bound."""
    if min_val > max_val:
        raise ArgumentError("hardtanh: min_val is above max_val.", got=f"{min_val}, {max_val}")
    if input.dtype.kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
    return changed(hardtanh, input, min_val, max_val) if inplace else ops.hardtanh(input, low=min_val, high=max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Keep what is above the threshold, and put the value elsewhere."""
    if inplace:
        return changed(_threshold, input, threshold, value)
    if value or input.dtype.kind != "f":
        return compare.where(compare.less_equal(input, threshold), value, input)
    return ops.cut(input, low=-math.inf, high=threshold)


_threshold = threshold  # its argument has its name


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Keep what is positive in (N, C, *), and multiply the rest by a slope that is learned: (1,), (C,) or ()."""
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
    """Keep what is positive, and multiply the rest by slopes from U(lower, upper), or their mean; Xu et al. 2015."""
    if lower > upper:
        raise ArgumentError("rrelu: lower is above upper.", got=f"{lower}, {upper}")
    x = floats("rrelu", input)
    slope = draw(uniform, x.shape, x.dtype, generator, low=lower, high=upper) if training else (lower + upper) / 2
    return changed(_leaky, x, slope) if inplace else _leaky(x, slope)


def _leaky(x: Any, slope: Any) -> Any:
    return ops.leaky(x, slope)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Keep what is positive, and bend the rest to α (e^(x/α) - 1)."""
    if alpha == 0:
        raise ArgumentError("celu: alpha must not be 0.", got=f"{alpha}")
    if inplace:
        return changed(celu, input, alpha)
    return ops.elu(floats("celu", input), alpha=alpha, scale=1, along=1 / alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Multiply by the normal distribution: x Φ(x), or (approximate="tanh") nearly; Hendrycks & Gimpel 2016."""
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate={approximate!r} is unknown.", expected="'none' or 'tanh'")
    return ops.gelu(floats("gelu", input), approximate=approximate == "tanh")


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Smooth the rectifier: log(1 + e^(βx)) / β, and x itself where βx is above the threshold."""
    if beta == 0:
        raise ArgumentError("softplus: beta must not be 0.", got=f"{beta}")
    return ops.softplus(floats("softplus", input), beta=beta, threshold=threshold)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Move towards 0 by λ, and to 0 what is nearer."""
    if lambd < 0:
        raise ArgumentError("softshrink: lambd must not be negative.", got=f"{lambd}")
    return ops.softshrink(floats("softshrink", input), limit=lambd)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Multiply the first half of a dimension by the logistic function of the second; Dauphin et al. 2016."""
    axis = as_axis("glu", dim, np.ndim(floats("glu", input)))
    if input.ndim == 0 or input.shape[axis] % 2:
        raise ShapeError("glu: a dimension must have two halves.", got=f"{tuple(input.shape)}, dim {dim}")
    a, b = split(input, input.shape[axis] // 2, axis) if input.shape[axis] else (input, input)
    return a * sigmoid(b)


def softmin(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Turn numbers into probabilities along a dimension, of which the smallest has the largest."""
    return softmax(-input, dim, dtype=dtype)
