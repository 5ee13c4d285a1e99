"""Weighed sums of few inputs along one axis: what averages, samples and cuts windows, and the adjoint of each.

A Table says in a few numbers how the outputs of an axis depend on its inputs; `taps` spells it out, once, as slices
(or index arrays) with weights. Averages over windows, interpolation and the columns of `unfold` are two such sums,
one per axis. The adjoint is the same table the other way round, so one operation answers every order of derivative.

Must not know: Tensor, gradients' bookkeeping, layers. Look next at shapes.py (geometry), ops/blend.py (the calculus).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.backend import Array
from .parallel import for_each
from .scratch import scratch
from .shapes import is_channels_last

_BLOCK_BYTES = 1 << 20  # of the result: what is added to it several times stays in cache


class Table(NamedTuple):
    """How `outputs` places along an axis depend on `size` of them; kind and settings: see KINDS."""

    kind: str
    size: int
    outputs: int
    settings: tuple[Any, ...] = ()
    adjoint: bool = False



def turned(table: Table) -> Table:
    """Give the adjoint of a table: its outputs are the table's inputs."""
    return table._replace(adjoint=not table.adjoint)


Taps = tuple[tuple[Any, Any, Any], ...]  # (where in the result, where in x, weights or None), no place twice in a tap
Pairs = tuple[Array, Array, Array, Any]  # per meeting: number of its tap, output, input, weight


