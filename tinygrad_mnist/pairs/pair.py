"""A forward pass and its backward, captured together and replayed one after the other: what a compiled model runs.

The first call of a signature runs the model twice: once to write it down with its backward, undone again, and once
for the caller; the two halves, on copies, must give what the second run gives. Look next at model.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import Generator, default_generator
from ..capture.forms import filled, form_of, identities, is_data, signature, stand_in, visit
from ..capture.step import Captured, captured
from ..capture.verify import differing
from ..compile.compiled import Compiled, Plan, planned
from ..engine import differentiate
from ..errors import CaptureError, InPlaceError
from ..graph import Array, Var, reachable
from ..guards.guard import Guard
from ..guards.watch import refused
from ..scope import state
from ..tensor import Tensor
from .halves import Halves, Unpaired
from .past import Past
from .pending import Layout, Listener, Part, Pending, gives, graft, laid_out, layout_of, takes

MOST_LAYOUTS = 16  # captures of one signature; what differs more goes back to plain runs


class Trial:
    """Runs a model and its backward under a Recorder, with seeds of its own, and notes what a pair must know."""

    def __init__(self, run: Callable[[], Any], inputs: dict[str, Var], tensors: list[Any], past: Past) -> None:
        self.run, self.inputs, self.tensors, self.past = run, inputs, tensors, past
        self.asked: tuple[Layout, ...] | None = None
        self.boundary = self.gradients = 0
        self.computed: list[bool] = []  # of each tensor in the result: whether a gradient may be asked for
        self.shapes: list[tuple[tuple[int, ...], Any]] = []
        self.targets: list[Any] = []  # positions of inputs, and leaves from outside
        self.reach: list[list[int]] = []  # of each output, the targets that it depends on
        self.found: list[int] = []  # targets that have a gradient
        self.layouts: tuple[Layout, ...] = ()

    def __call__(self) -> Any:
        """Run both; give the result without history, and the gradients of the targets."""
        recorder: Any = state.recorder
        refuses = recorder.changes

        def changes(var: Var, name: str) -> None:
            self.past.note(var)
            refuses(var, name)

        recorder.changes = changes
        outputs: list[Var] = []
        cut: dict[int, Var] = {}

        def without_history(x: Any, _: str) -> Any:
            if not isinstance(x, Var) or x.node is None:
                return x
            if id(x) not in cut:
                cut[id(x)] = Tensor.wrap(x.array)
                outputs.append(x)
            return cut[id(x)]

        result = visit(self.run(), "", without_history)
        recorder.changes = refuses
        self.boundary = len(recorder.instructions)
        found: list[Var] = []
        try:
            form_of(result, found, lambda x: None if isinstance(x, dict | tuple | list) else x)
        except TypeError:  # `captured` says so
            return result, []
        computed = {id(x) for x in cut.values()}
        self.computed = [id(x) in computed for x in found]
        self.shapes = [(o.shape, o.dtype) for o in outputs]
        leaves = self.leaves(outputs, recorder)
        gradients = self.pulled(outputs, leaves, recorder) if outputs else []
        self.gradients = len(gradients)
        return result, gradients

    def leaves(self, outputs: list[Var], recorder: Any) -> list[Var]:
        """List the leaves that outputs depend on."""
        position = {id(x): i for i, x in enumerate(self.inputs.values())}
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
                            self.targets.append(position.get(id(parent), parent))
                        reached[leaves[parent]] = None
            self.reach.append(list(reached))
        return list(leaves)

    def pulled(self, outputs: list[Var], leaves: list[Var], recorder: Any) -> list[Var]:
        """Run the backward."""
        asked = self.asked if self.asked is not None and len(self.asked) == len(outputs) else None
        self.layouts = asked or tuple(layout_of(np.empty(o.shape, o.dtype)) for o in outputs)
        seeds: list[Var] = []
        for i, (output, layout) in enumerate(zip(outputs, self.layouts, strict=True)):
            if layout is not None:
                seed = Tensor.wrap(laid_out(output.shape, output.dtype, layout))
                seeds.append(seed)
                value = recorder.new(seed.array, "input", len(recorder.inputs), name=f"g{i}")
                recorder.inputs.append(value)
                self.inputs[f"the cotangent of output {i}"] = seed
                self.tensors.append(seed)
        origins = [o.node for o, layout in zip(outputs, self.layouts, strict=True) if layout is not None]
        try:
            found = differentiate(origins, seeds, leaves, False, False)
        except InPlaceError:  # only if backward is called at all
            raise Unpaired from None
        self.found = [i for i, leaf in enumerate(leaves) if leaf in found]
        return [Tensor.wrap(found[leaves[i]].array) for i in self.found]


class Pair(Plan):
    """Plans of both halves, and what must hold for them. replay: of the forward half; None: run the model itself."""

    def __init__(self, pairs: Pairs, key: Any, guard: Guard, trial: Trial, step: Captured | None) -> None:
        self.pairs, self.key, self.guard, self.trial = pairs, key, guard, trial
        self.numbers, self.names, self.verified = [], [], True
        self.modes = [(m, m.training) for m in pairs.function.modules()]  # type: ignore[attr-defined]
        self.replay: Any = None
        self.backward: Any = None
        if step is None:
            return
        self.step, count = step, len(step.program.results) - trial.gradients
        given = len(step.program.inputs) - sum(layout is not None for layout in trial.layouts)
        halves = Halves(step.program, trial.boundary, given, count)
        self.form, self.places, self.results = step.form[0], step.places[: len(trial.computed)], count
        self.sources = halves.sources
        writes = [s.inputs[0].root for s in halves.forward.instructions if s.name == "write"]
        self.written = [v.source for v in writes if v.origin == "state"]
        steps = halves.forward.instructions
        self.generators = list({id(s.action[1]): s.action[1] for s in steps if s.name == "draw"}.values())
        roots = [v.root for s in steps for v in s.values()]
        self.states = list({id(v.source): v.source for v in roots if v.origin == "state"}.values())
        self.given = given
        self.sample = [v.empty() for v in halves.forward.inputs]
        for array in self.sample:
            array[...] = 0
        self.replay = planned(halves.forward, pairs.backend)
        self.backward = planned(halves.backward, pairs.backend) if trial.gradients else None

    def run_forward(self, tensors: list[Any], args: Any, kwargs: Any) -> Any:
        """Replay the forward half; give its result, which waits for its backward."""
        arrays = self.arrays(tensors)
        past = Past(self.generators, self.written) if self.generators or self.written else None
        found = self.replay.run(arrays)
        reads = self.held(found, arrays)
        pending = Pending(self, reads, tensors, past, (args, kwargs))
        flags = [flag for place, flag in zip(self.places, self.trial.computed, strict=True) if place is None]
        outputs = iter(pending.outputs([x for x, flag in zip(found, flags, strict=False) if flag]))
        computed = [next(outputs) if flag else Tensor.wrap(x) for x, flag in zip(found, flags, strict=False)]
        return filled(self.form, self.placed(computed, tensors))

    def placed(self, computed: list[Any], tensors: list[Any]) -> list[Any]:
        """List the tensors of a result: those computed, arguments, and those from outside."""
        left = iter(computed)
        return [next(left) if p is None else tensors[p] if isinstance(p, int) else p for p in self.places]

    def source(self) -> str:
        """Give the generated Python of both halves."""
        halves = [self.replay] + ([self.backward] if self.backward is not None else [])
        return "\n\n".join(half.source() for half in halves)

    def target(self, number: int, leaves: dict[int, Any]) -> Any:
        """Give what outputs depend on: a leaf from outside, or the one that stands for an argument."""
        known = self.trial.targets[number]
        return leaves[known] if isinstance(known, int) else known

    def held(self, found: list[Array], arrays: list[Array], states: dict[int, Var] | None = None) -> list[Array | None]:
        """List what the backward half takes; None where a cotangent is to stand."""
        held: list[Array | None] = []
        for kind, source in self.sources:
            if kind == "saved":
                held.append(found[self.results + source])
            elif kind == "state":
                held.append((states or {}).get(id(source), source).array)
            else:
                held.append(arrays[source] if source < self.given else None)
        return held

    def run_backward(self, held: list[Array | None], seeds: list[Any]) -> list[Array]:
        """Replay the backward half, with these cotangents of the outputs that have one."""
        arrays = [
            seeds[source - self.given] if array is None else array
            for array, (_, source) in zip(held, self.sources, strict=True)
        ]
        with self.pairs.lock:
            gradients: list[Array] = self.backward.run(arrays)
        return gradients


class Pairs(Compiled):
    """What a compiled model calls while gradients are recorded."""

    def __init__(self, function: Callable[..., Any], backend: str) -> None:
        super().__init__(function, backend)
        self.name = type(function).__name__
        self.plans: dict[Any, list[Any]] = {}
        self.takes, self.gives = Part(self.name, takes), Part(self.name, gives)
        self.asked: dict[Any, tuple[Layout, ...]] = {}  # the layouts of cotangents that a backward last came with

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            tensors: list[Any] = []
            numbers: list[Any] = []
            named = signature(kwargs, tensors, numbers) if kwargs else ()
            key = signature(args, tensors, numbers), named
            asked = self.asked.get(key)
            for pair in self.plans.get(key, ()):
                known = asked is None or asked in (pair.trial.layouts, pair.trial.asked)
                if known and pair.numbers == numbers and pair.guard.holds():
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
        trial = Trial(lambda: self.function(*new_args, **new_kwargs), inputs, list(tensors), past)
        trial.asked = self.asked.get(key)
        try:
            step = captured(trial, inputs, trial.tensors, guard)
            if identities([new_args, new_kwargs]) != before:
                raise refused("a change of a list or dict among the arguments", "return what changes", self.name)
            if step.changed:
                raise CaptureError(
                    f"compile: the model changes {step.changed}.",
                    expected="a forward pass that changes nothing but tensors",
                    hint="return the value, or register a tensor and change it in place under tg.no_grad()",
                )
            if any(is_set for _, is_set, _ in step.given):
                raise Unpaired
            pair = Pair(self, key, guard, trial, step)
        except Unpaired:
            step = None
            pair = Pair(self, key, guard, trial, None)
        trial.run, trial.inputs, trial.tensors = list, {}, []
        past.restore()
        pair.numbers, pair.names = numbers, names
        if pair.replay is None:
            self.store(key, pair)
            return self.function(*args, **kwargs)
        twin = pair.replay.twin()
        result, outputs, leaves = self.plain(args, kwargs)
        self.compare(pair, twin, tensors, result, outputs, leaves)
        self.keep(key, pair)
        result = graft(result, leaves, tensors)
        return Listener(pair, len(outputs)).listening(result) if pair.trial.asked is None else result

    def source(self) -> str:
        """Give the Python source that the latest call ran, forward and backward."""
        return self.plan().source()  # type: ignore[attr-defined, no-any-return]

    def asks(self, pair: Pair, layouts: tuple[Layout, ...]) -> None:
        """Note that a backward came with cotangents that the pair was not made for."""
        if pair.key in self.plans and self.captures.get(pair.key, 0) < MOST_LAYOUTS:
            self.asked[pair.key] = layouts

    def forget(self, key: Any, plan: Plan) -> None:
        """Let go of a pair, and of what was asked of the last one of its kind."""
        super().forget(key, plan)
        if key not in self.plans:
            self.asked.pop(key, None)

    def plain(self, args: Any, kwargs: Any) -> tuple[Any, list[Var], dict[int, Var]]:
        """Run the model on leaves in the places of tensors; give its result, the outputs with a history, the leaves."""
        leaves: dict[int, Var] = {}
        count = 0

        def replace(x: Any, _: str) -> Any:
            nonlocal count
            if isinstance(x, Var) or is_data(x):
                count += 1
                if isinstance(x, Var) and x.differentiable:
                    x = leaves[count - 1] = stand_in(x)
                    x.node = None
            return x

        new_kwargs = visit(kwargs, "", replace)
        new_args = visit(args, "", replace)
        result = self.function(*new_args, **new_kwargs)
        found: list[Var] = []
        form_of(result, found, lambda x: True)
        return result, [x for x in found if x.node is not None], leaves

    def compare(
        self, pair: Pair, twin: Any, tensors: list[Any], result: Any, outputs: list[Var], leaves: dict[int, Var]
    ) -> None:
        """Run both halves on copies, and compare all that they give or leave with what the model itself did."""
        found = twin.run(pair.arrays(tensors))
        repeated = pair.placed([Tensor.wrap(x) for x in found[: pair.results]], tensors)
        own: list[Var] = []
        form_of(result, own, lambda x: None if isinstance(x, dict | tuple | list) else x)
        bound = pair.replay.bound
        pairs = {
            "the result": ([x.array for x in own], [x.array for x in repeated]),
            "the tensors": (bound.states, twin.states),
            "the state": (bound.outside, twin.outside),
        }
        if pair.backward is not None and [(o.shape, o.dtype) for o in outputs] == pair.trial.shapes:
            states = {id(t): twin.states[name] for name, t in bound.states.items()}
            held = pair.held(found, pair.arrays(tensors), states)
            layouts = pair.trial.layouts
            chosen = [(o, layout) for o, layout in zip(outputs, layouts, strict=True) if layout is not None]
            seeds = [laid_out(o.shape, o.dtype, layout) for o, layout in chosen]
            targets = [pair.target(i, leaves) for i in pair.trial.found]
            kept = differentiate([o.node for o, _ in chosen], seeds, targets, True, False)
            pairs["the gradient"] = [kept.get(t) for t in targets], pair.run_backward(held, seeds)
        error = differing(self.name, pairs, pair.replay.near)
        if error is not None:
            raise error
