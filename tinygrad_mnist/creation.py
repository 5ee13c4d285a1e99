"""Functions that make tensors: from data, filled, counted, drawn at random.

dtypes: Python floats become float32, Python integers int64, NumPy arrays keep theirs. Draws come from the default
generator unless one is given. Read after tensor.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .backend import Generator
from .draws import draw, integers, normal, permutation, uniform
from .errors import ArgumentError, DTypeError
from .graph import Array, Var, no_grad
from .ops import elementwise
from .scope import state
from .seeds import check_differentiable
from .tensor import Tensor

DType = Any
DRAWN = ("rand", "randn")  # told to compile/ when drawn


def tensor(data: Any, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor by copying numbers, nested lists, an array or another tensor.

    Raises:  DTypeError if the data are not numbers, or not floats where a gradient is asked for
    """
    typed = isinstance(data, np.ndarray | np.generic | Var)
    if state.recorder is not None and isinstance(data, np.ndarray | Var):  # the values may be others at the next call
        source = data if isinstance(data, Var) else Tensor.wrap(data)
        with no_grad():
            copy: Tensor = elementwise.cast(source, dtype=np.dtype(source.dtype if dtype is None else dtype))
        copy.differentiable = requires_grad
        return copy
    if isinstance(data, list | tuple):
        if state.recorder is not None and any(isinstance(x, np.ndarray | Var) for x in data):
            state.recorder.refuse("tensor() of a list of tensors or arrays", "tg.stack(list)")
        data = [x.array if isinstance(x, Var) else x for x in data]
        typed = any(isinstance(x, np.ndarray) and x.dtype.char == "d" for x in data)
    try:
        array = np.array(data.array if isinstance(data, Var) else data, dtype=dtype)
    except ValueError as error:
        raise ArgumentError(f"tensor: {error}", expected="nested lists of equal lengths") from None
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"tensor: cannot hold {array.dtype} data.",
            got=f"{type(data).__name__} {data!r:.60}",
            expected="numbers: floats, integers or booleans",
        )
    if dtype is None and not typed and array.dtype == np.float64:
        array = array.astype(np.float32)
    return _leaf(array, requires_grad, "tensor")


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
    if state.recorder is not None and name not in DRAWN:
        state.recorder.constant(array)
    return Tensor.wrap(array, requires_grad)


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], Sequence) else tuple(size)


def zeros(*size: Any, dtype: DType = np.float32, requires_grad: bool = False) -> Tensor:
    """Make a tensor of zeros."""
    return _leaf(np.zeros(_shape(size), dtype), requires_grad, "zeros")


def ones(*size: Any, dtype: DType = np.float32, requires_grad: bool = False) -> Tensor:
    """Make a tensor of ones."""
    return _leaf(np.ones(_shape(size), dtype), requires_grad, "ones")


def full(size: Sequence[int], fill_value: float, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor of one value; its type decides the dtype unless given."""
    kind = dtype or tensor(fill_value).dtype
    return _leaf(np.full(tuple(size), fill_value, kind), requires_grad, "full")


def arange(
    start: float, end: float | None = None, step: float = 1, dtype: DType = None, requires_grad: bool = False
) -> Tensor:
    """Count from start (0 if only the end is given) up to, but not including, the end."""
    low, high = (0, start) if end is None else (start, end)
    whole = all(isinstance(v, int | np.integer) for v in (low, high, step))
    kind = dtype or (np.int64 if whole else np.float32)
    return _leaf(np.arange(low, high, step, dtype=kind), requires_grad, "arange")


def linspace(
    start: float, end: float, steps: int, dtype: DType = np.float32, requires_grad: bool = False
) -> Tensor:
    """Make evenly spaced values, both ends included."""
    return _leaf(np.linspace(start, end, steps, dtype=dtype), requires_grad, "linspace")


def eye(n: int, m: int | None = None, dtype: DType = np.float32, requires_grad: bool = False) -> Tensor:
    """Make a matrix with ones on the diagonal."""
    return _leaf(np.eye(n, m, dtype=dtype), requires_grad, "eye")


def rand(
    *size: Any, dtype: DType = np.float32, requires_grad: bool = False, generator: Generator | None = None
) -> Tensor:
    """Draw from the uniform distribution on [0, 1)."""
    return _leaf(draw(uniform, _shape(size), dtype, generator), requires_grad, "rand")


def randn(
    *size: Any, dtype: DType = np.float32, requires_grad: bool = False, generator: Generator | None = None
) -> Tensor:
    """Draw from the normal distribution of mean 0 and variance 1."""
    return _leaf(draw(normal, _shape(size), dtype, generator), requires_grad, "randn")


def randint(
    low: int, high: Any = None, size: Any = None, dtype: DType = np.int64, generator: Generator | None = None
) -> Tensor:
    """Draw integers from low (0 if only one bound is given) up to, but not including, high."""
    if size is None and isinstance(high, Sequence):
        low, high, size = 0, low, high
    low, high = (0, low) if high is None else (low, high)
    if size is None:
        raise ArgumentError("randint: no size was given.", hint="tg.randint(0, 10, (3, 4))")
    return Tensor.wrap(draw(integers, tuple(size), dtype, generator, low=low, high=high))


def randperm(n: int, generator: Generator | None = None) -> Tensor:
    """Draw an order of the integers from 0 to n - 1."""
    return Tensor.wrap(draw(permutation, (n,), np.int64, generator))


def zeros_like(input: Any, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make zeros of another tensor's shape and dtype."""
    return zeros(*input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def ones_like(input: Any, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make ones of another tensor's shape and dtype."""
    return ones(*input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def full_like(input: Any, fill_value: float, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make one value in another tensor's shape and dtype."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype, requires_grad=requires_grad)


def rand_like(input: Any, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Draw uniform values in another tensor's shape and dtype."""
    return rand(*input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Any, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Draw normal values in another tensor's shape and dtype."""
    return randn(*input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint_like(input: Any, low: int, high: int | None = None, dtype: DType = None) -> Tensor:
    """Draw integers in another tensor's shape and dtype."""
    drawn = randint(low, high, input.shape, dtype=np.int64)
    return Tensor.wrap(drawn.array.astype(dtype or input.dtype, copy=False))

