"""Figures beside the loss: functions of a batch of outputs and its targets that give the mean over the batch.

Any such function will do for `fit(metrics=...)`. Read any one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, SupportsFloat

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.graph import Array, Var
from ..functions.types import TensorLike
from ..nn import CrossEntropyLoss, NLLLoss

Metric = Callable[..., SupportsFloat]


def as_array(x: TensorLike) -> Array:
    """Give the numbers of a tensor or array."""
    return np.asarray(x.array if isinstance(x, Var) else x)


def accuracy(outputs: TensorLike, targets: TensorLike, *_: object) -> float:
    """Give the share of samples whose largest output is at the target class.

    Shapes:
        outputs (N, C, ...), targets (N, ...) of class numbers or (N, C, ...) of probabilities -> a number
    Units:
        from 0 to 1
    """
    scores, classes = as_array(outputs), as_array(targets)
    if scores.ndim < 2 or classes.shape not in ((len(scores), *scores.shape[2:]), scores.shape):
        got = f"outputs {scores.shape}, targets {classes.shape}"
        wanted = "outputs (N, classes, ...), targets (N, ...) or as outputs"
        raise ShapeError("accuracy: outputs and targets do not fit together.", got=got, expected=wanted)
    if scores.shape[1] == 1:
        what = "accuracy: a single output is always the largest."
        hint = "an output for each class; for numbers another metric, or metrics=[]"
        raise ShapeError(what, got=f"outputs {scores.shape}", expected="outputs (N, classes, ...)", hint=hint)
    if classes.shape == scores.shape:
        classes = classes.argmax(1)
    return float((scores.argmax(1) == classes).mean()) if len(scores) else float("nan")


NAMED: dict[str, Metric] = {"accuracy": accuracy}


def metrics_by_name(metrics: Any, loss_function: Callable[..., Any], who: str) -> dict[str, Metric]:
    """Read the argument `metrics`: None for what suits the loss, names, functions, or functions by name."""
    if metrics is None:
        return dict(NAMED) if isinstance(loss_function, CrossEntropyLoss | NLLLoss) else {}
    if isinstance(metrics, Mapping):
        found: dict[str, Metric] = dict(metrics)
    else:
        found = {}
        for metric in [metrics] if isinstance(metrics, str) or callable(metrics) else metrics:
            name = metric if isinstance(metric, str) else getattr(metric, "__name__", "")
            if not (metric in NAMED if isinstance(metric, str) else name.isidentifier()):
                wanted = f"names among {', '.join(NAMED)}, functions that have a name, or a dict of functions"
                hint = "metrics={'name': lambda outputs, targets: ...}"
                raise ArgumentError(f"{who}: the metric {metric!r} is unknown.", expected=wanted, hint=hint)
            if name in found:
                raise ArgumentError(f"{who}: two metrics are called {name!r}.", hint="a dict: {'name': function}")
            found[name] = NAMED[metric] if isinstance(metric, str) else metric
    bad = [name for name, f in found.items() if not callable(f) or name in ("loss",)]
    if bad:
        expected = "a function, and not called 'loss'"
        raise ArgumentError(f"{who}: the metric {bad[0]!r} cannot be used.", expected=expected)
    return found
