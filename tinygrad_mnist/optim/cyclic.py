"""Schedules that rise and fall: once, in cycles, or from the top again. lr_scheduler.py exports them.

All compute the rate anew at every step; the first two move momentum, or beta1, the other way. Read after schedule.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core.errors import ArgumentError
from ..functions.numbers import number
from .optimizer import Optimizer, check_at_least
from .schedule import Scheduler, by_group, check_whole, checked_optimizer, one_of

# where OneCycleLR's rate and momentum come from and go to in its phases, two or three
RISE = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
PHASES = {
    False: (RISE, ("max_lr", "min_lr", "base_momentum", "max_momentum")),
    True: (RISE, ("max_lr", "initial_lr", "base_momentum", "max_momentum"),
           ("initial_lr", "min_lr", "max_momentum", "max_momentum")),
}  # fmt: skip


class MomentumScheduler(Scheduler):
    """Base of schedules that move momentum, or beta1, as well."""

    cycle_momentum: bool

    def _take_momenta(self, cycle_momentum: bool, lowest: Any, highest: Any, begin: bool) -> None:
        """Check momenta, one or by group, and write them into the groups at the beginning."""
        name, optimizer = type(self).__name__, self.optimizer
        self.cycle_momentum, self.use_beta1 = cycle_momentum, "betas" in optimizer.defaults
        if cycle_momentum and not self.use_beta1 and "momentum" not in optimizer.defaults:
            kind = type(optimizer).__name__
            raise ArgumentError(f"{name}: {kind} has neither momentum nor betas.", hint="cycle_momentum=False")
        given = {"max_momentum": highest, "base_momentum": lowest}
        momenta = [by_group(name, label, x, optimizer) for label, x in given.items()]
        for group, *ends in zip(optimizer.param_groups, *momenta, strict=True) if cycle_momentum else ():
            pair = dict(zip(given, ends, strict=True))
            check_at_least(name, 0, 1 if self.use_beta1 else math.inf, **pair)
            group |= pair if begin else {}

    def _set_momenta(self, momenta: list[float]) -> None:
        for group, momentum in zip(self.optimizer.param_groups, momenta, strict=True):
            group |= {"betas": (momentum, *group["betas"][1:])} if self.use_beta1 else {"momentum": momentum}

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to continue."""
        groups = self.optimizer.param_groups if self.cycle_momentum else []
        return {**super().state_dict(), "momenta": [g["betas"][0] if self.use_beta1 else g["momentum"] for g in groups]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        super().load_state_dict(state_dict)
        if self.cycle_momentum and state_dict.get("momenta"):
            self._set_momenta(state_dict["momenta"])


class OneCycleLR(MomentumScheduler):
    """Raise the lr to max_lr, then lower it far below its start; momentum, or beta1, goes the other way.

    Args:
        max_lr, base_momentum, max_momentum: a number, or a list with one for each group
        total_steps: length of the cycle, otherwise epochs · steps_per_epoch
        pct_start: share of it spent rising; the start is max_lr / div_factor, the end that start / final_div_factor
        three_phase: fall as long as it rose, then to the end
    Raises:
        ArgumentError: on a step beyond total_steps, for an optimizer without momentum, a setting out of range
    Source:
        Smith & Topin 2018 (arXiv:1708.07120)

    Example:
        >>> optimizer = tg.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
        >>> schedule = tg.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=100)
        >>> schedule.get_last_lr()  # max_lr / 25
        [0.04]
    """

    pct_start: float
    div_factor: float
    final_div_factor: float

    def __init__(
        self, optimizer: Optimizer, max_lr: float | Sequence[float], total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True, base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
        three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.optimizer = checked_optimizer("OneCycleLR", optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ArgumentError("OneCycleLR: the length of the cycle is missing.",
                                    expected="total_steps, or epochs and steps_per_epoch")  # fmt: skip
            check_whole("OneCycleLR", epochs=epochs, steps_per_epoch=steps_per_epoch)
            total_steps = epochs * steps_per_epoch
        check_whole("OneCycleLR", total_steps=total_steps)
        given = {"pct_start": pct_start, "div_factor": div_factor, "final_div_factor": final_div_factor}
        vars(self).update({label: number(f"OneCycleLR: {label}", x) for label, x in given.items()}, max_lr=max_lr)
        check_at_least("OneCycleLR", 0, math.nextafter(1, 2), pct_start=self.pct_start)
        one_of("OneCycleLR", ("cos", "linear"), anneal_strategy=anneal_strategy)
        if self.div_factor == 0 or self.final_div_factor == 0:
            raise ArgumentError("OneCycleLR: div_factor and final_div_factor must not be 0.")
        self.total_steps, self.anneal_strategy, self.three_phase = total_steps, anneal_strategy, three_phase
        peaks = by_group("OneCycleLR", "max_lr", max_lr, optimizer)
        for peak in peaks:
            check_at_least("OneCycleLR", 0, max_lr=peak)
        self._take_momenta(cycle_momentum, base_momentum, max_momentum, last_epoch == -1)
        for group, peak in zip(optimizer.param_groups, peaks, strict=True) if last_epoch == -1 else ():
            start = peak / self.div_factor
            group |= {"initial_lr": start, "max_lr": peak, "min_lr": start / self.final_div_factor}
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Compute the rates, and set the momenta."""
        t, length = self.last_epoch, self.total_steps
        if t > length:
            raise ArgumentError("OneCycleLR: stepped beyond the end of the cycle.", got=f"step {t}",
                                expected=f"at most total_steps = {length}")  # fmt: skip
        groups = self.optimizer.param_groups
        needed = {"max_lr", "min_lr"} | ({"max_momentum", "base_momentum"} if self.cycle_momentum else set())
        self._of_groups([g for g in groups if needed <= g.keys()])
        rise = float(self.pct_start * length)
        ends = [rise - 1, *([2 * rise - 2] if self.three_phase else []), length - 1]
        i = next((i for i, end in enumerate(ends) if t <= end), len(ends) - 1)
        begin, end = ends[i - 1] if i else 0.0, ends[i]
        share = (t - begin) / (end - begin) if end != begin else 1.0  # PyTorch divides by 0 here
        share = share if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * share)) / 2
        low, high, slow, fast = PHASES[self.three_phase][i]
        if self.cycle_momentum:
            self._set_momenta([g[slow] + (g[fast] - g[slow]) * share for g in groups])
        return [g[low] + (g[high] - g[low]) * share for g in groups]


class CyclicLR(MomentumScheduler):
    """Let the lr go up and down in lines between base_lr and max_lr; momentum, or beta1, goes the other way.

    Args:
        mode: "triangular", "triangular2" (each cycle half as high) or "exp_range" (gamma^t as high)
        scale_fn: the height, in their place, of the cycle or, with scale_mode="iterations", the step

    Source:
        Smith 2017 (arXiv:1506.01186)
    """

    def __init__(self, optimizer: Optimizer, base_lr: float | Sequence[float], max_lr: float | Sequence[float],
                 step_size_up: int = 2000, step_size_down: int | None = None, mode: str = "triangular",
                 gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle",
                 cycle_momentum: bool = True, base_momentum: float | Sequence[float] = 0.8,
                 max_momentum: float | Sequence[float] = 0.9, last_epoch: int = -1) -> None:  # fmt: skip
        self.optimizer = checked_optimizer("CyclicLR", optimizer)
        if scale_fn is None:
            one_of("CyclicLR", ("triangular", "triangular2", "exp_range"), mode=mode)
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
