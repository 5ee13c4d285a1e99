"""Operations on each element by itself: arithmetic, powers, exponentials, logarithms, circular functions, copies.

Arguments broadcast as in NumPy: x (*A) -> (*A), and a (*A), b (*B) -> (*broadcast(A, B)). The derivative of |x| at 0 is
0, as in PyTorch. Look next at elementary.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import Primitive
from ..kernels import activation as kernel
from .broadcast import elementwise, row
from .compare import equal, greater_equal, isnan, logical_and, logical_or, not_equal, where
from .promotion import counting, promoted_floats

# ---------------------------------------------------------------- arithmetic


add = row("add", np.add, "Sum a + b.", "a + b", modular=True, linear=True, a=lambda g, out, a, b: g,
          b=lambda g, out, a, b: g)  # fmt: skip
subtract = row("subtract", np.subtract, "Difference a - b.", "a - b", modular=True, linear=True,
               a=lambda g, out, a, b: g, b=lambda g, out, a, b: -g)  # fmt: skip


@elementwise(np.multiply, modular=True, loop="a * b")
def multiply(a: Array, b: Array) -> Any:
    """Product a * b."""


@multiply.vjp("a")
def multiply_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g * b


@multiply.vjp("b")
def multiply_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g * a


divide = row("divide", np.true_divide, "Quotient a / b; of integers, a float.", "a / b", promote=promoted_floats,
             a=lambda g, out, a, b: g / b, b=lambda g, out, a, b: -g * out / b)  # fmt: skip


@elementwise(over=(0, 1), loop="a ** b")
def power(a: Array, b: Array, *, out: Array | None = None) -> Array:
    """Power a ** b of two arrays; `power_scalar` serves a number as exponent."""
    if out is not None and out.dtype.kind != "f":  # where a failure would leave half a result
        np.copyto(out, power(a, b))
        return out
    try:
        return np.power(a, b, out=out)
    except ValueError:
        if not (np.result_type(a, b).kind in "iu" and np.any(np.less(b, 0))):
            raise
    # of integers 1 / aⁿ is 1 for 1, ±1 for -1 and else 0, as in PyTorch
    whole = np.power(a, np.where(np.less(b, 0), np.equal(np.mod(b, 2), 1), b).astype(np.result_type(b)))
    return np.where(np.less(b, 0) & np.not_equal(np.square(a), 1), 0, whole).astype(whole.dtype)


@power.vjp("a")
def power_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    # b a^(b-1); where a = b = 0 the factor b is 0 and the exponent must not become -1 (0 * inf is NaN)
    slope = g * b * power(a, b - logical_or(not_equal(a, 0), not_equal(b, 0)))
    return where(logical_and(equal(b, 0), isnan(slope)), 0.0, slope)  # a⁰ is constant, beside infinity and NaN too


@power.vjp("b")
def power_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    # out log a; where a = 0 and out is finite the derivative is 0, not 0 * -inf
    return g * (out * log(a + logical_and(equal(a, 0), greater_equal(b, 0))))


@elementwise(over=(0,), loop=lambda exponent: "x * x" if exponent == 2 else "x ** exponent")
def power_scalar(x: Array, *, exponent: float, out: Array | None = None) -> Array:
    """Power x ** exponent for a Python number."""
    if x.dtype.kind == "b":
        if type(exponent) is bool:
            return np.logical_or(x, not exponent, out=out)
        x = x.astype(np.int64)
    if exponent == 2 and (x.dtype.kind == "f" or type(exponent) is int):
        return np.square(x, out=out)
    if x.dtype.char in "fd" and exponent in kernel.POWERS:
        return np.asarray(kernel.POWERS[exponent](x, out))
    return np.power(x, exponent if x.dtype.kind == "f" or exponent >= 0 else float(exponent), out=out)


@power_scalar.vjp("x")
def power_scalar_vjp_x(g: Any, out: Any, x: Any, *, exponent: float) -> Any:
    return g * (exponent * power_scalar(x, exponent=exponent - 1)) if exponent else where(False, g, 0.0)


negative = row("negative", np.negative, "Opposite -x.", "-x", x=lambda g, out, x: -g)


@elementwise(answers=np.sign, over=(0,), loop="1 if x > 0 else -1 if x < 0 else 0")
def sign(x: Array, *, out: Array | None = None) -> Array:
    """Sign of x: -1, 0 or 1, as in PyTorch 0 of what is not a number. Its derivative is 0 everywhere."""
    if x.dtype.kind != "f":
        return np.logical_or(x, False, out=out) if x.dtype.kind == "b" else np.sign(x, out=out)
    found = np.asarray(np.greater(x, 0)).view(np.int8)
    found -= np.asarray(np.less(x, 0)).view(np.int8)
    if out is None:
        return found.astype(x.dtype)
    np.copyto(out, found)
    return out


@sign.vjp("x")
def sign_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return where(False, g, 0.0)  # not g * 0, which is NaN where g is infinite


absolute = row("absolute", np.absolute, "Absolute value |x|; its derivative at 0 is 0.", "abs(x)",
               x=lambda g, out, x: g * sign(x))  # fmt: skip
square = row("square", np.square, "Square x².", "x * x", convert=counting, x=lambda g, out, x: g * (2 * x))
sqrt = row("sqrt", np.sqrt, "Square root √x.", "math.sqrt(x)", x=lambda g, out, x: 0.5 * g / out)


@elementwise(answers=np.reciprocal, over=(0,), loop="1 / x")
def reciprocal(x: Array, *, out: Array | None = None) -> Array:
    """Reciprocal 1 / x; of integers, a float."""
    return np.true_divide(1, x, out=out)


@reciprocal.vjp("x")
def reciprocal_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return -g * (out * out)


# ---------------------------------------------------------------- exponentials, logarithms, circular functions

exp = row("exp", np.exp, "Exponential eˣ.", "math.exp(x)", x=lambda g, out, x: g * out)
expm1 = row("expm1", np.expm1, "eˣ - 1, accurate near 0.", "math.expm1(x)", x=lambda g, out, x: g * (out + 1))
log = row("log", np.log, "Natural logarithm.", "math.log(x)", x=lambda g, out, x: g / x)
log1p = row("log1p", np.log1p, "log(1 + x), accurate near 0.", "math.log1p(x)", x=lambda g, out, x: g / (1 + x))
sin = row("sin", np.sin, "Sine of x in radians.", "math.sin(x)", x=lambda g, out, x: g * cos(x))
cos: Primitive = row("cos", np.cos, "Cosine of x in radians.", "math.cos(x)", x=lambda g, out, x: -g * sin(x))
erf = row("erf", kernel.erf, "Error function 2/√π ∫₀ˣ e^(-t²) dt.", "math.erf(x)", "x", over=(0,),
          x=lambda g, out, x: g * (2 / math.sqrt(math.pi) * exp(-x * x)))  # fmt: skip

# ---------------------------------------------------------------- copies


@elementwise(over=(0,), loop="x")
def clone(x: Array, *, out: Array | None = None) -> Array:
    """Copy x to memory of its own; the gradient passes through."""
    if out is None:
        return x.copy(order="K")
    np.copyto(out, x)
    return out


@clone.vjp("x")
def clone_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g
