"""Special functions of arrays that NumPy has not: erfc, the inverse of erf, log Γ and its derivatives.

Rational and asymptotic approximations in double precision (erfc and erfinv of singles: in single), on pieces that stay
in cache. Must not know: Tensor, gradients' bookkeeping. Look next at ops/special.py (the calculus).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Array
from .activation import _FAR, _NEAR, _NEAR_TO
from .elementary import by_pieces, put

# erfc x = e^(-x²) / x (1/√π - P(x⁻²) / (x² Q(x⁻²))) beyond 4 (Cody 1969)
_BEYOND = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip
# of singles: erfc x = t e^(P(2t - 1) - x²), t = 1 / (1 + x / 2), P fitted to 1e-6
_SINGLE = (
    0.0003337358939, -0.0002079091206, -0.00204873476, 0.001776564635, 0.008703812035, -0.009873768747, -0.04687488818,
    0.04734310629, 0.6726422172, -0.6717940761,
)  # fmt: skip
# erfinv x = x P(w), w = -log(1 - x²), in w - 2.5 up to 5 and √w - 3 beyond (Giles 2012), good to single precision
_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
    1.00167406, 2.83297682,
)  # fmt: skip
# B₂ₖ, of the asymptotic series of log Γ and its derivatives
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
)  # fmt: skip
_SINE = tuple((-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(11))[::-1]  # of πx


def _polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """Take the value of a polynomial, from the highest power on."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += coefficient
    return value


def _ratio(x: Array, polynomials: Any) -> Array:
    top, bottom = (_polynomial(x, p) for p in polynomials)
    top /= bottom
    return top


def erfc(x: Array, out: Array | None = None) -> Array:
    """Give 1 - erf x, small values too to full precision."""
    return by_pieces(_erfc, (x,), out)


def _erfc(x: Array, out: Array) -> None:
    size = np.abs(x)
    if x.itemsize == 8:
        np.multiply(_ratio(np.minimum(size, 4), _FAR), np.exp(-size * size), out=out)
        far = size > 4
        if far.any():
            inverse = 1 / np.square(np.maximum(size, 4))
            beyond = 1 / math.sqrt(math.pi) - inverse * _ratio(inverse, _BEYOND)
            put(out, far, np.exp(-size * size) / np.minimum(size, 30) * beyond)
        put(out, size < _NEAR_TO, 1 - size * _ratio(np.minimum(size, 1) ** 2, _NEAR))
    else:
        t = 1 / (1 + np.minimum(size, 1e4) * 0.5)
        exponent = _polynomial(2 * t - 1, _SINGLE)
        exponent -= size * size
        np.multiply(np.exp(exponent, out=exponent), t, out=out)
    sign = np.copysign(x.dtype.type(1), x)
    out *= sign
    out += np.subtract(1, sign, out=sign)


def erfinv(x: Array, out: Array | None = None) -> Array:
    """Give the number whose erf is x; infinite at ±1."""
    return by_pieces(_erfinv, (x,), out)


def _erfinv(x: Array, out: Array) -> None:
    w = -np.log((1 - x) * (1 + x))
    np.multiply(_polynomial(w - 2.5, _CENTRE), x, out=out)
    far = w >= 5
    if far.any():
        put(out, far, _polynomial(np.sqrt(w) - 3, _TAIL) * x)
    if x.itemsize == 8:
        rest = np.empty_like(x)
        for _ in range(2):
            _erfc(np.abs(out), rest)
            rest -= 1 - np.abs(x)
            rest *= math.sqrt(math.pi) / 2 * np.exp(out * out)
            np.add(out, np.copysign(rest, x) * np.sign(rest), out=out)
    np.copysign(np.inf, x, out=out, where=np.abs(x) == 1)


def lgamma(x: Array, out: Array | None = None) -> Array:
    """Give log |Γ(x)|."""
    return by_pieces(_lgamma, (x,), out, np.float64)


def _lgamma(x: Array, out: Array) -> None:
    y = np.abs(x)
    z = np.minimum(y, 1e30)
    product = z.copy()
    for _ in range(7):
        z += 1
        product *= z
    z += 1
    inverse = 1 / z
    series = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI[:8], 1))[::-1]
    np.multiply(z - 0.5, np.log(z), out=out)
    out -= z
    out += 0.5 * math.log(2 * math.pi) - np.log(product)
    out += _polynomial(inverse * inverse, series) * inverse
    if y.max() > 1e30:
        np.copyto(out, y * (np.log(y) - 1), where=y > 1e30)
    below = x < 0
    if below.any():
        part = y - np.floor(y)
        np.minimum(part, 1 - part, out=part)
        sine = _polynomial(part * part, _SINE) * part
        put(out, below, np.log(math.pi / (y * sine)) - out)
    np.copyto(out, np.inf, where=np.isinf(x) | (x == 0))


def polygamma(x: Array, out: Array | None = None, *, n: int) -> Array:
    """Give the derivative of order n + 1 of log Γ; n = 0 is the digamma function."""
    return by_pieces(_polygamma(n), (x,), out, np.float64)


def _polygamma(n: int) -> Callable[[Array, Array], None]:
    sign, shifts = (-1) ** (n + 1), 12 + n
    series = [b / math.factorial(2 * k) * math.factorial(2 * k + n - 1) for k, b in enumerate(_BERNOULLI, 1)]
    cotangent = np.polynomial.Polynomial([0, math.pi])  # of order n in cot πx: the derivative of π cot πx
    for _ in range(n):
        cotangent = cotangent.deriv() * np.polynomial.Polynomial([-math.pi, 0, -math.pi])

    def piece(x: Array, out: Array) -> None:
        below = x < 0.5
        z = np.abs(x - 0.5) + 0.5  # 1 - x below 1/2
        total, inverse = np.zeros_like(x), np.empty_like(x)
        for _ in range(shifts):
            np.divide(1, z, out=inverse)
            total += inverse ** (n + 1) if n else inverse
            z += 1
        total *= math.factorial(n)
        inverse = 1 / z
        square = inverse * inverse
        lead = -np.log(z) if n == 0 else math.factorial(n - 1) * inverse**n
        total += lead + 0.5 * math.factorial(n) * inverse ** (n + 1)
        total += _polynomial(square, tuple(series[::-1])) * square * inverse**n
        np.multiply(total, sign, out=out)
        if below.any():
            turn = x - np.rint(x)
            put(out, below, (-1) ** n * out - cotangent(1 / np.tan(math.pi * turn)))
            np.copyto(out, np.nan if n == 0 else np.inf, where=below & (turn == 0))
        np.copyto(out, np.copysign(np.inf, -x) if n == 0 else sign * np.inf, where=x == 0)
        np.copyto(out, np.inf if n == 0 else 0.0, where=x == np.inf)

    return piece
