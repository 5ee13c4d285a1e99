"""Give a program memory and run it: the generated source, bound to arrays, called again and again.

Everything that the step computes lies in one block of memory, except gradients, which outlive the step. Parameters
are used where they are; a parameter whose memory was replaced is bound anew. Look next at compiled.py.
"""

from __future__ import annotations

import copy
import time
from sys import getrefcount
from typing import Any

import numpy as np

from ..capture.forms import copied
from ..capture.overlaps import overlapping
from ..capture.program import Array, Instruction, Program, Value, name_values
from ..core.backend import isolated
from ..core.graph import Var
from ..core.scope import state
from .memory import assign_memory, run_in_place, write_through
from .numpy_source import Writer, fixed_views, is_moved, write_source
from .passes import simplify
from .rewrites import pool_before_rectifying


class NumpyPlan:
    """A program that NumPy replays: `run(arrays)` does the step and returns the arrays of its results."""

    near = 1e-3  # by how much results may differ from eager ones, where threads share a product out in another way

    def __init__(self, program: Program) -> None:
        simplify(program)
        pool_before_rectifying(program)
        write_through(program)
        run_in_place(program)
        self.program, self.given = program, program.give_away()
        program.offsets, program.size = assign_memory(program)
        name_values(program)
        self.writer = write_source(program)
        self.make_bound(Bound)

    def make_bound(self, kind: type[Bound]) -> None:
        """Name what comes from outside, and bind the plan to it."""
        self.used = list(dict.fromkeys(v.root for v in self.values()))
        self.entries = {v: self.writer.refer(v.source, f"{v.name}_of") for v in self.used if v.origin == "gradient"}
        states = {v.name: v.source for v in self.used if v.origin == "state"}
        things = states, self.writer.outside, [leaf for leaf, _ in self.program.gradients]
        self.bound = kind(self, *things)
        self.run, self.fits = self.bound.run, self.bound.fits
        set_anew = {id(leaf) for leaf, value in self.program.gradients if value is not None}
        if any(id(v.source) in set_anew for v in self.entries):
            self.spare, self.fits = kind(self, *things), self.fits_in_turn

    def fits_in_turn(self) -> bool:
        """Use the one of two memories in which the `.grad` of the call before, which this one reads, does not lie."""
        if any(g is not None and leaf.gradient is g for leaf, g in self.bound.gradients):
            self.bound, self.spare = self.spare, self.bound
            self.run = self.bound.run
        return self.bound.fits()

    def values(self) -> list[Value]:
        """List all values that are used, and that are kept."""
        return [v for s in self.program.instructions for v in s.values()] + self.program.kept()

    def source(self) -> str:
        """Give the generated Python."""
        return self.text()[0]

    def text(self, after: str = "") -> tuple[str, list[Instruction | None]]:
        """Write the generated Python, and tell whose each line is. after: a statement to follow every instruction."""
        views = [f"{name} = {expression}" for name, expression in fixed_views(self.program, self.writer).items()]
        lines = ["# views of memory that stays, made once", *views, ""] if views else []
        lines.append(f"def step({', '.join(v.name for v in self.program.inputs)}):")
        lines += [f"    {v.name} = {leaf}.gradient.array" for v, leaf in self.entries.items()]
        lines += [f"    {v.name} = {v.new()}" for v in self.given.values()]
        owners: list[Instruction | None] = [None] * len(lines)
        before = ""
        for line, owner in zip(self.writer.lines, self.writer.owners, strict=True):
            note = f"{owner.where or 'the step'}{', backward' if owner.backward else ''}"
            new = [f"    # {note}"] if note != before else []
            new += [f"    {line}"] + ([f"    {after}"] if after else [])
            lines += new
            owners += [owner] * len(new)
            before = note
        kept = self.program.views | self.given.keys()
        names = [v.holder.name if i in kept else v.copy(self.program.gives) for i, v in enumerate(self.program.results)]
        return "\n".join([*lines, f"    return [{', '.join(names)}]"]) + "\n", owners

    def twin(self) -> Bound:
        """Bind the plan to copies of everything outside, so that running it changes nothing."""
        things = self.bound.states, self.bound.outside, self.bound.leaves
        tensors = [*things[0].values(), *(x for x in things[1].values() if isinstance(x, Var)), *things[2]]
        copies: dict[int, Var] = {id(t): copied(t) for t in tensors}
        return type(self.bound)(self, *isolated(copy.deepcopy, things, copies))  # of generators, too

    def measure(self, arrays: list[Array], repeat: int = 20) -> None:
        """Time every instruction, on copies of all that the step changes."""
        twin = self.twin()
        stamps: list[float] = []
        names: dict[str, Any] = twin.names | {"stamps": stamps, "now": time.perf_counter}
        exec(compile(self.text("stamps.append(now())")[0], "<measured step>", "exec"), names)
        owners = self.writer.owners
        times: list[list[float]] = [[] for _ in owners]
        for _ in range(repeat):
            stamps[:] = [time.perf_counter()]
            names["step"](*arrays)
            for spent, start, end in zip(times, stamps, stamps[1:], strict=False):
                spent.append(end - start)
            twin.set_gradients()
        for step in self.program.instructions:
            step.microseconds = 0.0
        for owner, spent in zip(owners, times, strict=True):
            owner.microseconds = (owner.microseconds or 0.0) + 1e6 * float(np.median(spent))


