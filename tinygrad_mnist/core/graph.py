"""The computation graph: values (Var), records of calls (Node), and whether to record.

A Var is an array plus, where a gradient may be asked for, the Node that made it. A Node is one call of a primitive:
what was called, on which arrays, what came out, and where its inputs came from. Var points to Node and Node to Node,
never back, so that a graph is freed by reference counting alone.

Knows no operation and no rule. Look next at primitive.py, which records, and engine.py, which walks.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeAlias, TypeVar, overload

import numpy as np

from .backend import Array as Array
from .errors import ArgumentError
from .lines import Lines
from .mode import in_mode, leave_mode
from .scope import state
from .versions import Version, tick

V = TypeVar("V", bound="Var")
F = TypeVar("F", bound=Callable[..., Any])


DOORS = "array", "gradient", "differentiable"  # to slots of a Var: watched while a step is captured
SLOTS = "array", "_gradient", "_differentiable"


class Var:
    """An array that can take part in a graph. `Tensor` adds operators and names; nothing below it needs them."""

    __slots__ = (*SLOTS, "node", "version", "__weakref__")
    result_type: ClassVar[type[Any]]  # what an operation on this type returns; subclasses that refine it inherit it

    array: Array
    differentiable: bool
    gradient: Any  # `.grad`, which Tensor spells as a property that explains itself
    _differentiable: bool  # behind the doors, for a Var that is being made, and so changes nothing
    _gradient: Any
    node: Node | None
    version: Version

    @classmethod
    def wrap(cls: type[V], array: Array, requires_grad: bool = False, node: Node | None = None) -> V:
        """Make a Var around an array without copying or checking."""
        var = cls.__new__(cls)
        var.array = array
        var._differentiable = requires_grad
        var._gradient = None
        var.node = node
        var.version = node.version if node is not None else Version()
        return var

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        sizes: tuple[int, ...] = self.array.shape
        return sizes

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the elements."""
        return self.array.dtype


# ---------------------------------------------------------------- the doors, watched while a step is captured

PLAIN: Any = [Var.__dict__[name] for name in SLOTS]
Var.array, Var.gradient, Var.differentiable = PLAIN
PACKAGE = __name__.partition(".")[0] + "."
BEGINNING = slice(len(PACKAGE))
_watchers: dict[object, None] = {}
_watching = threading.Lock()


def _read_array(var: Var) -> Array:
    if (recorder := state.recorder) is not None:
        names = sys._getframe(1).f_globals  # and no other call: each is looked at while a step is captured
        if "__name__" not in names or str(names["__name__"])[BEGINNING] != PACKAGE:
            recorder.refuse("reading t.array", "compute with the tensor itself, or read its array outside the step")
    array: Array = PLAIN[0].__get__(var)
    return array


def _read_gradient(var: Var) -> Any:
    if (recorder := state.recorder) is not None:
        recorder.reads_gradient(var)
    return var._gradient


def _set_gradient(var: Var, g: Any) -> None:
    var._gradient = g
    if (recorder := state.recorder) is not None:
        recorder.sets_gradient(var)


def _set_differentiable(var: Var, value: bool) -> None:
    if (recorder := state.recorder) is not None and var.node is None:
        recorder.requires_grad(var, value)
    var._differentiable = value


WATCHED: Any = (
    property(_read_array, PLAIN[0].__set__), property(_read_gradient, _set_gradient),
    property(PLAIN[2].__get__, _set_differentiable),
)  # fmt: skip


@contextmanager
def slots_watched() -> Iterator[None]:
    """Have the recorder of each thread told of what goes through the doors of a Var."""
    key = object()
    try:
        with _watching:
            _watchers[key] = None
            Var.array, Var.gradient, Var.differentiable = WATCHED
        yield
    finally:  # no call between the first line and the last, since Ctrl-C may come after one
        with _watching:
            if key in _watchers:
                del _watchers[key]
            if not _watchers:
                Var.array, Var.gradient, Var.differentiable = PLAIN


class Freed(NamedTuple):
    """What stays of an array after backward freed it: enough to draw it."""

    shape: tuple[int, ...]
    dtype: Any
    key: int = 0  # of a constant: which one it was


# the one Freed of a shape and dtype: a deep graph would leave tens of thousands to the collector
freed = functools.lru_cache(maxsize=1024)(Freed)


