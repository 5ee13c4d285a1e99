"""PyTorch's names for what moves elements: reshape, permute, squeeze, expand, cat, split, pad, gather ...

Shapes are checked here, where the message can name what the caller wrote. Look next at products.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..ops import index, layout
from ..ops.broadcast import broadcast_to
from .dims import Dims, one, some


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else tuple(shape)


def reshape(input: Any, *shape: Any) -> Any:
    """Give another shape with as many elements; one size may be -1."""
    sizes = _sizes(shape)
    known = math.prod(s for s in sizes if s != -1)
    size = math.prod(input.shape)
    if sizes.count(-1) > 1 or (size != known if -1 not in sizes else (not known or size % known)):
        raise ShapeError(
            f"reshape: {size} elements do not fill {sizes}.",
            got=f"x {tuple(input.shape)}",
            expected="as many elements as before, and -1 at most once",
            hint="reshape(x.shape[0], -1) keeps the batch and flattens the rest",
        )
    return layout.reshape(input, shape=sizes)


def permute(input: Any, *dims: Any) -> Any:
    """Reorder the dimensions: dimension i of the result is dims[i] of the input."""
    axes = _sizes(dims)
    if sorted(one("permute", a, input.ndim) for a in axes) != list(range(input.ndim)):
        raise ShapeError(
            f"permute: {axes} does not name each of the {input.ndim} dimensions once.",
            got=f"x {tuple(input.shape)}",
            expected=f"an order of {tuple(range(input.ndim))}",
        )
    return layout.transpose(input, axes=axes)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Exchange two dimensions."""
    axes = list(range(input.ndim))
    first, second = one("transpose", dim0, input.ndim), one("transpose", dim1, input.ndim)
    if axes:
        axes[first], axes[second] = second, first
    return layout.transpose(input, axes=tuple(axes))


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Join the dimensions from start_dim to end_dim into one."""
    shape = input.shape or (1,)
    start, end = one("flatten", start_dim, input.ndim), one("flatten", end_dim, input.ndim)
    return layout.reshape(input, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def squeeze(input: Any, dim: Dims = None) -> Any:
    """Drop dimensions of size 1: all of them, or those named that have it."""
    named = some("squeeze", dim, input.ndim)
    drop = set(range(input.ndim) if named is None else (named,) if isinstance(named, int) else named)
    return layout.reshape(input, shape=tuple(s for i, s in enumerate(input.shape) if s != 1 or i not in drop))


def unsqueeze(input: Any, dim: int) -> Any:
    """Insert a dimension of size 1."""
    at = one("unsqueeze", dim, input.ndim + 1)
    return layout.reshape(input, shape=(*input.shape[:at], 1, *input.shape[at:]))


def expand(input: Any, *sizes: Any) -> Any:
    """Repeat along dimensions of size 1 and new leading ones, without copying; -1 keeps a size."""
    shape = _sizes(sizes)
    lead = len(shape) - input.ndim
    return broadcast_to(input, shape=tuple(input.shape[i - lead] if s == -1 else s for i, s in enumerate(shape)))


def flip(input: Any, *dims: Any) -> Any:
    """Reverse the order along dimensions."""
    return layout.flip(input, axis=tuple(one("flip", d, input.ndim) for d in _sizes(dims)))


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors end to end along a dimension that exists."""
    if not tensors:
        raise ArgumentError("cat: no tensors were given.", expected="a list of at least one tensor")
    return layout.cat(*tensors, axis=one("cat", dim, np.ndim(tensors[0])))


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors of one shape along a new dimension."""
    shapes = {tuple(np.shape(t)) for t in tensors}
    if len(shapes) != 1:
        raise ShapeError(
            "stack: the tensors differ in shape." if shapes else "stack: no tensors were given.",
            got=", ".join(map(str, sorted(shapes))),
            expected="one or more tensors of one shape",
        )
    at = one("stack", dim, len(next(iter(shapes))) + 1)
    return cat([unsqueeze(t, at) for t in tensors], at)


def split(input: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Cut along a dimension: into pieces of one size (the last may be smaller), or of the sizes listed."""
    dim = one("split", dim, input.ndim)
    size = input.shape[dim]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        bounds = [*range(0, size, step), size] if size else [0, 0]
    else:
        bounds = [0, *np.cumsum(split_size_or_sections).tolist()]
        if bounds[-1] != size:
            raise ShapeError(
                f"split: the sections add up to {bounds[-1]}.",
                got=f"x {tuple(input.shape)}, sections {list(split_size_or_sections)}, dim {dim}",
                expected=f"sections that add up to {size}",
            )
    lead = (slice(None),) * dim
    return tuple(
        index.getitem(input, index=(*lead, slice(a, b))) for a, b in zip(bounds[:-1], bounds[1:], strict=True)
    )


def pad(input: Any, pad: Sequence[int], value: float = 0.0) -> Any:
    """Surround with a constant: pad = (before, after) of the last dimension, then of the one before it, and so on."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    if len(pairs) > input.ndim:
        raise ShapeError(
            f"pad: {len(pairs)} pairs for {input.ndim} dimensions.", got=f"x {tuple(input.shape)}, pad {tuple(pad)}"
        )
    width = ((0, 0),) * (input.ndim - len(pairs)) + tuple(reversed(pairs))
    return layout.pad(input, width=width, value=value)


def gather(input: Any, dim: int, index: Any) -> Any:
    """Pick along a dimension: out[i, j] = input[i, index[i, j]] for dim 1 of a matrix."""
    return _gather(input, index, axis=one("gather", dim, input.ndim))


_gather = index.gather
