"""PyTorch's names for what shrinks dimensions: sum, mean, max, argmax, var, prod ...; and for running sums.

`dim` and `keepdim` here are `axis` and `keepdims` below. Look next at
order.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Array, Var
from ..core.primitive import Primitive
from ..ops import compare, cumulate, index, reduce
from ..ops.elementwise import clone, sqrt
from ..ops.promotion import cast
from .dims import Dims, as_axes, as_axis, axes_or_all, flag
from .elementwise import named
from .numbers import number
from .shapes import reshape, squeeze
from .types import Tensor, TensorLike


class ValuesAndIndices(NamedTuple):
    """What max and min give along a dimension: the values and where they were."""

    values: Tensor
    indices: Tensor


def of_dims(primitive: Primitive, read: Callable[..., Any] = axes_or_all) -> Callable[..., Tensor]:
    """Give a reduction PyTorch's arguments. read: what reads the dimensions."""
    name = primitive.name

    def call(input: TensorLike, dim: Any = None, keepdim: bool = False) -> Tensor:
        axis = read(name, dim, np.ndim(input))
        return primitive(input, axis=axis, keepdims=flag(name, "keepdim", keepdim))

    return named(call, primitive)


def _axis(name: str, dim: Any, ndim: int) -> int | None:
    """Count one dimension from 0, or None for all."""
    axis = None if dim is None else as_axis(name, dim, ndim)
    return axis if ndim else None


amax, amin = map(of_dims, (reduce.amax, reduce.amin))
argmax, argmin = of_dims(reduce.argmax, _axis), of_dims(reduce.argmin, _axis)


def of_truths(primitive: Primitive) -> Callable[..., Tensor]:
    """Give what tells the truth of elements PyTorch's arguments: of bytes as bytes, over () element by element."""
    name = primitive.name

    def call(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
        axis = None if dim is None else as_axes(name, dim, np.ndim(input))
        found = primitive(input, axis=axis if np.ndim(input) else None, keepdims=flag(name, "keepdim", keepdim))
        return cast(found, dtype=input.dtype) if getattr(input, "dtype", None) == np.uint8 else found

    return named(call, primitive)


all, any = map(of_truths, (reduce.all, reduce.any))


def _converted(input: Any, dtype: Any) -> Any:
    """Convert to a dtype, if one is given."""
    return input if dtype is None or getattr(input, "dtype", None) == dtype else cast(input, dtype=np.dtype(dtype))


def sum(input: TensorLike, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over dimensions (None: all); dtype: convert to it first.

    Example:
        >>> tg.sum(tg.tensor([[1, 2], [3, 4]]), dim=0)
        tensor([4, 6])
    """
    x = _converted(input, dtype)
    axis = axes_or_all("sum", dim, np.ndim(x))
    return _converted(reduce.sum(x, axis=axis, keepdims=flag("sum", "keepdim", keepdim)), dtype)


def mean(input: TensorLike, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Arithmetic mean over dimensions (None: all); dtype: convert to it first.

    Example:
        >>> tg.mean(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1, keepdim=True).shape
        (2, 1)
    """
    x = _converted(input, dtype)
    return reduce.mean(x, axis=axes_or_all("mean", dim, np.ndim(x)), keepdims=flag("mean", "keepdim", keepdim))


def max(input: TensorLike, dim: Any = None, keepdim: bool = False, *, other: Tensor | Array | None = None) -> Any:
    """Largest element of all; with `dim` a pair (values, indices); of two tensors the larger, element by element.

    The second is `other`, or stands in dim's place. With `dim` the first of equal elements gets the whole gradient.

    Example:
        >>> values, places = tg.max(tg.tensor([[1, 5], [7, 2]]), dim=1)
        >>> values, places
        (tensor([5, 7]), tensor([1, 0]))
    """
    return _extreme(input, dim, keepdim, other, reduce.amax, reduce.argmax, compare.maximum)


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


def logsumexp(input: TensorLike, dim: Dims, keepdim: bool = False) -> Tensor:
    """log Σ exp over dimensions, without overflow."""
    axis = axes_or_all("logsumexp", dim, np.ndim(input))
    return reduce.logsumexp(input, axis=axis, keepdims=flag("logsumexp", "keepdim", keepdim))


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


def std(
    input: TensorLike, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """Standard deviation over dimensions, √var, with var's arguments."""
    squared = _variance("std", input, dim, unbiased, keepdim, correction)
    flat = compare.equal(squared, 0)  # where nothing varies the derivative is 0, as in PyTorch, not 0 / 0
    return compare.where(flat, 0.0, sqrt(compare.where(flat, 1.0, squared)))


def var_mean(
    input: TensorLike, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Tensor, Tensor]:
    """Variance, with var's arguments, and mean."""
    return _with_mean(var, input, dim, unbiased, keepdim, correction)


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


def prod(input: TensorLike, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Product of all elements or along one dimension; its gradient is right where elements are 0."""
    x = _converted(input, dtype)
    axis, kept = _axis("prod", dim, np.ndim(x)), flag("prod", "keepdim", keepdim)
    return _converted(reduce.prod(x, axis=axis, keepdims=kept), dtype)


# ---------------------------------------------------------------- up to each element


def _running(operation: Primitive, name: str, input: Any, dim: int, dtype: Any = None, **static: bool) -> Tensor:
    x, axis = _converted(input, dtype), as_axis(name, dim, np.ndim(input))
    if np.ndim(x):
        return _converted(operation(x, axis=axis, **static), dtype)
    return _converted(reshape(operation(reshape(x, 1), axis=0, **static), ()), dtype)


def cumsum(input: TensorLike, dim: int, *, dtype: Any = None) -> Tensor:
    """Sum of the elements up to each one along a dimension."""
    return _running(cumulate.cumsum, "cumsum", input, dim, dtype, reverse=False)


def cumprod(input: TensorLike, dim: int, *, dtype: Any = None) -> Tensor:
    """Product of the elements up to each one along a dimension; its gradient is right where elements are 0."""
    return _running(cumulate.cumprod, "cumprod", input, dim, dtype)


def logcumsumexp(input: TensorLike, dim: int) -> Tensor:
    """Logarithm of the sum of the exponentials up to each element along a dimension, without overflow."""
    return _running(cumulate.logcumsumexp, "logcumsumexp", input, dim, reverse=False)
