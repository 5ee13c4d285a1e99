"""`doctor`: the training that `train` would do, with the doctor beside it, who says what is wrong.

The status is 1 where something is, as a lint's. The doctor is training/'s. Read after train.py.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from .. import training
from ..core import bars
from ..core.backend import default_generator
from ..core.errors import TrainingError
from ..data import ImageSet
from .line import INTERRUPTED
from .train import begun, trained


class Changed:
    """A dataset whose pixels are multiplied, or whose images have the labels of others."""

    takes_index_arrays = True

    def __init__(self, dataset: ImageSet, scale: float, shuffled: bool) -> None:
        self.dataset, self.scale = dataset, np.float32(scale)
        count = len(dataset)
        self.places = default_generator.numpy.permutation(count) if shuffled else np.arange(count)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        labels = self.dataset.labels[self.places[index]]
        return self.dataset[index][0] * self.scale, int(labels) if np.ndim(labels) == 0 else labels


def run(settings: argparse.Namespace) -> int:
    """Train, and give each verdict when it is found."""
    doctor = training.Doctor(off=settings.off, say=bars.say)
    task = begun(settings, lambda images: Changed(images, settings.scale, settings.shuffle_labels))
    history = None
    try:
        history = trained(settings, task, doctor)
    except TrainingError as error:  # which the doctor has seen coming
        print(f"{type(error).__name__}: {error}")
    if doctor.verdicts:
        print(f"Found: {', '.join(v.name for v in doctor.verdicts)}")
        return 1
    print("Nothing found" + (f"; hints: {', '.join(v.name for v in doctor.hints)}" if doctor.hints else ""))
    return 1 if history is None else INTERRUPTED if history.ended == "interrupted" else 0
