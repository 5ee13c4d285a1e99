"""Rows of a table by number, and the adjoint, which adds rows into a table: each is the other's rule.

Look next at contract.py.
"""

from __future__ import annotations

from typing import Any

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import embedding as kernel
from .broadcast import broadcast_to
from .compare import keep, not_equal
from .index import MOVED
from .layout import reshape


@primitive(kernel.embed, slow=MOVED)
def embed(w: Array, index: Array, *, padding: int) -> Any:
    """Rows of a table by number; the row `padding` has no gradient.

    Shapes:  w (V, D), index (*A) of integers -> (*A, D)
    """


@embed.vjp("w")
def embed_vjp_w(g: Any, out: Any, w: Any, index: Any, *, padding: int) -> Any:
    return add_rows(g, index, count=w.shape[0], padding=padding)


@primitive(kernel.add_rows, slow=MOVED)
def add_rows(x: Array, index: Array, *, count: int, padding: int) -> Any:
    """Rows added into a table of zeros, but for those of the row `padding`.

    Shapes:  x (*A, D), index (*A) of integers -> (count, D)
    """


@add_rows.vjp("x")
def add_rows_vjp_x(g: Any, out: Any, x: Any, index: Any, *, count: int, padding: int) -> Any:
    kept = broadcast_to(reshape(not_equal(index, padding), shape=(*index.shape, 1)), shape=x.shape)
    return keep(embed(g, index, padding=padding), kept)
