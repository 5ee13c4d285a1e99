"""Arguments and results of a step: find the tensors inside them, describe the rest, put other tensors in their places.

Knows no program. Look next at compiled.py.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import numpy as np

from ..core.graph import Var
from ..tensors.creation import from_numpy
from .guards.guard import Guard
from .guards.things import attributes
from .guards.watch import refused

NUMBERS = (int, float, complex, np.generic)
WORDS = (bool, str, bytes, type(None))
EXACT_NUMBERS, EXACT_WORDS = (int, float, complex), WORDS  # not what is derived from them: that has attributes


def is_data(x: Any) -> bool:
    """Tell whether an argument is an array that can be a tensor."""
    return type(x) in (np.ndarray, np.memmap) and x.dtype.kind in "fiub"


def is_number(x: object) -> bool:
    """Tell whether an argument is a number or text that cannot change (a record of NumPy's is a view of its array)."""
    return type(x) in EXACT_NUMBERS or (isinstance(x, np.generic) and not isinstance(x, np.void))


def signature(x: Any, tensors: list[Any], numbers: list[Any]) -> Any:
    """Describe arguments so that calls alike share a plan; collect their tensors and numbers.

    Numbers are compared apart, so that one that changes at every call can be named.
    """
    if isinstance(x, Var):
        tensors.append(x)
        a = x.array
        return a.shape, a.dtype, a.strides, x.differentiable and (x.gradient is None, x.node is None)
    if is_data(x):
        tensors.append(x)
        return x.shape, x.dtype, x.strides
    if isinstance(x, tuple | list):
        return type(x), beside(x), *[signature(item, tensors, numbers) for item in x]
    if isinstance(x, dict):
        return type(x), beside(x), *[(exact(k), signature(v, tensors, numbers)) for k, v in x.items()]
    if type(x) in EXACT_WORDS:
        return type(x), x
    if is_number(x):
        numbers.append(x)
        return type(x) if x else (type(x), str(x))  # 0.0 is not -0.0
    if isinstance(x, set | frozenset) and all(type(k) in EXACT_WORDS + EXACT_NUMBERS for k in x):
        return type(x), *map(exact, x)
    return id(x)  # a plan keeps it alive, and guards what it holds


def repeats(tensors: list[Any]) -> tuple[int, ...] | None:
    """Describe which tensors are one and the same."""
    if len(tensors) < 2 or len({*map(id, tensors)}) == len(tensors):
        return None
    known = {id(x): i for i, x in enumerate(tensors)}
    return tuple(known[id(x)] for x in tensors)


def exact(x: Any) -> tuple[type, Any]:
    """Describe a key so that 1 is not True and 0.0 is not -0.0."""
    return type(x), x if x or type(x) not in EXACT_NUMBERS else str(x)


def beside(x: Any) -> tuple[Any, ...] | None:
    """Describe what a container of another class than Python's own has besides its items: attributes, a default."""
    if type(x) in (list, tuple, dict):
        return None
    named = {**attributes(x), "": x.default_factory if isinstance(x, defaultdict) else None}
    return tuple((k, type(v), v if type(v) in EXACT_WORDS + EXACT_NUMBERS else id(v)) for k, v in named.items())


def containers(x: Any) -> list[Any]:
    """List the lists, tuples and dicts in arguments, as often as they occur."""
    inside = list(x.values()) if isinstance(x, dict) else list(x) if isinstance(x, tuple | list) else []
    found = [c for item in inside for c in containers(item)]
    return [*found, x] if isinstance(x, dict | tuple | list) else found


def reach_containers(arguments: list[Any], guard: Guard) -> None:
    """Note what containers among the arguments have besides their items; refuse one that occurs twice."""
    guard.explore()
    held = [c for x in arguments for c in containers(x)]
    for container in held:
        if beside(container) is not None:
            guard.reach(container, "an argument")
    known = [id(c) for c in held if not isinstance(c, tuple)]
    if len(set(known)) < len(known):
        raise refused("the same list or dict twice among the arguments", "pass it once", guard.home)


def visit(x: Any, name: str, replace: Callable[[Any, str], Any]) -> Any:
    """Rebuild arguments with everything replaced that is no list, tuple or dict; replace is told its name."""
    if isinstance(x, dict):
        return refilled(x, {k: visit(v, f"{name}_{k}" if name else str(k), replace) for k, v in x.items()})
    if isinstance(x, tuple | list):
        return rebuilt(x, [visit(item, f"{name}_{i}", replace) for i, item in enumerate(x)])
    return replace(x, name)


def rebuilt(like: Any, items: list[Any]) -> Any:
    """Make a list, tuple or named tuple of the kind of another."""
    if type(like) in (list, tuple):
        return type(like)(items)
    if isinstance(like, list):
        result = copy.copy(like)
        result[:] = items
        return result
    if hasattr(like, "_make"):
        return like._make(items)
    made = type(like).__new__(type(like), items)
    for name, value in attributes(like).items():
        setattr(made, name, value)
    return made


def refilled(like: Any, items: dict[Any, Any]) -> Any:
    """Make a dict of the kind of another (ordered, with defaults, with attributes) that holds these items."""
    if type(like) is dict:
        return items
    result = copy.copy(like)
    for key, value in items.items():
        dict.__setitem__(result, key, value)
    return result


def identities(x: Any) -> Any:
    """List what is inside lists, tuples and dicts, to notice a change of one."""
    if isinstance(x, dict):
        return [(k, identities(v)) for k, v in x.items()]
    return [identities(item) for item in x] if isinstance(x, tuple | list) else id(x)


def stand_in(x: Any, known: dict[int, Var] | None = None) -> Var:
    """Make a tensor of the same memory that is not the same object, so that it is not taken for another of its uses.

    known: those made already; an argument that comes twice is one tensor
    """
    if known is not None and id(x) in known:
        return known[id(x)]
    result = from_numpy(x[...]) if not isinstance(x, Var) else type(x).wrap(x.array[...], x.differentiable, x.node)
    if isinstance(x, Var):
        result.version, result.gradient = x.version, x.gradient
    if known is not None:
        known[id(x)] = result
    return result


class Place(int):
    """Stands in the form of a result for its tensor of this number."""


class Held(int):
    """Stands in the form of a result for the list or dict of this number among the arguments."""


class Kept:
    """Stands in the form of a result for a list or dict from outside, which comes back itself."""

    def __init__(self, thing: object) -> None:
        self.thing = thing


def form_of(result: Any, tensors: list[Var], known: Callable[[Any], Any]) -> Any:
    """Put a Place where each tensor of a result stands, and collect the tensors, each once.

    For anything else than tensors, numbers and text `known` gives what stands for it, if it was there before the step;
    raises TypeError where that is None.
    """
    if isinstance(result, Var):
        for i, t in enumerate(tensors):
            if t is result:
                return Place(i)
        tensors.append(result)
        return Place(len(tensors) - 1)
    if isinstance(result, dict | tuple | list) and (whole := known(result)) is not None:
        return whole
    if isinstance(result, dict):
        return refilled(result, {k: form_of(v, tensors, known) for k, v in result.items()})
    if isinstance(result, tuple | list):
        return rebuilt(result, [form_of(item, tensors, known) for item in result])
    if (not isinstance(result, NUMBERS + WORDS) or isinstance(result, np.void)) and known(result) is None:
        raise TypeError(type(result).__name__)
    return result


def anything(x: object) -> object:
    """Have form_of take anything, and look into what holds other things."""
    return None if isinstance(x, dict | list | tuple) else x


def tensors_in(x: object) -> list[Var]:
    """List the tensors in a result, each once."""
    found: list[Var] = []
    form_of(x, found, anything)
    return found


def filled(form: Any, tensors: list[Any], held: Sequence[Any] = ()) -> Any:
    """Put tensors where their Places are, and what else was there before."""
    if type(form) in (Place, Held, Kept):
        return form.thing if type(form) is Kept else (tensors if type(form) is Place else held)[form]
    if isinstance(form, dict):
        return refilled(form, {k: filled(v, tensors, held) for k, v in form.items()})
    return rebuilt(form, [filled(v, tensors, held) for v in form]) if isinstance(form, tuple | list) else form


def parameters(function: Callable[..., Any]) -> list[str]:
    """Name the positional parameters of a function or module."""
    function = getattr(function, "forward", function)
    bound = isinstance(function, MethodType)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return [] if code is None else list(code.co_varnames[bound : code.co_argcount])


def copied(tensor: Var) -> Var:
    """Copy a tensor with its `.grad`, in the same memory order."""
    result = type(tensor).wrap(tensor.array.copy("K"), tensor.differentiable)
    if tensor.gradient is not None:
        result.gradient = result.result_type.wrap(tensor.gradient.array.copy("K"))
    return result
