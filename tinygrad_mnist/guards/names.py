"""The names in a piece of bytecode: what a function may read, and on which line.

Knows nothing of guards. Look next at guard.py.
"""

from __future__ import annotations

import dis
import functools
from itertools import pairwise
from types import CodeType

GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME")


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


@functools.lru_cache(maxsize=4096)
def names_in(code: CodeType) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """List the names in a piece of code and in the functions defined inside it: globals, all others, texts."""
    read: set[str] = set()
    words: set[str] = set()
    texts: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname in GLOBALS:
            read.add(step.argval)
        elif step.opname == "IMPORT_NAME":
            words.add(step.argval)
            texts.add(f"import {step.argval}")
    words.update(set(code.co_names) - read)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            for found, more in zip((read, words, texts), names_in(constant), strict=True):
                found.update(more)
        elif isinstance(constant, str) and constant.replace(".", "_").isidentifier():
            texts.add(constant)
    return frozenset(read), frozenset(words), frozenset(texts)
