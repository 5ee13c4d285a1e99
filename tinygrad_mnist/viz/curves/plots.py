"""Pictures of a training run: curves per epoch and the confusion matrix. Every one is a Figure of matplotlib.

Notebooks show what is returned; with a path it is written, too. matplotlib is optional (extra `examples`) and loaded
when a picture is asked for: `figure` is where every picture of the room begins. Knows nothing of models or graphs.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.backend import Array
from ...core.errors import ArgumentError, DTypeError, IndexRangeError, MissingDependencyError, ShapeError, shown
from ...functions.types import TensorLike

if TYPE_CHECKING:
    from .figure import Figure

INK, TRAIN, VALID, GRID = "#22303c", "#3b75af", "#d9822b", "#d5dbe1"
PARTS = {"train": ("training", TRAIN, "o"), "valid": ("validation", VALID, "s"), "": ("", TRAIN, "o")}
APART = ("epoch", "lr", "seconds")  # columns of a history that are no figures of merit
Path = str | os.PathLike[str]


def figure(width: float, height: float) -> Figure:
    """Make an empty figure without touching matplotlib's global state.

    Units:
        inches
    Raises:
        MissingDependencyError: without matplotlib
    """
    try:
        module = importlib.import_module(".figure", __package__)  # matplotlib is optional, and slow to import
    except ImportError:
        what = "viz: drawing curves and matrices needs matplotlib, which is not installed."
        raise MissingDependencyError(what, hint="pip install matplotlib") from None
    made: Figure = module.Figure(figsize=(width, height), dpi=110, layout="constrained")
    return made


def finished(drawn: Figure, path: Path | None, who: str) -> Figure:
    """Write a figure where a path is given; give it back."""
    if path is not None:
        drawn.save(path, who)
    return drawn


def plain(axes: Any) -> None:
    """Take the frame off and put a pale grid behind."""
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plot_curves(history: Sequence[Mapping[str, float]], path: Path | None = None, title: str = "") -> Figure:
    """Draw loss, accuracy and every other figure per epoch, training beside validation, with the best epoch marked.

    Args:
        history: what `fit` returns, or one mapping per epoch with train_loss, valid_loss, train_accuracy, ...; a
            History names the epoch whose weights were kept, where a callback chose them, and else that of lowest
            validation loss is marked
        path: a file to write (.png, .svg, .pdf)
    Units:
        loss in nats, accuracy from 0 to 1 (drawn in percent)
    Raises:
        DTypeError: for what is no rows
        ArgumentError: for rows without such columns
        MissingDependencyError: without matplotlib
    Example:
        >>> rows = [{"train_loss": 0.9, "valid_loss": 1.0}, {"train_loss": 0.4, "valid_loss": 0.6}]
        >>> figure = tg.viz.plot_curves(rows, "curves.png")  # as well: what fit returns
        >>> figure.axes[0].get_ylabel()
        'loss (nats)'
    """
    if not isinstance(history, Sequence) or not all(isinstance(row, Mapping) for row in history):
        wanted = "what fit returns, or a row for each epoch: [{'train_loss': 0.5, 'valid_loss': 0.6}, ...]"
        raise DTypeError("plot_curves: expected rows of figures.", got=shown(history), expected=wanted)
    columns: dict[str, dict[str, str]] = {}  # name of a figure: part of the data: column
    for column in history[0] if len(history) else ("train_loss", "train_accuracy"):
        part, _, name = column.partition("_")
        if part not in PARTS or not name:
            part, name = "", column
        if column not in APART:
            columns.setdefault(name, {})[part] = column
    drawn = figure(max(4.5 * len(columns), 5.4), 3.6)
    if not columns:
        got = ", ".join(history[0])
        raise ArgumentError("plot_curves: no figure to draw.", got=got, expected="train_loss, valid_loss, ...")
    epochs = [int(row.get("epoch", i)) for i, row in enumerate(history, 1)]
    every = dict(zip(columns, np.atleast_1d(drawn.subplots(1, len(columns))), strict=True))
    for name, axes in every.items():
        factor = 100.0 if name == "accuracy" else 1.0
        for part, column in columns[name].items():
            label, colour, marker = PARTS[part]
            values = [row[column] * factor for row in history]
            axes.plot(epochs, values, marker=marker, markersize=4, color=colour, label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel({"loss": "loss (nats)", "accuracy": "accuracy (%)"}.get(name, name))
        plain(axes)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    mark_best(history, epochs, every)
    first = next(iter(every.values()))
    if any(part for part in columns[next(iter(columns))]):
        first.legend(frameon=False)
    drawn.suptitle(title, color=INK)
    return finished(drawn, path, "plot_curves")


def mark_best(history: Sequence[Mapping[str, float]], epochs: list[int], every: Mapping[str, Any]) -> None:
    """Draw a line at the best epoch, in the panel of the accuracy if there is one, and say how good it was."""
    kept = getattr(history, "best_epoch", None)
    if not len(history) or (kept is None and "valid_loss" not in history[0]):
        return
    losses = [row.get("valid_loss", np.inf) for row in history]
    best = kept if kept is not None else epochs[int(np.argmin(losses))]
    if best not in epochs:
        return
    row, name = history[epochs.index(best)], "accuracy" if "accuracy" in every else next(iter(every))
    value = row.get(f"valid_{name}", row.get(f"train_{name}", np.nan))
    shown = f"{value * 100:.2f} %" if name == "accuracy" else f"{value:.4g}"
    words = "kept" if kept is not None or not hasattr(history, "best_epoch") else "lowest loss"
    axes = every[name]
    axes.axvline(best, color=INK, linewidth=0.8, linestyle=":")
    side = "right" if 2 * best > epochs[0] + epochs[-1] - 1 else "left"  # above the axes, where no curve passes
    above = {"xytext": (0, 3), "textcoords": "offset points", "ha": side, "color": INK, "fontsize": 9}
    axes.annotate(f"{words}: epoch {best}, {shown}", (best, 1), xycoords=axes.get_xaxis_transform(), **above)


def confusion_matrix(labels: TensorLike, predictions: TensorLike, classes: int) -> Array:
    """Count how often each class (row) was taken for each class (column).

    Shapes:
        labels (N,), predictions (N,) of integers below `classes` -> (classes, classes) of int64
    Raises:
        ShapeError: if the lengths differ
        IndexRangeError: for other numbers
    Example:
        >>> tg.viz.confusion_matrix([0, 1, 1], [0, 1, 0], 2).tolist()
        [[1, 0], [1, 1]]
    """
    true, guess = np.asarray(labels), np.asarray(predictions)
    if true.shape != guess.shape or true.ndim != 1:
        what, hint = "confusion_matrix: labels and predictions differ in shape.", "scores.argmax(1)" * (guess.ndim == 2)
        raise ShapeError(what, got=f"{true.shape}, {guess.shape}", expected="(N,), (N,)", hint=hint)
    both = np.concatenate([true, guess])
    if both.size and not 0 <= both.min() <= both.max() < classes:
        got, wanted = f"{both.min()} … {both.max()}", f"0 … {classes - 1}"
        raise IndexRangeError(f"confusion_matrix: there are {classes} classes.", got=got, expected=wanted)
    return np.bincount(true * classes + guess, minlength=classes * classes).reshape(classes, classes)


def plot_confusion(
    labels: TensorLike, predictions: TensorLike, names: Sequence[str], path: Path | None = None, title: str = ""
) -> Figure:
    """Draw the confusion matrix: counts in every cell, mistakes coloured by how many there are.

    Shapes:
        labels (N,), predictions (N,) of integers that number the names
    Args:
        names: of the classes, as many as there are
        path: a file to write (.png, .svg, .pdf)
    Raises:
        ShapeError, IndexRangeError: as confusion_matrix
        MissingDependencyError: without matplotlib
    """
    counts = confusion_matrix(labels, predictions, len(names))
    wrong = counts * (1 - np.eye(len(names), dtype=counts.dtype))
    size = max(6.0, 1.5 + 0.45 * len(names))
    drawn = figure(size + 0.4, size)
    axes: Any = drawn.subplots()
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(int(wrong.max()), 1))
    for row in range(len(names)):
        for column in range(len(names)):
            count = counts[row, column]
            if count:
                dark = row != column and wrong[row, column] > 0.6 * wrong.max()
                axes.text(
                    column, row, f"{count}", ha="center", va="center", fontsize=9, color="white" if dark else INK,
                    fontweight="bold" if row == column else "normal",
                )  # fmt: skip
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    right = int(np.trace(counts))
    text = f"{title}{right:,} of {int(counts.sum()):,} right; colour shows the mistakes"
    axes.set_title(text, color=INK, fontsize=10)
    return finished(drawn, path, "plot_confusion")
