"""The process that runs one training step in one framework, told what to do by lines of JSON on its standard input.

    PYTHONPATH=examples python -P -m benchmarks.worker        (race.py starts it)

Requests: {"do": "start", ...} once, then {"do": "turn", "seconds": S} any number of times, then {"do": "end"}. Between
requests it waits on its input and costs nothing.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import statistics
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from .memory import peak_megabytes
from .ratios import BEFORE
from .steps import Step, load_material

MODULES = {
    "eager": "in_tinygrad_mnist", "replay": "in_tinygrad_mnist", "fast": "in_tinygrad_mnist", "torch": "in_torch",
    "torch.compile": "in_torch", "jax": "in_jax", "jax.reshape": "in_jax", "sklearn": "in_sklearn",
    "mygrad": "in_mygrad", "products": "in_products",
}  # fmt: skip


class Runner:
    """A framework's training step, fed one batch after the other."""

    def __init__(self, variant: str, step: Step, material_path: Path, check_steps: int, package_in: str = "") -> None:
        start = perf_counter()
        variant = variant.removesuffix(BEFORE)
        framework = importlib.import_module(f".{MODULES[variant]}", __package__)
        self.import_seconds = perf_counter() - start
        if package_in and not Path(framework.tg.__file__).is_relative_to(Path(package_in).resolve()):
            raise ImportError(f"{package_in} holds no tinygrad_mnist")
        material = load_material(material_path)
        self.train_step = framework.build(step, material.weights, variant)
        pairs = zip(material.images, material.labels, strict=True)
        self.batches = itertools.cycle([framework.convert(step, *pair) for pair in pairs])
        start = perf_counter()
        self.losses = [self._loss()]
        self.first_call_seconds = perf_counter() - start
        self.losses += [self._loss() for _ in range(check_steps - 1)]

    def _loss(self) -> float | None:
        loss = self.train_step(*next(self.batches))
        return None if loss is None else float(loss)

    def turn(self, seconds: float) -> list[float]:
        """Take steps for so many seconds, at least one; give the microseconds of each."""
        train_step, batches, taken = self.train_step, self.batches, []
        end = perf_counter() + seconds
        while True:
            batch = next(batches)
            start = perf_counter()
            train_step(*batch)
            stop = perf_counter()
            taken.append((stop - start) * 1e6)
            if stop >= end:
                return taken


def main() -> None:
    # Frameworks may print; only answers may reach the parent's pipe.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    runner = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "start":
            settings = request["step"]
            step = Step(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
            chosen = {k: request[k] for k in ("variant", "check_steps", "package_in") if k in request}
            try:
                runner = Runner(step=step, material_path=Path(request["material"]), **chosen)
            except Exception as error:  # whatever keeps a framework from starting is told, and only it is left out
                reason = " ".join(str(error).split())[:300]
                answer = {"failed": f"{type(error).__name__}: {reason}"}
            else:
                runner.turn(request["warm_up"])
                gc.collect()
                answer = {
                    "import_seconds": runner.import_seconds,
                    "first_call_seconds": runner.first_call_seconds,
                    "losses": runner.losses,
                }
        elif request["do"] == "turn":
            taken = runner.turn(request["seconds"])
            answer = {"median": statistics.median(taken), "mean": float(np.mean(taken)), "steps": len(taken)}
        else:
            answer = {"peak_megabytes": peak_megabytes()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
