"""Which operations stand together as one box: modules below a depth, and the middle of a graph too large to draw.

Operations that one box replaces follow each other in time, so that folding never makes a cycle. Knows Nodes and
module calls, no values and no DOT. Look next at graph.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..core.graph import Node
from ..core.scope import Scope
from .trace import with_callers


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
        found = by_depth(nodes, deepest_that_fits(nodes, max_nodes))
    if len(found) <= max_nodes:
        return found
    first = (max_nodes - 1) // 2
    last = max_nodes - 1 - first
    middle = Fold(None)
    for unit in found[first : len(found) - last]:
        middle.nodes += unit.nodes if isinstance(unit, Fold) else [unit]
    return [*found[:first], middle, *found[len(found) - last :]]


def deepest_that_fits(nodes: Sequence[Node], max_nodes: int) -> int:
    """Find how many levels of modules can be opened, at least one: the operations in them, and a fold for each call
    on the next level.
    """
    operations = Counter(0 if node.scope is None else node.scope.depth for node in nodes)
    calls = Counter(scope.depth for scope in with_callers(node.scope for node in nodes))
    level, boxes = 0, operations[0]
    while level < max(operations, default=0) - 1:
        boxes += operations[level + 1]
        level += 1
        # the last level that fits, not the first that does not: folds may be fewer further down
        if boxes + calls[level + 1] <= max_nodes or level == 1:
            best = level
    return best if level else 1


def by_depth(nodes: Sequence[Node], depth: int | None) -> list[Unit]:
    """Fold every module call that lies inside `depth` others."""
    result: list[Unit] = []
    folds: dict[Scope, Fold] = {}
    for node in nodes:
        scope = node.scope
        if scope is None or depth is None or scope.depth <= depth:
            result.append(node)
            continue
        inside = []
        while scope not in folds and scope.depth > depth + 1 and scope.parent is not None:
            inside.append(scope)
            scope = scope.parent
        if scope not in folds:
            folds[scope] = Fold(scope)
            result.append(folds[scope])
        folds.update(dict.fromkeys(inside, folds[scope]))
        folds[scope].nodes.append(node)
    return result
