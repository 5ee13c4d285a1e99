"""The calculus of max-pooling; kernels/pool.py has the arithmetic, the formulas and the shapes.

Pooling finds a winner per window; its rule adds cotangents at the winners (scatter), whose own rule reads there
(gather), and back. Look next at softmax.py.
"""

from __future__ import annotations

from typing import Any

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import pool as kernel
from ..kernels.pool import ONE
from ..kernels.shapes import Pair
from .broadcast import Shape


# in evaluation nobody asks for the winners
@primitive(kernel.max_pool2d, residuals=True, unrecorded=kernel.max_pool2d_values, batch=1)
def max_pool2d(x: Array, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE) -> Any:
    """Take the largest element of every window; of equal ones the first wins the whole gradient."""


@max_pool2d.vjp("x")
def max_pool2d_vjp_x(g: Any, out: Any, x: Any, *, saved: Any = None, **window: Any) -> Any:
    winners = pool_winners(x, **window) if saved is None else saved
    return pool_scatter(g, winners, x_shape=x.shape, **window)


@max_pool2d.jvp("x")
def max_pool2d_jvp_x(t: Any, out: Any, x: Any, *, saved: Any = None, **window: Any) -> Any:
    return pool_gather(t, pool_winners(x, **window) if saved is None else saved, **window)


@primitive(differentiable=False, slow="needed at the second derivative only", batch=1)
def pool_winners(x: Array, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE) -> Array:
    """Find which tap of its window each window's winner is. Constant to differentiation.

    Shapes:
        x (N, C, H, W) -> (N, C, OH, OW) of unsigned integers, row · KW + column within the window
    """
    window: Any = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    return kernel.max_pool2d(x, **window)[1]


@primitive(kernel.pool_positions, differentiable=False, slow="integers that a loss does not need")
def pool_positions(
    winners: Array, *, width: int, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE
) -> Any:
    """Number the pixel that won, in row order of its plane. Constant to differentiation."""


@primitive(kernel.pool_scatter, linear=True, batch=2)
def pool_scatter(
    x: Array, winners: Array, *, x_shape: Shape, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE
) -> Any:
    """Add every window's value at its winner, into zeros."""


@pool_scatter.vjp("x")
def pool_scatter_vjp_x(g: Any, out: Any, x: Any, winners: Any, *, x_shape: Shape, **window: Any) -> Any:
    return pool_gather(g, winners, **window)


@primitive(kernel.pool_gather, slow="needed at the second derivative only", linear=True, batch=2)
def pool_gather(
    x: Array, winners: Array, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE
) -> Any:
    """Read every window's winner."""


@pool_gather.vjp("x")
def pool_gather_vjp_x(g: Any, out: Any, x: Any, winners: Any, **window: Any) -> Any:
    return pool_scatter(g, winners, x_shape=x.shape, **window)
