"""One pool of threads for the kernels: NumPy lets go of Python's lock in products and large loops, so that blocks of
one array can be worked on side by side.

A woken thread takes some 50 µs to begin, so this pays for work of several hundred µs. While the pool works, NumPy's
BLAS uses one thread per product: two pools that spin for the same cores take many times longer than either alone.
Nothing is started or loaded before the first use. Knows no kernel. Look next at conv.py.
"""

from __future__ import annotations

import contextvars
import os
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.backend import T
from ..core.errors import ArgumentError
from .blas import Blas

_lock = threading.Lock()
_here = threading.local()  # .job: what this thread works on, or worked on last
_threads: int | None = None  # as many as are to work, with the caller's; None until it is asked for
_pool: _Pool | None = None
_blas: dict[None, Blas] = {}  # the one there is, once it was asked for
_products = 1 << 62  # matrix products since the pool was last woken: counted, not timed, so that a run repeats itself
_AWAKE = 64  # products: more than lie between two convolutions, forward and backward, of most networks


def get_num_threads() -> int:
    """Count the threads that kernels use.

    At first the cores that this process may run on, less where a quota on processor time says so (a container's), or
    where NumPy's BLAS was told to use fewer (OMP_NUM_THREADS and the like).
    """
    global _threads
    if _threads is None:
        with _lock:
            if _threads is None:
                _threads = min(_cores(), _find_blas().get() or 1 << 30)
    return _threads


def set_num_threads(n: int) -> None:
    """Choose how many threads kernels and NumPy's matrix products use; 1 for none but the caller's.

    Raises:
        ArgumentError: if n is not an integer of at least 1
    """
    global _threads
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise ArgumentError(f"set_num_threads: n is {n!r}.", expected="an integer of at least 1")
    with _lock:
        _threads = int(n)
        _find_blas().choose(_threads)


def is_awake() -> bool:
    """Tell whether the pool was woken a few products ago, so that this step is one that uses it."""
    return _products < _AWAKE


def count_product() -> bool:
    """Note a matrix product and tell whether the pool was awake before it."""
    global _products
    _products += 1
    return _products <= _AWAKE


def fall_asleep() -> None:
    """Begin as a new process does, so that what follows does not depend on what was computed before."""
    global _products
    _products = 1 << 62


def for_each(function: Callable[[T], object], items: Iterable[T], *, wake: bool = True) -> None:
    """Call function(item) for every item, over the pool; the caller's thread takes part.

    Items should be independent and take about equally long; which thread does which is left to chance, so a result
    must not depend on it. Calls from inside an item run in its thread, one item after the other.

    Args:
        wake: False for work that is only shared in a step that uses the pool anyway: where none of its products are,
            BLAS's own threads spin for 25 ms after each product and keep the cores from the pool
    Raises:
        Exception: what the first failing item raised, once all threads have stopped; further items are not begun
    """
    global _products
    waiting = list(items)
    helpers = min(get_num_threads(), len(waiting)) - 1
    outer: _Job | None = getattr(_here, "job", None)
    nested = outer is not None and not outer.ended  # an interruption may have kept a thread from noting its end
    if helpers < 1 or not (wake or is_awake()) or nested:
        for item in waiting:
            function(item)
        return
    waiting.reverse()  # the first are taken first, from the end
    job = _Job(function, waiting)
    pool = _pool if _pool is not None and _pool.size >= helpers else _enlarge(helpers)
    blas = _find_blas()
    tickets: list[_Ticket] = []
    try:
        blas.enter(job)
        for _ in range(helpers):
            tickets.append(_Ticket(job))
            pool.tickets.put(tickets[-1])
        job.work()
    except BaseException as error:  # an interruption between two items
        job.fail(error)
    finally:
        for ticket in tickets:
            ticket.wait()
        job.ended = True
        blas.leave(job)
        if wake:
            _products = 0
    if job.error is not None:
        raise job.error


