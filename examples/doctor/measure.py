"""The table of thresholds: figures of every training over seeds, and limits that keep healthy and broken ones apart.

A limit is the usual one where that lies between the worst healthy figure and the mildest broken one, a factor of MARGIN
from both (from the healthy alone where a figure is a share, which ends at 1); else it is moved to their geometric mean.
Written to tinygrad_mnist/training/doctor/measured.py.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from tinygrad_mnist.core.files import write_whole
from tinygrad_mnist.training.doctor import rules

from .broken import BROKEN
from .healthy import HEALTHY

MARGIN = 1.5
TABLE = Path(rules.__file__).with_name("measured.py")
USUAL = {  # limits of published checks, and of one seed each, before they were widened
    "unscaled_input": 10, "exploding": 3, "rate_too_high": 0.3, "unshuffled": 0.9, "saturated": 0.5, "wrong_start": 2,
    "dead_relu": 0.5, "vanishing": 5e-5, "rate_too_low": 1e-4, "constant_predictor": 0.9, "shuffled_labels": 0.01,
    "overfitting": 0.02,
}  # fmt: skip
SHARES = ("unshuffled", "constant_predictor", "saturated", "dead_relu")


def measure(data, seeds, show):
    """Run everything; give {symptom: figures} of healthy trainings and of those that have the symptom, and mistakes."""
    healthy, broken, mistakes = {}, {}, []
    for training in (*HEALTHY, *BROKEN):
        for seed in range(seeds):
            doctor = training.run(data, seed)
            first = doctor.verdicts[0].name if doctor.verdicts else None
            if first != training.symptom:
                right = training.symptom or "nothing"
                mistakes.append(f"{training.name}, seed {seed}: {first or 'nothing'}, not {right}")
            if training.symptom is None:
                for name, figure in doctor.worst.items():
                    healthy.setdefault(name, []).append(figure)
            elif first == training.symptom:
                broken.setdefault(training.symptom, []).append(figure_of(doctor))
            show(f"{training.name}, seed {seed}: {first or 'nothing'}")
    return healthy, broken, mistakes


def figure_of(doctor):
    """Give the most alarming figure of the first verdict's symptom; of a loss that ended as no number the verdict's."""
    worst = doctor.worst[doctor.verdicts[0].name]
    return worst if np.isfinite(worst) else doctor.verdicts[0].figure


def limit_of(name, rule, healthy, broken):
    """Keep the usual limit, or move it between the figures. Exact symptoms have none to move."""
    usual = USUAL.get(name, rule.limit)
    if name not in USUAL or healthy is None or broken is None:
        return usual
    toward = 1 if rule.above else -1
    apart = (usual / healthy) ** toward >= MARGIN if healthy > 0 else True
    reached = (broken / usual) ** toward >= (1 if name in SHARES else MARGIN) if broken > 0 else not rule.above
    if apart and reached:
        return usual
    return float(f"{math.sqrt(healthy * min(broken, 1e300)):.2g}")


def rows(healthy, broken):
    """Give each rule with its limit and what was measured."""
    found = {}
    for name, rule in rules.RULES.items():
        worst = (max if rule.above else min)(healthy[name], default=None) if name in healthy else None
        mildest = (min if rule.above else max)(broken[name], default=None) if name in broken else None
        limit = limit_of(name, rule, worst, mildest)
        found[name] = rule._replace(limit=limit, healthy=rounded(worst), broken=rounded(mildest))
    return found


def rounded(x):
    """Write a figure with three digits; what is no number stays out of the table."""
    return None if x is None or not np.isfinite(x) else float(f"{x:.3g}")


def write(found):
    """Put the rules into the file, between its braces."""
    text = TABLE.read_text(encoding="utf-8")
    lines = "".join(f'    "{name}": {tuple(rule)!r},\n'.replace("'", '"') for name, rule in found.items())
    text = re.sub(r"(?s)(= \{\n).*?(\n?\}\n)", lambda m: f"{m[1]}{lines}}}\n", text, count=1)
    write_whole(TABLE, text.encode(), "training_doctor")
