"""Where `fit`, `evaluate` and `predict` get their batches from: loaders, datasets, arrays, whatever yields batches.

Knows nothing of models. Look next at evaluation.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.graph import Array
from ..data import DataLoader, TensorDataset


class SeveralInputs:
    """Samples of a model of several inputs: ((a, b), y), from ((A, B), Y).

    Raises:
        ShapeError: if the lengths differ
    """

    takes_index_arrays = True

    def __init__(self, inputs: tuple[Any, ...], targets: tuple[Any, ...]) -> None:
        lengths = [len(x) for x in (*inputs, *targets)]
        if len(set(lengths)) != 1:
            got = f"inputs of {lengths[: len(inputs)]}, targets of {lengths[len(inputs) :]}"
            wanted = "one length, the number of samples"
            raise ShapeError("Inputs and targets differ in length.", got=got, expected=wanted)
        self.inputs, self.targets = TensorDataset(*inputs), TensorDataset(*targets)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int | slice | Array) -> tuple[Any, ...]:
        return (self.inputs[index], *self.targets[index])


def as_loader(data: Any, batch_size: int, shuffle: bool = False, who: str = "fit") -> Any:
    """Make a loader of a dataset or of a tuple of arrays; leave what yields batches as it is.

    Args:
        who: was called, for messages
    Raises:
        DTypeError: for what is none of these
        ArgumentError: if there is no sample in it
    """
    loader = _loader(data, batch_size, shuffle, who)
    if getattr(type(loader), "__iter__", None) is DataLoader.__iter__ and len(loader) == 0:
        samples = len(loader.dataset)
        got = f"{samples} samples" + (f", batch_size {loader.batch_size}, drop_last" if samples else "")
        hint = "a smaller batch_size, or drop_last=False" if samples else ""
        raise ArgumentError(f"{who}: the data gives no batch.", got=got, hint=hint)
    return loader


def _loader(data: Any, batch_size: int, shuffle: bool, who: str) -> Any:
    if isinstance(data, DataLoader):
        return data
    if isinstance(data, tuple) and len(data) > 1:
        # a tuple of arrays: one per argument of the model, or else one per sample
        arrays = isinstance(data[0], tuple) and data[0] and all(hasattr(x, "shape") for x in data[0])
        several = arrays and len(data[0]) != len(data[1])
        targets = tuple(map(as_array, data[1:]))
        inputs = tuple(map(as_array, data[0])) if several else as_array(data[0])
        data = SeveralInputs(inputs, targets) if several else TensorDataset(inputs, *targets)
    if isinstance(data, list) and data and hasattr(data[0], "shape"):
        what = f"{who}: a list is taken as samples (input, target), and these are arrays."
        got, wanted = f"a list of {len(data)} arrays", "a DataLoader, a dataset, or (inputs, targets)"
        raise DTypeError(what, got=got, expected=wanted, hint="a tuple, (inputs, targets), of arrays")
    named = isinstance(data, str) or (isinstance(data, dict) and 0 not in data)  # not numbered, as a dataset is
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not named:
        return DataLoader(data, batch_size=batch_size, shuffle=shuffle)
    if not hasattr(data, "__iter__") or hasattr(data, "__next__") or named:
        once = " that can be gone through only once" if hasattr(data, "__next__") else ""
        got = f"{type(data).__name__}{once}"
        wanted = "a DataLoader, a dataset, (inputs, targets), or an object whose __iter__ yields batches anew"
        raise DTypeError(f"{who}: the data can be no source of batches for every epoch.", got=got, expected=wanted)
    return data


def batches_after(loader: Iterable[Any], skipped: int) -> Iterator[Any]:
    """Go through a loader's batches without the first ones, which a plain DataLoader does not even make."""
    kind, own = type(loader), ("__iter__", "order", "batches", "fetch")
    if isinstance(loader, DataLoader) and all(getattr(kind, n) is getattr(DataLoader, n) for n in own):
        return loader.batches(loader.order(), skipped)
    batches: Iterator[Any] = iter(loader)
    for _ in itertools.islice(batches, skipped):
        pass
    return batches


def as_array(values: Any) -> Any:
    """Bring lists of numbers to an array, Python's floats to float32; leave arrays and tensors as they are."""
    if hasattr(values, "shape"):
        return values
    found: Array = np.asarray(values)
    return found.astype(np.float32) if found.dtype == np.float64 else found


def in_dtype(values: Array, kind: np.dtype[Any]) -> Array:
    """Bring floating numbers to a dtype; leave others as they are."""
    return values.astype(kind, copy=False) if values.dtype.kind == "f" else values
