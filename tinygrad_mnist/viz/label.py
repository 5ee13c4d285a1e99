"""The words in a picture: ranges of values, the state of a gradient, settings of an operation, safely spelled.

Labels are graphviz's HTML-like ones, so three characters need escaping and any name is safe. Knows values and Nodes,
no layout. Look next at graph.py.
"""

from __future__ import annotations

import html
import textwrap
from typing import Any

import numpy as np

from ..core.failure import Failure
from ..core.graph import Array, Freed, Node
from ..core.scope import Scope
from .fold import Fold
from .trace import Value, is_backward, module_title

FAINT, GRADIENT = "#6b7280", "#9a3412"  # on the pale fill of a box: details, gradients
ON_PAPER, GRADIENT_ON_PAPER = "#808893", "#c2703d"  # on white or black paper
SHAPES = frozenset({"shape", "x_shape"})  # settings that the box of the result shows anyway
DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "keepdims": False, "value": 0.0, "axis": None,
            "smoothing": 0.0}  # fmt: skip
WIDTH, WIDEST = 34, 60  # characters in a line of a module's label, and of what failed
LONGEST = 10 * WIDTH  # of a path; of a longer one the end is shown


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

    Units:   those of the array; three digits
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


def gradient_text(value: Value) -> str:
    """Describe the gradient of a value: its range, or why there is none. Empty for what has no gradient."""
    var = value.var
    if value.gradient is not None:
        return f"grad: {value_range(value.gradient)}"
    if var is not None and var.gradient is not None:
        return f"grad: {value_range(var.gradient.array)}"
    retained = value.made_by.retained if value.made_by is not None else None
    if value.made_by is not None and (retained is None or retained() is not var):
        return ""  # nobody asked for it
    return "grad: not computed yet" if var is not None and var.differentiable else ""


def value_label(value: Value, show_values: bool) -> str:
    """Write the box of a value: name, shape and dtype, range, gradient."""
    array = value.array
    lines = [f"<b>{escape(value.name)}</b>"] if value.name else []
    lines.append(f'<font point-size="10">{escape(f"{tuple(array.shape)} {array.dtype}")}</font>')
    return markup(lines + numbers(value) if show_values else lines)


def numbers(value: Value) -> list[str]:
    """Write the ranges of values and of the gradient, as far as they are known."""
    lines = [] if isinstance(value.array, Freed) else [small(value_range(value.array))]
    gradient = gradient_text(value)
    return [*lines, small(gradient, FAINT if "not" in gradient else GRADIENT)] if gradient else lines


def edge_label(value: Value, show_values: bool, times: int = 1) -> str:
    """Write what passes from one operation to the next along an edge: on no fill, so that it reads on black, too."""
    kind = "" if value.array.dtype == np.float32 else f" {value.array.dtype}"
    many = f" × {times}" if times > 1 else ""
    lines = [small(f" {shape_text(value.array.shape)}{kind}{many}", ON_PAPER)]
    gradient = gradient_text(value) if show_values else ""
    return markup([*lines, small(f" {gradient}", GRADIENT_ON_PAPER)] if gradient else lines)


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as in (64, 10), one element as a word."""
    return str(tuple(shape)) if shape else "scalar"


def node_label(node: Node, inline: dict[int, Any]) -> str:
    """Write the box of an operation: its name, small numbers where they stand among the arguments, and the settings."""
    places = [number(inline[i]) if i in inline else "·" for i in range(len(node.args))]
    shown = inline and not any(isinstance(x, Freed) for x in inline.values())
    details = [f"({', '.join(places)})"] if shown else []
    details += [f"{k} = {setting(v)}" for k, v in node.static.items() if k not in SHAPES and not is_default(k, v)]
    lines = [f"<b>{escape(node.name)}</b>"]
    lines += [f'<font point-size="9">{escape(d)}</font>' for d in details if len(d) <= WIDTH]
    return markup(lines)


def failure_label(failure: Failure) -> str:
    """Write the box of a call that failed: what it was, got and expected."""
    lines = [f"<b>✗ {escape(failure.name)}</b>"]
    rows = [("", failure.problem), ("got", failure.got), ("expected", failure.expected), ("try", failure.hint)]
    for word, text in rows:
        wrapped = textwrap.wrap(f"{word}  {text}".strip(), WIDEST)
        lines += [f'<font point-size="10">{escape(line)}</font>' for line in wrapped if text]
    return markup(lines, left=True)


def fold_lines(title: list[str], fold: Fold, parameters: int) -> list[str]:
    """Name a fold and count what it hides."""
    count = f"{len(fold.nodes):,} operation{'s' if len(fold.nodes) > 1 else ''} folded"
    if not title:
        return [f"<b>{count}</b>", small("max_nodes= draws more")]
    details = [small(f"{parameters:,} parameters")] if parameters else []
    return [f"<b>{'<br/>'.join(escape(line) for line in title)}</b>", small(count), *details]


def is_default(name: str, setting: object) -> bool:
    """Tell whether a setting is the usual one; (1, 1) counts as 1."""
    usual = DEFAULTS.get(name, ...)
    if isinstance(setting, tuple) and setting and all(type(s) is type(usual) and s == usual for s in setting):
        return True
    return type(setting) is type(usual) and bool(setting == usual)


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


def module_lines(scope: Scope, path: str) -> list[str]:
    """Name a module call in short lines."""
    if is_backward(scope):
        return ["backward pass"]
    path = path if len(path) <= LONGEST else "…" + path[1 - LONGEST :]  # frames thousands deep would fill megabytes
    return textwrap.wrap(module_title(scope.module, path), WIDTH)


def markup(lines: list[str], left: bool = False) -> str:
    """Join lines to one HTML-like label."""
    end = '<br align="left"/>' if left else "<br/>"
    return f"<{end.join(lines)}{end if left else ''}>"
