"""The key below a picture: what the colours, frames and edges mean, of those that it has.

Knows no layout. graph.py puts it below the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

from ...core.graph import Freed, Node
from ..colors import BACKWARD, FILLS, LINE, OPERATION
from ..label import markup
from ..modules import is_backward
from .fold import Fold
from .trace import Trace, Value

WORDS = {
    "parameter": "parameter", "input": "input", "constant": "constant: no gradient", "result": "result",
    "output": "output",
}  # fmt: skip
NARROW = 5  # entries in a row


def legend(drawn: Iterable[Any], rounds: Sized, trace: Trace) -> str:
    """Write the key as an HTML-like label ("" where there is nothing to explain)."""
    drawn = list(drawn)
    kinds = {thing.kind for thing in drawn if isinstance(thing, Value)}
    nodes = [thing for thing in drawn if isinstance(thing, Node)]
    entries = [swatch(FILLS[kind][1], word) for kind, word in WORDS.items() if kind in kinds]
    if not nodes and len(entries) < 2:
        return ""
    if any(not is_backward(node.scope) for node in nodes):
        entries.append(swatch(OPERATION, "operation"))
    if any(is_backward(node.scope) for node in nodes):
        entries.append(swatch(BACKWARD, "operation of a backward pass"))
    if any(isinstance(thing, Fold) for thing in drawn):
        entries.append(f'<font color="{LINE}" point-size="12">▣</font> {words("folded: depth= opens more")}')
    notes = []
    if rounds:
        notes.append("× n: repeated, drawn once with the numbers of the first round; dashed: on to the next round")
    if any(isinstance(node.out, Freed) for node in nodes):
        notes.append("backward() has freed the values between: backward(retain_graph=True) keeps them")
    lines = ["&nbsp;&nbsp; ".join(entries[i : i + NARROW]) for i in range(0, len(entries), NARROW)]
    return markup([*lines, *map(words, notes)], left=True)


def swatch(color: str, text: str) -> str:
    """Write a colour and what it means."""
    return f'<font color="{color}" point-size="14">■</font> {words(text)}'


def words(text: str) -> str:
    """Write words of the key."""
    return f'<font point-size="9" color="{LINE}">{text}</font>'
