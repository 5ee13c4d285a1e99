"""How no_grad and enable_grad end, whatever Ctrl-C does, and how they cover what a function does in several parts.

Python handles signals where a Python function begins, at the end of a loop's turn and after a call: an interruption at
the first line of an `__exit__` written in Python would leave the mode as it is. Knows no Var. Look next at graph.py.
"""

from __future__ import annotations

import functools
import inspect
import io
from collections.abc import Callable
from itertools import repeat
from operator import attrgetter, methodcaller
from typing import Any, ClassVar, TypeVar

from .scope import state

F = TypeVar("F", bound=Callable[..., Any])


class _Leave(io.RawIOBase):
    """Lends its `__exit__`, which is C and calls `close`, which is C too: state.recording = state.before.pop()."""

    closed: ClassVar[Any] = True  # there is nothing to close when this goes
    close: ClassVar[Any] = map(
        setattr, repeat(state), repeat("recording"), map(methodcaller("pop"), map(attrgetter("before"), repeat(state)))
    ).__next__


leave_mode: Any = _Leave().__exit__


def in_mode(mode: Callable[[], Any], function: F) -> F:
    """Give a function that runs in a mode: a generator or a coroutine whenever it runs, not its caller meanwhile."""
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return _async_generator(mode, function(*args, **kwargs))

    elif inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await _Awaited(mode, function(*args, **kwargs))

    elif inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return (yield from _parts(mode, function(*args, **kwargs)))

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with mode():
                return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def _parts(mode: Callable[[], Any], inner: Any) -> Any:
    """Drive a generator, or an awaitable's, in a mode; its caller has its own between two parts."""
    try:
        with mode():
            given = inner.send(None)
        while True:
            try:
                told = yield given
            except GeneratorExit:
                with mode():
                    inner.close()
                raise
            except BaseException as error:
                with mode():
                    given = inner.throw(error)
            else:
                with mode():
                    given = inner.send(told)
    except StopIteration as end:
        return end.value


class _Awaited:
    """A coroutine, to be awaited, that runs in a mode."""

    def __init__(self, mode: Callable[[], Any], inner: Any) -> None:
        self.mode, self.inner = mode, inner

    def __await__(self) -> Any:
        return _parts(self.mode, self.inner)


async def _async_generator(mode: Callable[[], Any], inner: Any) -> Any:
    """Drive an asynchronous generator as `_parts` drives others."""
    try:
        given = await _Awaited(mode, inner.asend(None))
        while True:
            try:
                told = yield given
            except GeneratorExit:
                await _Awaited(mode, inner.aclose())
                raise
            except BaseException as error:
                given = await _Awaited(mode, inner.athrow(error))
            else:
                given = await _Awaited(mode, inner.asend(told))
    except StopAsyncIteration:
        return
