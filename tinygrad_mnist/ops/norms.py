"""What normalizations are made of: rows made of mean 0 and deviation 1, and moments and scales of channels.

Layer, group and instance norms standardize rows of a matrix. Batch norm has moments of each channel and rescales by
them, or by those that it kept. Look next at contract.py.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import norm_loops
from ..kernels import norms as kernel
from .elementwise import sqrt
from .index import getitem
from .reduce import mean, restore, sum, var


@primitive(kernel.standardize, residuals=True, rows=norm_loops.standardize, batch=1)
def standardize(x: Array, *, eps: float) -> Any:
    """Take the mean from each row and divide by the deviation.

    Math:    out = (x - mean) / √(variance + eps)
    Shapes:  x (N, D) -> (N, D)
    """


@standardize.jvp("x")  # its Jacobian is symmetric
@standardize.vjp("x")
def standardize_vjp_x(g: Any, out: Any, x: Any, *, eps: float, saved: Any = None) -> Any:
    if saved is None:
        return standardize_grad(g, out, 1 / sqrt(var(x, axis=1, correction=0, keepdims=False) + eps))
    return standardize_grad(g, out, saved)


@primitive(kernel.standardize_grad, rows=norm_loops.standardize_grad, linear=("y",), batch=3)
def standardize_grad(y: Array, h: Array, r: Array) -> Any:
    """Gradient of standardize, of its result h and the reciprocal deviations r.

    Math:    out = r (y - mean(y) - h mean(y h)), row by row
    Shapes:  y, h (N, D), r (N,) -> (N, D)
    """


@standardize_grad.vjp("y")
def standardize_grad_vjp_y(g: Any, out: Any, y: Any, h: Any, r: Any) -> Any:
    return standardize_grad(g, h, r)


@standardize_grad.vjp("h")
def standardize_grad_vjp_h(g: Any, out: Any, y: Any, h: Any, r: Any) -> Any:
    both = g * mean(y * h, axis=1, keepdims=True) + y * mean(g * h, axis=1, keepdims=True)
    return -both * restore(r, g.shape, 1)


@standardize_grad.vjp("r")
def standardize_grad_vjp_r(g: Any, out: Any, y: Any, h: Any, r: Any) -> Any:
    return sum(g * out, axis=1, keepdims=False) / r


# ---------------------------------------------------------------- channels

WHOLE = "all of a batch goes into one channel: NumPy's sums are as quick"


def others(x: Any) -> tuple[int, ...]:
    """List all axes but that of the channels."""
    return (0, *range(2, x.ndim))


@primitive(kernel.moments, slow=WHOLE)
def moments(x: Array) -> Any:
    """Mean and variance of each channel.

    Shapes:  x (N, C, *) -> (2, C)
    """


@moments.vjp("x")
def moments_vjp_x(g: Any, out: Any, x: Any) -> Any:
    count = max(math.prod(x.shape) // max(x.shape[1], 1), 1)
    centre, gm, gv = (getitem(v, index=(i,)) for v, i in ((out, 0), (g, 0), (g, 1)))
    return rescale(x, centre, gv * (2 / count), gm / count)


@primitive(kernel.rescale, over=(0,), slow=WHOLE, linear=("x",))
def rescale(x: Array, centre: Array | None, factor: Array, offset: Array | None) -> Any:
    """(x - centre) · factor + offset, with one of each per channel.

    Shapes:  x (N, C, *), centre, factor, offset (C,), centre and offset or None -> (N, C, *)
    """


@rescale.vjp("x")
def rescale_vjp_x(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any) -> Any:
    return rescale(g, None, factor, None)


@rescale.vjp("centre")
def rescale_vjp_centre(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any) -> Any:
    return -sum(g, axis=others(x), keepdims=False) * factor


@rescale.vjp("factor")
def rescale_vjp_factor(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any) -> Any:
    return channel_dot(g, x, factor * 0 if centre is None else centre)


@rescale.vjp("offset")
def rescale_vjp_offset(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any) -> Any:
    return sum(g, axis=others(x), keepdims=False)


@primitive(kernel.channel_dot, slow=WHOLE, linear=("y", "x"))
def channel_dot(y: Array, x: Array, centre: Array) -> Any:
    """Sum of y · (x - centre) over all but the channels.

    Shapes:  y, x (N, C, *), centre (C,) -> (C,)
    """


@channel_dot.vjp("y")
def channel_dot_vjp_y(g: Any, out: Any, y: Any, x: Any, centre: Any) -> Any:
    return rescale(x, centre, g, None)


@channel_dot.vjp("x")
def channel_dot_vjp_x(g: Any, out: Any, y: Any, x: Any, centre: Any) -> Any:
    return rescale(y, None, g, None)


@channel_dot.vjp("centre")
def channel_dot_vjp_centre(g: Any, out: Any, y: Any, x: Any, centre: Any) -> Any:
    return -g * sum(y, axis=others(x), keepdims=False)
