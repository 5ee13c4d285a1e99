"""The gradients of all that a tensor was computed from, for a picture: `.grad` and the graph stay as they are.

Knows no DOT. Read after trace.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.engine import differentiate
from ..core.errors import ArgumentError
from ..core.graph import Var
from ..core.seeds import seed_for
from .trace import Trace


def add_gradients(trace: Trace, roots: Sequence[Var]) -> None:
    """Differentiate one tensor of one element, and note the gradient of every value of the picture."""
    if len(roots) != 1:
        hint = "draw the loss alone"
        raise ArgumentError("graph: gradients=True needs one tensor.", got=f"{len(roots)} tensors", hint=hint)
    seed = seed_for(roots[0], None, "graph(gradients=True)", False)
    origins = {v.made_by if v.made_by is not None else v.var: v for v in trace.values.values()}
    found = differentiate(roots, [seed], [o for o in origins if o is not None], retain_graph=True, create_graph=False)
    for origin, g in found.items():
        origins[origin].gradient = g
