"""`compile`: a function of tensors that is captured at its first call and replayed afterwards.

A plan serves calls with the same shapes, dtypes and settings. What it must not bake in is guarded (guards.py), and
whether it repeats the function is checked once (verify.py). Read last.
"""

from __future__ import annotations

import functools
import importlib
import threading
import warnings
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from ..engine import outside
from ..errors import ArgumentError, CaptureError
from ..graph import Array, Var
from ..scope import state
from ..tensor import Tensor
from .capture import capture, check_overlaps
from .forms import NUMBERS, Place, filled, form_of, identities, is_data, signature, stand_in, visit
from .guards import Guard
from .program import Program, Value
from .verify import differing
from .watch import refused

MOST_PLANS = 32  # of one function; the oldest goes first
MANY_CAPTURES = 8  # for arguments of the same shapes: reason to say what changes
SAMPLE_BYTES = 1 << 20  # arguments up to this size are kept, to measure with

PLANNERS = {"numpy": ".replay.NumpyPlan", "numba": ".numba_plan.NumbaPlan"}


class Compiled:
    """What `compile` makes of a function: call it as the function itself."""

    def __init__(self, function: Callable[..., Any], backend: str) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.backend = function, backend
        self.name = getattr(function, "__name__", type(function).__name__)
        self.plans: dict[Any, list[Plan]] = {}
        self.order: list[tuple[Any, Plan]] = []  # oldest first
        self.captures: dict[Any, int] = {}
        self.crowded = False
        self.latest: Plan | None = None
        self.lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if state.recorder is not None or state.plainly:  # inside another step, which sees to it
            return self.function(*args, **kwargs)
        with self.lock:
            tensors: list[Any] = []
            numbers: list[Any] = []
            named = signature(kwargs, tensors, numbers) if kwargs else ()
            key = state.recording, signature(args, tensors, numbers), named
            for plan in self.plans.get(key, ()):
                if plan.numbers == numbers and plan.guard.holds() and plan.replay.fits():
                    self.latest = plan
                    return plan.run(tensors) if plan.verified else self.verify(key, plan, tensors, args, kwargs)
            return self.capture(key, tensors, numbers, args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    # ------------------------------------------------------------ capture

    def capture(self, key: Any, tensors: list[Any], numbers: list[Any], args: Any, kwargs: Any) -> Any:
        """Run the function for real, and keep a plan for calls like this one."""
        guard, own = Guard(), parameters(self.function)
        inputs: dict[str, Var] = {}
        names: list[str] = []

        def replace(x: Any, name: str) -> Any:
            if isinstance(x, Var) or is_data(x):
                name = name if name not in inputs else f"{name}_{len(inputs)}"
                x = inputs[name] = stand_in(x)
            elif isinstance(x, NUMBERS) and not isinstance(x, bool):
                names.append(name)
            else:
                guard.reach(x, name)
            return x

        guard.reach(self.function, self.name)
        new_kwargs = visit(kwargs, "", replace)
        new_args = [visit(x, own[i] if i < len(own) else f"x{i}", replace) for i, x in enumerate(args)]
        guard.explore()
        before = identities([new_args, new_kwargs])
        plan, found = planned(lambda: self.function(*new_args, **new_kwargs), inputs, tensors, guard, self.backend)
        if identities([new_args, new_kwargs]) != before:
            raise refused("a change of a list or dict among the arguments", "return what changes", self.name)
        plan.numbers, plan.names = numbers, names
        self.keep(key, plan)
        return plan.give(found, tensors)

    def keep(self, key: Any, plan: Plan) -> None:
        """Keep a plan, unless the step itself changes what the plan takes for granted; say so if that goes on."""
        self.latest = plan
        before = self.plans.setdefault(key, [])
        count = self.captures[key] = self.captures.get(key, 0) + 1
        if count == MANY_CAPTURES:
            reason = plan.changed or (before[0].unlike(plan) if before else "") or "something that it reads"
            warnings.warn(
                f"compile: {self.name} was captured {count} times for arguments of the same shapes, because {reason} "
                "changes; each capture costs more than a plain call. Pass what changes as a tensor, or change it "
                "outside the step.",
                stacklevel=outside(),
            )
        if plan.changed:
            return
        before.insert(0, plan)
        self.order.append((key, plan))
        if len(self.order) > MOST_PLANS:
            self.captures.pop(self.order[0][0], None)
            self.forget(*self.order[0])
            if not self.crowded:
                warnings.warn(
                    f"compile: {self.name} was called with more than {MOST_PLANS} kinds of arguments, and keeps a plan "
                    "for that many only. Bring tensors to a few shapes, and pass objects that stay the same.",
                    stacklevel=outside(),
                )
            self.crowded = True

    def forget(self, key: Any, plan: Plan) -> None:
        """Let go of a plan."""
        self.plans[key].remove(plan)
        self.order.remove((key, plan))

    def verify(self, key: Any, plan: Plan, tensors: list[Any], args: Any, kwargs: Any) -> Any:
        """Run the function for real once more and the plan on copies, and compare everything that either changed."""
        plan.verified = True
        try:
            twin = plan.replay.twin()
        except Exception:  # an optimizer or a schedule of the user's that cannot be copied
            return plan.run(tensors)

        def as_tensor(x: Any, name: str) -> Any:
            return stand_in(x) if is_data(x) else x

        plan.verified, state.plainly = False, True
        try:
            result = self.function(*visit(args, "", as_tensor), **visit(kwargs, "", as_tensor))
        finally:
            state.plainly = False
        left = [tensors[i].gradient for i, *_ in plan.given]
        repeated = plan.give(twin.run(plan.arrays(tensors)), tensors)
        bound = plan.replay.bound
        error = differing(self.name, {
            "the result": (result, repeated),
            "the .grad of an argument": (left, [tensors[i].gradient for i, *_ in plan.given]),
            "the tensors": (bound.states, twin.states),
            "the leaves": (bound.leaves, twin.leaves),
            "the state": (bound.outside, twin.outside),
        }, plan.replay.near)  # fmt: skip
        if error is not None:
            self.forget(key, plan)
            raise error
        plan.verified = True
        return repeated

    # ------------------------------------------------------------ a look inside

    def source(self) -> str:
        """Give the Python source that the latest call ran."""
        text: str = self.plan().replay.source()
        return text

    def program(self, measure: bool = True) -> Program:
        """Give the program of the latest call: print it for a table. measure: time each instruction, on copies."""
        plan = self.plan()
        program: Program = plan.replay.program
        if measure:
            plan.replay.measure(plan.samples())
        return program

    def plan(self) -> Plan:
        """Give the plan of the latest call."""
        if self.latest is None:
            raise CaptureError(f"compile: {self.name} was not captured yet.", hint="call it once")
        return self.latest


class Plan:
    """A replay, what must hold for it, and the form of its result.

    places: of each tensor in the result, the number of the argument that it is, the tensor from outside, or None where
    it is computed; given: arguments whose `.grad` is set, whether to a tensor, and whether requires_grad is turned on.
    changed: what the step itself changes of what the plan takes for granted.
    """

    def __init__(
        self, replay: Any, guard: Guard, form: Any, places: list[Any], given: list[tuple[int, bool, bool]],
        changed: str, sample: list[Array],
    ) -> None:  # fmt: skip
        self.replay, self.guard, self.form, self.places, self.given = replay, guard, form, places, given
        self.changed = changed
        self.numbers: list[Any] = []  # among the arguments
        self.names: list[str] = []  # of the numbers
        self.alone = type(form) is Place and places == [None] and not given
        self.verified = False
        small = sum(x.nbytes for x in sample) <= SAMPLE_BYTES
        self.sample = [x.copy("K") for x in sample] if small else None

    def run(self, tensors: list[Any]) -> Any:
        """Replay."""
        found = self.replay.run([t if type(t) is np.ndarray else t.array for t in tensors])
        return Tensor.wrap(found[0]) if self.alone else self.give(found, tensors)

    def arrays(self, tensors: list[Any]) -> list[Array]:
        """Give the arrays of arguments."""
        return [t if isinstance(t, np.ndarray) else t.array for t in tensors]

    def give(self, found: list[Array], tensors: list[Any]) -> Any:
        """Make the result of the arrays that were computed, and set `.grad` of arguments."""
        computed = map(Tensor.wrap, found)
        result = [tensors[p] if isinstance(p, int) else next(computed) if p is None else p for p in self.places]
        for position, is_set, flag in self.given:
            g = next(computed) if is_set else None
            if isinstance(tensors[position], Var):
                tensors[position].gradient = g
                tensors[position].differentiable |= flag
        return filled(self.form, result)

    def unlike(self, other: Plan) -> str:
        """Name what made another plan necessary."""
        for name, mine, its in zip(self.names, self.numbers, other.numbers, strict=False):
            if mine != its:
                return f"the argument {name}"
        changed = self.guard.changed()
        return changed[0] if changed else ""

    def samples(self) -> list[Array]:
        """Give arguments to measure with."""
        if self.sample is not None:
            return self.sample
        arrays: list[Array] = [v.empty() for v in self.replay.program.inputs]
        for a in arrays:
            a[...] = 0
        return arrays


def planned(
    function: Callable[[], Any], inputs: dict[str, Var], tensors: list[Any], guard: Guard, backend: str
) -> tuple[Plan, list[Array]]:
    """Capture a step whose inputs stand in for tensors; make its plan, and give the arrays of its results, too."""
    found: list[Var] = []
    result, recorder = capture(function, inputs, guard)
    try:
        form = form_of(result, found, lambda x: id(x) in guard.labels and not isinstance(x, np.ndarray))
    except TypeError as error:
        hint = "return tensors, numbers, and tuples, lists or dicts of them"
        raise refused(f"a result of type {error}", hint) from None
    del result
    stand_ins = list(inputs.values())
    program = Program(recorder.instructions, recorder.inputs, [], [])
    places: list[Any] = []
    arrays: list[Array] = []
    while found:  # given up one by one: what the result alone keeps alive came from nowhere
        t = found.pop(0)
        value = recorder.value(t, t.array)
        if t.node is not None and t.node.freed_by is None:
            hint = "call backward inside the compiled step, return loss.detach(), or compile under tg.no_grad()"
            raise refused(f"a result {t.shape} that still waits for its backward", hint)
        places.append(next((i for i, x in enumerate(stand_ins) if x is t), None))
        if places[-1] is None and value.root in recorder.states and recorder.states[value.root][0]() is t:
            places[-1] = value.root
        if places[-1] is None:
            program.results.append(value)
            arrays.append(t.array.copy())
        del t
    given = []
    gradients = {id(reference()): (reference, value) for reference, value in recorder.gradients()}
    for i, (x, original) in enumerate(zip(stand_ins, tensors, strict=True)):
        _, g = gradients.pop(id(x), (None, None))
        flag = isinstance(original, Var) and x.differentiable and not original.differentiable
        if g is not None or x.gradient is not getattr(original, "gradient", None) or flag:
            given.append((i, g is not None, flag))
        if g is not None:
            program.results.append(g)
            arrays.append(x.gradient.array.copy())
    program.gradients = list(gradients.values())
    guard.explore()
    changed = guard.changed()
    recorder.settle(program)
    check_overlaps(recorder, stand_ins, tensors)
    if changed is not None and changed[1]:
        raise CaptureError(
            f"compile: the step changes {changed[0]}.",
            expected="a forward pass that changes nothing but tensors",
            hint="return the value from the step, or register a tensor and change it in place under tg.no_grad()",
        )
    module, _, name = PLANNERS[backend].rpartition(".")  # numba is loaded where it is asked for only
    replay = getattr(importlib.import_module(module, __package__), name)(program)
    places = [p.source if isinstance(p, Value) else p for p in places]
    reason = changed[0] if changed is not None else ""
    return Plan(replay, guard, form, places, given, reason, [x.array for x in stand_ins]), arrays


def parameters(function: Any) -> list[str]:
    """Name the positional parameters of a function or module."""
    function = getattr(function, "forward", function)
    bound = isinstance(function, MethodType)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return [] if code is None else list(code.co_varnames[bound : code.co_argcount])


def compile(function: Callable[..., Any] | None = None, *, backend: str = "numpy") -> Any:
    """Capture a function of tensors at its first call per signature, then replay it without Python's overhead.

    Use as `@tg.compile` on a whole training step (forward, backward, optimizer), a model or a loss. A signature is the
    shapes and dtypes of the arguments, the values of plain ones, and what the function reads besides: settings, train
    or eval, requires_grad. Arrays among the arguments arrive as tensors; tensors that come back need no gradient and
    are the caller's own, and so is `.grad`. The second call of a signature compares the plan with the function.
    Args:    backend: "numpy", or "numba" for one compiled parallel function (extra `fast`)
    Raises:  CaptureError, naming the line, for what cannot be repeated with other values
    """
    if backend not in PLANNERS:
        raise ArgumentError(f"compile: unknown backend {backend!r}.", expected="'numpy' or 'numba'")
    if function is None:
        return functools.partial(compile, backend=backend)
    if not callable(function):
        raise ArgumentError("compile: the first argument must be a function or a module.", got=repr(function))
    return Compiled(function, backend)
