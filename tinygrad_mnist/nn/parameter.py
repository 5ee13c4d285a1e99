"""Parameter: a tensor that a module learns.

Knows nothing of modules, which find it among their attributes. Look next at module.py.
"""

from __future__ import annotations

import numpy as np

from ..core.backend import Defaults
from ..core.graph import Var
from ..core.seeds import check_differentiable
from ..core.versions import Version
from ..functions.types import TensorLike
from ..tensors.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module learns: found by `parameters()` and given a gradient by default.

    Example:
        >>> scale = nn.Parameter(tg.ones(3))
        >>> scale.requires_grad, scale.is_leaf
        (True, True)
    """

    __slots__ = ()

    def __init__(self, data: TensorLike, requires_grad: bool = True) -> None:
        """Share the memory of a tensor or array, or copy other data."""
        array = data.array if isinstance(data, Var) else np.asarray(data)
        if array.dtype == np.float64 and not isinstance(data, Var | np.ndarray):
            array = array.astype(Defaults.dtype)
        if requires_grad:
            check_differentiable(array.dtype, "Parameter")
        self.array, self._differentiable, self._gradient, self.node = array, requires_grad, None, None
        self.version = Version()
        if isinstance(data, Var):  # a change of either is a change of both
            self.version = data.version
            data.version.share(data, self)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
