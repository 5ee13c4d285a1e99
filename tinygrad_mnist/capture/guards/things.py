"""What kind of thing a step has reached: the user's or not, with which attributes, and whether a change can be seen.

Never runs code of the thing's own class. Look next at guard.py.
"""

from __future__ import annotations

import array
import datetime
import fractions
import functools
import io
import itertools
import pathlib
import re
import sys
import weakref
from collections.abc import Mapping
from types import EllipsisType, FunctionType, GeneratorType, ModuleType, NotImplementedType
from typing import Any

import numpy as np

from .facts import CONTAINERS, SIMPLE

PACKAGE = __name__.partition(".")[0]
FOREIGN = {PACKAGE, "numpy", *sys.stdlib_module_names} - {"__main__"}  # code that is not the user's
MEMORY = (np.ndarray, np.void, bytearray, array.array, memoryview)
UNCHANGING = (
    range, np.dtype, np.ufunc, EllipsisType, NotImplementedType, re.Pattern, datetime.date, datetime.time,
    datetime.timedelta, datetime.tzinfo, fractions.Fraction, pathlib.PurePath, property,
)  # fmt: skip
HEAP = 1 << 9  # flag of a class whose attributes can be set
STATEFUL = frozenset({
    "ctypes", "_ctypes", "decimal", "_queue", "_contextvars", "_thread", "_io", "_random", "mmap", "socket", "queue",
    "threading",
})  # fmt: skip
QUIET = frozenset({"types", "typing", "functools", "enum", "builtins"})
BARE: dict[str, Any] = {}  # the attributes of what can have none


def attributes(thing: object) -> Mapping[str, Any]:
    """Give the attributes that a thing itself has, without asking its class."""
    if isinstance(thing, type | ModuleType):
        return vars(thing)
    try:
        inside = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return BARE
    return inside if isinstance(inside, dict) else BARE


def is_module(thing: object) -> bool:
    """Tell whether a thing is a Module, not the class of one."""
    kind = type(thing)
    return not isinstance(thing, type) and hasattr(kind, "named_modules") and hasattr(kind, "forward")


def is_unsafe(thing: object) -> bool:
    """Tell whether a thing may change in a way that cannot be seen: iterators, queues, locks, files, dice."""
    kind = type(thing)
    if isinstance(thing, np.random.Generator | np.random.RandomState) or kind.__module__.startswith(f"{PACKAGE}."):
        return False  # what tensors are drawn from; a draw by hand changes its state
    if str(getattr(thing, "__module__", "")).startswith("numpy.random"):
        return True
    if hasattr(kind, "__next__") or issubclass(kind, weakref.ref) or "_ctypes" in {k.__module__ for k in kind.__mro__}:
        return True
    python = bool(kind.__flags__ & HEAP) and any(not is_foreign(k) for k in kind.__mro__)
    if python or isinstance(thing, SIMPLE) or callable(thing) or hasattr(kind, "__get__"):
        return False
    return kind.__module__ in STATEFUL or (attributes(thing) is BARE and kind.__module__ not in QUIET)


def progress(thing: Any) -> Any:
    """Tell how far an iterator or a file is, without moving it; nothing equals it where that is unseen."""
    try:
        if isinstance(thing, GeneratorType):  # one that goes on in the step shows itself: see watch.py
            return thing.gi_frame and thing.gi_frame.f_lasti
        if isinstance(thing, io.IOBase):
            return thing.tell() if thing.readable() else None
        if isinstance(thing, itertools.count):
            return repr(thing)
        return None if not hasattr(type(thing), "__next__") else thing.__length_hint__()
    except Exception:  # no such method; closed
        return object()


def is_closed(thing: object) -> bool:
    """Tell whether a thing's class is written in C, and it may hold what no attribute tells of (an exception)."""
    kind = type(thing)
    if isinstance(thing, CONTAINERS + MEMORY + SIMPLE):
        return False
    made_of = next(k for k in kind.__mro__ if not k.__flags__ & HEAP)
    return made_of is not object or (is_foreign(kind) and attributes(thing) is BARE)


def is_foreign(thing: object) -> bool:
    """Tell whether a Python module, function or class (or an object's class) is not the user's."""
    name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", "") if isinstance(
        thing, type | FunctionType
    ) else type(thing).__module__  # fmt: skip
    return is_installed(str(name).partition(".")[0])


@functools.cache
def is_installed(room: str) -> bool:
    """Tell whether a package came with Python or from an index, so that its classes and functions stay as they are."""
    file = str(getattr(sys.modules.get(room), "__file__", ""))
    return room in FOREIGN or "site-packages" in file or "dist-packages" in file
