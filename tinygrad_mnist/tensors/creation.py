"""Functions that make tensors: from data, filled, counted, drawn at random.

dtypes: Python floats become float32, Python integers int64, NumPy arrays keep theirs. Draws come from the default
generator unless one is given. Read after tensor.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..core import draws
from ..core.backend import Generator
from ..core.draws import draw, integers, permutation, uniform
from ..core.errors import ArgumentError, DTypeError, ShapeError, shown
from ..core.graph import Array, Var, no_grad
from ..core.scope import refuse_captured, state, unchanging
from ..core.seeds import check_differentiable
from ..functions.dims import Size, integer, sizes
from ..functions.numbers import number, storable
from ..functions.types import DTypeLike, TensorLike
from ..ops import promotion
from .tensor import Tensor

DType: TypeAlias = DTypeLike | None
HELD = np.ndarray, Var  # what a list of numbers may hold besides
LARGEST = 2**59  # elements: in bytes, what addresses can name


def tensor(data: TensorLike, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor by copying numbers, nested lists, an array or another tensor.

    Raises:
        DTypeError if the data are not numbers, or not floats where a gradient is asked for
    """
    typed = isinstance(data, np.ndarray | np.generic | Var)
    if state.recorder is not None and isinstance(data, np.ndarray | Var):  # the values may be others at the next call
        source = data if isinstance(data, Var) else Tensor.wrap(data)
        with no_grad():
            copy: Tensor = promotion.cast(source, dtype=np.dtype(source.dtype if dtype is None else dtype))
        copy.differentiable = requires_grad
        return copy
    if isinstance(data, list | tuple) and any(isinstance(x, HELD) for x in data):
        refuse_captured("tensor() of a list of tensors or arrays", "tg.stack(list)")
        data = [x.array if isinstance(x, Var) else x for x in data]
        typed = any(isinstance(x, np.ndarray) and x.dtype.char == "d" for x in data)
    try:
        array = np.array(data.array if isinstance(data, Var) else data, dtype=dtype)
    except OverflowError:
        array = _fitted(data, np.dtype(dtype))
    except ValueError as error:
        raise ArgumentError(f"tensor: {error}", expected="nested lists of equal lengths") from None
    if dtype is None and not typed and array.dtype == np.uint64:  # in NumPy, not in PyTorch
        array = _fitted(data, np.dtype(np.int64))
    if array.dtype.kind not in "fiub":
        wanted = "numbers: floats, integers or booleans"
        raise DTypeError(f"tensor: cannot hold {array.dtype} data.", got=shown(data), expected=wanted)
    if dtype is None and not typed and array.dtype == np.float64:
        array = array.astype(np.float32)
    return _leaf(array, requires_grad, "tensor")


def _fitted(data: TensorLike, dtype: np.dtype[Any]) -> Array:
    """Store Python's integers in a dtype that NumPy found too small for some of them."""
    values = np.array(data, dtype=object)
    return np.array([storable("tensor", v, dtype) for v in values.flat], dtype=dtype).reshape(values.shape)


def from_numpy(array: Array) -> Tensor:
    """Make a tensor that shares the memory of an array: a change of either is seen in both."""
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"from_numpy: {type(array).__name__} is not an array.", hint="tg.tensor(data)")
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"from_numpy: cannot hold {array.dtype} data.", expected="floats, integers or booleans")
    return Tensor.wrap(array)


def _leaf(array: Array, requires_grad: bool, name: str) -> Tensor:
    if requires_grad:
        check_differentiable(array.dtype, name)
    return Tensor.wrap(unchanging(array), requires_grad)


def _dtype(name: str, dtype: DType, kinds: str = "fiub") -> np.dtype[Any]:
    """Read a dtype that a tensor can have; None is float32, not NumPy's float64."""
    try:
        kind = np.dtype(np.float32 if dtype is None else dtype)
    except TypeError:
        raise DTypeError(f"{name}: {dtype!r:.60} is no dtype.", hint="tg.float32, tg.int64 ...") from None
    if kind.kind not in kinds:
        raise DTypeError(f"{name}: cannot make {kind} values.", hint="tg.float32" if kinds == "f" else "tg.int64")
    return kind


def _shape(name: str, size: object) -> tuple[int, ...]:
    """Read the shape of a new tensor; refuse what no memory holds, where NumPy has several errors."""
    shape = sizes(name, size)
    count = math.prod(shape)
    if count > LARGEST or (not count and max(shape) > LARGEST):
        raise ShapeError(f"{name}: the tensor would be too large.", got=f"{shape}", expected="less than 2⁵⁹ elements")
    return shape


