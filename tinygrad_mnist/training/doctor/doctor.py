"""The doctor: tells what is wrong with a training of `fit`, with a loop of one's own, or with a model and one batch.

It changes nothing: weights, gradients and random numbers are what they would be without it. Read after judge.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, shown
from ...core.graph import Var
from ...nn import Module
from ...optim import Optimizer
from ...tensors.tensor import Tensor
from ..callbacks import Callback, Training
from ..evaluation import map_outputs, parts_of
from ..fit import checked_loss
from .checkup import Checkup, by_heart, first_look
from .gradients import Gradients
from .judge import Judge
from .look import Look, finite
from .rules import RULES, Rule
from .symptom import Verdict

USE = "doctor.watch(model, optimizer) before the loop; in it doctor.step(loss, outputs, targets, inputs)"


class Doctor(Callback):
    """Tell what is wrong with a training: `fit(..., callbacks=[Doctor()])`, or in a loop of one's own.

    In a loop: `doctor.watch(model, optimizer)` before it; in it `doctor.step(loss, outputs, targets, inputs)` when the
    loss is there, before `loss.backward()`; `doctor.epoch(valid_loss)` after each epoch. `doctor.check(model, batch)`
    needs no training. It looks at every second of the first 80 steps and at every 100th later; where steps are compiled
    at every fourth and at every 400th.

    Args:
        off: names of symptoms not to look for, out of `RULES`
        rules: other rules by name, as {"dead_relu": RULES["dead_relu"]._replace(limit=0.7)}
        say: is called with each verdict's text, at once
        stop: end the training (of `fit`) at the first verdict
    Raises:
        ArgumentError: for a name that is no symptom's
    Source:
        Zhang et al. 2021 (AUTOTRAINER); Ben Braiek and Khomh 2023 (TheDeepChecker), whose checks have warm-up, period,
        window and patience. The limits are measured: `examples/training_doctor.py --measure`
    """

    def __init__(
        self, off: Iterable[str] = (), rules: Mapping[str, Rule] | None = None, say: Callable[[str], Any] = print,
        stop: bool = False,
    ) -> None:  # fmt: skip
        if isinstance(off, str):
            raise DTypeError("Doctor: off must be a list of names.", got=shown(off), hint=f"off=[{off!r}]")
        if not callable(say):
            raise DTypeError("Doctor: say must be a function of a text.", got=shown(say), hint="say=print")
        self.off, self.rules, self.say, self.stop = frozenset(off), {**RULES, **(rules or {})}, say, stop
        for name in (*self.off, *self.rules):
            if name not in RULES:
                raise ArgumentError(f"Doctor: there is no symptom {name!r}.", expected=", ".join(RULES))
            if not isinstance(self.rules[name], Rule):
                hint = f"RULES[{name!r}]._replace(limit=...)"
                raise DTypeError(f"Doctor: this is no rule for {name}.", got=shown(self.rules[name]), hint=hint)
        self.reset()

    def reset(self) -> None:
        """Forget an earlier training."""
        self._judge = Judge(self.rules, self.off, self.say)
        self._gradients: Gradients | None = None

    def __repr__(self) -> str:
        found = ", ".join(v.name for v in self.verdicts) or "nothing found"
        return f"Doctor({self._judge.steps:,} steps: {found})"

    @property
    def verdicts(self) -> list[Verdict]:
        """What was found, in the order in which it was said."""
        return self._judge.verdicts

    @property
    def hints(self) -> list[Verdict]:
        """What was suspected."""
        return self._judge.hints

    @property
    def worst(self) -> dict[str, float]:
        """The most alarming figure of each symptom so far, found or not."""
        return self._judge.worst

    # ------------------------------------------------------------ in fit

    def on_start(self, run: Training) -> None:
        """Take in the model and the optimizer."""
        self._judge.watch(run.model, run.optimizer)
        self._judge.sparing = getattr(run, "compile", None) is not None

    def looks(self, run: Training) -> bool:
        """Say whether the next step is looked at: as Python, where it runs as such anyway, each one is glanced at."""
        self._due = self._judge.due()
        return self._due or not self._judge.sparing

    def on_loss(self, run: Training, loss: Tensor, outputs: Any, inputs: Any, targets: list[Any]) -> None:
        """Look at a step, or see at a glance that its loss is a number."""
        if self._due or not math.isfinite(loss.array):
            self._judge.begin(loss, outputs, targets[0] if len(targets) == 1 else None, inputs)

    def on_batch_end(self, run: Training) -> None:
        """Judge what was seen, now that the weights have changed."""
        self._judge.finish(run.loss)
        self._judge.steps += 1
        if self.stop:
            self._stop(run)

    def on_epoch_end(self, run: Training) -> None:
        """Judge the epoch."""
        row = run.history[-1]
        self._judge.end_epoch(row["train_loss"], row.get("valid_loss"))
        if self.stop:
            self._stop(run)

    def _stop(self, run: Training) -> None:
        if self.verdicts:
            run.stop(f"doctor: {self.verdicts[0].name.replace('_', ' ')}")

    def on_end(self, run: Training) -> None:
        """Find out where numbers stopped being finite, if that ended the training."""
        ended, seen = [n for n, p in run.model.named_parameters() if not finite(p.array)], self._judge.pending
        if seen is None or not seen.bad:
            if not ended and (math.isfinite(run.loss) or not self._judge.steps):
                return
            where = f"{ended[0]} holds" if ended else "it holds"  # a compiled step, which was not looked at
            seen = Look(0, math.nan, bad=f"{where} no finite numbers any more; compile=False tells the operation")
        seen.step, seen.loss, course = self._judge.steps + 1, math.nan, self._judge.course
        self._judge.pending = None
        self._judge.streaks["exploding"] = self.rules["exploding"].patience
        self._judge.judge(seen, lambda symptom: symptom.take(seen, course), only="exploding")

    def state_dict(self) -> dict[str, Any]:
        """Give what was said, and what a resumed training cannot see again."""
        return self._judge.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue."""
        self._judge.load_state_dict(state_dict)

    # ------------------------------------------------------------ in a loop of one's own

    def watch(self, model: Module, optimizer: Optimizer) -> None:
        """Begin with another training.

        Raises:
            DTypeError: unless they are a model and an optimizer
        """
        if not isinstance(model, Module) or not isinstance(optimizer, Optimizer):
            got = f"{type(model).__name__}, {type(optimizer).__name__}"
            raise DTypeError("Doctor.watch: expected a model and its optimizer.", got=got, hint=USE)
        self.reset()
        self._judge.watch(model, optimizer)
        self._gradients = Gradients(optimizer)

    def step(self, loss: Any, outputs: Any, targets: Any, inputs: Any = None) -> None:
        """Look at a step, between its loss and its backward pass. inputs: of the model; without them less is confirmed.

        Raises:
            ArgumentError: before `watch`, and for a loss without a living graph: after backward, under no_grad, or out
                of a compiled step (there use `fit`)
        """
        if self._gradients is None:
            raise ArgumentError("Doctor.step: nothing is watched yet.", hint=USE)
        if not isinstance(loss, Var) or loss.node is None or loss.node.freed_by is not None:
            what = "Doctor.step: the loss has no graph, or no more."
            raise ArgumentError(what, got=shown(loss), expected="a loss, before loss.backward()", hint=USE)
        judge, again = self._judge, self._gradients.added(loss)
        judge.finish(float(loss.array.mean()))
        if judge.due() or not finite(loss.array):
            seen = judge.begin(loss, outputs, targets, inputs)
            seen.again = again
            if seen.bad:
                judge.streaks["exploding"] = self.rules["exploding"].patience
                judge.finish()
        judge.steps += 1

    def epoch(self, valid_loss: float | None = None, train_loss: float | None = None) -> None:
        """Judge an epoch. train_loss: the mean of its losses; unless given, of those that were looked at.

        Raises:
            ArgumentError: before `watch`
        """
        if self._gradients is None:
            raise ArgumentError("Doctor.epoch: nothing is watched yet.", hint=USE)
        seen = [x.loss for x in self._judge.course.epoch] or [math.nan]
        train = float(np.mean(seen)) if train_loss is None else float(train_loss)
        self._judge.end_epoch(train, None if valid_loss is None else float(valid_loss))

    # ------------------------------------------------------------ alone

    def check(
        self, model: Module, batch: Any, loss_function: Callable[..., Any] | None = None, samples: int = 16,
        steps: int = 1000, lr: float = 1e-3,
    ) -> Checkup:  # fmt: skip
        """Examine a model on one batch: the graph of its loss, and whether a copy can learn a few samples by heart.

        The copy is trained with Adam and without dropout until at most 5 % of the samples are wrong (of numbers: until
        5 % of the first loss is left), in a second try with ten times the rate; the model stays as it is.

        Args:
            batch: (inputs, targets)
            loss_function: cross-entropy unless given
        Source:
            Karpathy 2019 (A Recipe for Training Neural Networks); TheDeepChecker's 16 samples and 1,000 steps
        """
        if not isinstance(model, Module):
            raise DTypeError("Doctor.check: model must be a Module.", got=shown(model))
        for name, value in (("samples", samples), ("steps", steps)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ArgumentError(f"Doctor.check: {name} must be a whole number from 1.", got=repr(value))
        loss, (inputs, targets, _) = checked_loss("Doctor.check", loss_function), parts_of(batch)
        seen = first_look(copy.deepcopy(model), inputs, targets, loss)
        few, theirs = (map_outputs(lambda x: x[:samples], part) for part in (inputs, targets))
        found, _ = by_heart(model, few, theirs, loss, steps, lr, self.rules["stuck"].limit)
        found.verdicts = Judge(self.rules, self.off, lambda text: None).exact(model, seen, found)
        return found
