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

from ...core.backend import Array

AROUND_ZERO = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (253, 184, 99), (179, 88, 6))
FROM_ZERO = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
SIDE = 512  # pixels that a picture may be high or wide
LARGEST_CELL = 12
CROSSED = 5  # pixels that a cell needs for a cross
MOST_TILES = 8  # beside or below each other
TRANSPARENT, BLACK, WHITE, FIRST = range(4)  # places in the palette; from FIRST on it is the scale
LEVELS = 252


def scale_of(array: Array) -> tuple[tuple[tuple[int, int, int], ...], float]:
    """Choose the colours for an array, and the size that their ends mean."""
    finite = array
    if array.dtype.kind == "f" and not (inside := np.isfinite(array)).all():
        finite = array[inside]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return (AROUND_ZERO if least < 0 else FROM_ZERO), max(abs(least), abs(most))


def levels(array: Array, scale: Any, limit: float) -> Array:
    """Give the places of values in the palette.

    Shapes:
        array (...) -> uint8 (...)
    """
    values = array.astype(np.float64)
    with np.errstate(all="ignore"):
        share = np.clip(values / limit if limit else values * 0, -1, 1)
    share = np.nan_to_num((share + 1) / 2 if scale is AROUND_ZERO else share)
    return np.where(np.isfinite(values), FIRST + np.rint(share * LEVELS), BLACK).astype(np.uint8)


def palette(scale: Any) -> Array:
    """List the colours of a picture: three that mean no number, then the scale: uint8 (256, 3)."""
    share = np.linspace(0, len(scale) - 1, LEVELS + 1)
    mixed = [np.interp(share, range(len(scale)), part) for part in zip(*scale, strict=True)]
    return np.concatenate([[(0, 0, 0), (0, 0, 0), (255, 255, 255)], np.rint(np.stack(mixed, 1))]).astype(np.uint8)


def thinned(size: int, most: int) -> slice:
    """Choose every how-manieth of the places along an axis is shown."""
    return slice(None, None, max(1, math.ceil(size / most)))


def tiled(array: Array) -> tuple[list[tuple[int, int, Array]], str]:
    """Lay matrices out: of four dimensions the first two are rows and columns, else close to a square.

    Returns:
        (row, column, matrix) of each, and in words which are left out
    """
    matrix = array.reshape(1, -1) if array.ndim < 2 else array
    height, width = matrix.shape[-2:]
    if matrix.ndim == 4 and 1 not in matrix.shape[:2]:
        down, across = (min(n, MOST_TILES) for n in matrix.shape[:2])
        tiles = [(i, j, matrix[i, j]) for i, j in itertools.product(range(down), range(across))]
        return tiles, f"[:{down}, :{across}] of the first two dimensions" * ((down, across) != matrix.shape[:2])
    matrices = matrix.reshape(-1, height, width)
    count = len(matrices)
    across = min(count, max(1, math.ceil(math.sqrt(count * height / width))), MOST_TILES)
    shown = min(count, across * MOST_TILES)
    tiles = [(i // across, i % across, matrices[i]) for i in range(shown)]
    return tiles, f"the first {shown} of {count:,} matrices" * (shown < count)


def heat_map(array: Array) -> tuple[str, str]:
    """Draw an array that is not empty.

    Returns:
        the address of the picture (data:image/png...), and in words what of the array it leaves out
    """
    scale, limit = scale_of(array)
    tiles, left_out = tiled(array)
    down, across = tiles[-1][0] + 1, max(j for _, j, _ in tiles) + 1
    height, width = tiles[0][2].shape
    rows, columns = thinned(height, SIDE // down), thinned(width, SIDE // across)
    notes = [left_out] if left_out else []
    notes += [f"every {ordinal(s.step)} {what}" for s, what in ((rows, "row"), (columns, "column")) if s.step > 1]
    height, width = len(range(height)[rows]), len(range(width)[columns])
    cell = max(1, min(LARGEST_CELL, SIDE // (down * height + down - 1), SIDE // (across * width + across - 1)))
    tall = LARGEST_CELL if array.ndim < 2 else cell
    gap = max(2, cell // 2)
    diagonal = np.eye(tall, cell, dtype=bool)
    cross = np.tile((diagonal | diagonal[::-1]) & (cell >= CROSSED), (height, width))
    picture = np.full(((height * tall + gap) * down - gap, (width * cell + gap) * across - gap), TRANSPARENT, np.uint8)
    for i, j, tile in tiles:
        drawn = levels(tile[rows, columns], scale, limit).repeat(tall, 0).repeat(cell, 1)
        drawn[cross & (drawn == BLACK)] = WHITE
        top, left = i * (height * tall + gap), j * (width * cell + gap)
        picture[top : top + height * tall, left : left + width * cell] = drawn
    return png(picture, palette(scale)), ", ".join(notes)


def ordinal(n: int) -> str:
    """Write 2nd, 3rd, 4th."""
    return f"{n}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def png(picture: Array, colours: Array) -> str:
    """Write a picture as an address that holds it.

    Shapes:
        picture uint8 (H, W), places in colours; colours uint8 (256, 3): red, green, blue
    Source:
        PNG, third edition (W3C 2025), sections 5, 9 and 11
    """
    height, width = picture.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), picture], 1)  # 0: no filter
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)), (b"PLTE", colours.tobytes()),
        (b"tRNS", b"\0"), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""),
    ):  # fmt: skip
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
