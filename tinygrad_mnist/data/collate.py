"""A batch of samples: numbers, arrays and tensors stacked, tuples and dicts part by part.

Knows nothing of datasets. Look next at loader.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import functions as F
from ..core.errors import DTypeError
from ..core.graph import Var
from ..functions.dims import need
from ..tensors.creation import from_numpy


def _by_parts(sample: Any, change: Any, parts: Any) -> Any:
    """Change the parts of a tuple, list or dict, and put them together again; a tuple becomes a list."""
    changed = [change(part) for part in parts]
    if isinstance(sample, Mapping):
        return dict(zip(sample, changed, strict=True))
    return type(sample)(*changed) if hasattr(sample, "_fields") else changed


def default_convert(data: Any) -> Any:
    """Wrap the arrays of one sample, or of a batch that was gathered at once."""
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind in "fiub":
        return from_numpy(np.asarray(data))
    if isinstance(data, list | tuple | Mapping):
        return _by_parts(data, default_convert, data.values() if isinstance(data, Mapping) else data)
    return data


def default_collate(batch: Any) -> Any:
    """Stack samples: numbers, arrays or tensors into a tensor; lists, tuples (as lists) and dicts part by part.

    Python's floats become float64, as in PyTorch; text stays a list.

    Raises:
        ShapeError: for samples of several shapes or lengths
        DTypeError: for what cannot be stacked
    """
    first, hint = batch[0], "a collate_fn of your own"
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _by_parts(first, default_collate, [[sample[key] for sample in batch] for key in first])
    if isinstance(first, list | tuple):
        lengths = {len(sample) for sample in batch}
        need(len(lengths) == 1, "default_collate: the samples have several lengths.", lengths, hint=hint)
        return _by_parts(first, default_collate, zip(*batch, strict=True))
    if isinstance(first, Var) and any(isinstance(x, Var) and x.differentiable for x in batch):
        return F.stack(list(batch))
    if isinstance(first, Var | np.ndarray | np.generic | int | float):
        arrays = [x.array if isinstance(x, Var) else np.asarray(x) for x in batch]
        shapes = {a.shape for a in arrays}
        need(len(shapes) == 1, "default_collate: the samples have several shapes.", *[*shapes][:6], hint=hint)
        stacked = np.stack(arrays)
        if stacked.dtype.kind in "fiub":
            return from_numpy(stacked)
    raise DTypeError(f"default_collate: {type(first).__name__} cannot be stacked.", hint=hint,
                     expected="tensors, arrays, numbers, text, or lists, tuples and dicts of these")  # fmt: skip
