"""The number of threads of a BLAS, NumPy's or SciPy's, read and set through the C functions that it exports.

Where none of them is found (Apple's Accelerate, Windows, a browser), everything works without this control. Knows no
kernel. Look next at parallel.py.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable
from typing import Any

# (set, get) of OpenBLAS as NumPy's wheels carry it, of other builds of it, and of MKL
_NAMES = [
    *((f"{prefix}_set_num_threads{suffix}", f"{prefix}_get_num_threads{suffix}")
      for prefix in ("scipy_openblas", "openblas") for suffix in ("64_", "", "_64", "64")),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
]  # fmt: skip


class Blas:
    """A library that can be told to use one thread for a while, by several callers at once."""

    def __init__(self, linked: Any) -> None:
        """Find the library through an extension module that is linked with it and stays loaded."""
        self.lock = threading.Lock()
        # Who wants one thread now. An interruption (Ctrl-C) may keep a user from leaving; it counts while it lives.
        self.users: weakref.WeakSet[object] = weakref.WeakSet()
        self.limited = False
        self.outside = 0  # threads to go back to when nobody is left
        self.set: Callable[[int], object] = lambda n: None  # of a BLAS that cannot be told
        self.get: Callable[[], int] = lambda: 0  # ... and does not say
        try:
            library = ctypes.CDLL(linked.__file__)
        except (OSError, TypeError, AttributeError):
            return
        for setter, getter in _NAMES:
            if hasattr(library, setter) and hasattr(library, getter):
                self.set, self.get = getattr(library, setter), getattr(library, getter)
                return

    def enter(self, user: object) -> None:
        """Have one thread per product until this user leaves."""
        with self.lock:
            self.users.add(user)
            if not self.limited:
                self.outside = self.get()
                self.limited = True
                self.set(1)

    def leave(self, user: object) -> None:
        """Go back to what was before the first of the users that overlap."""
        with self.lock:
            self.users.discard(user)
            if not self.users:
                self.set(self.outside)
                self.limited = False

    def choose(self, n: int) -> None:
        """Set the number of threads for products outside the pool."""
        with self.lock:
            self.outside = n
            if not self.limited:
                self.set(n)

    def restart(self) -> None:
        """Undo an `enter` whose `leave` happens in another process."""
        self.lock = threading.Lock()
        self.users = weakref.WeakSet()
        if self.limited:
            self.set(self.outside)
            self.limited = False
