"""PyTorch's names for order: sort, topk, kthvalue, searchsorted; and for draws from given probabilities.

Positions come from ops/order.py, values are read at them, so that gradients go where values came from. Look next at
contractions.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.backend import Generator
from ..core.draws import draw, uniform
from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..ops import index as places
from ..ops import order
from ..ops.compare import less
from ..ops.promotion import cast
from .dims import as_axis, flag, integer, need
from .pieces import narrow
from .reductions import ValuesAndIndices
from .shapes import reshape, squeeze
from .types import Tensor, TensorLike, Values


def sort(input: Values, dim: int = -1, descending: bool = False, *, stable: bool = False) -> ValuesAndIndices:
    """Sort along a dimension: a pair (values, indices). Equal elements stay in order in any case, NaN is the largest.

    Example:
        >>> tg.sort(tg.tensor([3, 1, 2])).indices
        tensor([1, 2, 0])
    """
    where = argsort(input, dim, descending, stable=stable)
    return _read(input, where, dim)


def _read(input: Any, where: Any, dim: int) -> ValuesAndIndices:
    if input.ndim == 0:
        return ValuesAndIndices(reshape(places.gather(reshape(input, 1), reshape(where, 1), axis=0), ()), where)
    return ValuesAndIndices(places.gather(input, where, axis=as_axis("sort", dim, input.ndim)), where)


def argsort(input: Values, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:
    """Find the positions that sort along a dimension; equal elements stay in order, NaN is the largest."""
    axis, down = as_axis("sort", dim, input.ndim), flag("sort", "descending", descending)
    if input.ndim == 0:
        return reshape(order.argsort(reshape(input, 1), axis=0, descending=down), ())
    return order.argsort(input, axis=axis, descending=down)


def msort(input: Values) -> Tensor:
    """Sort along the first dimension."""
    return sort(input, 0).values


def topk(input: Values, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """Find the k largest (or smallest) elements along a dimension: a pair (values, indices), in their order."""
    axis, count = as_axis("topk", dim, input.ndim), integer("topk", "k", k)
    size = input.shape[axis] if input.ndim else 1
    need(0 <= count <= size, f"topk: there are no {count} elements along dimension {dim}.", input, kind=ArgumentError)
    if input.ndim == 0:
        return sort(input)
    return _read(input, order.argtopk(input, count=count, axis=axis, largest=flag("topk", "largest", largest)), dim)


def kthvalue(input: Values, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Find the k-th smallest element along a dimension, counted from 1: a pair (values, indices)."""
    axis, count = as_axis("kthvalue", dim, input.ndim), integer("kthvalue", "k", k)
    size = input.shape[axis] if input.ndim else 1
    need(
        1 <= count <= size,
        f"kthvalue: there is no {count}-th element along dimension {dim}.",
        input,
        kind=ArgumentError,
    )
    if input.ndim == 0:
        return sort(input)
    found = order.argtopk(input, count=count, axis=axis, largest=False)
    values, where = _read(input, narrow(found, axis, count - 1, 1), dim)
    return ValuesAndIndices(*((values, where) if flag("kthvalue", "keepdim", keepdim) else
                              (squeeze(values, axis), squeeze(where, axis))))  # fmt: skip


def searchsorted(
    sorted_sequence: Values, input: TensorLike, *, out_int32: bool = False, right: bool = False,
    side: str | None = None, sorter: Values | None = None,
) -> Tensor:  # fmt: skip
    """Find where values belong in sorted ones: a vector, or row by row where the leading dimensions are equal.

    Args:
        side: "left" or "right", the same as right=
        sorter: positions that sort the sequence, if it is not
    """
    known = side in (None, "left", "right") and not (side == "left" and right)
    need(known, "searchsorted: side is 'left' or 'right', and says what right says.", side, right, kind=ArgumentError)
    rows = sorted_sequence if sorter is None else places.gather(sorted_sequence, sorter, axis=sorted_sequence.ndim - 1)
    values = input if isinstance(input, Var | np.ndarray) else np.asarray(input)
    fits = rows.ndim == 1 or rows.ndim > 1 and rows.shape[:-1] == values.shape[:-1]
    need(fits, "searchsorted: the sequence must be a vector, or have the values' leading dimensions.", rows, values)
    found = order.searchsorted(rows, values, right=bool(right or side == "right"))
    return cast(found, dtype=np.dtype(np.int32)) if flag("searchsorted", "out_int32", out_int32) else found


def bucketize(input: TensorLike, boundaries: Values, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Find between which of some sorted boundaries values lie."""
    need(boundaries.ndim == 1, "bucketize: the boundaries must be a vector.", boundaries)
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# ---------------------------------------------------------------- draws


def bernoulli(input: Values, *, generator: Generator | None = None) -> Tensor:
    """Draw 1 with the probability that each element says, else 0."""
    need(input.dtype.kind == "f", "bernoulli: the probabilities must be floats.", input, kind=DTypeError)
    return cast(less(draw(uniform, tuple(input.shape), np.dtype(input.dtype), generator), input), dtype=input.dtype)


def multinomial(
    input: Values, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:  # fmt: skip
    """Draw positions of each row (or of a vector) in proportion to its elements, which need not add up to 1.

    Shapes:
        input (N,) or (R, N) -> (num_samples,) or (R, num_samples), int64
    """
    count, again = integer("multinomial", "num_samples", num_samples), flag("multinomial", "replacement", replacement)
    fits = input.ndim in (1, 2) and input.dtype.kind == "f" and 0 < count
    need(fits, "multinomial: expected a vector or matrix of floats, and a sample.", input, count, kind=ArgumentError)
    rows = reshape(input, 1, -1) if input.ndim == 1 else input
    few = again or count <= rows.shape[1]
    need(few, f"multinomial: {count} of {rows.shape[1]}.", input, kind=ArgumentError, hint="replacement=True")
    drawn = draw(uniform, (rows.shape[0], count if again else rows.shape[1]), np.dtype(np.float64), generator)
    found = order.chosen(rows, drawn, count=count, replacement=again)
    return reshape(found, count) if input.ndim == 1 else found
