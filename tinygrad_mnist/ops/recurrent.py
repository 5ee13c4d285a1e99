"""The calculus of recurrent cells over whole sequences; kernels/recurrent.py has the arithmetic and the formulas.

`through_time` is backpropagation through time written in primitives, so that it can be differentiated in its turn;
where no higher derivative is asked for, and the gates are at hand, a kernel does the same. Look next at softmax.py.
"""

from __future__ import annotations

from typing import Any

from ..core.graph import Array
from ..core.once import once
from ..core.primitive import primitive
from ..kernels import recurrent as kernel
from ..kernels.recurrent import CELLS
from .activation import relu, sigmoid, tanh
from .compare import where
from .contract import linear, matmul, swap
from .index import getitem
from .layout import cat, reshape
from .reduce import sum

SEQUENTIAL = "one step after the other, each a few products and NumPy's loops"


@primitive(kernel.unrolled, residuals=True, slow=SEQUENTIAL)
def unrolled(x: Array, h0: Array, w: Array, b: Array | None, *, cell: str) -> Any:
    """Run a cell over a sequence of gate inputs."""


@primitive(once(kernel.unrolled_deltas), differentiable=False, slow=SEQUENTIAL)
def unrolled_deltas(g: Array, states: Array, h0: Array, w: Array, gates: Array, *, cell: str) -> Any:
    """Send the cotangent of the states back through time; constant, for where no derivative of it is asked for."""


@unrolled.vjp("x")
def unrolled_vjp_x(g: Any, out: Any, x: Any, h0: Any, w: Any, b: Any, *, cell: str, saved: Any = None) -> Any:
    deltas = through_time(g, out, x, h0, w, b, cell, saved)
    return getitem(deltas, index=(slice(steps_of(deltas, cell)),))


@unrolled.vjp("h0")
def unrolled_vjp_h0(g: Any, out: Any, x: Any, h0: Any, w: Any, b: Any, *, cell: str, saved: Any = None) -> Any:
    deltas = through_time(g, out, x, h0, w, b, cell, saved)
    return getitem(deltas, index=(-1, slice(None), slice(h0.shape[1])))


@unrolled.vjp("w")
def unrolled_vjp_w(g: Any, out: Any, x: Any, h0: Any, w: Any, b: Any, *, cell: str, saved: Any = None) -> Any:
    shares = of_states(through_time(g, out, x, h0, w, b, cell, saved), cell)
    rows = shares.shape[0] * shares.shape[1]
    seen = reshape(columns(earlier(out, h0), 0, w.shape[1]), shape=(rows, w.shape[1]))
    return matmul(swap(reshape(shares, shape=(rows, w.shape[0]))), seen)


@unrolled.vjp("b")
def unrolled_vjp_b(g: Any, out: Any, x: Any, h0: Any, w: Any, b: Any, *, cell: str, saved: Any = None) -> Any:
    return sum(of_states(through_time(g, out, x, h0, w, b, cell, saved), cell), axis=(0, 1), keepdims=False)


def steps_of(deltas: Any, cell: str) -> int:
    """Count the steps that deltas are of."""
    return int((deltas.shape[0] - 1) // (2 if CELLS[cell].apart else 1))


def of_states(deltas: Any, cell: str) -> Any:
    """Take the cotangents of the gates of the state: those of x, or those that follow them."""
    stop = deltas.shape[0] - 1
    return getitem(deltas, index=(slice(stop - steps_of(deltas, cell), stop),))


def columns(x: Any, start: int, stop: int | None) -> Any:
    """Take columns of the last axis."""
    return getitem(x, index=(Ellipsis, slice(start, stop)))


def earlier(out: Any, h0: Any) -> Any:
    """Give the state before each step."""
    first = reshape(h0, shape=(1, h0.shape[0], h0.shape[1]))
    return cat(first, getitem(out, index=(slice(out.shape[0] - 1),)), axis=0)


def through_time(g: Any, out: Any, x: Any, h0: Any, w: Any, b: Any, cell: str, saved: Any) -> Any:
    """Give the deltas, as kernels.unrolled_deltas lays them out."""
    if saved is not None:
        return unrolled_deltas(g, out, h0, w, saved, cell=cell)
    size, states = w.shape[1], earlier(out, h0)
    hidden = columns(states, 0, size)
    product = linear(hidden, w, b)
    slopes = SLOPES[cell](x, product, states, size)
    backwards = range(x.shape[0] - 1, -1, -1)
    carry, inner = 0.0, 0.0
    steps: list[Any] = []
    others: list[Any] = []
    for t in backwards:
        here, now = getitem(g, index=(t,)), [getitem(slope, index=(t,)) for slope in slopes]
        dh = columns(here, 0, size) + carry
        if cell == "gru":
            to_r, to_z, to_n, r, z = now
            dn = dh * to_n
            step, state = [dn * to_r, dh * to_z, dn], [dn * to_r, dh * to_z, dn * r]
            carry = dh * z + matmul(cat(*state, axis=1), w)
            others.append(cat(*state, axis=1))
        elif cell == "lstm":
            to_i, to_f, to_g, to_o, to_c, f = now
            dc = columns(here, size, None) + inner + dh * to_c
            step = [dc * to_i, dc * to_f, dc * to_g, dh * to_o]
            carry, inner = matmul(cat(*step, axis=1), w), dc * f
        else:
            step = [dh * now[0]]
            carry = matmul(step[0], w)
        steps.append(cat(*step, axis=1))
    last = [carry, inner] if cell == "lstm" else [carry]
    last += [carry] * (CELLS[cell].gates - len(last))  # which nothing reads
    rows = [*reversed(steps), *reversed(others), cat(*last, axis=1)]
    return cat(*[reshape(row, shape=(1, row.shape[0], row.shape[1])) for row in rows], axis=0)


def _of_tanh(x: Any, product: Any, states: Any, size: int) -> list[Any]:
    shown = tanh(x + product)
    return [1 - shown * shown]


def _of_relu(x: Any, product: Any, states: Any, size: int) -> list[Any]:
    shown = relu(x + product)
    return [where(shown > 0, 1.0, shown * 0)]


def _of_lstm(x: Any, product: Any, states: Any, size: int) -> list[Any]:
    i, f, new, o = (columns(x + product, k * size, (k + 1) * size) for k in range(4))
    i, f, new, o = sigmoid(i), sigmoid(f), tanh(new), sigmoid(o)
    before = columns(states, size, 2 * size)
    shown = tanh(f * before + i * new)
    slopes = [new * i * (1 - i), before * f * (1 - f), i * (1 - new * new), shown * o * (1 - o)]
    return [*slopes, o * (1 - shown * shown), f]


def _of_gru(x: Any, product: Any, states: Any, size: int) -> list[Any]:
    r, z = (sigmoid(columns(x + product, k * size, (k + 1) * size)) for k in range(2))
    p = columns(product, 2 * size, 3 * size)
    n = tanh(columns(x, 2 * size, 3 * size) + r * p)
    return [p * r * (1 - r), (states - n) * z * (1 - z), (1 - z) * (1 - n * n), r, z]


SLOPES = {"tanh": _of_tanh, "relu": _of_relu, "lstm": _of_lstm, "gru": _of_gru}
