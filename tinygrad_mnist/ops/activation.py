"""Activations: tanh, sigmoid, relu, and dropout, whose mask is an argument; kernels/activation.py has the arithmetic
of relu.

The derivative of relu at 0 is 0, as in PyTorch. Look next at index.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import activation as kernel
from .broadcast import elementwise
from .compare import keep


@elementwise(np.tanh, loop="math.tanh(x)")
def tanh(x: Array) -> Any:
    """Hyperbolic tangent."""


@tanh.vjp("x")
def tanh_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (1 - out * out)


@elementwise(kernel.sigmoid, over=(0,), loop="loops.sigmoid(x)")
def sigmoid(x: Array) -> Any:
    """Logistic function 1 / (1 + e⁻ˣ), accurate to the end of the range on either side."""


@sigmoid.vjp("x")
def sigmoid_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (out * (1 - out))


@elementwise(kernel.relu, over=(0,), loop="0 if x <= 0 else x")
def relu(x: Array) -> Any:
    """Rectifier max(x, 0); its derivative at 0 is 0."""


@relu.vjp("x")
def relu_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return keep(g, out != 0)  # NaN too lets it pass, as in PyTorch


@primitive(over=(0, 1), loop="x * mask")
def dropout(x: Array, mask: Array, *, out: Array | None = None) -> Array:
    """Multiply by a mask drawn by the caller: 0 where dropped, 1 / (1 - p) where kept."""
    return np.multiply(x, mask, out=out)


@dropout.vjp("x")
def dropout_vjp_x(g: Any, out: Any, x: Any, mask: Any) -> Any:
    return g * mask
