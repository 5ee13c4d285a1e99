"""PyTorch's pad: a constant, or the input itself mirrored, repeated or wrapped around at its borders.

Look next at products.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.graph import Array
from ..core.scope import unchanging
from ..ops import index, layout
from ..ops.elementwise import clone
from .dims import integer
from .numbers import storable
from .types import Tensor

MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Tensor | Array, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Surround with a border; pad = (before, after) of the last dimension, then of the one before it, and so on.

    Math:
        along one dimension of n elements, out_i = x_j at the position i - before = j, and beyond the border
        reflect: j mirrored at 0 and n - 1; replicate: the nearest; circular: j mod n; constant: the value
    Shapes:
        input (*, A) -> (*, before + A + after); negative numbers cut
    Args:
        mode: reflect, replicate and circular pad the last 1, 2 or 3 dimensions of an input that has one more (channels)
            or two more (a batch of them)
        value: of mode "constant" only; 0 unless given
    Raises:
        ArgumentError, DTypeError, ShapeError: for a mode, numbers or shapes that PyTorch refuses
    """
    if not isinstance(mode, str):
        hint = f"pad(x, {pad!r:.30}, value={mode!r:.30})"
        raise DTypeError("pad: the third argument is the mode.", got=f"mode = {mode!r:.60}", hint=hint)
    if mode not in MODES:
        raise ArgumentError(f"pad: {mode!r:.60} is no mode.", expected=", ".join(MODES))
    if not isinstance(pad, list | tuple):
        raise DTypeError("pad: the widths must be a tuple of ints.", got=f"pad = {pad!r:.60}", hint="(1, 1)")
    flat = [integer("pad", "a width", p) for p in pad]
    ndim = input.ndim
    if len(flat) % 2 or len(flat) > 2 * ndim:
        got, wanted = f"x {tuple(input.shape)}, pad {tuple(flat)}", "two for each padded dimension, the last one first"
        raise ShapeError(f"pad: {len(flat)} widths for {ndim} dimensions.", got=got, expected=wanted)
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    width = ((0, 0),) * (ndim - len(pairs)) + tuple(reversed(pairs))
    if mode == "constant":
        _check_cut(input, tuple((min(before, 0), min(after, 0)) for before, after in width))  # PyTorch cuts first
        fill = storable("pad", 0 if value is None else value, input.dtype, wraps=False)
        return layout.pad(input, width=width, value=fill)
    if value:
        raise ArgumentError(f"pad: mode {mode!r} takes no value.", got=f"value = {value!r:.60}")
    if len(pairs) not in (1, 2, 3) or ndim - len(pairs) not in (1, 2):
        what = f"pad: mode {mode!r} does not pad {len(pairs)} of {ndim} dimensions."
        wanted, hint = "the last 1, 2 or 3 dimensions of an input with one or two more", "unsqueeze(0) adds one"
        raise ShapeError(what, got=f"x {tuple(input.shape)}, pad {tuple(flat)}", expected=wanted, hint=hint)
    _check_cut(input, width)
    left = [size + sum(w) for size, w in zip(input.shape, width, strict=True)][-len(pairs) :]
    if mode != "circular" and max(left) == 0:
        raise ShapeError(f"pad: {tuple(flat)} leaves nothing.", got=f"x {tuple(input.shape)}", expected="an element")
    if not any(flat):
        return clone(input)  # memory of its own, as with a border
    for size, (before, after) in zip(input.shape, width, strict=True):
        left = size + (min(before, 0) + min(after, 0) if mode == "circular" else 0)
        most = {"reflect": left - 1, "circular": left, "replicate": max(before, after) if left else 0}[mode]
        if max(before, after) > max(most, 0):
            raise ShapeError(f"pad: mode {mode!r} cannot pad {left} elements by {max(before, after)}.",
                             got=f"a dimension of {size}, widths {(before, after)}",
                             expected=f"at most {max(most, 0)}" if size else "at least one element")  # fmt: skip
    out: Any = input
    for axis, (size, (before, after)) in enumerate(zip(input.shape, width, strict=True)):
        if before or after:
            at = unchanging(_positions(mode, size, before, after))
            out = index.getitem(out, at, index=(*(slice(None),) * axis, index.ARRAY))
    return out


def _positions(mode: str, size: int, before: int, after: int) -> Array:
    """Tell which position of a dimension each one of the padded dimension shows."""
    at = np.arange(-before, size + after)
    if mode == "reflect":
        return size - 1 - np.abs(size - 1 - np.abs(at))
    if mode == "replicate":
        return np.clip(at, 0, size - 1)
    first = max(-before, 0)  # PyTorch cuts first and wraps what is left around
    return first + (at - first) % (size + min(before, 0) + min(after, 0))


def _check_cut(input: Tensor | Array, width: tuple[tuple[int, int], ...]) -> None:
    """Raise where the widths cut away more than there is."""
    for axis, (size, (before, after)) in enumerate(zip(input.shape, width, strict=True)):
        if (before or after) and size + before + after < 0:
            what = f"pad: {(before, after)} leaves {size + before + after} of the {size} elements of dimension {axis}."
            raise ShapeError(what, got=f"x {tuple(input.shape)}", expected="at least 0")
