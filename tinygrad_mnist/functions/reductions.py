"""PyTorch's names for what shrinks dimensions: sum, mean, max, argmax, var, prod ...

`dim` and `keepdim` here are `axis` and `keepdims` below; NumPy's names are taken, too (names.py). Look next at
cumulative.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Array, Var
from ..ops import compare, index, reduce
from ..ops.elementwise import clone, divide, sqrt
from ..ops.promotion import cast
from .dims import Dims, as_axes, as_axis, axes_or_all, flag
from .names import numpy_names
from .numbers import number
from .shapes import squeeze
from .types import Tensor, TensorLike


class ValuesAndIndices(NamedTuple):
    """What max and min give along a dimension: the values and where they were."""

    values: Tensor
    indices: Tensor


@numpy_names
def sum(input: TensorLike, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over dimensions (None: all); dtype: convert to it first."""
    x = input if dtype is None else cast(input, dtype=np.dtype(dtype))
    total = reduce.sum(x, axis=axes_or_all("sum", dim, np.ndim(x)), keepdims=flag("sum", "keepdim", keepdim))
    return total if dtype is None else in_dtype(total, dtype)


@numpy_names
def nansum(input: TensorLike, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over dimensions (None: all) of what is a number."""
    return sum(compare.keep(input, compare.equal(input, input)), dim, keepdim, dtype=dtype)


@numpy_names
def nanmean(input: TensorLike, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Arithmetic mean over dimensions (None: all) of what is a number."""
    numbers = sum(compare.logical_not(compare.isnan(input)), dim, keepdim)
    return divide(nansum(input, dim, keepdim, dtype=dtype), numbers)


@numpy_names
def mean(input: TensorLike, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Arithmetic mean over dimensions (None: all); dtype: convert to it first."""
    input = input if dtype is None else cast(input, dtype=np.dtype(dtype))
    return reduce.mean(input, axis=axes_or_all("mean", dim, np.ndim(input)), keepdims=flag("mean", "keepdim", keepdim))


@numpy_names
def amax(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Largest element over dimensions; equal ones share the gradient."""
    return reduce.amax(input, axis=axes_or_all("amax", dim, np.ndim(input)), keepdims=flag("amax", "keepdim", keepdim))


@numpy_names
def amin(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Smallest element over dimensions; equal ones share the gradient."""
    return reduce.amin(input, axis=axes_or_all("amin", dim, np.ndim(input)), keepdims=flag("amin", "keepdim", keepdim))


@numpy_names
def argmax(input: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Position of the first largest element."""
    return reduce.argmax(input, axis=_axis("argmax", dim, np.ndim(input)), keepdims=flag("argmax", "keepdim", keepdim))


@numpy_names
def argmin(input: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Position of the first smallest element."""
    return reduce.argmin(input, axis=_axis("argmin", dim, np.ndim(input)), keepdims=flag("argmin", "keepdim", keepdim))


@numpy_names
def all(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Tell whether every element is true."""
    axis = None if dim is None else as_axes("all", dim, np.ndim(input))  # as PyTorch: of (), element by element
    axis = None if np.ndim(input) == 0 else axis
    return _truth(input, reduce.all(input, axis=axis, keepdims=flag("all", "keepdim", keepdim)))


@numpy_names
def any(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Tell whether some element is true."""
    axis = None if dim is None else as_axes("any", dim, np.ndim(input))  # as PyTorch: of (), element by element
    axis = None if np.ndim(input) == 0 else axis
    return _truth(input, reduce.any(input, axis=axis, keepdims=flag("any", "keepdim", keepdim)))


@numpy_names
def max(input: TensorLike, dim: Any = None, keepdim: bool = False, *, other: Tensor | Array | None = None) -> Any:
    """Largest element of all; with `dim` a pair (values, indices); of two tensors the larger, element by element.

    The second is `other`, or stands in dim's place. With `dim` the first of equal elements gets the whole gradient.
    """
    return _extreme(input, dim, keepdim, other, reduce.amax, reduce.argmax, compare.maximum)


@numpy_names
def min(input: TensorLike, dim: Any = None, keepdim: bool = False, *, other: Tensor | Array | None = None) -> Any:
    """Smallest element of all; with `dim` a pair (values, indices); of two tensors the smaller, element by element.

    The second is `other`, or stands in dim's place. With `dim` the first of equal elements gets the whole gradient.
    """
    return _extreme(input, dim, keepdim, other, reduce.amin, reduce.argmin, compare.minimum)


def _extreme(input: Any, dim: Any, keepdim: bool, other: Any, over_all: Any, position: Any, of_two: Any) -> Any:
    name = over_all.name.removeprefix("a")
    if other is not None:
        if dim is not None or not isinstance(other, Var | np.ndarray):
            raise DTypeError(f"{name}: other is a second tensor, without dim.", got=f"dim = {dim!r:.60}")
        dim = other
    if flag(name, "keepdim", keepdim) and (dim is None or isinstance(dim, Var | np.ndarray)):
        raise ArgumentError(f"{name}: keepdim goes with a dimension.", hint=f"{name}(dim, keepdim=True), or a{name}")
    if dim is None:
        return over_all(input, axis=None, keepdims=False)
    if isinstance(dim, Var | np.ndarray):
        return of_two(input, dim)
    dim = as_axis(name, dim, input.ndim)
    if input.ndim == 0:
        return ValuesAndIndices(clone(input), position(input, axis=None, keepdims=False))
    where_ = position(input, axis=dim, keepdims=True)
    values = index.gather(input, where_, axis=dim)
    if keepdim:
        return ValuesAndIndices(values, where_)
    return ValuesAndIndices(squeeze(values, dim), squeeze(where_, dim))


@numpy_names
def logsumexp(input: TensorLike, dim: Dims, keepdim: bool = False) -> Tensor:
    """log Σ exp over dimensions, without overflow."""
    axis = axes_or_all("logsumexp", dim, np.ndim(input))
    return reduce.logsumexp(input, axis=axis, keepdims=flag("logsumexp", "keepdim", keepdim))


@numpy_names
def var(
    input: TensorLike, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """Variance over dimensions, divided by n - correction.

    Args:
        dim: a bool in its place is `unbiased`, as in PyTorch: var(False)
        unbiased: the older name: False for a correction of 0
        correction: 1 unless given
    """
    return _variance("var", input, dim, unbiased, keepdim, correction)


@numpy_names
def std(
    input: TensorLike, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """Standard deviation over dimensions, √var, with var's arguments."""
    squared = _variance("std", input, dim, unbiased, keepdim, correction)
    flat = compare.equal(squared, 0)  # where nothing varies the derivative is 0, as in PyTorch, not 0 / 0
    return compare.where(flat, 0.0, sqrt(compare.where(flat, 1.0, squared)))


@numpy_names
def var_mean(
    input: TensorLike, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Tensor, Tensor]:
    """Variance, with var's arguments, and mean."""
    return _with_mean(var, input, dim, unbiased, keepdim, correction)


@numpy_names
def std_mean(
    input: TensorLike, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Tensor, Tensor]:
    """Standard deviation, with var's arguments, and mean."""
    return _with_mean(std, input, dim, unbiased, keepdim, correction)


def _with_mean(spread: Any, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Any:
    of = None if isinstance(dim, bool) else dim
    return spread(input, dim, unbiased, keepdim, correction=correction), mean(input, of, keepdim)


def _variance(name: str, input: TensorLike, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Tensor:
    if dim is True or dim is False:
        if unbiased is not True or keepdim is not False or correction is not None:
            raise DTypeError(f"{name}: a dimension must be an int.", got=f"dim = {dim}", hint=f"{name}({dim}) alone")
        dim, unbiased = None, dim
    if not flag(name, "unbiased", unbiased):
        if correction is not None:
            raise ArgumentError(f"{name}: unbiased and correction say the same.", expected="one of them")
        correction = 0
    correction = 1 if correction is None else number(name, correction)
    axis = axes_or_all(name, dim, np.ndim(input))
    return reduce.var(input, axis=axis, correction=correction, keepdims=flag(name, "keepdim", keepdim))


@numpy_names
def prod(input: TensorLike, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Product of all elements or along one dimension; its gradient is right where elements are 0."""
    x = input if dtype is None else cast(input, dtype=np.dtype(dtype))
    product = reduce.prod(x, _axis("prod", dim, np.ndim(x)), flag("prod", "keepdim", keepdim))
    return product if dtype is None else in_dtype(product, dtype)


def in_dtype(x: Any, dtype: Any) -> Any:
    """Convert unless there is nothing to convert."""
    return x if x.dtype == np.dtype(dtype) else cast(x, dtype=np.dtype(dtype))


def _truth(input: Any, found: Any) -> Any:
    """Give the truth about bytes as bytes, as PyTorch does."""
    return cast(found, dtype=input.dtype) if getattr(input, "dtype", None) == np.uint8 else found


def _axis(name: str, dim: Any, ndim: int) -> int | None:
    """Count one dimension from 0, or None for all."""
    axis = None if dim is None else as_axis(name, dim, ndim)
    return axis if ndim else None
