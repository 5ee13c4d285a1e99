"""Embedding: a table of vectors, one for each whole number.

Read after linear.py; functional.embedding has the operation.
"""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.graph import no_grad
from ..tensors.creation import zeros
from ..tensors.tensor import Tensor
from . import functional as F
from . import init
from .layer import DRAWN, REQUIRED, Learned
from .linear import positive
from .parameter import Parameter

SETTINGS: dict[str, Any] = {"max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False}


class Embedding(Learned):
    """Take rows of a table that is learned, by number.

    Shapes:
        input (*) of integers -> (*, embedding_dim); weight (num_embeddings, embedding_dim), drawn from N(0, 1)
    Args:
        padding_idx: a row that starts as 0 and has no gradient
        max_norm: rows that are used and longer are first shortened to it, in place

    Example:
        >>> nn.Embedding(100, 16)(tg.tensor([[1, 5, 99]])).shape
        (1, 3, 16)
    """

    settings = {
        "num_embeddings": REQUIRED, "embedding_dim": REQUIRED, "padding_idx": None, **SETTINGS, "sparse": False,
        "_weight": None, "_freeze": False, **DRAWN,
    }  # fmt: skip
    shown = "{num_embeddings}, {embedding_dim}"
    hidden = {"padding_idx": None, **SETTINGS, "sparse": False}
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        table, frozen, generator = vars(self).pop("_weight"), vars(self).pop("_freeze"), made.pop("generator")
        sizes = self.num_embeddings, self.embedding_dim
        positive("Embedding", num_embeddings=sizes[0], embedding_dim=sizes[1])
        if self.padding_idx is not None:
            if not -sizes[0] <= self.padding_idx < sizes[0]:
                raise ArgumentError(f"Embedding: there is no row {self.padding_idx}.", expected=f"below {sizes[0]}")
            self.padding_idx %= sizes[0]
        if table is not None and tuple(table.shape) != sizes:
            got = f"{tuple(table.shape)}"
            raise ShapeError("Embedding: the weight has another shape.", got=got, expected=f"{sizes}")
        self.weight = Parameter(zeros(sizes, **made) if table is None else table, requires_grad=not frozen)
        if table is None:
            init.normal_(self.weight, generator=generator)
            if self.padding_idx is not None:
                with no_grad():
                    self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
    ) -> Embedding:  # fmt: skip
        """Make an embedding of a table that is there; freeze: it is not learned further."""
        rows, size = embeddings.shape
        return cls(rows, size, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        given = [vars(self)[name] for name in SETTINGS]
        return F.embedding(input, self.weight, self.padding_idx, *given)
