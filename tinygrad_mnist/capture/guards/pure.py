"""The functions of Python and NumPy that a step may call: they do nothing but compute from what they are given.

Whatever is not here is refused while a step is captured. Knows nothing of capture. Look next at watch.py.
"""

from __future__ import annotations

import array
import datetime
import re
import types
import weakref
from collections import deque
from fractions import Fraction
from typing import Any

import numpy as np

# modules written in C, all of whose functions only compute
MODULES = frozenset({
    "math", "cmath", "_operator", "operator", "itertools", "_functools", "functools", "_collections",
    "_bisect", "_heapq", "_struct", "_json", "_abc", "_sre", "_string", "unicodedata", "_weakref",
    "_typing", "_statistics", "_datetime", "binascii", "zlib", "_locale", "_stat", "_opcode", "_ast",
    "_copy", "_csv", "_pickle",
})  # fmt: skip
BUILTINS = frozenset({
    "abs", "aiter", "all", "anext", "any", "ascii", "bin", "callable", "chr", "delattr", "dir", "divmod", "format",
    "getattr", "hasattr", "hash", "hex", "id", "isinstance", "issubclass", "iter", "len", "locals", "max", "min",
    "next", "oct", "ord", "pow", "repr", "round", "setattr", "sorted", "sum", "vars", "__build_class__", "__import__",
})  # fmt: skip
SYSTEM = frozenset({"intern", "getsizeof", "exc_info", "exception", "_getframe", "_getframemodulename"})
OF_LIBRARIES = frozenset({"_getframe", "_getframemodulename", "__import__", "__subclasses__"})  # not in the user's code
# modules written in Python whose functions read and change nothing but what they are given
PYTHON = frozenset({
    "__future__", "_collections_abc", "_py_abc", "_weakrefset", "abc", "ast", "bisect", "collections", "contextlib",
    "copy", "copyreg", "dataclasses", "dis", "enum", "fractions", "functools", "heapq", "inspect", "json", "keyword",
    "numbers", "opcode", "operator", "pprint", "re", "reprlib", "statistics", "string", "struct", "textwrap", "token",
    "tokenize", "types", "typing", "weakref", "importlib", "zipimport", "datetime", "fnmatch", "ntpath", "pathlib",
    "posixpath",  # all that they ask of the system is asked of modules written in C
})  # fmt: skip
TYPES: tuple[type[Any], ...] = (
    str, bytes, int, float, complex, tuple, range, frozenset, slice, type(None), list, dict, set, deque, bytearray,
    array.array, memoryview, np.ndarray, np.generic, np.dtype, np.ufunc, np.nditer, np.flatiter, np.broadcast, property,
    BaseException, types.FunctionType, types.MethodType, types.GeneratorType, types.MappingProxyType, types.CellType,
    types.SimpleNamespace, types.ModuleType, types.GetSetDescriptorType, re.Pattern, re.Match, Fraction, weakref.ref,
    type({}.keys()), type({}.values()), type({}.items()), type(iter([])), type(iter(())), type(iter({})),
    type(iter(set())), type(iter("")), type(iter(range(0))), zip, map, filter, enumerate, reversed,
)  # fmt: skip
CLASS_METHODS = frozenset({
    "__new__", "__init_subclass__", "__subclasshook__", "__class_getitem__", "__prepare__", "__subclasses__", "mro",
    "fromkeys", "from_bytes", "fromhex", "maketrans", "from_iterable", "__instancecheck__", "__subclasscheck__",
    "fromisoformat", "register",
})  # fmt: skip
OUTSIDE = frozenset({
    "fromfile", "tofile", "dump", "setstate", "seterr", "_set_madvise_hugepage", "_load_from_filelike",
})  # fmt: skip


def is_pure(function: Any) -> bool:
    """Tell whether one of Python's or NumPy's own functions, written in C, does nothing but compute."""
    owner, name = getattr(function, "__self__", None), function.__name__
    if owner is None or isinstance(owner, types.ModuleType):
        module = str(function.__module__ or getattr(owner, "__name__", ""))
        if module == "builtins":
            return name in BUILTINS
        if name == "fspath":
            return True
        if module == "sys":
            return name in SYSTEM
        if module.partition(".")[0] == "numpy":
            return "random" not in module and name not in OUTSIDE
        return module in MODULES or not module  # a method of a class, called with its object
    if isinstance(owner, type):
        return name in CLASS_METHODS or owner in TYPES
    if isinstance(owner, (*TYPES, datetime.date, datetime.time, datetime.timedelta)):
        return name not in OUTSIDE
    module = type(owner).__module__
    if module.partition(".")[0] == __name__.partition(".")[0]:  # no_grad's way out
        return True
    if module.partition(".")[0] == "numpy":
        return "random" not in module
    return module in MODULES or name in ("__reduce_ex__", "__reduce__", "__sizeof__", "__dir__", "__format__")
