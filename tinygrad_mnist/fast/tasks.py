"""Turn a program into tasks that threads can share by rows, in phases between which they wait for each other.

A task computes rows of its results: rows of the batch for a layer, rows of the weight for its gradient and its update.
A thread does the same share of rows in every task with as many, so tasks follow each other in one phase as long as
each reads, of what the phase computes, its own rows only. Look next at rows.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..capture.program import EFFECTS, Instruction, Value


@dataclass(eq=False)
class Task:
    """One thing to do. rows: how many rows of it are shared out, None where NumPy does it whole.

    own: positions of the inputs of which a thread reads its own rows only; step: the instruction it comes from; of: the
    primitive whose loop says what each element is, where it is computed by itself.
    """

    name: str
    inputs: list[Any]
    outputs: list[Value]
    rows: int | None
    own: tuple[int, ...]
    step: Instruction
    static: dict[str, Any] = field(default_factory=dict)
    of: Any = None

    @property
    def note(self) -> str:
        """Say what is done, and in which module."""
        return f"{self.step.name} in {self.step.where}" if self.step.where else self.step.name

    def values(self) -> list[Value]:
        """List the values that go in."""
        return [x for x in self.inputs if isinstance(x, Value)]


@dataclass(eq=False)
class Phase:
    """What happens between two meetings of the threads: first NumPy's tasks, then the shared ones."""

    whole: list[Task] = field(default_factory=list)
    shared: list[Task] = field(default_factory=list)


def schedule(tasks: list[Task]) -> list[Phase]:
    """Put every task into the earliest phase that it can be done in, keeping the order inside each."""
    level: dict[Task, int] = {}
    maker: dict[Value, Task] = {}
    readers: dict[Value, list[Task]] = {}
    floor = 0  # for tasks that change something: effects stay in order
    for task in tasks:
        at = 0
        for i, v in enumerate(task.inputs):
            if not isinstance(v, Value):
                continue
            for before in (maker.get(v), maker.get(v.root)):  # what made it, and what changed its memory last
                if before is not None:
                    at = max(at, level[before] + (not follows(before, task, v, i in task.own)))
        if task.step.name in EFFECTS:
            changed = {v.root for v in (*task.outputs, *task.values()[:1]) if v.root.origin != "result"}
            for v in changed:
                for reader in readers.get(v, []):
                    whole = reader.rows is None
                    aligned = reader.rows == task.rows and reader.name == "update"
                    at = max(at, level[reader] + (not whole and not aligned))
            if task.step.name == "effect":
                at = max(at, 1 + max(level.values(), default=-1))
            at = max(at, floor)
            floor = at + 1 if task.step.name == "effect" else floor
        level[task] = at
        for v in task.outputs:
            maker[v] = maker[v.root] = task
        for v in task.values():
            readers.setdefault(v.root, []).append(task)
    phases = [Phase() for _ in range(1 + max(level.values(), default=-1))]
    for task in tasks:
        (phases[level[task]].whole if task.rows is None else phases[level[task]].shared).append(task)
    return phases


def follows(before: Task, after: Task, value: Value, own: bool) -> bool:
    """Tell whether a task may be in the phase of one whose result it reads."""
    if before.rows is None:
        return True  # NumPy comes first, and in order
    if after.rows is None or not own:
        return False
    return before.rows == after.rows == (value.shape or (0,))[0] == (value.root.shape or (0,))[0]
