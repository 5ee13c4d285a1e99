"""PyTorch's names for what is done to each element by itself, and nothing more: each function calls its primitive.

The lists are written by tests/public_names.py from the primitives of ops/, which have the formulas; arguments
broadcast. What has other arguments than its primitive stands in arithmetic.py and formulas.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from ..core.primitive import Primitive
from ..ops import activation, compare, decompositions, elementary, elementwise
from .indexing import nonzero
from .types import Tensor, TensorLike

TORCH = {
    "absolute": "abs", "equal": "eq", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le",
    "inv": "inverse", "not_equal": "ne", "power": "pow", "rint": "round",
}  # fmt: skip


class OfOne(Protocol):
    """A function of one tensor, also as a method."""

    def __call__(self, input: TensorLike) -> Tensor: ...
    def __get__(self, instance: Any, owner: Any = None) -> Callable[[], Tensor]: ...


class OfTwo(Protocol):
    """A function of two tensors, also as a method."""

    def __call__(self, input: TensorLike, other: TensorLike) -> Tensor: ...
    def __get__(self, instance: Any, owner: Any = None) -> Callable[[TensorLike], Tensor]: ...


def of_one(primitive: Primitive) -> OfOne:
    """Give a primitive PyTorch's name of its argument."""

    def call(input: TensorLike) -> Tensor:
        return primitive(input)

    return named(call, primitive)


def of_two(primitive: Primitive) -> OfTwo:
    """Give a primitive PyTorch's names of its arguments."""

    def call(input: TensorLike, other: TensorLike) -> Tensor:
        return primitive(input, other)

    return named(call, primitive)


def named(call: Callable[..., Any], primitive: Primitive) -> Any:
    """Give a function the name and docstring of its primitive, in PyTorch's words."""
    call.__name__ = call.__qualname__ = TORCH.get(primitive.name, primitive.name)
    call.__doc__ = primitive.__doc__
    for own, public in zip(primitive.arguments, ("input", "other"), strict=False):
        call.__doc__ = re.sub(rf"\b{own}\b", public, call.__doc__ or "", count=1)
    return call


def where(condition: Any, input: TensorLike | None = None, other: TensorLike | None = None) -> Any:
    """Take input where the condition holds, else other; of a condition alone, its `nonzero` as a tuple."""
    return nonzero(condition, as_tuple=True) if input is None is other else compare.where(condition, input, other)


# written by tests/public_names.py
abs, acos, acosh, asin = map(of_one, (elementwise.absolute, elementary.acos, elementary.acosh, elementary.asin))
asinh, atan, atanh = map(of_one, (elementary.asinh, elementary.atan, elementary.atanh))
bitwise_not, ceil, clone = map(of_one, (elementary.bitwise_not, elementary.ceil, elementwise.clone))
cos, cosh, det, erf = map(of_one, (elementwise.cos, elementary.cosh, decompositions.det, elementwise.erf))
erfc, exp, exp2, expm1 = map(of_one, (elementary.erfc, elementwise.exp, elementary.exp2, elementwise.expm1))
floor, frac, inverse = map(of_one, (elementary.floor, elementary.frac, decompositions.inv))
isfinite, isinf, isnan, log = map(of_one, (compare.isfinite, elementary.isinf, compare.isnan, elementwise.log))
log10, log1p, log2 = map(of_one, (elementary.log10, elementwise.log1p, elementary.log2))
logical_not, negative, reciprocal = map(of_one, (compare.logical_not, elementwise.negative, elementwise.reciprocal))
relu, rsqrt, sigmoid, sign = map(of_one, (activation.relu, elementary.rsqrt, activation.sigmoid, elementwise.sign))
sin, sinh, sqrt, square = map(of_one, (elementwise.sin, elementary.sinh, elementwise.sqrt, elementwise.square))
tan, tanh, trunc = map(of_one, (elementary.tan, activation.tanh, elementary.trunc))
atan2, bitwise_and = map(of_two, (elementary.atan2, elementary.bitwise_and))
bitwise_left_shift, bitwise_or = map(of_two, (elementary.bitwise_left_shift, elementary.bitwise_or))
bitwise_right_shift, bitwise_xor = map(of_two, (elementary.bitwise_right_shift, elementary.bitwise_xor))
eq, floor_divide, fmod = map(of_two, (compare.equal, elementary.floor_divide, elementary.fmod))
ge, gt, le = map(of_two, (compare.greater_equal, compare.greater, compare.less_equal))
logaddexp, logical_and, logical_or = map(of_two, (elementary.logaddexp, compare.logical_and, compare.logical_or))
logical_xor, lt, maximum = map(of_two, (elementary.logical_xor, compare.less, compare.maximum))
minimum, multiply, ne = map(of_two, (compare.minimum, elementwise.multiply, compare.not_equal))
remainder, xlogy = map(of_two, (elementary.remainder, elementary.xlogy))
