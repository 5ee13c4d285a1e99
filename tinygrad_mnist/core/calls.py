"""What a call answers whose arguments do not fit: NumPy's names are taken, all else is told as an error.

A public function is called as it is, and only when Python has refused its arguments is looked what was meant: a call
that fits pays for one more frame. Knows the rooms by the names they export. Look next at graph.py.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from .errors import CallError, TinygradError
from .failure import note

PACKAGE = __name__.partition(".")[0] + "."
NUMPYS = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}
PYTORCHS = {  # arguments that many of its functions have, and none here
    "out": "out.copy_({}(...)): results are new tensors", "memory_format": "leave it out", "layout": "leave it out",
    "names": "leave it out", "size_average": 'reduction="mean" or "sum"', "reduce": 'reduction="none"',
    "dtype": "x.to(dtype) before or after", "inplace": "x = {}(x)",
}  # fmt: skip


def answering(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Give a function that explains its refusals."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TinygradError as error:
            note(error, name, [*args, *kwargs.values()])
            raise
        except TypeError:
            meant = fitting(function, name, args, kwargs)
            if meant is kwargs:  # they fit, and something else is wrong
                raise
        return function(*args, **meant)

    return call


ANSWERING: Any = answering(repr, "").__code__


def fitting(function: Callable[..., Any], name: str, args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Give keyword arguments with PyTorch's names for NumPy's, or say what does not fit."""
    parameters = inspect.signature(function).parameters
    names = {n: t for n, t in NUMPYS.items() if n in given and n not in parameters and t in parameters}
    for numpys, torchs in names.items():
        if torchs in given:
            raise CallError(f"{name}: {torchs} and {numpys} say the same.", expected="one of them") from None
    kwargs = given
    if names or given.get("out", 1) is None:  # no out is what all have
        kwargs = {names.get(k, k): v for k, v in given.items() if k != "out" or v is not None}
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        start = function.__name__ == "__init__"  # whose first argument is the object
        raise refusal(name, [*parameters.values()][start:], str(error), args[start:], kwargs) from None
    return kwargs


def refusal(name: str, parameters: Any, reason: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallError:
    """Say which arguments a function has, and which of them was meant."""
    known = [p.name for p in parameters]
    unknown = [k for k in kwargs if k not in known]
    given = [*map(brief, args), *(f"{k}={brief(v)}" for k, v in kwargs.items())]
    problem, hint = f"{name}: {reason}.", ""
    if unknown:
        problem = f"{name} has no argument {unknown[0]!r}."
        close = importlib.import_module("difflib").get_close_matches(unknown[0], known, 1)
        hint = PYTORCHS.get(unknown[0], f"{close[0]}=" if close else "").format(name)
    return CallError(
        problem, got=f"{name}({', '.join(given)})", hint=hint,
        expected=f"{name}({', '.join(str(p.replace(annotation=p.empty)) for p in parameters)})",
    )  # fmt: skip


def brief(x: Any) -> str:
    """Write an argument in a few words."""
    if hasattr(x, "shape"):
        return f"{type(x).__name__} {tuple(x.shape)}"
    if isinstance(x, list | tuple) and any(hasattr(y, "shape") for y in x):
        return f"{type(x).__name__} of {len(x)}"
    return f"{x!r:.30}"


def answer(room: dict[str, Any], names: Iterable[str]) -> None:
    """Have the functions and classes of a room explain their refusals, under every name and where they are written."""
    made: dict[Any, Any] = {}
    for thing in map(room.get, names):
        if not getattr(thing, "__module__", "").startswith(PACKAGE):
            continue
        if isinstance(thing, type):
            start: Any = thing.__init__  # type: ignore[misc]
            if isinstance(start, FunctionType) and start.__code__ is not ANSWERING:
                thing.__init__ = answering(start, thing.__name__)  # type: ignore[misc]
        elif isinstance(thing, FunctionType) and thing.__code__ is not ANSWERING:
            made[thing] = answering(thing, thing.__name__)
    for place in [room, *(vars(sys.modules[m]) for m in {f.__module__ for f in made})]:
        place.update({k: made[v] for k, v in place.items() if isinstance(v, FunctionType) and v in made})
