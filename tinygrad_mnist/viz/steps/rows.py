"""Where the instructions of a step stand in its picture: a row for each module call, and in it three columns.

Forward runs down the first column and backward up the second, so that a layer's backward pass stands beside its forward
pass; what follows from gradients (updates above all) is the third. Knows Programs, no DOT. Look next at program.py.
"""

from __future__ import annotations

from ...capture.program import Instruction, Program, Value

FORWARD, BACKWARD, AFTER = range(3)


class Rows:
    """The row and the column of every instruction. count: how many rows there are."""

    def __init__(self, program: Program) -> None:
        self.column: dict[Instruction, int] = {}
        self.row: dict[Instruction, int] = {}
        self.maker: dict[Value, Instruction] = {v: s for s in program.instructions for v in s.outputs}
        self.called: dict[str, list[int]] = {}  # rows of a module, in order of its calls
        for s in program.instructions:
            self.column[s] = self.column_of(s)
        self.count = self.place_forward([s for s in program.instructions if self.column[s] == FORWARD])
        self.place_backward([s for s in program.instructions if self.column[s] == BACKWARD])
        for s in program.instructions:
            if self.column[s] == AFTER:
                self.row[s] = min((self.row[m] for m in self.makers(s) if self.column[m]), default=self.count - 1)

    def makers(self, s: Instruction) -> list[Instruction]:
        """List the instructions whose results one uses."""
        return [self.maker[v] for v in s.values() if v in self.maker]

    def column_of(self, s: Instruction) -> int:
        """Tell forward, backward, and what needs a gradient."""
        if s.backward:
            return BACKWARD
        late = any(self.column[m] for m in self.makers(s) if m in self.column)
        late |= s.name == "effect" and any(self.column.values())  # a schedule's step
        return AFTER if late or s.name == "update" else FORWARD

    def place_forward(self, steps: list[Instruction]) -> int:
        """Begin a row wherever another module is at work; count them."""
        row, where = -1, None
        for s in steps:
            if s.where != where:
                row, where = row + 1, s.where
                self.called.setdefault(where, []).append(row)
            self.row[s] = row
        return max(row + 1, 1)

    def place_backward(self, steps: list[Instruction]) -> None:
        """Give each run of a module's rules the row of a call: they come back in the opposite order."""
        left = {where: list(rows) for where, rows in self.called.items()}
        row, where = self.count - 1, None
        for s in steps:
            if s.where != where:
                where = s.where
                rows = left.get(where, [])
                row = (rows.pop() if len(rows) > 1 else rows[0]) if rows else row
            self.row[s] = row
