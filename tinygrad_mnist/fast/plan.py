"""Run a program as one compiled parallel function: write it, have numba compile it (once: it is kept on disk), bind it.

Products go through SciPy's BLAS, one thread in each of numba's: two pools never meet. What the loops cannot do, NumPy
does between two calls of the function, as in compiler/replay.py. Read after tasks.py and source.py.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..capture.program import Array, Instruction, Program, Value, name_values
from ..compiler.memory import placed
from ..compiler.numpy_source import Writer, is_moved, lines_of, view_of
from ..compiler.passes import Replaced, simplify
from ..compiler.replay import Bound, NumpyPlan
from ..compiler.rewrites import pool_before_rectifying
from ..core.errors import ArgumentError
from ..core.graph import Var
from ..kernels import image_loops, loops, update
from ..kernels.blas import Blas
from ..kernels.parallel import get_num_threads
from .elements import source_of
from .lowering import Lowering
from .setup import check_installed, compiled_module
from .source import HEAD, TAIL, Kernel, as_rows
from .tasks import Phase, schedule

LOOPS = {name: f for file in (loops, image_loops) for name, f in vars(file).items() if inspect.isfunction(f)}


class NumbaPlan(NumpyPlan):
    """A program that numba's function runs: NumpyPlan with another source and other calls in it."""

    near = 1e-2  # sums are taken in another order, and Adam's first steps magnify what that makes of small gradients

    def __init__(self, program: Program) -> None:
        check_installed()
        simplify(program)
        pool_before_rectifying(program)
        give_results_their_names(program)
        name_values(program)
        avoid_names(program)
        self.program, self.given = program, program.give_away()
        self.threads = get_num_threads()
        lowering = Lowering(program, self.threads)
        self.kind, self.phases, self.rows = lowering.kind, schedule(lowering.tasks), lowering.rows
        self.tasks = [task for phase in self.phases for task in (*phase.whole, *phase.shared)]
        self.writer = Writer(program)
        self.kernels: list[Kernel] = []
        self.write()
        updates = [task.step.action for kernel in self.kernels for task in kernel.updates]
        groups = {(id(o), id(group)): (o, group) for o, _, group in updates}.values()
        self.rules = [(o, group, o.settled(group), o.rule(group)[0]) for o, group in groups]
        self.changed = [p for _, p, _ in updates]
        local = {name for kernel in self.kernels for name in kernel.scratch}
        program.scratch = {v.root for v in self.values() if v.root.name in local}
        program.offsets, program.size = assign_by_phase(program, self.phases)
        self.module = compiled_module(self.kernel_source())
        self.make_bound(NumbaBound)

    def measure(self, arrays: list[Array], repeat: int = 20) -> None:
        """Time what NumPy does by instruction, and each kernel as a whole."""
        super().measure(arrays, repeat)
        self.program.wholes, self.program.fused = {}, {}
        for kernel in self.kernels:
            steps = dict.fromkeys(task.step for phase in kernel.phases for task in phase.tasks)
            spent = sum(step.microseconds or 0.0 for step in steps)
            name = f"kernel_{kernel.number}, {len(steps)} instructions at once"
            self.program.wholes[name] = spent
            self.program.fused |= dict.fromkeys(steps, name)
            for step in steps:
                step.microseconds = None

    def values(self) -> list[Value]:
        """List all values that tasks use or make, and that are kept."""
        return [v for t in self.tasks for v in (*t.values(), *t.outputs)] + self.program.kept()

    # ------------------------------------------------------------ writing

    def used_beyond(self) -> set[Value]:
        """List values that are needed outside the phase that makes them, or as arrays of their own."""
        made_in: dict[Value, int] = {}
        beyond = {v.root for v in self.program.kept()} | set(self.program.kept())
        for number, phase in enumerate(self.phases):
            for task in (*phase.whole, *phase.shared):
                for v in task.values():
                    if task.rows is None or v.base is not None or made_in.get(v) != number:
                        beyond |= {v, v.root}
                for v in task.outputs:
                    made_in[v] = number
        return beyond

    def write(self) -> None:
        """Write the kernels, and the driver that calls them and NumPy in turn."""
        w, beyond = self.writer, self.used_beyond()
        lines: list[tuple[str, Instruction]] = []
        for step in self.program.instructions:
            if step.is_view and is_moved(step.outputs[0]):
                lines.append((f"{step.outputs[0].name} = {view_of(w, step)}", step))
        current: Kernel | None = None
        for number, phase in enumerate(self.phases):
            for task in phase.whole:
                lines += [(line, task.step) for line in lines_of(w, task.step)]
            if phase.whole:
                current = None
            if not phase.shared:
                continue
            if current is None:
                current = Kernel(len(self.kernels), self.kind, beyond, self.threads)
                self.kernels.append(current)
                lines.append((f"kernel_{current.number}", phase.shared[0].step))
            current.add(phase, number)
        for kernel in self.kernels:
            at = next(i for i, (line, _) in enumerate(lines) if line == f"kernel_{kernel.number}")
            inputs = [v.holder.name for v in kernel.arrays.values() if is_moved(v)]
            lines[at] = (f"kernel_{kernel.number}({', '.join(inputs)})", lines[at][1])
            for check, task in kernel.checks.values():
                lines.insert(at, (f"{w.function(check, 'check')}({', '.join(map(w.of, task.inputs))})", task.step))
            for task in kernel.updates:
                optimizer, p, group = task.step.action
                w.refer(optimizer, type(optimizer).__name__.lower())
                w.refer(p, f"{task.inputs[0].name}_tensor")
                w.refer(group, f"{type(optimizer).__name__.lower()}_group")
        w.lines, w.owners = [line for line, _ in lines], [owner for _, owner in lines]

    def kernel_source(self) -> str:
        """Give the source that numba compiles: the loops that are used, then the phases."""
        used = set().union(*(phase.loops for kernel in self.kernels for phase in kernel.phases))
        called = [*(LOOPS[name] for name in used & LOOPS.keys()), *self.rows]
        used |= {name for f in called for name in f.__code__.co_names}
        parts = [HEAD]
        loops = {name: str(source_of(f)) for name, f in LOOPS.items() if name in used}  # behind those that they call
        loops |= {name: re.sub(r"def \w+", f"def {name}", source_of(f), count=1) for f, name in self.rows.items()}
        if self.kind == "f":  # of numbers in single precision, with the functions that there are for them
            inside = re.compile(r"\bmath\.(\w+)")
            loops = {n: inside.sub(lambda m: m[1] if m[1] in LOOPS else m[0], text) for n, text in loops.items()}
        loops |= {name: update.SOURCES[name] for name in sorted(used & update.SOURCES.keys())}
        parts += [f"@njit(**LOOP)\n{loop}" for loop in loops.values()]
        parts += [kernel.source() for kernel in self.kernels]
        return "\n\n".join([*parts, TAIL])

    def source(self) -> str:
        """Give the generated Python: what numba compiles, and the function that calls it."""
        return f"{self.kernel_source()}\n\n{self.text()[0]}"