class Operation(Protocol):
    """What the graph and its readers ask of a primitive."""

    name: str
    arguments: tuple[str, ...]
    variadic: str | None
    residuals: bool
    view: bool
    optional: bool
    unbroadcast: Callable[..., Any] | None

    def rule_at(self, position: int) -> tuple[Callable[..., Any] | None, dict[str, Any]]:
        """Find the rule for the argument at a position, and what it must be told besides."""


# Where an argument came from: the Node that computed it, the leaf Var itself, the Version of a constant Var (to notice
# a change in place), or None for a plain array or number.
Parent: TypeAlias = "Node | Var | Version | None"


class Node:
    """One recorded call.

    args are the raw arrays that went in, parents their origins (same order), out the raw array that came out, saved the
    residuals of the forward pass, index the tick of the call, scope the module that called.
    """

    __slots__ = (
        "primitive", "args", "static", "out", "saved", "parents", "version", "index", "scope", "retained", "freed_by",
    )  # fmt: skip

    def __init__(
        self, primitive: Operation, args: list[Any], static: dict[str, Any], out: Array, saved: Any,
        parents: list[Parent], version: Version,
    ) -> None:  # fmt: skip
        self.primitive = primitive
        self.args = args
        self.static = static
        self.out = out
        self.saved = saved
        self.parents = parents
        self.version = version
        self.index = tick()
        self.scope = state.scope
        self.retained: Any = None  # Hooks, see hooks.py
        self.freed_by: str | None = None
        if self.index < Lines.until:
            Lines.note(self.index)

    @property
    def name(self) -> str:
        """Name of the primitive, as pictures and errors show it."""
        return self.primitive.name

    def __repr__(self) -> str:
        return f"<{self.where()}>"

    def where(self) -> str:
        """Name the call for people: `linear in net.3 Linear`."""
        return self.name if self.scope is None else f"{self.name} in {self.scope}"

    def free(self, place: str) -> None:
        """Let go of every array, keeping shapes and edges for pictures. place: the line that called backward."""
        args = self.args
        for i, x in enumerate(args):
            if isinstance(x, np.ndarray):
                constant = self.parents[i] is None or type(self.parents[i]) is Version
                args[i] = Freed(x.shape, x.dtype, id(x)) if constant else freed(x.shape, x.dtype)
            elif type(x) is not Freed:
                args[i] = freed((), type(x).__name__)
        self.out = freed(self.out.shape, self.out.dtype)  # type: ignore[assignment]
        self.saved = None
        self.freed_by = place


# ---------------------------------------------------------------- to record or not to record


class _Recording:
    """Shared by no_grad and enable_grad: set the switch, put it back, around a block or all that a function does."""

    __slots__ = ()  # a mode keeps nothing: one object serves any number of blocks and threads at once
    value: ClassVar[bool]
    __exit__: ClassVar[Any] = leave_mode

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls, function: None = None) -> Self: ...
    def __new__(cls, function: Any = None) -> Any:
        if function is None:
            return object.__new__(cls)
        if not callable(function):
            raise ArgumentError(f"{cls.__name__}: expected nothing, or a function.", got=repr(function))
        return in_mode(cls, function)

    def __enter__(self) -> None:
        state.before += [state.recording]  # no call in here: after one, Ctrl-C could come
        state.recording = self.value

    def __call__(self, function: F) -> F:
        return in_mode(type(self), function)


class no_grad(_Recording):
    """Record nothing inside; use as `with no_grad():` or as a decorator, also of generators and coroutines.

    Example:
        >>> w = tg.ones(3, requires_grad=True)
        >>> with tg.no_grad():
        ...     (w * 2).requires_grad
        False
    """

    __slots__ = ()
    value = False


class enable_grad(_Recording):
    """Record again inside a no_grad block; use as `with enable_grad():` or as a decorator, as no_grad."""

    __slots__ = ()
    value = True


def is_grad_enabled() -> bool:
    """Tell whether operations are recorded now."""
    return state.recording


def reachable(roots: list[Node]) -> list[Node]:
    """List every Node that the roots depend on, latest call first (a topological order, since inputs exist first)."""
    seen: set[Node] = set(roots)
    stack = list(seen)
    while stack:
        for parent in stack.pop().parents:
            if type(parent) is Node and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("index"), reverse=True)


def share(result: Var, source: Any) -> None:
    """Note that a result looks at the memory of its source, so that a change of either is seen by both."""
    if isinstance(source, Var):
        result.version = source.version
        if result.node is not None:
            result.node.version = source.version
        source.version.share(source, result)
