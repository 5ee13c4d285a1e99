"""Cases of weighed sums along an axis, and of the numbers of pooled pixels."""

from typing import Any

import numpy as np
from strategies import Array, Call, Draw

from tinygrad_mnist.kernels.blend import Table, turned
from tinygrad_mnist.ops import blend, pool

from .case import Example, a, case
from .images import build_pool, pool_oracles

TABLES = [
    Table("windows", 4, 2, (2, 2, 0, 1, "padded")), Table("windows", 4, 3, (3, 1, 0, 1, "inside")),
    Table("windows", 4, 4, (3, 1, 1, 1, "inside")), Table("windows", 4, 3, (2, 2, 1, 1, "padded")),
    Table("windows", 4, 6, (2, 2, 1, 2, "", 3)), Table("adaptive", 4, 3), Table("adaptive", 4, 6),
    Table("adaptive", 4, 1),
    Table("picks", 4, 5, (0, 0, 3, 1, 0)), Table("linear", 4, 7, (4 / 7, False)), Table("linear", 4, 2, (2.0, True)),
    Table("cubic", 4, 6, (4 / 6, False)), Table("windows", 4, 2, (3, 1, 0, 1, "")),
]  # fmt: skip


def build_blend(d: Draw) -> Call:
    table = d.choose(TABLES)
    table = turned(table) if d.boolean() else table
    size = table.outputs if table.adjoint else table.size
    shape, axis = d.choose([((2, size, 3), 1), ((2, 3, size, 2), 2), ((1, 2, 2, size), 3), ((size,), 0)])
    if d.kind == "empty":
        shape, axis = (0, size), 1
    return Call([d.values(shape)], {"axis": axis, "table": table}, d.seed)


def matrix_of(table: Table) -> Array:
    """Write a table as a matrix, from what its kind says and not from its taps."""
    kind, size, outputs, settings, _ = table
    matrix = np.zeros((outputs, size))
    if kind == "windows":
        k, s, p, d, divided, *shift = settings
        for o in range(outputs):
            tap, window = divmod(o, shift[0]) if shift else (None, o)
            seen = [window * s + t * d - p for t in (range(k) if tap is None else [tap])]
            count = {"": 1, "padded": k, "inside": sum(0 <= i < size for i in seen)}[divided]
            for i in seen:
                if 0 <= i < size:
                    matrix[o, i] += 1 / count
    elif kind == "adaptive":
        for o in range(outputs):
            first, last = o * size // outputs, -(-(o + 1) * size // outputs)
            matrix[o, first:last] = 1 / (last - first)
    elif kind == "picks":
        matrix[range(outputs), settings] = 1
    else:
        scale, corners = settings
        for o in range(outputs):
            at = o * (size - 1) / max(outputs - 1, 1) if corners else (o + 0.5) * scale - 0.5
            at = max(at, 0) if kind == "linear" else at
            for i in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
                t = abs(at - i)
                near, far = 1.25 * t**3 - 2.25 * t**2 + 1, -0.75 * t**3 + 3.75 * t**2 - 6 * t + 3
                weight = max(0, 1 - t) if kind == "linear" else near if t <= 1 else far
                matrix[o, np.clip(i, 0, size - 1)] += weight
    return matrix


def blend_oracle(x: Array, axis: int, table: Table) -> Array:
    matrix = matrix_of(table)
    return np.moveaxis(np.tensordot(matrix.T if table.adjoint else matrix, x, (1, axis)), 0, axis)


case(blend.blend, build_blend, blend_oracle, alone="a part of PyTorch's pooling, unfolding and interpolation",
     examples=(
         Example((a(1, 3, 5, 7),), a(2, 6), (a(0.5, 0.5, 0.5, 0.5),), {"axis": 0, "table": TABLES[0]}),
         Example((a(1, 3, 5, 7),), a(1, 1, 7, 3, 1), (a(3, 1, 0, 1),), {"axis": 0, "table": TABLES[8]}),
     ))  # fmt: skip


def build_positions(d: Draw) -> Call:
    call = build_pool(d, distinct=False)
    static = {**call.static, "width": call.args[0].shape[3]}
    return Call([d.array(pool_oracles(call.args[0], **call.static)[1])], static, d.seed)


def positions_oracle(winners: Array, width: int, kernel_size: Any, stride: Any, padding: Any) -> Array:
    out = np.zeros(winners.shape, np.int64)
    for at in np.ndindex(winners.shape):
        row, column = divmod(int(winners[at]), kernel_size[1])
        out[at] = (at[2] * stride[0] + row - padding[0]) * width + at[3] * stride[1] + column - padding[1]
    return out


case(pool.pool_positions, build_positions, positions_oracle, order=0,
     alone="PyTorch gives them with the maxima, as return_indices",
     examples=(Example((np.array([[[[1, 0], [3, 2]]]], np.uint8),), np.array([[[[1, 2], [16, 17]]]]),
                       static={"width": 5, "kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}),))  # fmt: skip

