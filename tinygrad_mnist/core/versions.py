"""When memory was last changed in place, and who shares it: so that a stale gradient is an error, not a wrong number.

Recordings and changes draw their ticks from one clock, so that "changed after it was recorded" is one comparison.
Knows no graph. Look next at graph.py; stale.py asks the question, in_place.py makes the changes.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

tick: Callable[[], int] = itertools.count(1).__next__


class Changes:
    """The tick of the latest change in place: a graph recorded after it needs no checks."""

    latest = 0


changes = Changes()
GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
_noting = threading.Lock()  # where there is no lock of Python's own
_sharing = threading.RLock()  # a finalizer that runs meanwhile may share as well


class Version:
    """When one piece of memory was last changed in place, and which Vars share it."""

    __slots__ = ("tick", "sharers", "most")

    def __init__(self) -> None:
        self.tick = 0
        self.most = 16  # sharers, dead ones among them
        self.sharers: dict[int, weakref.ref[Any]] | None = None  # by id: == compares elements

    def bump(self, at: int | None = None) -> None:
        """Note a change now, or at the tick of the Node that records it."""
        self.tick = now = tick() if at is None else at
        if not GIL:
            with _noting:
                changes.latest = max(changes.latest, now)
        elif now > changes.latest:  # no call from here on, after which another thread might note a later one
            changes.latest = now

    def share(self, *variables: Any) -> None:
        """Note that these Vars look at the same memory."""
        with _sharing:
            sharers = self.sharers
            if sharers is None:
                sharers = self.sharers = {}
            elif len(sharers) > self.most:  # forget the dead, seldom
                for key in _dead(sharers):
                    del sharers[key]
                self.most = max(16, 2 * len(sharers))
            for v in variables:
                sharers[id(v)] = weakref.ref(v)

    def others(self, variable: Any) -> bool:
        """Tell whether a living Var other than this one looks at the memory."""
        living = [ref() for ref in list((self.sharers or {}).values())]
        return any(v is not None and v is not variable for v in living)


def _dead(sharers: dict[int, Any]) -> list[int]:
    """List those of whom nothing is left, by id: apart from the lock, which a loop's turn might keep (Python 3.12)."""
    return [key for key, ref in list(sharers.items()) if ref() is None]
