"""Datasets: what they have in common, of tensors, in parts, one after another; split at random.

A dataset has `len()` and `[i]`, or (IterableDataset) can only be gone through. One that says `takes_index_arrays` gives
a whole batch for an array of indices. Knows nothing of batches or files. Look next at sampler.py and loader.py.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Generic, TypeVar

import numpy as np

from ..core.backend import Generator, generator_or_default
from ..core.errors import ArgumentError, DTypeError, IndexRangeError
from ..core.graph import Var
from ..functions.dims import need
from ..tensors.creation import from_numpy
from ..tensors.tensor import Tensor

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """Base of datasets of one's own: write `__getitem__` and `__len__`; `a + b` is one after the other."""

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__: define __getitem__(self, index)")

    def __add__(self, other: Any) -> Dataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """Base of datasets that can only be gone through: write `__iter__`, which with workers gives each its own part.

    `get_worker_info()` tells a worker which of how many it is; a dataset that does not ask is given by every worker.
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: define __iter__(self)")


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples held as tensors or arrays of one length: ds[i] gives row i of each.

    Example:
        >>> pairs = tg.data.TensorDataset(tg.tensor([1.0, 2.0]), tg.tensor([0, 1]))
        >>> len(pairs), pairs[1]
        (2, (tensor(2.), tensor(1)))
    """

    takes_index_arrays = True

    def __init__(self, *tensors: Any) -> None:
        lengths = [len(t) for t in tensors]
        need(len(set(lengths)) == 1, "TensorDataset: the tensors differ in length, or are none.", lengths)
        self.tensors = tensors
        self._arrays = [t.array if isinstance(t, Var) else np.asarray(t) for t in tensors]

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(from_numpy(np.asarray(a[index])) for a in self._arrays)


class Subset(Dataset[T]):
    """Some samples of a dataset, by index or by a mask of its length."""

    def __init__(self, dataset: Any, indices: Any) -> None:
        chosen = np.asarray(indices)
        if chosen.dtype == np.bool_:
            need(chosen.shape == (len(dataset),), f"Subset: the mask does not fit {len(dataset)} samples.", chosen)
            chosen = np.flatnonzero(chosen)
        whole = not chosen.size or chosen.dtype.kind in "iu"
        need(whole, "Subset: indices must be whole numbers.", chosen, kind=DTypeError, hint="x.astype(int)")
        self.dataset, self.indices = dataset, chosen.astype(np.int64)
        self.takes_index_arrays = getattr(dataset, "takes_index_arrays", False)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        at = self.indices[index]
        return self.dataset[int(at) if at.ndim == 0 else at]


class ConcatDataset(Dataset[T]):
    """The samples of several datasets, one after another."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        need(self.datasets, "ConcatDataset: no datasets were given.", kind=ArgumentError)
        streams = any(isinstance(d, IterableDataset) for d in self.datasets)
        need(not streams, "ConcatDataset: an IterableDataset has no samples by index.", kind=DTypeError)
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> Any:
        at = idx + len(self) if idx < 0 else idx
        need(0 <= at < len(self), f"ConcatDataset: there is no sample {idx} of {len(self)}.", kind=IndexRangeError)
        which = bisect_right(self.cumulative_sizes, at)
        return self.datasets[which][at - (self.cumulative_sizes[which - 1] if which else 0)]


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | np.random.Generator | None = None
) -> list[Subset[Any]]:
    """Deal the samples of a dataset at random into parts of the given sizes, or fractions, which add up to 1.

    Example:
        >>> train, valid = tg.data.random_split(range(100), [0.8, 0.2])
        >>> len(train), len(valid)
        (80, 20)
    """
    n, counts = len(dataset), list(lengths)
    if math.isclose(sum(counts), 1) and sum(counts) <= 1 and (n != 1 or any(c % 1 for c in counts)):
        fractions, counts = counts, [math.floor(n * c) for c in counts]
        for i in range(n - int(sum(counts)) if min(fractions) >= 0 else 0):  # what rounding left goes to the first ones
            counts[i % len(counts)] += 1
    if sum(counts) != n or any(c < 0 or int(c) != c for c in counts):
        raise ArgumentError("random_split: the lengths do not add up to the dataset.",
                            got=f"lengths {list(lengths)}, sum {sum(lengths)}",
                            expected=f"sum {n}, or fractions that add up to 1")  # fmt: skip
    order, bounds = generator_or_default(generator).permutation(n), np.cumsum([0, *map(int, counts)])
    return [Subset(dataset, order[a:b]) for a, b in pairwise(bounds)]
