"""PyTorch's names for reading and writing at positions: index_select, scatter, take, masked_fill, nonzero ...

All give new tensors; the forms in place hang on the class in tensors/forms.py. Look next at order.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..core.scope import refuse_captured, unchanging
from ..ops import elementwise, order, promotion
from ..ops import index as places
from ..ops.broadcast import broadcast_to
from ..ops.compare import equal, less, where
from .dims import as_axis, flag, need
from .numbers import number, storable
from .pieces import broadcast_shapes, broadcast_tensors
from .shapes import gather as _gather
from .shapes import ravel, reshape
from .types import Tensor, Values


def _integers(name: str, index: Any) -> Any:
    integers = isinstance(index, Var | np.ndarray) and index.dtype.kind in "iu"
    need(integers, f"{name}: the index must be a tensor of integers.", index, kind=DTypeError, hint="index.long()")
    return index


def _same_kind(name: str, input: Any, source: Any) -> Any:
    same = isinstance(source, Var | np.ndarray) and source.dtype == input.dtype
    need(same, f"{name}: the source must be a tensor of the same dtype.", input, source, kind=DTypeError)
    return source


def _value(name: str, input: Any, value: Any) -> Any:
    """Read a number, or a tensor of one, that is to be stored in a tensor."""
    if isinstance(value, Var | np.ndarray):
        need(value.ndim == 0, f"{name}: the value must be a number.", value)
        return value if value.dtype == input.dtype else promotion.cast(value, dtype=input.dtype)
    value = storable(name, value, input.dtype)
    return float(value) if input.dtype.kind == "f" else value


# ---------------------------------------------------------------- whole rows: index_...


def _rows(name: str, input: Any, dim: int, index: Any) -> tuple[Any, Any, int, Any]:
    """Give the input, a scalar as a vector, the index as a vector that is known to be within, the axis, and the key."""
    axis = as_axis(name, dim, input.ndim)
    need(_integers(name, index).ndim < 2, f"{name}: the index must be a vector.", index)
    x = input if input.ndim else reshape(input, 1)
    at = places.within(ravel(index), size=x.shape[axis], name=name)
    return x, at, axis, (*(slice(None),) * axis, places.ARRAY)


def index_select(input: Values, dim: int, index: Values) -> Tensor:
    """Take positions of a dimension, in the order of an index vector."""
    x, at, _, key = _rows("index_select", input, dim, index)
    need(input.ndim or at.shape == (1,), "index_select: of a scalar there is one element.", index)
    found = places.getitem(x, at, index=key)
    return found if input.ndim else reshape(found, ())


def _source(name: str, x: Any, at: Any, axis: int, source: Any) -> Any:
    """Give a source of as many rows as the index names."""
    rows = reshape(source, 1) if _same_kind(name, x, source).ndim == 0 and x.ndim == 1 else source
    shape = (*x.shape[:axis], at.shape[0], *x.shape[axis + 1 :])
    need(tuple(rows.shape) == shape, f"{name}: expected a source of shape {shape}.", x, at, source)
    return rows


def index_add(input: Values, dim: int, index: Values, source: Values, *, alpha: float = 1) -> Tensor:
    """Add rows of a source at positions of a dimension; at one that is named twice, both."""
    x, at, axis, key = _rows("index_add", input, dim, index)
    rows = _source("index_add", x, at, axis, source)
    rows = rows if alpha == 1 else elementwise.multiply(rows, number("index_add", alpha))
    return reshape(elementwise.add(x, places.put(rows, at, index=key, shape=tuple(x.shape))), tuple(input.shape))


def index_copy(input: Values, dim: int, index: Values, source: Values) -> Tensor:
    """Replace positions of a dimension by rows of a source."""
    x, at, axis, key = _rows("index_copy", input, dim, index)
    return reshape(places.setitem(x, _source("index_copy", x, at, axis, source), at, index=key), tuple(input.shape))


def index_fill(input: Values, dim: int, index: Values, value: Any) -> Tensor:
    """Fill positions of a dimension with a number."""
    x, at, _, key = _rows("index_fill", input, dim, index)
    return reshape(places.setitem(x, _value("index_fill", input, value), at, index=key), tuple(input.shape))


# ---------------------------------------------------------------- element by element along one dimension: scatter_...


def _scattered(name: str, input: Any, dim: int, index: Any, src: Any) -> tuple[Any, Any, Any, int]:
    """Give the input, the index and the part of the source that belongs to it, with the axis; scalars as vectors."""
    axis, many = as_axis(name, dim, input.ndim), isinstance(src, Var | np.ndarray)
    x, at = (t if t.ndim else reshape(t, 1) for t in (input, _integers(name, index)))
    values = reshape(src, 1) if many and src.ndim == 0 else src
    if 0 in at.shape:  # any such index will do, of any number of dimensions
        at = reshape(at, (*x.shape[:axis], 0, *x.shape[axis + 1 :]))
        values = ravel(values) if many else values
        return x, at, reshape(places.getitem(values, index=(slice(0, 0),)), tuple(at.shape)) if many else values, axis
    fits = at.ndim == x.ndim and all(at.shape[i] <= x.shape[i] for i in range(x.ndim) if i != axis)
    if many:
        fits = fits and values.ndim == at.ndim and all(a <= b for a, b in zip(at.shape, values.shape, strict=True))
    need(fits, f"{name}: the index is larger than the source or, outside dimension {dim}, than the tensor.", x, at, src)
    if many and _same_kind(name, x, values).shape != at.shape:
        values = places.getitem(values, index=tuple(slice(0, n) for n in at.shape))
    return x, at, values, axis


def scatter(
    input: Values, dim: int, index: Values, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:  # fmt: skip
    """Write values along a dimension: out[i, index[i, j]] = src[i, j] for dim 1 of a matrix.

    Args:
        src: a tensor, or a number (which may also be given as `value`)
        reduce: "add" or "multiply" to combine instead
    """
    given = value if src is None else src
    if not isinstance(given, Var | np.ndarray):
        given = _value("scatter", input, given)
        if reduce is not None:
            given = unchanging(np.full(tuple(index.shape), given, input.dtype))
    if reduce is not None:
        need(reduce in ("add", "multiply"), "scatter: reduce is 'add' or 'multiply'.", reduce, kind=ArgumentError)
        return scatter_reduce(input, dim, index, given, "sum" if reduce == "add" else "prod")
    x, at, values, axis = _scattered("scatter", input, dim, index, given)
    return reshape(places.place(x, values, at, axis=axis), tuple(input.shape))


def scatter_add(input: Values, dim: int, index: Values, src: Values) -> Tensor:
    """Add values along a dimension: out[i, index[i, j]] += src[i, j] for dim 1 of a matrix."""
    x, at, values, axis = _scattered("scatter_add", input, dim, index, _same_kind("scatter_add", input, src))
    added = places.scatter(values, at, axis=axis, shape=tuple(x.shape))
    return reshape(elementwise.add(x, added), tuple(input.shape))


def scatter_reduce(
    input: Values, dim: int, index: Values, src: Values, reduce: str, *, include_self: bool = True
) -> Tensor:  # fmt: skip
    """Combine values along a dimension at the places that `scatter` writes to.

    Args:
        reduce: "sum", "prod", "mean", "amax" or "amin"; equal extremes share the gradient
        include_self: whether the input's own element is one of those that are combined
    """
    known = reduce in ("sum", "prod", "mean", "amax", "amin")
    need(known, "scatter_reduce: reduce is sum, prod, mean, amax or amin.", reduce, kind=ArgumentError)
    floats = reduce != "mean" or input.dtype.kind == "f"
    need(floats, "scatter_reduce: the mean is of floats.", input, kind=DTypeError, hint="x.float()")
    x, at, values, axis = _scattered("scatter_reduce", input, dim, index, _same_kind("scatter_reduce", input, src))
    shape, kind = tuple(x.shape), np.dtype(x.dtype)
    if not flag("scatter_reduce", "include_self", include_self):
        low, high = (-math.inf, math.inf)
        if kind.kind != "f":
            low, high = (False, True) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
        x = places.place(x, {"prod": 1, "amax": low, "amin": high}.get(reduce, 0), at, axis=axis)
    if reduce == "prod":
        out = places.multiply_at(x, values, at, axis=axis)
    elif reduce in ("amax", "amin"):
        out = places.extreme_at(x, values, at, axis=axis, largest=reduce == "amax")
    else:
        out = elementwise.add(x, places.scatter(values, at, axis=axis, shape=shape))
    if reduce == "mean":
        ones = unchanging(np.ones(tuple(at.shape), kind))
        count = places.scatter(ones, at, axis=axis, shape=shape)
        out = elementwise.divide(out, count + 1 if include_self else where(equal(count, 0), 1.0, count))
    return reshape(out, tuple(input.shape))


# ---------------------------------------------------------------- flat positions and masks


def take(input: Values, index: Values) -> Tensor:
    """Read at positions in the flattened input."""
    return places.getitem(ravel(input), _integers("take", index), index=(places.ARRAY,))


def take_along_dim(input: Values, indices: Values, dim: int | None = None) -> Tensor:
    """Pick along a dimension (None: of the flattened tensors) as gather does, from the end too; others broadcast."""
    at = _integers("take_along_dim", indices)
    if dim is None:
        return take_along_dim(ravel(input), ravel(at), 0)
    axis = as_axis("take_along_dim", dim, input.ndim)
    need(at.ndim == input.ndim, "take_along_dim: expected as many dimensions.", input, at)
    other = broadcast_shapes(*((*t.shape[:axis], 1, *t.shape[axis + 1 :]) for t in (input, at)))
    x, at = (broadcast_to(t, shape=(*other[:axis], t.shape[axis], *other[axis + 1 :])) for t in (input, at))
    return _gather(x, axis, where(less(at, 0), at + x.shape[axis], at))


def _mask(name: str, mask: Any, input: Any) -> tuple[Any, Any]:
    """Give the input and a mask of booleans in the shape to which both broadcast."""
    booleans = isinstance(mask, Var | np.ndarray) and mask.dtype.kind == "b"
    need(booleans, f"{name}: the mask must be a tensor of booleans.", mask, kind=DTypeError)
    return broadcast_tensors(input, mask)  # type: ignore[return-value]


def masked_fill(input: Values, mask: Values, value: Any) -> Tensor:
    """Put a number where the mask is true; the mask broadcasts."""
    x, at = _mask("masked_fill", mask, input)
    return where(at, _value("masked_fill", input, value), x)


def masked_select(input: Values, mask: Values) -> Tensor:
    """List the elements where the mask is true; both broadcast."""
    x, at = _mask("masked_select", mask, input)
    return places.getitem(ravel(x), ravel(at), index=(places.ARRAY,))


def masked_scatter(input: Values, mask: Values, source: Values) -> Tensor:
    """Put the elements of a source, one after the other, where the mask is true; the mask broadcasts."""
    refuse_captured("a count that depends on values (masked_scatter)", "tg.where(mask, source, x)")
    x, at = _mask("masked_scatter", mask, input)
    count = int(np.count_nonzero(at.array if isinstance(at, Var) else at))
    values = ravel(_same_kind("masked_scatter", input, source))
    need(values.shape[0] >= count, f"masked_scatter: expected {count} elements or more.", source)
    return places.setitem(x, places.getitem(values, index=(slice(0, count),)), at, index=(places.ARRAY,))


def nonzero(input: Values, *, as_tuple: bool = False) -> Any:
    """List the positions of the elements that are not 0, one a row; or a tuple of vectors, one a dimension."""
    found = order.nonzero(reshape(input, 1) if as_tuple and input.ndim == 0 else input)
    if not flag("nonzero", "as_tuple", as_tuple):
        return found
    return tuple(places.getitem(found, index=(slice(None), i)) for i in range(found.shape[1]))


def argwhere(input: Values) -> Tensor:
    """List the positions of the elements that are not 0, one a row."""
    return order.nonzero(input)
