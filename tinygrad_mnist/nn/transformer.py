"""Multi-head attention, and the transformer's encoder and decoder made of it.

Parameters have PyTorch's names, order and start. Masks are PyTorch's of these modules: booleans that are true where a
key is hidden, or floats that are added. Read after norm.py; functional.scaled_dot_product_attention has the formula.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.scope import unchanging
from ..functions import cat, matmul, mean, softmax, where
from ..tensors.creation import from_numpy, zeros
from ..tensors.tensor import Tensor
from . import functional as F
from . import init
from .activation import Dropout
from .attention import causal
from .containers import ModuleList
from .linear import Linear
from .module import Module
from .norm import LayerNorm
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
        (N, L, E) ...; without a batch (L, E) ...
    Args:
        need_weights, average_attn_weights: of a call: give the weights (else None), of all heads together or of each
        attn_mask (L, S) or (N · heads, L, S), key_padding_mask (N, S): true where hidden, or floats to be added
    Source:
        Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.2
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


def _activation(activation: Any) -> Callable[..., Any]:
    known: dict[str, Callable[..., Any]] = {"relu": F.relu, "gelu": F.gelu}
    if isinstance(activation, str) and activation not in known:
        raise ArgumentError(f"transformer: activation {activation!r} is unknown.", expected="'relu', 'gelu'")
    return known[activation] if isinstance(activation, str) else activation


class _Block(Module):
    """What encoder and decoder layers share: attention, a feed-forward network, norms before or after each."""

    crossed = False

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = F.relu,
        layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        options: dict[str, Any] = {"bias": bias, "dtype": dtype, "device": device}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **options)
        if self.crossed:
            self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **options)
        self.linear1 = Linear(d_model, dim_feedforward, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **options)
        self.norm_first, self.activation = norm_first, _activation(activation)
        for i in range(1, 3 + self.crossed):
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, **options))
        for i in range(1, 3 + self.crossed):
            setattr(self, f"dropout{i}", Dropout(dropout))

    def feed(self, x: Any) -> Any:
        """Give what the feed-forward network makes of each position."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def around(self, x: Any, i: int, part: Callable[[Any], Any]) -> Any:
        """Add what a part makes of x, normalized before or after."""
        norm, drop = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
        return x + drop(part(norm(x))) if self.norm_first else norm(x + drop(part(x)))


class TransformerEncoderLayer(_Block):
    """Self-attention and a feed-forward network, each added to its input and normalized.

    Shapes:
        src (L, N, d_model), with batch_first (N, L, d_model) -> the same
    """

    def forward(
        self, src: Tensor, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False
    ) -> Any:
        x = self.around(src, 1, lambda y: self.self_attn(y, y, y, src_key_padding_mask, False, src_mask)[0])
        return self.around(x, 2, self.feed)


class TransformerDecoderLayer(_Block):
    """Self-attention, attention to an encoder's output, and a feed-forward network."""

    crossed = True

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Any = None, memory_mask: Any = None,
        tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None, tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        x = self.around(tgt, 1, lambda y: self.self_attn(y, y, y, tgt_key_padding_mask, False, tgt_mask)[0])
        x = self.around(x, 2, lambda y: self.multihead_attn(
            y, memory, memory, memory_key_padding_mask, False, memory_mask)[0])  # fmt: skip
        return self.around(x, 3, self.feed)


class _Stack(Module):
    def __init__(self, layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm


class TransformerEncoder(_Stack):
    """Several encoder layers, copies of one, and a norm at the end."""

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None, enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(encoder_layer, num_layers, norm)

    def forward(self, src: Tensor, mask: Any = None, src_key_padding_mask: Any = None, is_causal: Any = None) -> Any:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(_Stack):
    """Several decoder layers, copies of one, and a norm at the end."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Any = None, memory_mask: Any = None,
        tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None, tgt_is_causal: Any = None,
        memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encoder and decoder.

    Source:
        Vaswani et al. 2017 (arXiv:1706.03762)
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = F.relu, custom_encoder: Any = None,
        custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        of_layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*of_layer, dtype=dtype), num_encoder_layers, norm())
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*of_layer, dtype=dtype), num_decoder_layers, norm())
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Any = None, tgt_mask: Any = None, memory_mask: Any = None,
        src_key_padding_mask: Any = None, tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
        src_is_causal: Any = None, tgt_is_causal: Any = None, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        memory = self.encoder(src, src_mask, src_key_padding_mask)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Make the mask that hides from each position those behind it."""
        return from_numpy(causal(sz, sz, dtype or np.float32))
