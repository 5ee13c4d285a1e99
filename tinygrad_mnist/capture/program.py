"""What a captured step is: a straight line of instructions on values. Each value is computed once.

Values are shapes with a memory order and an origin; they hold no numbers, except constants. Capture makes a Program,
the passes rewrite it, replay gives its values memory and runs it. Look next at capture/capture.py, compiler/.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.graph import Array as Array
from ..core.primitive import Primitive
from ..core.reprs import in_html
from ..core.scope import Scope


class Value:
    """One array of the step.

    origin: "input" (source: its position among the step's arrays), "state" (source: a tensor that outlives the step),
    "gradient" (source: the leaf whose `.grad` it is at entry), "constant" (source: the array) or "result".
    axes run from the one with the longest stride to the one with the shortest. packed: the elements fill their memory,
    without gaps, repeats or backward steps. base: the value whose memory this one looks at or, in_place, takes over.
    fresh: its memory is made anew at every call, and leaves with the result.
    """

    def __init__(
        self, index: int, shape: tuple[int, ...], dtype: np.dtype[Any] | str, axes: tuple[int, ...],
        origin: str = "result", source: Any = None, base: Value | None = None, name: str = "",
    ) -> None:  # fmt: skip
        self.index, self.shape, self.dtype, self.axes = index, shape, np.dtype(dtype), axes
        self.origin, self.source, self.base = origin, source, base
        self.name = name or f"v{index}"
        self.packed, self.in_place, self.fresh = True, False, False

    @classmethod
    def of(cls, index: int, array: Array, origin: str, base: Value | None = None, name: str = "") -> Value:
        """Make the value that stands for an array."""
        axes = tuple(sorted(range(array.ndim), key=lambda a: (-abs(array.strides[a]), a)))
        value = cls(index, array.shape, array.dtype, axes, origin, None, base, name)
        value.packed = array.transpose(axes).flags.c_contiguous
        return value

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        size: int = self.dtype.itemsize
        return math.prod(self.shape) * size

    @property
    def root(self) -> Value:
        """The value that owns the memory."""
        value = self
        while value.base is not None:
            value = value.base
        return value

    @property
    def holder(self) -> Value:
        """The value whose array this one uses: itself, or the one that it took the place of."""
        value = self
        while value.in_place and value.base is not None:
            value = value.base
        return value

    def take(self, other: Value) -> None:
        """Take the place of another value (its holder, so that a long chain of such steps stays short)."""
        self.base, self.in_place = other.holder, True

    def fits(self, other: Value) -> bool:
        """Tell whether both have the same elements in the same places of memory that they fill."""
        same = (self.shape, self.dtype, self.axes) == (other.shape, other.dtype, other.axes)
        return same and self.packed and other.packed

    def __repr__(self) -> str:
        return f"{self.name} {self.shape} {self.dtype}"

    def empty(self, memory: Array | None = None) -> Array:
        """Make an array of this shape and memory order, in the bytes given if any."""
        sizes = [self.shape[a] for a in self.axes]
        flat = np.empty(sizes, self.dtype) if memory is None else memory[: self.nbytes].view(self.dtype).reshape(sizes)
        return flat.transpose(np.argsort(self.axes)) if self.axes else flat

    def new(self) -> str:
        """Spell such an array in Python."""
        text = f"np.empty({tuple(self.shape[a] for a in self.axes)}, {self.dtype.str!r})"
        order = tuple(map(self.axes.index, sorted(self.axes)))
        return text if self.is_straight else f"np.empty_like({text}.transpose({order}))"  # whose memory is its own

    def copy(self, order: str) -> str:
        """Spell a copy in the same memory order ("K"), or that of the axes ("C")."""
        return f"{self.holder.name}.copy({'' if self.is_straight or order == 'C' else repr('K')})"

    @property
    def is_straight(self) -> bool:
        """Whether the axes lie in memory in their order."""
        return self.axes == tuple(sorted(self.axes))


# What is done besides computing a value: it stays, in its place, whatever becomes of its outputs.
EFFECTS = frozenset({"draw", "write", "update", "effect"})


class Instruction:
    """One call. name: the primitive's, or draw, write, update, effect.

    inputs are Values and Python's numbers; outputs the result and, where a primitive has them, its residuals. action
    is, of a draw, (fill, generator); of an update, (optimizer, parameter, group); of an effect, what to call. number is
    the position at capture; scope and where tell which module called, and backward whether one of its rules did.
    """

    def __init__(
        self, name: str, inputs: list[Any], outputs: list[Value], static: dict[str, Any] | None = None,
        primitive: Primitive | None = None, action: Any = None, number: int = 0,
    ) -> None:  # fmt: skip
        self.name, self.inputs, self.outputs, self.static = name, inputs, outputs, static or {}
        self.primitive, self.action, self.number = primitive, action, number
        self.scope: Scope | None = None
        self.where, self.backward = "", False
        self.microseconds: float | None = None

    def values(self) -> list[Value]:
        """List the values that go in."""
        return [x for x in self.inputs if isinstance(x, Value)]

    @property
    def in_place(self) -> bool:
        """Whether the result takes the place of an input."""
        return self.primitive is not None and self.outputs[0].in_place

    @property
    def is_view(self) -> bool:
        """Whether the result looks at the memory of an input, so that nothing is computed."""
        return self.primitive is not None and self.outputs[0].base is not None and not self.in_place

    def __repr__(self) -> str:
        return f"{self.name} {self.inputs} -> {self.outputs}"


class Program:
    """A captured step: instructions, and what must be there afterwards.

    results: values to give back; gradients: what `.grad` of each leaf is then; history: (number, leaf, value) for every
    time that the step sets a `.grad`, before the instruction of that number. offsets and size say where in one block of
    memory the results lie (see memory.assign_memory). gives: "" if results are copies, else results leave in
    the memory that they are computed in, made anew at every call, and only what is no more than a view of such, or of
    an input, is copied: in its own memory order ("K"), or that of its axes ("C").
    """

    def __init__(
        self, instructions: list[Instruction], inputs: list[Value], results: list[Value],
        gradients: list[tuple[Any, Value | None]], history: list[tuple[int, Any, Value | None]] | None = None,
    ) -> None:  # fmt: skip
        self.instructions, self.inputs, self.results, self.gradients = instructions, inputs, results, gradients
        self.history = history or []
        self.views: set[int] = set()  # numbers of the results that look at memory from outside, and are not copied
        self.gives = ""
        self.offsets: dict[Value, int] = {}
        self.size = 0
        self.wholes: dict[str, float] = {}  # µs of what can only be measured as a whole
        self.fused: dict[Instruction, str] = {}  # ... and which of these an instruction is part of
        self.scratch: set[Value] = set()  # values of which threads keep one row at a time

    def kept(self) -> list[Value]:
        """List the values that are needed when the step is over."""
        return self.results + [v for _, v in self.gradients if v is not None]

    def states(self) -> set[Value]:
        """List the values from outside that instructions read."""
        return {v.root for s in self.instructions for v in s.values() if v.root.origin == "state"}

    def give_away(self) -> dict[int, Value]:
        """Have results computed in fresh memory, where each is all that its memory is for: list them by position."""
        given: dict[int, Value] = {}
        for i, value in enumerate(self.results if self.gives else ()):
            root = value.root
            if root is value.holder and root.origin == "result" and not root.fresh:
                given[i], root.fresh = root, True
        return given

    def last_uses(self) -> dict[Value, int]:
        """Find for every owner of memory the last instruction that uses it or a view of it."""
        last: dict[Value, int] = {}
        for i, step in enumerate(self.instructions):
            for value in [*step.outputs, *step.values()]:
                last[value.root] = i
        for value in self.kept():
            last[value.root] = len(self.instructions)
        return last

    # ------------------------------------------------------------ the table

    @property
    def time(self) -> float:
        """Microseconds of a call, where they were measured, else 0."""
        return sum(s.microseconds or 0 for s in self.instructions) + sum(self.wholes.values())

    def rows(self) -> list[tuple[str, ...]]:
        """List what the table says: its head, then an instruction in each row."""
        total = self.time
        head = "#", "op", "shapes", "result", "buffer", "bytes", "in place", "µs", "%", "module"
        rows: list[tuple[str, ...]] = [head]
        for i, s in enumerate(self.instructions):
            shapes = ", ".join(str(v.shape) for v in s.values()) + " → " + ", ".join(str(v.shape) for v in s.outputs)
            own = sum(v.nbytes for v in s.outputs if v.base is None and v not in self.scratch)
            time = ("", "") if s.microseconds is None else (f"{s.microseconds:.1f}", share(s.microseconds, total))
            name = s.outputs[0].holder.name if s.outputs else ""
            place = "yes" if s.outputs and s.outputs[0].in_place else ""
            module = f"{s.where} (backward)" if s.backward else s.where
            rows.append((str(i), s.name, shapes, name, self.buffer(s), f"{own:,}" if own else "", place, *time, module))
        return rows

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        form = "  ".join(f"{{:{side}{width}}}" for side, width in zip("><<<<><>><", widths, strict=True))
        lines = [form.format(*row).rstrip() for row in rows]
        return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:], "", *self.totals()])

    _repr_html_ = in_html("program")

    def buffer(self, step: Instruction) -> str:
        """Say where the result of an instruction lies."""
        if not step.outputs:
            return ""
        root = step.outputs[0].root
        if step.is_view and step.outputs[0].base is not None:
            return f"view of {step.outputs[0].base.holder.name}"
        if root in self.scratch:
            return "scratch, a row"
        if root in self.offsets:
            return f"arena {self.offsets[root]:,}"
        return "its own" if root.origin == "result" else root.origin

    def totals(self) -> list[str]:
        """Sum up: instructions, memory, and where the time goes."""
        views = sum(s.is_view for s in self.instructions)
        time = self.time
        owned = [v for s in self.instructions for v in s.outputs if v.origin == "result" and not s.is_view]
        kept = sum(v.root.nbytes for _, v in self.gradients if v is not None)
        lines = [
            f"{len(self.instructions)} instructions, {views} of them views that cost nothing",
            f"arena {self.size:,} bytes; without reuse {sum(v.nbytes for v in owned):,}; gradients {kept:,}",
        ]
        lines += [f"{name}: {spent:,.1f} µs" for name, spent in self.wholes.items()]
        if time and not self.wholes:
            phases = {"forward": 0.0, "backward": 0.0, "update": 0.0}
            for s in self.instructions:
                phase = "update" if s.name in ("update", "write", "effect") else "backward" if s.backward else "forward"
                phases[phase] += s.microseconds or 0
            lines.append(f"{time:,.1f} µs: " + ", ".join(f"{k} {share(v, time)} %" for k, v in phases.items()))
        return lines


def share(part: float, whole: float) -> str:
    """Write a part in percent of the whole."""
    return f"{100 * part / whole:.0f}" if whole else "0"


def name_values(program: Program) -> None:
    """Name results after what computes them, and gradients after their leaves."""
    values = [v for s in program.instructions for v in s.values()]
    leaves = {id(v.source): v.name for v in values if v.origin == "state"}
    taken = {v.name for v in (*values, *program.inputs) if v.origin not in ("result", "constant")}
    count: dict[str, int] = {}
    kinds = [(v, "constant") for v in values if v.origin == "constant"]
    for step in program.instructions:
        kind = step.action[0].__name__ if step.name == "draw" else step.name
        kinds += [(v, k) for v, k in zip(step.outputs, (kind, f"{kind}_saved"), strict=False) if v.origin != "state"]
    for value, kind in dict(kinds).items():
        value.name = kind
        while value.name == kind or value.name in taken:
            count[kind] = count.get(kind, 0) + 1
            value.name = f"{kind}_{count[kind]}"
        taken.add(value.name)
    for leaf, gradient in program.gradients:
        name = f"{leaves.get(id(leaf))}_grad"
        if gradient is not None and id(leaf) in leaves and name not in taken:
            gradient.root.name = name
