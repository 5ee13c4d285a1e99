"""What a plan takes for granted: all that a step reads besides its arguments and tensors, checked before each replay.

Found in the bytecode of the functions that run: globals, closures, attributes and items of whatever these names reach.
What is reached and could change unseen (an iterator, a queue, dice) is noted, and refused if the code that ran names
it. Values are noted before the step runs, or before the function runs that reads them. Knows no program. Look next at
guard.py, which is told what runs.
"""

from __future__ import annotations

import builtins
import sys
from collections import defaultdict
from collections.abc import ItemsView, KeysView, ValuesView
from functools import partial
from operator import attrgetter, methodcaller
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any

import numpy as np

from ...core.graph import Var
from .bytecode import names_in
from .dice import NumpySource
from .facts import CONTAINERS, contents
from .members import Members
from .pure import is_pure
from .things import BARE, MEMORY, PACKAGE, UNCHANGING, attributes, is_foreign, is_installed, is_module

# with one of these names in the code, every attribute may be read
DYNAMIC = frozenset({
    "getattr", "setattr", "delattr", "hasattr", "vars", "dir", "locals", "__dict__", "__getattribute__", "attrgetter",
    "methodcaller", "asdict", "astuple", "deepcopy", "copy", "replace", "repr", "format", "inspect", "getattr_static",
    "getmembers", "json", "pprint", "pickle", "dataclasses", "format_map", "__reduce_ex__", "__reduce__",
    "__getstate__", "__match_args__",
})  # fmt: skip

