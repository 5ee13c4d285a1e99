"""The loader that cuts any dataset into batches, in this process or ahead of time in workers.

A batch is gathered in one operation, `dataset[array of indices]`, where the dataset says that it can
(`takes_index_arrays`); else sample by sample. Knows nothing of files. Look next at collate.py and workers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from types import GenericAlias
from typing import Any

import numpy as np

from ..core.backend import Generator, generator_or_default
from ..core.errors import ArgumentError
from ..core.reprs import in_html
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .look import Look, look, named
from .sampler import BatchSampler, Drawn, RandomSampler, SequentialSampler, positive
from .workers import Workers


class DataLoader:
    """Iterate over a dataset in batches; each pass is one epoch.

    Args:
        dataset: anything with len() and [i], or an IterableDataset
        batch_size: None gives single samples
        shuffle: a new order each epoch, drawn from the generator (default: the one of `manual_seed`)
        sampler: yields the indices of an epoch
        batch_sampler: lists of them
        drop_last: leave out a last batch that is not full
        collate_fn: makes a batch of a list of samples, where samples are fetched one by one
        num_workers: processes that make batches ahead of time, prefetch_factor (2) each
        worker_init_fn: called with the number of each
        persistent_workers: keep them between epochs
        timeout: seconds to wait for a batch
        pin_memory, pin_memory_device: accepted, as there is no other memory
        in_order: they always are

    Example:
        >>> digits = tg.data.TensorDataset(tg.rand(100, 784), tg.arange(100))
        >>> [len(images) for images, labels in tg.data.DataLoader(digits, batch_size=32, shuffle=True)]
        [32, 32, 32, 4]
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None, batch_sampler: Iterable[Any] | None = None, num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None, pin_memory: bool = False, drop_last: bool = False,
        timeout: float = 0, worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None,
        generator: Generator | np.random.Generator | None = None, *, prefetch_factor: int | None = None,
        persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True,
    ) -> None:  # fmt: skip
        self.iterable = isinstance(dataset, IterableDataset)
        batch_size = None if batch_size is None else positive("DataLoader", "batch_size", batch_size)
        ordered, workers = bool(shuffle) or sampler is not None, num_workers > 0
        for wrong, what in (
            (sampler is not None and bool(shuffle), "sampler and shuffle exclude each other"),
            (batch_sampler is not None and (batch_size != 1 or ordered or drop_last),
             "batch_sampler excludes batch_size, shuffle, sampler and drop_last"),
            (self.iterable and (ordered or batch_sampler is not None),
             "an IterableDataset has its own order, without shuffle and samplers"),
            (batch_size is None and drop_last, "drop_last needs a batch_size"),
            (num_workers < 0 or timeout < 0, "num_workers and timeout must be at least 0"),
            (not workers and (prefetch_factor is not None or persistent_workers or timeout > 0),
             "prefetch_factor, persistent_workers and timeout need num_workers > 0"),
            (prefetch_factor is not None and prefetch_factor < 1, "prefetch_factor must be at least 1"),
        ):  # fmt: skip
            if wrong:
                raise ArgumentError(f"DataLoader: {what}.", got=f"batch_size={batch_size}, num_workers={num_workers}")
        self.dataset, self.shuffle, self.drop_last, self.generator = dataset, bool(shuffle), drop_last, generator
        self.batch_size = None if batch_sampler is not None else batch_size
        self.batch_sampler, self.collate_fn, self.num_workers = batch_sampler, collate_fn, num_workers
        order = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.sampler: Any = None if self.iterable else order if sampler is None else sampler
        self.pin_memory, self.pin_memory_device, self.timeout = pin_memory, pin_memory_device, timeout
        self.worker_init_fn, self.multiprocessing_context = worker_init_fn, multiprocessing_context
        self.prefetch_factor, self.persistent_workers, self.in_order = prefetch_factor, persistent_workers, in_order
        self._workers: Workers | None = None

    __class_getitem__: Any = classmethod(GenericAlias)  # DataLoader[...] in an annotation

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        whole: Any = self.dataset if self.iterable else self.sampler
        return len(whole) if self.batch_size is None else len(BatchSampler(whole, self.batch_size, self.drop_last))

    def __iter__(self) -> Iterator[Any]:
        return self.batches(self.order())

    def order(self) -> Any:
        """Draw the order of the samples for one epoch: indices, (N,); of a batch_sampler, lists of indices."""
        if self.iterable:
            return None
        source = self.sampler if self.batch_sampler is None else self.batch_sampler
        return source.draw() if isinstance(source, Drawn) else list(source)

    def batches(self, order: Any, first: int = 0) -> Iterator[Any]:
        """Yield the batches of samples in a given order, from the first one asked for."""
        size, skipped = self.batch_size, first if self.iterable else 0
        tasks: Any = repeat(None) if self.iterable else order[first:]
        if size is not None and not self.iterable:
            end = len(order) - (len(order) % size if self.drop_last else 0)
            tasks = (order[i : i + size] for i in range(first * size, end, size))
        if not self.num_workers:
            yield from islice(self.gone_through(), skipped, None) if self.iterable else map(self.fetch, tasks)
            return
        workers, self._workers = self._workers or Workers(self), None
        try:
            seed = int(generator_or_default(self.generator).integers(2**62))
            yield from islice(workers.batches(tasks, seed), skipped, None)
            self._workers = workers if self.persistent_workers else None
        finally:
            if self._workers is not workers:
                workers.close()

    def gone_through(self) -> Iterator[Any]:
        """Yield the batches of an IterableDataset."""
        if self.batch_size is None:
            return map(self.collate_fn or default_convert, self.dataset)
        return map(self.collate_fn or default_collate, BatchSampler(self.dataset, self.batch_size, self.drop_last))

    def fetch(self, indices: Any) -> Any:
        """Gather the samples with these indices into one batch."""
        dataset = self.dataset
        if self.batch_size is None and self.batch_sampler is None:
            index = int(indices) if isinstance(indices, np.integer) else indices
            return (self.collate_fn or default_convert)(dataset[index])
        if self.collate_fn is None and getattr(dataset, "takes_index_arrays", False):
            return default_convert(dataset[np.asarray(indices, np.int64)])
        keys = [int(i) if isinstance(i, np.integer) else i for i in indices]
        samples = dataset.__getitems__(keys) if hasattr(dataset, "__getitems__") else [dataset[i] for i in keys]
        return (self.collate_fn or default_collate)(samples)

    def __repr__(self) -> str:
        size = "batch_sampler" if self.batch_sampler is not None else f"batch_size={self.batch_size}"
        return f"DataLoader({named(self.dataset)}, {size}, shuffle={self.shuffle})"

    _repr_html_ = in_html("loader")

    def _look(self) -> Look:
        return look(self)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_workers": None}
