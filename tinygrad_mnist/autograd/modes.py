"""Modes that are set to a value: `set_grad_enabled`, which also works as a plain call, and `inference_mode`.

Knows no Tensor. Read after core/graph.py, which has no_grad and enable_grad.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from ..core.mode import in_mode, leave_mode
from ..core.scope import state

F = TypeVar("F", bound=Callable[..., Any])


class set_grad_enabled:
    """Record from now on, or not; as `with set_grad_enabled(mode):` or a decorator, there alone."""

    __exit__: ClassVar[Any] = leave_mode

    def __init__(self, mode: bool) -> None:
        self.mode, self.before = bool(mode), state.recording
        state.recording = self.mode

    def __enter__(self) -> None:
        state.before += [self.before]  # no call in here: after one, Ctrl-C could come
        state.recording = self.mode

    def __call__(self, function: F) -> F:
        state.recording = self.before
        return in_mode(lambda: set_grad_enabled(self.mode), function)


class inference_mode:
    """Record nothing inside, or with False record; as `with inference_mode():` or a decorator, as no_grad."""

    __exit__: ClassVar[Any] = leave_mode

    def __new__(cls, mode: Any = True) -> Any:
        """Take what is decorated without parentheses, too."""
        return in_mode(cls, mode) if callable(mode) else object.__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        self.mode = bool(mode)

    def __enter__(self) -> None:
        state.before += [state.recording]
        state.recording = not self.mode

    def __call__(self, function: F) -> F:
        return in_mode(lambda: inference_mode(self.mode), function)
