"""Learning-rate schedules: call `step()` after the optimizer's, once per epoch or per batch, as the schedule counts.

Each changes the rate that it finds, as PyTorch's do: schedules on one optimizer multiply, and a rate set by hand
stays. (LambdaLR, the cyclic ones and those with restarts set it anew, there as here.) Read after schedule.py;
cyclic.py, sequence.py and plateau.py have the longer ones.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import Any

from ..core.absent import absent
from ..core.errors import ArgumentError, DTypeError
from ..functions.numbers import number
from .cyclic import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from .optimizer import Optimizer, check_at_least
from .plateau import ReduceLROnPlateau
from .schedule import Scheduler, by_group
from .sequence import ChainedScheduler, SequentialLR

LRScheduler = Scheduler

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "Scheduler", "SequentialLR", "StepLR",
]  # fmt: skip


class LambdaLR(Scheduler):
    """Multiply the initial lr by a function of the step number: one for all groups, or a list with one for each."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.lr_lambdas = by_group(name, "lr_lambda", lr_lambda, optimizer)
        for function in self.lr_lambdas:
            if not callable(function):
                raise DTypeError(f"{name}: lr_lambda must be a function.", got=f"{function!r:.60}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Ask the functions."""
        pairs = zip(self._of_groups(self.base_lrs), self.lr_lambdas, strict=True)
        return [lr * function(self.last_epoch) for lr, function in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to continue, also the attributes of functions that are objects."""
        kept = [None if isinstance(f, FunctionType) else dict(getattr(f, "__dict__", {})) for f in self.lr_lambdas]
        return super().state_dict() | ({"lr_lambdas": kept} if any(kept) else {})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        super().load_state_dict(state_dict)
        for function, kept in zip(self.lr_lambdas, state_dict.get("lr_lambdas", ()), strict=False):
            vars(function).update(kept or {})


class MultiplicativeLR(LambdaLR):
    """Multiply the lr, every step, by a function of the step number: one for all groups, or a list."""

    def get_lr(self) -> list[float]:
        """Ask the functions, but at the start."""
        pairs = zip(self._rates(), self._of_groups(self.lr_lambdas), strict=True)
        return self._rates() if self._first else [lr * function(self.last_epoch) for lr, function in pairs]


class _ByShare(Scheduler):
    """Base of those that have the rate follow a share of the initial one, above a floor: by the ratio of two steps."""

    _floor, holds = 0.0, True  # holds: beginning at a later step changes nothing

    def get_lr(self) -> list[float]:
        """Multiply by this step's share over that of the step before."""
        t, rates = self.last_epoch, self._rates()
        before, now = self._share(t - 1) if t else 1.0, self._share(t)
        if now == before or t and self._first and self.holds:
            return rates
        if not before:  # no factor leads back from there
            pairs = zip(rates, self._of_groups(self.base_lrs), strict=True)
            return [lr + (base - self._floor) * now for lr, base in pairs]
        return [(lr - self._floor) * (now / before) + self._floor for lr in rates]

    def closed_form(self) -> list[float]:
        """Take the share of the initial rates."""
        share = self._share(self.last_epoch)
        return [self._floor + (lr - self._floor) * share for lr in self._of_groups(self.base_lrs)]

    def _share(self, t: int) -> float:
        raise NotImplementedError


class StepLR(_ByShare):
    """Multiply the lr by gamma every step_size steps.

    Example:
        >>> optimizer = tg.optim.SGD([nn.Parameter(tg.ones(1))], lr=1.0)
        >>> schedule = tg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     schedule.step()
        ...     print(round(schedule.get_last_lr()[0], 4))
        1.0
        0.1
        0.1
        0.01
    """

    holds = False

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        check_at_least("StepLR", 1, step_size=step_size)
        self.step_size, self.gamma = step_size, number("StepLR: gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _share(self, t: int) -> float:
        return float(self.gamma ** (t // self.step_size))


class MultiStepLR(_ByShare):
    """Multiply the lr by gamma at every milestone, twice at one that is named twice."""

    holds = False

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1,
                 last_epoch: int = -1) -> None:  # fmt: skip
        self.milestones, self.gamma = sorted(milestones), number("MultiStepLR: gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _share(self, t: int) -> float:
        return float(self.gamma ** bisect_right(self.milestones, t))


class ConstantLR(_ByShare):
    """Multiply the lr by factor for the first total_iters steps."""

    holds = False
    factor: float  # type: ignore[assignment]  # PyTorch's name

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5,
                 last_epoch: int = -1) -> None:  # fmt: skip
        check_at_least("ConstantLR", 0, math.nextafter(1, 2), factor=factor)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _share(self, t: int) -> float:
        return 1.0 if t >= self.total_iters > 0 else self.factor


class LinearLR(_ByShare):
    """Multiply the lr by a factor that goes in a line from start_factor to end_factor, in total_iters steps."""

    def __init__(self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0,
                 total_iters: int = 5, last_epoch: int = -1) -> None:  # fmt: skip
        check_at_least("LinearLR", 0, math.nextafter(1, 2), start_factor=start_factor, end_factor=end_factor)
        if start_factor == 0:
            raise ArgumentError("LinearLR: start_factor must not be 0, from where no factor leads.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _share(self, t: int) -> float:
        passed = min(t, self.total_iters) / (self.total_iters or 1)
        return self.start_factor + (self.end_factor - self.start_factor) * passed


class ExponentialLR(_ByShare):
    """Multiply the lr by gamma every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number("ExponentialLR: gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _share(self, t: int) -> float:
        return float(self.gamma**t)


class PolynomialLR(_ByShare):
    """Lower the lr to 0 in total_iters steps, along (1 - t / total_iters)^power."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, number("PolynomialLR: power", power)
        super().__init__(optimizer, last_epoch)

    def _share(self, t: int) -> float:
        return float((1.0 - min(self.total_iters, t) / (self.total_iters or 1)) ** self.power)


class CosineAnnealingLR(_ByShare):
    """Lower the lr to eta_min along half a cosine of T_max steps; later steps go up again, as in PyTorch.

    Source:
        Loshchilov & Hutter 2017 (arXiv:1608.03983), without restarts

    Example:
        >>> optimizer = tg.optim.SGD([nn.Parameter(tg.ones(1))], lr=1.0)
        >>> schedule = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     schedule.step()
        ...     print(round(schedule.get_last_lr()[0], 4))
        0.8536
        0.5
        0.1464
        0.0
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        check_at_least("CosineAnnealingLR", 1, T_max=T_max)
        self.T_max, self.eta_min = T_max, number("CosineAnnealingLR: eta_min", eta_min)
        self._floor = self.eta_min
        super().__init__(optimizer, last_epoch)

    def _share(self, t: int) -> float:
        return (1 + math.cos(math.pi * t / self.T_max)) / 2


__getattr__ = absent(__name__)
