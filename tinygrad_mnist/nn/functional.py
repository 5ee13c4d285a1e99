"""Layers without state: the same operations as the modules, called with explicit weights.

Here arguments are checked the way people get them wrong: integer pixels, float64 batches, one-hot labels, shapes that
would broadcast silently. Read after functions/; the modules beside this file call these.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.absent import absent
from ..core.backend import Generator
from ..core.draws import draw, kept
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.explain import outside
from ..core.graph import Array, Var
from ..core.scope import refuse_captured, unchanging
from ..functions import flatten, log_softmax, matmul, mean, pad, permute, relu, sigmoid, softmax, tanh
from ..functions import sum as _sum
from ..functions.dims import integer, need
from ..functions.types import Tensor, TensorLike
from ..kernels.shapes import Pair
from ..ops import activation, contract, conv, elementwise, index, layout, pool, promotion
from ..ops import softmax as softmaxes


def pair(value: object, name: str) -> Pair:
    """Read an int or a pair of ints as (height, width)."""
    single = isinstance(value, int | np.integer)
    result = (value, value) if single else tuple(value) if isinstance(value, list | tuple) else ()
    if len(result) != 2 or not all(isinstance(v, int | np.integer) for v in result):
        raise ArgumentError(f"{name}: expected an int or a pair of ints.", got=repr(value))
    return int(result[0]), int(result[1])


def like_weight(name: str, x: Tensor | Array, w: Tensor | Array) -> Tensor | Array:
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


def one_hot(tensor: Tensor | Array, num_classes: int = -1) -> Tensor:
    """Write class numbers as rows of zeros with a one: (*A) integers -> (*A, num_classes), int64.

    Args:
        num_classes: unless given, as many as the numbers need
    """
    need(tensor.dtype.kind in "iu", "one_hot: expected integers.", tensor, kind=DTypeError, hint="x.long()")
    count = integer("one_hot", "num_classes", num_classes)
    if count == -1:
        refuse_captured("a shape that depends on values (one_hot)", "one_hot(x, num_classes)")
        need(0 not in tensor.shape, "one_hot: without elements num_classes must be given.", tensor, kind=ArgumentError)
        count = int(np.max(np.asarray(tensor))) + 1
    at = layout.reshape(tensor, shape=(*tensor.shape, 1))
    return index.place(unchanging(np.zeros((*tensor.shape, count), np.int64)), 1, at, axis=tensor.ndim)


__all__ = [
    "conv2d", "cross_entropy", "dropout", "flatten", "linear", "log_softmax", "max_pool2d", "mse_loss", "nll_loss",
    "one_hot", "pad", "relu", "sigmoid", "softmax", "tanh",
]  # fmt: skip

__getattr__ = absent(__name__)
