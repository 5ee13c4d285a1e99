"""Stretching to a shape and summing back to one: each is the other's rule, and the reason no other rule mentions
broadcasting.

`elementwise` is the decorator for operations whose arguments broadcast. Look next at elementwise.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import Array
from ..core.primitive import Primitive, Rule, primitive
from ..kernels import sums as kernel
from .promotion import promoted

Shape = tuple[int, ...]


@primitive(view=True)
def broadcast_to(x: Array, *, shape: Shape) -> Array:
    """Repeat x along new axes and axes of size 1 (a read-only view).

    Shapes:  x (*A) -> shape, to which A broadcasts
    """
    return np.broadcast_to(x, shape)


@broadcast_to.vjp("x")
def broadcast_to_vjp_x(g: Any, out: Any, x: Any, *, shape: Shape) -> Any:
    return sum_to(g, shape=x.shape)


@primitive()
def sum_to(x: Array, *, shape: Shape) -> Array:
    """Sum x over the axes along which `shape` would be stretched to x's shape.

    Shapes:  x (*A) -> shape, which broadcasts to A
    """
    return kernel.sum_to(x, shape)


@sum_to.vjp("x")
def sum_to_vjp_x(g: Any, out: Any, x: Any, *, shape: Shape) -> Any:
    return broadcast_to(g, shape=x.shape)


def elementwise(forward: Rule) -> Primitive:
    """Make a primitive whose arguments broadcast: cotangents are summed back to each argument's shape."""
    return Primitive(forward, fit=sum_to, promote=promoted)


def elementwise_modular(forward: Rule) -> Primitive:
    """Make one likewise, in which integers count modulo 2ⁿ, as in PyTorch."""
    return Primitive(forward, fit=sum_to, promote=promoted, modular=True)
