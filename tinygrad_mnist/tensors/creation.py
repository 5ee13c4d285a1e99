"""Functions that make tensors: from data, filled, counted, drawn at random.

dtypes: Python floats have the default dtype, Python integers int64, NumPy arrays keep theirs. Draws come from the
default generator unless one is given. Read after tensor.py and fresh.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import draws
from ..core.backend import Defaults, Generator
from ..core.device import on_cpu
from ..core.draws import draw, integers, permutation
from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Array, Var, no_grad
from ..core.scope import state
from ..core.seeds import check_differentiable
from ..functions.dims import Size, integer, need
from ..functions.numbers import number, storable
from ..functions.types import TensorLike
from .fresh import DType, copied, dtype_of, filled, leaf, listed, shape_of
from .tensor import Tensor

Source = Generator | None


def tensor(data: TensorLike, dtype: DType = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Make a tensor by copying numbers, nested lists, an array or another tensor.

    Example:
        >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True).shape
        (2, 2)
    """
    return copied(Tensor, data, dtype, device, requires_grad)


def as_tensor(data: TensorLike, dtype: DType = None, device: Any = None) -> Tensor:
    """Give a tensor as it is, or one that shares an array's memory; copy where the dtype changes, and other data."""
    if isinstance(data, np.ndarray) and state.recorder is None:
        data = from_numpy(data)
    if not isinstance(data, Tensor):
        return tensor(data, dtype, device=device)
    on_cpu("as_tensor", device)
    return data if dtype is None else data.to(dtype)


def from_numpy(array: Array) -> Tensor:
    """Make a tensor that shares the memory of an array: a change of either is seen in both.

    Example:
        >>> array = np.zeros(2)
        >>> x = tg.from_numpy(array)
        >>> array[0] = 5
        >>> x.tolist()
        [5.0, 0.0]
    """
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"from_numpy: {type(array).__name__} is not an array.", hint="tg.tensor(data)")
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"from_numpy: cannot hold {array.dtype} data.", expected="floats, integers or booleans")
    return Tensor.wrap(array)


def _named(name: str, does: str, *functions: Any) -> Any:
    """Name functions of a pair, a maker and its twin that takes shape and dtype of another tensor."""
    for function, ending, like in zip(functions, ("", "_like"), ("", " with another's shape and dtype"), strict=True):
        function.__name__ = function.__qualname__ = f"{name}{ending}"
        function.__doc__ = f"{does}{like}."
    return functions


