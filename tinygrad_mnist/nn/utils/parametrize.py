"""Weights that are computed from other parameters whenever they are read: PyTorch's `nn.utils.parametrize`.

The module gets a class of its own, between it and its class, with a property in the place of the weight; classes are
made for a set of names and never changed, so that copies and pickles keep theirs. normed.py has the older form.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ...core.errors import ArgumentError, ShapeError
from ...core.graph import no_grad
from ...tensors.in_place import replace
from ...tensors.tensor import Tensor
from ..containers import ModuleList
from ..module import Module, registered
from ..parameter import Parameter


class Parametrizations(Module):
    """What a module's computed weights are made of, by their names."""

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]

    def names(self) -> tuple[str, ...]:
        """List the names."""
        return tuple(name for name, x in vars(self).items() if isinstance(x, ParametrizationList))


class ParametrizationList(ModuleList):
    """The modules that make one weight, one after the other, and the parameters that it is made from."""

    def __init__(self, module: Any, original: Tensor) -> None:
        super().__init__([module])
        with no_grad():
            made = module.right_inverse(original) if hasattr(module, "right_inverse") else original
        self.several = isinstance(made, tuple | list)
        if not self.several and made is not original:
            replace(original, made.detach())
        learned = isinstance(original, Parameter)
        for i, x in enumerate(made if self.several else [original]):
            name = f"original{i}" if self.several else "original"
            put(self, name, Parameter(x.detach(), original.requires_grad) if self.several and learned else x)

    def originals(self) -> list[Any]:
        """List what the weight is made from."""
        return [x for name, x in vars(self).items() if name.startswith("original")]

    def forward(self) -> Any:
        first, *others = self._list()
        x = first(*self.originals())
        for module in others:
            x = module(x)
        return x

    def right_inverse(self, value: Any) -> None:
        """Change what the weight is made from, so that it becomes this value."""
        with no_grad():
            for module in reversed(self._list()):
                if not hasattr(module, "right_inverse"):
                    name = type(module).__name__
                    raise ArgumentError(f"{name} has no right_inverse, so that its weight cannot be assigned.")
                value = module.right_inverse(value)
            for x, new in zip(self.originals(), value if self.several else [value], strict=True):
                x.copy_(new)


@cache
def dressed(base: Any, names: tuple[str, ...], older: tuple[str, ...] = ()) -> Any:
    """Make the class of a module whose weights of these names are computed; older: by an object of normed.py."""

    def computed(name: str) -> property:
        return property(lambda self: self.parametrizations[name](),
                        lambda self, value: self.parametrizations[name].right_inverse(value))  # fmt: skip

    def older_one(name: str) -> property:
        return property(lambda self: self._normed[name].weight(self), _unchangeable)

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        for norm in self._normed.values():
            norm.before(self)
        return base.forward(self, *args, **kwargs)

    body: dict[str, Any] = {"__module__": base.__module__, "_base": base} | ({"forward": forward} if older else {})
    body |= {name: computed(name) for name in names} | {name: older_one(name) for name in older}
    body["__reduce_ex__"] = lambda self, protocol: (_bare, (base, names, older), vars(self))
    return type(f"Parametrized{base.__name__}" if names else base.__name__, (base,), body)


def _unchangeable(self: Module, value: Any) -> None:
    raise ArgumentError(f"{type(self).__name__}: a weight that is computed cannot be assigned.", hint="remove the norm")


def _bare(base: Any, names: tuple[str, ...], older: tuple[str, ...]) -> Any:
    kind = dressed(base, names, older)
    return kind.__new__(kind)


def dress(module: Any) -> None:
    """Give a module the class that its computed weights need."""
    names, older = lists_of(module).names(), tuple(vars(module).get("_normed", ()))
    base: Any = getattr(type(module), "_base", type(module))
    module.__class__ = dressed(base, names, older) if names or older else base


def lists_of(module: Module) -> Parametrizations:
    """Give what a module's computed weights are made of."""
    found: Any = vars(module).get("parametrizations")
    return found if isinstance(found, Parametrizations) else Parametrizations()


def put(module: Any, name: str, x: Tensor) -> None:
    """Make a tensor a parameter of a module, or a buffer."""
    setattr(module, name, x) if isinstance(x, Parameter) else module.register_buffer(name, x)


def taken(module: Module, name: str, what: str) -> Any:
    """Find a parameter or buffer of a module that is to be computed from now on."""
    x = vars(module).get(name)
    if not isinstance(x, Parameter) and not (isinstance(x, Tensor) and name in registered(module)):
        raise ArgumentError(f"{what}: {type(module).__name__} has no parameter or buffer {name!r}.")
    return x


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Tell whether a weight of a module is computed, this one or any."""
    names = lists_of(module).names()
    return bool(names) if tensor_name is None else tensor_name in names


def register_parametrization(module: Module, tensor_name: str, parametrization: Module, *,
                             unsafe: bool = False) -> Module:  # fmt: skip
    """Compute a parameter from now on: its value goes through `parametrization` whenever it is read.

    Args:
        parametrization: a module; its `right_inverse`, if any, makes from the present value what it is computed from
        unsafe: let shape and dtype change
    Raises:
        ArgumentError where there is no such parameter
        ShapeError where the value has another shape or dtype
    """
    known = is_parametrized(module, tensor_name)
    before = getattr(module, tensor_name) if known else taken(module, tensor_name, "register_parametrization")
    was, made = (before.shape, before.dtype), parametrization if known else ParametrizationList(parametrization, before)
    with no_grad():
        after = parametrization(before) if known else made()
    if not unsafe and (after.shape, after.dtype) != was:
        problem, got = f"register_parametrization: {tensor_name} would be of another shape or dtype.", str(after.shape)
        raise ShapeError(problem, got=f"{got}, {after.dtype}", expected=f"{was[0]}, {was[1]}", hint="unsafe=True")
    made.train(module.training)
    if known:
        lists_of(module)[tensor_name].append(made)
        return module
    delattr(module, tensor_name)
    module.parametrizations = lists_of(module)  # type: ignore[attr-defined]
    setattr(lists_of(module), tensor_name, made)
    dress(module)
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a computed weight a parameter again: with the value that it has, or the one that it is computed from.

    Raises:
        ArgumentError where it is not computed, or is made from several parameters of which none is left
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"remove_parametrizations: {type(module).__name__}.{tensor_name} is not parametrized.")
    made = lists_of(module)[tensor_name]
    if made.several and not leave_parametrized:
        problem = "remove_parametrizations: a weight made from several parameters has no original."
        raise ArgumentError(problem, hint="leave_parametrized=True")
    first = made.originals()[0]
    with no_grad():
        value = getattr(module, tensor_name).detach()
    if made.several:
        first = Parameter(value, first.requires_grad) if isinstance(first, Parameter) else value
    elif leave_parametrized:
        replace(first, value.clone())
    delattr(lists_of(module), tensor_name)
    if not lists_of(module).names():
        delattr(module, "parametrizations")
    dress(module)
    put(module, tensor_name, first)
    return module
