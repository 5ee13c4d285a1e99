"""A replayed forward pass that waits for its backward: the nodes that stand for it in the graph, and their gradients.

Every output has two nodes: one takes its cotangent, the other hands out gradients, all of which are computed at once,
when the cotangents of every output are known. Look next at pairs.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...capture.forms import is_data, stand_in, tensors_in, visit
from ...core.engine import differentiate
from ...core.errors import GradientError, InPlaceError
from ...core.graph import Array, Node, Var, reachable
from ...core.primitive import Primitive
from ...core.stale import overwritten
from ...core.versions import Version
from ...tensors.tensor import Tensor
from .pair import Pair
from .past import Past
from .trial import Layout, layout_of


class Part:
    """Two primitives that stand in graphs for the outputs of a model: its own, and no operation's."""

    def __init__(self, name: str) -> None:
        def takes(g: Any, out: Any, call: tuple[Pending | Listener, int], *xs: Any, which: int) -> Any:
            call[0].take(call[1], g)
            return g

        def gives(g: Any, out: Any, call: tuple[Pending | Listener, int], *xs: Any, which: int) -> Any:
            return call[0].give(call[1], which, g)

        self.takes, self.gives = [Primitive(lambda call, *xs: None, registered=False) for _ in range(2)]
        self.takes.name = self.gives.name = name
        self.takes.vjp("xs")(takes)
        self.gives.vjp("xs")(gives)

    def nodes(self, call: Pending | Listener, outs: list[Array], reach: list[list[Any]]) -> list[Node]:
        """Make the nodes of outputs. reach: of each output, the tensors that its cotangent is passed on to."""
        cores = []
        for i, xs in enumerate(reach):
            args, parents = [(call, i), *[x.array for x in xs]], [None, *[x.node or x for x in xs]]
            cores.append(Node(self.gives, args, {}, outs[i], None, parents, Version()))
        return [
            Node(self.takes, [(call, i), out], {}, out, None, [None, core], Version())
            for i, (out, core) in enumerate(zip(outs, cores, strict=True))
        ]


class Pending:
    """One call of a compiled model. found: what its forward half gave; past: to run it once more as Python."""

    def __init__(
        self, pair: Pair, found: list[Array], arrays: list[Array], tensors: list[Any], past: Past | None, call: Any
    ) -> None:
        self.pair, self.found, self.arrays, self.tensors = pair, found, arrays, tensors
        self.past, self.call, self.memory = past, call, [t.array for t in pair.states]
        self.versions = {
            "state": [t.version for t in pair.states],
            "input": [t.version if isinstance(t, Var) else Version() for t in tensors],
        }
        self.index, self.seeds = 0, dict[int, Any]()
        self.gradients: dict[int, Any] | None = None

    def outputs(self, part: Part, arrays: list[Array]) -> list[Var]:
        """Make the outputs: tensors whose history is this call."""
        reach = [[self.tensors[x] if type(x) is int else x for x in xs] for xs in self.pair.reach]
        nodes = part.nodes(self, arrays, reach)
        self.index = nodes[-1].index if nodes else 0
        return [Tensor.wrap(node.out, True, node) for node in nodes]

    def take(self, i: int, g: Var | Array) -> None:
        """Note the cotangent of an output; the first one begins a new backward."""
        if self.gradients is not None:
            self.gradients, self.seeds = None, {}
        self.seeds[i] = g if isinstance(g, Var) else np.asarray(g)

    def give(self, i: int, which: int, g: Any) -> Any:
        """Give the gradient of one target: all of it with the first output that asks, nothing more with the others."""
        if self.gradients is None:
            self.gradients = self.again(True) if isinstance(g, Var) else self.computed()
        number = self.pair.trial.reach[i][which]
        if number in self.gradients:
            return self.gradients.pop(number)
        target = self.pair.trial.target(number, self.tensors)
        nothing = np.broadcast_to(np.asarray(-0.0, target.dtype), target.shape)  # x + -0.0 is x, whatever x is
        return Tensor.wrap(nothing) if isinstance(g, Var) else nothing

    def computed(self) -> dict[int, Any]:
        """Replay a backward half, or run the model once more where there is none for such cotangents."""
        pair = self.pair
        layouts = tuple([layout_of(self.seeds[i]) if i in self.seeds else None for i in range(len(pair.trial.reach))])
        pair.asks(layouts)
        half = pair.halves.backward.get(layouts)
        if half is None:
            return self.again(False)
        things: dict[str, Any] = {"found": self.found, "state": pair.states, "input": self.tensors}
        for kind, source in half.sources:
            if kind == "cotangent" or (kind == "found" and source >= pair.halves.count):
                continue
            version, t = self.versions[kind][source], things[kind][source]
            if (t.version if isinstance(t, Var) and t.differentiable else version).tick > self.index:
                raise self.changed(t)
        with pair.model.lock:
            return half.run(found=self.found, input=self.arrays, state=self.memory, cotangent=self.seeds)

    def again(self, recorded: bool) -> dict[int, Any]:
        """Run the model once more as it ran in this call, and differentiate that."""
        pair = self.pair
        for kind, tensors in ("state", pair.states), ("input", self.tensors):
            for t, version in zip(tensors, self.versions[kind], strict=True):
                if version.tick > self.index and not any(t is x for x in pair.written):
                    raise self.changed(t)
        then = [(t, "array", a) for t, a in zip(pair.states, self.memory, strict=True)]
        then += [(m, "training", mode) for m, mode in pair.modes]
        now = [(x, name, getattr(x, name)) for x, name, _ in then]
        present = self.past.restore() if self.past is not None else None
        try:
            assign(then)
            if not pair.guard.holds():
                changed = pair.guard.changed()
                what = f"backward: the compiled {pair.model.name} runs once more for this backward, and has changed."
                got = f"another {changed[0] if changed else 'setting'} than when it was called"
                raise GradientError(what, got=got, hint="call backward before the model is changed")
            _, own, leaves = plain(pair.model.function, *self.call)
        finally:
            if present is not None:
                present.restore()
            assign(now)
        outputs = [x for x in own if x.node is not None]
        targets = [pair.trial.target(i, leaves) for i in range(len(pair.trial.targets))]
        found = differentiate([outputs[i] for i in self.seeds], [*self.seeds.values()], targets, recorded, recorded)
        if recorded:
            graft(list(found.values()), leaves, self.tensors)
        return {i: found[t] for i, t in enumerate(targets) if t in found}

    def changed(self, x: Var | Array) -> InPlaceError:
        """Explain that the backward needs a value that is gone."""
        what, hint = "a tensor that the compiled model used", "clone() first, or step the optimizer after backward"
        return overwritten(f"{self.pair.model.name}: {what}", f"a tensor {x.shape} {x.dtype}", hint)


