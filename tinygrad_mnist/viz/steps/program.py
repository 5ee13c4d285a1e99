"""`program`: draw a compiled step: instructions, the values that pass between them, the memory that they share, time.

Forward runs down on the left, backward up beside it, with updates where their gradients are (rows.py). Dark boxes are
instructions, as high as they take time; pale ones are what comes from outside. Below the name of an instruction stand
its result's shape and a bar in the colour of the memory that it writes to. The key has colours and scale (key.py). Read
after graph.py.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from ...capture.program import Instruction, Program, Value
from ...core.errors import DTypeError
from ..colors import FILLS, FONT, INK, LINE
from ..label import check_direction, escape, markup, small
from .key import IN_PLACE, KINDS, MEMORY, PALE, Scale, color_of, key
from .rows import BACKWARD, FORWARD, Rows

if TYPE_CHECKING:
    from ..picture import Picture

SIDES = False, True  # of the picture: left, forward, and right
UNSEEN = {"shape": "point", "style": "invis", "width": "0", "height": "0", "label": ""}


class Replayed(Protocol):
    """A step or a model that is compiled."""

    def program(self, measure: bool = True) -> Program:
        """Give the program of the latest call."""


def program(step: Replayed, *, direction: str = "TB", measure: bool = True) -> Picture:
    """Draw the program that the latest call of a compiled step ran: a row for each module, its backward pass beside it.

    Args:
        direction: "TB" down, "LR" to the right
        measure: time every instruction first, on copies
    Units:
        the height of a box is the median of its microseconds, by the scale in the key; short times get the height that
        their text needs. What a kernel of the backend "numba" does can only be timed as a whole: see the key
    Raises:
        DTypeError: for what is not compiled
        ArgumentError: for another direction
        CaptureError: before the first call
        MissingDependencyError: from rendering what is returned, without `dot` and pygraphviz
    Example:
        >>> step = tg.compile(lambda x: (x * x).sum())
        >>> loss = step(tg.ones(3))
        >>> tg.viz.program(step).save("step.dot")  # or step.svg, .png, .pdf
        'step.dot'
    """
    check_direction("program", direction)
    return Drawing(checked(step, "program").program(measure)).draw(direction)


def checked(step: Any, who: str) -> Replayed:
    """Give a compiled step, or raise DTypeError."""
    if not callable(getattr(step, "program", None)):
        hint = "step = tg.compile(step), and call it"
        raise DTypeError(f"{who}: expected a compiled step.", got=type(step).__name__, hint=hint)
    found: Replayed = step
    return found


class Drawing:
    """Places instructions in frames, one per module call and direction, and draws the values between them."""

    def __init__(self, drawn: Program) -> None:
        self.program, self.rows, self.scale = drawn, Rows(drawn), Scale(drawn)
        self.maker = self.rows.maker
        self.ids = {s: f"o{i}" for i, s in enumerate(drawn.instructions)}
        self.colors: dict[int, str] = {}  # by offset in the block
        self.count = 0
        self.above: set[str] = set()  # boxes that have something of their own row above them, or below
        self.below: set[str] = set()

    def draw(self, direction: str) -> Picture:
        """Write the DOT text."""
        picture: Picture = importlib.import_module("..picture", __package__).Picture(
            graph_attr={
                "rankdir": direction, "bgcolor": "transparent", "fontname": FONT, "fontsize": "10", "fontcolor": LINE,
                "nodesep": "0.15", "ranksep": "0.25", "labeljust": "l", "labelloc": "t", "newrank": "true",
            },
            node_attr={"fontname": FONT, "fontsize": "10", "fontcolor": INK, "shape": "box", "height": "0.2"},
            edge_attr={"color": LINE, "arrowsize": "0.6", "fontname": FONT, "fontsize": "8", "fontcolor": LINE},
        )  # fmt: skip
        frames: dict[tuple[int, int, str], list[Instruction]] = {}
        for s in self.program.instructions:
            frames.setdefault((self.rows.column[s], self.rows.row[s], s.where), []).append(s)
        for side in SIDES:  # an unseen frame around each holds them apart
            with picture.subgraph(name=f"cluster_{side:d}") as stack:
                stack.attr(peripheries="0", margin="0")
                for number, ((column, _, where), steps) in enumerate(frames.items()):
                    if (column != FORWARD) is side:
                        with stack.subgraph(name=f"cluster_{side:d}_{number}") as frame:
                            self.fill(frame, f"{where or 'the step'}{', backward' * (column == BACKWARD)}", steps)
                for row in range(self.rows.count if not side else 0):
                    stack.node(f"a{row}", **UNSEEN)
        for s in self.program.instructions:  # edges stand in no frame: what they end at would belong to it, too
            for value in dict.fromkeys(s.values()):
                if value in self.maker:
                    self.edge(picture, value, s)
        for i, value in enumerate(self.program.results):
            self.outside(picture, f"r{i}", "output", f"result {i}", value)
            if value in self.maker:
                picture.edge(self.ids[self.maker[value]], f"r{i}")
        self.hold(picture)
        picture.attr(label=key(self.program, self.scale, [(color, offset) for offset, color in self.colors.items()]))
        return picture

    def fill(self, frame: Picture, title: str, steps: list[Instruction]) -> None:
        """Draw a frame and what stands in it."""
        frame.attr(
            label=markup([escape(title)], left=True), style="rounded,filled", color=LINE + "70", fillcolor=LINE + "14",
            margin="8", peripheries="1",
        )  # fmt: skip
        for s in steps:
            self.place(frame, s)

    def hold(self, picture: Picture) -> None:
        """Keep rows below each other, and backward to the right of forward, by edges that are not seen."""
        with picture.subgraph() as heads:
            heads.attr(rank="same")
            heads.edge("h0", "h1", style="invis")
        for head in ("h0", "h1"):
            picture.node(head, **UNSEEN)
        top = {side: min((r for s, r in self.rows.row.items() if self.side(s) is side), default=0) for side in SIDES}
        for row in range(1, self.rows.count):
            picture.edge(f"a{row - 1}", f"a{row}", style="invis", weight="20")
        for s, box in self.ids.items():
            row, side = self.rows.row[s], self.side(s)
            if box not in self.above:
                picture.edge(f"a{row}", box, style="invis", weight="0")
                if row == top[side]:
                    picture.edge(f"h{side:d}", box, style="invis", weight="50")
            if box not in self.below and row + 1 < self.rows.count:
                picture.edge(box, f"a{row + 1}", style="invis", weight="0")

    def side(self, s: Instruction) -> bool:
        """Tell what stands on the left from what stands on the right."""
        return self.rows.column[s] != FORWARD

    def place(self, frame: Picture, s: Instruction) -> None:
        """Draw an instruction, the tensors from outside that it reads, and its edges."""
        text, least = self.label(s)
        frame.node(
            self.ids[s], text, style="rounded,filled" if not s.is_view else "rounded,filled,dashed",
            fillcolor=color_of(s), color="transparent" if not s.is_view else LINE,
            fontcolor="white" if not s.is_view else INK,
            height=f"{self.scale.height(s, least):.4f}",
        )  # fmt: skip
        for value in dict.fromkeys(s.values()):
            if value not in self.maker and s.name not in ("update", "write"):
                self.count += 1
                name = f"v{self.count}"
                self.outside(frame, name, KINDS[value.origin], value.name, value)
                if self.rows.column[s] == BACKWARD:  # which runs upwards
                    frame.edge(self.ids[s], name, dir="back")
                    self.below.add(self.ids[s])
                else:
                    frame.edge(name, self.ids[s])

    def edge(self, picture: Picture, value: Value, user: Instruction) -> None:
        """Draw a value from the instruction that makes it to one that uses it."""
        maker, rows = self.maker[value], self.rows
        taken = user.in_place and value.holder is user.outputs[0].holder
        style = {"color": IN_PLACE, "penwidth": "2.4"} if taken else {}
        place, goal = (rows.row[maker], rows.column[maker]), (rows.row[user], rows.column[user])
        down = place < goal or (place == goal and goal[1] != BACKWARD)
        if place[1] != goal[1]:
            style["weight"] = "0"
        elif goal[1] == FORWARD and value is user.inputs[0]:
            style["weight"] = "6"  # keeps the forward pass straight
        tail, head = self.ids[maker], self.ids[user]
        first, second = (tail, head) if down else (head, tail)
        picture.edge(first, second, **style, **({} if down else {"dir": "back"}))
        if place[0] == goal[0]:
            self.below.add(first)
            self.above.add(second)

    def outside(self, picture: Picture, name: str, kind: str, title: str, value: Value) -> None:
        """Draw what comes from outside, or is given back."""
        fill, border = FILLS[kind]
        text = markup([f"<b>{escape(title)}</b>", small(f"{value.shape} {value.dtype}")])
        picture.node(name, text, style="filled", fillcolor=fill, color=border)

    def label(self, s: Instruction) -> tuple[str, float]:
        """Write an instruction: name, shape, time, memory; and give the height that this needs, in points."""
        name, of = s.name, light(str(s.outputs[0].shape), INK if s.is_view else PALE) if s.outputs else ""
        if s.name in ("update", "write") and s.values():
            of = light(s.values()[0].name)
        lines = [f"<b>{escape(name)}</b>", *([of] if of else [])]
        if s in self.program.fused:
            lines.append(light(f"in {self.program.fused[s].partition(',')[0]}", INK if s.is_view else PALE))
        elif s.microseconds and not s.is_view:
            lines.append(light(f"{s.microseconds:,.1f} µs"))
        bars = self.bars(s)
        rows = "".join([*(f"<tr><td>{line}</td></tr>" for line in lines), *bars])
        least = 24 + 12 * (len(lines) - 1) + 14 * len(bars)
        return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}</table>>', least

    def bars(self, s: Instruction) -> list[str]:
        """Write the bars that stand for the memory of result and residual; places in the block have colours."""
        rows = []
        for root in [v.root for v in s.outputs if not s.is_view]:
            offset = self.program.offsets.get(root)
            text, color = root.name, PALE
            if offset is not None:
                text = f"arena {offset:,}"
                color = self.colors.setdefault(offset, MEMORY[len(self.colors) % len(MEMORY)])
            font = f'<font point-size="8" color="{INK}">{escape(text)}</font>'
            rows.append(f'<tr><td bgcolor="{color}" cellpadding="2">{font}</td></tr>')
        return rows


def light(text: str, color: str = PALE) -> str:
    """Write a line of details on a dark box."""
    return f'<font point-size="8" color="{color}">{escape(text)}</font>'
