"""The product of two matrices, over the kernels' threads in a step that uses them, else by BLAS with its own.

A step with convolutions wakes the pool of threads. BLAS's own threads, once woken, spin for 25 ms and take half
of a core from it: measured, they turn a step of 36 ms into one of 45. A step without convolutions has no use for the
pool, and its products are too short to hand to Python's threads.

Must not know: Tensor, gradients' bookkeeping. Look next at parallel.py and ops/contract.py.
"""

from __future__ import annotations

import math

import numpy as np

from ..core.backend import Array
from .parallel import count_product, for_each, get_num_threads, with_one_blas_thread
from .scratch import scratch

_FEW = 1 << 12  # multiplications above which one product of all rows is up to ten times as fast as one of each matrix
_ALONE = 1 << 18  # multiplications up to which BLAS uses one thread anyway
_SHARED = 1 << 22  # multiplications worth handing to another thread


def product(a: Array, b: Array, out: Array | None = None) -> Array:
    """Multiply over the last axis of a and the last but one of b, as np.matmul does.

    Shapes:
        a (*A, I, K), b (*B, K, J) -> (*broadcast(A, B), I, J)
    """
    work = a.size * b.shape[-1]
    if a.shape[-1] == 1 == a.ndim - 1 == b.ndim - 1:  # BLAS adds a column of zeros up quicker than NumPy multiplies
        if work <= _FEW or a.dtype.char not in "fd" or a.dtype != b.dtype:
            return np.multiply(a, b, out=out)
        left, right = (scratch(f"product {i}", (2, x.size), x.dtype) for i, x in enumerate((a, b)))
        left[0], right[0], left[1], right[1] = a[:, 0], b[0], 0, 0
        a, b = left.T, right
    if a.ndim > 2 and b.ndim == 2 and work > _FEW and (out is None or out.flags.c_contiguous):
        shape = (*a.shape[:-1], b.shape[1])
        rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
        return product(rows, b, None if out is None else out.reshape(len(rows), b.shape[1])).reshape(shape)
    if work <= _ALONE or not count_product():
        return np.matmul(a, b, out=out)
    if a.ndim != 2 or b.ndim != 2 or work < _SHARED:
        result: Array = with_one_blas_thread(lambda: np.matmul(a, b, out=out))
        return result
    rows, columns = a.shape[0], b.shape[1]
    if out is None:
        out = np.empty((rows, columns), np.result_type(a, b))
    target, by_rows = out, rows > columns
    step = -(-max(rows, columns) // get_num_threads())

    def work_on(first: int) -> None:
        part = slice(first, first + step)
        if by_rows:
            np.matmul(a[part], b, out=target[part])
        else:
            np.matmul(a, b[:, part], out=target[:, part])

    for_each(work_on, range(0, max(rows, columns), step), wake=False)
    return target
