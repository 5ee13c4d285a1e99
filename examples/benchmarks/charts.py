"""The two pictures: how many times faster than PyTorch, and what a step costs as batch, width and depth grow."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from tinygrad_mnist.core.files import write_whole

from .ratios import median, ratio
from .sweeps import Points
from .tables import times_of

INK, GRID = "#22303c", "#d5dbe1"
COLOURS = {
    "eager": "#8fb8de", "replay": "#3b75af", "fast": "#173f66", "torch": "#d9822b", "torch.compile": "#a35a12",
    "jax": "#4f9d69", "jax.reshape": "#2c6141", "sklearn": "#b9a5cf", "mygrad": "#c9c3b4", "products": "#22303c",
}  # fmt: skip
LABELS = {
    "eager": "ours, eager", "replay": "ours, replay", "fast": "ours, fast (numba)", "torch": "PyTorch",
    "torch.compile": "torch.compile", "jax": "JAX", "jax.reshape": "JAX, pooling by reshape", "sklearn": "scikit-learn",
    "mygrad": "MyGrad", "products": "matrix products alone",
}  # fmt: skip
PEER = "torch"
TITLE = "One training step: how many times faster than PyTorch eager (lines: quartiles of the rounds)"


def draw_ratios(results: dict[str, dict], path: Path, measured_on: str) -> bool:
    """Draw the bars of all steps; give False, and draw nothing, where PyTorch was not measured."""
    groups = {step: times_of(outcomes) for step, outcomes in results.items()}
    groups = {step: times for step, times in groups.items() if PEER in times}
    drawn = [v for v in COLOURS if v != PEER and any(v in times for times in groups.values())]
    if not drawn:
        return False
    bars = [v for v in drawn if v != "products"]
    width = max(7.0, 1.2 + 0.3 * len(groups) * (len(bars) + 1.5))
    figure = Figure(figsize=(width, 5.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.axhline(1, color=COLOURS[PEER], linewidth=1.6, zorder=1, label="PyTorch eager = 1")
    low, high, place, centres = 1.0, 1.0, 0.0, []
    for times in groups.values():
        present = [v for v in bars if v in times]  # no gap for what a step has not got
        for i, variant in enumerate(present):
            s = ratio(times[PEER], times[variant])
            low, high = min(low, s.lower), max(high, s.upper)
            axes.bar(place + i, s.median - 1, 0.86, bottom=1, color=COLOURS[variant], zorder=2)
            axes.vlines(place + i, s.lower, s.upper, color=INK, linewidth=1, zorder=3)
            above = s.median >= 1
            axes.annotate(
                f"{s.median:.2f}" if s.median < 10 else f"{s.median:.1f}",
                (place + i, s.upper if above else s.lower), (0, 3 if above else -3), textcoords="offset points",
                ha="center", va="bottom" if above else "top", fontsize=8, color=INK,
            )  # fmt: skip
        if "products" in times:
            s = ratio(times[PEER], times["products"])
            high = max(high, s.median)
            axes.hlines(
                s.median, place - 0.5, place + len(present) - 0.5, color=COLOURS["products"], linestyle=":", zorder=1
            )
        centres.append(place + (len(present) - 1) / 2)
        place += len(present) + 1.2
    axes.set_xlim(-1.2, place - 1)
    axes.set_yscale("log", base=2)
    margin = 1.15 * (high / low) ** 0.07  # room for the numbers above and below the bars
    axes.set_ylim(low / margin, high * margin)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(centres, list(groups))
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("times faster than PyTorch eager (log scale)")
    for variant in bars:
        axes.bar(0, 0, color=COLOURS[variant], label=LABELS[variant])
    if "products" in drawn:
        axes.plot([], [], color=COLOURS["products"], linestyle=":", label="the step's matrix products alone")
    figure.legend(loc="outside lower center", ncols=int(width / 2.2), frameon=False, fontsize=9)
    axes.set_title(f"{TITLE}\n{measured_on}", loc="left", color=INK, fontsize=10)
    _finish(figure, [axes], path)
    return True


def draw_costs(sweeps: dict[str, Points], path: Path, measured_on: str) -> bool:
    """Draw one panel for each of batch, width and depth that was measured; False if none was."""
    panels = [name for name in ("batch", "width", "depth") if name in sweeps]
    if not panels:
        return False
    titles = {
        "batch": ("784-128-10, SGD: batch size", "images in a batch", "µs per step"),
        "width": ("784-n-10, SGD, batch 64: width n", "hidden units", "µs per step"),
        "depth": ("Linear(8, 8) + Tanh, n times: depth n", "layers", "µs per layer, forward and backward"),
    }
    figure = Figure(figsize=(4.6 * len(panels), 4.6), dpi=110, layout="constrained")
    shown: dict[str, object] = {}
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for name, axes in zip(panels, all_axes, strict=True):
        curves: dict[str, list[tuple[float, float]]] = {}
        for label, outcomes in sweeps[name].items():
            for variant, times in times_of(outcomes).items():
                share = float(label) if name == "depth" else 1.0
                curves.setdefault(variant, []).append((float(label), median(times) / share))
        for variant, points in curves.items():
            (line,) = axes.plot(*zip(*points, strict=True), marker="o", markersize=4, color=COLOURS[variant])
            shown.setdefault(LABELS[variant], line)
        title, below, left = titles[name]
        axes.set_title(title, loc="left", color=INK, fontsize=10)
        axes.set_xlabel(below)
        axes.set_ylabel(left)
        axes.set_xscale("log", base=10 if name == "depth" else 2)
        axes.set_xticks([float(label) for label in sweeps[name]], list(sweeps[name]), fontsize=8)
        axes.xaxis.set_minor_locator(NullLocator())
        if name == "depth":  # from 0, so that a cost which is linear in the depth is seen to be level
            axes.set_ylim(bottom=0)
        else:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    figure.legend(list(shown.values()), list(shown), loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.suptitle(f"What a step costs. {measured_on}", x=0.01, ha="left", color=INK, fontsize=10)
    _finish(figure, list(all_axes), path)
    return True


def _finish(figure: Figure, all_axes: list, path: Path) -> None:
    for axes in all_axes:
        axes.grid(axis="y", color=GRID, zorder=0)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", facecolor="white")
    write_whole(path, stream.getvalue())
