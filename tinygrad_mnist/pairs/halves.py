"""Cut a captured program in two: the forward pass, and the backward pass that is run when someone asks for it.

What the backward half needs of the forward one is given back by that, as further results; views are made again. Look
next at pair.py.
"""

from __future__ import annotations

from typing import Any

from ..capture.program import EFFECTS, Instruction, Program, Value
from ..compile.passes import simplify
from ..compile.rewrites import pool_before_rectifying


class Unpaired(Exception):
    """The forward pass does something that no pair can repeat: it goes on as plain Python."""


class Halves:
    """A program cut in two.

    backward takes what `sources` names: ("saved", n) the nth further result of forward, ("state", tensor) its array at
    the time of the forward pass, ("input", n) of both halves together.
    """

    def __init__(self, program: Program, boundary: int, inputs: int, results: int) -> None:
        """boundary: number of the first instruction behind the forward pass, whose inputs and results are so many."""
        simplify(program)
        pool_before_rectifying(program)
        steps = program.instructions
        at = next((i for i, s in enumerate(steps) if s.number >= boundary), len(steps))
        first, second = steps[:at], steps[at:]
        entries = [v for s in steps for v in s.values() if v.root.origin == "gradient"]
        if entries or program.gradients or any(s.name in EFFECTS for s in second):
            raise Unpaired
        if any(s.name in ("update", "effect") for s in first):
            raise Unpaired
        self.views = {s.outputs[0]: s for s in first if s.is_view}
        self.known: dict[Value, Value] = {}
        self.saved: list[Value] = []
        self.inputs: list[Value] = []
        self.sources: list[tuple[str, Any]] = []
        self.steps: list[Instruction] = []
        for step in second:
            step.inputs = [self.carried(x) if isinstance(x, Value) else x for x in step.inputs]
            for value in step.outputs:
                value.base = None if value.base is None else self.carried(value.base)
                self.known[value] = value
            self.steps.append(step)
        gradients = [self.carried(v) for v in program.results[results:]]
        self.backward = Program(self.steps, self.inputs, gradients, [])
        self.forward = Program(first, program.inputs[:inputs], program.results[:results] + self.saved, [])
        self.forward.gives = self.backward.gives = True

    def carried(self, value: Value) -> Value:
        """Give what stands in the backward half for a value."""
        value = value.holder
        if value in self.known:
            return self.known[value]
        new = Value(value.index, value.shape, value.dtype, value.axes, value.origin, value.source, None, value.name)
        new.packed = value.packed
        if value in self.views:
            view = self.views[value]
            inputs = [self.carried(x) if isinstance(x, Value) else x for x in view.inputs]
            new.base = inputs[0]
            again = Instruction(view.name, inputs, [new], dict(view.static), view.primitive, None, view.number)
            again.scope, again.where, again.backward = view.scope, view.where, True
            self.steps.append(again)
        elif value.origin != "constant":
            if value.origin == "result":
                self.sources.append(("saved", len(self.saved)))
                self.saved.append(value)
            else:
                self.sources.append((value.origin, value.source))
            new.origin, new.source = "input", len(self.inputs)
            self.inputs.append(new)
        self.known[value] = new
        return new
