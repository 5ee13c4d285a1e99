"""`fit`: train a model without writing the loop. `evaluate` and `predict`: what one does with it then.

Here arguments are read and checked; run.py has the loop. Read last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError, shown
from ..core.graph import Array
from ..nn import CrossEntropyLoss, Module
from ..optim import Adam, Optimizer
from ..optim.lr_scheduler import ReduceLROnPlateau, Scheduler
from ..optim.optimizer import check_at_least
from ..optim.schedule import check_whole
from .callbacks import Callback, check_callbacks
from .checkpoint import Checkpoint
from .evaluation import batch_loss, evaluated, evaluating, map_outputs, model_outputs
from .history import History
from .metrics import as_array, metrics_by_name
from .progress import Progress
from .run import Run
from .settings import Settings
from .sources import as_loader, in_dtype


def fit(
    model: Module, train: Any, *, epochs: int = 10, valid: Any = None, batch_size: int = 64,
    loss_function: Callable[..., Any] | None = None, optimizer: Optimizer | None = None, metrics: Any = None,
    schedule: Scheduler | None = None, schedule_every: str = "epoch", l2: float = 0.0, clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (), checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    resume: bool = False, compile: bool | str = False, progress: bool | None = None, on_interrupt: str = "raise",
) -> History:  # fmt: skip
    """Train a model on batches of (inputs, targets), and tell how it went.

    Math:
        minimises loss + l2/2 · Σ w² over parameters with two or more dimensions (biases are left alone)
    Args:
        train, valid: a DataLoader, a dataset, a tuple (inputs, targets) of arrays or tensors (inputs being a tuple of
            them for a model of several arguments), or anything that yields batches anew for each epoch; what is no
            loader is shuffled (train only) and cut by batch_size; a list is a dataset of samples, not of batches
        loss_function: of (outputs, *targets), a mean over the batch; cross-entropy unless given
        optimizer: Adam with lr 1e-3 unless given; its weight_decay reaches biases too, and with AdamW is no l2
        metrics: names ("accuracy") or functions of (outputs, *targets) by name; None: accuracy for classification
        schedule_every: "epoch" or "batch", when schedule.step() is called
        clip_norm: largest norm of all gradients together
        callbacks: what is called along the way: EarlyStopping, KeepBest, TensorBoard ..., or a Callback of your own
        checkpoint: a path, or Checkpoint(path, ...): with resume=True a run that was killed, by whatever and whenever,
            goes on from there and ends with the bits it would have had
        compile: True or a backend's name for `tg.compile`'s replay of the step
        progress: None for a bar per epoch in a terminal or a notebook (with tqdm), elsewhere a line per epoch; True
            insists on bars; False is silence
        on_interrupt: "raise" KeyboardInterrupt after Ctrl-C, or "return" the history; either way the batch under way is
            finished, the checkpoint written and callbacks told; a second Ctrl-C does not wait for the batch
    Raises:
        ArgumentError, DTypeError: for arguments that do not fit
        TrainingError: if the loss stops being finite

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
        >>> x = tg.rand(200, 2)
        >>> y = (x[:, 0] > x[:, 1]).long()
        >>> history = tg.training.fit(model, (x, y), epochs=2, progress=False)
        >>> [row["epoch"] for row in history]
        [1, 2]
    """
    if not isinstance(model, Module):
        raise DTypeError("fit: the first argument must be a Module.", got=type(model).__name__, hint="fit(model, data)")
    check_at_least("fit", 0, l2=l2)
    check_whole("fit", epochs=epochs, batch_size=batch_size)
    for name, word, allowed in (
        ("schedule_every", schedule_every, ("epoch", "batch")), ("on_interrupt", on_interrupt, ("raise", "return")),
    ):  # fmt: skip
        if word not in allowed:
            raise ArgumentError(f"fit: {name} is {word!r}.", expected=" or ".join(map(repr, allowed)))
    loss = checked_loss("fit", loss_function)
    optimizer = Adam(model.parameters()) if optimizer is None else optimizer
    if isinstance(optimizer, type) or not hasattr(optimizer, "param_groups"):
        hint = "optimizer=tg.optim.Adam(model.parameters(), lr=1e-3)"
        raise DTypeError("fit: optimizer must be an Optimizer.", got=_named(optimizer), hint=hint)
    if isinstance(schedule, type) or not (schedule is None or hasattr(schedule, "optimizer")):
        hint = "schedule=tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)"
        raise DTypeError("fit: schedule must be a schedule of that optimizer.", got=_named(schedule), hint=hint)
    check_callbacks("fit", callbacks)
    if schedule is not None and schedule.optimizer is not optimizer:
        raise ArgumentError("fit: the schedule is of another optimizer.", hint="pass the one it was made with")
    if isinstance(schedule, ReduceLROnPlateau) and schedule_every == "batch":
        raise ArgumentError("fit: ReduceLROnPlateau looks at epochs.", expected="schedule_every='epoch'")
    if isinstance(schedule, ReduceLROnPlateau) and schedule.mode == "max":
        raise ArgumentError("fit: ReduceLROnPlateau looks at the validation loss.", expected="mode='min'")
    if clip_norm is not None:
        check_at_least("fit", 0, clip_norm=clip_norm)
        if clip_norm == 0:
            raise ArgumentError("fit: clip_norm must be positive.", hint="clip_norm=None for no limit")
    if resume and checkpoint is None:
        raise ArgumentError("fit: resume=True needs a checkpoint to go on from.", hint="checkpoint='run.npz'")
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        hint = "make it from model.parameters(), after the model"
        raise ArgumentError("fit: the optimizer has no parameter of this model.", hint=hint)
    run = Run(Settings(
        model, as_loader(train, batch_size, shuffle=True), None if valid is None else as_loader(valid, 500),
        epochs=epochs, loss_function=loss, optimizer=optimizer, metrics=metrics_by_name(metrics, loss, "fit"),
        schedule=schedule, schedule_every=schedule_every, l2=l2, clip_norm=clip_norm, callbacks=list(callbacks),
        checkpoint=checkpoint if checkpoint is None or isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint),
        compile="numpy" if compile is True else compile or None, progress=Progress(progress),
    ))  # fmt: skip
    try:
        return run.go(resume)
    except KeyboardInterrupt:
        if on_interrupt == "return":
            return run.history
        raise
    finally:  # once more: an exception out of a signal may have come before the first line of its __exit__
        run.interrupt.end()


def checked_loss(who: str, loss_function: Callable[..., Any] | None) -> Callable[..., Any]:
    """Give cross-entropy where no loss is named; refuse names and classes."""
    loss: Callable[..., Any] = CrossEntropyLoss() if loss_function is None else loss_function
    if isinstance(loss, type) or not callable(loss):
        what = f"{who}: loss_function must be a function of (outputs, *targets)."
        raise DTypeError(what, got=_named(loss), hint="loss_function=nn.MSELoss(), with brackets: an object")
    return loss


def _named(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else shown(value)


def evaluate(
    model: Module, data: Any, loss_function: Callable[..., Any] | None = None, metrics: Any = None,
    batch_size: int = 500,
) -> dict[str, float]:  # fmt: skip
    """Compute the mean loss and metrics of a model, in evaluation mode and without gradients; arguments are fit's.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> sorted(tg.training.evaluate(model, (tg.rand(9, 2), tg.zeros(9, dtype=tg.int64))))
        ['accuracy', 'loss']
    """
    loss = checked_loss("evaluate", loss_function)

    def judge(inputs: Any, *targets: Any) -> Any:
        outputs = model_outputs(model, inputs)
        return outputs, batch_loss(loss, outputs, targets)

    loader = as_loader(data, batch_size, who="evaluate")
    return evaluated(model, loader, judge, metrics_by_name(metrics, loss, "evaluate"))


def predict(model: Module, inputs: Any, batch_size: int = 500) -> Any:
    """Compute the outputs of a model for many inputs, batch by batch, in evaluation mode and without gradients.

    Shapes:
        inputs (N, *A) array or tensor, or a tuple of them for a model of several arguments -> array (N, *B) of
        whatever the model gives, or a tuple or dict of such arrays; a single input (N,) goes through at once
    Raises:
        DTypeError: for datasets and loaders
        ShapeError: for a single sample (M,) where its outputs are not M

    Example:
        >>> tg.training.predict(nn.Linear(784, 10), tg.rand(1000, 784)).shape
        (1000, 10)
    """
    several = isinstance(inputs, tuple)
    given = inputs if several else (inputs,)
    if not all(hasattr(x, "shape") or (isinstance(x, Sequence) and not isinstance(x, str)) for x in given):
        got = " and ".join(type(x).__name__ for x in given)
        hint = "predict(model, x); of a loader: [model(x) for x, _ in loader] under tg.no_grad(), after model.eval()"
        raise DTypeError("predict: the inputs must be an array or a tensor, or a tuple of them.", got=got, hint=hint)
    kind = next((p.dtype for p in model.parameters()), np.dtype(np.float32))  # that Python's floats are taken for
    values = [as_array(x) if hasattr(x, "shape") else in_dtype(np.asarray(x), kind) for x in given]
    count = len(values[0]) if values[0].ndim else 1
    single = not several and values[0].ndim < 2  # one number per sample, or one sample, which must not be cut
    size = max(count, 1) if single else batch_size
    pieces = []
    with evaluating(model):
        for i in range(0, max(count, 1), size):
            part = [v[i : i + size] if v.ndim else v for v in values]
            pieces.append(map_outputs(as_array, model_outputs(model, tuple(part) if several else part[0])))
    if single:
        map_outputs(lambda outputs: check_count(outputs, count, values[0].shape), pieces[0])
    return joined(pieces)


def joined(pieces: list[Any]) -> Any:
    """Put the outputs for batches together."""
    if isinstance(pieces[0], dict):
        return {k: np.concatenate([p[k] for p in pieces]) for k in pieces[0]}
    if isinstance(pieces[0], tuple | list):
        return tuple(np.concatenate(part) for part in zip(*pieces, strict=True))
    return np.concatenate(pieces)


def check_count(outputs: Array, count: int, shape: tuple[int, ...]) -> None:
    """Raise unless there is an output for each sample."""
    if outputs.ndim == 0 or len(outputs) != count:
        got, wanted = f"inputs {shape}, outputs {outputs.shape}", "inputs (N, ...) and outputs (N, ...)"
        hint = "x[None] for a single sample"
        raise ShapeError("predict: the model does not give one output per sample.", got=got, expected=wanted, hint=hint)
