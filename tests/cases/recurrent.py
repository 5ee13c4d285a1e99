"""Cases of recurrent cells over whole sequences, and of their cotangents back through time."""

from typing import Any

import numpy as np
from strategies import ANYWHERE, Array, Call, Domain, Draw

from tinygrad_mnist.kernels.recurrent import CELLS, unrolled
from tinygrad_mnist.ops import recurrent as R

from .case import Example, a, case

SMALL, FAR = Domain(-0.1, 0.1), Domain(-5, 5, (0.0,), 3.0)  # so that what relu is given stays away from 0


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def states_of(x: Array, h0: Array, w: Array, b: Array | None, cell: str, more: Any = 0) -> Array:
    """Run a cell, also on complex numbers; more: what is added to the product with each state."""
    size, state, found = w.shape[1], h0, []
    for t in range(len(x)):
        p = state[:, :size] @ w.T + (0 if b is None else b) + (more if np.isscalar(more) else more[t])
        if cell == "gru":
            (xr, xz, xn), (pr, pz, pn) = (np.split(part, 3, 1) for part in (x[t], p))
            z, n = sigmoid(xz + pz), np.tanh(xn + sigmoid(xr + pr) * pn)
            state = (1 - z) * n + z * state
        elif cell == "lstm":
            i, f, g, o = np.split(x[t] + p, 4, 1)
            c = sigmoid(f) * state[:, size:] + sigmoid(i) * np.tanh(g)
            state = np.concatenate([sigmoid(o) * np.tanh(c), c], 1)
        else:
            p = x[t] + p
            state = np.tanh(p) if cell == "tanh" else np.where(p.real > 0, p, 0)
        found.append(state)
    return np.stack(found)


def build_unrolled(d: Draw) -> Call:
    cell = d.choose(("gru", "lstm", "tanh", "relu"))
    steps, count, size = d.choose((2, 1, 3)), 0 if d.kind == "empty" else d.choose((2, 1)), d.choose((2, 1, 3))
    rows, wide = CELLS[cell].gates * size, FAR if cell == "relu" else ANYWHERE
    weights = SMALL if cell == "relu" else ANYWHERE
    x, h0 = d.values((steps, count, rows), wide), d.values((count, CELLS[cell].states * size))
    return Call([x, h0, d.values((rows, size), weights), d.values((rows,), weights) if d.boolean() else None],
                {"cell": cell}, d.seed)  # fmt: skip


def twin(m: Any, x: Any, h0: Any, w: Any, b: Any, cell: str) -> Any:
    """Run PyTorch's cells, whose product with the input is one with the identity."""
    step = getattr(m, {"gru": "gru_cell", "lstm": "lstm_cell"}.get(cell, f"rnn_{cell}_cell"))
    size, kind = w.shape[1], {"dtype": w.dtype}
    rest = m.eye(len(w), **kind), w, m.zeros(len(w), **kind), m.zeros(len(w), **kind) if b is None else b
    state, found = (h0[:, :size], h0[:, size:]) if cell == "lstm" else h0, []
    for part in x:
        state = step(part, state, *rest)
        found.append(m.cat(state, 1) if cell == "lstm" else state)
    return m.stack(found)


ONE, TWO = np.ones((1, 1)), np.full((1, 1), 2.0)
case(R.unrolled, build_unrolled, states_of, torch=twin, order=2,
     examples=(
         Example((ONE[None], ONE, TWO, a(0)), np.full((1, 1, 1), 3.0), (ONE[None], TWO, ONE, a(1)), {"cell": "relu"}),
         Example((0 * ONE[None], 0 * ONE, TWO, None), 0 * ONE[None], (ONE[None], TWO, 0 * ONE), {"cell": "tanh"}),
     ))  # fmt: skip


def build_deltas(d: Draw) -> Call:
    call = build_unrolled(d)
    x, h0, w, _ = call.args
    states, gates = unrolled(x, h0, w, None, **call.static)
    return Call([d.values(states.shape), d.array(states), h0, w, d.array(gates)], call.static, d.seed)


def inputs_of(states: Array, h0: Array, w: Array, gates: Array, cell: str) -> Array:
    """Find the inputs that gave these states and gates."""
    before, size = np.concatenate([h0[None], states[:-1]]), w.shape[1]
    p = before[:, :, :size] @ w.T
    if cell in ("tanh", "relu"):
        return (np.arctanh(states) if cell == "tanh" else np.where(gates > 0, states, -1)) - p
    first, second, third, fourth = np.split(gates, 4, 2)
    odds = [np.log(y / (1 - y)) for y in (first, second)]
    if cell == "gru":
        return np.concatenate([*odds, np.arctanh(third) - first * fourth], 2) - p * np.repeat([1, 1, 0], size)
    return np.concatenate([*odds, np.arctanh(third), np.log(fourth / (1 - fourth))], 2) - p


def deltas_oracle(g: Array, states: Array, h0: Array, w: Array, gates: Array, cell: str) -> Array:
    """Differentiate by steps in the imaginary direction, which lose no digits."""
    x, step = inputs_of(states, h0, w, gates, cell), 1e-30

    def slopes(like: Array, run: Any) -> Array:
        found = np.zeros(like.shape)
        for at in np.ndindex(like.shape):
            moved = np.zeros(like.shape, complex)
            moved[at] = 1j * step
            found[at] = (g * run(moved).imag).sum() / step
        return found

    last = np.zeros((1, *x.shape[1:]))
    last[0, :, : h0.shape[1]] = slopes(h0, lambda moved: states_of(x, h0 + moved, w, None, cell))
    parts = [slopes(x, lambda moved: states_of(x + moved, h0 + 0j, w, None, cell)), last]
    if CELLS[cell].apart:
        parts.insert(1, slopes(x, lambda moved: states_of(x, h0 + 0j, w, None, cell, moved)))
    return np.concatenate(parts)


case(R.unrolled_deltas, build_deltas, deltas_oracle, order=0, alone="a part of PyTorch's rules of its cells",
     examples=(Example((ONE[None], 3 * ONE[None], ONE, TWO, ONE[None]), np.array([[[1.0]], [[2.0]]]),
                       static={"cell": "relu"}),))  # fmt: skip
