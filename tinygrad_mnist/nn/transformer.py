"""Attention with several heads, and the encoder made of it, with PyTorch's names of parameters.

Source:
    Vaswani et al. 2017 (arXiv:1706.03762); norm_first: Xiong et al. 2020 (arXiv:2002.04745). Read after attention.py,
    which has the product of queries, keys and values.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.scope import unchanging
from ..functions import cat, expand, matmul, mean, pad, permute, relu, reshape, softmax, transpose, unsqueeze
from ..functions.types import Tensor
from ..ops import compare, index
from ..tensors.creation import zeros
from . import init
from .activation import Dropout
from .arguments import data, on_cpu
from .attention import scaled_dot_product_attention
from .checks import check_probability
from .containers import ModuleList
from .dropout import dropout as dropped
from .functional import linear
from .gates import gelu
from .linear import Linear, positive
from .module import Module
from .norm import LayerNorm
from .parameter import Parameter

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu}


class MultiheadAttention(Module):
    """Attention by several heads, each on its part of the features.

    Math:
        head_h = softmax(q_h k_hᵀ / √D + mask) v_h of the projected query, key and value; out = W_o (head_1, ...)
    Shapes:
        query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim), or (N, L, ...) with batch_first, or without N
        -> (L, N, embed_dim), and weights (N, L, S), or (N, H, L, S) unless averaged, or None
    Args:
        add_bias_kv, add_zero_attn: add a learned key and value, or ones of zeros, to the sequence
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        positive("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        check_probability("MultiheadAttention: dropout", dropout)
        on_cpu("MultiheadAttention", device)
        if embed_dim % num_heads:
            raise ArgumentError("MultiheadAttention: num_heads must divide embed_dim.",
                                got=f"embed_dim = {embed_dim}, num_heads = {num_heads}")  # fmt: skip
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        kind = np.float32 if dtype is None else dtype
        together = self.kdim == self.vdim == embed_dim
        widths = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        shapes = {f"{name}_proj_weight": None if together else (embed_dim, width) for name, width in widths.items()}
        shapes["in_proj_weight"] = (3 * embed_dim, embed_dim) if together else None
        for name, shape in shapes.items():
            weight = None if shape is None else Parameter(zeros(*shape, dtype=kind))
            setattr(self, name, weight if weight is None else init.xavier_uniform_(weight))
        self.in_proj_bias = Parameter(zeros(3 * embed_dim, dtype=kind)) if bias else None
        one = (1, 1, embed_dim)
        self.bias_k = init.xavier_normal_(Parameter(zeros(*one, dtype=kind))) if add_bias_kv else None
        self.bias_v = init.xavier_normal_(Parameter(zeros(*one, dtype=kind))) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, dtype=kind)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def _projected(self, inputs: list[Any]) -> list[Any]:
        """Project query, key and value, (L, N, *) each."""
        parts = [slice(k * self.embed_dim, (k + 1) * self.embed_dim) for k in range(3)]
        bias, whole = self.in_proj_bias, vars(self)["in_proj_weight"]
        weights = [vars(self)[f"{name}_proj_weight"] if whole is None else index.getitem(whole, index=(part,))
                   for name, part in zip("qkv", parts, strict=True)]  # fmt: skip
        biases = [None if bias is None else index.getitem(bias, index=(part,)) for part in parts]
        return [linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Attend.

        Args:
            key_padding_mask: (N, S), true (or -inf to be added) for keys that take no part
            attn_mask: (L, S) or (N · H, L, S), true (or -inf to be added) where a query does not see a key
            need_weights: give the weights, too, averaged over the heads unless average_attn_weights=False
            is_causal: the attn_mask hides what comes later, so that it need not be looked at
        """
        if is_causal and attn_mask is None:
            raise ArgumentError("MultiheadAttention: is_causal needs the attn_mask that it describes.")
        same = query is key and key is value
        inputs: list[Any] = [data("MultiheadAttention", x, 2, 3) for x in (query, key, value)]
        batched = inputs[0].ndim == 3
        turn = batched and self.batch_first
        inputs = inputs[: 1 if same else 3]
        inputs = [permute(x, 1, 0, 2) if turn else x if batched else unsqueeze(x, 1) for x in inputs]
        inputs = inputs * 3 if same else inputs
        (rows, count, features), keys = inputs[0].shape, inputs[1].shape[0]
        got = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
        shapes = [tuple(x.shape) for x in inputs]
        wanted = [(rows, count, self.embed_dim), (keys, count, self.kdim), (keys, count, self.vdim)]
        if shapes != wanted or {x.ndim for x in (query, key, value)} != {query.ndim}:
            raise ShapeError("MultiheadAttention: query, key and value do not fit.", got=got,
                             expected=f"features {self.embed_dim}, {self.kdim}, {self.vdim}, and one key per value")
        q, k, v = self._projected(inputs)
        masks: list[Any] = [None, None]
        if not (is_causal and key_padding_mask is None and not need_weights):
            masks[0] = self._mask("attn_mask", attn_mask, q.dtype,
                                  [(rows, keys), (count * self.num_heads, rows, keys)])  # fmt: skip
            is_causal = False
        if key_padding_mask is not None:
            masks[1] = self._mask("key_padding_mask", key_padding_mask, q.dtype,
                                  [(count, keys) if batched else (keys,)])  # fmt: skip
            masks[1] = reshape(masks[1], count, 1, 1, keys)
        if masks[0] is not None and masks[0].ndim == 3:
            masks[0] = reshape(masks[0], count, self.num_heads, rows, keys)
        more = []
        if self.bias_k is not None and self.bias_v is not None:
            more.append([expand(b, 1, count, features) for b in (self.bias_k, self.bias_v)])
        if self.add_zero_attn:
            none = unchanging(np.zeros((1, count, features), q.dtype))
            more.append([none, none])
        for extra_k, extra_v in more:
            k, v = cat([k, extra_k], 0), cat([v, extra_v], 0)
            masks = [m if m is None else pad(m, (0, 1)) for m in masks]
        mask = masks[0] if masks[1] is None else masks[1] if masks[0] is None else masks[0] + masks[1]
        heads = [permute(reshape(x, x.shape[0], count, self.num_heads, self.head_dim), 1, 2, 0, 3) for x in (q, k, v)]
        p = self.dropout if self.training else 0.0
        weights: Any = None
        if need_weights:
            scores = matmul(heads[0] * (1 / math.sqrt(self.head_dim)), transpose(heads[1], -2, -1))
            weights = softmax(scores if mask is None else scores + mask, -1)
            weights = dropped(weights, p) if p else weights
            out = matmul(weights, heads[2])
            weights = mean(weights, 1) if average_attn_weights else weights
        else:
            out = scaled_dot_product_attention(heads[0], heads[1], heads[2], mask, p, is_causal)
        out = self.out_proj(reshape(permute(out, *((0, 2, 1, 3) if turn else (2, 0, 1, 3))),
                                    *((count, rows) if turn else (rows, count)), features))  # fmt: skip
        if not batched:
            out = reshape(out, rows, features)
            weights = None if weights is None else reshape(weights, *weights.shape[1:])
        return out, weights

    def _mask(self, name: str, mask: Any, dtype: Any, shapes: list[tuple[int, ...]]) -> Any:
        """Make a mask of booleans one to be added, and check its shape."""
        if mask is None:
            return None
        if tuple(mask.shape) not in shapes:
            raise ShapeError(f"MultiheadAttention: the {name} does not fit.", got=f"{tuple(mask.shape)}",
                             expected=" or ".join(map(str, shapes)))  # fmt: skip
        if mask.dtype.kind == "b":
            return compare.where(mask, unchanging(np.array(-np.inf, dtype)), unchanging(np.array(0, dtype)))
        return mask


class TransformerEncoderLayer(Module):
    """Self-attention and a network of two layers on each position, each added to its input and normalized.

    Shapes:
        src (L, N, d_model), or (N, L, d_model) with batch_first, or (L, d_model) -> likewise
    Args:
        activation: "relu", "gelu" or a function
        norm_first: normalize before attention and network, not after
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = "relu",
        layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if not callable(activation) and activation not in ACTIVATIONS:
            raise ArgumentError(f"TransformerEncoderLayer: activation is {activation!r}.",
                                expected="'relu', 'gelu' or a function")  # fmt: skip
        kind = np.float32 if dtype is None else dtype
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=kind
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, dtype=kind)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, dtype=kind)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=kind)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=kind)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.activation = activation if callable(activation) else ACTIVATIONS[activation]

    def forward(
        self, src: Tensor, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Tensor:
        def attended(x: Any) -> Any:
            out, _ = self.self_attn(x, x, x, attn_mask=src_mask, key_padding_mask=src_key_padding_mask,
                                    need_weights=False, is_causal=is_causal)  # fmt: skip
            return self.dropout1(out)

        def transformed(x: Any) -> Any:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        if self.norm_first:
            x = src + attended(self.norm1(src))
            out: Tensor = x + transformed(self.norm2(x))
            return out
        x = self.norm1(src + attended(src))
        out = self.norm2(x + transformed(x))
        return out


class TransformerEncoder(Module):
    """Several copies of an encoder layer, one after the other.

    Args:
        norm: a layer after the last
        enable_nested_tensor, mask_check: taken, and without a meaning here
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:  # fmt: skip
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self, src: Tensor, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = None
    ) -> Tensor:
        out = src
        for layer in self.layers:
            out = layer(out, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        if self.norm is not None:
            out = self.norm(out)
        return out
