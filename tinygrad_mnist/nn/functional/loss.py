"""Losses of classification as functions: class numbers or probabilities against logits or log-probabilities.

Plain class numbers take the fused cross-entropy; weights, numbers to ignore and probabilities are compositions. Read
after attention.py; look next at distance.py, which has the other losses.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.explain import outside
from ...core.graph import Array, Var
from ...core.scope import unchanging
from ...functions import clamp, cumsum, log_softmax, permute, unsqueeze
from ...functions import sum as _sum
from ...functions.types import Tensor, TensorLike
from ...ops import compare, index, promotion, reduce
from ...ops import softmax as softmaxes
from .activation import logsigmoid
from .arguments import HELD, check_probability, check_reduction, floats, reduced


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
        raise ShapeError("loss: the target has the wrong shape.",
                         got=f"input {tuple(input.shape)}, target {tuple(target.shape)}",
                         expected=f"target {shape}: input's shape without the classes (dimension 1)")  # fmt: skip
    moved = permute(input, 0, *range(2, input.ndim), 1)
    return moved.reshape(-1, input.shape[1]), target.reshape(-1), shape


def _data(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Check that a classification loss got tensors, in the right order."""
    target = np.asarray(target) if isinstance(target, list | tuple | int) else target
    for label, x in (("input", input), ("target", target)):
        if not isinstance(x, HELD):
            raise DTypeError(f"{name}: the {label} is neither a tensor nor an array.", got=f"{type(x).__name__}")
    if input.dtype.kind in "iub" and target.dtype.kind == "f":
        raise DTypeError(
            f"{name}: the input holds {input.dtype} values and the target {target.dtype}: are they swapped?",
            got=f"input {tuple(input.shape)}, target {tuple(target.shape)}",
            expected="floating outputs of the model first, class numbers second", hint=f"{name}(logits, labels)",
        )  # fmt: skip
    return input, target


def _warn_if_from(names: tuple[str, ...], input: Tensor | Array, loss: str, advice: str) -> None:
    node = getattr(input, "node", None)
    if node is not None and node.name in names:
        text = f"{loss}: the input comes from {node.name}, but {loss} {advice} of the last layer."
        warnings.warn(text, stacklevel=outside())


def _check_weight(name: str, weight: Any, classes: int) -> None:
    """Raise unless there is one weight per class."""
    if weight is not None and not isinstance(weight, Var | np.ndarray):
        raise DTypeError(f"{name}: weight must be a tensor.", got=f"{weight!r:.60}", expected="one number per class",
                         hint=f"reduction={weight!r}" if isinstance(weight, str) else "tg.tensor(...)")  # fmt: skip
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(f"{name}: there must be one weight per class.", got=f"weight {tuple(weight.shape)}",
                         expected=f"({classes},)")  # fmt: skip


def _ignores(target: Any, ignore_index: int) -> bool:
    """Tell whether numbers to ignore have to be looked for: they may be classes, or are there now."""
    if ignore_index >= 0:
        return True
    return target.dtype.kind == "i" and bool((np.asarray(target.array if isinstance(target, Var) else target)
                                              == ignore_index).any())  # fmt: skip


