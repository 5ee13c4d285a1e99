"""Nested tuples, lists and dicts of tensors: taken apart into a list, and put together again.

Knows no derivative. Look next at transforms.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """List the leaves of a tree, and give what builds one like it from a list of as many."""
    kind: Callable[[list[Any]], Any]
    if isinstance(tree, dict):
        parts, kind = list(tree.values()), lambda xs: type(tree)(zip(tree, xs, strict=True))
    elif isinstance(tree, tuple | list):
        named = hasattr(tree, "_fields")
        parts, kind = list(tree), lambda xs: type(tree)(*xs) if named else type(tree)(xs)
    else:
        return [tree], lambda xs: xs[0]
    found = [flatten(part) for part in parts]

    def build(leaves: list[Any]) -> Any:
        rest, made = list(leaves), []
        for own, make in found:
            made.append(make(rest[: len(own)]))
            del rest[: len(own)]
        return kind(made)

    return [leaf for leaves, _ in found for leaf in leaves], build


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Give a tree like this of what a function makes of each leaf."""
    leaves, build = flatten(tree)
    return build([function(leaf) for leaf in leaves])


def spread(prefix: Any, tree: Any) -> list[Any]:
    """Give one value per leaf of a tree from a tree that may stop earlier, with one value for all below."""
    if isinstance(tree, tuple | list | dict) and isinstance(prefix, tuple | list | dict) and len(prefix) == len(tree):
        keys = tree if isinstance(tree, dict) else range(len(tree))
        return [value for k in keys for value in spread(prefix[k], tree[k])]
    return [prefix] * len(flatten(tree)[0])
