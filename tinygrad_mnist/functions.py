"""PyTorch's names for the operations: `dim` and `keepdim` here, `axis` and `keepdims` below.

Each function takes a Tensor first and serves both as `tg.sum(x)` and as the method `x.sum()`. Nothing is computed
here that is not a primitive or built from primitives. Read after ops/; tensor.py hangs these on the class.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .errors import ArgumentError, ShapeError
from .graph import Var
from .ops import contract, elementwise, index, layout, reduce
from .ops import softmax as softmaxes
from .ops.broadcast import broadcast_to
from .ops.elementwise import (
    cos,
    exp,
    expm1,
    isfinite,
    isnan,
    log,
    log1p,
    maximum,
    minimum,
    reciprocal,
    relu,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    tanh,
    where,
)

Dims = int | Sequence[int] | None


class ValuesAndIndices(NamedTuple):
    """What max and min give along a dimension: the values and where they were."""

    values: Any
    indices: Any


# ---------------------------------------------------------------- arithmetic


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Sum input + alpha * other, broadcasting."""
    return elementwise.add(input, other if alpha == 1 else elementwise.multiply(other, alpha))


def subtract(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Difference input - alpha * other, broadcasting."""
    return elementwise.subtract(input, other if alpha == 1 else elementwise.multiply(other, alpha))


def multiply(input: Any, other: Any) -> Any:
    """Product input * other, broadcasting."""
    return elementwise.multiply(input, other)


def divide(input: Any, other: Any) -> Any:
    """Quotient input / other, broadcasting; of integers, a float."""
    return elementwise.divide(input, other)


def pow(input: Any, exponent: Any) -> Any:
    """Power input ** exponent, a number or a tensor."""
    if isinstance(exponent, np.generic):
        exponent = exponent.item()
    if isinstance(exponent, int | float):
        return elementwise.power_scalar(input, exponent=exponent)
    return elementwise.power(input, exponent)


def negative(input: Any) -> Any:
    """Opposite of every element."""
    return elementwise.negative(input)


def abs(input: Any) -> Any:
    """Absolute value; its derivative at 0 is 0."""
    return elementwise.absolute(input)


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """Limit to [min, max], numbers or tensors; at a bound the gradient passes."""
    if min is None and max is None:
        raise ArgumentError("clamp: neither min nor max was given.", expected="at least one of them")
    min = min.item() if isinstance(min, np.generic) else min  # a NumPy number must not widen either
    max = max.item() if isinstance(max, np.generic) else max
    if isinstance(min, Var | np.ndarray):
        input, min = where(elementwise.less(input, min), min, input), None
    if isinstance(max, Var | np.ndarray):
        input, max = elementwise.clamp(input, low=min, high=None) if min is not None else input, max
        input, min, max = where(elementwise.greater(input, max), max, input), None, None
    return input if min is None and max is None else elementwise.clamp(input, low=min, high=max)


# ---------------------------------------------------------------- reductions


def _axis(dim: Dims) -> Any:
    return tuple(dim) if isinstance(dim, list | tuple) else dim


def sum(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Sum over dimensions (None: all)."""
    return reduce.sum(input, axis=_axis(dim), keepdims=keepdim)


def mean(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Arithmetic mean over dimensions (None: all)."""
    return reduce.mean(input, axis=_axis(dim), keepdims=keepdim)


def amax(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Largest element over dimensions; equal ones share the gradient."""
    return reduce.amax(input, axis=_axis(dim), keepdims=keepdim)


def amin(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Smallest element over dimensions; equal ones share the gradient."""
    return reduce.amin(input, axis=_axis(dim), keepdims=keepdim)


def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position of the first largest element."""
    return reduce.argmax(input, axis=dim, keepdims=keepdim)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position of the first smallest element."""
    return reduce.argmin(input, axis=dim, keepdims=keepdim)


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Largest element of all; with `dim` a pair (values, indices); with a tensor in its place the larger of the two.

    With `dim` the first of equal elements gets the whole gradient.
    """
    return _extreme(input, dim, keepdim, reduce.amax, reduce.argmax, maximum)


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Smallest element of all; with `dim` a pair (values, indices); with a tensor in its place the smaller of the two.

    With `dim` the first of equal elements gets the whole gradient.
    """
    return _extreme(input, dim, keepdim, reduce.amin, reduce.argmin, minimum)


def _extreme(input: Any, dim: Any, keepdim: bool, over_all: Any, position: Any, of_two: Any) -> Any:
    if dim is None:
        return over_all(input, axis=None, keepdims=False)
    if isinstance(dim, Var | np.ndarray):
        return of_two(input, dim)
    if input.ndim == 0:
        return ValuesAndIndices(input, position(input, axis=None, keepdims=False))
    where_ = position(input, axis=dim, keepdims=True)
    values = index.gather(input, where_, axis=dim)
    if keepdim:
        return ValuesAndIndices(values, where_)
    return ValuesAndIndices(squeeze(values, dim), squeeze(where_, dim))


def logsumexp(input: Any, dim: Dims, keepdim: bool = False) -> Any:
    """log Σ exp over dimensions, without overflow."""
    return reduce.logsumexp(input, axis=_axis(dim), keepdims=keepdim)


def var(input: Any, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Any:
    """Variance over dimensions, divided by n - correction."""
    return reduce.var(input, axis=_axis(dim), correction=correction, keepdims=keepdim)


def std(input: Any, dim: Dims = None, *, correction: float = 1, keepdim: bool = False) -> Any:
    """Standard deviation over dimensions, √var."""
    squared = var(input, dim, correction=correction, keepdim=keepdim)
    flat = elementwise.equal(squared, 0)  # where nothing varies the derivative is 0, as in PyTorch, not 0 / 0
    return where(flat, 0.0, sqrt(where(flat, 1.0, squared)))


def prod(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Product of all elements or along one dimension; its gradient is right where elements are 0."""
    return reduce.prod(input, dim, keepdim)


# ---------------------------------------------------------------- shape


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
    if sorted(a % builtins.max(input.ndim, 1) for a in axes) != list(range(input.ndim)):
        raise ShapeError(
            f"permute: {axes} does not name each of the {input.ndim} dimensions once.",
            got=f"x {tuple(input.shape)}",
            expected=f"an order of {tuple(range(input.ndim))}",
        )
    return layout.transpose(input, axes=axes)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Exchange two dimensions."""
    axes = list(range(input.ndim))
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return layout.transpose(input, axes=tuple(axes))


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Join the dimensions from start_dim to end_dim into one."""
    shape = input.shape or (1,)
    start, end = start_dim % len(shape), end_dim % len(shape)
    return layout.reshape(input, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def squeeze(input: Any, dim: Dims = None) -> Any:
    """Drop dimensions of size 1: all of them, or those named that have it."""
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    drop = {d % input.ndim for d in dims} if input.ndim else set()
    return layout.reshape(input, shape=tuple(s for i, s in enumerate(input.shape) if s != 1 or i not in drop))


def unsqueeze(input: Any, dim: int) -> Any:
    """Insert a dimension of size 1."""
    at = dim % (input.ndim + 1)
    return layout.reshape(input, shape=(*input.shape[:at], 1, *input.shape[at:]))


def expand(input: Any, *sizes: Any) -> Any:
    """Repeat along dimensions of size 1 and new leading ones, without copying; -1 keeps a size."""
    shape = _sizes(sizes)
    lead = len(shape) - input.ndim
    return broadcast_to(input, shape=tuple(input.shape[i - lead] if s == -1 else s for i, s in enumerate(shape)))


def flip(input: Any, *dims: Any) -> Any:
    """Reverse the order along dimensions."""
    return layout.flip(input, axis=_sizes(dims))


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors end to end along a dimension that exists."""
    if not tensors:
        raise ArgumentError("cat: no tensors were given.", expected="a list of at least one tensor")
    return layout.cat(*tensors, axis=dim)


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors of one shape along a new dimension."""
    shapes = {tuple(np.shape(t)) for t in tensors}
    if len(shapes) != 1:
        raise ShapeError(
            "stack: the tensors differ in shape." if shapes else "stack: no tensors were given.",
            got=", ".join(map(str, sorted(shapes))),
            expected="one or more tensors of one shape",
        )
    return cat([unsqueeze(t, dim) for t in tensors], dim)


def split(input: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Cut along a dimension: into pieces of one size (the last may be smaller), or of the sizes listed."""
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
    lead = (slice(None),) * (dim % input.ndim)
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
    return _gather(input, index, axis=dim)


_gather = index.gather


# ---------------------------------------------------------------- products and probabilities


def matmul(input: Any, other: Any) -> Any:
    """Matrix product; a vector on either side counts as a row or a column, and that dimension is dropped again."""
    left, right = np.ndim(input), np.ndim(other)
    if left > 1 and right > 1:
        return contract.matmul(input, other)
    if left == 0 or right == 0:
        raise ShapeError(
            "matmul: a scalar has no rows or columns.",
            got=f"a {np.shape(input)}, b {np.shape(other)}",
            expected="at least one dimension each",
            hint="a * b",
        )
    out = contract.matmul(unsqueeze(input, 0) if left == 1 else input, unsqueeze(other, 1) if right == 1 else other)
    out = squeeze(out, -1) if right == 1 else out
    return squeeze(out, -1 if right == 1 else -2) if left == 1 else out


def softmax(input: Any, dim: int) -> Any:
    """Turn logits into probabilities along a dimension."""
    return softmaxes.softmax(input, axis=dim)


def log_softmax(input: Any, dim: int) -> Any:
    """Turn logits into log-probabilities along a dimension."""
    return softmaxes.log_softmax(input, axis=dim)


sub, mul, div, neg, clip, view = subtract, multiply, divide, negative, clamp, reshape

__all__ = [
    "abs", "add", "amax", "amin", "argmax", "argmin", "cat", "clamp", "clip", "cos", "div", "divide", "exp", "expand",
    "expm1", "flatten", "flip", "gather", "isfinite", "isnan", "log", "log1p", "log_softmax", "logsumexp", "matmul",
    "max", "maximum", "mean", "min", "minimum", "mul", "multiply", "neg", "negative", "pad", "permute", "pow", "prod",
    "reciprocal", "relu", "reshape", "sigmoid", "sign", "sin", "softmax", "split", "sqrt", "square", "squeeze", "stack",
    "std", "sub", "subtract", "sum", "tanh", "transpose", "unsqueeze", "var", "view", "where",
]  # fmt: skip
