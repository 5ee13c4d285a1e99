"""Embedding: a table of vectors, one for each whole number.

Read after linear.py; functional.embedding has the operation.
"""

from __future__ import annotations

from typing import Any

from ..core.backend import Generator
from ..core.errors import ArgumentError, ShapeError
from ..core.graph import no_grad
from ..tensors.creation import zeros
from ..tensors.tensor import Tensor
from . import functional as F
from . import init
from .linear import positive
from .module import Module
from .parameter import Parameter


class Embedding(Module):
    """Take rows of a table that is learned, by number.

    Shapes:
        input (*) of integers -> (*, embedding_dim); weight (num_embeddings, embedding_dim), drawn from N(0, 1)
    Args:
        padding_idx: a row that starts as 0 and has no gradient
        max_norm: rows that are used and longer are first shortened to it, in place
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
        _weight: Tensor | None = None, _freeze: bool = False, device: Any = None, dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentError(f"Embedding: there is no row {padding_idx}.", expected=f"below {num_embeddings}")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.sparse = sparse
        table = zeros(num_embeddings, embedding_dim, dtype=dtype, device=device) if _weight is None else _weight
        if tuple(table.shape) != (num_embeddings, embedding_dim):
            raise ShapeError("Embedding: the weight has another shape.", got=f"{tuple(table.shape)}",
                             expected=f"({num_embeddings}, {embedding_dim})")  # fmt: skip
        self.weight = Parameter(table, requires_grad=not _freeze)
        if _weight is None:
            init.normal_(self.weight, generator=generator)
            if padding_idx is not None:
                with no_grad():
                    self.weight[padding_idx] = 0.0

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
    ) -> Embedding:  # fmt: skip
        """Make an embedding of a table that is there; freeze: it is not learned further."""
        rows, size = embeddings.shape
        return cls(rows, size, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)

    def extra_repr(self) -> str:
        """Name the sizes, and the settings that are not the default."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False}
        text += "".join(f", {k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v)
        return text + (", sparse=True" if self.sparse else "")
