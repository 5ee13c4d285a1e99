"""One training under way: the loop over epochs and batches, and everything that callbacks and checkpoints look at.

A step depends on nothing but weights, batch, settings and generators, never on what was computed before or on time:
that is what lets a killed run end with the same bits. Read after callbacks.py; fit.py is the door.
"""

from __future__ import annotations

import itertools
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..compiler.pairs import compile
from ..core.errors import TrainingError
from ..core.graph import Var
from ..data import DataLoader
from ..functions import square
from ..functions import sum as _sum
from ..kernels.parallel import fall_asleep
from ..nn import Module
from ..nn.clip import clip_grad_norm_
from ..ops.promotion import cast
from ..optim import Optimizer
from ..optim.lr_scheduler import ReduceLROnPlateau, Scheduler
from .callbacks import Callback
from .checkpoint import Checkpoint, generators, set_generators
from .evaluation import Sums, add, call, compare, each, evaluated, figures, means, parts_of
from .history import History, Row
from .interrupt import HeldInterrupt
from .metrics import Metric, array
from .progress import Progress

CALM = "a lower lr; inputs (and targets that are numbers) scaled to about 0 to 1 (pixels / 255); clip_norm=1.0"


class Run:
    """A training: made by `fit`, seen by callbacks.

    epoch, batch: how many are finished, batches of the present epoch; loss: of the latest batch; history: a row per
    finished epoch; columns: what a row will have.
    """

    def __init__(
        self, model: Module, loader: Any, valid: Any, *, epochs: int, loss_function: Callable[..., Any],
        optimizer: Optimizer, metrics: Mapping[str, Metric], schedule: Scheduler | None, schedule_every: str, l2: float,
        clip_norm: float | None, callbacks: Sequence[Callback], checkpoint: Checkpoint | None, compile: str | None,
        progress: Progress,
    ) -> None:  # fmt: skip
        self.model, self.loader, self.valid = model, loader, valid
        self.epochs, self.loss_function, self.optimizer, self.metrics = epochs, loss_function, optimizer, metrics
        self.schedule, self.schedule_every, self.l2, self.clip_norm = schedule, schedule_every, l2, clip_norm
        self.callbacks, self.checkpoint, self.compile, self.progress = list(callbacks), checkpoint, compile, progress
        self.parameters = list(model.parameters())
        self.weights = [p for p in self.parameters if p.ndim > 1]
        parts = ["train", "valid"] if valid is not None else ["train"]
        self.columns = ["epoch", *(f"{part}_{name}" for part in parts for name in ("loss", *metrics)), "lr", "seconds"]
        self.history = History()
        self.epoch = self.batch = self.samples = 0
        self.loss = math.nan
        self.sums: Sums = {}
        self.sizes: dict[str, int] = {}  # of the batches so far, with their number: a compiled step has a plan for each
        self.spent, self.began = 0.0, time.perf_counter()  # seconds of this epoch before it was resumed, and since when
        self.stopping = ""
        self.facts: dict[str, Any] = {}  # what a checkpoint compares
        self.epoch_generators: list[Any] = []  # their states when the epoch began
        self.before: list[Any] | None = None  # ... and when the validation under way did
        self.whole = False  # at places where a checkpoint may be written
        self.interrupt, self.converted = HeldInterrupt(), False
        self.step: Callable[..., Any] = self._step if compile is None else _compiled(self._step, compile)
        self.judge: Callable[..., Any] = self._judge if compile is None else _compiled(self._judge, compile)

    def stop(self, reason: str) -> None:
        """End the training after this batch, or this epoch if called at its end."""
        self.stopping = reason

    # ------------------------------------------------------------ the loop

    def go(self, resume: bool = False) -> History:
        """Train to the end, and come to an orderly end whatever happens."""
        started: list[Callback] = []
        error: BaseException | None = None
        with self.interrupt:
            try:
                for callback in self.callbacks:
                    callback.reset()
                if self.checkpoint is not None:
                    self.checkpoint.open(self, resume)
                for callback in self.callbacks:
                    started.append(callback)
                    callback.on_start(self)
                while self.epoch < self.epochs and not self.stopping:
                    self._epoch()
                self.history.ended = self.stopping or "all epochs done"
            except BaseException as caught:
                error = caught
            self.interrupt.closing = True
            if isinstance(error, KeyboardInterrupt):
                self.history.ended = "interrupted"
            elif error is not None:
                self.history.ended = f"{type(error).__name__}: {error}".splitlines()[0]
            if self.checkpoint is not None and self.whole:
                error = self._last(lambda: self.checkpoint.write(self), error)  # type: ignore[union-attr]
            error = self._last(self.progress.end, error)
            for callback in started:  # all are told, whatever one of them raises
                error = self._last(lambda told=callback: told.on_end(self), error)  # type: ignore[misc]
        try:
            if self.interrupt.asked and not isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            if error is not None:
                raise error
        finally:
            del error  # its traceback holds this frame, and with it the model
        return self.history

    def _last(self, work: Callable[[], Any], error: BaseException | None) -> BaseException | None:
        """Do a part of what ends a training; give the first error of all, with later ones as notes."""
        try:
            work()
        except BaseException as another:
            if error is None:
                return another
            error.add_note(f"then, at the end of the training, {type(another).__name__}: {another}")
        return error

    def pause(self) -> None:
        """End here, where everything is whole, if Ctrl-C was pressed."""
        self.whole = True
        self.interrupt.check()
        self.whole = False

    def tell(self, what: str) -> None:
        """Call a method of every callback."""
        for callback in self.callbacks:
            getattr(callback, what)(self)

    def _epoch(self) -> None:
        """Show every training sample to the model once, validate, and write the row."""
        batches = self._batches()
        self.began = time.perf_counter()
        total = len(self.loader) if hasattr(self.loader, "__len__") else None
        self.progress.begin(f"epoch {self.epoch + 1}/{self.epochs}", total, self.batch)
        self.model.train()
        for batch in batches:
            self._batch(batch)
            self.progress.advance(self.batch, **means(self.sums, self.samples))
            self.tell("on_batch_end")
            if self.checkpoint is not None:
                self.checkpoint.after_batch(self)
            self.pause()
            if self.stopping:
                self.whole = True
                return
        if not self.samples:
            raise TrainingError("fit: the training data gave no batch.")
        row = {f"train_{name}": value for name, value in means(self.sums, self.samples).items()}
        if self.valid is not None:
            row |= {f"valid_{name}": value for name, value in self._validate().items()}
        self._finish(row)

    def _finish(self, row: Row) -> None:
        """Close an epoch: its row, the schedule, the callbacks, the checkpoint."""
        lr = float(self.optimizer.param_groups[0]["lr"])
        if not all(np.isfinite(p.array).all() for p in self.parameters):
            raise TrainingError(
                f"fit: weights are no longer finite after epoch {self.epoch + 1}.",
                hint=CALM,
            )
        self.history.rows.append({"epoch": self.epoch + 1, **row, "lr": lr, "seconds": self.elapsed()})
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(row.get("valid_loss", row["train_loss"]))
        elif self.schedule is not None and self.schedule_every == "epoch":
            self.schedule.step()
        self.progress.end(**row)
        self.epoch, self.batch, self.samples, self.sums, self.spent = self.epoch + 1, 0, 0, {}, 0.0
        self.tell("on_epoch_end")
        if self.checkpoint is not None:
            self.checkpoint.write(self)
        self.pause()

    def _batches(self) -> Iterator[Any]:
        """Begin the epoch's pass over the training data, or go on where a checkpoint was written."""
        if self.batch == 0:
            self.epoch_generators = [g.bit_generator.state for g in generators(self)]
            self.sums = dict.fromkeys(["loss", *self.metrics], 0.0)
            return iter(self.loader)
        now = [g.bit_generator.state for g in generators(self)]
        set_generators(self, self.epoch_generators)
        if is_plain(self.loader):
            batches = self.loader.batches(self.loader.order(), self.batch)
        else:
            batches = iter(self.loader)
            for _ in itertools.islice(batches, self.batch):
                pass
        set_generators(self, now)
        return iter(batches)

    def elapsed(self) -> float:
        """Count the seconds of this epoch so far."""
        return self.spent + (time.perf_counter() - self.began if self.batch or self.samples else 0.0)

    # ------------------------------------------------------------ one batch

    def _batch(self, batch: Any) -> None:
        inputs, targets, size = parts_of(batch)
        self.sizes[str(size)] = self.sizes.get(str(size), 0) + 1
        outputs, loss = self._repeatable_step(inputs, targets)
        self.loss = float(loss.item())
        if not math.isfinite(self.loss):
            bad = not_finite(inputs, targets)
            raise TrainingError(
                f"fit: the loss became {self.loss}.",
                got=f"epoch {self.epoch + 1}, batch {self.batch + 1}, lr {self.optimizer.param_groups[0]['lr']:g}"
                + (f"; {bad}" if bad else ""),
                expected="a finite loss",
                hint=("np.isfinite finds these numbers: leave them out or fill them; or " if bad else "") + CALM,
            )
        if self.schedule is not None and self.schedule_every == "batch":
            self.schedule.step()
        add(self.sums, figures(self.metrics, self.loss, outputs, targets), size)
        self.samples += size
        self.batch += 1

    def _repeatable_step(self, inputs: Any, targets: list[Any]) -> Any:
        """Step, from the same state of the threads each time; a compiled step gets its floats in the weights' dtype."""
        kind = self.parameters[0].dtype if self.parameters else None
        if self.compile is not None and isinstance(inputs, Var) and inputs.dtype.kind == "f" and inputs.dtype != kind:
            if not self.converted:
                warnings.warn(f"fit: inputs are {inputs.dtype} and weights {kind}; all are converted.", stacklevel=2)
            self.converted = True
            inputs = cast(inputs, dtype=kind)
        fall_asleep()
        return self.step(inputs, *targets)

    def _step(self, inputs: Any, *targets: Any) -> Any:
        """Compute the loss of a batch and change the weights along its gradient."""
        outputs = call(self.model, inputs)
        loss = compare(self.loss_function, outputs, targets)
        objective = loss
        if self.l2:
            for w in self.weights:
                objective = objective + self.l2 / 2 * _sum(square(w))
        self.optimizer.zero_grad()
        objective.backward()
        if self.clip_norm is not None:
            clip_grad_norm_(self.parameters, self.clip_norm)
        self.optimizer.step()
        return each(lambda t: t.detach(), outputs), loss.detach()

    def _judge(self, inputs: Any, *targets: Any) -> Any:
        outputs = call(self.model, inputs)
        return outputs, compare(self.loss_function, outputs, targets)

    # ------------------------------------------------------------ validation

    def evaluate(self, data: Iterable[Any]) -> Sums:
        """Compute mean loss and metrics in evaluation mode, without gradients."""
        return evaluated(self.model, data, self.judge, self.metrics)

    def _validate(self) -> Sums:
        """Do so with the validation data; after Ctrl-C on the way, a resumed run does all of it again."""
        self.before = [g.bit_generator.state for g in generators(self)]
        found = evaluated(self.model, self.valid, self.judge, self.metrics, self.pause)
        self.before = None
        return found

    def warm_up(self) -> bool:
        """Have a compiled step capture and verify what it had before the run was killed; tell whether weights changed.

        That takes its first two calls, which run as plain Python and may round in another way than machine code.
        """
        if self.compile is None:
            return False
        self.model.train()
        missing = dict(self.sizes)
        for batch in self.loader:
            inputs, targets, size = parts_of(batch)
            for _ in range(min(missing.pop(str(size), 0), 2)):
                self._repeatable_step(inputs, targets)
            if not missing:
                break
        for _ in range(min(self.epoch, 2) if self.valid is not None else 0):
            self.evaluate(self.valid)
        return True


def not_finite(inputs: Any, targets: list[Any]) -> str:
    """Say which parts of a batch have numbers that are none."""
    found = []
    for name, part in (("inputs", inputs), ("targets", targets)):
        flat: list[Any] = []
        each(lambda x, flat=flat: flat.append(array(x)), part)  # type: ignore[misc]
        count = sum(int((~np.isfinite(x)).sum()) for x in flat if x.dtype.kind == "f")
        found += [f"{count} numbers of the {name} are nan or infinite"] if count else []
    return ", ".join(found)


def is_plain(loader: Any) -> bool:
    """Tell whether a loader yields what a DataLoader does, so that batches can be skipped without making them."""
    kind = type(loader)
    own = ("__iter__", "order", "batches", "fetch")
    return isinstance(loader, DataLoader) and all(getattr(kind, n) is getattr(DataLoader, n) for n in own)


def _compiled(function: Callable[..., Any], backend: str) -> Callable[..., Any]:
    compiled: Callable[..., Any] = compile(function, backend=backend)
    return compiled
