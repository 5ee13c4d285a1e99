"""What a plan takes for granted: all that a step reads besides its arguments and tensors, checked before each replay.

Found by walking from the step's code over the names that occur in it: globals, closures, attributes, items, and the
functions found so. Modules count with all their attributes. The check is one generated expression, since it runs
before every replay. Knows no program. Look next at compiled.py.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from functools import partial
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..graph import Var

SIMPLE = (int, float, complex, str, bytes, type(None), np.generic)  # compared by value
FOREIGN = {__name__.partition(".")[0], "numpy", *sys.stdlib_module_names}  # code that is not the user's
LONGEST = 256  # of longer lists and dicts only the length is watched
UNCALLED = {"__init__", "__new__", "__repr__", "__str__", "__del__"}
MISSING = object()


class Guard:
    """A collection of facts: Python conditions, each with the words for what it is about."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"same": same}
        self.facts: dict[str, str] = {}
        self.firm: set[str] = set()  # facts that a step must not change
        self.labels: dict[int, str] = {}  # what the things reached are called, by id
        self.words: set[str] = set()  # names in the code reached
        self.objects: list[tuple[Any, str]] = []  # whose attributes matter if the code names them
        self.looked_at: set[tuple[int, str]] = set()
        self.check: Any = None

    # ------------------------------------------------------------ facts

    def refer(self, thing: Any) -> str:
        """Give a thing a name in conditions, and keep it alive."""
        name = f"o{id(thing)}"
        self.names[name] = thing
        return name

    def expect(self, expression: str, value: Any, label: str, firm: bool = False, by_value: bool = False) -> None:
        """Note that an expression must give this very value (by_value, and of a number or text: an equal one)."""
        name = self.refer(value)
        condition = f"{expression} is {name}"
        if by_value or (isinstance(value, SIMPLE) and value is not None and not isinstance(value, bool)):
            condition = f"({condition} or same({expression}, {name}))"
        self.facts.setdefault(condition, label)
        if firm:
            self.firm.add(condition)
        self.check = None

    def holds(self) -> bool:
        """Tell whether every fact is as it was."""
        if self.check is None:
            self.check = eval(f"lambda: {' and '.join(self.facts) or True}", self.names)
        try:
            return bool(self.check())
        except (LookupError, AttributeError, TypeError, ValueError):
            return False

    def changed(self) -> tuple[str, bool] | None:
        """Name the first fact that is not as it was, and tell whether it is a firm one."""
        for condition, label in self.facts.items():
            try:
                if eval(condition, self.names):
                    continue
            except (LookupError, AttributeError, TypeError, ValueError):
                pass
            return label, condition in self.firm
        return None

    # ------------------------------------------------------------ the walk

    def reach(self, thing: Any, label: str) -> None:
        """Note what can be read through a thing that the step can read."""
        if isinstance(thing, SIMPLE) or id(thing) in self.labels:
            return
        self.labels[id(thing)] = label
        self.refer(thing)
        if isinstance(thing, MethodType):
            self.reach(thing.__self__, label)
            self.reach(thing.__func__, label)
        elif isinstance(thing, FunctionType):
            self.reach_function(thing)
        elif isinstance(thing, partial):
            self.reach([thing.func, *thing.args, *thing.keywords.values()], label)
        elif isinstance(thing, list | tuple | dict | set | deque):
            self.reach_items(thing, label)
        elif hasattr(thing, "named_modules") and hasattr(thing, "forward"):
            self.reach_module(thing, label)
        elif not isinstance(thing, Var | np.ndarray) and not is_foreign(thing):
            self.objects.append((thing, label))
            if not isinstance(thing, ModuleType | type) and isinstance(getattr(thing, "__dict__", None), dict):
                self.expect(f"len({self.refer(thing)}.__dict__)", len(vars(thing)), f"the attributes of {label}")
            for kind in () if isinstance(thing, ModuleType | type) else type(thing).__mro__:
                for name, method in () if is_foreign(kind) else vars(kind).items():  # c[k], c(x) name no method
                    if name.startswith("__") and isinstance(method, FunctionType) and name not in UNCALLED:
                        self.reach(method, label)
            self.reach(getattr(thing, "__wrapped__", None), label)

    def reach_function(self, function: FunctionType) -> None:
        """Note closure, defaults, and the globals that the code names."""
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self.read(f"{self.refer(cell)}.cell_contents", cell.cell_contents, name)
            except ValueError:
                continue  # not assigned yet
        for value in [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]:
            self.reach(value, function.__name__)
        self.reach(getattr(function, "__wrapped__", None), function.__name__)
        outside = function.__globals__
        if str(outside.get("__name__")).partition(".")[0] in FOREIGN:
            return
        words = set(words_of(function.__code__))
        self.words |= words
        for name in sorted(words & outside.keys()):
            self.read(f"{self.refer(outside)}[{name!r}]", outside[name], name)

    def read(self, expression: str, value: Any, label: str) -> None:
        """Note a value that is read, and what is reached through it."""
        if not isinstance(value, ModuleType):
            self.expect(expression, value, label)
        self.reach(value, label)

    def reach_items(self, items: Any, label: str) -> None:
        """Note the length and, of lists and dicts, the elements."""
        name = self.refer(items)
        self.expect(f"len({name})", len(items), f"the length of {label}")
        if isinstance(items, set | deque) or len(items) > LONGEST:
            return
        for key, value in items.items() if isinstance(items, dict) else enumerate(items):
            self.read(f"{name}[{self.refer(key)}]", value, f"{label}[{key!r:.20}]")

    def reach_module(self, module: Any, label: str) -> None:
        """Note train or eval, and every attribute: which of them forward reads is not worth finding out."""
        inside = vars(module)
        name = self.refer(inside)
        self.expect(f"{self.refer(module)}.training", module.training, f"{label}.training")
        self.expect(f"len({name})", len(inside), f"the attributes of {label}", firm=True)
        for key, value in inside.items():
            if key != "training":
                self.expect(f"{name}[{key!r}]", value, f"{label}.{key}", firm=True)
                self.reach(value, f"{label}.{key}")
        self.reach(type(module).forward, label)
        if not is_foreign(type(module)):
            self.objects.append((module, label))  # for attributes of its class

    def explore(self) -> None:
        """Note the attributes, of all things reached, that the code names; they may reach further."""
        while True:
            new = [
                (thing, label, word) for thing, label in self.objects for word in self.words
                if (id(thing), word) not in self.looked_at
            ]  # fmt: skip
            if not new:
                return
            for thing, label, word in new:
                self.looked_at.add((id(thing), word))
                self.reach_attribute(thing, label, word)

    def reach_attribute(self, thing: Any, label: str, word: str) -> None:
        """Note an attribute, without running any code of its class."""
        value = getattr(thing, "__dict__", {}).get(word, MISSING)
        for kind in (thing, *type(thing).__mro__) if not isinstance(thing, type) else thing.__mro__:
            if value is MISSING and isinstance(kind, type):
                value = kind.__dict__.get(word, MISSING)
        if isinstance(value, MemberDescriptorType):  # a slot
            value = getattr(thing, word, MISSING)
        if isinstance(value, FunctionType | staticmethod | classmethod | property):
            self.reach(getattr(value, "fget", getattr(value, "__func__", value)), label)
        elif value is not MISSING and not hasattr(type(value), "__get__"):
            self.read(f"{self.refer(thing)}.{word}", value, f"{label}.{word}")


def same(a: Any, b: Any) -> bool:
    """Tell whether two simple values are of one type and equal; NaN is NaN."""
    return type(a) is type(b) and bool(a == b or a != a and b != b)


def is_foreign(thing: Any) -> bool:
    """Tell whether a Python module or class is not the user's: its attributes do not change."""
    name = thing.__name__ if isinstance(thing, ModuleType) else thing.__module__ if isinstance(thing, type) else ""
    return str(name).partition(".")[0] in FOREIGN


def words_of(code: CodeType) -> Iterator[str]:
    """Yield the names in a piece of code and in the functions defined inside it."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from words_of(inner)
