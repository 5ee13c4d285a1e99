"""Cut a captured program up: the forward pass, and backward passes, of which one is run when someone asks for it.

What a backward half needs of the forward one is given back by that, as further results; views are made again. Look
next at pair.py.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

from ...capture.program import EFFECTS, Array, Instruction, Program, Value
from ..compiled import planned
from ..passes import simplify
from ..rewrites import pool_before_rectifying
from .trial import Layouts, Trial, Unpaired


class Halves:
    """A program cut up and planned. forward: a replay; backward: by the layouts of the cotangents that each takes."""

    def __init__(self, program: Program, trial: Trial, backend: str) -> None:
        simplify(program)
        pool_before_rectifying(program)
        steps = program.instructions
        starts = [start for _, start, _ in trial.backwards]
        cuts = [*(next((i for i, s in enumerate(steps) if s.number >= n), len(steps)) for n in starts), len(steps)]
        first, second = steps[: cuts[0]], steps[cuts[0] :]
        effects = [s for s in first if s.name in ("update", "effect")] + [s for s in second if s.name in EFFECTS]
        if effects or program.gradients or any(v.root.origin == "gradient" for s in steps for v in s.values()):
            raise Unpaired
        self.again = {v: s for s in first if s.is_view for v in s.outputs}
        self.again |= {v: s for s in second for v in s.outputs}  # one backward may use what another one computes
        given = len(program.inputs) - len(trial.cotangents)
        self.cotangents = dict(zip(program.inputs[given:], trial.cotangents, strict=True))
        self.count = end = len(program.results) - sum(len(found) for *_, found in trial.backwards)
        self.found = program.results[:end]
        self.backward: dict[Layouts, Half] = {}
        self.states: list[Any] = []  # what backward halves read of them
        for (layouts, _, targets), (i, j) in zip(trial.backwards, pairwise(cuts), strict=True):
            gradients = dict(zip(targets, program.results[end:], strict=False))
            self.backward[layouts] = Half(self, steps[i:j], gradients, backend)
            end += len(targets)
        forward = Program(first, program.inputs[:given], self.found, [])
        forward.gives = "K"
        self.forward = planned(forward, backend)


class Half:
    """A backward half, planned. gradients: its results, by target.

    sources names what it takes: ("found", n) the nth result of the forward half, ("state", tensor) its array at the
    time of the forward pass, ("input", n) an argument, ("cotangent", n) that of an output.
    """

    def __init__(self, halves: Halves, steps: list[Instruction], gradients: dict[int, Value], backend: str) -> None:
        self.halves, self.targets = halves, list(gradients)
        self.known: dict[Value, Value] = {}
        self.inputs: list[Value] = []
        self.sources: list[tuple[str, Any]] = []
        self.steps: list[Instruction] = []
        for step in steps:
            self.repeat(step)
        program = Program(self.steps, self.inputs, [self.carried(v) for v in gradients.values()], [])
        program.gives = "C"  # as the engine copies what is not its own
        self.replay = planned(program, backend)

    def run(self, **given: Any) -> dict[int, Array]:
        """Replay it on what it takes, by kind; give gradients by target."""
        gradients = self.replay.run([given[kind][source] for kind, source in self.sources])
        return dict(zip(self.targets, gradients, strict=True))

    def repeat(self, step: Instruction) -> None:
        """Write down an instruction once more, with values of this half."""
        made = copy.copy(step)
        made.inputs = [self.carried(x) if isinstance(x, Value) else x for x in step.inputs]
        made.outputs = [copy.copy(v) for v in step.outputs]
        made.static, made.backward = dict(step.static), True
        for value, old in zip(made.outputs, step.outputs, strict=True):
            value.base = None if old.base is None else self.carried(old.base)
            self.known[old] = value
        self.steps.append(made)

    def carried(self, value: Value) -> Value:
        """Give what stands in this half for a value."""
        value, found = value.holder, self.halves.found
        if value not in self.known and value in self.halves.again:
            self.repeat(self.halves.again[value])
        if value not in self.known:
            new = self.known[value] = copy.copy(value)
            new.base = None
            if value.origin == "result":
                if value not in found:
                    found.append(value)
                self.sources.append(("found", found.index(value)))
            elif value in self.halves.cotangents:
                self.sources.append(("cotangent", self.halves.cotangents[value]))
            elif value.origin != "constant":
                self.sources.append((value.origin, value.source))
                self.halves.states += [value.source] if value.origin == "state" else []
            if value.origin != "constant":
                new.origin, new.source = "input", len(self.inputs)
                self.inputs.append(new)
        return self.known[value]
