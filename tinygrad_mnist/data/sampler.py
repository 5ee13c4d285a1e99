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
from ..functions.dims import need

T = TypeVar("T", covariant=True)
Source = Generator | np.random.Generator | None


def positive(name: str, what: str, value: Any) -> int:
    """Read a whole number of at least 1."""
    good = not isinstance(value, bool) and isinstance(value, int | np.integer) and value > 0
    need(good, f"{name}: {what} must be a whole number of at least 1.", value, kind=ArgumentError)
    return int(value)


class Sampler(Generic[T]):
    """Base of samplers of one's own: write `__iter__`, which yields the indices of an epoch, and `__len__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: define __iter__(self)")


class Drawn(Sampler[int]):
    """A sampler whose indices are drawn as one array."""

    num_samples: Any
    generator: Source = None

    def draw(self) -> Array:
        """Draw the indices of one epoch."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(self.draw().tolist())

    def __len__(self) -> int:
        return int(self.num_samples)


class SequentialSampler(Drawn):
    """Take the samples of a dataset in turn."""

    num_samples = property(lambda self: len(self.data_source))

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def draw(self) -> Array:
        """Count the samples."""
        return np.arange(len(self))


class RandomSampler(Drawn):
    """Take the samples of a dataset in a random order, or (replacement) draw each from all; num_samples an epoch."""

    num_samples = property(lambda self: self._wanted or len(self.data_source))

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: int | None = None, generator: Source = None
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._wanted = None if num_samples is None else positive("RandomSampler", "num_samples", num_samples)

    def draw(self) -> Array:
        """Draw one order, or as many as give enough samples."""
        source, n, count = generator_or_default(self.generator), len(self.data_source), len(self)
        need(n or not count, "RandomSampler: there are no samples to draw from.", count, kind=ArgumentError)
        if self.replacement:
            return source.integers(0, max(n, 1), count)
        return np.concatenate([source.permutation(n) for _ in range(max(-(-count // max(n, 1)), 1))])[:count]


class SubsetRandomSampler(Drawn):
    """Take the samples with the given indices, in a random order."""

    num_samples = property(lambda self: len(self.indices))

    def __init__(self, indices: Sequence[int], generator: Source = None) -> None:
        self.indices, self.generator = indices, generator

    def draw(self) -> Array:
        """Draw an order of the indices."""
        return generator_or_default(self.generator).permutation(np.asarray(self.indices))


class WeightedRandomSampler(Drawn):
    """Draw samples with probabilities in the proportion of weights, each from all unless replacement is False."""

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True, generator: Source = None) -> None:
        self.weights, self.replacement, self.generator = np.asarray(weights, np.float64), replacement, generator
        self.num_samples = positive("WeightedRandomSampler", "num_samples", num_samples)
        good = self.weights.ndim == 1 and (self.weights >= 0).all() and 0 < self.weights.sum() < np.inf
        need(good, "WeightedRandomSampler: expected weights of at least 0.", weights, kind=ArgumentError)
        enough, what = replacement or num_samples <= np.count_nonzero(self.weights), "not enough weights are above 0"
        need(enough, f"WeightedRandomSampler: without replacement {what}.", num_samples, weights, kind=ArgumentError)

    def draw(self) -> Array:
        """Draw by weight."""
        source, weights = generator_or_default(self.generator), self.weights / self.weights.sum()
        return np.asarray(source.choice(len(weights), self.num_samples, replace=self.replacement, p=weights))


class BatchSampler(Sampler[list[int]]):
    """Put the indices of a sampler into lists of one length, the last of which may be shorter or left out."""

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        self.sampler, self.drop_last = sampler, drop_last
        self.batch_size = positive("BatchSampler", "batch_size", batch_size)

    def __iter__(self) -> Iterator[list[Any]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + (rest > 0 and not self.drop_last)
