"""What functions take and give, for people and type checkers: Tensor, Values, TensorLike and DTypeLike.

Tensor stands one floor up, in tensors/, and is known here by name alone: while the program runs the name means Var,
what a Tensor is to the floors below it. Of arrays alone a function gives an array, which no annotation here says. Look
next at elementwise.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..core.backend import Array
from ..core.graph import Var

if TYPE_CHECKING:
    from numpy.typing import DTypeLike as DTypeLike

    from ..tensors.tensor import Tensor as Tensor
else:
    DTypeLike, Tensor = Any, Var

Values: TypeAlias = Tensor | Array
TensorLike: TypeAlias = Tensor | Array | np.generic | float | Sequence[Any]  # lists of numbers
