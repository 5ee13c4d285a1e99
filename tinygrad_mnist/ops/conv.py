"""The calculus of two-dimensional convolution; kernels/conv.py has the arithmetic.

Three operations, each linear in each of its two arrays, and closed under differentiation: the rule for either array
of any of the three is another of the three. That is why convolution can be differentiated to any order. Look next at
pool.py.
"""

from __future__ import annotations

from typing import Any

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import conv as kernel
from .broadcast import Shape
from .reduce import sum

Pair = tuple[int, int]


@primitive(kernel.conv2d)
def conv2d(x: Array, w: Array, b: Array | None, *, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """Cross-correlate images with filters.

    Math:    out[n,o,i,j] = b[o] + Σ w[o,c,p,q] · x[n, c, i·s + p·d - pad, j·s + q·d - pad]
    Shapes:  x (N, C, H, W), w (O, C / groups, KH, KW), b (O,) or None -> (N, O, OH, OW);
             OH = ⌊(H + 2 pad - d (KH - 1) - 1) / s⌋ + 1
    Raises:  ShapeError if x and w disagree on C or the filter is larger than the padded image
    """


@conv2d.vjp("x")
def conv2d_vjp_x(g: Any, out: Any, x: Any, w: Any, b: Any, **geometry: Any) -> Any:
    return conv2d_input_gradient(g, w, x_shape=x.shape, **geometry)


@conv2d.vjp("w")
def conv2d_vjp_w(g: Any, out: Any, x: Any, w: Any, b: Any, **geometry: Any) -> Any:
    return conv2d_weight_gradient(g, x, w_shape=w.shape, **geometry)


@conv2d.vjp("b")
def conv2d_vjp_b(g: Any, out: Any, x: Any, w: Any, b: Any, **geometry: Any) -> Any:
    return sum(g, axis=(0, 2, 3), keepdims=False)


@primitive(kernel.conv2d_input_gradient)
def conv2d_input_gradient(
    y: Array, w: Array, *, x_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """Adjoint of conv2d in x: spread every output's share y over the pixels that it saw.

    Shapes:  y (N, O, OH, OW), w (O, C / groups, KH, KW) -> x_shape (N, C, H, W)
    """


@conv2d_input_gradient.vjp("y")
def conv2d_input_gradient_vjp_y(g: Any, out: Any, y: Any, w: Any, *, x_shape: Shape, **geometry: Any) -> Any:
    return conv2d(g, w, None, **geometry)


@conv2d_input_gradient.vjp("w")
def conv2d_input_gradient_vjp_w(g: Any, out: Any, y: Any, w: Any, *, x_shape: Shape, **geometry: Any) -> Any:
    return conv2d_weight_gradient(y, g, w_shape=w.shape, **geometry)


@primitive(kernel.conv2d_weight_gradient)
def conv2d_weight_gradient(
    y: Array, x: Array, *, w_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """Adjoint of conv2d in w: correlate the images with every output's share y.

    Shapes:  y (N, O, OH, OW), x (N, C, H, W) -> w_shape (O, C / groups, KH, KW)
    """


@conv2d_weight_gradient.vjp("y")
def conv2d_weight_gradient_vjp_y(g: Any, out: Any, y: Any, x: Any, *, w_shape: Shape, **geometry: Any) -> Any:
    return conv2d(x, g, None, **geometry)


@conv2d_weight_gradient.vjp("x")
def conv2d_weight_gradient_vjp_x(g: Any, out: Any, y: Any, x: Any, *, w_shape: Shape, **geometry: Any) -> Any:
    return conv2d_input_gradient(y, g, x_shape=x.shape, **geometry)
