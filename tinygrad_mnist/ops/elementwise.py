"""Operations on each element by itself: arithmetic, powers, exponentials, logarithms, circular functions, copies.

Arguments broadcast as in NumPy: x (*A) -> (*A), and a (*A), b (*B) -> (*broadcast(A, B)). The derivative of |x| at 0 is
0, as in PyTorch. Look next at elementary.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.graph import Array
from ..kernels import activation as kernel
from .broadcast import elementwise
from .compare import equal, greater_equal, isnan, logical_and, logical_or, not_equal, where
from .promotion import counting, promoted_floats

# ---------------------------------------------------------------- arithmetic


@elementwise(np.add, modular=True, linear=True, loop="a + b")
def add(a: Array, b: Array) -> Any:
    """Sum a + b."""


@add.vjp("a")
def add_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g


@add.vjp("b")
def add_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g


@elementwise(np.subtract, modular=True, linear=True, loop="a - b")
def subtract(a: Array, b: Array) -> Any:
    """Difference a - b."""


@subtract.vjp("a")
def subtract_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g


@subtract.vjp("b")
def subtract_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return -g


@elementwise(np.multiply, modular=True, loop="a * b")
def multiply(a: Array, b: Array) -> Any:
    """Product a * b."""


@multiply.vjp("a")
def multiply_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g * b


@multiply.vjp("b")
def multiply_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g * a


@elementwise(np.true_divide, promote=promoted_floats, loop="a / b")
def divide(a: Array, b: Array) -> Any:
    """Quotient a / b; of integers, a float."""


@divide.vjp("a")
def divide_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g / b


@divide.vjp("b")
def divide_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return -g * out / b


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
    return np.power(x, exponent if x.dtype.kind == "f" or exponent >= 0 else float(exponent), out=out)


@power_scalar.vjp("x")
def power_scalar_vjp_x(g: Any, out: Any, x: Any, *, exponent: float) -> Any:
    return g * (exponent * power_scalar(x, exponent=exponent - 1)) if exponent else where(False, g, 0.0)


@elementwise(np.negative, loop="-x")
def negative(x: Array) -> Any:
    """Opposite -x."""


@negative.vjp("x")
def negative_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return -g


@elementwise(np.absolute, loop="abs(x)")
def absolute(x: Array) -> Any:
    """Absolute value |x|; its derivative at 0 is 0."""


@absolute.vjp("x")
def absolute_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * sign(x)


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


@elementwise(np.square, convert=counting, loop="x * x")
def square(x: Array) -> Any:
    """Square x²."""


@square.vjp("x")
def square_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (2 * x)


@elementwise(np.sqrt, loop="math.sqrt(x)")
def sqrt(x: Array) -> Any:
    """Square root √x."""


@sqrt.vjp("x")
def sqrt_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return 0.5 * g / out


@elementwise(answers=np.reciprocal, over=(0,), loop="1 / x")
def reciprocal(x: Array, *, out: Array | None = None) -> Array:
    """Reciprocal 1 / x; of integers, a float."""
    return np.true_divide(1, x, out=out)


@reciprocal.vjp("x")
def reciprocal_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return -g * (out * out)


# ---------------------------------------------------------------- exponentials, logarithms, circular functions


@elementwise(np.exp, loop="math.exp(x)")
def exp(x: Array) -> Any:
    """Exponential eˣ."""


@exp.vjp("x")
def exp_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * out


@elementwise(np.expm1, loop="math.expm1(x)")
def expm1(x: Array) -> Any:
    """eˣ - 1, accurate near 0."""


@expm1.vjp("x")
def expm1_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (out + 1)


@elementwise(np.log, loop="math.log(x)")
def log(x: Array) -> Any:
    """Natural logarithm."""


@log.vjp("x")
def log_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g / x


@elementwise(np.log1p, loop="math.log1p(x)")
def log1p(x: Array) -> Any:
    """log(1 + x), accurate near 0."""


@log1p.vjp("x")
def log1p_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g / (1 + x)


@elementwise(np.sin, loop="math.sin(x)")
def sin(x: Array) -> Any:
    """Sine of x in radians."""


@sin.vjp("x")
def sin_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * cos(x)


@elementwise(np.cos, loop="math.cos(x)")
def cos(x: Array) -> Any:
    """Cosine of x in radians."""


@cos.vjp("x")
def cos_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return -g * sin(x)


@elementwise(kernel.erf, over=(0,), loop="math.erf(x)")
def erf(x: Array) -> Any:
    """Error function 2/√π ∫₀ˣ e^(-t²) dt."""


@erf.vjp("x")
def erf_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (2 / math.sqrt(math.pi) * exp(-x * x))


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
