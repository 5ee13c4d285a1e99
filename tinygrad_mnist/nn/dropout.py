"""Dropout as functions: of elements, of whole channels, and the kind that keeps mean and variance.

A mask is drawn outside of the graph, from the default generator or one that is given, and a compiled step draws a new
one at each call. Read after gates.py; look next at norms.py.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..core.backend import Generator
from ..core.draws import draw, kept
from ..core.errors import ShapeError
from ..core.explain import outside
from ..functions.types import Tensor
from ..ops import activation
from .checks import changed, check_probability
from .gates import SELU, lambda_of

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


def _of_channels(name: str, dims: tuple[int, ...], x: Any, p: float, training: bool, inplace: bool, gen: Any) -> Any:
    """Drop whole channels, the first dimension of unbatched input, else the second."""
    if x.ndim not in dims:
        text = f"{name}: a tensor of {x.ndim} dimensions, expected {dims[0]} or {dims[-1]}."
        if x.ndim < 2:
            raise ShapeError(text, got=f"{tuple(x.shape)}")
        warnings.warn(text, stacklevel=outside())
    alone = x.ndim == dims[0] and name != "dropout2d"  # of which PyTorch takes three dimensions for a batch
    shape = (x.shape[0], *(1,) * (x.ndim - 1)) if alone else (*x.shape[:2], *(1,) * (x.ndim - 2))
    return _masked(name, x, p, training, inplace, shape, gen)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Set whole channels of (N, C, L) or (C, L) to 0 with probability p, and scale the rest by 1 / (1 - p)."""
    return _of_channels("dropout1d", (2, 3), input, p, training, inplace, generator)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Set whole channels of (N, C, H, W) to 0 with probability p, and scale the rest by 1 / (1 - p).

    Source:
        Tompson et al. 2014 (arXiv:1411.4280)
    """
    return _of_channels("dropout2d", (3, 4), input, p, training, inplace, generator)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Set whole channels of (N, C, D, H, W) or (C, D, H, W) to 0 with probability p, and scale the rest."""
    return _of_channels("dropout3d", (4, 5), input, p, training, inplace, generator)


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
