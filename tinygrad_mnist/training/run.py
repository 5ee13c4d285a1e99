"""One training under way: the loop over epochs and batches, and everything that callbacks and checkpoints look at.

A Run is its settings, which stay, and where it stands, which a checkpoint keeps. Read after step.py; fit.py is the
door.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..core.errors import TrainingError
from ..core.explain import outside
from ..core.graph import Array, Var
from ..nn import Module
from ..nn.nesting import join
from ..optim.lr_scheduler import ReduceLROnPlateau
from .callbacks import Callback, KeepBest, give_back
from .evaluation import Sums, add_figures, evaluated, means, parts_of
from .history import History, Row
from .interrupt import HeldInterrupt
from .settings import Settings
from .sources import batches_after
from .step import Step, not_finite

PLACE = ("epoch", "batch", "sums", "samples", "sizes", "stopping", "epoch_generators")  # where a run stands
CALM = "a lower lr; inputs (and targets that are numbers) scaled to about 0 to 1 (pixels / 255); clip_norm=1.0"


class Run(Settings):
    """A training: made by `fit`, seen by callbacks. Its settings are attributes, too.

    epoch, batch: how many are finished, batches of the present epoch; loss, latest: of the latest batch, and itself;
    history: a row per finished epoch; columns: what a row will have.
    """

    __setattr__ = object.__setattr__  # settings are frozen, what a run makes of them is not

    def __init__(self, settings: Settings) -> None:
        super().__init__(**vars(settings))
        self.history = History()
        self.epoch = self.batch = self.samples = 0
        self.loss = math.nan
        self.latest: tuple[Any, list[Any]] | None = None  # inputs and targets of the latest batch
        self.sums: Sums = {}
        self.sizes: dict[str, int] = {}  # of the batches so far, with their number: a compiled step has a plan for each
        self.spent, self.began = 0.0, time.perf_counter()  # seconds of this epoch before it was resumed, and since when
        self.stopping = ""
        self.epoch_generators: list[Any] = []  # their states when the epoch began
        self.before: list[Any] | None = None  # ... and when the validation under way did
        self.whole = False  # at places where a checkpoint may be written
        self.loose: dict[str, Array] = {}  # tensors of modules that are no buffers, as they were
        self.interrupt, self.step = HeldInterrupt(), Step(self)

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
                if self.checkpoint is not None or any(isinstance(c, KeepBest) for c in self.callbacks):
                    self.loose = {k: x.copy() for k, x in unregistered(self.model).items()}
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

    def _last(self, work: Callable[[], object], error: BaseException | None) -> BaseException | None:
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
            self.tell("on_batch_start")
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
        if not all(np.isfinite(p.array).all() for p in self.step.parameters):
            raise TrainingError(f"fit: weights are no longer finite after epoch {self.epoch + 1}.", hint=CALM)
        self.history.rows.append({"epoch": self.epoch + 1, **row, "lr": lr, "seconds": self.elapsed()})
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(row.get("valid_loss", row["train_loss"]))
        elif self.schedule is not None and self.schedule_every == "epoch":
            self.schedule.step()
        self.progress.end(**row)
        self._check_registered()
        self.epoch, self.batch, self.samples, self.sums, self.spent = self.epoch + 1, 0, 0, {}, 0.0
        self.tell("on_epoch_end")
        if self.checkpoint is not None:
            self.checkpoint.write(self)
        self.pause()

    def _batches(self) -> Iterator[Any]:
        """Begin the epoch's pass over the training data, or go on where a checkpoint was written."""
        if self.batch == 0:
            self.epoch_generators = self.generator_states()
            self.sums = dict.fromkeys(["loss", *self.metrics], 0.0)
            return iter(self.loader)
        now = self.generator_states()
        self.set_generators(self.epoch_generators)
        batches = batches_after(self.loader, self.batch)
        self.set_generators(now)
        return batches

    def elapsed(self) -> float:
        """Count the seconds of this epoch so far."""
        return self.spent + (time.perf_counter() - self.began if self.batch or self.samples else 0.0)

    # ------------------------------------------------------------ one batch

    def _batch(self, batch: Any) -> None:
        inputs, targets, size = parts_of(batch)
        self.sizes[str(size)] = self.sizes.get(str(size), 0) + 1
        self.latest = inputs, targets
        outputs, loss = self.step(inputs, targets)
        self.loss = float(loss.item())
        if not math.isfinite(self.loss):
            lr, hint = self.optimizer.param_groups[0]["lr"], CALM
            got = f"epoch {self.epoch + 1}, batch {self.batch + 1}, lr {lr:g}"
            if bad := not_finite(inputs, targets):
                got, hint = f"{got}; {bad}", f"np.isfinite finds these numbers: leave them out or fill them; or {CALM}"
            raise TrainingError(f"fit: the loss became {self.loss}.", got=got, expected="a finite loss", hint=hint)
        if self.schedule is not None and self.schedule_every == "batch":
            self.schedule.step()
        add_figures(self.sums, self.loss, self.metrics, outputs, targets, size)
        self.samples += size
        self.batch += 1

    # ------------------------------------------------------------ validation

    def evaluate(self, data: Iterable[Any]) -> Sums:
        """Compute mean loss and metrics in evaluation mode, without gradients."""
        return evaluated(self.model, data, self.step.judge, self.metrics)

    def _validate(self) -> Sums:
        """Do so with the validation data; after Ctrl-C on the way, a resumed run does all of it again."""
        self.before = self.generator_states()
        found = evaluated(self.model, self.valid, self.step.judge, self.metrics, self.pause)
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
                self.step(inputs, targets)
            if not missing:
                break
        for _ in range(min(self.epoch, 2) if self.valid is not None else 0):
            self.evaluate(self.valid)
        return True

    # ------------------------------------------------------------ what a checkpoint keeps

    def state_dict(self) -> dict[str, Any]:
        """Give all that a killed run needs to go on, as `tg.save` takes it."""
        return {
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule is not None else None,
            "callbacks": [c.state_dict() for c in self.callbacks], "history": self.history.rows,
            **{name: getattr(self, name) for name in PLACE}, "seconds": self.elapsed(),
            "generators": self.before or self.generator_states(),
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        give_back(self.model, state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
            # the rates as they were, to the bit: a schedule may compute them from more than its own state
            for group, saved in zip(self.optimizer.param_groups, state["optimizer"]["param_groups"], strict=True):
                group["lr"] = saved["lr"]
        for callback, its in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(its)
        self.history.rows[:] = state["history"]
        for name in PLACE:
            setattr(self, name, copy.copy(state[name]))
        self.spent = state["seconds"]
        self.set_generators(state["generators"])

    def _check_registered(self) -> None:
        """Warn of what a module remembers and no state dict has: best weights, a resumed run, would be without it."""
        now = unregistered(self.model) if self.loose else {}
        changed = [k for k, x in self.loose.items() if k in now and not np.array_equal(x, now[k], equal_nan=True)]
        if changed:
            self.loose = {}  # once
            warnings.warn(
                f"fit: tensors of modules that changed in training are no buffers: {', '.join(changed)}. Checkpoints "
                "and best weights are without them. In the module: self.register_buffer(name, tensor).",
                stacklevel=outside(),
            )


def unregistered(model: Module) -> dict[str, Array]:
    """List the tensors and arrays of modules that are neither parameters nor buffers, by path."""
    known = {id(x) for x in (*model.parameters(), *model.buffers())}
    return {
        join(path, name): value.array if isinstance(value, Var) else value
        for path, module in model.named_modules() for name, value in vars(module).items()
        if isinstance(value, Var | np.ndarray) and id(value) not in known and value.dtype.kind in "fiub"
    }  # fmt: skip
