"""Where the results of a captured step go, once passes.py has left out what need not be done.

Over an input that is done with, into memory from outside, else into one block of memory that is shared over time. Look
next at numpy_source.py.
"""

from __future__ import annotations

from ..capture.program import Instruction, Program, Value

WRITABLE = frozenset({"reshape", "transpose", "getitem"})  # views of all elements, each once
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


def run_in_place(program: Program) -> None:
    """Let results take the place of an input that is used for the last time, where the operation allows it."""
    last = program.last_uses()
    gradients = {v for _, v in program.gradients if v is not None}
    maker = {v: s for s in program.instructions for v in s.outputs}
    for i, step in enumerate(program.instructions):
        out = step.outputs[0] if step.outputs else None
        if out is None or step.primitive is None or out.base is not None:
            continue
        for position in step.primitive.over:
            x = step.inputs[position] if position < len(step.inputs) else None
            if not isinstance(x, Value) or x.root.origin != "result" or last[x.root] != i:
                continue
            # a `.grad` is the memory itself, in its order: not a transposed or reshaped view of it
            if (x.holder is not x.root) and (out in gradients or not all_writable(x.holder, maker)):
                continue
            # nor may the instruction see that memory through another view, which would be overwritten
            alone = all(v.holder is x.holder for v in step.values() if v.root is x.root)
            if x.fits(out) and x.nbytes == x.root.nbytes and alone:
                end = last[out]
                out.take(x)
                last[out.root] = end
                break


def all_writable(x: Value, maker: dict[Value, Instruction]) -> bool:
    """Tell whether a view looks at its memory through views only that NumPy lets be written: none is stretched."""
    fits = x.base is None or x.in_place or maker[x].name in WRITABLE
    return fits and (x.base is None or all_writable(x.base, maker))


def write_through(program: Program) -> None:
    """Compute what is written to memory from outside there at once, where nobody reads the old value any more."""
    uses: dict[Value, int] = {v.root: 2 for v in program.kept()}
    maker: dict[Value, int] = {}
    for i, step in enumerate(program.instructions):
        for value in step.values():
            uses[value.root] = uses.get(value.root, 0) + 1
        for value in step.outputs:
            maker[value] = i
    for i, step in enumerate(program.instructions):
        if step.name != "write":
            continue
        old, value = step.inputs
        start = maker.get(value, i)
        made = program.instructions[start]
        if value.base is not None or uses[value] != 1 or made.primitive is None or not old.fits(value):
            continue
        between = program.instructions[start + 1 : i]
        meets = [v for s in between for v in (*s.values(), *s.outputs)]
        over = [made.inputs[p] for p in made.primitive.over if p < len(made.inputs)]
        allowed = all(v in over and v.holder is old.holder for v in made.values() if v.root is old.root)
        if allowed and all(v.root is not old.root for v in meets):
            value.take(old)


def assign_memory(program: Program) -> tuple[dict[Value, int], int]:
    """Give every result an offset in one block of memory; memory is used again when its value is done with.

    Returns:
        offsets in bytes by owner of the memory, and the size of the block. Gradients outlive the step: they get none.
    """
    pinned = {v.root for _, v in program.gradients if v is not None}
    made = [
        [v for v in step.outputs if v.base is None and v.origin == "result" and not v.fresh and v not in pinned]
        for step in program.instructions
    ]
    return placed(made, program.last_uses())


def placed(made: list[list[Value]], last: dict[Value, int]) -> tuple[dict[Value, int], int]:
    """Place values in one block of memory: those made at each time, until the time of their last use is over."""
    offsets: dict[Value, int] = {}
    free: list[tuple[int, int]] = []  # (offset, size), in order
    size = 0
    ends: dict[int, list[Value]] = {}
    for i, values in enumerate(made):
        for value in values:
            need = room(value)
            fitting = [hole for hole in free if hole[1] >= need]
            if fitting:
                offset, length = min(fitting, key=lambda hole: hole[1])
                free.remove((offset, length))
                if length > need:
                    free.append((offset + need, length - need))
            else:
                offset, size = size, size + need
            offsets[value] = offset
            ends.setdefault(last[value], []).append(value)
        free = merged(free + [(offsets[value], room(value)) for value in ends.pop(i, [])])
    return offsets, size


def room(value: Value) -> int:
    """Count the bytes that a value takes in the block."""
    return -(-max(value.nbytes, 1) // ALIGNMENT) * ALIGNMENT


def merged(free: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join holes that touch."""
    joined: list[tuple[int, int]] = []
    for offset, length in sorted(free):
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + length)
        else:
            joined.append((offset, length))
    return joined
