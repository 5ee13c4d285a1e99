"""Distances of tensors, and the losses made of them: of numbers, of pairs, of triplets, of probabilities of yes or no.

Losses take `reduction`, "mean", "sum" or "none", and broadcast as PyTorch's do. Read after loss.py.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, ShapeError
from ...core.explain import outside
from ...core.graph import no_grad
from ...functions import broadcast_tensors, clamp, unsqueeze
from ...functions import sum as _sum
from ...functions.norms import vector_norm
from ...functions.numbers import number
from ...functions.types import Tensor, TensorLike
from ...ops import compare
from ...ops.broadcast import broadcast_to
from ...ops.elementwise import absolute, exp, log, sqrt, square
from .activation import softplus
from .arguments import check_reduction, floats, reduced


def _alike(name: str, input: Any, target: Any) -> None:
    """Raise where shapes differ: (N, 1) against (N,) would silently compare every pair."""
    if tuple(input.shape) != tuple(np.shape(target)):
        raise ShapeError(f"{name}: input and target differ in shape.",
                         got=f"input {tuple(input.shape)}, target {tuple(np.shape(target))}", expected="equal shapes",
                         hint="target.reshape(input.shape), or input.squeeze(-1) for (N, 1) against (N,)")  # fmt: skip


def _weighted(losses: Any, weight: Any, reduction: str, share: bool = False) -> Any:
    """Weigh losses and reduce them; share: a mean is divided by the sum of the weights."""
    if weight is not None and reduction == "mean" and share:
        return _sum(losses * weight) / _sum(broadcast_to(weight, shape=losses.shape))
    return reduced(losses if weight is None else losses * weight, reduction)


def mse_loss(input: Tensor, target: TensorLike, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Average the squared differences of equal shapes: (N, 1) against (N,) would silently compare every pair."""
    _alike("mse_loss", input, target)
    return _weighted(square(input - target), weight, reduction, share=True)


