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
from .activation import SELU, lambda_of
from .checks import changed, check_probability

DRIFT = SELU["alpha"] * SELU["scale"]  # selu of -infinity, but for its sign


def _masked(name: str, x: Any, p: float, training: bool, inplace: bool, shape: Any, generator: Any) -> Any:
    """Multiply by a mask of the given shape."""
    check_probability(f"{name}: p", p)
    if not training or p == 0:
        return x
    mask = draw(kept, shape, x.dtype, generator, p=p)
    if tuple(shape) == tuple(x.shape):
        return changed(lambda_of(activation.dropout, name), x, mask) if inplace else activation.dropout(x, mask)
    return x.mul_(mask) if inplace else x * mask


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Set elements to 0 with probability p and scale the rest by 1 / (1 - p), while training; else do nothing.

    Source:
        Srivastava et al. 2014 (JMLR 15), inverted form
    """
    return _masked("dropout", input, p, training, inplace, input.shape, generator)


def _of_channels(name: str, dims: tuple[int, int], form: str) -> Any:
    """Make a function that drops whole channels: the first dimension of unbatched input, else the second."""

    def drop(
        input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False,
        *, generator: Generator | None = None,
    ) -> Tensor:  # fmt: skip
        if input.ndim not in dims:
            text = f"{name}: a tensor of {input.ndim} dimensions, expected {dims[0]} or {dims[1]}."
            if input.ndim < 2:
                raise ShapeError(text, got=f"{tuple(input.shape)}")
            warnings.warn(text, stacklevel=outside())
        alone = input.ndim == dims[0] and name != "dropout2d"  # of which PyTorch takes three dimensions for a batch
        lead = input.shape[: 1 if alone else 2]
        return _masked(name, input, p, training, inplace, (*lead, *(1,) * (input.ndim - len(lead))), generator)

    drop.__name__ = drop.__qualname__ = name
    drop.__doc__ = f"Set whole channels of {form} to 0 with probability p, and scale the rest by 1 / (1 - p)."
    return drop


dropout1d = _of_channels("dropout1d", (2, 3), "(N, C, L) or (C, L)")
dropout2d = _of_channels("dropout2d", (3, 4), "(N, C, H, W)")
dropout3d = _of_channels("dropout3d", (4, 5), "(N, C, D, H, W) or (C, D, H, W)")


def _alpha(name: str, x: Any, p: float, training: bool, inplace: bool, shape: Any, generator: Any) -> Any:
    """Put selu's lower limit where dropped, then scale and shift so that mean 0 and variance 1 stay."""
    check_probability(f"{name}: p", p)
    if not training or p == 0:
        return x
    mask = draw(kept, shape, x.dtype, generator, p=p)
    scale = 0.0 if p == 1 else 1 / math.sqrt((DRIFT**2 * p + 1) * (1 - p))
    share = scale * (1 - p)  # of the mask, which is 1 / (1 - p) where kept

    def result(y: Any) -> Any:
        return y * (mask * share) + (mask * (share * DRIFT) - scale * DRIFT * (1 - p))

    result.__name__ = name
    return changed(result, x) if inplace else result(x)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Drop elements to selu's lower limit with probability p, keeping mean 0 and variance 1.

    Source:
        Klambauer et al. 2017 (arXiv:1706.02515)
    """
    return _alpha("alpha_dropout", input, p, training, inplace, input.shape, generator)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Drop whole channels to selu's lower limit with probability p, keeping mean 0 and variance 1."""
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2))
    return _alpha("feature_alpha_dropout", input, p, training, inplace, shape, generator)
