"""`graph`: draw the recorded computation behind tensors, as DOT text that graphviz lays out.

Pale boxes are tensors, dark ones operations, frames module calls. The words come from label.py, what is drawn from
trace.py and fold.py; this file places them and gives them colours. Changes nothing in the graph. Look next at
picture.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentError, DTypeError, shown
from ..core.graph import Array, Node, Var
from ..core.scope import Scope
from .fold import Fold, Unit, units
from .label import escape, markup, module_lines, node_label, small, value_label
from .trace import Trace, Value, is_backward

if TYPE_CHECKING:
    from .picture import Picture

INK, LINE = "#1f2937", "#808893"  # text on pale fills; edges and frames, readable on white and on black
FILLS = {  # kind of value: fill, border
    "parameter": ("#d3e5fb", "#5b8fd0"),
    "input": ("#d6efd8", "#57a361"),
    "constant": ("#eceff3", "#a3abb7"),
    "result": ("#fbf8ef", "#c5bda6"),
    "output": ("#ffdfb5", "#dd8b34"),
}
OPERATION, BACKWARD, FOLDED = "#475569", "#7c4d79", "#e4e2f3"
MAIN = {"weight": "8"}
FONT = "Helvetica,Arial,sans-serif"


def graph(
    tensors: Var | Sequence[Var], names: Mapping[str, Var | Array] | None = None, *, depth: int | None = None,
    max_nodes: int = 400, direction: str = "TB", show_values: bool = True,
) -> Picture:  # fmt: skip
    """Draw how tensors were computed: values, gradients, operations, the modules that called them.

    Draw before backward or after: what backward freed is said. A gradient computed with create_graph=True is drawn like
    any tensor, backward operations included.

    Args:    names: {"x": x} for tensors or arrays; parameters of modules are named without.
             depth: levels of modules that are opened: 0 one box per model, 1 its layers, None every operation.
             max_nodes: of more operations, draw as many levels as fit, then fold the middle into one box that counts.
             direction: "TB" down, "LR" to the right. show_values: write ranges of values and gradients
    Raises:  DTypeError, ArgumentError for arguments of the wrong kind; rendering what is returned raises
             MissingDependencyError without graphviz's program `dot`
    """
    roots = [tensors] if isinstance(tensors, Var) else list(tensors) if isinstance(tensors, list | tuple) else []
    if not roots or not all(isinstance(r, Var) for r in roots):
        hint = "draw a result, such as loss or model(x); for the layers of a model: summary(model, input_size)"
        raise DTypeError("graph: expected a tensor, or a list of tensors.", got=shown(tensors), hint=hint)
    if direction not in ("TB", "LR", "BT", "RL"):
        raise ArgumentError("graph: unknown direction.", got=repr(direction), expected="'TB' down or 'LR' to the right")
    if max_nodes < 3 or (depth is not None and depth < 0):
        got = f"depth = {depth}, max_nodes = {max_nodes}"
        raise ArgumentError("graph: depth counts from 0 and max_nodes from 3.", got=got)
    trace = Trace(roots, names or {})
    return Layout(trace, units(trace.nodes, depth, max_nodes), show_values).draw(direction)


class Layout:
    """Puts every value, operation and fold into the frame of its module call, and draws the edges."""

    def __init__(self, trace: Trace, shown: list[Unit], show_values: bool) -> None:
        self.trace, self.shown, self.show_values = trace, shown, show_values
        self.unit_of: dict[Node, Unit] = {}
        for unit in shown:
            for node in unit.nodes if isinstance(unit, Fold) else [unit]:
                self.unit_of[node] = unit
        self.closed = {f.scope for f in shown if isinstance(f, Fold) and f.scope is not None}
        self.seen: dict[Scope, Scope | None] = {}  # what `visible` found
        self.ids: dict[Hashable, str] = {}
        self.folded: dict[Fold, list[Value]] = {}
        self.frames: dict[Scope | None, list[Any]] = {None: []}  # what stands directly in each frame, in order of calls

    def draw(self, direction: str) -> Picture:
        """Write the DOT text."""
        # importlib, so that importing the package does not load graphviz (10 ms of a budget of 60) before it is needed
        picture: Picture = importlib.import_module(".picture", __package__).Picture(
            graph_attr={
                "rankdir": direction, "bgcolor": "transparent", "fontname": FONT, "fontsize": "10", "fontcolor": LINE,
                "nodesep": "0.22", "ranksep": "0.28", "labeljust": "l",
            },
            node_attr={"fontname": FONT, "fontsize": "11", "fontcolor": INK, "margin": "0.12,0.06", "height": "0.2"},
            edge_attr={"color": LINE, "arrowsize": "0.6"},
        )  # fmt: skip
        for value in self.trace.values.values():
            hiding = self.hidden_in(value)
            for fold in hiding:
                self.folded.setdefault(fold, []).append(value)
            if not hiding and value.made_by is None:
                self.place(value, self.visible(value.scope))
        for unit in self.shown:
            self.place(unit, self.frame_of(unit))
            for node in unit.nodes if isinstance(unit, Fold) else [unit]:
                result = self.trace.values[node]
                if not self.hidden_in(result):
                    self.place(result, self.frame_of(unit))
        self.write_frame(picture, None)
        self.write_edges(picture)
        return picture

    def hidden_in(self, value: Value) -> list[Fold]:
        """Find the folds that a value is a detail of: nothing else touches it, and it is not what they work on."""
        around = {self.unit_of[n] for n in value.users}
        if value.made_by is not None:
            around.add(self.unit_of[value.made_by])
        folds = [unit for unit in around if isinstance(unit, Fold)]
        if not folds or len(folds) < len(around) or value.kind == "output":
            return []
        if value.kind == "parameter":  # hidden in both boxes of a module called twice; shown where two modules share it
            return folds if len({id(f.scope and f.scope.module) for f in folds}) == 1 else []
        if len(folds) > 1 or (value.made_by is None and (value.named or self.is_first(value, folds[0]))):
            return []
        return folds

    def is_first(self, value: Value, fold: Fold) -> bool:
        """Tell whether a module works on a value, as opposed to with it: a batch is drawn, a dropout mask is not."""
        return fold.scope is not None and any(self.trace.inputs[n][0] is value for n in value.users)

    def frame_of(self, unit: Unit) -> Scope | None:
        """Find the module call whose frame a unit stands in."""
        if isinstance(unit, Fold):
            return unit.scope.parent if unit.scope is not None else None
        return unit.scope

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
        return found

    def place(self, thing: Any, frame: Scope | None) -> None:
        """Number a value or unit, and put it into a frame, which is put into the frames around it."""
        kind = "v" if isinstance(thing, Value) else "f" if isinstance(thing, Fold) else "o"
        self.ids[thing] = f"{kind}{len(self.ids)}"
        while frame not in self.frames:
            self.frames[frame] = [thing]
            thing, frame = frame, frame.parent if frame is not None else None
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
                lines = module_lines(thing, self.trace.paths.of(thing))
                # as text, since a Digraph for every frame would copy all that is in it
                picture.body.append(f"\tsubgraph cluster_{len(self.ids)} {{\n")
                self.ids[thing] = ""
                picture.attr(
                    label=markup([escape(line) for line in lines], left=True), style="rounded,filled",
                    color=LINE + "70", fillcolor=LINE + "14", margin="9",
                )  # fmt: skip
                todo.append(iter(self.frames[thing]))
            elif isinstance(thing, Value):
                fill, border = FILLS[thing.kind]
                style = "filled,dashed" if thing.kind == "constant" else "filled"
                picture.node(
                    self.ids[thing], value_label(thing, self.show_values), shape="box", style=style, fillcolor=fill,
                    color=border, penwidth="1.6" if thing.kind == "output" else "1",
                )  # fmt: skip
            elif isinstance(thing, Fold):
                picture.node(
                    self.ids[thing], self.fold_label(thing), shape="box", peripheries="2", style="filled",
                    fillcolor=FOLDED, color=LINE,
                )  # fmt: skip
            else:
                picture.node(
                    self.ids[thing], node_label(thing, self.trace.inline[thing]), shape="box", style="rounded,filled",
                    color="transparent", fontcolor="white",
                    fillcolor=BACKWARD if is_backward(thing.scope) else OPERATION,
                )  # fmt: skip

    def fold_label(self, fold: Fold) -> str:
        """Name a fold and count what it hides."""
        count = f"{len(fold.nodes):,} operation{'s' if len(fold.nodes) > 1 else ''} folded"
        inside = self.folded.get(fold, [])
        parameters = sum(int(v.array.size) for v in inside if v.kind == "parameter" and v.var is not None)
        details = [small(f"{parameters:,} parameters")] if parameters else []
        if fold.scope is None:
            return markup([f"<b>{count}</b>", *details, small("max_nodes= draws more")])
        lines = [escape(line) for line in module_lines(fold.scope, self.trace.paths.of(fold.scope))]
        return markup([f"<b>{'<br/>'.join(lines)}</b>", small(count), *details])

    def write_edges(self, picture: Picture) -> None:
        """Draw inputs into operations and operations into results; into and out of a fold, each edge once."""
        seen: set[tuple[str, str]] = set()
        for node in self.trace.nodes:
            unit = self.unit_of[node]
            result = self.trace.values[node]
            ends: list[tuple[Any, Any, dict[str, str]]] = [
                (value, unit, self.edge_style(value, node)) for value in self.trace.inputs[node] if value in self.ids
            ]
            if result in self.ids:
                ends.append((unit, result, MAIN))
            for tail, head, style in ends:
                edge = self.ids[tail], self.ids[head]
                if not isinstance(unit, Fold) or edge not in seen:
                    seen.add(edge)
                    picture.edge(*edge, **style)

    def edge_style(self, value: Value, node: Node) -> dict[str, str]:
        """Keep the chain of results straight, parameters beside it, frames with parameters below what enters them."""
        if value.kind == "parameter" or (value.made_by is None and self.trace.inputs[node][0] is not value):
            return {}
        framed = self.unit_of[node] is node and value.scope is not node.scope
        beside = framed and any(v.kind == "parameter" for v in self.trace.inputs[node])
        return {"weight": "2", "minlen": "2"} if beside else MAIN
