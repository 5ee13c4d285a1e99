"""Every draw of random numbers that a step can make goes through `draw`, so that compiler/ can repeat it.

A fill function writes random numbers over an array: given the same generator in the same state it gives the same
numbers, in eager mode and in a compiled step. Knows no tensor. Look next at graph.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .backend import Array, Generator, generator_or_default
from .scope import state

Source = Generator | np.random.Generator | None


def draw(fill: Callable[..., None], shape: tuple[int, ...], dtype: Any, generator: Source, **settings: Any) -> Array:
    """Make an array and let a fill function write random numbers over it."""
    out = np.empty(shape, dtype)
    fill(out, generator, **settings)
    state.draws += 1
    if (recorder := state.recorder) is not None:
        recorder.draw(fill, generator, settings, out)
    return out


def uniform(out: Array, generator: Source, low: float = 0.0, high: float = 1.0) -> None:
    """Draw from U(low, high): in float64 for float64, else in float32."""
    out[...] = _standard(out, generator_or_default(generator).random)
    if (low, high) != (0.0, 1.0):
        out *= high - low
        out += low


def normal(out: Array, generator: Source, mean: float = 0.0, std: float = 1.0) -> None:
    """Draw from the normal distribution N(mean, std²)."""
    out[...] = _standard(out, generator_or_default(generator).standard_normal)
    if (mean, std) != (0.0, 1.0):
        out *= std
        out += mean


def _standard(out: Array, method: Callable[..., Array]) -> Array:
    """Draw float32 or float64 numbers, into out where that can hold them."""
    if out.dtype.char in "fd" and out.flags.c_contiguous:
        return method(out.shape, dtype=out.dtype.type, out=out)
    return method(out.shape, dtype=np.float32)


def integers(out: Array, generator: Source, low: int, high: int) -> None:
    """Draw whole numbers from low up to, but not including, high."""
    kind = out.dtype.type if out.dtype.kind in "iub" else np.int64
    out[...] = generator_or_default(generator).integers(low, high, out.shape, dtype=kind)


def happens(out: Array, generator: Source, p: float) -> None:
    """Draw 1 with probability p, else 0."""
    out[...] = generator_or_default(generator).random(out.shape) < p


def sampled(out: Array, generator: Source, method: str, parameters: tuple[float, ...]) -> None:
    """Draw by a method of NumPy's generator, in float64."""
    out[...] = getattr(generator_or_default(generator), method)(*parameters, size=out.shape)


def permutation(out: Array, generator: Source) -> None:
    """Draw an order of the integers from 0 to the length of out."""
    out[...] = generator_or_default(generator).permutation(len(out))


def kept(out: Array, generator: Source, p: float) -> None:
    """Draw a dropout mask: 0 with probability p, else 1 / (1 - p)."""
    np.greater_equal(_standard(out, generator_or_default(generator).random), p, out=out)
    if p < 1:
        out *= out.dtype.type(1 / (1 - p))
