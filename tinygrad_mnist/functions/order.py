"""PyTorch's names for order: sort, topk, median, quantile, searchsorted; for draws by given probabilities; for counts.

Positions come from ops/order.py and values are gathered at them, so that gradients go where values came from; the
median of all elements shares its gradient among equal ones. Look next at norms.py.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ..core.backend import Generator
from ..core.draws import draw, uniform
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.graph import Array, Var, no_grad
from ..core.scope import refuse_captured, unchanging
from ..ops import compare, elementary, order, promotion, reduce
from ..ops import index as places
from .dims import Dims, as_axis, axes_or_all, flag, integer, need
from .reductions import ValuesAndIndices
from .shapes import movedim, ravel, reshape
from .types import Tensor, TensorLike, Values

KINDS = ("linear", "lower", "higher", "midpoint", "nearest")


def _at(name: str, input: Any, dim: int, position: Any, keepdim: bool = True, least: int = 0) -> ValuesAndIndices:
    """Gather what a position names along a dimension of a tensor, in which a scalar counts as a vector."""
    axis = as_axis(name, dim, input.ndim)
    x = input if input.ndim else reshape(input, 1)
    need(x.shape[axis] >= least, f"{name}: there are no {least} elements along dimension {dim}.", input)
    at = position(x, axis=axis)
    found: Any = (places.gather(x, at, axis=axis), at)
    if not input.ndim or not flag(name, "keepdim", keepdim):
        found = tuple(reshape(t, (*t.shape[:axis], *t.shape[axis + 1 :])) for t in found)
    return ValuesAndIndices(*found)


def sort(input: Values, dim: int = -1, descending: bool = False, *, stable: bool = False) -> ValuesAndIndices:
    """Sort along a dimension: a pair (values, indices). Equal elements stay in order in any case, NaN is the largest.

    Example:
        >>> tg.sort(tg.tensor([3, 1, 2])).indices
        tensor([1, 2, 0])
    """
    return _at("sort", input, dim, partial(order.argsort, descending=flag("sort", "descending", descending)))


def argsort(input: Values, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:
    """Find the positions that sort along a dimension; equal elements stay in order, NaN is the largest."""
    return sort(input, dim, descending, stable=stable).indices


def topk(input: Values, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """Find the k largest (or smallest) elements along a dimension: a pair (values, indices), in their order."""
    count = integer("topk", "k", k)
    need(count >= 0, f"topk: there are no {count} elements.", input, kind=ArgumentError)
    largest = flag("topk", "largest", largest)
    if not input.ndim and not count:
        return _at("topk", reshape(input, 1), dim, partial(order.argtopk, count=0, largest=largest))
    return _at("topk", input, dim, partial(order.argtopk, count=count, largest=largest), least=count)


def kthvalue(input: Values, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Find the k-th smallest element along a dimension, counted from 1: a pair (values, indices)."""
    count = integer("kthvalue", "k", k)
    need(count > 0, f"kthvalue: there is no {count}-th element.", input, kind=ArgumentError)
    return _at("kthvalue", input, dim, partial(order.kth, k=count - 1), keepdim, count)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Median, of two the lower one; with `dim` a pair (values, indices)."""
    if dim is not None:
        return _at("median", input, dim, order.middle, keepdim, 1)
    flat = ravel(input)
    if not flat.shape[0]:
        return reduce.mean(flat, axis=None, keepdims=False)  # NaN
    with no_grad():
        value = _at("median", flat, 0, order.middle).values
        same = compare.logical_or(compare.equal(flat, value), compare.not_equal(value, value) * compare.isnan(flat))
    if flat.dtype.kind != "f":
        return reshape(value, ())
    return reduce.amax(compare.where(same, flat, -math.inf), axis=None, keepdims=False)


def quantile(
    input: Tensor, q: float | TensorLike, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """Value below which a share q of the elements lies, between two of them by interpolation; of NaN, NaN.

    Args:
        q: a number from 0 to 1 or a vector of them, along which the results are stacked first
        interpolation: linear, lower, higher, midpoint or nearest
    """
    need(interpolation in KINDS, f"quantile: interpolation is one of {KINDS}.", interpolation, kind=ArgumentError)
    shares: Any = np.asarray(q, dtype=np.float64)
    known = shares.ndim < 2 and ((shares >= 0) & (shares <= 1)).all()
    need(known, "quantile: q must be numbers from 0 to 1.", q, kind=ArgumentError)
    need(0 not in input.shape, "quantile: there are no elements.", input)
    axis = None if dim is None else as_axis("quantile", dim, input.ndim)
    x = ravel(input) if axis is None or not input.ndim else movedim(input, axis, -1)
    last, size = x.ndim - 1, x.shape[-1]
    with no_grad():
        sorted_ = order.argsort(x, axis=last, descending=False)
        rank: Any = unchanging(((size - 1) * shares.reshape(-1)).astype(x.dtype))
        rank = compare.where(reduce.all(compare.equal(x, x), axis=-1, keepdims=True), rank, float(size - 1))
        rounded = {"lower": elementary.floor, "higher": elementary.ceil, "nearest": elementary.rint}
        rank = rounded[interpolation](rank) if interpolation in rounded else rank
        below, above = elementary.floor(rank), elementary.ceil(rank)
        weight: Any = 0.5 * (above - below) if interpolation == "midpoint" else rank - below
        ends = [places.gather(sorted_, promotion.cast(k, dtype=np.dtype(np.int64)), axis=last) for k in (below, above)]
    if isinstance(q, Var) and interpolation == "linear":  # whose gradient is the distance between the two
        weight = weight + (size - 1) * promotion.cast(q - q.detach(), dtype=x.dtype)
    low, high = (places.gather(x, k, axis=last) for k in ends)
    found = movedim(elementary.lerp(low, high, weight) if interpolation in ("linear", "midpoint") else low, -1, 0)
    rest = found.shape[1:] if axis is not None and input.ndim else ()
    if flag("quantile", "keepdim", keepdim):
        rest = tuple(1 if axis in (None, i) else n for i, n in enumerate(input.shape))
    return reshape(found, (*shares.shape, *rest))


def searchsorted(
    sorted_sequence: Values, input: TensorLike, *, out_int32: bool = False, right: bool = False,
    side: str | None = None, sorter: Values | None = None,
) -> Tensor:  # fmt: skip
    """Find where values belong in sorted ones: a vector, or row by row where the leading dimensions are equal.

    Args:
        side: "left" or "right", the same as right=
        sorter: positions that sort the sequence, if it is not
    """
    known = side in (None, "left", "right") and not (side == "left" and right)
    need(known, "searchsorted: side is 'left' or 'right', and says what right says.", side, right, kind=ArgumentError)
    rows = sorted_sequence if sorter is None else places.gather(sorted_sequence, sorter, axis=sorted_sequence.ndim - 1)
    values = input if isinstance(input, Var | np.ndarray) else np.asarray(input)
    fits = rows.ndim == 1 or rows.ndim > 1 and rows.shape[:-1] == values.shape[:-1]
    need(fits, "searchsorted: the sequence must be a vector, or have the values' leading dimensions.", rows, values)
    found = order.searchsorted(rows, values, right=bool(right or side == "right"))
    return promotion.cast(found, dtype=np.dtype(np.int32)) if flag("searchsorted", "out_int32", out_int32) else found


def bucketize(input: TensorLike, boundaries: Values, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Find between which of some sorted boundaries values lie."""
    need(boundaries.ndim == 1, "bucketize: the boundaries must be a vector.", boundaries)
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def bernoulli(input: Values, *, generator: Generator | None = None) -> Tensor:
    """Draw 1 with the probability that each element says, else 0."""
    need(input.dtype.kind == "f", "bernoulli: the probabilities must be floats.", input, kind=DTypeError)
    drawn = draw(uniform, tuple(input.shape), np.dtype(input.dtype), generator)
    return promotion.cast(compare.less(drawn, input), dtype=input.dtype)


