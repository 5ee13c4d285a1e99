"""Layers that are a function with settings: `layer` makes their classes, one line each, as the tables beside use it.

The settings are the arguments of the class in PyTorch's order, and its attributes; help and error messages see them.
Read after module.py; look next at activation.py and loss.py, which have the tables.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from ..core.errors import ArgumentError
from .module import Module

BUFFERS = frozenset({"weight", "pos_weight"})  # settings that are tensors, and saved


class Layer(Module):
    """Base of layers that call a function: what its call takes, the function is given, then the settings."""

    function: ClassVar[Callable[..., Any]]
    settings: ClassVar[dict[str, Any]] = {}
    shown: ClassVar[str] = ""
    trains: ClassVar[bool] = False  # whether the function asks if the module is training

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for name, value in bound(type(self), args, kwargs).items():
            if name in BUFFERS:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        given = named | {name: getattr(self, name) for name in self.settings}
        if self.trains:
            given["training"] = self.training
        return type(self).function(*inputs, **given)

    def extra_repr(self) -> str:
        """Name the settings that PyTorch names."""
        parts = [self.shown.format(**vars(self))] if self.shown else []
        return ", ".join([*parts, "inplace=True"] if vars(self).get("inplace") else parts)


class Settled(Layer):
    """Base of layers whose repr names all settings that are not the default."""

    def extra_repr(self) -> str:
        """Name the settings, less the defaults."""
        given = {name: getattr(self, name) for name in self.settings}
        plain = {**self.settings, "stride": given.get("kernel_size")} if "output_size" not in given else {}
        return ", ".join(f"{k}={v!r}" for k, v in given.items() if k not in plain or plain[k] != _plain(v))


def _plain(value: Any) -> Any:
    """Write sizes of 0 or 1 in all dimensions as one."""
    same = isinstance(value, tuple) and len(set(value)) == 1 and value[0] in (0, 1)
    return value[0] if same else value


REQUIRED = inspect.Parameter.empty


def bound(kind: type[Layer], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Give each setting of a class its value: from the arguments, or the default."""
    settings = kind.settings
    try:
        values = dict(zip(settings, args, strict=False))
        taken = [*(values.keys() & kwargs.keys()), *(kwargs.keys() - settings.keys())]
        values = settings | values | kwargs
        if len(args) > len(settings) or taken or any(v is REQUIRED for v in values.values()):
            raise TypeError
    except TypeError:
        names = ", ".join(name if v is REQUIRED else f"{name}={v!r}" for name, v in settings.items())
        got = ", ".join([*(f"{x!r:.30}" for x in args), *(f"{k}={v!r:.30}" for k, v in kwargs.items())])
        raise ArgumentError(f"{kind.__name__}: the arguments do not fit.", got=f"({got})",
                            expected=f"({names})") from None  # fmt: skip
    return values


def layer(
    name: str, function: Callable[..., Any], shown: str = "", base: type[Layer] = Layer, trains: bool = False,
    **settings: Any,
) -> Any:  # fmt: skip
    """Make the class of a layer that calls a function.

    Args:
        shown: how its settings are written, as "alpha={alpha}"; `inplace` is written where it is true
        settings: its arguments and their defaults
    """
    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(key, keyword, default=value) for key, value in settings.items()]
    body = {
        "function": staticmethod(function), "settings": settings, "shown": shown, "trains": trains,
        "__doc__": function.__doc__, "__module__": sys._getframe(1).f_globals["__name__"],
        "__signature__": inspect.Signature(parameters),
    }  # fmt: skip
    return type(name, (base,), body)

