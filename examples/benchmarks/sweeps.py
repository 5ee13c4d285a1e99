"""What a step costs as one thing about it grows: the batch, the width, the depth, the number of threads.

Each point is a small race of its own. Read after race.py.
"""

from __future__ import annotations

from dataclasses import replace

from .race import Outcome, Settings, race
from .steps import CHAIN_WIDTH, STEPS, Data, Step

BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
WIDTHS = (8, 32, 128, 512, 2048, 4096)
DEPTHS = (10, 100, 1000, 10_000)
DEEPEST_REPLAY = 1000  # to record 10,000 layers takes most of a minute
THREADS = (1, 2)
THREADED = ("mlp-300-100-adam", "cnn-two")
FOLLOWED = ("eager", "replay", "fast", "torch", "jax")  # where one curve more would only hide the others
ROUNDS, SECONDS = 5, 0.2
SWEEPS = ("batch", "width", "depth", "threads")

Points = dict[str, dict[str, Outcome]]  # by label of the point, then by variant


def contests(name: str, variants: list[str], settings: Settings) -> list[tuple[str, Step, list[str], Settings]]:
    """List the races of a sweep: label, step, variants, settings."""
    shorter = replace(settings, rounds=ROUNDS, seconds=SECONDS, warm_up=0.1, check_steps=5)
    followed = [v for v in FOLLOWED if v in variants]
    if name == "batch":
        return [(str(n), Step(f"batch {n}", (128,), batch=n), followed, shorter) for n in BATCHES]
    if name == "width":
        return [(str(n), Step(f"width {n}", (n,)), followed, shorter) for n in WIDTHS]
    if name == "threads":
        return [
            (f"{step} {n}", STEPS[step], followed, replace(shorter, threads=n)) for step in THREADED for n in THREADS
        ]
    layered = [v for v in followed if v in ("eager", "replay", "torch")]
    return [
        (
            str(n),
            Step(f"depth {n}", optimizer="none", batch=CHAIN_WIDTH, chain=n),
            [v for v in layered if v != "replay" or n <= DEEPEST_REPLAY],
            shorter,
        )
        for n in DEPTHS
    ]


def sweep(name: str, variants: list[str], data: Data, settings: Settings, bar_of) -> Points:
    """Run a sweep: batch, width, depth or threads."""
    listed = contests(name, variants, settings)
    turns = sum(len(racing) * (chosen.rounds + 1) for _, _, racing, chosen in listed)
    with bar_of(turns, name) as bar:
        return {label: race(step, racing, data, chosen, bar) for label, step, racing, chosen in listed}
