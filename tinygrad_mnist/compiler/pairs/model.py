"""`compile`, and what it makes of a model: a Module whose calls are replayed, forward and backward.

Read last.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from types import MemberDescriptorType, new_class
from typing import Any, SupportsIndex

from ...capture.program import Program
from ...core.errors import ArgumentError
from ...core.reprs import in_html
from ...core.scope import state
from ...nn.module import Module, as_tensors
from ..compiled import PLANNERS, Compiled
from .pairs import Pairs


class CompiledModule(Module):
    """A model that is replayed. It is of a class derived from the model's, and its attributes are the model's own.

    `_orig_mod` is the model itself.
    """

    __slots__ = ()
    _orig_mod: Module
    _trained: Pairs
    _alone: Compiled
    _latest: Compiled

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.__mro__[2](*args, **kwargs)  # what a method makes with type(self)(...) is a plain model

    def __init_subclass__(cls, **settings: object) -> None:
        """Leave out what the model's class does for classes that people derive from it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if state.recorder is not None or state.plainly or state.around is not None:
            return self._orig_mod(*args, **kwargs)  # another step, or a picture, looks at what the model does
        replayed = self._trained if state.recording else self._alone
        object.__setattr__(self, "_latest", replayed)
        return replayed(*as_tensors(args), **as_tensors(kwargs))

    def source(self) -> str:
        """Give the Python source that the latest call ran; where it recorded, of the forward and backward halves."""
        return self._latest.source()  # type: ignore[no-any-return]

    def program(self, measure: bool = True) -> Program:
        """Give the program of the latest call, as of a compiled step; where it recorded, of the forward half."""
        return self._latest.program(measure)  # type: ignore[no-any-return]

    _repr_html_ = in_html("model")

    def __copy__(self) -> CompiledModule:
        return compiled(copy.copy(self._orig_mod), self._alone.backend)

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledModule:
        made = memo[id(self)] = compiled(copy.deepcopy(self._orig_mod, memo), self._alone.backend)
        return made

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return compiled, (self._orig_mod, self._alone.backend)


def compiled(model: Module, backend: str) -> CompiledModule:
    """Make the compiled model: an instance of a class derived from the model's, so that all its methods are there."""
    kind = type(model)
    members = [name for base in kind.__mro__ for name, x in vars(base).items() if isinstance(x, MemberDescriptorType)]
    content: dict[str, Any] = {name: slot_of_model(name) for name in members}
    content |= {"__module__": kind.__module__, "__doc__": kind.__doc__, "__slots__": [*CompiledModule.__annotations__]}
    derived = new_class(kind.__name__, (CompiledModule, kind), {}, lambda body: body.update(content))
    made: CompiledModule = object.__new__(derived)
    alone = Compiled(model, backend)
    values = {"__dict__": vars(model), "_orig_mod": model, "_trained": Pairs(model, backend), "_alone": alone}
    for name, value in (values | {"_latest": alone}).items():
        object.__setattr__(made, name, value)
    return made


def slot_of_model(name: str) -> property:
    """Make what stands in a compiled model for one of its model's `__slots__`."""
    return property(lambda made: getattr(made._orig_mod, name), lambda made, x: setattr(made._orig_mod, name, x))


def compile(function: Callable[..., Any] | None = None, *, backend: str = "numpy") -> Any:
    """Capture a function of tensors at its first call per signature, then replay it without Python's overhead.

    Use as `@tg.compile` on a whole training step (forward, backward, optimizer) or a loss. A signature is the shapes
    and dtypes of the arguments, the values of plain ones, and what the function reads besides: settings, train or eval,
    requires_grad. Arrays among the arguments arrive as tensors; tensors that come back need no gradient and are the
    caller's own, and so is `.grad`. The second call of a signature compares the plan with the function.

    `model = tg.compile(model)` gives a Module of a class derived from the model's, with the model's own parameters,
    names and modes. What it computes trains as the model does: forward and backward are captured as a pair at the first
    call of a signature, compared with the model, and replayed in any eager loop. A backward with create_graph=True runs
    the model itself once more.
    Args:
        backend: "numpy", or "numba" for one compiled parallel function (extra `fast`)
    Raises:
        CaptureError: naming the line, for what cannot be repeated with other values
    """
    if backend not in PLANNERS:
        raise ArgumentError(f"compile: unknown backend {backend!r}.", expected="'numpy' or 'numba'")
    if function is None:
        return functools.partial(compile, backend=backend)
    if not callable(function):
        raise ArgumentError("compile: the first argument must be a function or a module.", got=repr(function))
    function = function._orig_mod if isinstance(function, CompiledModule) else function
    return compiled(function, backend) if isinstance(function, Module) else Compiled(function, backend)
