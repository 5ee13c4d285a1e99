"""What functions of networks ask of their arguments: floats, probabilities, names of reductions.

Look next at activation.py, norm.py and loss.py, which ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError
from ...core.graph import Var
from ...functions import mean
from ...functions import sum as _sum
from ...functions.types import Tensor
from ...tensors.in_place import of

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"mean": mean, "sum": _sum, "none": lambda losses: losses}


def check_probability(name: str, p: float) -> None:
    """Raise unless p lies between 0 and 1."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name} must lie between 0 and 1.", got=f"{p}", expected="a probability or share")


def check_reduction(reduction: str) -> None:
    """Raise unless the name of a reduction is known."""
    if not isinstance(reduction, str):
        raise DTypeError(
            "loss: the first argument of a loss module is its reduction, not the data.",
            got=f"{type(reduction).__name__}",
            expected="'mean', 'sum' or 'none'",
            hint="make it first: loss_function = CrossEntropyLoss(); loss = loss_function(logits, target)",
        )
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"reduction: {reduction!r} is unknown.", expected="'mean', 'sum' or 'none'")


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """Reduce one loss per sample to their mean or sum, or leave them."""
    check_reduction(reduction)
    return REDUCTIONS[reduction](losses)


def floats(name: str, x: Any) -> Any:
    """Raise unless x is a tensor or array of floating-point numbers; give it."""
    if isinstance(x, Var | np.ndarray | np.generic) and x.dtype.kind == "f":
        return x
    got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Var | np.ndarray) else f"{type(x).__name__} {x!r:.60}"
    raise DTypeError(f"{name}: the input must hold floating-point numbers.", got=got, hint="x.float()")


def changed(function: Callable[..., Any], input: Any, *settings: Any) -> Any:
    """Do what a function does in the memory of its input: PyTorch's `inplace=True`."""
    return of(function)(input, *settings) if isinstance(input, Var) else function(input, *settings)
