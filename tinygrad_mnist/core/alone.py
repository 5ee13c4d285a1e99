"""The generators that all threads share, for one thread alone: others wait before they draw.

NumPy's generators take a lock for each draw. Since NumPy 2.4 it knows who holds it, so that a thread can hold it over
many; before, nobody can be made to wait. A process forked meanwhile would find locks that nobody in it holds: to fork
waits, too. Look next at draws.py.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from .backend import default_generator

REENTRANT = type(threading.RLock())
forking = threading.local()


@contextmanager
def alone() -> Iterator[None]:
    """Have other threads wait before they draw from the default generator, or from NumPy's."""
    shared: tuple[Any, Any] = default_generator._numpy, np.random.mtrand._rand  # ours may not be made yet
    locks = (getattr(getattr(g, "_bit_generator", None), "lock", None) for g in shared)
    ours, numpys = (lock if isinstance(lock, REENTRANT) else nullcontext() for lock in locks)
    with ours, numpys:  # and no call in between, since Ctrl-C may come after one
        yield


def _before_fork() -> None:
    forking.held = alone()
    forking.held.__enter__()


def _after_fork() -> None:
    forking.held.__exit__(None, None, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
