"""`Doctor.check`: what can be told of a model and one batch alone. Can the model learn a few samples by heart?

Works on a copy: neither the model nor the random numbers of the program are touched. Look next at doctor.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.backend import default_generator
from ...core.graph import Var
from ...nn import CrossEntropyLoss, Module
from ...optim import Adam
from ...tensors.creation import from_numpy
from ..evaluation import batch_loss, evaluating, map_outputs, model_outputs
from ..metrics import as_array
from .look import Look, look, surprise
from .symptom import Verdict

Loss = Callable[..., Any]


@dataclass
class Checkup:
    """What `Doctor.check` found: no verdict means that the model could learn the batch by heart.

    steps: how many it took; samples: of how many; first, last: the loss before and after; wrong: share of samples
    (of numbers: of the first loss) that is left
    """

    verdicts: list[Verdict]
    steps: int
    samples: int
    first: float
    last: float
    wrong: float

    @property
    def healthy(self) -> bool:
        """Tell whether nothing was found."""
        return not self.verdicts

    def __str__(self) -> str:
        learned = f"Checkup: {self.samples} samples, loss {self.first:.4g} -> {self.last:.4g} in {self.steps} steps, "
        return "\n".join([f"{learned}{100 * self.wrong:.3g} % wrong", *map(str, self.verdicts)])

    __repr__ = __str__


@contextmanager
def draws_kept() -> Iterator[None]:
    """Leave the package's random numbers as they were."""
    state = default_generator.numpy.bit_generator.state
    try:
        yield
    finally:
        default_generator.numpy.bit_generator.state = state


def by_heart(
    model: Module, inputs: Any, targets: list[Any], loss_function: Loss, steps: int, lr: float, rest: float
) -> tuple[Checkup, Module]:
    """Train a copy of a model on a few samples, without dropout, until at most `rest` of them are wrong; give both.

    What does not get there has another try with ten times the rate.
    """
    with draws_kept():
        found, student = trained(model, inputs, targets, loss_function, steps, lr, rest)
        if not found.wrong <= rest:
            again = trained(model, inputs, targets, loss_function, steps, 10 * lr, rest)
            found, student = again if again[0].wrong < found.wrong else (found, student)
    return found, student


def trained(
    model: Module, inputs: Any, targets: list[Any], loss_function: Loss, steps: int, lr: float, rest: float
) -> tuple[Checkup, Module]:
    """Make one such try."""
    student = copy.deepcopy(model).train()
    for module in student.modules():
        if "Dropout" in type(module).__name__:
            module.training = False
    optimizer, first, loss, wrong = Adam(student.parameters(), lr=lr), math.nan, math.nan, 1.0
    for step in range(steps + 1):
        outputs = model_outputs(student, inputs)
        objective = batch_loss(loss_function, outputs, targets)
        loss = float(objective.item())
        first = loss if step == 0 else first
        wrong = share_wrong(outputs, targets, loss / first if first else 0.0)
        if wrong <= rest or not math.isfinite(loss) or step == steps:
            break
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()
    return Checkup([], step, len(as_array(targets[0])), first, loss, wrong), student


def learns_but_knows_nothing(model: Module, inputs: Any, targets: Any, steps: int, rest: float) -> bool:
    """Tell whether a copy can learn 16 samples by heart, and another that learned half of all only guesses the rest."""
    true, loss = as_array(targets), CrossEntropyLoss()
    half = len(true) // 2
    few, some = map_outputs(lambda x: x[:16], inputs), map_outputs(lambda x: x[:half], inputs)
    others = map_outputs(lambda x: x[half:], inputs)
    if by_heart(model, few, [targets[:16]], loss, steps, 1e-3, rest)[0].wrong > rest:
        return False
    _, student = by_heart(model, some, [targets[:half]], loss, 300, 1e-3, rest)
    with draws_kept(), evaluating(student):
        guesses = as_array(model_outputs(student, others)).argmax(1)
    chance = float(np.bincount(true).max() / len(true))
    right, spread = float((guesses == true[half:]).mean()), math.sqrt(chance * (1 - chance) / (len(true) - half))
    return right <= chance + 3 * spread


def first_look(model: Module, inputs: Any, targets: list[Any], loss_function: Loss) -> Look:
    """Look at the loss of a batch."""
    with draws_kept():
        outputs = model_outputs(model, inputs)
        loss = batch_loss(loss_function, outputs, targets)
        return look(1, model, loss, outputs, targets[0] if len(targets) == 1 else None)


def share_wrong(outputs: Any, targets: list[Any], otherwise: float) -> float:
    """Give the share of wrong classes; of what are no classes, another figure."""
    if isinstance(outputs, Var) and len(targets) == 1:
        scores, true = outputs.array, as_array(targets[0])
        if scores.ndim == 2 and scores.shape[1] > 1 and true.shape == scores.shape[:1] and true.dtype.kind in "iu":
            return float((scores.argmax(1) != true).mean())
    return otherwise if math.isfinite(otherwise) else 1.0


def deaf(model: Module, inputs: Any, targets: Any) -> bool:
    """Tell whether a classifier's loss on zeros is about that on the inputs: it has learned nothing from them."""
    with draws_kept(), evaluating(model):
        scores = [as_array(model_outputs(model, x)) for x in (inputs, map_outputs(zeros, inputs))]
    real, blind = (surprise(x, as_array(targets)) for x in scores)
    return real > 0.9 * blind


def joined(batches: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Put the samples of several batches together, where inputs are one tensor or array; else give the last batch."""
    inputs = [as_array(x) for x, _ in batches if hasattr(x, "shape")]
    if len(inputs) < len(batches) or len({x.shape[1:] for x in inputs}) > 1:
        return batches[-1]
    return from_numpy(np.concatenate(inputs)), from_numpy(np.concatenate([as_array(y) for _, y in batches]))


def zeros(x: Any) -> Any:
    """Give zeros in the place of numbers, but leave whole numbers, which may choose rows, as they are."""
    return x * 0 if as_array(x).dtype.kind == "f" else x
