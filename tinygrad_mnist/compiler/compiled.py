"""`compile`: a function of tensors that is captured at its first call and replayed afterwards.

A plan serves calls with the same shapes, dtypes and settings. What it must not bake in is guarded (capture/guards/),
and whether it repeats the function is checked once (capture/verify.py). Read last.
"""

from __future__ import annotations

import functools
import importlib
import threading
import warnings
import weakref
from collections.abc import Callable, Hashable
from types import MethodType
from typing import Any

import numpy as np

from ..capture import forms
from ..capture.guards.guard import Guard
from ..capture.guards.watch import refused
from ..capture.program import Program
from ..capture.step import Captured, captured
from ..capture.verify import differing
from ..core.alone import alone
from ..core.backend import Defaults
from ..core.errors import CaptureError
from ..core.explain import outside
from ..core.graph import Array, Var
from ..core.reprs import in_html
from ..core.scope import refuse_captured, state
from ..tensors.tensor import Tensor

MOST_PLANS = 32  # of one function; the oldest goes first
MOST_COUNTS = 4 * MOST_PLANS  # signatures whose captures are counted
MANY_CAPTURES = 8  # for arguments of the same shapes: reason to say what changes
SAMPLE_BYTES = 1 << 20  # arguments up to this size are kept, to measure with

PLANNERS = {"numpy": (".replay", "NumpyPlan"), "numba": ("..fast.plan", "NumbaPlan")}


everyone: list[weakref.ref[Compiled]] = []  # a WeakSet's own callbacks would swallow Ctrl-C
joining = threading.Lock()


def start_anew() -> None:
    """Let go of every plan, since another default dtype makes other arrays."""
    refuse_captured("set_default_dtype()", "call it outside the step")
    for function in filter(None, [known() for known in everyone]):
        with function.lock:
            function.plans, function.order = {}, []


Defaults.forget.append(start_anew)


