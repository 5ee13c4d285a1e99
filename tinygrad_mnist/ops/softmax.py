"""Softmax, its logarithm, and cross-entropy from logits in one step.

The largest logit is subtracted first, so that no exponential overflows. Look next at functions/, which spells all
operations the way people call them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError, TinygradError
from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels import loops
from ..kernels import softmax as kernel
from .compare import where
from .elementwise import exp
from .index import scatter
from .layout import reshape
from .reduce import sum


def classes_of(name: str) -> Callable[..., None]:
    """Make the check of class numbers, the last argument, by the first one's columns."""
    return lambda x, *rest: check_classes(name, x, rest[-1])


@primitive(kernel.softmax, over=(0,), rows=loops.softmax, batch="axis")
def softmax(x: Array, *, axis: int) -> Any:
    """Turn logits into probabilities along an axis.

    Math:
        out_i = exp(x_i) / Σ_j exp(x_j)
    """


@softmax.jvp("x")  # its Jacobian is symmetric
@softmax.vjp("x")
def softmax_vjp_x(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return out * (g - sum(g * out, axis=axis, keepdims=True))


@primitive(kernel.log_softmax, over=(0,), rows=loops.log_softmax, batch="axis")
def log_softmax(x: Array, *, axis: int) -> Any:
    """Turn logits into log-probabilities along an axis.

    Math:
        out_i = x_i - log Σ_j exp(x_j)
    Units:
        nats
    """


@log_softmax.vjp("x")
def log_softmax_vjp_x(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return g - exp(out) * sum(g, axis=axis, keepdims=True)


@log_softmax.jvp("x")
def log_softmax_jvp_x(t: Any, out: Any, x: Any, *, axis: int) -> Any:
    return t - sum(exp(out) * t, axis=axis, keepdims=True)


@primitive(residuals=True, rows=loops.cross_entropy, check=classes_of("cross_entropy"), batch=2)
def cross_entropy(x: Array, target: Array, *, smoothing: float, out: Any = None, saved: Any = None) -> Any:
    """Negative log-probability that the softmax of logits gives to each target class.

    Math:
        out_n = log Σ_j exp(x_nj) - (1 - ε) x_n,target_n - ε/C Σ_c x_nc, with smoothing ε
    Shapes:
        x (N, C), target (N,) of class numbers -> (N,)
    Units:
        nats
    Raises:
        DTypeError, ShapeError, ArgumentError: if the target does not hold N class numbers from 0 to C - 1
    Source:
        Szegedy et al. 2016 (arXiv:1512.00567), section 7, for the smoothing
    """
    check_classes("cross_entropy", x, target)
    return kernel.cross_entropy(x, target, smoothing=smoothing, out=out, probabilities=saved)


@cross_entropy.vjp("x")
def cross_entropy_vjp_x(g: Any, out: Any, x: Any, target: Any, *, smoothing: float, saved: Any = None) -> Any:
    return less_one_hot(softmax(x, axis=1) if saved is None else saved, g, target, smoothing=smoothing)


@cross_entropy.jvp("x")
def cross_entropy_jvp_x(t: Any, out: Any, x: Any, target: Any, *, smoothing: float, saved: Any = None) -> Any:
    one = where(False, out, 1.0)
    return sum(t * cross_entropy_vjp_x(one, out, x, target, smoothing=smoothing, saved=saved), axis=1, keepdims=False)


@primitive(kernel.less_one_hot, over=(0,), rows=loops.less_one_hot, check=classes_of("cross_entropy"),
           linear=("s",), batch=3)  # fmt: skip
def less_one_hot(p: Array, s: Array, target: Array, *, smoothing: float) -> Any:
    """Scale each row of p less the one-hot vector of its target: the gradient of cross-entropy in one pass.

    Math:
        out_nc = s_n (p_nc - (1 - ε) [c = target_n] - ε/C)
    Shapes:
        p (N, C), s (N,), target (N,) -> (N, C)
    """


@less_one_hot.jvp("p")
@less_one_hot.vjp("p")
def less_one_hot_vjp_p(g: Any, out: Any, p: Any, s: Any, target: Any, *, smoothing: float) -> Any:
    return g * column(s)


@less_one_hot.vjp("s")
def less_one_hot_vjp_s(g: Any, out: Any, p: Any, s: Any, target: Any, *, smoothing: float) -> Any:
    chosen = sum(g * (p - smoothing / p.shape[1]), axis=1, keepdims=False)
    return chosen - (1 - smoothing) * pick(g, target)


@primitive(rows=loops.pick, check=classes_of("nll_loss"), slow="one number of each row is copied",
           linear=True, batch=2)  # fmt: skip
def pick(x: Array, target: Array) -> Array:
    """Take one element of each row: out_n = x[n, target_n].

    Shapes:
        x (N, C), target (N,) of class numbers -> (N,)
    """
    check_classes("nll_loss", x, target)
    return kernel.pick(x, target)


@pick.vjp("x")
def pick_vjp_x(g: Any, out: Any, x: Any, target: Any) -> Any:
    return scatter(column(g), column(target), axis=1, shape=x.shape)


def column(x: Any) -> Any:
    """Stand a vector up: (N,) -> (N, 1)."""
    return reshape(x, shape=(x.shape[0], 1))


def check_classes(name: str, x: Array, target: Array) -> None:
    """Raise unless target holds one class number per row of x, naming the accepted forms and the offending entry."""
    kind = target.dtype.kind
    if kind in "iu" and target.shape == x.shape[:1]:
        if not target.size:
            return
        if not target.dtype.isnative:
            target = target.astype(target.dtype.newbyteorder("="))  # a view would read the bytes in the wrong order
        # as unsigned numbers negative ones are the largest of all, so that one search finds both mistakes
        if np.maximum.reduce(target if kind == "u" else target.view(UNSIGNED[target.dtype.itemsize])) < x.shape[1]:
            return
    raise class_error(name, x, target)


UNSIGNED = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}


def class_error(name: str, x: Array, target: Array) -> TinygradError:
    """Say what is wrong with class numbers."""
    expected = f"target (N,) of integers from 0 to {x.shape[-1] - 1}, or probabilities of x's shape (cross_entropy)"
    got = f"x {x.shape} {x.dtype}, target {np.shape(target)} {np.asarray(target).dtype}"
    if target.dtype.kind not in "iu":
        what = f"{name}: the target must hold class numbers, not {target.dtype} values."
        return DTypeError(what, got=got, expected=expected, hint="target.long() if the values are whole class numbers")
    if target.shape != x.shape[:1]:
        if target.shape == x.shape:
            problem, hint = "looks one-hot.", "target.argmax(1) for one-hot rows"
        elif target.size == len(x):
            problem, hint = "has the wrong shape.", "one class per row of x: target.reshape(-1)"
        else:
            problem = f"holds {target.size} labels for {len(x)} rows."
            hint = "take inputs and labels from the same batch; reshape inputs to (batch, ...) with the batch first"
        return ShapeError(f"{name}: the target {problem}", got=got, expected=expected, hint=hint)
    bad = int(np.flatnonzero((target < 0) | (target >= x.shape[1]))[0])
    if target[bad] < 0:
        hint = "number the labels from 0; leave out the rows that have none (there is no ignore_index)"
    else:
        hint = f"make the last layer give {int(target.max()) + 1} classes, or number the labels from 0"
    what = f"{name}: target[{bad}] is {target[bad]}, but there are {x.shape[1]} classes."
    return ArgumentError(what, got=got, expected=expected, hint=hint)
