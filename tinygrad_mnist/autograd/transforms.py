"""Derivatives of functions as functions: grad, vjp, jvp, jacobians. `.grad` of no tensor changes.

Each call tracks its own arguments: fresh leaves, or copies in the graph where something around it differentiates too;
only then is the derivative itself recorded. Look next at forward.py and vmap.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.engine import Origin, differentiate
from ..core.errors import ArgumentError, GradientError, ShapeError
from ..core.graph import Var, enable_grad, reachable
from ..core.scope import state, unchanging
from ..ops.layout import reshape, transpose
from ..tensors.tensor import Tensor
from .batched import Batched, bare, batched, front, lifted, running
from .forward import filled, push
from .trees import flatten, mapped
from .vmap import vmap

Argnums = int | tuple[int, ...]


class Call:
    """One call of a function whose arguments are tracked: what came out, and both ways to differentiate it."""

    def __init__(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], argnums: Argnums | None = None,
                 kwargs: dict[str, Any] | None = None, has_aux: bool = False) -> None:  # fmt: skip
        self.strict = False
        self.name, self.levels = name, tuple(running.sizes)
        chosen = range(len(args)) if argnums is None else (argnums,) if isinstance(argnums, int) else argnums
        if any(not -len(args) <= i < len(args) for i in chosen):
            raise ArgumentError(f"{name}: argnums {argnums} of {len(args)} arguments.", expected="their positions")
        where = [i % len(args) for i in chosen]
        leaves, self.build = flatten(tuple(args[i] for i in where))
        bad = [x for x in leaves if not isinstance(x, Var) or x.dtype.kind != "f"]
        if bad:
            got = type(bad[0]).__name__ if not isinstance(bad[0], Var) else f"a tensor of {bad[0].dtype}"
            raise GradientError(f"{name}: only floating-point tensors have derivatives.", got=got,
                                hint="argnums chooses the arguments; .float() converts")  # fmt: skip
        self.inputs = [tracked(lifted(x)) for x in leaves]
        given = list(args)
        for i, x in zip(where, self.build(self.inputs), strict=True):
            given[i] = x
        with enable_grad():
            out = func(*given, **(kwargs or {}))
        self.aux = None
        if has_aux:
            if not isinstance(out, tuple) or len(out) != 2:
                raise ArgumentError(f"{name}: with has_aux the function returns (output, aux).", got=type(out).__name__)
            out, self.aux = out
        self.outputs: list[Any]
        self.outputs, self.make = flatten(out)
        if not all(isinstance(y, Var) for y in self.outputs):
            raise GradientError(f"{name}: the function must return tensors.", got=f"{type(out).__name__} {out!r:.60}")
        own = [bare(x) for x in self.inputs]
        self.origins: list[Any] = [x.node or x for x in own]
        self.roots = [bare(lifted(y)) for y in self.outputs]
        mine = {*self.origins}
        nodes = reachable([y.node for y in self.roots if y.node is not None])
        self.recorded = any(isinstance(p, Var) and p not in mine for n in nodes if n not in mine for p in n.parents)
        self.recorded = self.recorded or any(x.node is not None for x in own)

    def result(self) -> Any:
        """Give what came out, without the history that is ours alone."""
        return self.make(self.outputs if self.recorded else [y.detach() for y in self.outputs])

    def auxiliary(self) -> Any:
        """Give what else came out."""
        return mapped(lambda x: x.detach() if isinstance(x, Tensor) and not self.recorded else x, self.aux)

    def _seeds(self, cotangents: Sequence[Any], likes: Sequence[Any], what: str) -> list[Any]:
        if len(cotangents) != len(likes):
            raise ArgumentError(f"{self.name}: {len(cotangents)} {what}.", expected=f"{len(likes)}")
        for g, y in zip(cotangents, likes, strict=True):
            if not isinstance(g, Var) or g.shape != y.shape:
                got = f"{type(g).__name__} {np.shape(g)}"
                raise ShapeError(f"{self.name}: the {what} do not fit.", got=got, expected=f"tensors {y.shape}")
        return [self._below(g) for g in cotangents]

    def _below(self, g: Any) -> Any:
        """Give a cotangent the axes of the vmaps that the call is inside; of later ones it stays one example."""
        levels = tuple(sorted({*self.levels, *(g.levels if isinstance(g, Batched) else ())}))
        k = len(self.levels)
        return batched(exchanged(front(g, levels, full=True), k, len(levels) - k), levels[k:])

    def _above(self, x: Any, recorded: bool) -> Any:
        """Give a result as one example of these vmaps, and of the later ones."""
        x = Tensor.wrap(x) if not isinstance(x, Var) else x if recorded or not isinstance(x, Tensor) else x.detach()
        later, value = (x.levels, x.value) if isinstance(x, Batched) else ((), x)
        return batched(exchanged(value, len(later), len(self.levels)), (*self.levels, *later))

    def pull(self, cotangents: Sequence[Any], keep: bool) -> Any:
        """Give the gradients of the arguments for cotangents of the results."""
        seeds = self._seeds(cotangents, self.outputs, "cotangents")
        recorded = self.recorded or any(g.differentiable for g in seeds)
        pairs = [(y, g) for y, g in zip(self.roots, seeds, strict=True) if y.differentiable]
        found: dict[Origin, Any] = {}
        if pairs:
            later = recorded or any(isinstance(g, Batched) for g in seeds)  # rules must see tensors
            as_vars = later or state.recorder is not None
            values = [g if as_vars else np.asarray(g.array, y.dtype) for y, g in pairs]
            with enable_grad():
                found = differentiate([y for y, _ in pairs], values, self.origins, keep or later, later)
        gs = [found.get(o) for o in self.origins]
        if self.strict and any(g is None for g in gs):
            i = next(i for i, g in enumerate(gs) if g is None)
            raise GradientError(f"{self.name}: with strict=True the outputs must depend on input {i}.")
        own = [filled(bare(x), 0) if g is None else g for x, g in zip(self.inputs, gs, strict=True)]
        return self.build([self._above(g, recorded) for g in own])

    def push(self, tangents: Sequence[Any]) -> Any:
        """Give the tangents of the results for tangents of the arguments."""
        seeds = self._seeds(tangents, self.inputs, "tangents")
        recorded = self.recorded or any(t.differentiable for t in seeds)
        as_vars = recorded or state.recorder is not None or any(isinstance(t, Batched) for t in seeds)
        values = [t if as_vars else t.array for t in seeds]
        found = push(self.roots, dict(zip(self.origins, values, strict=True)))
        own = [filled(y, 0) if t is None else t for y, t in zip(self.roots, found, strict=True)]
        return self.make([self._above(t, recorded) for t in own])


def exchanged(value: Any, a: int, b: int) -> Any:
    """Put b axes before the a axes in front of them."""
    return transpose(value, axes=(*range(a, a + b), *range(a), *range(a + b, value.ndim))) if a and b else value


def tracked(x: Any) -> Any:
    """Give a tensor of the same values whose derivatives are ours: a leaf, or a view where others track it too."""
    value = bare(x)
    if value.differentiable and state.recording:
        value = reshape(value, shape=value.shape)
    else:
        value = Tensor.wrap(value.array, True)
    return batched(value, x.levels) if isinstance(x, Batched) else value


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Make the function that gives the gradient of a scalar function, and its value.

    Args:
        argnums: the arguments, one or several, each a tensor or nested tensors
        has_aux: func returns (value, aux); then (gradient, (value, aux)) is given
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(func, "grad", args, argnums, kwargs, has_aux)
        if len(call.outputs) != 1 or call.outputs[0].ndim:
            got = ", ".join(f"tensor {y.shape}" for y in call.outputs)
            raise GradientError("grad: the function must return one scalar.", got=got, hint="jacrev, or .sum()")
        found = call.pull([filled(call.outputs[0], 1)], False)
        value = call.result()
        return found[0] if isinstance(argnums, int) else found, (value, call.auxiliary()) if has_aux else value

    return wrapper


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Make the function that gives the gradient of a scalar function; see grad_and_value.

    Example:
        >>> tg.func.grad(tg.func.grad(lambda x: x**3))(tg.tensor(2.0)).item()
        12.0
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return wrapper


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Give func(*primals), and a function from a cotangent of it to the gradients of the arguments (and aux)."""
    call = Call(func, "vjp", primals, has_aux=has_aux)

    def back(*cotangents: Any) -> Any:
        """Give the gradients of all arguments."""
        return call.pull(flatten(cotangents)[0], True)

    return (call.result(), back, call.auxiliary()) if has_aux else (call.result(), back)


