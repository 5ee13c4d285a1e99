"""L-BFGS: steps along the gradient bent by an estimate of the curvature, with a line search if asked for.

It sees all parameters as one vector and calls the closure many times a step. Read after optimizer.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array, enable_grad, no_grad
from ..core.scope import refuse_captured
from ..tensors.creation import from_numpy
from ..tensors.tensor import Tensor
from .optimizer import Group, Optimizer, State, check_at_least, settings

ARMIJO, CURVATURE = 1e-4, 0.9  # Wolfe's two conditions
CURVED = 1e-10  # less curvature along a step than this is not remembered


class Point(NamedTuple):
    """A place along a direction: how far, the loss, the gradient and its slope along the direction."""

    t: float
    loss: float
    gradient: Array
    slope: float


class LBFGS(Optimizer):
    """Limited-memory BFGS on one group of parameters; `step(closure)` may call the closure up to max_eval times.

    Args:    max_iter, max_eval: of one step, max_eval 5/4 max_iter unless given; tolerance_grad, tolerance_change: end
             where the largest gradient, or the change of parameters or loss, is below; history_size: steps remembered;
             line_search_fn: None (steps of lr) or "strong_wolfe"
    Raises:  ArgumentError for several groups, or without a closure; CaptureError inside a compiled step
    Source:  Nocedal & Wright 2006, Algorithms 7.4 and 3.5, with the cubic steps of minFunc
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1, max_iter: int = 20, max_eval: int | None = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
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

    def init_state(self, p: Tensor, group: Group) -> State:
        """Count calls and iterations; the first parameter's state is that of all."""
        return {"func_evals": 0, "n_iter": 0}

    def state_like(self, saved: State, p: Tensor, group: Group) -> State:
        """Expect what there is."""
        return {k: np.zeros(np.shape(v), p.dtype) if isinstance(v, np.ndarray) else v for k, v in saved.items()}

    def adopted(self, saved: State) -> State:
        """Take lists and tensors of a file as arrays and numbers."""
        def plain(v: Any) -> Any:
            v = np.asarray(v)
            return v.item() if v.ndim == 0 else np.array(v)

        lists = "old_dirs", "old_stps", "ro"
        kept = {k: v for k, v in saved.items() if v is not None and k != "al"}  # al: PyTorch's working memory
        return {k: [plain(x) for x in v] if k in lists else plain(v) for k, v in kept.items()}

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
    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        if closure is None:
            raise ArgumentError("LBFGS.step: the closure is missing.", hint="step(closure)")
        refuse_captured("LBFGS.step()", "compile the closure: its loss and backward; a line search reads the loss")
        group = self.param_groups[0]
        params, most, lr = group["params"], group["max_eval"], float(group["lr"])

        def evaluate() -> tuple[float, Array, Any]:
            with enable_grad():
                loss = closure()
            state["func_evals"] += 1
            return float(loss), self._gather(), loss

        def trial(t: float) -> Point:
            self._move(t, d)
            loss, gradient, _ = evaluate()
            for p, x in zip(params, start, strict=True):
                p.copy_(x)
            return Point(t, loss, gradient, float(gradient @ d))

        state = self.state_of(params[0], group)
        before = state["func_evals"]
        loss, g, first = evaluate()
        if _largest(g) <= group["tolerance_grad"]:
            return first
        for n in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(state, g, group["history_size"])
            state["d"], state["prev_flat_grad"], last = d, g, loss
            state["prev_loss"] = loss
            t = state["t"] = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            if group["line_search_fn"] is not None:
                start = [p.clone() for p in params]
                left = most - (state["func_evals"] - before)
                found = strong_wolfe(trial, t, d, Point(0.0, loss, g, slope), left, group["tolerance_change"])
                loss, g, t = found.loss, found.gradient, found.t
                self._move(t, d)
            else:
                self._move(t, d)
                if n != group["max_iter"]:
                    loss, g, _ = evaluate()
            state["t"] = t
            if (
                n == group["max_iter"] or state["func_evals"] - before >= most
                or _largest(g) <= group["tolerance_grad"] or _largest(d * t) <= group["tolerance_change"]
                or abs(loss - last) < group["tolerance_change"]
            ):  # fmt: skip
                break
        return first

    def _direction(self, state: State, g: Array, history: int) -> Array:
        """Remember the latest step, and bend the gradient by all that are remembered."""
        if state["n_iter"] == 1:
            state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0}
            return -g
        changes, moves, weights = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        ys = float(y @ s)
        if ys > CURVED:
            if len(changes) == history:
                del changes[0], moves[0], weights[0]
            changes.append(y)
            moves.append(s)
            weights.append(1.0 / ys)
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


def cubic(a: Point, b: Point, low: float | None = None, high: float | None = None) -> float:
    """Find where the cubic through two points with these slopes is least, between bounds."""
    low, high = (min(a.t, b.t), max(a.t, b.t)) if low is None or high is None else (low, high)
    if a.t == b.t:
        return (low + high) / 2
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    a, b = (a, b) if a.t <= b.t else (b, a)
    d2 = math.sqrt(square)
    bottom = b.slope - a.slope + 2 * d2
    if bottom == 0:
        return (low + high) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / bottom), low), high)


def strong_wolfe(
    trial: Callable[[float], Point], t: float, d: Array, start: Point, most: int, tolerance: float
) -> Point:
    """Search along d for a point of enough descent and little slope: first a bracket, then inside it."""
    longest = _largest(d)

    def too_high(new: Point) -> bool:
        return new.loss > start.loss + ARMIJO * new.t * start.slope

    new, previous, count, done = trial(t), start, 0, False
    bracket = None
    while bracket is None and count < most:
        if too_high(new) or (count > 1 and new.loss >= previous.loss):
            bracket = [previous, new]
        elif abs(new.slope) <= -CURVATURE * start.slope:
            return new
        elif new.slope >= 0:
            bracket = [previous, new]
        else:
            step = cubic(previous, new, new.t + 0.01 * (new.t - previous.t), new.t * 10)
            new, previous, count = trial(step), new, count + 1
    bracket = bracket or [start, new]
    stuck = False
    low = 0 if bracket[0].loss <= bracket[1].loss else 1
    while not done and count < most:
        ends = bracket[0].t, bracket[1].t
        if abs(ends[1] - ends[0]) * longest < tolerance:
            break
        t, margin = cubic(bracket[0], bracket[1]), 0.1 * (max(ends) - min(ends))
        if min(max(ends) - t, t - min(ends)) < margin:
            if stuck or t >= max(ends) or t <= min(ends):
                t = max(ends) - margin if abs(t - max(ends)) < abs(t - min(ends)) else min(ends) + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new, count = trial(t), count + 1
        if too_high(new) or new.loss >= bracket[low].loss:
            bracket[1 - low] = new
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
        else:
            done = abs(new.slope) <= -CURVATURE * start.slope
            if not done and new.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
                bracket[1 - low] = bracket[low]
            bracket[low] = new
    return bracket[low]
