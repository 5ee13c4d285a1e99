"""What a plan takes for granted: all that a step reads besides its arguments and tensors, checked before each replay.

Found in the bytecode of the functions that run: globals, closures, attributes and items of whatever these names reach.
What is reached and could change unseen (an iterator, a queue, dice) is noted, and refused if the code that ran names
it. Values are noted before the step runs, or before the function runs that reads them. Knows no program. Look next at
watch.py, which tells what runs.
"""

from __future__ import annotations

import builtins
import functools
import gc
import sys
import weakref
from collections import deque
from collections.abc import ItemsView, KeysView, ValuesView
from functools import partial
from types import CodeType, FunctionType, MappingProxyType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..graph import SLOT, Var
from ..tensor import Tensor
from .facts import Facts, contents
from .names import line_naming, line_of_attribute, names_in
from .things import (
    BARE,
    CONTAINERS,
    FOREIGN,
    HEAP,
    MEMORY,
    PACKAGE,
    UNCHANGING,
    attributes,
    is_foreign,
    is_module,
    is_set,
    is_unsafe,
)  # fmt: skip

FEW = 12  # of longer lists and dicts the items are compared in one go
# with one of these names in the code, every attribute may be read
DYNAMIC = frozenset({
    "getattr", "setattr", "delattr", "hasattr", "vars", "dir", "locals", "__dict__", "__getattribute__", "attrgetter",
    "methodcaller", "asdict", "astuple", "deepcopy", "copy", "replace", "repr", "format", "inspect", "getattr_static",
    "getmembers", "json", "pprint", "pickle", "dataclasses",
})  # fmt: skip
MISSING = object()


