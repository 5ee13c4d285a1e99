"""The paths of the chain rule between a loss and one entry of a tensor, element by element: how many, and the largest.

From the entry up, each call adds the elements that feel it and move the loss, with the local derivatives between; along
them are summed how many paths there are, what they add up to, and the largest product down to the entry. With
that, the k largest paths are found from the loss down, best first, without looking at others. Of more elements than the
width, those are kept through which most of the gradient flows. Look next at explain.py.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...core.engine import Origin
from ...core.graph import Array, Node, Var
from .factors import Call, TooMany, Wide

MOST = 8_000_000  # local derivatives of one call: half a gigabyte


class Step(NamedTuple):
    """One factor: the derivative of an element of a call's result by an element of an argument."""

    node: Node
    position: int  # of the argument
    place: int  # in the result, flat
    source: int  # in the argument, flat
    factor: float


class Edges(NamedTuple):
    """The factors of the elements of one result, in order of these: `start[i]` to `start[i + 1]` belong to the i-th."""

    start: Array
    position: Array
    source: Array  # index among the elements reached of the argument
    factor: Array


class Layer:
    """What is known of the elements of one result that feel the entry (its only element, for the entry itself)."""

    def __init__(self, places: Array, edges: Edges | None = None) -> None:
        self.places, self.edges = places, edges
        self.reached = len(places)  # elements that feel the entry; of these `places` move the loss
        self.skipped = 0  # elements between them that are not followed
        one = np.ones(len(places))
        self.count, self.total, self.magnitude, self.best = one, one, one, one  # of the paths from the entry to each


