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

C = TypeVar("C", bound="Conversion")


def _to_dtype(name: str) -> Callable[[C], C]:
    def convert(self: C) -> C:
        return self.to(np.dtype(name))

    convert.__name__, convert.__doc__ = name, f"Convert the floating-point parameters and buffers to {name}."
    return convert


class Conversion:
    """What a module has for conversions; it gives itself."""

    parameters: Callable[..., Iterator[Any]]
    buffers: Callable[..., Iterator[Any]]

    def to(
        self: C, *args: Any, device: Any = None, dtype: Any = None, tensor: Any = None, non_blocking: bool = False,
        memory_format: Any = None,
    ) -> C:  # fmt: skip
        """Convert the floating-point parameters and buffers, and their gradients, to a dtype, or that of a tensor."""
        kind, _ = target("to", args, device=device, dtype=dtype, tensor=tensor)
        if kind is not None and kind.kind != "f":
            raise DTypeError("to: a module's parameters can only be floating-point numbers.", got=str(kind))
        return self if kind is None else _converted(self, kind, floating=True)

    def type(self: C, dst_type: Any) -> C:
        """Convert all parameters and buffers to a dtype, also by PyTorch's older name ("torch.DoubleTensor")."""
        if isinstance(dst_type, str):
            dst_type = TYPES.get(dst_type.removeprefix("torch.").removesuffix("Tensor"), dst_type)
        return _converted(self, np.dtype(dst_type), floating=False)

    float, double, half = _to_dtype("float32"), _to_dtype("float64"), _to_dtype("float16")

    def cpu(self: C) -> C:
        """Give the module, whose tensors are on the CPU already."""
        return self

    def cuda(self: C, device: Any = None) -> C:
        """Refuse, since there is no other device."""
        raise absent("cuda", "cuda" if device is None else device)


def _converted(module: C, kind: Any, floating: bool) -> C:
    """Give all tensors of a module another dtype, or those of floating-point numbers."""
    tensors = [x for x in (*module.parameters(), *module.buffers()) if not floating or x.dtype.kind == "f"]
    if kind.kind != "f" and any(x.requires_grad for x in tensors):
        raise DTypeError("type: a parameter that is learned must be a floating-point number.", got=str(kind))
    for x in tensors:
        recast(x, kind)
    return module
