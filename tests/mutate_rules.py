"""Plant one mistake at a time in every rule of every primitive, and in what rules call, and see whether it is noticed.

    python tests/mutate_rules.py                 all of them, five minutes on two cores
    python tests/mutate_rules.py --only divide   the rules of one primitive
    python tests/mutate_rules.py --list          print the mutants without running them

A mutant flips a sign, drops a factor, term or argument, swaps arguments, operators, names or a comparison, or changes
a constant. It is compiled and put into `primitive.rules` in this process; no file changes. It is killed if an example
of the Case, a check of the rule itself, or a numeric derivative of order 1 or 2 disagrees; if none of the primitive's
own Cases does, all other Cases get a try. It is killed too if it takes memory or time without end. A mutant that
survives is a hole in the tests: the exit status says so.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two processes, one core each

import argparse
import ast
import contextlib
import copy
import functools
import importlib
import inspect
import multiprocessing
import signal
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case
from matrix import ORDERS, check_engine, check_example, check_forward, check_rules
from strategies import seeded

from tinygrad_mnist.core.primitive import Primitive, registry

SEEDS = range(10)
MOST_BYTES, MOST_SECONDS = 4 << 30, 300  # that the checks of one mutant may take; usual are 0.3 GB and a second

# Mutants that compute the same for every input: (function, its changed statement) -> why it makes no difference.
SHAPE = "they have as many of that axis"
ONE_PASS = "what is asked for is the other row; both come from one pass, which the rules share"
ZERO = "what is not chosen gives its shape and dtype alone, and a 0 may have any sign and multiple"
TIES = "where x is not the extreme, how many are does not matter"
EXCHANGED = "if low is not None and high is not None and (low > high):\n    return "
OUTSIDE_U = "\n    outer = gu / line\n    gx = gx + matmul(outer - matmul(u, matmul(swap(u), outer)), vh)"
OUTSIDE_V = "\n    outer = swap(gv / line)\n    gx = gx + matmul(u, outer - matmul(matmul(outer, v), vh))"
POWER = "return g * (exponent * power_scalar(x, exponent=exponent - 1)) if exponent else "
EQUIVALENT = {
    ("count", "return math.prod((shape[a] for a in reduced_axes(len(shape), axis)))"): "all axes are all of the shape",
    ("count", "return math.prod(shape if shape is None else (shape[a] for a in reduced_axes(len(shape), axis)))"):
        "all axes are all of the shape",
    ("sign_vjp_x", "return where(False, out, 0.0)"): ZERO, ("sign_vjp_x", "return where(False, x, 0.0)"): ZERO,
    ("sign_vjp_x", "return -where(False, g, 0.0)"): ZERO, ("sign_vjp_x", "return where(False, g, 0.0) * 2"): ZERO,
    ("sign_vjp_x", "return where(False, g, 0.0) * 0"): ZERO,
    ("clamp_vjp_x", EXCHANGED + "where(False, out, 0.0)"): ZERO,
    ("clamp_vjp_x", EXCHANGED + "where(False, x, 0.0)"): ZERO,
    ("power_scalar_vjp_x", POWER + "where(False, out, 0.0)"): ZERO,
    ("power_scalar_vjp_x", POWER + "where(False, x, 0.0)"): ZERO,
    ("less_one_hot_vjp_s", "chosen = sum(g * (p - smoothing / g.shape[1]), axis=1, keepdims=False)"): SHAPE,
    ("less_one_hot_vjp_s", "chosen = sum(g * (p - smoothing / out.shape[1]), axis=1, keepdims=False)"): SHAPE,
    ("restore", "if g.ndim -> always"): "of one number the reshape before it is spread costs time, and no more",
    ("linear_vjp_w", "rows = math.prod(g.shape[:-1])"): "x, g and the result have the same leading axes",
    ("linear_vjp_w", "rows = math.prod(out.shape[:-1])"): "x, g and the result have the same leading axes",
    ("xlogy_vjp_a", "return where(logical_and(equal(out, 0), less_equal(b, 0)), 0.0, xlogy(g, b))"):
        "where b is at most 0 the result is 0 for a = 0 alone",
    ("share", "size = where(positive, log(where(positive, g, 2.0)), LEAST)"): "what is not positive is not chosen",
    **{("extreme_at_vjp_x", f"return keep(g / ties_at({two}, value, index, axis=axis), equal(x, out))"): TIES
       for two in ("out, x", "out, out", "x, x")},
    **{("multiply_at_vjp_x", f"return g * multiply_at(where(False, {x}, 1.0), value, index, axis=axis)"): ZERO
       for x in ("g", "out")},
    ("multiply_at_vjp_value", "other = where(zero, 2.0, value)"): "any number will do in the place of 0",
    **{("multiply_at_vjp_value", f"count = gather(scatter({counted}.shape), index, axis=axis)"): ZERO for counted in (
        "where(other, zero, 0.0), index, axis=axis, shape=x", "where(zero, other, 0.0), index, axis=axis, shape=g",
        "where(zero, other, 0.0), index, axis=axis, shape=out")},
    ("multiply_at_vjp_value", "return where(equal(count, where(other, zero, 0.0)), rest, 0.0)"): ZERO,
    **{("hardtanh_vjp_x", f"return keep(g, logical_not(logical_or(less_equal({a}, low), greater_equal({b}, high))))"):
       "what is limited is at a bound just where x is at or behind it" for a, b in (("out", "x"), ("x", "out"))},
    **{("standardize_grad_vjp_h", f"return -both * restore(r, {a}.shape, 1)"): SHAPE for a in "yh"},
    **{("moments_vjp_x", f"count = max(math.prod(x.shape) // max({a}.shape[1], 1), 1)"): 
       "moments have a column a channel" for a in ("g", "out")},
    **{("batch_norm_vjp_x", f"mean = factor * (-{a}.shape[1] / max(math.prod({b}.shape), 1))"): SHAPE
       for a, b in (("g", "x"), ("out", "x"), ("x", "g"), ("x", "out"))},
    ("batch_norm_vjp_x", "mean = factor * (-x.shape[1] / max(math.prod(x.shape), 2))"):
        "F.batch_norm refuses to train on one number",
    **{(f"rescale_vjp_{name}", text.replace("@", sums)): ONE_PASS
       for name, text in (("centre", "return -row(channel_sums(@), 0) * factor"),
                          ("offset", "return row(channel_sums(@), 0)"))
       for sums in ("g, g, centre", "g, out, centre", "g, x, factor", "g, x, offset", "g, x, share")},
    ("rescale_vjp_share", "return row(channel_sums(y, g, None), 1)"): "y · g is g · y",
    **{("batch_norm_vjp_bias", f"return row(channel_sums(g, {sums}), 0)"): ONE_PASS for sums in (
        "g, standard(x, eps, saved)[0]", "out, standard(x, eps, saved)[0]", "x, standard(g, eps, saved)[0]",
        "x, standard(out, eps, saved)[0]", "x, standard(x, eps, saved)[1]")},
    **{(name, "n = x.shape[-2]"): "a square has as many rows as columns" for name in ("eigh_vjp_x", "mirrored")},
    ("half", "mask = lapack.HALVES[side](np.ones(x.shape[-2:]))"): "numbers 0 and 1 choose as booleans do, only slower",
    ("half", "mask = lapack.HALVES[side](np.ones(x.shape[-3:], bool))"): "each of a stack has the same mask",
    ("over", "return x / where(logical_and(equal(x, 0), equal(difference, 0)), 2.0, difference)"):
        "0 over any number is 0",
    **{("svd_vjp_x", text): "nothing is outside of a whole basis: asking first only saves time" for text in (
        "if rows > n -> always", "if columns > n -> always",
        f"if rows >= n:{OUTSIDE_U}", f"if columns >= n:{OUTSIDE_V}")},
    **{("through_time", f"backwards = range({a}.shape[0] - 1, -1, -1)"): SHAPE for a in ("g", "out")},
    ("conv2d_vjp_b", "return sum(g, axis=(0, -2, 3), keepdims=False)"): "axis -2 of four axes is axis 2",
}  # fmt: skip

SWAPS: dict[type[ast.AST], list[type[ast.AST]]] = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div, ast.Add], ast.Div: [ast.Mult],
    ast.Gt: [ast.GtE, ast.Lt], ast.GtE: [ast.Gt, ast.LtE], ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.In: [ast.NotIn],
    ast.MatMult: [ast.Mult],
}  # fmt: skip
ORDERED = (ast.Sub, ast.Div, ast.MatMult, ast.Pow, ast.FloorDiv, ast.Mod)  # operands that cannot be exchanged
# calls whose arguments can; share_of_extreme only asks where its two are equal
SYMMETRIC = {"equal", "not_equal", "logical_or", "logical_and", "max", "min", "per_square", "share_of_extreme"}
METADATA = {"shape", "ndim", "dtype"}


@dataclass(frozen=True)
class Mutant:
    """One changed function: a rule (of a primitive's argument) or a function that rules call (of none)."""

    function: str
    primitive: str
    argument: str
    change: str
    statement: str
    line: int
    file: str
    source: str

    @property
    def equivalent(self) -> str | None:
        """Why the change makes no difference, if it is known to make none."""
        return EQUIVALENT.get((self.function, self.statement))

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.change}   in   {self.statement}"


