"""Attention as a function: values averaged with weights from queries and keys.

The mask of booleans is true where a key takes part. Read after norm.py and dropout.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from ...core.scope import unchanging
from ...functions import matmul, reshape, softmax, transpose
from ...functions.types import Tensor
from ...ops import broadcast, compare, reduce
from .arguments import floats
from .dropout import dropout


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
