"""Layers that are a function with settings: `layer` makes their classes, one line each, as the tables beside use it.

The settings are the arguments of the class in PyTorch's order, and its attributes; help and error messages see them.
Read after module.py; look next at activation.py and loss.py, which have the tables.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from ..core.calls import refusal
from .module import Module

BUFFERS = frozenset({"weight", "pos_weight"})  # settings that are tensors, and saved
REQUIRED = inspect.Parameter.empty
MADE: dict[str, Any] = {"device": None, "dtype": None}  # the last settings of what has parameters
DRAWN = MADE | {"generator": None}


class Layer(Module):
    """Base of layers that call a function: what its call takes, the function is given, then the settings."""

    function: ClassVar[Callable[..., Any]]  # which explains what it refuses
    plain: ClassVar[Callable[..., Any]]  # the same, without
    settings: ClassVar[dict[str, Any]] = {}
    shown: ClassVar[str] = ""
    count: ClassVar[int] = 0  # of dimensions, where the name tells
    trains: ClassVar[bool] = False  # whether the function asks if the module is training
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls) -> None:
        if "function" in vars(cls):
            cls.plain = staticmethod(getattr(cls.function, "__wrapped__", cls.function))
        if "settings" not in vars(cls):
            return
        kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = []
        for name, value in cls.settings.items():
            parameters.append(inspect.Parameter(name, kind, default=value))
            kind = inspect.Parameter.KEYWORD_ONLY if name in ("dtype", "inplace") else kind  # what follows them
        cls.__signature__ = inspect.Signature(parameters)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for name, value in bound(type(self), args, kwargs).items():
            if name in BUFFERS:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        for name in self.settings:
            named[name] = getattr(self, name)
        if self.trains:
            named["training"] = self.training
        try:
            return type(self).plain(*inputs, **named)
        except TypeError:
            pass
        return type(self).function(*inputs, **named)

    def extra_repr(self) -> str:
        """Name the settings that PyTorch names."""
        parts = [self.shown.format(**vars(self))] if self.shown else []
        inplace = vars(self).get("inplace") and "inplace" not in self.shown
        return ", ".join([*parts, "inplace=True"] if inplace else parts)


class Learned(Layer):
    """Base of layers with parameters, which `_build` makes; how they are made is no attribute."""

    weight: Any
    bias: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = bound(type(self), args, kwargs)
        made, bias = {key: given.pop(key) for key in DRAWN if key in given}, given.pop("bias", False)
        for name, value in given.items():
            setattr(self, name, value)
        self._build(bias, made)

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        """Check the settings and make the parameters; made: their dtype and device, and a generator."""
        raise NotImplementedError

    hidden: ClassVar[dict[str, Any]] = {}  # settings that are only named where they are not these

    def extra_repr(self) -> str:
        """Name the settings; of the bias, whether there is one."""
        given = {**vars(self), "bias": all(vars(self).get("bias") is not none for none in (None, False))}
        others = {k: given[k] for k, v in self.hidden.items() if _plain(given.get(k, v)) != v}
        return self.shown.format(**given) + "".join(f", {k}={v}" for k, v in others.items())


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


def bound(kind: type[Layer], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Give each setting of a class its value: from the arguments, or the default."""
    try:
        given = kind.__signature__.bind(*args, **kwargs)
    except TypeError as error:
        raise refusal(kind.__name__, kind.__signature__.parameters.values(), str(error), args, kwargs) from None
    given.apply_defaults()
    return given.arguments


def layer(
    name: str, function: Callable[..., Any], shown: str = "", base: type[Layer] = Layer, trains: bool = False,
    **settings: Any,
) -> Any:  # fmt: skip
    """Make the class of a layer that calls a function.

    Args:
        shown: how its settings are written, as "alpha={alpha}"; `inplace` is written where it is true
        settings: its arguments and their defaults; unless given those of the function, but for who draws and when
    """
    if not settings:
        given = inspect.signature(function).parameters.values()
        settings = {p.name: p.default for p in given if p.default is not p.empty}
        settings = {name: value for name, value in settings.items() if name not in ("training", "generator")}
    doc = inspect.cleandoc(function.__doc__ or "").partition("\n\nExample:")[0]  # the function's is not the layer's
    body = {
        "function": staticmethod(function), "settings": settings, "shown": shown, "trains": trains,
        "count": int(name[-2]) if name[-2:-1].isdigit() else 0,
        "__doc__": doc, "__module__": sys._getframe(1).f_globals["__name__"],
    }  # fmt: skip
    return type(name, (base,), body)
