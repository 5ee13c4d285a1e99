"""What every function that makes tensors reads first: shape, dtype, device; and how data become a new leaf.

kind is the class of the tensor to make: Tensor stands higher up. The methods `x.new_zeros(2, 3)` ..., after another
tensor's model, are here; methods.py hangs them on the class. Look next at tensor.py and creation.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..core.backend import Defaults
from ..core.device import on_cpu
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.graph import Array, V, Var, no_grad
from ..core.scope import refuse_captured, state, unchanging
from ..core.seeds import check_differentiable
from ..functions.dims import Size, need, sizes
from ..functions.numbers import number, storable
from ..functions.types import DTypeLike, Tensor
from ..ops import promotion

DType: TypeAlias = DTypeLike | None
HELD = np.ndarray, Var  # what a list of numbers may hold besides
LARGEST = 2**59  # elements: in bytes, what addresses can name


def leaf(kind: type[V], array: Array, requires_grad: bool, name: str) -> V:
    """Wrap an array made from Python's numbers alone."""
    if requires_grad:
        check_differentiable(array.dtype, name)
    return kind.wrap(unchanging(array), requires_grad)


def dtype_of(name: str, dtype: DType, device: Any = None, kinds: str = "fiub") -> Any:
    """Read a dtype that a tensor can have, None being the default one, and check the device."""
    if device is not None:
        on_cpu(name, device)
    try:
        kind = Defaults.dtype if dtype is None else np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"{name}: {dtype!r:.60} is no dtype.", hint="tg.float32, tg.int64 ...") from None
    if kind.kind not in kinds:
        raise DTypeError(f"{name}: cannot make {kind} values.", hint="tg.float32" if kinds == "f" else "tg.int64")
    return kind


def shape_of(name: str, size: Any) -> tuple[int, ...]:
    """Read the shape of a new tensor; refuse what no memory holds, where NumPy has several errors."""
    shape = sizes(name, size)
    count = math.prod(shape)
    if count > LARGEST or (not count and max(shape) > LARGEST):
        raise ShapeError(f"{name}: the tensor would be too large.", got=f"{shape}", expected="less than 2⁵⁹ elements")
    return shape


def listed(name: str, size: Any) -> tuple[int, ...]:
    """Read a shape that must be one sequence."""
    need(isinstance(size, list | tuple), f"{name}: the size must be a tuple of ints.", size, kind=DTypeError)
    return shape_of(name, (size,))


def copied(kind: type[V], data: Any, dtype: DType, device: Any, requires_grad: bool, name: str = "tensor") -> V:
    """Make a tensor by copying numbers, nested lists, an array or another tensor."""
    if device is not None:
        on_cpu(name, device)
    typed = isinstance(data, np.ndarray | np.generic | Var)
    if state.recorder is not None and isinstance(data, np.ndarray | Var):  # the values may be others at the next call
        source = data if isinstance(data, Var) else kind.wrap(data)
        with no_grad():
            copy: V = promotion.cast(source, dtype=np.dtype(source.dtype if dtype is None else dtype))
        copy.differentiable = requires_grad
        return copy
    if isinstance(data, list | tuple) and any(isinstance(x, HELD) for x in data):
        refuse_captured(f"{name}() of a list of tensors or arrays", "tg.stack(list)")
        data = [x.array if isinstance(x, Var) else x for x in data]
        typed = any(isinstance(x, np.ndarray) and x.dtype.char == "d" for x in data)
    try:
        array = np.array(data.array if isinstance(data, Var) else data, dtype=dtype)
    except OverflowError:
        array = _fitted(data, np.dtype(dtype))
    except ValueError as error:
        raise ArgumentError(f"{name}: {error}", expected="nested lists of equal lengths") from None
    if dtype is None and not typed and array.dtype == np.uint64:  # in NumPy, not in PyTorch
        array = _fitted(data, np.dtype(np.int64))
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"{name}: cannot hold {array.dtype} data.", got=f"{type(data).__name__} {data!r:.60}",
                         expected="numbers: floats, integers or booleans")  # fmt: skip
    if dtype is None and not typed and array.dtype == np.float64:
        array = array.astype(Defaults.dtype, copy=False)
    return leaf(kind, array, requires_grad, name)


def _fitted(data: Any, dtype: Any) -> Array:
    """Store Python's integers in a dtype that NumPy found too small for some of them."""
    values = np.array(data, dtype=object)
    return np.array([storable("tensor", v, dtype) for v in values.flat], dtype=dtype).reshape(values.shape)


def filled(
    kind: type[V], name: str, make: Callable[..., Array], size: Any, dtype: DType, device: Any, requires_grad: bool
) -> V:
    """Make a tensor that NumPy's zeros, ones or empty fills."""
    return leaf(kind, make(shape_of(name, size), dtype_of(name, dtype, device)), requires_grad, name)


def _new(name: str, make: Callable[..., Array]) -> Callable[..., Tensor]:
    def new(
        self: Tensor, size: Size = (), *more: int, dtype: DType = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        return filled(self.result_type, name, make, (size,) + more, dtype or self.dtype, device, requires_grad)

    new.__name__, new.__doc__ = name, f"Make a tensor as tg.{name[4:]} does, of this one's dtype unless one is given."
    return new


new_zeros, new_ones, new_empty = _new("new_zeros", np.zeros), _new("new_ones", np.ones), _new("new_empty", np.empty)


def new_full(
    self: Tensor, size: Any, fill_value: float, dtype: DType = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of one value, of this one's dtype unless another is given."""
    kind = dtype_of("new_full", dtype or self.dtype, device)
    value = storable("new_full", number("new_full", fill_value), kind)
    return leaf(self.result_type, np.full(listed("new_full", size), value, kind), requires_grad, "new_full")


def new_tensor(
    self: Tensor, data: Any, dtype: DType = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor by copying data, of this one's dtype unless another is given."""
    return copied(self.result_type, data, dtype or self.dtype, device, requires_grad, "new_tensor")