class NumbaBound(Bound):
    """A plan tied to memory; kernels are called with rows of it."""

    plan: NumbaPlan

    def fits(self) -> bool:
        """Tell whether threads and optimizers' loops are as at capture, too."""
        for optimizer, group, asked, rule in self.plan.rules:  # most often settings are the same
            if optimizer.asked(group) != asked and optimizer.rule(group)[0] is not rule:
                return False
        for p in self.plan.changed:
            if not p.array.flags.writeable:
                return False
        return self.plan.threads == get_num_threads() and super().fits()

    def named(self, arrays: dict[Value, Array]) -> dict[str, Any]:
        """Give the kernels, too."""
        results = [v for v in self.plan.used if v.origin == "result"]
        in_scratch_only = {v: np.broadcast_to(np.zeros((), v.dtype), v.shape) for v in results if v not in arrays}
        arrays = arrays | in_scratch_only
        views = super().named(arrays)
        return views | {f"kernel_{k.number}": self.caller(k, arrays, views) for k in self.plan.kernels}

    def caller(self, kernel: Kernel, arrays: dict[Value, Array], views: dict[str, Any]) -> Callable[..., None]:
        """Make the function that calls a kernel's phases; it is given the arrays that differ from call to call."""
        plan = self.plan
        calls = importlib.import_module("..calls", __name__)
        given = kernel.given()
        places = calls.Places(len(given))
        rates = np.zeros(*given["rates"][1:])
        places.put(0, rates)
        dynamic = [(given[name][0], v) for name, v in kernel.arrays.items() if is_moved(v)]
        for name, v in kernel.arrays.items():
            if v.fresh or not is_moved(v):
                array = v.empty() if v.fresh else arrays.get(v)
                array = v.source if v.origin == "constant" else views[v.holder.name] if array is None else array
                rows = as_rows(array, v)
                own = v.origin == "constant" or v.root in plan.program.inputs
                if not own and not np.may_share_memory(rows, array):
                    raise AssertionError(f"{v} has no rows in its own memory: a mistake in fast/lowering.py")
                places.put(given[name][0], rows)
        for name in kernel.scratch:
            places.put(given[name][0], np.empty(*given[name][1:]))
        names = {id(thing): name for name, thing in plan.writer.outside.items()}
        updates = [[self.outside[names[id(x)]] for x in task.step.action] for task in kernel.updates]
        runs = [list(run) for _, run in itertools.groupby(updates, lambda update: (id(update[0]), id(update[2])))]
        groups = [(run[0][0], [p for _, p, _ in run], run[0][2], run[0][0].rule(run[0][2])) for run in runs]
        known: list[tuple[float, ...]] = [()] * len(updates)
        seen: list[Array | None] = [None] * len(given)
        sizes = [size for _, size, _ in given.values()]
        blas = Blas(importlib.import_module("scipy.linalg.cython_blas"))
        launch = calls.Launcher(plan.module, [f"phase_{phase.number}" for phase in kernel.phases], plan.threads)

        def call(*inputs: Array) -> None:
            for (i, v), array in zip(dynamic, inputs, strict=True):
                places.put(i, as_rows(array, v))
            at, i = len(given) - len(kernel.states), 0
            for optimizer, params, group, rule in groups:
                for p, (buffers, numbers) in zip(params, optimizer.next_steps(params, group, rule), strict=True):
                    if numbers != known[i]:
                        known[i] = rates[i, : len(numbers)] = numbers
                    for buffer in buffers:
                        if buffer is not seen[at]:
                            places.put(at, checked_buffer(buffer, p, optimizer).reshape(sizes[at]))
                            seen[at] = buffer
                        at += 1
                    p.version.bump()
                    i += 1
            blas.enter(self)  # one thread per product: numba's threads are the only ones
            try:
                launch(places)
            finally:
                blas.leave(self)

        return call


