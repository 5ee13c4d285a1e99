"""A replayed forward pass that waits for its backward: the nodes that stand for it in the graph, and their gradients.

Every output has two nodes: one takes its cotangent, the other hands out gradients, all of which are computed at once,
when the cotangents of every output are known. Look next at pair.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import apart
from ..capture.forms import visit
from ..engine import differentiate
from ..errors import GradientError, InPlaceError
from ..graph import Array, Node, Var, reachable
from ..primitive import Primitive
from ..tensor import Tensor
from ..versions import Version
from .past import Past

if TYPE_CHECKING:
    from .pair import Pair

Layout = tuple[int, ...] | None  # strides of a cotangent, 0 where they do not matter; None: there is none


class Part(Primitive):
    """Stands in a graph for one output of a compiled model. It is made per model, and no operation's."""

    def __init__(self, name: str, rule: Callable[..., Any]) -> None:
        self.name = self.__name__ = name
        self.__doc__ = f"A compiled {name}."
        self.arguments, self.static, self.variadic = ("pending",), (), "xs"
        self.residuals, self.view, self.fit, self.unrecorded = False, False, None, None
        self.rules = {"xs": rule}


def takes(g: Any, out: Any, pending: Any, *xs: Any, which: int) -> Any:
    """Note the cotangent of an output."""
    call, i = pending
    call.take(i, g)
    return g


def gives(g: Any, out: Any, pending: Any, *xs: Any, which: int) -> Any:
    """Give the gradient of the target at a position."""
    call, i = pending
    return call.give(i, which, isinstance(g, Var))


class Pending:
    """One call of a compiled model. held: what its backward half takes; past: to run it once more as Python."""

    def __init__(self, pair: Pair, held: list[Array | None], tensors: list[Any], past: Past | None, call: Any) -> None:
        self.pair, self.held, self.tensors, self.past, self.call = pair, held, tensors, past, call
        self.memory = [(t, t.array) for t in pair.states]
        self.versions = {id(t): t.version for t in [*pair.states, *tensors] if isinstance(t, Var)}
        self.seeds: dict[int, Any] = {}
        self.found: dict[int, Any] | None = None
        self.index = 0

    def outputs(self, arrays: list[Array]) -> list[Var]:
        """Make the outputs: tensors whose history is this call."""
        pair, trial = self.pair, self.pair.trial
        cores = []
        for i, (out, reach) in enumerate(zip(arrays, trial.reach, strict=True)):
            leaves = [self.target(t) for t in reach]
            parents = [None, *(x.node or x for x in leaves)]
            args = [(self, i), *(x.array for x in leaves)]
            cores.append(Node(pair.pairs.gives, args, {}, out, None, parents, Version()))
        self.index = cores[-1].index if cores else 0
        made: list[Var] = []
        for i, (out, core) in enumerate(zip(arrays, cores, strict=True)):
            node = Node(pair.pairs.takes, [(self, i), out], {}, out, None, [None, core], Version())
            made.append(Tensor.wrap(out, True, node))
        return made

    def target(self, number: int) -> Any:
        """Give a tensor that outputs depend on."""
        known = self.pair.trial.targets[number]
        return self.tensors[known] if isinstance(known, int) else known

    # ------------------------------------------------------------ what rules ask

    def take(self, i: int, g: Any) -> None:
        """Note the cotangent of an output; the first one begins a new backward."""
        if self.found is not None:
            self.found, self.seeds = None, {}
        self.seeds[i] = g if isinstance(g, Var) else np.asarray(g)

    def give(self, i: int, which: int, recorded: bool) -> Any:
        """Give the gradient of one target: all of it with the first output that asks, nothing more with the others."""
        if self.found is None:
            self.check()
            self.found = self.again(True) if recorded else self.computed()
        number = self.pair.trial.reach[i][which]
        found = self.found.pop(number, None)
        if found is not None:
            return found
        target = self.target(number)
        nothing = np.broadcast_to(np.asarray(-0.0, target.dtype), target.shape)  # x + -0.0 is x, whatever x is
        return Tensor.wrap(nothing) if recorded else nothing

    def computed(self) -> dict[int, Any]:
        """Replay the backward half, or run the model once more where the cotangents lie in another way in memory."""
        pair, trial = self.pair, self.pair.trial
        layouts = tuple(layout_of(self.seeds[i]) if i in self.seeds else None for i in range(len(trial.reach)))
        if layouts != trial.layouts:
            pair.pairs.asks(pair, layouts)
            return self.again(False)
        found = pair.run_backward(self.held, [self.seeds[i] for i in sorted(self.seeds)])
        return dict(zip(trial.found, found, strict=True))

    def check(self) -> None:
        """Raise if a value that the backward half reads was changed in place after the call."""
        for (kind, source), array in zip(self.pair.sources, self.held, strict=True):
            if array is not None and kind != "saved":
                t = source if kind == "state" else self.tensors[source]
                if isinstance(t, Var) and (t.version if t.differentiable else self.versions[id(t)]).tick > self.index:
                    raise self.changed(t)

    def again(self, recorded: bool) -> dict[int, Any]:
        """Run the model once more as it ran in this call, and differentiate that."""
        pair = self.pair
        written = {id(t) for t in pair.written}
        for tensor in [*pair.states, *(t for t in self.tensors if isinstance(t, Var))]:
            if id(tensor) not in written and self.versions[id(tensor)].tick > self.index:
                raise self.changed(tensor)
        modes = [(m, m.training) for m, _ in pair.modes]
        replaced = [(t, t.array) for t, _ in self.memory]
        present = self.past.restore() if self.past is not None else None
        try:
            for tensor, array in self.memory:  # as it was, should its `.data` be another now
                tensor.array = array
            for module, mode in pair.modes:
                if module.training is not mode:
                    module.training = mode
            if not pair.guard.holds():
                changed = pair.guard.changed()
                raise GradientError(
                    f"backward: the compiled {pair.pairs.name} runs once more for this backward, and has changed.",
                    got=f"another {changed[0] if changed else 'setting'} than when it was called",
                    hint="call backward before the model is changed",
                )
            _, outputs, leaves = pair.pairs.plain(*self.call)
        finally:
            if present is not None:
                present.restore()
            for tensor, array in replaced:
                tensor.array = array
            for module, mode in modes:
                if module.training is not mode:
                    module.training = mode
        numbers = sorted(self.seeds)
        targets = [pair.target(i, leaves) for i in range(len(pair.trial.targets))]
        origins = [outputs[i].node for i in numbers]
        found = differentiate(origins, [self.seeds[i] for i in numbers], targets, recorded, recorded)
        if recorded:
            graft(list(found.values()), leaves, self.tensors)
        return {i: found[t] for i, t in enumerate(targets) if t in found}

    def changed(self, tensor: Var) -> InPlaceError:
        """Explain that the backward needs a value that is gone."""
        return InPlaceError(
            f"{self.pair.pairs.name}: a tensor that the compiled model used was changed in place after the forward "
            "pass, and the gradient needs the old value.",
            got=f"a tensor {tensor.shape} {tensor.dtype}",
            expected="values that stay as they were until backward",
            hint="clone() first, or step the optimizer after backward",
        )


