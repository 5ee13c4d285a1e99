"""PyTorch's names for what the order of elements gives: median, quantile, mode, extremes of both kinds.

Values are gathered where they are found, so gradients go there; the median of all elements shares its gradient among
equal ones. Look next at counting.py.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.graph import no_grad
from ..core.scope import unchanging
from ..ops import compare, elementary, index, layout, order, promotion, reduce
from .dims import as_axis, flag
from .names import numpy_names
from .reductions import ValuesAndIndices
from .types import Tensor, TensorLike


class Extremes(NamedTuple):
    """What aminmax gives."""

    min: Tensor
    max: Tensor


@numpy_names
def aminmax(input: TensorLike, *, dim: int | None = None, keepdim: bool = False) -> Extremes:
    """Smallest and largest element, of all or along a dimension; equal ones share the gradient."""
    axis = None if dim is None else as_axis("aminmax", dim, np.ndim(input))
    low, high = (f(input, axis=axis, keepdims=flag("aminmax", "keepdim", keepdim)) for f in (reduce.amin, reduce.amax))
    return Extremes(low, high)


@numpy_names
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Median, of two the lower one; with `dim` a pair (values, indices)."""
    return _median("median", input, dim, keepdim, False)


@numpy_names
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Median of what is a number, of two the lower one; with `dim` a pair (values, indices)."""
    return _median("nanmedian", input, dim, keepdim, True)


def _median(name: str, input: Any, dim: Any, keepdim: bool, ignore: bool) -> Any:
    flag(name, "keepdim", keepdim)
    middle = partial(order.middle, ignore=ignore)
    if dim is not None:
        return _chosen(name, input, dim, keepdim, middle)
    flat = layout.reshape(input, shape=(math.prod(input.shape),))
    if not flat.shape[0]:
        return reduce.mean(flat, axis=None, keepdims=False)  # NaN
    with no_grad():
        value = index.gather(flat, middle(flat, axis=0), axis=0)
        same = compare.logical_or(compare.equal(flat, value), compare.not_equal(value, value) * compare.isnan(flat))
    if flat.dtype.kind != "f":
        return layout.reshape(value, shape=())
    return reduce.amax(compare.where(same, flat, -math.inf), axis=None, keepdims=False)


def _chosen(name: str, input: Any, dim: int, keepdim: bool, position: Any) -> ValuesAndIndices:
    """Gather what a position along a dimension names."""
    axis = as_axis(name, dim, input.ndim)
    x = input if input.ndim else layout.reshape(input, shape=(1,))
    if not x.shape[axis]:
        raise ShapeError(f"{name}: dimension {dim} has no elements.", got=f"x {tuple(x.shape)}")
    at = position(x, axis=axis)
    shape = at.shape if keepdim and input.ndim else (*at.shape[:axis], *at.shape[axis + 1 :])
    return ValuesAndIndices(*(layout.reshape(t, shape=shape) for t in (index.gather(x, at, axis=axis), at)))


@numpy_names
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Most common element along a dimension, of several the smallest, and where its last one is."""
    return _chosen("mode", input, dim, flag("mode", "keepdim", keepdim), order.most_common)


@numpy_names
def quantile(
    input: Tensor, q: float | TensorLike, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """Value below which a share q of the elements lies, between two of them by interpolation; of NaN, NaN.

    Args:
        q: a number from 0 to 1 or a vector of them, along which the results are stacked first
        interpolation: linear, lower, higher, midpoint or nearest
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@numpy_names
def nanquantile(
    input: Tensor, q: float | TensorLike, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """Quantile, as `quantile`, of what is a number."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(name: str, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, ignore: bool) -> Any:
    kinds = ("linear", "lower", "higher", "midpoint", "nearest")
    if interpolation not in kinds:
        raise ArgumentError(f"{name}: {interpolation!r} is no interpolation.", expected=f"one of {', '.join(kinds)}")
    shares = np.asarray(q, dtype=np.float64)
    if shares.ndim > 1 or not ((shares >= 0) & (shares <= 1)).all():
        raise ArgumentError(f"{name}: q must be numbers from 0 to 1.", got=f"{q!r:.60}")
    ndim = input.ndim
    axis = None if dim is None else as_axis(name, dim, ndim)
    x = layout.reshape(input, shape=(math.prod(input.shape),)) if axis is None or not ndim else input
    if axis is not None and ndim:
        x = layout.transpose(x, axes=(*(i for i in range(ndim) if i != axis), axis))
    size = x.shape[-1]
    if 0 in input.shape:
        raise ShapeError(f"{name}: there are no elements.", got=f"x {tuple(input.shape)}")
    with no_grad():
        places = order.argsort(x, axis=x.ndim - 1, descending=False)
        numbers = reduce.sum(compare.equal(x, x), axis=-1, keepdims=True)
        top = promotion.cast(compare.maximum(numbers - 1, 0), dtype=x.dtype)
        rank = top * unchanging(shares.reshape(-1).astype(x.dtype))
        if not ignore:
            rank = compare.where(compare.less(numbers, size), float(size - 1), rank)
        if interpolation in ("lower", "higher", "nearest"):
            rounded = {"lower": elementary.floor, "higher": elementary.ceil, "nearest": elementary.rint}
            rank = rounded[interpolation](rank)
        below = elementary.floor(rank)
        weight = 0.5 * elementary.ceil(rank - below) if interpolation == "midpoint" else rank - below
        low, high = (
            index.gather(places, promotion.cast(k, dtype=np.dtype(np.int64)), axis=x.ndim - 1)
            for k in (below, elementary.ceil(rank))
        )
    low, high = (index.gather(x, k, axis=x.ndim - 1) for k in (low, high))
    found = elementary.lerp(low, high, weight) if interpolation in ("linear", "midpoint") else low
    found = layout.transpose(found, axes=(found.ndim - 1, *range(found.ndim - 1)))
    rest = found.shape[1:] if axis is not None and ndim else ()
    if keepdim:
        rest = (1,) * ndim if axis is None else (*rest[:axis], 1, *rest[axis:]) if ndim else ()
    return layout.reshape(found, shape=(*shares.shape, *rest))
