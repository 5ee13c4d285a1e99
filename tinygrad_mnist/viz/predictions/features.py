"""What a network has learned to look for, and what it finds: first-layer weights, filters, feature maps.

Blue is below 0 and orange above, as everywhere. Knows no loss and no gradient; look next at attribution.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import DTypeError, ShapeError, shown
from ...core.graph import Array, Var
from ...core.scope import Scope, state
from ...functions.types import TensorLike
from ...tensors.tensor import Tensor
from ..curves.plots import INK
from ..modules import Paths, module_title
from .images import Path, around, as_images, asked, bare, figure_of, finished, grid, hide_axes

if TYPE_CHECKING:
    from ..curves.figure import Figure


def plot_weights(module: Any, path: Path = None, *, count: int = 32) -> Figure:
    """Draw the first weights of a module as images: filters of a convolution, rows of a Linear layer on square images.

    Blue is below 0, orange above, all on one scale. The channels of a filter are tiles of its image.

    Args:
        module: a layer, or a model, whose first layer with such weights is drawn
        count: how many units at most
        path: a file to write (.png, .svg, .pdf)
    Shapes:
        weights (O, C, KH, KW), or (O, H·W) of square images
    Raises:
        ShapeError: where no layer has weights that are images
        MissingDependencyError: without matplotlib
    """
    title, weights = first_weights(module)
    shown_of = weights[:count]
    limit = float(np.nanmax(np.abs(shown_of))) or 1.0
    figure, cells = grid("plot_weights", len(shown_of), 1.1, 1.15, 8)
    figure.get_layout_engine().set(wspace=0.12)  # filters further apart than their tiles
    for i, (axes, w) in enumerate(zip(cells, shown_of, strict=True)):
        image = axes.imshow(w, cmap=around(), vmin=-limit, vmax=limit)
        hide_axes(axes)
        axes.set_title(f"{i}", fontsize=7, color=INK, pad=2)
    figure.colorbar(image, ax=cells, shrink=0.9, fraction=0.05, pad=0.02, label="weight")
    more = f", {len(shown_of)} of {len(weights)}" if len(shown_of) < len(weights) else ""
    figure.suptitle(f"{title}{more}", fontsize=10, color=INK)
    return finished(figure, path, "plot_weights")


def first_weights(module: Any) -> tuple[str, Array]:
    """Find the first layer whose weights are images, and these: (units, H, W)."""
    if not hasattr(module, "named_modules"):
        raise DTypeError("plot_weights: expected a layer or a model.", got=shown(module))
    seen = []
    for name, layer in module.named_modules():
        w: Array = layer.weight.array if isinstance(getattr(layer, "weight", None), Var) else np.empty(0)
        side = math.isqrt(w.shape[1]) if w.ndim == 2 else 0
        if w.ndim == 4:
            return module_title(layer, name), np.stack([tiled(planes) for planes in w])
        if w.ndim == 2 and side * side == w.shape[1] and side > 1:
            return module_title(layer, name), w.reshape(-1, side, side)
        seen += [f"{type(layer).__name__} {w.shape}"] if w.size else []
    expected = "weights (O, C, KH, KW), or (O, H·W) for square images"
    raise ShapeError("plot_weights: no layer has weights that are images.", got=", ".join(seen), expected=expected)


def tiled(planes: Array) -> Array:
    """Put the channels of a filter beside and below each other, with a gap that is not drawn.

    Shapes:
        planes (C, H, W) -> (H', W') with NaN in the gaps; of one channel (H, W)
    """
    count, height, width = planes.shape
    across = count if count <= 3 else math.ceil(math.sqrt(count))
    tiles = np.full((-(-count // across), height + 1, across, width + 1), np.nan, planes.dtype)
    for i, plane in enumerate(planes):
        tiles[i // across, :height, i % across, :width] = plane
    return tiles.reshape(tiles.shape[0] * (height + 1), -1)[:-1, :-1]


def feature_maps(model: Any, image: TensorLike) -> list[tuple[str, Array]]:
    """Run one image through a model and list what its innermost modules gave, in order of calls.

    Shapes:
        image as the model takes it, a batch of one -> (C, H, W) or (D,) for each
    Raises:
        DTypeError: for what is no model
        ShapeError: for more than one image
    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
        >>> [(name, maps.shape) for name, maps in tg.viz.feature_maps(model, tg.rand(1, 1, 8, 8))][:2]
        [('0 Conv2d(1, 4, kernel_size=(3, 3))', (4, 6, 6)), ('1 ReLU', (4, 6, 6))]
    """
    seen: list[tuple[str, Array]] = []
    paths = Paths()

    def watch(scope: Scope, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        out = forward(*args, **kwargs)
        if isinstance(out, Var) and not list(scope.module.children()):  # type: ignore[attr-defined]
            seen.append((module_title(scope.module, paths.of(scope)), out.array.copy()))
        return out

    x = bare(image)
    before, scope = state.around, state.scope
    with asked("feature_maps", model):
        try:
            state.around, state.scope = watch, None
            model(Tensor.wrap(x.copy()))
        finally:
            state.around, state.scope = before, scope
    if any(len(out) != 1 for _, out in seen if out.ndim):
        raise ShapeError("feature_maps: expected one image.", got=f"{x.shape}", expected="a batch of one: images[:1]")
    return [(title, out[0]) for title, out in seen if out.ndim in (2, 4)]


def plot_feature_maps(model: Any, image: TensorLike, path: Path = None, *, count: int = 8) -> Figure:
    """Draw what each layer of a model makes of one image: a row a layer, its first maps beside each other.

    Blue is below 0, orange above; each row has a scale of its own, which is written beside it. What a layer gives as
    a vector is drawn as a strip.

    Args:
        image: a batch of one, as the model takes it
        count: maps of a layer at most
        path: a file to write (.png, .svg, .pdf)
    Raises:
        ShapeError: for more than one image
        MissingDependencyError: without matplotlib
    """
    maps = feature_maps(model, image)
    if not maps:
        raise ShapeError("plot_feature_maps: no layer gave feature maps.", expected="outputs (1, C, H, W) or (1, D)")
    tall = [1.0 if out.ndim == 3 else 0.4 for _, out in maps]
    figure = figure_of(1.05 * count + 0.4, 1.1 * sum(tall) + 0.28 * len(maps) + 1.3)
    rows = figure.subfigures(len(maps) + 1, 1, height_ratios=[1.3, *(t * 1.1 + 0.28 for t in tall)])
    axes = rows[0].subplots(1, count)
    axes[0].imshow(as_images("plot_feature_maps", image)[0], cmap="gray")
    rows[0].suptitle("input", fontsize=8, color=INK, x=0.01, ha="left")
    for cell in axes:
        hide_axes(cell)
    for part, (title, out) in zip(rows[1:], maps, strict=True):
        limit = float(np.abs(out).max()) or 1.0
        scale: dict[str, Any] = {"cmap": around(), "vmin": -limit, "vmax": limit}
        more = f", {count} of {len(out)}" if out.ndim == 3 and len(out) > count else ""
        part.suptitle(f"{title}{more}   ±{limit:.3g}", fontsize=8, color=INK, x=0.01, ha="left")
        if out.ndim == 1:
            strip = part.subplots()
            strip.imshow(out[None], aspect="auto", **scale)
            hide_axes(strip)
            continue
        for i, cell in enumerate(part.subplots(1, count)):
            hide_axes(cell)
            if i < len(out):
                cell.imshow(out[i], **scale)
    return finished(figure, path, "plot_feature_maps")
