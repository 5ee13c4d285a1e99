"""Datasets: what they have in common, of tensors, in parts, one after another, side by side; split at random.

A dataset has `len()` and `[i]`, or (IterableDataset) can only be gone through. One that says `takes_index_arrays` gives
a whole batch for an array of indices. Knows nothing of batches or files. Look next at sampler.py and loader.py.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Any, Generic, TypeVar

import numpy as np

from ..core.backend import Generator, generator_or_default
from ..core.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from ..core.graph import Var
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

    def __add__(self, other: Any) -> Dataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples held as tensors or arrays of one length: ds[i] gives row i of each.

    Raises:  ShapeError if the lengths differ
    """

    takes_index_arrays = True

    def __init__(self, *tensors: Any) -> None:
        lengths = [len(t) for t in tensors]
        if not tensors or len(set(lengths)) != 1:
            raise ShapeError(
                "TensorDataset: the tensors differ in length." if tensors else "TensorDataset: no tensors were given.",
                got=f"lengths {lengths}",
                expected="one or more tensors with one length, the number of samples",
            )
        self.tensors = tensors
        self._arrays = [t.array if isinstance(t, Var) else np.asarray(t) for t in tensors]

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(from_numpy(np.asarray(a[index])) for a in self._arrays)


class Subset(Dataset[T]):
    """Some samples of a dataset, by index or by a mask of its length.

    Raises:  DTypeError for indices that are no whole numbers; ShapeError for a mask of another length
    """

    def __init__(self, dataset: Any, indices: Any) -> None:
        chosen = np.asarray(indices)
        if chosen.dtype == np.bool_:
            if chosen.shape != (len(dataset),):
                raise ShapeError("Subset: the mask does not fit.", got=f"{chosen.shape}", expected=f"({len(dataset)},)")
            chosen = np.flatnonzero(chosen)
        if chosen.size and chosen.dtype.kind not in "iu":
            raise DTypeError("Subset: indices must be whole numbers.", got=f"{chosen.dtype}", hint="x.astype(int)")
        self.dataset, self.indices = dataset, chosen.astype(np.int64)
        self.takes_index_arrays = getattr(dataset, "takes_index_arrays", False)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list) and not self.takes_index_arrays:
            return [self.dataset[int(i)] for i in self.indices[index]]
        at = self.indices[index]
        return self.dataset[int(at) if at.ndim == 0 else at]


class ConcatDataset(Dataset[T]):
    """The samples of several datasets, one after another.

    Raises:  ArgumentError without any; DTypeError for one that can only be gone through (ChainDataset takes those)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: no datasets were given.")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise DTypeError("ConcatDataset: an IterableDataset has no samples by index.", hint="ChainDataset")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> Any:
        at = idx + len(self) if idx < 0 else idx
        if not 0 <= at < len(self):
            raise IndexRangeError(f"ConcatDataset: there is no sample {idx}.", expected=f"less than {len(self)}")
        which = bisect_right(self.cumulative_sizes, at)
        return self.datasets[which][at - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset[T]):
    """Datasets that can only be gone through, one after another."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


class StackDataset(Dataset[Any]):
    """Datasets of one length side by side: ds[i] is a tuple of sample i of each, or a dict where they have names.

    Raises:  ArgumentError unless they were given one way and have one length
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.datasets: Any = kwargs or args
        parts = [*args, *kwargs.values()]
        if not parts or (args and kwargs) or len({len(d) for d in parts}) != 1:
            raise ArgumentError(
                "StackDataset: expected datasets of one length, with names or without.",
                got=f"lengths {[len(d) for d in args]} and {({k: len(d) for k, d in kwargs.items()})}",
            )
        self._length = len(parts[0])

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: d[index] for name, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | np.random.Generator | None = None
) -> list[Subset[Any]]:
    """Deal the samples of a dataset at random into parts of the given sizes, or fractions, which add up to 1.

    Raises:  ArgumentError unless the sizes add up to the dataset's
    """
    n = len(dataset)
    counts = list(lengths)
    if math.isclose(sum(counts), 1) and sum(counts) <= 1 and (n != 1 or any(c % 1 for c in counts)):
        if any(not 0 <= c <= 1 for c in counts):
            raise ArgumentError("random_split: a fraction is not between 0 and 1.", got=f"{counts}")
        counts = [math.floor(n * c) for c in counts]
        for i in range(n - int(sum(counts))):  # what rounding left over goes to the first ones
            counts[i % len(counts)] += 1
    if sum(counts) != n or any(c < 0 or int(c) != c for c in counts):
        raise ArgumentError("random_split: the lengths do not add up to the dataset.",
                            got=f"lengths {list(lengths)}, sum {sum(lengths)}",
                            expected=f"sum {n}, or fractions that add up to 1")  # fmt: skip
    order = generator_or_default(generator).permutation(n)
    bounds = np.cumsum([0, *map(int, counts)])
    return [Subset(dataset, order[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
