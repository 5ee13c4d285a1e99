"""Parameters as one vector, and back: for optimizers that see a model as a point.

Knows no module. Look next at utils/, which exports them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...core.errors import ShapeError
from ...functions import cat, reshape
from ...tensors.in_place import replace
from ...tensors.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Any]) -> Tensor:
    """Lay all numbers of several tensors behind each other."""
    result: Tensor = cat([reshape(p, -1) for p in parameters])
    return result


def vector_to_parameters(vec: Tensor, parameters: Iterable[Any]) -> None:
    """Give the parameters the memory of a vector, piece by piece: they look at it from then on, as in PyTorch."""
    listed, at = list(parameters), 0
    needed = sum(p.numel() for p in listed)
    if vec.ndim != 1 or vec.numel() < needed:
        raise ShapeError("vector_to_parameters: the vector is too short.", got=f"{vec.shape}", expected=f"({needed},)")
    for p in listed:
        replace(p, reshape(vec.detach()[at : at + p.numel()], p.shape))
        at += p.numel()
