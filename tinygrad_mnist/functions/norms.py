"""PyTorch's name for norms of every order: norm.

Matrix norms of a spectrum belong to linalg. Look next at shapes.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..ops import compare, elementwise, promotion, reduce
from .dims import Dims, axes_or_all, flag
from .names import numpy_names
from .numbers import number
from .types import Tensor, TensorLike


@numpy_names
def norm(
    input: TensorLike, p: float | str | None = "fro", dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:  # fmt: skip
    """Norm of order p over dimensions, (Σ |x|ᵖ)^(1/p); its derivative is 0 where the norm is 0.

    Args:
        p: any number; 0 counts what is not 0, ±inf is the largest or smallest size, "fro" is 2
        dtype: convert to it first
    """
    axes, keep = axes_or_all("norm", dim, np.ndim(input)), flag("norm", "keepdim", keepdim)
    x = input if dtype is None else promotion.cast(input, dtype=np.dtype(dtype))
    if getattr(x, "dtype", np.dtype("f")).kind != "f":
        raise DTypeError("norm: expected floats.", got=f"{x.dtype}", hint="x.float()")  # type: ignore[union-attr]
    if p is None or p == "fro" or p == 2:
        return reduce.norm(x, axis=axes, keepdims=keep)
    if isinstance(p, str):
        raise ArgumentError(f"norm: {p!r} is no norm here.", expected='a number or "fro"')
    order, size = float(number("norm", p)), elementwise.absolute(x)
    if abs(order) == math.inf:
        return (reduce.amax if order > 0 else reduce.amin)(size, axis=axes, keepdims=keep)
    if order == 0:
        ones = compare.where(compare.not_equal(x, 0), 1.0, elementwise.sign(size))  # whose derivative is 0
        return reduce.sum(ones, axis=axes, keepdims=keep)
    if order == 1:
        return reduce.sum(size, axis=axes, keepdims=keep)
    if order < 0 and not reduce.count(tuple(np.shape(x)), axes):
        raise ShapeError(f"norm: there is no norm of order {p} of nothing.", got=f"x {tuple(np.shape(x))}")
    nothing = compare.equal(size, 0)  # where |x|ᵖ has no derivative
    powers = elementwise.power_scalar(compare.where(nothing, 1.0, size), exponent=order)
    total = reduce.sum(compare.where(nothing, 0.0 if order > 0 else math.inf, powers), axis=axes, keepdims=keep)
    flat = compare.equal(total, 0)
    root = elementwise.power_scalar(compare.where(flat, 1.0, total), exponent=1 / order)
    return compare.where(flat, 0.0, root)
