"""The gradients of all that a tensor was computed from, for a picture: `.grad` and the graph stay as they are.

Knows no DOT. Read after trace.py and backward.py, which goes back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import ArgumentError
from ...core.graph import Var
from ...core.seeds import seed_for
from ..backprop.backward import watch
from .trace import Trace


def add_gradients(trace: Trace, roots: Sequence[Var]) -> None:
    """Differentiate one tensor of one element, and note the gradient of every value of the picture."""
    if len(roots) != 1:
        hint = "draw the loss alone"
        raise ArgumentError("graph: gradients=True needs one tensor.", got=f"{len(roots)} tensors", hint=hint)
    seed_for(roots[0], None, "graph(gradients=True)", False)
    found = watch(roots[0], "graph(gradients=True)")
    arrived = {pulled.node: pulled.g for pulled in found.pulled if isinstance(pulled.g, np.ndarray)}  # no Outputs
    for value in trace.values.values():
        if value.made_by is not None:
            value.gradient = arrived.get(value.made_by)
        elif value.var is not None:
            value.gradient = found.gradients.get(value.var)
