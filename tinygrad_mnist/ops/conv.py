"""The calculus of two-dimensional convolution; kernels/conv.py has the arithmetic, the formulas and the shapes.

Three operations, each linear in each of its two arrays, and closed under differentiation: the rule for either array
of any of the three is another of the three. That is why convolution can be differentiated to any order. Look next at
pool.py.
"""

from __future__ import annotations

from typing import Any

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import conv as kernel
from ..kernels.shapes import Pair
from .broadcast import Shape
from .reduce import sum


@primitive(kernel.conv2d, linear=True, batch=1)
def conv2d(x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """Cross-correlate images with filters."""


@conv2d.vjp("x")
def conv2d_vjp_x(g: Any, out: Any, x: Any, w: Any, b: Any, **geometry: Any) -> Any:
    return conv2d_input_gradient(g, w, x_shape=x.shape, **geometry)


@conv2d.vjp("w")
def conv2d_vjp_w(g: Any, out: Any, x: Any, w: Any, b: Any, **geometry: Any) -> Any:
    return conv2d_weight_gradient(g, x, w_shape=w.shape, **geometry)


@conv2d.vjp("b")
def conv2d_vjp_b(g: Any, out: Any, x: Any, w: Any, b: Any, **geometry: Any) -> Any:
    return sum(g, axis=(0, 2, 3), keepdims=False)


@primitive(kernel.conv2d_input_gradient, linear=True, batch=1)
def conv2d_input_gradient(
    y: Array, w: Array, *, x_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """Adjoint of conv2d in x: spread every output's share y over the pixels that it saw."""


@conv2d_input_gradient.vjp("y")
def conv2d_input_gradient_vjp_y(g: Any, out: Any, y: Any, w: Any, *, x_shape: Shape, **geometry: Any) -> Any:
    return conv2d(g, w, None, **geometry)


@conv2d_input_gradient.vjp("w")
def conv2d_input_gradient_vjp_w(g: Any, out: Any, y: Any, w: Any, *, x_shape: Shape, **geometry: Any) -> Any:
    return conv2d_weight_gradient(y, g, w_shape=w.shape, **geometry)


@primitive(kernel.conv2d_weight_gradient, linear=True)
def conv2d_weight_gradient(
    y: Array, x: Array, *, w_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """Adjoint of conv2d in w: correlate the images with every output's share y."""


@conv2d_weight_gradient.vjp("y")
def conv2d_weight_gradient_vjp_y(g: Any, out: Any, y: Any, x: Any, *, w_shape: Shape, **geometry: Any) -> Any:
    return conv2d(x, g, None, **geometry)


@conv2d_weight_gradient.vjp("x")
def conv2d_weight_gradient_vjp_x(g: Any, out: Any, y: Any, x: Any, *, w_shape: Shape, **geometry: Any) -> Any:
    return conv2d_input_gradient(y, g, x_shape=x.shape, **geometry)
