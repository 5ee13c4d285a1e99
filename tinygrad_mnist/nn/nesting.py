"""Walking, describing and copying modules without recursion, so that any depth of nesting is possible.

Knows what modules have in common (named_modules, named_children, extra_repr), and no layer. module.py calls it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

CONTAINERS = (dict, list, tuple)


def join(path: str, name: str) -> str:
    """Put a name behind a path."""
    return f"{path}.{name}" if path and name else path or name


def members(attributes: dict[str, Any], kinds: tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    """Yield what is of these kinds in attributes, lists, tuples and dicts, with names such as `layers.0`."""
    stack = list(attributes.items())[::-1]
    while stack:
        name, value = stack.pop()
        if isinstance(value, kinds):
            yield name, value
        elif isinstance(value, CONTAINERS):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            stack.extend([(join(name, str(key)), inner) for key, inner in items][::-1])


def described(module: Any, plain: Any) -> str:
    """Write a module and those inside it, one a line, indented by two for every level; plain is Module's own repr."""
    lines: list[str] = []
    # what is still to be written: (indentation, name, module), or a line
    stack: list[tuple[int, str, Any] | str] = [(0, "", module)]
    open_modules: list[Any] = []
    first_lines: list[int] = []  # of what is inside each of them
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            first, lists = first_lines.pop(), getattr(open_modules.pop(), "_folds", False)
            lines[first:] = [*(_folded(lines[first:], item[:-1] + "  ") if lists else lines[first:]), item]
            continue
        depth, name, m = item
        margin, label = " " * depth, f"({name}): " if name else ""
        if any(m is outer for outer in open_modules):
            lines.append(f"{margin}{label}{type(m).__name__}(...)")  # a module inside itself
            continue
        if m is not module and type(m).__repr__ is not plain:
            lines.append(margin + label + repr(m).replace("\n", "\n" + margin))  # a face of its own
            continue
        head = f"{type(m).__name__}({m.extra_repr()}".replace("\n", "\n" + margin)
        inner = list(m.named_children())
        lines.append(f"{margin}{label}{head}" + ("" if inner else ")"))
        if inner:
            open_modules.append(m)
            first_lines.append(len(lines))
            stack.append(margin + ")")
            stack.extend((depth + 2, child, c) for child, c in reversed(inner))
    return "\n".join(lines)


def _folded(lines: list[str], margin: str) -> list[str]:
    """Write equal neighbours in a list of modules once: (0-3): 4 x Linear(...)."""
    blocks: list[tuple[str, list[str]]] = []
    for line in lines:
        if begins := re.fullmatch(rf"{margin}\((.+?)\): (.*)", line, re.DOTALL):
            blocks.append((begins[1], [begins[2]]))
        else:
            blocks[-1][1].append(line)
    written: list[str] = []
    for (head, *rest), run in groupby(blocks, lambda block: block[1]):
        names = [name for name, _ in run]
        label = f"({names[0]}): " if len(names) == 1 else f"({names[0]}-{names[-1]}): {len(names)} x "
        written += [margin + label + head, *rest]
    return written


def copied(module: Any, memo: dict[int, Any]) -> Any:
    """Copy a module and those inside it: first all of them empty, then what each holds.

    So no copy waits for another one. Classes with a way of their own (`__deepcopy__`) are left to it.
    """
    mine = type(module).__deepcopy__
    states: list[tuple[Any, tuple[Any, ...]]] = []
    for m in list(module.modules()):
        if id(m) in memo or (m is not module and type(m).__deepcopy__ is not mine):
            continue
        reduced = m.__reduce_ex__(4)
        if isinstance(reduced, str):  # one that is there once
            memo[id(m)] = m
            continue
        function, arguments, *rest = reduced
        memo[id(m)] = function(*copy.deepcopy(arguments, memo))
        states.append((memo[id(m)], tuple(rest)))
    for shell, (state, *items) in ((s, r or (None,)) for s, r in states):
        _fill(shell, copy.deepcopy(state, memo))
        for value in copy.deepcopy(list(items[0]), memo) if items and items[0] is not None else ():
            shell.append(value)
        for key, value in copy.deepcopy(list(items[1]), memo) if items[1:] and items[1] is not None else ():
            shell[key] = value
    return memo[id(module)]


def _fill(shell: Any, state: Any) -> None:
    """Give an empty object its attributes, as copy and pickle do."""
    if state is None:
        return
    if hasattr(shell, "__setstate__"):
        shell.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    vars(shell).update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(shell, name, value)
