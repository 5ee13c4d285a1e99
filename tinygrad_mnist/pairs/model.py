"""`compile`, and what it makes of a model: a Module whose calls are replayed, forward and backward.

Read last.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

from ..compile.compiled import PLANNERS, Compiled
from ..errors import ArgumentError
from ..nn.module import Module, as_tensors
from ..program import Program
from ..scope import state
from .pair import Pairs


class CompiledModule(Module):
    """A model that is replayed. Its attributes are the model's own: parameters, names, modes, whatever is assigned.

    So are its methods: it is of a class that also derives from the model's. `_orig_mod` is the model itself.
    """

    __slots__ = ("_orig_mod", "_trained", "_alone", "_latest")
    _orig_mod: Module
    _trained: Pairs
    _alone: Compiled
    _latest: Compiled

    def __new__(cls, model: Module, backend: str) -> CompiledModule:
        """Make an object of both classes; slices of a list of modules are of the model's alone."""
        body = {"__slots__": (), "__module__": cls.__module__, "_from": getattr(model, "_from", None)}
        kind = types.new_class(cls.__name__, (cls, type(model)), exec_body=lambda names: names.update(body))
        return super().__new__(kind)

    def __init__(self, model: Module, backend: str) -> None:
        self.__dict__ = model.__dict__
        self._orig_mod = model
        self._trained, self._alone = Pairs(model, backend), Compiled(model, backend)
        self._latest = self._alone

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if state.recorder is not None or state.plainly or state.around is not None:
            return self._orig_mod(*args, **kwargs)  # another step, or a picture, looks at what the model does
        self._latest = self._trained if state.recording else self._alone
        return self._latest(*as_tensors(args), **as_tensors(kwargs))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output, as the model itself does."""
        return self._orig_mod.forward(*args, **kwargs)

    def extra_repr(self) -> str:
        """Name the model."""
        inner = self._orig_mod.extra_repr()
        return f"{type(self._orig_mod).__name__}({inner})"

    def source(self) -> str:
        """Give the Python source that the latest call ran; where it recorded, of the forward half and the backward."""
        text: str = self._latest.source()
        return text

    def program(self, measure: bool = True) -> Program:
        """Give the program of the latest call, as of a compiled step; where it recorded, of the forward half."""
        program: Program = self._latest.program(measure)
        return program

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledModule:
        made = memo[id(self)] = CompiledModule(copy.deepcopy(self._orig_mod, memo), self._alone.backend)
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        return CompiledModule, (self._orig_mod, self._alone.backend)


def compile(function: Callable[..., Any] | None = None, *, backend: str = "numpy") -> Any:
    """Capture a function of tensors at its first call per signature, then replay it without Python's overhead.

    Use as `@tg.compile` on a whole training step (forward, backward, optimizer) or a loss. A signature is the shapes
    and dtypes of the arguments, the values of plain ones, and what the function reads besides: settings, train or eval,
    requires_grad. Arrays among the arguments arrive as tensors; tensors that come back need no gradient and are the
    caller's own, and so is `.grad`. The second call of a signature compares the plan with the function.

    `model = tg.compile(model)` gives a Module with the model's own parameters, names and modes. What it computes trains
    as the model does: forward and backward are captured as a pair at the first call of a signature, compared with the
    model, and replayed in any eager loop. A backward with create_graph=True runs the model itself once more.
    Args:    backend: "numpy", or "numba" for one compiled parallel function (extra `fast`)
    Raises:  CaptureError, naming the line, for what cannot be repeated with other values
    """
    if backend not in PLANNERS:
        raise ArgumentError(f"compile: unknown backend {backend!r}.", expected="'numpy' or 'numba'")
    if function is None:
        return functools.partial(compile, backend=backend)
    if not callable(function):
        raise ArgumentError("compile: the first argument must be a function or a module.", got=repr(function))
    if isinstance(function, CompiledModule):
        function = function._orig_mod
    return CompiledModule(function, backend) if isinstance(function, Module) else Compiled(function, backend)
