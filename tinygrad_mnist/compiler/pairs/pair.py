"""A forward pass and its backward, captured together and replayed one after the other: what a compiled model runs.

The first call of a signature runs the model twice: once to write it down with its backward, undone again, and once
for the caller; the halves, on copies, must give what the second run gives. Look next at model.py.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from ...capture.forms import anything, filled, form_of, identities, is_data, signature, stand_in, visit
from ...capture.guards.guard import Guard
from ...capture.guards.watch import refused
from ...capture.program import Program, Value
from ...capture.step import Captured, captured
from ...capture.verify import differing
from ...core.backend import Generator, default_generator
from ...core.engine import differentiate
from ...core.graph import Var
from ...tensors.tensor import Tensor
from ..compiled import Compiled, Plan
from .halves import Halves
from .past import Past
from .pending import Listener, Part, Pending, graft
from .trial import Layouts, Trial, Unpaired, cotangents, tried

MOST_WAYS = 8  # backward halves of a pair; the layouts that were asked for longest ago go first
MOST_CAPTURES = 16  # of one signature for the sake of layouts; what comes in yet another way runs the model once more


class Pair(Plan):
    """Plans of all halves, and what must hold for them. replay: of the forward half; None: run the model itself.

    asked: the layouts of cotangents that backwards came with; is_lacking: whether there is no half for one of them.
    """

    def __init__(self, pairs: Pairs, key: Any, guard: Guard, trial: Trial, step: Captured, halves: Any) -> None:
        super().__init__(step, guard, None if halves is None else halves.forward, [])
        self.pairs, self.key, self.trial, self.sample = pairs, key, trial, None
        self.asked: list[Layouts] = []
        self.is_lacking = False
        self.halves: Halves = halves
        self.modes = [(m, m.training) for m in pairs.function.modules()]  # type: ignore[attr-defined]
        if halves is None:
            return
        self.form, self.places = step.form[0], step.places[: len(trial.computed)]
        steps = self.replay.program.instructions
        self.written = [s.inputs[0].root.source for s in steps if s.name == "write"]
        self.generators = list({id(s.action[1]): s.action[1] for s in steps if s.name == "draw"}.values())
        states = [v.root.source for s in steps for v in s.values() if v.root.origin == "state"]
        self.states: list[Var] = list(dict.fromkeys([*states, *halves.states]))
        number = {t: i for i, t in enumerate(self.states)}
        for half in halves.backward.values():
            half.sources = [(kind, number[x] if kind == "state" else x) for kind, x in half.sources]
        self.reach = [[trial.targets[number] for number in reach] for reach in trial.reach]
        self.flags = [flag for place, flag in zip(self.places, trial.computed, strict=True) if place is None]

    def run_forward(self, tensors: list[Any], args: Any, kwargs: Any) -> Any:
        """Replay the forward half; give its result, which waits for its backward."""
        arrays = self.arrays(tensors)
        past = Past(self.generators, self.written) if self.generators or self.written else None
        found = self.replay.run(arrays)
        pending = Pending(self, found, arrays, tensors, past, (args, kwargs))
        outputs = iter(pending.outputs([x for x, flag in zip(found, self.flags, strict=False) if flag]))
        made = [next(outputs) if flag else Tensor.wrap(x) for x, flag in zip(found, self.flags, strict=False)]
        pending.versions["found"] = [t.version for t in made]
        return filled(self.form, self.placed(made, tensors))

    def placed(self, computed: list[Any], tensors: list[Any]) -> list[Any]:
        """List the tensors of the result: those computed, arguments, and tensors from outside."""
        rest, given = iter(computed), [t if isinstance(t, Var) else Tensor.wrap(t) for t in tensors]
        return [next(rest) if p is None else given[p] if isinstance(p, int) else p for p in self.places]

    def asks(self, layouts: Layouts) -> None:
        """Note the layouts that a backward came with: the next call must know them."""
        if layouts not in self.asked:
            self.asked = [*self.asked, layouts][-MOST_WAYS:]
            captures = self.pairs.captures.get(self.key, 0)
            self.is_lacking |= layouts not in self.halves.backward and captures < MOST_CAPTURES

    def unlike(self, other: Plan) -> str:
        """Name what made another pair necessary."""
        return super().unlike(other) or "which outputs a backward starts from, or how their cotangents lie in memory,"

    def source(self) -> str:
        """Give the generated Python of all halves."""
        return "\n\n".join(half.source() for half in [self.replay, *(h.replay for h in self.halves.backward.values())])


class Pairs(Compiled):
    """What a compiled model calls while gradients are recorded."""

    def __init__(self, function: Callable[..., Any], backend: str) -> None:
        super().__init__(function, backend)
        self.name = type(function).__name__
        self.plans: dict[Any, list[Any]] = {}
        self.part = Part(self.name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            tensors: list[Any] = []
            numbers: list[Any] = []
            named = signature(kwargs, tensors, numbers) if kwargs else ()
            key = signature(args, tensors, numbers), named
            for pair in self.plans.get(key, ()):
                if pair.numbers == numbers and not pair.is_lacking and pair.guard.holds():
                    if pair.replay is None:
                        return self.function(*args, **kwargs)
                    if pair.replay.fits():
                        self.latest = pair
                        return pair.run_forward(tensors, args, kwargs)
            return self.capture(key, tensors, numbers, args, kwargs)

    def capture(self, key: Any, tensors: list[Any], numbers: list[Any], args: Any, kwargs: Any) -> Any:
        """Keep a pair for calls like this one; run the model for the caller, and compare the two."""
        guard, inputs, names, new_args, new_kwargs = self.prepared(args, kwargs)
        for x in inputs.values():
            x.node = None
        before = identities([new_args, new_kwargs])
        dice = [x for x in guard.names.values() if isinstance(x, Generator | np.random.Generator)]
        past = Past({id(x): x for x in [default_generator, *dice]}.values(), [])
        before_it = self.plans.get(key, [])
        asked = list(dict.fromkeys(layouts for pair in before_it for layouts in pair.asked))[:MOST_WAYS]
        trial, everything, halves, read = Trial(), list(tensors), None, set[Value]()
        step = Captured(Program([], [], [], []), None, [], {}, [], "", [], False)
        run = functools.partial(self.function, *new_args, **new_kwargs)
        with suppress(Unpaired):
            step = captured(lambda: tried(trial, run, inputs, everything, past, asked), inputs, everything, guard)
            if identities([new_args, new_kwargs]) != before:
                raise refused("a change of a list or dict among the arguments", "return what changes", self.name)
            if step.changed:
                hint = "return the value, or register a tensor and change it in place under tg.no_grad()"
                raise refused(f"a model that changes {step.changed}", hint, self.name)
            if any(is_set for _, is_set, _ in step.given):
                raise Unpaired
            read = step.program.states()
            halves = Halves(step.program, trial, self.backend)
        past.restore()
        pair = Pair(self, key, guard, trial, step, halves)
        pair.numbers, pair.names, pair.asked = numbers, names, asked
        if pair.replay is None:
            self.keep(key, pair)
            return self.function(*args, **kwargs)
        used = set(map(id, pair.states))
        guard.hold_shapes((v.source, v.name) for v in read if id(v.source) not in used)
        twin = pair.replay.twin()
        result, own, leaves = self.plain(args, kwargs)
        outputs = self.compare(pair, twin, tensors, own, leaves)
        self.keep(key, pair)
        for other in [p for p in before_it if p.is_lacking and p.numbers == numbers]:
            self.forget(key, other)
        return Listener(pair).listening(graft(result, leaves, tensors), outputs)

    def plain(self, args: Any, kwargs: Any) -> tuple[Any, list[Var], dict[int, Var]]:
        """Run the model on leaves in the places of tensors; give its result, the tensors in that, and the leaves."""
        leaves: dict[int, Var] = {}
        positions = itertools.count()

        def replace(x: Any, _: str) -> Any:
            position = next(positions) if isinstance(x, Var) or is_data(x) else 0
            if isinstance(x, Var) and x.differentiable:
                x = leaves[position] = stand_in(x)
                x.node = None
            return x

        new_kwargs = visit(kwargs, "", replace)
        new_args = visit(args, "", replace)
        result = self.function(*new_args, **new_kwargs)
        own: list[Var] = []
        form_of(result, own, anything)
        return result, own, leaves

    def compare(self, pair: Pair, twin: Any, tensors: list[Any], own: list[Var], leaves: dict[int, Var]) -> list[Var]:
        """Run all halves on copies, and compare what they give or leave with what the model itself did: its outputs."""
        arrays, bound = pair.arrays(tensors), pair.replay.bound
        found = twin.run(arrays)
        outputs = [x for x in own if x.node is not None]
        repeated = pair.placed(list(map(Tensor.wrap, found[: pair.halves.count])), tensors)
        sides: dict[str, Any] = {
            "the result": ([x.array for x in own], [x.array for x in repeated]),
            "the tensors": (bound.states, twin.states),
            "the state": (bound.outside, twin.outside),
            "the gradient": ([], []),
        }
        copies = {t: twin.states[name] for name, t in bound.states.items()}
        memory = [copies.get(t, t).array for t in pair.states]
        alike = [(o.shape, o.dtype) for o in outputs] == pair.trial.shapes
        for layouts, half in pair.halves.backward.items() if alike else ():
            seeds = cotangents(pair.trial.shapes, layouts)
            targets = [pair.trial.target(i, leaves) for i in half.targets]
            kept = differentiate([outputs[i] for i in seeds], list(seeds.values()), targets, True, False)
            ours = half.run(found=found, input=arrays, state=memory, cotangent=seeds)
            given = seeds.values()  # they tell how much of a gradient may be rounding: all, where it cancels out
            sides["the gradient"][0].extend([*(kept.get(t) for t in targets), *given])
            sides["the gradient"][1].extend([*ours.values(), *given])
        error = differing(self.name, sides, pair.replay.near)
        if error is not None:
            raise error
        return outputs
