"""Conversions between dtypes, as methods of Tensor: x.to(tg.float64), x.float(), x.type("torch.LongTensor") ...

Integers and booleans carry no gradient, so a conversion to them leaves the graph. Devices are read here too, where
the CPU changes nothing and any other is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.device import KINDS, absent, device, on_cpu
from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..ops import promotion
from .elementwise import clone
from .types import DTypeLike, Tensor

# PyTorch's older names of the types of tensors
TYPES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "Byte": "uint8", "Char": "int8", "Short": "int16",
    "Int": "int32", "Long": "int64", "Bool": "bool",
}  # fmt: skip
WORDS = {kind: word for word, kind in TYPES.items()}


def target(name: str, args: tuple[Any, ...], **named: Any) -> tuple[Any, bool]:
    """Read what `to` is given: devices, dtypes, a tensor for both, and whether to copy. -> (dtype or None, copy)."""
    kind, flags = None, []
    for given in (*args, *named.values()):
        if given is None:
            continue
        if isinstance(given, bool):
            flags.append(given)
        elif isinstance(given, Var):
            kind = given.dtype
        elif isinstance(given, device | int) or (isinstance(given, str) and given.partition(":")[0] in KINDS):
            on_cpu(name, given)
        else:
            kind = np.dtype(given) if isinstance(given, np.dtype) else _dtype(name, given)
    return kind, len(flags) > 1 and flags[1]  # the first of PyTorch's flags is non_blocking


def _dtype(name: str, given: Any) -> Any:
    try:
        return np.dtype(given)
    except TypeError:
        what = f"{name}: {given!r:.60} is neither a dtype nor a device."
        raise DTypeError(what, expected="a dtype such as tg.float64, or 'cpu'") from None


def to(
    self: Tensor, *args: Any, device: Any = None, dtype: DTypeLike | None = None, other: Tensor | None = None,
    non_blocking: bool = False, copy: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Convert to a dtype, or to the dtype of a tensor; the CPU is accepted and changes nothing.

    Args:
        copy: give a copy also where nothing changes
        non_blocking, memory_format: accepted, as nothing here waits or has another layout
    Raises:
        DeviceError: for any device but the CPU

    Example:
        >>> tg.tensor([1, 2]).to(tg.float64).dtype == tg.float64
        True
    """
    if len(args) == 1 and device is None and isinstance(args[0], np.dtype):
        return _cast(self, args[0], copy)
    kind, copied = target("to", args, device=device, dtype=dtype, other=other)
    return _cast(self, self.dtype if kind is None else kind, copy or copied)


def _cast(self: Tensor, kind: Any, copy: bool = False) -> Tensor:
    if kind == self.dtype:
        return clone(self) if copy else self
    return promotion.cast(self if kind.kind == "f" else self.detach(), dtype=kind)


def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Convert to a dtype, also by PyTorch's older name ("torch.LongTensor"); without one, tell that name."""
    if dtype is None:
        return f"torch.{WORDS[self.dtype.name]}Tensor"
    if isinstance(dtype, str):
        word = dtype.removeprefix("torch.").removesuffix("Tensor")
        if word not in TYPES:
            expected = ", ".join(f"torch.{w}Tensor" for w in TYPES)
            raise ArgumentError(f"type: {dtype!r:.60} is no type.", expected=expected)
        dtype = TYPES[word]
    return _cast(self, np.dtype(dtype))


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Convert to the dtype of another tensor."""
    return to(self, other)


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """Give the tensor, which is on the CPU already."""
    return self


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """Refuse, since there is no other device.

    Raises:
        DeviceError: whatever is asked for
    """
    raise absent("cuda", "cuda" if device is None else device)


def to_dtype(kind: str) -> Callable[[Tensor], Tensor]:
    """Make the method that converts to one dtype."""

    dtype = np.dtype(kind)

    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return _cast(self, dtype)

    convert.__name__, convert.__doc__ = f"to_{kind}", f"Convert to {kind}."
    return convert
