"""Means over batches: what a batch is made of, and a model's loss and metrics on data that it is not trained on.

Look next at run.py, which trains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.errors import ArgumentError, DTypeError, TrainingError
from ..core.graph import Var, no_grad
from ..kernels.parallel import fall_asleep
from ..nn import CrossEntropyLoss, Module
from .metrics import Metric

Sums = dict[str, float]


def parts_of(batch: Any) -> tuple[Any, list[Any], int]:
    """Split a batch into the model's inputs, what the loss compares its outputs with, and the number of samples.

    Inputs that are a tuple or list are passed to the model as several arguments.

    Raises:
        ArgumentError: unless it is a tuple or list of at least two parts
    """
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        got = f"{type(batch).__name__}" + (f" of {len(batch)}" if isinstance(batch, tuple | list) else "")
        hint = "TensorDataset(inputs, targets), or a loader that yields pairs"
        raise ArgumentError("A batch must be (inputs, targets).", got=got, hint=hint)
    first = batch[1]
    while isinstance(first, tuple | list) and first:
        first = first[0]
    return batch[0], list(batch[1:]), len(first)


def model_outputs(model: Module, inputs: Any) -> Any:
    """Call a model on its inputs, several of them where they are a tuple or list.

    Raises:
        DTypeError: if it gives nothing
    """
    outputs = model(*inputs) if isinstance(inputs, tuple | list) else model(inputs)
    if outputs is None:
        name = type(model).__name__
        raise DTypeError(f"{name}: its forward gave None.", expected="outputs", hint=f"return in {name}.forward")
    return outputs


def batch_loss(loss_function: Callable[..., Any], outputs: Any, targets: Sequence[Any]) -> Any:
    """Compute the loss of a batch.

    Raises:
        ArgumentError: for cross-entropy of what is no classification: it would be 0 whatever the model gives
    """
    if type(loss_function) is CrossEntropyLoss and isinstance(outputs, Var) and len(targets) == 1:
        shape, target = tuple(outputs.shape), targets[0]
        wanted, kind = tuple(getattr(target, "shape", ())), getattr(target, "dtype", "no dtype")
        numbers = str(kind).startswith("float") and wanted != shape
        if numbers or len(shape) < 2 or shape[1] == 1:
            what = "Cross-entropy compares outputs for several classes with class numbers."
            expected = "outputs (N, classes), targets (N,) of whole numbers"
            hint = "loss_function=nn.MSELoss() to predict numbers; an output for each of two classes"
            raise ArgumentError(what, got=f"outputs {shape}, targets {wanted} of {kind}", expected=expected, hint=hint)
    return loss_function(outputs, *targets)


def map_outputs(function: Callable[[Any], Any], outputs: Any) -> Any:
    """Apply a function to what a model gives: a tensor, or tuples, lists and dicts of tensors."""
    if isinstance(outputs, dict):
        return {k: map_outputs(function, v) for k, v in outputs.items()}
    if isinstance(outputs, tuple | list):
        return type(outputs)([map_outputs(function, v) for v in outputs])
    return function(outputs)


def add_figures(
    sums: Sums, loss: float, metrics: Mapping[str, Metric], outputs: Any, targets: Sequence[Any], size: int
) -> None:
    """Add what is told of a batch, its loss and its metrics, means over the batch, to sums over samples."""
    figures = {"loss": loss, **{name: float(metric(outputs, *targets)) for name, metric in metrics.items()}}
    for name, value in figures.items():
        sums[name] = sums.get(name, 0.0) + value * size


def means(sums: Sums, samples: int) -> Sums:
    """Divide sums over samples by how many there were."""
    return {name: value / samples if samples else math.nan for name, value in sums.items()}


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Put a model into evaluation mode without gradients, and each of its modules back into the mode it had."""
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def evaluated(
    model: Module, data: Iterable[Any], judge: Callable[..., Any], metrics: Mapping[str, Metric],
    pause: Callable[[], None] | None = None,
) -> Sums:  # fmt: skip
    """Compute mean loss and metrics over batches; judge: gives outputs and loss; pause: is called after each batch."""
    sums, samples = dict.fromkeys(["loss", *metrics], 0.0), 0
    with evaluating(model):
        for batch in data:
            inputs, targets, size = parts_of(batch)
            fall_asleep()
            outputs, loss = judge(inputs, *targets)
            add_figures(sums, float(loss.item()), metrics, outputs, targets, size)
            if pause is not None:
                pause()
            samples += size
    if not samples:
        raise TrainingError("The data to evaluate on gave no batch.", hint="a set with samples, or valid=None")
    return means(sums, samples)
