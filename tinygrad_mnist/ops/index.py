"""Reading and writing at positions: x[index] and its adjoint put, x[index] = value, gather and its adjoint scatter.

A basic index (integers, slices, None, ...) is static. Index arrays are data, so they are positional arguments, and
the static `index` holds ARRAY in their places: a compiled step can be replayed with another batch. Look next at
contract.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import IndexRangeError
from ..core.graph import Array
from ..core.primitive import primitive
from .broadcast import Shape, broadcast_to, sum_to

LARGEST = np.iinfo(np.intp).max
MOVED = "elements are moved, not computed: as quick in NumPy"
ARRAY = "array"  # stands in a static index where the next index array belongs

Index = tuple[Any, ...]


def fill(index: Index, arrays: tuple[Any, ...]) -> Index:
    """Put the index arrays back into their places."""
    for a in arrays:
        if a.dtype.char in "LQ" and a.size and a.max() > LARGEST:  # NumPy would wrap it to a negative one
            raise IndexRangeError(f"indexing: there is no index {a.max()}.", expected=f"at most {LARGEST}")
    rest = iter(arrays)
    return tuple(next(rest) if isinstance(i, str) else i for i in index)


def write(x: Array, where: Index, value: Any) -> None:
    """Write x[where] = value; ... makes the place of one element an array, which takes an array of one element."""
    x[where if any(i is Ellipsis for i in where) else (*where, ...)] = np.asarray(value)


def distinct(arrays: tuple[Any, ...]) -> bool:
    """Tell whether an index cannot name an element twice: it has no array, or one boolean mask."""
    return not arrays or (len(arrays) == 1 and arrays[0].dtype.kind == "b")


def zeros(shape: Shape, dtype: np.dtype[Any], out: Array | None) -> Array:
    """Give an array of zeros: `out`, if there is one."""
    if out is None:
        return np.zeros(shape, dtype)
    out[...] = 0
    return out


@primitive(view=True)
def getitem(x: Array, *arrays: Array, index: Index) -> Array:
    """Read x[index]."""
    if arrays:
        return np.asarray(x[fill(index, arrays)])
    # of one place NumPy gives the number, a copy; with ... it gives a view of it, as of any other part
    return x[index if Ellipsis in index else (*index, ...)]


@getitem.vjp("x")
def getitem_vjp_x(g: Any, out: Any, x: Any, *arrays: Any, index: Index) -> Any:
    return put(g, *arrays, index=index, shape=x.shape)


@primitive(slow=MOVED)
def put(x: Array, *arrays: Array, index: Index, shape: Shape, out: Array | None = None) -> Array:
    """Add x at [index] into zeros; where an index names an element twice, both are added."""
    out = zeros(shape, x.dtype, out)
    where = fill(index, arrays)
    if distinct(arrays):
        out[where] = x
    else:
        np.add.at(out, where, x)
    return out


@put.vjp("x")
def put_vjp_x(g: Any, out: Any, x: Any, *arrays: Any, index: Index, shape: Shape) -> Any:
    return getitem(g, *arrays, index=index)


@primitive(over=(0,), slow=MOVED)
def setitem(x: Array, value: Array, *arrays: Array, index: Index, out: Array | None = None) -> Array:
    """Copy x and write the value at [index]; where an index names an element twice, the last one stays.

    Shapes:  x (*A), value broadcasts to A[index] -> (*A)
    """
    if out is None:
        out = np.array(x, order="C")  # of a 0-d array, arithmetic makes a scalar, whose copy is none
    elif out is not x and index != (Ellipsis,):
        np.copyto(out, x)
    write(out, fill(index, arrays), value)
    return out


@setitem.vjp("x")
def setitem_vjp_x(g: Any, out: Any, x: Any, value: Any, *arrays: Any, index: Index) -> Any:
    return setitem(g, 0.0, *arrays, index=index)


@setitem.vjp("value")
def setitem_vjp_value(g: Any, out: Any, x: Any, value: Any, *arrays: Any, index: Index) -> Any:
    gx = getitem(g, *arrays, index=index)
    gx = gx if distinct(arrays) else gx * stays(g, *arrays, index=index)  # of g, not x: only the shape matters
    lead = max(value.ndim - gx.ndim, 0)  # NumPy ignores leading axes of size 1 of a value
    return broadcast_to(sum_to(gx, shape=value.shape[lead:]), shape=value.shape)


@primitive(differentiable=False, slow=MOVED)
def stays(x: Array, *arrays: Array, index: Index) -> Array:
    """1 where a value that setitem writes stays, 0 where a later one overwrites it. Constant to differentiation.

    Shapes:  x (*A) -> A[index]
    """
    where = fill(index, arrays)
    writer = np.zeros(x.shape, dtype=np.int64)
    order = np.arange(writer[where].size).reshape(writer[where].shape)
    writer[where] = order
    result: Array = (writer[where] == order).astype(x.dtype)
    return result


@primitive(slow=MOVED)
def gather(x: Array, index: Array, *, axis: int) -> Array:
    """Pick along one axis: out[i, j] = x[i, index[i, j]] for axis 1 of a matrix.

    Shapes:  x (*A), index (*B) of integers, B ≤ A outside the axis -> (*B)
    Raises:  IndexRangeError unless 0 <= index < A[axis]
    """
    # too large ones are found by NumPy, but for those that it would wrap to negative ones
    wraps = index.dtype.char in "LQ" and index.size and index.max() >= x.shape[axis]
    if wraps or (index.size and np.minimum.reduce(index, axis=None) < 0):
        what = f"gather: there is no index {index.min() if index.min() < 0 else index.max()}."
        raise IndexRangeError(what, got=f"x {x.shape}, axis {axis}", expected=f"from 0 to {x.shape[axis] - 1}")
    return np.asarray(x[along(index, axis)])


@gather.vjp("x")
def gather_vjp_x(g: Any, out: Any, x: Any, index: Any, *, axis: int) -> Any:
    return scatter(g, index, axis=axis, shape=x.shape)


@primitive(slow=MOVED)
def scatter(x: Array, index: Array, *, axis: int, shape: Shape, out: Array | None = None) -> Array:
    """Add x into zeros at the places that gather reads."""
    out = zeros(shape, x.dtype, out)
    np.add.at(out, along(index, axis), x)
    return out


@scatter.vjp("x")
def scatter_vjp_x(g: Any, out: Any, x: Any, index: Any, *, axis: int, shape: Shape) -> Any:
    return gather(g, index, axis=axis)


def along(index: Array, axis: int) -> Index:
    """Make the open grid of indices that picks `index` on one axis and its own position on every other."""
    grid: list[Any] = list(np.ogrid[tuple(slice(size) for size in index.shape)])
    grid[axis] = index
    return tuple(grid)