def _of_classes(
    fused: Any, log_p: Any, target: Any, weight: Any, ignore_index: int, reduction: str, shape: Any,
    smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Take the negative log-probabilities of class numbers: as they are, or weighted and without those to ignore."""
    check_reduction(reduction)
    if weight is None and ignore_index < 0:
        try:
            return reduced(fused(), reduction, shape)
        except ArgumentError:
            if not _ignores(target, ignore_index):
                raise
    log_p, valid = log_p(), compare.not_equal(target, ignore_index)
    known = compare.where(valid, target, 0)
    shares = promotion.cast(valid, dtype=log_p.dtype)
    if weight is not None:
        shares = compare.keep(index.getitem(weight, known, index=(index.ARRAY,)), valid)
    losses = compare.keep(-softmaxes.pick(log_p, known), valid)
    losses = losses * shares if weight is not None else losses
    if smoothing:
        even = -_sum(log_p if weight is None else log_p * weight, 1)
        losses = losses * (1 - smoothing) + compare.keep(even, valid) * (smoothing / log_p.shape[1])
    return _sum(losses) / _sum(shares) if reduction == "mean" else reduced(losses, reduction, shape)


def cross_entropy(
    input: Tensor | Array, target: TensorLike, weight: Tensor | Array | None = None, ignore_index: int = -100,
    reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """Compare logits with class numbers or class probabilities.

    Math:
        loss_n = w_t (log Σ_j exp(x_nj) - x_nt), t the target (softmax is included: give raw outputs)
    Shapes:
        input (N, C), target (N,) of integers; input (N, C, ...), target (N, ...); one sample: input (C,), target ();
        or target floating and of input's shape -> (), or the target's shape without C with reduction="none"
    Args:
        weight: one per class; a mean is divided by the weights of the targets
        ignore_index: class number of rows that count as if they were not there
        reduction: "mean" of the losses, their "sum", or "none": each
        label_smoothing: share s of the target that is spread evenly over all C classes: (1 - s) · target + s / C
    Units:
        nats

    Example:
        >>> logits, classes = tg.zeros(2, 10), tg.tensor([3, 7])
        >>> round(nn.functional.cross_entropy(logits, classes).item(), 4)  # log 10: all ten are equally probable
        2.3026
    """
    if label_smoothing:
        check_probability("cross_entropy: label_smoothing", label_smoothing)
    input, targets = _data("cross_entropy", input, target)
    _warn_if_from(("softmax", "log_softmax"), input, "cross_entropy", "applies softmax itself. Give it the raw outputs")
    classes = 0 if input.ndim == 1 else 1
    if weight is not None and input.ndim:
        _check_weight("cross_entropy", weight, input.shape[classes])
    if targets.dtype.kind == "f" and tuple(targets.shape) == tuple(input.shape) and input.ndim > 0:
        if ignore_index >= 0:
            raise ArgumentError("cross_entropy: ignore_index is of class numbers.", got=f"{targets.dtype} target")
        if label_smoothing:
            targets = targets * (1 - label_smoothing) + label_smoothing / input.shape[classes]
        log_p: Any = log_softmax(input, classes)
        if weight is not None:
            log_p = log_p * weight.reshape(-1, *(1,) * (input.ndim - 1 - classes))
        losses = -_sum(targets * log_p, classes)
        if reduction == "mean" and (weight is not None or input.ndim > 2):
            return _sum(losses) / (math.prod(input.shape) // max(input.shape[classes], 1))
        return reduced(losses, reduction)
    rows, targets, shape = _rows(input, targets)
    return _of_classes(
        lambda: softmaxes.cross_entropy(rows, targets, smoothing=label_smoothing), lambda: log_softmax(rows, 1),
        targets, weight, ignore_index, reduction, shape, label_smoothing,
    )  # fmt: skip


def nll_loss(
    input: Tensor | Array, target: TensorLike, weight: Tensor | Array | None = None, ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Take the negative log-probability of each target class from log-probabilities; arguments as of cross_entropy."""
    input, targets = _data("nll_loss", input, target)
    advice = "takes logarithms. Use LogSoftmax, or CrossEntropyLoss on the outputs"
    _warn_if_from(("softmax",), input, "nll_loss", advice)
    rows, targets, shape = _rows(input, targets)
    _check_weight("nll_loss", weight, rows.shape[1])
    return _of_classes(lambda: -softmaxes.pick(rows, targets), lambda: rows, targets, weight, ignore_index, reduction,
                       shape)  # fmt: skip


def multi_margin_loss(
    input: Tensor, target: TensorLike, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Ask for a margin between the number of the right class and every other.

    Math:
        loss_n = Σ_{j≠t} max(0, margin - x_t + x_j)^p · w_t / C
    """
    if p not in (1, 2):
        raise ArgumentError("multi_margin_loss: p must be 1 or 2.", got=f"{p}")
    input, targets = _data("multi_margin_loss", floats("multi_margin_loss", input), target)
    rows, targets, shape = _rows(input, targets)
    _check_weight("multi_margin_loss", weight, rows.shape[1])
    short = clamp(margin - softmaxes.column(softmaxes.pick(rows, targets)) + rows, 0)
    short = short if p == 1 else short * short
    own = compare.equal(softmaxes.column(targets), unchanging(np.arange(rows.shape[1])))
    losses = _sum(compare.keep(short, compare.logical_not(own)), 1) / rows.shape[1]
    if weight is not None:
        losses = losses * index.getitem(weight, targets, index=(index.ARRAY,))
    return reduced(losses, reduction, None if shape is None else np.shape(target))


def multilabel_margin_loss(input: Tensor, target: TensorLike, reduction: str = "mean") -> Tensor:
    """Ask for a margin of 1 between the numbers of all right classes and all others.

    Math:
        loss_n = Σ_{t right, j not} max(0, 1 - x_t + x_j) / C
    Shapes:
        input, target (N, C) or (C,), target class numbers up to the first -1 -> () or (N,)
    """
    x, labels = _data("multilabel_margin_loss", floats("multilabel_margin_loss", input), target)
    if tuple(x.shape) != tuple(labels.shape) or x.ndim not in (1, 2):
        raise ShapeError("multilabel_margin_loss: input and target differ in shape.",
                         got=f"{tuple(x.shape)}, {tuple(labels.shape)}")  # fmt: skip
    rows, places, classes = x.reshape(-1, x.shape[-1]), labels.reshape(-1, x.shape[-1]), x.shape[-1]
    there = compare.equal(cumsum(compare.less(places, 0), 1), 0)  # up to the first -1
    known = compare.where(there, places, 0)
    hits = compare.logical_and(compare.equal(unsqueeze(known, 2), unchanging(np.arange(classes))), unsqueeze(there, 2))
    right = reduce.any(hits, axis=1, keepdims=False)
    chosen = index.gather(rows, known, axis=1)
    short = clamp(1 - unsqueeze(chosen, 2) + unsqueeze(rows, 1), 0)
    counts = compare.logical_and(unsqueeze(there, 2), unsqueeze(compare.logical_not(right), 1))
    losses = _sum(compare.keep(short, counts), (1, 2)) / classes
    return reduced(losses, reduction, () if x.ndim == 1 else None)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Compare logits (*, C) with labels of 0 or 1 each: the mean of their binary cross-entropies, () or (*)."""
    x: Any = floats("multilabel_soft_margin_loss", input)
    losses = -(target * logsigmoid(x) + (1 - target) * logsigmoid(-x))
    losses = losses if weight is None else losses * weight
    return reduced(_sum(losses, -1) / x.shape[-1], reduction)
