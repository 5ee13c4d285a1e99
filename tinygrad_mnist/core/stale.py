"""Has a value that a rule reads been changed in place since it was recorded? Asked only when something was changed.

A rule that uses no more than the shape of an argument does not mind a change of its values; which ones it reads is
taken from its bytecode. Knows no operation. On a first reading of the engine, skip this file.
"""

from __future__ import annotations

import dis
import functools
import itertools
from typing import Any

from .errors import InPlaceError
from .graph import Node, Var
from .primitive import Rule
from .versions import Version

METADATA = frozenset({"shape", "ndim", "dtype"})


def changed_since(node: Node) -> list[str]:
    """Name the arguments (and 'out') whose memory was changed in place after this Node was recorded."""
    names = [*node.primitive.arguments]
    names += [f"{node.primitive.variadic}" for _ in range(len(node.parents) - len(names))]
    changed = []
    for name, parent in zip(names, node.parents, strict=True):
        version = parent if isinstance(parent, Version) else getattr(parent, "version", None)
        if version is not None and version.tick > node.index:
            changed.append(name)
    if node.version.tick > node.index:
        changed.append("out")
    return changed


def check_unchanged(node: Node, wanted: set[Any] | None) -> None:
    """Raise if a value that one of the rules reads was changed in place after the Node was recorded."""
    changed = changed_since(node)
    if not changed:
        return
    for position, parent in enumerate(node.parents):
        if not isinstance(parent, Node | Var) or (wanted is not None and parent not in wanted):
            continue
        rule, _ = node.primitive.rule_at(position)
        bad = sorted(reads(rule).intersection(changed)) if rule is not None else []
        if bad:
            what = bad[0]
            names = node.primitive.arguments
            value = node.out if what == "out" else node.args[names.index(what) if what in names else len(names)]
            label = "its result" if what == "out" else f"its argument {what}"
            hint = "write y = y + 1 instead of y += 1, clone() first, or step the optimizer after backward"
            raise overwritten(f"{node.where()}: {label}", f"{what} {getattr(value, 'shape', ())}", hint)


def overwritten(what: str, got: str, hint: str) -> InPlaceError:
    """Explain that a value which backward reads is gone."""
    problem = f"{what} was changed in place after the forward pass, and the gradient needs the old value."
    return InPlaceError(problem, got=got, expected="values that stay as they were until backward", hint=hint)


@functools.cache
def reads(rule: Rule) -> frozenset[str]:
    """Name the parameters of a rule whose values, not just shape or dtype, its bytecode loads."""
    found = set(rule.__code__.co_cellvars)  # captured by an inner function: assume the worst
    instructions = list(dis.get_instructions(rule))
    for here, after in itertools.zip_longest(instructions, instructions[1:]):
        if "LOAD_FAST" in here.opname:  # newer Pythons load two names at once
            names = here.argval if isinstance(here.argval, tuple) else (here.argval,)
            metadata = after is not None and after.opname == "LOAD_ATTR" and after.argval in METADATA
            found.update(names[:-1] if metadata else names)
    return frozenset(found)
