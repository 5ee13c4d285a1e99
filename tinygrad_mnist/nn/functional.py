"""Layers without state: the same operations as the modules, called with explicit weights.

Here arguments are checked the way people get them wrong: integer pixels, float64 batches, one-hot labels, shapes that
would broadcast silently. Read after functions/; the modules beside this file call these.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.backend import Generator
from ..core.draws import draw, kept
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.explain import outside
from ..core.graph import Array, Var
from ..functions import flatten, log_softmax, matmul, mean, pad, permute, relu, sigmoid, softmax, tanh
from ..functions import sum as _sum
from ..functions.types import Tensor, TensorLike
from ..ops import activation, contract, elementwise
from ..ops import softmax as softmaxes
from .arguments import like_weight
from .convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d

# isort: off
from .pooling import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_max_pool1d, adaptive_max_pool2d, avg_pool1d, avg_pool2d,
    lp_pool1d, lp_pool2d, max_pool1d, max_pool2d, max_unpool1d, max_unpool2d,
)  # fmt: skip
from .resampling import (
    affine_grid, channel_shuffle, fold, grid_sample, interpolate, pixel_shuffle, pixel_unshuffle, unfold, upsample,
)  # fmt: skip
# isort: on


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


def check_probability(name: str, p: float) -> None:
    """Raise unless p lies between 0 and 1."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name} must lie between 0 and 1.", got=f"{p}", expected="a probability or share")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Tensor:
    """Set elements to 0 with probability p and scale the rest by 1 / (1 - p), while training; else do nothing."""
    check_probability("dropout: p", p)
    if not training or p == 0:
        return input
    return activation.dropout(input, draw(kept, input.shape, input.dtype, generator, p=p))


REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"mean": mean, "sum": _sum, "none": lambda losses: losses}


def check_reduction(reduction: str) -> None:
    """Raise unless the name of a reduction is known."""
    if not isinstance(reduction, str):
        raise DTypeError(
            "loss: the first argument of a loss module is its reduction, not the data.",
            got=f"{type(reduction).__name__}",
            expected="'mean', 'sum' or 'none'",
            hint="make it first: loss_function = CrossEntropyLoss(); loss = loss_function(logits, target)",
        )
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"reduction: {reduction!r} is unknown.", expected="'mean', 'sum' or 'none'")


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """Reduce one loss per sample to their mean or sum, or leave them."""
    check_reduction(reduction)
    return REDUCTIONS[reduction](losses)


def _rows(input: Tensor | Array, target: Tensor | Array) -> tuple[Any, Any, tuple[int, ...] | None]:
    """Bring (C,), (N, C) or (N, C, d1, ...) to (rows, C), one class number per row; tell the shape of the losses."""
    if input.ndim == 2:
        return input, target, None
    if input.ndim == 0:
        raise ShapeError("loss: the input is a scalar.", expected="input (C,), (N, C) or (N, C, ...) of C classes")
    if input.ndim == 1:
        return input.reshape(1, -1), target.reshape(-1), ()
    shape = (input.shape[0], *input.shape[2:])
    if tuple(target.shape) != shape:  # in another order the class numbers would silently meet the wrong rows
        raise ShapeError(
            "loss: the target has the wrong shape.",
            got=f"input {tuple(input.shape)}, target {tuple(target.shape)}",
            expected=f"target {shape}: input's shape without the classes (dimension 1)",
        )
    moved = permute(input, 0, *range(2, input.ndim), 1)
    return moved.reshape(-1, input.shape[1]), target.reshape(-1), shape


