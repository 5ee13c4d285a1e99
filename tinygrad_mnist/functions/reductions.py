"""PyTorch's names for what shrinks dimensions: sum, mean, max, argmax, var, prod ...

`dim` and `keepdim` here are `axis` and `keepdims` below. Look next at shapes.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..graph import Var
from ..ops import compare, index, reduce
from ..ops.elementwise import clone, sqrt
from .dims import Dims, one, some
from .shapes import squeeze


class ValuesAndIndices(NamedTuple):
    """What max and min give along a dimension: the values and where they were."""

    values: Any
    indices: Any


def sum(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Sum over dimensions (None: all)."""
    return reduce.sum(input, axis=some("sum", dim, np.ndim(input)), keepdims=keepdim)


def mean(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Arithmetic mean over dimensions (None: all)."""
    return reduce.mean(input, axis=some("mean", dim, np.ndim(input)), keepdims=keepdim)


def amax(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Largest element over dimensions; equal ones share the gradient."""
    return reduce.amax(input, axis=some("amax", dim, np.ndim(input)), keepdims=keepdim)


def amin(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Smallest element over dimensions; equal ones share the gradient."""
    return reduce.amin(input, axis=some("amin", dim, np.ndim(input)), keepdims=keepdim)


def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position of the first largest element."""
    return reduce.argmax(input, axis=some("argmax", dim, np.ndim(input)), keepdims=keepdim)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position of the first smallest element."""
    return reduce.argmin(input, axis=some("argmin", dim, np.ndim(input)), keepdims=keepdim)


def all(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Tell whether every element is true."""
    return reduce.all(input, axis=some("all", dim, np.ndim(input)), keepdims=keepdim)


def any(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Tell whether some element is true."""
    return reduce.any(input, axis=some("any", dim, np.ndim(input)), keepdims=keepdim)


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Largest element of all; with `dim` a pair (values, indices); with a tensor in its place the larger of the two.

    With `dim` the first of equal elements gets the whole gradient.
    """
    return _extreme(input, dim, keepdim, reduce.amax, reduce.argmax, compare.maximum)


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Smallest element of all; with `dim` a pair (values, indices); with a tensor in its place the smaller of the two.

    With `dim` the first of equal elements gets the whole gradient.
    """
    return _extreme(input, dim, keepdim, reduce.amin, reduce.argmin, compare.minimum)


def _extreme(input: Any, dim: Any, keepdim: bool, over_all: Any, position: Any, of_two: Any) -> Any:
    if dim is None:
        return over_all(input, axis=None, keepdims=False)
    if isinstance(dim, Var | np.ndarray):
        return of_two(input, dim)
    if input.ndim == 0:
        return ValuesAndIndices(clone(input), position(input, axis=None, keepdims=False))
    dim = one(over_all.name.removeprefix("a"), dim, input.ndim)
    where_ = position(input, axis=dim, keepdims=True)
    values = index.gather(input, where_, axis=dim)
    if keepdim:
        return ValuesAndIndices(values, where_)
    return ValuesAndIndices(squeeze(values, dim), squeeze(where_, dim))


def logsumexp(input: Any, dim: Dims, keepdim: bool = False) -> Any:
    """log Σ exp over dimensions, without overflow."""
    return reduce.logsumexp(input, axis=some("logsumexp", dim, np.ndim(input)), keepdims=keepdim)


def var(input: Any, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Any:
    """Variance over dimensions, divided by n - correction."""
    return reduce.var(input, axis=some("var", dim, np.ndim(input)), correction=correction, keepdims=keepdim)


def std(input: Any, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Any:
    """Standard deviation over dimensions, √var."""
    squared = var(input, dim, correction=correction, keepdim=keepdim)
    flat = compare.equal(squared, 0)  # where nothing varies the derivative is 0, as in PyTorch, not 0 / 0
    return compare.where(flat, 0.0, sqrt(compare.where(flat, 1.0, squared)))


def prod(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Product of all elements or along one dimension; its gradient is right where elements are 0."""
    return reduce.prod(input, some("prod", dim, np.ndim(input)), keepdim)
