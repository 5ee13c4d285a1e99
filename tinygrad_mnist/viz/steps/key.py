"""The key of a drawn program: what its colours, bars and edges mean, and how many microseconds an inch of a box is.

It is one table, the label of the picture, so that it takes no part in the layout. Look next at program.py.
"""

from __future__ import annotations

import math

from ...capture.program import Instruction, Program
from ..colors import BACKWARD, FILLS, INK, LINE, OPERATION
from ..label import escape

UPDATE, IN_PLACE, PALE, VIEW = "#8a5a2b", "#dd8b34", "#e5e7eb", "#f5f6f8"
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
    if s.is_view:
        return VIEW
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
    used = {color_of(s) for s in steps}
    words = ((OPERATION, "forward"), (BACKWARD, "backward"), (UPDATE, "update, write"))
    cells = [cell(word, f'bgcolor="{color}"', "white") for color, word in words if color in used]
    if VIEW in used:
        cells.append(cell("view: costs nothing", f'border="1" style="dashed" color="{LINE}" bgcolor="{VIEW}"'))
    read = [v for s in steps if s.name not in ("update", "write") for v in s.values()]
    kinds = {KINDS[v.origin] for v in read if v.origin in KINDS} | ({"output"} if program.results else set())
    names = {"parameter": "parameter, buffer", "output": "result"}
    for kind in (kind for kind in FILLS if kind in kinds):
        fill, border = FILLS[kind]
        cells.append(cell(names.get(kind, kind), f'border="1" bgcolor="{fill}" color="{border}"'))
    rows = [cells]
    if bars:
        color, offset = bars[0]
        text = "below the shape: where the result lies; bars that say the same share it"
        rows.append([cell(f"arena {offset:,}", f'bgcolor="{color}"'), said(text, 360)])
    if any(s.in_place for s in steps):
        arrow = f'<td><font color="{IN_PLACE}" point-size="14"><b>━▶</b></font></td>'
        rows.append([arrow, said("the result takes the place of this input", 380)])
    if scale.inch:
        text = f"height is time: this is {scale.inch / 2:,.4g} µs; a box is at least as high as its text"
        rows.append([f'<td align="left">{upright(POINTS // 2, 10)}</td>', said(text, 390)])
    if program.wholes:
        highest = round(max(program.wholes.values()) / scale.inch * POINTS)
        parts = [kernel(name, spent, scale, highest) for name, spent in program.wholes.items()]
        rows += [[said("kernels, each timed as a whole", 400)]]
        rows += [parts[i : i + 12] for i in range(0, len(parts), 12)]
    text = "".join(f"<tr>{row(cells)}</tr>" for cells in rows)
    return f'<<table border="0" cellborder="0" cellspacing="2" cellpadding="0">{text}</table>>'


def row(cells: list[str]) -> str:
    """Write cells beside each other."""
    inner = f'<table align="left" border="0" cellspacing="4" cellpadding="3"><tr>{"".join(cells)}</tr></table>'
    return f'<td align="left">{inner}</td>'


def cell(text: str, how: str, color: str = INK) -> str:
    """Write an example."""
    return f'<td {how}><font color="{color}" point-size="9">{escape(text)}</font></td>'


def said(text: str, width: int) -> str:
    """Write an explanation. width: so that rows of the key are about as wide as each other, and none is spread."""
    return f'<td align="left" width="{width}"><font point-size="9">{escape(text)}</font></td>'


def upright(points: int, width: int, above: int = 0) -> str:
    """Draw a bar of some height, with as much space above it as is asked for."""
    space = f'<tr><td height="{above}" width="{width}" fixedsize="true"></td></tr>' if above else ""
    bar = f'<tr><td width="{width}" height="{points}" fixedsize="true" bgcolor="{LINE}"></td></tr>'
    return f'<table border="0" cellspacing="0" cellpadding="0">{space}{bar}</table>'


def kernel(name: str, spent: float, scale: Scale, highest: int) -> str:
    """Write a kernel: a bar as high as its time, above name and time."""
    title, _, count = name.partition(", ")
    points = max(round(spent / scale.inch * POINTS), 1)
    lines = (title, count.replace(" instructions at once", " instr."), f"{spent:,.1f} µs")
    text = "".join(f'<tr><td><font point-size="8">{escape(line)}</font></td></tr>' for line in lines)
    bar = f"<tr><td>{upright(points, 36, highest - points)}</td></tr>"
    return f'<td><table border="0" cellspacing="0" cellpadding="1">{bar}{text}</table></td>'
