"""The arrays that operations.py calls with, each of about the wanted number of elements, by the name it has there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

CONSTANT = {"mean", "variance", "signs", "row_signs", "steps"}  # floats that are not differentiated


def operands(elements: int) -> dict[str, Any]:
    """Draw all arguments. x, y, z lie in (-3, 3), u and v in (0, 1), w in (1, 2); M, N and S are stacks of matrices."""
    rng, side = np.random.default_rng(0), math.isqrt(elements)
    h = side // 32 * 4  # of 4 images with 16 channels

    def values(*shape: int, low: float = -3.0, high: float = 3.0) -> np.ndarray:
        return rng.uniform(low, high, shape).astype(np.float32)

    square, stack, images = (side, side), (max(1, elements // 1024), 32, 32), (4, 16, h, h)
    matrices = values(*stack, low=-0.1, high=0.1)
    corners = np.arange(0, h, 2)[:, None] * h + np.arange(0, h, 2)  # the first of each square of four
    pairs = np.arange(0, side // 2 * 2, 2)
    return {
        "elements": elements, "side": side, "h": h,
        "x": values(*square), "y": values(*square), "z": values(*square),
        "u": values(*square, low=0.05, high=0.95), "v": values(*square, low=0.05, high=0.95),
        "w": values(*square, low=1.05, high=2.0), "n": rng.integers(1, 30, square), "b": rng.random(square) < 0.5,
        "i": rng.integers(0, side, square), "places": rng.permutation(side * side).reshape(square),
        "signs": np.sign(values(*square)), "row": values(side), "row_n": rng.integers(0, 90, side),
        "rows": rng.permutation(side), "row_signs": np.sign(values(side)), "steps": np.sort(values(side)),
        "classes": rng.integers(0, side, side), "long": values(elements), "three": values(elements // 3, 3),
        "thin": values(side, 32), "slim": values(side, 32), "cube": values(32, 32, 32),
        "few": values(elements // 32, 32), "few_n": rng.integers(0, 32, (elements // 32, 32)),
        "near": values(*square, low=0.95, high=1.05),
        "M": matrices + np.eye(32, dtype=np.float32), "N": values(*stack),
        "S": matrices @ matrices.transpose(0, 2, 1) + np.eye(32, dtype=np.float32),
        "images": values(*images), "taps2": values(16, 16, 3, 3), "quarter": values(4, 16, h // 2, h // 2),
        "places2": np.broadcast_to(corners, (4, 16, h // 2, h // 2)).copy(), "columns": values(4, 64, h * h // 4),
        "grid": values(4, h, h, 2, low=-1.0, high=1.0), "theta": values(max(1, elements // 20000), 2, 3),
        "sequences": values(16, 64, side), "taps1": values(64, 64, 3), "half": values(16, 64, side // 2),
        "places1": np.broadcast_to(pairs, (16, 64, side // 2)).copy(),
        "mean": values(16), "variance": values(16, low=0.5, high=1.0),
        "heads": values(max(1, elements // 65536), 8, 128, 64),
        "words": rng.integers(0, side, max(1, elements // 100)), "table": values(side, 100),
    }  # fmt: skip
