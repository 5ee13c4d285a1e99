"""Compare derivatives with numeric ones: the judge of every rule, for users' own functions too.

A random direction or two, which cost two evaluations each however many inputs there are; only where one disagrees is
the whole Jacobian computed, to name the worst entry. Order 2 differentiates the first derivative with respect to the
inputs and the cotangent alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.backend import isolated
from ..core.errors import DTypeError, GradcheckError, GradientError
from ..core.graph import Array
from ..tensors.tensor import Tensor
from .grad import grad

Function = Callable[..., Any]
TELLING, MOST = 0.3, 5  # how much of the size of its terms a sum must have; and how many directions are tried for that


def gradcheck(
    func: Function, inputs: Tensor | Sequence[Any], *, eps: float = 1e-6, atol: float = 1e-6, rtol: float = 1e-4,
    raise_exception: bool = True, seed: int = 0,
) -> bool:  # fmt: skip
    """Check the first derivatives of a function of float64 tensors against central differences.

    Math:
        ⟨u, (f(x + h v) - f(x - h v)) / 2h⟩ against ⟨Jᵀu, v⟩ for random u, v; then, on disagreement, each J_ij
    Args:
        func: takes the inputs, gives a tensor or several
        inputs: those with requires_grad are checked
        eps: the step h
        seed: of the directions
    Raises:
        GradcheckError: naming input, worst entry, both numbers and the seed, unless raise_exception is False

    Example:
        >>> x = tg.tensor([0.5, 2.0], dtype=tg.float64, requires_grad=True)
        >>> tg.autograd.gradcheck(lambda x: (x.exp() * x).sum(), (x,))
        True
    """
    arguments = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise GradientError(
            "gradcheck: no input requires a gradient.", hint="tg.randn(3, dtype=tg.float64, requires_grad=True)"
        )
    for i in checked:
        if arguments[i].dtype != np.float64:
            what = f"gradcheck: inputs[{i}] is {arguments[i].dtype}; rounding would drown the difference."
            raise DTypeError(what, expected="float64", hint="x.double().detach().requires_grad_()")
    rng = isolated(np.random.default_rng, seed)
    outputs = _outputs(func(*arguments))
    cotangents = [_direction(rng, y.shape) for y in outputs]
    analytic = _pulled_back(func, arguments, checked, cotangents)
    for _ in range(MOST):
        directions = [_direction(rng, arguments[i].shape) for i in checked]
        forward = _numeric(func, arguments, checked, directions, eps)
        left, right, scale = isolated(_both_sides, cotangents, forward, analytic, directions)
        if not abs(left - right) <= atol + rtol * max(scale, abs(left)) or not np.isfinite([left, right]).all():
            break
        if abs(left) >= TELLING * scale:  # terms that cancel hide a factor that is wrong in all of them
            return True
    else:
        return True
    if not raise_exception:
        return False
    problem = _worst(func, arguments, checked, eps, atol, rtol)
    if problem is None:
        problem = f"along a random direction the numeric derivative is {left:.10g}, the computed one {right:.10g}"
    what = f"gradcheck: {_name(func)}: a derivative disagrees with its numeric estimate."
    wanted = f"equal to {atol:g} + {rtol:g} · magnitude (seed {seed})"
    hint = "check the rule of that input; near a kink (relu at 0) move the input or lower eps"
    raise GradcheckError(what, got=problem, expected=wanted, hint=hint)


def gradgradcheck(
    func: Function, inputs: Tensor | Sequence[Any], *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, seed: int = 0,
) -> bool:  # fmt: skip
    """Check the second derivatives: gradcheck of the gradient, as a function of the inputs and of the cotangent."""
    arguments = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad]
    outputs = _outputs(func(*arguments))
    rng = isolated(np.random.default_rng, seed)
    cotangents = [Tensor(_direction(rng, y.shape), requires_grad=True) for y in outputs]

    def first_derivative(*values: Any) -> tuple[Any, ...]:
        xs, us = values[: len(arguments)], values[len(arguments) :]
        ys = _outputs(func(*xs))
        used = [(y, u) for y, u in zip(ys, us, strict=True) if y.requires_grad]
        # + 0 · u keeps a derivative that is constant in the inputs a function of them
        found = grad(
            [y for y, _ in used], [xs[i] for i in checked], [u for _, u in used], create_graph=True, allow_unused=True
        )
        zero = sum((u * 0).sum() for u in us) + sum((xs[i] * 0).sum() for i in checked)
        return tuple(zero if g is None else g + zero for g in found)

    first_derivative.__name__ = f"the gradient of {_name(func)}"
    raw = _pulled_back(func, arguments, checked, [u.array for u in cotangents])
    for i, given, recorded in zip(checked, raw, first_derivative(*arguments, *cotangents), strict=True):
        if not isolated(np.allclose, recorded.array, given, rtol=rtol, atol=atol):
            if not raise_exception:
                return False
            at = tuple(map(int, np.unravel_index(np.argmax(np.abs(recorded.array - given)), given.shape)))
            raise GradcheckError(
                f"gradgradcheck: {_name(func)}: the gradient is another with create_graph=True than without.",
                got=f"input {i}{list(at)}: recorded {recorded.array[at]:.10g}, raw {given[at]:.10g}",
                expected=f"equal to {atol:g} + {rtol:g} · magnitude (seed {seed})",
                hint="a rule that takes saved=None must give the same with it and without",
            )
    return gradcheck(
        first_derivative, [*arguments, *cotangents], eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        seed=seed,
    )  # fmt: skip


def _name(func: Function) -> str:
    owner = getattr(func, "__self__", None)  # of a Function's `apply` its class tells more
    return str(getattr(owner if isinstance(owner, type) else func, "__name__", repr(func)))


def _outputs(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def _direction(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    # bounded away from 0, so that no entry escapes the check
    return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape))


def _pulled_back(func: Function, arguments: list[Any], checked: list[int], cotangents: list[Array]) -> list[Array]:
    outputs = _outputs(func(*arguments))
    used = [(y, Tensor(u)) for y, u in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not used:
        return [np.zeros(arguments[i].shape) for i in checked]
    found = grad([y for y, _ in used], [arguments[i] for i in checked], [u for _, u in used], allow_unused=True)
    return [
        np.zeros(arguments[i].shape) if g is None else np.asarray(g.array) for i, g in zip(checked, found, strict=True)
    ]


def _evaluate(func: Function, arguments: list[Any], checked: list[int], steps: list[Array]) -> list[Array]:
    # a function that differentiates inside (order 2) needs leaves that require gradients
    moved = list(arguments)
    for i, step in zip(checked, steps, strict=True):
        moved[i] = Tensor(np.asarray(arguments[i].array + step), requires_grad=True)
    return [y.array for y in _outputs(func(*moved))]


def _numeric(func: Function, arguments: list[Any], checked: list[int], steps: list[Array], eps: float) -> list[Array]:
    plus = _evaluate(func, arguments, checked, [eps * v for v in steps])
    minus = _evaluate(func, arguments, checked, [-eps * v for v in steps])
    return isolated(_slopes, plus, minus, eps)


@np.errstate(all="ignore")
def _slopes(plus: list[Array], minus: list[Array], eps: float) -> list[Array]:
    return [(p - m) / (2 * eps) for p, m in zip(plus, minus, strict=True)]


@np.errstate(all="ignore")  # infinities are a disagreement, not a warning
def _both_sides(
    cotangents: list[Array], forward: list[Array], analytic: list[Array], directions: list[Array]
) -> tuple[float, float, float]:
    """Give u · (J v) and (u J) · v, which must agree, and the scale of the terms of both."""
    left = sum(float((u * d).sum()) for u, d in zip(cotangents, forward, strict=True))
    right = sum(float((g * v).sum()) for g, v in zip(analytic, directions, strict=True))
    # Each sum has a term per entry of the inputs, known to a relative rtol: independent errors add up in
    # quadrature, so that one wrong entry shows among many right ones.
    return left, right, sum(float(np.square(g * v).sum()) for g, v in zip(analytic, directions, strict=True)) ** 0.5


def _worst(
    func: Function, arguments: list[Any], checked: list[int], eps: float, atol: float, rtol: float
) -> str | None:
    """Compare the Jacobians entry by entry and describe the entry that disagrees most, or None where all agree."""
    shapes = [y.shape for y in _outputs(func(*arguments))]
    rows: dict[tuple[int, tuple[int, ...]], list[Array]] = {}  # per entry of an output, its gradient in each input
    for o, shape in enumerate(shapes):
        for out_at in np.ndindex(*shape):
            cotangents = [np.zeros(s) for s in shapes]
            cotangents[o][out_at] = 1.0
            rows[o, out_at] = _pulled_back(func, arguments, checked, cotangents)
    worst, text = 0.0, None
    for which, i in enumerate(checked):
        for at in np.ndindex(*arguments[i].shape):
            steps = [np.zeros(arguments[j].shape) for j in checked]
            steps[which][at] = 1.0
            columns = _numeric(func, arguments, checked, steps, eps)
            for (o, out_at), row in rows.items():
                computed, numeric = float(row[which][at]), float(columns[o][out_at])
                excess = abs(computed - numeric) - (atol + rtol * abs(numeric))
                if excess > worst or (not np.isfinite(excess) and np.isfinite(worst)):
                    worst = excess if np.isfinite(excess) else np.inf
                    place = f"input {i}{list(at)}, output {o}{list(out_at)}"
                    text = f"{place}: computed {computed:.10g}, numeric {numeric:.10g}"
    return text
