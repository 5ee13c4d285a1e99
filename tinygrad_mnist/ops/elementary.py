"""Elementary functions as a table: circular and hyperbolic ones, powers of 2 and 10, rounding, remainders, bits.

A row is a card: name, what computes, docstring, loop for numba, and one rule per argument. Conventions at kinks are
PyTorch's: what rounds has derivative 0, a remainder's slope in b is the rounded quotient. kernels/elementary.py has the
arithmetic that NumPy has not, or not fast. Look next at activation.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..kernels import elementary as kernel
from .broadcast import row
from .compare import equal, isfinite, keep, less_equal, logical_and, where
from .elementwise import exp, reciprocal, sqrt

LN2 = math.log(2)


def zero(g: Any) -> Any:
    """Give zeros in the shape of a cotangent, also where it is infinite."""
    return where(False, g, 0.0)


# ---------------------------------------------------------------- circular and hyperbolic functions

tan = row("tan", np.tan, "Tangent of x in radians.", "math.tan(x)",
          x=lambda g, out, x: g * (1 + out * out))  # fmt: skip
asin = row("asin", np.arcsin, "Inverse of the sine, in radians from -π/2 to π/2.", "math.asin(x)",
           x=lambda g, out, x: g / sqrt(1 - x * x))  # fmt: skip
acos = row("acos", np.arccos, "Inverse of the cosine, in radians from 0 to π.", "math.acos(x)",
           x=lambda g, out, x: -g / sqrt(1 - x * x))  # fmt: skip
atan = row("atan", np.arctan, "Inverse of the tangent, in radians from -π/2 to π/2.", "math.atan(x)",
             x=lambda g, out, x: g / (1 + x * x))  # fmt: skip
sinh = row("sinh", np.sinh, "Hyperbolic sine (eˣ - e⁻ˣ) / 2.", "math.sinh(x)",
           x=lambda g, out, x: g * cosh(x))  # fmt: skip
cosh: Primitive = row("cosh", np.cosh, "Hyperbolic cosine (eˣ + e⁻ˣ) / 2.", "math.cosh(x)",
                      x=lambda g, out, x: g * sinh(x))  # fmt: skip
asinh = row("asinh", np.arcsinh, "Inverse of the hyperbolic sine.", "math.asinh(x)",
            x=lambda g, out, x: g / sqrt(1 + x * x))  # fmt: skip
acosh = row("acosh", np.arccosh, "Inverse of the hyperbolic cosine, for x of at least 1.", "math.acosh(x)",
              x=lambda g, out, x: g / sqrt(x * x - 1))  # fmt: skip
atanh = row("atanh", np.arctanh, "Inverse of the hyperbolic tangent, for x between -1 and 1.", "math.atanh(x)",
              x=lambda g, out, x: g / (1 - x * x))  # fmt: skip
atan2 = row("atan2", kernel.arctan2, "Angle of the point (b, a), in radians from -π to π.", "math.atan2(a, b)",
              "a, b", answers=np.arctan2, a=lambda g, out, a, b: g * (b * per_square(a, b)),
              b=lambda g, out, a, b: -g * (a * per_square(a, b)))  # fmt: skip


def per_square(a: Any, b: Any) -> Any:
    """Give 1 / (a² + b²), and 0 at the origin."""
    squares = a * a + b * b
    return reciprocal(where(equal(squares, 0), math.inf, squares))


# ---------------------------------------------------------------- powers, logarithms

exp2 = row("exp2", np.exp2, "Power 2ˣ.", "2.0 ** x", x=lambda g, out, x: g * (out * LN2))
rsqrt = row("rsqrt", kernel.rsqrt, "Reciprocal of the square root, 1 / √x.", "1.0 / math.sqrt(x)",
            x=lambda g, out, x: -0.5 * g * (out * out * out))  # fmt: skip
log2 = row("log2", np.log2, "Logarithm to base 2.", "math.log2(x)", x=lambda g, out, x: g / (x * LN2))  # fmt: skip
log10 = row("log10", np.log10, "Logarithm to base 10.", "math.log10(x)",
            x=lambda g, out, x: g / (x * math.log(10)))  # fmt: skip
logaddexp = row("logaddexp", kernel.logaddexp, "log(eᵃ + eᵇ), without overflow.", "", "a, b", answers=np.logaddexp,
                a=lambda g, out, a, b: g / (1 + exp(b - a)), b=lambda g, out, a, b: g / (1 + exp(a - b)))  # fmt: skip
xlogy: Primitive = row("xlogy", kernel.xlogy, "Product a log b; 0 where the first is 0, unless the second is NaN.", "",
            "a, b", a=lambda g, out, a, b: where(logical_and(equal(a, 0), less_equal(b, 0)), 0.0, xlogy(g, b)),
            b=lambda g, out, a, b: g * a / b)  # fmt: skip

erfc = row("erfc", kernel.erfc, "Complement 1 - erf x of the error function, accurate where it is small.",
           "math.erfc(x)", x=lambda g, out, x: g * (-2 / math.sqrt(math.pi) * exp(-x * x)))  # fmt: skip

# ---------------------------------------------------------------- of three, or with settings


lerp = row(
    "lerp", kernel.lerp, "Point between a and b, a + w (b - a).",
    "a + w * (b - a) if abs(w) < 0.5 else b - (b - a) * (1 - w)", "a, b, w", a=lambda g, out, a, b, w: g * (1 - w),
    b=lambda g, out, a, b, w: g * w, w=lambda g, out, a, b, w: g * (b - a),
)  # fmt: skip
nan_to_num = row(
    "nan_to_num", kernel.nan_to_num, "Replace what is not a number, and infinities; no gradient passes there.", "",
    "x, *, nan, posinf, neginf", x=lambda g, out, x, *, nan, posinf, neginf: keep(g, isfinite(x)),
)  # fmt: skip

# ---------------------------------------------------------------- rounding, remainders

floor = row("floor", np.floor, "Largest whole number of at most x.", "loops.floor(x)", x=lambda g, out, x: zero(g))
ceil = row("ceil", np.ceil, "Smallest whole number of at least x.", "loops.ceil(x)", x=lambda g, out, x: zero(g))
trunc = row("trunc", np.trunc, "Whole part of x, rounded towards 0.", "loops.trunc(x)", x=lambda g, out, x: zero(g))
frac = row("frac", kernel.frac, "Part of x behind the point, with its sign.", "x - loops.trunc(x)",
           x=lambda g, out, x: g)  # fmt: skip
rint = row("rint", kernel.rint, "Nearest whole number, an even one halfway.", "loops.rint(x)", answers=np.rint,
           x=lambda g, out, x: zero(g))  # fmt: skip
floor_divide = row("floor_divide", kernel.floor_divide, "Quotient a / b, rounded down.", "", "a, b", modular=True,
                   answers=np.floor_divide, a=lambda g, out, a, b: zero(g), b=lambda g, out, a, b: zero(g))  # fmt: skip
trunc_divide = row("trunc_divide", kernel.trunc_divide, "Quotient a / b, rounded towards 0.", "", "a, b", modular=True,
                   a=lambda g, out, a, b: zero(g), b=lambda g, out, a, b: zero(g))  # fmt: skip
remainder = row("remainder", kernel.remainder, "Remainder of a / b, with the sign of the second.", "", "a, b",
                modular=True, answers=np.remainder, a=lambda g, out, a, b: g,
                b=lambda g, out, a, b: -g * floor_divide(a, b))  # fmt: skip
fmod = row("fmod", kernel.fmod, "Remainder of a / b, with the sign of the first.", "", "a, b", modular=True,
           answers=np.fmod, a=lambda g, out, a, b: g, b=lambda g, out, a, b: -g * trunc(a / b))  # fmt: skip
# ---------------------------------------------------------------- constant to differentiation

logical_xor = row("logical_xor", np.logical_xor, "Tell where one of a and b is true (not 0), the other false.",
                  "(a != 0) != (b != 0)")  # fmt: skip
isinf = row("isinf", np.isinf, "Tell where x is infinite.", "abs(x) == math.inf")
isclose = row("isclose", np.isclose, "Tell where a and b differ by at most atol + rtol |b|.", "",
              "a, b, *, rtol, atol, equal_nan")  # fmt: skip
bitwise_not = row("bitwise_not", np.invert, "Invert booleans; of integers, the bits.", "not x")
bitwise_and = row("bitwise_and", np.bitwise_and, "And of booleans; of integers, bit by bit.", "a and b", modular=True)
bitwise_or = row("bitwise_or", np.bitwise_or, "Or of booleans; of integers, bit by bit.", "a or b", modular=True)
bitwise_xor = row("bitwise_xor", np.bitwise_xor, "Exclusive or of booleans; of integers, bit by bit.", "a != b",
                  modular=True)  # fmt: skip
bitwise_left_shift = row("bitwise_left_shift", np.left_shift, "Integers a with their bits moved up by b.", modular=True)
bitwise_right_shift = row("bitwise_right_shift", np.right_shift, "Integers a with their bits moved down by b.",
                          modular=True)  # fmt: skip
