"""Module and Parameter: a model is an object whose attributes hold parameters and other modules.

They are found by walking the attributes in the order of assignment, through lists, tuples and dicts; nothing is
intercepted, so `super().__init__()` may be forgotten. Calling a module notes in the graph who calls, for errors and
pictures. Knows no layer. Look next at linear.py and functional.py.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from ..core.errors import StateDictError
from ..core.graph import Var, no_grad
from ..core.scope import DEEP, Scope, room, state
from ..core.seeds import check_differentiable
from ..core.versions import Version
from ..tensors.creation import from_numpy
from ..tensors.in_place import clear_gradient
from ..tensors.tensor import Tensor
from .nesting import copied, described

M = TypeVar("M", bound="Module")


class Parameter(Tensor):
    """A tensor that a module learns: found by `parameters()` and given a gradient by default."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        """Share the memory of a tensor or array, or copy other data."""
        array = data.array if isinstance(data, Var) else np.asarray(data)
        if array.dtype == np.float64 and not isinstance(data, Var | np.ndarray):
            array = array.astype(np.float32)
        if requires_grad:
            check_differentiable(array.dtype, "Parameter")
        self.array, self._differentiable, self._gradient, self.node = array, requires_grad, None, None
        self.version = Version()
        if isinstance(data, Var):  # a change of either is a change of both
            self.version = data.version
            data.version.share(data, self)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Module:
    """Base of all layers and models: write `forward`, assign layers and Parameters as attributes."""

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; a subclass writes this."""
        raise TypeError(f"{type(self).__name__} has no forward method: define forward(self, x)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outer = state.scope
        if outer is None:  # arrays become tensors once, at the door, so that forward may use tensor methods
            args, kwargs = as_tensors(args), as_tensors(kwargs)
        collecting, deep = outer is None and gc.isenabled(), False
        try:  # all that is put back is changed in here: Ctrl-C may come after any call, also that of gc.disable
            if collecting:
                gc.disable()  # as engine.backward does
            scope = state.scope = Scope(self, outer)
            if scope.depth >= DEEP and not scope.depth & 31:
                deep = scope.depth == DEEP
                room.make(scope.depth)
            if state.around is not None:
                return state.around(scope, self.forward, args, kwargs)
            return self.forward(*args, **kwargs)
        finally:
            state.scope = outer
            if collecting:
                gc.enable()
            if deep:
                try:
                    room.leave()
                finally:  # Ctrl-C may have come before its first line
                    room.leave()

    # ------------------------------------------------------------ what is inside

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and every one inside it, each once, with its path."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            inner = [(join(path, name), m) for name, m in _members(vars(module)) if isinstance(m, Module)]
            stack.extend(reversed(inner))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly inside this one, with their names."""
        seen: set[int] = set()
        for name, member in _members(vars(self)):
            if isinstance(member, Module) and id(member) not in seen:
                seen.add(id(member))
                yield name, member

    def modules(self) -> Iterator[Module]:
        """Yield this module and every one inside it, each once."""
        return (m for _, m in self.named_modules())

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside this one."""
        return (m for _, m in self.named_children())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Yield every Parameter with its path, in the order of assignment; a shared one once, under its first name.

        With recurse=False only those that are not in a module inside.
        """
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, member in _members(vars(module)):
                if isinstance(member, Parameter) and id(member) not in seen:
                    seen.add(id(member))
                    yield join(path, name), member

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield every Parameter, each once; with recurse=False only this module's own."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def name_of(self, module: Any) -> str | None:
        """Find the path of a module inside this one."""
        return next((name for name, m in self.named_modules() if m is module), None)

    # ------------------------------------------------------------ modes

    def train(self: M, mode: bool = True) -> M:
        """Switch this module and all inside it to training (dropout on) or, with False, to evaluation."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Switch this module and all inside it to evaluation (dropout off)."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Ask for gradients of all parameters, or (False) freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters (or, with set_to_none=False, set them to 0)."""
        for p in self.parameters():
            clear_gradient(p, set_to_none)

    # ------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Tensor]:
        """Give every parameter by path. They share memory with the model: clone() what must not change with it."""
        return {name: p.detach() for name, p in self.named_parameters()}

    def load_state_dict(self, state_dict: dict[str, Any], strict: bool = True) -> None:
        """Copy values into the parameters.

        Args:    state_dict: tensors or arrays by path, as `state_dict` gives; strict: names must match exactly
        Raises:  StateDictError listing every missing, unexpected and misshaped key; then nothing has been changed
        """
        if not isinstance(state_dict, dict):
            raise StateDictError(
                "load_state_dict: not a state dict.",
                got=f"{type(state_dict).__name__} {state_dict!r:.60}",
                expected="tensors or arrays by path",
                hint="model.load_state_dict(tg.load(path))",
            )
        own = dict(self.named_parameters())
        given = {k: np.asarray(v) for k, v in state_dict.items()}
        missing = [k for k in own if k not in given]
        unexpected = [k for k in given if k not in own]
        misshaped = [
            f"{k} {given[k].shape} instead of {p.shape}"
            for k, p in own.items()
            if k in given and given[k].shape != p.shape
        ]
        bad_kind = [f"{k} holds {v.dtype}" for k, v in given.items() if k in own and v.dtype.kind not in "fiub"]
        problems = [("misshaped", misshaped), ("not numbers", bad_kind)]
        if strict:
            problems += [("missing", missing), ("unexpected", unexpected)]
        if any(rows for _, rows in problems):
            raise StateDictError(
                f"load_state_dict: these values are not of this {type(self).__name__}; nothing was loaded.",
                got="; ".join(f"{label}: {', '.join(rows)}" for label, rows in problems if rows),
                expected=", ".join(f"{k} {p.shape}" for k, p in own.items()),
                hint="build the model as it was when saved, or strict=False to skip missing and unexpected keys",
            )
        with no_grad():
            for k, p in own.items():
                if k in given:
                    p.copy_(given[k])

    # ------------------------------------------------------------ a readable face

    def extra_repr(self) -> str:
        """Describe the module's settings inside its parentheses; a subclass may write this."""
        return ""

    def __repr__(self) -> str:
        return described(self, Module.__repr__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copied(self, memo)


def as_tensors(x: Any) -> Any:
    """Wrap the arrays among arguments, in lists, tuples and dicts too."""
    if isinstance(x, np.ndarray):
        return from_numpy(x)
    if type(x) is dict:
        return {k: as_tensors(v) for k, v in x.items()}
    return type(x)(map(as_tensors, x)) if type(x) in (list, tuple) else x


def join(path: str, name: str) -> str:
    """Put a name behind a path."""
    return f"{path}.{name}" if path and name else path or name


def _members(container: Any) -> Iterator[tuple[str, Any]]:
    """Yield the Parameters and Modules in attributes, lists, tuples and dicts, with names such as `layers.0`."""
    stack: list[tuple[str, Any]] = [("", container)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, Parameter | Module):
            yield name, value
        elif isinstance(value, dict | list | tuple):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            stack.extend([(join(name, str(key)), inner) for key, inner in items][::-1])
