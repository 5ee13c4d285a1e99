"""What failed last, kept so that a picture can show it: the call, its arguments with all that led to them, the error.

The innermost call that an error passes is the one: an operation, a public function, a module. It is forgotten when the
next backward pass begins. Knows no operation. viz/graphs/failed.py draws it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from .explain import PACKAGE
from .graph import Var
from .scope import Scope, state


class Failure:
    """A call that raised.

    name is what was called, args what it was given, scope the module call around it; local the tensors that the
    variables of the user's running forward methods held, by their names.
    """

    roots: Sequence[weakref.ref[Var]] = ()  # of a backward pass that failed: what was differentiated, if it lives
    index = 0  # and the number of the recorded call whose rule failed

    def __init__(self, error: BaseException, name: str, args: Sequence[Any], scope: Scope | None) -> None:
        self.name, self.args, self.scope = name, list(args), scope
        self.got, self.expected, self.hint = (getattr(error, key, "") for key in ("got", "expected", "hint"))
        self.problem = getattr(error, "problem", "") or f"{type(error).__name__}: {error}"
        self.local = {n: x for frame in frames(error, scope) for n, x in frame.f_locals.items() if isinstance(x, Var)}


def note(error: BaseException, name: str, args: Sequence[Any], scope: Scope | None = None) -> None:
    """Keep a failure, unless a call inside this one has kept it."""
    if not hasattr(error, "failure"):
        keep(error, Failure(error, name, args, scope or state.scope))


def note_backward(error: BaseException, roots: Sequence[Var]) -> None:
    """Keep where a backward pass failed; its graph is freed with the tensors that were differentiated."""
    if not hasattr(error, "failure"):
        node: Any = getattr(error, "node", None) or pulled_back(error)
        failure = Failure(error, "backward" if node is None else f"{node.name}, backward", (), None)
        failure.roots, failure.index = [*map(weakref.ref, roots)], getattr(node, "index", 0)
        keep(error, failure)


def pulled_back(error: BaseException) -> Any:
    """Find the recorded call whose rule an error came from, a hook of it, or what it needed and did not have."""
    trace, node = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "pull_back" and "sums" in trace.tb_frame.f_locals:
            node = trace.tb_frame.f_locals.get("node")
        trace = trace.tb_next
    return node


def keep(error: BaseException, failure: Failure) -> None:
    """Remember a failure as the last of this thread, and as that of its error; where memory is short, let all go."""
    if isinstance(error, MemoryError):
        return
    with suppress(AttributeError, TypeError):  # an exception that takes no attributes
        error.failure = failure  # type: ignore[attr-defined]
    state.failed = failure


def frames(error: BaseException, scope: Scope | None) -> Iterator[FrameType]:
    """Yield what runs of the user's inside module calls: on the stack, and where the error came through."""
    deep, frame = 0 if scope is None else scope.depth, sys._getframe(3)
    while deep and frame.f_back is not None:
        frame = frame.f_back
        if not str(frame.f_globals.get("__name__")).startswith(PACKAGE):
            yield frame
        deep -= frame.f_code.co_name == "__call__" and "outer" in frame.f_locals
    trace = error.__traceback__ if scope is not None else None
    while trace is not None:
        if not str(trace.tb_frame.f_globals.get("__name__")).startswith(PACKAGE):
            yield trace.tb_frame
        trace = trace.tb_next
