"""What the doctor adds to a step: the same training with and without it, turn by turn, medians of the turns.

Processor time, not the clock's: another program beside it matters less.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist.training import Doctor, fit

from .training import adam, cnn, mlp

EPOCH = 938  # steps of an epoch of all of MNIST
TRAININGS = {  # epochs and turns
    "MLP, its first epoch": (1, 9), "MLP, 10 epochs": (10, 5), "MLP, compiled, 10 epochs": (10, 5),
    "CNN, its first epoch": (1, 3),
}  # fmt: skip


def seconds(name, data, epochs, doctor):
    """Time a training."""
    tg.manual_seed(0)
    model = cnn(data, channels=(16, 32)) if name.startswith("CNN") else mlp(data, 128)
    at = np.arange(EPOCH * 64) % len(data.y)
    loader = tg.data.DataLoader(tg.data.Subset(tg.data.TensorDataset(data.x, data.y), at), batch_size=64)
    callbacks = [Doctor(say=lambda text: None)] if doctor else []
    optimizer = adam(model)
    begin = time.process_time()
    fit(model, loader, epochs=epochs, optimizer=optimizer, callbacks=callbacks, progress=False,
        compile="compiled" in name)  # fmt: skip
    return time.process_time() - begin


def measure(data):
    """Give, by training, the median seconds of a step without and with the doctor, and the spread of their ratios."""
    found = {}
    for name, (epochs, turns) in TRAININGS.items():
        pairs = []
        for turn in range(turns + 1):
            order = (False, True) if turn % 2 else (True, False)
            times = {doctor: seconds(name, data, epochs, doctor) / (epochs * EPOCH) for doctor in order}
            pairs += [(times[False], times[True])] if turn else []  # the first turn warms up
        found[name] = [median(column) for column in zip(*pairs, strict=True)], [b / a for a, b in pairs]
    return found


def table(found):
    """Write what was measured."""
    lines = [f"{'training':<28}{'µs a step':>12}{'with doctor':>13}{'added':>9}{'  turns':>18}"]
    for name, ((plain, watched), ratios) in found.items():
        low, high = (100 * (r - 1) for r in (min(ratios), max(ratios)))
        added = f"{100 * (median(ratios) - 1):.1f} %"
        lines.append(f"{name:<28}{1e6 * plain:>12.0f}{1e6 * watched:>13.0f}{added:>9}   {low:+.1f} to {high:+.1f} %")
    return "\n".join(lines)
