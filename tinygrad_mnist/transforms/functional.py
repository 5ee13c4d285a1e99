"""Transforms as functions: of an image (C, H, W) or (H, W), or a batch with more axes in front, all alike.

A tensor gives a tensor, with a gradient where it wants one, and an array an array; the numbers are those of
torchvision's functions of tensors. Integers are computed as floats and rounded. Look next at classes.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache, wraps
from typing import Any, TypeVar

import numpy as np

from .. import functions as F
from ..core.backend import Array, Defaults
from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..core.scope import refuse_captured, state
from ..functions.dims import need
from ..ops import layout
from ..ops.promotion import cast
from ..tensors.creation import from_numpy
from ..tensors.tensor import Tensor

_Function = TypeVar("_Function", bound=Callable[..., Any])
EDGES = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}  # torchvision's names of what pad does


class InterpolationMode(Enum):
    """How values between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"


def _mode(name: str, interpolation: Any, *known: str) -> str:
    """Read a mode, given as a member of InterpolationMode or by its name."""
    mode = getattr(interpolation, "value", interpolation)
    if mode not in known:
        raise ArgumentError(f"{name}: no such interpolation here.", got=f"{interpolation!r}", expected=", ".join(known))
    return str(mode)


def _of_images(function: _Function) -> _Function:
    """Check the image first, and compute on the bare array where nothing is recorded."""

    @wraps(function)
    def wrapper(img: Any, *args: Any, **kwargs: Any) -> Any:
        good = isinstance(img, Var | np.ndarray) and img.ndim > 1
        need(good, f"{function.__name__}: expected an image, a tensor or array (..., H, W).", img, kind=DTypeError)
        refuse_captured(f"the transform {function.__name__}", "transform the images outside the step")
        if isinstance(img, Var) and not (img.differentiable and state.recording):
            out = function(img.array, *args, **kwargs)
            return img if out is img.array else from_numpy(out)
        return function(img, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


def to_image(pic: Any) -> Tensor:
    """Make a tensor (C, H, W) of an array (H, W, C) or (H, W), or another library's image; give a tensor as it is."""
    if isinstance(pic, Tensor):
        return pic
    good = hasattr(pic, "__array_interface__")
    need(good, "to_tensor: expected an array, a tensor or an image.", pic, kind=DTypeError, hint="tg.tensor(data)")
    need((pixels := np.asarray(pic)).ndim in (2, 3), "to_tensor: expected an image (H, W) or (H, W, C).", pixels)
    return from_numpy(np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)))


def to_tensor(pic: Any) -> Tensor:
    """Make a tensor as `to_image` does, and bring bytes to floats in [0, 1]."""
    image = to_image(pic)
    return to_dtype(image, scale=True) if image.dtype == np.uint8 else image


@_of_images
def to_dtype(image: Any, dtype: Any = None, scale: bool = False) -> Any:
    """Convert to a dtype: the numbers as they are or, with scale, integers brought to floats in [0, 1]."""
    kind = Defaults.dtype if dtype is None else np.dtype(dtype)
    if not scale or image.dtype == kind or image.dtype.kind == kind.kind == "f":
        return cast(image, dtype=kind)
    good = kind.kind == "f" and image.dtype.kind in "iu"
    need(good, f"to_dtype: integers are scaled to floats, not to {kind}.", image, kind=DTypeError, hint="scale=False")
    return np.divide(image, kind.type(np.iinfo(image.dtype).max), dtype=kind)  # an array, as integers have no gradient


def convert_image_dtype(image: Any, dtype: Any = None) -> Any:
    """Convert to a floating-point dtype, integers to [0, 1]."""
    return to_dtype(image, dtype, scale=True)