# ---------------------------------------------------------------- making mutants


def replacements(node: ast.AST, names: list[str], options: list[str], inside: str) -> Iterator[ast.AST]:
    """Yield what one node of a rule could wrongly have been. inside: the attribute read of this node, or ''."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    if isinstance(node, ast.BinOp):
        for other in SWAPS.get(type(node.op), []):
            yield ast.BinOp(node.left, other(), node.right)
        if isinstance(node.op, ORDERED):
            yield ast.BinOp(node.right, node.op, node.left)
        yield node.left
        yield node.right
    if isinstance(node, ast.Compare):
        for other in SWAPS.get(type(node.ops[0]), []):
            yield ast.Compare(node.left, [other()], node.comparators)
    if isinstance(node, ast.IfExp):
        if not hinted(node.test):
            yield node.body
        yield node.orelse
        yield ast.IfExp(node.test, node.orelse, node.body)
    if isinstance(node, ast.Constant) and node.value is not None and not isinstance(node.value, str):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        else:
            yield ast.Constant(node.value + 1)
            if node.value not in (0, 1):
                yield ast.Constant(-node.value)
    if isinstance(node, ast.Call):
        calls = isinstance(node.func, ast.Name) and node.func.id in SYMMETRIC
        for i in range(len(node.args) - 1):
            if not calls:
                swapped = [*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2 :]]
                yield ast.Call(node.func, swapped, node.keywords)
        if len(node.args) > 1:
            for i in range(len(node.args)):
                yield ast.Call(node.func, [*node.args[:i], *node.args[i + 1 :]], node.keywords)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        others = names if node.id in names else options if node.id in options else []
        for other in others:
            # a cotangent has the shape of the result, so that to read the one's or the other's is the same
            if other != node.id and not (inside and {other, node.id} == {"g", "out"}):
                yield ast.Name(other, ast.Load())


def hinted(test: ast.expr) -> bool:
    """Say whether a test is for `saved`, which is a hint: computing it again gives the same, only later."""
    return ast.unparse(test) in ("saved is None", "saved is not None")


def statements(body: list[ast.stmt]) -> Iterator[tuple[str, int, list[ast.stmt]]]:
    """Yield the body with one `if` decided beforehand or one reassignment left out."""
    assigned: set[str] = set()
    for i, statement in enumerate(body):
        line = statement.lineno
        if isinstance(statement, ast.If) and not hinted(statement.test):
            yield f"if {ast.unparse(statement.test)} -> always", line, [*body[:i], *statement.body, *body[i + 1 :]]
            yield f"if {ast.unparse(statement.test)} -> never", line, [*body[:i], *statement.orelse, *body[i + 1 :]]
        if isinstance(statement, ast.Assign):
            name = ast.unparse(statement.targets[0])
            if name in assigned:
                yield f"{ast.unparse(statement)} -> (left out)", line, [*body[:i], *body[i + 1 :]]
            assigned.add(name)


def walk(node: ast.AST, inside: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Yield every expression below a node with the attribute that is read of it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.keyword):
            yield from walk(child)
            continue
        attribute = node.attr if isinstance(node, ast.Attribute) and node.attr in METADATA else ""
        yield child, attribute
        yield from walk(child)


class Put(ast.NodeTransformer):
    """Put a node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def whole(expression: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the mistakes a whole result can have: sign, factor, and not being there."""
    yield "negated", ast.UnaryOp(ast.USub(), expression)
    yield "doubled", ast.BinOp(expression, ast.Mult(), ast.Constant(2))
    yield "zero", ast.BinOp(expression, ast.Mult(), ast.Constant(0))


def definition(original: Callable[..., Any]) -> tuple[int, ast.FunctionDef]:
    """Give the line and the definition of a function; a rule in the row of a table is spelled as one."""
    if original.__code__.co_name != "<lambda>":
        lines, first = inspect.getsourcelines(original)
        function = ast.parse(textwrap.dedent("".join(lines))).body[0]
        assert isinstance(function, ast.FunctionDef)
        return first, function
    first = original.__code__.co_firstlineno
    primitive, _, argument = original.__name__.rpartition("_vjp_")
    for node in ast.walk(ast.parse(Path(inspect.getsourcefile(original) or "").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "row" and node.args[0].value == primitive:
            rule = next(k.value for k in node.keywords if k.arg == argument)
            text = f"def {original.__name__}({ast.unparse(rule.args)}):\n    return {ast.unparse(rule.body)}"
            return first, ast.parse(text).body[0]
    raise LookupError(original.__name__)


def mutants_of(original: Callable[..., Any], primitive: str = "", argument: str = "") -> list[Mutant]:
    """Make every mutant of one function."""
    first, function = definition(original)
    if ast.unparse(function.body[-1]) == "return zero(g)":
        return []  # zeros can have any sign and multiple
    function.decorator_list, function.returns = [], None
    for each in [*function.args.args, *function.args.kwonlyargs, function.args.vararg]:
        if each is not None:
            each.annotation = None
    if ast.get_docstring(function):
        del function.body[0]
    code = original.__code__
    count = code.co_argcount
    names, options = list(code.co_varnames[:count]), list(code.co_varnames[count : count + code.co_kwonlyargcount])
    options = [name for name in options if name not in ("saved", "which")]
    file = os.path.basename(inspect.getsourcefile(original) or "")
    made: dict[str, Mutant] = {}

    def add(change: str, statement: str, line: int, body: list[ast.stmt]) -> None:
        clone = copy.copy(function)
        clone.body = body
        source = ast.unparse(ast.fix_missing_locations(clone))
        if source != ast.unparse(function):
            found = Mutant(original.__name__, primitive, argument, change, statement, first + line - 1, file, source)
            made.setdefault(source, found)

    for change, line, body in statements(function.body):
        add(change, change, line, body)
    for i, statement in enumerate(function.body):
        for node, inside in list(walk(statement)):
            for new in replacements(node, names, options, inside):
                changed = ast.fix_missing_locations(replaced(statement, node, new))
                text = f"{ast.unparse(node)} -> {ast.unparse(ast.fix_missing_locations(new))}"
                body = [*function.body[:i], changed, *function.body[i + 1 :]]
                add(text, ast.unparse(changed), getattr(node, "lineno", statement.lineno), body)
        if isinstance(statement, ast.Return) and statement.value is not None and primitive:
            for how, new in whole(statement.value):
                changed = ast.fix_missing_locations(ast.Return(new))
                add(f"result {how}", ast.unparse(changed), statement.lineno, [*function.body[:i], changed])
    return list(made.values())


def replaced(statement: ast.stmt, old: ast.AST, new: ast.AST) -> Any:
    """Copy a statement with one node replaced."""
    path = {id(n): i for i, n in enumerate(ast.walk(statement))}
    clone = copy.deepcopy(statement)
    target = list(ast.walk(clone))[path[id(old)]]
    return Put(target, copy.deepcopy(new)).visit(clone)


@functools.cache
def called(function: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """List the plain functions of ops/ that a rule calls, and those that they call."""
    found: dict[str, Callable[..., Any]] = {}
    for node in ast.walk(definition(function)[1]):
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        value = function.__globals__.get(node.func.id) if named else None
        if inspect.isfunction(value) and value.__module__.startswith("tinygrad_mnist.ops") and value is not function:
            found[value.__name__] = value
            found |= {f.__name__: f for f in called(value)}
    return tuple(found.values())


def all_mutants(only: list[str] | None = None) -> list[Mutant]:
    """Make the mutants of all rules and of what they call, or of the primitives (or functions) named."""
    rules = [(rule, p.name, argument) for p in registry.values() for argument, rule in p.rules.items()]
    functions = {f.__name__: f for rule, *_ in rules for f in called(rule)}
    chosen = [r for r in rules if not only or r[1] in only]
    made = [m for rule, name, argument in chosen for m in mutants_of(rule, name, argument)]
    return made + [m for name, f in functions.items() if not only or name in only for m in mutants_of(f)]


# ---------------------------------------------------------------- killing them


def install(mutant: Mutant) -> tuple[list[Primitive], Callable[[], None]]:
    """Put the mutant in its place; gives the primitives it concerns, and a function that puts the original back."""
    if mutant.primitive:
        users = [registry[mutant.primitive]]
        places: list[dict[str, Any]] = [users[0].rules]
        key = mutant.argument
        original = places[0][key]
    else:
        key = mutant.function
        users = [p for p in registry.values() if any(f.__name__ == key for r in p.rules.values() for f in called(r))]
        modules = {id(r.__globals__): r.__globals__ for p in users for r in p.rules.values()}
        original = next(f for p in users for r in p.rules.values() for f in called(r) if f.__name__ == key)
        places = [m for m in [*modules.values(), original.__globals__] if m.get(key) is original]
    space: dict[str, Any] = {}
    exec(compile(mutant.source, f"<mutant of {mutant.function}>", "exec"), original.__globals__, space)
    for place in places:
        place[key] = space[original.__name__]

    def restore() -> None:
        for place in places:
            place[key] = original

    return users, restore


def checks_of(case: Case) -> Iterator[Callable[[], None]]:
    """Yield the checks of one Case, quickest first."""
    for example in case.examples:
        yield lambda example=example: check_example(case, example)
    for seed in SEEDS:
        yield lambda seed=seed: check_rules(case, case.build(seeded(seed, exact=False)))
        for order in range(1, min(case.order, 2) + 1):
            yield lambda seed=seed, order=order: ORDERS[order](case, case.build(seeded(seed)))
    yield lambda: check_forward(case, case.build(seeded(0)))
    yield lambda: check_engine(case, case.build(seeded(0)))


def killer(mutant: Mutant, checks: Callable[[Case], Iterator[Callable[[], None]]] = checks_of) -> str | None:
    """Name the Case whose checks notice the mutant, or None if it survives them all."""
    users, restore = install(mutant)
    own = [c for c in CASES.values() if c.primitive in users]
    others = [c for c in CASES.values() if c.order and c not in own]
    try:
        with in_time():
            return next((case.name for case in [*own, *others] if notices(case, checks)), None)
    except TimeoutError:
        return [*own, *others][0].name
    finally:
        restore()


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Raise TimeoutError, where the system has such a clock, when MOST_SECONDS are over."""

    def late(*_: Any) -> None:
        raise TimeoutError

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def in_memory() -> None:
    """Have this process end in MemoryError, where the system can, before it takes the memory of all."""
    with contextlib.suppress(ImportError):
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))


