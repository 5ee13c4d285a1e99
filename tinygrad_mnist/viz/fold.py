"""Which operations stand together as one box: modules below a depth, and the middle of a graph too large to draw.

Operations that one box replaces follow each other in time, so that folding never makes a cycle. Knows Nodes and
module calls, no values and no DOT. Look next at graph.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, TypeAlias

from ..core.graph import Node
from ..core.scope import Scope
from .repeat import Repeats
from .trace import with_callers

LONGEST, WIDEST = 24, 12  # boxes below each other and beside each other that a page of 1 600 pixels has room for


class Fold:
    """Operations drawn as one box; scope is the module call it stands for, None for the middle of a large graph."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope
        self.nodes: list[Node] = []


Unit = Node | Fold
Depth: TypeAlias = int | None | Literal["page"]


def units(repeats: Repeats, depth: Depth, max_nodes: int, opened: AbstractSet[Scope] = frozenset()) -> list[Unit]:
    """List what is drawn, first call first: single operations and folds.

    Args:    opened: module calls that are open in any case. depth: levels of modules that are opened; None: all;
             "page": as many as a page has room for, and at least one. Where there would be more than max_nodes boxes
             still, the middle becomes one fold
    """
    nodes = repeats.nodes

    def by_depth(level: int | None) -> list[Unit]:
        return by_call(nodes, lambda scope: level is None or scope.depth <= level or scope in opened)

    found = by_depth(None if depth == "page" else depth)
    if depth == "page" and not fits_a_page(found, repeats):
        low, high = 1, max((scope.depth for scope in with_callers(node.scope for node in nodes)), default=1)
        while high - low > 1:  # the deepest level that fits, or 1
            middle = (low + high) // 2
            low, high = (middle, high) if fits_a_page(by_depth(middle), repeats) else (low, middle)
        found = by_depth(low)
    if len(found) <= max_nodes:
        return found
    first = (max_nodes - 1) // 2
    last = max_nodes - 1 - first
    hidden = Fold(None)
    for unit in found[first : len(found) - last]:
        hidden.nodes += nodes_of(unit)
    return [*found[:first], hidden, *found[len(found) - last :]]


def nodes_of(unit: Unit) -> list[Node]:
    """List the operations of a box."""
    return unit.nodes if isinstance(unit, Fold) else [unit]


def fits_a_page(found: Sequence[Unit], repeats: Repeats) -> bool:
    """Guess whether boxes fit a page: how many follow each other, and how many stand side by side."""
    unit_of = {node: unit for unit in found for node in nodes_of(unit)}
    rank: dict[Unit, int] = {}
    for unit in found:
        before = {unit_of[repeats.drawn(p)] for node in nodes_of(unit) for p in node.parents if type(p) is Node}
        rank[unit] = 1 + max((rank.get(other, 0) for other in before - {unit}), default=0)
    return max(rank.values(), default=0) <= LONGEST and max(Counter(rank.values()).values(), default=0) <= WIDEST


def by_call(nodes: Sequence[Node], is_open: Callable[[Scope], bool]) -> list[Unit]:
    """Fold the outermost module calls that are not open."""
    result: list[Unit] = []
    folds: dict[Scope | None, Fold | None] = {None: None}  # of a module call: what it is folded into
    for node in nodes:
        todo: list[Scope] = []
        scope = node.scope
        while scope is not None and scope not in folds:
            todo.append(scope)
            scope = scope.parent
        fold = folds[scope]
        for inner in reversed(todo):
            fold = folds[inner] = fold or (None if is_open(inner) else Fold(inner))
        if fold is None:
            result.append(node)
        else:
            if not fold.nodes:
                result.append(fold)
            fold.nodes.append(node)
    return result
