"""Let frameworks take the same training step in turns, each in its own process, alone on the machine while it runs.

In rounds A B C A B C ..., so that what the machine does meanwhile (its clock, its neighbours) meets all of them alike;
between turns a pause, because the thread pools of the one before spin on for a while. Look next at ratios.py.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .machine import blas_settings
from .material import save_material
from .ratios import BEFORE, disagreements, median
from .steps import Data, Step

EXAMPLES = Path(__file__).parent.parent
PYTHON = (sys.executable, "-P")  # -P: what is imported shall not depend on the folder that this is started in
PATIENCE = 600.0  # seconds for one answer; a worker that takes longer hangs
WHAT_TO_INSTALL = {
    "numba": "numba", "torch": "torch", "jax": "jax", "jaxlib": "jax", "sklearn": "scikit-learn", "mygrad": "mygrad",
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How long everything is measured. check_steps: how many losses are compared before."""

    rounds: int
    seconds: float
    threads: int
    warm_up: float = 0.3
    pause: float = 0.15
    check_steps: int = 20
    before: str = ""  # folder of another checkout of this package


@dataclass
class Outcome:
    """What was measured of one variant, or why nothing was. Times in microseconds per step, one for each round."""

    failed: str | None = None
    micros: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    losses: list[float | None] = field(default_factory=list)
    import_seconds: float | None = None
    first_call_seconds: float | None = None
    peak_megabytes: float | None = None

    @property
    def micro(self) -> float:
        return median(self.micros)


def environment(threads: int, before: str = "") -> dict[str, str]:
    """Give every framework the same number of threads, in the words that it understands.

    Args:
        before: folder in which the package is looked for first
    """
    number = str(threads)
    variables = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC"), number
    )  # NPROC is what XLA sizes its thread pool by
    flags = [os.environ.get("XLA_FLAGS", "")]
    if threads == 1:
        flags.append("--xla_cpu_multi_thread_eigen=false")
    left_out = {"PYTHONDONTWRITEBYTECODE", *blas_settings()}  # imports as users have them, products as OpenBLAS chooses
    kept = {k: v for k, v in os.environ.items() if k not in left_out}
    path = os.pathsep.join(filter(None, (str(EXAMPLES), before, os.environ.get("PYTHONPATH"))))
    return {**kept, **variables, "XLA_FLAGS": " ".join(filter(None, flags)), "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}


class WorkerLost(Exception):
    """A worker ended, or hung, instead of answering."""


class Worker:
    """The parent's end of a worker process."""

    def __init__(self, threads: int, before: str = "") -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [*PYTHON, "-m", "benchmarks.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, env=environment(threads, before),
        )  # fmt: skip

    def ask(self, **request) -> dict:
        """Send a request and wait for its answer.

        Raises:  WorkerLost with the last line that the worker had to say
        """
        alarm = threading.Timer(PATIENCE, self._process.kill)
        alarm.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            alarm.cancel()
        if not line:
            status = self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().strip().splitlines()
            raise WorkerLost(f"the process ended with status {status}: {said[-1] if said else 'it said nothing'}")
        return json.loads(line)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            try:
                stream.close()
            except BrokenPipeError:  # what was still to be written to a worker that is gone
                pass


def hint(reason: str) -> str:
    """Add what to install where a module is missing."""
    for module, package in WHAT_TO_INSTALL.items():
        if f"No module named '{module}" in reason:
            return f"{reason} (pip install {package})"
    return reason


def race(step: Step, variants: list[str], data: Data, settings: Settings, bar, reference: str = "eager") -> dict:
    """Measure a step in every variant; give {variant: Outcome}. A variant whose losses are not the reference's is out.

    Args:    bar: a tqdm bar, moved on by len(variants) * (settings.rounds + 1)
    """
    outcomes, workers = {v: Outcome() for v in variants}, {}
    with tempfile.TemporaryDirectory() as folder:
        material = Path(folder, "material.npz")
        save_material(material, step, data)
        try:
            for variant in variants:
                bar.set_postfix_str(f"{step.name}: {variant} starts")
                before = settings.before if variant.endswith(BEFORE) else ""
                workers[variant] = Worker(settings.threads, before)
                _start(outcomes[variant], workers[variant], variant, step, material, settings)
                bar.update()
            for variant, why in disagreements({v: outcomes[v].losses for v in variants}, reference).items():
                outcomes[variant].failed = f"DISAGREES with {reference}: {why}"
            for _ in range(settings.rounds):
                for variant in variants:
                    if outcomes[variant].failed is None:
                        bar.set_postfix_str(f"{step.name}: {variant}")
                        time.sleep(settings.pause)
                        _turn(outcomes[variant], workers[variant], settings)
                    bar.update()
            for variant in variants:
                if outcomes[variant].failed is None:
                    _ask(outcomes[variant], workers[variant], do="end")
        finally:
            for worker in workers.values():
                worker.close()
    return outcomes


def _start(outcome: Outcome, worker: Worker, variant, step, material, settings) -> None:
    _ask(
        outcome, worker, do="start", variant=variant, step=dataclasses.asdict(step), material=str(material),
        check_steps=settings.check_steps, warm_up=settings.warm_up,
        package_in=settings.before if variant.endswith(BEFORE) else "",
    )  # fmt: skip


def _turn(outcome: Outcome, worker: Worker, settings: Settings) -> None:
    answer = _ask(outcome, worker, do="turn", seconds=settings.seconds)
    if answer:
        outcome.micros.append(answer["median"])
        outcome.means.append(answer["mean"])
        outcome.steps.append(answer["steps"])


def _ask(outcome: Outcome, worker: Worker, **request) -> dict | None:
    """Ask, and enter into the outcome what belongs there."""
    try:
        answer = worker.ask(**request)
    except WorkerLost as error:
        answer = {"failed": str(error)}
    if "failed" in answer:
        outcome.failed = hint(answer["failed"])
        return None
    for name, value in answer.items():
        if hasattr(outcome, name) and name != "steps":
            setattr(outcome, name, value)
    return answer
