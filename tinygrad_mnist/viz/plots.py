"""Pictures of a training run: curves per epoch and the confusion matrix, written as PNG.

matplotlib is optional (extra `examples`) and loaded when a picture is asked for. Knows nothing of models or graphs.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import MissingDependencyError, ShapeError
from ..core.files import write_whole
from ..functions.types import TensorLike

INK, TRAIN, VALID, GRID = "#22303c", "#3b75af", "#d9822b", "#d5dbe1"


def _figure(width: float, height: float) -> Any:
    """Make an empty figure without touching matplotlib's global state."""
    try:
        module = importlib.import_module("matplotlib.figure")  # optional, and slow to import
    except ImportError:
        what = "viz: drawing curves and matrices needs matplotlib, which is not installed."
        raise MissingDependencyError(what, hint="pip install matplotlib") from None
    return module.Figure(figsize=(width, height), dpi=110, layout="constrained")


def _write(figure: Any, path: str | os.PathLike[str]) -> Path:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", facecolor="white")
    write_whole(path, stream.getvalue(), "viz")
    return Path(path)


def plot_curves(history: Sequence[Mapping[str, float]], path: str | os.PathLike[str], title: str = "") -> Path:
    """Draw loss and accuracy per epoch, training beside validation, with the epoch of lowest validation loss marked.

    Args:    history: one mapping per epoch with train_loss, train_accuracy, valid_loss, valid_accuracy
    Units:   loss in nats, accuracy from 0 to 1 (drawn in percent)
    """
    epochs = range(1, len(history) + 1)
    figure = _figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    for axes, name, factor in ((left, "loss", 1.0), (right, "accuracy", 100.0)):
        for part, colour, label in (("train", TRAIN, "training"), ("valid", VALID, "validation")):
            values = [row[f"{part}_{name}"] * factor for row in history]
            axes.plot(epochs, values, marker="o", markersize=4, color=colour, label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss (nats)" if name == "loss" else "accuracy (%)")
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.spines[["top", "right"]].set_visible(False)
    if history:
        best = min(epochs, key=lambda e: history[e - 1]["valid_loss"])
        value = history[best - 1]["valid_accuracy"] * 100
        right.axvline(best, color=INK, linewidth=0.8, linestyle=":")
        side = "right" if 2 * best > len(epochs) else "left"  # above the axes, where no curve passes
        above = {"xytext": (0, 3), "textcoords": "offset points", "ha": side, "color": INK, "fontsize": 9}
        right.annotate(f"kept: epoch {best}, {value:.2f} %", (best, 1), xycoords=right.get_xaxis_transform(), **above)
    left.legend(frameon=False)
    figure.suptitle(title, color=INK)
    return _write(figure, path)


def confusion_matrix(labels: TensorLike, predictions: TensorLike, classes: int) -> Array:
    """Count how often each class (row) was taken for each class (column).

    Shapes:  labels (N,), predictions (N,) of integers below `classes` -> (classes, classes) of int64
    """
    true, guess = np.asarray(labels), np.asarray(predictions)
    if true.shape != guess.shape or true.ndim != 1:
        got = f"{true.shape}, {guess.shape}"
        raise ShapeError("confusion_matrix: labels and predictions differ in shape.", got=got)
    return np.bincount(true * classes + guess, minlength=classes * classes).reshape(classes, classes)


def plot_confusion(
    labels: TensorLike, predictions: TensorLike, names: Sequence[str], path: str | os.PathLike[str], title: str = ""
) -> Path:
    """Draw the confusion matrix: counts in every cell, mistakes coloured by how many there are.

    Shapes:  labels (N,), predictions (N,) of integers that number the names
    """
    counts = confusion_matrix(labels, predictions, len(names))
    wrong = counts * (1 - np.eye(len(names), dtype=counts.dtype))
    figure = _figure(6.4, 6)
    axes = figure.subplots()
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
    return _write(figure, path)
