"""Recurrent cells on raw arrays: a whole sequence forward, and its cotangents back through time.

What a step needs of its input is computed before, for all steps in one product; here is what has to be done one step
after the other. CELLS has, per cell, the gates (as parts of H columns) that it has and keeps.

Must not know: Tensor, gradients' bookkeeping, layers. Look next at ops/recurrent.py (the calculus).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.backend import Array


class Cell(NamedTuple):
    """How many parts of H columns a cell has: of gates in its product, of states, of what it saves, of cotangents."""

    gates: int
    states: int
    saved: int
    apart: bool = False  # whether gates of the input and of the state get different cotangents


CELLS = {"tanh": Cell(1, 1, 1), "relu": Cell(1, 1, 1), "lstm": Cell(4, 2, 4), "gru": Cell(3, 1, 4, apart=True)}



def unrolled(
    x: Array, h0: Array, w: Array, b: Array | None, *, cell: str, out: Array | None = None, saved: Array | None = None
) -> tuple[Array, Array]:
    """Run a cell over a sequence of gate inputs.

    Math:
        p = w h + b, of the state h before
        tanh, relu: h' = f(x + p); the derivative of f is saved
        lstm: i, f, g, o = σ, σ, tanh, σ of x + p; c' = f c + i g; h' = o tanh(c'); the gates are saved
        gru: r, z = σ(x + p); n = tanh(x + r p); h' = n + z (h - n); r, z, n and p's part of n are saved
    Shapes:
        x (T, N, G·H), h0 (N, S·H), w (G·H, H), b (G·H,) -> states (T, N, S·H), saved (T, N, K·H)
    """
    kind, size, (steps, count, _) = CELLS[cell], w.shape[1], x.shape
    states = np.empty((steps, count, kind.states * size), x.dtype) if out is None else out
    gates = np.empty((steps, count, kind.saved * size), x.dtype) if saved is None else saved
    product, part, across = np.empty((count, kind.gates * size), x.dtype), np.empty((count, size), x.dtype), w.T
    before = h0
    for t in range(steps):
        p, g, state = product, gates[t], states[t]
        np.dot(before[:, :size], across, out=p)
        if b is not None:
            p += b
        if cell == "gru":
            rz, n, h = g[:, : 2 * size], g[:, 2 * size : 3 * size], state
            np.add(p[:, : 2 * size], x[t, :, : 2 * size], out=rz)
            _sigmoid(rz)
            g[:, 3 * size :] = p[:, 2 * size :]
            np.multiply(g[:, :size], p[:, 2 * size :], out=n)
            n += x[t, :, 2 * size :]
            np.tanh(n, out=n)
            np.subtract(before, n, out=h)
            h *= g[:, size : 2 * size]
            h += n
        elif cell == "lstm":
            i, f, new, o = (g[:, k * size : (k + 1) * size] for k in range(4))
            np.add(p, x[t], out=g)
            _sigmoid(g[:, : 2 * size])
            np.tanh(new, out=new)
            _sigmoid(o)
            h, c = state[:, :size], state[:, size:]
            np.multiply(f, before[:, size:], out=c)
            np.multiply(i, new, out=part)
            c += part
            np.tanh(c, out=h)
            h *= o
        else:
            np.add(p, x[t], out=state)
            if cell == "tanh":
                np.tanh(state, out=state)
                np.multiply(state, state, out=g)
                np.subtract(1, g, out=g)
            else:
                np.maximum(state, 0, out=state)
                np.greater(state, 0, out=g)
        before = state
    return states, gates


def _sigmoid(x: Array) -> None:
    """Write σ(x) = (1 + tanh(x / 2)) / 2 over x."""
    x *= 0.5
    np.tanh(x, out=x)
    x *= 0.5
    x += 0.5


def unrolled_deltas(
    g: Array, states: Array, h0: Array, w: Array, gates: Array, *, cell: str, out: Array | None = None
) -> Array:
    """Send the cotangent of the states back through time, to the gates before their functions.

    Shapes:
        g, states (T, N, S·H), gates (T, N, K·H) -> (T + 1, N, G·H): cotangents of x, then, in its first S·H
        columns, that of h0; where the state's gates get other ones (gru), (2 T + 1, N, G·H), with them between
    """
    kind, (steps, count, _) = CELLS[cell], states.shape
    out = np.empty(((2 if kind.apart else 1) * steps + 1, count, len(w)), states.dtype) if out is None else out
    size, (steps, count, _) = w.shape[1], states.shape
    dh, spare = np.empty((count, size), states.dtype), np.empty((count, size), states.dtype)
    last = out[-1]
    last[...] = 0
    carry = last[:, :size]  # of the state before, and in the end of h0
    parts = [gates[:, :, k * size : (k + 1) * size] for k in range(gates.shape[2] // size)]
    before = np.concatenate([h0[None], states[:-1]]) if cell != "tanh" and cell != "relu" else states
    if cell == "gru":
        r, z, n, p = parts
        to_z, to_n, to_r = before - n, 1 - n * n, 1 - r
        keep = 1 - z
        to_z *= z * keep
        to_n *= keep
        to_r *= r * p
        for t in reversed(range(steps)):
            here, state = out[t], out[steps + t]
            dr, dz, dn = (here[:, k * size : (k + 1) * size] for k in range(3))
            np.add(g[t], carry, out=dh)
            np.multiply(dh, to_z[t], out=dz)
            np.multiply(dh, to_n[t], out=dn)
            np.multiply(dn, to_r[t], out=dr)
            state[:, : 2 * size] = here[:, : 2 * size]
            np.multiply(dn, r[t], out=state[:, 2 * size :])
            np.dot(state, w, out=spare)
            np.multiply(dh, z[t], out=carry)
            carry += spare
    elif cell == "lstm":
        i, f, new, o = parts
        cell_carry, dc = last[:, size : 2 * size], np.empty_like(dh)
        shown = np.tanh(states[:, :, size:])
        slopes = [new * i * (1 - i), before[:, :, size:] * f * (1 - f), i * (1 - new * new), shown * o * (1 - o)]
        to_c = o * (1 - shown * shown)
        for t in reversed(range(steps)):
            np.add(g[t, :, :size], carry, out=dh)
            np.multiply(dh, to_c[t], out=dc)
            dc += g[t, :, size:]
            dc += cell_carry
            for k, slope in enumerate(slopes):
                np.multiply(dh if k == 3 else dc, slope[t], out=out[t, :, k * size : (k + 1) * size])
            np.multiply(dc, f[t], out=cell_carry)
            np.dot(out[t], w, out=spare)
            carry[...] = spare
    else:
        for t in reversed(range(steps)):
            np.add(g[t], carry, out=dh)
            np.multiply(dh, gates[t], out=out[t])
            np.dot(out[t], w, out=spare)
            carry[...] = spare
    return out
