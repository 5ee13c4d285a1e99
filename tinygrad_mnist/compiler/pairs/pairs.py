"""What a compiled model calls while gradients are recorded.

The first call of a signature runs the model twice: once to write it down with its backward, undone again, and once
for the caller; the halves, on copies, must give what the second run gives. Look next at model.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

from ...capture.forms import filled, identities, signature
from ...capture.guards.watch import refused
from ...capture.program import Program, Value
from ...capture.step import Captured, captured
from ...capture.verify import differing
from ...core.alone import alone
from ...core.backend import default_generator
from ...core.engine import differentiate
from ...core.graph import Var
from ...tensors.tensor import Tensor
from ..compiled import Compiled
from .halves import Halves
from .pair import MOST_WAYS, Pair
from .past import Past, Source
from .pending import Listener, Part, Pending, graft, plain
from .trial import Trial, Unpaired, cotangents, tried


class Pairs(Compiled):
    """What a compiled model calls while gradients are recorded."""

    def __init__(self, function: Callable[..., Any], backend: str) -> None:
        super().__init__(function, backend)
        self.plans: dict[Hashable, list[Any]] = {}
        self.part = Part(self.name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            tensors: list[Any] = []
            numbers: list[Any] = []
            named = signature(kwargs, tensors, numbers) if kwargs else ()
            key = signature(args, tensors, numbers), named
            pair = self.plan_for(key, numbers)
            if pair is None:
                return self.capture(key, tensors, numbers, args, kwargs)()
            if pair.replay is None:
                return self.function(*args, **kwargs)
            self.latest = pair
            return self.replayed(pair, tensors, args, kwargs)

    def plan_for(self, key: Hashable, numbers: list[Any]) -> Any:
        """Find the pair that serves a call, if there is one."""
        for pair in self.plans.get(key, ()):
            if pair.numbers == numbers and not pair.is_lacking and pair.guard.holds():
                if pair.replay is None or pair.replay.fits():
                    return pair
        return None

    def replayed(self, pair: Pair, tensors: list[Any], args: Any, kwargs: Any) -> Any:
        """Replay the forward half; give its result, which waits for its backward."""
        arrays = pair.arrays(tensors)
        past = Past(pair.generators, pair.written) if pair.generators or pair.written else None
        found = pair.replay.run(arrays)
        pending = Pending(pair, found, arrays, tensors, past, (args, kwargs))
        outputs = iter(pending.outputs(self.part, [x for x, flag in zip(found, pair.flags, strict=False) if flag]))
        made = [next(outputs) if flag else Tensor.wrap(x) for x, flag in zip(found, pair.flags, strict=False)]
        pending.versions["found"] = [t.version for t in made]
        return filled(pair.form, pair.placed(made, tensors))

    @alone()  # it runs twice, with the same draws
    def capture(self, key: Hashable, tensors: list[Any], numbers: list[Any], args: Any, kwargs: Any) -> Any:
        """Keep a pair for calls like this one, and compare it with the model; give what gives the caller's result."""
        guard, inputs, names, new_args, new_kwargs = self.prepared(args, kwargs)
        for x in inputs.values():
            x.node = None
        before = identities([new_args, new_kwargs])
        dice = [x for x in guard.names.values() if isinstance(x, Source)]
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
            return functools.partial(self.function, *args, **kwargs)  # which may wait for other threads
        used = set(map(id, pair.states))
        guard.hold_shapes((v.source, v.name) for v in read if id(v.source) not in used)
        twin = pair.replay.twin()
        result, own, leaves = plain(self.function, args, kwargs)
        outputs = self.compare(pair, twin, tensors, own, leaves)
        self.keep(key, pair)
        for other in [p for p in before_it if p.is_lacking and p.numbers == numbers]:
            self.forget(key, other)
        return functools.partial(Listener(pair).listening, self.part, graft(result, leaves, tensors), outputs)

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
            seeds = cotangents(pair.trial.shapes, layouts)  # they tell how much may be rounding: all, where it cancels
            targets = [pair.trial.target(i, leaves) for i in half.targets]
            kept = differentiate([outputs[i] for i in seeds], list(seeds.values()), targets, True, False)
            ours = half.run(found=found, input=arrays, state=memory, cotangent=seeds)
            sides["the gradient"][0].extend([*(kept.get(t) for t in targets), *seeds.values()])
            sides["the gradient"][1].extend([*ours.values(), *seeds.values()])
        if (error := differing(self.name, sides, pair.replay.near)) is not None:
            raise error
        return outputs
