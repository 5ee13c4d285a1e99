"""One process at a time: a lock on a folder of files that are made once and read by many.

Knows no file but its own. data/sources.py downloads under it, fast/setup.py compiles.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = ".lock"


@contextmanager
def locked(folder: Path, patience: float) -> Iterator[bool]:
    """Let one thread of one process at a time into the block; yield False where that was not to be had.

    The operating system drops the lock when its holder dies, so no lock is ever stale. A lock is a courtesy that saves
    doing things twice: writes are atomic without it, so after `patience` seconds, on file systems that cannot lock and
    on platforms without locks (Pyodide) the block runs all the same.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = open(folder / NAME, "a+b")  # noqa: SIM115  closed below, on every path
    except OSError:
        yield False
        return
    with stream:
        yield _acquire(_locker(), stream.fileno(), patience)  # closing the file releases the lock


def _acquire(try_lock: Callable[[int], None] | None, descriptor: int, patience: float) -> bool:
    give_up = time.monotonic() + patience
    while try_lock is not None:
        try:
            try_lock(descriptor)
            return True
        except (BlockingIOError, PermissionError):  # held by another: flock says the one, Windows the other
            if time.monotonic() >= give_up:
                return False
            time.sleep(0.05)
        except OSError:
            return False
    return False


def _locker() -> Callable[[int], None] | None:
    """Find the platform's non-blocking lock of an open file."""
    # By name, because fcntl exists on Unix only and msvcrt on Windows only.
    name = "msvcrt" if sys.platform == "win32" else "fcntl"
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    if name == "msvcrt":
        return lambda descriptor: module.locking(descriptor, module.LK_NBLCK, 1)
    return lambda descriptor: module.flock(descriptor, module.LOCK_EX | module.LOCK_NB)
