"""Figures beside the loss: functions of a batch of outputs and its targets that give the mean over the batch.

Any such function will do for `fit(metrics=...)`. Read any one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..graph import Var
from ..nn import CrossEntropyLoss, NLLLoss

Metric = Callable[..., Any]


def array(x: Any) -> Any:
    """Give the numbers of a tensor or array."""
    return np.asarray(x.array if isinstance(x, Var) else x)


def accuracy(outputs: Any, targets: Any, *_: Any) -> float:
    """Give the share of samples whose largest output is at the target class.

    Shapes:  outputs (N, C, ...), targets (N, ...) of class numbers or (N, C, ...) of probabilities -> a number
    Units:   from 0 to 1
    """
    scores, classes = array(outputs), array(targets)
    if scores.ndim < 2 or classes.shape not in ((len(scores), *scores.shape[2:]), scores.shape):
        raise ShapeError(
            "accuracy: outputs and targets do not fit together.",
            got=f"outputs {scores.shape}, targets {classes.shape}",
            expected="outputs (N, classes, ...), targets (N, ...) or as outputs",
        )
    if classes.shape == scores.shape:
        classes = classes.argmax(1)
    return float((scores.argmax(1) == classes).mean()) if len(scores) else float("nan")


NAMED: dict[str, Metric] = {"accuracy": accuracy}


def chosen(metrics: Any, loss_function: Any) -> dict[str, Metric]:
    """Read the argument `metrics`: None for what suits the loss, names, or functions by name."""
    if metrics is None:
        return dict(NAMED) if isinstance(loss_function, CrossEntropyLoss | NLLLoss) else {}
    if isinstance(metrics, Mapping):
        found: dict[str, Metric] = dict(metrics)
    else:
        metrics = [metrics] if isinstance(metrics, str) else metrics
        unknown = [m for m in metrics if m not in NAMED]
        if unknown:
            raise ArgumentError(
                f"fit: the metric {unknown[0]!r} is unknown.",
                expected=f"names among {', '.join(NAMED)}, or a dict of functions",
                hint="metrics={'name': lambda outputs, targets: ...}",
            )
        found = {m: NAMED[m] for m in metrics}
    bad = [name for name, f in found.items() if not callable(f) or name in ("loss",)]
    if bad:
        raise ArgumentError(f"fit: the metric {bad[0]!r} cannot be used.", expected="a function, and not called 'loss'")
    return found
