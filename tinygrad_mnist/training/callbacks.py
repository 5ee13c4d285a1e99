"""What may happen between batches and epochs: keep the best weights, stop early, write a log, or anything of a user's.

A callback sees the Run (run.py): its model, optimizer, history, epoch, batch; `run.stop(reason)` ends the training.
Read after history.py.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

from ..core.errors import ArgumentError, DTypeError
from ..core.files import check_output, output_path, write_whole
from ..nn import Module
from ..nn.module import registered
from ..nn.nesting import join
from ..optim.optimizer import Optimizer, check_at_least
from ..tensors.tensor import Tensor
from .history import History


class Training(Protocol):
    """What callbacks look at: a Run (run.py). Its other settings are there, too: run.epochs, run.schedule."""

    epoch: int
    batch: int
    loss: float
    history: History

    @property
    def model(self) -> Module: ...
    @property
    def optimizer(self) -> Optimizer: ...
    @property
    def columns(self) -> list[str]: ...
    def stop(self, reason: str) -> None:
        """End the training after this batch, or this epoch if called at its end."""


class Callback:
    """Base: write the methods that are wanted. What `state_dict` gives is kept in checkpoints."""

    def reset(self) -> None:
        """Forget an earlier training: this one is another."""

    def on_start(self, run: Training) -> None:
        """Look at the run before its first batch, also of one that is resumed."""

    def on_batch_start(self, run: Training) -> None:
        """Act before a training batch."""

    def looks(self, run: Training) -> bool:
        """Say whether `on_loss` is to see the next step, which then runs as plain Python even where it is compiled."""
        return True

    def on_loss(self, run: Training, loss: Tensor, outputs: Any, inputs: Any, targets: list[Any]) -> None:
        """Look at a step between its loss and its backward pass, while the graph of the loss lives; change nothing."""

    def on_batch_end(self, run: Training) -> None:
        """Act after a training batch; run.loss is its loss."""

    def on_epoch_end(self, run: Training) -> None:
        """Act after an epoch and its validation; run.history[-1] has the figures."""

    def on_end(self, run: Training) -> None:
        """Act when the training ends, for whatever reason: after an error (of another callback, too) and Ctrl-C."""

    def state_dict(self) -> dict[str, Any]:
        """Give what a resumed run must know: arrays, numbers, strings, lists and dicts of them."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""


FOREIGN = (
    "on_train_begin", "on_train_start", "on_train_end", "on_fit_start", "on_fit_end", "on_epoch_begin",
    "on_epoch_start", "on_train_epoch_start", "on_train_epoch_end", "on_batch_begin", "on_train_batch_start",
    "on_train_batch_begin", "on_train_batch_end", "on_validation_end", "on_validation_epoch_end", "on_test_end",
)  # fmt: skip


