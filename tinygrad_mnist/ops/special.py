"""Special functions: erfc, the inverse of erf, log Γ and its derivatives; kernels/special.py has the arithmetic.

Look next at activation.py.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.graph import Array
from ..kernels import special as kernel
from .broadcast import elementwise, row
from .elementwise import exp


@elementwise(kernel.polygamma, over=(), slow="rarely needed: the gradient of log Γ")
def polygamma(x: Array, *, n: int) -> Any:
    """Derivative of order n + 1 of log Γ; n = 0 is the digamma function."""


@polygamma.vjp("x")
def polygamma_vjp_x(g: Any, out: Any, x: Any, *, n: int) -> Any:
    return g * polygamma(x, n=n + 1)


erfc = row("erfc", kernel.erfc, "Complement 1 - erf x of the error function, accurate where it is small.",
           "math.erfc(x)", x=lambda g, out, x: g * (-2 / math.sqrt(math.pi) * exp(-x * x)))  # fmt: skip
erfinv = row("erfinv", kernel.erfinv, "Inverse of the error function, for x between -1 and 1.",
             x=lambda g, out, x: g * (math.sqrt(math.pi) / 2 * exp(out * out)))  # fmt: skip
lgamma = row("lgamma", kernel.lgamma, "Logarithm of |Γ(x)|.", "math.lgamma(x)",
             x=lambda g, out, x: g * polygamma(x, n=0))  # fmt: skip
