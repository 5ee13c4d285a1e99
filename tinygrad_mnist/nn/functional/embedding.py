"""Rows of a table by number, and numbers as rows: embedding and one-hot as functions.

Look next at attention.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError
from ...core.graph import Array, no_grad
from ...core.scope import refuse_captured, unchanging
from ...functions.dims import integer, need
from ...functions.norms import vector_norm
from ...functions.types import Tensor
from ...ops import compare, index, layout


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
    """Write numbers (*A) as rows of zeros with a one, (*A, num_classes), int64; unless given, as many as needed."""
    need(tensor.dtype.kind in "iu", "one_hot: expected integers.", tensor, kind=DTypeError, hint="x.long()")
    count = integer("one_hot", "num_classes", num_classes)
    if count == -1:
        refuse_captured("a shape that depends on values (one_hot)", "one_hot(x, num_classes)")
        need(0 not in tensor.shape, "one_hot: without elements num_classes must be given.", tensor, kind=ArgumentError)
        count = int(np.max(np.asarray(tensor))) + 1
    at = layout.reshape(tensor, shape=(*tensor.shape, 1))
    return index.place(unchanging(np.zeros((*tensor.shape, count), np.int64)), 1, at, axis=tensor.ndim)
