"""Ctrl-C between two batches instead of inside one, so that what is saved then is whole.

Knows nothing of training. Look next at run.py.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class HeldInterrupt:
    """While active, a first Ctrl-C waits for `check()`; a second one raises KeyboardInterrupt at once.

    Does nothing outside the main thread, or where the program handles Ctrl-C itself.
    """

    def __init__(self) -> None:
        self.asked = self.active = False
        self.closing = False  # what is under way now is not to be interrupted

    def __enter__(self) -> HeldInterrupt:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self.active = True
            signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and not self.closing:
            raise KeyboardInterrupt
        self.asked = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if it has been asked for."""
        if self.asked:
            raise KeyboardInterrupt

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """Have Ctrl-C do what it did before; again is fine."""
        if self.active and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.active = False
