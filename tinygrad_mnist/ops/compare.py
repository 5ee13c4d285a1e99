"""Comparisons, and what is chosen by them: maximum, minimum, clamp, where, equal, less ...

Conventions at kinks are PyTorch's: ties of maximum and minimum share the gradient equally, clamp passes it on at its
bounds. Comparisons are constant to differentiation. Look next at elementwise.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import activation as kernel
from ..kernels.gates import choose
from .broadcast import elementwise, row

# ---------------------------------------------------------------- extremes and choices


maximum = row("maximum", np.maximum, "Larger of a and b; equal ones share the gradient.",
              "a if a >= b or a != a else b", a=lambda g, out, a, b: to_greater(g, a, b),
              b=lambda g, out, a, b: to_greater(g, b, a))  # fmt: skip
minimum = row("minimum", np.minimum, "Smaller of a and b; equal ones share the gradient.",
              "a if a <= b or a != a else b", a=lambda g, out, a, b: to_greater(g, b, a),
              b=lambda g, out, a, b: to_greater(g, a, b))  # fmt: skip


def to_greater(g: Any, a: Any, b: Any) -> Any:
    """Give a its part of a cotangent: all where it is greater, half where both are equal, 0 of any g where it is less.

    Beside NaN either gets all, as in PyTorch.
    """
    return where(less(a, b), 0.0, where(equal(a, b), g * 0.5, g))


def clamped(low: float | None, high: float | None) -> str:
    """Spell the loop of clamp, with the bounds that there are; NaN stays."""
    inner = "x" if low is None else "(low if x < low else x)"
    return inner if high is None else f"high if {inner} > high else {inner}"


@elementwise(over=(0,), loop=clamped)
def clamp(x: Array, *, low: float | None, high: float | None, out: Array | None = None) -> Array:
    """Limit x to [low, high]; at a bound the gradient passes."""
    if x.dtype.kind == "f":  # with both bounds NumPy is four times as quick
        low, high = -math.inf if low is None else low, math.inf if high is None else high
    return np.clip(x, low, high, out=out)


@clamp.vjp("x")
def clamp_vjp_x(g: Any, out: Any, x: Any, *, low: float | None, high: float | None) -> Any:
    if low is not None and high is not None and low > high:
        return where(False, g, 0.0)  # nothing lies between
    return keep(g, equal(out, x))


@primitive(kernel.keep, over=(0,), loop="x if mask else 0")
def keep(x: Array, mask: Array) -> Any:
    """Keep x where the mask of booleans is true, 0 elsewhere, even where x is infinite or NaN."""


@keep.vjp("x")
def keep_vjp_x(g: Any, out: Any, x: Any, mask: Any) -> Any:
    return keep(g, mask)


@elementwise(over=(2,), linear=True, loop="a if condition else b")  # b is written first
def where(condition: Array, a: Any, b: Any, *, out: Array | None = None) -> Array:
    """Take a where the condition holds, else b."""
    if out is not None and out.dtype.kind != "f":
        np.copyto(out, b)
        np.copyto(out, a, where=condition)
        return out
    if a is None or b is None:
        raise TypeError("None is no value to choose.")
    if isinstance(a, int) or isinstance(b, int):  # which NumPy would wrap
        kind = np.result_type(a, b)
        a, b = np.asarray(a, kind), np.asarray(b, kind)
    return choose(condition, a, b, out)


@where.vjp("a")
def where_vjp_a(g: Any, out: Any, condition: Any, a: Any, b: Any) -> Any:
    return where(condition, g, 0.0)


@where.vjp("b")
def where_vjp_b(g: Any, out: Any, condition: Any, a: Any, b: Any) -> Any:
    return where(condition, 0.0, g)


# ---------------------------------------------------------------- comparisons and logic: constant to differentiation


equal = row("equal", np.equal, "Tell where a = b.", "a == b")
not_equal = row("not_equal", np.not_equal, "Tell where a ≠ b.", "a != b")
less = row("less", np.less, "Tell where a < b.", "a < b")
less_equal = row("less_equal", np.less_equal, "Tell where a ≤ b.", "a <= b")
greater = row("greater", np.greater, "Tell where a > b.", "a > b")
greater_equal = row("greater_equal", np.greater_equal, "Tell where a ≥ b.", "a >= b")
# booleans of anything; bit by bit, of booleans and integers, in elementary.py


logical_not = row("logical_not", np.logical_not, "Tell where x is false (0).", "x == 0")
logical_and = row("logical_and", np.logical_and, "Tell where a and b are both true (not 0).", "(a != 0) and (b != 0)")
logical_or = row("logical_or", np.logical_or, "Tell where a or b is true (not 0).", "(a != 0) or (b != 0)")
isnan = row("isnan", np.isnan, "Tell where x is not a number.", "x != x")
isfinite = row("isfinite", np.isfinite, "Tell where x is neither infinite nor not a number.", "x - x == 0")


def operator(comparison: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Make a plain function of a comparison, as `==` and its kin need.

    Python looks them up through `Primitive.__get__` and drops whatever is raised there, a Ctrl-C too; functions are
    bound without running any Python. Nothing compares with None: there Python decides.
    """
    return lambda x, other: NotImplemented if other is None else comparison(x, other)
