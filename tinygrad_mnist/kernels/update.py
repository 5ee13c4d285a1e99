"""Arithmetic of the optimizers: a formula, written once, becomes NumPy calls on blocks and a loop for numba.

A formula is lines `name = expression` about p (a parameter), g (its gradient), letters (the optimizer's arrays), names
of its own, and numbers (settings by their names, beta1, beta2 and the step t). What is of numbers alone is computed
once; the rest changes p and the arrays in place, so that temporaries stay in cache. Each number is changed by itself:
neither blocks nor threads make a difference. `if` asks, once, whether a setting is 0. optim/formula.py calls these.
"""

from __future__ import annotations

import ast
import math
import re
import textwrap
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..core.backend import Array
from ..core.syntax import parsed
from .parallel import for_each, is_awake
from .scratch import scratch

BLOCK = 1 << 16  # elements: five float32 arrays of this size take 1.3 MB; smaller ones spend their time on calls
_SHARE = 1 << 17  # elements worth handing to another thread
UFUNCS: dict[Any, str] = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
SOURCES: dict[str, str] = {}  # of the loops, by name


class Rule(NamedTuple):
    """A formula, compiled."""

    name: str  # of its loop in SOURCES
    change: Callable[..., None]  # of p, g, the optimizer's arrays and the numbers
    numbers: Callable[[dict[str, Any], int], tuple[float, ...]]  # from settings and step


@cache
def compiled(kind: str, formula: str, letters: str, true: frozenset[str] = frozenset(), warns: bool = False) -> Rule:
    """Compile a formula over p, g and the arrays of these letters; warns: as NumPy does of infinities.

    Args:
        true: the settings that are not 0, of those that the formula's conditions ask for
    """
    tree = Choices(true).visit(parsed(textwrap.dedent(formula)))
    names = {"p", "g", *letters}
    writer, numbers, loop = Calls(names), Numbers(names), ["for i in range(len(p)):"]
    for line in tree.body:
        target = str(getattr(line.targets[0], "id", ""))
        if not numbers.has_arrays(line.value):
            numbers.lines.append(f"{target} = {numbers.spelled(line.value)}")
            continue
        value = numbers.visit(line.value)
        names.add(target)
        writer.assign(target, value)
        text = re.sub(r"\b(sqrt|abs|maximum)\(", r"np.\1(", f"{target} = {ast.unparse(value)}")
        loop.append("    " + re.sub(rf"\b([pg{letters}])\b", r"\1[i]", text))
    name = f"{kind}_{zlib.crc32(ast.unparse(tree).encode()):08x}"
    given = ", ".join(["p", "g", *letters, *numbers.found.values()])
    SOURCES[name] = f"def {name}({given}):\n" + textwrap.indent("\n".join(loop), "    ") + "\n"
    made: dict[str, Any] = {**{x: getattr(np, x) for x in (*UFUNCS.values(), "negative", "sqrt", "abs", "maximum")},
                            "copyto": np.copyto, "errstate": np.errstate, "scratch": scratch,
                            "__name__": __name__}  # fmt: skip
    head = "if True:" if warns else "with errstate(all='ignore'):"
    exec("\n        ".join([f"def change({given}):\n    {head}", *writer.source()]), made)
    numbers_of: dict[str, Any] = {"sqrt": math.sqrt, "__name__": __name__}  # or a captured step takes it for the user's
    exec(numbers.source(), numbers_of)
    return Rule(name, made["change"], numbers_of["numbers"])


class Choices(ast.NodeTransformer):
    """Leaves of every condition what holds."""

    def __init__(self, true: frozenset[str]) -> None:
        self.true = true

    def holds(self, test: ast.expr) -> Any:
        """Tell whether a condition holds."""
        return eval(ast.unparse(test), {"__name__": __name__, **{x: x in self.true for x in names_in(test)}})

    def visit_If(self, node: ast.If) -> Any:
        """Keep the lines, or not."""
        return [self.visit(line) for line in (node.body if self.holds(node.test) else node.orelse)]

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """Keep one of two expressions."""
        return self.visit(node.body if self.holds(node.test) else node.orelse)


