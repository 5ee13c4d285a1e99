"""Dimensions as people name them (negative ones from the end), checked before anything is done with them.

Look next at arithmetic.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import DTypeError, IndexRangeError

Dims = int | Sequence[int] | None


def one(name: str, dim: Any, ndim: int) -> int:
    """Count a dimension from 0; a scalar counts as having one.

    Raises:  IndexRangeError unless -ndim <= dim < ndim; DTypeError unless it is an int
    """
    size = max(ndim, 1)
    try:
        inside = -size <= dim < size
    except TypeError:
        inside = False
    if not hasattr(dim, "__index__"):
        raise DTypeError(f"{name}: a dimension must be an int.", got=f"dim = {dim!r:.60}")
    if not inside:
        raise IndexRangeError(
            f"{name}: there is no dimension {dim}.",
            got=f"a tensor of {ndim} dimensions",
            expected=f"dim from {-size} to {size - 1}",
            hint="unsqueeze(0) adds the batch dimension, if that is what is missing" if dim == ndim else "",
        )
    return int(dim) % size


def some(name: str, dim: Dims, ndim: int) -> Any:
    """Count dimensions from 0: None (all of them), one, or several."""
    if dim is None or ndim == 0:
        for d in [] if dim is None else [dim] if not isinstance(dim, list | tuple) else dim:
            one(name, d, ndim)
        return None
    return tuple(one(name, d, ndim) for d in dim) if isinstance(dim, list | tuple) else one(name, dim, ndim)
