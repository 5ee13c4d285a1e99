"""Worksheets that differ by a number: operations that stand in no lesson, whose rules are checked by numbers alone.

`variant_7` is always the same sheet, and is stored nowhere: the checker makes it again from the 7. Its operations are
drawn from FORMULAS, and so is the constant `k` in each. What is true is found by moving the formula's inputs a little;
no solution is written down anywhere. Look next at worksheets.py, which writes the files, and checks.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from checks import Blank, Names, check, numbers, package

import tinygrad_mnist as tg

FORMULAS = [  # of each group: how many are drawn; name, arguments, formula
    (3, [
        ("soft_ramp", "x", "np.log(1 + np.exp({k} * x)) / {k}"),
        ("wide_sinh", "x", "(np.exp({k} * x) - np.exp(-{k} * x)) / 2"),
        ("round_root", "x", "np.sqrt({k} + x * x)"),
        ("bell_curve", "x", "np.exp(-{k} * x * x)"),
        ("hump", "x", "x / (1 + {k} * x * x)"),
        ("gated", "x", "x / (1 + np.exp(-{k} * x))"),
        ("log_square", "x", "np.log({k} + x * x)"),
        ("waves", "x", "x * np.sin({k} * x)"),
    ]),
    (1, [
        ("fall_off", "a b", "a / ({k} + b * b)"),
        ("decay", "a b", "a * np.exp(-{k} * b)"),
        ("soft_larger", "a b", "np.log(np.exp({k} * a) + np.exp({k} * b)) / {k}"),
        ("ellipse", "a b", "np.sqrt(a * a + {k} * b * b)"),
    ]),
    (1, [
        ("mixture", "a b t", "a ** 2 * t / {k} + b * (1 - t)"),
        ("tone", "a b c", "a * np.sin({k} * b + c)"),
        ("peak", "a b c", "a * np.exp(-{k} * (b - c) ** 2)"),
        ("share", "a b c", "a / (a + {k} * b + c)"),
    ]),
]  # fmt: skip
SHAPES = (2, 3), (3,), (2, 1)  # of the first, second and third argument: all are stretched
Formula = tuple[str, list[str], str]

START = '''"""
{title}
{line}

Each operation below lacks its rules. A rule gives the gradient of one argument. It is called with ``g``, the gradient
of the result, then the result ``out``, then the arguments. Write it with operators and with the package's operations
(``tg.exp``, not ``np.exp``), so that it can be differentiated again. Nothing is said of broadcasting: ``elementwise``
sums what was stretched. Lesson 8 shows how it is done.
"""

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist.primitive import elementwise
'''
OPERATION = '''
# %%
# {number}. ``{name}({arguments})``


@elementwise(registered=False)
def {name}({arguments}):
    return {formula}

'''
RULE = '''
@{name}.vjp("{argument}")
def {name}_vjp_{argument}(g, out, {arguments}):
    return ...

'''
CHECK = '''
tg.manual_seed(0)
points = [(tg.rand(shape, dtype=tg.float64) + 0.5).requires_grad_() for shape in {shapes}]
assert tg.autograd.gradcheck({name}, points) and tg.autograd.gradgradcheck({name}, points)
print("{name}: right at orders 1 and 2")
'''


def formulas(name: str) -> list[Formula]:
    """Draw the operations of `variant_N`: name, arguments, formula."""
    draw = random.Random(int(name.rpartition("_")[2])).random  # nothing else of it stays the same in all Pythons
    return [
        (name, arguments.split(), text.format(k=2 + int(4 * draw())))
        for count, group in FORMULAS
        for name, arguments, text in sorted(group, key=lambda _: draw())[:count]
    ]


def text(name: str) -> str:
    """Write the program whose blanks are to be emptied."""
    title = f"Operations, variant {name.rpartition('_')[2]}"
    parts = [START.format(title=title, line="=" * len(title))]
    for number, (operation, arguments, formula) in enumerate(formulas(name), 1):
        told = {"name": operation, "arguments": ", ".join(arguments)}
        parts.append(OPERATION.format(number=number, formula=formula, **told))
        parts += [RULE.format(argument=argument, **told) for argument in arguments]
        parts.append(CHECK.format(shapes=list(SHAPES[: len(arguments)]), **told))
    return "".join(parts)


def sheet(name: str) -> list[Blank]:
    """List the blanks, one for each argument of each operation."""
    return [
        Blank(f"{formula[0]}_vjp_{argument}", f"what {argument} gets", alone(formula, i))
        for formula in formulas(name)
        for i, argument in enumerate(formula[1])
    ]


def alone(formula: Formula, i: int) -> Callable[[Names], None]:
    """Check the rule of one argument by itself: the others stand still, so their rules are not asked.

    What is moved is the formula drawn, whatever became of it in the student's program.
    """
    name, arguments, text = formula
    true: Callable[..., Any] = eval(f"lambda {', '.join(arguments)}: {text}", {"np": np})  # of this file, no student's

    def checked(lesson: Names) -> None:
        xs = numbers(*SHAPES[: len(arguments)])

        def among(x: Any, wrap: Callable[[Any], Any]) -> list[Any]:
            return [*map(wrap, xs[:i]), x, *map(wrap, xs[i + 1 :])]

        _, backward, slope = package(lesson, lambda x: lesson[name](*among(x, tg.tensor)))
        check(lambda x: true(*among(x, np.asarray)), backward, [xs[i]], 1, [arguments[i]])
        g = np.random.default_rng(2).uniform(0.5, 1.5, np.shape(true(*xs)))
        forward, backward, _ = package(lesson, slope(0))
        check(forward, backward, [xs[i], g], 2, [arguments[i], "g"])

    return checked
