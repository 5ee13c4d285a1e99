"""What all schedules share: they change the rate that they find, and their state continues exactly.

Knows no schedule. Look next at lr_scheduler.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, StateDictError
from ..core.scope import state
from .optimizer import Optimizer


class Scheduler:
    """Base: a subclass writes `get_lr()`, or `factor(t)` for a multiple of the initial lr.

    Args:
        last_epoch: -1 to begin; otherwise the last step taken, with "initial_lr" in every group
    Raises:
        ArgumentError: where a group was added to the optimizer that the schedule has no numbers for
    """

    own: tuple[str, ...] = ()  # further attributes that the state of a subclass needs

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(type(self).__name__, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                what = f"{type(self).__name__}: last_epoch = {last_epoch}, but group {i} has no 'initial_lr'."
                raise ArgumentError(what, hint="load the optimizer's state first, or leave last_epoch out")
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _begin(self) -> None:
        """Take the step that sets the first rates."""
        self._first = True
        self._advance()
        self._first = False

    def factor(self, t: int) -> float:
        """Give the multiple of the initial lr after t steps."""
        raise TypeError(f"{type(self).__name__} must define factor(t) or get_lr()")

    def get_lr(self) -> list[float]:
        """Compute every group's next rate; for the present one ask `get_last_lr()`."""
        return [lr * self.factor(self.last_epoch) for lr in self._of_groups(self.base_lrs)]

    def closed_form(self) -> list[float]:
        """Compute the rates of an epoch from the initial ones alone, if the schedule can; `step(epoch)` asks."""
        return self.get_lr()

    def _of_groups(self, numbers: list[Any]) -> list[Any]:
        """Give numbers by group, one for each group that there is now."""
        count = len(self.optimizer.param_groups)
        if len(numbers) != count:
            what = f"{type(self).__name__}: the optimizer's groups are not those that the schedule was made for."
            hint = "add groups before the schedule is made"
            raise ArgumentError(what, got=f"{count} groups", expected=f"{len(numbers)}", hint=hint)
        return numbers

    def _advance(self, epoch: int | None = None) -> None:
        before, self.last_epoch = self.last_epoch, self.last_epoch + 1 if epoch is None else epoch
        try:
            rates = self.get_lr() if epoch is None else self.closed_form()
        except Exception:
            self.last_epoch = before
            raise
        self._set(rates)
        self._last_lr = self._rates()

    def _set(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            if isinstance(group["lr"], np.ndarray):
                group["lr"][...] = lr  # whoever shares the array sees the new rate
            else:
                group["lr"] = float(lr)

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next learning rate, or to that of an epoch."""
        if (recorder := state.recorder) is not None:
            recorder.effect(self.step if epoch is None else partial(self.step, epoch))
        self._advance(epoch)

    def get_last_lr(self) -> list[float]:
        """Give the learning rate of every group that the last step set."""
        if (recorder := state.recorder) is not None:
            recorder.depends(self._latest, "get_last_lr()")
        return self._latest()

    def _latest(self) -> list[float]:
        return list(self._last_lr)

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to continue: counts, and the rates as they are now."""
        return {
            "last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs), "last_lr": list(self._last_lr),
            "rates": self._rates(), **{name: getattr(self, name) for name in self.own},
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave, or PyTorch's, before or after the optimizer is loaded.

        Raises:
            StateDictError: if it is another schedule's, or of other groups; then nothing has changed
        """
        missing = sorted({"last_epoch", "base_lrs", *self.own} - set(state_dict))
        count = len(self.optimizer.param_groups)
        rates = state_dict.get("rates")  # older files have none: there the optimizer's state alone has the rates
        if missing or (rates is not None and len(rates) != count):
            name, got = type(self).__name__, f"rates of {len(rates or ())} groups"
            got = f"{', '.join(missing)} missing" if missing else got
            what = f"{name}.load_state_dict: the state does not fit; nothing was loaded."
            raise StateDictError(what, got=got, expected=f"the state of a {name} of {count} groups")
        self.last_epoch, self.base_lrs = int(state_dict["last_epoch"]), list(map(float, state_dict["base_lrs"]))
        for name in self.own:
            setattr(self, name, state_dict[name])
        if rates is not None:
            self._set(rates)
        self._last_lr = list(map(float, state_dict.get("last_lr", state_dict.get("_last_lr", self._rates()))))


def checked_optimizer(name: str, optimizer: object) -> Optimizer:
    """Refuse what is no optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise DTypeError(f"{name}: the first argument must be an optimizer.", got=type(optimizer).__name__,
                         hint="create the optimizer first, then its schedule")  # fmt: skip
    return optimizer


def check_whole(name: str, **values: object) -> None:
    """Raise unless every count is a whole number of at least 1."""
    for label, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            problem = f"{name}: {label} must be a whole number of at least 1."
            raise ArgumentError(problem, got=f"{label} = {value!r:.60}")


def one_of(name: str, choices: Sequence[str], **values: object) -> None:
    """Raise unless a word is one of those that there are."""
    for label, value in values.items():
        if value not in choices:
            raise ArgumentError(f"{name}: {label} {value!r:.60} is unknown.", expected=" or ".join(map(repr, choices)))


def by_group(name: str, label: str, given: Any, optimizer: Optimizer) -> list[Any]:
    """Give one setting for each group of an optimizer, from one for all or a list."""
    count = len(checked_optimizer(name, optimizer).param_groups)
    if not isinstance(given, list | tuple):
        return [given] * count
    if len(given) != count:
        raise ArgumentError(f"{name}: {label} must have one value for each group.", got=f"{len(given)} values",
                            expected=f"{count}")  # fmt: skip
    return list(given)
