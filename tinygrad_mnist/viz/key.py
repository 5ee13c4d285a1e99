"""The key of a drawn program: what its colours, bars and edges mean, and how many microseconds an inch of a box is.

It is one table, the label of the picture, so that it takes no part in the layout. Look next at program.py.
"""

from __future__ import annotations

import math

from ..capture.program import Instruction, Program
from .graph import BACKWARD, FILLS, INK, LINE, OPERATION
from .label import escape

UPDATE, IN_PLACE, PALE = "#8a5a2b", "#dd8b34", "#e5e7eb"
MEMORY = (  # fills of the bars, readable under dark text; the next owner of memory takes the next one
    "#a6cee3", "#b2df8a", "#fdbf6f", "#cab2d6", "#fb9a99", "#ffff99", "#8dd3c7", "#d9d9d9", "#bebada", "#fccde5",
    "#ccebc5", "#80b1d3",
)  # fmt: skip
KINDS = {"input": "input", "state": "parameter", "gradient": "parameter", "constant": "constant"}
HIGHEST = 2.0  # inches of the box that takes longest, at most
POINTS = 72  # of an inch
WRITES = ("update", "write", "effect")


def color_of(s: Instruction) -> str:
    """Give the fill of an instruction."""
    return UPDATE if s.name in WRITES else BACKWARD if s.backward else OPERATION


class Scale:
    """How high a time is drawn. inch: microseconds of an inch, 1, 2 or 5 times a power of ten; 0 without times."""

    def __init__(self, program: Program) -> None:
        longest = max([s.microseconds or 0.0 for s in program.instructions] + [*program.wholes.values()], default=0.0)
        self.inch = 0.0
        if longest:
            power = 10.0 ** math.floor(math.log10(longest / HIGHEST))
            self.inch = next(n * power for n in (1, 2, 5, 10) if n * power * HIGHEST >= longest)

    def height(self, s: Instruction, least: float) -> float:
        """Give the height of a box in inches: its time, or what its text needs (points) if that is more."""
        return max(least / POINTS, (s.microseconds or 0.0) / self.inch if self.inch else 0.0)


def key(program: Program, scale: Scale, bars: list[tuple[str, int]]) -> str:
    """Write the key. bars: colour and offset of the places in memory."""
    steps = program.instructions
    used = {color_of(s) for s in steps if not s.is_view}
    words = ((OPERATION, "forward"), (BACKWARD, "backward"), (UPDATE, "update, write"))
    cells = [cell(word, f'bgcolor="{color}"', "white") for color, word in words if color in used]
    if any(s.is_view for s in steps):
        cells.append(cell("view: costs nothing", f'border="1" style="dashed" color="{LINE}"', LINE))
    read = [v for s in steps if s.name not in ("update", "write") for v in s.values()]
    kinds = {KINDS[v.origin] for v in read if v.origin in KINDS} | ({"output"} if program.results else set())
    names = {"parameter": "parameter, buffer", "output": "result"}
    for kind in (kind for kind in FILLS if kind in kinds):
        fill, border = FILLS[kind]
        cells.append(cell(names.get(kind, kind), f'border="1" bgcolor="{fill}" color="{border}"'))
    second = []
    if bars:
        color, offset = bars[0]
        second.append(cell(f"arena {offset:,}", f'bgcolor="{color}"'))
        second.append(said("where the result lies: one place, one colour"))
    if any(s.in_place for s in steps):
        second.append(f'<td><font color="{IN_PLACE}" point-size="14"><b>━▶</b></font></td>')
        second.append(said("the result takes the place of this input"))
    rows = [f"<tr>{row(cells)}</tr>", f"<tr>{row(second)}</tr>" if second else ""]
    if scale.inch:
        high = f'<td width="10" height="{POINTS // 2}" fixedsize="true" bgcolor="{LINE}"></td>'
        text = f"height is time: this is {scale.inch / 2:,.4g} µs; at least as high as the text"
        rows.append(f"<tr>{row([high, said(text)])}</tr>")
    if program.wholes:
        parts = [kernel(name, spent, scale) for name, spent in program.wholes.items()]
        rows += [f"<tr>{row([said('kernels, timed as a whole')])}</tr>"]
        rows += [f"<tr>{row(parts[i : i + 12])}</tr>" for i in range(0, len(parts), 12)]
    return f'<<table border="0" cellborder="0" cellspacing="4" cellpadding="0">{"".join(rows)}</table>>'


def row(cells: list[str]) -> str:
    """Write cells beside each other."""
    inner = f'<table align="left" border="0" cellspacing="4" cellpadding="3"><tr>{"".join(cells)}</tr></table>'
    return f'<td align="left">{inner}</td>'


def cell(text: str, how: str, color: str = INK) -> str:
    """Write an example."""
    return f'<td {how}><font color="{color}" point-size="9">{escape(text)}</font></td>'


def said(text: str) -> str:
    """Write an explanation."""
    return f'<td align="left"><font point-size="9">{escape(text)}</font></td>'


def kernel(name: str, spent: float, scale: Scale) -> str:
    """Write a kernel: a bar as high as its time, above name and time."""
    title, _, count = name.partition(", ")
    points = f"{max(spent / scale.inch * POINTS, 1):.0f}"
    high = f'<tr><td width="36" height="{points}" fixedsize="true" bgcolor="{LINE}"></td></tr>'
    lines = (title, count.replace(" instructions at once", " instr."), f"{spent:,.1f} µs")
    text = "".join(f'<tr><td><font point-size="8">{escape(line)}</font></td></tr>' for line in lines)
    return f'<td valign="bottom"><table border="0" cellspacing="0" cellpadding="1">{high}{text}</table></td>'
