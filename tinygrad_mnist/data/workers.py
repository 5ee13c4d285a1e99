"""Worker processes that make batches ahead of time: each is told which samples to gather, and sends them back.

Batch k goes to worker k modulo their number, prefetch_factor batches ahead, and is given in order. Knows nothing of
datasets beyond the loader's `fetch`. multiprocessing is imported when the first worker starts. Look at loader.py.
"""

from __future__ import annotations

import importlib
import itertools
import pickle
import queue
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.backend import default_generator
from ..core.errors import DataError
from ..core.scope import state
from ..kernels.parallel import set_num_threads

PATIENCE = 1.0  # seconds between two looks at whether the workers are alive


class WorkerInfo(NamedTuple):
    """What a worker process knows of itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here:
    info: WorkerInfo | None = None  # of this process


def get_worker_info() -> WorkerInfo | None:
    """Tell, in a worker process of a DataLoader, which of how many it is; None elsewhere."""
    return _Here.info


class Failure(NamedTuple):
    """An exception in a worker."""

    kind: type[Exception]
    text: str


class End:
    """What a worker sends when its part of an IterableDataset is over."""


def _failure(worker: int, error: Exception) -> Failure:
    trace = importlib.import_module("traceback").format_exc()
    text = f"Caught {type(error).__name__} in DataLoader worker process {worker}.\n{trace}"
    try:
        pickle.loads(pickle.dumps(type(error)))
        return Failure(type(error), text)
    except Exception:
        return Failure(RuntimeError, text)


def _work(loader: Any, worker: int, inbox: Any, outbox: Any) -> None:
    """Do what the messages in the inbox say, until one is None."""
    signals = importlib.import_module("signal")
    signals.signal(signals.SIGINT, signals.SIG_IGN)  # Ctrl-C is the main process's, which then ends this one
    set_num_threads(1)
    state.recorder, state.scope, state.recording = None, None, True
    source: Iterator[Any] = iter(())
    broken: Failure | None = None
    while (message := inbox.get()) is not None:
        number, task = message
        if number is None:  # an epoch begins: task is its seed
            seed = task + worker
            importlib.import_module("random").seed(seed)
            np.random.seed(seed % 2**32)
            default_generator.manual_seed(seed)
            first = _Here.info is None
            _Here.info = WorkerInfo(worker, loader.num_workers, seed, loader.dataset)
            try:
                if first and loader.worker_init_fn is not None:
                    loader.worker_init_fn(worker)
                source = loader.gone_through() if loader.iterable else source
            except Exception as error:
                broken = _failure(worker, error)
            continue
        try:
            found = broken or (next(source, End()) if loader.iterable else loader.fetch(task))
            content = pickle.dumps(found, protocol=5)
        except Exception as error:
            content = pickle.dumps(_failure(worker, error))
        outbox.put((number, content))
    outbox.cancel_join_thread()  # nobody waits for what is still there


class Workers:
    """The worker processes of a loader."""

    def __init__(self, loader: Any) -> None:
        context = loader.multiprocessing_context
        if context is None or isinstance(context, str):
            context = importlib.import_module("multiprocessing").get_context(context)
        self.count, self.ahead, self.timeout = loader.num_workers, loader.prefetch_factor or 2, loader.timeout
        self.in_order, self.iterable = loader.in_order, loader.iterable
        self.numbers = itertools.count()
        self.outbox = context.Queue()
        self.inboxes = [context.SimpleQueue() for _ in range(self.count)]
        make: Callable[..., Any] = context.Process
        self.processes = [
            make(target=_work, args=(loader, i, inbox, self.outbox), daemon=True)
            for i, inbox in enumerate(self.inboxes)
        ]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # Python's, of fork beside threads: none is needed
                for process in self.processes:
                    process.start()
        except BaseException:
            self.close()
            raise

    def batches(self, tasks: Iterable[Any], seed: int) -> Iterator[Any]:
        """Yield the batches of one epoch."""
        for inbox in self.inboxes:
            inbox.put((None, seed))
        todo, active = iter(tasks), dict.fromkeys(range(self.count))
        turn = itertools.cycle(range(self.count))
        asked: dict[int, int] = {}  # number of a batch: the worker that makes it
        done: dict[int, Any] = {}

        def ask() -> None:
            worker = next((w for _, w in zip(range(self.count), turn, strict=False) if w in active), None)
            if worker is None:
                return
            for task in itertools.islice(todo, 1):
                number = next(self.numbers)
                asked[number] = worker
                self.inboxes[worker].put((number, task))

        for _ in range(self.ahead * self.count):
            ask()
        while asked:
            wanted = next(iter(asked)) if self.in_order else next((n for n in asked if n in done), -1)
            if wanted not in done:
                number, content = self.receive()
                if number in asked:  # else of an epoch that was broken off
                    done[number] = pickle.loads(content)
                continue
            worker, found = asked.pop(wanted), done.pop(wanted)
            if isinstance(found, Failure):
                raise _raised(found)
            if isinstance(found, End):
                active.pop(worker, None)
                continue
            ask()
            yield found

    def receive(self) -> tuple[int, bytes]:
        """Wait for the next batch from any worker."""
        start = time.monotonic()
        while True:
            try:
                answer: tuple[int, bytes] = self.outbox.get(timeout=min(PATIENCE, self.timeout or PATIENCE))
                return answer
            except queue.Empty:
                for i, process in enumerate(self.processes):
                    if not process.is_alive():
                        raise DataError(f"DataLoader: worker process {i} has ended unexpectedly.",
                                        got=f"exit code {process.exitcode}",
                                        hint="num_workers=0 shows what it does") from None  # fmt: skip
                if self.timeout and time.monotonic() - start >= self.timeout:
                    raise DataError(f"DataLoader: no batch within timeout={self.timeout} s.") from None

    def close(self) -> None:
        """End the processes."""
        for inbox, process in zip(self.inboxes, self.processes, strict=True):
            if process.pid is not None:
                inbox.put(None)
        end = time.monotonic() + 1
        for process in self.processes:
            if process.pid is not None:
                process.join(max(0.0, end - time.monotonic()))
                if process.is_alive():
                    process.terminate()
                    process.join()
        self.outbox.close()
        self.outbox.join_thread()
        self.processes, self.inboxes = [], []

    def __del__(self) -> None:
        for process in self.processes:
            if process.pid is not None and process.is_alive():
                process.terminate()


def _raised(failure: Failure) -> Exception:
    try:
        return failure.kind(failure.text)
    except Exception:
        return RuntimeError(failure.text)
