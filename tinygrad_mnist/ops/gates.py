"""Activations beside tanh, sigmoid and relu: those made of straight pieces, and smooth ones with their slopes.

A smooth one keeps its slope from the forward pass; without it the slope is a primitive of its own, whose rule is the
second derivative. Kinks are PyTorch's: at one, the slope of the lower side, of hard limits 0. Look next at index.py.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import gates as kernel
from ..kernels import straight
from .activation import sigmoid, tanh
from .broadcast import elementwise
from .compare import greater, greater_equal, keep, less, less_equal, logical_and, logical_not, logical_or, where
from .elementwise import absolute, exp

BEND, SLOPE = kernel.BEND, kernel.SLOPE

# ---------------------------------------------------------------- straight pieces


@elementwise(straight.leaky, loop="x if x > 0 else slope * x")
def leaky(x: Array, slope: Any) -> Any:
    """x where it is positive, else slope · x."""


@leaky.vjp("x")
def leaky_vjp_x(g: Any, out: Any, x: Any, slope: Any) -> Any:
    return where(greater(x, 0), g, g * slope)


@leaky.vjp("slope")
def leaky_vjp_slope(g: Any, out: Any, x: Any, slope: Any) -> Any:
    return keep(g * x, logical_not(greater(x, 0)))


@elementwise(straight.hardtanh, loop="low if x < low else high if x > high else x")
def hardtanh(x: Array, *, low: float, high: float) -> Any:
    """Limit x to [low, high]; no gradient passes at a bound."""


@hardtanh.vjp("x")
def hardtanh_vjp_x(g: Any, out: Any, x: Any, *, low: float, high: float) -> Any:
    return keep(g, logical_not(logical_or(less_equal(x, low), greater_equal(x, high))))


@elementwise(straight.cut, loop="0 if low <= x and x <= high else x")
def cut(x: Array, *, low: float, high: float) -> Any:
    """x, and 0 where it lies within [low, high]."""


@cut.vjp("x")
def cut_vjp_x(g: Any, out: Any, x: Any, *, low: float, high: float) -> Any:
    return keep(g, logical_not(logical_and(greater_equal(x, low), less_equal(x, high))))


@elementwise(straight.softshrink, loop="x - limit if x > limit else x + limit if x < -limit else 0 if x == x else x")
def softshrink(x: Array, *, limit: float) -> Any:
    """x moved towards 0 by the limit, and 0 where it is nearer."""


@softshrink.vjp("x")
def softshrink_vjp_x(g: Any, out: Any, x: Any, *, limit: float) -> Any:
    return keep(g, logical_not(less_equal(absolute(x), limit)))


# ---------------------------------------------------------------- smooth ones


@elementwise(kernel.silu.slope, loop="loops.sigmoid(x) * (1 + x * (1 - loops.sigmoid(x)))")
def silu_slope(x: Array) -> Any:
    """Derivative of silu."""


@silu_slope.vjp("x")
def silu_slope_vjp_x(g: Any, out: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s * (1 - s) * (2 + x * (1 - 2 * s)))


@primitive(kernel.silu.both, residuals=True, unrecorded=kernel.silu.value, over=(0,), saves=silu_slope,
           loop="x * loops.sigmoid(x)")  # fmt: skip
def silu(x: Array) -> Any:
    """x times its logistic function."""


@silu.vjp("x")
def silu_vjp_x(g: Any, out: Any, x: Any, *, saved: Any = None) -> Any:
    return g * (silu_slope(x) if saved is None else saved)


@elementwise(kernel.mish.slope, loop="math.tanh(loops.softplus(x)) + x * loops.sigmoid(x) * "
             "(1 - math.tanh(loops.softplus(x)) * math.tanh(loops.softplus(x)))")  # fmt: skip
def mish_slope(x: Array) -> Any:
    """Derivative of mish."""


@mish_slope.vjp("x")
def mish_slope_vjp_x(g: Any, out: Any, x: Any) -> Any:
    s, t = sigmoid(x), tanh(softplus(x, beta=1, threshold=math.inf))
    return g * ((1 - t * t) * s * (2 + x * (1 - s - 2 * t * s)))


@primitive(kernel.mish.both, residuals=True, unrecorded=kernel.mish.value, over=(0,), saves=mish_slope,
           loop="x * math.tanh(loops.softplus(x))")  # fmt: skip
def mish(x: Array) -> Any:
    """x times the hyperbolic tangent of its softplus."""


@mish.vjp("x")
def mish_vjp_x(g: Any, out: Any, x: Any, *, saved: Any = None) -> Any:
    return g * (mish_slope(x) if saved is None else saved)


@elementwise(kernel.elu.slope, loop="scale if x > 0 else along * alpha * scale * math.exp(along * x)")
def elu_slope(x: Array, *, alpha: float, scale: float, along: float) -> Any:
    """Derivative of elu."""


@elu_slope.vjp("x")
def elu_slope_vjp_x(g: Any, out: Any, x: Any, *, alpha: float, scale: float, along: float) -> Any:
    return keep(g * (along * out), less(x, 0))


@primitive(kernel.elu.both, residuals=True, unrecorded=kernel.elu.value, over=(0,), saves=elu_slope,
           loop="scale * x if x > 0 else alpha * scale * math.expm1(along * x)")  # fmt: skip
def elu(x: Array, *, alpha: float, scale: float, along: float) -> Any:
    """scale · x where x is positive, else scale · α (e^(along · x) - 1)."""


@elu.vjp("x")
def elu_vjp_x(g: Any, out: Any, x: Any, *, alpha: float, scale: float, along: float, saved: Any = None) -> Any:
    return g * (elu_slope(x, alpha=alpha, scale=scale, along=along) if saved is None else saved)


@elementwise(kernel.softplus.slope, loop="1 if beta * x > threshold else loops.sigmoid(beta * x)")
def softplus_slope(x: Array, *, beta: float, threshold: float) -> Any:
    """Derivative of softplus."""


@softplus_slope.vjp("x")
def softplus_slope_vjp_x(g: Any, out: Any, x: Any, *, beta: float, threshold: float) -> Any:
    return g * (beta * out * (1 - out))


@primitive(kernel.softplus.both, residuals=True, unrecorded=kernel.softplus.value, over=(0,), saves=softplus_slope,
           loop="x if beta * x > threshold else loops.softplus(beta * x) / beta")  # fmt: skip
def softplus(x: Array, *, beta: float, threshold: float) -> Any:
    """Smooth rectifier log(1 + e^(βx)) / β; x itself where βx is above the threshold."""


@softplus.vjp("x")
def softplus_vjp_x(g: Any, out: Any, x: Any, *, beta: float, threshold: float, saved: Any = None) -> Any:
    return g * (softplus_slope(x, beta=beta, threshold=threshold) if saved is None else saved)


def gelu_slope_loop(approximate: bool) -> str:
    """Spell the derivative of gelu."""
    if not approximate:
        return f"loops.normal(x) + x * math.exp(-0.5 * x * x) * {1 / math.sqrt(2 * math.pi)}"
    bell = f"math.tanh({SLOPE} * (x + {BEND} * x * x * x))"
    return f"0.5 * (1 + {bell}) + 0.5 * x * (1 - {bell} * {bell}) * ({SLOPE} * (1 + {3 * BEND} * x * x))"


@elementwise(kernel.gelu.slope, loop=gelu_slope_loop)
def gelu_slope(x: Array, *, approximate: bool) -> Any:
    """Derivative of gelu."""


@gelu_slope.vjp("x")
def gelu_slope_vjp_x(g: Any, out: Any, x: Any, *, approximate: bool) -> Any:
    if not approximate:
        return g * ((2 - x * x) * exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)))
    t = tanh(SLOPE * (x + BEND * x * x * x))
    steep, bent = SLOPE * (1 + 3 * BEND * x * x), SLOPE * (6 * BEND * x)
    return g * ((1 - t * t) * (steep + 0.5 * x * bent - x * t * steep * steep))


def gelu_loop(approximate: bool) -> str:
    """Spell gelu."""
    bell = f"math.tanh({SLOPE} * (x + {BEND} * x * x * x))"
    return f"0.5 * x * (1 + {bell})" if approximate else "x * loops.normal(x)"


@primitive(kernel.gelu.both, residuals=True, unrecorded=kernel.gelu.value, over=(0,), saves=gelu_slope, loop=gelu_loop)
def gelu(x: Array, *, approximate: bool) -> Any:
    """x Φ(x) with the normal distribution Φ; approximate: with a tanh for its error function."""


@gelu.vjp("x")
def gelu_vjp_x(g: Any, out: Any, x: Any, *, approximate: bool, saved: Any = None) -> Any:
    return g * (gelu_slope(x, approximate=approximate) if saved is None else saved)
