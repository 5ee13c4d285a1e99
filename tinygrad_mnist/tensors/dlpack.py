"""Take memory that another library shares by DLPack.

The other way round, `np.from_dlpack(t)` or `torch.from_dlpack(t)`, goes through Tensor's own protocols in
numpy_protocol.py. Read after tensor.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, SharingError, reason, shown
from .tensor import Tensor


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Make a tensor that shares the memory of another library's array: a change of either is seen in both.

    Memory that may only be read stays so, as is all that NumPy 2.0 takes from others. Of a tensor of ours the versions
    are shared, too.

    Args:
        ext_tensor: anything with `__dlpack__` and `__dlpack_device__`
        copy: True for memory of its own; False and None share
    Raises:
        DTypeError: for something else or a dtype that no tensor has
        ArgumentError: for another device
        SharingError: a BufferError, where sharing is refused: a gradient would be lost, the memory is on a GPU
    """
    if device is not None and str(device) not in ("cpu", "cpu:0"):
        got = f"device={device!r:.60}"
        raise ArgumentError("from_dlpack: tensors are on the CPU alone.", got=got, expected='device="cpu" or None')
    if not (hasattr(ext_tensor, "__dlpack__") and hasattr(ext_tensor, "__dlpack_device__")):
        wanted, hint = "an array with __dlpack__ and __dlpack_device__", "tg.tensor(data)"
        raise DTypeError("from_dlpack: this is no array.", got=shown(ext_tensor), expected=wanted, hint=hint)
    try:
        frozen = type(ext_tensor) is np.ndarray and not ext_tensor.flags.writeable  # NumPy 2.0 refuses its own
        held = frozen and ext_tensor.dtype.isnative and ext_tensor.dtype.char in "?bBhHiIlLqQefd"
        array = ext_tensor.view() if held else np.from_dlpack(ext_tensor)
    except SharingError:
        raise
    except Exception as error:
        what, got = "from_dlpack: this memory cannot be shared.", f"{type(ext_tensor).__name__}: {reason(error)}"
        raise SharingError(what, got=got, expected="numbers in memory of the CPU, without a gradient") from error
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"from_dlpack: cannot hold {array.dtype} data.", expected="floats, integers or booleans")
    if isinstance(ext_tensor, Tensor) and not copy:
        return ext_tensor.detach()
    return Tensor.wrap(array.copy() if copy else array)
