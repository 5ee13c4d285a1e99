"""What normalizations are made of: rows made of mean 0 and deviation 1, and moments and scales of channels.

Layer, group and instance norms standardize rows of a matrix. Batch norm has moments of each channel and rescales by
them, or by those that it kept. Look next at contract.py.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.graph import Array
from ..core.once import once
from ..core.primitive import primitive
from ..kernels import norm_loops
from ..kernels import norms as kernel
from .elementwise import sqrt
from .index import getitem
from .reduce import mean, restore, sum, var


@primitive(kernel.standardize, residuals=True, rows=norm_loops.standardize, batch=1)
def standardize(x: Array, *, eps: float) -> Any:
    """Take the mean from each row and divide by the deviation.

    Math:
        out = (x - mean) / √(variance + eps)
    Shapes:
        x (N, D) -> (N, D)
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

    Math:
        out = r (y - mean(y) - h mean(y h)), row by row
    Shapes:
        y, h (N, D), r (N,) -> (N, D)
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


@primitive(kernel.moments, slow=WHOLE)
def moments(x: Array) -> Any:
    """Mean and variance of each channel.

    Shapes:
        x (N, C, *) -> (2, C)
    """


@moments.vjp("x")
def moments_vjp_x(g: Any, out: Any, x: Any) -> Any:
    count = max(math.prod(x.shape) // max(x.shape[1], 1), 1)
    return rescale(x, row(out, 0), row(g, 1) * (2 / count), row(g, 0) / count, None, None)


def row(x: Any, i: int) -> Any:
    """Take a row of a matrix."""
    return getitem(x, index=(i,))


@primitive(kernel.rescale, over=(0,), slow=WHOLE, linear=("x", "factor", "y"))
def rescale(
    x: Array, centre: Array | None, factor: Array, offset: Array | None, y: Array | None, share: Array | None
) -> Any:
    """(x - centre) · factor + offset + y · share, with one of each per channel.

    Shapes:
        x, y (N, C, *), centre, factor, offset, share (C,); centre, offset, and y with share or None -> (N, C, *)
    """


@rescale.vjp("x")
def rescale_vjp_x(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any, y: Any, share: Any) -> Any:
    return rescale(g, None, factor, None, None, None)


@rescale.vjp("centre")
def rescale_vjp_centre(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any, y: Any, share: Any) -> Any:
    return -row(channel_sums(g, x, centre), 0) * factor


@rescale.vjp("factor")
def rescale_vjp_factor(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any, y: Any, share: Any) -> Any:
    return row(channel_sums(g, x, centre), 1)


@rescale.vjp("offset")
def rescale_vjp_offset(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any, y: Any, share: Any) -> Any:
    return row(channel_sums(g, x, centre), 0)


@rescale.vjp("y")
def rescale_vjp_y(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any, y: Any, share: Any) -> Any:
    return rescale(g, None, share, None, None, None)


@rescale.vjp("share")
def rescale_vjp_share(g: Any, out: Any, x: Any, centre: Any, factor: Any, offset: Any, y: Any, share: Any) -> Any:
    return row(channel_sums(g, y, None), 1)


@primitive(once(kernel.channel_sums), slow=WHOLE, linear=("y",))
def channel_sums(y: Array, x: Array, centre: Array | None) -> Any:
    """Sums of y and of y · (x - centre) over all but the channels.

    Shapes:
        y, x (N, C, *), centre (C,) or None -> (2, C)
    """


@channel_sums.vjp("y")
def channel_sums_vjp_y(g: Any, out: Any, y: Any, x: Any, centre: Any) -> Any:
    return rescale(x, centre, row(g, 1), row(g, 0), None, None)


@channel_sums.vjp("x")
def channel_sums_vjp_x(g: Any, out: Any, y: Any, x: Any, centre: Any) -> Any:
    return rescale(y, None, row(g, 1), None, None, None)


@channel_sums.vjp("centre")
def channel_sums_vjp_centre(g: Any, out: Any, y: Any, x: Any, centre: Any) -> Any:
    return -row(g, 1) * row(out, 0)


@primitive(kernel.batch_norm, residuals=True, slow=WHOLE, linear=("weight",))
def batch_norm(x: Array, known: Array | None, weight: Array | None, bias: Array | None, *, eps: float) -> Any:
    """(x - mean) / √(variance + eps) · weight + bias, each channel by its own moments.

    Shapes:
        x (N, C, *), known (2, C): moments(x) without history, or None; weight, bias (C,) or None -> (N, C, *)
    """


def standard(x: Any, eps: float, saved: Any) -> tuple[Any, Any]:
    """Give the mean and the reciprocal of the deviation of each channel."""
    found = moments(x) if saved is None else saved
    return row(found, 0), 1 / sqrt(row(found, 1) + eps)


@batch_norm.jvp("x")  # its Jacobian is symmetric
@batch_norm.vjp("x")
def batch_norm_vjp_x(
    g: Any, out: Any, x: Any, known: Any, weight: Any, bias: Any, *, eps: float, saved: Any = None
) -> Any:
    centre, r = standard(x, eps, saved)
    sums = channel_sums(g, x, centre)
    factor = r if weight is None else r * weight
    mean = factor * (-x.shape[1] / max(math.prod(x.shape), 1))
    return rescale(x, centre, row(sums, 1) * r * r * mean, row(sums, 0) * mean, g, factor)


@batch_norm.vjp("weight")
def batch_norm_vjp_weight(
    g: Any, out: Any, x: Any, known: Any, weight: Any, bias: Any, *, eps: float, saved: Any = None
) -> Any:
    centre, r = standard(x, eps, saved)
    return row(channel_sums(g, x, centre), 1) * r


@batch_norm.vjp("bias")
def batch_norm_vjp_bias(
    g: Any, out: Any, x: Any, known: Any, weight: Any, bias: Any, *, eps: float, saved: Any = None
) -> Any:
    return row(channel_sums(g, x, standard(x, eps, saved)[0]), 0)