class Bound:
    """A plan tied to memory: a block for what it computes, and the tensors and optimizers that it works on."""

    def __init__(self, plan: NumpyPlan, states: dict[str, Var], outside: dict[str, Any], leaves: list[Var]) -> None:
        self.plan, self.states, self.outside, self.leaves = plan, states, outside, leaves
        self.gradients = self.new_gradients()
        self.bind()
        self.settle()

    def bind(self) -> None:
        """Make the arrays that the source names, and the function itself."""
        plan = self.plan
        self.memory = [(tensor, tensor.array) for tensor in self.states.values()]
        arena = aligned(plan.program.size)
        arrays = self.own | {v: v.empty(arena[offset:]) for v, offset in plan.program.offsets.items()}
        arrays |= {v: self.states[v.name].array for v in plan.used if v.origin == "state"}
        named = self.named(arrays)  # which gives functions of views names, too
        self.names = plan.writer.names | self.outside | named
        text, self.owners = plan.text()
        exec(compile(text, "<compiled step>", "exec"), self.names)
        self.function = self.names["step"]

    def named(self, arrays: dict[Value, Array]) -> dict[str, Any]:
        """Give everything that the source names and that lies in this memory."""
        return make_views(self.plan.program, arrays, self.plan.writer)

    def settle(self) -> None:
        """Note who holds the gradients and shares memory as long as no one else does, and whose memory is written."""
        self.usual, self.tied = self.holders(), overlapping({name: t.array for name, t in self.states.items()})
        written = {s.inputs[0].root for s in self.plan.program.instructions if s.name == "write"}
        self.written = [self.states[v.name].version for v in written if v.origin == "state"]

    def fits(self) -> bool:
        """Tell whether the tensors from outside are as at capture; bind anew where only their memory was replaced."""
        moved = [(tensor, array) for tensor, array in self.memory if tensor.array is not array]
        if any((t.shape, t.dtype, t.array.strides) != (a.shape, a.dtype, a.strides) for t, a in moved):
            return False
        if moved and overlapping({name: t.array for name, t in self.states.items()}) != self.tied:
            return False
        held = self.holders() > self.usual
        if held:
            self.gradients = self.new_gradients()
        if held or moved:
            self.bind()
            self.settle()
        return True

    def holders(self) -> int:
        """Count who holds the gradients, besides the parameters themselves."""
        count = 0
        for leaf, g in self.gradients:
            if g is not None:
                count += getrefcount(g) + getrefcount(g.array) - (leaf.gradient is g)
        return count

    def new_gradients(self) -> list[tuple[Var, Var | None]]:
        """Make memory for the gradients: they are the caller's, and one that is held elsewhere is not written again.

        The array of a `.grad` looks at its memory through a memoryview, so that it is the base of all views of it, and
        its references are the caller's alone; the step, and the threads of its kernels, use `own`.
        """
        self.own: dict[Value, Array] = {}
        made: list[tuple[Var, Var | None]] = []
        for leaf, (_, value) in zip(self.leaves, self.plan.program.gradients, strict=True):
            array: Any = None if value is None else value.root.empty()
            if value is not None:
                self.own[value.root] = array
            made.append((leaf, None if value is None else leaf.result_type.wrap(np.asarray(memoryview(array)))))
        return made

    def run(self, arrays: list[Array]) -> list[Array]:
        """Do the step on these inputs; set `.grad`; return the arrays of the results, which are the caller's."""
        try:
            results: list[Array] = self.function(*arrays)
        except Exception as error:
            explained = self.explained(error)
            if explained is error:
                raise
            raise explained from error
        self.set_gradients()
        for version in self.written:
            version.bump()
        return results

    def set_gradients(self) -> None:
        """Set `.grad` of every leaf."""
        for leaf, tensor in self.gradients:
            leaf.gradient = tensor

    def explained(self, error: Exception) -> Exception:
        """Leave `.grad` as the failed step has left it, and explain the error as the failed operation would."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code is not self.function.__code__:
            trace = trace.tb_next
        failed = self.owners[trace.tb_lineno - 1] if trace is not None else None
        if trace is None or failed is None:
            return error
        history = self.plan.program.history
        final = {id(leaf): tensor for leaf, tensor in [*((x, x.gradient) for _, x, _ in history), *self.gradients]}
        for number, leaf, value in history:
            if number <= failed.number:
                leaf.gradient = None if value is None else final[id(leaf)]
        if failed.primitive is None:
            return error
        named = self.names | trace.tb_frame.f_locals
        outer, state.scope = state.scope, failed.scope
        try:
            arrays = [named[x.holder.name] if isinstance(x, Value) else x for x in failed.inputs]
            return failed.primitive.explain(error, arrays)
        finally:
            state.scope = outer


def aligned(size: int, to: int = 64) -> Array:
    """Make a block of bytes that starts at a multiple of 64."""
    block = np.empty(size + to, np.uint8)
    start = -block.ctypes.data % to
    return block[start : start + size]


def make_views(program: Program, arrays: dict[Value, Array], writer: Writer) -> dict[str, Any]:
    """Make every array that the source names: results, views and constants."""
    values = [v for s in program.instructions for v in (*s.values(), *s.outputs)] + program.kept()
    named: dict[str, Any] = {}
    for value in values:
        holder = value.holder
        if holder.base is None and not is_moved(value):
            named[holder.name] = holder.source if holder.origin == "constant" else arrays[holder]
    for name, expression in fixed_views(program, writer).items():
        named[name] = eval(expression, writer.names, named)
    return named
