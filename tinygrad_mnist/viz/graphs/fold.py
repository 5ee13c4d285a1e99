"""Which operations stand together as one box: modules below a depth, and the middle of a graph too large to draw.

Operations that one box replaces follow each other in time, so that folding never makes a cycle. Knows Nodes and
module calls, no values and no DOT. Look next at graph.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, TypeAlias

from ...core.graph import Node, Var
from ...core.scope import Scope
from ..modules import with_callers
from .repeat import Repeats, joint_depth

PAGE, WIDEST = 1180, 12  # points, of 1200 that are 1600 pixels; boxes beside each other
OPERATION, FOLDED, ARGUMENTS, FRAME, ENDS = 52, 70, 66, 28, 160  # points that boxes with their edges take, as measured


class Fold:
    """Operations drawn as one box; scope is the module call it stands for, None for the middle of a large graph."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope
        self.nodes: list[Node] = []


Unit = Node | Fold
Depth: TypeAlias = int | None | Literal["page"]


def units(repeats: Repeats, depth: Depth, max_nodes: int, opened: AbstractSet[Scope] = frozenset()) -> list[Unit]:
    """List what is drawn, first call first: single operations and folds.

    Args:
        opened: module calls that are open in any case
        depth: levels of modules that are opened; None: all; "page": as many as a page has room for, and at least one.
            Where there would be more than max_nodes boxes still, the middle becomes one fold
    """
    nodes = repeats.nodes

    def by_depth(level: int | None) -> list[Unit]:
        return by_call(nodes, lambda scope: level is None or scope.depth <= level or scope in opened)

    def fits(found: list[Unit]) -> bool:
        return len(found) <= max_nodes and fits_a_page(found, repeats)

    found = by_depth(None if depth == "page" else depth)
    if depth == "page" and not fits(found):
        low, high = 1, max((scope.depth for scope in with_callers(node.scope for node in nodes)), default=1)
        while high - low > 1:  # the deepest level that fits, or 1
            middle = (low + high) // 2
            low, high = (middle, high) if fits(by_depth(middle)) else (low, middle)
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
    """Guess whether boxes fit a page: how high those are that follow each other, and how many stand side by side."""
    unit_of = {node: unit for unit in found for node in nodes_of(unit)}
    rank, height, last = dict[Unit, int](), dict[Unit, int](), None
    for unit in found:
        parents = [p for node in nodes_of(unit) for p in node.parents if type(p) is Node]
        before = {unit_of[repeats.drawn(p)] for p in parents} - {unit}
        folded = isinstance(unit, Fold)
        scope = (unit.scope.parent if unit.scope is not None else None) if isinstance(unit, Fold) else unit.scope
        entered = (scope.depth if scope is not None else 0) - joint_depth(last, scope)
        beside = not folded and any(isinstance(p, Var) for p in nodes_of(unit)[0].parents)
        own = (FOLDED if folded else OPERATION) + FRAME * entered + ARGUMENTS * beside
        rank[unit] = 1 + max((rank.get(other, 0) for other in before), default=0)
        height[unit] = own + max((height.get(other, 0) for other in before), default=ENDS)
        last = scope
    return max(height.values(), default=0) <= PAGE and max(Counter(rank.values()).values(), default=0) <= WIDEST


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
