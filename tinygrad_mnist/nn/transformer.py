"""The transformer's encoder and decoder, made of multi-head attention.

Parameters have PyTorch's names, order and start. Read after attention.py, of whose modules masks have the form.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..tensors.creation import from_numpy
from ..tensors.tensor import Tensor
from . import functional as F
from . import init
from .attention import MultiheadAttention
from .containers import ModuleList
from .dropout import Dropout
from .functional.attention import causal
from .linear import Linear
from .module import Module
from .norm import LayerNorm


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
    """Self-attention and a feed-forward network, each added to its input (L, N, d_model) and normalized.

    Example:
        >>> layer = nn.TransformerEncoderLayer(d_model=16, nhead=4, batch_first=True)
        >>> layer(tg.rand(8, 5, 16)).shape
        (8, 5, 16)
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
    """Encoder and decoder; Vaswani et al. 2017 (arXiv:1706.03762)."""

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: Any = F.relu, custom_encoder: Any = None,
        custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        of_layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        norms: list[Module] = [LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype) for _ in range(2)]
        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*of_layer, dtype=dtype), num_encoder_layers, norms[0])
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*of_layer, dtype=dtype), num_decoder_layers, norms[1])
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
