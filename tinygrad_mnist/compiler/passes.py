"""Rewrite a captured step so that it does less: constants, repetitions, dead code, copies. Their order matters.

Each pass is a function of a Program. Look next at memory.py.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ..capture.program import EFFECTS, Instruction, Program, Value
from ..ops import elementwise

LITERALS = frozenset({int, float, bool, str, bytes, type(None), type(...)})


def is_literal(x: Any) -> bool:
    """Tell whether a static argument can be spelled in Python, and is the same for ever; others are kept by name."""
    if type(x) in (tuple, slice):
        return all(map(is_literal, x if type(x) is tuple else (x.start, x.stop, x.step)))
    return type(x) in LITERALS or (isinstance(x, np.dtype) and x.names is None and x.kind in "fiub")


class Replaced(dict[Value, Value]):
    """Values that others stand in for."""

    def of(self, x: Any) -> Any:
        """Give what stands in for a value; other things stay."""
        while isinstance(x, Value) and x in self:
            x = self[x]
        return x

    def inside(self, step: Instruction) -> Instruction:
        """Replace what an instruction uses."""
        step.inputs = [self.of(x) for x in step.inputs]
        for value in step.outputs:
            value.base = self.of(value.base)
        return step

    def finish(self, program: Program, kept: list[Instruction]) -> None:
        """Leave a program with these instructions, and replace what it gives back."""
        program.instructions = kept
        program.results = [self.of(v) for v in program.results]
        program.gradients = [(leaf, self.of(v)) for leaf, v in program.gradients]


def fold_constants(program: Program) -> None:
    """Compute once, now, what depends on constants alone."""
    kept = []
    for step in program.instructions:
        fixed = all(v.root.origin == "constant" for v in step.values())
        if step.primitive is None or not fixed or not all(map(is_literal, step.static.values())):
            kept.append(step)
            continue
        found = step.primitive.forward(*[x.source if isinstance(x, Value) else x for x in step.inputs], **step.static)
        for value, array in zip(step.outputs, found if step.primitive.residuals else [found], strict=False):
            value.origin, value.base = "constant", None
            value.source = np.asarray(array).astype(value.dtype, copy=False)
    program.instructions = kept


def skip_identities(program: Program) -> None:
    """Leave out what gives its argument back: a reshape to the same shape, a transpose that another one undoes."""
    replaced = Replaced()
    transposed: dict[Value, Instruction] = {}
    kept = []
    for step in program.instructions:
        replaced.inside(step)
        kept.append(step)
        if not step.is_view or step.name not in ("reshape", "sum_to", "broadcast_to", "transpose"):
            continue
        x, out = step.inputs[0], step.outputs[0]
        same = x.shape == out.shape
        if step.name == "transpose":
            axes = tuple(a % len(x.shape) for a in step.static["axes"])
            before = transposed.get(x)
            if before is not None:  # both at once
                x, axes = before.inputs[0], tuple(before.static["axes"][a] for a in axes)
            step.inputs, step.static, out.base = [x], {"axes": axes}, x
            transposed[out] = step
            same = axes == tuple(range(len(axes)))
        if same:
            replaced[out] = x
            kept.pop()
    replaced.finish(program, kept)


def share_common(program: Program) -> None:
    """Compute what is the same once. A clone stays: its purpose is memory of its own."""
    known: dict[Hashable, list[Value]] = {}
    changes: dict[Value, int] = {}  # how often memory from outside has been written so far
    replaced = Replaced()
    kept = []
    for step in program.instructions:
        replaced.inside(step)
        if step.name in EFFECTS or step.name == "clone":
            for value in step.outputs:
                changes[value.root] = changes.get(value.root, 0) + 1
            kept.append(step)
            continue
        arguments = tuple(
            (id(x), changes.get(x.root, 0)) if isinstance(x, Value) else (type(x), repr(x)) for x in step.inputs
        )
        static = tuple((k, repr(v) if is_literal(v) else id(v)) for k, v in sorted(step.static.items()))
        before = known.setdefault((step.name, step.primitive, arguments, static), step.outputs)
        if before is step.outputs or len(before) != len(step.outputs):
            kept.append(step)
        else:
            replaced.update(zip(step.outputs, before, strict=True))
    replaced.finish(program, kept)


def own_gradients(program: Program) -> None:
    """Give every `.grad` memory of its own: a value that something else may hold is copied; what was there stays."""
    taken: set[Value] = {v.root for v in program.results}
    same = [v is not None and v.holder.origin == "gradient" and v.holder.source is x for x, v in program.gradients]
    program.gradients = [pair for pair, stays in zip(program.gradients, same, strict=True) if not stays]
    for i, (_, value) in enumerate(program.gradients):
        if value is None:
            continue
        if value.root.origin != "result" or value.base is not None or value in taken:
            copy = Value(next_index(program), value.shape, value.dtype, tuple(range(len(value.shape))))
            program.instructions.append(Instruction("clone", [value], [copy], {}, elementwise.clone))
            program.gradients[i] = (program.gradients[i][0], copy)
        taken.add(program.gradients[i][1].root)  # type: ignore[union-attr]


def next_index(program: Program) -> int:
    """Find a number that no value has."""
    used = [v.index for s in program.instructions for v in (*s.outputs, *s.values())]
    return 1 + max(used + [v.index for v in program.inputs], default=0)


def drop_dead(program: Program) -> None:
    """Leave out what nothing needs, and residuals where there is a quicker way without them."""
    needed: set[Value] = set()

    def need(value: Value | None) -> None:
        while value is not None and value not in needed:
            needed.add(value)
            value = value.base

    for value in program.kept():
        need(value)
    kept = []
    for step in reversed(program.instructions):
        if step.name in EFFECTS or any(v in needed for v in step.outputs):
            for value in step.values():
                need(value)
            if step.primitive is not None and step.primitive.unrecorded is not None and step.outputs[-1] not in needed:
                step.outputs = step.outputs[:1]
            kept.append(step)
    program.instructions = kept[::-1]


def skip_copies(program: Program) -> None:
    """Read a value itself instead of a copy, where it does not change as long as the copy is used.

    A copy made for a `.grad` goes, too, where the value has memory of its own that nothing else keeps.
    """
    last = program.last_uses()
    pinned = {v.root for _, v in program.gradients if v is not None}
    kept_for_itself = {v.root for v in program.kept()}
    changed: dict[Value, list[int]] = {}
    for i, step in enumerate(program.instructions):
        for value in step.outputs if step.name in ("write", "update") else ():
            changed.setdefault(value.root, []).append(i)
    replaced = Replaced()
    kept = []
    for i, step in enumerate(program.instructions):
        replaced.inside(step)
        if step.name == "clone" and step.inputs[0].fits(step.outputs[0]):
            source, copy = step.inputs[0], step.outputs[0]
            if copy in pinned:
                if source.origin == "result" and source.base is None and source not in kept_for_itself:
                    replaced[copy] = source
                    kept_for_itself.add(source)
                else:
                    kept.append(step)
                continue
            end = max(last[copy], last.get(replaced.of(copy), 0))
            if not any(i < j < end for j in changed.get(source.root, [])):
                replaced[copy] = source
                last[source.root] = max(last.get(source.root, 0), end)
                continue
        kept.append(step)
    replaced.finish(program, kept)


def simplify(program: Program) -> None:
    """Do the passes that leave out work."""
    fold_constants(program)
    skip_identities(program)
    share_common(program)
    own_gradients(program)
    drop_dead(program)
    skip_copies(program)
