"""PyTorch's names for what is done to each element by itself, and nothing more: each function calls its primitive.

Written by tests/public_names.py from the primitives of ops/, which have the formulas; arguments broadcast. What has
other arguments than its primitive stands in arithmetic.py.
"""

from __future__ import annotations

from ..ops import activation, compare, elementwise
from .types import Tensor, TensorLike


def abs(input: TensorLike) -> Tensor:
    """Absolute value |input|; its derivative at 0 is 0."""
    return elementwise.absolute(input)


def clone(input: TensorLike) -> Tensor:
    """Copy input to memory of its own; the gradient passes through."""
    return elementwise.clone(input)


def cos(input: TensorLike) -> Tensor:
    """Cosine of input in radians."""
    return elementwise.cos(input)


def divide(input: TensorLike, other: TensorLike) -> Tensor:
    """Quotient input / other; of integers, a float."""
    return elementwise.divide(input, other)


def eq(input: TensorLike, other: TensorLike) -> Tensor:
    """Tell where input = other."""
    return compare.equal(input, other)


def erf(input: TensorLike) -> Tensor:
    """Error function 2/√π ∫₀ˣ e^(-t²) dt."""
    return elementwise.erf(input)


def exp(input: TensorLike) -> Tensor:
    """Exponential eˣ."""
    return elementwise.exp(input)


def expm1(input: TensorLike) -> Tensor:
    """eˣ - 1, accurate near 0."""
    return elementwise.expm1(input)


def ge(input: TensorLike, other: TensorLike) -> Tensor:
    """Tell where input ≥ other."""
    return compare.greater_equal(input, other)


def gt(input: TensorLike, other: TensorLike) -> Tensor:
    """Tell where input > other."""
    return compare.greater(input, other)


def isfinite(input: TensorLike) -> Tensor:
    """Tell where input is neither infinite nor not a number."""
    return compare.isfinite(input)


def isnan(input: TensorLike) -> Tensor:
    """Tell where input is not a number."""
    return compare.isnan(input)


def le(input: TensorLike, other: TensorLike) -> Tensor:
    """Tell where input ≤ other."""
    return compare.less_equal(input, other)


def log(input: TensorLike) -> Tensor:
    """Natural logarithm."""
    return elementwise.log(input)


def log1p(input: TensorLike) -> Tensor:
    """log(1 + input), accurate near 0."""
    return elementwise.log1p(input)


def lt(input: TensorLike, other: TensorLike) -> Tensor:
    """Tell where input < other."""
    return compare.less(input, other)


def maximum(input: TensorLike, other: TensorLike) -> Tensor:
    """Larger of input and other; equal ones share the gradient."""
    return compare.maximum(input, other)


def minimum(input: TensorLike, other: TensorLike) -> Tensor:
    """Smaller of input and other; equal ones share the gradient."""
    return compare.minimum(input, other)


def multiply(input: TensorLike, other: TensorLike) -> Tensor:
    """Product input * other."""
    return elementwise.multiply(input, other)


def ne(input: TensorLike, other: TensorLike) -> Tensor:
    """Tell where input ≠ other."""
    return compare.not_equal(input, other)


def negative(input: TensorLike) -> Tensor:
    """Opposite -input."""
    return elementwise.negative(input)


def reciprocal(input: TensorLike) -> Tensor:
    """Reciprocal 1 / input; of integers, a float."""
    return elementwise.reciprocal(input)


def relu(input: TensorLike) -> Tensor:
    """Rectifier max(input, 0); its derivative at 0 is 0."""
    return activation.relu(input)


def sigmoid(input: TensorLike) -> Tensor:
    """Logistic function 1 / (1 + e⁻ˣ), accurate to the end of the range on either side."""
    return activation.sigmoid(input)


def sign(input: TensorLike) -> Tensor:
    """Sign of input: -1, 0 or 1. Its derivative is 0 everywhere."""
    return elementwise.sign(input)


def sin(input: TensorLike) -> Tensor:
    """Sine of input in radians."""
    return elementwise.sin(input)


def sqrt(input: TensorLike) -> Tensor:
    """Square root √input."""
    return elementwise.sqrt(input)


def square(input: TensorLike) -> Tensor:
    """Square x²."""
    return elementwise.square(input)


def tanh(input: TensorLike) -> Tensor:
    """Hyperbolic tangent."""
    return activation.tanh(input)


def where(condition: TensorLike, input: TensorLike, other: TensorLike) -> Tensor:
    """Take input where the condition holds, else other."""
    return compare.where(condition, input, other)
