"""What a module has for its parts: adding and finding them by name, doing something with each, hooks.

module.py derives from this; it walks, saves and describes. Knows no layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from ..core.errors import ArgumentError, DTypeError
from ..core.hooks import RemovableHandle
from ..tensors.tensor import Tensor
from .hooks import hang
from .parameter import Parameter

P = TypeVar("P", bound="Parts")
Hook = Callable[..., Any]


class Incompatible(NamedTuple):
    """What `load_state_dict` found no value for, and no place."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        found = f"Incompatible(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"
        return found if any(self) else "<All keys matched successfully>"


class Parts:
    """Named parts and hooks."""

    _hooks: Any = None  # by kind, once there are any
    children: Callable[..., Iterator[Any]]
    modules: Callable[..., Iterator[Any]]

    def _check_name(self, what: str, name: str, free: Callable[[Any], bool] | None = None) -> None:
        """Raise unless a part may have this name; free: whether what has it already may be replaced."""
        if not isinstance(name, str):
            raise DTypeError(f"{what}: the name must be a string.", got=f"{name!r:.60}")
        who, own = f"{what} of {type(self).__name__}", vars(self)
        if not name or "." in name:
            raise ArgumentError(f"{who}: a part cannot have this name.", got=repr(name), expected="no dot")
        if free is None and name in getattr(type(self), "__annotations__", {}):
            return
        if hasattr(self, name) and not (name in own and (free or _part)(own[name])):
            raise ArgumentError(f"{who}: there is an attribute {name!r} already.", hint="another name, or del it first")

    def add_module(self, name: str, module: Any) -> None:
        """Make a module, or None, an attribute of this one."""
        self._check_name("add_module", name)
        if not isinstance(module, Parts) and module is not None:
            raise DTypeError(f"add_module: {name!r} is not a Module.", got=type(module).__name__)
        setattr(self, name, module)

    register_module = add_module

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make a Parameter, or None, an attribute of this module."""
        self._check_name("register_parameter", name)
        if not isinstance(param, Parameter) and param is not None:
            raise DTypeError(f"register_parameter: {name!r} is not a Parameter.", got=type(param).__name__,
                             hint="tg.nn.Parameter(tensor)")  # fmt: skip
        setattr(self, name, param)

    def get_submodule(self, target: str) -> Any:
        """Find the module at a path such as "net.0"; "" is this one."""
        return self._at("get_submodule", target, "module", lambda x: isinstance(x, Parts))

    def get_parameter(self, target: str) -> Any:
        """Find the Parameter at a path such as "net.0.weight"."""
        return self._at("get_parameter", target, "Parameter", lambda x: isinstance(x, Parameter))

    def get_buffer(self, target: str) -> Any:
        """Find the buffer at a path such as "norm.running_mean"."""
        return self._at("get_buffer", target, "buffer",
                        lambda x: isinstance(x, Tensor) and not isinstance(x, Parameter))  # fmt: skip

    def set_submodule(self, target: str, module: Any) -> None:
        """Put another module at a path."""
        parent, _, name = target.rpartition(".")
        owner = self.get_submodule(parent)
        if not isinstance(getattr(owner, name, None), Parts):
            raise AttributeError(f"set_submodule: there is no module {target!r} in {type(self).__name__}")
        setattr(owner, name, module)

    def _at(self, what: str, target: str, kind: str, fits: Callable[[Any], bool]) -> Any:
        found: Any = self
        for name in target.split(".") if target else ():
            inner = found.get(name) if isinstance(found, dict) else None
            if isinstance(found, list | tuple) and name.isdigit() and int(name) < len(found):
                inner = found[int(name)]
            inner = getattr(found, name, None) if inner is None else inner
            if inner is None:
                raise AttributeError(f"{what}: {type(self).__name__} has no {target!r}: {type(found).__name__} "
                                     f"has no attribute {name!r}")  # fmt: skip
            found = inner
        if not fits(found):
            raise AttributeError(f"{what}: {target!r} is not a {kind} of {type(self).__name__}")
        return found

    def apply(self: P, fn: Callable[[Any], Any]) -> P:
        """Call a function with every module inside, then with this one; give this one."""
        for module in [*self.modules()][::-1]:
            fn(module)
        return self

    # ------------------------------------------------------------ hooks

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Have hook(module, args) called before forward; what it gives takes the place of the arguments."""
        return hang(self, "pre", hook, prepend, with_kwargs=with_kwargs)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Have hook(module, args, output) called after forward; what it gives takes the place of the output."""
        return hang(self, "forward", hook, prepend, with_kwargs=with_kwargs, always_call=always_call)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Have hook(module, grad_output) called on the way back; what it gives takes the place of the gradients."""
        return hang(self, "backward_pre", hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Have hook(module, grad_input, grad_output) called on the way back, when the inputs' gradients are there.

        What it gives takes the place of the gradient that came last, which is the only one of a module of one input.
        """
        return hang(self, "backward", hook, prepend)


def _part(x: Any) -> bool:
    return isinstance(x, Parameter | Parts | None)
