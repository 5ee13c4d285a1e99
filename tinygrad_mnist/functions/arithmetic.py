"""PyTorch's names for arithmetic that takes more than arrays: add, subtract, divide, pow, clamp.

What takes arrays alone (mul, exp, tanh, maximum ...) stands in elementwise.py. Look next at reductions.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Defaults
from ..core.errors import ArgumentError
from ..core.graph import Var, no_grad
from ..core.numbers import constant
from ..core.scope import state, unchanging
from ..ops import compare, elementary, elementwise, promotion
from .numbers import number, storable
from .types import Tensor, TensorLike


def add(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """Sum input + alpha * other, broadcasting."""
    return elementwise.add(input, scaled(input, other, alpha))


def subtract(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """Difference input - alpha * other, broadcasting."""
    return elementwise.subtract(input, scaled(input, other, alpha))


def scaled(x: Any, other: Any, alpha: float) -> Any:
    """Give alpha * other, of an array in the dtype in which it meets x."""
    if alpha == 1:
        return other
    if not isinstance(other, Var | np.ndarray | list | tuple):
        product = number("alpha", other) * number("alpha", alpha)  # as Python counts: NumPy would wrap
        return bool(product) if isinstance(other, bool) and getattr(x, "dtype", None) == np.bool_ else product
    other = other if isinstance(other, Var) else constant(other, "alpha")
    if other.dtype.kind != "f" and isinstance(x, Var | np.ndarray):
        kind = promotion.meet(tuple((t.dtype, t.ndim > 0) for t in (x, other)))
        other, alpha = promotion.cast(other, dtype=kind), bool(alpha) if kind.kind == "b" else alpha
    return elementwise.multiply(other, alpha)


def pow(input: Var | TensorLike, exponent: TensorLike) -> Tensor:
    """Power input ** exponent, a number or a tensor."""
    if isinstance(exponent, np.generic):
        exponent = exponent.item()
    if isinstance(exponent, int) and exponent < 0 and isinstance(input, Var | np.ndarray) and input.dtype.kind in "iub":
        got = f"x {tuple(input.shape)} {input.dtype}, exponent {exponent}"
        wanted, hint = "an exponent of at least 0, or floats", "x.float() ** exponent"
        raise ArgumentError("pow: an integer has no negative powers.", got=got, expected=wanted, hint=hint)
    if isinstance(exponent, int | float):
        return elementwise.power_scalar(input, exponent=exponent)
    if getattr(exponent, "dtype", None) == np.bool_ and getattr(input, "dtype", np.dtype(bool)) != np.bool_:
        exponent = promotion.cast(exponent, dtype=input.dtype)  # type: ignore[union-attr]
    return elementwise.power(input, exponent)


def power_of(base: TensorLike, exponent: Tensor) -> Tensor:
    """Power base ** exponent of a number and a tensor; integers count modulo 2ⁿ of its dtype, as in PyTorch."""
    base = base if isinstance(base, int | float) else constant(base, "pow")
    kind = exponent.dtype if exponent.dtype.kind == "f" or isinstance(base, int) else Defaults.dtype
    if kind.kind == "b":
        kind = np.dtype(np.int64)
    if kind.kind in "iu" and isinstance(base, int) and -(2**63) <= base < 2**63:
        base = np.int64(base)
    return elementwise.power(unchanging(np.asarray(base).astype(kind)), exponent)


def reflected(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Make the method that Python asks of the right operand where the left one is no tensor."""
    return lambda self, other: operation(other, self)


def divide(input: TensorLike, other: TensorLike, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient input / other: of integers a float, or rounded down ("floor") or towards 0 ("trunc")."""
    if rounding_mode is None:
        return elementwise.divide(input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise ArgumentError(f"div: {rounding_mode!r} is no rounding_mode.", expected="None, 'trunc' or 'floor'")
    return (elementary.floor_divide if rounding_mode == "floor" else elementary.trunc_divide)(input, other)


def true_divide(input: TensorLike, other: TensorLike) -> Tensor:
    """Quotient input / other; of integers, a float."""
    return elementwise.divide(input, other)


def clamp_min(input: TensorLike, min: TensorLike) -> Tensor:
    """Replace what is below min, a number or a tensor, by it."""
    return clamp(input, min)


def clamp_max(input: TensorLike, max: TensorLike) -> Tensor:
    """Replace what is above max, a number or a tensor, by it."""
    return clamp(input, None, max)


def clamp(input: TensorLike, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """Limit to [min, max], numbers or tensors; at a bound the gradient passes."""
    if min is None and max is None:
        raise ArgumentError("clamp: neither min nor max was given.", expected="at least one of them")
    min = min.item() if isinstance(min, np.generic) else min  # a NumPy number must not widen either
    max = max.item() if isinstance(max, np.generic) else max
    kind = getattr(input, "dtype", None)
    if kind is not None and kind.kind in "iu":
        for bound in (min, max):
            if isinstance(bound, int):
                storable("clamp", bound, kind, wraps=False)
    if isinstance(min, Var | np.ndarray) or isinstance(max, Var | np.ndarray):
        return _clamp_between(input, min, max)
    return compare.clamp(input, low=min, high=max)


def _clamp_between(input: TensorLike, low: Any, high: Any) -> Tensor:
    """Limit to bounds that may be tensors; where something is NaN, or below two equal bounds, no gradient passes."""
    inside, below, above = True, True, True
    with no_grad():
        value: Any = input
        if low is not None:
            inside, below = compare.greater_equal(input, low), compare.less(input, low)
            value = compare.maximum(input, low)
        if high is not None:
            inside, above = compare.logical_and(inside, compare.less_equal(input, high)), compare.greater(value, high)
            below = below if low is None else compare.logical_and(below, compare.less(low, high))
            value = compare.minimum(value, high)
    if not (state.recording and any(isinstance(x, Var) and x.differentiable for x in (input, low, high))):
        return value
    if low is not None:
        value = compare.where(below, low, value)
    if high is not None:
        value = compare.where(above, high, value)
    return compare.where(inside, input, value)
