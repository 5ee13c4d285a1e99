"""The statistics: medians, ratios round by round and their spread, geometric means, agreement of losses, targets.

Plain functions of numbers; knows nothing of processes. tests/examples/test_benchmark.py checks them by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

OURS = ("eager", "replay", "fast")
BEFORE = " before"  # ends the name of a variant that another checkout of this package runs
COMPARED_LOSSES = 5  # later on rounding errors have grown, and more so where the learning rate is high
TOLERANCE = 1e-2


class Spread(NamedTuple):
    """The middle of some numbers, their quartiles and their ends."""

    median: float
    lower: float
    upper: float
    least: float
    most: float


def quantile(values: Sequence[float], share: float) -> float:
    """Give the value below which that share of the values lies, interpolated as by numpy.quantile."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


def spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), quantile(values, 0.25), quantile(values, 0.75), min(values), max(values))


def ratio(peer: Sequence[float], ours: Sequence[float]) -> Spread:
    """Divide times round by round: how many times faster than the peer. 2 is twice as fast, 0.5 half as fast.

    Round by round, because both met the same state of the machine there; the median of the ratios is not the ratio of
    the medians.
    """
    return spread([p / o for p, o in zip(peer, ours, strict=True)])


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def disagreements(losses: Mapping[str, Sequence[float | None]], reference: str) -> dict[str, str]:
    """Name the variants whose first losses are not the reference's, with the first that is not; None is no loss."""
    found: dict[str, str] = {}
    expected = losses.get(reference) or []
    for variant, own in losses.items():
        pairs = list(zip(expected, own, strict=False))[:COMPARED_LOSSES]
        for i, (wanted, got) in enumerate(pairs, 1):
            if wanted is None or got is None:
                continue
            if not abs(got - wanted) <= TOLERANCE * abs(wanted):  # so that NaN disagrees
                found[variant] = f"loss {got:.5g} instead of {wanted:.5g} at step {i}"
                break
    return found


class Target(NamedTuple):
    """What was aimed at: a variant's times faster than a peer, at least (or at most, of the products)."""

    variant: str
    peer: str
    what: str  # a step, or a mean of several
    wanted: float | None  # None: nothing was aimed at
    got: float | None  # None: not measured

    @property
    def reached(self) -> bool | None:
        if self.got is None or self.wanted is None:
            return None
        return self.got <= self.wanted if self.peer == "products" else self.got >= self.wanted


# variant, peer, at least on each MLP step, geometric mean over the MLP steps, cnn-small, cnn-two
AIMS = (
    ("eager", "torch", 1.0, 1.2, 1.0, 0.95),
    ("replay", "torch", 1.15, 1.35, 1.2, 1.05),
    ("fast", "torch", 1.4, 1.7, 3.0, 1.4),
    ("best", "jax", 1.2, 1.7, 6.0, 4.0),
)
MOST_TIMES_PRODUCTS = 2.0
NEWER = ("resnet", "vit", "gpt", "gru", "autoencoder")
# variant, at least on each of the newer steps, geometric mean over them; always against PyTorch
NEWER_AIMS = (("eager", 0.8, 1.0), ("replay", None, 1.1), ("fast", None, 1.5))

Times = Mapping[str, Mapping[str, Sequence[float]]]  # microseconds by round, by step and variant


def best_of_ours(variants: Mapping[str, Sequence[float]]) -> str | None:
    """Name the fastest of our own variants, by its median."""
    ours = [v for v in OURS if v in variants]
    return min(ours, key=lambda v: median(variants[v])) if ours else None


def targets(times: Times) -> list[Target]:
    """Compare all measured ratios with what was aimed at; a step that was not run has no line."""
    rows: list[Target] = []
    newer = [step for step in times if step in NEWER]
    first = [step for step in times if step not in NEWER]
    mlps = [step for step in first if step.startswith("mlp")]
    for variant, peer, each, mean, small, two in AIMS:
        wanted = {**dict.fromkeys(mlps, each), "cnn-small": small, "cnn-two": two}
        reached = {step: _median_ratio(times[step], peer, variant) for step in first}
        rows += [Target(variant, peer, s, wanted[s], reached[s]) for s in first]
        if len(mlps) > 1:
            rows.append(Target(variant, peer, "mean of the MLPs", mean, _mean([reached[step] for step in mlps])))
        if len(first) > len(mlps) > 1:
            rows.append(Target(variant, peer, f"mean of the first {len(first)}", None, _mean([*reached.values()])))
    for step in mlps:
        inverse = _median_ratio(times[step], "products", "best")
        rows.append(Target("best", "products", step, MOST_TIMES_PRODUCTS, inverse and 1 / inverse))
    for variant, each, mean in NEWER_AIMS:
        reached = {step: _median_ratio(times[step], "torch", variant) for step in newer}
        rows += [Target(variant, "torch", s, each, reached[s]) for s in newer]
        if len(newer) > 1:
            rows.append(Target(variant, "torch", f"mean of the newer {len(newer)}", mean, _mean([*reached.values()])))
    return rows


def _mean(ratios: Sequence[float | None]) -> float | None:
    known = [r for r in ratios if r is not None]
    return geometric_mean(known) if len(known) == len(ratios) else None


def _median_ratio(variants: Mapping[str, Sequence[float]], peer: str, ours: str) -> float | None:
    name = best_of_ours(variants) if ours == "best" else ours
    if name not in variants or peer not in variants:
        return None
    return ratio(variants[peer], variants[name]).median
