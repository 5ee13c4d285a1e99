"""PyTorch's names for what moves or repeats whole dimensions: movedim, unflatten, roll, tile, tril, diag ...

Views are views where PyTorch's are. Functions whose first argument is `self` are methods only. Look next at
indexing.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Var
from ..core.scope import unchanging
from ..ops import index, layout, order, reduce
from ..ops.broadcast import broadcast_to
from ..ops.compare import keep
from ..ops.elementwise import clone
from .dims import Size, as_axis, integer, need, sizes
from .shapes import expand, ravel, reshape, transpose, unsqueeze
from .types import Tensor, Values

# ---------------------------------------------------------------- orders of dimensions


def swapaxes(input: Values, axis0: int, axis1: int) -> Tensor:
    """Exchange two dimensions; transpose by another name."""
    return transpose(input, axis0, axis1)


def t(input: Values) -> Tensor:
    """Transpose a matrix; vectors and scalars stay as they are."""
    need(input.ndim < 3, "t: expected at most 2 dimensions.", input, hint="transpose(-2, -1)")
    return transpose(input, 0, -1)


def unflatten(input: Values, dim: int, sizes: Sequence[int]) -> Tensor:
    """Cut one dimension into several; one size may be -1."""
    at, known = as_axis("unflatten", dim, input.ndim), abs(math.prod(sizes))
    need(input.ndim and len(sizes), "unflatten: expected a dimension and sizes.", input, sizes)
    size, free = input.shape[at], list(sizes).count(-1)
    fits = free < 2 and (size == known if not free else known and size % known == 0)
    need(fits, f"unflatten: dimension {dim} of {size} does not fill {tuple(sizes)}.", input)
    whole = tuple(size // known if s == -1 else s for s in sizes)
    return layout.reshape(input, shape=(*input.shape[:at], *whole, *input.shape[at + 1 :]))


def roll(input: Values, shifts: Size, dims: Size = ()) -> Tensor:
    """Shift along dimensions (none: of the flattened tensor); what falls off one end comes in at the other."""
    by = shifts if isinstance(shifts, list | tuple) else (shifts,)
    axes = [as_axis("roll", d, input.ndim) for d in (dims if isinstance(dims, list | tuple) else (dims,))]
    if not axes and len(by) == 1:
        return reshape(roll(ravel(input), by[0], 0), tuple(input.shape))
    need(len(axes) == len(by), "roll: expected as many shifts as dimensions.", shifts, dims, kind=ArgumentError)
    out: Any = input
    for axis, shift in zip(axes, by, strict=True):
        size, lead = input.shape[axis], (slice(None),) * axis
        cut = -integer("roll", "a shift", shift) % size if size else 0
        if cut:
            ends = (index.getitem(out, index=(*lead, part)) for part in (slice(cut, size), slice(0, cut)))
            out = layout.cat(*ends, axis=axis)
    return clone(input) if out is input else out


# ---------------------------------------------------------------- repeated


def repeat(self: Values, *repeats: Any) -> Tensor:
    """Repeat the whole so often along each dimension, in memory of its own."""
    times = sizes("repeat", repeats)
    need(len(times) >= self.ndim, "repeat: expected a number for each dimension.", self, times)
    shape = (1,) * (len(times) - self.ndim) + tuple(self.shape)
    narrow = layout.reshape(self, shape=tuple(n for s in shape for n in (1, s)))
    wide = broadcast_to(narrow, shape=tuple(n for pair in zip(times, shape, strict=True) for n in pair))
    return layout.reshape(layout.contiguous(wide), shape=tuple(n * s for n, s in zip(times, shape, strict=True)))


def tile(input: Values, dims: Size = (), *more: int) -> Tensor:
    """Repeat the whole so often along each of the last dimensions."""
    times = sizes("tile", (dims, *more))
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


def repeat_interleave(input: Values, repeats: Any, dim: int | None = None, *, output_size: int | None = None) -> Tensor:
    """Repeat each element so often, beside itself, along a dimension (None: of the flattened tensor)."""
    x: Any = ravel(input) if dim is None or input.ndim == 0 else input
    axis = as_axis("repeat_interleave", dim or 0, x.ndim)
    size, lead = x.shape[axis], (slice(None),) * axis
    if np.shape(repeats) not in ((), (1,)):
        counts = repeats if isinstance(repeats, Var) else np.asarray(repeats)
        fits = tuple(counts.shape) == (size,) and counts.dtype.kind in "iu"
        need(fits, f"repeat_interleave: expected one integer for each of {size} elements.", counts)
        return index.getitem(x, order.spread(counts), index=(*lead, index.ARRAY))
    times = integer("repeat_interleave", "repeats", reshape(repeats, ()) if np.ndim(repeats) else repeats)
    need(times >= 0, "repeat_interleave: repeats must not be negative.", times, kind=ArgumentError)
    wide = broadcast_to(unsqueeze(x, axis + 1), shape=(*x.shape[: axis + 1], times, *x.shape[axis + 1 :]))
    return layout.reshape(layout.contiguous(wide), shape=(*x.shape[:axis], size * times, *x.shape[axis + 1 :]))


# ---------------------------------------------------------------- triangles and diagonals


def _triangle(name: str, input: Values, diagonal: int, below: bool) -> Tensor:
    need(input.ndim > 1, f"{name}: expected at least 2 dimensions.", input)
    (rows, columns), k = input.shape[-2:], integer(name, "diagonal", diagonal)
    mask = np.tri(rows, columns, k - (not below), dtype=bool)
    return keep(input, unchanging(np.broadcast_to(mask if below else ~mask, input.shape)))


def tril(input: Values, diagonal: int = 0) -> Tensor:
    """Keep the lower triangle, up to a diagonal above (below: negative) the main one; 0 elsewhere."""
    return _triangle("tril", input, diagonal, True)


def triu(input: Values, diagonal: int = 0) -> Tensor:
    """Keep the upper triangle, from a diagonal above (below: negative) the main one on; 0 elsewhere."""
    return _triangle("triu", input, diagonal, False)


def _offset(name: str, offset: Any, rows: int, columns: int) -> int:
    at = integer(name, "the diagonal", offset)
    return max(min(at, columns), -rows)  # beyond lies nothing


def diagonal(input: Values, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Give the diagonal over two dimensions, as the last dimension of a view."""
    first, second = (as_axis("diagonal", d, input.ndim) for d in (dim1, dim2))
    need(first != second, "diagonal: expected two different dimensions.", input, dim1, dim2, kind=ArgumentError)
    offset = _offset("diagonal", offset, input.shape[first], input.shape[second])
    return layout.diagonal(input, offset=offset, axis1=first, axis2=second)


