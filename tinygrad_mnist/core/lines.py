"""The user's lines that recorded calls, for pictures and errors: of a program's first calls, and where one asks.

To find a line takes as long as a small operation, so that a training loop must not pay for it at every step: pictures
are of the first ones mostly, or of those that follow a picture. Knows no Node. Look next at graph.py.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .explain import caller

FIRST = 2_000  # calls whose lines are noted unasked; together they take 4 ms
MOST = 1_000_000


class Lines:
    """Where recorded calls were made, by their number."""

    until: float = FIRST
    unasked: float = FIRST  # what `until` is while nobody asks
    of: dict[int, str] = {}

    @classmethod
    def note(cls, index: int) -> None:
        """Note the user's line that makes a call now."""
        if len(cls.of) > MOST:
            cls.of.clear()
        cls.of[index] = sys.intern(caller())

    @classmethod
    def go_on(cls, index: int) -> None:
        """Note the lines of some more calls: a picture was drawn, and another may follow."""
        with _asking:
            cls.unasked = max(cls.unasked, index + FIRST)
            cls.until = max(cls.until, cls.unasked)


_askers: dict[object, None] = {}  # of any thread
_asking = threading.Lock()


@contextmanager
def record_lines() -> Iterator[None]:
    """Note the line of every call inside, which pictures then name; of a program's first calls it is noted anyway."""
    key = object()
    try:
        with _asking:
            _askers[key], Lines.until = None, math.inf
        yield
    finally:
        with _asking:
            _askers.pop(key, None)
            Lines.until = math.inf if _askers else Lines.unasked
