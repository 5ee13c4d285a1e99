"""Schedules of schedules: one after the other, or all at every step.

Each knows the others as Scheduler alone. lr_scheduler.py, which is next, exports them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError, StateDictError
from .optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import Scheduler, checked_optimizer


class ChainedScheduler(Scheduler):
    """Step several schedules of one optimizer at once, each from the rate that the one before has set."""

    def __init__(self, schedulers: Sequence[Scheduler], optimizer: Optimizer | None = None) -> None:
        name, self.schedulers = type(self).__name__, list(schedulers)
        for i, one in enumerate(self.schedulers):
            if not isinstance(one, Scheduler) or isinstance(one, ReduceLROnPlateau):
                raise ArgumentError(f"{name}: schedulers[{i}] cannot be one of several.", got=f"{one!r:.60}")
            if one.optimizer is not (optimizer or self.schedulers[0].optimizer):
                raise ArgumentError(f"{name}: schedulers[{i}] is of another optimizer.", expected="one for all")
        if not self.schedulers:
            raise ArgumentError(f"{name}: got no schedulers.", expected="at least one")
        self.optimizer = checked_optimizer(name, optimizer or self.schedulers[0].optimizer)
        self.base_lrs, self.last_epoch, self._last_lr = list(self.schedulers[0].base_lrs), 0, self._rates()

    def _advance(self, epoch: int | None = None) -> None:
        if epoch is not None:
            raise ArgumentError(f"{type(self).__name__}: cannot go to an epoch, or begin after another schedule.")
        self.last_epoch += 1
        self._step()

    def _step(self) -> None:
        for one in self.schedulers:
            one._advance()
        self._last_lr = self._rates()

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to continue all of them."""
        return {**super().state_dict(), "schedulers": [one.state_dict() for one in self.schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave, or PyTorch's."""
        states = state_dict.get("schedulers", state_dict.get("_schedulers", ()))
        if len(states) != len(self.schedulers):
            problem = f"{type(self).__name__}.load_state_dict: the state does not fit; nothing was loaded."
            raise StateDictError(problem, got=f"{len(states)} schedules", expected=f"{len(self.schedulers)}")
        for one, state in zip(self.schedulers, states, strict=True):
            one.load_state_dict(state)
        super().load_state_dict({"last_epoch": self.last_epoch, "base_lrs": self.base_lrs, **state_dict})


class SequentialLR(ChainedScheduler):
    """Follow one schedule after the other; each begins anew at its milestone.

    Args:
        milestones: the steps at which the second, third ... begins

    Raises:
        ArgumentError: unless there is one milestone less than schedules, all of this optimizer
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[Scheduler], milestones: Sequence[int],
                 last_epoch: int = -1) -> None:  # fmt: skip
        super().__init__(schedulers, checked_optimizer("SequentialLR", optimizer))
        if len(milestones) != len(self.schedulers) - 1:
            got = f"{len(self.schedulers)} schedules, {len(milestones)} milestones"
            raise ArgumentError("SequentialLR: there must be a milestone between any two.", got=got)
        self.milestones, self.last_epoch = list(milestones), last_epoch + 1
        self._set([float(group["initial_lr"]) for group in optimizer.param_groups])  # as if none had begun
        _undo(self.schedulers)
        first = self.schedulers[bisect_right(self.milestones, 0)]
        first._begin()
        self._last_lr = first._latest()

    def _step(self) -> None:
        index = bisect_right(self.milestones, self.last_epoch)
        one = self.schedulers[index]
        begins = index > 0 and self.milestones[index - 1] == self.last_epoch
        if begins and not isinstance(one, ChainedScheduler):
            Scheduler._advance(one, 0)
        else:
            one._advance(0 if begins else None)
        self._last_lr = one._latest()


def _undo(schedulers: Sequence[Scheduler]) -> None:
    """Take back the first step of schedules, which `__init__` took."""
    for one in schedulers:
        if isinstance(one, ChainedScheduler):
            _undo(one.schedulers)
        else:
            one.last_epoch -= 1
