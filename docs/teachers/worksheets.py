"""Make worksheets: lessons in which rules and steps of the engine are blank.

    python docs/teachers/worksheets.py homework          # all of them, into the folder homework
    python docs/teachers/worksheets.py homework --only 03_build_the_engine
    python docs/teachers/worksheets.py exam --variant 7  # operations that stand in no lesson; see variants.py

Worksheets are made from the lessons each time, and are stored nowhere, so the two cannot drift apart. What is blank
stands in SHEETS: the place, what is asked, and the check. Look next at blanks.py, checks.py and grade.py.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import blanks
import numpy as np
import variants
from checks import Blank, Names, Wrong, check, hundred, numbers, package, plain, rule, same

from tinygrad_mnist.ops.broadcast import sum_to

LESSONS = Path(__file__).parent.parent / "lessons"
WIDE = ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (2, 3))  # pairs of shapes, of which one is stretched


def own(name: str, call: Any, count: int, inputs: str) -> Any:
    """Check a function of lesson 1, which gives derivatives of a number by numbers."""

    def checked(lesson: Names) -> None:
        def backward(g: Any, *xs: Any) -> list[Any]:
            return [g * d for d in lesson[name](*map(float, xs))]

        for seed in range(3):
            at = list(np.random.default_rng(seed).uniform(-1, 1, count))
            check(call(lesson), backward, at, 1, inputs.split())

    return checked


def tries(lesson: Names) -> None:
    same("slopes of a * a * b at (2, 3)", lesson["slopes"](lambda a, b: a * a * b, 2.0, 3.0), [12.0, 4.0])


def adds_up(name: str) -> Any:
    """Check a sum over what was stretched, of arrays."""

    def checked(lesson: Names) -> None:
        (g,) = numbers((4, 2, 3))
        for shape in [(4, 2, 3), (2, 3), (3,), (2, 1), (1, 3), (4, 1, 3), (1, 1, 1), ()]:
            same(f"{name} of (4, 2, 3) to {shape}", lesson[name](g, shape), np.asarray(sum_to(g, shape=shape)))

    return checked


def walk(lesson: Names) -> None:
    """Check the order of the walk: each tensor once, and everyone who used it before it."""
    a, b = lesson["Tensor"](2.0), lesson["Tensor"](3.0)
    c = a * b
    d = c + a
    e = d * c
    order = lesson["reachable"](e)
    known = {id(t): name for name, t in zip("abcde", (a, b, c, d, e), strict=True)}
    given = [known.get(id(t), "?") for t in order]
    if sorted(given) != [*"abcde"]:
        raise Wrong(f"for c = a * b; d = c + a; e = d * c: given {' '.join(given)}, expected each of a b c d e once", 0)
    for t in order:
        for x in t.inputs:
            if given.index(known[id(x)]) < given.index(known[id(t)]):
                text = f"{' '.join(given)}: {known[id(x)]} stands before {known[id(t)]}, which used it"
                raise Wrong(f"for c = a * b; d = c + a; e = d * c: given {text}", 0)


def pulls_back(lesson: Names) -> None:
    """Check the walk on formulas where values are used more than once, and stretched."""
    formulas = [
        (lambda a, b: a * a + a, "a * a + a"), (lambda a, b: (a * b + a) * a, "(a * b + a) * a"),
        (lambda a, b: (a + b) * (a + b) + b, "c * c + b, c = a + b"),
    ]  # fmt: skip
    for formula, text in formulas:
        try:
            rule(hundred, lambda _, f=formula: f, *WIDE, inputs="a b")(lesson)
        except Wrong as error:
            raise Wrong(f"{text}: {error}", error.order) from None
    x = y = lesson["Tensor"](1.0)
    for _ in range(3000):  # longer than Python's recursion goes
        y = y + 1.0
    same("the gradient behind 3,000 additions", lesson["gradient"](y, [x])[0].data, np.array(1.0))


def deposits(lesson: Names) -> None:
    """Check what backward leaves: on leaves alone, added to what is there."""
    a, b = (lesson["Tensor"](x) for x in numbers((2, 3), (3,)))
    c = a * b
    c.sum().backward()
    same("b.grad after backward of (a * b).sum()", b.grad, a.data.sum(axis=0))
    (a * b).sum().backward()
    same("b.grad after a second backward, which adds", b.grad, 2 * a.data.sum(axis=0))
    if c.grad is not None:
        raise Wrong("a result got a .grad; expected it on tensors that no operation made", 0)


def of(name: str, **settings: Any) -> Any:
    """Give an operation of the lesson."""
    return lambda lesson: lambda *xs: lesson[name](*xs, **settings)


def both(name: str) -> list[Blank]:
    """Give the two rules of an operation of a and b."""
    checked = rule(hundred, of(name), *WIDE, inputs="a b")
    return [Blank(f"{name}.{x}", f"what {x} gets", checked) for x in "ab"]


def single(name: str, *shapes: tuple[int, ...], **settings: Any) -> Blank:
    """Give the rule of an operation of x."""
    checked = rule(hundred, of(name, **settings), *[(shape,) for shape in shapes or [(2, 3)]], inputs="x")
    return Blank(f"{name}.x", "what x gets", checked)


LINEAR = rule(hundred, of("matmul"), ((2, 3), (3, 4)), inputs="a b")
RELU = rule(hundred, lambda lesson: lambda x: lesson["relu"](x - 1.0), ((2, 3),), inputs="x")
LOG_COSH = rule(package, of("log_cosh"), ((2, 3),), ((),), inputs="x")
SIDE = rule(package, of("long_side"), *WIDE, inputs="a b")
MEAN = rule(package, lambda lesson: lambda x: lesson["moving_mean"](x, size=3) ** 2, ((7,),), ((3,),), inputs="x")
COSH = rule(package, lambda lesson: lesson["LogCosh"].apply, ((2, 3),), inputs="x")

SHEETS: dict[str, list[Blank]] = {
    "01_backprop_by_hand": [
        Blank("slopes", "two runs for each number", tries),
        Blank("neuron_backward", "from the loss back to x, w, b, target",
              own("neuron_backward", lambda lesson: lambda *xs: lesson["neuron"](*map(float, xs)), 4, "x w b target")),
        Blank("shared_backward", "a is used twice, c three times",
              own("shared_backward", lambda lesson: lesson["shared"], 2, "a b")),
    ],
    "02_tensors": [
        Blank("sum_to", "sum the axes in front away, and axes of size 1 to size 1", adds_up("sum_to")),
        Blank("multiply_backward", "what a gets, what b gets; both may have been stretched",
              plain("multiply_backward", np.multiply, *WIDE, inputs="a b")),
        Blank("linear_backward", "what x, w and b get",
              plain("linear_backward", lambda x, w, b: x @ w + b, ((4, 3), (3, 2), (2,)), inputs="x w b")),
    ],
    "03_build_the_engine": [
        Blank("Tensor.backward", "pull back, and add to .grad of each leaf", deposits),
        *both("add"), *both("multiply"), *both("divide"), single("power", (4,), n=3), single("exp"), single("log"),
        single("tanh"), Blank("relu.x", "what x gets", RELU), single("transpose"),
        *[Blank(f"matmul.{x}", f"what {x} gets", LINEAR) for x in "ab"], single("reshape", shape=(3, 2)),
        Blank("added_up", "sum away what was stretched", adds_up("added_up")),
        single("sum_to", (4, 2, 3), shape=(2, 1)), single("broadcast_to", (3,), (2, 1), shape=(2, 3)),
        Blank("reachable", "each tensor once, and after everyone who used it", walk),
        Blank("pull_back", "every rule once; what arrives by two ways is added", pulls_back),
    ],
    "08_write_an_operation": [
        Blank("log_cosh_vjp_x", "g times the derivative", LOG_COSH),
        Blank("long_side_vjp_a", "you may use out", SIDE), Blank("long_side_vjp_b", "you may use out", SIDE),
        Blank("moving_mean_vjp_x", "each entry was used in several sums", MEAN),
        Blank("LogCosh.backward", "ctx.saved_tensors has x", COSH),
    ],
}  # fmt: skip


HEADER = '''
import sys

WORKSHEET = "{name}"  # leave this line: the checker looks for it


def your_turn(what):
    """Stand in a blank, and say so when it is reached. Write your answer in place of the call."""
    line = sys._getframe(1).f_lineno
    raise NotImplementedError(f"{{WORKSHEET}}: line {{line}} is still blank. Your turn: {{what}}")

'''


def named(text: str) -> str | None:
    """Find the name of a worksheet in a text: that of a lesson, or of a variant."""
    found = re.search("|".join([*SHEETS, r"variant_[0-9]+"]), text)
    return found[0] if found else None


def sheet(name: str) -> list[Blank]:
    """List the blanks of a worksheet."""
    return SHEETS[name] if name in SHEETS else variants.sheet(name)


def solution(name: str) -> str:
    """Read a lesson; a variant has no solution, and its blanks stay blank."""
    return (LESSONS / f"{name}.py").read_text("utf-8") if name in SHEETS else variants.text(name)


def worksheet(name: str) -> str:
    """Write a lesson with its blanks."""
    asked = [(blank.place, blank.asks) for blank in sheet(name)]
    text = blanks.emptied(solution(name), asked)
    title, line, rest = text.removeprefix('"""\n').split("\n", 2)
    told = (
        f"Worksheet. Replace ``{blanks.EMPTY}(...)`` at {len(asked)} places; leave names and arguments as they are.\n"
        f"Then run it: the cells below the blanks check what you wrote."
    )
    about, end, code = rest.partition('"""\n')
    return f'"""\n{title}\n{line}\n\n{told}\n{about}{end}{HEADER.format(name=name)}{code}'


def main(argv: list[str] | None = None) -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=SHEETS, action="append", help="a lesson; may be given more than once")
    parser.add_argument("--variant", type=int, action="append", help="a number from 0: write this variant instead")
    given = parser.parse_args(argv)
    if min(given.variant or [0]) < 0:
        parser.error("--variant: expected a number from 0 on")
    given.folder.mkdir(parents=True, exist_ok=True)
    chosen = [*(given.only or []), *[f"variant_{seed}" for seed in given.variant or []]]
    for name in chosen or SHEETS:
        path = given.folder / f"{name}.py"
        if path.exists():
            sys.exit(f"{path} is there already, perhaps with somebody's answers: give another folder")
        path.write_text(worksheet(name), "utf-8")
        print(f"{path}: {len(sheet(name))} blanks")


if __name__ == "__main__":
    main()
