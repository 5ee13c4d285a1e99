"""Seeing the module calls of a step from outside: whoever watches is told what each call gives, and changes nothing.

While anybody watches, compiled steps run as the plain Python that they are made of, since a replay calls no module.
Several may watch, and end in any order. Look next at statistics.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..core.scope import Scope, state

Seen = Callable[[Scope, Any, Any], None]  # the call, its arguments, what it gave


class Watches(threading.local):
    """Who watches this thread."""

    def __init__(self) -> None:
        self.all: list[Seen] = []
        self.before: tuple[Any, bool] = (None, False)

    def begin(self, seen: Seen) -> None:
        """Have every module call told to one more."""
        if not self.all:
            self.before = state.around, state.plainly
            state.around, state.plainly = self.around, True
        self.all.append(seen)

    def end(self, seen: Seen) -> None:
        """Tell one no longer; nothing happens if that was so already."""
        if seen in self.all:
            self.all.remove(seen)
            if not self.all:
                state.around, state.plainly = self.before

    def around(self, scope: Scope, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a module, and tell."""
        outer = self.before[0]
        out = forward(*args, **kwargs) if outer is None else outer(scope, forward, args, kwargs)
        for seen in self.all:
            seen(scope, args, out)
        return out


watches = Watches()
