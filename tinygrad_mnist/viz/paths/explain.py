"""`explain`: why one entry of a gradient is what it is, as the paths of the chain rule that add up to it.

An entry is written as it is read, `w[3, 7]`: a new tensor, whose record names the leaf and the place. The numbers come
from search.py and numeric.py, the pictures from drawing.py; this file asks, checks and writes
the text. Changes nothing: neither `.grad`, nor the graph, nor a generator.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, GradientError, GraphFreedError, IndexRangeError, shown
from ...core.graph import Array, Node, Var, reachable
from ...core.scope import refuse_captured
from ...core.stale import check_unchanged
from ...core.versions import changes
from ...ops.index import getitem
from ..graphs.trace import Names
from . import drawing
from .numeric import Numeric, by_difference, by_engine
from .search import Cone, Step, index, place

WIDTH = 262_144  # elements of one result through which paths are followed
COLUMNS = 120  # characters in a line of the table
EXACT, NEARLY = 1e-4, 1e-3  # of all that is added up: how far the engine, and a difference, may be from the paths' sum
# what the factor is, by operation and argument, where its name is shorter than its formula
MEANING = {
    ("linear", "x"): "weight", ("linear", "w"): "input", ("linear", "b"): "1", ("matmul", "a"): "entry of b",
    ("matmul", "b"): "entry of a", ("conv2d", "x"): "weight", ("conv2d", "w"): "input", ("relu", "x"): "1 where x > 0",
    ("mean", "x"): "1 / count", ("sum", "x"): "1", ("cross_entropy", "x"): "probability − target",
    ("max_pool2d", "x"): "1 for the largest", ("multiply", "a"): "b", ("multiply", "b"): "a", ("add", "a"): "1",
    ("add", "b"): "1", ("tanh", "x"): "1 − out²", ("sigmoid", "x"): "out (1 − out)", ("exp", "x"): "out",
    ("dropout", "x"): "1 / share kept",
}  # fmt: skip


class Path:
    """One product of local derivatives, from the loss down to the entry."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        self.factors = [step.factor for step in steps]
        self.value = math.prod(self.factors)

    def __repr__(self) -> str:
        return f"<path {self.value:.4g} = {' · '.join(f'{x:.4g}' for x in self.factors)}>"


