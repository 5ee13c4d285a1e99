"""`Statistics`: what goes on inside a model while it is trained: activations, gradients and changes of every layer.

A callback of `fit`, and a context around a step of one's own loop. Now and then a step is looked at, and some numbers
of each layer are kept; the other steps pay nothing. The model is watched from outside (watch.py). Knows no
picture: viz.plot_histograms draws what is kept. Read after callbacks.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Array, Var
from ..core.scope import Scope
from ..nn import Module
from ..optim.schedule import check_whole
from .callbacks import Callback, Training
from .watch import watches

KINDS = ("activations", "gradients", "updates")
SPREAD = (math.sqrt(5) - 1) / 2  # multiples of the golden ratio fall evenly, and in step with no axis
Samples = dict[str, list[Array]]


class Statistics(Callback):
    """Numbers of every layer over the time of a training, for histograms.

    steps are the numbers, from 1, of the steps that were looked at. For each of them activations, gradients and updates
    have an array per layer ("0 Linear"): of the outputs of layers that have no layers inside; of the gradients of its
    weights, as the optimizer found them; and of the changes of the weights, as multiples of their root mean square.
    ratios has norm(change) / norm(weights), exactly. Weights are a layer's parameters of two or more dimensions, or all
    that it has if there are none.

    A step that is looked at runs as plain Python where it is compiled, too (with the backend "numba" it may round in
    another way than without). When `keep` steps are there, every second one is dropped, and twice as many are passed
    over from then on: what is kept stays small, however long the training.

    Args:
        every: steps from one that is looked at to the next
        samples: numbers kept for each layer, of each kind, from evenly spread places
        keep: most steps that are kept
    Raises:
        ArgumentError: for counts below 1, or keep below 2
    Example:
        >>> model, data = nn.Sequential(nn.Linear(2, 3), nn.Tanh()), (tg.rand(40, 2), tg.randint(0, 3, (40,)))
        >>> statistics = tg.training.Statistics(every=2)
        >>> history = tg.training.fit(model, data, epochs=2, batch_size=10, callbacks=[statistics], progress=False)
        >>> statistics.steps, list(statistics.activations), list(statistics.ratios)
        ([1, 3, 5, 7], ['0 Linear', '1 Tanh'], ['0 Linear'])
        >>> figure = tg.viz.plot_histograms(statistics, "gradients", "gradients.png")

        In a loop of one's own:

        >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
        >>> with statistics.step(model):
        ...     optimizer.zero_grad()
        ...     nn.functional.cross_entropy(model(data[0]), data[1]).backward()
        ...     optimizer.step()
    """

    def __init__(self, every: int = 10, samples: int = 512, keep: int = 200) -> None:
        check_whole("Statistics", every=every, samples=samples, keep=keep)
        if keep < 2:
            raise ArgumentError("Statistics: fewer than two steps are no course of time.", got=f"keep = {keep}")
        self.every, self.samples, self.keep = every, samples, keep
        self.look: Look | None = None
        self.reset()

    def reset(self) -> None:
        """Forget an earlier training."""
        self.stop()
        self.steps: list[int] = []
        self.activations: Samples = {}
        self.gradients: Samples = {}
        self.updates: Samples = {}
        self.ratios: dict[str, list[float]] = {}
        self.count, self.period = 0, self.every

    # ------------------------------------------------------------ steps

    @contextmanager
    def step(self, model: Module) -> Iterator[None]:
        """Count a step of training, and look at it if it is the time; with an exception nothing is kept.

        Raises:
            DTypeError: for what is no Module
        """
        if not isinstance(model, Module):
            raise DTypeError("Statistics.step: expected the model that is trained.", got=type(model).__name__)
        self.begin(model)
        try:
            yield
            self.finish()
        finally:
            self.stop()

    def begin(self, model: Module) -> None:
        """Begin a step."""
        self.stop()
        self.count += 1
        if (self.count - 1) % self.period == 0:
            self.look = Look(model, self.samples)

    def finish(self) -> None:
        """Keep what was seen of a step."""
        if self.look is None:
            return
        found = self.look.finish()
        self.steps.append(self.count)
        for kind in KINDS:
            self.append(getattr(self, kind), found[kind], np.zeros(0, np.float32))
        self.append(self.ratios, found["ratios"], math.nan)
        if len(self.steps) >= self.keep:
            self.period *= 2
            del self.steps[1::2]
            for table in (*(getattr(self, kind) for kind in KINDS), self.ratios):
                for values in table.values():
                    del values[1::2]

    def stop(self) -> None:
        """Look no longer."""
        if self.look is not None:
            self.look.stop()
            self.look = None

    def append(self, table: dict[str, list[Any]], found: dict[str, Any], missing: Any) -> None:
        """Add a step to the rows of all layers, seen or not."""
        for layer in found:
            table.setdefault(layer, [missing] * (len(self.steps) - 1))
        for layer, values in table.items():
            values.append(found.get(layer, missing))

    def on_batch_start(self, run: Training) -> None:
        """Begin a step."""
        self.begin(run.model)

    def on_batch_end(self, run: Training) -> None:
        """Keep what was seen of it."""
        self.finish()
        self.stop()

    def on_end(self, run: Training) -> None:
        """Leave a step that failed."""
        self.stop()

    # ------------------------------------------------------------ checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Give all that was seen."""
        tables = {kind: {k: packed(v) for k, v in getattr(self, kind).items()} for kind in KINDS}
        return {"steps": self.steps, "ratios": self.ratios, "count": self.count, "period": self.period, **tables}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue."""
        for kind in KINDS:
            setattr(self, kind, {k: np.split(v["values"], v["ends"]) for k, v in state_dict[kind].items()})
        self.steps, self.ratios = list(state_dict["steps"]), {k: list(v) for k, v in state_dict["ratios"].items()}
        self.count, self.period = int(state_dict["count"]), int(state_dict["period"])

    def __repr__(self) -> str:
        return f"Statistics({len(self.steps)} steps of {self.count}, {len(self.activations)} layers)"


class Look:
    """One step that is looked at: layers as they are called, weights before and after."""

    def __init__(self, model: Module, samples: int) -> None:
        self.samples = samples
        self.names: dict[int, str] = {}  # of modules whose outputs are wanted
        self.weights: dict[str, list[tuple[Var, Array]]] = {}  # with a copy of what they are
        self.outputs: dict[str, list[Array]] = {}
        for path, module in model.named_modules():
            own = [p for p in module.parameters(recurse=False) if p.requires_grad and p.dtype.kind == "f"]
            name = f"{path} {type(module).__name__}".strip()
            if own:
                wide = [p for p in own if p.ndim > 1]
                self.weights[name] = [(p, p.array.copy()) for p in wide or own]
            if own or not any(True for _ in module.children()):
                self.names[id(module)] = name
        watches.begin(self.seen)

    def seen(self, scope: Scope, args: Any, out: Any) -> None:
        """Keep some of what a layer gives."""
        name = self.names.get(id(scope.module))
        first = out[0] if isinstance(out, tuple | list) and out else out
        if name is not None and isinstance(first, Var) and first.dtype.kind == "f":
            given = args[0] if args else None
            if first is given or not isinstance(given, Var) or not np.may_share_memory(first.array, given.array):
                self.outputs.setdefault(name, []).append(some(first.array, self.samples))  # of no mere view

    def finish(self) -> dict[str, dict[str, Any]]:
        """Give numbers of every layer, and the ratio of its change."""
        seen = {name: some(np.concatenate(parts), self.samples) for name, parts in self.outputs.items()}
        gradients, updates, ratios = {}, {}, {}
        for name, weights in self.weights.items():
            held = [p.gradient.array for p, _ in weights if p.gradient is not None]
            if held:
                gradients[name] = some(joined(held), self.samples)
            changes = [p.array - before for p, before in weights]
            size = math.sqrt(sum(float(np.vdot(x, x)) for _, x in weights))
            ratios[name] = math.sqrt(sum(float(np.vdot(x, x)) for x in changes)) / size if size else math.nan
            taken = some(joined(changes), self.samples if size else 0)
            updates[name] = taken * np.float32(math.sqrt(sum(x.size for x in changes)) / (size or 1.0))
        return {"activations": seen, "gradients": gradients, "updates": updates, "ratios": ratios}

    def stop(self) -> None:
        """Watch no longer."""
        watches.end(self.seen)


def joined(arrays: list[Array]) -> Array:
    """Put the elements of arrays into one row."""
    return np.concatenate([a.ravel() for a in arrays]) if len(arrays) > 1 else arrays[0].ravel()


def some(array: Array, count: int) -> Array:
    """Copy some elements, from evenly spread places; all of them if there are no more than that."""
    if array.size <= count:  # the array itself may be changed later
        return array.astype(np.float32).ravel()
    places = (np.arange(1, count + 1) * SPREAD % 1 * array.size).astype(np.int64)
    return array[np.unravel_index(places, array.shape)].astype(np.float32)


def packed(arrays: list[Array]) -> dict[str, Any]:
    """Write the arrays of a layer as one, since files like few large ones."""
    sizes = [a.size for a in arrays]
    return {"values": np.concatenate(arrays), "ends": [int(n) for n in np.cumsum(sizes[:-1])]}
