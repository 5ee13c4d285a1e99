"""Learning-rate schedules: call `step()` after the optimizer's, once per epoch or per batch, as the schedule counts.

Each changes the rate that it finds, as PyTorch's do: schedules on one optimizer multiply, and a rate set by hand
stays. (LambdaLR and OneCycleLR set it anew, there as here.) Read after schedule.py; one_cycle.py and plateau.py are
the longer ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..core.absent import absent
from ..core.errors import DTypeError
from ..functions.numbers import number
from .one_cycle import OneCycleLR
from .optimizer import Optimizer, check_at_least
from .plateau import ReduceLROnPlateau
from .schedule import Scheduler, by_group

__all__ = [
    "CosineAnnealingLR", "ExponentialLR", "LambdaLR", "OneCycleLR", "ReduceLROnPlateau", "Scheduler", "StepLR",
]  # fmt: skip


class LambdaLR(Scheduler):
    """Multiply the initial lr by a function of the step number: one for all groups, or a list with one for each."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.lr_lambdas = by_group("LambdaLR", "lr_lambda", lr_lambda, optimizer)
        for function in self.lr_lambdas:
            if not callable(function):
                raise DTypeError("LambdaLR: lr_lambda must be a function.", got=f"{function!r:.60}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Ask the functions."""
        pairs = zip(self._of_groups(self.base_lrs), self.lr_lambdas, strict=True)
        return [lr * function(self.last_epoch) for lr, function in pairs]


class StepLR(Scheduler):
    """Multiply the lr by gamma every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        check_at_least("StepLR", 1, step_size=step_size)
        self.step_size, self.gamma = step_size, number("StepLR: gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Multiply at whole step_sizes."""
        falls = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma for lr in self._rates()] if falls else self._rates()


class ExponentialLR(Scheduler):
    """Multiply the lr by gamma every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number("ExponentialLR: gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Multiply, but at the start."""
        return self._rates() if self._first else [lr * self.gamma for lr in self._rates()]


class CosineAnnealingLR(Scheduler):
    """Lower the lr to eta_min along half a cosine of T_max steps; later steps go up again, as in PyTorch.

    Math:
        lr = eta_min + (lr - eta_min) · (1 + cos(πt/T_max)) / (1 + cos(π(t-1)/T_max))
    Source:
        Loshchilov & Hutter 2017 (arXiv:1608.03983), without restarts
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        check_at_least("CosineAnnealingLR", 1, T_max=T_max)
        self.T_max, self.eta_min = T_max, number("CosineAnnealingLR: eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Go on along the cosine from where the lr stands."""
        rates, t, length = self._rates(), self.last_epoch, self.T_max
        if self._first:
            return rates
        if (t - 1 - length) % (2 * length) == 0:  # from the bottom the ratio would be one to 0
            rise = (1 - math.cos(math.pi / length)) / 2
            pairs = zip(rates, self._of_groups(self.base_lrs), strict=True)
            return [lr + (base - self.eta_min) * rise for lr, base in pairs]
        ratio = (1 + math.cos(math.pi * t / length)) / (1 + math.cos(math.pi * (t - 1) / length))
        return [ratio * (lr - self.eta_min) + self.eta_min for lr in rates]

__getattr__ = absent(__name__)