class Numbers(ast.NodeTransformer):
    """Gives names to the parts of expressions that are of numbers alone."""

    def __init__(self, arrays: set[str]) -> None:
        self.arrays, self.found, self.lines, self.settings = arrays, dict[str, str](), list[str](), dict[str, str]()

    def has_arrays(self, node: ast.AST) -> bool:
        """Tell whether an expression is of arrays, too."""
        return not self.arrays.isdisjoint(names_in(node))

    def spelled(self, node: ast.AST) -> str:
        """Spell an expression of numbers, and note the settings that it asks for."""
        own = {"t", "sqrt", *(line.split()[0] for line in self.lines)}
        for name in sorted(names_in(node) - own):
            self.settings[name] = f"o['betas'][{int(name[-1]) - 1}]" if name in ("beta1", "beta2") else f"o['{name}']"
        return ast.unparse(node)

    def visit(self, node: ast.AST) -> Any:
        """Replace an expression of numbers by a name."""
        if isinstance(node, ast.Call):
            node.args = [self.visit(x) for x in node.args]
        elif isinstance(node, ast.expr) and not self.has_arrays(node):
            return ast.Name(self.found.setdefault(self.spelled(node), f"n{len(self.found)}"))
        else:
            self.generic_visit(node)
        return node

    def source(self) -> str:
        """Write the function that computes them; a setting may be an array of one number."""
        settings = [f"{name} = float({text})" for name, text in self.settings.items()]
        result = "".join(f"{x}, " for x in self.found)
        return "\n    ".join(["def numbers(o, t):", *settings, *self.lines, f"return ({result})"])


class Calls:
    """Writes expressions as calls of ufuncs, in memory that is named in the formula or in scratch memory."""

    def __init__(self, arrays: set[str]) -> None:
        self.known, self.lines = set(arrays), list[str]()
        self.free, self.made = list[str](), list[str]()  # working memory, and its names in the formula
        self.same = set[str]()

    def assign(self, target: str, node: ast.expr) -> None:
        """Write `target = expression`."""
        new = target not in self.known
        self.known.add(target)
        if isinstance(node, ast.Name):
            self.lines.append(f"{target} = {node.id}" if new else f"copyto({target}, {node.id})")
            self.same |= {target} if new else set()
            return
        if target in self.same:  # its memory is another's
            raise ValueError(f"{target} is another name's memory, and cannot be given anew")
        self.made += [target] * new
        self.put(node, target, set())

    def put(self, node: ast.expr, out: str, later: set[str]) -> str:
        """Write an expression into memory, whose name is not needed later; what else is must not be written to."""
        if isinstance(node, ast.Name):
            return node.id
        parts = [x for x in ast.iter_child_nodes(node) if isinstance(x, ast.expr)]
        function = UFUNCS.get(type(getattr(node, "op", None)), "negative")
        if isinstance(node, ast.Call):
            parts, function = node.args, ast.unparse(node.func)
        operands: list[str] = []
        for i, part in enumerate(parts):
            needed = later.union(operands, *map(names_in, parts[i + 1 :]))
            place = out if out not in needed or isinstance(part, ast.Name) else self.scratch()
            operands.append(self.put(part, place, needed))
        self.free += [x for x in operands if x.startswith("s_") and x != out]
        self.lines.append(f"{function}({', '.join(operands)}, out={out})")
        return out

    def scratch(self) -> str:
        """Name working memory that is free."""
        if not self.free:
            self.free.append(f"s_{len(self.made)}")
            self.made.append(self.free[-1])
        return self.free.pop()

    def source(self) -> list[str]:
        """Give the lines."""
        return [f"{x} = scratch('update {i}', p.shape, p.dtype)" for i, x in enumerate(self.made)] + self.lines


def asked(formula: str) -> list[str]:
    """List the settings that the conditions of a formula ask for."""
    tests = [x.test for x in ast.walk(parsed(textwrap.dedent(formula))) if isinstance(x, ast.If | ast.IfExp)]
    return sorted(set().union(*map(names_in, tests)))


def names_in(node: ast.AST) -> set[str]:
    """Collect the names in an expression."""
    return {x.id for x in ast.walk(node) if isinstance(x, ast.Name)}


def by_blocks(change: Callable[..., None], *arrays: Array) -> None:
    """Apply a change to matching flat pieces of arrays of one shape. Those that it writes to must be C-contiguous."""
    size = arrays[0].size
    if size <= BLOCK:
        change(*arrays)
        return
    flat = [x.reshape(-1) for x in arrays]
    block = _SHARE if size > _SHARE and is_awake() else BLOCK
    for_each(lambda first: change(*(x[first : first + block] for x in flat)), range(0, size, block), wake=False)
