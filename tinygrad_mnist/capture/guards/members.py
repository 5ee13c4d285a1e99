"""What is read of a thing that a step reaches: the items of containers, attributes, classes and their methods.

Never runs code of the thing's own class. Look next at walk.py, which goes from the step to all such things.
"""

from __future__ import annotations

import copyreg
import functools
import gc
import sys
from abc import ABCMeta, get_cache_token
from collections import deque
from collections.abc import Iterable
from types import FunctionType, MappingProxyType, MemberDescriptorType, ModuleType
from typing import Any

import numpy as np

from ...core.graph import DOORS, Var
from ...tensors.tensor import Tensor
from .facts import Facts, held, hidden, keys_of
from .pure import PYTHON
from .things import BARE, HEAP, MEMORY, PACKAGE, attributes, is_closed, is_foreign, is_module, is_unsafe, progress

FEW = 12  # of longer lists and dicts the items are compared in one go
# rooms of classes whose methods may be called, though the names in them are not looked at: UserDict, Template, poly1d
HOLDERS = PYTHON - {"abc", "typing", "_collections_abc"} | {"argparse", "numpy"}
DATA = f"{PACKAGE}.data."
PARTS = ("__name__", "__qualname__", "__doc__", "__module__", "__mro__", "__annotations__")
KEEPER = type(functools.lru_cache(len))
MISSING = object()


