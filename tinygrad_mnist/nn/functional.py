"""Layers without state: the same operations as the modules, called with explicit weights.

Here arguments are checked the way people get them wrong: integer pixels, float64 batches, one-hot labels, shapes that
would broadcast silently. The families have files of their own: gates, dropout, norms, attention, losses, distances.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.explain import outside
from ..core.graph import Array
from ..functions import flatten, log_softmax, matmul, pad, sigmoid, softmax, tanh
from ..functions.types import Tensor
from ..kernels.shapes import Pair
from ..ops import contract, conv, pool, promotion
from .attention import bilinear, embedding, scaled_dot_product_attention
from .distances import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cosine_similarity,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    pairwise_distance,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)  # fmt: skip
from .dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from .gates import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    rrelu,
    selu,
    silu,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)  # fmt: skip
from .losses import (
    cross_entropy,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
)  # fmt: skip
from .norms import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, normalize, rms_norm


def pair(value: Any, name: str) -> Pair:
    """Read an int or a pair of ints as (height, width)."""
    single = isinstance(value, int | np.integer)
    result = (value, value) if single else tuple(value) if isinstance(value, list | tuple) else ()
    if len(result) != 2 or not all(isinstance(v, int | np.integer) for v in result):
        raise ArgumentError(f"{name}: expected an int or a pair of ints.", got=repr(value))
    return int(result[0]), int(result[1])


def like_weight(name: str, x: Any, w: Tensor | Array) -> Tensor | Array:
    """Bring the input of a layer to the dtype of its weight: floats with a warning, integers never."""
    if not isinstance(x, Tensor | np.ndarray):
        raise DTypeError(
            f"{name}: the input is neither a tensor nor an array.",
            got=f"{type(x).__name__} {x!r:.60}",
            hint="call the module on its input first" if callable(x) else "tg.tensor(data)",
        )
    if x.dtype == w.dtype:
        return x
    if x.dtype.kind != "f":
        raise DTypeError(
            f"{name}: the input holds {x.dtype} values but the weight is {w.dtype}.",
            got=f"x {tuple(x.shape)} {x.dtype}",
            expected=f"x of dtype {w.dtype}",
            hint="x.float() / 255 for pixels, x.float() otherwise",
        )
    warnings.warn(
        f"{name}: the input is {x.dtype} and the weight {w.dtype}; the input is converted on every call. "
        f"Convert the data once: x.astype('{w.dtype}') or x.to(tg.{w.dtype}).",
        stacklevel=outside(),
    )
    return x.astype(w.dtype) if isinstance(x, np.ndarray) else promotion.cast(x, dtype=w.dtype)


def linear(input: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array | None = None) -> Tensor:
    """Map the last dimension affinely.

    Math:
        out = x wᵀ + b
    Shapes:
        input (*, I), weight (O, I), bias (O,) or None -> (*, O); with weight (I,) and bias () or None -> (*)
    Raises:
        ShapeError if input and weight disagree on I
        DTypeError for integer input
    """
    if weight.ndim != 2:
        if weight.ndim != 1 or input.ndim == 0 or (bias is not None and not bias.ndim < input.ndim == 1):
            raise ShapeError(
                "linear: the weight or the bias has the wrong number of dimensions.",
                got=f"input {tuple(input.shape)}, weight {tuple(weight.shape)}"
                + ("" if bias is None else f", bias {tuple(bias.shape)}"),
                expected="weight (O, I) and bias (O,), or weight (I,) and no bias",
            )
        out = matmul(like_weight("linear", input, weight), weight)
        return out if bias is None else out + bias
    return contract.linear(like_weight("linear", input, weight), weight, bias)


def conv2d(
    input: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array | None = None, stride: int | Pair = 1,
    padding: int | Pair | str = 0, dilation: int | Pair = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlate images with filters.

    Shapes:
        input (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) or None -> (N, O, OH, OW)
    Args:
        padding: pixels of zeros on each side, or "valid" (none), or "same" (output as large as input; stride 1)
    Raises:
        ShapeError if input and weight disagree on C or the filter is larger than the padded image
    """
    steps, spread = pair(stride, "conv2d: stride"), pair(dilation, "conv2d: dilation")
    if padding == "same":
        if steps != (1, 1):
            raise ArgumentError("conv2d: padding='same' needs stride 1.", got=f"stride {stride}")
        total = [d * (k - 1) for d, k in zip(spread, weight.shape[2:], strict=True)]
        if any(t % 2 for t in total):  # an even filter: the odd pixel goes after the image, as in PyTorch
            input = pad(input, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2))
            padding = 0
        else:
            padding = (total[0] // 2, total[1] // 2)
    padding = pair(0 if padding == "valid" else padding, "conv2d: padding")
    return conv.conv2d(
        like_weight("conv2d", input, weight), weight, bias,
        stride=steps, padding=padding, dilation=spread, groups=groups,
    )  # fmt: skip


def max_pool2d(
    input: Tensor | Array, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
) -> Tensor:
    """Take the largest element of every window; windows lie side by side unless a stride is given.

    Shapes:
        input (N, C, H, W) -> (N, C, OH, OW)
    """
    window = pair(kernel_size, "max_pool2d: kernel_size")
    steps = window if stride is None else pair(stride, "max_pool2d: stride")
    return pool.max_pool2d(input, kernel_size=window, stride=steps, padding=pair(padding, "max_pool2d: padding"))


__all__ = [
    "conv2d", "dropout", "flatten", "linear", "log_softmax", "max_pool2d", "pad", "sigmoid", "softmax", "tanh",
    "alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid",
    "mish", "prelu", "relu", "relu6", "rrelu", "selu", "silu", "softmin", "softplus", "softshrink", "softsign",
    "tanhshrink", "threshold",
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
    "bilinear", "embedding", "scaled_dot_product_attention",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cosine_similarity",
    "cross_entropy", "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss",
    "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "nll_loss", "pairwise_distance", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip
