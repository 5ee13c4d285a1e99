"""What a plan takes for granted: all that a step reads besides its arguments and tensors, checked before each replay.

Found in the bytecode of the functions that run: globals, closures, attributes and items of whatever these names reach.
What is reached and could change unseen (an iterator, a queue, dice) is noted, and refused if the code that ran names
it. Values are noted before the step runs, or before the function runs that reads them. Knows no program. Look next at
guard.py, which is told what runs.
"""

from __future__ import annotations

import builtins
import functools
import sys
import types
from collections import defaultdict, deque
from collections.abc import ItemsView, KeysView, ValuesView
from functools import partial
from typing import Any

import numpy as np

from ..graph import SLOT, Var
from ..tensor import Tensor
from . import things
from .facts import Facts, contents, hidden
from .names import names_in

FEW = 12  # of longer lists and dicts the items are compared in one go
# with one of these names in the code, every attribute may be read
DYNAMIC = frozenset({
    "getattr", "setattr", "delattr", "hasattr", "vars", "dir", "locals", "__dict__", "__getattribute__", "attrgetter",
    "methodcaller", "asdict", "astuple", "deepcopy", "copy", "replace", "repr", "format", "inspect", "getattr_static",
    "getmembers", "json", "pprint", "pickle", "dataclasses",
})  # fmt: skip
NAMES = frozenset({"__name__", "__qualname__", "__doc__"})  # attributes that no dict holds
HOLDERS = ("collections", "types", "argparse", "weakref")  # of UserDict, ChainMap and the like
MISSING = object()


