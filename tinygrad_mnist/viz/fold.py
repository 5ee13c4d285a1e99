"""Which operations stand together as one box: modules below a depth, and the middle of a graph too large to draw.

Operations that one box replaces follow each other in time, so that folding never makes a cycle. Knows Nodes and
module calls, no values and no DOT. Look next at graph.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Node
from ..scope import Scope


class Fold:
    """Operations drawn as one box; scope is the module call it stands for, None for the middle of a large graph."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope
        self.nodes: list[Node] = []


Unit = Node | Fold


def units(nodes: Sequence[Node], depth: int | None, max_nodes: int) -> list[Unit]:
    """List what is drawn, first call first: single operations and folds.

    Args:    depth: levels of modules that are opened; None: all, unless there would be more than max_nodes boxes,
             then as many levels as fit. Where one level is too much still, the middle becomes one fold
    """
    found = by_depth(nodes, depth)
    if len(found) > max_nodes and depth is None:
        deepest = max((len(n.scope.chain()) for n in nodes if n.scope is not None), default=0)
        for level in range(deepest - 1, 0, -1):
            found = by_depth(nodes, level)
            if len(found) <= max_nodes:
                break
    if len(found) <= max_nodes:
        return found
    first = (max_nodes - 1) // 2
    last = max_nodes - 1 - first
    middle = Fold(None)
    for unit in found[first : len(found) - last]:
        middle.nodes += unit.nodes if isinstance(unit, Fold) else [unit]
    return [*found[:first], middle, *found[len(found) - last :]]


def by_depth(nodes: Sequence[Node], depth: int | None) -> list[Unit]:
    """Fold every module call that lies inside `depth` others."""
    result: list[Unit] = []
    folds: dict[Scope, Fold] = {}
    chains: dict[Scope, list[Scope]] = {}
    for node in nodes:
        scope = node.scope
        if scope is None or depth is None:
            result.append(node)
            continue
        chain = chains.get(scope) or chains.setdefault(scope, scope.chain())
        if len(chain) <= depth:
            result.append(node)
            continue
        owner = chain[depth]
        if owner not in folds:
            folds[owner] = Fold(owner)
            result.append(folds[owner])
        folds[owner].nodes.append(node)
    return result
