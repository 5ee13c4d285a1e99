"""`flame`: where the time of a compiled step goes: width is time, each row lies inside the one above.

From above: the step; forward, backward and updates; the modules, as they call each other; the instructions. Reads the
times that the Program of the step was given, in its order (a kernel where its first instruction is). Look at
program.py for the same step as a graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ...capture.program import Instruction, Program
from ...core.errors import ArgumentError
from ...core.scope import Scope
from ..colors import BACKWARD, INK, OPERATION
from ..curves.plots import Path, figure, finished
from ..modules import is_backward
from .key import UPDATE
from .program import Replayed, checked
from .rows import Rows

if TYPE_CHECKING:
    from ..curves.figure import Figure

PHASES = (("forward", OPERATION, "#cbd5e1"), ("backward", BACKWARD, "#e3cfe1"), ("update", UPDATE, "#ecd9c3"))
MIXED = ("", "#64748b", "#e5e7eb")  # a kernel that does more than one of these
CHARACTER = 4.5  # points of one, at the size that labels have
Level = tuple[object, str]  # what a row stands for, and its name


@dataclass(eq=False)
class Bar:
    """Something that takes time. row: 0 is the step; start, time: microseconds; phase: a row of PHASES, or MIXED."""

    row: int
    start: float
    time: float
    label: str
    phase: tuple[str, str, str]
    leaf: bool = False


def flame(step: Replayed, path: Path | None = None, title: str = "", width: float = 12.0) -> Figure:
    """Draw where the time of a compiled step goes, by module: forward, backward and updates, in the program's order.

    Args:
        path: a file to write (.png, .svg, .pdf)
        width: of the picture, in inches; labels are cut to what fits into their bar
    Units:
        microseconds, the median of 20 runs on copies; a kernel of the backend "numba" is timed as a whole, and stands
        in the module that all its instructions belong to, if there is one
    Raises:
        DTypeError: for what is not compiled
        CaptureError: before the first call
        MissingDependencyError: without matplotlib
    """
    found = bars(checked(step, "flame").program(True))
    if not found[0].time:
        raise ArgumentError("flame: the step computes nothing that takes time.", got=type(step).__name__)
    rows = 1 + max(bar.row for bar in found)
    drawn = figure(width, 1.5 + 0.34 * rows)
    axes: Any = drawn.subplots()
    points = (width - 0.4) * 72 / found[0].time  # of a microsecond
    for bar in found:
        _, dark, pale = bar.phase
        color = dark if bar.leaf else pale
        axes.barh(bar.row, bar.time, left=bar.start, height=0.92, color=color, edgecolor="white", linewidth=0.6)
        text = fitting(bar, found[0].time, int(bar.time * points / CHARACTER) - 1)
        place = bar.start + bar.time / 2, bar.row
        axes.text(*place, text, ha="center", va="center", fontsize=8, color="white" if bar.leaf else INK, clip_on=True)
    axes.set_xlim(0, found[0].time)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_xlabel("µs of one step, in the order of its program; below each module what it runs, dark: instructions")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title(title or sums(found), color=INK, fontsize=10, loc="left")
    return finished(drawn, path, "flame")


def sums(found: list[Bar]) -> str:
    """Sum up the phases."""
    total, parts = found[0].time, []
    for phase in (*PHASES, MIXED):
        spent = sum(bar.time for bar in found if bar.leaf and bar.phase == phase)
        if spent:
            parts.append(f"{phase[0] or 'kernels of several'} {100 * spent / total:.0f} %")
    return f"a step of {total:,.0f} µs: {', '.join(parts)}"


def fitting(bar: Bar, total: float, room: int) -> str:
    """Write as much of a label as there is room for, with the time if that fits too."""
    whole = f"{bar.label}  {bar.time:,.0f} µs, {100 * bar.time / total:.0f} %"
    if len(whole) <= room:
        return whole
    if len(bar.label) <= room:
        return bar.label
    return bar.label[: room - 1] + "…" if room >= 5 else ""


def bars(program: Program) -> list[Bar]:
    """List what is drawn, the step itself first; what follows each other inside the same module call is one bar."""
    column = Rows(program).column
    whole = Bar(0, 0.0, 0.0, "step", MIXED)
    found, open_bars, path = [whole], [whole], list[object]()
    done: set[str] = set()
    for s in program.instructions:
        kernel = program.fused.get(s)
        if kernel in done or (kernel is None and not s.microseconds):
            continue
        steps = [s] if kernel is None else [t for t, name in program.fused.items() if name == kernel]
        done |= {kernel} if kernel is not None else set()
        phases = {column[t] for t in steps}
        phase = PHASES[phases.pop()] if len(phases) == 1 else MIXED
        levels = shared([levels_of(t, PHASES[column[t]][0]) for t in steps])
        spent = program.wholes[kernel] if kernel is not None else s.microseconds or 0.0
        same = len([*takewhile(lambda pair: pair[0] == pair[1][0], zip(path, levels, strict=False))])
        del open_bars[same + 1 :]
        for row, (_, name) in enumerate(levels[same:], same + 1):
            open_bars.append(Bar(row, whole.time, 0.0, name, phase))
            found.append(open_bars[-1])
        path = [key for key, _ in levels]
        found.append(Bar(len(levels) + 1, whole.time, spent, named(s, kernel, steps), phase, leaf=True))
        for bar in open_bars:
            bar.time += spent
    return found


def named(s: Instruction, kernel: str | None, steps: list[Instruction]) -> str:
    """Name an instruction, or a kernel with what it does."""
    if kernel is not None:
        return f"{kernel.partition(',')[0]}: {', '.join(dict.fromkeys(t.name for t in steps))}"
    return f"{s.name} {s.values()[0].name}" if s.name in ("update", "write") and s.values() else s.name


def levels_of(s: Instruction, phase: str) -> list[Level]:
    """List what an instruction is part of, outermost first."""
    chain = [scope for scope in (s.scope.chain() if s.scope is not None else []) if not is_backward(scope)]
    if not chain and s.where:  # an optimizer
        return [(phase, phase), (s.where, s.where)]
    return [(phase, phase), *((scope, title(scope)) for scope in chain)]


def title(scope: Scope) -> str:
    """Name a module call as the module around it does."""
    name = scope.parent.module.name_of(scope.module) if scope.parent is not None else ""
    return f"{name or ''} {type(scope.module).__name__}".strip()


def shared(all_levels: list[list[Level]]) -> list[Level]:
    """Give what several instructions are all part of."""
    first = all_levels[0]
    count = next((i for i, level in enumerate(first) if any(other[i : i + 1] != [level] for other in all_levels)), None)
    return first[:count]
