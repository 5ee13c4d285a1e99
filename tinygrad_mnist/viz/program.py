"""`program`: draw a compiled step: its instructions, the values that pass between them, and the memory they share.

Dark boxes are instructions (slate forward, plum backward, brown updates), pale ones what comes from outside. Below the
name of an instruction stand its result's shape and a bar in the colour of the memory that it writes to: two of one
colour share it. A thick orange edge is an input whose place the result takes. Read after graph.py.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol

from ..capture.program import Instruction, Program, Value
from ..core.errors import DTypeError
from .colors import BACKWARD, FILLS, FONT, INK, LINE, OPERATION
from .label import escape, markup, small

if TYPE_CHECKING:
    from .picture import Picture

UPDATE, IN_PLACE = "#8a5a2b", "#dd8b34"
MEMORY = (  # fills of the bars, readable under dark text; the next owner of memory takes the next one
    "#a6cee3", "#b2df8a", "#fdbf6f", "#cab2d6", "#fb9a99", "#ffff99", "#8dd3c7", "#d9d9d9", "#bebada", "#fccde5",
    "#ccebc5", "#80b1d3",
)  # fmt: skip
KINDS = {"input": "input", "state": "parameter", "gradient": "parameter", "constant": "constant"}


class Replayed(Protocol):
    """A step or a model that is compiled."""

    def program(self, measure: bool = True) -> Program:
        """Give the program of the latest call."""


def program(step: Replayed, *, direction: str = "TB", measure: bool = True) -> Picture:
    """Draw the program that the latest call of a compiled step ran.

    Args:    direction: "TB" down, "LR" to the right. measure: time every instruction first, on copies
    Raises:  DTypeError for what is not compiled, CaptureError before the first call
    """
    if not callable(getattr(step, "program", None)):
        hint = "step = tg.compile(step), and call it"
        raise DTypeError("program: expected a compiled step.", got=type(step).__name__, hint=hint)
    return Drawing(step.program(measure)).draw(direction)


class Drawing:
    """Places instructions in frames, one per module and direction, and draws the values between them."""

    def __init__(self, drawn: Program) -> None:
        self.program = drawn
        self.maker: dict[Value, Instruction] = {v: s for s in drawn.instructions for v in s.outputs}
        self.ids = {s: f"o{i}" for i, s in enumerate(drawn.instructions)}
        self.colors: dict[int, str] = {}  # by offset in the block
        self.count = 0

    def draw(self, direction: str) -> Picture:
        """Write the DOT text."""
        picture: Picture = importlib.import_module(".picture", __package__).Picture(
            graph_attr={
                "rankdir": direction, "bgcolor": "transparent", "fontname": FONT, "fontsize": "10", "fontcolor": LINE,
                "nodesep": "0.2", "ranksep": "0.3", "labeljust": "l", "newrank": "true",
            },
            node_attr={"fontname": FONT, "fontsize": "10", "fontcolor": INK, "shape": "box", "height": "0.2"},
            edge_attr={"color": LINE, "arrowsize": "0.6", "fontname": FONT, "fontsize": "8", "fontcolor": LINE},
        )  # fmt: skip
        frames: dict[tuple[str, bool], list[Instruction]] = {}
        for s in self.program.instructions:
            frames.setdefault((s.where, s.backward), []).append(s)
        for number, ((where, backward), steps) in enumerate(frames.items()):
            with picture.subgraph(name=f"cluster_{number}") as frame:
                title = f"{where or 'the step'}{', backward' if backward else ''}"
                frame.attr(
                    label=markup([escape(title)], left=True), style="rounded,filled", color=LINE + "70",
                    fillcolor=LINE + "14", margin="8",
                )  # fmt: skip
                for s in steps:
                    self.place(frame, s)
        for i, value in enumerate(self.program.results):
            self.outside(picture, f"r{i}", "output", f"result {i}", value)
            self.edge(picture, value, f"r{i}", None)
        return picture

    def place(self, frame: Picture, s: Instruction) -> None:
        """Draw an instruction, the tensors from outside that it reads, and its edges."""
        color = UPDATE if s.name in ("update", "write", "effect") else BACKWARD if s.backward else OPERATION
        frame.node(
            self.ids[s], self.label(s), style="rounded,filled" if not s.is_view else "rounded,dashed", fillcolor=color,
            color="transparent" if not s.is_view else LINE, fontcolor="white" if not s.is_view else INK,
        )  # fmt: skip
        for value in dict.fromkeys(s.values()):
            if value not in self.maker and s.name not in ("update", "write"):
                self.count += 1
                name = f"v{self.count}"
                self.outside(frame, name, KINDS[value.origin], value.name, value)
                frame.edge(name, self.ids[s])
            elif value in self.maker:
                self.edge(frame, value, self.ids[s], s)

    def edge(self, picture: Picture, value: Value, head: str, user: Instruction | None) -> None:
        """Draw a value from the instruction that makes it to one that uses it."""
        if value not in self.maker:
            return
        taken = user is not None and user.in_place and value.holder is user.outputs[0].holder
        style = {"color": IN_PLACE, "penwidth": "2.4"} if taken else {}
        if user is not None and value is user.inputs[0] and not user.backward:
            style["weight"] = "6"  # keeps the forward pass straight
        picture.edge(self.ids[self.maker[value]], head, **style)

    def outside(self, picture: Picture, name: str, kind: str, title: str, value: Value) -> None:
        """Draw what comes from outside, or is given back."""
        fill, border = FILLS[kind]
        text = markup([f"<b>{escape(title)}</b>", small(f"{value.shape} {value.dtype}")])
        picture.node(name, text, style="filled", fillcolor=fill, color=border)

    def label(self, s: Instruction) -> str:
        """Write an instruction: name, shape, the memory it writes to, time."""
        if s.name in ("update", "write") and s.values():
            lines = [f"<b>{s.name}</b>", light(s.values()[0].name)]
        else:
            lines = [f"<b>{escape(s.name)}</b>"]
            lines += [light(str(v.shape), INK if s.is_view else "#e5e7eb") for v in s.outputs[:1]]
        if s.microseconds and not s.is_view:
            lines.append(light(f"{s.microseconds:,.1f} µs"))
        bar = self.bar(s)
        rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
        return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}{bar}</table>>'

    def bar(self, s: Instruction) -> str:
        """Write the bars that stand for the memory of result and residual; places in the block have colours."""
        rows = []
        for root in [v.root for v in s.outputs if not s.is_view]:
            offset = self.program.offsets.get(root)
            text, color = root.name, "#e5e7eb"
            if offset is not None:
                text = f"arena {offset:,}"
                color = self.colors.setdefault(offset, MEMORY[len(self.colors) % len(MEMORY)])
            font = f'<font point-size="8" color="{INK}">{escape(text)}</font>'
            rows.append(f'<tr><td bgcolor="{color}" cellpadding="2">{font}</td></tr>')
        return "".join(rows)


def light(text: str, color: str = "#e5e7eb") -> str:
    """Write a line of details on a dark box."""
    return f'<font point-size="8" color="{color}">{escape(text)}</font>'
