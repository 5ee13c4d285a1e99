"""The computation graph: values (Var), records of calls (Node), and whether to record.

A Var is an array plus, where a gradient may be asked for, the Node that made it. A Node is one call of a primitive:
what was called, on which arrays, what came out, and where its inputs came from. Var points to Node and Node to Node,
never back, so that a graph is freed by reference counting alone.

Knows no operation and no rule. Look next at primitive.py, which records, and engine.py, which walks.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from .primitive import Primitive

Array = np.ndarray[Any, np.dtype[Any]]
V = TypeVar("V", bound="Var")


# ---------------------------------------------------------------- time: the order of recordings and of changes in place

tick: Callable[[], int] = itertools.count(1).__next__


class Changes:
    """The tick of the latest change in place: a graph recorded after it needs no checks."""

    latest = 0


changes = Changes()


class Version:
    """When one piece of memory was last changed in place, and which Vars share it."""

    __slots__ = ("tick", "sharers")

    def __init__(self) -> None:
        self.tick = 0
        self.sharers: dict[int, weakref.ref[Var]] | None = None  # by id: == compares elements

    def bump(self, at: int | None = None) -> None:
        """Note a change now, or at the tick of the Node that records it."""
        self.tick = changes.latest = tick() if at is None else at

    def share(self, *variables: Var) -> None:
        """Note that these Vars look at the same memory."""
        if self.sharers is None:
            self.sharers = {}
        elif not len(self.sharers) & (len(self.sharers) - 1):  # forget the dead at every doubling only, not every time
            self.sharers = {key: ref for key, ref in self.sharers.items() if ref() is not None}
        for v in variables:
            self.sharers[id(v)] = weakref.ref(v)

    def others(self, variable: Var) -> bool:
        """Tell whether a living Var other than this one looks at the memory."""
        living = [ref() for ref in (self.sharers or {}).values()]
        return any(v is not None and v is not variable for v in living)


# ---------------------------------------------------------------- who is calling: the stack of modules


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


# ---------------------------------------------------------------- values and records


class Var:
    """An array that can take part in a graph. `Tensor` adds operators and names; nothing below it needs them."""

    __slots__ = ("data", "differentiable", "gradient", "node", "version", "__weakref__")
    result_type: ClassVar[type[Any]]  # what an operation on this type returns; subclasses that refine it inherit it

    data: Array
    differentiable: bool
    gradient: Any  # `.grad`, which Tensor spells as a property that explains itself
    node: Node | None
    version: Version

    @classmethod
    def wrap(cls: type[V], data: Array, requires_grad: bool = False, node: Node | None = None) -> V:
        """Make a Var around an array without copying or checking."""
        var = cls.__new__(cls)
        var.data = data
        var.differentiable = requires_grad
        var.gradient = None
        var.node = node
        var.version = node.version if node is not None else Version()
        return var

    @property
    def requires_grad(self) -> Any:
        """Whether a gradient may be asked for (Tensor checks what is assigned to it)."""
        return self.differentiable

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        sizes: tuple[int, ...] = self.data.shape
        return sizes

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the elements."""
        return self.data.dtype


class Freed:
    """What stays of an array after backward freed it: enough to draw it."""

    __slots__ = ("shape", "dtype")

    def __init__(self, array: Any) -> None:
        self.shape: tuple[int, ...] = getattr(array, "shape", ())
        self.dtype: Any = getattr(array, "dtype", type(array).__name__)


# Where an argument came from: the Node that computed it, the leaf Var itself, the Version of a constant Var (to notice
# a change in place), or None for a plain array or number.
Parent = Any


class Node:
    """One recorded call.

    args are the raw arrays that went in, parents their origins (same order), out the raw array that came out, saved the
    residuals of the forward pass, index the tick of the call, scope the module that called.
    """

    __slots__ = (
        "primitive", "args", "static", "out", "saved", "parents", "version", "index", "scope", "retained", "freed_by",
    )  # fmt: skip

    def __init__(
        self,
        primitive: Primitive,
        args: list[Any],
        static: dict[str, Any],
        out: Array,
        saved: Any,
        parents: list[Parent],
        version: Version,
    ) -> None:
        self.primitive = primitive
        self.args = args
        self.static = static
        self.out = out
        self.saved = saved
        self.parents = parents
        self.version = version
        self.index = tick()
        self.scope = state.scope
        self.retained: weakref.ref[Var] | None = None
        self.freed_by: str | None = None

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
        self.args = [Freed(x) for x in self.args]
        self.out = Freed(self.out)  # type: ignore[assignment]
        self.saved = None
        self.freed_by = place


# ---------------------------------------------------------------- to record or not to record


class _Recording(ContextDecorator):
    """Shared by no_grad and enable_grad: set the switch, put it back."""

    value: ClassVar[bool]

    def __enter__(self) -> None:
        state.before.append(state.recording)
        state.recording = self.value

    def __exit__(self, *exc: object) -> None:
        state.recording = state.before.pop()


class no_grad(_Recording):
    """Record nothing inside; use as `with no_grad():` or as a decorator."""

    value = False


class enable_grad(_Recording):
    """Record again inside a no_grad block; use as `with enable_grad():` or as a decorator."""

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
    return sorted(seen, key=_by_index, reverse=True)


def _by_index(node: Node) -> int:
    return node.index
