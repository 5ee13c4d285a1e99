"""PyTorch's names for what moves elements: reshape, permute, squeeze, expand, cat, split, pad, gather ...

Shapes are checked here, where the message can name what the caller wrote. Look next at products.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from ..core.graph import Array, Var
from ..ops import index, layout
from ..ops.broadcast import broadcast_to
from .dims import Dims, Size, as_axes, as_axis, integer, need, sizes
from .types import Tensor, Values


def _listed(dims: Any, more: tuple[Any, ...]) -> list[Any]:
    """Read dimensions, given one by one or as one sequence."""
    return [dims, *more] if more or not isinstance(dims, list | tuple) else [*dims]


def reshape(input: Tensor | Array, shape: Size = (), *more: int) -> Tensor:
    """Give another shape with as many elements; one size may be -1.

    Example:
        >>> tg.ones(64, 1, 28, 28).reshape(64, -1).shape
        (64, 784)
    """
    wanted = sizes("reshape", (shape,) + more, least=-1)
    size, known, free = math.prod(input.shape), abs(math.prod(wanted)), wanted.count(-1)  # -1 changes the sign alone
    if free > 1 or (size != known if not free else (not known or size % known)):
        got, expected = f"x {tuple(input.shape)}", "as many elements as before, and -1 at most once"
        hint = "reshape(x.shape[0], -1) keeps the batch and flattens the rest"
        raise ShapeError(f"reshape: {size} elements do not fill {wanted}.", got=got, expected=expected, hint=hint)
    return layout.reshape(input, shape=wanted)


def permute(input: Tensor | Array, dims: Size = (), *more: int) -> Tensor:
    """Reorder the dimensions: dimension i of the result is dims[i] of the input."""
    axes = tuple(as_axis("permute", a, input.ndim) for a in _listed(dims, more))
    if sorted(axes) != list(range(input.ndim)):
        what = f"permute: {axes} does not name each of the {input.ndim} dimensions once."
        raise ShapeError(what, got=f"x {tuple(input.shape)}", expected=f"an order of {tuple(range(input.ndim))}")
    return layout.transpose(input, axes=axes)


def transpose(input: Tensor | Array, dim0: int, dim1: int) -> Tensor:
    """Exchange two dimensions.

    Example:
        >>> tg.transpose(tg.ones(2, 3, 5), 0, 2).shape
        (5, 3, 2)
    """
    axes = list(range(input.ndim))
    first, second = as_axis("transpose", dim0, input.ndim), as_axis("transpose", dim1, input.ndim)
    if axes:
        axes[first], axes[second] = second, first
    return layout.transpose(input, axes=tuple(axes))


def _several(name: str, dims: Any, ndim: int) -> tuple[int, ...]:
    """Count dimensions from 0, one or several."""
    found = as_axes(name, dims, ndim)
    return found if isinstance(found, tuple) else (found,)


def movedim(input: Values, source: Size, destination: Size) -> Tensor:
    """Move dimensions to other places; the others keep their order."""
    start, end = _several("movedim", source, input.ndim), _several("movedim", destination, input.ndim)
    need(len(start) == len(end), "movedim: expected as many destinations as sources.", source, destination)
    rest = iter(i for i in range(input.ndim) if i not in start)
    placed = dict(zip(end, start, strict=True))
    return permute(input, tuple(placed[i] if i in placed else next(rest) for i in range(input.ndim)))


def flatten(input: Tensor | Array, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join the dimensions from start_dim to end_dim into one.

    Example:
        >>> tg.flatten(tg.ones(64, 1, 28, 28), start_dim=1).shape
        (64, 784)
    """
    shape = input.shape or (1,)
    start, end = as_axis("flatten", start_dim, input.ndim), as_axis("flatten", end_dim, input.ndim)
    if start > end:
        raise ArgumentError("flatten: start_dim comes after end_dim.", got=f"{start_dim} and {end_dim}")
    return layout.reshape(input, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def ravel(input: Values) -> Tensor:
    """Join all dimensions into one."""
    return layout.reshape(input, shape=(math.prod(input.shape),))


def squeeze(input: Any, dim: Dims = None) -> Tensor:
    """Drop dimensions of size 1: all of them, or those named that have it."""
    named = None if dim is None else as_axes("squeeze", dim, input.ndim)
    drop = set(range(input.ndim) if named is None else (named,) if isinstance(named, int) else named)
    return layout.reshape(input, shape=tuple(s for i, s in enumerate(input.shape) if s != 1 or i not in drop))


def size(self: Tensor, dim: int | None = None) -> int | tuple[int, ...]:
    """Shape, or the size of one dimension."""
    if dim is None:
        return self.shape
    if self.ndim == 0:
        raise IndexRangeError(f"size: there is no dimension {dim!r:.60}.", got="a scalar, which has none")
    return self.shape[as_axis("size", dim, self.ndim)]


def unsqueeze(input: Any, dim: int) -> Tensor:
    """Insert a dimension of size 1."""
    at = as_axis("unsqueeze", dim, input.ndim + 1)
    return layout.reshape(input, shape=(*input.shape[:at], 1, *input.shape[at:]))


def expand(input: Tensor | Array, size: Size = (), *more: int) -> Tensor:
    """Repeat along dimensions of size 1 and new leading ones, without copying; -1 keeps a size."""
    wanted = sizes("expand", (size,) + more, least=-1)
    lead = len(wanted) - input.ndim
    shape = tuple(input.shape[i - lead] if s == -1 and i >= lead else s for i, s in enumerate(wanted))
    fits = lead >= 0 and all(a in (1, b) for a, b in zip(input.shape, shape[lead:], strict=True))
    if not fits or -1 in shape:
        got = f"x {tuple(input.shape)}"
        expected = "its own sizes (or -1) at the end, others only where it has 1 or no dimension"
        raise ShapeError(f"expand: {tuple(input.shape)} does not stretch to {wanted}.", got=got, expected=expected)
    return broadcast_to(input, shape=shape)


def flip(input: Tensor | Array, dims: Size = (), *more: int) -> Tensor:
    """Reverse the order along dimensions."""
    axes = as_axes("flip", _listed(dims, more), input.ndim)
    return layout.flip(input, axis=axes if input.ndim else ())


def cat(tensors: Sequence[Tensor | Array], dim: int = 0) -> Tensor:
    """Join tensors end to end along a dimension that exists.

    Example:
        >>> tg.cat([tg.ones(2, 3), tg.zeros(1, 3)]).shape
        (3, 3)
    """
    _check_list("cat", tensors)
    if not len(tensors):
        raise ArgumentError("cat: no tensors were given.", expected="a list of at least one tensor")
    if any(t.ndim != 1 for t in tensors):  # beside those an empty vector says nothing, as in PyTorch
        tensors = [t for t in tensors if t.shape != (0,)]
    axis = as_axis("cat", dim, tensors[0].ndim)
    shape = [*tensors[0].shape]
    for t in tensors:
        if not t.ndim == len(shape) > 0 or [*t.shape[:axis], *t.shape[axis + 1 :]] != shape[:axis] + shape[axis + 1 :]:
            what = f"cat: the tensors do not fit together along dimension {dim}."
            got = ", ".join(str(tuple(t.shape)) for t in tensors)
            wanted = "at least one dimension, and equal sizes in all others"
            raise ShapeError(what, got=got, expected=wanted, hint="stack(tensors) for scalars" if t.ndim == 0 else "")
    return layout.cat(*tensors, axis=axis)


def _check_list(name: str, tensors: Any) -> None:
    """Raise unless it is a list or tuple of tensors or arrays."""
    if isinstance(tensors, list | tuple) and all(isinstance(t, Var | np.ndarray) for t in tensors):
        return
    got = type(tensors).__name__
    if isinstance(tensors, list | tuple):
        got += " with " + ", ".join(sorted({type(t).__name__ for t in tensors}))
    raise DTypeError(f"{name}: expected a list or tuple of tensors.", got=got, hint=f"tg.{name}([a, b])")


def stack(tensors: Sequence[Tensor | Array], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension."""
    _check_list("stack", tensors)
    shapes = {tuple(np.shape(t)) for t in tensors}
    if len(shapes) != 1:
        what = "stack: the tensors differ in shape." if shapes else "stack: no tensors were given."
        raise ShapeError(what, got=", ".join(map(str, sorted(shapes))), expected="one or more tensors of one shape")
    at = as_axis("stack", dim, len(next(iter(shapes))) + 1)
    return cat([unsqueeze(t, at) for t in tensors], at)


def split(tensor: Tensor | Array, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut along a dimension: into pieces of one size (the last may be smaller), or of the sizes listed."""
    dim = as_axis("split", dim, tensor.ndim)
    if tensor.ndim == 0:
        raise ShapeError("split: a scalar cannot be cut.", expected="at least one dimension")
    size = tensor.shape[dim]
    if isinstance(split_size_or_sections, list | tuple):
        sections = [integer("split", "a section", n) for n in split_size_or_sections]
        if sum(sections) != size or min(sections, default=0) < 0:
            got = f"x {tuple(tensor.shape)}, sections {sections}, dim {dim}"
            wanted = f"sections of at least 0 that add up to {size}"
            raise ShapeError(f"split: the sections add up to {sum(sections)}.", got=got, expected=wanted)
        bounds = [0, *accumulate(sections)]
    else:
        step = integer("split", "the size of a piece", split_size_or_sections)
        if step < 0 or (step == 0 and size):
            raise ArgumentError(f"split: {step} is no size of a piece.", expected="an int of at least 1")
        bounds = [*range(0, size, step), size] if size else [0, 0]
    lead = (slice(None),) * dim
    return tuple(
        index.getitem(tensor, index=(*lead, slice(a, b))) for a, b in zip(bounds[:-1], bounds[1:], strict=True)
    )


def gather(input: Tensor | Array, dim: int, index: Tensor | Array) -> Tensor:
    """Pick along a dimension: out[i, j] = input[i, index[i, j]] for dim 1 of a matrix."""
    axis = as_axis("gather", dim, input.ndim)
    if not isinstance(index, Var | np.ndarray) or index.dtype.kind not in "iu":
        kind = getattr(index, "dtype", type(index).__name__)
        raise DTypeError("gather: the index must be a tensor of integers.", got=f"{kind}", hint="index.long()")
    if index.ndim == 0 or input.ndim == 0:  # a scalar counts as a vector of one
        if max(index.ndim, input.ndim) > 1:
            raise _misfit(input, index, dim)
        found = _gather(reshape(input, -1), reshape(index, -1), axis=0)
        return reshape(found, tuple(index.shape))
    if 0 in index.shape and index.ndim != input.ndim:
        return getitem(reshape(input, -1), index=(slice(0, 0),)).reshape(tuple(index.shape))
    if index.ndim != input.ndim or any(index.shape[i] > input.shape[i] for i in range(input.ndim) if i != axis):
        raise _misfit(input, index, dim)
    return _gather(input, index, axis=axis)


def _misfit(input: Tensor | Array, index: Tensor | Array, dim: int) -> ShapeError:
    got = f"x {tuple(input.shape)}, index {tuple(index.shape)}, dim {dim}"
    wanted = f"as many dimensions, and no size larger than x's outside dimension {dim}"
    return ShapeError("gather: the index does not fit the input.", got=got, expected=wanted)


_gather, getitem = index.gather, index.getitem
