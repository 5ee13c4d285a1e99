"""Module calls in pictures and tables: their titles, their paths, which stands in which.

Modules are asked for names by duck typing: knows no layer. Look next at graphs/trace.py, and summary.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..core.scope import Scope


def with_callers(scopes: Iterable[Scope | None]) -> Iterator[Scope]:
    """Yield module calls and all those that they run inside, each once."""
    seen: set[Scope] = set()
    for scope in scopes:
        while scope is not None and scope not in seen:
            seen.add(scope)
            yield scope
            scope = scope.parent


def is_backward(scope: Scope | None) -> bool:
    """Tell whether a scope stands for a backward pass that was recorded instead of a module."""
    return scope is not None and getattr(scope.module, "is_backward", False) is True


def shared_scope(scopes: Sequence[Scope | None]) -> Scope | None:
    """Find the innermost module call around all users of a parameter, backward passes aside."""
    calls = {s for s in scopes if s is not None and not is_backward(s)}
    around = [set(with_callers([call])) for call in calls]
    return max(set.intersection(*around), key=lambda scope: scope.depth, default=None) if around else None


# what a module's own text has besides, and a title has no room for
USUAL = re.compile(r"\b(in|out)_features=|, bias=True|, inplace=False|start_dim=1, end_dim=-1")


def module_title(module: object, path: str) -> str:
    """Name a module as in `net.3 Linear(128, 10)`, on one line."""
    settings = USUAL.sub("", module.extra_repr()) if hasattr(module, "extra_repr") else ""
    title = f"{path} {type(module).__name__}".strip() + (f"({settings})" if settings else "")
    return title if title.isprintable() else "".join(c if c.isprintable() else "?" for c in title)


class Paths:
    """Paths of module calls; each module is searched once, and no further than to the modules that are asked for."""

    def __init__(self) -> None:
        self._of: dict[Scope, str] = {}
        self._inside: dict[int, tuple[dict[int, str], Iterator[tuple[str, Any]]]] = {}

    def of(self, scope: Scope) -> str:
        """Name a call's module as seen from the outermost call ('' for that one)."""
        todo: list[Scope] = []
        outer: Scope | None = scope
        while outer is not None and outer not in self._of:
            todo.append(outer)
            outer = outer.parent
        for inner in reversed(todo):
            parent = inner.parent
            parts = (self._of[parent], self._name(parent.module, inner.module)) if parent is not None else ()
            self._of[inner] = ".".join(p for p in parts if p)
        return self._of[scope]

    def _name(self, outer: Any, inner: Any) -> str:
        if not hasattr(outer, "named_modules"):
            return outer.name_of(inner) or ""
        known, rest = self._inside.get(id(outer)) or self._inside.setdefault(id(outer), ({}, outer.named_modules()))
        while id(inner) not in known:
            name, module = next(rest, ("", inner))
            known[id(module)] = name
        return known[id(inner)]
