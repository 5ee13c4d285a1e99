"""Weights that are computed from other parameters whenever they are read: PyTorch's `nn.utils.parametrize`.

The module gets a class of its own, between it and its class, with a property in the place of the weight; classes are
made for a set of names and never changed, so that copies and pickles keep theirs. normed.py has the older form.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.graph import no_grad
from ...tensors.in_place import replace
from ...tensors.tensor import Tensor
from ..containers import ModuleList
from ..module import Module, registered
from ..parameter import Parameter


class Parametrizations(Module):
    """What a module's computed weights are made of, by their names."""

    def __getitem__(self, name: str) -> ParametrizationList:
        found: ParametrizationList = vars(self)[name]
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(vars(self).get(str(name)), ParametrizationList)

    def names(self) -> tuple[str, ...]:
        """List the names."""
        return tuple(name for name in vars(self) if name in self)


class ParametrizationList(ModuleList):
    """The modules that make one weight, one after the other, and the parameters that it is made from."""

    def __init__(self, modules: list[Module], original: Tensor) -> None:
        super().__init__(modules)
        with no_grad():
            made: Any = original
            for module in reversed(modules):
                made = module.right_inverse(made) if hasattr(module, "right_inverse") else made
        self.several = isinstance(made, tuple | list)
        for i, x in enumerate(made if self.several else ()):
            is_parameter = isinstance(original, Parameter)
            value = Parameter(x.detach(), original.requires_grad) if is_parameter else x.detach()
            setattr(self, f"original{i}", value) if is_parameter else self.register_buffer(f"original{i}", value)
        if not self.several:
            if made is not original:
                replace(original, made.detach())
            if isinstance(original, Parameter):
                self.original = original
            else:
                self.register_buffer("original", original)

    def originals(self) -> list[Any]:
        """List what the weight is made from."""
        names = [k for k in vars(self) if k.startswith("original") and k[8:].isdigit() == self.several]
        return [getattr(self, name) for name in names]

    def forward(self) -> Any:
        """Make the weight."""
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
def dressed(base: Any, names: tuple[str, ...], older: tuple[str, ...] = ()) -> type[Module]:
    """Make the class of a module whose weights of these names are computed; older: by an object of normed.py."""
    body: dict[str, Any] = {"__module__": base.__module__, "_base": base}
    body |= {name: _computed(name) for name in names}
    body |= {name: property(partial(_older_weight, name=name), _unchangeable) for name in older}
    if older:
        body["forward"] = _older_forward
    body["__reduce_ex__"] = lambda self, protocol: (_bare, (base, names, older), vars(self))
    return type(f"Parametrized{base.__name__}" if names else base.__name__, (base,), body)


def _computed(name: str) -> property:
    def weight(self: Any) -> Any:
        return self.parametrizations[name]()

    def assign(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(weight, assign)


def _older_weight(self: Any, name: str) -> Any:
    return self._normed[name].weight(self)


def _older_forward(self: Any, *args: Any, **kwargs: Any) -> Any:
    for norm in self._normed.values():
        norm.before(self)
    return self._base.forward(self, *args, **kwargs)


def _unchangeable(self: Module, value: Any) -> None:
    raise ArgumentError(f"{type(self).__name__}: a weight that is computed cannot be assigned.", hint="remove the norm")


def _bare(base: Any, names: tuple[str, ...], older: tuple[str, ...]) -> Module:
    kind = dressed(base, names, older)
    return kind.__new__(kind)


def lists_of(module: Module) -> Parametrizations:
    """Give what a module's computed weights are made of."""
    found = vars(module).get("parametrizations")
    return found if isinstance(found, Parametrizations) else Parametrizations()


def undressed(module: Module) -> type[Module]:
    """Give the class that a module was written as."""
    kind: type[Module] = getattr(type(module), "_base", type(module))
    return kind


def dress(module: Module) -> None:
    """Give a module the class that its computed weights need."""
    names = lists_of(module).names()
    older = tuple(vars(module).get("_normed", ()))
    base: Any = undressed(module)
    module.__class__ = dressed(base, names, older) if names or older else base


def taken(module: Module, name: str, what: str) -> Tensor:
    """Find a parameter or buffer of a module that is to be computed from now on."""
    x = vars(module).get(name)
    if not isinstance(x, Tensor) or not (isinstance(x, Parameter) or name in registered(module)):
        hint = ", ".join(k for k, v in vars(module).items() if isinstance(v, Parameter))
        raise ArgumentError(f"{what}: {type(module).__name__} has no parameter or buffer {name!r}.", expected=hint)
    return x


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Tell whether a weight of a module is computed, this one or any."""
    names = lists_of(module).names()
    return bool(names) if tensor_name is None else tensor_name in names


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter from now on: its value goes through `parametrization` whenever it is read.

    Args:
        parametrization: a module; its `right_inverse`, if any, makes from the present value what it is computed from
        unsafe: let shape and dtype change
    Raises:
        ArgumentError where there is no such parameter
        ShapeError, DTypeError where the value has another shape or dtype
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        before, after = getattr(module, tensor_name), parametrization(getattr(module, tensor_name))
        _check_alike(tensor_name, before, after, unsafe)
        lists_of(module)[tensor_name].append(parametrization)
        return module
    original = taken(module, tensor_name, "register_parametrization")
    shape, dtype = original.shape, original.dtype
    made = ParametrizationList([parametrization], original).train(module.training)
    with no_grad():
        value = made()
    if not unsafe and (value.shape, value.dtype) != (shape, dtype):
        _check_alike(tensor_name, original, value, unsafe)
    delattr(module, tensor_name)
    module.parametrizations = lists_of(module)  # type: ignore[attr-defined]
    setattr(lists_of(module), tensor_name, made)
    dress(module)
    return module


def _check_alike(name: str, before: Any, after: Any, unsafe: bool) -> None:
    problem = f"register_parametrization: {name} would be of another"
    if not unsafe and before.shape != after.shape:
        raise ShapeError(f"{problem} shape.", got=f"{after.shape}", expected=f"{before.shape}", hint="unsafe=True")
    if not unsafe and before.dtype != after.dtype:
        raise DTypeError(f"{problem} dtype.", got=f"{after.dtype}", expected=f"{before.dtype}", hint="unsafe=True")


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
    first: Any = made.originals()[0]
    with no_grad():
        value = getattr(module, tensor_name)
    if made.several:
        first = Parameter(value.detach(), first.requires_grad) if isinstance(first, Parameter) else value.detach()
    elif leave_parametrized:
        replace(first, value.detach().clone())
    delattr(lists_of(module), tensor_name)
    if not lists_of(module).names():
        delattr(module, "parametrizations")
    dress(module)
    setattr(module, tensor_name, first) if isinstance(first, Parameter) else module.register_buffer(tensor_name, first)
    return module
