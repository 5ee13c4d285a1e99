"""Where everything of a graph stands: boxes in the frames of module calls, and the edges between them.

Pale boxes are tensors, dark ones operations, frames module calls; what merely passes from one operation to the next is
an edge with its shape. The words come from label.py, the colours from colors.py. Look next at picture.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from ...core.graph import Node
from ...core.scope import Scope
from ..colors import BACKWARD, CULPRIT, FILLS, FOLDED, FONT, INK, LINE, OPERATION
from ..label import escape, markup, small
from ..modules import is_backward
from .fold import Fold, Unit, nodes_of
from .legend import legend
from .repeat import Repeat, at_depth, below
from .trace import Trace, Value
from .words import edge_label, failure_label, fold_lines, module_lines, node_label, shape_text, value_label

if TYPE_CHECKING:
    from ..picture import Picture

MAIN = {"weight": "8"}
DEEPEST = 100  # frames inside each other, as a call that never ends has thousands
FAR, MANY, PASSED = 8, 20, 1000  # rows, edges that pass so many, rows in all: more would take minutes to lay out


class Round:
    """Stands in the chain of callers for one round of operations that are repeated."""

    def __init__(self, repeat: Repeat) -> None:
        self.repeat = repeat

    def name_of(self, module: Any) -> str | None:
        """Contain no module."""
        return None


class Layout:
    """Puts every value, operation and fold into the frame of its module call, and draws the edges."""

    def __init__(self, trace: Trace, shown: list[Unit], show_values: bool) -> None:
        self.trace, self.shown, self.show_values = trace, shown, show_values
        self.unit_of: dict[Node, Unit] = {node: unit for unit in shown for node in nodes_of(unit)}
        self.closed = {f.scope for f in shown if isinstance(f, Fold) and f.scope is not None}
        self.seen: dict[Scope, Scope | None] = {}  # what `visible` found
        self.ids: dict[Hashable, str] = {}  # of what is drawn
        self.passing: dict[Hashable, str] = {}  # of what is an edge
        self.folded: dict[Fold, list[Value]] = {}
        self.frames: dict[Scope | None, list[Any]] = {None: []}  # what stands directly in each frame, in order of calls
        self.rounds: dict[Scope, Repeat] = {}  # frames of the first rounds: module calls, or made for it
        self.far: dict[tuple[Any, Unit], int] = {}  # users of a leaf that get a box of it beside them
        self.within: dict[Hashable, Scope] = {}  # what stands in a frame that was made
        for repeat in sorted(trace.repeats.found, key=lambda repeat: len(repeat.rounds[0])):
            calls = repeat.calls()
            if len(calls) == repeat.count:
                self.rounds[calls[0]] = repeat
                continue
            self.rounds[made := Scope(Round(repeat), repeat.around)] = repeat
            for node in repeat.rounds[0]:
                thing: Any = below(node.scope, repeat.around) or node
                while thing in self.within and thing is not made:
                    thing = self.within[thing]
                if thing is not made:
                    self.within[thing] = made

    def draw(self, direction: str, key: bool) -> Picture:
        """Write the DOT text."""
        # importlib, so that importing the package does not load graphviz (10 ms of a budget of 60) before it is needed
        picture: Picture = importlib.import_module("..picture", __package__).Picture(
            graph_attr={
                "rankdir": direction, "bgcolor": "transparent", "fontname": FONT, "fontsize": "10", "fontcolor": LINE,
                "nodesep": "0.22", "ranksep": "0.24", "labeljust": "l", "labelloc": "b",
            },
            node_attr={"fontname": FONT, "fontsize": "11", "fontcolor": INK, "margin": "0.12,0.06", "height": "0.2"},
            edge_attr={"color": LINE, "arrowsize": "0.6", "fontname": FONT, "fontsize": "9"},
        )  # fmt: skip
        for value in self.trace.values.values():
            hiding = self.hidden_in(value)
            for fold in hiding:
                self.folded.setdefault(fold, []).append(value)
            if not hiding and value.made_by is None:
                self.place(value, self.visible(value.scope))
        for unit in self.shown:
            self.place(unit, self.frame_of(unit))
            for node in nodes_of(unit):
                result = self.trace.values[node]
                came = node is not self.trace.culprit or self.trace.failure.index == node.index
                if came and not self.hidden_in(result) and not self.passes(result):
                    self.place(result, self.frame_of(unit))
        self.write_frame(picture, None)
        far, near = self.long_edges()
        if len(far) > MANY:
            self.far = {edge: i for i, edge in enumerate(far)}
        if near > PASSED:
            picture.attr("graph", nslimit="2", splines="line")
        self.write_edges(picture)
        if key and (text := legend([*self.ids], self.rounds, self.trace)):
            picture.attr(label=text)
        return picture

    def passes(self, value: Value) -> bool:
        """Tell whether a value is nothing but the result of one operation and an argument of the next: an edge."""
        users = {self.unit_of[n] for n in value.users}
        kept = value.var is not None and (value.var.gradient is not None or value.made_by.retained is not None)  # type: ignore[union-attr]
        return value.kind == "result" and not value.named and not kept and len(users) <= 1

    def hidden_in(self, value: Value) -> list[Fold]:
        """Find the folds that a value is a detail of: nothing else touches it, and it is not what they work on."""
        around = {self.unit_of[n] for n in value.users}
        if value.made_by is not None:
            around.add(self.unit_of[value.made_by])
        folds = [unit for unit in around if isinstance(unit, Fold)]
        if not folds or len(folds) < len(around) or value.kind == "output":
            return []
        if value.kind == "parameter":  # hidden in both boxes of a module called twice; shown where two modules share it
            return folds if len({id(f.scope.module) for f in folds if f.scope is not None}) <= 1 else []
        if len(folds) > 1 or (value.made_by is None and (value.named or self.is_first(value, folds[0]))):
            return []
        return folds

    def is_first(self, value: Value, fold: Fold) -> bool:
        """Tell whether a module works on a value, as opposed to with it: a batch is drawn, a dropout mask is not."""
        return fold.scope is not None and any(self.trace.inputs[n][0] is value for n in value.users)

    def frame_of(self, unit: Unit) -> Scope | None:
        """Find the frame that a unit stands in."""
        frame = self.around(unit.scope) if isinstance(unit, Fold) else self.within.get(unit, unit.scope)
        return at_depth(frame, DEEPEST)

    def around(self, scope: Scope | None) -> Scope | None:
        """Find the frame that the frame of a module call stands in."""
        return None if scope is None else self.within.get(scope, scope.parent)

    def visible(self, scope: Scope | None) -> Scope | None:
        """Find the innermost module call around a scope that is drawn as a frame."""
        todo: list[Scope] = []
        while scope is not None and scope not in self.seen:
            todo.append(scope)
            scope = scope.parent
        found = None if scope is None else self.seen[scope]
        for inner in reversed(todo):
            if inner.parent is found and inner not in self.closed:
                found = inner
            self.seen[inner] = found
        return at_depth(found, DEEPEST)

    def place(self, thing: Any, frame: Scope | None) -> None:
        """Put a value or unit into a frame, which is put into the frames around it."""
        folded = isinstance(thing, Fold)
        self.ids[thing] = self.trace.id_of((folded and thing.scope) or thing, "f" if folded else "")
        while frame not in self.frames:
            self.frames[frame] = [thing]
            thing, frame = frame, self.around(frame)
        self.frames[frame].append(thing)

    def write_frame(self, picture: Picture, frame: Scope | None) -> None:
        """Write what stands in a frame, frames inside it included (they nest as deep as the module calls did)."""
        todo = [iter(self.frames[frame])]
        while todo:
            thing = next(todo[-1], None)
            if thing is None:
                todo.pop()
                if todo:
                    picture.body.append("\t}\n")
            elif isinstance(thing, Scope):
                lines = self.title(thing)
                # as text, since a Digraph for every frame would copy all that is in it
                self.ids[thing] = self.trace.id_of(thing)
                picture.body.append(f"\tsubgraph cluster_{self.ids[thing]} {{\n")
                picture.attr(
                    label=markup([escape(line) for line in lines], left=True), style="rounded,filled",
                    color=LINE + "70", fillcolor=LINE + "14", margin="9", labelloc="t",
                )  # fmt: skip
                todo.append(iter(self.frames[thing]))
            elif isinstance(thing, Value):
                self.write_value(picture, self.ids[thing], thing, value_label(thing, self.show_values))
            elif isinstance(thing, Fold):
                parameters = sum(int(v.array.size) for v in self.folded.get(thing, [])
                                 if v.kind == "parameter" and v.var is not None)  # fmt: skip
                title = self.title(thing.scope) if thing.scope is not None else []
                picture.node(
                    self.ids[thing], markup(fold_lines(title, thing, parameters)), shape="box", peripheries="2",
                    style="filled", fillcolor=FOLDED, color=LINE,
                )  # fmt: skip
            elif thing is self.trace.culprit:
                picture.node(
                    self.ids[thing], failure_label(self.trace.failure), shape="box", style="filled", color=INK,
                    penwidth="2.5", fillcolor=CULPRIT, fontcolor="white",
                )  # fmt: skip
            else:
                picture.node(
                    self.ids[thing], node_label(thing, self.trace.inline[thing]), shape="box", style="rounded,filled",
                    color="transparent", fontcolor="white",
                    fillcolor=BACKWARD if is_backward(thing.scope) else OPERATION,
                )  # fmt: skip

    def write_value(self, picture: Picture, name: str, value: Value, label: str) -> None:
        """Write the box of a value."""
        fill, border = FILLS[value.kind]
        style = "filled,dashed" if value.kind == "constant" else "filled"
        width = "1.6" if value.kind == "output" else "1"
        picture.node(name, label, shape="box", style=style, fillcolor=fill, color=border, penwidth=width)

    def title(self, scope: Scope) -> list[str]:
        """Name a module call, and say how often it is repeated."""
        repeat, paths = self.rounds.get(scope), self.trace.paths
        lines = [] if isinstance(scope.module, Round) else module_lines(scope, paths.of(scope))
        if repeat is not None:
            names = list(dict.fromkeys(paths.of(call) for call in repeat.calls()))
            which = f": {names[0]} … {names[-1]}" if len(names) > 1 else ""
            lines.append(f"× {repeat.count}{which}" if lines else f"repeated × {repeat.count}")
        return lines

    def long_edges(self) -> tuple[list[tuple[Any, Unit]], int]:
        """List the edges from leaves that pass many rows of boxes, and add up the rows that all others pass."""
        row: dict[Any, int] = {}  # of a unit; of a leaf, the one above its first user's
        tails: dict[Any, list[Any]] = {}
        heads: dict[Any, list[Unit]] = {}
        for unit in self.shown:
            taken = [value for node in nodes_of(unit) for value in self.trace.inputs[node]]
            found = dict.fromkeys(value if value.made_by is None else self.unit_of[value.made_by] for value in taken)
            tails[unit] = [x for x in found if x is not unit and (x in self.ids or not isinstance(x, Value))]
            row[unit] = 1 + max((row.get(tail, 0) for tail in tails[unit]), default=0)
            for tail in tails[unit]:
                heads.setdefault(tail, []).append(unit)
        for tail in (*reversed(self.shown), *(x for x in heads if isinstance(x, Value))):  # as far down as edges pull
            makers = [x for x in tails.get(tail, ()) if not isinstance(x, Value)]
            if tail in heads and len(heads[tail]) >= len(makers):
                row[tail] = min(row[head] for head in heads[tail]) - 1
        passed = {(tail, head): row[head] - row[tail] - 1 for tail in heads for head in heads[tail]}
        far = [edge for edge, rows in passed.items() if rows > FAR and isinstance(edge[0], Value)]
        return far, sum(passed.values()) - sum(passed[edge] for edge in far)

    def write_edges(self, picture: Picture) -> None:
        """Draw inputs into operations and operations into results; into and out of a fold, each edge once."""
        seen: set[tuple[str, str]] = set()
        for node in self.trace.nodes:
            unit, result = self.unit_of[node], self.trace.values[node]
            for value in self.trace.inputs[node]:
                times = self.trace.many.get((value, node), 1)
                self.write_edge(picture, seen, value, unit, self.edge_style(value, node), times)
            if result in self.ids:
                self.write_edge(picture, seen, unit, result, MAIN)
        for value, node in self.trace.again:
            if self.unit_of[node] is not (value.made_by and self.unit_of[value.made_by]):
                style = {"style": "dashed", "constraint": "false", "weight": "0"}
                self.write_edge(picture, set(), value, self.unit_of[node], style)

    def write_edge(
        self, picture: Picture, seen: set[tuple[str, str]], tail: Any, head: Any, style: dict[str, str], times: int = 1
    ) -> None:
        """Draw one edge: from a box, or from the operation whose result it is."""
        if isinstance(tail, Value) and tail not in self.ids:
            maker = self.unit_of[tail.made_by] if tail.made_by is not None else None
            if maker is None or maker is head or self.hidden_in(tail):
                return
            name = self.passing[tail] = self.trace.id_of(tail)
            style = {**style, "label": edge_label(tail, self.show_values, times), "class": name}
            tail = maker
        edge = self.ids[tail], self.ids[head]
        if (tail, head) in self.far:
            edge = f"{edge[0]}x{self.far[tail, head]}", edge[1]
        folded = isinstance(tail, Fold) or isinstance(head, Fold)
        if not folded or edge not in seen:
            seen.add(edge)
            if edge[0] != self.ids[tail]:
                self.write_value(picture, edge[0], tail, markup([small(tail.name or shape_text(tail.array.shape))]))
            picture.edge(*edge, **style)

    def edge_style(self, value: Value, node: Node) -> dict[str, str]:
        """Keep the chain of results straight, parameters beside it, frames with parameters below what enters them."""
        if value.kind == "parameter" or (value.made_by is None and self.trace.inputs[node][0] is not value):
            return {}
        framed = self.unit_of[node] is node and value.scope is not node.scope
        beside = framed and any(v.kind == "parameter" for v in self.trace.inputs[node])
        return {"weight": "2", "minlen": "2"} if beside else MAIN
