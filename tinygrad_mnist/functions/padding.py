"""PyTorch's pad: a constant, or the input itself mirrored, repeated or wrapped around at its borders.

The modes other than constant read the input at positions that a rule of each border names, one dimension after the
other. Look next at products.py.
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
        ArgumentError, DTypeError or ShapeError for a mode, numbers or shapes that PyTorch refuses
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
    out: Any = input
    for axis, (before, after) in enumerate(width):
        if before or after:
            places = _places(mode, input.shape[axis], before, after)
            where = (slice(None),) * axis + (index.ARRAY,)
            out = index.getitem(out, unchanging(places), index=where)
    return out


def _check_cut(input: Tensor | Array, width: tuple[tuple[int, int], ...]) -> None:
    """Raise where the widths cut away more than there is."""
    for axis, (size, (before, after)) in enumerate(zip(input.shape, width, strict=True)):
        if (before or after) and size + before + after < 0:
            what = f"pad: {(before, after)} leaves {size + before + after} of the {size} elements of dimension {axis}."
            raise ShapeError(what, got=f"x {tuple(input.shape)}", expected="at least 0")


def _places(mode: str, size: int, before: int, after: int) -> Array:
    """Tell which elements of a dimension the padded one shows."""
    if mode == "circular":  # PyTorch cuts first, and wraps what is left
        start, size = max(-before, 0), size + min(before, 0) + min(after, 0)
        before, after = max(before, 0), max(after, 0)
    most = {"reflect": size - 1, "circular": size, "replicate": max(before, after)}[mode]
    if max(before, after) > most or (size == 0 and max(before, after) > 0):
        what = f"pad: mode {mode!r} cannot pad {size} elements by {max(before, after)}."
        got = f"a dimension of {size}, widths {(before, after)}"
        raise ShapeError(what, got=got, expected=f"at most {max(most, 0)}" if size else "at least one element")
    places = np.arange(-before, size + after)
    if mode == "replicate":
        return places.clip(0, size - 1)
    if mode == "circular":
        return places % max(size, 1) + start
    return np.abs(np.where(places >= size, 2 * (size - 1) - places, places))
