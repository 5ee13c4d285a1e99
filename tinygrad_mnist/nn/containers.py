"""Modules that hold modules: Sequential calls them in order, ModuleList keeps them for a forward of your own.

Read after module.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..core.errors import DTypeError, shown
from .module import Module


def _checked(owner: str, modules: Iterable[Any]) -> list[Module]:
    result = list(modules)
    for i, x in enumerate(result):
        if not isinstance(x, Module):
            hint = f"{owner}(*layers)" if isinstance(x, list | tuple | dict) else "wrap a function in a Module"
            hint = "ReLU() instead of ReLU" if isinstance(x, type) else hint
            wanted = "instances such as Linear(784, 10) or ReLU()"
            raise DTypeError(f"{owner}: entry {i} is not a Module.", got=shown(x), expected=wanted, hint=hint)
    return result


class ModuleList(Module):
    """A list of modules whose parameters are found; it has no forward."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._set(_checked(type(self).__name__, modules))

    def _set(self, modules: list[Module]) -> None:
        # numbered attributes give the paths "0.weight", "1.weight" that saved files of this API have
        for name in [k for k in vars(self) if k.isdigit()]:
            delattr(self, name)
        for i, module in enumerate(modules):
            setattr(self, str(i), module)

    def _list(self) -> list[Module]:
        return [m for k, m in vars(self).items() if k.isdigit()]

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end."""
        self._set([*self._list(), *_checked(type(self).__name__, [module])])
        return self

    def __len__(self) -> int:
        return len(self._list())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._list())

    def __getitem__(self, index: int | slice) -> Module:
        chosen = self._list()[index]
        if isinstance(chosen, Module):
            return chosen
        part = type(self).__new__(type(self))
        part._set(chosen)
        return part


class Sequential(ModuleList):
    """Modules called one after the other, each on the result of the one before."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, input: Any) -> Any:
        """Call the modules in order."""
        for module in self._list():
            input = module(input)
        return input
