"""Text of Python as a tree, whatever other threads parse meanwhile.

Until Python 3.12 the depth of a tree that is being made is one number for all threads: one of them then ends with
SystemError, though nothing is wrong (python/cpython, issue 106905). Formulas and loops are compiled when they are
first needed, so that the first steps of two threads would meet here.
"""

from __future__ import annotations

import ast
from typing import Any

TRIES = 20


def parsed(text: str, mode: str = "exec", name: str = "<text>") -> Any:
    """Parse as ast.parse does, and again if another thread came between."""
    for _ in range(TRIES):
        try:
            return ast.parse(text, name, mode)
        except SystemError:
            pass
    return ast.parse(text, name, mode)