def diag_embed(input: Values, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Make matrices, in two new dimensions, with the last dimension on their diagonal."""
    ndim, at = input.ndim + 1, integer("diag_embed", "offset", offset)
    first, second = as_axis("diag_embed", dim1, ndim), as_axis("diag_embed", dim2, ndim)
    need(input.ndim and first != second, "diag_embed: expected two different dimensions.", input, dim1, dim2)
    rest, size = iter(input.shape[:-1]), input.shape[-1] + abs(at)
    shape = tuple(size if i in (first, second) else next(rest) for i in range(ndim))
    return layout.put_diagonal(input, offset=at, axis1=first, axis2=second, shape=shape)


def diag(input: Values, diagonal: int = 0) -> Tensor:
    """Make a matrix of a diagonal, or give the diagonal of a matrix in memory of its own."""
    need(input.ndim in (1, 2), "diag: expected a vector or a matrix.", input)
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    at = _offset("diag", diagonal, *input.shape)
    return clone(layout.diagonal(input, offset=at, axis1=0, axis2=1))


def trace(input: Values) -> Tensor:
    """Sum the diagonal of a matrix."""
    need(input.ndim == 2, "trace: expected a matrix.", input)
    return reduce.sum(layout.diagonal(input, offset=0, axis1=0, axis2=1), axis=None, keepdims=False)


# ---------------------------------------------------------------- methods only


def contiguous(self: Tensor) -> Tensor:
    """Give the tensor itself if its memory runs in C order, else a copy that does."""
    return self if self.array.flags.c_contiguous else layout.contiguous(self)


def is_contiguous(self: Tensor) -> bool:
    """Tell whether the memory runs in C order."""
    return bool(self.array.flags.c_contiguous)


def stride(self: Tensor, dim: int | None = None) -> Any:
    """Steps in memory, in elements, from one position to the next: of each dimension, or of one."""
    steps = tuple(s // self.array.itemsize for s in self.array.strides)
    return steps if dim is None else steps[as_axis("stride", dim, self.ndim)]


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """Give the shape of another tensor."""
    return reshape(self, tuple(other.shape))


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Repeat without copying to the shape of another tensor."""
    return expand(self, tuple(other.shape))


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Give overlapping pieces of a dimension, `step` apart, as a view with a last dimension of their size.

    Shapes:
        (*A, N, *B) -> (*A, (N - size) // step + 1, *B, size)
    """
    axis = as_axis("unfold", dimension, self.ndim)
    size, step = integer("unfold", "size", size), integer("unfold", "step", step)
    x: Any = self if self.ndim else reshape(self, 1)
    fits = 0 <= size <= x.shape[axis] and step > 0
    need(fits, f"unfold: no pieces of size {size}, step {step}.", self, kind=ArgumentError)
    found = layout.windows(x, axis=axis, size=size, step=step)
    return found if self.ndim else reshape(found, size)