def blend(x: Array, *, axis: int, table: Table, out: Array | None = None) -> Array:
    """Give each output along an axis a weighed sum of inputs.

    Math:
        out[..., o, ...] = Σ weight · x[..., i, ...] over the (o, i, weight) of the table
    Shapes:
        x (*A, size, *B) -> (*A, outputs, *B), or back for an adjoint; memory order of x, channels last or not
    """
    if x.dtype == np.float16:  # summed in float32, as PyTorch does
        wide = blend(x.astype(np.float32), axis=axis, table=table)
        return wide.astype(np.float16) if out is None else _copied(out, wide)
    count = table.size if table.adjoint else table.outputs
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    order = (0, 2, 3, 1) if x.ndim == 4 and is_channels_last(x) and axis != 1 else tuple(range(x.ndim))
    if out is None:
        out = np.empty([shape[i] for i in order], x.dtype).transpose(np.argsort(order))
    source, result, at = x.transpose(order), out.transpose(order), order.index(axis)
    before = (slice(None),) * at
    column = (-1,) + (1,) * (x.ndim - at - 1)
    whole = (*before, slice(0, count, 1))
    steps = [
        ((*before, to), (*before, at_), w.astype(x.dtype).reshape(column) if isinstance(w, np.ndarray) else w)
        for to, at_, w in taps(table)
    ]

    def work(block: slice) -> None:
        here, target = source[block], result[block]
        first = bool(steps) and isinstance(steps[0][0][-1], slice) and steps[0][0] == whole
        if not first:
            target[...] = 0
        for number, (to, where, weight) in enumerate(steps):
            if number == 0 and first:
                seen = here[where] if isinstance(where[-1], slice) else here.take(where[-1], at)
                if weight is None:
                    target[...] = seen
                else:
                    np.multiply(seen, weight, out=target)
                continue
            part = here[where] if isinstance(where[-1], slice) else here.take(where[-1], at)
            if weight is not None:
                part = np.multiply(part, weight, out=scratch("blend part", part.shape, x.dtype))
            met = target[to]
            if isinstance(to[-1], slice):
                met += part
            else:
                target[to] = met + part

    per_row = math.prod(shape[1:]) * x.itemsize
    size = max(1, _BLOCK_BYTES // max(per_row, 1)) if at else max(len(x), 1)
    for_each(work, [slice(i, i + size) for i in range(0, len(source), size)] if at else [slice(None)], wake=False)
    return out


def _copied(out: Array, x: Array) -> Array:
    out[...] = x
    return out


@functools.lru_cache(512)
def taps(table: Table) -> Taps:
    """Spell out a table."""
    tap, to, at, weight = KINDS[table.kind](table.size, table.outputs, *table.settings)
    weight = np.broadcast_to(np.asarray(weight, np.float64), to.shape)
    if table.adjoint:
        to, at = at, to
    twice = np.unique(np.stack([tap, to]), axis=1).shape[1] < len(to)
    many = table.adjoint and table.kind == "adaptive" and table.size % table.outputs and table.size > table.outputs
    if twice or many:  # a place twice in a tap, or many taps of a few places each: numbered by occurrence
        order = np.argsort(to, kind="stable")
        tap, to, at, weight = tap[order], to[order], at[order], weight[order]
        first = np.flatnonzero(np.r_[True, to[1:] != to[:-1]])
        tap = np.arange(len(to)) - np.repeat(first, np.diff(np.r_[first, len(to)]))
    found = []
    for number in np.unique(tap):
        chosen = np.flatnonzero(tap == number)
        chosen = chosen[np.argsort(to[chosen], kind="stable")]
        for part in _even(chosen, to, at, max(table.size, table.outputs) // max(min(table.size, table.outputs), 1)):
            w = weight[part]
            same = w.min() == w.max()
            found.append((_run(to[part]), _run(at[part]), (None if w[0] == 1 else float(w[0])) if same else w))
    return tuple(found)


def _even(chosen: Array, to: Array, at: Array, factor: int) -> list[Array]:
    """Split a tap in parts where outputs and inputs are evenly apart, as whole factors between sizes allow it."""
    if not 2 <= factor <= 4 or isinstance(_run(at[chosen]), slice) and isinstance(_run(to[chosen]), slice):
        return [chosen]
    parts = []
    for remainder in range(factor):
        part = chosen[to[chosen] % factor == remainder]
        breaks = np.flatnonzero(np.diff(np.diff(at[part])) != 0) + 1  # near the ends of the axis
        parts += [piece for piece in np.split(part, np.unique(breaks)) if len(piece)]
    even = all(isinstance(_run(at[p]), slice) and isinstance(_run(to[p]), slice) for p in parts)
    return parts if even and len(parts) <= 4 * factor else [chosen]


def _run(places: Array) -> Any:
    """Write places as a slice, if they are evenly apart."""
    steps = np.diff(places)
    if len(places) == 1 or (steps[0] > 0 and (steps == steps[0]).all()):
        step = 1 if len(places) == 1 else int(steps[0])
        return slice(int(places[0]), int(places[-1]) + 1, step)
    return places


def _inside(size: int, tap: Array, to: Array, at: Array, weight: Any = 1.0) -> Pairs:
    """Leave out what lies outside the axis."""
    weight = np.broadcast_to(weight, at.shape)
    here = (at >= 0) & (at < size)
    return tap[here], to[here], at[here], weight[here]


def _windows(
    size: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int, divided: str = "", shift: int = 0
) -> Pairs:
    """Sums over windows; divided by the taps that see the input ("inside"), or also its padding ("padded").

    shift: outputs from one tap to the next: with it the taps stand one after the other, and nothing is summed.
    """
    tap, o = (x.reshape(-1) for x in np.mgrid[:kernel, : outputs // kernel if shift else outputs])
    at = o * stride + tap * dilation - padding
    start, end = o * stride - padding, np.minimum(o * stride - padding + kernel, size + padding)
    counted = {"": 1, "padded": end - start, "inside": np.minimum(end, size) - np.maximum(start, 0)}[divided]
    return _inside(size, tap, o + tap * shift, at, 1 / np.maximum(counted, 1))


def _adaptive(size: int, outputs: int) -> Pairs:
    """Means over windows that divide the axis as evenly as they can."""
    start, end = adaptive_windows(size, outputs)
    tap, o = (x.reshape(-1) for x in np.mgrid[: int((end - start).max(initial=1)), :outputs])
    at = start[o] + tap
    here = at < end[o]
    return tap[here], o[here], at[here], (1 / (end - start))[o[here]]


def _picks(size: int, outputs: int, *places: int) -> Pairs:
    """Inputs named one by one."""
    return np.zeros(outputs, int), np.arange(outputs), np.array(places, int), 1.0


def _linear(size: int, outputs: int, scale: float, corners: bool) -> Pairs:
    """Linear interpolation."""
    at = _sources(size, outputs, scale, corners).clip(0, None)
    low = np.minimum(at.astype(int), size - 1)
    share = np.minimum(at - low, 1)
    o = np.arange(outputs)
    return (np.repeat([0, 1], outputs), np.tile(o, 2), np.concatenate([low, np.minimum(low + 1, size - 1)]),
            np.concatenate([1 - share, share]))  # fmt: skip


def _cubic(size: int, outputs: int, scale: float, corners: bool) -> Pairs:
    """Cubic interpolation, by Keys' kernel with a = -0.75."""
    at, a = _sources(size, outputs, scale, corners), -0.75
    low = np.floor(at).astype(int)
    tap, o = (x.reshape(-1) for x in np.mgrid[:4, :outputs])
    d = np.abs(at[o] - low[o] - (tap - 1))
    near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return tap, o, (low[o] + tap - 1).clip(0, size - 1), np.where(d <= 1, near, far)


def _sources(size: int, outputs: int, scale: float, corners: bool) -> Array:
    """Tell where along the input each output lies."""
    o = np.arange(outputs)
    if corners:
        return np.asarray(o * ((size - 1) / (outputs - 1) if outputs > 1 else 0.0))
    return np.asarray((o + 0.5) * scale - 0.5)


KINDS: dict[str, Callable[..., Pairs]] = {
    "windows": _windows, "adaptive": _adaptive, "picks": _picks, "linear": _linear, "cubic": _cubic,
}  # fmt: skip


def adaptive_windows(size: int, outputs: int) -> tuple[Array, Array]:
    """Tell where the windows of adaptive pooling begin and end."""
    o = np.arange(outputs)
    return o * size // outputs, -(-(o + 1) * size // outputs)


def nearest_places(size: int, outputs: int, scale: float, exact: bool) -> tuple[int, ...]:
    """Tell which input each output of nearest interpolation shows; in float32, as PyTorch decides it."""
    if not exact and outputs in (size, 2 * size):
        return tuple(i * size // outputs for i in range(outputs))
    o = np.arange(outputs, dtype=np.float32)
    at = (o + np.float32(0.5 if exact else 0)) * np.float32(scale)
    return tuple(np.minimum(np.floor(at).astype(int), size - 1).tolist())
