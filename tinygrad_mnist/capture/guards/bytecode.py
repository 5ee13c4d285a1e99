"""The names in a piece of bytecode: what a function may read, and on which line.

Knows nothing of what they stand for. Look next at capture/guards/walk.py.
"""

from __future__ import annotations

import builtins
import dis
import functools
from itertools import pairwise
from types import CodeType
from typing import Any

GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME")
BINARY = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul",
    "&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
    "==": "eq", "!=": "ne",
}  # fmt: skip
BUILTINS = frozenset(dir(builtins))
# the methods that Python calls for what has no name in the code, by the beginning of the instruction
IMPLICIT = {
    "UNARY_NEGATIVE": ("__neg__",), "UNARY_INVERT": ("__invert__",), "BINARY_SUBSCR": ("__getitem__",),
    "BINARY_SLICE": ("__getitem__",), "STORE_S": ("__setitem__",), "GET_ITER": ("__iter__",), "CALL": ("__call__",),
    "CONTAINS_OP": ("__contains__",), "BEFORE_WITH": ("__enter__", "__exit__"), "MATCH_CLASS": ("__match_args__",),
    "MATCH_KEYS": ("get",), "MATCH_SEQUENCE": ("__len__", "__getitem__"),
}  # fmt: skip


def line_naming(code: CodeType, word: str, texts: bool) -> str:
    """Find the line that names something in a piece of code. texts: even as a text."""
    for step in dis.get_instructions(code):
        named = step.argval == word and "CONST" not in step.opname and "FAST" not in step.opname
        if named or (texts and step.argval == word):
            line = step.positions.lineno if step.positions is not None else code.co_firstlineno
            return f"{code.co_filename}:{line}"
        if isinstance(step.argval, CodeType) and (found := line_naming(step.argval, word, texts)):
            return found
    return ""


def line_of_attribute(code: CodeType, owner: str, word: str) -> str:
    """Find the line that asks for an attribute of something by the name of its owner."""
    for before, step in pairwise(dis.get_instructions(code)):
        if before.argval == owner and step.argval == word and ("ATTR" in step.opname or "METHOD" in step.opname):
            return line_naming(code, word, False)
    inner = [line_of_attribute(c, owner, word) for c in code.co_consts if isinstance(c, CodeType)]
    return next(filter(None, inner), "")


def line_of_value(code: CodeType, word: str) -> str:
    """Find the line that names something and does not call it."""
    steps = list(dis.get_instructions(code))
    for before, step, after in zip([None, *steps[:-1]], steps, [*steps[1:], None], strict=True):
        beside = {s.opname for s in (before, after) if s is not None}
        if step.argval == word and step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_DEREF"):
            if "NULL" not in step.argrepr and "PUSH_NULL" not in beside:
                return f"{code.co_filename}:{step.positions.lineno if step.positions else code.co_firstlineno}"
        if isinstance(step.argval, CodeType) and (found := line_of_value(step.argval, word)):
            return found
    return ""


def methods_of(step: dis.Instruction) -> tuple[str, ...]:
    """Name the methods that an instruction may call without naming them."""
    sign = step.argrepr.removeprefix("bool(").removesuffix(")")
    if step.opname in ("BINARY_OP", "COMPARE_OP"):
        word = BINARY.get(sign) or BINARY.get(sign.removesuffix("="))
        return (f"__{word}__", f"__r{word}__", f"__i{word}__") if word else ("__getitem__",)
    return next((found for name, found in IMPLICIT.items() if step.opname.startswith(name)), ())


@functools.lru_cache(maxsize=4096)
def names_in(code: CodeType) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """List the names in a piece of code and in the functions defined inside it: globals, all others, texts.

    Among the others are the methods of operators, and of Python's own functions that are named: `__len__` for len.
    """
    read: set[str] = set()
    words: set[str] = set()
    texts: set[str] = set()
    before: list[Any] = [None, None]
    for step in dis.get_instructions(code):
        if step.opname in GLOBALS:
            read.add(step.argval)
        elif step.opname == "IMPORT_NAME":  # the level of a relative import stands before it
            texts.add(f"import {'.' * (before[0] or 0)}{step.argval}")
        words.update(methods_of(step))
        before = [before[1], step.argval]
    words.update(set(code.co_names) - read)
    words.update(f"__{name}__" for name in read & BUILTINS)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            for found, more in zip((read, words, texts), names_in(constant), strict=True):
                found.update(more)
        elif isinstance(constant, str) and constant.replace(".", "_").isidentifier():
            texts.add(constant)
    return frozenset(read), frozenset(words), frozenset(texts)


@functools.lru_cache(maxsize=4096)
def start_of(code: CodeType) -> int:
    """Give the place in a piece of code at which a call, or a generator asked for the first time, begins."""
    return next((step.offset for step in dis.get_instructions(code) if step.opname == "RESUME"), 0)
