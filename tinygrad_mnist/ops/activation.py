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
from .compare import keep
from .promotion import floating


@primitive()
def tanh(x: Array) -> Array:
    """Hyperbolic tangent.

    Shapes:  x (*A) -> (*A)
    """
    return np.tanh(floating(x))


@tanh.vjp("x")
def tanh_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (1 - out * out)


@primitive()
def sigmoid(x: Array) -> Array:
    """Logistic function 1 / (1 + e⁻ˣ), accurate to the end of the range on either side.

    Shapes:  x (*A) -> (*A)
    """
    return kernel.sigmoid(x)


@sigmoid.vjp("x")
def sigmoid_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (out * (1 - out))


@primitive()
def relu(x: Array) -> Array:
    """Rectifier max(x, 0); its derivative at 0 is 0.

    Shapes:  x (*A) -> (*A)
    """
    return kernel.relu(x)


@relu.vjp("x")
def relu_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return keep(g, out != 0)  # NaN too lets it pass, as in PyTorch


@primitive()
def dropout(x: Array, mask: Array) -> Array:
    """Multiply by a mask drawn by the caller: 0 where dropped, 1 / (1 - p) where kept.

    Shapes:  x (*A), mask (*A) -> (*A)
    Source:  Srivastava et al. 2014 (JMLR 15), inverted: scaled while training, so that evaluation does nothing
    """
    return np.multiply(x, mask)


@dropout.vjp("x")
def dropout_vjp_x(g: Any, out: Any, x: Any, mask: Any) -> Any:
    return g * mask
