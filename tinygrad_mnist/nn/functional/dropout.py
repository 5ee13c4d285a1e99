"""Dropout as functions: of elements, of whole channels, and the kind that keeps mean and variance.

A mask is drawn outside of the graph, from the default generator or one that is given, and a compiled step draws a new
one at each call. Read after activation.py; look next at norm.py.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...core.backend import Generator
from ...core.draws import draw, kept
from ...core.errors import ShapeError
from ...core.explain import outside
from ...functions.types import Tensor
from ...ops import activation
from .activation import SELU
from .arguments import changed, check_probability

DRIFT = SELU["alpha"] * SELU["scale"]  # selu of -infinity, but for its sign


def _function(name: str, what: str, alpha: bool = False, dims: tuple[int, ...] | None = ()) -> Any:
    """Make a function that drops numbers, or, of so many dims, whole channels: to 0, or selu's lower limit (alpha)."""

    def dropped(x: Any, mask: Any, p: float) -> Any:
        if not alpha:
            return activation.dropout(x, mask) if x.shape == mask.shape else x * mask
        scale = 0.0 if p == 1 else 1 / math.sqrt((DRIFT**2 * p + 1) * (1 - p))
        share = scale * (1 - p)  # of the mask, which is 1 / (1 - p) where kept
        return x * (mask * share) + (mask * (share * DRIFT) - scale * DRIFT * (1 - p))

    def drop(
        input: Tensor, p: float = 0.5, training: bool = not alpha, inplace: bool = False,
        *, generator: Generator | None = None,
    ) -> Tensor:  # fmt: skip
        check_probability(f"{name}: p", p)
        whole = input.ndim if dims == () else 2
        if dims and input.ndim not in dims:
            text = f"{name}: a tensor of {input.ndim} dimensions, expected {dims[0]} or {dims[1]}."
            if input.ndim < 2:
                raise ShapeError(text, got=f"{tuple(input.shape)}")
            warnings.warn(text, stacklevel=outside())
        if dims and input.ndim == dims[0] and name != "dropout2d":  # of which PyTorch takes three for a batch
            whole = 1
        if not training or p == 0:
            return input
        mask = draw(kept, (*input.shape[:whole], *(1,) * (input.ndim - whole)), input.dtype, generator, p=p)
        return changed(dropped, input, mask, p) if inplace else dropped(input, mask, p)

    dropped.__name__ = drop.__name__ = drop.__qualname__ = name
    limit = "selu's lower limit" if alpha else "0"
    scaled = "keeping mean 0 and variance 1" if alpha else "and scale the rest by 1 / (1 - p)"
    drop.__doc__ = f"Drop {what} to {limit} with probability p, while training, {scaled}."
    return drop


# Srivastava et al. 2014 (JMLR 15), inverted form; alpha: Klambauer et al. 2017 (arXiv:1706.02515)
dropout, alpha_dropout = _function("dropout", "elements"), _function("alpha_dropout", "elements", True)
dropout1d = _function("dropout1d", "whole channels of (N, C, L) or (C, L)", dims=(2, 3))
dropout2d = _function("dropout2d", "whole channels of (N, C, H, W)", dims=(3, 4))
dropout3d = _function("dropout3d", "whole channels of (N, C, D, H, W) or (C, D, H, W)", dims=(4, 5))
feature_alpha_dropout = _function("feature_alpha_dropout", "whole channels", True, None)
