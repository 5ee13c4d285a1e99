"""Where a bar of progress can be shown, and the bar: tqdm's, a widget in notebooks, text elsewhere.

Somebody watches a terminal or a notebook; a file or a pipe is read later, and gets no bar. Knows nothing of what
progresses. training/progress.py shows epochs with it, data/sources.py downloads.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

from .errors import MissingDependencyError

TQDM = "tqdm.auto"


def tqdm(needed_by: str = "") -> Any:
    """Give tqdm's class of bars for where we are; without tqdm None, or MissingDependencyError where it is needed."""
    try:
        with warnings.catch_warnings():  # that a notebook without ipywidgets gets bars of text
            warnings.simplefilter("ignore")
            return importlib.import_module(TQDM).tqdm  # optional, and slow to import
    except ImportError:
        if needed_by:
            hint = "pip install tqdm, or progress=None for a bar only where there is one"
            raise MissingDependencyError(f"{needed_by} needs tqdm, which is not installed.", hint=hint) from None
        return None


def in_notebook() -> bool:
    """Tell whether a notebook's kernel runs this."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def is_watched() -> bool:
    """Tell whether somebody sees at once what is written to standard error."""
    try:
        return in_notebook() or sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def stream() -> Any:
    """Give the stream for bars of text: notebooks show standard error in red."""
    return sys.stdout if in_notebook() else sys.stderr


def for_downloads() -> Callable[[str, int, int], None] | None:
    """Give a function of (name, bytes done, bytes in total) that shows a bar for each file; None if nobody watches."""
    kind = tqdm() if is_watched() else None
    if kind is None:
        return None
    bars: dict[str, Any] = {}

    def tell(name: str, done: int, total: int) -> None:
        if name not in bars:
            bars[name] = kind(desc=name, total=total or None, unit="B", unit_scale=True, unit_divisor=1024,
                              file=stream())  # fmt: skip
        bar = bars[name]
        if done < bar.n:  # another mirror begins anew
            bar.reset(total or None)
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return tell


def say(text: str) -> None:
    """Print a text, above a bar that may be under way."""
    module = sys.modules.get(TQDM)
    if module is None:
        print(text, flush=True)
    else:
        module.tqdm.write(text)