def jvp(
    func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, strict: bool = False,
    has_aux: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Give func(*primals) and its derivative along tangents, in forward mode (and aux).

    Args:
        strict: refuse a result that does not depend on the arguments
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise ArgumentError("jvp: primals and tangents are tuples, of as many.", hint="jvp(f, (x,), (t,))")
    call = Call(func, "jvp", primals, has_aux=has_aux)
    if strict and not all(y.differentiable for y in call.outputs):
        raise GradientError("jvp: with strict=True every output must depend on the inputs.")
    out, t = call.result(), call.push(flatten(tangents)[0])
    return (out, t, call.auxiliary()) if has_aux else (out, t)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Give func(*primals), and the linear function from tangents to its derivative, which does not call func again."""
    call = Call(func, "linearize", primals)
    return call.result(), lambda *tangents: call.push(flatten(tangents)[0])


def _jacobian(
    func: Callable[..., Any], argnums: Argnums, has_aux: bool, chunk_size: int | None, forward: bool, name: str
) -> Callable[..., Any]:
    """Make the function that gives the Jacobian: a column for each entry of an argument, or a row for each of a result.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(func, name, args, argnums, kwargs, has_aux)
        sides = call.inputs, call.outputs
        bases, others = sides if forward else sides[::-1]
        blocks: list[list[Any]] = []  # of each base, one of each other
        for b, base in enumerate(bases):
            size = math.prod(base.shape)

            def along(row: Any, b: int = b) -> Any:
                seeds = [row if i == b else filled(x, 0) for i, x in enumerate(bases)]
                return tuple(flatten(call.push(seeds) if forward else call.pull(seeds, True))[0])

            eye = unchanging(np.eye(size, dtype=base.dtype).reshape(size, *base.shape))
            none = [filled(x, 0, (0, *x.shape)) for x in others]
            rows = vmap(along, chunk_size=chunk_size)(Tensor.wrap(eye)) if size else none
            blocks.append([_shaped(r, base.shape, forward) for r in rows])
        rows_of = [call.build([*row]) for row in (zip(*blocks, strict=True) if forward else blocks)]
        found = call.make([row[0] if isinstance(argnums, int) else row for row in rows_of])
        return (found, call.auxiliary()) if has_aux else found

    return wrapper


def _shaped(rows: Any, shape: tuple[int, ...], behind: bool) -> Any:
    """Give the axis of rows the shape of what they are of, before or behind the others."""
    rest = tuple(rows.shape[1:])
    if behind:
        rows = rows.permute(*range(1, rows.ndim), 0)
    return reshape(rows, shape=(*rest, *shape) if behind else (*shape, *rest))


def jacrev(
    func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """Make the function that gives the Jacobian, in reverse mode.

    Shapes:
        result (*A), argument (*B) -> (*A, *B); nested where they are
    """
    return _jacobian(func, argnums, has_aux, chunk_size, False, "jacrev")


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:  # fmt: skip
    """Make the function that gives the Jacobian, in forward mode; see jacrev."""
    return _jacobian(func, argnums, has_aux, chunk_size, True, "jacfwd")


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Make the function that gives the second derivatives: forward mode over reverse mode."""
    return jacfwd(jacrev(func, argnums), argnums)
