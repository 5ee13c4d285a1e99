"""Symptoms of what a classifier predicts, against what is true: a start worse than guessing, one class for everything,
labels that have nothing to do with the inputs.

Look next at of_epochs.py.
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

FEW = 16  # samples that tell something of a batch
FLAT = 0.003  # outputs that differ less between samples do not tell them apart


class WrongStart(Symptom):
    """A first loss far above that of guessing, and a training that does not get over it."""

    name = "wrong_start"

    def take(self, look: Look, course: Course) -> float | None:
        """Give the figure as long as losses are worse than guessing still."""
        figure = self.figure(course)
        return figure if figure is not None and self.now > self.guessing else None

    def figure(self, course: Course) -> float | None:
        """Give the first loss as a multiple of ln C."""
        first = course.first
        if first is None or not first.classes or not math.isfinite(first.surprise):
            return None
        guessing = math.log(first.classes)
        recent = [seen.surprise for seen in course.looks if seen.classes][-self.rule.window :]
        self.first, self.now, self.guessing = first.surprise, median(recent), guessing
        return first.surprise / guessing

    def told(self, course: Course) -> tuple[str, str]:
        """Name the losses."""
        seen = (f"the loss began at {self.first:.3g} and is at {self.now:.3g}; guessing costs {self.guessing:.3g}, "
                "the logarithm of the number of classes")  # fmt: skip
        return seen, "smaller first weights in the last layer (nn.init.xavier_uniform_), biases that start at 0"


class ConstantPredictor(Symptom):
    """Nearly all predictions of a batch are one class, perhaps another one in the next; and not because labels are."""

    name = "constant_predictor"
    hint: float = 0.5

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.guesses, self.labels, self.all = np.zeros(1), np.zeros(1), np.zeros(1)  # of few samples, and of all
        self.counts = np.zeros(3)  # samples, those predicted to be their batch's first class, those that are

    def take(self, look: Look, course: Course) -> float | None:
        """Count; when there are enough predictions give the share of the class that a batch's predictions are most."""
        if look.guesses is None or look.labels is None:
            return None
        self.guesses, self.labels, self.all = self.guesses + look.guesses, self.labels + look.labels, (
            self.all + look.labels)
        if self.guesses.sum() < FEW:
            return None
        which = int(self.guesses.argmax())
        self.counts += self.guesses.sum(), self.guesses[which], self.labels[which]
        self.guesses, self.labels = np.zeros(1), np.zeros(1)
        if self.counts[0] < self.rule.window:
            return None
        (samples, predicted, true), self.counts = self.counts, np.zeros(3)
        self.which, self.flat = which, look.spread < FLAT
        self.share, self.true, self.usual = predicted / samples, true / samples, self.all[which] / self.all.sum()
        if self.share > self.hint and self.true > self.share - 0.3 and self.usual < 1:  # predictions follow the labels
            return None
        # labels without meaning lead to one class, too: they are looked for at the end of the epoch
        return self.share if self.flat or self.usual == 1 or course.rows or self.share <= self.rule.limit else None

    def told(self, course: Course) -> tuple[str, str]:
        """Name the class and the shares."""
        seen = (f"{100 * self.share:.3g} % of a batch's predictions are one class, lately class {self.which}, as are "
                f"{100 * self.true:.3g} % of its labels")  # fmt: skip
        if self.flat:
            seen += "; the outputs are the same for all inputs"
        if self.usual == 1:
            return seen, "look at the labels: there is a single class"
        decay = any(group.get("weight_decay") for group in course.optimizer.param_groups)
        first = "less weight decay; " if decay else ""
        return seen, f"{first}look at the last layer (no relu behind it, biases near 0) and at the inputs"


class Unshuffled(Symptom):
    """Batches of one class each, of labels that are of many."""

    name = "unshuffled"

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.shares: deque[float] = deque(maxlen=self.rule.window)
        self.all: Array | float = 0.0

    def take(self, look: Look, course: Course) -> float | None:
        """Give the mean share of the most frequent class of each batch, if no class is that of most labels."""
        if look.labels is None or look.labels.sum() < FEW:
            return None
        self.all = self.all + look.labels
        self.shares.append(float(look.labels.max() / look.labels.sum()))
        if len(self.shares) < self.rule.window or np.max(self.all) > 0.8 * np.sum(self.all):
            return None
        self.share = fmean(self.shares)
        return self.share

    def told(self, course: Course) -> tuple[str, str]:
        """Name the share."""
        seen = f"{100 * self.share:.3g} % of the labels of a batch are one class, and another one in other batches"
        return seen, "shuffle=True: the batches come sorted by class"


class ShuffledLabels(Symptom):
    """A loss that stays at the entropy of the labels while the weights move as they should: nothing to be learned."""

    name = "shuffled_labels"

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.moves = 3e-4  # the least change of every layer that speaks of learning

    def epoch(self, course: Course) -> float | None:
        """Give how far the loss of the epoch's second half is from the entropy of the labels, if weights move."""
        looks = [x for x in course.epoch if x.labels is not None]
        late = looks[len(looks) // 2 :]
        if len(late) < 3 or late[-1].spread < FLAT or sum(x.size for x in looks) < 500 or not course.batches:
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
                f"{self.entropy:.4g}; zeros do as well as inputs; a few samples can be learned, and tell nothing "
                "of others")  # fmt: skip
        return seen, "look at pairs (input, label): are they shuffled apart, shifted, or read from another file?"


def union(looks: list[Look]) -> dict[str, Array]:
    """Tell which units were active in any look."""
    found: dict[str, Array] = {}
    for seen in looks:
        for name, mask in seen.active.items():
            known = found.get(name)
            found[name] = mask if known is None or known.shape != mask.shape else known | mask
    return found
