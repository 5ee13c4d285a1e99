"""Cases of activations: the primitives of ops/gates.py with their slopes, and the functions made of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from strategies import ANYWHERE, NOT_ZERO, Array, Call, Domain, Draw

from tinygrad_mnist.ops import gates as G

from .case import INF, Example, a, case

E1, LOG2 = math.exp(-1), math.log(2)
FAR = Domain(-4.0, 4.0)


def one(d: Draw, domain: Domain = ANYWHERE, **static: Any) -> Call:
    return Call([d.values(d.shape(), domain)], static, d.seed)


def settings(domain: Domain, **options: Any) -> Callable[[Draw], Call]:
    return lambda d: one(d, domain, **{k: d.choose(v) for k, v in options.items()})


def build_leaky(d: Draw) -> Call:
    x = d.values(d.shape(1), NOT_ZERO)
    slope = d.choose((0.1, 2, -0.5, 0, None))
    return Call([x, d.values((x.shape[-1],)) if slope is None else slope], {}, d.seed)


case(G.leaky, build_leaky, lambda x, slope: np.where(x > 0, x, x * slope), order=2,
     torch=lambda m, x, slope: m.where(x > 0, x, x * slope),
     examples=(Example((a(-2, 0, 3), 0.5), a(-1, 0, 3), (a(0.5, 0.5, 1),)),
               Example((a(-2, 0, 3), a(4, 5, 6)), a(-8, 0, 3), (a(4, 5, 1), a(-2, 0, 0))),
               Example((a(INF, -2.0), 0), a(INF, 0), (a(1, 0),))))  # fmt: skip
case(G.hardtanh, settings(Domain(-2, 2, (-1.0, 1.5)), low=(-1.0,), high=(1.5,)),
     lambda x, low, high: np.clip(x, low, high), order=2,
     torch=lambda m, x, low, high: m.nn.functional.hardtanh(x, low, high),
     examples=(Example((a(-2, -1, 0.5, 1, 3),), a(-1, -1, 0.5, 1, 1), (a(0, 0, 1, 0, 0),), {"low": -1, "high": 1}),
               Example((a(np.nan, 2),), a(np.nan, 1), (a(INF, 0),), {"low": -1, "high": 1}, g=INF * a(1, 1))))
case(G.cut, settings(Domain(-2, 2, (-0.5, 1)), low=(-0.5, -INF), high=(1,)),
     lambda x, low, high: np.where((x >= low) & (x <= high), 0, x), order=2,
     torch=lambda m, x, low, high: m.where((x >= low) & (x <= high), 0, x),
     examples=(Example((a(-1, -0.5, 0, 1, 2, np.nan),), a(-1, 0, 0, 0, 2, np.nan), (a(1, 0, 0, 0, 1, 1),),
                       {"low": -0.5, "high": 1}),
               Example((a(0.5, 1, 1.5, 2, 3),), a(0.5, 0, 0, 0, 3), (a(1, 0, 0, 0, 1),), {"low": 1, "high": 2}),
               Example((a(-3, -1.5, 0),), a(-3, 0, 0), (a(1, 0, 1),), {"low": -2, "high": -1})))  # fmt: skip
case(G.softshrink, settings(Domain(-2, 2, (-0.5, 0.5)), limit=(0.5,)),
     lambda x, limit: np.sign(x) * np.maximum(np.abs(x) - limit, 0), order=2,
     torch=lambda m, x, limit: m.nn.functional.softshrink(x, limit),
     examples=(Example((a(-1, -0.5, 0, 0.5, 2),), a(-0.5, 0, 0, 0, 1.5), (a(1, 0, 0, 0, 1),), {"limit": 0.5}),))


def smooth(
    name: str, build: Callable[[Draw], Call], oracle: Any, slope: Any, twin: Any, example: Example, bent: Array,
    **options: Any,
) -> None:  # fmt: skip
    """Add the Cases of a smooth activation and of its slope. bent: the second derivative at the example."""

    def slope_twin(m: Any, x: Any, **static: Any) -> Any:
        x = x if x.requires_grad else x.detach().requires_grad_()
        return m.autograd.grad(twin(m, x, **static).sum(), x, create_graph=True)[0]

    case(getattr(G, name), build, oracle, torch=twin, examples=(example,), **options)
    also = Example(example.args, example.gradients[0], (bent,), example.static)
    case(getattr(G, f"{name}_slope"), build, slope, torch=slope_twin, examples=(also,), **options)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def sp(x: Array) -> Array:
    return np.logaddexp(x, 0)


def mish_slope(x: Array) -> Array:
    t = np.tanh(sp(x))
    return t + x * (1 - t * t) * sigmoid(x)


smooth("silu", settings(FAR), lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
       lambda m, x: m.nn.functional.silu(x),
       Example((a(0, math.log(3), -1e4),), a(0, 0.75 * math.log(3), 0), (a(0.5, 0.75 + 0.1875 * math.log(3), 0),)),
       a(0.5, 2 * 0.1875 - 0.1875 * 0.5 * math.log(3), 0))  # fmt: skip
smooth("mish", settings(FAR), lambda x: x * np.tanh(sp(x)), mish_slope, lambda m, x: m.nn.functional.mish(x),
       Example((a(0, 20, -1e4),), a(0, 20, 0), (a(0.6, 1, 0),)), a(0.64, 0, 0))  # fmt: skip
ELU = {"alpha": 1.5, "scale": 2.0, "along": 0.5}
smooth("elu", settings(NOT_ZERO, alpha=(1.5, 1), scale=(2.0, 1), along=(0.5, 1)),
       lambda x, alpha, scale, along: scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) * along)),
       lambda x, alpha, scale, along: scale * np.where(x > 0, 1, alpha * along * np.exp(np.minimum(x, 0) * along)),
       lambda m, x, alpha, scale, along: m.ops.aten.elu(x, alpha, scale, along),
       Example((a(-2, 0, 3, -1e4),), a(3 * E1 - 3, 0, 6, -3), (a(1.5 * E1, 1.5, 2, 0),), ELU),
       a(0.75 * E1, 0, 0, 0), order=2)  # fmt: skip
smooth("softplus", settings(Domain(-4, 4, (1.5,)), beta=(1, 2.0), threshold=(20, 3.0)),
       lambda x, beta, threshold: np.where(x * beta > threshold, x, sp(x * beta) / beta),
       lambda x, beta, threshold: np.where(x * beta > threshold, 1, sigmoid(x * beta)),
       lambda m, x, beta, threshold: m.nn.functional.softplus(x, beta, threshold),
       Example((a(0, 30, -1e4, 1e4),), a(LOG2 / 2, 30, 0, 1e4), (a(0.5, 1, 0, 1),), {"beta": 2, "threshold": 20}),
       a(0.5, 0, 0, 0), order=2)  # fmt: skip


def normal(x: Array) -> Array:
    return np.vectorize(math.erf, [float])(x / math.sqrt(2)) / 2 + 0.5


def gelu_argument(x: Array) -> Array:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def gelu_oracle(x: Array, approximate: bool) -> Array:
    return x * (np.tanh(gelu_argument(x)) / 2 + 0.5 if approximate else normal(x))


def gelu_slope_oracle(x: Array, approximate: bool) -> Array:
    if not approximate:
        return normal(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    t, u = np.tanh(gelu_argument(x)), math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return (1 + t) / 2 + x * (1 - t * t) / 2 * u


smooth("gelu", settings(FAR, approximate=(False, True)), gelu_oracle, gelu_slope_oracle,
       lambda m, x, approximate: m.nn.functional.gelu(x, approximate="tanh" if approximate else "none"),
       Example((a(0, 1, -1),), a(0, 0.8413447460685429, -0.15865525393145707),
               (a(0.5, 1.0833154705876864, -0.08331547058768638),), {"approximate": False}),
       a(math.sqrt(2 / math.pi), 0.24197072451914337, 0.24197072451914337))  # fmt: skip
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