def check_callbacks(who: str, callbacks: object) -> None:
    """Raise DTypeError for what is no list of callbacks; warn of methods that other frameworks would call."""
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        got = f"{type(callbacks).__name__}"
        raise DTypeError(f"{who}: callbacks must be a list.", got=got, hint="callbacks=[EarlyStopping(patience=5)]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            name = callback.__name__ if isinstance(callback, type) else type(callback).__name__
            hint = "write a class derived from tg.training.Callback"
            if isinstance(callback, type):
                hint = f"{name}(...), with brackets: an object"
            elif name == "Checkpoint":
                hint = "fit(checkpoint=...) takes it"
            raise DTypeError(f"{who}: {name} is no callback.", expected="Callback objects", hint=hint)
        for name in FOREIGN:
            if hasattr(type(callback), name):
                known = ", ".join(name for name in vars(Callback) if name.startswith("on_"))
                warnings.warn(f"{who}: nothing calls {type(callback).__name__}.{name}; there are {known}", stacklevel=3)


def give_back(model: Module, state: dict[str, Tensor], empty: bool = False) -> None:
    """Load a state dict of this model; buffers may be None, or of another shape, now. empty: or may have been None."""
    now = model.state_dict()
    for path, module in model.named_modules():
        for name in (name for name, persistent in registered(module).items() if persistent):
            key = join(path, name)
            if key not in state and empty:
                setattr(module, name, None)
            elif key in state and (key not in now or now[key].shape != state[key].shape):
                setattr(module, name, state[key].clone())
    model.load_state_dict(state)


class KeepBest(Callback):
    """Copy the weights whenever a figure is better than ever, and give them to the model when the training ends.

    Every end counts: all epochs done, stopped, an error, Ctrl-C. Before the first epoch is finished there is nothing to
    give, and the model keeps what it has.

    Args:
        monitor: a column of the history, by default valid_loss, or train_loss without validation
        mode: "min" or "max"; may be left out for columns that end in loss (min), accuracy or score (max)
    Raises:
        ArgumentError: for another mode, and when the training starts for a column that will not be there
    """

    _own: tuple[str, ...] = ("best", "best_epoch", "kept")  # what its state is

    def __init__(self, monitor: str | None = None, mode: str | None = None) -> None:
        if mode not in (None, "min", "max"):
            raise ArgumentError(f"{type(self).__name__}: mode {mode!r} is unknown.", expected="'min' or 'max'")
        self.monitor, self.mode = monitor, mode
        self.reset()

    def reset(self) -> None:
        """Forget the weights of an earlier training."""
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.kept: dict[str, Tensor] | None = None

    def column(self, run: Training) -> str:
        """Name the column that is watched."""
        return self.monitor or ("valid_loss" if "valid_loss" in run.columns else "train_loss")

    def better(self, value: float, than: float | None, by: float = 0.0, *, column: str = "loss") -> bool:
        """Compare two figures; one that is not a number is never better."""
        if math.isnan(value) or than is None:
            return not math.isnan(value)
        less = self.mode == "min" if self.mode else column.endswith("loss")
        return value < than - by if less else value > than + by

    def on_start(self, run: Training) -> None:
        """Check that the figure will be there."""
        column = self.column(run)
        if column not in run.columns:
            ending = column.rpartition("_")[2]
            alike = [c for c in reversed(run.columns) if c.endswith(f"_{ending}")]  # valid_... before train_...
            validated = any(c.startswith("valid_") for c in run.columns)
            hint = "valid=... (in an estimator early_stopping=True) for figures on data that is not trained on"
            hint = f"monitor={alike[0]!r}" if alike and (validated or column == ending) else "" if validated else hint
            what = f"{type(self).__name__}: the history will have no column {column!r}."
            raise ArgumentError(what, expected=", ".join(run.columns), hint=hint)
        if self.mode is None and not column.endswith(("loss", "accuracy", "score")):
            wanted = "mode='min' or mode='max'"
            raise ArgumentError(f"{type(self).__name__}: is less better, or more, of {column}?", expected=wanted)

    def on_epoch_end(self, run: Training) -> None:
        """Copy the weights if they are the best so far."""
        column = self.column(run)
        value = run.history[-1][column]
        if self.better(value, self.best, column=column):
            self.best, self.best_epoch = value, len(run.history)
            self.kept = {name: x.clone() for name, x in run.model.state_dict().items()}

    def on_end(self, run: Training) -> None:
        """Give the model its best weights back."""
        if self.kept is not None:
            give_back(run.model, self.kept, empty=True)
            run.history.best_epoch = self.best_epoch

    def state_dict(self) -> dict[str, Any]:
        """Give the best figure and the weights that had it."""
        return {name: getattr(self, name) for name in self._own}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue."""
        vars(self).update({name: state_dict[name] for name in self._own})


class EarlyStopping(KeepBest):
    """Stop when a figure has not got better for `patience` epochs; the model ends with its best weights.

    Args:
        patience: epochs without progress that are one too many
        min_delta: how much better counts as progress
        monitor, mode: as in KeepBest
    Source:
        Prechelt 1998 (Early Stopping - But When?), criterion UP
    """

    _own = (*KeepBest._own, "mark", "waited")

    def __init__(
        self, patience: int = 5, min_delta: float = 0.0, monitor: str | None = None, mode: str | None = None
    ) -> None:
        super().__init__(monitor, mode)
        check_at_least("EarlyStopping", 1, patience=patience)
        check_at_least("EarlyStopping", 0, min_delta=min_delta)
        self.patience, self.min_delta = patience, min_delta

    def reset(self) -> None:
        """Forget an earlier training."""
        super().reset()
        self.mark: float | None = None  # the figure at the last progress
        self.waited = 0

    def on_epoch_end(self, run: Training) -> None:
        """Count epochs without progress."""
        super().on_epoch_end(run)
        column = self.column(run)
        value = run.history[-1][column]
        if self.better(value, self.mark, self.min_delta, column=column):
            self.mark, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            nan = ", being no number" if math.isnan(value) else ""
            run.stop(f"early stopping: {column} has not got better for {self.waited} epochs{nan}")


class Log(Callback):
    """Write the history to a file after every epoch: .csv with a head line, or .jsonl with an object per line.

    The file is whole at any moment, and a resumed run continues it; a new run replaces it.

    Raises:
        ArgumentError: for another suffix
        OutputError: if it cannot be written
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = output_path(path, "Log")
        if self.path.suffix not in (".csv", ".jsonl"):
            raise ArgumentError("Log: the file's name tells its form.", got=str(path), expected="*.csv or *.jsonl")

    def on_start(self, run: Training) -> None:
        """Make sure, before the work begins, that the file can be written."""
        check_output(self.path, "Log")

    def on_epoch_end(self, run: Training) -> None:
        """Write all rows."""
        rows, stream = list(run.history), io.StringIO()
        if self.path.suffix == ".jsonl":  # JSON knows no nan
            for row in rows:
                print(json.dumps({k: v if math.isfinite(v) else None for k, v in row.items()}), file=stream)
        else:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        write_whole(self.path, stream.getvalue().encode(), "Log")
