"""Schedules that come back: cycles between two rates, and cosines with restarts. lr_scheduler.py exports them.

Both compute the rate anew at every step. Read after one_cycle.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import ArgumentError
from ..functions.numbers import number
from .one_cycle import MomentumScheduler
from .optimizer import Optimizer, check_at_least
from .schedule import Scheduler, by_group, check_whole, checked_optimizer

MODES = "triangular", "triangular2", "exp_range"


class CyclicLR(MomentumScheduler):
    """Let the lr go up and down in lines between base_lr and max_lr; momentum, or beta1, goes the other way.

    Args:
        mode: "triangular", "triangular2" (each cycle half as high) or "exp_range" (gamma^t as high); scale_fn: the
            height, in their place, of the cycle or, with scale_mode="iterations", the step

    Source:
        Smith 2017 (arXiv:1506.01186)
    """

    def __init__(self, optimizer: Optimizer, base_lr: float | Sequence[float], max_lr: float | Sequence[float],
                 step_size_up: int = 2000, step_size_down: int | None = None, mode: str = "triangular",
                 gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle",
                 cycle_momentum: bool = True, base_momentum: float | Sequence[float] = 0.8,
                 max_momentum: float | Sequence[float] = 0.9, last_epoch: int = -1) -> None:  # fmt: skip
        self.optimizer = checked_optimizer("CyclicLR", optimizer)
        if mode not in MODES and scale_fn is None:
            raise ArgumentError(f"CyclicLR: mode {mode!r} is unknown.", expected=", ".join(map(repr, MODES)))
        down = step_size_up if step_size_down is None else step_size_down
        check_at_least("CyclicLR", 0, step_size_up=step_size_up, step_size_down=down, cycle=step_size_up + down - 1)
        self.total_size = float(step_size_up + down)
        self.step_ratio, self.mode, self.gamma = step_size_up / self.total_size, mode, number("CyclicLR: gamma", gamma)
        self.scale_fn, self.scale_mode = scale_fn, scale_mode
        self._take_momenta(cycle_momentum, base_momentum, max_momentum, last_epoch == -1)
        given = (base_lr, max_lr, base_momentum, max_momentum)
        lows, self.max_lrs, *self.momenta = (by_group("CyclicLR", "lr", x, optimizer) for x in given)
        if last_epoch == -1:
            self._set(lows)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = list(map(float, lows))

    def _height(self, cycle: int) -> float:
        if self.scale_fn is not None:
            return self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.mode == "exp_range":
            return float(self.gamma**self.last_epoch)
        return 1.0 if self.mode == "triangular" else 0.5 ** (cycle - 1)

    def get_lr(self) -> list[float]:
        """Compute the rates, and set the momenta."""
        rates, cycle = self._of_groups(self.base_lrs), math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        share = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height = self._height(cycle)
        if self.cycle_momentum:
            self._set_momenta([high - (high - low) * share * height for low, high in zip(*self.momenta, strict=True)])
        return [low + (high - low) * share * height for low, high in zip(rates, self.max_lrs, strict=True)]


class CosineAnnealingWarmRestarts(Scheduler):
    """Lower the lr along half a cosine, from its start again and again; each time T_mult times as long.

    Args:
        T_0: steps of the first time. `step(epoch)` takes fractions of epochs

    Source:
        Loshchilov & Hutter 2017 (arXiv:1608.03983)
    """

    own = "T_cur", "T_i"

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0,
                 last_epoch: int = -1) -> None:  # fmt: skip
        check_whole("CosineAnnealingWarmRestarts", T_0=T_0, T_mult=T_mult)
        self.T_0, self.T_i, self.T_mult = T_0, T_0, T_mult
        self.eta_min, self.T_cur = number("CosineAnnealingWarmRestarts: eta_min", eta_min), float(last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Give the cosine's points."""
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (lr - self.eta_min) * share for lr in self._of_groups(self.base_lrs)]

    def _advance(self, epoch: Any = None) -> None:
        self._of_groups(self.base_lrs)  # before anything changes
        if epoch is None and self.last_epoch >= 0:
            epoch, self.T_cur = self.last_epoch + 1, self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur % self.T_i, self.T_i * self.T_mult
        else:
            epoch = epoch or 0
            check_at_least("CosineAnnealingWarmRestarts", 0, epoch=epoch)
            times, self.T_cur, self.T_i = self.T_mult - 1, epoch % self.T_0, self.T_0
            if epoch >= self.T_0 and times:
                count = int(math.log(epoch / self.T_0 * times + 1, self.T_mult))  # of restarts
                self.T_i = self.T_0 * self.T_mult**count
                self.T_cur = epoch - (self.T_i - self.T_0) / times
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())
        self._last_lr = self._rates()
