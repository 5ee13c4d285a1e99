"""The thresholds of the doctor: one rule per symptom. The numbers stand in measured.py, which a program writes.

`python examples/training_doctor.py --measure` runs healthy and broken trainings over seeds and writes the table anew.
Look next at symptom.py.
"""

from __future__ import annotations

from typing import NamedTuple

from .measured import TABLE


class Rule(NamedTuple):
    """When a figure means that something is wrong.

    limit: beyond it a figure is a sign (above, or below it); warm_up: steps before the first figure; period: steps from
    one figure to the next, at least; window: what a figure is made of, in `unit`; patience: figures in a row beyond the
    limit; healthy, broken: the worst figure of a healthy training and the mildest of a broken one, as measured
    """

    limit: float
    above: bool
    warm_up: int
    period: int
    window: int
    unit: str
    patience: int
    healthy: float | None = None
    broken: float | None = None


RULES: dict[str, Rule] = {name: Rule(*row) for name, row in TABLE.items()}