def assign_by_phase(program: Program, phases: list[Phase]) -> tuple[dict[Value, int], int]:
    """Give arrays offsets in one block; what is done with by the end of a phase makes place for later phases.

    Within a phase nothing is used again: threads are at different tasks. What lives in scratch needs no place.
    """
    placeless = program.scratch | {v.root for _, v in program.gradients if v is not None}
    last: dict[Value, int] = {}
    made: list[list[Value]] = []
    for number, phase in enumerate(phases):
        made.append([])
        for task in (*phase.whole, *phase.shared):
            for v in task.outputs:
                if v.root.origin == "result" and not (v.root.fresh or v.root in placeless or v.root in last):
                    made[-1].append(v.root)
                last[v.root] = number
            for v in task.values():
                last[v.root] = number
    last |= {v.root: len(phases) for v in program.kept()}
    return placed([list(dict.fromkeys(values)) for values in made], last)


def avoid_names(program: Program) -> None:
    """Rename values that are called as something else is in the generated functions."""
    taken = {"t", "n", "k", "threads", "rates", "places", "np", "math", "step", "share"}
    taken |= {*LOOPS, *re.findall(r"\w+", HEAD)}
    values = [v for s in program.instructions for v in (*s.values(), *s.outputs)]
    used = {v.name for v in (*program.inputs, *values, *program.kept())}
    for value in dict.fromkeys([*program.inputs, *values, *program.kept()]):
        if value.name in taken or value.name.startswith(("low", "high", "phase_", "kernel_", "state")):
            value.name += "_value"
            while value.name in used:
                value.name += "_"
            used.add(value.name)


def give_results_their_names(program: Program) -> None:
    """Compute what is then cloned for a `.grad` in that memory at once."""
    made = {v for s in program.instructions for v in s.outputs if v.base is None and s.primitive is not None}
    renamed = Replaced()
    kept = []
    wanted = {v.root for v in program.kept()}  # where they are: as results, or for the `.grad` of another leaf
    for step in program.instructions:
        source = step.inputs[0] if step.name == "clone" else None
        if source in made and source not in renamed and source not in wanted and step.outputs[0].axes == source.axes:
            renamed[source] = step.outputs[0]
        else:
            kept.append(step)
    for step in kept:
        step.outputs = [renamed.of(v) for v in step.outputs]
        renamed.inside(step)
    program.instructions = kept


def checked_buffer(buffer: Array, p: Var, optimizer: object) -> Array:
    """Check one of an optimizer's arrays: machine code takes it for what it should be."""
    got = f"{buffer.dtype} {buffer.shape}" if isinstance(buffer, np.ndarray) else type(buffer).__name__
    expected = f"{p.dtype} {p.shape}"
    if got != expected:
        name = type(optimizer).__name__
        raise ArgumentError(f"{name}: the state of a parameter does not fit it.", got=got, expected=expected)
    if not buffer.flags.carray:
        what = f"{type(optimizer).__name__}: an array of the state is not contiguous, or cannot be written."
        hint = "replace it by np.ascontiguousarray(...) of itself, or compile with backend='numpy'"
        raise ArgumentError(what, got=f"strides {buffer.strides}, writeable {buffer.flags.writeable}", hint=hint)
    return np.asarray(buffer)
