"""`model.to(...)`, `.double()`, `.cpu()`: other dtypes for the parameters and buffers of a module, in their place.

Every tensor stays the same object, so that an optimizer made before goes on with it. Look next at module.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from ..core.device import absent
from ..core.errors import DTypeError
from ..functions.dtypes import TYPES, target
from ..tensors.in_place import recast
from ..tensors.tensor import Tensor

C = TypeVar("C", bound="Conversion")


class Conversion:
    """What a module has for conversions; it gives itself."""

    parameters: Callable[..., Iterator[Any]]
    buffers: Callable[..., Iterator[Any]]

    def to(
        self: C, *args: Any, device: Any = None, dtype: Any = None, tensor: Tensor | None = None,
        non_blocking: bool = False, memory_format: Any = None,
    ) -> C:  # fmt: skip
        """Convert the floating-point parameters and buffers, and their gradients, to a dtype, or to that of a tensor.

        Raises:
            DeviceError for any device but the CPU
            DTypeError for integers, which parameters cannot be
        """
        kind, _ = target("to", args, device=device, dtype=dtype, tensor=tensor)
        if kind is not None and kind.kind != "f":
            raise DTypeError("to: a module's parameters can only be floating-point numbers.", got=str(kind))
        return self if kind is None else _converted(self, kind, floating=True)

    def type(self: C, dst_type: Any) -> C:
        """Convert all parameters and buffers to a dtype, also by PyTorch's older name ("torch.DoubleTensor")."""
        word = dst_type.removeprefix("torch.").removesuffix("Tensor") if isinstance(dst_type, str) else dst_type
        return _converted(self, np.dtype(TYPES.get(word, word) if isinstance(word, str) else word), floating=False)

    def float(self: C) -> C:
        """Convert the floating-point parameters and buffers to float32."""
        return self.to(np.dtype(np.float32))

    def double(self: C) -> C:
        """Convert the floating-point parameters and buffers to float64."""
        return self.to(np.dtype(np.float64))

    def half(self: C) -> C:
        """Convert the floating-point parameters and buffers to float16."""
        return self.to(np.dtype(np.float16))

    def cpu(self: C) -> C:
        """Give the module, whose tensors are on the CPU already."""
        return self

    def cuda(self: C, device: Any = None) -> C:
        """Refuse, since there is no other device.

        Raises:
            DeviceError
        """
        raise absent("cuda", "cuda" if device is None else device)


def _converted(module: C, kind: Any, floating: bool) -> C:
    """Give all tensors of a module another dtype, or those of floating-point numbers."""
    tensors = [x for x in (*module.parameters(), *module.buffers()) if not floating or x.dtype.kind == "f"]
    if kind.kind != "f" and any(x.requires_grad for x in tensors):
        raise DTypeError("type: a parameter that is learned must be a floating-point number.", got=str(kind))
    for x in tensors:
        recast(x, kind)
    return module
