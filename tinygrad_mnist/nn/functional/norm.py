"""Normalizations as functions: batch, layer, group, instance, root mean square, local response, unit length.

All but batch norm standardize rows of a matrix. Batch norm keeps running moments, changed in place outside of the
graph, which a compiled step repeats. Read after activation.py; ops/norms.py has the primitives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, ShapeError
from ...core.graph import no_grad
from ...functions import clamp, pad, reshape, square
from ...functions.norms import vector_norm
from ...functions.types import Tensor
from ...ops import norms, reduce
from ...ops.elementwise import sqrt
from ...ops.index import getitem
from .arguments import floats


def _fit(name: str, x: Any, *vectors: Any) -> None:
    """Raise unless vectors have a number for each channel of (N, C, *)."""
    for vector in vectors:
        if vector is not None and tuple(vector.shape) != (x.shape[1],):
            got = f"input {tuple(x.shape)}, {tuple(vector.shape)}"
            raise ShapeError(f"{name}: a vector does not fit the channels.", got=got, expected=f"({x.shape[1]},)")


def _affine(name: str, x: Any, weight: Tensor | None, bias: Tensor | None) -> Any:
    """Scale and shift each channel of (N, C, *)."""
    _fit(name, x, weight, bias)
    if weight is not None:
        return norms.rescale(x, None, weight, bias, None, None)
    return x if bias is None else x + reshape(bias, (-1, *(1,) * (x.ndim - 2)))


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: Any = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Bring each channel to mean 0 and variance 1 over the batch, or, in evaluation, by the running moments.

    Math:
        out = (x - mean) / √(variance + eps) · weight + bias
    Shapes:
        input (N, C, *), all others (C,) -> (N, C, *)
    Args:
        running_mean, running_var: while training changed in place to (1 - momentum) · old + momentum · new
    Source:
        Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 1
    """
    x = floats("batch_norm", input)
    if x.ndim < 2:
        raise ShapeError("batch_norm: expected (N, C, *).", got=f"{tuple(x.shape)}")
    count = math.prod(x.shape) // max(x.shape[1], 1)
    if training and count == 1:
        raise ShapeError("batch_norm: more than one value a channel is needed to train.", got=f"{tuple(x.shape)}",
                         hint="a larger batch, or model.eval()")  # fmt: skip
    _fit("batch_norm", x, running_mean, running_var, weight, bias)
    if eps < 0 or training and not eps:
        raise ArgumentError("batch_norm: eps must be positive, or 0 in evaluation.", got=f"{eps}")
    if training:
        with no_grad():
            known = norms.moments(x)
        if running_mean is not None and running_var is not None and count:
            _keep(running_mean, running_var, known, count, momentum)
        return norms.batch_norm(x, known, weight, bias, eps=eps)
    if running_mean is None or running_var is None:
        raise ArgumentError("batch_norm: evaluation needs the running moments.", hint="training=True")
    factor = 1 / sqrt(running_var + eps)
    return norms.rescale(x, running_mean, factor if weight is None else factor * weight, bias, None, None)


@no_grad()
def _keep(running_mean: Tensor, running_var: Tensor, moments: Any, count: int, momentum: Any) -> None:
    """Move running moments, of which the variance is unbiased, towards those of a batch."""
    for running, i, factor in ((running_mean, 0, 1.0), (running_var, 1, count / max(count - 1, 1))):
        running.mul_(1 - momentum)
        running.add_(getitem(moments, index=(i,)) * (momentum * factor))


def _standardized(x: Any, rows: int, size: int, eps: float) -> Any:
    return norms.standardize(reshape(x, (rows, size)), eps=eps)


