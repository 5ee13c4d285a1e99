"""The methods that hang a function on the gradient of a tensor: `register_hook` and its kin.

Knows no rule. Look next at core/hooks.py, which keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import GradientError
from ..core.graph import Var
from ..core.hooks import RemovableHandle, hang, hooks_of
from ..core.scope import refuse_captured


def register_hook(self: Var, hook: Callable[[Any], Any]) -> RemovableHandle:
    """Have a function called with the gradient of this tensor at every backward; what it returns replaces it.

    Raises:
        GradientError: for a tensor that requires no gradient
    """
    if not self.differentiable:
        raise GradientError(
            "register_hook: this tensor requires no gradient, so no hook would see one.",
            got=f"tensor {self.shape} {self.dtype}",
            hint="requires_grad_() first",
        )
    if self.node is None:
        refuse_captured("a hook on a leaf", "register it outside the step")
    return hang(hooks_of(self).before, hook)


def register_post_accumulate_grad_hook(self: Var, hook: Callable[[Any], None]) -> RemovableHandle:
    """Have a function called with this leaf whenever backward has added to its `.grad`.

    Raises:
        GradientError: for what is no leaf, or requires no gradient
    """
    if self.node is not None or not self.differentiable:
        raise GradientError(
            "register_post_accumulate_grad_hook: the tensor must be a leaf that requires a gradient.",
            got=f"tensor {self.shape}, " + ("requires_grad=False" if self.node is None else f"{self.node.where()}"),
            hint="register_hook, for the gradient of a result",
        )
    refuse_captured("a hook on a leaf", "register it outside the step")
    return hang(hooks_of(self).after, hook)
