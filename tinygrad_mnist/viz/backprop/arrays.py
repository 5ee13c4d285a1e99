"""Arrays as a page holds them: as digits, a heat map or images, cut down to what fits, and saying so.

Ranges are those of the whole array; the elements kept are the engine's own, bit for bit. Each array is kept once. Knows
no graph. Look next at player.py; assets/player.js draws them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.graph import Array
from ..page import floats

DIGITS, DIGIT_COLUMNS = 40, 10  # an array of no more elements and columns is written out
LEAST, FULL = 16, 11_760  # elements kept of each array: so many at least, and so many if there is room
ROWS, COLUMNS, MAPS = 64, 128, 15
SIDES = (784,)  # so many features are the pixels of an image wherever they are met


class Arrays:
    """What a page holds of arrays: `kept` are its entries, most the elements that it takes of each."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: list[dict[str, Any]] = []
        self._held: dict[tuple[int, bool], tuple[Any, int]] = {}  # by identity; holds what would else be freed

    def put(self, array: Any, pixels: bool = False) -> int:
        """Keep an array and give its number. pixels: it holds images, to be drawn from black to white."""
        key = (id(array), pixels)
        if key not in self._held:
            self._held[key] = array, len(self.kept)
            self.kept.append(entry(np.asarray(array), pixels, self.most))
        return self._held[key][1]


def elements_for(kept: list[dict[str, Any]], room: int) -> int:
    """Give how many elements of each array to keep, so that they take no more characters than there is room for."""
    sizes = [(math.prod(a["shape"]), 5.4 if a["dtype"] == "float32" else 22) for a in kept]
    most = FULL
    while most > LEAST and sum((min(n, most) - min(n, LEAST)) * each for n, each in sizes) > room:
        most = most * 4 // 5
    return most


def entry(array: Array, pixels: bool, most: int) -> dict[str, Any]:
    """Describe an array: shape, dtype, range, how many elements are not finite, and how much of it is kept."""
    found: dict[str, Any] = {"shape": array.shape, "dtype": str(array.dtype), "form": "empty"}
    if array.size == 0:
        return found
    if array.size == 1:
        return found | {"form": "number", "x": array.item()}
    finite = array[np.isfinite(array)]
    found |= {"bad": int(array.size - finite.size)}
    if finite.size:
        found |= {"low": finite.min().item(), "high": finite.max().item()}
    side = side_of(array.shape, pixels)
    if side:
        maps = array.reshape(-1, side, side)
    elif array.ndim > 2 and array.shape[-2] * array.shape[-1] > 1:
        maps = array.reshape(-1, *array.shape[-2:])
    else:
        maps = array.reshape(1, len(array) if array.ndim > 1 else 1, -1)
    part, note = cut(maps, most)
    count, rows, columns = part.shape
    written = count == 1 and part.size <= DIGITS and columns <= DIGIT_COLUMNS
    return found | {
        "form": "digits" if written else "maps", "count": count, "rows": rows, "columns": columns, "whole": maps.shape,
        "note": note, "side": side, "pixels": pixels and bool(side or array.ndim > 2), "x": packed(part),
    }  # fmt: skip


def image_shaped(shape: tuple[int, ...]) -> bool:
    """Tell whether data of this shape is images: (N, 1 or 3, H, W), (N, H, H), or 784 features."""
    if len(shape) == 4:
        return shape[1] in (1, 3) and min(shape[2:]) >= 4
    return (len(shape) == 3 and shape[1] == shape[2] >= 8) or (len(shape) == 2 and shape[1] in SIDES)


def side_of(shape: tuple[int, ...], pixels: bool) -> int:
    """Give the side of the square images that the last of two axes holds, 0 if it holds none.

    784 features are images of 28 x 28 anywhere; other squares only in what is known to hold images.
    """
    side = math.isqrt(shape[-1]) if len(shape) == 2 else 0
    return side if side and (shape[-1] in SIDES or (pixels and side >= 4 and side * side == shape[-1])) else 0


def cut(maps: Array, most: int) -> tuple[Array, str]:
    """Take the beginning of an array (maps, rows, columns), so that no more than `most` elements are left."""
    count, rows, columns = maps.shape
    c = min(columns, COLUMNS, max(most, 1))
    r = min(rows, ROWS, max(most // c, 1))
    k = min(count, MAPS, max(most // (r * c), 1))
    notes = [f"{k} of {count:,} maps"] if k < count else []
    notes += [f"{r} of {rows:,} rows"] if r < rows else []
    notes += [f"{c} of {columns:,} columns"] if c < columns else []
    return maps[:k, :r, :c], f"first {', '.join(notes)}" if notes else ""


def packed(array: Array) -> Any:
    """Pack float32 as it is; whatever else would lose digits is written out."""
    return floats(array) if array.dtype in (np.float32, np.float16) else array.ravel()
