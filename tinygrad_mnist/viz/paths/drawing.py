"""The paths behind one entry of a gradient as pictures: from element to element, and by the samples of the batch.

Blue raises and orange, dashed, lowers, everywhere here. Computes nothing: `found` is what explain.py found. Look next
at images.py, which knows what an image is.
"""

from __future__ import annotations

import html
import importlib
import os
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.graph import Node
from ..colors import FILLS, FONT, INK, LINE
from ..label import check_direction, escape, markup, number, small
from ..predictions.images import as_images, bare, figure_of, finished, hide_axes
from .search import index

if TYPE_CHECKING:
    from ..picture import Picture

GAP = '<font point-size="5"> </font>'  # between a factor and the thick line below it
UP, DOWN = "#3f83cc", "#cf7622"  # readable on white and on black


def drawn(found: Any, direction: str = "LR") -> Picture:
    """Draw the paths from the entry to the loss, each element once."""
    check_direction("explain: picture", direction)
    # graphviz is loaded when something is drawn, as in graph.py
    picture: Picture = importlib.import_module("..picture", __package__).Picture(
        graph_attr={"rankdir": direction, "bgcolor": "transparent", "nodesep": "0.25", "fontname": FONT,
                    "ranksep": "0.8" if direction in ("LR", "RL") else "0.35"},
        node_attr={"fontname": FONT, "fontsize": "11", "fontcolor": INK, "margin": "0.12,0.06", "shape": "box",
                   "style": "filled", "height": "0.2"},
        edge_attr={"fontname": FONT, "fontsize": "10", "arrowsize": "0.6"},
    )  # fmt: skip
    cone, ids = found.cone, dict[Hashable, str]()

    def box(origin: Any, place: int, kind: str, title: str) -> str:
        key = (origin, place)
        if key not in ids:
            ids[key] = f"e{len(ids)}"
            array = origin.out if isinstance(origin, Node) else origin.array
            fill, border = FILLS[kind]
            lines = [f"<b>{escape(title)}</b>"]
            if isinstance(origin, Node) and origin.scope is not None and str(origin.scope):
                lines.append(small(str(origin.scope)))
            lines.append(small(f"{index(place, array.shape)} = {number(array.reshape(-1)[place])}".strip(" =")))
            picture.node(ids[key], markup(lines), fillcolor=fill, color=border)
        return ids[key]

    carried: dict[tuple[str, str, int], tuple[float, float]] = {}
    box(cone.origin, cone.entry, "parameter", found.name.partition("[")[0].strip())
    for path in found.paths:
        for step in reversed(path.steps):
            kind = "output" if step.node is cone.loss else "result"
            title = f"loss: {step.node.name}" if step.node is cone.loss else step.node.name
            head = box(step.node, step.place, kind, title)
            parent: Any = cone.calls[step.node].parents[step.position]
            edge = (ids[parent, step.source], head, step.position)
            _, before = carried.get(edge, (0.0, 0.0))
            carried[edge] = step.factor, before + abs(path.value)
    most = max((size for _, size in carried.values()), default=0.0) or 1.0
    for (tail, head, _), (factor, size) in carried.items():
        colour = UP if factor >= 0 else DOWN
        text = markup([f"× {number(factor)}".replace("-", "−"), GAP])
        picture.edge(tail, head, label=text, color=colour, fontcolor=colour,
                     style="solid" if factor >= 0 else "dashed", penwidth=f"{1 + 3 * size / most:.2f}")  # fmt: skip
    if not found.paths:
        array = cone.loss.out
        picture.node("loss", markup(["<b>loss</b>", small(number(array))]), fillcolor=FILLS["output"][0])
        picture.edge("e0", "loss", label="no path", style="dotted", color=LINE, fontcolor=LINE)
    return picture


def as_html(found: Any) -> str:
    """Show the text, and the picture where it can be drawn."""
    svg = drawn(found)._repr_svg_() or ""
    picture = f'<div style="overflow-x:auto">{svg[svg.find("<svg") :]}</div>' if "<svg" in svg else ""
    return f'<pre style="overflow-x:auto;padding-bottom:1em">{html.escape(str(found))}</pre>{picture}'


def plot_samples(
    found: Any, images: Any, labels: Any, count: int, path: str | os.PathLike[str] | None
) -> Any:  # fmt: skip
    """Draw the samples with the largest shares: image, bar, what it is of the whole."""
    pictures = as_images("plot_samples", images)
    shares = found.shares(len(pictures))
    order = np.argsort(-np.abs(shares), kind="stable")[: max(1, min(count, np.count_nonzero(shares)))]
    others, known = float(np.delete(shares, order).sum()), None if labels is None else bare(labels)
    rest = float(found.exact - shares.sum())
    names = [f"sample {i}" + ("" if known is None else f": {known[i]}") for i in order]
    values = shares[order]
    if len(order) < len(shares):
        names, values = [*names, f"the other {len(shares) - len(order)}"], np.append(values, others)
    if abs(rest) > 1e-4 * max(abs(found.exact), float(np.abs(shares).sum())):
        names, values = [*names, "no sample (a penalty)"], np.append(values, rest)
    rows = len(values)
    figure = figure_of(7.6, 0.9 + 0.45 * rows)
    grid = figure.add_gridspec(rows, 2, width_ratios=[0.5, 7.1 - 0.5], wspace=0.02)
    for row, sample in enumerate(order):
        axes = figure.add_subplot(grid[row, 0])
        axes.imshow(pictures[sample], cmap="gray")
        hide_axes(axes)
    bars = figure.add_subplot(grid[:, 1])
    places = np.arange(rows)
    hatches = ["" if v >= 0 else "////" for v in values]
    bars.barh(places, values, height=0.6, color=[UP if v >= 0 else DOWN for v in values], hatch=hatches,
              edgecolor="white", linewidth=0)  # fmt: skip
    bars.axvline(0, color=LINE, linewidth=0.8)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    room = 0.45 * (high - low or 1)  # for the figures beside the bars
    bars.set_xlim(low - room * (low < 0), high + room * (high > 0 or not low))
    for at, value in zip(places, values, strict=True):
        text = f"{value:+.2g}" + (f"  {value / found.exact:+.0%}" if found.exact else "") if value else "0"
        bars.annotate(text.replace("-", "−"), (value, at), (4 if value >= 0 else -4, 0), textcoords="offset points",
                      va="center", ha="left" if value >= 0 else "right", fontsize=8, color=INK)  # fmt: skip
    bars.set_yticks(places, names)
    bars.set_ylim(rows - 0.5, -0.5)
    bars.set_xlabel(f"share of ∂ loss / ∂ {found.name} = {number(found.exact)}".replace("= -", "= −"))
    bars.spines[["top", "right", "left"]].set_visible(False)
    bars.tick_params(axis="y", length=0)
    return finished(figure, path, "plot_samples")
