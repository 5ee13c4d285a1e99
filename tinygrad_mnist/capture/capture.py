"""Run a step once for real and write down every call of a primitive: forward, backward and update alike.

The engine hands rules Vars while a Recorder listens, so the calls inside rules are written down by the same means as
those of the forward pass. Whatever cannot be repeated with other values is refused here, with the user's line.
Look next at forms.py.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import default_generator, generator_or_default
from ..core.draws import Source
from ..core.graph import Node, Var, slots_watched
from ..core.primitive import Primitive, registry
from ..core.scope import Scope, state
from ..core.versions import Version, tick
from ..ops import elementwise, promotion
from .guards.dice import Dice
from .guards.guard import Guard
from .guards.watch import OR_BESIDE, OUTSIDE, Watch, refused, watched
from .program import Array, Instruction, Program, Value
from .values import TAKEN, Values
from .way import CapturedWay

FROM_NOWHERE = "compute it with tensor operations, draw it with tg.rand or tg.randn, or pass it as an argument"
OWN = {p: name for name, p in registry.items()}  # the package's


class Recorder(Values):
    """Listens to one run of a step. See scope.Recorder for what it is told."""

    def __init__(self, inputs: dict[str, Var], guard: Guard) -> None:
        super().__init__(guard)
        self.start = tick()
        self.entries: list[tuple[weakref.ref[Var], Value | None, str]] = []  # leaf, its `.grad` before the step
        self.history: list[tuple[int, weakref.ref[Var], Value | None]] = []  # next instruction, leaf, its new `.grad`
        self.known: dict[int, weakref.ref[Var]] = {}  # the leaves in both, by id
        self.changing: Callable[[Var], None] | None = None  # is told first of what is about to change
        self.copied: list[tuple[Version, Version]] = []  # versions of memory, and of copies that stand for views of it
        self.written: set[Value] = set()
        self.outer = state.around
        self.dice = Dice(g for g, _ in guard.dice)
        self.inputs = [self.new(x.array, "input", i, name=n) for i, (n, x) in enumerate(inputs.items())]

    # ------------------------------------------------------------ what is told: computation

    def call(self, primitive: Primitive, args: Any, arrays: Any, static: Any, result: Var, saved: Array | None) -> None:
        """Write down a call of a primitive."""
        inputs: list[Any] = []
        base, out = None, result.array
        for x, array in zip(args, arrays, strict=True):
            if not isinstance(array, np.ndarray):
                inputs.append(array)  # a number
                continue
            value = self.value(x, array) if isinstance(x, Var | np.ndarray) else self.constant(array)
            inputs.append(value)
            if base is None and np.may_share_memory(out, array):
                base = value
        if primitive.name == "getitem" and any(isinstance(v, Value) and v.dtype.kind == "b" for v in inputs[1:]):
            raise refused("a shape that depends on values (x[mask])", "tg.where(mask, x, 0), or multiply by the mask")
        if primitive.name == "getitem" and self.node is None and any(x.ndim == 0 for x in arrays[1:]):
            result.version.share(result)  # eager mode gives a view: neither may change while the copy, or a view, lives
            self.copied.append((args[0].version, result.version))
        outputs = [self.new(out, "result", base=base)]
        if saved is not None:
            outputs.append(self.new(saved, "result"))
        name = primitive.name if primitive in OWN or primitive.name not in TAKEN else f"{primitive.name}_"
        self.append(Instruction(name, inputs, outputs, static, primitive))  # of a user's, passes know the name only

    def draw(self, fill: Callable[..., Any], generator: Source | None, settings: dict[str, Any], out: Array) -> None:
        """Write down a draw of random numbers."""
        self.dice.drawn(fill, generator_or_default(generator), settings, out)
        action = fill, default_generator if generator is None else generator
        self.append(Instruction("draw", [], [self.new(out, "result")], settings, None, action))

    def way(self, create_graph: bool) -> CapturedWay:
        """Give the engine's way of a backward pass."""
        return CapturedWay(self, create_graph)

    def pulls_back(self, node: Node | None) -> None:
        """Note whose rules run from now on (None: no one's)."""
        if node is not None and node.index < self.start:
            raise refused("backward through a graph recorded before the step", "compute all of it inside, or detach()")
        self.node = node

    # ------------------------------------------------------------ what is told: changes

    def exposes(self, var: Var) -> None:
        """Note a tensor before something else looks at its memory."""
        self.value(var, var.array)

    def check_copies(self, var: Var, name: str) -> None:
        """Refuse a change of memory of which a copy stands for a view, or of that copy."""
        for source, copy in self.copied:
            if var.version in (source, copy) and any(ref() is not None for ref in list((copy.sharers or {}).values())):
                raise refused(f"{name} on memory that another tensor looks at (x[i], i a tensor)", "x[i].clone()")

    def changes(self, var: Var, name: str) -> None:
        """Refuse a change in place that could not be repeated; it has not been made yet."""
        if self.changing is not None:
            self.changing(var)
        known = self.value(var, var.array)
        self.check_copies(var, name)
        if known.origin == "input":
            raise refused(f"{name}: a change in place of an argument", "x = x + 1 instead of x += 1, or x.clone()")
        sharers = [ref() for ref in list((var.version.sharers or {}).values())]
        others = any(s is not None and s.array is not var.array for s in sharers)
        if known.origin in ("result", "constant") and (known.base is not None or others):
            raise refused(f"{name} on memory that another tensor looks at", "x = x + 1 instead of x += 1")

    def same(self, copy: Array, array: Array) -> None:
        """Note that an array is a copy of another, which is about to change."""
        source = self.values[id(array)]
        if source.origin in ("result", "constant"):
            self.values[id(copy)] = source
            self.alive.append(copy)
        else:  # memory from outside, which the step will overwrite
            self.append(Instruction("clone", [source], [self.new(copy, "result")], {}, elementwise.clone))

    def write(self, var: Var, result: Var) -> None:
        """Note that the memory of a tensor now holds another value."""
        old, value = self.value(var, var.array), self.value(result, result.array)
        if old.origin in ("result", "constant"):  # memory of the step's own: another name for the value
            self.values[id(var.array)] = value
            if (old.dtype, old.axes) != (value.dtype, value.axes):
                static = {"dtype": old.dtype}
                self.append(Instruction("cast", [value], [self.new(var.array, "result")], static, promotion.cast))
            return
        self.append(Instruction("write", [old, value], [self.renewed(old, var.array)]))

    def renewed(self, old: Value, array: Array) -> Value:
        """Make the value that memory from outside holds after a change."""
        after = self.new(array, "state", base=old)
        after.take(old)
        self.written.add(after.root)
        return after

    def update(self, optimizer: Any, p: Var, group: dict[str, Any]) -> None:
        """Write down an optimizer's change of a parameter, which it is about to make."""
        self.check_copies(p, "an optimizer's step")
        old, g = self.value(p, p.array), self.value(p.gradient, p.gradient.array)
        if old.origin != "state":
            raise refused("an optimizer's change of an argument", "let the step find the tensor outside, not pass it")
        groups = f"{self.guard.refer(optimizer)}.param_groups"
        label = f"{type(optimizer).__name__}.param_groups"
        self.guard.count(groups, len(optimizer.param_groups), label)
        for i, known in enumerate(optimizer.param_groups):
            self.guard.expect(f"{groups}[{i}]", known, label)
            self.guard.reach(known["params"], f"{label}[{i}]['params']")
        step = Instruction("update", [old, g], [self.renewed(old, p.array)], action=(optimizer, p, group))
        self.append(step)
        step.where = step.where or type(optimizer).__name__

    def effect(self, action: Callable[[], object]) -> None:
        """Write down something to be done again at every call."""
        step = Instruction("effect", [], [], action=action)
        self.append(step)
        step.where = getattr(action, "__qualname__", "")

    def reads_gradient(self, leaf: Var) -> None:
        """Note that what `.grad` holds matters: before the step, unless the step has set it."""
        known, held = self.values.get(id(leaf.array)), leaf._gradient
        mine = known is not None and known.origin in ("result", "constant")
        if mine or leaf.node is not None or (id(leaf) in self.known and self.known[id(leaf)]() is leaf):
            return  # a leaf that is gone may have had the same id
        if known is not None and known.origin == "input":
            if held is not None:
                raise refused("adding to the `.grad` that an argument has already", "x.grad = None before the call")
            return
        value = None if held is None else self.new(held.array, "gradient", name=f"{self.name_of(leaf)}_grad_before")
        self.known[id(leaf)] = weakref.ref(leaf)
        self.entries.append((self.known[id(leaf)], value, self.name_of(leaf)))

    def sets_gradient(self, leaf: Var) -> None:
        """Note that the step sets `.grad`."""
        g = leaf._gradient
        value = None if g is None else self.value(g, g.array)
        self.known[id(leaf)] = weakref.ref(leaf)
        self.history.append((len(self.instructions), self.known[id(leaf)], value))

    def depends(self, function: Callable[[], Any], label: str) -> None:
        """Note that the step uses a number that the function gives, and that may be another at the next call."""
        self.guard.expect(f"{self.guard.refer(function)}()", function(), label, by_value=True)

    def refuse(self, what: str, hint: str = "") -> None:
        """Raise CaptureError."""
        raise refused(what, hint)

    def requires_grad(self, var: Var, value: bool) -> None:
        """Refuse a change of requires_grad that would outlive the step."""
        known = self.values.get(id(var.array))
        outside = known is None or (known.root in self.states and self.states[known.root][0]() is var)
        if var.differentiable is not value and outside:
            raise refused("a change of requires_grad", "change it outside the step, or use x.detach()")

    def around(self, scope: Scope, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note that a module was called; its settings must be the same at a replay."""
        module: Any = scope.module
        if id(module) not in self.guard.labels:
            self.guard.reach(module, type(module).__name__)
            self.guard.explore()
        return self.outer(scope, forward, args, kwargs) if self.outer is not None else forward(*args, **kwargs)

    # ------------------------------------------------------------ the end

    def gradients(self) -> list[tuple[weakref.ref[Var], Value | None]]:
        """List the leaves whose `.grad` the step has set (by reference), with what it is now."""
        found: dict[int, tuple[weakref.ref[Var], Value | None]] = {}
        for _, reference, _ in self.history:
            leaf = reference()
            # else a leaf that the step made and forgets
            if leaf is not None and self.value(leaf, leaf.array).origin in ("state", "input"):
                g = leaf.gradient
                found[id(leaf)] = reference, None if g is None else self.value(g, g.array)
        return list(found.values())

    def settle(self, program: Program) -> None:
        """Let go of what the step made; guard what it takes from outside, and refuse what came from nowhere."""
        self.values.clear()
        self.alive.clear()
        gc.collect(0)  # collecting was off during the step: all that it made is young
        for value, (tensor, array, differentiable, place) in self.states.items():
            value.source = tensor()
            if value.source is None and (memory := array()) is not None:
                value.source = Var.wrap(memory)
            if value.source is None:
                raise refused("an array that NumPy made inside the step", FROM_NOWHERE, place)
            self.guard.expect(
                f"{self.guard.refer(value.source)}.differentiable", differentiable, f"requires_grad of {value.name}"
            )
        for leaf, entry, name in [(r(), entry, name) for r, entry, name in self.entries if r() is not None]:
            known = self.guard.refer(leaf)
            self.guard.expect(f"({known}.gradient is None)", entry is None, f"whether {name} has a .grad")
            if entry is not None:
                entry.source = leaf
                self.guard.expect(f"{known}.gradient.array.dtype.char", entry.dtype.char, f"{name}.grad")
        used = {id(value.source) for value in self.states}
        self.guard.hold_shapes((t, label) for t, label in self.guard.tensors if id(t) not in used)  # but for facts
        program.gradients = [(r(), value) for r, value in program.gradients if r() is not None]
        leaves = {id(leaf) for leaf, _ in program.gradients}
        program.history = [(number, r(), value) for number, r, value in self.history if id(r()) in leaves]


def capture(function: Callable[[], Any], inputs: dict[str, Var], guard: Guard) -> tuple[Any, Recorder]:
    """Run a step under a Recorder; give its result, and the recorder, which knows the rest.

    Raises:
        CaptureError: naming the user's line
    """
    recorder = Recorder(inputs, guard)
    recording, depth, scope = state.recording, len(state.before), state.scope
    try:
        state.recorder, state.around = recorder, recorder.around
        # The lock of slots_watched is taken and given back outside `watched`: a profiler is Python code that runs
        # before each call, so that a Ctrl-C inside it would keep a lock from being released, or a mode from being left.
        with recorder.dice.watched(), slots_watched():
            result = watched(function, Watch(guard.runs, guard.layer_runs))
    finally:
        state.recorder, state.around = None, recorder.outer
        state.recording, state.scope = recording, scope
        del state.before[depth:]
    for generator in recorder.dice.by_hand:
        label = next((label for g, label in guard.dice if g is generator), "random")
        raise refused("a draw from NumPy's random", OR_BESIDE, guard.place_of(label))
    unsafe = guard.not_to_be_compared()
    if unsafe is not None:
        raise refused(f"the use of {unsafe[0]},", OUTSIDE, unsafe[1])
    return result, recorder