class Explanation:
    """What `explain` found; its text has the figures and a table of the paths, `picture()` draws them.

    name, place and value tell the entry; exact is the engine's derivative, total the sum of all paths (of those
    followed, where not `complete`), magnitude the sum of their sizes, count how many there are; numeric is a central
    difference or None. paths are the largest, from the loss down.
    """

    def __init__(self, name: str, cone: Cone, paths: list[Path], exact: float, numeric: Numeric) -> None:
        self.name, self.cone, self.paths, self.exact = name, cone, paths, exact
        self.numeric, self.step, self.how = numeric
        self.place, self.value = place(cone.entry, cone.array.shape), cone.value
        top = cone.layers.get(cone.loss)
        top = top if top is not None and top.places.size else None
        self.count = float(top.count[0]) if top is not None else 0.0
        self.total = float(top.total[0]) if top is not None else 0.0
        self.magnitude = float(top.magnitude[0]) if top is not None else 0.0
        self.complete = cone.complete

    @property
    def share(self) -> float:
        """How much of the size of all paths, |product| summed, the paths listed carry: 0 to 1."""
        return sum(abs(p.value) for p in self.paths) / self.magnitude if self.magnitude else 1.0

    @property
    def agrees(self) -> bool:
        """Tell whether the sum of all paths, the engine and the difference (if there is one) come to the same.

        A rule that is wrong makes the difference another number; a path that is wrong or missing, the sum.
        """
        return not self.disagreements()

    def disagreements(self) -> list[str]:
        """Say what does not come to the same."""
        found = []
        if self.complete and not abs(self.total - self.exact) <= EXACT * self.magnitude + 1e-12:
            found.append(f"the paths add up to {self.total:.6g}, the engine says {self.exact:.6g}")
        if self.numeric is not None and not abs(self.numeric - self.exact) <= NEARLY * self.size + 1e-9:
            found.append(f"the loss itself changes by {self.numeric:.6g}: a rule is wrong, or there is a kink here")
        return found

    @property
    def size(self) -> float:
        """What differences are compared with: the sum of the sizes of the paths, or the gradient if that is larger."""
        return max(self.magnitude, abs(self.exact))

    def shares(self, samples: Any) -> Array:
        """Split the gradient by samples of the batch: they add up to `exact`, but for a term without samples.

        Args:
            samples: how many there are, or their images
        Shapes:
            -> (N,) of float64
        Raises:
            ArgumentError: if no operation between loss and entry has as many rows
        """
        count = samples if isinstance(samples, int) else len(samples)
        found, _ = self.cone.shares(count)
        if self.exact != 0 and not found.any() and count != 1:
            what = f"explain: nothing between the loss and {self.name} has {count} rows."
            raise ArgumentError(what, expected="the number of samples in the batch, or their images")
        return found

    def __str__(self) -> str:
        return "\n".join([*self._figures(), "", *self._table(), "", *self._layers()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawing.as_html(self)

    def _figures(self) -> list[str]:
        followed = "" if self.complete else ", of those followed where most of the gradient flows"
        least = "" if self.complete else "at least "
        rows = [
            ("engine", f"{self.exact:.6g}"),
            ("sum of all paths" if self.complete else "sum of paths", f"{self.total:.6g}{followed}"),
            ("numeric", self.how if self.numeric is None else f"{self.numeric:.6g}, {self.how}, step {self.step:.2g}"),
            ("paths", f"{least}{counted(self.count)}, whose sizes add up to {self.magnitude:.4g}"),
        ]
        if self.paths:
            added, share = sum(p.value for p in self.paths), f"{100 * self.share:.3g} % of the sizes"
            rows.append((f"the {len(self.paths)} largest", f"{added:.6g} together, {share}"))
        lines = [f"∂ loss / ∂ {self.name}, where it is {self.value:.4g}"]
        return lines + [f"  {a:<18}{b}" for a, b in rows] + [f"  ✗ {line}" for line in self.disagreements()]

    def _table(self) -> list[str]:
        """Write tables of paths alike: a line per operation, a column per path, as many as fit beside each other."""
        blocks: dict[tuple[Any, ...], list[int]] = {}
        for i, path in enumerate(self.paths):
            blocks.setdefault(tuple((s.node, s.position) for s in path.steps), []).append(i)
        lines: list[str] = []
        for members in blocks.values():
            steps = self.paths[members[0]].steps
            heads = [["path", ""], *([s.node.where(), meaning(s)] for s in steps), ["product", ""]]
            columns = [*zip(*heads, strict=True), *map(self._column, members)]
            while len(columns) > 2:
                widths = [max(map(len, column)) + 2 for column in columns]
                fit = max(3, sum(w <= COLUMNS for w in itertools.accumulate(widths)))
                rows = [[f"{t:{'<' if i < 2 else '>'}{widths[i]}}" for i, t in enumerate(r)] for r in
                        zip(*columns[:fit], strict=True)]  # fmt: skip
                written = ["".join(row).rstrip() for row in rows]
                lines += ["", written[0], "─" * max(map(len, written)), *written[1:]]
                columns = columns[:2] + columns[fit:]
        if not lines:
            return ["no path: the loss does not feel this entry here"]
        return ["each factor: where the path goes on in the argument, and the local derivative", *lines]

    def _column(self, i: int) -> list[str]:
        path = self.paths[i]
        cells = [f"{index(s.source, self.shape_of(s))} {s.factor:.3g}" for s in path.steps]
        return [f"{i + 1}", *cells, f"{path.value:.3g}"]

    def _layers(self) -> list[str]:
        rows = []
        for node in self.cone.calls:
            layer = self.cone.layers[node]
            count, kept = layer.reached, len(layer.places)
            skipped = f", {layer.skipped:,} more not followed" if layer.skipped else ""
            more = f", {kept:,} on paths{skipped}" if kept < count else ""
            rows.append((node.where(), f"{count:,} of {node.out.size:,}{more}"))
        longest = max(len(name) for name, _ in rows)
        return ["elements that feel the entry, from the entry up", *(f"  {a:<{longest}}  {b}" for a, b in rows)]

    def shape_of(self, step: Step) -> tuple[int, ...]:
        """Give the shape of the argument that a step goes to."""
        return tuple(self.cone.calls[step.node].args[step.position].shape)

    def picture(self, direction: str = "LR") -> Any:
        """Draw the paths, from the entry to the loss, as a Picture: factors on the edges, as thick as they carry.

        Args:
            direction: "LR" from left to right, "TB" from top to bottom
        """
        return drawing.drawn(self, direction)

    def plot_samples(self, images: Any, labels: Any = None, path: Any = None, *, count: int = 12) -> Any:
        """Draw the samples with the largest shares beside them.

        Args:
            images: the batch, (N, 1, H, W), (N, H, W) or (N, H·W)
            labels: (N,)
            count: how many to draw
        """
        return drawing.plot_samples(self, images, labels, count, path)


def explain(
    loss: Var, entry: Var | tuple[Var, Any], k: int = 5, *, closure: Callable[[], Any] | None = None,
    width: int = WIDTH, names: Mapping[str, Var] | None = None,
) -> Explanation:  # fmt: skip
    """Explain one entry of a gradient: the paths of the chain rule that make it up.

    A path goes from the loss to the entry, element by element through the operations; its value is the product of the
    local derivatives on the way, and the gradient is the sum of all paths. Those that meet a 0 (a ReLU that is off) are
    none. The largest k are listed; all of them are counted and added up, and compared with the engine's gradient and
    with a central difference, for which the record is computed again.

    Args:
        entry: `w[3, 7]`, as written, or (w, (3, 7)); w is a leaf, or a result that the loss depends on
        k: how many paths to list
        closure: a function that computes the loss again, for the difference; needed where a Function was called
        width: of more elements that feel the entry in one result, those are followed through which most flows
        names: {"w": w} for tensors, as in `viz.graph`; parameters of modules are named without
    Raises:
        GraphFreedError: after backward: explain first, or backward(retain_graph=True)
        DTypeError, ArgumentError, GradientError: for what is no scalar loss, or no single entry of what it depends on
    Example:
        >>> w = tg.tensor([2.0, 3.0], requires_grad=True)
        >>> found = viz.explain((w * w).sum(), w[1])
        >>> found.exact, found.count, [p.value for p in found.paths]
        (6.0, 2.0, [3.0, 3.0])
    """
    refuse_captured("viz.explain")
    if not isinstance(loss, Var) or loss.array.size != 1:
        got = f"a tensor {loss.shape}" if isinstance(loss, Var) else shown(loss)
        raise DTypeError("explain: expected a loss, a tensor of one element.", got=got, hint="loss.mean(), loss.sum()")
    if not isinstance(k, int) or k < 1 or width < 1:
        raise ArgumentError("explain: k and width count from 1.", got=f"k = {k!r}, width = {width!r}")
    if loss.node is None:
        raise GradientError("explain: the loss depends on nothing that requires a gradient.", got=shown(loss))
    nodes = reachable([loss.node])
    origin, at, name = entry_of(entry, nodes, names or {})
    freed = next((node for node in nodes if node.freed_by is not None), None)
    if freed is not None:
        what = "explain: the graph behind the loss was freed by a backward pass."
        raise GraphFreedError(what, got=f"{freed.where()}, {freed.freed_by}",
                              hint="explain before backward, or backward(retain_graph=True)")  # fmt: skip
    for node in nodes:
        if changes.latest > node.index:
            check_unchanged(node, None)
    exact = by_engine(loss, origin, at, nodes)
    cone = Cone(nodes, origin, at, width)
    if cone.loss not in cone.calls:
        what, hint = f"explain: the loss does not depend on {name.strip()}.", "explain(loss, w[3, 7]), in this order"
        raise GradientError(what, got=f"the result of {cone.loss.where()}", hint=hint)
    return Explanation(name, cone, [Path(p) for p in cone.largest(k)], exact, by_difference(loss, cone, exact, closure))


def entry_of(entry: Any, nodes: Sequence[Node], names: Mapping[str, Var]) -> tuple[Any, int, str]:
    """Read what was written: the leaf or Node, the flat place in it, and how to call it.

    A tensor that the loss depends on is taken as it is; any other that was read from one by an index is a place in it.
    """
    if isinstance(entry, Var):
        origin: Any = entry.node or entry
        flat, behind = np.arange(entry.array.size), {*nodes}
        while isinstance(origin, Node) and origin.primitive is getitem and origin not in behind:
            x, *arrays = origin.args
            flat = getitem(np.arange(math.prod(x.shape)).reshape(x.shape), *arrays, **origin.static).reshape(-1)[flat]
            origin = origin.parents[0]
    elif isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], Var):
        origin = entry[0].node or entry[0]
        try:
            flat = np.asarray(np.arange(entry[0].array.size).reshape(entry[0].shape)[entry[1]]).reshape(-1)
        except IndexError as error:
            raise IndexRangeError(f"explain: {error}.", got=f"a tensor {entry[0].shape}, [{entry[1]}]") from error
    else:
        raise DTypeError("explain: expected an entry of a tensor.", got=shown(entry), expected="w[3, 7] or (w, (3, 7))")
    if flat.size != 1:
        got = f"{flat.size} elements"
        raise ArgumentError("explain: one entry is explained at a time.", got=got, expected="w[3, 7], a single number")
    if isinstance(origin, Var) and not origin.differentiable:
        hint = "requires_grad_() on it before the forward pass; inside no_grad write (w, (3, 7))"
        raise GradientError("explain: the entry is of nothing that requires a gradient.", got=shown(entry), hint=hint)
    at = int(flat[0])
    shape = origin.out.shape if isinstance(origin, Node) else origin.shape
    return origin, at, name_of(origin, nodes, names) + (index(at, shape) if shape else "")


def name_of(origin: Any, nodes: Sequence[Node], names: Mapping[str, Var]) -> str:
    """Name a tensor as the user or the outermost modules do, else a result by the call that made it."""
    unnamed = f"the result of {origin.where()} " if isinstance(origin, Node) else "tensor"
    return Names(nodes, names).found.get(id(origin), unnamed)


def counted(number: float) -> str:
    """Write a count: every digit as long as a float has them."""
    return f"{int(number):,}" if number < 2**53 else f"about {number:.2g}" if number < np.inf else "more than 1e+308"


def meaning(step: Step) -> str:
    """Say what a factor is, where that is known."""
    names = step.node.primitive.arguments
    argument = names[step.position] if step.position < len(names) else str(step.node.primitive.variadic)
    return MEANING.get((step.node.name, argument), f"by {argument}" if len(names) > 1 else "")
