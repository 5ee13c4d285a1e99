"""A batch of samples: numbers, arrays and tensors stacked, tuples and dicts part by part.

Knows nothing of datasets. Look next at loader.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import functions as F
from ..core.errors import DTypeError, ShapeError
from ..core.graph import Var
from ..tensors.creation import from_numpy


def default_convert(data: Any) -> Any:
    """Wrap the arrays of one sample, or of a batch that was gathered at once; a tuple becomes a list."""
    if isinstance(data, Var):
        return data
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind in "fiub":
        return from_numpy(np.asarray(data))
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, list | tuple):
        return [default_convert(value) for value in data]
    return {k: default_convert(v) for k, v in data.items()} if isinstance(data, Mapping) else data


def default_collate(batch: Any) -> Any:
    """Stack samples: numbers, arrays or tensors into a tensor; lists, tuples (as lists) and dicts part by part.

    Python's floats become float32, as everywhere here; text stays a list.

    Raises:  ShapeError for samples of several shapes or lengths; DTypeError for what cannot be stacked
    """
    first = batch[0]
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, list | tuple):
        if len({len(sample) for sample in batch}) > 1:
            raise ShapeError("default_collate: the samples have several lengths.", hint="a collate_fn of your own")
        parts = [default_collate(part) for part in zip(*batch, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    if isinstance(first, Var) and any(isinstance(x, Var) and x.differentiable for x in batch):
        return F.stack(list(batch))
    if isinstance(first, Var | np.ndarray | np.generic | int | float):
        arrays = [x.array if isinstance(x, Var) else np.asarray(x) for x in batch]
        try:
            stacked = np.stack(arrays)
        except ValueError:
            shapes = ", ".join(str(a.shape) for a in arrays[:6])
            raise ShapeError(
                "default_collate: the samples have several shapes.", got=shapes, hint="a collate_fn of your own"
            ) from None
        if stacked.dtype.kind in "fiub":
            return from_numpy(stacked.astype(np.float32) if type(first) is float else stacked)
    raise DTypeError(f"default_collate: {type(first).__name__} cannot be stacked.",
                     expected="tensors, arrays, numbers, text, or lists, tuples and dicts of these",
                     hint="a transform that gives tensors, or a collate_fn of your own")  # fmt: skip
