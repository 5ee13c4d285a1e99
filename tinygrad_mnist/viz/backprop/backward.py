"""One backward pass, watched: what arrives at every operation, what each argument gets of it, the sums as they grow.

The engine's own `pull_back` does the work, on a Way that looks on: the numbers are those of `loss.backward()`, while
`.grad` of no tensor changes and nothing is freed. Hooks of gradients run, since they may replace what goes on. Knows
no page. Look next at player.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core import hooks
from ...core.engine import RECORDING, Cotangents, Origin, Way, pull_back
from ...core.errors import GraphFreedError
from ...core.graph import Node, Var, reachable
from ...core.primitive import Primitive


class Share(NamedTuple):
    """What one argument of an operation gets: gx, added to the sum `before` (None: nothing yet), which gives `after`.

    slope is the derivative of the result with respect to the argument, where it is one number for each element.
    """

    position: int
    gx: Any
    before: Any
    after: Any
    slope: Any


class Pulled(NamedTuple):
    """One operation on the way back: the cotangent g of its result, and the shares of its arguments."""

    node: Node
    g: Any
    hooked: bool
    shares: list[Share]


class Watching(Way):
    """Raw arrays, plain NumPy, as in a plain backward pass; every contribution is noted, and no `.grad` is written."""

    def __init__(self) -> None:
        self.pulled: list[Pulled] = []
        self.sums: dict[Origin, Any] = {}

    def begins(self, node: Node, g: Any) -> tuple[tuple[Any, ...], Any]:
        """Note the cotangent of a Node's result."""
        before = self.sums[node]
        hooked = node.retained is not None and isinstance(g, np.ndarray) and not np.array_equal(g, before, True)
        self.pulled.append(Pulled(node, g, hooked, []))
        return super().begins(node, g)

    def is_new(self, node: Node, position: int, g: Any, gx: Any) -> bool:
        """Note a contribution; that it is never ours makes the engine leave its memory as it is."""
        origin: Any = node.parents[position]
        before = self.sums.get(origin)
        after = self.sums[origin] = gx if before is None else before + gx
        self.pulled[-1].shares.append(Share(position, gx, before, after, slope(node, position)))
        return False

    def deposit(self, leaf: Var, g: Any) -> None:
        """Leave `.grad` as it is."""


class Pass(NamedTuple):
    """A whole backward pass: operations, first call first; the way back, last call first; gradients of the leaves."""

    nodes: list[Node]
    seed: Any
    pulled: list[Pulled]
    gradients: dict[Var, Any]


def watch(root: Var, owner: str = "player") -> Pass:
    """Differentiate a result of one element, whose Nodes are all alive.

    Raises:
        GraphFreedError: for a graph that backward has freed, and whatever backward raises
    """
    nodes = reachable([root.node] if root.node is not None else [])
    for node in nodes:
        if node.freed_by is not None:
            raise GraphFreedError(
                f"{owner}: the values of {node.where()} were freed by backward at {node.freed_by}.",
                got="a graph after backward",
                expected="a graph that still has its values",
                hint=f"call {owner} before backward, or pass retain_graph=True to backward",
            )
    way, kind, seed = Watching(), root.result_type, np.ones(root.shape, root.dtype)
    sums = Cotangents(way, kind)
    origin: Origin = root.node or root
    sums.add(origin, seed, fresh=False)
    way.sums[origin] = seed
    with RECORDING:
        for node in nodes:
            pull_back(node, sums, None, way)
    gradients: dict[Var, Any] = {}
    for leaf in [origin for origin in sums.values if isinstance(origin, Var)]:
        hung = hooks.leaves.get(id(leaf))
        gradients[leaf] = sums.owned(leaf) if hung is None else hung.seen(kind, sums.owned(leaf), False)
    return Pass(nodes[::-1], seed, way.pulled, gradients)


def slope(node: Node, position: int) -> Any:
    """Give the derivative of a result with respect to an argument, where each element has one of its own, or None.

    That is so for what works element by element, and between single numbers: the rule at g = 1.
    """
    p = node.primitive
    single = all(getattr(x, "size", 1) == 1 for x in (node.out, *node.args))
    if not isinstance(p, Primitive) or (p.loop is None and not single):
        return None
    rule, extra = p.rule_at(position)
    if rule is None:
        return None
    saved = {"saved": node.saved} if p.residuals else {}
    return rule(np.ones_like(node.out), node.out, *node.args, **node.static, **extra, **saved)