def normalize(tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Any:
    """Subtract a mean and divide by a deviation, channel by channel."""
    good = isinstance(tensor, Var) and tensor.dtype.kind == "f" and tensor.ndim > 2
    need(good, "normalize: expected a tensor of floats (..., C, H, W).", tensor, kind=DTypeError, hint="ToTensor()")
    center, spread = (np.array(v, tensor.dtype).reshape(-1, 1, 1) for v in (mean, std))
    need(spread.all(), "normalize: std has a 0.", std, kind=ArgumentError)
    fits = {len(center), len(spread)} <= {1, tensor.shape[-3]}
    need(fits, "normalize: there is not one mean and std for each channel.", tensor, mean, std)
    return tensor.sub_(center).div_(spread) if inplace else _normalized(tensor, center, spread)


@_of_images
def _normalized(img: Any, center: Array, spread: Array) -> Any:
    out = img - center
    return np.divide(out, spread, out=out) if isinstance(out, np.ndarray) else out / spread


def _in_floats(img: Any, compute: Callable[[Any], Any]) -> Any:
    """Compute in float32 or float64, and bring the result back to the image's dtype."""
    out = compute(img if img.dtype.char in "fd" else cast(img, dtype=np.dtype(np.float32)))
    return cast(out if img.dtype.kind == "f" else F.round(out), dtype=img.dtype)


@lru_cache(maxsize=64)
def _weights(size: int, out: int, antialias: bool) -> Array:
    """Make the matrix (out, size) that resizes an axis.

    Math:
        out_i = Σ_j f((j + 1/2 - c_i) / s) x_j / Σ_j f(...), c_i = (i + 1/2) size / out, f a tent;
        antialias: s = max(size / out, 1); without: s = 1, and edges are repeated
    """
    center, stretch = (np.arange(out)[:, None] + 0.5) * size / out, max(size / out, 1.0)
    if not antialias:
        center, stretch = np.clip(center, 0.5, size - 0.5), 1.0
    tents = np.maximum(0, 1 - np.abs(np.arange(size) + 0.5 - center) / stretch)
    return np.asarray(tents / tents.sum(1, keepdims=True))


@_of_images
def resize(
    img: Any, size: Any, interpolation: Any = "bilinear", max_size: int | None = None, antialias: bool | None = True
) -> Any:
    """Resize to (height, width), or the shorter edge to a number and the other in proportion, at most max_size."""
    mode, (h, w) = _mode("resize", interpolation, "bilinear", "nearest", "nearest-exact"), img.shape[-2:]
    wanted = [size] if isinstance(size, int | np.integer) else list(size)
    if len(wanted) == 2:
        oh, ow = map(int, wanted)
    else:
        edge, other = int(wanted[0]), int(wanted[0] * max(h, w) / max(min(h, w), 1))
        fits = max_size is None or max_size > edge
        need(fits, "resize: max_size must be above the size.", size, max_size, kind=ArgumentError)
        if max_size is not None and other > max_size:
            edge, other = int(max_size * edge / other), max_size
        oh, ow = (other, edge) if w <= h else (edge, other)
    need(min(oh, ow, h, w) > 0, "resize: a size must be at least 1.", (h, w), (oh, ow), kind=ArgumentError)
    pairs = (h, oh), (w, ow)
    if mode != "bilinear":  # counted in float32, as PyTorch counts
        half = np.float32(0.5 if mode == "nearest-exact" else 0)
        at = [(np.arange(m, dtype=np.float32) + half) * (np.float32(n) / np.float32(m)) for n, m in pairs]
        rows, columns = (np.minimum(a.astype(np.int64), n - 1) for a, (n, _) in zip(at, pairs, strict=True))
        return img[..., rows[:, None], columns]
    rows, columns = (_weights(n, m, bool(antialias)) for n, m in pairs)
    return _in_floats(img, lambda x: F.matmul(F.matmul(rows.astype(x.dtype), x), columns.T.astype(x.dtype)))


def hflip(img: Any) -> Any:
    """Turn left and right."""
    return F.flip(img, -1)


def vflip(img: Any) -> Any:
    """Turn upside down."""
    return F.flip(img, -2)


@_of_images
def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Add pixels around: of one value ("constant"), or the "edge" repeated, or the image mirrored ("reflect").

    Args:
        padding: a number, (left and right, top and bottom), or (left, top, right, bottom)
    """
    given, (*lead, h, w) = (padding,) if isinstance(padding, int) else tuple(padding), img.shape
    if len(given) not in (1, 2, 4) or padding_mode not in EDGES:
        raise ArgumentError("pad: expected 1, 2 or 4 numbers and a mode.", got=f"{padding!r:.60}, {padding_mode!r:.60}",
                            expected=f"{', '.join(EDGES)}")  # fmt: skip
    left, top, right, bottom = given * (4 // len(given))
    value = None if padding_mode != "constant" or fill is None else fill[0] if isinstance(fill, list | tuple) else fill
    whole = F.pad(F.reshape(img, math.prod(lead), h, w), (left, right, top, bottom), EDGES[padding_mode], value)
    return F.reshape(whole, *lead, *whole.shape[-2:])


@_of_images
def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Cut a part out; beyond the edges it is 0."""
    h, w = img.shape[-2:]
    return F.pad(img, (-left, left + width - w, -top, top + height - h))


def _pair(size: Any) -> tuple[int, int]:
    """Read (height, width), or one number for both."""
    return (int(size),) * 2 if isinstance(size, int | np.integer) else (int(size[0]), int(size[-1]))


@_of_images
def center_crop(img: Any, output_size: Any) -> Any:
    """Cut out the middle; an image that is too small has zeros around."""
    size = _pair(output_size)
    top, left = (round(r / 2) if r > 0 else -(-r // 2) for r in map(int.__sub__, img.shape[-2:], size))
    return crop(img, top, left, *size)


@_of_images
def rotate(img: Any, angle: float, interpolation: Any = "nearest", center: Any = None, fill: Any = None) -> Any:
    """Turn counter-clockwise by an angle in degrees, around the middle or a center (x, y)."""
    return affine(img, -angle, (0, 0), 1.0, 0.0, interpolation, fill, center)


@_of_images
def affine(
    img: Any, angle: float, translate: Sequence[float], scale: float, shear: Any, interpolation: Any = "nearest",
    fill: Any = None, center: Any = None,
) -> Any:  # fmt: skip
    """Shear, scale, turn clockwise (angle in degrees) around the middle or a center, and move by (x, y) pixels.

    Math:
        the pixel at p shows what is at c + M⁻¹ (p - c - translate), M = scale R(angle) Y(shear) X(shear)
    Args:
        fill: what is shown beyond the image, one number or one for each channel
    """
    mode, (h, w) = _mode("affine", interpolation, "nearest", "bilinear"), img.shape[-2:]
    need(scale > 0, "affine: scale must be above 0.", scale, kind=ArgumentError)
    shears = (shear, 0.0) if isinstance(shear, int | float) else (shear[0], shear[-1])
    turn, sx, sy = (math.radians(v) for v in (angle, *shears))
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    forward = rotation @ [[1, 0], [-math.tan(sy), 1]] @ [[1, -math.tan(sx)], [0, 1]]
    (a, b), (c, d) = forward.tolist()  # of determinant 1
    inverse = np.array([[d, -b], [-c, a]]) / scale
    middle = np.zeros(2) if center is None else np.array([center[0] - w * 0.5, center[1] - h * 0.5])
    moved = middle - inverse @ (middle + np.asarray(translate, float))
    return _in_floats(img, lambda x: _sampled(x, np.column_stack([inverse, moved]), mode, fill))


def _sampled(img: Any, matrix: Array, mode: str, fill: Any) -> Any:
    """Read each pixel where a map (2, 3) of coordinates around the middle says, in PyTorch's steps of rounding."""
    (h, w), kind = img.shape[-2:], img.dtype.type
    x, y = (np.arange(n).astype(kind) + kind(0.5 - n * 0.5) for n in (w, h))
    at = []
    for row, size in zip(matrix.astype(kind), (w, h), strict=True):
        t = row / kind(0.5 * size)
        place = x * t[0] + y[:, None] * t[1] + t[2]  # from -1 to 1, as grid_sample has it
        at.append(((place + kind(1)) * kind(size) - kind(1)) / kind(2))
    (x, y), corners = (at if mode == "bilinear" else map(np.rint, at)), []
    for right, below in [(0, 0), (1, 0), (0, 1), (1, 1)][: 4 if mode == "bilinear" else 1]:
        px, py = np.floor(x) + right, np.floor(y) + below
        columns, rows = (np.clip(p, -1, n).astype(np.int64) + 1 for p, n in ((px, w), (py, h)))
        corners.append((rows, columns, (1 - np.abs(px - x)) * (1 - np.abs(py - y))))

    def read(pixels: Any) -> Any:
        around = layout.pad(pixels, width=((0, 0),) * (pixels.ndim - 2) + ((1, 1),) * 2, value=0)
        return sum(around[..., rows, columns] * share for rows, columns, share in corners)

    if fill is None:
        return read(img)
    covered = read(np.ones((h, w), kind))
    return read(img) * covered + (1 - covered) * np.asarray(fill, kind).reshape((-1, 1, 1)[-img.ndim :])
