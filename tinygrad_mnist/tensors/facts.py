"""What can be asked of a tensor and its dtype: where it is, how large, floating or not; the limits of a dtype.

Methods and functions of PyTorch's names. Look next at tensor.py, which hangs the methods on the class.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..core.backend import Defaults
from ..core.device import CPU
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
    is_cuda, device = False, property(lambda self: CPU, doc="Where the tensor is: on the CPU.")
    itemsize = property(lambda self: self.dtype.itemsize, doc="Bytes of an element.")
    nbytes = property(lambda self: self.array.nbytes, doc="Bytes of all elements.")
    numel, nelement, is_floating_point = numel, numel, is_floating_point
    element_size, get_device = element_size, get_device


class finfo(SimpleNamespace):
    """The limits of a floating-point dtype as Python's numbers: min, max, eps, tiny ...; of the default if none."""

    def __init__(self, type: Any = None) -> None:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        super().__init__(**_limits(self, np.finfo, "f", Defaults.dtype if type is None else type, names))

    def __repr__(self) -> str:
        inside = ", ".join(f"{n}={v:g}" for n, v in vars(self).items() if n not in ("bits", "dtype"))
        return f"finfo({inside}, dtype={self.dtype})"


class iinfo(SimpleNamespace):
    """The limits of an integer dtype as Python's numbers: min, max, bits."""

    def __init__(self, type: Any) -> None:
        super().__init__(**_limits(self, np.iinfo, "iu", type, ("min", "max")))

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def _limits(self: Any, read: Any, kinds: str, type: Any, names: tuple[str, ...]) -> dict[str, Any]:
    kind = np.dtype(type)
    if kind.kind not in kinds:
        raise DTypeError(f"{self.__class__.__name__}: {kind} has other limits.", hint="tg.finfo or tg.iinfo")
    info = read(kind)
    return {name: np.asarray(getattr(info, name)).item() for name in names} | {"bits": info.bits, "dtype": kind.name}
