"""What a symptom is, and a verdict: a figure out of the latest looks, held against a rule, said once.

Look next at rules.py for the thresholds, then at of_steps.py, of_data.py and of_epochs.py for the symptoms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from textwrap import fill
from typing import Any, ClassVar

from .look import Look
from .rules import Rule


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a training, with the figure that shows it and what to do.

    name: of the symptom, as `Doctor(off=[name])` takes it; step: counted from 1; hint: a suspicion, which alone proves
    nothing
    """

    name: str
    step: int
    seen: str
    figure: float
    threshold: float
    above: bool
    advice: str
    hint: bool = False

    def __str__(self) -> str:
        bound = "at most" if self.above else "at least"
        figure = f"{self.figure:.3g}, where healthy trainings have {bound} {self.threshold:g}"
        rows = [("seen", self.seen), ("figure", figure), ("try", self.advice)]
        head = f"Doctor, step {self.step}: {self.name.replace('_', ' ')}{' (a hint)' if self.hint else ''}"
        indent = 10 * " "
        return "\n".join([head, *(fill(f"  {name:<8}{text}", 88, subsequent_indent=indent) for name, text in rows)])

    def state(self) -> dict[str, Any]:
        """Give what a checkpoint keeps."""
        return asdict(self)


@dataclass
class Course:
    """The training as it is seen by symptoms: what all of them may ask."""

    model: Any = None  # a Module
    optimizer: Any = None
    first: Look | None = None
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=64))
    epoch: list[Look] = field(default_factory=list)  # the looks of this epoch
    rows: list[tuple[float, float | None]] = field(default_factory=list)  # losses of each epoch: training, validation
    batches: deque[tuple[Any, Any]] = field(default_factory=lambda: deque(maxlen=8))  # (inputs, targets) of looks

    @property
    def lr(self) -> float:
        """The learning rate now."""
        return float(self.optimizer.param_groups[0]["lr"])


class Symptom:
    """Base: gives a figure when there is one, and says what it means when that is asked for."""

    name: ClassVar[str]
    hint: float | None = None  # beyond this, but not beyond the rule's limit, it is worth a hint

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def take(self, look: Look, course: Course) -> float | None:
        """Take in a look behind the warm-up; give a figure, or None while there is none."""
        return None

    def epoch(self, course: Course) -> float | None:
        """Do so at the end of an epoch."""
        return None

    def told(self, course: Course) -> tuple[str, str]:
        """Say what was seen, and what to do."""
        raise NotImplementedError