def graft(result: Any, leaves: dict[int, Var], tensors: list[Any]) -> Any:
    """Put the callers' tensors in the places of the leaves that stood for them, in a graph and in what it computes."""
    swap = {id(leaf): (leaf, tensors[i]) for i, leaf in leaves.items()}

    def replace(x: Any, _: str) -> Any:
        if id(x) in swap:
            return swap[id(x)][1]
        if isinstance(x, Var) and x.node is not None and swap:
            for node in reachable([x.node]):
                for i, parent in enumerate(node.parents):
                    if id(parent) in swap:
                        original = swap[id(parent)][1]
                        node.parents[i] = original.node or original
                        if node.args[i] is parent.array:
                            node.args[i] = original.array
        return x

    return visit(result, "", replace)


class Listener:
    """Stands between the outputs of a model that was run plainly and their uses, to see how their cotangents lie."""

    def __init__(self, pair: Pair, count: int) -> None:
        self.pair = pair
        self.layouts: list[Layout] = [None] * count

    def take(self, i: int, g: Any) -> None:
        """Note how the cotangent of an output lies in memory: the next calls will expect the same."""
        self.layouts[i] = layout_of(g.array if isinstance(g, Var) else np.asarray(g))
        self.pair.pairs.asks(self.pair, tuple(self.layouts))

    def listening(self, result: Any) -> Any:
        """Put other tensors in the places of outputs: the same memory, and one node more."""
        made: dict[int, Var] = {}

        def replace(x: Any, _: str) -> Any:
            if not isinstance(x, Var) or x.node is None:
                return x
            if id(x) not in made:
                args, parents = [(self, len(made)), x.array], [None, x.node]
                node = Node(self.pair.pairs.takes, args, {}, x.array, None, parents, x.version)
                made[id(x)] = x.result_type.wrap(x.array, True, node)
                x.version.share(x, made[id(x)])
            return made[id(x)]

        return visit(result, "", replace)


# ---------------------------------------------------------------- how a cotangent lies in memory


def layout_of(array: Array) -> tuple[int, ...]:
    """Describe how an array lies in memory."""
    return tuple(stride if size > 1 else 0 for stride, size in zip(array.strides, array.shape, strict=True))


def laid_out(shape: tuple[int, ...], dtype: Any, layout: tuple[int, ...]) -> Array:
    """Make an array of random numbers that lies in memory in a certain way."""
    dtype = np.dtype(dtype)
    spans = [(size - 1) * stride for size, stride in zip(shape, layout, strict=True)]
    low, high = sum(min(s, 0) for s in spans), sum(max(s, 0) for s in spans)
    if 0 in shape or any(stride % dtype.itemsize for stride in layout):
        return np.ones(shape, dtype)
    memory = apart(np.random.default_rng, 0).standard_normal((high - low) // dtype.itemsize + 1).astype(dtype)
    return np.lib.stride_tricks.as_strided(memory[-low // dtype.itemsize :], shape, layout)
