"""Attention, embedding, one-hot rows and the bilinear form as functions.

Read after norms.py; look next at losses.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.graph import Array, no_grad
from ..core.scope import refuse_captured, unchanging
from ..functions import matmul, permute, reshape, softmax, sum, transpose
from ..functions.dims import integer, need
from ..functions.norms import vector_norm
from ..functions.types import Tensor
from ..ops import broadcast, compare, index, layout, reduce
from .checks import floats
from .dropout import dropout


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """Take rows of a table by number.

    Shapes:
        input (*) of integers from 0 to V - 1, weight (V, D) -> (*, D)
    Args:
        padding_idx: a row that gets no gradient
        max_norm: rows that are used and longer than this are first shortened to it, in place
        sparse: accepted; gradients are dense here
    Raises:
        IndexRangeError for a number that names no row; ArgumentError for scale_grad_by_freq
    """
    if scale_grad_by_freq:
        raise ArgumentError("embedding: scale_grad_by_freq is not here.", expected="False")
    rows = weight.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ArgumentError(f"embedding: there is no row {padding_idx} to pad with.", expected=f"below {rows}")
    places: Any = input if hasattr(input, "dtype") else unchanging(np.asarray(input))
    need(places.dtype.kind in "iu", "embedding: expected integers.", places, kind=DTypeError, hint="input.long()")
    places = index.within(places, size=rows, name="embedding")
    if max_norm is not None:
        _shorten(weight, places, max_norm, norm_type)
    out: Any = index.getitem(weight, places, index=(index.ARRAY,))
    if padding_idx is None or not getattr(out, "differentiable", False):
        return out
    padded = compare.equal(layout.reshape(places, shape=(*places.shape, 1)), padding_idx % rows)
    return compare.where(padded, out.detach(), out)


@no_grad()
def _shorten(weight: Any, places: Any, max_norm: float, norm_type: float) -> None:
    """Scale rows that are too long, in place."""
    used = index.getitem(weight, places, index=(index.ARRAY,))
    size = vector_norm(used, norm_type, -1, True)
    weight[places] = used * compare.where(size > max_norm, max_norm / (size + 1e-7), size * 0 + 1)


def one_hot(tensor: Tensor | Array, num_classes: int = -1) -> Tensor:
    """Write class numbers as rows of zeros with a one: (*A) integers -> (*A, num_classes), int64.

    Args:
        num_classes: unless given, as many as the numbers need
    """
    need(tensor.dtype.kind in "iu", "one_hot: expected integers.", tensor, kind=DTypeError, hint="x.long()")
    count = integer("one_hot", "num_classes", num_classes)
    if count == -1:
        refuse_captured("a shape that depends on values (one_hot)", "one_hot(x, num_classes)")
        need(0 not in tensor.shape, "one_hot: without elements num_classes must be given.", tensor, kind=ArgumentError)
        count = int(np.max(np.asarray(tensor))) + 1
    at = layout.reshape(tensor, shape=(*tensor.shape, 1))
    return index.place(unchanging(np.zeros((*tensor.shape, count), np.int64)), 1, at, axis=tensor.ndim)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Map two inputs to one output, linearly in each.

    Math:
        out_o = Σ_ij x1_i w_oij x2_j + b_o
    Shapes:
        input1 (*, I), input2 (*, J), weight (O, I, J), bias (O,) -> (*, O)
    """
    o, i, j = weight.shape
    if input1.shape[:-1] != input2.shape[:-1] or input1.shape[-1] != i or input2.shape[-1] != j:
        raise ShapeError("bilinear: the inputs do not fit.", got=f"{tuple(input1.shape)}, {tuple(input2.shape)}",
                         expected=f"(*, {i}), (*, {j})")  # fmt: skip
    lead = tuple(input1.shape[:-1])
    left = reshape(matmul(reshape(input1, (-1, i)), reshape(permute(weight, (1, 0, 2)), (i, o * j))), (-1, o, j))
    out = reshape(sum(left * reshape(input2, (-1, 1, j)), -1), (*lead, o))
    return out if bias is None else out + bias


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """Average values with weights from how well their keys fit the queries.

    Math:
        softmax(scale · q kᵀ + mask) v; scale = 1 / √E unless given
    Shapes:
        query (*, L, E), key (*, S, E), value (*, S, V), attn_mask broadcasting to (*, L, S) -> (*, L, V)
    Args:
        attn_mask: booleans, true where a key takes part, or floats to be added; a query without a key gets 0
        is_causal: query i sees the keys up to i; then there is no attn_mask
        enable_gqa: query may have a multiple of the heads, the dimension before L, of key and value
    Source:
        Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.1
    """
    if is_causal and attn_mask is not None:
        raise ArgumentError("scaled_dot_product_attention: is_causal has a mask of its own.", expected="one of both")
    q: Any = floats("scaled_dot_product_attention", query)
    if enable_gqa and key.shape[-3] != q.shape[-3]:
        key, value = (_repeated(x, q.shape[-3] // x.shape[-3]) for x in (key, value))
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores: Any = matmul(q * factor, transpose(key, -2, -1))
    seen: Any = None
    if is_causal:
        scores = scores + causal(scores.shape[-2], scores.shape[-1], scores.dtype)
    elif attn_mask is not None:
        mask: Any = attn_mask
        if mask.dtype.kind == "b":
            seen = reduce.any(mask, axis=-1, keepdims=True)
            scores = compare.where(compare.logical_or(mask, compare.logical_not(seen)), scores, -math.inf)
        else:
            scores = scores + mask
            seen = reduce.amax(scores, axis=-1, keepdims=True) > -math.inf
            scores = compare.where(seen, scores, 0.0)
    weights: Any = softmax(scores, -1)
    if seen is not None:
        weights = compare.keep(weights, broadcast.broadcast_to(seen, shape=tuple(weights.shape)))
    return matmul(dropout(weights, dropout_p) if dropout_p else weights, value)


def _repeated(x: Any, times: int) -> Any:
    *lead, heads, length_, size = x.shape
    wide = reshape(x, (*lead, heads, 1, length_, size))
    wide = broadcast.broadcast_to(wide, shape=(*lead, heads, times, length_, size))
    return reshape(wide, (*lead, heads * times, length_, size))


def causal(rows: int, columns: int, dtype: Any) -> Any:
    """Make the mask to be added that hides from each query the keys behind it."""
    return unchanging(np.triu(np.full((rows, columns), -np.inf, dtype), 1))
