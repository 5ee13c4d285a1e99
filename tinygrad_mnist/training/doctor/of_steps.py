"""Symptoms of single steps and of a few in a row: sizes of updates, activations, the loss that grows.

Look next at of_data.py.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import fmean, median

import numpy as np

from ...core.graph import Array
from .look import Look
from .rules import Rule
from .symptom import Course, Symptom

GOOD = 1e-3  # share of its size by which a layer should change in a step, about
START = 20  # steps that show how the weights began
MOVES = 1e-3  # a layer that changes by more does learn


def nearest(x: float) -> str:
    """Write a number with one digit."""
    return f"{float(f'{x:.0e}'):g}"


class RateTooHigh(Symptom):
    """Steps that change a layer by a large part of itself: the first one, or several in a row soon after."""

    name = "rate_too_high"

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.recent: deque[tuple[float, str]] = deque(maxlen=self.rule.window)

    def take(self, look: Look, course: Course) -> float | None:
        """Give the largest norm(change)/norm(weights) of the first step; later the least of the window."""
        numbers = [(r, name) for name, r in look.ratios.items() if not math.isnan(r)]
        if not numbers:
            return None
        self.recent.append(max(numbers))
        grows = course.first is not None and abs(look.loss) > 2 * abs(course.first.loss)  # which is told apart
        if len(self.recent) > 1 and (grows or look.step > START or len(self.recent) < self.rule.window):
            return None
        self.ratio, self.layer = min(self.recent)
        return self.ratio

    def told(self, course: Course) -> tuple[str, str]:
        """Name the layer, and a rate."""
        seen = f"one step changed {self.layer} by {100 * self.ratio:.3g} % of its size"
        better = f"about {nearest(course.lr * 10 * GOOD / self.ratio)}" if math.isfinite(self.ratio) else "far less"
        return seen, f"a lower learning rate: {better} instead of {course.lr:.3g} (lr_find measures one)"


class Layers(Symptom):
    """Base of what is judged by the median change of each layer."""

    def medians(self, course: Course) -> dict[str, float]:
        """Give the median of each layer over the window, if there is a whole one behind the warm-up."""
        recent = [seen.ratios for seen in course.looks if seen.ratios and seen.step > self.rule.warm_up]
        recent = recent[-self.rule.window :]
        if len(recent) < self.rule.window:
            return {}
        columns = {name: [ratios[name] for ratios in recent if name in ratios] for name in recent[-1]}
        return {name: median(rs) for name, rs in columns.items() if len(rs) == len(recent) and math.isfinite(sum(rs))}


class Vanishing(Layers):
    """A layer that hardly changes while another learns."""

    name = "vanishing"

    def take(self, look: Look, course: Course) -> float | None:
        """Give the least median change of a layer, if another one learns."""
        found = self.medians(course)
        if len(found) < 2 or max(found.values()) < MOVES:
            return None
        self.layer, self.ratio = min(found.items(), key=lambda pair: pair[1])
        self.other, self.most = max(found.items(), key=lambda pair: pair[1])
        return self.ratio

    def told(self, course: Course) -> tuple[str, str]:
        """Name both layers."""
        seen = f"{self.layer} changes by {self.ratio:.1e} of its size a step, {self.other} by {self.most:.1e}"
        advice = "relu instead of sigmoid or tanh; kaiming or xavier initialization; normalization or shortcuts; Adam"
        return seen, advice


class RateTooLow(Layers):
    """Layers of which none has ever changed noticeably."""

    name = "rate_too_low"
    most = 0.0
    rates: tuple[float, float] = (math.inf, 0.0)

    def take(self, look: Look, course: Course) -> float | None:
        """Give the largest median change that any layer had so far, unless the rate is rising."""
        found = self.medians(course)
        low = min(self.rates[0], look.lr)
        rising = look.lr > 1.1 * low and look.lr >= self.rates[1]
        self.rates = low, max(self.rates[1], look.lr)
        if not found or rising:
            return None
        self.most = max(self.most, *found.values())
        return self.most

    def told(self, course: Course) -> tuple[str, str]:
        """Name the change, and a rate."""
        seen = f"no layer has ever changed by more than {self.most:.1e} of its size in a step"
        better = f"about {nearest(course.lr * GOOD / self.most)}" if self.most > 0 else "another"
        return seen, f"a higher learning rate: {better} instead of {course.lr:.3g} (lr_find measures one)"


class Exploding(Symptom):
    """A loss that grows far beyond what it was at the start, or is no number any more."""

    name = "exploding"
    bad = ""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.losses: deque[float] = deque(maxlen=self.rule.window)

    def take(self, look: Look, course: Course) -> float | None:
        """Give the median loss of the window as a multiple of the first one, or of ln C if that is more."""
        if not math.isfinite(look.loss):
            self.bad = look.bad
            return math.inf
        self.losses.append(abs(look.loss))
        first = course.first
        start = max(abs(first.loss), math.log(first.classes) if first.classes else 0.0) if first is not None else 0.0
        if len(self.losses) < self.rule.window or not start:
            return None
        self.growth = median(self.losses) / start
        return self.growth

    def told(self, course: Course) -> tuple[str, str]:
        """Name the operation, or the growth."""
        if self.bad:
            advice = "tg.autograd.detect_anomaly() names the line; a lower lr; clip_norm=1.0; eps in log, sqrt and /"
            return f"the loss is not finite: {self.bad}", advice
        return f"the loss has grown to {self.growth:.3g} times its start", (
            f"a lower learning rate than {course.lr:.3g}; clip_norm=1.0; look for a wrong sign in the loss")


class Saturated(Symptom):
    """Hidden tanh or sigmoid values that are almost all at their bounds."""

    name = "saturated"

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.recent: dict[str, deque[float]] = {}

    def take(self, look: Look, course: Course) -> float | None:
        """Give the largest mean share, over the window, of a layer's values at the bounds."""
        for name, share in look.saturated.items():
            self.recent.setdefault(name, deque(maxlen=self.rule.window)).append(share)
        means = {name: fmean(shares) for name, shares in self.recent.items() if len(shares) == self.rule.window}
        learned = course.first is not None and abs(look.loss) < abs(course.first.loss) / 2
        if not means or (look.step > START and learned):  # who is sure of what was learned may be at the bounds
            return None
        self.layer, self.share = max(means.items(), key=lambda pair: pair[1])
        return self.share

    def told(self, course: Course) -> tuple[str, str]:
        """Name the layer."""
        seen = f"{100 * self.share:.3g} % of the values of {self.layer} are at a bound, where no gradient passes"
        return seen, "smaller first weights (nn.init.xavier_uniform_), scaled inputs, a normalization layer, or relu"


class DeadRelu(Symptom):
    """Rectified units that are 0 for every sample of a large number."""

    name = "dead_relu"

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.active: dict[str, Array] = {}
        self.samples = 0

    def take(self, look: Look, course: Course) -> float | None:
        """Collect which units were active; when there are enough samples give the largest share of a layer's dead."""
        for name, mask in look.active.items():
            known = self.active.get(name)
            if known is not None and known.shape != mask.shape:
                continue
            self.active[name] = mask if known is None else known | mask
        self.samples += look.size
        if self.samples < self.rule.window or not self.active:
            return None
        shares = {name: 1 - np.count_nonzero(mask) / mask.size for name, mask in self.active.items() if mask.size}
        self.layer, self.share = max(shares.items(), key=lambda pair: pair[1])
        self.units, self.seen, self.active, self.samples = self.active[self.layer].size, self.samples, {}, 0
        return self.share

    def told(self, course: Course) -> tuple[str, str]:
        """Name the layer and the units."""
        dead = round(self.share * self.units)
        seen = f"{dead} of {self.units} units of {self.layer} were 0 for all of {self.seen:,} samples"
        return seen, f"a lower learning rate than {course.lr:.3g}; biases that start at 0; leaky_relu; scaled inputs"
