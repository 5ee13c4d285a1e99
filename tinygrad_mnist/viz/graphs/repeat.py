"""Which operations are the same again: twelve blocks of one kind, or a loop of 120 steps, of which one is drawn.

Looks for a stretch of calls that follows itself: the same operations, shapes and kinds of modules, put together in the
same way. Begins and ends with whole module calls. Knows Nodes and scopes, no values and no DOT. Look next at trace.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...core.graph import Array, Node
from ...core.scope import Scope

LEAST, LEAST_LOOSE = 8, 24  # operations that must go, or all are clearer: of module calls, of operations beside them
LONGEST = 2000  # operations in one round


class Repeat:
    """Rounds of the same operations, of which the first is drawn; `around` is the module call that they all lie in."""

    def __init__(self, rounds: list[list[Node]], around: Scope | None) -> None:
        self.rounds, self.around, self.count = rounds, around, len(rounds)

    def calls(self) -> list[Scope]:
        """List the module calls that the rounds are, if each is all of one."""
        inside = [{below(node.scope, self.around) for node in nodes} for nodes in self.rounds]
        return [next(iter(calls)) for calls in inside if len(calls) == 1 and None not in calls]  # type: ignore[misc]


class Repeats:
    """The operations of a graph that are drawn, and for whom each stands."""

    def __init__(self, nodes: Sequence[Node], wanted: bool = True, apart: Node | None = None) -> None:
        self.nodes, self.found = list(nodes), list[Repeat]()
        self.first: dict[Node, Node] = {}  # of a later round: the operation of the first one
        self.times: dict[Node, int] = dict.fromkeys(nodes, 1)
        forms: dict[Hashable, int] = {}
        calls: dict[Scope | None, int] = {None: -1}  # numbers of the kinds of modules around
        self.form: dict[Node, int] = {}
        for node in nodes if wanted else ():
            todo, scope = [], node.scope
            while scope not in calls:
                todo.append(scope)
                scope = scope.parent  # type: ignore[union-attr]
            for inner in reversed(todo):
                kind = type(inner.module), calls[inner.parent]  # type: ignore[union-attr]
                calls[inner] = forms.setdefault(kind, len(forms))
            form = (calls[node.scope], *form_of(node)) if node is not apart else None
            self.form[node] = forms.setdefault(form, len(forms))
        while wanted and (repeat := self.next()) is not None:
            self.found.append(repeat)
            for again in repeat.rounds[1:]:
                self.first.update(zip(again, repeat.rounds[0], strict=True))
            for node in repeat.rounds[0]:
                self.times[node] *= repeat.count
            self.nodes = [node for node in self.nodes if node not in self.first]

    def drawn(self, node: Node) -> Node:
        """Find the operation that stands for another."""
        while node in self.first:
            node = self.first[node]
        return node

    def next(self) -> Repeat | None:
        """Find the rounds that most operations can go for."""
        forms = np.array([self.form[node] for node in self.nodes])
        joint = np.array([0, *(joint_depth(a.scope, b.scope) for a, b in pairwise(self.nodes)), 0])
        runs = sorted(stretches(forms), key=lambda run: (-(run[2] // run[1] - 1) * run[1], run[1]))
        return next(filter(None, (self.rounds(joint, *run) for run in runs)), None)

    def rounds(self, joint: Array, start: int, period: int, length: int) -> Repeat | None:
        """Cut a stretch into rounds that begin and end with whole module calls, and are put together alike."""
        for count in (length // period, length // period - 1):
            for first in range(start, start + min(length - count * period, period) + 1):
                if count < 2 or (count - 1) * period < LEAST:
                    return None
                last = first + count * period
                depth = min(joint[first + 1 : last], default=0)  # of the module call around all
                if max(joint[first : last + 1 : period]) <= depth:
                    rounds = [self.nodes[i : i + period] for i in range(first, last, period)]
                    found = Repeat(rounds, at_depth(rounds[0][0].scope, depth))
                    bare = any(below(node.scope, found.around) is None for node in rounds[0])
                    loose = bare and last - first - period < LEAST_LOOSE
                    return found if alike(rounds) and not loose else None
        return None


def form_of(node: Node) -> tuple[Hashable, ...]:
    """Tell what makes two calls the same, beside the modules around: operation, shapes, settings (of views: none)."""
    static = () if node.primitive.view else tuple((k, plain(v)) for k, v in node.static.items())
    return node.name, node.out.shape, str(node.out.dtype), static, tuple(map(argument, node.args, node.parents))


def argument(x: Any, parent: Any) -> Hashable:
    """Tell shape and dtype of an argument, and the value of a number that is no tensor's."""
    shape = getattr(x, "shape", None)
    return plain(x) if shape is None or (parent is None and shape == () and np.isscalar(x)) else (shape, str(x.dtype))


def plain(x: Any) -> Hashable:
    """Make a setting comparable."""
    return (x.shape, str(x.dtype)) if isinstance(x, np.ndarray) else repr(x)


def stretches(forms: Array) -> Iterator[tuple[int, int, int]]:
    """Yield where forms follow themselves: start, period and length of every stretch of at least two rounds."""
    for period in range(1, min(len(forms) // 2, LONGEST) + 1):
        same = np.concatenate([[False], forms[period:] == forms[:-period], [False]])
        if np.count_nonzero(same) < period:
            continue
        starts, ends = np.flatnonzero(same[1:] & ~same[:-1]), np.flatnonzero(same[:-1] & ~same[1:])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end - start >= period:
                yield start, period, end - start + period


def joint_depth(a: Scope | None, b: Scope | None) -> int:
    """Count the module calls around two."""
    while a is not b:
        if b is None or (a is not None and a.depth >= b.depth):
            a = a.parent  # type: ignore[union-attr]
        else:
            b = b.parent
    return 0 if a is None else a.depth


def at_depth(scope: Scope | None, depth: int) -> Scope | None:
    """Find the module call of a depth around a scope."""
    while scope is not None and scope.depth > depth:
        scope = scope.parent
    return scope


def below(scope: Scope | None, around: Scope | None) -> Scope | None:
    """Find the module call directly inside another that a scope lies in."""
    while scope is not None and scope.parent is not around:
        scope = scope.parent
    return scope


def alike(rounds: list[list[Node]]) -> bool:
    """Tell whether in every round the same operations give to each other."""
    patterns = []
    for nodes in rounds:
        place = {node: i for i, node in enumerate(nodes)}
        patterns.append([[place.get(p, -1) if type(p) is Node else -1 for p in node.parents] for node in nodes])
    return all(pattern == patterns[0] for pattern in patterns)
