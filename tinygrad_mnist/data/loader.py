"""Datasets of tensors, and the loader that cuts any dataset into batches.

A batch is gathered in one operation, `dataset[array of indices]`, where the dataset says that it can
(`takes_index_arrays`); else sample by sample. Knows nothing of files. Look next at image_set.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.backend import Generator, generator_or_default
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.graph import Array, Var
from ..tensors.creation import from_numpy
from ..tensors.tensor import Tensor


class TensorDataset:
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

    def __getitem__(self, index: int | slice | Array) -> tuple[Tensor, ...]:
        return tuple(from_numpy(np.asarray(a[index])) for a in self._arrays)


class Subset:
    """Some samples of a dataset, by index or by a mask of its length.

    Raises:  DTypeError for indices that are no whole numbers; ShapeError for a mask of another length
    """

    def __init__(self, dataset: Any, indices: Sequence[int] | Array) -> None:
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

    def __getitem__(self, index: int | slice | Array) -> Any:
        return self.dataset[self.indices[index]]


def random_split(dataset: Any, lengths: Sequence[int], generator: Generator | None = None) -> list[Subset]:
    """Deal the samples of a dataset at random into parts of the given sizes.

    Raises:  ArgumentError unless the sizes add up to the dataset's
    """
    if sum(lengths) != len(dataset):
        raise ArgumentError(
            "random_split: the lengths do not add up to the dataset.",
            got=f"lengths {list(lengths)}, sum {sum(lengths)}",
            expected=f"sum {len(dataset)}",
        )
    order = generator_or_default(generator).permutation(len(dataset))
    bounds = np.cumsum([0, *lengths])
    return [Subset(dataset, order[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


class DataLoader:
    """Iterate over a dataset in batches; each pass is one epoch.

    Args:    dataset: anything with len() and [i]; shuffle: a new order each epoch, drawn from the generator (default:
             the one of `manual_seed`); drop_last: leave out a last batch that is not full;
             collate_fn: makes a batch of a list of samples, where samples are fetched one by one
    """

    def __init__(
        self, dataset: Any, batch_size: int = 1, shuffle: bool = False, drop_last: bool = False,
        generator: Generator | None = None, collate_fn: Callable[[list[Any]], Any] | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ArgumentError("DataLoader: batch_size must be a whole number of at least 1.", got=f"{batch_size!r}")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, int(batch_size), shuffle, drop_last
        self.generator, self.collate_fn = generator, collate_fn

    def __len__(self) -> int:
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        return self.batches(self.order())

    def order(self) -> Array:
        """Draw the order of the samples for one epoch: indices, (N,)."""
        n = len(self.dataset)
        return generator_or_default(self.generator).permutation(n) if self.shuffle else np.arange(n)

    def batches(self, order: Array, first: int = 0) -> Iterator[Any]:
        """Yield the batches of samples in a given order, from the first one asked for."""
        for batch in range(first, len(self)):
            yield self.fetch(order[batch * self.batch_size : (batch + 1) * self.batch_size])

    def fetch(self, indices: Array) -> Any:
        """Gather the samples with these indices into one batch."""
        if self.collate_fn is None and getattr(self.dataset, "takes_index_arrays", False):
            return as_tensors(self.dataset[indices])
        samples = [self.dataset[int(i)] for i in indices]
        return (self.collate_fn or collate)(samples)


def as_tensors(batch: Any) -> Any:
    """Wrap the arrays of a batch."""
    if isinstance(batch, np.ndarray):
        return from_numpy(batch)
    return type(batch)(map(as_tensors, batch)) if isinstance(batch, list | tuple) else batch


def collate(samples: list[Any]) -> Any:
    """Stack samples: numbers, arrays or tensors into a tensor, tuples part by part."""
    first = samples[0]
    if isinstance(first, list | tuple):
        return tuple(collate(list(part)) for part in zip(*samples, strict=True))
    stacked = np.stack([s.array if isinstance(s, Var) else np.asarray(s) for s in samples])
    return from_numpy(stacked.astype(np.float32) if isinstance(first, float) else stacked)
