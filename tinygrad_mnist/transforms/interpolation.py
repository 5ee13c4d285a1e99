"""How pixels become others: the weights of a resize along one axis, and the places that an affine map reads.

Arrays in, arrays out; knows no image. Look next at functional.py.
"""

from __future__ import annotations

import math
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import ArgumentError


class InterpolationMode(Enum):
    """How values between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


def mode_of(name: str, interpolation: Any, *allowed: str) -> str:
    """Read a mode, given as a member of InterpolationMode or by its name."""
    mode = interpolation.value if isinstance(interpolation, InterpolationMode) else interpolation
    known = allowed or tuple(m.value for m in InterpolationMode)
    if mode not in known:
        raise ArgumentError(f"{name}: no such interpolation.", got=f"{interpolation!r:.60}", expected=", ".join(known))
    return str(mode)


def _cubic(x: Array, a: float) -> Array:
    """Keys's cubic kernel."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    kernel: Array = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return kernel


@lru_cache(maxsize=64)
def places(size: int, out: int, mode: str) -> Array:
    """Find the pixel that each new one takes, for the nearest modes; counted in float32, as PyTorch counts."""
    scale = np.float32(size) / np.float32(out)
    at: Array = (np.arange(out, dtype=np.float32) + np.float32(0.5 if mode == "nearest-exact" else 0)) * scale
    return np.minimum(np.floor(at).astype(np.int64), size - 1)


@lru_cache(maxsize=64)
def weights(size: int, out: int, mode: str, antialias: bool) -> Array:
    """Make the matrix (out, size) that resizes an axis.

    Math:
        out_i = Σ_j f((j + 1/2 - c_i) / s) x_j / Σ_j f(...), c_i = (i + 1/2) size / out; f is a tent or Keys's cubic;
        antialias: s = max(size / out, 1), and a = -1/2 in the cubic; without: s = 1, a = -3/4, edges repeated
    """
    scale = size / out
    center: Array = (np.arange(out) + 0.5) * scale
    at: Array
    matrix: Array
    reach = 1 if mode == "bilinear" else 2
    if antialias:
        stretch = max(scale, 1.0)
        at = (np.arange(size) + 0.5 - center[:, None]) / stretch
        matrix = np.maximum(0, 1 - np.abs(at)) if mode == "bilinear" else _cubic(at, -0.5)
        first = np.maximum(np.trunc(center - reach * stretch + 0.5), 0)[:, None]
        last = np.minimum(np.trunc(center + reach * stretch + 0.5), size)[:, None]
        matrix = np.where((np.arange(size) >= first) & (np.arange(size) < last), matrix, 0.0)
        matrix /= matrix.sum(1, keepdims=True)
        return matrix
    at = np.maximum(center - 0.5, 0) if mode == "bilinear" else center - 0.5
    base = np.floor(at).astype(np.int64)
    matrix = np.zeros((out, size))
    for step in range(1 - reach, reach + 1):
        w = at - base - step
        w = np.maximum(0, 1 - np.abs(w)) if mode == "bilinear" else _cubic(w, -0.75)
        np.add.at(matrix, (np.arange(out), np.clip(base + step, 0, size - 1)), w)
    return matrix


def inverse_affine(
    center: tuple[float, float], angle: float, translate: tuple[float, float], scale: float, shear: tuple[float, float]
) -> Array:
    """Invert x -> center + translate + scale R(angle) Y(shear) X(shear) (x - center), angles in degrees.

    Shapes:
        -> (2, 3), in coordinates (x, y) around the middle of the image
    """
    turn, sx, sy = (math.radians(v) for v in (angle, *shear))
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    forward = rotation @ [[1, 0], [-math.tan(sy), 1]] @ [[1, -math.tan(sx)], [0, 1]]
    (a, b), (c, d) = forward.tolist()  # of determinant 1
    inverse = np.array([[d, -b], [-c, a]]) / scale
    moved = np.array(center) - inverse @ (np.array(center) + translate)
    return np.concatenate([inverse, moved[:, None]], 1)


def turned_size(matrix: Array, width: int, height: int) -> tuple[int, int]:
    """Find the (width, height) that hold the whole image after a map whose inverse this is."""
    corners = np.array([[sx * width, sy * height, 1] for sx in (-0.5, 0.5) for sy in (-0.5, 0.5)], np.float32)
    half = np.array([0.5 * width, 0.5 * height], np.float32)
    step = np.float32(1e-4)  # so that 1e-15 too much adds no pixel
    moved = corners @ matrix.astype(np.float32).T
    low, high = (np.trunc((edge + half) / step) * step for edge in (moved.min(0), moved.max(0)))
    w, h = np.ceil(high) - np.floor(low)
    return int(w), int(h)


def source_positions(matrix: Array, size: tuple[int, int], out: tuple[int, int], dtype: Any) -> tuple[Array, Array]:
    """Find where each pixel of the result lies in the source: x and y, (OH, OW), pixel centres at whole numbers."""
    (h, w), (oh, ow) = size, out
    theta = matrix.astype(dtype)
    x = np.arange(ow).astype(dtype) + dtype(0.5 - ow * 0.5)
    y = (np.arange(oh).astype(dtype) + dtype(0.5 - oh * 0.5))[:, None]
    found = []
    for row, extent in zip(theta, (w, h), strict=True):
        t = row / dtype(0.5 * extent)
        place = x * t[0] + y * t[1] + t[2]  # from -1 to 1, as grid_sample has it
        found.append(((place + dtype(1)) * dtype(extent) - dtype(1)) / dtype(2))
    return found[0], found[1]
