"""How a call of a public thing is written in the reference: parameters with defaults and without types.

Knows nothing of the package. Look next at reference.py.
"""

from __future__ import annotations

import inspect
from typing import Any


def default(value: Any) -> str:
    """Write the default of a parameter."""
    text = getattr(value, "__name__", None) or repr(value)
    return "..." if " at 0x" in text or text[0] == "<" or len(text) > 40 else text


def signature(thing: Any, bound: bool = False) -> str:
    """Write the parameters of a call, with defaults and without types; bound: without the first."""
    try:
        parameters = [*inspect.signature(thing).parameters.values()][bound:]
    except (TypeError, ValueError):
        return "()"
    plain = [
        p.replace(annotation=p.empty, default=p.default if p.default is p.empty else Shown(default(p.default)))
        for p in parameters if p.name[0] != "_"
    ]  # fmt: skip
    return str(inspect.Signature(plain))


class Shown(str):
    """Text that stands for itself in a signature."""

    __repr__ = str.__str__
