"""Modules that hold modules or Parameters: in order, in a list, by name.

What they hold are attributes, so that walking, saving and printing need to know nothing of them. Read after module.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

from ..core.errors import DTypeError, shown
from ..tensors.tensor import Tensor
from .module import Module
from .parameter import Parameter


class _Held(Module):
    """What the containers share: attributes of one kind, in order."""

    kind: ClassVar[type[Any]] = Module

    def _items(self) -> dict[str, Any]:
        return {k: m for k, m in vars(self).items() if isinstance(m, self.kind)}

    def _list(self) -> list[Any]:
        kind = self.kind
        return [m for m in vars(self).values() if isinstance(m, kind)]

    def _set(self, items: dict[str, Any]) -> None:
        for name in self._items():
            delattr(self, name)
        for name, item in items.items():
            setattr(self, name, item)

    def _accept(self, items: Iterable[Any]) -> list[Any]:
        """Raise unless all are Modules; give them."""
        result, owner = list(items), type(self).__name__
        for i, x in enumerate(result):
            if not isinstance(x, Module):
                hint = f"{owner}(*layers)" if isinstance(x, list | tuple | dict) else "wrap a function in a Module"
                hint = "ReLU() instead of ReLU" if isinstance(x, type) else hint
                wanted = "instances such as Linear(784, 10) or ReLU()"
                raise DTypeError(f"{owner}: entry {i} is not a Module.", got=shown(x), expected=wanted, hint=hint)
        return result

    def pop(self, key: Any) -> Any:
        """Take an entry out, and give it."""
        value = self[key]
        del self[key]
        return value

    def __getitem__(self, key: Any) -> Any:
        raise NotImplementedError

    def __delitem__(self, key: Any) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._list())


class _Numbered(_Held):
    """A list whose entries are numbered attributes: "0.weight", "1.weight" are the paths in saved files."""

    def _number(self, items: Iterable[Any]) -> None:
        self._set({str(i): m for i, m in enumerate(items)})

    def append(self, module: Any, /) -> Self:
        """Add an entry at the end."""
        setattr(self, str(len(self)), *self._accept([module]))
        return self

    def extend(self, modules: Iterable[Any], /) -> Self:
        """Add several entries at the end."""
        for module in self._accept(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Any) -> Any:
        """Add an entry before a place."""
        items = self._list()
        items.insert(index, *self._accept([module]))
        self._number(items)
        return self if isinstance(self, Sequential) else None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._list())

    def __getitem__(self, index: int | slice) -> Any:
        if not isinstance(index, slice):
            return self._list()[index]
        part = type(self).__new__(type(self))
        part._number(self._list()[index])
        return part

    def __setitem__(self, index: int, module: Any) -> None:
        setattr(self, [*self._items()][index], *self._accept([module]))

    def __delitem__(self, index: int | slice) -> None:
        items = self._list()
        del items[index]
        self._number(items)

    __iadd__ = extend

    def __add__(self, other: Iterable[Any]) -> Self:
        both = type(self).__new__(type(self))
        both._number([*self, *self._accept(other)])
        return both


class ModuleList(_Numbered):
    """A list of modules whose parameters are found; it has no forward."""

    _folds = True  # its repr writes equal neighbours once

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self._number(self._accept(modules or ()))


class Sequential(_Numbered):
    """Modules called one after the other, each on the result of the one before.

    Given one dict, its keys are their names.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        >>> model(tg.rand(64, 1, 28, 28)).shape
        (64, 10)
    """

    def __init__(self, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], dict):
            self._accept(args[0].values())
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self._number(self._accept(args))

    def forward(self, input: Any) -> Any:
        """Call the modules in order."""
        for module in self._list():
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        part = type(self).__new__(type(self))
        part._set(dict([*self._items().items()][index]))  # under their names
        return part

    def __delitem__(self, index: int | slice) -> None:
        names = [*self._items()]
        numbered = names == [str(i) for i in range(len(names))]
        for name in names[index] if isinstance(index, slice) else [names[index]]:
            delattr(self, name)
        if numbered:
            self._number(self._list())


class _Named(_Held, Mapping[str, Any]):
    """A dict whose entries are attributes."""

    __eq__, __hash__ = object.__eq__, object.__hash__  # as modules have them, not as dicts

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def update(self, values: Any, /) -> None:
        """Add entries: those of a mapping, or pairs."""
        if not isinstance(values, Iterable):
            raise DTypeError(f"{type(self).__name__}: expected a dict or pairs.", got=type(values).__name__)
        for name, value in values.items() if hasattr(values, "items") else values:
            self[name] = value

    def __getitem__(self, key: str) -> Any:
        return self._items()[key]

    def __delitem__(self, key: str) -> None:
        del self._items()[key]  # KeyError, if there is none
        delattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def clear(self) -> None:
        """Take all entries out."""
        self._set({})



class ModuleDict(_Named):
    """Modules by name, whose parameters are found; it has no forward."""

    def __init__(self, modules: Any = None) -> None:
        self.update({} if modules is None else modules)

    def __setitem__(self, key: str, value: Any) -> None:
        self.add_module(key, *self._accept([value]))


class _Tensors(_Held):
    kind = Tensor

    def _accept(self, items: Iterable[Any]) -> list[Any]:
        """Raise unless all are tensors; give them as Parameters."""
        result = list(items)
        for x in result:
            if not isinstance(x, Tensor):
                raise DTypeError(f"{type(self).__name__}: an entry is no tensor.", got=f"{type(x).__name__} {x!r:.60}")
        return [x if isinstance(x, Parameter) else Parameter(x) for x in result]

    def __repr__(self) -> str:
        lines = [
            f"    ({k}): {'Parameter' if isinstance(p, Parameter) else 'Tensor'} containing: "
            f"[{p.dtype} of size {'x'.join(map(str, p.shape)) or '()'}]"
            for k, p in self._items().items()
        ]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else f"{type(self).__name__}()"


class ParameterList(_Tensors, _Numbered):
    """A list of Parameters that are found; tensors become Parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        self._number(self._accept(values or ()))


class ParameterDict(_Tensors, _Named):
    """Parameters by name that are found; tensors become Parameters."""

    def __init__(self, parameters: Any = None) -> None:
        self.update({} if parameters is None else parameters)

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, *self._accept([value]))