class Cone:
    """All that lies between the loss and the entry."""

    def __init__(self, nodes: list[Node], origin: Origin, entry: int, width: int) -> None:
        """List the layers. nodes: those behind the loss, last call first."""
        self.origin, self.entry, self.width = origin, entry, width
        self.wide = Wide()
        between: set[Origin] = {origin}
        for node in reversed(nodes):
            if node is not origin and any(isinstance(p, Node | Var) and p in between for p in node.parents):
                between.add(node)
        calls = [n for n in reversed(nodes) if n in between and n is not origin]
        parts = {id(n.parents[0]) for n in calls if Call.of_several(n)}
        self.calls = {n: Call(n, self.wide) for n in calls if id(n) not in parts}
        self.loss = nodes[0]
        start = np.zeros(self.array.shape)
        start.reshape(-1)[entry] = 1.0
        rng = np.random.default_rng(0)

        def mixed(x: Array) -> Array:
            """Have nothing cancel: what is not 0 stays so, with numbers of no meaning."""
            return np.where(x != 0, rng.uniform(1, 2, x.shape), 0.0)

        self.tangents, felt = self._pushed(start, lambda t: t), self._pushed(start, mixed)
        self.cotangents, leads = self._pulled(lambda g: g), self._pulled(mixed)
        self.layers: dict[Origin, Layer] = {origin: Layer(np.array([entry]))}
        for node, call in self.calls.items():
            reached = felt[node].reshape(-1) != 0
            on_paths = reached & (leads[node].reshape(-1) != 0) if node in leads else reached[:0]
            self.layers[node] = self._layer(call, np.flatnonzero(on_paths))
            self.layers[node].reached = int(np.count_nonzero(reached))

    @property
    def array(self) -> Array:
        """The values of the tensor that the entry is of."""
        return self.origin.out if isinstance(self.origin, Node) else self.origin.array

    @property
    def value(self) -> float:
        """The value of the entry."""
        return float(self.array.reshape(-1)[self.entry])

    def inputs(self, call: Call) -> list[tuple[int, Any]]:
        """List the arguments of a call that depend on the entry: position and origin."""
        found = enumerate(call.parents)
        return [(i, p) for i, p in found if isinstance(p, Node | Var) and (p is self.origin or p in self.calls)]

    def _pushed(self, start: Array, change: Callable[[Array], Array]) -> dict[Origin, Array]:
        """Push a tangent of the entry through all calls, changed after each."""
        found: dict[Origin, Array] = {self.origin: start}
        for node, call in self.calls.items():
            found[node] = change(call.push({i: found[p] for i, p in self.inputs(call)}))
        return found

    def _pulled(self, change: Callable[[Array], Array]) -> dict[Origin, Array]:
        """Pull 1 back from the loss through all calls, changed before each."""
        found: dict[Origin, Array] = {self.loss: np.ones(self.loss.out.shape)}
        for node, call in reversed(self.calls.items()):
            if node in found:
                g = found[node] = change(found[node])
                for i, p in self.inputs(call):
                    pulled = call.pull(i, g)
                    found[p] = found[p] + pulled if p in found else pulled
        return found

    def _layer(self, call: Call, places: Array) -> Layer:
        """Find through which elements of the arguments these of a result feel the entry."""
        kept = self._most(call.node, places, self.width)
        while True:
            found = [[np.empty(0, int)] * 3 + [np.empty(0)]]
            try:
                for i, p in self.inputs(call):
                    known = self.layers[p].places
                    rows, columns, factors = call.entries(i, known, kept, MOST if len(kept) > 1 else known.size)
                    found.append([rows, np.full(rows.size, i), np.searchsorted(known, columns), factors])
                break
            except TooMany:
                kept = self._most(call.node, kept, -(-len(kept) // 4))
        rows, positions, sources, factors = (np.concatenate(x) for x in zip(*found, strict=True))
        layer = Layer(np.unique(rows))
        layer.skipped = len(places) - len(kept)
        if not rows.size:
            return layer
        order = np.argsort(rows, kind="stable")
        rows, positions, sources, factors = rows[order], positions[order], sources[order], factors[order]
        start = np.searchsorted(rows, [*layer.places, rows[-1] + 1])
        layer.edges = Edges(start, positions, sources, factors)

        def values(name: str) -> Array:
            result = np.zeros(len(sources))
            for i, p in self.inputs(call):
                result[positions == i] = getattr(self.layers[p], name)[sources[positions == i]]
            return result

        size = np.abs(factors)
        layer.count = np.add.reduceat(values("count"), start[:-1])
        layer.total = np.add.reduceat(values("total") * factors, start[:-1])
        layer.magnitude = np.add.reduceat(values("magnitude") * size, start[:-1])
        layer.best = np.maximum.reduceat(values("best") * size, start[:-1])
        return layer

    def _most(self, node: Node, places: Array, count: int) -> Array:
        """Keep the elements of a result through which most of the gradient flows."""
        if len(places) <= count:
            return places
        flow = np.abs((self.cotangents[node] * self.tangents[node]).reshape(-1)[places])
        return np.sort(places[np.argpartition(-flow, count)[:count]])

    @property
    def complete(self) -> bool:
        """Tell whether every path was followed."""
        return not any(layer.skipped for layer in self.layers.values())

    def largest(self, k: int) -> list[list[Step]]:
        """Find the k paths with the largest products, from the loss to the entry, largest first."""
        if self.loss not in self.layers or not self.layers[self.loss].places.size:
            return []
        number = itertools.count()  # so that equal ones are told apart without a look at the rest
        # what a path can still come to · number · its product so far · where it stands · its steps
        heap: list[tuple[float, int, float, Any, int, Any]] = [(0.0, next(number), 1.0, self.loss, 0, None)]
        found: list[list[Step]] = []
        while heap and len(found) < k:
            _, _, product, here, i, steps = heapq.heappop(heap)
            if here is self.origin:
                path = []
                while steps is not None:
                    step, steps = steps
                    path.append(step)
                found.append(path[::-1])
                continue
            layer, call = self.layers[here], self.calls[here]
            edges: Any = layer.edges
            for e in range(edges.start[i], edges.start[i + 1]):
                position, source, factor = int(edges.position[e]), int(edges.source[e]), float(edges.factor[e])
                parent: Any = call.parents[position]
                below = self.layers[parent]
                reach = abs(product * factor) * float(below.best[source])
                step = Step(here, position, int(layer.places[i]), int(below.places[source]), factor)
                heapq.heappush(heap, (-reach, next(number), product * factor, parent, source, (step, steps)))
        return found

    def shares(self, samples: int) -> tuple[Array, float]:
        """Split the gradient of the entry by the sample through which each path last goes; and what goes through none.

        A tensor is one of samples if its first axis has as many; from the loss down, the first such ones are cut.
        """
        shares, rest = np.zeros(samples), 0.0
        g: dict[Origin, Array] = {self.loss: np.ones(self.loss.out.shape)}
        for node, call in reversed(self.calls.items()):
            if node not in g:
                continue
            for i, p in self.inputs(call):
                pulled = call.pull(i, g[node])
                if p is self.origin:
                    rest += float(pulled.reshape(-1)[self.entry])
                elif p.out.shape[:1] == (samples,):
                    shares += (pulled * self.tangents[p]).reshape(samples, -1).sum(1)
                else:
                    g[p] = g[p] + pulled if p in g else pulled
        return shares, rest


def place(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give the index of a flat place."""
    return tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()


def index(flat: int, shape: tuple[int, ...]) -> str:
    """Write the index of a flat place as Python does; of a tensor without axes, nothing."""
    return f"[{', '.join(map(str, place(flat, shape)))}]" if shape else ""
