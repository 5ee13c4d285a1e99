"""What this thread is doing: whether it records, and which module call inside which other is running.

Every recorded call keeps its scope, so that errors and pictures can name the layer. Knows no Var. Look next at
graph.py.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any, Protocol, TypeVar

A = TypeVar("A")
DEEPEST = 2500  # nested module calls
DEEP = 64  # from here on the limit of calls is raised, every 32 levels


class Caller(Protocol):
    """What the graph asks of a module: the name of a module inside it."""

    def name_of(self, module: Any) -> str | None:
        """Find the path of a module inside this one."""


class Scope:
    """One running module call and the call that it runs inside."""

    __slots__ = ("module", "parent", "depth", "outermost")

    def __init__(self, module: Caller, parent: Scope | None) -> None:
        self.module, self.parent = module, parent
        self.depth: int = 1 if parent is None else parent.depth + 1
        self.outermost: Caller = module if parent is None else parent.outermost

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
        names = [outer.module.name_of(inner.module) for outer, inner in pairwise(self.chain())]
        return ".".join([name for name in names if name])

    def __str__(self) -> str:
        return f"{self.path()} {type(self.module).__name__}".strip()

    def within(self) -> str:
        """Name the module and the model it is part of: `net.3 Linear of Net`."""
        return str(self) if self.parent is None else f"{self} of {type(self.outermost).__name__}"


class BackwardPass:
    """Stands in the chain of callers for a backward pass that is itself recorded."""

    is_backward = True  # pictures set such calls apart

    def name_of(self, module: Any) -> str | None:
        """Contain no module."""
        return None


class Recorder(Protocol):
    """What is told of everything that a step does, while compiler/ captures it."""

    def call(self, primitive: Any, args: Any, arrays: Any, static: Any, result: Any, saved: Any) -> None:
        """A primitive was called with args, which stand for these arrays, and gave a result (and residuals)."""

    def draw(self, fill: Callable[..., Any], generator: Any, settings: dict[str, Any], out: Any) -> None:
        """Random numbers were drawn: fill(out, generator, **settings)."""

    def constant(self, array: Any) -> Any:
        """An array was made from nothing but Python's numbers: the same at every call."""

    def same(self, copy: Any, array: Any) -> None:
        """One array was copied to another."""

    def changes(self, var: Any, name: str) -> None:
        """The memory of a Var is about to be overwritten by the operation of this name."""

    def exposes(self, var: Any) -> None:
        """Something else is about to look at the memory of a Var."""

    def requires_grad(self, var: Any, value: bool) -> None:
        """`requires_grad` of a Var is about to be set."""

    def pulls_back(self, node: Any) -> None:
        """From now on the rules of a Node are running (None: no longer)."""

    def way(self, create_graph: bool) -> Any:
        """Give the engine's Way of a backward pass."""

    def depends(self, function: Callable[[], Any], label: str) -> None:
        """A number was read that the function gives."""

    def write(self, var: Any, result: Any) -> None:
        """The memory of a Var was overwritten with the value of another."""

    def reads_gradient(self, leaf: Any) -> None:
        """What `.grad` of a leaf holds is about to matter."""

    def sets_gradient(self, leaf: Any) -> None:
        """`.grad` of a leaf was given another tensor, or None."""

    def update(self, optimizer: Any, p: Any, group: dict[str, Any]) -> None:
        """An optimizer is about to change a parameter: optimizer.apply(p, array of its gradient, group)."""

    def effect(self, action: Callable[[], Any]) -> None:
        """Something was done that every call must do again."""

    def refuse(self, what: str, hint: str = "") -> None:
        """Something was asked for that a captured step cannot have: raises CaptureError."""


class State(threading.local):
    """Per thread: is the graph recorded, and which module call is running."""

    recording: bool = True
    recorder: Recorder | None = None  # set while compiler/ captures a step
    known: dict[Any, Any] | None = None  # what was computed once in a plain backward pass, see once.py
    plainly: bool = False  # compiled functions run as they are
    draws: int = 0  # of random numbers for tensors, so far
    scope: Scope | None = None
    failed: Any = None  # what failed last, see failure.py
    around: Callable[..., Any] | None = None  # if set, module calls go through around(scope, forward, args, kwargs)

    def __init__(self) -> None:
        self.before: list[bool] = []  # what `recording` was outside each running no_grad or enable_grad of this thread


state = State()


class CallDepth:
    """Python's limit of nested calls, raised while module calls are nested deeply, and put back behind the last.

    The limit is one for all threads: it stays up until no thread has deep calls under way.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.deep: set[int] = set()  # threads with deep calls
        self.before = self.ours = 0  # the limit as it was found, and as it was set

    def allow(self, depth: int) -> None:
        """Let Python go deeper for module calls that are nested this deep: 8 frames for each, and for the next 32.

        Python stops at 1,000 frames, which 500 nested containers fill. The limit grows with the nesting that is there,
        and never beyond DEEPEST, so a module that calls itself without end is still told so.
        """
        if depth > DEEPEST:  # each call also takes some of the thread's own stack, whose end is the process's
            raise RecursionError(f"module calls are nested more than {DEEPEST} deep: does a module call itself?")
        small = sys.platform == "darwin" or threading.stack_size()
        if small and threading.current_thread() is not threading.main_thread():
            return  # a thread with less stack than the main one has
        wanted = 1000 + 8 * (depth + 32)
        with self.lock:
            self.deep.add(threading.get_ident())
            now = sys.getrecursionlimit()
            if now < wanted:
                self.before, self.ours = (self.before if now == self.ours else now), wanted
                sys.setrecursionlimit(wanted)

    def restore(self) -> None:
        """Put the limit back, if this thread was the last with deep calls and nobody else has set it; again is fine."""
        with self.lock:
            self.deep.discard(threading.get_ident())
            if not self.deep and sys.getrecursionlimit() == self.ours:
                with suppress(RecursionError):  # this thread is too deep itself, which only another one allowed
                    sys.setrecursionlimit(self.before)


call_depth = CallDepth()


def unchanging(array: A) -> A:
    """Tell a step that is being captured of an array made from Python's numbers alone, and give the array."""
    if (recorder := state.recorder) is not None:
        recorder.constant(array)
    return array


def refuse_captured(what: str, hint: str = "") -> None:
    """Raise CaptureError if a step is being captured: it is to be repeated with other values."""
    if (recorder := state.recorder) is not None:
        recorder.refuse(what, hint)
