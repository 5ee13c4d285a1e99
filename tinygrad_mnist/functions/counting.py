"""PyTorch's names for counting: count_nonzero, unique, bincount, histc.

How many results there are depends on the values, so that none but count_nonzero can stand in a compiled step. Look
next at norms.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.graph import Array, Var
from ..core.scope import refuse_captured
from ..ops import compare, reduce
from .dims import Dims, as_axis, axes_or_all, integer
from .names import numpy_names
from .types import Tensor, TensorLike


@numpy_names
def count_nonzero(input: TensorLike, dim: Dims = None) -> Tensor:
    """Number of elements other than 0."""
    axis = axes_or_all("count_nonzero", dim, np.ndim(input))
    return reduce.sum(compare.not_equal(input, 0), axis=axis, keepdims=False)


@numpy_names
def unique(
    input: Tensor | Array, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """Elements (slices along `dim`) without repetitions, in order.

    Args:
        sorted: False changes nothing: they are in order anyway
        return_inverse: also where each element went
        return_counts: also how often each came
    """
    x, axis = _values("unique", input, dim)
    found = np.unique(x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    inverse = found[1].reshape(x.shape if axis is None else (-1,))
    return _given(input, found[0], (return_inverse, inverse), (return_counts, found[2]))


def bincount(input: Tensor | Array, weights: Tensor | Array | None = None, minlength: int = 0) -> Tensor:
    """Number of times that each of 0, 1, 2 ... comes, or the sum of the weights there."""
    x, _ = _values("bincount", input, None)
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and x.min() < 0):
        raise DTypeError("bincount: expected a vector of integers of at least 0.", got=f"x {x.shape} {x.dtype}")
    least = integer("bincount", "minlength", minlength)
    if least < 0:
        raise ArgumentError("bincount: minlength must be at least 0.", got=f"{least}")
    if weights is None:
        return _given(input, np.bincount(x, minlength=least))
    each = _values("bincount", weights, None)[0]
    if each.shape != x.shape:
        raise ShapeError("bincount: one weight for each element.", got=f"x {x.shape}, weights {each.shape}")
    counts = np.bincount(x, each, least)
    return _given(input, counts.astype(np.float32) if each.dtype == np.float32 else counts)


def _values(name: str, input: Any, dim: Any) -> tuple[Array, int | None]:
    """Read an array on which the shape of a result depends."""
    refuse_captured(f"{name}, whose result has a shape that depends on the values")
    x = np.asarray(input.array if isinstance(input, Var) else input)
    if dim is not None and not x.ndim:
        raise ShapeError(f"{name}: a scalar has no dimensions.", got=f"dim = {dim!r:.60}")
    return x, None if dim is None else as_axis(name, dim, x.ndim)


def _given(input: Any, first: Array, *more: tuple[bool, Array]) -> Any:
    """Wrap the results that were asked for as the input is wrapped."""
    arrays = [first, *(array for wanted, array in more if wanted)]
    results = tuple(input.result_type.wrap(a) if isinstance(input, Var) else a for a in arrays)
    return results if len(results) > 1 else results[0]
