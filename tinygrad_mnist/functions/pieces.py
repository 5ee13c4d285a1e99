"""PyTorch's names for cutting and joining: chunk, narrow, select, unbind; hstack, meshgrid ...

What is cut out is a view. Look next at moving.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError, IndexRangeError
from ..core.graph import Var
from ..core.through import views
from ..ops import index as indexing
from ..ops.broadcast import broadcast_to as _stretch
from .dims import as_axis, integer, need, sizes
from .shapes import cat, expand, permute, reshape, split
from .types import Tensor, Values


def _at(tensor: Any, axis: int, part: Any) -> Tensor:
    return indexing.getitem(tensor, index=(*(slice(None),) * axis, part))


def _axis(name: str, dim: Any, input: Any) -> int:
    """Count a dimension of something that has dimensions."""
    need(input.ndim, f"{name}: a scalar has no dimension to take a part of.")
    return as_axis(name, dim, input.ndim)


def select(input: Values, dim: int, index: int) -> Tensor:
    """Take one position of a dimension, which is dropped."""
    axis, at = _axis("select", dim, input), integer("select", "the index", index)
    inside = -input.shape[axis] <= at < input.shape[axis]
    need(inside, f"select: there is no index {at} in dimension {dim}.", input, kind=IndexRangeError)
    return _at(input, axis, at)


def narrow(input: Values, dim: int, start: int, length: int) -> Tensor:
    """Take `length` positions of a dimension from `start` on."""
    axis = _axis("narrow", dim, input)
    first, count, size = integer("narrow", "start", start), integer("narrow", "length", length), input.shape[axis]
    need(-size <= first <= size, f"narrow: there is no position {first}.", input, kind=IndexRangeError)
    first += size if first < 0 else 0
    need(0 <= count <= size - first, f"narrow: from {first} on there are no {count} of {size} positions.", input)
    return _at(input, axis, slice(first, first + count))


def unbind(input: Values, dim: int = 0) -> tuple[Tensor, ...]:
    """Take every position of a dimension, which is dropped."""
    axis = _axis("unbind", dim, input)
    if isinstance(input, Var) and input.ndim > 1 and (made := views(input, axis)) is not None:
        return made
    return tuple(_at(input, axis, i) for i in range(input.shape[axis]))


def chunk(input: Values, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into at most so many pieces of one size, of which the last may be smaller."""
    axis, count = _axis("chunk", dim, input), integer("chunk", "chunks", chunks)
    need(count > 0, f"chunk: {count} chunks; expected at least 1.", input, kind=ArgumentError)
    size = input.shape[axis]
    return split(input, -(-size // count), axis) if size else tuple(_at(input, axis, slice(0, 0)) for _ in range(count))


# ---------------------------------------------------------------- joining


def concatenate(tensors: Sequence[Values], axis: int = 0, *, dim: int | None = None) -> Tensor:
    """Join tensors end to end along a dimension that exists; cat by another name."""
    return cat(tensors, axis if dim is None else dim)


def listed(given: Any) -> Any:
    """Read tensors, given one by one or as one sequence."""
    return given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given


def _each(function: Any, tensors: Any) -> Any:
    found = tuple(function(t) for t in listed(tensors))
    return found[0] if len(tensors) == 1 and not isinstance(tensors[0], list | tuple) else found


def atleast_1d(*tensors: Any) -> Any:
    """Give scalars a dimension; of several tensors a tuple."""
    return _each(lambda t: t if t.ndim else reshape(t, 1), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Give tensors leading dimensions up to two; of several tensors a tuple."""
    return _each(lambda t: t if t.ndim > 1 else reshape(t, 1, math.prod(t.shape)), tensors)


def hstack(tensors: Sequence[Values]) -> Tensor:
    """Join side by side: vectors along dimension 0, others along 1."""
    made = atleast_1d(tensors)
    return cat(made, 0 if made and made[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Values]) -> Tensor:
    """Join one below the other, a vector as a row."""
    return cat(atleast_2d(tensors), 0)


# ---------------------------------------------------------------- one shape for several


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Find the shape to which shapes (or sizes) broadcast."""
    read = [sizes("broadcast_shapes", (s,)) for s in shapes]
    columns = list(itertools.zip_longest(*(s[::-1] for s in read), fillvalue=1))
    need(all(len({*c} - {1}) < 2 for c in columns), "broadcast_shapes: the shapes do not broadcast.", *read)
    return tuple(next((n for n in c if n != 1), 1) for c in columns)[::-1]


def broadcast_to(input: Values, size: Sequence[int]) -> Tensor:
    """Repeat along dimensions of size 1 and new leading ones, without copying."""
    return expand(input, tuple(size))


def broadcast_tensors(*tensors: Values) -> tuple[Tensor, ...]:
    """Stretch tensors to the one shape to which they broadcast, without copying."""
    given = listed(tensors)
    shape = broadcast_shapes(*(tuple(t.shape) for t in given))
    return tuple(t if tuple(t.shape) == shape else _stretch(t, shape=shape) for t in given)


def meshgrid(*tensors: Values, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Stretch vectors (or scalars) over a grid: the i-th varies along dimension i, with "xy" the first two exchanged.

    Args:
        indexing: "ij" (unless given) or "xy"
    """
    given = listed(tensors)
    need(indexing in (None, "ij", "xy"), "meshgrid: indexing is 'ij' or 'xy'.", indexing, kind=ArgumentError)
    alike = given and all(t.ndim < 2 and t.dtype == given[0].dtype for t in given)
    need(alike, "meshgrid: expected vectors of one dtype.", *given)
    count, shape = len(given), tuple(math.prod(t.shape) for t in given)
    lines = (reshape(t, [shape[j] if j == i else 1 for j in range(count)]) for i, t in enumerate(given))
    grids = tuple(_stretch(line, shape=shape) for line in lines)
    order = (1, 0, *range(2, count))
    return tuple(permute(g, order) for g in grids) if indexing == "xy" and count > 1 else grids
