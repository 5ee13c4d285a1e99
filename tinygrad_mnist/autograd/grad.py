"""`grad`: derivatives returned as tensors instead of left in `.grad`, to any order.

Read after engine.py, which does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.engine import differentiate
from ..core.errors import GradientError
from ..core.seeds import seed_for
from ..tensors.tensor import Tensor


def grad(
    outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None,
    retain_graph: bool | None = None, create_graph: bool = False, allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Compute the gradients of the sum of outputs with respect to inputs; `.grad` of no tensor changes.

    Args:
        grad_outputs: cotangents, needed for outputs with more than one element
        create_graph: record, so that the gradients can be differentiated again
        allow_unused: None for an input that the outputs do not depend on
    Raises:
        GradientError on such an input otherwise, and wherever backward raises
    """
    roots = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    targets = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if grad_outputs is None:
        grad_outputs = [None] * len(roots)
    given = [grad_outputs] if isinstance(grad_outputs, Tensor | np.ndarray) else list(grad_outputs)
    if len(given) != len(roots):
        got = f"{len(given)} cotangents, {len(roots)} outputs"
        raise GradientError("grad: grad_outputs must hold one cotangent for each output.", got=got)
    for i, target in enumerate(targets):
        if not target.requires_grad:
            got, hint = f"tensor {target.shape} {target.dtype}", "requires_grad_() on it before the forward pass"
            raise GradientError(f"grad: inputs[{i}] requires no gradient.", got=got, hint=hint)
    seeds = [seed_for(root, g, "grad", create_graph) for root, g in zip(roots, given, strict=True)]
    keep = create_graph if retain_graph is None else retain_graph
    origins = [t.node or t for t in targets]
    found = differentiate(roots, seeds, origins, keep, create_graph)
    results: list[Tensor | None] = []
    for i, origin in enumerate(origins):
        g = found.get(origin)
        if isinstance(g, np.ndarray) and any(o is origin for o in origins[:i]):
            g = g.copy()  # an input named twice: each gradient has memory of its own
        if g is None and not allow_unused:
            what = f"grad: the outputs do not depend on inputs[{i}]."
            raise GradientError(what, got=f"input {targets[i].shape}", hint="allow_unused=True gives None for it")
        results.append(g if g is None or isinstance(g, Tensor) else Tensor.wrap(g))
    return tuple(results)