def assign(attributes: list[tuple[Any, str, Any]]) -> None:
    """Give objects what is not in their attributes already."""
    for x, name, value in attributes:
        if getattr(x, name) is not value:
            setattr(x, name, value)


def plain(model: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, list[Var], dict[int, Var]]:
    """Run the model on leaves in the places of tensors; give its result, the tensors in that, and the leaves."""
    leaves: dict[int, Var] = {}
    positions = itertools.count()

    def replace(x: Any, _: str) -> Any:
        position = next(positions) if isinstance(x, Var) or is_data(x) else 0
        if isinstance(x, Var) and x.differentiable:
            x = leaves[position] = stand_in(x)
            x.node = None
        return x

    new_kwargs, new_args = visit((kwargs, args), "", replace)
    result = model(*new_args, **new_kwargs)
    return result, tensors_in(result), leaves


def graft(result: Any, leaves: dict[int, Var], tensors: list[Any]) -> Any:
    """Put the callers' tensors in the places of the leaves that stood for them, in a graph and in what it computes."""
    swap = {id(leaf): tensors[i] for i, leaf in leaves.items()}

    def replace(x: Any, _: str) -> Any:
        if id(x) in swap:
            return swap[id(x)]
        if isinstance(x, Var) and x.node is not None and swap:
            for node in reachable([x.node]):
                for i, parent in enumerate(node.parents):
                    if (original := swap.get(id(parent))) is not None:
                        node.parents[i] = original.node or original
                        if isinstance(parent, Var) and node.args[i] is parent.array:
                            node.args[i] = original.array
        return x

    return visit(result, "", replace)


class Listener:
    """Stands between the outputs of a model that was run plainly and their uses, to see how their cotangents lie."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.layouts: dict[int, Layout] = {}

    def take(self, i: int, g: Var | Array) -> None:
        """Note how the cotangent of an output lies in memory."""
        self.layouts[i] = layout_of(g.array if isinstance(g, Var) else np.asarray(g))

    def give(self, i: int, which: int, g: Var | Array) -> Var | Array:
        """Pass a cotangent on; the first to come here tells that all of this backward are known."""
        if self.layouts:
            self.pair.asks(tuple([self.layouts.get(n) for n in range(len(self.pair.trial.reach))]))
            self.layouts = {}
        return g

    def listening(self, part: Part, result: Any, outputs: list[Var]) -> Any:
        """Put other tensors in the places of outputs: the same memory, and two nodes more."""
        nodes = part.nodes(self, [x.array for x in outputs], [[x] for x in outputs])
        made: dict[Var, Var] = {}
        for x, node in zip(outputs, nodes, strict=True):
            node.version = x.version
            made[x] = x.result_type.wrap(x.array, True, node)
            x.version.share(x, made[x])
        return visit(result, "", lambda x, _: made.get(x, x) if isinstance(x, Var) else x)
