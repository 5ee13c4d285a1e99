"""Hooks of gradients: functions that see the gradient of a value on its way back, and may replace it.

Those of a result hang on the Node that made it, beside who retains its gradient; those of a leaf are found by its
identity, so that a Var without hooks pays nothing. Knows no rule. Look next at engine.py, which calls them.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import GradientError
from .graph import Var, enable_grad, no_grad

_numbers = itertools.count()


class RemovableHandle:
    """What registering a hook gives: `remove()` takes it off again; also a context that does so at its end."""

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.hooks, self.id = hooks, next(_numbers)

    def remove(self) -> None:
        """Take the hook off."""
        if self.hooks.pop(self.id, None) is not None:
            Hooks.changes += 1

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


class Hooks:
    """The hooks of one value: before its gradient goes on, after it was added to `.grad`; and who retains it."""

    changes = 0  # how often one came or went: compiled steps look at it
    __slots__ = ("before", "after", "keeper", "leaf")

    def __init__(self) -> None:
        self.before: dict[int, Callable[[Any], Any]] = {}
        self.after: dict[int, Callable[[Any], Any]] = {}
        self.keeper: weakref.ref[Var] | None = None
        self.leaf: weakref.ref[Var] | None = None

    def __call__(self) -> Var | None:
        """Give the Var whose `.grad` is to hold the gradient of a result, if it lives."""
        return None if self.keeper is None else self.keeper()

    def keep(self, var: Var) -> None:
        """Have `.grad` of a Var hold the gradient."""
        self.keeper = weakref.ref(var)

    def parted(self) -> tuple[Hooks, Hooks]:
        """Give the hooks, which stay with the old value of what is changed in place, and the keeper, who does not."""
        keeper, self.keeper, new = self.keeper, None, Hooks()
        new.keeper = keeper
        return self, new

    def seen(self, kind: type[Any], g: Any, create_graph: bool) -> Any:
        """Call the hooks in their order: what one returns, the next one sees."""
        raw = not isinstance(g, Var)
        with (enable_grad if create_graph else no_grad)():
            for hook in [*self.before.values()]:
                var = kind.wrap(g) if raw else g
                new = hook(var)
                if new is None:
                    continue
                if not isinstance(new, Var) or new.shape != var.shape or new.dtype != var.dtype:
                    raise GradientError(
                        "register_hook: a hook returned what is no gradient of its tensor.",
                        got=f"{type(new).__name__} {np.shape(new)} {getattr(new, 'dtype', '')}".rstrip(),
                        expected=f"None, or a tensor {var.shape} {var.dtype}",
                    )
                g = new.array if raw else new
        return g

    def added(self, leaf: Var, create_graph: bool) -> None:
        """Call the hooks that want to know that `.grad` has grown; they may change the leaf."""
        with (enable_grad if create_graph else no_grad)():
            for hook in [*self.after.values()]:
                hook(leaf)


leaves: dict[int, Hooks] = {}  # by id, of leaves that live


def changed() -> int:
    """Count how often hooks came or went."""
    return Hooks.changes


def hooks_of(var: Var) -> Hooks:
    """Give the hooks of a Var, which has some from now on."""
    hooks: Hooks | None
    if var.node is not None:
        hooks = var.node.retained = var.node.retained or Hooks()
        return hooks
    key, hooks = id(var), leaves.get(id(var))
    if hooks is None:
        hooks = leaves[key] = Hooks()
        pop = leaves.pop  # at exit the module's names may be gone before the leaf
        hooks.leaf = weakref.ref(var, lambda _: pop(key, None))
    return hooks


def hang(hooks: dict[int, Any], hook: Any) -> RemovableHandle:
    """Add a hook."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    Hooks.changes += 1
    return handle
