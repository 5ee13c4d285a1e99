"""`graph`: draw the recorded computation behind tensors, as DOT text that graphviz lays out.

What is drawn comes from trace.py and fold.py, where it stands from layout.py, and the page that explains it from
graph_page.py. Changes nothing in the graph. Look next at layout.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core.errors import ArgumentError, DTypeError, shown
from ...core.failure import Failure
from ...core.graph import Array, Node, Var
from ...core.lines import Lines
from ...core.scope import refuse_captured
from ..label import check_direction
from .fold import Depth, Unit, units
from .gradients import add_gradients
from .layout import Layout
from .trace import Trace

if TYPE_CHECKING:
    from ..picture import Picture


def graph(
    tensors: Var | Sequence[Var], names: Mapping[str, Var | Array] | None = None, *, depth: Depth = "page",
    max_nodes: int = 400, direction: str = "TB", show_values: bool = True, gradients: bool = False,
    repeats: bool = True, key: bool = True,
) -> Picture:  # fmt: skip
    """Draw how tensors were computed: values, gradients, operations, the modules that called them.

    Draw before backward or after, which frees the values between. A gradient computed with create_graph=True is drawn
    like any tensor, backward operations included. Of blocks and loops that repeat themselves the first round is drawn.

    Args:
        names: {"x": x} for tensors or arrays; parameters of modules are named without
        depth: levels of modules that are opened: as many as a page has room for; 0 one box per model, 1 its layers,
            None every operation. Of more operations than max_nodes the middle is one box that counts them
        direction: "TB" down, "LR" to the right
        show_values: write ranges of values and gradients
        gradients: differentiate the tensor, and show the gradient of all that it was computed from; `.grad` stays as it
            was, and so does the graph
        repeats: draw what repeats itself once
        key: explain the colours below the picture

    Raises:
        DTypeError, ArgumentError: for arguments of the wrong kind
        GradientError: where there are no gradients
        MissingDependencyError: from rendering what is returned, without graphviz's program `dot` and pygraphviz

    Example:
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> picture = tg.viz.graph((x * x).sum(), {"x": x}, gradients=True)
        >>> "multiply" in picture.source
        True
        >>> picture.save("step.dot")  # or step.svg, .png, .pdf; step.html is a page that opens modules
        'step.dot'
    """
    roots = [tensors] if isinstance(tensors, Var) else list(tensors) if isinstance(tensors, list | tuple) else []
    if not roots or not all(isinstance(r, Var) for r in roots):
        hint = "draw a result, such as loss or model(x); for the layers of a model: summary(model, input_size)"
        raise DTypeError("graph: expected a tensor, or a list of tensors.", got=shown(tensors), hint=hint)
    return draw(roots, names or {}, depth=depth, max_nodes=max_nodes, direction=direction, show_values=show_values,
                gradients=gradients, repeats=repeats, key=key)  # fmt: skip


def draw(
    roots: Sequence[Var], names: Mapping[str, Var | Array], *, depth: Depth = "page", max_nodes: int = 400,
    direction: str = "TB", show_values: bool = True, gradients: bool = False, repeats: bool = True, key: bool = True,
    culprit: Node | None = None, failure: Failure | None = None,
) -> Picture:  # fmt: skip
    """Draw as `graph` does; culprit: the call that failed, and how."""
    refuse_captured("viz.graph", "draw outside the compiled step")
    check_direction("graph", direction)
    counts = depth is None or depth == "page" or (isinstance(depth, int) and depth >= 0)
    if not isinstance(max_nodes, int) or max_nodes < 3 or not counts:
        got = f"depth = {depth!r}, max_nodes = {max_nodes!r}"
        wanted = 'depth "page" for what fits, None for all, or 0, 1, 2 ...'
        raise ArgumentError("graph: depth counts from 0 and max_nodes from 3.", got=got, expected=wanted)
    trace = Trace(roots, names, repeats and depth is not None, culprit, failure)
    if gradients:
        add_gradients(trace, roots)
    Lines.go_on(max((node.index for node in trace.nodes), default=0))
    opened = set() if culprit is None or culprit.scope is None else {*culprit.scope.chain()}
    boxes = units(trace.repeats, depth, max_nodes, opened)

    def lay_out(found: list[Unit]) -> tuple[Picture, dict[Any, str]]:
        layout = Layout(trace, found, show_values)
        return layout.draw(direction, key), layout.ids | layout.passing

    picture, _ = lay_out(boxes)
    calls = dict.fromkeys(type(node.scope.outermost).__name__ for node in trace.nodes if node.scope is not None)
    picture.written = lambda: importlib.import_module(".graph_page", __package__).graph_page(
        trace, boxes, lay_out, " and ".join(name for name in calls if name != "Round") or "graph"
    )
    return picture
