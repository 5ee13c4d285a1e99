"""An array as a picture of coloured cells, a PNG inside the page: no script, no file, no matplotlib.

Blue - white - orange around 0, or dark to light from 0, as page.js draws them; a cell that is not finite is black, and
crossed where there is room. More than two dimensions are shown as tiles. Knows no tensor. notebook.py shows it.
"""

from __future__ import annotations

import base64
import itertools
import math
import struct
import zlib
from typing import Any

import numpy as np

from ..core.backend import Array

AROUND_ZERO = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (253, 184, 99), (179, 88, 6))
FROM_ZERO = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
SIDE = 512  # pixels that a picture may be high or wide
LARGEST_CELL = 12
CROSSED = 5  # pixels that a cell needs for a cross
MOST_TILES = 8  # beside or below each other


def scale_of(array: Array) -> tuple[tuple[tuple[int, int, int], ...], float]:
    """Choose the colours for an array, and the size that their ends mean."""
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return (AROUND_ZERO if least < 0 else FROM_ZERO), max(abs(least), abs(most))


def colours(array: Array, scale: Any, limit: float) -> Array:
    """Give the colours of values as red, green, blue, opacity.

    Shapes:  array (...) -> uint8 (..., 4)
    """
    values = array.astype(np.float64)
    with np.errstate(all="ignore"):
        share = np.clip(values / limit if limit else values * 0, -1, 1)
    share = np.nan_to_num((share + 1) / 2 if scale is AROUND_ZERO else share) * (len(scale) - 1)
    low = np.minimum(share.astype(np.int64), len(scale) - 2)
    table = np.array(scale, np.float64)
    mixed = table[low] + (table[low + 1] - table[low]) * (share - low)[..., None]
    result = np.full((*array.shape, 4), 255, np.uint8)
    result[..., :3] = np.where(np.isfinite(values)[..., None], np.rint(mixed), 0)
    return result


def thinned(size: int, most: int) -> slice:
    """Choose every how-manieth of the places along an axis is shown."""
    return slice(None, None, max(1, math.ceil(size / most)))


def heat_map(array: Array) -> tuple[str, str]:
    """Draw an array.

    Returns: the address of the picture (data:image/png...), and in words what of the array it leaves out
    """
    scale, limit = scale_of(array)
    matrix = array.reshape(1, -1) if array.ndim < 2 else array
    height, width = matrix.shape[-2:]
    grid = matrix.ndim == 4 and 1 not in matrix.shape[:2]
    tiles = matrix if grid else matrix.reshape(-1, height, width)
    if not grid:  # in rows, as close to a square as they come
        count = len(tiles)
        across = min(count, max(1, math.ceil(math.sqrt(count * height / max(width, 1)))), MOST_TILES)
        down = min(math.ceil(count / across), MOST_TILES)
        places = [(i // across, i % across, tiles[i]) for i in range(min(count, across * down))]
        left_out = f"the first {len(places)} of {count:,} matrices" if len(places) < count else ""
    else:  # the first two dimensions are rows and columns of tiles
        down, across = (min(n, MOST_TILES) for n in tiles.shape[:2])
        places = [(i, j, tiles[i, j]) for i, j in itertools.product(range(down), range(across))]
        left_out = f"[:{down}, :{across}] of the first two dimensions" if (down, across) != tiles.shape[:2] else ""
    notes = [left_out] if left_out else []
    rows, columns = thinned(height, SIDE // down), thinned(width, SIDE // across)
    notes += [f"every {ordinal(s.step)} {what}" for s, what in ((rows, "row"), (columns, "column")) if s.step > 1]
    height, width = len(range(height)[rows]), len(range(width)[columns])
    cell = max(1, min(LARGEST_CELL, SIDE // (down * height + down - 1), SIDE // (across * width + across - 1)))
    tall = LARGEST_CELL if array.ndim < 2 else cell
    gap = max(2, cell // 2)
    picture = np.zeros(((height * tall + gap) * down - gap, (width * cell + gap) * across - gap, 4), np.uint8)
    for i, j, tile in places:
        top, left = i * (height * tall + gap), j * (width * cell + gap)
        part = tile[rows, columns]
        drawn = colours(part, scale, limit).repeat(tall, 0).repeat(cell, 1)
        if cell >= CROSSED:
            diagonal = np.eye(tall, cell, dtype=bool)
            cross = np.tile(diagonal | diagonal[::-1], (height, width))
            odd = ~np.isfinite(part.astype(np.float64))
            drawn[cross & odd.repeat(tall, 0).repeat(cell, 1)] = 255
        picture[top : top + height * tall, left : left + width * cell] = drawn
    return png(picture), ", ".join(notes)


def ordinal(n: int) -> str:
    """Write 2nd, 3rd, 4th."""
    return f"{n}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def png(picture: Array) -> str:
    """Write a picture as an address that holds it.

    Shapes:  picture uint8 (H, W, 4): red, green, blue, opacity
    Source:  PNG, third edition (W3C 2025), sections 5, 9 and 11
    """
    height, width = picture.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), picture.reshape(height, -1)], 1)  # 0: no filter
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")):
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
