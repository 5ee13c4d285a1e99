"""The page of a graph: its modules open and close, what is under the pointer tells what it is, search finds it.

Every layout is made here, when the page is written: one for each number of levels and one for each module alone. The
page chooses among them (assets/graph.js), so that it shows what the picture shows. Read after graph.py and page.py.
"""

from __future__ import annotations

import html
import linecache
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.graph import Array, Freed, Node
from ...core.lines import Lines
from ...core.scope import Scope
from ..label import number, setting
from ..modules import with_callers
from ..page import page
from ..picture import Picture, svg_of
from .fold import Fold, Unit, by_call, nodes_of
from .layout import Round
from .trace import Trace, Value
from .words import module_lines

MOST = 60  # layouts in a page
LARGEST = 400  # boxes in a layout, unless the picture itself has more
BINS, SAMPLE = 24, 1_000_000  # of a histogram, and values that are looked at

Draw = Callable[[list[Unit]], tuple[Picture, dict[Any, str]]]


class View:
    """One layout: which module calls are open in it."""

    def __init__(self, opened: frozenset[Scope], units: list[Unit], draw: Draw) -> None:
        self.opened, self.units = opened, units
        picture, self.ids = draw(units)
        self.svg = svg_of(picture)


def graph_page(trace: Trace, shown: list[Unit], draw: Draw, title: str) -> str:
    """Write the page.

    Args:
        shown: the boxes of the picture, which the page opens with
        draw: lays boxes out
    """
    calls = sorted(with_callers(node.scope for node in trace.nodes), key=lambda scope: scope.depth)
    closed = {unit.scope for unit in shown if isinstance(unit, Fold)}
    start = frozenset(scope for scope in calls if closed.isdisjoint(scope.chain()))
    deepest = max((scope.depth for scope in calls), default=0)
    wanted = [frozenset(scope for scope in calls if scope.depth <= level) for level in range(deepest + 1)]
    wanted += [frozenset(scope.chain()) for scope in calls]
    views: dict[frozenset[Scope], View] = {start: View(start, shown, draw)}
    for opened in wanted:
        units = by_call(trace.nodes, opened.__contains__)
        if opened not in views and len(views) < MOST and len(units) <= max(LARGEST, len(shown)):
            views[opened] = View(opened, units, draw)
    order = {opened: i for i, opened in enumerate(views)}
    data = {
        "views": [{"svg": v.svg, "go": doors(v, order), "level": level_of(v, calls)} for v in views.values()],
        "things": {name: facts(trace, thing) for v in views.values() for thing, name in v.ids.items()},
    }
    body = (
        f"<header><h1>{html.escape(title)}</h1><div id='tools'></div></header>"
        "<main><div id='paper' tabindex='-1'></div><aside id='facts' class='card' aria-live='polite'></aside></main>"
    )
    return page(title, body, assets=("graph.css", "graph.js"), data=data)


def doors(view: View, order: dict[frozenset[Scope], int]) -> dict[str, int]:
    """Tell which view a click on a folded module or on a frame leads to."""
    go = {}
    for thing, name in view.ids.items():
        scope = thing.scope if isinstance(thing, Fold) else thing if isinstance(thing, Scope) else None
        if scope is None or isinstance(scope.module, Round):
            continue
        if isinstance(thing, Fold):
            choices = [view.opened | {scope}, frozenset(scope.chain())]
        else:
            choices = [frozenset(s for s in view.opened if scope not in s.chain()), frozenset(scope.chain()[:-1])]
        wanted, folded = {*scope.chain()} - ({scope} if isinstance(thing, Scope) else set()), isinstance(thing, Fold)
        others = [opened for opened in order if wanted <= opened and (scope in opened) == folded]
        choices += sorted(others, key=lambda opened: len(opened ^ view.opened))[:1]  # where a page has not all layouts
        found = next((order[choice] for choice in choices if choice in order), None)
        if found is not None:
            go[name] = found
    return go


def level_of(view: View, calls: list[Scope]) -> int | None:
    """Tell how many levels a view opens, if it opens levels."""
    levels = {scope.depth for scope in view.opened}
    level = max(levels, default=0)
    return level if view.opened == frozenset(s for s in calls if s.depth <= level) else None


# ---------------------------------------------------------------- what is told of a thing