def _filled(name: str, make: Callable[..., Array], does: str) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    def new(
        size: Size = (), *more: int, dtype: DType = None, requires_grad: bool = False, device: Any = None
    ) -> Tensor:
        return filled(Tensor, name, make, (size,) + more, dtype, device, requires_grad)

    def like(input: Tensor | Array, dtype: DType = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        return filled(Tensor, f"{name}_like", make, tuple(input.shape), dtype or input.dtype, device, requires_grad)

    return _named(name, does, new, like)


def _drawn(name: str, fill: Callable[..., None], does: str) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    def new(
        size: Size = (), *more: int, dtype: DType = None, requires_grad: bool = False, generator: Source = None,
        device: Any = None,
    ) -> Tensor:  # fmt: skip
        shape, kind = shape_of(name, (size,) + more), dtype_of(name, dtype, device, "f")
        return Tensor.wrap(draw(fill, shape, kind, generator), requires_grad)

    def like(
        input: Tensor | Array, dtype: DType = None, device: Any = None, requires_grad: bool = False,
        generator: Source = None,
    ) -> Tensor:  # fmt: skip
        return new(tuple(input.shape), dtype=dtype or input.dtype, requires_grad=requires_grad, generator=generator,
                   device=device)  # fmt: skip

    return _named(name, does, new, like)


zeros, zeros_like = _filled("zeros", np.zeros, "Make zeros")
ones, ones_like = _filled("ones", np.ones, "Make ones")
empty, empty_like = _filled("empty", np.empty, "Make a tensor of whatever the memory holds, to be written over,")
rand, rand_like = _drawn("rand", draws.uniform, "Draw from the uniform distribution on [0, 1)")
randn, randn_like = _drawn("randn", draws.normal, "Draw from the normal distribution of mean 0 and variance 1")


def full(
    size: Sequence[int], fill_value: float, dtype: DType = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Make a tensor of one value; its type decides the dtype unless given."""
    shape = listed("full", size)
    value = number("full", fill_value)
    kind = dtype_of("full", dtype or tensor(value if isinstance(value, int) else float(value)).dtype, device)
    return leaf(Tensor, np.full(shape, storable("full", value, kind), kind), requires_grad, "full")


def arange(
    start: float | None = None, end: float | None = None, step: float = 1, dtype: DType = None,
    requires_grad: bool = False, device: Any = None,
) -> Tensor:  # fmt: skip
    """Count from start (0 if only the end is given, first or by name) up to, but not including, the end."""
    given = (0, start, step) if end is None else (0 if start is None else start, end, step)
    low, high, stride = values = [number("arange", v) for v in given]
    counted = all(isinstance(v, int) for v in values)
    kind = dtype_of("arange", dtype or (np.int64 if counted else Defaults.dtype), device, "fiu")
    need(all(abs(v) < 2**63 for v in values), "arange: not a range of finite numbers.", *values, kind=ArgumentError)
    if kind == np.int64:
        low, high, stride = map(int, values)
    if stride == 0 or (high - low) * stride < 0:
        what = "arange: the step is 0." if stride == 0 else "arange: the step leads away from the end."
        got = f"start {low}, end {high}, step {stride}"
        raise ArgumentError(what, got=got, expected="step > 0 and end >= start, or step < 0 and end <= start")
    (count,) = shape_of("arange", (-math.floor((low - high) / stride),))
    if kind.kind in "iu":
        low, stride = int(low), int(stride)
    array = low + stride * np.arange(count)  # in int64 or float64, as in PyTorch: a rounded step would add up
    return leaf(Tensor, array.astype(kind, copy=False), requires_grad, "arange")


def linspace(
    start: float, end: float, steps: int, dtype: DType = None, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Make evenly spaced values, both ends included."""
    kind, count = dtype_of("linspace", dtype, device, "fiu"), integer("linspace", "steps", steps)
    need(count >= 0, "linspace: expected at least 0 steps.", count, kind=ArgumentError)
    shape_of("linspace", (count,))
    first, last = number("linspace", start), number("linspace", end)
    if kind.kind == "f":
        return leaf(Tensor, np.linspace(first, last, count, dtype=kind), requires_grad, "linspace")
    first, last = (int(storable("linspace", v, kind)) for v in (first, last))
    at, step = np.arange(count), (last - first) / max(count - 1, 1)  # from both ends, then cut: PyTorch's values
    values = np.where(at < count // 2, first + at * step, last - (count - 1 - at) * step)
    values = np.trunc(values if count > 1 else np.full(count, first))
    return leaf(Tensor, values.astype(kind), requires_grad, "linspace")


def logspace(
    start: float, end: float, steps: int, base: float = 10.0, dtype: DType = None, requires_grad: bool = False,
    device: Any = None,
) -> Tensor:  # fmt: skip
    """Make powers of a base whose exponents are evenly spaced, both ends included."""
    kind = dtype_of("logspace", dtype, device, "fiu")
    wide = np.dtype(np.float64)
    ends = (start, end) if kind.kind == "f" else (int(start), int(end))
    exponents = linspace(ends[0], ends[1], steps, wide).array
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        values = np.power(float(number("logspace", base)), exponents).astype(kind)
    return leaf(Tensor, values, requires_grad, "logspace")


def eye(n: int, m: int | None = None, dtype: DType = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Make a matrix with ones on the diagonal."""
    rows, columns = shape_of("eye", (n, n if m is None else m))
    return leaf(Tensor, np.eye(rows, columns, dtype=dtype_of("eye", dtype, device)), requires_grad, "eye")


def randint(
    low: int = 0, high: int | Size | None = None, size: Size | None = None, dtype: DType = np.int64,
    generator: Source = None, requires_grad: bool = False, device: Any = None,
) -> Tensor:  # fmt: skip
    """Draw integers from low (0 if only one bound is given) up to, but not including, high."""
    if size is None and isinstance(high, Sequence):
        low, high, size = 0, low, high
    low, high = (0, low) if high is None else (low, high)
    need(size is not None, "randint: no size was given.", kind=ArgumentError, hint="tg.randint(0, 10, (3, 4))")
    low, high = integer("randint", "low", low), integer("randint", "high", high)
    kind, shape = dtype_of("randint", dtype or np.int64, device), listed("randint", size)
    limits = np.iinfo(kind if kind.kind in "iu" else np.int64)
    least, most = (0, 1) if kind.kind == "b" else (int(limits.min), int(limits.max))
    if not least <= low < high <= most + 1:
        what = f"randint: {kind} has no integers from {low} up to, but not including, {high}."
        raise ArgumentError(what, expected=f"{least} <= low < high <= {most + 1}")
    if requires_grad:
        check_differentiable(kind, "randint")
    return Tensor.wrap(draw(integers, shape, kind, generator, low=low, high=high), requires_grad)


def randperm(
    n: int, generator: Source = None, dtype: DType = np.int64, requires_grad: bool = False, device: Any = None
) -> Tensor:
    """Draw an order of the integers from 0 to n - 1."""
    kind = dtype_of("randperm", np.int64 if dtype is None else dtype, device)
    if requires_grad:
        check_differentiable(kind, "randperm")
    return Tensor.wrap(draw(permutation, shape_of("randperm", (n,)), kind, generator), requires_grad)


def normal(
    mean: TensorLike, std: TensorLike = 1.0, size: Size | None = None, *, dtype: DType = None,
    requires_grad: bool = False, generator: Source = None, device: Any = None,
) -> Tensor:  # fmt: skip
    """Draw from normal distributions whose means and standard deviations are numbers or tensors that broadcast.

    Args:
        size: only if both are numbers
    """
    given = [x for x in (mean, std) if isinstance(x, Var | np.ndarray)]
    what = "normal: a size is needed, and only, where mean and std are numbers."
    need(bool(given) == (size is None), what, size, kind=ArgumentError)
    shape = np.broadcast_shapes(*(tuple(x.shape) for x in given)) if given else listed("normal", size)
    drawn = randn(shape, dtype=given[0].dtype if given else dtype, generator=generator, device=device)
    with no_grad():
        out: Tensor = drawn * std + mean
    out.requires_grad = requires_grad
    return out


def _triangle(name: str, lower: bool) -> Callable[..., Tensor]:
    def indices(row: int, col: int, offset: int = 0, *, dtype: DType = np.int64, device: Any = None) -> Tensor:
        rows, columns = shape_of(name, (row, col))
        places = np.nonzero(np.tri(rows, columns, offset if lower else offset - 1) == lower)
        return leaf(Tensor, np.stack(places).astype(dtype_of(name, dtype, device)), False, name)

    indices.__name__ = indices.__qualname__ = name
    side = "lower" if lower else "upper"
    indices.__doc__ = f"List the positions of a {side} triangle, row by row: the rows, and below them the columns."
    return indices


tril_indices, triu_indices = _triangle("tril_indices", True), _triangle("triu_indices", False)


def full_like(
    input: Tensor | Array, fill_value: float, dtype: DType = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make one value in another tensor's shape and dtype."""
    return full(input.shape, fill_value, dtype or input.dtype, requires_grad, device)


def randint_like(
    input: Tensor | Array, low: int = 0, high: int | None = None, dtype: DType = None, device: Any = None,
    requires_grad: bool = False, generator: Source = None,
) -> Tensor:  # fmt: skip
    """Draw integers in another tensor's shape and dtype."""
    drawn = randint(low, high, input.shape, np.int64, generator)
    return Tensor.wrap(drawn.array.astype(dtype_of("randint_like", dtype or input.dtype, device)), requires_grad)
