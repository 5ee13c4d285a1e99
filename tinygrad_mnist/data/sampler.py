"""In which order samples are taken: in turn, at random, some of them, by weight; and in batches.

A sampler is gone through once an epoch and yields indices, a batch sampler lists of them. Knows nothing of the samples.
Look next at loader.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from ..core.backend import Array, Generator, generator_or_default
from ..core.errors import ArgumentError

T = TypeVar("T", covariant=True)
Source = Generator | np.random.Generator | None


class Sampler(Generic[T]):
    """Base of samplers of one's own: write `__iter__`, which yields the indices of an epoch, and `__len__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: define __iter__(self)")


class Drawn(Sampler[int]):
    """A sampler of num_samples indices that are drawn as one array."""

    num_samples: int
    generator: Source = None

    def draw(self) -> Array:
        """Draw the indices of one epoch."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(self.draw().tolist())

    def __len__(self) -> int:
        return self.num_samples

    def order(self, n: int) -> Array:
        """Draw an order of n things."""
        return generator_or_default(self.generator).permutation(n)


class SequentialSampler(Drawn):
    """Take the samples of a dataset in turn."""

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    num_samples = property(lambda self: len(self.data_source))

    def draw(self) -> Array:
        """Count the samples."""
        return np.arange(len(self))


class RandomSampler(Drawn):
    """Take the samples of a dataset in a random order, or (replacement) draw each from all.

    Args:    num_samples: how many in an epoch; as many as there are
    """

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: int | None = None, generator: Source = None
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._wanted = None if num_samples is None else _count("RandomSampler", num_samples)

    num_samples = property(lambda self: self._wanted or len(self.data_source))

    def draw(self) -> Array:
        """Draw one order, or as many as give enough samples."""
        n, count = len(self.data_source), len(self)
        if self.replacement:
            return generator_or_default(self.generator).integers(0, n, count)
        if n == 0 and count:
            raise ArgumentError("RandomSampler: there are no samples to draw from.", got=f"num_samples={count}")
        orders = [self.order(n) for _ in range(-(-count // n) if count else 0)]
        return orders[0] if count == n and n else np.concatenate([np.empty(0, np.int64), *orders])[:count]


class SubsetRandomSampler(Drawn):
    """Take the samples with the given indices, in a random order."""

    def __init__(self, indices: Sequence[int], generator: Source = None) -> None:
        self.indices, self.generator = indices, generator

    num_samples = property(lambda self: len(self.indices))

    def draw(self) -> Array:
        """Draw an order of the indices."""
        return np.asarray(self.indices)[self.order(len(self))]


class WeightedRandomSampler(Drawn):
    """Draw samples with probabilities in the proportion of weights, each from all unless replacement is False.

    Raises:  ArgumentError for weights that are no probabilities, and for more samples than there are to give
    """

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True, generator: Source = None) -> None:
        self.weights, self.replacement, self.generator = np.asarray(weights, np.float64), replacement, generator
        self.num_samples = _count("WeightedRandomSampler", num_samples)
        if self.weights.ndim != 1 or not (self.weights >= 0).all() or not 0 < self.weights.sum() < np.inf:
            raise ArgumentError("WeightedRandomSampler: expected weights of at least 0.", got=f"{weights!r:.60}")
        if not replacement and num_samples > (most := np.count_nonzero(self.weights)):
            got = f"num_samples={num_samples}, {most} weights above 0"
            raise ArgumentError("WeightedRandomSampler: without replacement there are not enough samples.", got=got)

    def draw(self) -> Array:
        """Draw by weight."""
        source, weights = generator_or_default(self.generator), self.weights / self.weights.sum()
        return source.choice(len(weights), self.num_samples, replace=self.replacement, p=weights)


class BatchSampler(Sampler[list[int]]):
    """Put the indices of a sampler into lists of one length, the last of which may be shorter or left out."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        self.sampler, self.drop_last = sampler, drop_last
        self.batch_size = _count("BatchSampler", batch_size, "batch_size")

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def _count(name: str, value: Any, what: str = "num_samples") -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ArgumentError(f"{name}: {what} must be a whole number of at least 1.", got=f"{value!r:.60}")
    return int(value)