class Walk(Facts):
    """The walk from a step over all that it can read, and the facts that it finds."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[int, str] = {}  # what the things reached are called, by id
        self.pending: deque[tuple[Any, str]] = deque()
        self.words: set[str] = set()  # names in the code reached
        self.objects: list[tuple[Any, str]] = [(Tensor, "Tensor")]  # whose attributes matter if code names them
        self.looked_at: dict[int, tuple[set[str], tuple[int, bool]]] = {}  # the names, how many words there were
        self.home, self.dynamic = "", False
        self.codes: set[types.CodeType] = set()  # of the functions reached
        self.ran: set[types.CodeType] = set()
        self.unsafe: list[tuple[Any, str]] = []  # reached, and not to be compared
        self.dice: list[tuple[Any, str]] = []  # NumPy's generators
        self.tensors: list[tuple[Var, str]] = []
        self.classes: dict[type | types.ModuleType, Any] = {}

    # ------------------------------------------------------------ the walk

    def reach(self, thing: Any, label: str) -> None:
        """Note what can be read through a thing that the step can read; `explore` goes on from there."""
        if thing is sys.modules:
            self.unsafe.append((thing, label))
        elif type(thing) not in (int, float, complex, str, bytes, type(None), bool) and id(thing) not in self.labels:
            self.labels[id(thing)] = label
            self.refer(thing)
            self.pending.append((thing, label))

    def explore(self) -> None:
        """Follow all that was reached, and those of its attributes that the code names."""
        while True:
            while self.pending:
                thing, label = self.pending.popleft()
                try:
                    self.follow(thing, label)
                except Exception:  # code of the thing's own class, which stands where Python looks
                    self.unsafe.append((thing, label))
            now = len(self.words), self.dynamic
            seen = self.looked_at
            behind = [(x, label) for x, label in self.objects if id(x) not in seen or seen[id(x)][1] != now]
            if not behind:
                return
            for thing, label in behind:
                known, names = seen[id(thing)][0] if id(thing) in seen else set(), set(self.named(thing))
                seen[id(thing)] = names, now
                for word in sorted(names - known):
                    self.reach_attribute(thing, label, word)

    def named(self, thing: Any) -> set[str]:
        """List the attributes of a thing that may be read."""
        own = type(thing).__module__.partition(".")[0] == things.PACKAGE
        if not self.dynamic or own or (isinstance(thing, types.ModuleType | type) and things.is_foreign(thing)):
            return self.words
        kinds = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
        found = set(things.attributes(thing)).union(*(vars(k) for k in kinds if not things.is_foreign(k)))
        return self.words.union(name for name in found if not name.startswith("__"))

    def follow(self, thing: Any, label: str) -> None:
        """Look at one thing that was reached."""
        kind = type(thing)
        if isinstance(thing, Var):
            self.tensors.append((thing, label))
        elif kind is types.MethodType:
            self.reach(thing.__self__, label)
            self.reach(thing.__func__, label)
        elif kind is types.FunctionType:
            self.reach_function(thing)
        elif isinstance(thing, partial):
            self.reach([thing.func, thing.args, thing.keywords], label)
            self.reach_object(thing, label)
        elif isinstance(thing, KeysView | ValuesView | ItemsView) and hasattr(thing, "mapping"):
            self.reach(thing.mapping, label)
        elif isinstance(thing, things.CONTAINERS):
            self.reach_items(thing, label)
            if things.attributes(thing) is not things.BARE or not things.is_foreign(kind):
                self.reach_object(thing, label)
            if isinstance(thing, defaultdict):
                self.read(f"{self.refer(thing)}.default_factory", thing.default_factory, f"the default of {label}")
        elif isinstance(thing, things.MEMORY):
            then = self.refer(contents(thing))
            self.hold(f"contents({self.refer(thing)}) == {then}", f"what {label} holds")
            if isinstance(thing, np.ndarray) and thing.dtype.hasobject:
                self.reach(thing.ravel().tolist(), label)
            if kind not in things.MEMORY:
                self.reach_object(thing, label)
            else:
                self.objects.append((thing, label))  # for what it is a view of
        elif isinstance(thing, np.random.Generator | np.random.RandomState):
            self.dice.append((thing, label))
        elif things.is_module(thing):
            self.reach_module(thing, label)
        elif isinstance(thing, types.ModuleType | type):
            self.objects.append((thing, label))
            self.count(self.attributes_of(thing), len(vars(thing)), f"the attributes of {label}")
            if isinstance(thing, type):
                self.reach_class(thing, label)
            if thing is np.random or "decimal" in (thing.__name__, vars(thing).get("__module__")):
                self.unsafe.append((thing, label))
        elif isinstance(thing, staticmethod | classmethod):
            self.reach(thing.__func__, label)
        elif isinstance(thing, types.BuiltinMethodType):
            self.reach(None if isinstance(thing.__self__, types.ModuleType | type) else thing.__self__, label)
        elif not isinstance(thing, things.UNCHANGING):
            self.reach_object(thing, label)

    def reach_object(self, thing: Any, label: str) -> None:
        """Note an object of some class: its class, its attributes, and the methods that no name calls."""
        kind = type(thing)
        inside = things.attributes(thing)
        wrapped = inside.get("__wrapped__")
        if wrapped is None and things.is_unsafe(thing):
            self.unsafe.append((thing, label))
            return
        self.reach(wrapped, label)
        if "cache_parameters" in inside:  # of lru_cache: all but the hits, which change no result
            self.hold(f"{self.refer(thing)}.cache_info()[1:] == {thing.cache_info()[1:]}", f"the cache of {label}")
        self.objects.append((thing, label))
        if kind.__flags__ & things.HEAP and not things.is_foreign(kind):
            self.expect(f"{self.refer(thing)}.__class__", kind, f"the class of {label}")
        if inside is not things.BARE:
            self.count(f"{self.refer(thing)}.__dict__", len(inside), f"the attributes of {label}")
        if kind.__module__.partition(".")[0] == things.PACKAGE:
            return
        for word in inside if things.is_foreign(kind) and kind.__module__ in HOLDERS else ():
            self.reach_attribute(thing, label, word)
        self.reach_class(kind, label)
        if things.is_closed(thing):
            self.hold(f"alike(hidden({self.refer(thing)}), {self.refer(hidden(thing))})", f"what {label} holds")
            for value in hidden(thing):
                self.reach(value, label)

    def reach_class(self, kind: type, label: str) -> None:
        """Note the user's classes among those that a class is made of, and the methods that no name calls."""
        for base in kind.__mro__:
            if not things.is_foreign(base):
                self.count(self.attributes_of(base), len(vars(base)), f"the attributes of {base.__name__}")
                self.expect(f"{self.refer(base)}.__bases__", base.__bases__, f"the bases of {base.__name__}")
            for name, method in () if things.is_foreign(base) else vars(base).items():  # c[k], c(x) name no method
                if name.startswith("__") and isinstance(method, types.FunctionType):
                    self.expect(f"{self.attributes_of(base)}[{name!r}]", method, f"{label}.{name}")

    def reach_function(self, function: types.FunctionType) -> None:
        """Note code, closure, defaults and attributes, and the globals that the code names."""
        if things.is_installed(str(function.__globals__.get("__name__")).partition(".")[0]):
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

    def reach_cell(self, cell: Any, name: str) -> None:
        """Note a variable of an outer function."""
        try:
            self.read(f"{self.refer(cell)}.cell_contents", cell.cell_contents, name)
        except ValueError:  # not assigned yet
            self.hold(f"is_empty({self.refer(cell)})", name)

    def reach_code(self, code: types.CodeType, outside: dict[str, Any]) -> None:
        """Note the globals that a piece of code names, and that a name is not defined (yet)."""
        if code in self.codes:
            return
        self.codes.add(code)
        self.home = self.home or f"{code.co_filename}:{code.co_firstlineno}"
        read, words, texts = names_in(code)
        self.words |= words | read
        self.dynamic |= not DYNAMIC.isdisjoint(words | read)
        if self.dynamic:
            self.words |= texts
        for name in sorted(read):
            if name in outside:
                self.read(f"{self.refer(outside)}[{name!r}]", outside[name], name)
            else:
                self.hold(f"{name!r} not in {self.refer(outside)}", name)
                if hasattr(builtins, name):
                    self.expect(f"{self.refer(vars(builtins))}[{name!r}]", getattr(builtins, name), name)
        imported = {name for name in words if f"import {name}" in texts}  # inside the step
        if not {"__import__", "import_module"}.isdisjoint(words | read):
            imported |= texts & sys.modules.keys()
        for name in imported:
            if name in sys.modules:
                self.expect(f"{self.refer(sys.modules)}[{name!r}]", sys.modules[name], name)
                self.reach(sys.modules[name], name)
            else:
                self.hold(f"{name!r} not in {self.refer(sys.modules)}", f"the import of {name}")

    def read(self, expression: str, value: Any, label: str) -> None:
        """Note a value that is read, and what is reached through it."""
        if not isinstance(value, types.ModuleType):
            self.expect(expression, value, label)
        self.reach(value, label)

    def reach_items(self, items: Any, label: str) -> None:
        """Note what a container holds, in which order."""
        name = self.refer(items)
        values = list(items.values()) if isinstance(items, dict | types.MappingProxyType) else list(items)
        if isinstance(items, dict | types.MappingProxyType):
            keys = list(items)
            if len(keys) > 1 or any(type(key) is not str for key in keys):
                self.hold(f"alike({name}, {self.refer(keys)})", f"the keys of {label}")
            for key in keys:
                self.reach(key, label)
        if isinstance(items, set | frozenset | deque) or len(values) > FEW:
            held = f"{name}.values()" if isinstance(items, dict | types.MappingProxyType) else name
            self.hold(f"alike({held}, {self.refer(values)})", f"what {label} holds")
            for value in values:
                self.reach(value, f"an item of {label}")
            return
        if not isinstance(items, tuple):
            self.count(name, len(items), f"the length of {label}")
        for key, value in items.items() if isinstance(items, dict | types.MappingProxyType) else enumerate(items):
            if isinstance(items, tuple):
                self.reach(value, f"{label}[{key}]")
            else:
                written = repr(key) if type(key) in (int, str) else self.refer(key)
                self.read(f"{name}[{written}]", value, f"{label}[{key!r:.20}]")

    def reach_module(self, module: Any, label: str) -> None:
        """Note train or eval, and every attribute: which of them forward reads is not worth finding out."""
        inside, kind = vars(module), type(module)
        name = self.refer(inside)
        self.expect(f"{self.refer(module)}.training", module.training, f"{label}.training")
        self.count(name, len(inside), f"the attributes of {label}", firm=True)
        for key, value in inside.items():
            if key != "training":
                self.expect(f"{name}[{key!r}]", value, f"{label}.{key}", firm=True)
                self.reach(value, f"{label}.{key}")
        self.reach_attribute(module, label, "forward")
        if not things.is_foreign(kind):
            self.expect(f"{self.refer(module)}.__class__", kind, f"the class of {label}")
            self.objects.append((module, label))  # for attributes of its class

    def reach_attribute(self, thing: Any, label: str, word: str) -> None:
        """Note an attribute, without running any code of its class."""
        label = f"{label}.{word}"
        own = things.attributes(thing)
        if word in NAMES and isinstance(thing, types.ModuleType | type | types.FunctionType):
            self.expect(f"{self.refer(thing)}.{word}", getattr(thing, word, None), label)
            return
        if word in ("base", "obj") and isinstance(thing, things.MEMORY):
            self.reach(getattr(thing, word, None), label)
            return
        if isinstance(thing, types.ModuleType):
            if own.get(word) is np.random:
                self.unsafe.append((np.random, "np.random"))
            elif word in own and not word.startswith("__"):
                self.read(f"{self.refer(own)}[{word!r}]", own[word], label)
            return
        value = own.get(word, MISSING)
        if not isinstance(thing, type) and value is not MISSING:
            if isinstance(thing, types.FunctionType) or not things.is_module(thing):
                self.read(f"{self.refer(thing)}.{word}", value, label)
            return
        for kind in (type(thing) if not isinstance(thing, type) else thing).__mro__:
            if not kind.__flags__ & things.HEAP:
                continue
            if not things.is_foreign(kind):
                inside = self.attributes_of(kind)
                self.count(inside, len(vars(kind)), f"the attributes of {kind.__name__}")
            value = vars(kind).get(word, MISSING)
            if value is SLOT or word in ("array", "__dict__", "__weakref__", "__doc__", "__module__"):
                return
            if value is MISSING:
                continue
            if isinstance(value, types.MemberDescriptorType) and not isinstance(thing, type):  # a slot
                if things.is_set(thing, value):
                    self.read(f"{self.refer(thing)}.{word}", value.__get__(thing), label)
                else:
                    self.hold(f"not hasattr({self.refer(thing)}, {word!r})", label)
                return
            self.expect(f"{self.attributes_of(kind)}[{word!r}]", value, label)
            if isinstance(value, property):
                for function in (value.fget, value.fset):
                    self.reach(function, label)
            elif isinstance(value, functools.partialmethod | functools.cached_property):
                self.reach(getattr(value, "func", None), label)
                self.reach([getattr(value, "args", ()), getattr(value, "keywords", {})], label)
            elif not things.is_foreign(kind) or not isinstance(value, types.FunctionType):
                self.reach(value, label)
            return

    def attributes_of(self, kind: type | types.ModuleType) -> str:
        """Refer to the attributes of a class or module: to one view of them, which follows every change."""
        return self.refer(self.classes.setdefault(kind, vars(kind)))
