"""Multi-head attention as a layer.

Parameters have PyTorch's names, order and start. Masks are PyTorch's of this module: booleans that are true where a
key is hidden, or floats that are added. Read after linear.py; functional.scaled_dot_product_attention has the formula.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.scope import unchanging
from ..functions import cat, matmul, mean, softmax, where
from ..tensors.creation import zeros
from ..tensors.tensor import Tensor
from . import functional as F
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter


def _added(mask: Any, dtype: Any) -> Any:
    """Give a mask as floats to be added: booleans hide where they are true."""
    if mask is None or mask.dtype.kind == "f":
        return mask
    return where(mask, unchanging(np.asarray(-np.inf, dtype)), unchanging(np.asarray(0, dtype)))


class MultiheadAttention(Module):
    """Attention in several subspaces at once, of which the results are joined and mapped.

    Shapes:
        query (L, N, E), key (S, N, kdim), value (S, N, vdim) -> (L, N, E), weights (N, L, S); with batch_first
        (N, L, E) ...; without a batch (L, E) ...; attn_mask (L, S) or (N · heads, L, S), key_padding_mask (N, S)
    Args:
        need_weights, average_attn_weights: of a call: give the weights (else None), of all heads together or of each
        attn_mask, key_padding_mask: of a call: true where hidden, or floats to be added
    Source:
        Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.2

    Example:
        >>> x = tg.rand(8, 5, 16)  # 8 sequences of 5
        >>> out, weights = nn.MultiheadAttention(16, num_heads=4, batch_first=True)(x, x, x)
        >>> out.shape, weights.shape
        ((8, 5, 16), (8, 5, 5))
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ArgumentError("MultiheadAttention: num_heads must divide embed_dim.", got=f"{num_heads}, {embed_dim}")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.head_dim, self.add_zero_attn = embed_dim // num_heads, add_zero_attn

        def new(*shape: int) -> Parameter:
            return Parameter(zeros(*shape, dtype=dtype, device=device))

        self.in_proj_weight: Any = None
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = init.xavier_uniform_(new(3 * embed_dim, embed_dim))
        else:
            self.q_proj_weight = init.xavier_uniform_(new(embed_dim, embed_dim))
            self.k_proj_weight = init.xavier_uniform_(new(embed_dim, self.kdim))
            self.v_proj_weight = init.xavier_uniform_(new(embed_dim, self.vdim))
        self.in_proj_bias: Any = new(3 * embed_dim) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, device, dtype)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)
        self.bias_k: Any = init.xavier_normal_(new(1, 1, embed_dim)) if add_bias_kv else None
        self.bias_v: Any = init.xavier_normal_(new(1, 1, embed_dim)) if add_bias_kv else None

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Any]:  # fmt: skip
        alone = query.ndim == 2
        if query.ndim not in (2, 3) or query.shape[-1] != self.embed_dim:
            raise ShapeError("MultiheadAttention: the query does not fit.", got=f"{tuple(query.shape)}",
                             expected=f"(L, N, {self.embed_dim}) or (L, {self.embed_dim})")  # fmt: skip
        if is_causal and attn_mask is None:
            raise ArgumentError("MultiheadAttention: is_causal is a hint about attn_mask, which is missing.")
        same = key is query and value is key
        if alone and key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)

        def batched(x: Tensor) -> Tensor:
            return x.unsqueeze(0) if alone else x if self.batch_first else x.transpose(0, 1)

        q, k, v = self._projected(batched(query), *((None, None) if same else map(batched, (key, value))))
        n, heads, length, _ = q.shape
        hint = is_causal and key_padding_mask is None and not need_weights  # PyTorch does not look at the mask then
        mask: Any = None if hint else _added(attn_mask, q.dtype)
        if mask is not None:
            mask = mask.reshape(n, heads, *mask.shape[1:]) if mask.ndim == 3 else mask
        if key_padding_mask is not None:
            hidden = _added(key_padding_mask, q.dtype).reshape(n, 1, 1, -1)
            mask = hidden if mask is None else mask + hidden
        if mask is not None and (extra := k.shape[2] - mask.shape[-1]):
            mask = F.pad(mask, (0, extra))
        p = self.dropout if self.training else 0.0
        weights: Any = None
        if need_weights:
            scores: Any = matmul(q * (1 / math.sqrt(self.head_dim)), k.transpose(-2, -1))
            weights = F.dropout(softmax(scores if mask is None else scores + mask, -1), p)
            out = matmul(weights, v)
            weights = mean(weights, 1) if average_attn_weights else weights
            weights = weights.squeeze(0) if alone else weights
        else:
            out = F.scaled_dot_product_attention(q, k, v, mask, p, hint)
        out = self.out_proj(out.permute(0, 2, 1, 3).reshape(n, length, self.embed_dim))
        return out.squeeze(0) if alone else out if self.batch_first else out.transpose(0, 1), weights

    def _projected(self, query: Any, key: Any, value: Any) -> Any:
        """Map to queries, keys and values of each head: (N, heads, length, head_dim)."""
        n, e = query.shape[0], self.embed_dim
        w, b = self.in_proj_weight, self.in_proj_bias
        if key is None and w is not None and self.bias_k is None and not self.add_zero_attn:
            joined = F.linear(query, w, b).reshape(n, -1, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
            return joined[0], joined[1], joined[2]
        key, value = (query, query) if key is None else (key, value)
        if w is None:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        else:
            weights = (w[:e], w[e : 2 * e], w[2 * e :])
        found: list[Any] = []
        for i, (x, matrix) in enumerate(zip((query, key, value), weights, strict=True)):
            mapped: Any = F.linear(x, matrix, None if b is None else b[i * e : (i + 1) * e])
            if i and self.bias_k is not None:
                mapped = cat([mapped, (self.bias_k if i == 1 else self.bias_v).expand(n, 1, e)], 1)
            if i and self.add_zero_attn:
                mapped = cat([mapped, zeros(n, 1, e, dtype=mapped.dtype)], 1)
            found.append(mapped.reshape(n, -1, self.num_heads, self.head_dim).permute(0, 2, 1, 3))
        return found
