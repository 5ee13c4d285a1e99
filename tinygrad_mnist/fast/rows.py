"""How values lie in memory as rows, and the tasks on them one by one.

Look next at lowering.py, which asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..capture.program import Instruction, Program, Value
from ..core.primitive import Primitive
from .tasks import Task


def channels_last(v: Value) -> bool:
    """Tell whether images lie in memory as H, W, C."""
    return len(v.shape) == 4 and (v.axes == (0, 2, 3, 1) or (v.shape[1] == 1 and v.axes == (0, 1, 2, 3)))


def is_number(x: object) -> bool:
    """Tell whether an operand is one number: one of Python's, or a constant all of whose elements are the same."""
    if not isinstance(x, Value):
        return True
    return x.origin == "constant" and bool(x.source.size and (x.source == x.source.reshape(-1)[0]).all())


def in_order(v: Value) -> bool:
    """Tell whether the memory order is that of the axes, an axis of size 1 being anywhere."""
    long = [a for a in v.axes if v.shape[a] != 1]
    return long == sorted(long)


class Shares(Value):
    """What each thread has computed of a sum: one array of each."""


class Rows:
    """The list of tasks on a program's values, and values that it does not have."""

    def __init__(self, program: Program, threads: int) -> None:
        self.threads = threads
        self.taken = {v.name for s in program.instructions for v in (*s.values(), *s.outputs)}
        self.tasks: list[Task] = []
        self.made_by = {v: s for s in program.instructions for v in s.outputs}
        self.turned: dict[Value, Value] = {}
        self.index = 0
        kinds = {v.dtype.char for v in self.made_by if v.dtype.kind == "f"}
        self.kind = kinds.pop() if len(kinds) == 1 and kinds <= {"f", "d"} else ""

    def add(
        self, step: Instruction, name: str, inputs: Sequence[Any], outputs: Sequence[Value], rows: int,
        own: Iterable[int], of: Primitive | None = None, **static: Any,
    ) -> bool:  # fmt: skip
        """Append a task, unless an array is empty or a result would lie in memory as rows do not."""
        if any(isinstance(v, Value) and 0 in v.shape for v in (*inputs, *outputs)):
            return False
        if not all(isinstance(v, Shares) or in_order(v) or channels_last(v) for v in outputs):
            return False
        self.tasks.append(Task(name, list(inputs), list(outputs), rows, tuple(own), step, static, of))
        return True

    def value(
        self, name: str, shape: tuple[int, ...], axes: tuple[int, ...] | None = None, dtype: str = "",
        kind: type[Value] = Value,
    ) -> Value:  # fmt: skip
        """Make a value that the program does not have, and whose name no value of it has."""
        self.index += 1
        while f"{name}_{self.index}" in self.taken:
            self.index += 1
        order = tuple(range(len(shape))) if axes is None else axes
        return kind(self.index, shape, dtype or self.kind, order, name=f"{name}_{self.index}")

    def plain(self, x: object) -> bool:
        """Tell whether a value is an array whose memory can be taken as rows: not stretched, transposed or cut."""
        if not isinstance(x, Value) or x.dtype.char not in (self.kind, "l", "q", "B", "?") or not x.dtype.isnative:
            return False
        if (x.dtype.kind == "i" and x.dtype.itemsize != 8) or not (in_order(x) or channels_last(x)):
            return False
        maker, x = self.made_by.get(x), x.holder
        if maker is None or not maker.is_view:
            array = {"constant": x.source, "state": getattr(x.source, "array", None)}.get(x.origin)
            return array is None or bool(array.transpose(x.axes).flags.c_contiguous)
        return maker.name == "reshape" and in_order(x) and in_order(maker.inputs[0]) and self.plain(maker.inputs[0])

    def stretched_from(self, x: Any) -> Any:
        """Look through broadcast_to."""
        while isinstance(x, Value) and x in self.made_by and self.made_by[x].name == "broadcast_to":
            x = self.made_by[x].inputs[0]
        return x

    def turn(self, step: Instruction, x: Value, last: bool) -> Value | None:
        """Bring images to channels-last memory, or to C order; None if they cannot be."""
        if channels_last(x) if last else in_order(x):
            return x
        if len(x.shape) != 4 or not self.plain(x):
            return None
        if x not in self.turned:
            n, c, h, w = x.shape
            out = self.value("turned", x.shape, (0, 2, 3, 1) if last else None)
            sizes = (c, h * w) if last else (h * w, c)
            if not self.add(step, "turn", [x], [out], n, (0,), sizes=sizes):
                return None
            self.turned[x] = out
        return self.turned[x]
