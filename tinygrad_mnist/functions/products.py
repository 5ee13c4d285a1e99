"""PyTorch's names for matrix products and probabilities: matmul, softmax, log_softmax.

Look next at tensor.py, which hangs all of these on the class.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.explain import outside
from ..core.primitive import Primitive
from ..ops import contract
from ..ops import softmax as softmaxes
from ..ops.promotion import cast
from .dims import as_axis
from .shapes import squeeze, unsqueeze
from .types import Tensor, TensorLike


def matmul(input: TensorLike, other: TensorLike) -> Tensor:
    """Matrix product; a vector on either side counts as a row or a column, and that dimension is dropped again.

    Example:
        >>> tg.tensor([[1, 2], [3, 4]]) @ tg.tensor([1, 1])
        tensor([3, 7])
    """
    left, right = np.ndim(input), np.ndim(other)
    if left > 1 and right > 1:
        return contract.matmul(input, other)
    if left == 0 or right == 0:
        got, wanted = f"a {np.shape(input)}, b {np.shape(other)}", "at least one dimension each"
        raise ShapeError("matmul: a scalar has no rows or columns.", got=got, expected=wanted, hint="a * b")
    rows, columns = np.shape(input)[-1], np.shape(other)[0 if right == 1 else -2]
    if rows != columns:
        what = f"matmul: the last dimension of a is {rows} but the one it meets in b is {columns}."
        got = f"a {np.shape(input)}, b {np.shape(other)}"
        raise ShapeError(what, got=got, expected="equal sizes where the two meet")
    out = contract.matmul(unsqueeze(input, 0) if left == 1 else input, unsqueeze(other, 1) if right == 1 else other)
    out = squeeze(out, -1) if right == 1 else out
    return squeeze(out, -1 if right == 1 else -2) if left == 1 else out


def softmax(input: TensorLike, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Turn logits into probabilities along a dimension; dtype: convert to it first.

    Example:
        >>> tg.softmax(tg.tensor([0.0, 0.0, 0.0, 0.0]), dim=0).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    return _along(softmaxes.softmax, input, dim, dtype)


def log_softmax(input: TensorLike, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Turn logits into log-probabilities along a dimension; dtype: convert to it first."""
    return _along(softmaxes.log_softmax, input, dim, dtype)


def _along(operation: Primitive, input: TensorLike, dim: int | None, dtype: Any) -> Tensor:
    count = np.ndim(input)
    if dim is None:
        dim = 0 if count in (0, 1, 3) else 1
        text = f"{operation.name}: without dim= it is along dimension {dim} of {count}, as PyTorch has it; say which."
        warnings.warn(text, stacklevel=outside())
    axis = as_axis(operation.name, dim, count)
    input = input if dtype is None else cast(input, dtype=np.dtype(dtype))
    if count == 0:
        return squeeze(operation(unsqueeze(input, 0), axis=0), 0)
    return operation(input, axis=axis)
