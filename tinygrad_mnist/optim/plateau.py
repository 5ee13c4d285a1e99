"""The schedule that looks at a figure: the rate falls when the loss of the validation, say, gets no better.

Knows no training loop, which calls it with the figure. Read after lr_scheduler.py, which exports it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError
from ..core.scope import refuse_captured
from .optimizer import Optimizer, check_at_least
from .schedule import Scheduler, by_group, checked_optimizer, one_of


class ReduceLROnPlateau(Scheduler):
    """Multiply the lr by factor when a figure has not got better for more than `patience` steps.

    Call `step(figure)` once per epoch.

    Args:
        mode: "min" where less is better, "max" where more is
        threshold: gain that counts as better, a share of the best figure, or with threshold_mode="abs" itself
        cooldown: steps after a fall in which nothing is counted
        min_lr: the lowest lr, or a list by group
        eps: smaller falls are left out
    Raises:
        ArgumentError: for another mode or a factor that is not below 1

    Example:
        >>> optimizer = tg.optim.SGD([nn.Parameter(tg.ones(1))], lr=1.0)
        >>> schedule = tg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (1.0, 0.9, 0.9, 0.9):  # the second time without a gain is one too many
        ...     schedule.step(loss)
        >>> optimizer.param_groups[0]["lr"]
        0.5
    """

    own = "best", "num_bad_epochs", "cooldown_counter"

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float | Sequence[float] = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        one_of("ReduceLROnPlateau", ("min", "max"), mode=mode)
        one_of("ReduceLROnPlateau", ("rel", "abs"), threshold_mode=threshold_mode)
        check_at_least("ReduceLROnPlateau", 0, 1, factor=factor)
        check_at_least("ReduceLROnPlateau", 0, patience=patience, threshold=threshold, cooldown=cooldown, eps=eps)
        self.optimizer = checked_optimizer("ReduceLROnPlateau", optimizer)
        for lowest in by_group("ReduceLROnPlateau", "min_lr", min_lr, optimizer):
            check_at_least("ReduceLROnPlateau", 0, min_lr=lowest)
        self.mode, self.reduction, self.patience, self.threshold = mode, factor, patience, threshold
        self.threshold_mode, self.cooldown, self.eps = threshold_mode, cooldown, eps
        self.min_lr, self.best, self.num_bad_epochs = min_lr, math.inf if mode == "min" else -math.inf, 0
        self.cooldown_counter, self.last_epoch = 0, 0
        self.base_lrs = self._last_lr = self._rates()

    def step(self, metrics: float | None = None, epoch: int | None = None) -> None:  # type: ignore[override]
        """Go on, given the figure of this epoch."""
        refuse_captured("ReduceLROnPlateau.step()", "call it outside the compiled step, once per epoch")
        if metrics is None:
            raise ArgumentError("ReduceLROnPlateau.step: the figure to watch is missing.", hint="step(valid_loss)")
        figure = float(metrics)
        lowest = by_group("ReduceLROnPlateau", "min_lr", self.min_lr, self.optimizer)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self.best, self.num_bad_epochs = (figure, 0) if self._better(figure) else (self.best, self.num_bad_epochs + 1)
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            rates = self._rates()
            fallen = [max(lr * self.reduction, least) for lr, least in zip(rates, lowest, strict=True)]
            self._set([new if lr - new > self.eps else lr for lr, new in zip(rates, fallen, strict=True)])
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()

    def _better(self, figure: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        limit = self.best + sign * self.threshold if self.threshold_mode == "abs" else (
            self.best * (1 + sign * self.threshold))  # fmt: skip
        return figure * sign > limit * sign

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave, or PyTorch's, or older files: other names, no rest."""
        older = {"num_bad_epochs": "waited", "cooldown_counter": "resting"}
        named = {name: state_dict[old] for name, old in older.items() if old in state_dict}
        super().load_state_dict({"base_lrs": self.base_lrs, "cooldown_counter": 0, **named, **state_dict})
