"""What a backward pass says when it cannot go on: a rule that is missing or gives no cotangent, a graph that was freed.

Runs nothing. Look next at engine.py, which raises these.
"""

from __future__ import annotations

from typing import Any

from .errors import GradientError, GraphFreedError
from .graph import Node, Operation


def argument(primitive: Operation, position: int) -> str | None:
    """Name the argument at a position."""
    return primitive.arguments[position] if position < len(primitive.arguments) else primitive.variadic


def no_cotangent(primitive: Operation, position: int, gx: Any) -> GradientError:
    """Explain that a rule returned what is no cotangent."""
    return GradientError(
        f"{primitive.name}: the rule for {argument(primitive, position)} returned no cotangent.",
        got=f"{type(gx).__name__} {gx!r:.60}",
        expected="an array of the argument's shape; in a compiled step a tensor, computed from the rule's arguments",
        hint="use operators and primitives in the rule: g * 2, where(x > 0, g, 0.0)",
    )


def no_rule(primitive: Operation, position: int) -> GradientError:
    """Explain that an argument has no derivative."""
    name = argument(primitive, position)
    return GradientError(
        f"{primitive.name}: no derivative with respect to {name}.",
        expected="a rule, or an argument that needs no gradient",
        hint=f"detach() the argument, or register one with @{primitive.name}.vjp({name!r})",
    )


def freed(node: Node) -> GraphFreedError:
    """Explain a second backward through the same graph."""
    return GraphFreedError(
        f"backward: the graph through {node.where()} was already used by backward at {node.freed_by}, which freed it.",
        got="a second backward through the same graph",
        expected="one backward per forward pass",
        hint="add the losses and call backward once; detach() what is kept across iterations; "
        "or pass retain_graph=True to the first backward",
    )
