"""Operations on each element by itself: arithmetic, powers, exponentials, logarithms, circular functions, copies.

Arguments broadcast as in NumPy. The derivative of |x| at 0 is 0, as in PyTorch. Look next at activation.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import Primitive, Rule, primitive
from .broadcast import elementwise, elementwise_modular, sum_to
from .compare import equal, greater_equal, isnan, logical_and, logical_or, not_equal, where
from .promotion import floating, promoted_floats

# ---------------------------------------------------------------- arithmetic


def elementwise_float(forward: Rule) -> Primitive:
    """Make a primitive whose arguments broadcast and whose result is a float, of integers too."""
    return Primitive(forward, fit=sum_to, promote=promoted_floats)


@elementwise_modular
def add(a: Array, b: Array) -> Array:
    """Sum a + b.

    Shapes:  a (*A), b (*B) -> (*broadcast(A, B))
    """
    return np.add(a, b)


@add.vjp("a")
def add_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g


@add.vjp("b")
def add_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g


@elementwise_modular
def subtract(a: Array, b: Array) -> Array:
    """Difference a - b.

    Shapes:  a (*A), b (*B) -> (*broadcast(A, B))
    """
    return np.subtract(a, b)


@subtract.vjp("a")
def subtract_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g


@subtract.vjp("b")
def subtract_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return -g


@elementwise_modular
def multiply(a: Array, b: Array) -> Array:
    """Product a * b.

    Shapes:  a (*A), b (*B) -> (*broadcast(A, B))
    """
    return np.multiply(a, b)


@multiply.vjp("a")
def multiply_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g * b


@multiply.vjp("b")
def multiply_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g * a


@elementwise_float
def divide(a: Array, b: Array) -> Array:
    """Quotient a / b; of integers, a float.

    Shapes:  a (*A), b (*B) -> (*broadcast(A, B))
    """
    return np.true_divide(a, b)


@divide.vjp("a")
def divide_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g / b


@divide.vjp("b")
def divide_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return -g * out / b


@elementwise
def power(a: Array, b: Array) -> Array:
    """Power a ** b of two arrays; `power_scalar` serves a number as exponent.

    Shapes:  a (*A), b (*B) -> (*broadcast(A, B))
    """
    try:
        return np.power(a, b)
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


@primitive()
def power_scalar(x: Array, *, exponent: float) -> Array:
    """Power x ** exponent for a Python number.

    Shapes:  x (*A) -> (*A)
    """
    if x.dtype.kind == "b":
        if type(exponent) is bool:
            return np.logical_or(x, not exponent)
        x = x.astype(np.int64)
    if exponent == 2 and (x.dtype.kind == "f" or type(exponent) is int):
        return np.square(x)
    return np.power(x, exponent if x.dtype.kind == "f" or exponent >= 0 else float(exponent))


@power_scalar.vjp("x")
def power_scalar_vjp_x(g: Any, out: Any, x: Any, *, exponent: float) -> Any:
    return g * (exponent * power_scalar(x, exponent=exponent - 1)) if exponent else where(False, g, 0.0)


@primitive()
def negative(x: Array) -> Array:
    """Opposite -x.

    Shapes:  x (*A) -> (*A)
    """
    return np.negative(x)


@negative.vjp("x")
def negative_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return -g


@primitive()
def absolute(x: Array) -> Array:
    """Absolute value |x|; its derivative at 0 is 0.

    Shapes:  x (*A) -> (*A)
    """
    return np.absolute(x)


@absolute.vjp("x")
def absolute_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * sign(x)


@primitive()
def sign(x: Array) -> Array:
    """Sign of x: -1, 0 or 1. Its derivative is 0 everywhere.

    Shapes:  x (*A) -> (*A)
    """
    return x.copy() if x.dtype.kind == "b" else np.sign(x)


@sign.vjp("x")
def sign_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return where(False, g, 0.0)  # not g * 0, which is NaN where g is infinite


@primitive()
def square(x: Array) -> Array:
    """Square x².

    Shapes:  x (*A) -> (*A)
    """
    return np.square(x.astype(np.int64) if x.dtype.kind == "b" else x)  # type: ignore[no-any-return]


@square.vjp("x")
def square_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (2 * x)


@primitive()
def sqrt(x: Array) -> Array:
    """Square root √x.

    Shapes:  x (*A) -> (*A)
    """
    return np.sqrt(floating(x))


@sqrt.vjp("x")
def sqrt_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return 0.5 * g / out


@primitive()
def reciprocal(x: Array) -> Array:
    """Reciprocal 1 / x; of integers, a float.

    Shapes:  x (*A) -> (*A)
    """
    return np.true_divide(1, x)


@reciprocal.vjp("x")
def reciprocal_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return -g * (out * out)


# ---------------------------------------------------------------- exponentials, logarithms, circular functions


@primitive()
def exp(x: Array) -> Array:
    """Exponential eˣ.

    Shapes:  x (*A) -> (*A)
    """
    return np.exp(floating(x))


@exp.vjp("x")
def exp_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * out


@primitive()
def expm1(x: Array) -> Array:
    """eˣ - 1, accurate near 0.

    Shapes:  x (*A) -> (*A)
    """
    return np.expm1(floating(x))


@expm1.vjp("x")
def expm1_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * (out + 1)


@primitive()
def log(x: Array) -> Array:
    """Natural logarithm.

    Shapes:  x (*A) -> (*A)
    """
    return np.log(floating(x))


@log.vjp("x")
def log_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g / x


@primitive()
def log1p(x: Array) -> Array:
    """log(1 + x), accurate near 0.

    Shapes:  x (*A) -> (*A)
    """
    return np.log1p(floating(x))


@log1p.vjp("x")
def log1p_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g / (1 + x)


@primitive()
def sin(x: Array) -> Array:
    """Sine.

    Shapes:  x (*A) -> (*A)
    Units:   radians
    """
    return np.sin(floating(x))


@sin.vjp("x")
def sin_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g * cos(x)


@primitive()
def cos(x: Array) -> Array:
    """Cosine.

    Shapes:  x (*A) -> (*A)
    Units:   radians
    """
    return np.cos(floating(x))


@cos.vjp("x")
def cos_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return -g * sin(x)


# ---------------------------------------------------------------- copies


@primitive()
def clone(x: Array) -> Array:
    """Copy x to memory of its own; the gradient passes through.

    Shapes:  x (*A) -> (*A)
    """
    return x.copy(order="K")


@clone.vjp("x")
def clone_vjp_x(g: Any, out: Any, x: Any) -> Any:
    return g
