"""Learning-rate schedules: call `step()` after the optimizer's, once per epoch or per batch, as the schedule counts.

Each is a formula of the step number, so that nothing drifts and a saved schedule continues exactly. Read after
optimizer.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, DTypeError
from ..scope import state
from .optimizer import Optimizer, check_at_least


class Scheduler:
    """Base: sets every group's lr to its initial lr times `factor(steps taken)`."""

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DTypeError(
                f"{type(self).__name__}: the first argument must be an optimizer.",
                got=type(optimizer).__name__,
                hint="create the optimizer first, then its schedule",
            )
        self.optimizer = optimizer
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.last_epoch = 0
        self._apply()

    def factor(self, t: int) -> float:
        """Give the multiple of the initial lr after t steps; a subclass writes this."""
        raise TypeError(f"{type(self).__name__} must define factor(t)")

    def _apply(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = float(lr * self.factor(self.last_epoch))

    def step(self) -> None:
        """Go on to the next learning rate."""
        if state.recorder is not None:
            state.recorder.effect(self.step)
        self.last_epoch += 1
        self._apply()

    def get_last_lr(self) -> list[float]:
        """Give the current learning rate of every group."""
        if state.recorder is not None:
            state.recorder.depends(self._rates, "get_last_lr()")
        return self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to continue."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        self.last_epoch, self.base_lrs = int(state_dict["last_epoch"]), list(state_dict["base_lrs"])
        self._apply()


class LambdaLR(Scheduler):
    """Multiply the initial lr by a function of the step number."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        """Ask the function."""
        return self.lr_lambda(t)


class StepLR(Scheduler):
    """Multiply the lr by gamma every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        check_at_least("StepLR", 1, step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        """gamma to the number of whole step_sizes."""
        return float(self.gamma ** (t // self.step_size))


class ExponentialLR(Scheduler):
    """Multiply the lr by gamma every step."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        """gamma to the step number."""
        return float(self.gamma**t)


class CosineAnnealingLR(Scheduler):
    """Lower the lr to eta_min along half a cosine of T_max steps; later steps go up again, as in PyTorch.

    Source:  Loshchilov & Hutter 2017 (arXiv:1608.03983), without restarts
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        check_at_least("CosineAnnealingLR", 1, T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def _apply(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            wave = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
            group["lr"] = self.eta_min + (lr - self.eta_min) * wave


class OneCycleLR(Scheduler):
    """Raise the lr to max_lr, then lower it far below its start, both along half a cosine.

    Args:    total_steps: length of the cycle; pct_start: share of it spent rising; the start is max_lr / div_factor,
             the end that start / final_div_factor. Momentum is left alone.
    Raises:  ArgumentError on a step beyond total_steps
    Source:  Smith & Topin 2018 (arXiv:1708.07120)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        check_at_least("OneCycleLR", 1, total_steps=total_steps)
        if not 0 <= pct_start <= 1:
            raise ArgumentError("OneCycleLR: pct_start must lie between 0 and 1.", got=f"{pct_start}")
        self.max_lr, self.total_steps, self.pct_start = max_lr, total_steps, pct_start
        self.start = max_lr / div_factor
        self.end = self.start / final_div_factor
        super().__init__(optimizer)

    def _apply(self) -> None:
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                "OneCycleLR: stepped beyond the end of the cycle.",
                got=f"step {self.last_epoch}",
                expected=f"at most total_steps = {self.total_steps}",
            )
        peak = self.pct_start * self.total_steps - 1
        t, last = self.last_epoch, self.total_steps - 1
        low, high, share = (
            (self.start, self.max_lr, t / peak if peak > 0 else 1.0)
            if t <= peak
            else (self.end, self.max_lr, (last - t) / (last - peak))
        )
        lr = low + (high - low) * (1 - math.cos(math.pi * share)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = lr


class ReduceLROnPlateau(Scheduler):
    """Multiply the lr by factor when a figure has not got better for more than `patience` steps.

    Args:    mode: "min" where less is better, "max" where more is; threshold: relative gain that counts as better;
             min_lr: the lowest lr. Call `step(figure)`, once per epoch.
    Raises:  ArgumentError for another mode or a factor that is not below 1
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        min_lr: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise ArgumentError(f"ReduceLROnPlateau: mode {mode!r} is unknown.", expected="'min' or 'max'")
        check_at_least("ReduceLROnPlateau", 0, 1, factor=factor)
        check_at_least("ReduceLROnPlateau", 0, patience=patience, threshold=threshold, min_lr=min_lr)
        self.mode, self.reduction, self.patience, self.threshold = mode, factor, patience, threshold
        self.min_lr, self.best, self.waited = min_lr, math.inf if mode == "min" else -math.inf, 0
        super().__init__(optimizer)

    def _apply(self) -> None:
        """Leave the lr as it is: it is lowered from wherever it stands."""

    def step(self, metrics: float | None = None) -> None:
        """Go on, given the figure of this epoch."""
        if state.recorder is not None:
            state.recorder.refuse("ReduceLROnPlateau.step()", "call it outside the compiled step, once per epoch")
        if metrics is None:
            raise ArgumentError("ReduceLROnPlateau.step: the figure to watch is missing.", hint="step(valid_loss)")
        figure = float(metrics)
        self.last_epoch += 1
        gain = self.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        better = figure < self.best - gain if self.mode == "min" else figure > self.best + gain
        self.best, self.waited = (figure, 0) if better else (self.best, self.waited + 1)
        if self.waited > self.patience:
            self.waited = 0
            for group in self.optimizer.param_groups:
                group["lr"] = min(group["lr"], max(group["lr"] * self.reduction, self.min_lr))

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to continue."""
        return {**super().state_dict(), "best": self.best, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave; the lr itself is in the optimizer's state."""
        self.best, self.waited = float(state_dict["best"]), int(state_dict["waited"])
        super().load_state_dict(state_dict)
