"""The calculus of weighed sums along an axis; kernels/blend.py has the arithmetic and the tables.

The adjoint of such a sum is one with the table turned round. Look next at softmax.py.
"""

from __future__ import annotations

from typing import Any

from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import blend as kernel
from ..kernels.blend import Table, turned


@primitive(kernel.blend, slow="slices of arrays are added, as quick in NumPy", linear=True, batch="axis")
def blend(x: Array, *, axis: int, table: Table) -> Any:
    """Give each output along an axis a weighed sum of few inputs, as a table says."""


@blend.vjp("x")
def blend_vjp_x(g: Any, out: Any, x: Any, *, axis: int, table: Table) -> Any:
    return blend(g, axis=axis, table=turned(table))
