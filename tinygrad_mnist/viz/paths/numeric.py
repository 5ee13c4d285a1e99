"""The derivative of a loss by one entry, taken twice without paths: by the engine, and by computing the loss again.

The recorded calls are run forward once more in float64, with the entry a little larger and a little smaller; what was
random, or constant to differentiation, is in the record. Knows no path. Look next at explain.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ...core import hooks
from ...core.backend import default_generator
from ...core.engine import Origin, differentiate
from ...core.errors import DTypeError, shown
from ...core.graph import Node, Var, enable_grad
from ...core.primitive import Primitive
from .search import Cone

STEPS = 1e-5, 1e-7  # relative to the entry, the second where the first comes to something else: across a kink


class Numeric(NamedTuple):
    """A central difference: its value, the step, and how it was computed; or why there is none."""

    value: float | None
    step: float
    how: str


def by_engine(loss: Var, origin: Origin, entry: int, nodes: list[Node]) -> float:
    """Differentiate as `backward` would without hooks; `.grad` of no tensor changes."""
    retained = [node.retained for node in nodes]
    hung = hooks.leaves.pop(id(origin), None)
    try:
        for node in nodes:
            node.retained = None
        g = differentiate([loss], [np.ones(loss.shape, loss.dtype)], [origin], True, False).get(origin)
    finally:
        for node, before in zip(nodes, retained, strict=True):
            node.retained = before
        if hung is not None:
            hooks.leaves[id(origin)] = hung
    return 0.0 if g is None else float(g.reshape(-1)[entry])


def by_difference(loss: Var, cone: Cone, near: float, closure: Callable[[], Any] | None) -> Numeric:
    """Compute the loss at both sides of the entry's value; nearer, where it comes to something else than `near`."""
    if closure is not None:
        return from_closure(cone, closure)
    if any(not isinstance(call.inner.primitive, Primitive) for call in cone.calls.values()):
        return Numeric(None, 0.0, "a Function keeps no record of how it computes: explain(..., closure=...)")
    here, told = replay(cone, 0.0), float(loss.array.reshape(-1)[0])
    if not abs(here - told) <= 1e-4 * max(1.0, abs(told)):
        return Numeric(None, 0.0, f"computed again, the loss is {here:.6g}, not {told:.6g}: was something changed?")
    found, size = None, float(cone.layers[cone.loss].magnitude.sum())
    for relative in STEPS:
        step = relative * max(1.0, abs(cone.value))
        value = (replay(cone, step) - replay(cone, -step)) / (2 * step)
        found = Numeric(value, step, "of the record in float64")
        if abs(value - near) <= 1e-6 * max(size, abs(near)):
            break
    return found or Numeric(None, 0.0, "")


def replay(cone: Cone, shift: float) -> float:
    """Compute the loss from the record, with the entry shifted."""
    start = np.array(cone.array, np.float64, order="C")
    start.reshape(-1)[cone.entry] += shift
    values: dict[Origin, Any] = {cone.origin: start}
    for node, call in cone.calls.items():
        args = [values.get(p, x) for p, x in zip(_keys(call.parents), call.args, strict=True)]
        args = [None if again(node, i) else x for i, x in enumerate(args)]
        static = dict(node.static)
        if "dtype" in static and np.dtype(static["dtype"]).kind == "f":
            static["dtype"] = np.dtype(np.float64)
        values[node] = np.asarray(node.primitive(*args, **static))  # type: ignore[operator]
    return float(values[cone.loss].reshape(-1)[0])


def again(node: Node, position: int) -> bool:
    """Tell whether an argument is what the operation would compute itself: moments that a normalization was given."""
    return node.name == "batch_norm" and node.primitive.arguments[position] == "known"


def _keys(parents: list[Any]) -> Iterator[Any]:
    return (p if isinstance(p, Node | Var) else None for p in parents)


def from_closure(cone: Cone, closure: Callable[[], Any]) -> Numeric:
    """Change the leaf in place, call the function, and put everything back."""
    leaf = cone.origin
    if not callable(closure):
        raise DTypeError("explain: closure is a function that computes the loss again.", got=shown(closure))
    if isinstance(leaf, Node):
        return Numeric(None, 0.0, "a closure computes results anew: it can change leaves alone")
    at = np.unravel_index(cone.entry, leaf.shape)
    before = leaf.array[at].copy()
    step = float(np.cbrt(np.finfo(leaf.dtype).eps)) * max(1.0, abs(float(before)))

    def loss(value: float) -> float:
        with drawing_again(), enable_grad():
            leaf.array[at] = value
            found = closure()
            return float(found.array.reshape(-1)[0] if isinstance(found, Var) else found)

    try:
        sides = [(float(leaf.dtype.type(before + s)), loss(before + s)) for s in (step, -step)]
    finally:
        leaf.array[at] = before
    (high, above), (low, below) = sides
    return Numeric((above - below) / (high - low), step, "of the closure")


@contextmanager
def drawing_again() -> Iterator[None]:
    """Leave the default generator as it was, so that each run draws the same."""
    before = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(before)
