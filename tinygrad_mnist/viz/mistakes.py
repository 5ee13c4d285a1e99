"""The images that a model is most surely wrong about, with the probabilities that it gave.

The model is asked in evaluation mode and left as it was. Knows no training; look next at attribution.py, which asks why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError, shown
from ..core.graph import Array, Var
from .images import Path, as_images, asked, bare, finished, grid, hide_axes, scores_of, softmax
from .plots import INK

TRUE, TAKEN, OTHER = "#3b75af", "#d9822b", "#c9d0d8"


class Mistake(NamedTuple):
    """An image that was taken for another class. index counts the data from 0, in the order in which they came."""

    index: int
    image: Array
    label: int
    predicted: int
    probabilities: Array


def mistakes(model: Any, data: Iterable[Any], count: int = 16) -> list[Mistake]:
    """Find the images that a model is most surely wrong about: least probability of the true class first.

    Args:    data: batches (images, labels), as of a DataLoader, or one pair of images and labels
    """
    found: list[Mistake] = []
    start = 0
    with asked("mistakes", model):
        for images, labels in batches("mistakes", data):
            probabilities, truth = softmax(scores_of("mistakes", model, images).array), bare(labels)
            if truth.shape != (len(probabilities),) or truth.dtype.kind not in "iu":
                got, expected = f"{truth.shape} {truth.dtype}", f"({len(probabilities)},) of class numbers"
                raise ShapeError("mistakes: the labels do not fit the images.", got=got, expected=expected)
            guess = probabilities.argmax(1)
            for i in np.flatnonzero(guess != truth):
                found.append(Mistake(start + int(i), bare(images)[i].copy(), int(truth[i]), int(guess[i]), probabilities[i]))
            found = sorted(found, key=lambda m: m.probabilities[m.label])[:count]
            start += len(truth)
    return found


def batches(owner: str, data: Any) -> Iterable[Any]:
    """Give the batches of a loader, or cut those of one pair of images and labels."""
    if isinstance(data, tuple) and len(data) == 2 and all(isinstance(x, Var | np.ndarray) for x in data):
        return [(data[0][i : i + 500], data[1][i : i + 500]) for i in range(0, len(data[0]), 500)]
    if isinstance(data, Var | np.ndarray) or not isinstance(data, Iterable):
        expected = "a DataLoader, or a pair (images, labels)"
        raise DTypeError(f"{owner}: expected images with their labels.", got=shown(data), expected=expected)
    return data


def plot_mistakes(
    model: Any, data: Iterable[Any], *, count: int = 16, names: Sequence[str] | None = None, path: Path = None
) -> Any:  # fmt: skip
    """Draw the images that a model is most surely wrong about, with the probabilities that it gave to the classes.

    Args:    data: batches (images, labels), or one pair; names: of the classes, in place of their numbers
    Returns: a matplotlib Figure
    """
    worst = mistakes(model, data, count)
    if not worst:
        raise ArgumentError("plot_mistakes: the model makes no mistake on these data.", hint="draw others: a test set")
    name = (lambda c: f"{c}") if names is None else (lambda c: str(names[c]))
    figure, cells = grid("plot_mistakes", len(worst), 1.6, 2.2, 6)
    pictures = as_images("plot_mistakes", np.stack([m.image for m in worst]))
    for axes, mistake, picture in zip(cells, worst, pictures, strict=True):
        axes.imshow(picture, cmap="gray")
        hide_axes(axes)
        p = mistake.probabilities
        axes.set_title(f"{name(mistake.label)}, taken for {name(mistake.predicted)}", fontsize=9, color=INK)
        bars = axes.inset_axes((0.0, -0.36, 1.0, 0.2))
        colours = [TRUE if c == mistake.label else TAKEN if c == mistake.predicted else OTHER for c in range(len(p))]
        bars.bar(range(len(p)), p, color=colours)
        bars.set_ylim(0, 1)
        bars.set_xlim(-0.7, len(p) - 0.3)
        bars.set_yticks([])
        bars.set_xticks([mistake.label, mistake.predicted], [name(mistake.label), name(mistake.predicted)], fontsize=7)
        bars.tick_params(length=0, pad=1)
        bars.spines[["top", "right", "left"]].set_visible(False)
        text = f"true {p[mistake.label]:.1%}, taken {p[mistake.predicted]:.1%}"
        axes.text(0.5, -0.04, text, transform=axes.transAxes, ha="center", va="top", fontsize=7.5, color=INK)
    return finished(figure, path)
