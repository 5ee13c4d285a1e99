"""What this thread is doing: whether it records, and which module call inside which other is running.

Every recorded call keeps its scope, so that errors and pictures can name the layer. Knows no Var. Look next at
graph.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol


class Caller(Protocol):
    """What the graph asks of a module: the name of a module inside it."""

    def name_of(self, module: Any) -> str | None:
        """Find the path of a module inside this one."""


class Scope:
    """One running module call and the call that it runs inside."""

    __slots__ = ("module", "parent")

    def __init__(self, module: Caller, parent: Scope | None) -> None:
        self.module, self.parent = module, parent

    def chain(self) -> list[Scope]:
        """List the scopes from the outermost call to this one."""
        scopes: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            scopes.append(scope)
            scope = scope.parent
        return scopes[::-1]

    def path(self) -> str:
        """Name the module as `state_dict` would, seen from the outermost call ('' for that one itself)."""
        parts: list[str] = []
        scope: Scope = self
        while scope.parent is not None:
            name = scope.parent.module.name_of(scope.module)
            if name:
                parts.append(name)
            scope = scope.parent
        return ".".join(reversed(parts))

    def __str__(self) -> str:
        return f"{self.path()} {type(self.module).__name__}".strip()

    def within(self) -> str:
        """Name the module and the model it is part of: `net.3 Linear of Net`."""
        root = self.chain()[0]
        return str(self) if root is self else f"{self} of {type(root.module).__name__}"


class BackwardPass:
    """Stands in the chain of callers for a backward pass that is itself recorded."""

    is_backward = True  # pictures set such calls apart

    def name_of(self, module: Any) -> str | None:
        """Contain no module."""
        return None


class State(threading.local):
    """Per thread: is the graph recorded, and which module call is running."""

    recording: bool = True
    scope: Scope | None = None
    around: Callable[..., Any] | None = None  # if set, module calls go through around(scope, forward, args, kwargs)

    def __init__(self) -> None:
        self.before: list[bool] = []  # what `recording` was outside each running no_grad or enable_grad of this thread


state = State()
