"""What `fit` shows while it trains: a bar per epoch where somebody watches, else a line per epoch; or nothing.

Knows nothing of training but names and numbers. Bars are those of core/bars.py. Look next at run.py.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from ..core import bars

DONE = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"  # of an epoch: figures need the room of the rate


class Progress:
    """Bars or lines on standard error, one per epoch, never both; in a notebook a widget.

    Args:
        wanted: None for bars in a terminal or a notebook where tqdm is installed, and lines without; True for bars
            wherever we are; False for silence
    Raises:
        MissingDependencyError: if bars are insisted on without tqdm
    """

    def __init__(self, wanted: bool | None) -> None:
        self.bar: Any = None
        self.title, self.done = "", 0
        self.tqdm = None
        if wanted or (wanted is None and bars.is_watched()):
            self.tqdm = bars.tqdm("fit: progress=True" if wanted else "")
        self.lines = wanted is None and self.tqdm is None

    def begin(self, title: str, total: int | None, done: int) -> None:
        """Show a new bar."""
        self.title = title
        if self.tqdm is not None:
            self.bar = self.tqdm(desc=title, total=total, initial=done, unit="batch", file=bars.stream())

    def advance(self, done: int, **figures: float) -> None:
        """Move the bar, now and then."""
        self.done = done
        if self.bar is not None and (done % 10 == 0 or done == self.bar.total):
            self.bar.set_postfix({k: f"{v:.4f}" for k, v in figures.items()}, refresh=False)
            self.bar.update(done - self.bar.n)

    def end(self, **figures: float) -> None:
        """Leave the bar, or write a line, with the figures of the epoch; without figures it was not finished."""
        texts = {k: f"{v:.4f}" for k, v in figures.items()}
        if self.bar is not None:
            if figures:
                self.bar.update(self.done - self.bar.n)
                if self.bar.total:
                    self.bar.bar_format = DONE
                first = sorted(texts, key=lambda name: not name.startswith("valid_"))  # narrow terminals cut the rest
                self.bar.set_postfix({name: texts[name] for name in first}, refresh=True)
            self.bar.close()
            self.bar = None
        elif self.lines and figures:
            with suppress(AttributeError, OSError, ValueError):  # no stream, or nobody reads it: no reason to stop
                print("  ".join([self.title, *map(" ".join, texts.items())]), file=sys.stderr, flush=True)
