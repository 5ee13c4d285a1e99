"""PyTorch's names for matrix products and probabilities: matmul, softmax, log_softmax.

Look next at tensor.py, which hangs all of these on the class.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import ShapeError
from ..core.primitive import Primitive
from ..ops import contract
from ..ops import softmax as softmaxes
from .dims import as_axis
from .shapes import squeeze, unsqueeze
from .types import Tensor, TensorLike


def matmul(input: TensorLike, other: TensorLike) -> Tensor:
    """Matrix product; a vector on either side counts as a row or a column, and that dimension is dropped again."""
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


def softmax(input: TensorLike, dim: int) -> Tensor:
    """Turn logits into probabilities along a dimension."""
    return _along(softmaxes.softmax, input, dim)


def log_softmax(input: TensorLike, dim: int) -> Tensor:
    """Turn logits into log-probabilities along a dimension."""
    return _along(softmaxes.log_softmax, input, dim)


def _along(operation: Primitive, input: TensorLike, dim: int) -> Tensor:
    axis = as_axis(operation.name, dim, np.ndim(input))
    if np.ndim(input) == 0:
        return squeeze(operation(unsqueeze(input, 0), axis=0), 0)
    return operation(input, axis=axis)
