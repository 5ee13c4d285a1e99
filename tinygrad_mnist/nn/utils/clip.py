"""Limit gradients between backward and the optimizer's step: PyTorch's `nn.utils.clip_grad_norm_`, `clip_grad_value_`.

Written in tensor operations, so that a compiled step clips as well. Read after module.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from ...core.errors import ArgumentError, GradientError
from ...core.graph import Var, no_grad
from ...functions import abs as _abs
from ...functions import amax, clamp, isfinite, square, stack
from ...functions import sum as _sum
from ...tensors.creation import tensor
from ...tensors.tensor import Tensor

Tensors: TypeAlias = Tensor | Iterable[Tensor]


def _gradients(name: str, parameters: Tensors, **limit: float) -> list[Tensor]:
    """List the gradients that there are; check the limit."""
    for label, value in limit.items():
        if isinstance(value, bool) or not value > 0:
            raise ArgumentError(f"{name}: {label} must be positive.", got=f"{label} = {value!r}")
    listed: Iterable[Tensor] = [parameters] if isinstance(parameters, Var) else parameters
    return [p.grad for p in listed if p.grad is not None]


@no_grad()
def get_total_norm(tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                   foreach: bool | None = None) -> Tensor:  # fmt: skip
    """Compute the norm of all numbers of several tensors, as if they were one vector.

    Math:
        (Σ |g|^k)^(1/k) with k = norm_type; max |g| for infinity
    """
    listed = [tensors] if isinstance(tensors, Var) else list(tensors)
    if not norm_type > 0:
        raise ArgumentError("clip_grad_norm_: norm_type must be positive.", got=f"norm_type = {norm_type!r}")
    if not listed:
        norm = tensor(0.0)
    elif norm_type == float("inf"):
        norm = amax(stack([amax(_abs(g)) for g in listed]))
    else:
        powers = [_sum(square(g) if norm_type == 2 else _abs(g) ** norm_type) for g in listed]
        norm = _sum(stack(powers)) ** (1.0 / norm_type)
    if error_if_nonfinite and not isfinite(norm):
        what, got = "clip_grad_norm_: the gradients' norm is not finite, so nothing was scaled.", f"norm {norm.item()}"
        raise GradientError(what, got=got, hint="a lower learning rate, or inputs scaled to about 0 to 1")
    return norm


@no_grad()
def clip_grads_with_norm_(parameters: Tensors, max_norm: float, total_norm: Tensor,
                          foreach: bool | None = None) -> None:  # fmt: skip
    """Scale all gradients, in place, as if their common norm were total_norm, so that it is at most max_norm."""
    gradients = _gradients("clip_grad_norm_", parameters, max_norm=max_norm)
    factor = clamp(max_norm / (total_norm + 1e-6), max=1.0)
    for g in gradients:
        g.mul_(factor)


@no_grad()
def clip_grad_norm_(parameters: Tensors, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                    foreach: bool | None = None) -> Tensor:  # fmt: skip
    """Scale all gradients, in place and by one factor, so that their common norm is at most max_norm; give it before.

    Math:
        g = g · min(1, max_norm / (norm + 1e-6))
    Raises:
        GradientError: where the norm is not finite, if asked for: it is read then, which no compiled step can do
    Source:
        Pascanu et al. 2013 (arXiv:1211.5063), Algorithm 1

    Example:
        >>> w = nn.Parameter(tg.tensor([3.0, 4.0]))
        >>> (w * w / 2).sum().backward()
        >>> nn.utils.clip_grad_norm_([w], max_norm=1.0).item(), w.grad  # what it was, and now
        (5.0, tensor([0.6, 0.8]))
    """
    listed = [parameters] if isinstance(parameters, Var) else list(parameters)
    norm = get_total_norm(_gradients("clip_grad_norm_", listed, max_norm=max_norm), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, norm)
    return norm


@no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Bring every number of every gradient, in place, into [-clip_value, clip_value]."""
    for g in _gradients("clip_grad_value_", parameters, clip_value=clip_value):
        g.copy_(clamp(g, -clip_value, clip_value))
