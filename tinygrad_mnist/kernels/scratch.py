"""Working memory that kernels ask for by name and get again at the next call, already in cache and paged in.

Each thread has its own buffer per name, as large as the largest need so far: in all a few MB per thread, since kernels
ask for blocks and not for whole arrays. `release` lets go. Knows no kernel. Look next at parallel.py.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
import weakref
from typing import Any

import numpy as np

from ..core.backend import Array

_ALIGNMENT = 64  # bytes of a cache line and of the widest vector register
_MOST_STRETCHED = 1 << 16  # elements up to which a copy stays in cache
_MOST_VIEWS = 256  # per thread: shapes that differ from call to call are not worth remembering


class _Held:
    """The buffers of one thread, and the views of them given so far: most calls ask for one of these again."""

    def __init__(self) -> None:
        self.buffers: dict[str, Array] = {}
        self.views: dict[tuple[str, tuple[int, ...], np.dtype[Any]], Array] = {}

    def view(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Make a view that was not given yet, of a larger buffer if need be."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        buffer = self.buffers.get(name)
        if len(self.views) >= _MOST_VIEWS:
            self.views = {}
        if buffer is None or buffer.size < size:
            # The old one goes before the new one comes, so that never both are held.
            self.views = {key: view for key, view in self.views.items() if key[0] != name}
            self.buffers.pop(name, None)
            buffer = None
            raw = np.empty(size + _ALIGNMENT, np.uint8)
            buffer = self.buffers[name] = raw[-raw.ctypes.data % _ALIGNMENT :]
        view: Array = buffer[:size].view(kind).reshape(shape)
        self.views[name, shape, dtype] = view
        return view


_lock = threading.Lock()
_everyone: weakref.WeakSet[_Held] = weakref.WeakSet()
_mine = threading.local()
_memory_is_kept = False


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Give this thread's buffer of a name as an array; its values are whatever was left there.

    It is valid until the thread asks for the same name again, so that a kernel uses names that nothing it calls uses.

    Shapes:
        -> shape, C order, its start aligned to 64 bytes
    """
    try:
        held: _Held = _mine.held
    except AttributeError:
        held = _mine.held = _Held()
        with _lock:
            _everyone.add(held)
        _keep_freed_memory()
    view: Array | None = held.views.get((name, shape, dtype))
    return held.view(name, shape, dtype) if view is None else view


def contiguous(x: Array, name: str) -> Array:
    """Give x in C order: itself, or a copy in this thread's buffer of a name."""
    if x.flags.c_contiguous:
        return x
    copy = scratch(name, x.shape, x.dtype)
    copy[...] = x
    return copy


def stretched(name: str, x: Array, shape: tuple[int, ...]) -> Array:
    """Copy x, repeated along axes of size 1 and new ones, to this thread's buffer of a name.

    NumPy's loops allocate 32 KB at every call with an operand that they stretch themselves; a copy takes as long and
    allocates nothing. Where it would not stay in cache, x itself is given.

    Shapes:
        x (*A) -> shape, to which A broadcasts
    """
    if math.prod(shape) > _MOST_STRETCHED:
        return x
    full = scratch(name, shape, x.dtype)
    np.copyto(full, x)
    return full


def release() -> None:
    """Let go of the buffers of all threads, and hand memory that is free back to the system."""
    with _lock:
        for held in _everyone:
            held.views, held.buffers = {}, {}
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _keep_freed_memory() -> None:
    """Ask the C library to keep what is freed for the next allocation instead of handing it back to the system.

    A training step frees megabytes and asks for them again at the next step. glibc returns blocks of that size to the
    system, which then zeroes every page anew: measured 5 300 page faults, half of the time of a step of a small CNN.
    An environment that sets glibc's thresholds itself is obeyed, and other C libraries are left alone.
    """
    global _memory_is_kept
    if _memory_is_kept:
        return
    _memory_is_kept = True
    chosen = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    option = getattr(_c_library(), "mallopt", None)
    if option is None or any(name in os.environ for name in chosen):
        return
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    option(trim_threshold, 1 << 30)
    if not option(mmap_threshold, 1 << 30):
        option(mmap_threshold, 1 << 25)  # the most that older versions accept


def _c_library() -> ctypes.CDLL | None:
    """Give the C library of this process where it may be glibc, else None."""
    return ctypes.CDLL(None) if sys.platform == "linux" else None
