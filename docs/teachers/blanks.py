"""Where worksheets have blanks: finding a rule in a program, emptying it, telling whether it is empty, exchanging it.

A place is written `function`, `Class.method`, or `operation.argument` for a rule that is a lambda, as in
`multiply = operation(np.multiply, lambda g, out, a, b: ..., lambda g, out, a, b: ...)`. Knows no lesson and runs no
program. Look next at checks.py, which says what stands in the blanks.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

EMPTY = "your_turn"  # what a blank calls; a worksheet says at its top what that does
LESSON = 1_000_000  # lines of the lesson, in a student's program, are numbered from here on


def find(tree: ast.Module, place: str) -> ast.FunctionDef | ast.Lambda | None:
    """Find what stands at a place; the last, if it is defined more than once, as Python would."""
    name, _, inner = place.partition(".")
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == place:
            return node
        if isinstance(node, ast.ClassDef) and node.name == name:
            found = [x for x in node.body if isinstance(x, ast.FunctionDef) and x.name == inner]
            return found[-1] if found else None
        named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
        if inner and named and isinstance(node.value, ast.Call):
            rules = [x for x in node.value.args[1:] if isinstance(x, ast.Lambda)]  # the first computes
            for position, rule in enumerate(rules):
                if [a.arg for a in rule.args.args[2:]][position : position + 1] == [inner]:
                    return rule
    return None


def body_of(node: ast.FunctionDef | ast.Lambda) -> list[ast.AST]:
    """Give what is to be written by the reader: a body without the text that describes it."""
    if isinstance(node, ast.Lambda):
        return [node.body]
    return list(node.body[1:] if ast.get_docstring(node) is not None else node.body)


def is_empty(node: ast.FunctionDef | ast.Lambda) -> bool:
    """Tell a blank that nobody filled in."""

    def nothing(x: ast.AST) -> bool:
        if isinstance(x, ast.Raise):
            return "NotImplementedError" in ast.unparse(x)
        x = x.value if isinstance(x, ast.Expr) else x
        if isinstance(x, ast.Call):
            return isinstance(x.func, ast.Name) and x.func.id == EMPTY
        return isinstance(x, ast.Pass) or (isinstance(x, ast.Constant) and (x.value is ... or isinstance(x.value, str)))

    return all(map(nothing, body_of(node)))


def emptied(text: str, places: Iterable[tuple[str, str]]) -> str:
    """Write a program with blanks at some places, each with what is asked; all else stays, comments and layout too."""
    tree, lines = ast.parse(text), text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    data, cuts = text.encode(), []
    for place, asks in places:
        node = find(tree, place)
        if node is None:
            raise LookupError(f"there is no {place} in the lesson")
        first, last = body_of(node)[0], body_of(node)[-1]
        begin = starts[first.lineno - 1] + first.col_offset
        end = starts[last.end_lineno - 1] + last.end_col_offset
        more = f": {asks}" if isinstance(node, ast.FunctionDef) else ""
        cuts.append((begin, end, f'{EMPTY}("{place}{more}")'))
    for begin, end, new in sorted(cuts, reverse=True):
        data = data[:begin] + new.encode() + data[end:]
    return data.decode()


def only(tree: ast.Module, place: str, solution: ast.Module, places: Sequence[str]) -> ast.Module:
    """Keep what a reader wrote at one place, and put the solution into all others; both trees are changed."""
    ast.increment_lineno(solution, LESSON)
    for other in places:
        mine, theirs = find(tree, other), find(solution, other)
        if other != place and mine is not None and theirs is not None:
            mine.body, mine.args = theirs.body, theirs.args
    return tree


def definitions(tree: ast.Module) -> list[ast.stmt]:
    """List what defines something: imports, functions, classes, operations, constants; not what trains or prints."""
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}

    def defines(node: ast.stmt) -> bool:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
            return True
        if not isinstance(node, ast.Assign):
            return False
        target = node.targets[0].elts[0] if isinstance(node.targets[0], ast.Tuple) else node.targets[0]
        if isinstance(target, ast.Attribute):  # Tensor.__add__ = add
            return isinstance(target.value, ast.Name) and target.value.id in classes
        if any(isinstance(x, ast.Lambda) for x in ast.walk(node.value)):
            return True
        try:
            ast.literal_eval(node.value)
        except (ValueError, TypeError, SyntaxError):
            return False
        return True

    return [node for node in tree.body if defines(node)]
