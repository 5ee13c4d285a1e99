"""Operations that shrink axes: sum, mean, extremes, logsumexp, variance, norm, product.

`axis` is None (all), an int or a tuple of ints; x (*A) -> A without the axes, or with `keepdims` of size 1 there. Every
rule first restores the cotangent to the argument's shape. Look next at cumulate.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.backend import Defaults
from ..core.errors import ShapeError
from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import loops
from ..kernels import sums as kernel
from ..kernels.sums import add_up
from .broadcast import Shape, broadcast_to
from .compare import equal, keep, not_equal, where
from .elementwise import exp
from .index import getitem
from .layout import cat, reshape
from .promotion import floating

Axis = int | tuple[int, ...] | None

largest: Any = np.maximum.reduce  # NumPy's type stubs do not know these with a variable keepdims
smallest: Any = np.minimum.reduce
numpy: Any = np  # for functions whose stubs differ between versions of NumPy


def reduced_axes(ndim: int, axis: Axis) -> tuple[int, ...]:
    """List the axes that a reduction shrinks, counted from 0."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))) if ndim else ()


def count(shape: Shape, axis: Axis) -> int:
    """Count the elements that go into one result."""
    return math.prod(shape if axis is None else (shape[a] for a in reduced_axes(len(shape), axis)))


def restore(g: Any, shape: Shape, axis: Axis) -> Any:
    """Stretch the result of a reduction (or its cotangent) back over the axes it shrank."""
    if g.ndim:
        axes = reduced_axes(len(shape), axis)
        g = reshape(g, shape=tuple(1 if i in axes else size for i, size in enumerate(shape)))
    return broadcast_to(g, shape=shape)


def check_elements(x: Array, axis: Axis, name: str) -> None:
    """Raise where a reduction without a neutral element meets no elements."""
    if count(x.shape, axis) == 0 and (x.size or 0 in [x.shape[a] for a in reduced_axes(x.ndim, axis)]):
        what, hint = f"{name}: no elements to choose from along axis {axis}.", "check for an empty batch first"
        raise ShapeError(what, got=f"x {x.shape}", expected="at least one element along every reduced axis", hint=hint)


@primitive(rows=loops.row_sums, linear=True, batch="axis")
def sum(x: Array, *, axis: Axis, keepdims: bool, out: Array | None = None) -> Any:
    """Sum over axes; booleans and integers as int64."""
    dtype = None if x.dtype.kind == "f" else np.int64
    if x.size > kernel.SMALL and x.ndim > 1 and axis is not None:
        return kernel.sum_axes(x, reduced_axes(x.ndim, axis), keepdims=keepdims, dtype=dtype, out=out)
    return add_up(x, axis, dtype, out, keepdims)