def l1_loss(input: Tensor, target: TensorLike, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Average the absolute differences: input (*A), target (*A) -> () or (*A)."""
    _alike("l1_loss", input, target)
    return _weighted(absolute(input - target), weight, reduction, share=True)


def smooth_l1_loss(input: Tensor, target: TensorLike, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Average d² / (2 β) of differences d below β, and |d| - β / 2 of larger ones; Girshick 2015 (arXiv:1504.08083)."""
    if beta < 0:
        raise ArgumentError("smooth_l1_loss: beta must not be negative.", got=f"{beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    return _bent("smooth_l1_loss", input, target, reduction, beta, 1 / beta)


def huber_loss(
    input: Tensor, target: TensorLike, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Average d² / 2 of differences d below δ, and δ (|d| - δ / 2) of larger ones; Huber 1964."""
    if number("huber_loss: delta", delta) <= 0:
        raise ArgumentError("huber_loss: delta must be positive.", got=f"{delta}")
    return _bent("huber_loss", input, target, reduction, delta, 1.0, weight)


def _bent(
    name: str, input: Any, target: Any, reduction: str, near: float, scale: float, weight: Any = None
) -> Any:
    """Square differences that are near, and go on in a straight line: s n (|d| - n / 2), with n = min(|d|, near)."""
    _alike(name, input, target)
    d = input - target
    close = clamp(d, -near, near)  # n d - n² / 2, whose derivative is n, on either side of the bend
    losses = close * (d - 0.5 * close)
    return _weighted(losses if scale == 1 else losses * scale, weight, reduction, share=True)


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Measure how far log-probabilities are from probabilities: Σ t (log t - x), in nats.

    Args:
        reduction: "batchmean", beside the others, divides the sum by the size of the batch, as the definition does
        log_target: the target, too, holds logarithms
    """
    x: Any = floats("kl_div", input)
    if log_target:
        losses = exp(target) * (target - x)
    else:
        t: Any = target
        losses = t * (log(compare.where(compare.equal(t, 0), t * 0 + 1, t)) - x)
    if reduction == "batchmean":
        return _sum(losses) / (x.shape[0] if x.ndim else 1)
    if reduction == "mean":
        text = 'kl_div: reduction="mean" divides by all elements; "batchmean" is the divergence of the batch.'
        warnings.warn(text, stacklevel=outside())
    return reduced(losses, reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Compare probabilities of yes with 0, 1 or probabilities: -(t log x + (1 - t) log(1 - x)), logs from -100."""
    x: Any = floats("binary_cross_entropy", input)
    _alike("binary_cross_entropy", x, target)
    yes, no = (clamp(log(p), -100) for p in (_positive(x), _positive(1 - x)))
    return _weighted((target - 1) * no - target * yes, weight, reduction)


def _positive(p: Any) -> Any:
    """Raise numbers to at least 1e-44, of which no derivative is infinite."""
    return clamp(p, 1e-12 if p.dtype.itemsize == 2 else 1e-44)


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Compare logits with 0, 1 or probabilities: (1 - t) x + (1 + (p - 1) t) log(1 + e⁻ˣ), p = pos_weight or 1."""
    x: Any = floats("binary_cross_entropy_with_logits", input)
    _alike("binary_cross_entropy_with_logits", x, target)
    if pos_weight is None:
        losses = softplus(x, 1, math.inf) - target * x
    else:
        losses = (1 - target) * x + ((pos_weight - 1) * target + 1) * softplus(-x, 1, math.inf)
    return _weighted(losses, weight, reduction)


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Take the negative log-likelihood of counts under Poisson distributions.

    Args:
        log_input: the input is the logarithm of the expected counts
        full: add Stirling's approximation of log t! for t > 1
    """
    x: Any = input
    losses = exp(x) - target * x if log_input else x - target * log(x + eps)
    if full:
        t: Any = compare.where(compare.greater(target, 1), target, target * 0 + 1)
        stirling = t * log(t) - t + 0.5 * log(2 * math.pi * t)
        losses = losses + compare.where(compare.greater(target, 1), stirling, 0.0)
    return reduced(losses, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Take the negative log-likelihood of numbers under normal distributions of means and variances.

    Args:
        var: of input's shape, or with 1 as one size, or without the last, or one number
        eps: the least variance, for stability; it takes no gradient
    """
    v: Any = input * 0 + var if isinstance(var, int | float) else var
    if (v.array if hasattr(v, "array") else v).min(initial=0) < 0:
        raise ArgumentError("gaussian_nll_loss: a variance is negative.")
    if tuple(v.shape) != tuple(input.shape):
        v = unsqueeze(v, -1) if tuple(v.shape) == tuple(input.shape[:-1]) else v
        if v.ndim != input.ndim or [n for n, m in zip(v.shape, input.shape, strict=True) if n != m] not in ([], [1]):
            raise ShapeError("gaussian_nll_loss: the variances do not fit.", got=f"{tuple(v.shape)}")
    with no_grad():
        lift = clamp(v, eps) - v
    v = v + lift  # limited, with the gradient passing all the same
    losses = 0.5 * (log(v) + square(input - target) / v)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


# ---------------------------------------------------------------- pairs


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Give the cosine of the angle between vectors along a dimension: x1, x2 broadcasting to (*, D, *) -> (*, *)."""
    a, b = broadcast_tensors(x1, x2)
    return _sum(a * b, dim) / (clamp(vector_norm(a, 2, dim), eps) * clamp(vector_norm(b, 2, dim), eps))


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """Give the p-norm of differences along the last dimension; eps is added to each difference."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Bring vectors (N, D) or (D,) with target 1 together, and those with -1 to a cosine of at most the margin."""
    a: Any = input1
    products, squares = _sum(a * input2, -1), [_sum(square(x), -1) + 1e-12 for x in (a, input2)]
    cosine = products / sqrt(squares[0] * squares[1])
    return reduced(_where(target, 1, 1 - cosine) + _where(target, -1, clamp(cosine - margin, 0)), reduction)


def _where(target: Any, sign: int, losses: Any) -> Any:
    """Take losses where the target is 1, or -1, and else 0."""
    return compare.where(compare.equal(target, sign), losses, losses * 0)


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Make distances with target 1 small, and those with -1 at least the margin."""
    x: Any = input
    near, far = (compare.where(compare.equal(target, sign), x * 0, loss)
                 for sign, loss in ((1, clamp(margin - x, 0)), (-1, x)))  # fmt: skip
    return reduced(near + far, reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Ask the first input to be larger by the margin where the target is 1, the second where it is -1."""
    return reduced(clamp(margin - target * (input1 - input2), 0), reduction)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Average log(1 + e^(-t x)) of targets t of 1 and -1."""
    return reduced(softplus(-target * input, 1, math.inf), reduction)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
    swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Ask an anchor (swap: or the positive) to be nearer to the positive than to the negative; Balntas et al. 2016."""
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=lambda a, b: pairwise_distance(a, b, p, eps), margin=margin,
        swap=swap, reduction=reduction,
    )  # fmt: skip


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Callable[..., Any] | None = None,
    margin: float = 1.0, swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Ask an anchor to be nearer to the positive than to the negative, by the margin, with a distance of your own."""
    check_reduction(reduction)
    if margin <= 0:
        raise ArgumentError("triplet_margin_loss: the margin must be positive.", got=f"{margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = compare.minimum(far, distance(positive, negative))
    return reduced(clamp(margin + near - far, 0), reduction)
