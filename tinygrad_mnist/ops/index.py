"""Reading and writing at positions: x[index] and its adjoint put, x[index] = value, gather and its adjoint scatter, and
what else happens at the places that gather reads: they are set, multiplied, or keep the largest.

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
from ..kernels import places
from .broadcast import Shape, broadcast_to, sum_to
from .compare import equal, keep, where

LARGEST = np.iinfo(np.intp).max
MOVED = "elements are moved, not computed: as quick in NumPy"
ALL = slice(None)
ARRAY = "array"  # stands in a static index where the next index array belongs
ROWS = {repr(ALL), repr(ARRAY)}  # of an index of whole rows

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
    """Tell whether an index names no element twice, because it has no array or one boolean mask."""
    return not arrays or (len(arrays) == 1 and arrays[0].dtype.kind == "b")


def distinct_rows(arrays: tuple[Any, ...], index: Index, shape: Shape) -> bool:
    """Tell whether an index is of whole rows, and no row comes twice."""
    if len(arrays) != 1 or not set(map(repr, index)) <= ROWS or arrays[0].ndim != 1 or arrays[0].dtype.kind != "i":
        return False
    rows, size = arrays[0], shape[index.index(ARRAY)]
    within = 0 < rows.size <= size and rows.min() >= -size and rows.max() < size
    return bool(within and np.bincount(rows % size).max() == 1)


def zeros(shape: Shape, dtype: np.dtype[Any], out: Array | None) -> Array:
    """Give an array of zeros: `out`, if there is one."""
    if out is None:
        return np.zeros(shape, dtype)
    out[...] = 0
    return out


def behind(sizes: Shape, index: Index) -> Index:
    """Give the index that reads in each example of a batch, if it has its arrays side by side."""
    special = [i for i, part in enumerate(index) if isinstance(part, str | int) and not isinstance(part, bool)]
    apart = bool(special) and special[-1] - special[0] != len(special) - 1  # the result has them in front
    return NotImplemented if ARRAY in index and apart else (*[ALL] * len(sizes), *index)


def read_each(sizes: Shape, x: Any, *arrays: Any, index: Index) -> Any:
    """Read every example of a batch at the same places."""
    index = behind(sizes, index)
    return index if index is NotImplemented else getitem(x, *arrays, index=index)


def put_each(sizes: Shape, x: Any, *arrays: Any, index: Index, shape: Shape) -> Any:
    """Put every example of a batch at the same places."""
    index = behind(sizes, index)
    return index if index is NotImplemented else put(x, *arrays, index=index, shape=(*sizes, *shape))


@primitive(view=True, linear=True, batch=read_each)
def getitem(x: Array, *arrays: Array, index: Index) -> Array:
    """Read x[index]."""
    if index == (ARRAY,) and x.ndim and x.size and x.flags.c_contiguous and arrays[0].dtype.char in "il":
        return np.asarray(x.take(arrays[0], 0))  # three times as quick for short rows
    if arrays:
        return np.asarray(x[fill(index, arrays)])
    # of one place NumPy gives the number, a copy; with ... it gives a view of it, as of any other part
    return x[index if Ellipsis in index else (*index, ...)]


@getitem.vjp("x")
def getitem_vjp_x(g: Any, out: Any, x: Any, *arrays: Any, index: Index) -> Any:
    return put(g, *arrays, index=index, shape=x.shape)


@primitive(slow=MOVED, linear=True, batch=put_each)
def put(x: Array, *arrays: Array, index: Index, shape: Shape, out: Array | None = None) -> Array:
    """Add x at [index] into zeros; where an index names an element twice, both are added."""
    out = zeros(shape, x.dtype, out)
    if distinct(arrays) or distinct_rows(arrays, index, shape):
        out[fill(index, arrays)] = x
    else:
        places.add(out, fill(index, arrays), x)
    return out


@put.vjp("x")
def put_vjp_x(g: Any, out: Any, x: Any, *arrays: Any, index: Index, shape: Shape) -> Any:
    return getitem(g, *arrays, index=index)


@primitive(over=(0,), slow=MOVED, linear=True)
def setitem(x: Array, value: Array, *arrays: Array, index: Index, out: Array | None = None) -> Array:
    """Copy x and write the value at [index]; where an index names an element twice, the last one stays.

    Shapes:
        x (*A), value broadcasts to A[index] -> (*A)
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

    Shapes:
        x (*A) -> A[index]
    """
    if len(arrays) == 1 and index[-1] is ARRAY and arrays[0].ndim == 1 and set(map(repr, index[:-1])) <= {repr(ALL)}:
        axis, rows = len(index) - 1, np.arange(arrays[0].size)  # whole rows: each stays or goes as one
        last = np.zeros(x.shape[axis], np.int64)
        last[arrays[0]] = rows
        kept = (last[arrays[0]] == rows).reshape((-1,) + (1,) * (x.ndim - axis - 1))
        return np.broadcast_to(kept, (*x.shape[:axis], rows.size, *x.shape[axis + 1 :])).astype(x.dtype)
    at = fill(index, arrays)
    writer = np.zeros(x.shape, dtype=np.int64)
    order = np.arange(writer[at].size).reshape(writer[at].shape)
    writer[at] = order
    result: Array = (writer[at] == order).astype(x.dtype)
    return result


@primitive(slow=MOVED, linear=True, batch="axis")
def gather(x: Array, index: Array, *, axis: int) -> Array:
    """Pick along one axis: out[i, j] = x[i, index[i, j]] for axis 1 of a matrix.

    Shapes:
        x (*A), index (*B) of integers, B ≤ A outside the axis -> (*B)
    Raises:
        IndexRangeError: unless 0 <= index < A[axis]
    """
    check_within("gather", index, x.shape[axis])
    return places.take(x, index, axis)


def check_within(name: str, index: Array, size: int) -> None:
    """Raise unless 0 <= index < size."""
    if index.size == 0:
        return
    if index.dtype.char in "lq" and index.view(f"u{index.itemsize}").max() < size:  # in one pass: negatives are large
        return
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= size:
        what, wanted = f"{name}: there is no index {low if low < 0 else high}.", f"from 0 to {size - 1}"
        raise IndexRangeError(what, got=f"a dimension of {size}", expected=wanted if size else "no index")


@gather.vjp("x")
def gather_vjp_x(g: Any, out: Any, x: Any, index: Any, *, axis: int) -> Any:
    return scatter(g, index, axis=axis, shape=x.shape)


@primitive(slow=MOVED, linear=True, batch="axis")
def scatter(x: Array, index: Array, *, axis: int, shape: Shape, out: Array | None = None) -> Array:
    """Add x into zeros at the places that gather reads."""
    check_within("scatter", index, shape[axis])
    out = zeros(shape, x.dtype, out)
    places.at_index(np.add, out, index, axis, x)
    return out


@scatter.vjp("x")
def scatter_vjp_x(g: Any, out: Any, x: Any, index: Any, *, axis: int, shape: Shape) -> Any:
    return gather(g, index, axis=axis)


@primitive(slow=MOVED, linear=True, batch="axis")
def place(x: Array, value: Any, index: Array, *, axis: int) -> Array:
    """Copy x and write the value, an array like the index or a number, at the places that gather reads."""
    check_within("scatter", index, x.shape[axis])
    out = np.array(x, order="C")
    places.put(out, index, axis, value)
    return out


@place.vjp("x")
def place_vjp_x(g: Any, out: Any, x: Any, value: Any, index: Any, *, axis: int) -> Any:
    return place(g, 0.0, index, axis=axis)


@place.vjp("value")
def place_vjp_value(g: Any, out: Any, x: Any, value: Any, index: Any, *, axis: int) -> Any:
    return gather(g, index, axis=axis)  # where a place is named twice, to each, as in PyTorch


@primitive(slow=MOVED, batch="axis")
def extreme_at(x: Array, value: Array, index: Array, *, axis: int, largest: bool) -> Array:
    """Larger (smaller) of x and all that `value` brings to the places that gather reads; ties share the gradient."""
    check_within("scatter_reduce", index, x.shape[axis])
    out = np.array(x, order="C")
    places.at_index(np.maximum if largest else np.minimum, out, index, axis, value)
    return out


@primitive(differentiable=False, slow=MOVED, batch="axis")
def ties_at(x: Array, extreme: Array, value: Array, index: Array, *, axis: int) -> Array:
    """Count, at each place, how many of x and the values are the extreme there; at least 1."""
    hit = value == places.take(extreme, index, axis)
    count = (x == extreme).astype(x.dtype)
    places.at_index(np.add, count, index, axis, hit.astype(x.dtype))
    return np.asarray(np.maximum(count, 1))


@extreme_at.vjp("x")
def extreme_at_vjp_x(g: Any, out: Any, x: Any, value: Any, index: Any, *, axis: int, largest: bool) -> Any:
    return keep(g / ties_at(x, out, value, index, axis=axis), equal(x, out))


@extreme_at.vjp("value")
def extreme_at_vjp_value(g: Any, out: Any, x: Any, value: Any, index: Any, *, axis: int, largest: bool) -> Any:
    shared = gather(g / ties_at(x, out, value, index, axis=axis), index, axis=axis)
    return keep(shared, equal(value, gather(out, index, axis=axis)))


@primitive(slow=MOVED, batch="axis")
def multiply_at(x: Array, value: Array, index: Array, *, axis: int) -> Array:
    """Multiply x by all that `value` brings to the places that gather reads."""
    check_within("scatter_reduce", index, x.shape[axis])
    out = np.array(x, order="C")
    places.at_index(np.multiply, out, index, axis, value)
    return out


@multiply_at.vjp("x")
def multiply_at_vjp_x(g: Any, out: Any, x: Any, value: Any, index: Any, *, axis: int) -> Any:
    return g * multiply_at(where(False, x, 1.0), value, index, axis=axis)


@multiply_at.vjp("value")
def multiply_at_vjp_value(g: Any, out: Any, x: Any, value: Any, index: Any, *, axis: int) -> Any:
    # of the one that is 0 the derivative is the product of the others; of two at one place both derivatives are 0
    zero = equal(value, 0)
    other = where(zero, 1.0, value)
    count = gather(scatter(where(zero, other, 0.0), index, axis=axis, shape=x.shape), index, axis=axis)
    rest = gather(g * multiply_at(x, other, index, axis=axis), index, axis=axis) / other
    return where(equal(count, where(zero, other, 0.0)), rest, 0.0)


@primitive(differentiable=False, slow="looks at every value and gives them as they are")
def within(index: Array, *, size: int, name: str) -> Array:
    """Give an index of which 0 <= index < size is known. Constant to differentiation."""
    check_within(name, index, size)
    return index.copy()
