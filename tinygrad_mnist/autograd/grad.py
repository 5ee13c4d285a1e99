"""`grad`: derivatives returned as tensors instead of left in `.grad`, to any order; `backward` of several tensors.

Read after engine.py, which does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import engine
from ..core.errors import ArgumentError, GradientError
from ..core.failure import note_backward
from ..core.graph import Var
from ..core.seeds import seed_for
from ..functions import stack
from ..tensors.creation import zeros_like
from ..tensors.tensor import Tensor

Tensors = Tensor | Sequence[Tensor]


def listed(tensors: Any) -> list[Any]:
    """Make a list of one or several."""
    return [tensors] if isinstance(tensors, Var | np.ndarray) else list(tensors)


def _seeds(roots: list[Tensor], given: Any, name: str, argument: str, create_graph: bool) -> list[Any]:
    given = [None] * len(roots) if given is None else listed(given)
    if len(given) != len(roots):
        raise GradientError(
            f"{name}: {argument} must hold one cotangent for each output.",
            got=f"{len(given)} cotangents, {len(roots)} outputs",
        )
    return [seed_for(root, g, name, create_graph) for root, g in zip(roots, given, strict=True)]


def backward(
    tensors: Tensors, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:  # fmt: skip
    """Compute the gradients of all leaves of several tensors, and add them to their `.grad`, in one pass.

    Args:
        grad_tensors: cotangents, needed for tensors with more than one element
        inputs: the only tensors whose `.grad` is to change
    """
    roots = listed(tensors)
    seeds = _seeds(roots, grad_tensors, "backward", "grad_tensors", create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is not None and not listed(inputs):
        raise ArgumentError("backward: inputs is empty.", expected="None (all leaves), or at least one tensor")
    only = None if inputs is None else listed(inputs)
    engine.backward(roots, seeds, retain_graph=keep, create_graph=create_graph, inputs=only)


def grad(
    outputs: Tensors, inputs: Tensors, grad_outputs: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, only_inputs: bool = True, allow_unused: bool | None = None,
    is_grads_batched: bool = False, materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Compute the gradients of the sum of outputs with respect to inputs; `.grad` of no tensor changes.

    Args:
        grad_outputs: cotangents, needed for outputs with more than one element
        create_graph: record, so that the gradients can be differentiated again
        only_inputs: ignored, as by PyTorch
        allow_unused: None for an input that the outputs do not depend on (default: materialize_grads)
        is_grads_batched: each of grad_outputs has a further first dimension, as then has each gradient
        materialize_grads: zeros for an input that the outputs do not depend on
    Raises:
        GradientError: on such an input otherwise, and wherever backward raises

    Example:
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> (slope,) = tg.autograd.grad(x**3, x, create_graph=True)
        >>> tg.autograd.grad(slope, x)  # the second derivative, 6 x
        (tensor(18.),)
    """
    roots, targets = listed(outputs), listed(inputs)
    if allow_unused is False and materialize_grads:
        raise ArgumentError("grad: materialize_grads gives zeros for unused inputs, which allow_unused=False forbids.")
    if is_grads_batched:
        given = [None if g is None else list(g) for g in listed(grad_outputs)]
        rows = list(zip(*([None] * len(next(filter(None, given))) if g is None else g for g in given), strict=True))
        last = retain_graph if retain_graph is not None else create_graph
        found = [
            grad(
                roots, targets, row, last or row is not rows[-1], create_graph, allow_unused=allow_unused,
                materialize_grads=materialize_grads,
            )
            for row in rows
        ]
        return tuple(None if gs[0] is None else stack(gs) for gs in zip(*found, strict=True))
    for i, target in enumerate(targets):
        if not target.requires_grad:
            raise GradientError(
                f"grad: inputs[{i}] requires no gradient.",
                got=f"tensor {target.shape} {target.dtype}",
                hint="requires_grad_() on it before the forward pass",
            )
    seeds = _seeds(roots, grad_outputs, "grad", "grad_outputs", create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    origins = [t.node or t for t in targets]
    try:
        cotangents = engine.differentiate(roots, seeds, origins, keep, create_graph)
    except Exception as error:
        note_backward(error, roots)
        raise
    results: list[Tensor | None] = []
    for i, origin in enumerate(origins):
        g = cotangents.get(origin)
        if isinstance(g, np.ndarray) and any(o is origin for o in origins[:i]):
            g = g.copy()  # an input named twice: each gradient has memory of its own
        if g is None and materialize_grads:
            g = zeros_like(targets[i])
        if g is None and not allow_unused:
            what = f"grad: the outputs do not depend on inputs[{i}]."
            raise GradientError(what, got=f"input {targets[i].shape}", hint="allow_unused=True gives None for it")
        results.append(g if g is None or isinstance(g, Tensor) else Tensor.wrap(g))
    return tuple(results)