def multinomial(
    input: Values, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:  # fmt: skip
    """Draw positions of each row (or of a vector) in proportion to its elements, which need not add up to 1.

    Shapes:
        input (N,) or (R, N) -> (num_samples,) or (R, num_samples), int64
    """
    count, again = integer("multinomial", "num_samples", num_samples), flag("multinomial", "replacement", replacement)
    fits = input.ndim in (1, 2) and input.dtype.kind == "f" and 0 < count
    need(fits, "multinomial: expected a vector or matrix of floats, and a sample.", input, count, kind=ArgumentError)
    rows = reshape(input, 1, -1) if input.ndim == 1 else input
    few = again or count <= rows.shape[1]
    need(few, f"multinomial: {count} of {rows.shape[1]}.", input, kind=ArgumentError, hint="replacement=True")
    drawn = draw(uniform, (rows.shape[0], count if again else rows.shape[1]), np.dtype(np.float64), generator)
    found = order.chosen(rows, drawn, count=count, replacement=again)
    return reshape(found, count) if input.ndim == 1 else found


# ---------------------------------------------------------------- counts


def count_nonzero(input: TensorLike, dim: Dims = None) -> Tensor:
    """Number of elements other than 0."""
    axis = axes_or_all("count_nonzero", dim, np.ndim(input))
    return reduce.sum(compare.not_equal(input, 0), axis=axis, keepdims=False)


def unique(
    input: Tensor | Array, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """Elements (slices along `dim`) without repetitions, in order.

    Args:
        sorted: False changes nothing: they are in order anyway
        return_inverse: also where each element went
        return_counts: also how often each came
    """
    x, axis = _values("unique", input, dim)
    found = np.unique(x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    inverse = found[1].reshape(x.shape if axis is None else (-1,))
    return _given(input, found[0], (return_inverse, inverse), (return_counts, found[2]))


def bincount(input: Tensor | Array, weights: Tensor | Array | None = None, minlength: int = 0) -> Tensor:
    """Number of times that each of 0, 1, 2 ... comes, or the sum of the weights there."""
    x, _ = _values("bincount", input, None)
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and x.min() < 0):
        raise DTypeError("bincount: expected a vector of integers of at least 0.", got=f"x {x.shape} {x.dtype}")
    least = integer("bincount", "minlength", minlength)
    if least < 0:
        raise ArgumentError("bincount: minlength must be at least 0.", got=f"{least}")
    if weights is None:
        return _given(input, np.bincount(x, minlength=least))
    each = _values("bincount", weights, None)[0]
    if each.shape != x.shape:
        raise ShapeError("bincount: one weight for each element.", got=f"x {x.shape}, weights {each.shape}")
    counts = np.bincount(x, each, least)
    return _given(input, counts.astype(np.float32) if each.dtype == np.float32 else counts)


def _values(name: str, input: Any, dim: Any) -> tuple[Array, int | None]:
    """Read an array on which the shape of a result depends."""
    refuse_captured(f"{name}, whose result has a shape that depends on the values")
    x = np.asarray(input.array if isinstance(input, Var) else input)
    if dim is not None and not x.ndim:
        raise ShapeError(f"{name}: a scalar has no dimensions.", got=f"dim = {dim!r:.60}")
    return x, None if dim is None else as_axis(name, dim, x.ndim)


def _given(input: Any, first: Array, *more: tuple[bool, Array]) -> Any:
    """Wrap the results that were asked for as the input is wrapped."""
    arrays = [first, *(array for wanted, array in more if wanted)]
    results = tuple(input.result_type.wrap(a) if isinstance(input, Var) else a for a in arrays)
    return results if len(results) > 1 else results[0]