def _trailing(name: str, x: Any, normalized_shape: Any, *vectors: Any) -> tuple[tuple[int, ...], int]:
    """Read the shape that is normalized; give it and the number of rows."""
    single = isinstance(normalized_shape, int | np.integer)
    shape = (int(normalized_shape),) if single else tuple(map(int, normalized_shape))
    if not shape or tuple(x.shape[x.ndim - len(shape) :]) != shape or len(shape) > x.ndim:
        raise ShapeError(f"{name}: the input does not end in the normalized shape.", got=f"input {tuple(x.shape)}",
                         expected=f"(*, {', '.join(map(str, shape))})")  # fmt: skip
    for vector in vectors:
        if vector is not None and tuple(vector.shape) != shape:
            raise ShapeError(f"{name}: weight and bias have the normalized shape.", got=f"{tuple(vector.shape)}",
                             expected=f"{shape}")  # fmt: skip
    return shape, math.prod(x.shape[: x.ndim - len(shape)])


def layer_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Bring the last dimensions to mean 0 and variance 1, then scale and shift each element; Ba et al. 2016."""
    shape, rows = _trailing("layer_norm", floats("layer_norm", input), normalized_shape, weight, bias)
    out = _standardized(input, rows, math.prod(shape), eps)
    out = out if weight is None else out * (weight if len(shape) == 1 else reshape(weight, (-1,)))
    out = out if bias is None else out + (bias if len(shape) == 1 else reshape(bias, (-1,)))
    return reshape(out, tuple(input.shape))


def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of mean square and eps (that of the dtype) over the last dimensions; Zhang & Sennrich 2019."""
    shape, rows = _trailing("rms_norm", floats("rms_norm", input), normalized_shape, weight)
    x = reshape(input, (rows, math.prod(shape)))
    smallest = float(np.finfo(x.dtype).eps) if eps is None else eps
    out = x / sqrt(reduce.mean(square(x), axis=1, keepdims=True) + smallest)
    return reshape(out if weight is None else out * reshape(weight, (-1,)), tuple(input.shape))


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Bring groups of channels of (N, C, *) to mean 0 and variance 1, then scale and shift each; Wu & He 2018."""
    if floats("group_norm", input).ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ShapeError("group_norm: the groups must divide the channels.", got=f"input {tuple(input.shape)}, "
                         f"{num_groups} groups", expected="(N, C, *), C divisible")  # fmt: skip
    size = math.prod(input.shape[1:]) // num_groups
    out = reshape(_standardized(input, input.shape[0] * num_groups, size, eps), tuple(input.shape))
    return _affine("group_norm", out, weight, bias)


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True, momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Bring each channel of each sample to mean 0 and variance 1, or by running moments; Ulyanov et al. 2016."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    floats("instance_norm", input)
    count = math.prod(input.shape[2:])
    if input.ndim < 3 or count == 1:
        raise ShapeError("instance_norm: more than one value a channel is needed.", got=f"{tuple(input.shape)}",
                         expected="(N, C, *)")  # fmt: skip
    n, c = input.shape[:2]
    if running_mean is not None and running_var is not None:
        with no_grad():
            moments = norms.moments(reshape(input.detach(), (1, n * c, count)))
            average = reduce.mean(reshape(moments, (2, n, c)), axis=1, keepdims=False)
            _keep(running_mean, running_var, average, count, momentum)
    return _affine("instance_norm", reshape(_standardized(input, n * c, count, eps), tuple(input.shape)), weight, bias)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by a power of what the neighbouring channels have.

    Math:
        out = x / (k + α / size · Σ x²)^β, the sum over `size` channels around each
    Source:
        Krizhevsky et al. 2012 (NeurIPS 25), section 3.3
    """
    if input.ndim < 3:
        raise ShapeError("local_response_norm: expected (N, C, *).", got=f"{tuple(input.shape)}")
    c = input.shape[1]
    wide: Any = pad(square(input), (0, 0) * (input.ndim - 2) + (size // 2, (size - 1) // 2))
    total = getitem(wide, index=(slice(None), slice(0, c)))
    for i in range(1, size):
        total = total + getitem(wide, index=(slice(None), slice(i, i + c)))
    return input / (total * (alpha / size) + k) ** beta


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along a dimension, or by eps where that is smaller."""
    return input / clamp(vector_norm(floats("normalize", input), p, dim, True), eps)
