"""PyTorch's names for running results along a dimension: cumsum, cumprod, cummax, cummin, logcumsumexp.

Look next at order.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import cumulate, index, layout, promotion
from ..ops.elementwise import clone
from .dims import as_axis
from .reductions import ValuesAndIndices, in_dtype
from .types import Tensor, TensorLike


def cumsum(input: TensorLike, dim: int, *, dtype: Any = None) -> Tensor:
    """Sum of the elements up to each one along a dimension."""
    x, axis, shape = _rows("cumsum", input, dim, dtype)
    out = layout.reshape(cumulate.cumsum(x, axis=axis, reverse=False), shape=shape)
    return out if dtype is None else in_dtype(out, dtype)


def cumprod(input: TensorLike, dim: int, *, dtype: Any = None) -> Tensor:
    """Product of the elements up to each one along a dimension; its gradient is right where elements are 0."""
    x, axis, shape = _rows("cumprod", input, dim, dtype)
    out = layout.reshape(cumulate.cumprod(x, axis=axis), shape=shape)
    return out if dtype is None else in_dtype(out, dtype)


def logcumsumexp(input: TensorLike, dim: int) -> Tensor:
    """Logarithm of the sum of the exponentials up to each element along a dimension, without overflow."""
    x, axis, shape = _rows("logcumsumexp", input, dim, None)
    return layout.reshape(cumulate.logcumsumexp(x, axis=axis, reverse=False), shape=shape)


def cummax(input: Tensor, dim: int) -> ValuesAndIndices:
    """Largest element so far along a dimension and where it is, the last of equal ones."""
    return _extremes("cummax", input, dim, True)


def cummin(input: Tensor, dim: int) -> ValuesAndIndices:
    """Smallest element so far along a dimension and where it is, the last of equal ones."""
    return _extremes("cummin", input, dim, False)


def _extremes(name: str, input: Tensor, dim: int, largest: bool) -> ValuesAndIndices:
    x, axis, shape = _rows(name, input, dim, None)
    at = cumulate.running_extreme(x, axis=axis, largest=largest)
    values = index.gather(x, at, axis=axis) if x.ndim else clone(x)
    return ValuesAndIndices(layout.reshape(values, shape=shape), layout.reshape(at, shape=shape))


def _rows(name: str, input: Any, dim: int, dtype: Any) -> tuple[Any, int, tuple[int, ...]]:
    """Give the input in the dtype wanted, a scalar as a vector of one; the axis; and the shape to come back to."""
    axis, shape = as_axis(name, dim, np.ndim(input)), tuple(np.shape(input))
    if dtype is not None:
        input = promotion.cast(input, dtype=np.dtype(dtype))
    return input if shape else layout.reshape(input, shape=(1,)), axis, shape
