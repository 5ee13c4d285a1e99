"""From the start of a process to a test accuracy: a small training program per framework, and the clock on the wall.

It counts all that a user waits for: imports, reading the files, compiling, training, evaluating after each epoch. The
programs are train_in_tinygrad_mnist.py and train_in_torch.py; they report the most memory that they held, too.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from tinygrad_mnist.data.idx import format_idx

from .race import PYTHON, environment, hint
from .ratios import median

Split = tuple[np.ndarray, np.ndarray]


class Plan(NamedTuple):
    """What is trained, how often, and which test accuracies (percent) the clock is read at; the last ends it."""

    model: str
    epochs: int
    lr: float
    levels: tuple[float, ...]
    seeds: int


# epochs and learning rates of examples/mnist_mlp.py and mnist_cnn.py
PLANS = (Plan("mlp", 10, 3e-3, (97.6, 98.0), seeds=3), Plan("cnn", 4, 2e-3, (99.0,), seeds=1))
VARIANTS = ("eager", "replay", "fast", "torch")


def write_idx_files(folder: Path, training: Split, test: Split) -> None:
    """Write images and labels as MNIST's four files, decompressed, as both torchvision and this package keep them."""
    for part, (images, labels) in (("train", training), ("t10k", test)):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(format_idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(format_idx(labels.astype(np.uint8)))


def measure_accuracy(variants: list[str], folder: Path, threads: int, bar_of, plans=PLANS) -> dict[str, dict]:
    """Give {model: {variant: {"seconds": {level: by seed}, "accuracy": by seed, "peak_megabytes": by seed}}}.

    Args:    folder: MNIST's four IDX files, decompressed
    """
    results: dict[str, dict] = {}
    racing = [v for v in VARIANTS if v in variants]
    with bar_of(sum(plan.seeds * len(racing) for plan in plans), "accuracy") as bar:
        for plan in plans:
            found = results[plan.model] = {
                v: {"seconds": {str(level): [] for level in plan.levels}, "accuracy": [], "peak_megabytes": []}
                for v in racing
            }
            for seed in range(plan.seeds):
                for variant in racing:
                    bar.set_postfix_str(f"{plan.model}: {variant}, seed {seed}")
                    if "failed" not in found[variant]:
                        _train(found[variant], plan, variant, seed, folder, threads)
                    bar.update()
    return results


def _train(found: dict, plan: Plan, variant: str, seed: int, folder: Path, threads: int) -> None:
    program = "train_in_torch" if variant == "torch" else "train_in_tinygrad_mnist"
    command = [
        *PYTHON, "-m", f"benchmarks.{program}", str(folder), "--model", plan.model, "--variant", variant,
        "--seed", str(seed), "--epochs", str(plan.epochs), "--lr", str(plan.lr), "--stop", str(plan.levels[-1]),
    ]  # fmt: skip
    reached: dict[float, float] = {}
    best = peak = None
    with tempfile.TemporaryFile("w+") as errors:
        start = perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment(threads)
        ) as process:
            for line in process.stdout:
                told = json.loads(line)
                peak = told.get("peak_megabytes")
                if "accuracy" in told:
                    best = max(best or 0.0, told["accuracy"])
                    for level in plan.levels:
                        if best >= level:
                            reached.setdefault(level, perf_counter() - start)
        if process.returncode:
            errors.seek(0)
            said = errors.read().strip().splitlines()
            found["failed"] = hint(said[-1] if said else f"the process ended with status {process.returncode}")
            return
    for level in plan.levels:
        found["seconds"][str(level)].append(reached.get(level))
    found["accuracy"].append(best)
    found["peak_megabytes"].append(peak)


def typical(values: list[float | None]) -> float | None:
    """Give the median over seeds, or None if a seed never got there."""
    return None if not values or None in values else median(values)