class Guard(Facts):
    """The facts of one plan, and the walk that finds them."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[int, str] = {}  # what the things reached are called, by id
        self.pending: deque[tuple[Any, str]] = deque()
        self.words: set[str] = set()  # names in the code reached
        self.objects: list[tuple[Any, str]] = [(Tensor, "Tensor")]  # whose attributes matter if code names them
        self.looked_at: set[tuple[int, str]] = set()
        self.dynamic = False
        self.codes: set[CodeType] = set()  # of the functions reached
        self.ran: set[CodeType] = set()
        self.unsafe: list[tuple[Any, str]] = []  # reached, and not to be compared
        self.dice: list[tuple[Any, str]] = []  # NumPy's generators
        self.tensors: list[tuple[Var, str]] = []
        self.classes: dict[type, Any] = {}

    # ------------------------------------------------------------ the walk

    def reach(self, thing: Any, label: str) -> None:
        """Note what can be read through a thing that the step can read; `explore` goes on from there."""
        if type(thing) not in (int, float, complex, str, bytes, type(None), bool) and id(thing) not in self.labels:
            self.labels[id(thing)] = label
            self.refer(thing)
            self.pending.append((thing, label))

    def explore(self) -> None:
        """Follow all that was reached, and those of its attributes that the code names."""
        while True:
            while self.pending:
                self.follow(*self.pending.popleft())
            new = [
                (thing, label, word) for thing, label in self.objects for word in self.named(thing)
                if (id(thing), word) not in self.looked_at
            ]  # fmt: skip
            if not new:
                return
            for thing, label, word in new:
                self.looked_at.add((id(thing), word))
                self.reach_attribute(thing, label, word)

    def named(self, thing: Any) -> set[str]:
        """List the attributes of a thing that may be read."""
        own = type(thing).__module__.partition(".")[0] == PACKAGE
        if not self.dynamic or own or (isinstance(thing, ModuleType | type) and is_foreign(thing)):
            return self.words
        kinds = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
        return self.words.union(attributes(thing), *(vars(k) for k in kinds if not is_foreign(k)))

    def follow(self, thing: Any, label: str) -> None:
        """Look at one thing that was reached."""
        kind = type(thing)
        if isinstance(thing, Var):
            self.tensors.append((thing, label))
        elif kind is MethodType:
            self.reach(thing.__self__, label)
            self.reach(thing.__func__, label)
        elif kind is FunctionType:
            self.reach_function(thing)
        elif isinstance(thing, partial):
            self.reach([thing.func, thing.args, thing.keywords], label)
            self.reach_object(thing, label)
        elif isinstance(thing, KeysView | ValuesView | ItemsView) and hasattr(thing, "mapping"):
            self.reach(thing.mapping, label)
        elif isinstance(thing, CONTAINERS):
            self.reach_items(thing, label)
            if kind.__module__ not in ("builtins", "collections"):
                self.reach_object(thing, label)
            self.reach(getattr(thing, "default_factory", None) if kind.__module__ == "collections" else None, label)
        elif isinstance(thing, MEMORY):
            then = self.refer(contents(thing))
            self.hold(f"contents({self.refer(thing)}) == {then}", f"what {label} holds")
            if isinstance(thing, np.ndarray) and thing.dtype.hasobject:
                self.reach(thing.ravel().tolist(), label)
            if kind not in MEMORY:
                self.reach_object(thing, label)
        elif isinstance(thing, np.random.Generator | np.random.RandomState):
            self.dice.append((thing, label))
        elif isinstance(thing, weakref.ref):
            self.read(f"target({self.refer(thing)})", thing(), label)
        elif is_module(thing):
            self.reach_module(thing, label)
        elif isinstance(thing, ModuleType | type):
            self.objects.append((thing, label))
            if thing is np.random:  # under a name of the user's
                self.unsafe.append((thing, label))
        elif isinstance(thing, staticmethod | classmethod):
            self.reach(thing.__func__, label)
        elif not isinstance(thing, UNCHANGING):
            self.reach_object(thing, label)

    def reach_object(self, thing: Any, label: str) -> None:
        """Note an object of some class: its class, its attributes, and the methods that no name calls."""
        kind = type(thing)
        inside = attributes(thing)
        wrapped = inside.get("__wrapped__")
        if wrapped is None and is_unsafe(thing):
            self.unsafe.append((thing, label))
            return
        self.reach(wrapped, label)
        self.objects.append((thing, label))
        if kind.__flags__ & HEAP and not is_foreign(kind):
            self.expect(f"{self.refer(thing)}.__class__", kind, f"the class of {label}")
        if kind.__module__.partition(".")[0] == PACKAGE:
            return
        if inside is not BARE:
            self.count(f"{self.refer(thing)}.__dict__", len(inside), f"the attributes of {label}")
            if is_foreign(kind) and kind.__module__ in ("collections", "types", "argparse"):  # UserDict, ChainMap
                for word in inside:
                    self.reach_attribute(thing, label, word)
        for base in kind.__mro__:
            for name, method in () if is_foreign(base) else vars(base).items():  # c[k], c(x) name no method
                if name.startswith("__") and isinstance(method, FunctionType):
                    self.expect(f"{self.attributes_of(base)}[{name!r}]", method, f"{label}.{name}")

    def reach_function(self, function: FunctionType) -> None:
        """Note code, closure, defaults and attributes, and the globals that the code names."""
        if str(function.__globals__.get("__name__")).partition(".")[0] in FOREIGN:
            self.reach(function.__dict__.get("__wrapped__"), function.__name__)
            if function.__closure__ and str(function.__globals__.get("__name__")).startswith(PACKAGE):
                for cell in function.__closure__:  # no_grad()(f) keeps f there
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

    def reach_code(self, code: CodeType, outside: dict[str, Any]) -> None:
        """Note the globals that a piece of code names, and that a name is not defined (yet)."""
        if code in self.codes:
            return
        self.codes.add(code)
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
        for name in words & sys.modules.keys():
            if f"import {name}" in texts:  # inside the step
                self.expect(f"{self.refer(sys.modules)}[{name!r}]", sys.modules[name], name)
                self.reach(sys.modules[name], name)

    def read(self, expression: str, value: Any, label: str) -> None:
        """Note a value that is read, and what is reached through it."""
        if not isinstance(value, ModuleType):
            self.expect(expression, value, label)
        self.reach(value, label)

    def reach_items(self, items: Any, label: str) -> None:
        """Note what a container holds, in which order."""
        name = self.refer(items)
        values = list(items.values()) if isinstance(items, dict | MappingProxyType) else list(items)
        if isinstance(items, dict | MappingProxyType):
            keys = list(items)
            if len(keys) > 1:
                self.hold(f"alike({name}, {self.refer(keys)})", f"the keys of {label}")
            for key in keys:
                self.reach(key, label)
        if isinstance(items, set | frozenset | deque) or len(values) > FEW:
            held = f"{name}.values()" if isinstance(items, dict | MappingProxyType) else name
            self.hold(f"alike({held}, {self.refer(values)})", f"what {label} holds")
            for value in values:
                self.reach(value, f"an item of {label}")
            return
        if not isinstance(items, tuple):
            self.count(name, len(items), f"the length of {label}")
        for key, value in items.items() if isinstance(items, dict | MappingProxyType) else enumerate(items):
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
        if not is_foreign(kind):
            self.expect(f"{self.refer(module)}.__class__", kind, f"the class of {label}")
            self.objects.append((module, label))  # for attributes of its class

    def reach_attribute(self, thing: Any, label: str, word: str) -> None:
        """Note an attribute, without running any code of its class."""
        label = f"{label}.{word}"
        own = attributes(thing)
        if isinstance(thing, ModuleType):
            if own.get(word) is np.random:
                self.unsafe.append((np.random, "np.random"))
            elif word in own and not word.startswith("__"):
                self.read(f"{self.refer(own)}[{word!r}]", own[word], label)
            return
        value = own.get(word, MISSING)
        if not isinstance(thing, type) and value is not MISSING:
            if isinstance(thing, FunctionType) or not is_module(thing):
                self.read(f"{self.refer(thing)}.{word}", value, label)
            return
        for kind in (type(thing) if not isinstance(thing, type) else thing).__mro__:
            if not kind.__flags__ & HEAP:
                continue
            if not is_foreign(kind):
                inside = self.attributes_of(kind)
                self.count(inside, len(vars(kind)), f"the attributes of {kind.__name__}")
            value = vars(kind).get(word, MISSING)
            if value is SLOT or word in ("array", "__dict__", "__weakref__", "__doc__", "__module__"):
                return
            if value is MISSING:
                continue
            if isinstance(value, MemberDescriptorType) and not isinstance(thing, type):  # a slot
                if is_set(thing, value):
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
            elif not is_foreign(kind) or not isinstance(value, FunctionType):
                self.reach(value, label)
            return

    def attributes_of(self, kind: type) -> str:
        """Refer to the attributes of a class: to one view of them, which follows every change."""
        return self.refer(self.classes.setdefault(kind, vars(kind)))

    def runs(self, code: CodeType, outside: dict[str, Any]) -> None:
        """Note that a function of the user's is about to run."""
        self.ran.add(code)
        if code in self.codes:
            return
        if not any(code in outer.co_consts for outer in self.ran):  # reached in a way that was not foreseen
            for function in gc.get_referrers(code):
                if isinstance(function, FunctionType):
                    self.reach(function, code.co_name)
        self.reach_code(code, outside)
        self.explore()

    def layer_runs(self, code: CodeType, outside: dict[str, Any]) -> None:
        """Note that a layer of this package is about to run: the functions that it calls may be replaced, too."""
        read, words, _ = names_in(code)
        for name in read & outside.keys():
            functional = vars(outside[name]) if isinstance(outside[name], ModuleType) else {}
            if str(functional.get("__name__")).endswith(".functional"):
                for word in words & functional.keys() - {"__name__"}:
                    self.expect(f"{self.refer(functional)}[{word!r}]", functional[word], f"{name}.{word}")

    def not_to_be_compared(self) -> tuple[str, str] | None:
        """Name something that the code which ran names, and of which nobody can tell whether it has changed; and where.

        What no code names is an argument, or inside one.
        """
        for thing, label in self.unsafe:
            if thing is np.random and label == "np.random":
                alias = self.labels.get(id(np), "np")
                lines = [line_of_attribute(code, alias, "random") for code in self.ran]
                if any(lines):
                    return label, max(lines)
                continue
            place = self.place_of(label)
            if place or not any(line_naming(code, word_of(label), True) for code in self.codes):
                return f"{label}, a {type(thing).__name__}", place
        return None

    def place_of(self, label: str) -> str:
        """Find the line, of those that ran, which names a thing reached."""
        lines = (line_naming(code, word_of(label), self.dynamic) for code in self.ran)
        return next(filter(None, lines), "")


def word_of(label: str) -> str:
    """Give the last name in a label: `config.layers[0]` is read where code says `layers`."""
    return label.removeprefix("an item of ").partition("[")[0].rpartition(".")[2]
