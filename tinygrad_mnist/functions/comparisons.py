"""PyTorch's names for comparisons with settings: isclose, allclose, equal, isin, infinities of one sign.

Look next at reductions.py.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.errors import DTypeError
from ..ops import compare, elementary, order, reduce
from .types import Tensor, TensorLike


def isposinf(input: TensorLike) -> Tensor:
    """Tell where input is +∞."""
    return compare.equal(input, math.inf)


def isneginf(input: TensorLike) -> Tensor:
    """Tell where input is -∞."""
    return compare.equal(input, -math.inf)


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:  # fmt: skip
    """Tell where |input - other| is at most atol + rtol |other|, or both are equal."""
    kinds = [getattr(x, "dtype", type(x).__name__) for x in (input, other)]
    if kinds[0] != kinds[1] or isinstance(kinds[0], str):
        raise DTypeError("isclose: expected two tensors of one dtype.", got=f"{kinds[0]} and {kinds[1]}")
    return elementary.isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:  # fmt: skip
    """Tell whether every |input - other| is at most atol + rtol |other|."""
    return bool(reduce.all(isclose(input, other, rtol, atol, equal_nan), axis=None, keepdims=False))


def equal(input: Tensor, other: Tensor) -> bool:
    """Tell whether both have the same shape and elements."""
    if not (hasattr(input, "shape") and hasattr(other, "shape")):
        raise DTypeError("equal: expected two tensors.", got=f"{type(input).__name__} and {type(other).__name__}")
    return input.shape == other.shape and bool(reduce.all(compare.equal(input, other), axis=None, keepdims=False))


def isin(
    elements: TensorLike, test_elements: TensorLike, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:  # fmt: skip
    """Tell which elements are among the test elements (invert: which are not)."""
    found = order.among(elements, np.asarray(test_elements) if not hasattr(test_elements, "dtype") else test_elements)
    return elementary.bitwise_not(found) if invert else found
