"""The blanks of each worksheet, and how each is checked: a gradient against the package's gradcheck, at orders 1 and 2.

An engine is what a lesson differentiates with: its own functions (lessons 1 and 2), its hundred lines (3), the package
(8). A check gets the names that the program defined, and raises Wrong. Look next at grade.py, which runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_mnist as tg

Names = dict[str, Any]
Arrays = Sequence[np.ndarray]
STEP = 1e-6


class Wrong(AssertionError):
    """What was given is not what is true; order: of the derivative, 0 for a value."""

    def __init__(self, text: str, order: int) -> None:
        super().__init__(text)
        self.order = order


@dataclass(frozen=True)
class Blank:
    """A place in a lesson, what is asked there, and the check of what was written."""

    place: str
    asks: str
    check: Callable[[Names], None]


# ---------------------------------------------------------------- a gradient and what really happens


def check(forward: Callable[..., Any], backward: Callable[..., Any], inputs: Arrays, order: int, names: Any) -> None:
    """Compare backward(g, *arrays) with what forward(*arrays) does when its inputs move.

    Entry by entry, and then by gradcheck along a random direction, which a small factor may hide from.

    Raises:
        Wrong with the first entry that differs
    """
    differs = first_difference(forward, backward, inputs, order, names)
    if differs is not None:
        raise Wrong(differs, order)

    class Given(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *xs: Any) -> Any:
            ctx.arrays = [x.detach().numpy() for x in xs]
            return tg.tensor(np.asarray(forward(*ctx.arrays)), dtype=tg.float64)

        @staticmethod
        @tg.autograd.function.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            return tuple(map(tg.tensor, fitting(backward(g.numpy(), *ctx.arrays), ctx.arrays, order, names)))

    xs = [tg.tensor(x, dtype=tg.float64, requires_grad=True) for x in inputs]
    try:
        tg.autograd.gradcheck(Given.apply, xs)
    except tg.errors.GradcheckError as error:
        raise Wrong(str(error.got), order) from None


def fitting(found: Any, inputs: Arrays, order: int, names: Sequence[str]) -> list[np.ndarray]:
    """Give gradients as arrays, each of which must have the shape of its input."""
    if not isinstance(found, tuple | list) or len(found) != len(inputs):
        raise Wrong(f"expected {len(inputs)} gradients, of {', '.join(names)}; given {found!r:.60}", order)
    arrays = [np.asarray(g, np.float64) for g in found]
    for name, g, x in zip(names, arrays, inputs, strict=True):
        if g.shape != np.shape(x):
            raise Wrong(f"the gradient of {name}: given shape {g.shape}, and {name} has {np.shape(x)}", order)
    return arrays


def first_difference(
    forward: Callable[..., Any], backward: Callable[..., Any], inputs: Arrays, order: int, names: Sequence[str]
) -> str | None:  # fmt: skip
    """Find the first entry whose gradient differs, in reading order."""
    g = np.random.default_rng(1).uniform(0.5, 1.5, np.shape(forward(*inputs)))
    given = fitting(backward(g, *inputs), inputs, order, names)
    for i, x in enumerate(inputs):
        for at in np.ndindex(np.shape(x)):
            ends = []
            for step in (STEP, -STEP):
                moved = [np.array(y, np.float64) for y in inputs]
                moved[i][at] += step
                ends.append(np.asarray(forward(*moved)))
            numeric, entry = float((g * (ends[0] - ends[1])).sum() / (2 * STEP)), float(given[i][at])
            if not abs(entry - numeric) <= 1e-5 + 1e-4 * abs(numeric):
                where = f"{names[i]}{list(at) if at else ''}"
                return f"the gradient of {where}: given {entry:.6g}, numeric {numeric:.6g}"
    return None


def same(name: str, given: Any, expected: Any) -> None:
    """Compare arrays, or lists of numbers."""
    if np.shape(given) != np.shape(expected) or not np.allclose(given, expected, rtol=1e-5):
        shown = [str(np.asarray(x).tolist() if isinstance(x, np.ndarray) else x)[:70] for x in (given, expected)]
        raise Wrong(f"{name}: given {shown[0]}, expected {shown[1]}", 0)


def numbers(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Draw inputs away from kinks, the same each time."""
    rng = np.random.default_rng(0)
    return [rng.uniform(0.6, 1.4, shape) for shape in shapes]


def plain(name: str, forward: Callable[..., Any], *cases: tuple[tuple[int, ...], ...], inputs: str) -> Any:
    """Check a function `name(g, *arrays)` of lesson 2."""

    def checked(lesson: Names) -> None:
        for shapes in cases:
            check(forward, lesson[name], numbers(*shapes), 1, inputs.split())

    return checked


# ---------------------------------------------------------------- functions of tensors, in two engines


def hundred(lesson: Names, function: Callable[..., Any]) -> tuple[Any, Any, Any]:
    """Differentiate a function of the lesson's own tensors: forward, backward, and the gradient of one input."""
    tensor, gradient = lesson["Tensor"], lesson["gradient"]

    def backward(g: Any, *xs: Any) -> list[Any]:
        leaves = [tensor(x) for x in xs]
        return [gx.data for gx in gradient(function(*leaves), leaves, tensor(g))]

    def slope(i: int) -> Callable[..., Any]:
        return lambda *v: gradient(function(*v[:-1]), v[:-1], v[-1])[i]

    return lambda *xs: function(*map(tensor, xs)).data, backward, slope


def package(lesson: Names, function: Callable[..., Any]) -> tuple[Any, Any, Any]:
    """Differentiate a function of the package's tensors."""

    def slope(i: int) -> Callable[..., Any]:
        def first(*v: Any) -> Any:
            with tg.enable_grad():
                leaves = [x if x.requires_grad else x.detach().requires_grad_() for x in v]
                grad = tg.autograd.grad(function(*leaves[:-1]), leaves[:-1], leaves[-1], create_graph=True)[i]
                return grad + 0 * sum(x.sum() for x in leaves)

        return first

    def backward(g: Any, *xs: Any) -> list[Any]:
        with tg.enable_grad():
            leaves = [tg.tensor(x, requires_grad=True) for x in xs]
            found = tg.autograd.grad(function(*leaves), leaves, tg.tensor(g), allow_unused=True)
        return [np.zeros(np.shape(x)) if gx is None else gx.numpy() for gx, x in zip(found, xs, strict=True)]

    return lambda *xs: function(*map(tg.tensor, xs)).detach().numpy(), backward, slope


def rule(engine: Any, make: Callable[[Names], Callable[..., Any]], *cases: Any, inputs: str) -> Callable[[Names], None]:
    """Check a rule at order 1 and then at order 2, where the gradient is a function of the inputs and of g."""

    def checked(lesson: Names) -> None:
        function, names = make(lesson), inputs.split()
        for shapes in cases:
            xs = numbers(*shapes)
            forward, backward, slope = engine(lesson, function)
            check(forward, backward, xs, 1, names)
            g = np.random.default_rng(2).uniform(0.5, 1.5, np.shape(forward(*xs)))
            for i in range(len(xs)):
                forward, backward, _ = engine(lesson, slope(i))
                check(forward, backward, [*xs, g], 2, [*names, "g"])

    return checked