def with_one_blas_thread(function: Callable[[], T]) -> T:
    """Call a function whose products are not to wake the threads of BLAS."""
    blas, user = _find_blas(), _User()
    try:
        blas.enter(user)
        return function()
    finally:
        blas.leave(user)


class _User:
    """Somebody who wants BLAS to use one thread."""


class _Job:
    """The items of one call that nobody has taken yet, and the first error."""

    def __init__(self, function: Callable[[Any], object], waiting: list[Any]) -> None:
        self.function, self.waiting = function, waiting
        self.error: BaseException | None = None
        self.ended = False

    def work(self) -> None:
        """Take items until there are none."""
        function, waiting = self.function, self.waiting
        _here.job = self
        try:
            while waiting:
                try:
                    item = waiting.pop()
                except IndexError:  # another thread took the last one since
                    break
                function(item)
        except BaseException as error:
            self.fail(error)
        finally:
            _here.job = None

    def fail(self, error: BaseException) -> None:
        """Keep the first error, and let no item begin after it."""
        if self.error is None:
            self.error = error
        self.waiting.clear()


class _Ticket:
    """A worker's invitation to a job. The caller takes it back if no worker came in time, and need not wait then."""

    def __init__(self, job: _Job) -> None:
        self.job = job
        self.context = contextvars.copy_context()  # of the caller: np.errstate, among others
        self.owner: dict[str, str] = {}  # setdefault decides who comes first, once and for all
        self.finished = False
        self.done = threading.Lock()
        self.done.acquire()

    def use(self) -> None:
        """Work on the job, in a worker's thread."""
        if self.owner.setdefault("owner", "worker") == "worker":
            try:
                self.context.run(self.job.work)
            finally:
                self.finished = True
                self.done.release()

    def wait(self) -> None:
        """Return when no worker is on the job, nor will be. An interruption (Ctrl-C) ends the job, not the wait."""
        while True:
            try:
                if self.finished or self.owner.setdefault("owner", "caller") == "caller":
                    return
                self.done.acquire()
            except BaseException as error:
                self.job.fail(error)


class _Pool:
    """Threads that wait for tickets as long as the process lives."""

    def __init__(self) -> None:
        self.tickets: queue.SimpleQueue[_Ticket] = queue.SimpleQueue()
        self.size = 0

    def grow(self, size: int) -> None:
        """Start threads: daemons, since they only ever wait, or work for a caller who waits for them."""
        while self.size < size:
            threading.Thread(target=self.serve, name=f"tinygrad_mnist-{self.size + 1}", daemon=True).start()
            self.size += 1

    def serve(self) -> None:
        """Use one ticket after the other."""
        while True:
            self.tickets.get().use()


def _enlarge(size: int) -> _Pool:
    """Give the pool, with at least so many threads."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = _Pool()
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_forget)
        with suppress(RuntimeError):  # no more threads to be had, in a browser none at all: the caller does the work
            _pool.grow(size)
        return _pool


def _forget() -> None:
    """Start anew in a forked child, which has none of the threads and perhaps a lock that one of them held."""
    global _pool, _lock, _here
    _pool, _lock, _here = None, threading.Lock(), threading.local()
    for blas in _blas.values():
        blas.restart()


def _find_blas() -> Blas:
    """Give the BLAS of NumPy: one for all threads, since it counts who wants what."""
    blas = _blas.get(None)
    return _blas.setdefault(None, Blas(getattr(np.linalg, "_umath_linalg", None))) if blas is None else blas


def _cores() -> int:
    """Count the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    files = ["/sys/fs/cgroup/cpu.max"]
    if not os.path.exists(files[0]):
        files = [f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us" for name in ("quota", "period")]
    words: list[str] = []
    try:
        for name in files:
            with open(name, encoding="ascii") as file:
                words += file.read().split()
        quota, period = (0.0 if word == "max" else float(word) for word in words)
    except (OSError, ValueError):  # no such file, or of another form: no quota
        return cores
    return max(1, min(cores, round(quota / period))) if quota > 0 else cores
