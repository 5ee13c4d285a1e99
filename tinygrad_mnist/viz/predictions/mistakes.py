"""The images that a model is most surely wrong about, with the probabilities that it gave.

The model is asked in evaluation mode and left as it was. Knows no training. Look next at attribution.py, which asks
why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, ShapeError, shown
from ...core.graph import Array, Var
from ..curves.plots import INK
from .images import Path, as_images, asked, bare, figure_of, finished, hide_axes, scores_of, softmax

if TYPE_CHECKING:
    from ..curves.figure import Figure

TRUE, TAKEN, OTHER = "#3b75af", "#d9822b", "#c9d0d8"


@dataclass(frozen=True, eq=False)
class Mistake:
    """An image that was taken for another class. index counts the data from 0, in the order in which they came.

    Shapes:
        image as the data have it, without N; probabilities (classes,), each 0 to 1
    """

    index: int
    image: Array
    label: int
    predicted: int
    probabilities: Array


def mistakes(model: Any, data: Iterable[Any], count: int = 16) -> list[Mistake]:
    """Find the images that a model is most surely wrong about: least probability of the true class first.

    Args:
        data: batches (images, labels), as of a DataLoader, or one pair of images and labels
    Shapes:
        images (N, ...) as the model takes them, labels (N,) of class numbers; the model gives (N, classes)
    Raises:
        DTypeError: for other data
        ShapeError: for labels, or scores of the model, that do not fit
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
            for i in map(int, np.flatnonzero(guess != truth)):
                image = bare(images)[i].copy()
                found.append(Mistake(start + i, image, int(truth[i]), int(guess[i]), probabilities[i]))
            found = sorted(found, key=lambda m: m.probabilities[m.label])[:count]
            start += len(truth)
    return found


def batches(owner: str, data: Any) -> Iterable[Any]:
    """Give the batches of a loader, or cut those of one pair of images and labels."""
    if isinstance(data, tuple) and len(data) == 2 and all(isinstance(x, Var | np.ndarray) for x in data):
        return [(data[0][i : i + 500], data[1][i : i + 500]) for i in range(0, len(data[0]), 500)]
    if isinstance(data, Var | np.ndarray) or not isinstance(data, Iterable):
        expected = "a DataLoader, or a pair (images, labels)"
        hint = "DataLoader(dataset, batch_size=500)" if hasattr(data, "__getitem__") else ""
        raise DTypeError(f"{owner}: expected images with their labels.", got=shown(data), expected=expected, hint=hint)
    return data


def plot_mistakes(
    model: Any, data: Iterable[Any], path: Path = None, *, count: int = 16, names: Sequence[str] | None = None
) -> Figure:
    """Draw the images that a model is most surely wrong about, with the probabilities that it gave to the classes.

    Args:
        data: batches (images, labels), or one pair
        path: a file to write (.png, .svg, .pdf)
        names: of the classes, in place of their numbers
    Raises:
        DTypeError, ShapeError: as `mistakes`
        ArgumentError: where there is no mistake
        MissingDependencyError: without matplotlib
    """
    worst = mistakes(model, data, count)
    if not worst:
        raise ArgumentError("plot_mistakes: the model makes no mistake on these data.", hint="draw others: a test set")
    name = [str(c) for c in range(len(worst[0].probabilities))] if names is None else [str(n) for n in names]
    across = min(len(worst), 6)
    down = -(-len(worst) // across)
    figure = figure_of(max(1.6 * across, 3.2), 2.5 * down)
    figure.get_layout_engine().set(h_pad=0.07)
    cells = figure.subplots(2 * down, across, squeeze=False, height_ratios=[4, 1] * down)
    pictures = as_images("plot_mistakes", np.stack([m.image for m in worst]))
    for i in range(down * across):
        image, bars = cells[2 * (i // across), i % across], cells[2 * (i // across) + 1, i % across]
        if i >= len(worst):
            image.remove()
            bars.remove()
            continue
        mistake, p = worst[i], worst[i].probabilities
        image.imshow(pictures[i], cmap="gray")
        hide_axes(image)
        image.set_title(f"{name[mistake.label]}, taken for {name[mistake.predicted]}", fontsize=9, color=INK)
        colours = [TRUE if c == mistake.label else TAKEN if c == mistake.predicted else OTHER for c in range(len(p))]
        bars.bar(range(len(p)), p, color=colours)
        bars.set_ylim(0, 1)
        bars.set_xlim(-0.7, len(p) - 0.3)
        bars.set_yticks([])
        bars.set_xticks([mistake.label, mistake.predicted])  # numbers: names would run into each other
        bars.tick_params(length=0, pad=1, labelsize=7)
        bars.spines[["top", "right", "left"]].set_visible(False)
        text = f"true {percent(p[mistake.label])}, taken {percent(p[mistake.predicted])}"
        bars.set_title(text, fontsize=7.5, color=INK, pad=2)
    return finished(figure, path, "plot_mistakes")


def percent(p: float) -> str:
    """Write a probability, none so that it looks like 0."""
    return f"{p:.1%}" if p >= 0.001 else "< 0.1%"
