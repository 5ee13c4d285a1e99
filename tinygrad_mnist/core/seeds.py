"""What may be asked of a derivative, and the cotangent that it starts from.

Checks made once per call, with the explanations that people need most. Knows no Tensor, only Var. tensor.py
(backward) and autograd/grad.py begin here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import DTypeError, GradientError, ShapeError
from .graph import Var
from .scope import state, unchanging


def check_differentiable(dtype: np.dtype[Any], what: str) -> None:
    """Raise unless the dtype can carry a gradient."""
    if dtype.kind != "f":
        problem = f"{what}: only floating-point tensors can require a gradient."
        hint = "write 3.0 instead of 3, or .float() first"
        raise DTypeError(problem, got=f"dtype {dtype}", expected="float32 or float64", hint=hint)


def seed_for(root: Var, gradient: Any, name: str, create_graph: bool) -> Any:
    """Check what a derivative is asked of, and give its first cotangent: 1, or the one given."""
    if not root.differentiable:
        raise GradientError(
            f"{name}: this tensor depends on nothing that requires a gradient.",
            got=f"tensor {root.shape} {root.dtype}, requires_grad=False",
            expected="a result computed, outside no_grad, from a leaf with requires_grad=True",
            hint="requires_grad_() on the inputs before the forward pass; "
            "for a second derivative, grad(..., create_graph=True)",
        )
    as_var = create_graph or state.recorder is not None
    if gradient is None:
        if root.array.size != 1:
            what = f"{name}: the gradient of a tensor with {root.array.size} elements needs a starting gradient."
            got, wanted = f"tensor {root.shape}", "a tensor with one element, or gradient=..."
            raise GradientError(what, got=got, expected=wanted, hint="loss.mean().backward() or loss.sum().backward()")
        seed = unchanging(np.ones(root.shape, dtype=root.dtype))
        return root.result_type.wrap(seed) if as_var else seed
    bare = gradient.array if isinstance(gradient, Var) else gradient
    if np.shape(bare) != root.shape:
        what = f"{name}: the cotangent given has another shape than the tensor."
        raise ShapeError(what, got=f"gradient {np.shape(bare)}, tensor {root.shape}", expected="equal shapes")
    if as_var and isinstance(gradient, Var):
        return gradient
    seed = np.asarray(bare, dtype=root.dtype)
    return root.result_type.wrap(seed) if as_var else seed
