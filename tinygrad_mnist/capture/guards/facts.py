"""Python conditions that a plan depends on, each with the words for what it is about; one generated check of them all.

Knows neither steps nor tensors. Look next at capture/guards/walk.py, which finds out what to hold on to.
"""

from __future__ import annotations

import gc
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from operator import is_
from types import CellType, MappingProxyType, TracebackType
from typing import Any

import numpy as np

SIMPLE = (int, float, complex, str, bytes, type(None), np.generic)  # compared by value
NUMBERS_AND_TEXTS = (int, float, complex, str, bytes)
CONTAINERS = (OrderedDict, dict, MappingProxyType, list, tuple, set, frozenset, deque)
EXACT = {*NUMBERS_AND_TEXTS, bool, type(None)}


class Facts:
    """A collection of conditions that were true once."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            "len": len, "hasattr": hasattr, "same": same, "alike": alike, "contents": contents, "is_empty": is_empty,
            "held": held, "keys_of": keys_of, "hidden": hidden,
        }  # fmt: skip
        self.facts: dict[str, str] = {}
        self.firm: set[str] = set()  # facts that a step must not change
        self.check: Callable[[], bool] | None = None

    def refer(self, thing: object) -> str:
        """Give a thing a name in conditions, and keep it alive."""
        name = f"o{id(thing)}"
        self.names[name] = thing
        return name

    def expect(self, expression: str, value: Any, label: str, firm: bool = False, by_value: bool = False) -> None:
        """Note that an expression must give this very value (by_value, and of a number or text: an equal one)."""
        if value is None or isinstance(value, bool):
            self.hold(f"{expression} is {value}", label, firm)
            return
        name = self.refer(value)
        condition = f"{expression} is {name}"
        if by_value or type(value) in NUMBERS_AND_TEXTS or isinstance(value, np.generic):
            condition = f"({condition} or same({expression}, {name}))"
        self.hold(condition, label, firm)

    def hold(self, condition: str, label: str, firm: bool = False) -> None:
        """Note a condition that is true now."""
        self.facts.setdefault(condition, label)
        if firm:
            self.firm.add(condition)
        self.check = None

    def count(self, expression: str, number: int, label: str, firm: bool = False) -> None:
        """Note how long something is."""
        self.hold(f"len({expression}) == {number}", label, firm)

    def holds(self) -> bool:
        """Tell whether every fact is as it was."""
        if self.check is None:
            self.check = eval(f"lambda: {' and '.join(self.facts) or True}", self.names)
        try:
            return bool(self.check())
        except Exception:  # what a fact is about may be gone; attributes of the user's own classes may raise anything
            return False

    def changed(self) -> tuple[str, bool] | None:
        """Name the first fact that is not as it was, and tell whether it is a firm one."""
        for condition, label in self.facts.items():
            try:
                if eval(condition, self.names):
                    continue
            except Exception:  # as in holds
                pass
            return label, condition in self.firm
        return None


def same(a: object, b: object) -> bool:
    """Tell whether two simple values are of one type and equal; NaN is NaN, and 0.0 is not -0.0."""
    return type(a) is type(b) and bool(a == b and (a or str(a) == str(b)) or a != a and b != b)


def alike(now: Collection[Any], then: list[Any]) -> bool:
    """Tell whether a container holds, in this order, what it held: the very objects, or equal simple values."""
    if len(now) != len(then):
        return False
    return all(map(is_, now, then)) or all(
        a is b or (type(a) in EXACT or isinstance(a, np.generic)) and same(a, b)
        for a, b in zip(list(now), then, strict=True)
    )


def keys_of(items: Any) -> list[Any]:
    """List the keys of a dict, in order; no method of its own class is called."""
    return list(base_of(items).__iter__(items))


def held(items: Any) -> list[Any]:
    """List what a container holds; no method of its own class is called, which may count or change something."""
    base = base_of(items)
    return list(base.values(items) if hasattr(base, "values") else base.__iter__(items))


def base_of(items: Any) -> Any:
    """Give the class of Python's own that a container is of."""
    return next(kind for kind in CONTAINERS if isinstance(items, kind))


def contents(memory: Any) -> Any:
    """Give what an array, a bytearray or the like holds, as a value that does not change."""
    if isinstance(memory, np.ndarray | np.void):
        array = np.asarray(memory)
        if array.dtype.hasobject:
            return array.shape, [id(x) for x in array.ravel().tolist()]
        kind = array.dtype.str, array.dtype.names
        return array.shape, kind, array.strides, array.flags.writeable, array.tobytes()
    return getattr(memory, "typecode", getattr(memory, "format", "")), bytes(memory)


def hidden(thing: object) -> list[Any]:
    """List what an object holds that is written in C, and that no attribute tells of: the arguments of an exception."""
    return [x for x in gc.get_referents(thing) if not isinstance(x, type | TracebackType)]


def is_empty(cell: CellType) -> bool:
    """Tell whether a variable of an outer function has no value yet."""
    try:
        return cell.cell_contents is None and False
    except ValueError:
        return True