def notices(case: Case, checks: Callable[[Case], Iterator[Callable[[], None]]] = checks_of) -> bool:
    """Tell whether a check of the Case fails: by a wrong number, shape or type, or a warning."""
    with warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("error")
        try:
            for check in checks(case):
                check()
        except (Exception, pytest.fail.Exception):  # which is no Exception
            return True
    return False


def counted(found: Iterator[str | None], count: int) -> Iterator[str | None]:
    """Show on a terminal how many of so many are there."""
    for i, each in enumerate(found, 1):
        if sys.stderr.isatty() and (i % 20 == 0 or i == count):
            print(f"\r{i} of {count}", end="\n" * (i == count), file=sys.stderr, flush=True)
        yield each


def report(mutants: list[Mutant], killers: list[str | None], seconds: float) -> int:
    """Print the survivors and the score; give the exit status."""
    equivalent = [(m, k) for m, k in zip(mutants, killers, strict=True) if m.equivalent]
    real = [(m, k) for m, k in zip(mutants, killers, strict=True) if not m.equivalent]
    survivors = [m for m, k in real if k is None]
    for m in survivors:
        print(f"SURVIVED  {m}: add an Example that tells, or, if it computes the same, the reason to EQUIVALENT")
    wrong = [m for m, k in equivalent if k is not None]
    for m in wrong:
        print(f"NOT EQUIVALENT  {m}")
    own = sum(k is not None and (not m.primitive or CASES[k].primitive is registry[m.primitive]) for m, k in real)
    killed = len(real) - len(survivors)
    percent = 100 * killed / max(len(real), 1)
    print(f"{len(real)} mutants, {killed} killed ({percent:.1f} %)")
    print(f"{own} of them by the primitive's own Cases; {seconds:.0f} s; {len(equivalent)} equivalent, not counted:")
    for m, _ in equivalent:
        print(f"    {m}\n        {m.equivalent}")
    return 1 if survivors or wrong else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    help_only = "a primitive, or a function that rules call; may be given several times"
    parser.add_argument("--only", action="append", metavar="NAME", help=help_only)
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    options = parser.parse_args(arguments)
    mutants = all_mutants(options.only)
    unknown = set(options.only or []) - {m.primitive for m in mutants} - {m.function for m in mutants}
    if unknown:
        parser.error(f"no primitive with rules is called {', '.join(sorted(unknown))}")
    if options.list:
        for m in mutants:
            print(f"{m}{'  (equivalent)' if m.equivalent else ''}")
        print(f"{len(mutants)} mutants")
        return 0
    start = time.perf_counter()
    broken = [case.name for case in CASES.values() if notices(case)]
    if broken:  # by these every mutant would seem to be killed
        print(f"FAILS WITHOUT A MUTANT  {', '.join(broken)}")
        return 1
    if options.workers > 1:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(options.workers, spawn, in_memory) as pool:  # a worker that dies is an error
            killers = [*counted(pool.map(killer, mutants, chunksize=8), len(mutants))]
    else:
        killers = [*counted(map(killer, mutants), len(mutants))]
    return report(mutants, killers, time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
