"""L-BFGS: steps along the gradient bent by an estimate of the curvature, with a line search if asked for.

It sees all parameters as one vector and calls the closure many times a step. Read after optimizer.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array, enable_grad, no_grad
from ..core.scope import refuse_captured
from ..tensors.creation import from_numpy
from ..tensors.tensor import Tensor
from .optimizer import Group, Optimizer, Params, State, check_at_least, settings

ARMIJO, CURVATURE = 1e-4, 0.9  # Wolfe's two conditions
LISTS = "old_dirs", "old_stps", "ro"  # in the state
CURVED = 1e-10  # less curvature along a step than this is not remembered


class Point(NamedTuple):
    """A place along a direction: how far, the loss, the gradient and its slope along the direction."""

    t: float
    loss: float
    gradient: Array
    slope: float


class LBFGS(Optimizer):
    """Limited-memory BFGS on one group of parameters; `step(closure)` may call the closure up to max_eval times.

    Args:
        max_iter, max_eval: of one step, max_eval 5/4 max_iter unless given
        tolerance_grad, tolerance_change: end where the largest gradient, or the change of parameters or loss, is below
        history_size: steps remembered
        line_search_fn: None (steps of lr) or "strong_wolfe"

    Raises:
        ArgumentError: for several groups, or without a closure
        CaptureError: inside a compiled step

    Source:
        Nocedal & Wright 2006, Algorithms 7.4 and 3.5, with the cubic steps of minFunc
    """

    def __init__(self, params: Params, lr: float = 1, max_iter: int = 20, max_eval: int | None = None,
                 tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
                 line_search_fn: str | None = None) -> None:  # fmt: skip
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(params, settings(locals()))

    def check(self, group: Group) -> None:
        """Refuse a second group, and another line search."""
        check_at_least("LBFGS", 0, lr=group["lr"])
        if len(self.param_groups) > 1:
            raise ArgumentError("LBFGS: there can be one group of parameters only.", hint="one list of all parameters")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            got = repr(group["line_search_fn"])
            raise ArgumentError("LBFGS: line_search_fn is unknown.", got=got, expected="None or 'strong_wolfe'")

    def state_like(self, saved: State, p: Tensor, group: Group) -> State:
        """Expect what there is."""
        return saved

    def adopted(self, saved: State) -> State:
        """Take lists and tensors of a file as arrays and numbers; al is PyTorch's working memory."""
        def plain(x: Any) -> Any:
            x = np.array(np.asarray(x))
            return x if x.ndim else x.item()

        kept = ((k, v) for k, v in saved.items() if v is not None and k != "al")
        return {k: [plain(x) for x in v] if k in LISTS else plain(v) for k, v in kept}

    def _gather(self) -> Array:
        """Give all gradients as one vector."""
        params = self.param_groups[0]["params"]
        given = [np.zeros(p.shape, p.dtype) if p.gradient is None else p.gradient.array for p in params]
        return np.concatenate([g.reshape(-1) for g in given])

    def _move(self, t: float, d: Array) -> None:
        """Go along a direction."""
        at = 0
        for p in self.param_groups[0]["params"]:
            p.copy_(from_numpy(p.array + t * d[at : at + p.array.size].reshape(p.shape)))
            at += p.array.size

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Go on by max_iter steps, calling closure as often as need be. -> its first loss"""
        if closure is None:
            raise ArgumentError("LBFGS.step: the closure is missing.", hint="step(closure)")
        refuse_captured("LBFGS.step()", "compile the closure: its loss and backward; a line search reads the loss")
        group = self.param_groups[0]
        params, most, tolerance, lr = group["params"], group["max_eval"], group["tolerance_change"], float(group["lr"])
        state = self.state.setdefault(params[0], {"func_evals": 0, "n_iter": 0})  # the first's is that of all
        before = state["func_evals"]

        def evaluate() -> tuple[float, Array, Any]:
            with enable_grad():
                loss = closure()
            state["func_evals"] += 1
            return float(loss), self._gather(), loss

        def trial(t: float) -> Point:
            start = [p.clone() for p in params]
            self._move(t, d)
            loss, gradient, _ = evaluate()
            for p, x in zip(params, start, strict=True):
                p.copy_(x)
            return Point(t, loss, gradient, float(gradient @ d))

        loss, g, first = evaluate()
        done, n = _largest(g) <= group["tolerance_grad"], 0
        while not done and n < group["max_iter"]:
            n, state["n_iter"], last = n + 1, state["n_iter"] + 1, loss
            d = self._direction(state, g, group["history_size"])
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            state |= {"d": d, "t": t, "prev_flat_grad": g, "prev_loss": loss}
            if (slope := float(g @ d)) > -tolerance:
                break
            if group["line_search_fn"] is not None:
                left = most - (state["func_evals"] - before)
                t, loss, g, _ = strong_wolfe(trial, t, _largest(d), Point(0.0, loss, g, slope), left, tolerance)
            self._move(t, d)
            if group["line_search_fn"] is None and n != group["max_iter"]:
                loss, g, _ = evaluate()
            state["t"] = t
            done = state["func_evals"] - before >= most or _largest(g) <= group["tolerance_grad"]
            done = done or _largest(d * t) <= tolerance or abs(loss - last) < tolerance
        return first

    def _direction(self, state: State, g: Array, history: int) -> Array:
        """Remember the latest step, and bend the gradient by all that are remembered."""
        if state["n_iter"] == 1:
            state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0}
            return -g
        changes, moves, weights = (state[k] for k in LISTS)
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        if (ys := float(y @ s)) > CURVED:
            if len(changes) == history:
                del changes[0], moves[0], weights[0]
            changes.append(y), moves.append(s), weights.append(1.0 / ys)
            state["H_diag"] = ys / float(y @ y)
        q, shares = -g, []
        for y, s, w in zip(reversed(changes), reversed(moves), reversed(weights), strict=True):
            shares.append(float(s @ q) * w)
            q -= shares[-1] * y
        q *= state["H_diag"]
        for y, s, w, share in zip(changes, moves, weights, reversed(shares), strict=True):
            q += (share - float(y @ q) * w) * s
        return q


def _largest(x: Array) -> float:
    return float(np.abs(x).max())


def cubic(a: Point, b: Point, low: float, high: float) -> float:
    """Find where the cubic through two points with these slopes is least, between bounds."""
    a, b = (a, b) if a.t <= b.t else (b, a)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t) if a.t != b.t else math.nan
    square = d1**2 - a.slope * b.slope
    d2 = math.sqrt(square) if square >= 0 else math.nan
    bottom = b.slope - a.slope + 2 * d2
    if not abs(bottom) > 0:
        return (low + high) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / bottom), low), high)


def strong_wolfe(trial: Callable[[float], Point], t: float, longest: float, start: Point, most: int,
                 tolerance: float) -> Point:  # fmt: skip
    """Search along a direction for a point of enough descent and little slope: first a bracket, then inside it."""

    def too_high(x: Point) -> bool:
        return x.loss > start.loss + ARMIJO * x.t * start.slope

    def flat(x: Point) -> bool:
        return abs(x.slope) <= -CURVATURE * start.slope

    new, previous, count, stuck = trial(t), start, 0, False
    while count < most and not (too_high(new) or (count > 1 and new.loss >= previous.loss)):
        if flat(new):
            return new
        if new.slope >= 0:
            break
        step = cubic(previous, new, new.t + 0.01 * (new.t - previous.t), new.t * 10)
        new, previous, count = trial(step), new, count + 1
    ends = [previous if count < most else start, new]
    low = int(ends[0].loss > ends[1].loss)
    while count < most and abs(ends[1].t - ends[0].t) * longest >= tolerance:
        first, last = sorted((ends[0].t, ends[1].t))
        t, margin = cubic(ends[0], ends[1], first, last), 0.1 * (last - first)
        near = min(last - t, t - first) < margin
        if near and (stuck or t >= last or t <= first):
            t, near = last - margin if abs(t - last) < abs(t - first) else first + margin, False
        new, count, stuck = trial(t), count + 1, near
        if too_high(new) or new.loss >= ends[low].loss:
            ends[1 - low] = new
            low = int(ends[0].loss > ends[1].loss)
            continue
        if flat(new):
            return new
        if new.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = new
    return ends[low]
