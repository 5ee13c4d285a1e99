"""The small graph above the player: every operation a dark box with its result, every leaf a pale one, left to right.

Laid out when the page is saved; the page changes the colours and the numbers of its boxes, which are found by id. Where
there is no layout engine, or the graph is large, the boxes stand in a row, in order. Knows no Node. Look next at
player.py.
"""

from __future__ import annotations

import html
import importlib
import re
from typing import Any

from ..colors import FILLS, FONT, INK, LINE, OPERATION
from ..label import escape, markup

MOST = 150  # boxes in a drawing
GRADIENT, LIGHT = "#7c4d79", "#f0cdea"  # of numbers on pale boxes, and on dark ones


class Box:
    """A leaf or an operation: lines of text, of which one may be a value and one a gradient; where edges come from."""

    def __init__(
        self, name: str, of: int, kind: str, words: list[str], value: str = "", gradient: str = "",
        sources: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.name, self.of, self.kind, self.words, self.sources = name, of, kind, words, sources
        self.value, self.gradient = value, gradient  # the widest texts that they will have

    def rows(self) -> list[str]:
        """List all lines."""
        return [*self.words, *filter(None, (self.value, self.gradient))]

    def places(self) -> dict[str, Any]:
        """Say which line holds what changes."""
        rows = self.rows()
        return {
            "id": self.name, "of": self.of, "value": len(self.words) if self.value else None,
            "gradient": len(rows) - 1 if self.gradient else None,
            "edges": [f"{s}-{self.name}-{i}" for i, s in enumerate(self.sources)],
        }  # fmt: skip


def strip(boxes: list[Box]) -> str:
    """Draw the boxes as SVG, or as a list where that cannot be done; HTML either way."""
    if len(boxes) <= MOST:
        try:
            return drawn(boxes)
        except ImportError:  # MissingDependencyError is one: no layout engine, or no graphviz at all
            pass
    return listed(boxes)


def drawn(boxes: list[Box]) -> str:
    """Lay the boxes out."""
    module = importlib.import_module("..picture", __package__)  # which loads graphviz
    picture = module.Picture(
        graph_attr={"rankdir": "LR", "bgcolor": "transparent", "nodesep": "0.14", "ranksep": "0.3", "margin": "0.05"},
        node_attr={"fontname": FONT, "fontsize": "11", "shape": "box", "margin": "0.1,0.05", "height": "0.2"},
        edge_attr={"color": LINE, "arrowsize": "0.6"},
    )  # fmt: skip
    for box in boxes:
        operation = box.kind == "operation"
        fill, border = (OPERATION, OPERATION) if operation else FILLS[box.kind]
        ink = "white" if operation else INK
        lines = [f"<b>{escape(box.words[0])}</b>", *map(escape, [*box.words[1:], *filter(None, [box.value])])]
        if box.gradient:
            lines.append(f'<font color="{LIGHT if operation else GRADIENT}">{escape(box.gradient)}</font>')
        style = "rounded,filled" if operation else "filled"
        picture.node(box.name, markup(lines), id=box.name, style=style, fillcolor=fill, color=border, fontcolor=ink)
        for source, name in zip(box.sources, box.places()["edges"], strict=True):
            picture.edge(source, box.name, id=name, weight="4" if source[0] == "o" else "1")
    svg = re.sub(r"<title>.*?</title>|<!--.*?-->", "", module.svg_of(picture), flags=re.DOTALL)  # DOT's own ids
    return svg.replace("<svg", '<svg role="group" aria-label="the graph"', 1)


def listed(boxes: list[Box]) -> str:
    """Set the boxes in a row."""
    items = []
    for box in boxes:
        lines = "".join(f"<span>{html.escape(row)}</span>" for row in box.rows())
        items.append(f'<li id="{box.name}" class="box {box.kind}">{lines}</li>')
    return f'<ol class="boxes">{"".join(items)}</ol>'