def facts(trace: Trace, thing: Any) -> dict[str, Any]:
    """Collect what is told of a value, an operation, a folded module or a frame."""
    if isinstance(thing, Value):
        return value_facts(thing)
    if isinstance(thing, Node):
        return node_facts(trace, thing)
    scope = thing.scope if isinstance(thing, Fold) else thing
    if scope is not None and isinstance(scope.module, Round):
        repeat = scope.module.repeat
        count = sum(trace.repeats.times[n] for n in trace.nodes if n in {*repeat.rounds[0]})
        text, rows = "The first round is drawn.", {"operations": f"{count:,}"}
        return {"kind": "loop", "title": f"repeated × {repeat.count}", "text": text, "rows": rows}
    title = " ".join(module_lines(scope, trace.paths.of(scope))) if scope is not None else "operations in the middle"
    nodes = nodes_of(thing) if isinstance(thing, Fold) else [n for n in trace.nodes if scope in around(n.scope)]
    parameters = {v: None for n in nodes for v in trace.inputs[n] if v.kind == "parameter"}
    rows = {"operations": f"{sum(trace.repeats.times[n] for n in nodes):,}"}
    if parameters:
        rows["parameters"] = f"{sum(int(np.prod(v.array.shape)) for v in parameters):,}"
    doc = (type(scope.module).__doc__ or "").strip().partition("\n")[0] if scope is not None else ""
    return {"kind": "module", "title": title, "text": doc, "rows": rows}


def around(scope: Scope | None) -> list[Scope]:
    """List a module call and those that it runs inside."""
    return [] if scope is None else scope.chain()


def node_facts(trace: Trace, node: Node) -> dict[str, Any]:
    """Tell of an operation: what it does, its settings, the line that called it, what goes in and comes out."""
    rows = {k: setting(v) for k, v in node.static.items()}
    rows |= {f"argument {i + 1}": number(x) for i, x in trace.inline[node].items() if not isinstance(x, Freed)}
    if node.scope is not None:
        rows["in"] = str(node.scope)
    if trace.repeats.times[node] > 1:
        rows["repeated"] = f"× {trace.repeats.times[node]}"
    rows["result"] = f"{tuple(node.out.shape)} {node.out.dtype}"
    place = Lines.of.get(node.index, "")
    file, _, line = place.rpartition(":")
    text = linecache.getline(file, int(line)).strip() if line.isdigit() else ""
    source = {"place": f"{file.replace(chr(92), '/').rpartition('/')[2]}:{line}", "text": text} if place else None
    doc = (node.primitive.__doc__ or "").strip().partition("\n")[0]
    result = trace.values.get(node)
    return {
        "kind": "operation", "title": node.name, "text": doc, "rows": rows, "source": source,
        **({} if result is None else measured(result)),
    }  # fmt: skip


def value_facts(value: Value) -> dict[str, Any]:
    """Tell of a value: shape, dtype, memory, the spread of values and of the gradient."""
    array = value.array
    rows = {"shape": str(tuple(array.shape)), "dtype": str(array.dtype)}
    if not isinstance(array, Freed):
        rows["memory"] = f"{array.nbytes:,} bytes"
    return {"kind": value.kind, "title": value.name or "result", "text": "", "rows": rows, **measured(value)}


def measured(value: Value) -> dict[str, Any]:
    """Measure values and gradient."""
    found = {}
    g = value.gradient if value.gradient is not None else None
    if g is None and value.var is not None and value.var.gradient is not None:
        g = value.var.gradient.array
    for name, array in (("values", value.array), ("gradient", g)):
        if isinstance(array, np.ndarray) and array.size:
            found[name] = spread(array)
    return found


def spread(array: Array) -> dict[str, Any]:
    """Count values in equal steps from the least to the greatest, and measure mean and standard deviation.

    Shapes:
        array (*A) of numbers or booleans
    """
    flat = array.reshape(-1)
    some = flat[:: -(-flat.size // SAMPLE)].astype(np.float64)
    finite = some[np.isfinite(some)]
    bad = {"not finite": int(some.size - finite.size)} if finite.size < some.size else {}
    if not finite.size:
        return {"counts": [], **bad}
    low, high = float(finite.min()), float(finite.max())
    ends = (low, high) if low < high else (low - 0.5, high + 0.5)
    counts: Any = np.histogram(finite, BINS, ends)[0] if np.isfinite(ends[1] - ends[0]) else []
    with np.errstate(over="ignore"):  # of numbers whose squares are too large
        mean, deviation = finite.mean(), finite.std()
    seen = {"of": int(some.size)} if some.size < flat.size else {}
    return {"counts": counts, "low": low, "high": high, "mean": mean, "deviation": deviation, **seen, **bad}