def zeros(size: Size = (), *more: int, dtype: DType = np.float32, requires_grad: bool = False) -> Tensor:
    """Make a tensor of zeros."""
    return _leaf(np.zeros(_shape("zeros", (size,) + more), _dtype("zeros", dtype)), requires_grad, "zeros")


def ones(size: Size = (), *more: int, dtype: DType = np.float32, requires_grad: bool = False) -> Tensor:
    """Make a tensor of ones."""
    return _leaf(np.ones(_shape("ones", (size,) + more), _dtype("ones", dtype)), requires_grad, "ones")


def full(size: Sequence[int], fill_value: float, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor of one value; its type decides the dtype unless given."""
    shape = _listed("full", size)
    value = number("full", fill_value)
    kind = _dtype("full", dtype or tensor(value if isinstance(value, int) else float(value)).dtype)
    return _leaf(np.full(shape, storable("full", value, kind), kind), requires_grad, "full")


def _listed(name: str, size: object) -> tuple[int, ...]:
    """Read a shape that must be one sequence."""
    if not isinstance(size, list | tuple):
        raise DTypeError(f"{name}: the size must be a tuple of ints.", got=f"{size!r:.60}", hint=f"({size!r:.60},)")
    return _shape(name, (size,))


def arange(
    start: float | None = None, end: float | None = None, step: float = 1, dtype: DType = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Count from start (0 if only the end is given, first or by name) up to, but not including, the end.

    Raises:
        ArgumentError for a step of 0, one that leads away from the end, and a count without end
    """
    given = (0, start, step) if end is None else (0 if start is None else start, end, step)
    low, high, stride = (number("arange", v) for v in given)
    counted = all(isinstance(v, int) for v in (low, high, stride))
    kind = _dtype("arange", dtype or (np.int64 if counted else np.float32), "fiu")
    values = (low, high, stride)
    if all(abs(v) < 2**63 for v in values) and kind == np.int64:  # False for NaN too
        low, high, stride = (int(v) for v in values)
    got = f"start {low}, end {high}, step {stride}"
    if not all(abs(v) < 2**63 for v in values):
        raise ArgumentError("arange: not a range of finite numbers.", got=got)
    if stride == 0 or (high - low) * stride < 0:
        what = "arange: the step is 0." if stride == 0 else "arange: the step leads away from the end."
        raise ArgumentError(what, got=got, expected="step > 0 and end >= start, or step < 0 and end <= start")
    (count,) = _shape("arange", (-math.floor((low - high) / stride),))
    if kind.kind in "iu":
        low, stride = int(low), int(stride)
    array = low + stride * np.arange(count)  # in int64 or float64, as in PyTorch: a rounded step would add up
    return _leaf(array.astype(kind, copy=False), requires_grad, "arange")


def linspace(start: float, end: float, steps: int, dtype: DType = np.float32, requires_grad: bool = False) -> Tensor:
    """Make evenly spaced values, both ends included."""
    kind, count = _dtype("linspace", dtype, "fiu"), integer("linspace", "steps", steps)
    if count < 0:
        raise ArgumentError(f"linspace: {count} steps.", expected="at least 0")
    _shape("linspace", (count,))
    first, last = number("linspace", start), number("linspace", end)
    if kind.kind == "f":
        return _leaf(np.linspace(first, last, count, dtype=kind), requires_grad, "linspace")
    first, last = (int(storable("linspace", v, kind)) for v in (first, last))
    at, step = np.arange(count), (last - first) / max(count - 1, 1)  # from both ends, then cut: PyTorch's values
    values = np.where(at < count // 2, first + at * step, last - (count - 1 - at) * step)
    values = np.trunc(values if count > 1 else np.full(count, first))
    return _leaf(values.astype(kind), requires_grad, "linspace")


def eye(n: int, m: int | None = None, dtype: DType = np.float32, requires_grad: bool = False) -> Tensor:
    """Make a matrix with ones on the diagonal."""
    rows, columns = _shape("eye", (n, n if m is None else m))
    return _leaf(np.eye(rows, columns, dtype=_dtype("eye", dtype)), requires_grad, "eye")


def rand(
    size: Size = (), *more: int, dtype: DType = np.float32, requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Draw from the uniform distribution on [0, 1)."""
    shape = _shape("rand", (size,) + more)
    return Tensor.wrap(draw(uniform, shape, _dtype("rand", dtype, "f"), generator), requires_grad)


def randn(
    size: Size = (), *more: int, dtype: DType = np.float32, requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Draw from the normal distribution of mean 0 and variance 1."""
    shape = _shape("randn", (size,) + more)
    return Tensor.wrap(draw(draws.normal, shape, _dtype("randn", dtype, "f"), generator), requires_grad)


def randint(
    low: int = 0, high: int | Size | None = None, size: Size | None = None, dtype: DType = np.int64,
    generator: Generator | None = None,
) -> Tensor:
    """Draw integers from low (0 if only one bound is given) up to, but not including, high."""
    if size is None and isinstance(high, Sequence):
        low, high, size = 0, low, high
    low, high = (0, low) if high is None else (low, high)
    if size is None:
        raise ArgumentError("randint: no size was given.", hint="tg.randint(0, 10, (3, 4))")
    low, high = integer("randint", "low", low), integer("randint", "high", high)
    kind, shape = _dtype("randint", dtype or np.int64), _listed("randint", size)
    least, most = (0, 1) if kind.kind == "b" else (-(2**63), 2**63 - 1)
    if kind.kind in "iu":
        least, most = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    if not least <= low < high <= most + 1:
        what = f"randint: {kind} has no integers from {low} up to, but not including, {high}."
        raise ArgumentError(what, expected=f"{least} <= low < high <= {most + 1}")
    return Tensor.wrap(draw(integers, shape, kind, generator, low=low, high=high))


def randperm(n: int, generator: Generator | None = None) -> Tensor:
    """Draw an order of the integers from 0 to n - 1."""
    return Tensor.wrap(draw(permutation, _shape("randperm", (n,)), np.int64, generator))


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, dtype: DType = None, requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Draw from normal distributions whose means and standard deviations are numbers or tensors that broadcast.

    Args:
        size: only if both are numbers
    """
    given = [x for x in (mean, std) if isinstance(x, Var | np.ndarray)]
    if bool(given) == (size is not None):
        raise ArgumentError("normal: a size is needed, and only, where mean and std are numbers.", got=f"size {size}")
    shape = np.broadcast_shapes(*(tuple(x.shape) for x in given)) if given else _listed("normal", size)
    with no_grad():
        out: Tensor = (
            randn(shape, dtype=given[0].dtype if given else dtype or np.float32, generator=generator) * std + mean
        )
    out.requires_grad = requires_grad
    return out


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: DType = np.int64) -> Tensor:
    """List the positions of a lower triangle, row by row: the rows, and below them the columns."""
    rows, columns = _shape("tril_indices", (row, col))
    return _leaf(
        np.stack(np.nonzero(np.tri(rows, columns, offset))).astype(_dtype("tril_indices", dtype)), False, "tril_indices"
    )


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: DType = np.int64) -> Tensor:
    """List the positions of an upper triangle, row by row: the rows, and below them the columns."""
    rows, columns = _shape("triu_indices", (row, col))
    found = np.stack(np.nonzero(1 - np.tri(rows, columns, offset - 1)))
    return _leaf(found.astype(_dtype("triu_indices", dtype)), False, "triu_indices")


def zeros_like(input: Tensor | Array, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make zeros of another tensor's shape and dtype."""
    return zeros(tuple(input.shape), dtype=dtype or input.dtype, requires_grad=requires_grad)


def ones_like(input: Tensor | Array, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make ones of another tensor's shape and dtype."""
    return ones(tuple(input.shape), dtype=dtype or input.dtype, requires_grad=requires_grad)


def full_like(input: Tensor | Array, fill_value: float, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make one value in another tensor's shape and dtype."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype, requires_grad=requires_grad)


def rand_like(input: Tensor | Array, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Draw uniform values in another tensor's shape and dtype."""
    return rand(tuple(input.shape), dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Tensor | Array, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Draw normal values in another tensor's shape and dtype."""
    return randn(tuple(input.shape), dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint_like(input: Tensor | Array, low: int = 0, high: int | None = None, dtype: DType = None) -> Tensor:
    """Draw integers in another tensor's shape and dtype."""
    drawn = randint(low, high, input.shape, dtype=np.int64)
    return Tensor.wrap(drawn.array.astype(dtype or input.dtype, copy=False))
