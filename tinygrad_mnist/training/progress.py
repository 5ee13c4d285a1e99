"""A progress bar per epoch, by tqdm where it is installed.

Knows nothing of training but names and numbers. Look next at run.py.
"""

from __future__ import annotations

import importlib
from typing import Any

from ..core.errors import MissingDependencyError


class Progress:
    """Bars on standard error, one per epoch.

    Args:    wanted: None for bars where standard error is a terminal and tqdm is installed, True for bars always
    Raises:  MissingDependencyError if they are insisted on without tqdm
    """

    def __init__(self, wanted: bool | None) -> None:
        self.tqdm: Any = None
        self.bar: Any = None
        self.disable: bool | None = None if wanted is None else not wanted
        if wanted is False:
            return
        try:
            self.tqdm = importlib.import_module("tqdm").tqdm  # optional, and slow to import
        except ImportError:
            if wanted:
                raise MissingDependencyError(
                    "fit: progress=True needs tqdm, which is not installed.",
                    hint="pip install tqdm, or progress=None for a bar only where there is one",
                ) from None

    def begin(self, title: str, total: int | None, done: int) -> None:
        """Show a new bar."""
        if self.tqdm is not None:
            self.bar = self.tqdm(desc=title, total=total, initial=done, unit="batch", disable=self.disable)

    def advance(self, done: int, **figures: float) -> None:
        """Move the bar, now and then."""
        if self.bar is not None and not self.bar.disable and (done % 10 == 0 or done == self.bar.total):
            self.bar.set_postfix({k: f"{v:.4f}" for k, v in figures.items()}, refresh=False)
            self.bar.update(done - self.bar.n)

    def end(self, **figures: float) -> None:
        """Leave the bar as a line with the figures of the epoch."""
        if self.bar is not None:
            if figures:
                self.bar.set_postfix({k: f"{v:.4f}" for k, v in figures.items()}, refresh=True)
            self.bar.close()
            self.bar = None
