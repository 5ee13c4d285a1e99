"""Conversions between dtypes, as methods of Tensor: x.to(tg.float64), x.float(), x.long() ...

Integers and booleans carry no gradient, so a conversion to them leaves the graph.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.errors import ArgumentError
from ..core.graph import Var
from ..ops import promotion
from .types import DTypeLike, Tensor


def to(self: Tensor, dtype: DTypeLike) -> Tensor:
    """Convert to a dtype (or to the dtype of a tensor); `"cpu"` is accepted and changes nothing."""
    if isinstance(dtype, str) and dtype.partition(":")[0] == "cpu":
        return self
    try:
        kind = dtype.dtype if isinstance(dtype, Var) else np.dtype(dtype)
    except TypeError:
        what = f"to: {dtype!r} is neither a dtype nor the device this package has."
        raise ArgumentError(what, expected="a dtype such as tg.float64, or 'cpu'") from None
    if kind == self.dtype:
        return self
    return promotion.cast(self if kind.kind == "f" else self.detach(), dtype=kind)


def to_dtype(kind: str) -> Callable[[Tensor], Tensor]:
    """Make the method that converts to one dtype."""

    def convert(self: Tensor) -> Tensor:
        return to(self, kind)

    convert.__name__, convert.__doc__ = f"to_{kind}", f"Convert to {kind}."
    return convert
