"""Transforms as functions: of an image (C, H, W) or (H, W), or a batch with more axes in front, all alike.

A tensor gives a tensor, with a gradient where it wants one, and an array an array; the numbers are those of
torchvision's functions of tensors. Integers are computed as floats and rounded. Look next at classes.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from .. import functions as F
from ..core.backend import Array, Defaults
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.graph import Var
from ..core.scope import state, unchanging
from ..tensors.creation import from_numpy
from ..tensors.tensor import Tensor
from .interpolation import inverse_affine, mode_of, places, source_positions, turned_size, weights

Function = TypeVar("Function", bound=Callable[..., Any])
EDGES = {"edge", "reflect", "symmetric"}


def _of_images(function: Function) -> Function:
    """Check the image, and compute on the bare array where nothing is recorded."""

    @wraps(function)
    def wrapper(img: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(img, Var | np.ndarray) or img.ndim < 2:
            got = f"{type(img).__name__} {getattr(img, 'shape', '')}".strip()
            expected = "a tensor or array (..., H, W)"
            raise DTypeError(f"{function.__name__}: expected an image.", got=got, expected=expected)
        if isinstance(img, Var) and state.recorder is None and not (img.differentiable and state.recording):
            out = function(img.array, *args, **kwargs)
            return img if out is img.array else from_numpy(out)
        return function(img, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


def to_tensor(pic: Any) -> Tensor:
    """Make a tensor (C, H, W) of an array (H, W, C) or (H, W), or of another library's image; bytes become [0, 1]."""
    if isinstance(pic, Var) or not (isinstance(pic, np.ndarray) or hasattr(pic, "__array_interface__")):
        raise DTypeError("to_tensor: expected an array or an image.", got=type(pic).__name__, hint="tg.tensor(data)")
    pixels = to_image(pic).array
    return from_numpy(unit(pixels) if pixels.dtype == np.uint8 else pixels)


def to_image(pic: Any) -> Tensor:
    """Make a tensor (C, H, W) of an array (H, W, C) or (H, W), as it is; give a tensor as it is."""
    if isinstance(pic, Tensor):
        return pic
    pixels = np.asarray(pic)
    if pixels.ndim not in (2, 3):
        expected = "(H, W) or (H, W, C)"
        raise ShapeError("to_image: an image has two axes, or three.", got=f"{pixels.shape}", expected=expected)
    return from_numpy(np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)))


def unit(pixels: Array) -> Array:
    """Bring bytes to floats in [0, 1]."""
    return np.divide(pixels, Defaults.dtype.type(255), dtype=Defaults.dtype)


def _limit(kind: Any) -> int:
    return int(np.iinfo(kind).max) if kind.kind in "iu" else 1


