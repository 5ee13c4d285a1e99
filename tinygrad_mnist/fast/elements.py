"""Spell what one element is: the loop of a card, with operands, and with numbers and functions of the step's dtype.

And loops over rows, as they stand. Read with source.py.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from typing import Any

from ..core.syntax import parsed
from ..kernels import loops
from .images import ImageTasks


class Spelling(ast.NodeTransformer):
    """Rewrites the loop of a primitive. operands: their texts by name, and whether each is a boolean."""

    def __init__(self, tasks: ImageTasks, name: str, operands: dict[str, tuple[str, bool]]) -> None:
        self.tasks, self.name, self.operands, self.double = tasks, name, operands, tasks.kind == "d"
        self.asked: set[ast.AST | None] = set()  # what need only be true or not; among numbers it is 1 or 0

    def spelled(self, loop: str) -> str:
        """Write it."""
        tree = parsed(loop.strip(), "eval")
        for node in ast.walk(tree):
            self.asked |= {getattr(node, "test", None), *getattr(node, "values", ())}
            self.asked |= {node.operand} if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) else set()
        return ast.unparse(self.visit(tree))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Put an operand or a setting for its name."""
        (text, boolean), number = self.operands.get(node.id, (node.id, False)), self.tasks.literal
        return ast.Name(f"({number(1.0)} if {text} else {number(0.0)})" if boolean and node not in self.asked else text)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Give a number the dtype."""
        return node if isinstance(node.value, bool) else ast.Name(self.tasks.literal(float(node.value)))  # type: ignore[arg-type]

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Take a function of the dtype, where there is one."""
        place, double = ast.unparse(node.value), f"{node.attr}_double"
        if hasattr(loops, node.attr) and (place == "loops" or not self.double):
            return ast.Name(self.tasks.loop(double if self.double and hasattr(loops, double) else node.attr))
        if place == "loops":
            raise TypeError(f"{self.name}: its loop calls loops.{node.attr}, which there is not")
        return node if callable(getattr(math, node.attr)) else ast.Name(self.tasks.literal(getattr(math, node.attr)))


def source_of(function: Any) -> str:
    """Give the source of a function that is to be compiled, "" where there is none, as of a lambda."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except OSError:
        return ""
    return text if text.startswith("def ") else ""
