"""A step that was captured: its program, the form of its result, and what becomes of its arguments.

`captured` is the way in: it runs a function once and gives all that a plan is made of. Read last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..graph import Var
from ..guards.guard import Guard
from ..guards.watch import refused
from ..tensor import Tensor
from .capture import capture
from .forms import Place, filled, form_of
from .overlaps import check_overlaps
from .program import Array, Program, Value


@dataclass
class Captured:
    """What is known of a step after it has run once.

    places: of each tensor in the result, the number of the argument that it is, the tensor from outside, or None where
    it is computed; given: arguments whose `.grad` is set, whether to a tensor, and whether requires_grad is turned on.
    changed: what the step itself changes of what a plan takes for granted. arrays: of what was computed this time.
    """

    program: Program
    form: Any
    places: list[Any]
    given: list[tuple[int, bool, bool]]
    changed: str
    arrays: list[Array]

    @property
    def is_one_tensor(self) -> bool:
        """Whether the result is a tensor that the step computes, and nothing else is to be done."""
        alone = type(self.form) is Place and len(self.places) == 1 and not self.given
        return alone and self.places[0] is None

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


def captured(function: Callable[[], Any], inputs: dict[str, Var], tensors: list[Any], guard: Guard) -> Captured:
    """Run a function whose inputs stand in for tensors, and write down what it does.

    Raises:  CaptureError, naming the line, for what cannot be repeated with other values
    """
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
            f"compile: the step changes {changed[0]}, at {guard.place_of(changed[0])}.",
            expected="a forward pass that changes nothing but tensors",
            hint="return the value from the step, or register a tensor and change it in place under tg.no_grad()",
        )
    places = [p.source if isinstance(p, Value) else p for p in places]
    return Captured(program, form, places, given, changed[0] if changed is not None else "", arrays)