@_of_images
def convert_image_dtype(image: Any, dtype: Any = None) -> Any:
    """Convert to a dtype and its range: [0, 1] for floats, 0 up to the largest number for integers."""
    kind = Defaults.dtype if dtype is None else np.dtype(dtype)
    have, want = _limit(image.dtype), _limit(kind)
    if image.dtype == kind:
        return image
    if image.dtype.kind == "f":
        if kind.kind == "f":
            return to_dtype(image, kind)
        if kind.itemsize > 4 or (kind.itemsize == 4 and image.dtype.itemsize < 8):
            raise DTypeError(f"convert_image_dtype: {image.dtype} cannot hold the range of {kind}.")
        return to_dtype(image * (want + 1.0 - 1e-3), kind)
    if kind.kind == "f":
        return to_dtype(image, kind) / have
    if have > want:
        return to_dtype(image // ((have + 1) // (want + 1)), kind)
    return to_dtype(image, kind) * ((want + 1) // (have + 1))


def to_dtype(image: Any, dtype: Any = None, scale: bool = False) -> Any:
    """Convert to a dtype: the numbers as they are, or with scale also their range."""
    kind = Defaults.dtype if dtype is None else np.dtype(dtype)
    if scale:
        return convert_image_dtype(image, kind)
    return image.astype(kind, copy=False) if isinstance(image, np.ndarray) else image.to(kind)


def normalize(tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Any:
    """Subtract a mean and divide by a deviation, channel by channel."""
    if not isinstance(tensor, Var) or tensor.dtype.kind != "f" or tensor.ndim < 3:
        got = f"{type(tensor).__name__} {getattr(tensor, 'dtype', '')} {getattr(tensor, 'shape', '')}"
        raise DTypeError("normalize: expected a tensor of floats (..., C, H, W).", got=got, hint="ToTensor() before it")
    center, spread = (unchanging(np.array(v, tensor.dtype).reshape(-1, 1, 1)) for v in (mean, std))
    if (spread == 0).any():
        raise ArgumentError("normalize: std has a 0.", got=f"std={std}", expected="positive numbers")
    if not {len(center), len(spread)} <= {1, tensor.shape[-3]}:
        raise ShapeError("normalize: there is not one mean and std for each channel.", got=f"image {tensor.shape}")
    if inplace:
        return tensor.sub_(center).div_(spread)  # type: ignore[attr-defined]
    return _normalized(tensor, center, spread)


@_of_images
def _normalized(x: Any, center: Array, spread: Array) -> Any:
    out = x - center
    return np.divide(out, spread, out=out) if isinstance(out, np.ndarray) else out / spread


def _computed(img: Any, compute: Callable[[Any], Any], clip: bool = False) -> Any:
    """Compute in float32 or float64, and bring the result back to the image's dtype."""
    kind = img.dtype
    out = compute(img if kind.char in "fd" else to_dtype(img, np.float32))
    if kind.kind != "f":
        out = np.rint(out if isinstance(out, np.ndarray) else out.array)
        out = np.clip(out, 0, 255) if clip and kind == np.uint8 else out
    return out if out.dtype == kind else to_dtype(out, kind)


def new_size(size: tuple[int, int], wanted: Any, max_size: int | None = None) -> tuple[int, int]:
    """Find height and width: both as wanted, or (one number) the shorter edge and the other in proportion."""
    both = [wanted] if isinstance(wanted, int | np.integer) else list(wanted)
    if len(both) == 2:
        return int(both[0]), int(both[1])
    short, long = min(size), max(size)
    edge, other = int(both[0]), int(both[0] * long / short)
    if max_size is not None:
        if max_size <= edge:
            raise ArgumentError("resize: max_size must be above the size.", got=f"size={wanted}, max_size={max_size}")
        if other > max_size:
            edge, other = int(max_size * edge / other), max_size
    return (other, edge) if size[1] <= size[0] else (edge, other)


@_of_images
def resize(
    img: Any, size: Any, interpolation: Any = "bilinear", max_size: int | None = None, antialias: bool | None = True
) -> Any:
    """Resize to (height, width), or the shorter edge to a number."""
    mode, (h, w) = mode_of("resize", interpolation), img.shape[-2:]
    oh, ow = new_size((h, w), size, max_size)
    if (oh, ow) == (h, w):
        return img
    if min(oh, ow, h, w) < 1:
        raise ArgumentError("resize: a size must be at least 1.", got=f"{(h, w)} to {(oh, ow)}")
    if mode.startswith("nearest"):
        return _gathered(img, places(h, oh, mode), places(w, ow, mode))

    def compute(x: Any) -> Any:
        rows, columns = (weights(a, b, mode, bool(antialias)).astype(x.dtype) for a, b in ((h, oh), (w, ow)))
        return F.matmul(F.matmul(unchanging(rows), x), unchanging(np.ascontiguousarray(columns.T)))

    return _computed(img, compute, clip=mode == "bicubic")


def _gathered(img: Any, rows: Array, columns: Array) -> Any:
    return img[..., unchanging(np.array(rows)[:, None]), unchanging(np.array(columns))]


@_of_images
def hflip(img: Any) -> Any:
    """Turn left and right."""
    return F.flip(img, -1)


@_of_images
def vflip(img: Any) -> Any:
    """Turn upside down."""
    return F.flip(img, -2)


def sides(padding: Any) -> tuple[int, int, int, int]:
    """Read a padding: one number, (left and right, top and bottom), or (left, top, right, bottom)."""
    given = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(given) not in (1, 2, 4):
        raise ArgumentError("pad: expected 1, 2 or 4 numbers.", got=f"{padding!r:.60}")
    left, top, right, bottom = given * (4 // len(given))
    return left, top, right, bottom


@_of_images
def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Add pixels around: of one value, or the "edge" repeated, or the image mirrored ("reflect", "symmetric")."""
    left, top, right, bottom = sides(padding)
    if padding_mode in EDGES:
        h, w = img.shape[-2:]
        most = {"edge": np.inf, "reflect": min(h, w) - 1, "symmetric": min(h, w)}[padding_mode]
        if not 0 <= min(left, top, right, bottom) or (
            max(left, right) > most - min(h, w) + w or max(top, bottom) > most - min(h, w) + h
        ):
            raise ArgumentError("pad: the image is too small for it.", got=f"padding={padding}, {tuple(img.shape)}")
        rows, columns = (
            np.pad(np.arange(n), ends, mode=padding_mode)  # type: ignore[call-overload]
            for n, ends in ((h, (top, bottom)), (w, (left, right)))
        )
        return _gathered(img, rows, columns)
    if padding_mode != "constant":
        raise ArgumentError("pad: no such mode.", got=f"{padding_mode!r:.60}", expected=f"constant, {', '.join(EDGES)}")
    value = 0 if fill is None else fill[0] if isinstance(fill, list | tuple) else fill
    return F.pad(img, (left, right, top, bottom), value=value)


@_of_images
def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Cut a part out; beyond the edges it is 0."""
    h, w = img.shape[-2:]
    if top < 0 or left < 0 or top + height > h or left + width > w:
        around = (max(-left, 0), max(-top, 0), max(left + width - w, 0), max(top + height - h, 0))
        img, top, left = pad(img, around), max(top, 0), max(left, 0)
    return img[..., top : top + height, left : left + width]


def pair(size: Any) -> tuple[int, int]:
    """Read (height, width), or one number for both."""
    return (int(size),) * 2 if isinstance(size, int | np.integer) else (int(size[0]), int(size[-1]))


@_of_images
def center_crop(img: Any, output_size: Any) -> Any:
    """Cut out the middle; an image that is too small has zeros around."""
    oh, ow = pair(output_size)
    h, w = img.shape[-2:]
    if ow > w or oh > h:
        lack_w, lack_h = max(ow - w, 0), max(oh - h, 0)
        img = pad(img, (lack_w // 2, lack_h // 2, (lack_w + 1) // 2, (lack_h + 1) // 2))
        h, w = img.shape[-2:]
    return crop(img, int(round((h - oh) / 2)), int(round((w - ow) / 2)), oh, ow)


def _centered(img: Any, center: Any) -> tuple[float, float]:
    if center is None:
        return 0.0, 0.0
    return float(center[0]) - img.shape[-1] * 0.5, float(center[1]) - img.shape[-2] * 0.5


@_of_images
def rotate(
    img: Any, angle: float, interpolation: Any = "nearest", expand: bool = False, center: Any = None, fill: Any = None
) -> Any:
    """Turn counter-clockwise by an angle in degrees, around the middle or a center (x, y)."""
    matrix = inverse_affine(_centered(img, center), -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    return _moved(img, matrix, mode_of("rotate", interpolation, "nearest", "bilinear"), fill, expand)


@_of_images
def affine(
    img: Any, angle: float, translate: Sequence[float], scale: float, shear: Any, interpolation: Any = "nearest",
    fill: Any = None, center: Any = None,
) -> Any:  # fmt: skip
    """Shear, scale, turn clockwise (angle in degrees) around the middle or a center, and move by (x, y) pixels."""
    if not scale > 0:
        raise ArgumentError("affine: scale must be above 0.", got=f"scale={scale}")
    sx, sy = (float(shear), 0.0) if isinstance(shear, int | float) else (float(shear[0]), float(shear[-1]))
    matrix = inverse_affine(_centered(img, center), angle, (float(translate[0]), float(translate[1])), scale, (sx, sy))
    return _moved(img, matrix, mode_of("affine", interpolation, "nearest", "bilinear"), fill, False)


def _moved(img: Any, matrix: Array, mode: str, fill: Any, expand: bool) -> Any:
    """Read each new pixel where an inverse map says; outside the image it is the fill, one number or one a channel."""
    h, w = img.shape[-2:]
    ow, oh = turned_size(matrix, w, h) if expand else (w, h)
    values = np.asarray(0 if fill is None else fill, np.float64)
    values = values.reshape(-1, 1, 1) if values.ndim and values.size > 1 else values.reshape(())

    def compute(x: Any) -> Any:
        at_x, at_y = source_positions(matrix, (h, w), (oh, ow), x.dtype.type)
        around = unchanging(values.astype(x.dtype))

        def read(ix: Array, iy: Array) -> tuple[Any, Array]:
            inside = (ix >= 0) & (ix < w) & (iy >= 0) & (iy < h)
            rows, columns = (np.where(inside, i, 0).astype(np.int64) for i in (iy, ix))
            return x[..., unchanging(rows), unchanging(columns)], unchanging(inside)

        if mode == "nearest":
            pixels, inside = read(np.rint(at_x), np.rint(at_y))
            return F.where(inside, pixels, around)
        left, top = np.floor(at_x), np.floor(at_y)
        total, share = 0, np.zeros_like(at_x)
        for dy in (0, 1):
            for dx in (0, 1):
                weight = np.abs(left + (1 - dx) - at_x) * np.abs(top + (1 - dy) - at_y)
                pixels, inside = read(left + dx, top + dy)
                total = total + F.where(inside, pixels, 0.0) * unchanging(weight)
                share += weight * inside
        share, rest = unchanging(share), unchanging((1 - share) * around)
        return total * share + rest if fill is not None else total

    return _computed(img, compute)
