"""The symptom of epochs, and the list of all symptoms in the order in which they are asked: causes before consequences.

Look next at checkup.py and doctor.py.
"""

from __future__ import annotations

from itertools import pairwise

from .of_data import ConstantPredictor, ShuffledLabels, Unshuffled, WrongStart
from .of_steps import DeadRelu, Exploding, RateTooHigh, RateTooLow, Saturated, Vanishing
from .of_structure import DoubleSoftmax, EvaluationMode, Unreached, UnscaledInput, ZeroGrad
from .symptom import Course, Symptom


class Overfitting(Symptom):
    """Training and validation loss that move apart, epoch after epoch."""

    name = "overfitting"

    def epoch(self, course: Course) -> float | None:
        """Give the rise of the validation loss over the window, if it rose in every epoch and the other one fell."""
        rows = course.rows[-self.rule.window - 1 :]
        pairs = [(train, valid) for train, valid in rows if valid is not None]
        if len(pairs) <= self.rule.window:
            return None
        falls = all(later[0] < earlier[0] for earlier, later in pairwise(pairs))
        rises = all(later[1] > earlier[1] for earlier, later in pairwise(pairs))
        self.pairs = pairs
        start = abs(pairs[0][1])
        return (pairs[-1][1] - pairs[0][1]) / start if falls and rises and start else 0.0

    def told(self, course: Course) -> tuple[str, str]:
        """Name both losses."""
        (train, valid), (last, late) = self.pairs[0], self.pairs[-1]
        seen = (f"in {self.rule.window} epochs the training loss fell from {train:.3g} to {last:.3g} and the "
                f"validation loss rose from {valid:.3g} to {late:.3g}")  # fmt: skip
        return seen, "EarlyStopping(); more data or augmentation; dropout, weight decay; a smaller model"


SYMPTOMS: tuple[type[Symptom], ...] = (
    DoubleSoftmax, EvaluationMode, ZeroGrad, Unreached, UnscaledInput, Exploding, RateTooHigh, Unshuffled, Saturated,
    WrongStart, DeadRelu, Vanishing, RateTooLow, ConstantPredictor, ShuffledLabels, Overfitting,
)  # fmt: skip
