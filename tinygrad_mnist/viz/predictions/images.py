"""What pictures of images have in common: what counts as an image, figures full of them, a model that is asked and left
as it was.

Images are (N, 1, H, W), (N, 3, H, W), (N, H, W), or rows of square ones (N, H·W). Draws nothing itself. Look next at
mistakes.py, features.py and attribution.py.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...core.backend import default_generator
from ...core.errors import ArgumentError, DTypeError, ShapeError, shown
from ...core.graph import Array, Var, no_grad
from ...tensors.tensor import Tensor
from ..curves.plots import figure
from ..curves.plots import finished as finished

AROUND = ["#0b3d70", "#2f7cc0", "#a9cdea", "#f7f7f7", "#f5c08a", "#cf7622", "#7a3b04"]  # below, around and above 0
Path = str | os.PathLike[str] | None


def bare(x: Any) -> Array:
    """Give the array of a tensor, or of what NumPy makes one of."""
    return x.array if isinstance(x, Var) else np.asarray(x)


def around() -> Any:
    """Give the colours of numbers around 0: blue below, orange above, which all eyes tell apart."""
    return importlib.import_module("matplotlib.colors").LinearSegmentedColormap.from_list("around", AROUND)


def figure_of(width: float, height: float) -> Any:
    """Make an empty figure, in inches, for a grid of pictures."""
    return figure(width, height)


def hide_axes(axes: Any) -> None:
    """Leave an image without ticks and frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def as_images(owner: str, images: Any) -> Array:
    """Bring a batch to (N, H, W), or (N, H, W, 3) in 0 to 1 for colours.

    Raises:
        ShapeError: for what is no batch of images
    """
    x: Array = bare(images)
    if x.ndim == 4 and x.shape[1] == 3:
        x = x.transpose(0, 2, 3, 1).astype(np.float64)
        low, high = x.min(initial=0), x.max(initial=1)
        x = (x - low) / (high - low or 1)
        return x
    if x.ndim == 4 and x.shape[1] == 1:
        return x[:, 0]
    side = math.isqrt(x.shape[1]) if x.ndim == 2 else 0
    if x.ndim == 2 and side * side == x.shape[1]:
        return x.reshape(-1, side, side)
    if x.ndim != 3:
        expected = "(N, 1, H, W), (N, 3, H, W), (N, H, W), or (N, H·W) of square ones"
        hint = "image[None] makes a batch of one image"
        raise ShapeError(f"{owner}: these are no images.", got=f"{x.shape}", expected=expected, hint=hint)
    return x


@contextmanager
def asked(owner: str, model: Any) -> Iterator[None]:
    """Put a model into evaluation mode without gradients, and it and the default generator back to what they were."""
    if not callable(model) or not hasattr(model, "modules"):
        raise DTypeError(f"{owner}: the first argument must be a model.", got=shown(model))
    modes = [(m, m.training) for m in model.modules()]
    draws = default_generator.get_state()
    try:
        model.eval()
        with no_grad():
            yield
    finally:
        default_generator.set_state(draws)
        for module, mode in modes:
            module.training = mode


def scores_of(owner: str, model: Callable[[Any], Any], images: Any) -> Any:
    """Give the scores (N, classes) that a model gives to images."""
    scores = model(images if isinstance(images, Var) else Tensor.wrap(np.asarray(images)))
    if not isinstance(scores, Var) or scores.ndim != 2 or len(scores.array) != len(images):
        got = f"{tuple(scores.shape)}" if isinstance(scores, Var) else type(scores).__name__
        raise ShapeError(f"{owner}: the model must give a score for each class.", got=got, expected="(N, classes)")
    return scores


def softmax(scores: Array) -> Array:
    """Turn scores into probabilities, in float64."""
    e = np.exp(scores.astype(np.float64) - scores.max(1, keepdims=True))
    result: Array = e / e.sum(1, keepdims=True)
    return result


def grid(owner: str, count: int, width: float = 1.3, height: float = 1.5, across: int = 8) -> tuple[Any, list[Any]]:
    """Make a figure of axes for images, without any that would stay empty."""
    if count < 1:
        raise ArgumentError(f"{owner}: there is nothing to draw.")
    columns = min(count, across)
    rows = -(-count // columns)
    figure = figure_of(max(width * columns, 3.2), height * rows + 0.45)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for left in axes[count:]:
        left.remove()
    return figure, axes[:count]
