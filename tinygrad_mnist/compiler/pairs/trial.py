"""Run a model and its backward under a Recorder, and note what a pair must know of them.

Look next at halves.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...capture.forms import tensors_in, visit
from ...core.backend import isolated
from ...core.engine import differentiate
from ...core.errors import InPlaceError
from ...core.graph import Array, Var, reachable
from ...core.scope import state
from ...tensors.tensor import Tensor
from .past import Past

Layout = tuple[int, ...] | None  # strides of a cotangent, 0 where they do not matter; None: there is none
Layouts = tuple[Layout, ...]  # of the cotangents of all outputs


class Unpaired(Exception):
    """The forward pass does something that no pair can repeat: it goes on as plain Python."""


@dataclass
class Trial:
    """What a forward pass gave, and the backwards after it. Outputs are the tensors in its result with a history.

    computed: of each tensor in the result, whether it is an output; shapes: of outputs, with their dtypes. targets:
    what outputs depend on, positions of arguments and leaves from outside; reach: of each output, its targets by
    number. backwards: of each, the layouts of its cotangents, the number of its first instruction, and the targets that
    it has a gradient of. cotangents: of each input behind the arguments, the number of the output.
    """

    computed: list[bool] = field(default_factory=list)
    shapes: list[tuple[tuple[int, ...], np.dtype[Any]]] = field(default_factory=list)
    targets: list[Any] = field(default_factory=list)
    reach: list[list[int]] = field(default_factory=list)
    backwards: list[tuple[Layouts, int, list[int]]] = field(default_factory=list)
    cotangents: list[int] = field(default_factory=list)

    def target(self, number: int, tensors: Any) -> Any:
        """Give a target, where the arguments are these."""
        known = self.targets[number]
        return tensors[known] if isinstance(known, int) else known


def tried(
    trial: Trial, run: Callable[[], Any], inputs: dict[str, Var], tensors: list[Any], past: Past, asked: list[Layouts]
) -> tuple[Any, list[Var]]:
    """Run a model, then a backward for each of the layouts asked for, with seeds that join the inputs and tensors.

    Returns:
        the result without history, and the gradients one after the other
    """
    recorder: Any = state.recorder
    recorder.changing = past.note
    outputs: dict[Var, Var] = {}

    def without_history(x: Any, _: str) -> Any:
        return outputs.setdefault(x, Tensor.wrap(x.array)) if isinstance(x, Var) and x.node is not None else x

    result = visit(run(), "", without_history)
    try:
        found = tensors_in(result)
    except TypeError:  # `captured` says so
        return result, []
    cut = set(map(id, outputs.values()))
    trial.computed = [id(x) in cut for x in found]
    trial.shapes = [(x.shape, x.dtype) for x in outputs]
    leaves = leaves_of(outputs, inputs, recorder, trial)
    gradients: list[Var] = []
    usual = tuple(layout_of(np.empty(shape, dtype)) for shape, dtype in trial.shapes)
    for layouts in [x for x in asked if len(x) == len(usual)] or [usual] if outputs else []:
        chosen = cotangents(trial.shapes, layouts)
        seeds = [Tensor.wrap(g) for g in chosen.values()]
        for i, seed in zip(chosen, seeds, strict=True):
            recorder.inputs.append(recorder.new(seed.array, "input", len(recorder.inputs), name=f"g{i}"))
            inputs[f"the cotangent of output {i} in backward {len(trial.backwards)}"] = seed
            trial.cotangents.append(i)
        tensors += seeds
        start = len(recorder.instructions)
        try:
            pulled = differentiate([x for i, x in enumerate(outputs) if i in chosen], seeds, leaves, True, False)
        except InPlaceError:  # only if backward is called at all
            raise Unpaired from None
        trial.backwards.append((layouts, start, [i for i, leaf in enumerate(leaves) if leaf in pulled]))
        gradients += [Tensor.wrap(pulled[leaf].array) for leaf in leaves if leaf in pulled]
    return result, gradients


def leaves_of(outputs: Iterable[Var], inputs: dict[str, Var], recorder: Any, trial: Trial) -> list[Var]:
    """List the leaves that outputs depend on."""
    position = {id(x): i for i, x in enumerate(inputs.values())}
    leaves: dict[Var, int] = {}
    for output in outputs:
        reached: dict[int, None] = {}
        for node in reachable([output.node] if output.node is not None else []):
            if node.index < recorder.start:  # the model holds a tensor that has a past
                raise Unpaired
            for parent in node.parents:
                if isinstance(parent, Var):
                    if parent not in leaves:
                        known = recorder.values.get(id(parent.array))
                        if known is None or known.origin not in ("state", "input"):
                            raise Unpaired
                        leaves[parent] = len(leaves)
                        trial.targets.append(position.get(id(parent), parent))
                    reached[leaves[parent]] = None
        trial.reach.append(list(reached))
    return list(leaves)


def layout_of(array: Array) -> tuple[int, ...]:
    """Describe how an array lies in memory."""
    return tuple([stride if size > 1 else 0 for stride, size in zip(array.strides, array.shape, strict=True)])


def cotangents(shapes: list[tuple[tuple[int, ...], np.dtype[Any]]], layouts: Layouts) -> dict[int, Array]:
    """Make cotangents of random numbers that lie in memory in a certain way, by the numbers of outputs."""
    return {i: laid_out(*shapes[i], layout) for i, layout in enumerate(layouts) if layout is not None}


def laid_out(shape: tuple[int, ...], dtype: np.dtype[Any], layout: tuple[int, ...]) -> Array:
    """Make an array of random numbers that lies in memory in a certain way."""
    spans = [(size - 1) * stride for size, stride in zip(shape, layout, strict=True)]
    low, high = sum(min(s, 0) for s in spans), sum(max(s, 0) for s in spans)
    if 0 in shape or any(stride % dtype.itemsize for stride in layout):
        return np.ones(shape, dtype)
    memory = isolated(np.random.default_rng, 0).standard_normal((high - low) // dtype.itemsize + 1).astype(dtype)
    return np.lib.stride_tricks.as_strided(memory[-low // dtype.itemsize :], shape, layout)
