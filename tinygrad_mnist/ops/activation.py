"""Activations: tanh, sigmoid, relu, and dropout, whose mask is an argument; kernels/activation.py has the arithmetic
of relu.

The derivative of relu at 0 is 0, as in PyTorch. Look next at index.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Array
from ..kernels import activation as kernel
from ..primitive import primitive


@primitive()
def tanh(x: Array) -> Array:
    """Hyperbolic tangent.

    Shapes:  x (*A) -> (*A)
    """
    return np.tanh(x)


@tanh.vjp("x")
def tanh_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (1 - out * out)


@primitive()
def sigmoid(x: Array) -> Array:
    """Logistic function 1 / (1 + e⁻ˣ), computed as (1 + tanh(x/2)) / 2, which cannot overflow.

    Shapes:  x (*A) -> (*A)
    """
    half = np.multiply(x, 0.5)
    return 0.5 + 0.5 * np.tanh(half, out=half if half.ndim else None)


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
    return keep(g, out > 0)


@primitive()
def keep(x: Array, mask: Array) -> Array:
    """Keep x where the mask is true, 0 elsewhere, even where x is infinite or NaN.

    Shapes:  x (*A), mask (*A) of booleans -> (*A)
    """
    return kernel.keep(x, mask)


@keep.vjp("x")
def keep_vjp_x(g: Any, out: Any, x: Any, mask: Any) -> Any:
    return keep(g, mask)


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
