"""PyTorch's names for arithmetic: add, sub, mul, div, pow, abs, clamp.

What has the same name and arguments on both floors (exp, tanh, maximum ...) is the primitive itself and stands in
__init__.py. Look next at reductions.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..graph import Var
from ..ops import compare, elementwise
from ..scope import unchanging
from .numbers import fitting


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
    if isinstance(exponent, int) and exponent < 0 and isinstance(input, Var | np.ndarray) and input.dtype.kind in "iub":
        raise ArgumentError(
            "pow: an integer has no negative powers.",
            got=f"x {tuple(input.shape)} {input.dtype}, exponent {exponent}",
            expected="an exponent of at least 0, or floats",
            hint="x.float() ** exponent",
        )
    if isinstance(exponent, int | float):
        return elementwise.power_scalar(input, exponent=exponent)
    return elementwise.power(input, exponent)


def power_of(base: Any, exponent: Any) -> Any:
    """Power base ** exponent of a number and a tensor; integers count modulo 2ⁿ of its dtype, as in PyTorch."""
    kind = exponent.dtype if exponent.dtype.kind == "f" or isinstance(base, int | np.integer) else np.dtype(np.float32)
    if kind.kind == "b":
        kind = np.dtype(np.int64)
    if kind.kind in "iu" and isinstance(base, int) and -(2**63) <= base < 2**63:
        base = np.int64(base)
    return elementwise.power(unchanging(np.asarray(base).astype(kind)), exponent)


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
    kind = getattr(input, "dtype", None)
    if kind is not None and kind.kind in "iu":
        for bound in (min, max):
            if isinstance(bound, int):
                fitting("clamp", bound, kind, wraps=False)
    if isinstance(min, Var | np.ndarray):
        input, min = compare.where(compare.less(input, min), min, input), None
    if isinstance(max, Var | np.ndarray):
        input, max = compare.clamp(input, low=min, high=None) if min is not None else input, max
        input, min, max = compare.where(compare.greater(input, max), max, input), None, None
    return input if min is None and max is None else compare.clamp(input, low=min, high=max)
