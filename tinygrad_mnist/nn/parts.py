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

    def _check_name(self, what: str, name: str) -> None:
        if not isinstance(name, str):
            raise DTypeError(f"{what}: the name must be a string.", got=f"{name!r:.60}")
        taken = hasattr(self, name) and not isinstance(vars(self).get(name), Parameter | Parts | None)
        if not name or "." in name or taken or (hasattr(type(self), name) and name not in vars(self)):
            if name and "." not in name and name in getattr(type(self), "__annotations__", {}):
                return
            raise ArgumentError(f"{what} of {type(self).__name__}: {name!r} is taken, or no name.", expected="no dot")

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
        found = self._at("get_submodule", target)
        if not isinstance(found, Parts):
            raise AttributeError(f"get_submodule: {target!r} is not a module of {type(self).__name__}")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """Find the Parameter at a path such as "net.0.weight"."""
        found = self._at("get_parameter", target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"get_parameter: {target!r} is not a Parameter of {type(self).__name__}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Find the buffer at a path such as "norm.running_mean"."""
        found = self._at("get_buffer", target)
        if not isinstance(found, Tensor) or isinstance(found, Parameter):
            raise AttributeError(f"get_buffer: {target!r} is not a buffer of {type(self).__name__}")
        return found

    def set_submodule(self, target: str, module: Any) -> None:
        """Put another module at a path."""
        parent, _, name = target.rpartition(".")
        owner = self.get_submodule(parent)
        if not isinstance(getattr(owner, name, None), Parts):
            raise AttributeError(f"set_submodule: there is no module {target!r} in {type(self).__name__}")
        setattr(owner, name, module)

    def _at(self, what: str, target: str) -> Any:
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
