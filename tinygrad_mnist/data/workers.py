"""Worker processes that make batches ahead of time: each is told which samples to gather, and sends them back.

Every worker is a pool of one process, so that batch k goes to worker k modulo their number; they are given in order.
Knows nothing of datasets beyond the loader's `fetch`. multiprocessing is imported when the first worker starts.
"""

from __future__ import annotations

import importlib
import itertools
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.backend import default_generator
from ..core.errors import DataError
from ..core.scope import state
from ..kernels.parallel import set_num_threads


class WorkerInfo(NamedTuple):
    """What a worker process knows of itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here:  # in a worker process
    info: WorkerInfo | None = None
    loader: Any
    batches: Iterator[Any]


def get_worker_info() -> WorkerInfo | None:
    """Tell, in a worker process of a DataLoader, which of how many it is; None elsewhere."""
    return _Here.info


def _start(loader: Any) -> None:
    signals = importlib.import_module("signal")
    signals.signal(signals.SIGINT, signals.SIG_IGN)  # Ctrl-C is the main process's, which then ends this one
    set_num_threads(1)
    state.recorder, state.scope, state.recording = None, None, True
    _Here.info, _Here.loader = None, loader


def _begin(worker: int, seed: int) -> None:
    """Begin an epoch."""
    loader, first = _Here.loader, _Here.info is None
    importlib.import_module("random").seed(seed)
    np.random.seed(seed % 2**32)
    default_generator.manual_seed(seed)
    _Here.info = WorkerInfo(worker, loader.num_workers, seed, loader.dataset)
    if first and loader.worker_init_fn is not None:
        loader.worker_init_fn(worker)
    if loader.iterable:
        _Here.batches = loader.gone_through()


def _make(task: Any) -> list[Any]:
    """Make a batch; none where an IterableDataset is over."""
    return list(itertools.islice(_Here.batches, 1)) if _Here.loader.iterable else [_Here.loader.fetch(task)]


class Workers:
    """The worker processes of a loader."""

    def __init__(self, loader: Any) -> None:
        context = loader.multiprocessing_context
        if context is None or isinstance(context, str):
            context = importlib.import_module("multiprocessing").get_context(context)
        self.futures = importlib.import_module("concurrent.futures")
        self.ahead, self.timeout = loader.num_workers * (loader.prefetch_factor or 2), loader.timeout or None
        self.pools = [
            self.futures.ProcessPoolExecutor(1, context, _start, (loader,)) for _ in range(loader.num_workers)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's, of fork beside threads: none is needed
            self.ids = [pool.submit(os.getpid) for pool in self.pools]

    def batches(self, tasks: Iterable[Any], seed: int) -> Iterator[Any]:
        """Yield the batches of one epoch."""
        begun = [self.pools[i].submit(_begin, i, seed + i) for i in range(len(self.pools))]
        turn, todo, waiting = deque(range(len(self.pools))), iter(tasks), deque[tuple[int, Any]]()

        def ask() -> None:
            for task in itertools.islice(todo, 1 if turn else 0):
                waiting.append((turn[0], self.pools[turn[0]].submit(_make, task)))
                turn.rotate(-1)

        for _ in range(self.ahead):
            ask()
        for worker, future in enumerate(begun):
            self.result(worker, future)
        while waiting:
            worker, future = waiting.popleft()
            if found := self.result(worker, future):
                ask()
                yield found[0]
            elif worker in turn:
                turn.remove(worker)

    def result(self, worker: int, future: Any) -> Any:
        """Wait for what a worker makes, or raise what it raised."""
        try:
            return future.result(self.timeout)
        except self.futures.process.BrokenProcessPool as error:
            raise DataError(f"DataLoader: worker process {worker} has ended unexpectedly.", got=str(error),
                            hint="num_workers=0 shows what it does") from None  # fmt: skip
        except TimeoutError:
            if future.done():  # it is the dataset's
                raise
            for process in self.ids:
                os.kill(process.result(), importlib.import_module("signal").SIGTERM)
            raise DataError(f"DataLoader: no batch within timeout={self.timeout} s.") from None

    def close(self) -> None:
        """End the processes once they have made what they are at."""
        for pool in self.pools:
            pool.shutdown(wait=False, cancel_futures=True)
