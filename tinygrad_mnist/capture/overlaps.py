"""Memory that is known under two names: what a step changes may not be.

Look next at step.py, which asks once the step has run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from ..core.graph import Array, Var
from .capture import Recorder
from .guards.watch import refused

K = TypeVar("K")


def check_overlaps(recorder: Recorder, inputs: list[Var], originals: Sequence[object]) -> None:
    """Refuse memory from outside that the step changes and knows under a second name, too."""
    for value in recorder.states:
        twice = any(value.source is x for x in originals)
        if twice and (value.source.differentiable or value in recorder.written):
            what, hint = f"an argument that is found outside, too ({value.name})", "pass it or find it, not both"
            raise refused(what, hint, recorder.guard.home)
    arrays = {v: v.source.array for v in recorder.states}
    arrays |= {v: x.array for v, x in zip(recorder.inputs, inputs, strict=True)}
    for one, other in overlapping(arrays):
        if not recorder.written.isdisjoint((one, other)):
            what = f"a change of memory that is both {one.name} and {other.name}"
            raise refused(what, "clone() one of them", recorder.guard.home)


def overlapping(arrays: Mapping[K, Array]) -> set[tuple[K, K]]:
    """List the pairs of arrays, by their keys, that reach into the same stretch of memory."""
    bounds = np.lib.array_utils.byte_bounds
    spans = sorted(((*bounds(a), key) for key, a in arrays.items() if a.size), key=lambda span: span[:2])
    pairs: set[tuple[K, K]] = set()
    reaching: list[tuple[int, K]] = []
    for start, end, key in spans:
        reaching = [(e, k) for e, k in reaching if e > start]
        pairs.update((k, key) for _, k in reaching)
        reaching.append((end, key))
    return pairs