@sum.vjp("x")
def sum_vjp_x(g: Any, out: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    return restore(g, x.shape, axis)


def mean_into(x: Array, *, axis: Axis, keepdims: bool, out: Array) -> Any:
    """Take the mean without working space of its own."""
    add_up(x, axis, None, out, keepdims)
    return np.true_divide(out, x.size / (out.size or 1), out)


@primitive(rows=loops.row_means, unchecked=mean_into, linear=True, batch="axis")
def mean(x: Array, *, axis: Axis, keepdims: bool, out: Array | None = None) -> Any:
    """Arithmetic mean over axes; of integers, a float."""
    # divided by a NumPy float so that no elements give NaN, as in PyTorch, instead of ZeroDivisionError
    kind = x.dtype.type if x.dtype.kind == "f" else np.float64
    return np.true_divide(add_up(x, axis, None, None, keepdims), kind(count(x.shape, axis)), out)


@mean.vjp("x")
def mean_vjp_x(g: Any, out: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    return restore(g / count(x.shape, axis), x.shape, axis)


@primitive(rows=loops.row_maxima, batch="axis")
def amax(x: Array, *, axis: Axis, keepdims: bool, out: Array | None = None) -> Any:
    """Largest element over axes; equal ones share the gradient."""
    check_elements(x, axis, "amax")
    return largest(x, axis=axis if axis is not None else reduced_axes(x.ndim, None), keepdims=keepdims, out=out)


@amax.vjp("x")
def amax_vjp_x(g: Any, out: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    share = share_of_extreme(x, restore(out, x.shape, axis), axis=axis)
    return keep(restore(g, x.shape, axis), not_equal(share, 0)) * share


@primitive(rows=loops.row_minima, batch="axis")
def amin(x: Array, *, axis: Axis, keepdims: bool, out: Array | None = None) -> Any:
    """Smallest element over axes; equal ones share the gradient."""
    check_elements(x, axis, "amin")
    return smallest(x, axis=axis if axis is not None else reduced_axes(x.ndim, None), keepdims=keepdims, out=out)


@amin.vjp("x")
def amin_vjp_x(g: Any, out: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    share = share_of_extreme(x, restore(out, x.shape, axis), axis=axis)
    return keep(restore(g, x.shape, axis), not_equal(share, 0)) * share


@primitive(differentiable=False, slow="rarely needed: the gradient of a maximum over axes", batch="axis")
def share_of_extreme(x: Array, extreme: Array, *, axis: Axis) -> Any:
    """1 / k at each of the k elements that equal the extreme of their group, else 0. Constant to differentiation."""
    hit = ((x == extreme) | (x != x)).astype(x.dtype)  # where there is NaN, the extreme is NaN
    return hit / np.maximum(hit.sum(axis=axis, keepdims=True), 1)


@primitive(differentiable=False, rows=loops.first_maxima, batch="axis")
def argmax(x: Array, *, axis: int | None, keepdims: bool, out: Array | None = None) -> Any:
    """Position of the first largest element, along one axis or in the flattened array, int64."""
    check_elements(x, axis, "argmax")
    return numpy.argmax(x, axis=axis, keepdims=keepdims, out=out)


@primitive(differentiable=False, rows=loops.first_minima, batch="axis")
def argmin(x: Array, *, axis: int | None, keepdims: bool, out: Array | None = None) -> Any:
    """Position of the first smallest element, along one axis or in the flattened array, int64."""
    check_elements(x, axis, "argmin")
    return numpy.argmin(x, axis=axis, keepdims=keepdims, out=out)


@primitive(differentiable=False, slow="stops early, which rows of a kernel do not", batch="axis")
def all(x: Array, *, axis: Axis, keepdims: bool, out: Array | None = None) -> Any:
    """Tell whether every element is true (not 0). Constant to differentiation."""
    return numpy.all(x, axis=axis, keepdims=keepdims, out=out)


@primitive(differentiable=False, slow="stops early, which rows of a kernel do not", batch="axis")
def any(x: Array, *, axis: Axis, keepdims: bool, out: Array | None = None) -> Any:
    """Tell whether some element is true (not 0). Constant to differentiation."""
    return numpy.any(x, axis=axis, keepdims=keepdims, out=out)


@primitive(rows=loops.row_logsumexp, slow="NumPy needs arrays to work in, as large as x", batch="axis")
def logsumexp(x: Array, *, axis: Axis, keepdims: bool) -> Any:
    """log Σ eˣ, with the largest element taken out first so that nothing overflows."""
    x = floating(x)
    if count(x.shape, axis) == 0:  # the logarithm of 0, without the warning
        empty = np.zeros_like(x, dtype=x.dtype if x.dtype.kind == "f" else Defaults.dtype)
        return add_up(empty, axis=axis, keepdims=keepdims) - np.inf
    top = largest(x, axis=axis if axis is not None else reduced_axes(x.ndim, None), keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(add_up(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=reduced_axes(x.ndim, axis))


@logsumexp.vjp("x")
def logsumexp_vjp_x(g: Any, out: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    return restore(g, x.shape, axis) * exp(x - restore(out, x.shape, axis))


@primitive(rows=loops.row_variances, slow="NumPy needs arrays to work in, as large as x", batch="axis")
def var(x: Array, *, axis: Axis, correction: float, keepdims: bool) -> Any:
    """Variance over axes: squared distances from the mean, summed and divided by their number less the correction."""
    centred = x - mean(x, axis=axis, keepdims=True)
    total, number = add_up(np.square(centred), axis=axis, keepdims=keepdims), count(x.shape, axis)
    return np.true_divide(total, total.dtype.type(max(number - correction, 0) if number else 0))


@var.vjp("x")
def var_vjp_x(g: Any, out: Any, x: Any, *, axis: Axis, correction: float, keepdims: bool) -> Any:
    # divided last, and as an array: too few elements give NaN, as forward, instead of ZeroDivisionError
    distance = x - mean(x, axis=axis, keepdims=True)
    return restore(g, x.shape, axis) * (2 * distance) / max(count(x.shape, axis) - correction, 0)


@primitive(rows=loops.row_norms, batch="axis")
def norm(x: Array, *, axis: Axis, keepdims: bool, out: Array | None = None) -> Any:
    """Euclidean norm √Σ x² over axes; its derivative where it is 0 is 0, as in PyTorch."""
    return kernel.norm(floating(x), reduced_axes(x.ndim, axis), keepdims=keepdims, out=out)


@norm.vjp("x")
def norm_vjp_x(g: Any, out: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    length = where(equal(out, 0), math.inf, out)  # as if far away, where nothing changes
    return restore(g / length, x.shape, axis) * x


@norm.jvp("x")
def norm_jvp_x(t: Any, out: Any, x: Any, *, axis: Axis, keepdims: bool) -> Any:
    return sum(t * x, axis=axis, keepdims=keepdims) / where(equal(out, 0), math.inf, out)


@primitive(slow="rarely needed", batch="axis")
def prod(x: Array, *, axis: int | None, keepdims: bool) -> Any:
    """Product along an axis or of all elements; booleans and integers as int64."""
    return kernel.multiply_up(x, axis, keepdims)


@prod.vjp("x")
def prod_vjp_x(g: Any, out: Any, x: Any, *, axis: int | None, keepdims: bool) -> Any:
    return restore(g, x.shape, axis) * others(x, axis)


def others(x: Any, axis: int | None) -> Any:
    """Give for each element the product of the others: halves are multiplied, not divided by, so that 0 does no harm.
    """
    if axis is None or x.ndim == 0:
        return reshape(others(reshape(x, shape=(math.prod(x.shape),)), 0), shape=x.shape)
    n, half, lead = x.shape[axis], x.shape[axis] // 2, (slice(None),) * (axis % x.ndim)
    if n < 2:
        return where(False, x, 1.0)
    a, b, rest = (getitem(x, index=(*lead, slice(i, j))) for i, j in ((0, half), (half, 2 * half), (2 * half, n)))
    found = others(cat(a * b, rest, axis=axis), axis)
    top, last = (getitem(found, index=(*lead, part)) for part in (slice(half), slice(half, None)))
    return cat(top * b, top * a, last, axis=axis)
