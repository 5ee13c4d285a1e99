"""The schedule of one cycle: the rate rises and falls once, momentum the other way round.

Knows no optimizer but by its settings. Read after lr_scheduler.py, which exports it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.errors import ArgumentError
from ..functions.numbers import number
from .optimizer import Optimizer, check_at_least
from .schedule import Scheduler, by_group, check_whole, checked_optimizer


class MomentumScheduler(Scheduler):
    """Base of schedules that move momentum, or beta1, as well."""

    cycle_momentum: bool
    use_beta1: bool

    def _take_momenta(self, cycle_momentum: bool, lowest: Any, highest: Any, begin: bool) -> None:
        """Check momenta, one or by group, and write them into the groups at the beginning."""
        name, optimizer = type(self).__name__, self.optimizer
        self.cycle_momentum, self.use_beta1 = cycle_momentum, "betas" in optimizer.defaults
        if cycle_momentum and not self.use_beta1 and "momentum" not in optimizer.defaults:
            kind = type(optimizer).__name__
            raise ArgumentError(f"{name}: {kind} has neither momentum nor betas.", hint="cycle_momentum=False")
        highs = by_group(name, "max_momentum", highest, optimizer)
        lows = by_group(name, "base_momentum", lowest, optimizer)
        for high, low in zip(highs, lows, strict=True) if cycle_momentum else ():
            check_at_least(name, 0, 1 if self.use_beta1 else math.inf, max_momentum=high, base_momentum=low)
        if cycle_momentum and begin:
            for group, high, low in zip(optimizer.param_groups, highs, lows, strict=True):
                group |= {"max_momentum": high, "base_momentum": low}

    def _set_momenta(self, momenta: list[float]) -> None:
        for group, momentum in zip(self.optimizer.param_groups, momenta, strict=True):
            if self.use_beta1:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to continue."""
        groups = self.optimizer.param_groups
        momenta = [g["betas"][0] if self.use_beta1 else g["momentum"] for g in groups] if self.cycle_momentum else []
        return {**super().state_dict(), "momenta": momenta}

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
        ArgumentError on a step beyond total_steps, for an optimizer without momentum, a setting out of range
    Source:
        Smith & Topin 2018 (arXiv:1708.07120)
    """

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
        pct_start, div_factor = number("OneCycleLR: pct_start", pct_start), number("OneCycleLR: div_factor", div_factor)
        final_div_factor = number("OneCycleLR: final_div_factor", final_div_factor)
        if not 0 <= pct_start <= 1:
            raise ArgumentError("OneCycleLR: pct_start must lie between 0 and 1.", got=f"{pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(
                f"OneCycleLR: anneal_strategy {anneal_strategy!r} is unknown.", expected="'cos' or 'linear'"
            )
        if div_factor == 0 or final_div_factor == 0:
            raise ArgumentError("OneCycleLR: div_factor and final_div_factor must not be 0.")
        self.max_lr, self.total_steps, self.pct_start = max_lr, total_steps, pct_start
        self.anneal_strategy, self.three_phase = anneal_strategy, three_phase
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        peaks = by_group("OneCycleLR", "max_lr", max_lr, optimizer)
        for peak in peaks:
            check_at_least("OneCycleLR", 0, max_lr=peak)
        self._take_momenta(cycle_momentum, base_momentum, max_momentum, last_epoch == -1)
        for group, peak in zip(optimizer.param_groups, peaks, strict=True) if last_epoch == -1 else ():
            start = peak / div_factor
            group |= {"initial_lr": start, "max_lr": peak, "min_lr": start / final_div_factor}
        super().__init__(optimizer, last_epoch)

    def _phase(self) -> tuple[str, str, str, str, float]:
        """Give where rate and momentum come from and go to in the present phase, and how far they are."""
        rise, t = float(self.pct_start * self.total_steps) - 1, self.last_epoch
        phases = [(rise, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if self.three_phase:
            fall = float(2 * self.pct_start * self.total_steps) - 2
            phases.append((fall, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
            phases.append((self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
        else:
            phases.append((self.total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
        i = next((i for i, phase in enumerate(phases) if t <= phase[0]), len(phases) - 1)
        begin, (end, *names) = phases[i - 1][0] if i else 0.0, phases[i]
        share = (t - begin) / (end - begin) if end != begin else 1.0  # PyTorch divides by 0 here
        return names[0], names[1], names[2], names[3], share

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[float]:
        """Compute the rates, and set the momenta."""
        if self.last_epoch > self.total_steps:
            raise ArgumentError("OneCycleLR: stepped beyond the end of the cycle.", got=f"step {self.last_epoch}",
                                expected=f"at most total_steps = {self.total_steps}")  # fmt: skip
        groups = self.optimizer.param_groups
        needed = {"max_lr", "min_lr"} | ({"max_momentum", "base_momentum"} if self.cycle_momentum else set())
        self._of_groups([g for g in groups if needed <= g.keys()])
        low, high, slow, fast, share = self._phase()
        if self.cycle_momentum:
            self._set_momenta([self._between(g[slow], g[fast], share) for g in groups])
        return [self._between(g[low], g[high], share) for g in groups]
