"""The words in the picture of a graph: of values, operations, what failed, what is folded.

Knows values and Nodes, no layout. Read after label.py; look next at layout.py.
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from ...core.failure import Failure
from ...core.graph import Freed, Node
from ...core.scope import Scope
from ..label import FAINT, escape, markup, number, setting, small, value_range
from ..modules import is_backward, module_title
from .fold import Fold
from .trace import Value

GRADIENT = "#9a3412"  # on the pale fill of a box
ON_PAPER, GRADIENT_ON_PAPER = "#808893", "#c2703d"  # on white or black paper
SHAPES = frozenset({"shape", "x_shape"})  # settings that the box of the result shows anyway
DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "keepdims": False, "value": 0.0, "axis": None,
            "smoothing": 0.0}  # fmt: skip
WIDTH, WIDEST = 34, 60  # characters in a line of a module's label, and of what failed
LONGEST = 10 * WIDTH  # of a path; of a longer one the end is shown


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


def module_lines(scope: Scope, path: str) -> list[str]:
    """Name a module call in short lines."""
    if is_backward(scope):
        return ["backward pass"]
    path = path if len(path) <= LONGEST else "…" + path[1 - LONGEST :]  # frames thousands deep would fill megabytes
    return textwrap.wrap(module_title(scope.module, path), WIDTH)
