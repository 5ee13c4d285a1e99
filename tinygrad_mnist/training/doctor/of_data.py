"""Symptoms of what a classifier predicts, against what is true: a start worse than guessing, one class for everything,
labels that have nothing to do with the inputs.

Look next at of_epochs.py.
"""

from __future__ import annotations

import math
from statistics import median

import numpy as np

from ...core.graph import Array
from .look import Look
from .symptom import Course, Symptom


class WrongStart(Symptom):
    """A first loss far above that of guessing, and a training that does not get over it."""

    name = "wrong_start"

    def take(self, look: Look, course: Course) -> float | None:
        """Give the first loss as a multiple of ln C, as long as losses are worse than guessing still."""
        first = course.first
        if first is None or not first.classes or not math.isfinite(first.surprise):
            return None
        guessing = math.log(first.classes)
        recent = [seen.surprise for seen in [*course.looks][-self.rule.window :]]
        self.first, self.now, self.guessing = first.surprise, median(recent), guessing
        return first.surprise / guessing if self.now > guessing else None

    def told(self, course: Course) -> tuple[str, str]:
        """Name the losses."""
        seen = (f"the loss began at {self.first:.3g} and is at {self.now:.3g}; who guesses has {self.guessing:.3g}, "
                "the logarithm of the number of classes")  # fmt: skip
        return seen, "smaller first weights in the last layer (nn.init.xavier_uniform_), biases that start at 0"


class ConstantPredictor(Symptom):
    """Nearly all predictions are one class, and not because nearly all labels are."""

    name = "constant_predictor"
    hint = 0.5

    def __init__(self, rule: object) -> None:
        super().__init__(rule)  # type: ignore[arg-type]
        self.guesses: Array | float = 0.0
        self.labels: Array | float = 0.0
        self.all: Array | float = 0.0

    def take(self, look: Look, course: Course) -> float | None:
        """Count; when there are enough predictions give the share of the class that is predicted most."""
        if look.guesses is None or look.labels is None:
            return None
        self.guesses, self.labels, self.all = self.guesses + look.guesses, self.labels + look.labels, (
            self.all + look.labels)
        guesses, labels, total = np.asarray(self.guesses), np.asarray(self.labels), np.asarray(self.all)
        if guesses.sum() < self.rule.window or not labels.sum():
            return None
        self.guesses, self.labels = 0.0, 0.0
        self.which = int(guesses.argmax())
        self.share = float(guesses[self.which] / guesses.sum())
        self.true = float(labels[self.which] / labels.sum())
        self.usual = float(total[self.which] / total.sum())
        few = self.true > self.share - 0.3  # predictions follow the labels of this window ...
        return None if few and self.usual > self.true - 0.3 and self.usual < 1 else self.share  # ... and all others

    def told(self, course: Course) -> tuple[str, str]:
        """Name the class and the shares."""
        seen = (f"class {self.which} is {100 * self.share:.3g} % of the predictions, {100 * self.true:.3g} % of the "
                f"labels of these batches and {100 * self.usual:.3g} % of all labels so far")  # fmt: skip
        if self.true > 0.9 and self.usual < 0.6:
            return seen, "shuffle=True: the batches come sorted by class"
        if self.usual == 1:
            return seen, "look at the labels: there is a single class"
        return seen, "less weight decay; look at the last layer (no relu behind it, biases near 0) and at the inputs"


class ShuffledLabels(Symptom):
    """A loss that stays at the entropy of the labels while the weights move as they should: nothing to be learned."""

    name = "shuffled_labels"

    def __init__(self, rule: object) -> None:
        super().__init__(rule)  # type: ignore[arg-type]
        self.moves = 1e-3  # the least change of every layer that speaks of learning

    def epoch(self, course: Course) -> float | None:
        """Give how far the loss of the epoch's second half is from the entropy of the labels, if weights move."""
        looks = [x for x in course.epoch if x.labels is not None]
        late = looks[len(looks) // 2 :]
        if len(late) < 3 or sum(x.size for x in looks) < 500 or course.batch is None:
            return None
        changes = [[x.ratios[name] for x in late if name in x.ratios] for name in late[-1].ratios]
        dead = max((1 - float(np.mean(mask)) for mask in union(late).values()), default=0.0)
        if not changes or min(map(median, changes)) < self.moves or dead > 0.5:
            return None
        labels = sum((np.asarray(x.labels) for x in looks), np.zeros(1))
        shares = labels[labels > 0] / labels.sum()
        self.entropy = float(-(shares * np.log(shares)).sum())
        weights = [x.size for x in late]
        self.loss = float(np.average([x.surprise for x in late], weights=weights))
        return abs(self.loss / self.entropy - 1) if self.entropy > 0 else None

    def told(self, course: Course) -> tuple[str, str]:
        """Name loss and entropy."""
        seen = (f"after an epoch of healthy updates the loss is {self.loss:.4g}, the entropy of the labels "
                f"{self.entropy:.4g}; zeros do as well as the inputs, and a few samples can be learned by heart")  # fmt: skip
        return seen, "look at pairs (input, label): are they shuffled apart, shifted, or read from another file?"


def union(looks: list[Look]) -> dict[str, Array]:
    """Tell which units were active in any look."""
    found: dict[str, Array] = {}
    for seen in looks:
        for name, mask in seen.active.items():
            known = found.get(name)
            found[name] = mask if known is None or known.shape != mask.shape else known | mask
    return found
