"""What the card of a primitive may say, checked where it stands: a mistake is an error at import.

Runs nothing of what it checks. Look next at primitive.py, which lists what a card has.
"""

from __future__ import annotations

import ast
import dis
import inspect
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .syntax import parsed

CO_VARARGS, CO_VARKEYWORDS = 4, 8  # flags of a function with *args, **kwargs
MEMORY = ("out", "saved")  # arguments of a forward that are no data: where results are to go
BATCHES = ("elements", "matrices", "leading", "axis", "shape")
PLACES = frozenset({"math", "loops"})  # where the functions of a loop are
SPELLING = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip


def named(code: Any) -> tuple[str, ...]:
    """List the arguments of a function that can be given by name."""
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names


def has_argument(function: Any, name: str) -> bool:
    """Tell whether a function, or the one that it wraps, has an argument of this name."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and name in named(code)


def check_function(declared: Any) -> None:
    """Raise unless a primitive is declared by a function, whose arguments can be read."""
    if not hasattr(declared, "__code__"):
        raise TypeError(
            f"a primitive is declared by a function with its name and arguments, not by a {type(declared).__name__}: "
            "write @primitive() or @elementwise() with parentheses; a ufunc or other callable goes into them"
        )


def check_ufunc(name: str, ufunc: np.ufunc, arguments: tuple[str, ...]) -> None:
    """Raise unless a ufunc computes one result of as many arguments, in numbers."""
    if ufunc.nout != 1 or ufunc.nin != len(arguments):
        raise TypeError(
            f"{name}: {ufunc.__name__} has {ufunc.nin} arguments and {ufunc.nout} results, for ({', '.join(arguments)})"
        )
    if all("O" in kinds for kinds in ufunc.types):  # of np.frompyfunc
        raise TypeError(f"{name}: {ufunc.__name__} computes Python objects, not numbers: use np.vectorize")


def check_card(p: Any) -> None:
    """Raise on what the card of a primitive cannot mean."""
    check_over(p.name, p.over, p.arguments)
    check_linear(p.name, p.linear, (*p.arguments, p.variadic))
    for way in p.batch:
        check_batch(p, way)
    if p.ufunc is not None:
        check_ufunc(p.name, p.ufunc, p.arguments)
    if isinstance(p.loop, str):
        p.element({})
    elif p.loop is not None:
        check_settings(p.name, p.loop, p.static)
    if p.rows is not None:
        check_rows(p.name, p.rows, (*p.arguments, *p.static, *MEMORY[: 1 + p.residuals]))


def check_over(name: str, over: Any, arguments: tuple[str, ...]) -> None:
    """Raise unless `over` is a tuple of positions of arguments."""
    if not isinstance(over, tuple) or not all(type(i) is int and 0 <= i < len(arguments) for i in over):
        raise TypeError(f"{name}: over is a tuple of positions of arguments, 0 to {len(arguments) - 1}, not {over!r}")


def check_linear(name: str, linear: Any, arguments: tuple[str, ...]) -> None:
    """Raise unless `linear` is a truth value, or a tuple of names of arguments."""
    if not isinstance(linear, bool) and not (isinstance(linear, tuple) and {*linear} <= {*arguments}):
        raise TypeError(f"{name}: linear is True, or a tuple of names of its arguments, not {linear!r}")


def check_batch(p: Any, way: Any) -> None:
    """Raise unless this is a way to compute a batch that there is, or a function that can be called so."""
    code = getattr(way, "__code__", None)
    if code is not None:
        check_rule(way, f"{p.name} (a batch)", ("sizes", *p.arguments), {*p.static}, set())
        return
    there = (*(w for w in BATCHES if w not in ("axis", "shape") or any(x.startswith(w) for x in p.static)),)
    if way not in there and way not in range(1, len(p.arguments) + 1):
        raise TypeError(
            f"{p.name}: batch is {', '.join(map(repr, there))}, a number of its arguments, a function of "
            f"(sizes, {', '.join(p.arguments)}), or a tuple of these, not {way!r}"
        )


def check_settings(name: str, loop: Any, static: Iterable[str]) -> None:
    """Raise unless a loop is an expression, or a function of the static arguments that gives one."""
    code = getattr(loop, "__code__", None)
    if code is None or ({*named(code)} != {*static} and not code.co_flags & CO_VARKEYWORDS):
        got = loop if code is None else f"a function of ({', '.join(named(code))})"
        raise TypeError(f"{name}: its loop is a text, or a function of ({', '.join(static)}) that gives it, not {got}")


def check_loop(name: str, loop: str, known: tuple[str, ...]) -> None:
    """Raise unless a loop is an expression of what it may know."""
    functions: set[ast.AST] = set()
    for node in ast.walk(parsed(loop.strip(), "eval", f"<the loop of {name}>")):  # from the outside in
        fits = isinstance(node, SPELLING)
        if isinstance(node, ast.Call):
            functions |= {node.func} if isinstance(node.func, ast.Name) and node.func.id == "abs" else set()
            fits = not node.keywords and (node.func in functions or isinstance(node.func, ast.Attribute))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in PLACES:
            functions.add(node.value)
            fits = node.value.id == "loops" or hasattr(math, node.attr)
        elif isinstance(node, ast.Name):
            fits = node in functions or node.id in known
        elif isinstance(node, ast.Constant):
            fits = isinstance(node.value, int | float)
        if not fits:
            raise TypeError(
                f"{name}: its loop knows {', '.join(known)}, math, loops and abs, not {ast.unparse(node) or node}"
            )


def check_rows(name: str, rows: Any, known: tuple[str, ...]) -> None:
    """Raise unless a loop over rows is a function of what it is given, and of nothing else that is not there then."""
    code = getattr(rows, "__code__", None)
    if code is None:
        raise TypeError(f"{name}: rows is a function, as in kernels/loops.py, not {rows!r}")
    if code.co_kwonlyargcount or code.co_flags & (CO_VARARGS | CO_VARKEYWORDS) or not {*named(code)} <= {*known}:
        raise TypeError(f"{name}: its rows may take {', '.join(known)}, not {', '.join(code.co_varnames[:9])}")
    outside = [x for x in code.co_names if x in rows.__globals__ and x not in ("np", "math")]
    outside = [x for x in outside if not str(getattr(rows.__globals__[x], "__module__", "")).endswith(".kernels.loops")]
    if outside:  # or attributes of these names
        outside = [i.argval for i in dis.get_instructions(rows) if i.opname == "LOAD_GLOBAL" and i.argval in outside]
    if outside := [*outside, *code.co_freevars]:
        raise TypeError(
            f"{name}: its rows know their arguments, np, math and the functions of kernels/loops.py, not "
            f"{', '.join(dict.fromkeys(outside))}: write a constant as a number, or make it a static argument"
        )


def check_rule(rule: Any, name: str, positional: tuple[str, ...], static: set[str], more: set[str]) -> None:
    """Raise unless a rule has the arguments that it will be given. more: keywords beside the static ones."""
    code = getattr(rule, "__code__", None)
    got = () if code is None else named(code)
    split = 0 if code is None else code.co_argcount
    rest = static if code is not None and code.co_flags & CO_VARKEYWORDS else set()  # to be passed on
    if got[:split] != positional or not {*got[split:]} <= static | more <= {*got[split:]} | rest:
        keywords = f" and, keyword-only, {sorted(static | more)}" if static | more else ""
        raise TypeError(
            f"{getattr(rule, '__name__', rule)}: a rule of {name} takes {positional}{keywords}, got {tuple(got)}"
        )