class Walk(Members):
    """The walk from a step over all that it can read, and the facts that it finds."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: dict[int, tuple[set[str], tuple[Any, ...]]] = {}  # the names, how many words there were
        self.home, self.dynamic = "", False
        self.codes: set[CodeType] = set()  # of the functions reached
        self.ran: set[CodeType] = set()
        self.impure: list[str] = []  # labels of functions written in C that do more than compute
        self.dice: list[tuple[NumpySource, str]] = []  # NumPy's generators
        self.tensors: list[tuple[Var, str]] = []

    # ------------------------------------------------------------ the walk

    def explore(self) -> None:
        """Follow all that was reached, and those of its attributes that the code names."""
        while True:
            while self.pending:
                thing, label = self.pending.popleft()
                try:
                    self.follow(thing, label)
                except Exception:  # code of the thing's own class, which stands where Python looks
                    self.unsafe.append((thing, label))
            now = len(self.words), self.dynamic, self.dynamic and len(self.texts)
            seen = self.looked_at
            behind = [(x, label) for x, label in self.objects if id(x) not in seen or seen[id(x)][1] != now]
            if not behind:
                return
            for thing, label in behind:
                known, names = seen[id(thing)][0] if id(thing) in seen else set(), set(self.named(thing))
                seen[id(thing)] = names, now
                for word in sorted(names - known):
                    self.reach_attribute(thing, label, word)

    def named(self, thing: object) -> set[str]:
        """List the attributes of a thing that may be read."""
        if not self.dynamic:
            return self.words
        kinds = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
        words = self.words | self.texts & set(attributes(thing)).union(*map(vars, kinds))
        own = type(thing).__module__.partition(".")[0] == PACKAGE
        if own or (isinstance(thing, ModuleType | type) and is_foreign(thing)):
            return words
        found = set(attributes(thing)).union(*(vars(k) for k in kinds if not is_foreign(k)))
        return words.union(name for name in found if not name.startswith("__"))

    def follow(self, thing: Any, label: str) -> None:
        """Look at one thing that was reached."""
        kind = type(thing)
        if isinstance(thing, Var):
            self.tensors.append((thing, label))
        elif kind is MethodType:
            self.reach(thing.__self__, label)
            self.reach(thing.__func__, label)
        elif kind is FunctionType:
            self.dynamic |= thing.__name__ in DYNAMIC
            self.reach_function(thing)
        elif isinstance(thing, partial):
            self.reach([thing.func, thing.args, thing.keywords], label)
            if isinstance(thing.func, BuiltinMethodType) and not is_pure(thing.func):  # no profiler is told of the call
                self.unsafe.append((thing, label))
            self.reach_object(thing, label)
        elif isinstance(thing, KeysView | ValuesView | ItemsView) and hasattr(thing, "mapping"):
            self.reach(thing.mapping, label)
        elif isinstance(thing, CONTAINERS):
            self.reach_items(thing, label)
            if attributes(thing) is not BARE or not is_foreign(kind):
                self.reach_object(thing, label)
            if isinstance(thing, defaultdict):
                made = thing.default_factory
                self.read(f"{self.refer(thing)}.default_factory", made, f"{label}.default_factory")
                if isinstance(made, BuiltinMethodType) and not is_pure(made):
                    self.unsafe.append((thing, label))
        elif isinstance(thing, MEMORY):
            then = self.refer(contents(thing))
            self.hold(f"contents({self.refer(thing)}) == {then}", f"what {label} holds")
            if isinstance(thing, np.ndarray) and thing.dtype.hasobject:
                self.reach(thing.ravel().tolist(), label)
            if kind not in MEMORY:
                self.reach_object(thing, label)
            else:
                self.objects.append((thing, label))  # for what it is a view of
        elif isinstance(thing, np.random.Generator | np.random.RandomState):
            self.dice.append((thing, label))
            self.unsafe.append((thing, f"{label}.bit_generator"))
            self.guessed.add(f"{label}.bit_generator")
        elif is_module(thing):
            self.reach_module(thing, label)
        elif isinstance(thing, ModuleType | type):
            self.objects.append((thing, label))
            self.count_attributes(thing, label)
            if thing is np.random or "decimal" in (thing.__name__, vars(thing).get("__module__")):
                self.unsafe.append((thing, label))
            elif isinstance(thing, type):
                self.reach_class(thing)
            elif not is_foreign(thing):
                self.reach_attribute(thing, label, "__getattr__")
        elif isinstance(thing, staticmethod | classmethod):
            self.reach(thing.__func__, label)
        elif isinstance(thing, BuiltinMethodType | MethodWrapperType):
            self.dynamic |= thing.__name__ in DYNAMIC
            self.note_impure(thing, label)
            self.reach(None if isinstance(thing.__self__, ModuleType | type) else thing.__self__, label)
        elif not isinstance(thing, UNCHANGING):
            self.dynamic |= isinstance(thing, attrgetter | methodcaller)
            self.reach_object(thing, label)

    def note_impure(self, thing: object, label: str) -> None:
        """Note a function written in C that does more than compute: it may be called where nobody is told."""
        if isinstance(thing, BuiltinMethodType) and not is_pure(thing):
            self.impure.append(label)

    def reach_function(self, function: FunctionType) -> None:
        """Note code, closure, defaults and attributes, and the globals that the code names."""
        if is_installed(str(function.__globals__.get("__name__")).partition(".")[0]):
            self.reach(function.__dict__.get("__wrapped__"), function.__name__)
            for cell in function.__closure__ or ():  # no_grad()(f) keeps f there
                self.reach_cell(cell, function.__name__)
            return
        known, label = self.refer(function), function.__name__
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            self.expect(f"{known}.{part}", getattr(function, part), f"{label}.{part}")
        self.count(f"{known}.__dict__", len(function.__dict__), f"the attributes of {label}")
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.reach_cell(cell, name)
        for value in [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]:
            self.reach(value, label)
        if function.__kwdefaults__:
            self.reach_items(function.__kwdefaults__, f"the defaults of {label}")
        self.reach(function.__dict__.get("__wrapped__"), label)
        self.objects.append((function, label))
        self.reach_code(function.__code__, function.__globals__)

    def reach_cell(self, cell: CellType, name: str) -> None:
        """Note a variable of an outer function."""
        try:
            self.read(f"{self.refer(cell)}.cell_contents", cell.cell_contents, name)
        except ValueError:  # not assigned yet
            self.hold(f"is_empty({self.refer(cell)})", name)

    def reach_code(self, code: CodeType, outside: dict[str, Any]) -> None:
        """Note the globals that a piece of code names, and that a name is not defined (yet)."""
        if code in self.codes:
            return
        self.codes.add(code)
        self.home = self.home or f"{code.co_filename}:{code.co_firstlineno}"
        read, words, texts = names_in(code)
        self.words |= words | read
        self.dynamic |= not DYNAMIC.isdisjoint(read | words - {"copy", "replace", "repr"})  # which containers have, too
        self.texts |= texts
        for name in sorted(read):
            if name in outside:
                self.read(f"{self.refer(outside)}[{name!r}]", outside[name], name)
            else:
                self.hold(f"{name!r} not in {self.refer(outside)}", name)
                self.reach_entry(vars(builtins), name)
        for name in sorted(text.removeprefix("import ") for text in texts if text.startswith("import ")):
            package = str(outside.get("__package__") or outside.get("__name__"))
            parts = absolute(name, package).split(".")
            for i in range(len(parts)):  # each is one that an import inside the step may bind
                self.reach_entry(sys.modules, ".".join(parts[: i + 1]))
                self.reach(sys.modules.get(".".join(parts[: i + 1])), name)

    def reach_entry(self, known: dict[str, Any], name: str) -> None:
        """Note what Python itself knows under a name, or that it knows nothing."""
        if name in known:
            self.expect(f"{self.refer(known)}[{name!r}]", known[name], name)
            self.note_impure(known[name], name)
        else:
            self.hold(f"{name!r} not in {self.refer(known)}", name)


def absolute(name: str, package: str) -> str:
    """Give the full name of a module, of which an import in code of this package may name the last parts only."""
    rest = name.lstrip(".")
    above = package.rsplit(".", len(name) - len(rest) - 1)[0] if rest != name else ""
    return f"{above}.{rest}".strip(".")
