"""A step that was captured: its program, the form of its result, and what becomes of its arguments.

`captured` is the way in: it runs a function once and gives all that a plan is made of. Read last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from sys import getrefcount
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..core.errors import CaptureError
from ..core.graph import Var, share
from ..tensors.tensor import Tensor
from .capture import Recorder, capture
from .forms import Held, Kept, Place, containers, filled, form_of, tensors_in
from .guards.guard import Guard
from .guards.watch import refused
from .overlaps import check_overlaps
from .program import Array, Program, Value

ALONE = 2  # references to a thing that only one variable holds, as getrefcount counts


@dataclass
class GradOf:
    """Stands for the `.grad` of an argument, by number, or of a tensor from outside, by reference."""

    leaf: int | Callable[[], Any]

    def find(self, tensors: list[Any], result: list[Var]) -> Any:
        """Give the `.grad`."""
        return (tensors[self.leaf] if isinstance(self.leaf, int) else self.leaf()).gradient


@dataclass
class PartOf:
    """Stands for a view of another tensor of the result, by number, or of a `.grad`, which began at start."""

    owner: GradOf | int
    interface: dict[str, Any]
    start: int

    def find(self, tensors: list[Any], result: list[Var]) -> Var:
        """Make the view."""
        owner = self.owner.find(tensors, result) if isinstance(self.owner, GradOf) else result[self.owner]
        data = owner.array.ctypes.data + self.interface["data"][0] - self.start, False
        return view_of(owner, looking({**self.interface, "data": data}, owner.array))


@dataclass
class Captured:
    """What is known of a step after it has run once.

    places: of each tensor in the result, the number of the argument that it is, the tensor from outside, or None where
    it is computed; views: of those computed, whose memory they look at (an argument's, by number, or a tensor's);
    given: arguments whose `.grad` is set, whether to a tensor, and whether requires_grad is turned on.
    changed: what the step itself changes of what a plan takes for granted. arrays: what was computed this time.
    lends: whether a list or dict among the arguments comes back.
    """

    program: Program
    form: Any
    places: list[Any]
    views: dict[int, Any]
    given: list[tuple[int, bool, bool]]
    changed: str
    arrays: list[Any]
    lends: bool

    @property
    def is_one_tensor(self) -> bool:
        """Whether the result is a tensor that the step computes, and nothing else is to be done."""
        alone = type(self.form) is Place and len(self.places) == 1 and not self.given
        return alone and self.places[0] is None and not self.views

    def give(self, found: list[Any], tensors: list[Any], arguments: Any) -> Any:
        """Make the result of the arrays that were computed, and set `.grad` of arguments."""
        made = [x if isinstance(x, Var) else Tensor.wrap(x) for x in found]
        for i, source in self.views.items():
            owner = tensors[source] if isinstance(source, int) else source
            made[i] = view_of(owner, made[i].array) if isinstance(owner, Var) else made[i]
        computed = iter(made)
        result = [tensors[p] if isinstance(p, int) else next(computed) if p is None else p for p in self.places]
        for position, is_set, flag in self.given:
            g = next(computed) if is_set else None
            if isinstance(tensors[position], Var):
                tensors[position].gradient = g
                tensors[position].differentiable |= flag
        for i, p in enumerate(self.places):
            if isinstance(p, GradOf | PartOf):
                result[i] = p.find(tensors, result)
        return filled(self.form, result, containers(arguments) if self.lends else [])

    def with_views(self, found: list[Array], result: Any) -> list[Array]:
        """Put the views that the function itself gave in the places of those that its plan made of copies."""
        computed = [t.array for t, p in zip(tensors_in(result), self.places, strict=False) if p is None]
        return [computed[i] if i in self.views else a for i, a in enumerate(found)]


def captured(
    function: Callable[[], Any], inputs: dict[str, Var], tensors: list[Any], guard: Guard, arguments: Any = None
) -> Captured:
    """Run a function whose inputs stand in for tensors, and write down what it does.

    arguments: those that it is called with, whose lists and dicts may come back
    Raises:
        CaptureError: naming the line, for what cannot be repeated with other values
    """
    found: list[Var] = []
    before = set(guard.labels)
    held = {id(c): Held(i) for i, c in enumerate(containers(arguments))}
    lent: list[Held] = []
    try:
        result, recorder = capture(function, inputs, guard)
    except Exception:
        for x, original in zip(inputs.values(), tensors, strict=True):
            if isinstance(original, Var):
                original.gradient, original.differentiable = x.gradient, x.differentiable
        raise

    def lasting(x: Any) -> Any:
        """Give what stands for a thing that was there before the step."""
        if isinstance(x, dict | list | tuple):
            lent.extend([held[id(x)]] if id(x) in held else [])
            return held.get(id(x), Kept(x) if id(x) in before and arguments is not None else None)
        return x if id(x) in guard.labels and not isinstance(x, np.ndarray) else None

    try:
        form = form_of(result, found, lasting)
    except TypeError as error:
        hint = "return tensors, numbers, and tuples, lists or dicts of them"
        raise refused(f"a result of type {error}", hint, guard.home) from None
    del result
    stand_ins = list(inputs.values())
    program = Program(recorder.instructions, recorder.inputs, [], [])
    places: list[Any] = []
    views: dict[int, Any] = {}
    arrays: list[Any] = []
    owners: dict[Value, tuple[int, int]] = {}  # of memory that the step made: which tensor, where it starts
    for i, (value, start) in enumerate([(recorder.value(t, t.array), t.array.ctypes.data) for t in found]):
        if value.root.origin == "result" and is_whole(value):
            owners.setdefault(value.root, (i, start))
    while found:  # given up one by one: what the result alone keeps alive came from nowhere
        t = found.pop(0)
        value = recorder.value(t, t.array)
        if t.node is not None and t.node.freed_by is None:
            hint = "call backward inside the compiled step, return loss.detach(), or compile under tg.no_grad()"
            raise refused(f"a result {t.shape} that still waits for its backward", hint, guard.home)
        places.append(next((i for i, x in enumerate(stand_ins) if x is t), None))
        if places[-1] is None and value.root in recorder.states and recorder.states[value.root][0]() is t:
            places[-1] = value.root if getrefcount(t) > ALONE else None
        if places[-1] is None and arguments is not None:
            places[-1] = leaf_with(t, value, stand_ins, recorder)
            owner, start = owners.get(value.root, (len(places) - 1, 0))
            if places[-1] is None and owner != len(places) - 1:
                places[-1] = PartOf(owner, t.array.__array_interface__, start)
        if places[-1] is None:
            if value.root.origin in ("state", "input"):
                views[len(arrays)] = value.root, t.array.__array_interface__
            program.results.append(value)
            own = t.node is None and value.root.origin == "result"  # and the step may have kept it
            arrays.append(None if len(arrays) in views else t if own else t.array.copy())
        del t
    given = []
    gradients = {id(reference()): (reference, value) for reference, value in recorder.gradients()}
    for i, (x, original) in enumerate(zip(stand_ins, tensors, strict=True)):
        if any(x is other for other in stand_ins[:i]):
            continue
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
        what = f"compile: the step changes {changed[0]}, at {guard.place_of(changed[0])}."
        hint = "return the value from the step, or register a tensor and change it in place under tg.no_grad()"
        raise CaptureError(what, expected="a forward pass that changes nothing but tensors", hint=hint)
    places = [p.source if isinstance(p, Value) else p for p in places]
    for i, (root, interface) in views.items():
        views[i] = root.source
        memory = root.source.array if root.origin == "state" else stand_ins[root.source].array
        arrays[i] = looking(interface, memory)
    program.views = set(views)
    return Captured(program, form, places, views, given, changed[0] if changed else "", arrays, bool(lent))


def leaf_with(t: Var, value: Value, inputs: list[Var], recorder: Recorder) -> GradOf | PartOf | None:
    """Find the argument or tensor from outside whose `.grad` a result is, or is a view of."""
    leaves: list[Any] = [*enumerate(inputs), *((r, r()) for r, *_ in recorder.states.values())]
    for key, leaf in leaves:
        g = None if leaf is None else leaf.gradient
        if g is t:
            return GradOf(key)
        if g is not None and value.root.origin in ("result", "gradient"):
            known = recorder.values.get(id(g.array))
            if known is not None and known.root is value.root and is_whole(known):
                return PartOf(GradOf(key), t.array.__array_interface__, g.array.ctypes.data)
    return None


def is_whole(value: Value) -> bool:
    """Tell whether a value is all of its memory."""
    return value.packed and value.nbytes == value.root.nbytes


def looking(interface: dict[str, Any], memory: Array) -> Array:
    """Make an array that looks at the memory of another in this way."""
    return np.asarray(SimpleNamespace(__array_interface__=interface, base=memory))


def view_of(owner: Var, array: Array) -> Var:
    """Make a tensor of an array that looks at another tensor's memory."""
    result = Tensor.wrap(array)
    share(result, owner)
    return result