def _data(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Check that a classification loss got tensors, in the right order."""
    target = np.asarray(target) if isinstance(target, list | tuple | int) else target
    for label, x in (("input", input), ("target", target)):
        if not isinstance(x, Var | np.ndarray):
            raise DTypeError(f"{name}: the {label} is neither a tensor nor an array.", got=f"{type(x).__name__}")
    if input.dtype.kind in "iub" and target.dtype.kind == "f":
        raise DTypeError(
            f"{name}: the input holds {input.dtype} values and the target {target.dtype}: are they swapped?",
            got=f"input {tuple(input.shape)}, target {tuple(target.shape)}",
            expected="floating outputs of the model first, class numbers second",
            hint=f"{name}(logits, labels)",
        )
    return input, target


def _warn_if_from(names: tuple[str, ...], input: Tensor | Array, loss: str, advice: str) -> None:
    node = getattr(input, "node", None)
    if node is not None and node.name in names:
        text = f"{loss}: the input comes from {node.name}, but {loss} {advice} of the last layer."
        warnings.warn(text, stacklevel=outside())


def cross_entropy(
    input: Tensor | Array, target: TensorLike, reduction: str = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """Compare logits with class numbers or class probabilities.

    Math:
        loss_n = log Σ_j exp(x_nj) - x_n,target_n    (softmax is included: give raw outputs)
    Shapes:
        input (N, C) or (N, C, ...), target (N,) or (N, ...) of integers, or floating and of input's shape -> () or (N,)
    Units:
        nats
    Raises:
        DTypeError, ShapeError, ArgumentError for other targets, naming the accepted forms
    """
    check_probability("cross_entropy: label_smoothing", label_smoothing)
    input, targets = _data("cross_entropy", input, target)
    _warn_if_from(("softmax", "log_softmax"), input, "cross_entropy", "applies softmax itself. Give it the raw outputs")
    if targets.dtype.kind == "f" and tuple(targets.shape) == tuple(input.shape) and input.ndim > 0:
        classes = 0 if input.ndim == 1 else 1
        if label_smoothing:
            targets = targets * (1 - label_smoothing) + label_smoothing / input.shape[classes]
        losses = -_sum(targets * log_softmax(input, classes), classes)
        return reduced(losses, reduction)
    rows, classes, shape = _rows(input, targets)
    losses = softmaxes.cross_entropy(rows, classes, smoothing=label_smoothing)
    return reduced(losses.reshape(shape) if shape is not None and reduction == "none" else losses, reduction)


def nll_loss(input: Tensor | Array, target: TensorLike, reduction: str = "mean") -> Tensor:
    """Take the negative log-probability of each target class from log-probabilities.

    Shapes:
        input (N, C) or (N, C, ...), target (N,) or (N, ...) of integers -> () or (N,)
    Units:
        nats
    """
    input, targets = _data("nll_loss", input, target)
    advice = "takes logarithms. Use LogSoftmax, or CrossEntropyLoss on the outputs"
    _warn_if_from(("softmax",), input, "nll_loss", advice)
    rows, classes, shape = _rows(input, targets)
    losses = -softmaxes.pick(rows, classes)
    return reduced(losses.reshape(shape) if shape is not None and reduction == "none" else losses, reduction)


def mse_loss(input: Tensor, target: TensorLike, reduction: str = "mean") -> Tensor:
    """Average the squared differences.

    Shapes:
        input (*A), target (*A) -> () or (*A)
    Raises:
        ShapeError if the shapes differ: (N, 1) against (N,) would silently compare every pair
    """
    if tuple(input.shape) != tuple(np.shape(target)):
        raise ShapeError(
            "mse_loss: input and target differ in shape.",
            got=f"input {tuple(input.shape)}, target {tuple(np.shape(target))}",
            expected="equal shapes",
            hint="target.reshape(input.shape), or input.squeeze(-1) for (N, 1) against (N,)",
        )
    return reduced(elementwise.square(input - target), reduction)


__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "affine_grid",
    "avg_pool1d", "avg_pool2d", "channel_shuffle", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d",
    "cross_entropy", "dropout", "flatten", "fold", "grid_sample", "interpolate", "linear", "log_softmax", "lp_pool1d",
    "lp_pool2d", "max_pool1d", "max_pool2d", "max_unpool1d", "max_unpool2d", "mse_loss", "nll_loss", "pad",
    "pixel_shuffle", "pixel_unshuffle", "relu", "sigmoid", "softmax", "tanh", "unfold", "upsample",
]  # fmt: skip
