"""PyTorch's names for norms: norm of every order, and vector_norm and matrix_norm, which linalg.py gives out.

Look next at shapes.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..ops import decompositions, elementwise, layout, promotion, reduce
from ..ops.compare import equal, where
from .dims import Dims, as_axis, axes_or_all, flag, need
from .numbers import number
from .shapes import movedim
from .types import Tensor, TensorLike, Values


def floats(name: str, x: Any, dtype: Any = None) -> Any:
    """Read floats, in another dtype if one is given."""
    x = x if dtype is None or getattr(x, "dtype", None) == dtype else promotion.cast(x, dtype=np.dtype(dtype))
    is_float = getattr(x, "dtype", np.dtype("f")).kind == "f"
    need(is_float, f"{name}: expected floats.", x, kind=DTypeError, hint="x.float()")
    return x


def norm(
    input: TensorLike, p: float | str | None = "fro", dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:  # fmt: skip
    """Norm of order p over dimensions, (Σ |x|ᵖ)^(1/p); its derivative is 0 where the norm is 0.

    Args:
        p: any number; 0 counts what is not 0, ±inf is the largest or smallest size, "fro" is 2; or "nuc", of matrices
        dtype: convert to it first

    Example:
        >>> tg.norm(tg.tensor([3.0, 4.0])).item()
        5.0
    """
    if p == "nuc":
        both: Any = (-2, -1) if dim is None and np.ndim(input) == 2 else dim
        need(both is not None, "norm: p='nuc' is of matrices.", input, hint="dim=")
        return matrix_norm(input, p, both, keepdim, dtype=dtype)  # type: ignore[arg-type]
    return _norm("norm", input, 2 if p is None or p == "fro" else p, dim, keepdim, dtype)


def vector_norm(x: Values, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Norm of vectors, over dimensions (None: all).

    Math:
        (Σ |x|^ord)^(1/ord); ±inf: the largest and smallest |x|; 0: how many are not 0. Where a norm is 0, so is its
        gradient.
    """
    return _norm("vector_norm", x, ord, dim, keepdim, dtype)


def _norm(name: str, x: Any, ord: Any, dim: Dims, keepdim: bool, dtype: Any) -> Tensor:
    if isinstance(ord, str):
        raise ArgumentError(f"{name}: {ord!r} is no norm here.", expected='a number, "fro" or "nuc"')
    x, p = floats(name, x, dtype), number(name, ord)
    over: Any = {"axis": axes_or_all(name, dim, np.ndim(x)), "keepdims": flag(name, "keepdim", keepdim)}
    if p == 2:
        return reduce.norm(x, **over)
    if p in (math.inf, -math.inf):
        return (reduce.amax if p > 0 else reduce.amin)(elementwise.absolute(x), **over)
    if p == 1:
        return reduce.sum(elementwise.absolute(x), **over)
    zero = equal(x, 0)  # where the slope, or that of the slope, is infinite
    if p == 0:
        return reduce.sum(where(zero, where(False, x, 0.0), 1.0), **over)
    if p < 0 and not reduce.count(tuple(np.shape(x)), over["axis"]):
        raise ShapeError(f"{name}: there is no norm of order {p} of nothing.", got=f"x {tuple(np.shape(x))}")
    powers = elementwise.power_scalar(elementwise.absolute(where(zero, 1.0, x)), exponent=p)
    total = reduce.sum(where(zero, 0.0 if p > 0 else math.inf, powers), **over)
    none = equal(total, 0)
    root = elementwise.power_scalar(where(none, 1.0, total), exponent=1 / p)
    return where(none, 0.0 if p > 0 else math.inf, root)


def matrix_norm(
    A: Values, ord: Any = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:  # fmt: skip
    """Norm of matrices, which lie in two dimensions.

    Args:
        ord: "fro" (of all elements), "nuc" (sum of the singular values), ±2 (largest, smallest of them), ±1 (largest,
            smallest sum of absolute values of a column), ±inf (of a row)
    """
    x = floats("matrix_norm", A, dtype)
    need(x.ndim > 1 and len(dim) == 2, "matrix_norm: expected matrices, in two dimensions.", x, dim)
    rows, columns = (as_axis("matrix_norm", d, x.ndim) for d in dim)
    need(rows != columns, "matrix_norm: expected two different dimensions.", dim, kind=ArgumentError)
    known = ord in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
    need(known, "matrix_norm: ord is 'fro', 'nuc', ±1, ±2 or ±inf.", ord, kind=ArgumentError)
    if ord == "fro":
        return vector_norm(x, 2, (rows, columns), keepdim)
    if ord == "nuc" or abs(ord) == 2:
        values = decompositions.svdvals(movedim(x, (rows, columns), (-2, -1)))
        end = {"nuc": reduce.sum, 2: reduce.amax, -2: reduce.amin}[ord](values, axis=-1, keepdims=False)
    else:
        summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
        total = reduce.sum(elementwise.absolute(x), axis=summed, keepdims=False)
        end = (reduce.amax if ord > 0 else reduce.amin)(total, axis=other - (other > summed), keepdims=False)
    if not flag("matrix_norm", "keepdim", keepdim):
        return end
    return layout.reshape(end, shape=tuple(1 if i in (rows, columns) else n for i, n in enumerate(x.shape)))
