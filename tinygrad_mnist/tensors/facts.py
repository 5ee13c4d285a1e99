"""What can be asked of a tensor and its dtype: where it is, how large, floating or not; the limits of a dtype.

Methods and functions of PyTorch's names. Look next at tensor.py, which hangs the methods on the class.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.backend import Defaults
from ..core.device import CPU, device
from ..core.errors import DTypeError
from ..core.graph import Var


def is_tensor(obj: Any) -> bool:
    """Tell whether something is a tensor."""
    return isinstance(obj, Var)


def is_floating_point(input: Var) -> bool:
    """Tell whether the elements are floating-point numbers."""
    return input.dtype.kind == "f"


def numel(input: Var) -> int:
    """Count the elements."""
    return input.array.size


def element_size(self: Var) -> int:
    """Tell how many bytes an element takes."""
    return self.dtype.itemsize


def get_device(self: Var) -> int:
    """Tell the number of the accelerator that holds the tensor: -1, since the CPU does."""
    return -1


class Facts(Var):
    """A Var that tells where it is and how large."""

    __slots__ = ()
    is_cuda = False
    numel, nelement, is_floating_point = numel, numel, is_floating_point
    element_size, get_device = element_size, get_device

    @property
    def device(self) -> device:
        """Where the tensor is: on the CPU."""
        return CPU

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.nbytes


class _Limits:
    """The limits of a dtype as Python's numbers."""

    names: tuple[str, ...]
    dtype: str

    def __repr__(self) -> str:
        inside = ", ".join(f"{n}={getattr(self, n):g}" for n in self.names if n != "bits")
        return f"{type(self).__name__}({inside}, dtype={self.dtype})"

    def _tell(self, kind: Any, kinds: str, read: Any, hint: str) -> None:
        kind = np.dtype(kind)
        if kind.kind not in kinds:
            raise DTypeError(f"{type(self).__name__}: {kind} has other limits.", hint=hint)
        info, self.dtype = read(kind), kind.name
        for name in self.names:
            setattr(self, name, getattr(info, name) if name == "bits" else np.asarray(getattr(info, name)).item())


class finfo(_Limits):
    """The limits of a floating-point dtype: max, eps, tiny ... of the default dtype if none is given."""

    names = ("bits", "resolution", "min", "max", "eps", "smallest_normal", "tiny")
    resolution: float
    min: float
    max: float
    eps: float
    smallest_normal: float
    tiny: float
    bits: int

    def __init__(self, type: Any = None) -> None:
        self._tell(Defaults.dtype if type is None else type, "f", np.finfo, "tg.iinfo")


class iinfo(_Limits):
    """The limits of an integer dtype: min, max and the number of bits."""

    names = ("bits", "min", "max")
    min: int
    max: int
    bits: int

    def __init__(self, type: Any) -> None:
        self._tell(type, "iu", np.iinfo, "tg.finfo")

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