class Members(Facts):
    """The facts about things, whose attributes matter if code names them."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[int, str] = {}  # what the things reached are called, by id
        self.pending: deque[tuple[object, str]] = deque()
        self.words: set[str] = set()  # names in the code reached
        self.texts: set[str] = set()
        self.guessed: set[str] = set()  # labels of attributes that no code names
        self.objects: list[tuple[object, str]] = [(Tensor, "Tensor")]  # whose attributes matter if code names them
        self.unsafe: list[tuple[object, str]] = []  # reached, and not to be compared
        self.progress: dict[int, Any] = {}  # how far they were, by id
        self.classes: dict[type | ModuleType, Any] = {}

    def reach(self, thing: object, label: str) -> None:
        """Note what can be read through a thing that the step can read; `explore` goes on from there."""
        if thing is sys.modules:
            self.unsafe.append((thing, label))
        elif type(thing) is str:  # perhaps the name of an attribute
            self.texts.add(thing)
        elif type(thing) not in (int, float, complex, bytes, type(None), bool) and id(thing) not in self.labels:
            self.labels[id(thing)] = label
            self.refer(thing)
            self.pending.append((thing, label))

    def read(self, expression: str, value: object, label: str) -> None:
        """Note a value that is read, and what is reached through it."""
        if not isinstance(value, ModuleType):
            self.expect(expression, value, label)
        self.reach(value, label)

    def reach_items(self, items: Any, label: str) -> None:
        """Note what a container holds, in which order."""
        name, values = self.refer(items), held(items)
        keys = keys_of(items) if isinstance(items, dict | MappingProxyType) else list(range(len(values)))
        if isinstance(items, dict | MappingProxyType):
            if len(keys) > 1 or type(items) is not dict or any(type(key) is not str for key in keys):
                self.hold(f"alike(keys_of({name}), {self.refer(keys)})", f"the keys of {label}")
            for key in keys:
                self.reach(key, label)
        if type(items) not in (list, dict, tuple) or len(values) > FEW:
            if not isinstance(items, tuple):
                self.hold(f"alike(held({name}), {self.refer(values)})", f"what {label} holds")
            for value in values:
                self.reach(value, f"an item of {label}")
            return
        if type(items) is not tuple:
            self.count(name, len(values), f"the length of {label}")
        for key, value in zip(keys, values, strict=True):
            if type(items) is tuple:
                self.reach(value, f"{label}[{key}]")
            else:
                written = repr(key) if type(key) in (int, str) else self.refer(key)
                self.read(f"{name}[{written}]", value, f"{label}[{key!r:.20}]")

    def reach_module(self, module: Any, label: str) -> None:
        """Note train or eval, and every attribute: which of them forward reads is not worth finding out."""
        inside, kind = vars(module), type(module)
        name = self.refer(inside)
        self.expect(f"{self.refer(module)}.__dict__", inside, f"the attributes of {label}")
        if "training" in inside:
            self.expect(f"{name}['training']", module.training, f"{label}.training")
            self.count(name, len(inside), f"the attributes of {label}", firm=True)
        else:  # train() may set it anew
            self.expect(f"{self.refer(module)}.training", module.training, f"{label}.training")
            self.hold(f"len({name}) - ('training' in {name}) == {len(inside)}", f"the attributes of {label}", firm=True)
        for key, value in inside.items():
            if key != "training":
                self.guessed.add(f"{label}.{key}")
                self.expect(f"{name}[{key!r}]", value, f"{label}.{key}", firm=True)
                self.reach(value, f"{label}.{key}")
        self.reach_attribute(module, label, "forward")
        self.reach_attribute(module, label, "__call__")
        self.reach(None if is_foreign(kind) else kind, kind.__name__)
        if not is_foreign(kind):
            self.expect(f"{self.refer(module)}.__class__", kind, f"the class of {label}")
            self.objects.append((module, label))  # for attributes of its class

    def reach_object(self, thing: Any, label: str) -> None:
        """Note an object of some class: its class, its attributes, and the methods that no name calls."""
        kind = type(thing)
        inside = attributes(thing)
        wrapped = inside.get("__wrapped__")
        if wrapped is None and is_unsafe(thing):
            self.unsafe.append((thing, label))
            self.progress[id(thing)] = progress(thing)
            return
        self.reach(wrapped, label)
        if isinstance(thing, KEEPER):  # lru_cache: what it has kept is read in place of what its function reads
            for memory in (m for m in gc.get_referents(thing) if type(m) is dict and m is not inside):
                self.reach_items(memory, f"what {label} has kept")
        self.objects.append((thing, label))
        if kind.__flags__ & HEAP and not is_foreign(kind):
            self.expect(f"{self.refer(thing)}.__class__", kind, f"the class of {label}")
        self.reach(None if is_foreign(kind) else kind, kind.__name__)
        if inside is not BARE:
            self.count(f"{self.refer(thing)}.__dict__", len(inside), f"the attributes of {label}")
        if kind.__module__.partition(".")[0] == PACKAGE:
            for word, value in inside.items() if kind.__module__.startswith(DATA) else ():  # of len(loader)
                self.expect(f"{self.refer(thing)}.{word}", value, f"{label}.{word}")
                self.reach(value if type(value).__module__.startswith(DATA) else None, f"{label}.{word}")
            return
        rooms = {base.__module__ for base in kind.__mro__ if is_foreign(base)}
        for word in inside if any(room.partition(".")[0] in HOLDERS for room in rooms) else ():
            self.reach_attribute(thing, label, word)
        if is_closed(thing):
            self.hold(f"alike(hidden({self.refer(thing)}), {self.refer(hidden(thing))})", f"what {label} holds")
            for value in hidden(thing):
                self.reach(value, label)

    def reach_class(self, kind: type) -> None:
        """Note a class: those that it is made of, of which super() may ask, and the methods that no name calls."""
        if isinstance(kind, ABCMeta):  # what is registered as one of its kind
            self.expect(f"{self.refer(get_cache_token)}()", get_cache_token(), f"what is registered as {kind.__name__}")
        self.reach(None if is_foreign(type(kind)) else type(kind), type(kind).__name__)
        for base in kind.__bases__:
            self.reach(None if is_foreign(base) else base, base.__name__)
        if is_foreign(kind):
            return
        inside, name = self.attributes_of(kind), kind.__name__
        self.expect(f"{self.refer(kind)}.__bases__", kind.__bases__, f"the bases of {name}")
        for word, method in vars(kind).items():  # c[k], c(x) name no method
            if word.startswith("__") and (callable(method) or isinstance(method, classmethod | property)):
                self.expect(f"{inside}[{word!r}]", method, f"{name}.{word}")
                if not isinstance(method, FunctionType):  # whose code is looked at if it runs
                    self.reach(method, f"{name}.{word}")

    def reach_attribute(self, thing: object, label: str, word: str) -> None:
        """Note an attribute, without running any code of its class."""
        label = f"{label}.{word}"
        if word not in self.words:
            self.guessed.add(label)
        if word in ("base", "obj") and isinstance(thing, MEMORY):
            self.reach(getattr(thing, word, None), label)
            return
        own = attributes(thing)
        if isinstance(thing, ModuleType):
            if own.get(word) is np.random:
                self.unsafe.append((np.random, "np.random"))
            elif word in own and word not in ("__builtins__", "__loader__", "__spec__"):
                self.read(f"{self.refer(own)}[{word!r}]", own[word], label)
            return
        if word in PARTS and isinstance(thing, type | FunctionType):
            if not is_foreign(thing) and hasattr(thing, word):
                self.read(f"{self.refer(thing)}.{word}", getattr(thing, word), label)
            return
        value = own.get(word, MISSING)
        if not isinstance(thing, type) and value is not MISSING:
            behind = any(word in vars(k) for k in type(thing).__mro__ if not is_foreign(k))  # perhaps a descriptor
            if not is_module(thing):
                place = f"{self.refer(attributes)}({self.refer(thing)})[{word!r}]"
                self.read(place if behind else f"{self.refer(thing)}.{word}", value, label)
            if not behind:
                return
        for kind in (*(thing.__mro__ if isinstance(thing, type) else ()), *type(thing).__mro__):
            if not kind.__flags__ & HEAP:
                continue
            if not is_foreign(kind):
                self.count_attributes(kind, kind.__name__)
            value = vars(kind).get(word, MISSING)
            if (kind is Var and word in DOORS) or word in ("__dict__", "__weakref__"):
                return
            if value is MISSING:
                continue
            if isinstance(value, MemberDescriptorType) and not isinstance(thing, type):  # a slot
                try:
                    self.read(f"{self.refer(thing)}.{word}", value.__get__(thing), label)
                except AttributeError:  # it has no value
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

    def count_attributes(self, thing: type | ModuleType, label: str) -> None:
        """Note how many attributes a class or module has."""
        if isinstance(thing, type):
            if not thing.__flags__ & HEAP:
                return
            copyreg._slotnames(thing)  # type: ignore[attr-defined]  # what Python would add at the first copy
        self.count(self.attributes_of(thing), len(vars(thing)), f"the attributes of {label}")

    def hold_shapes(self, tensors: Iterable[tuple[Var, str]]) -> None:
        """Note the shapes of tensors, their dtypes and whether they want gradients: all that plans without them use."""
        for tensor, label in tensors:
            read = "{0}.array.shape, {0}.array.dtype.char, {0}.differentiable".format(self.refer(tensor))
            now = tensor.shape, tensor.dtype.char, tensor.differentiable
            self.hold(f"({read}) == {now}", f"the shape of {label}")

    def attributes_of(self, kind: type | ModuleType) -> str:
        """Refer to the attributes of a class or module: to one view of them, which follows every change."""
        return self.refer(self.classes.setdefault(kind, vars(kind)))
