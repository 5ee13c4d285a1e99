"""`plot_histograms`: how activations, gradients or changes of weights are spread in every layer, over a training.

One small picture per layer: a column per step that was looked at, blue where many numbers are, with one line on it.
Takes what training.Statistics keeps, or anything that has the same tables. Look next at plots.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ...core.backend import Array
from ...core.errors import ArgumentError
from .plots import INK, VALID, Path, figure, finished

if TYPE_CHECKING:
    from .figure import Figure

BINS = 40
TAIL = 0.2  # percent of the numbers at each end that share the outermost bins
IDEAL = 1e-3  # of the ratio norm(change) / norm(weights), by rule of thumb


class Recorded(Protocol):
    """What is drawn: for every layer an array per step."""

    steps: Sequence[int]
    activations: Mapping[str, Sequence[Array]]
    gradients: Mapping[str, Sequence[Array]]
    updates: Mapping[str, Sequence[Array]]
    ratios: Mapping[str, Sequence[float]]


class Kind(NamedTuple):
    """How one of the tables is drawn: its title, the label of its axis, whether by powers of ten, and its line."""

    title: str
    label: str
    powers: bool
    line: str


KINDS = {
    "activations": Kind("activations: what comes out of each layer", "value", False, "median"),
    "gradients": Kind("gradients of the weights, without sign", "|gradient|", True, "root mean square"),
    "updates": Kind("changes of the weights in a step, as multiples of their root mean square", "|change| / rms", True,
                    "norm of the change / norm of the weights; dotted: 1 : 1000"),
}  # fmt: skip


def plot_histograms(
    statistics: Recorded, what: str = "activations", path: Path | None = None, *, layers: Sequence[str] | None = None
) -> Figure:
    """Draw histograms over time for every layer: a column per step that was looked at, darker where more numbers are.

    Gradients and updates are drawn by powers of ten, all layers to one scale, so that vanishing and exploding show; how
    many are exactly 0 is said where it is more than 1 %. Activations have a scale for each layer. The line is the
    median of activations, the root mean square of gradients, and for updates norm(change) / norm(weights), beside the
    rule of thumb of 1 : 1000 (dotted).

    Args:
        statistics: what `tg.training.Statistics` has kept
        what: "activations", "gradients" or "updates"
        path: a file to write (.png, .svg, .pdf)
        layers: names of those to draw, as in statistics.ratios; None: all
    Raises:
        ArgumentError: for other words and names, and where nothing was seen
        MissingDependencyError: without matplotlib
    """
    if what not in KINDS:
        raise ArgumentError(f"plot_histograms: {what!r} is unknown.", expected=" or ".join(map(repr, KINDS)))
    kind, table = KINDS[what], getattr(statistics, what)
    chosen = list(table) if layers is None else list(layers)
    if unknown := [name for name in chosen if name not in table]:
        raise ArgumentError("plot_histograms: there are no such layers.", got=str(unknown), expected=", ".join(table))
    values = {name: [of_kind(x, kind) for x in table[name]] for name in chosen}
    finite = {name: np.concatenate(steps) if steps else np.zeros(0) for name, steps in values.items()}
    if not any(x.size for x in finite.values()):
        hint = "fit(..., callbacks=[statistics]), or with statistics.step(model): around each step"
        raise ArgumentError(f"plot_histograms: there are no {what}.", got=repr(statistics), hint=hint)
    across = min(len(chosen), 4 if len(chosen) != 3 else 3)
    down = math.ceil(len(chosen) / across)
    drawn = figure(max(3.1 * across, 6.4), 1.75 * down + 1.1)
    grid: Any = drawn.subplots(down, across, squeeze=False, sharex=True)
    shared = limits(np.concatenate([*finite.values()])) if kind.powers else None
    for axes, name in zip(grid.ravel(), chosen, strict=False):
        steps = list(statistics.steps)[: len(values[name])]
        line = statistics.ratios[name] if what == "updates" else [middle(x, kind) for x in table[name]]
        edges = np.linspace(*(shared or limits(finite[name])), BINS + 1)
        panel(axes, kind, steps, values[name], edges, line)
        zeros = [float(np.mean(x == 0)) for x in table[name] if x.size]
        some = f"  ({100 * np.mean(zeros):.0f} % are 0)" if zeros and np.mean(zeros) > 0.01 else ""
        axes.set_title(name + some, fontsize=9, color=INK, loc="left")
        if what == "updates":
            axes.axhline(math.log10(IDEAL), color=INK, linewidth=0.8, linestyle=":")
    for axes in grid.ravel()[len(chosen) :]:
        axes.set_visible(False)
    for axes in grid.ravel()[: len(chosen)][-across:]:
        axes.set_xlabel("step", fontsize=9)
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel(kind.label, fontsize=9)
    drawn.suptitle(f"{kind.title}\norange: {kind.line}", fontsize=10, color=INK)
    return finished(drawn, path, "plot_histograms")


def of_kind(x: Array, kind: Kind) -> Array:
    """Give the numbers that are put into bins: those that are finite, by powers of ten where these are drawn."""
    x = np.abs(x[np.isfinite(x)].astype(np.float64)) if kind.powers else x[np.isfinite(x)].astype(np.float64)
    return np.log10(x[x > 0]) if kind.powers else x


def middle(x: Array, kind: Kind) -> float:
    """Give the height of the line."""
    x = x[np.isfinite(x)].astype(np.float64)
    if not x.size:
        return math.nan
    return float(np.sqrt(np.mean(x**2))) if kind.powers else float(np.median(x))


def limits(x: Array) -> tuple[float, float]:
    """Give the ends of an axis on which all but the tails of some numbers lie."""
    if not x.size:
        return 0.0, 1.0
    low, high = np.percentile(x, [TAIL, 100 - TAIL])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def panel(axes: Any, kind: Kind, steps: list[int], values: list[Array], edges: Array, line: Sequence[float]) -> None:
    """Draw one layer: the share of each step's numbers in each bin, the tails in the outermost, and the line."""
    shares = np.full((len(steps), BINS), np.nan)
    for column, x in zip(shares, values, strict=True):
        if x.size:
            column[:] = np.histogram(np.clip(x, edges[0], edges[-1]), edges)[0] / x.size
    times = np.asarray(steps, float)
    between = (times[1:] + times[:-1]) / 2
    half = float(between[0] - times[0]) if len(steps) > 1 else 0.5
    sides = np.concatenate([[times[0] - half], between, [times[-1] + half]])
    darkest = float(np.nanmedian(shares.max(axis=1))) if np.isfinite(shares).any() else 1.0  # of a usual step
    axes.pcolormesh(sides, edges, shares.T, cmap="Blues", vmin=0, vmax=darkest, rasterized=True)
    heights = np.asarray(line, float)
    if kind.powers:
        with np.errstate(divide="ignore", invalid="ignore"):
            heights = np.log10(heights)
    axes.plot(times, np.where(np.isfinite(heights), heights, np.nan), color=VALID, linewidth=1.4, label=kind.line)
    low, high = edges[0], edges[-1]
    inside = heights[np.isfinite(heights)]
    axes.set_ylim(min([low, *inside]), max([high, *inside]))
    if kind.powers:
        axes.yaxis.get_major_locator().set_params(integer=True, nbins=5)
        axes.yaxis.set_major_formatter(lambda value, _: f"$10^{{{value:.0f}}}$" if value == int(value) else "")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
