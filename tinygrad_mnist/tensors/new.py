"""Tensors after another's model, as methods: `x.new_zeros(2, 3)` has the dtype of x, and so on.

Read after fresh.py; tensor.py hangs these functions on the class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Array
from ..functions.dims import Size
from ..functions.numbers import number, storable
from ..functions.types import Tensor
from .fresh import DType, copied, dtype_of, leaf, listed, shape_of


def _filled(word: str, make: Callable[..., Array]) -> Callable[..., Tensor]:
    name = f"new_{word}"

    def new(
        self: Tensor, size: Size = (), *more: int, dtype: DType = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        array = make(shape_of(name, (size,) + more), dtype_of(name, dtype or self.dtype, device))
        return leaf(self.result_type, array, requires_grad, name)

    new.__name__, new.__doc__ = name, f"Make a tensor as tg.{word} does, of this one's dtype unless another is given."
    return new


new_zeros, new_ones, new_empty = _filled("zeros", np.zeros), _filled("ones", np.ones), _filled("empty", np.empty)


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
