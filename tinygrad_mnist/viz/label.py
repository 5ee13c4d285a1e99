"""Words in pictures, safely spelled: numbers, ranges of values, settings, lines of a label.

Labels are graphviz's HTML-like ones, so three characters need escaping and any name is safe. Knows arrays, no Nodes.
Look next at graphs/words.py.
"""

from __future__ import annotations

import html

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Array

FAINT = "#6b7280"  # details on the pale fill of a box


def check_direction(owner: str, direction: str) -> None:
    """Raise for what graphviz would silently take for "TB"."""
    if direction not in ("TB", "LR", "BT", "RL"):
        wanted = "'TB' down or 'LR' to the right"
        raise ArgumentError(f"{owner}: unknown direction.", got=repr(direction), expected=wanted)


def escape(text: object) -> str:
    """Spell any text safely inside an HTML-like label: on one line, without control characters."""
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return html.escape(printable)


def small(text: str, color: str = FAINT) -> str:
    """Write a line of details."""
    return f'<font point-size="9" color="{color}">{escape(text)}</font>'


def number(x: object) -> str:
    """Write one element with four digits."""
    x = x.item() if isinstance(x, np.generic | np.ndarray) else x
    return f"{x + 0.0:.4g}" if isinstance(x, float) else str(x)  # -0.0 is written as 0


def value_range(array: Array) -> str:
    """Describe the elements: the value of a single one, else smallest … largest, and how many are NaN.

    Units:
        those of the array; three digits
    """
    if array.size == 0:
        return "no elements"
    if array.size == 1:
        return number(array)
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array):,} of {array.size:,} true"
    low, high = array.min(), array.max()
    if low == low:
        return _between(low, high)
    missing = np.isnan(array)
    rest = array[~missing]
    return (f"{_between(rest.min(), rest.max())}, " if rest.size else "") + f"{np.count_nonzero(missing):,} NaN"


def _between(low: np.generic, high: np.generic) -> str:
    if low.dtype.kind in "iu":
        return f"{low} … {high}"
    return f"all {float(low):.3g}" if low == high else f"{float(low):.3g} … {float(high):.3g}"


def setting(value: object) -> str:
    """Write a setting briefly: (2, 2) as 2, a slice as in an index."""
    if isinstance(value, slice):
        ends = ["" if e is None else str(e) for e in (value.start, value.stop)]
        return ":".join(ends + ([str(value.step)] if value.step is not None else []))
    if value is Ellipsis:
        return "…"
    if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1] and isinstance(value[0], int):
        return str(value[0])
    if isinstance(value, tuple):
        return f"({', '.join(setting(v) for v in value)})" if len(value) != 1 else setting(value[0])
    return number(value) if isinstance(value, float) else str(value)


def markup(lines: list[str], left: bool = False) -> str:
    """Join lines to one HTML-like label."""
    end = '<br align="left"/>' if left else "<br/>"
    return f"<{end.join(lines)}{end if left else ''}>"