class Compiled:
    """What `compile` makes of a function: call it as the function itself."""

    def __init__(self, function: Callable[..., Any], backend: str) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.backend = function, backend
        self.name = getattr(function, "__name__", type(function).__name__)
        self.plans: dict[Hashable, list[Plan]] = {}
        self.order: list[tuple[Hashable, Plan]] = []  # oldest first
        self.captures: dict[Hashable, int] = {}
        self.crowded = False
        self.latest: Plan | None = None
        self.lock = threading.RLock()
        with joining:
            everyone[:] = [*(known for known in everyone if known()), weakref.ref(self)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if state.recorder is not None or state.plainly:  # inside another step, which sees to it
            return self.function(*args, **kwargs)
        call = args, kwargs
        with self.lock:
            tensors: list[Any] = []
            numbers: list[Any] = []
            named = forms.signature(kwargs, tensors, numbers) if kwargs else ()
            given = [forms.signature(x, tensors, numbers) for x in args]
            key = state.recording, *given, named, forms.repeats(tensors)
            plan = self.plan_for(key, numbers)
            if plan is None:
                return self.capture(key, tensors, numbers, args, kwargs)
            self.latest = plan
            return self.verify(key, plan, tensors, *call) if not plan.verified else plan.run(tensors, *call)

    def plan_for(self, key: Hashable, numbers: list[Any]) -> Any:
        """Find the plan that serves a call, if there is one."""
        for plan in self.plans.get(key, ()):
            if plan.numbers == numbers and plan.guard.holds() and plan.replay.fits():
                return plan
        return None

    def __repr__(self) -> str:
        return f"<compiled {self.name}: backend {self.backend}, {len(self.order)} plans>"

    _repr_html_ = in_html("compiled")

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    # ------------------------------------------------------------ capture

    def capture(self, key: Hashable, tensors: list[Any], numbers: list[Any], args: Any, kwargs: Any) -> Any:
        """Run the function for real, and keep a plan for calls like this one."""
        guard, inputs, names, new_args, new_kwargs = self.prepared(args, kwargs)
        before = forms.identities([new_args, new_kwargs])
        step = captured(lambda: self.function(*new_args, **new_kwargs), inputs, tensors, guard, (new_args, new_kwargs))
        read = step.program.states()
        plan = Plan(step, guard, planned(step.program, self.backend), [x.array for x in inputs.values()])
        guard.hold_shapes((v.source, v.name) for v in read - step.program.states())  # whose values were not used
        if forms.identities([new_args, new_kwargs]) != before:
            raise refused("a change of a list or dict among the arguments", "return what changes", guard.home)
        plan.numbers, plan.names = numbers, names
        self.keep(key, plan)
        arrays, step.arrays = step.arrays, []  # the caller's now
        return step.give(arrays, tensors, (args, kwargs))

    def prepared(self, args: Any, kwargs: Any) -> tuple[Guard, dict[str, Var], list[str], list[Any], Any]:
        """Put stand-ins in the places of tensors among arguments, and note what else the function can read.

        Returns:
            the guard, the stand-ins by name, the names of the numbers, and the arguments to call with
        """
        importlib.import_module(PLANNERS[self.backend][0], __package__)  # which adds an attribute to this package
        guard, own = Guard(), forms.parameters(self.function)
        known: dict[int, Var] | None = {} if type(self) is Compiled else None  # a pair has a leaf for every place
        inputs: dict[str, Var] = {}
        names: list[str] = []

        def replace(x: Any, name: str) -> Any:
            if isinstance(x, Var) or forms.is_data(x):
                name = name if name not in inputs else f"{name}_{len(inputs)}"
                x = inputs[name] = forms.stand_in(x, known)
            elif forms.is_number(x):
                names.append(name)
            else:
                guard.reach(x, name)
            return x

        guard.reach(self.function, self.name)
        forms.reach_containers([*args, *kwargs.values()], guard)
        new_kwargs = forms.visit(kwargs, "", replace)
        new_args = [forms.visit(x, own[i] if i < len(own) else f"x{i}", replace) for i, x in enumerate(args)]
        guard.explore()
        return guard, inputs, names, new_args, new_kwargs

    def keep(self, key: Hashable, plan: Plan) -> None:
        """Keep a plan, unless the step itself changes what the plan takes for granted; say so if that goes on."""
        self.latest = plan
        before = self.plans.get(key, [])
        count = self.captures[key] = self.captures.pop(key, 0) + 1
        if len(self.captures) > MOST_COUNTS:
            del self.captures[next(iter(self.captures))]  # the one that was captured longest ago
        if count == MANY_CAPTURES:
            reason = plan.step.changed or (before[0].unlike(plan) if before else "") or "something that it reads"
            warnings.warn(
                f"compile: {self.name} was captured {count} times for arguments of the same shapes, because {reason} "
                "changes; each capture costs more than a plain call. Pass what changes as a tensor, or change it "
                "outside the step.",
                stacklevel=outside(),
            )
        if not plan.step.changed:
            self.store(key, plan)

    def store(self, key: Hashable, plan: Plan) -> None:
        """Serve calls by a plan from now on, and let go of the oldest one if there are too many."""
        self.plans[key] = [plan, *self.plans.get(key, [])]
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

    def forget(self, key: Hashable, plan: Plan) -> None:
        """Let go of a plan."""
        self.plans[key].remove(plan)
        self.plans = {k: plans for k, plans in self.plans.items() if plans}
        self.order.remove((key, plan))

    @alone()  # what both draw is compared
    def verify(self, key: Hashable, plan: Plan, tensors: list[Any], args: Any, kwargs: Any) -> Any:
        """Run the function for real once more and the plan on copies, and compare everything that either changed."""
        plan.verified = True
        try:
            twin = plan.replay.twin()
        except Exception:  # an optimizer or a schedule of the user's that cannot be copied
            return plan.run(tensors, args, kwargs)

        own = forms.visit((args, kwargs), "", lambda x, _: forms.stand_in(x) if forms.is_data(x) else x)
        plan.verified, state.plainly = False, True
        try:
            result = self.function(*own[0], **own[1])
        finally:
            state.plainly = False
        left = [tensors[i].gradient for i, *_ in plan.step.given]
        found = plan.step.with_views(twin.run(plan.arrays(tensors)), result)
        repeated = plan.step.give(found, tensors, (args, kwargs))
        bound = plan.replay.bound
        error = differing(f"{self.name} ({plan.guard.home})", {
            "the result": (result, repeated),
            "the .grad of an argument": (left, [tensors[i].gradient for i, *_ in plan.step.given]),
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
        return self.plan().source()

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


def planned(program: Program, backend: str) -> Any:
    """Plan a program's replay."""
    room, name = PLANNERS[backend]  # numba is loaded where it is asked for only
    return getattr(importlib.import_module(room, __package__), name)(program)


class Plan:
    """What a captured step becomes: a replay, and what must hold for it. numbers: those among the arguments."""

    def __init__(self, step: Captured, guard: Guard, replay: Any, sample: list[Array]) -> None:
        self.step, self.guard, self.replay = step, guard, replay
        self.numbers: list[Any] = []
        self.names: list[str] = []  # of the numbers
        self.is_one_tensor, self.verified = step.is_one_tensor, False
        small = sum(x.nbytes for x in sample) <= SAMPLE_BYTES
        self.sample = [x.copy("K") for x in sample] if small else None

    def run(self, tensors: list[Any], *call: Any) -> Any:
        """Replay."""
        found = self.replay.run(self.arrays(tensors))
        return Tensor.wrap(found[0]) if self.is_one_tensor else self.step.give(found, tensors, call)

    def source(self) -> str:
        """Give the generated Python."""
        return str(self.replay.source())

    def arrays(self, tensors: list[Any]) -> list[Array]:
        """Give the arrays of arguments."""
        return [t if type(t) is np.ndarray else t.array if isinstance(t, Var) else t for t in tensors]

    def unlike(self, other: Plan) -> str:
        """Name what made another plan necessary."""
        for name, mine, its in zip(self.names, self.numbers, other.numbers, strict=False):
            if mine != its:
                return f"the argument {name}"
        return (self.guard.changed() or ("",))[0]

    def samples(self) -> list[Array]:
        """Give arguments to measure with."""
        return self.sample or [np.zeros_like(v.empty()) for v in self.replay.program.inputs]
