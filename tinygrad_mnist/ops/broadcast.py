"""Stretching to a shape and summing back to one: each is the other's rule, and the reason no other rule mentions
broadcasting.

`elementwise` is the decorator for operations whose arguments broadcast, `row` the same card in one line. Look next at
elementwise.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import Declaration, Primitive, Promote, primitive
from ..kernels import loops
from ..kernels import sums as kernel
from .promotion import alike, floating, promoted

Shape = tuple[int, ...]


@primitive(view=True, linear=True, batch="shape")
def broadcast_to(x: Array, *, shape: Shape) -> Array:
    """Repeat x along new axes and axes of size 1 (a read-only view)."""
    return kernel.broadcast_to(x, shape)


@broadcast_to.vjp("x")
def broadcast_to_vjp_x(g: Any, out: Any, x: Any, *, shape: Shape) -> Any:
    return sum_to(g, shape=x.shape)


@primitive(kernel.sum_to, rows=loops.row_sums, linear=True, batch="shape")
def sum_to(x: Array, *, shape: Shape) -> Any:
    """Sum x over the axes along which `shape` would be stretched to x's shape."""


@sum_to.vjp("x")
def sum_to_vjp_x(g: Any, out: Any, x: Any, *, shape: Shape) -> Any:
    return broadcast_to(g, shape=x.shape)


def elementwise(
    computes: Callable[..., Any] | None = None, *, promote: Promote = promoted, **card: Any
) -> Declaration:
    """Make a primitive that computes each element by itself, of arguments that broadcast; card: see Primitive.

    Cotangents are summed back to each argument's shape. The result of a ufunc may take the memory of any argument;
    one that has floats alone gets integers as floats.
    """
    if isinstance(computes, np.ufunc) and "e->e" in computes.types and "b->b" not in computes.types:
        card = {"convert": floating, **card}
    return primitive(computes, **{"over": None, "unbroadcast": sum_to, "batch": "elements", **card}, promote=promote)


def row(
    name: str, computes: Callable[..., Any], doc: str, loop: str = "", arguments: str = "", **card: Any
) -> Primitive:
    """Make an elementwise primitive of a row of a table; rules are given by the arguments' names, as `x=lambda ...`.

    Args:
        arguments: as in a signature, "x" or "a, b" unless given; one without a rule is constant to differentiation
    """
    declared = eval(f"lambda {arguments or ('a, b' if getattr(computes, 'nin', 1) == 2 else 'x')}: None")
    declared.__name__, declared.__doc__ = name, doc
    declared.__module__ = sys._getframe(1).f_globals["__name__"]
    rules = {k: card.pop(k) for k in declared.__code__.co_varnames if k in card}
    card |= {"loop": loop} if loop else {"slow": "rarely needed"}
    if not isinstance(computes, np.ufunc):
        card = {"over": (), "promote": alike} | card  # a kernel may read an argument again
    made = elementwise(computes, differentiable=bool(rules), **card)(declared)
    for argument, rule in rules.items():
        rule.__name__ = f"{name}_vjp_{argument}"
        made.vjp(argument)(rule)
    return made
