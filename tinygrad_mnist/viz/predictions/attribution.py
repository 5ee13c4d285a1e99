"""What in an image moves a prediction: the gradient of a class's score by the pixels, and what hiding a patch costs.

The model is asked in evaluation mode; its flags, gradients and buffers, and the default generator, are left as they
were. Look next at features.py.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.engine import differentiate
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.graph import Array, enable_grad
from ...functions.types import TensorLike
from ...tensors.tensor import Tensor
from ..curves.plots import INK
from .images import Path, around, as_images, asked, bare, figure_of, finished, hide_axes, scores_of, softmax

if TYPE_CHECKING:
    from ..curves.figure import Figure

TOGETHER = 512  # images that a model is asked about at once
SMALL = 0.01  # of a probability: less is drawn pale
STEEPNESS = "how steeply the score depends on each pixel: not at all (dark) to most (yellow)"
PROBABILITY = "probability lost where a square hides the place: orange speaks for the class, blue against it"
Labels = TensorLike | None


def of_floats(owner: str, images: Any) -> Array:
    """Copy the images, which must be numbers that a model takes."""
    x = np.array(bare(images))
    if x.dtype.kind != "f":
        hint = "the images as the model takes them: x / 255, normalized as in training"
        raise DTypeError(f"{owner}: the images must be floats.", got=f"{x.dtype}", hint=hint)
    return x


def chosen(owner: str, labels: Labels, scores: Array) -> Array:
    """Give the classes that are asked about: those given, or those that the model predicts."""
    if labels is None:
        return np.asarray(scores.argmax(1))
    classes: Array = bare(labels)
    classes = np.broadcast_to(classes, (len(scores),)) if classes.ndim == 0 else classes
    if classes.shape != (len(scores),) or classes.dtype.kind not in "iu":
        got, expected = f"{classes.shape} {classes.dtype}", f"({len(scores)},) of class numbers, one number, or None"
        raise ShapeError(f"{owner}: the labels do not fit the images.", got=got, expected=expected)
    if len(classes) and not 0 <= classes.min() <= classes.max() < scores.shape[1]:
        raise ArgumentError(f"{owner}: there are {scores.shape[1]} classes.", got=f"{classes.min()} … {classes.max()}")
    return classes


def saliency(model: Callable[[Any], Any], images: TensorLike, labels: Labels = None) -> Array:
    """Differentiate the score of a class by each pixel.

    Args:
        labels: a class for each image, or one for all; None: those that the model predicts
    Shapes:
        images (N, ...) as the model takes them -> the same
    Units:
        score per unit of a pixel, with its sign
    Raises:
        DTypeError: for images of integers
        ShapeError, ArgumentError: for labels that do not fit
    Source:
        Simonyan et al. 2014 (arXiv:1312.6034), section 3, which draws the largest size over the channels
    """
    return _saliency(model, images, labels)[0]


def _saliency(model: Any, images: Any, labels: Labels) -> tuple[Array, Array, Array]:
    x = Tensor.wrap(of_floats("saliency", images), True)
    with asked("saliency", model):
        with enable_grad():
            scores = scores_of("saliency", model, x)
        classes = chosen("saliency", labels, scores.array)
        seed = np.zeros(scores.shape, scores.dtype)
        seed[np.arange(len(seed)), classes] = 1
        found = differentiate([scores], [seed], [x], False, False) if scores.differentiable else {}
    return found.get(x, np.zeros(x.shape, x.dtype)), classes, softmax(scores.array)


def occlusion(
    model: Callable[[Any], Any], images: TensorLike, labels: Labels = None, *, size: int = 4, stride: int = 2,
    value: float | None = None,
) -> Array:  # fmt: skip
    """Hide a square of each image, place after place, and tell how much less probable a class becomes.

    Each pixel gets the mean over the squares that covered it.

    Args:
        labels: a class for each image, or one for all; None: those that the model predicts
        size: pixels along a side of the square
        stride: pixels from one to the next
        value: what is put there; None: the smallest value in the images, the background of MNIST
    Shapes:
        images (N, 1, H, W), (N, 3, H, W), (N, H, W) or (N, H·W) -> (N, H, W)
    Units:
        probability that is lost, -1 to 1; below 0 where the class gains
    Raises:
        DTypeError, ShapeError, ArgumentError: as `saliency`, and for a square that does not fit
    Source:
        Zeiler and Fergus 2014 (arXiv:1311.2901), section 4.2
    """
    return _occlusion(model, images, labels, size, stride, value)[0]


def _occlusion(
    model: Any, images: Any, labels: Labels, size: int, stride: int, value: float | None
) -> tuple[Array, Array, Array]:
    x = of_floats("occlusion", images)
    height, width = as_images("occlusion", x).shape[1:3]
    if not (1 <= size <= min(height, width) and 1 <= stride):
        got, expected = f"size {size}, stride {stride}", f"size from 1 to {min(height, width)}, stride from 1"
        raise ArgumentError("occlusion: the square does not fit.", got=got, expected=expected)
    fill = float(x.min()) if value is None else value
    # up to the last row and column, so that every pixel is covered where the stride is no larger than the square
    rows, columns = ([*dict.fromkeys([*range(0, n - size, stride), n - size])] for n in (height, width))
    lost, covered = np.zeros((len(x), height, width)), np.zeros((height, width))

    def ask(y: Array) -> Array:
        parts = [y[i : i + TOGETHER] for i in range(0, len(y), TOGETHER)]
        return softmax(np.concatenate([scores_of("occlusion", model, part).array for part in parts]))

    with asked("occlusion", model):
        whole = ask(x)
        classes, each = chosen("occlusion", labels, whole), np.arange(len(x))
        for row in rows:
            hidden = np.repeat(x[None], len(columns), 0)
            planes = hidden.reshape(len(columns), len(x), -1, height, width)
            for i, column in enumerate(columns):
                planes[i, ..., row : row + size, column : column + size] = fill
            found = ask(hidden.reshape(-1, *x.shape[1:])).reshape(len(columns), len(x), -1)
            for p, column in zip(found, columns, strict=True):
                at = np.s_[row : row + size, column : column + size]
                lost[(slice(None), *at)] += (whole[each, classes] - p[each, classes])[:, None, None]
                covered[at] += 1
    return lost / np.maximum(covered, 1), classes, whole


def plot_saliency(
    model: Callable[[Any], Any], images: TensorLike, labels: Labels = None, path: Path = None
) -> Figure:
    """Draw images, and beside each how steeply the score of a class depends on each pixel.

    Args:
        model, images, labels: as of `saliency`
        path: a file to write (.png, .svg, .pdf)
    Units:
        score per unit of a pixel; each map has its own scale, from 0 to the largest size of a derivative
    Raises:
        DTypeError, ShapeError, ArgumentError: as `saliency`
        MissingDependencyError: without matplotlib
    """
    g, classes, p = _saliency(model, images, labels)
    size = np.abs(g)
    maps = as_images("plot_saliency", size.max(1, keepdims=True) if size.ndim == 4 else size)
    return finished(_pairs("plot_saliency", images, maps, classes, p, STEEPNESS, False), path, "plot_saliency")


def plot_occlusion(
    model: Callable[[Any], Any], images: TensorLike, labels: Labels = None, path: Path = None, *, size: int = 4,
    stride: int = 2, value: float | None = None,
) -> Figure:  # fmt: skip
    """Draw images, and beside each how much the probability of a class loses where a square hides a place.

    Orange places speak for the class, blue ones against it.

    Args:
        model, images, labels, size, stride, value: as of `occlusion`
        path: a file to write (.png, .svg, .pdf)
    Units:
        probability; each map has its own scale, which is written above it, from 1 % on
    Raises:
        DTypeError, ShapeError, ArgumentError: as `occlusion`
        MissingDependencyError: without matplotlib
    """
    maps, classes, p = _occlusion(model, images, labels, size, stride, value)
    return finished(_pairs("plot_occlusion", images, maps, classes, p, PROBABILITY, True), path, "plot_occlusion")


def _pairs(owner: str, images: Any, maps: Array, classes: Array, p: Array, label: str, signed: bool) -> Any:
    """Draw each image beside its map, two pairs a row."""
    pictures = as_images(owner, images)
    if not len(pictures):
        raise ArgumentError(f"{owner}: there is no image to draw.")
    across = min(2, len(pictures))
    down = -(-len(pictures) // across)
    figure = figure_of(3.7 * across, 2.05 * down + 0.35 + 0.2 / across)
    cells = figure.subplots(down, 2 * across, squeeze=False)
    for left in cells.reshape(-1)[2 * len(pictures) :]:
        left.remove()
    for i, (image, map_) in enumerate(cells.reshape(-1, 2)[: len(pictures)]):
        hide_axes(image)
        hide_axes(map_)
        image.imshow(pictures[i], cmap="gray")
        image.set_title(f"class {classes[i]}: {p[i, classes[i]]:.1%}", fontsize=9, color=INK)
        low, high = float(maps[i].min()), float(maps[i].max())
        if signed:
            limit = max(-low, high, SMALL)
            map_.imshow(maps[i], cmap=around(), vmin=-limit, vmax=limit)
            map_.set_title(f"{low:+.1%} to {high:+.1%}".replace("-", "−"), fontsize=9, color=INK)
        else:
            map_.imshow(maps[i], cmap="cividis", vmin=0)
            map_.set_title(f"up to {high:.3g}", fontsize=9, color=INK)
    figure.suptitle(textwrap.fill(label, 52 * across), fontsize=9, color=INK)
    return figure
