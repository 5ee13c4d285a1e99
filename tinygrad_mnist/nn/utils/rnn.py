"""Sequences of different lengths in one tensor, under PyTorch's path, `nn.utils.rnn`.

Packed sequences are not here: recurrent layers take all at once, so pad and mask. Look next at ../recurrent.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.absent import absent as _absent
from ...core.errors import ArgumentError
from ...functions import pad, stack
from ...tensors.tensor import Tensor

__all__ = ["pad_sequence"]


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Stack sequences, the shorter ones filled up.

    Shapes:
        n times (Li, *) -> (L, n, *), or (n, L, *) with batch_first; L the longest
    """
    if padding_side not in ("right", "left"):
        raise ArgumentError("pad_sequence: unknown side.", got=f"{padding_side!r:.60}", expected="'right' or 'left'")
    longest, rows = max((len(x) for x in sequences), default=0), []
    for x in sequences:
        missing = longest - len(x)
        widths = (0, missing) if padding_side == "right" else (missing, 0)
        rows.append(pad(x, [0, 0] * (x.ndim - 1) + [*widths], value=padding_value))
    return stack(rows, 0 if batch_first else 1)


__getattr__ = _absent(__name__)
