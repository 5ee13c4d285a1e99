"""Memory from outside that a step knows under two names: refused where the step changes it.

Look next at step.py, which asks once the step has run.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..graph import Var
from ..guards.watch import refused
from .capture import Recorder


def check_overlaps(recorder: Recorder, inputs: list[Var], originals: list[Any]) -> None:
    """Refuse memory from outside that the step changes and knows under a second name, too."""
    for value in recorder.states:
        twice = any(value.source is x for x in originals)
        if twice and (value.source.differentiable or value in recorder.written):
            what, hint = f"an argument that is found outside, too ({value.name})", "pass it or find it, not both"
            raise refused(what, hint, recorder.guard.home)
    arrays = [(v, v.source.array) for v in recorder.states]
    arrays += [(v, x.array) for v, x in zip(recorder.inputs, inputs, strict=True)]
    spans = sorted(((*np.lib.array_utils.byte_bounds(a), v.index, v) for v, a in arrays if a.size))
    for (_, end, _, one), (start, _, _, other) in pairwise(spans):
        if start < end and not recorder.written.isdisjoint((one, other)):
            what = f"a change of memory that is both {one.name} and {other.name}"
            raise refused(what, "clone() one of them", recorder.guard.home)


def overlapping(tensors: dict[str, Any]) -> set[tuple[str, str]]:
    """List the pairs of tensors that look at the same memory."""
    spans = sorted((*np.lib.array_utils.byte_bounds(t.array), name) for name, t in tensors.items() if t.array.size)
    pairs: set[tuple[str, str]] = set()
    reaching: list[tuple[int, str]] = []
    for start, end, name in spans:
        reaching = [(e, n) for e, n in reaching if e > start]
        pairs.update((n, name) for _, n in reaching)
        reaching.append((end, name))
    return pairs
