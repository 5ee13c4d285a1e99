"""`lr_find`: a learning rate that suits a model, its data and its optimizer, out of one short training that is undone.

Knows nothing of `fit`'s loop. Look next at step.py and doctor/.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.backend import default_generator
from ..core.errors import ArgumentError, DTypeError, TrainingError, shown
from ..core.graph import Array
from ..nn import Module
from ..optim import Adam, Optimizer
from ..viz.curves.plots import INK, figure
from .callbacks import give_back
from .evaluation import batch_loss, model_outputs, parts_of
from .fit import checked_loss
from .sources import as_loader

SMOOTH = 0.9  # of the running mean of losses
DIVERGED = 4.0  # times the least loss, where the search ends
BLUE, ORANGE = "#3b75af", "#d9822b"


class RateSearch:
    """What `lr_find` found: `rate, figure = lr_find(...)`, or `.rate` alone, which needs no matplotlib.

    rate: the rate suggested; rates, losses: each that was tried, and the loss before its step; smoothed: its running
    mean
    """

    def __init__(self, rate: float, rates: Array, losses: Array, smoothed: Array) -> None:
        self.rate, self.rates, self.losses, self.smoothed = rate, rates, losses, smoothed
        self._figure: Any = None

    def __float__(self) -> float:
        return self.rate

    def __iter__(self) -> Iterator[Any]:
        return iter((self.rate, self.figure))

    def __repr__(self) -> str:
        span = f"{self.rates[0]:.1e} to {self.rates[-1]:.1e}"
        return f"RateSearch(rate {self.rate:.2g}; {len(self.rates)} rates from {span})"

    @property
    def figure(self) -> Any:
        """A matplotlib Figure: the loss at each rate, and the one suggested.

        Raises:
            MissingDependencyError: without matplotlib
        """
        if self._figure is None:
            self._figure = drawn(self)
        return self._figure


def lr_find(
    model: Module, train: Any, *, loss_function: Callable[..., Any] | None = None, optimizer: Optimizer | None = None,
    low: float = 1e-6, high: float = 10.0, steps: int = 100, batch_size: int = 64,
) -> RateSearch:  # fmt: skip
    """Search a learning rate: train with a rate that grows from step to step until the loss explodes, then undo it all.

    Suggested is the rate at which the smoothed loss falls fastest, on a logarithmic scale. Weights, buffers, the
    optimizer and the package's random numbers are afterwards as they were.

    Args:
        train, loss_function, optimizer, batch_size: as for fit; of an optimizer all groups get the rate
        low, high: the first rate and the last
        steps: how many there are
    Raises:
        TrainingError: if the loss is not finite from the start, or no rate makes it fall
    Source:
        Smith 2017 (arXiv:1506.01186), section 3.3
    """
    if not isinstance(model, Module):
        raise DTypeError("lr_find: model must be a Module.", got=shown(model))
    for name, value in (("low", low), ("high", high)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ArgumentError(f"lr_find: {name} must be a positive number.", got=repr(value))
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 10 or low >= high:
        got = f"low {low:g}, high {high:g}, steps {steps!r}"
        raise ArgumentError("lr_find: these rates are no range.", got=got, expected="low < high, and 10 steps or more")
    loss = checked_loss("lr_find", loss_function)
    loader = as_loader(train, batch_size, shuffle=True, who="lr_find")
    optimizer = Adam(model.parameters()) if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        raise DTypeError("lr_find: optimizer must be an Optimizer.", got=shown(optimizer))
    rates = np.geomspace(low, high, steps)
    state, random = copy.deepcopy(optimizer.state_dict()), default_generator.numpy.bit_generator.state
    rate_of = [group["lr"] for group in optimizer.param_groups]
    kept = {name: x.clone() for name, x in model.state_dict().items()}
    modes, gradients = [(m, m.training) for m in model.modules()], [(p, p.gradient) for p in model.parameters()]
    try:
        losses = rising(model.train(), batches(loader), loss, optimizer, rates)
    finally:
        give_back(model, kept, empty=True)
        optimizer.load_state_dict(state)
        for group, rate in zip(optimizer.param_groups, rate_of, strict=True):
            group["lr"] = rate
        for module, mode in modes:
            module.training = mode
        for p, g in gradients:
            p.gradient = g
        default_generator.numpy.bit_generator.state = random
    return suggested(rates[: len(losses)], np.array(losses))


def batches(loader: Any) -> Iterator[Any]:
    """Go through the data again and again."""
    while True:
        some = False
        for batch in loader:
            some = True
            yield batch
        if not some:
            raise TrainingError("lr_find: the training data gave no batch.")


def rising(
    model: Module, data: Iterator[Any], loss_function: Callable[..., Any], optimizer: Optimizer, rates: Array
) -> list[float]:
    """Train a step with each rate; give the loss before each, up to the first that is far above the least."""
    losses: list[float] = []
    mean = least = math.inf
    for rate, batch in zip(rates, data, strict=False):
        inputs, targets, _ = parts_of(batch)
        loss = batch_loss(loss_function, model_outputs(model, inputs), targets)
        value = float(loss.item())
        mean = value if not losses else SMOOTH * mean + (1 - SMOOTH) * value
        if not math.isfinite(value) or (len(losses) > 10 and mean > DIVERGED * least > 0):
            break
        least = min(least, mean)
        losses.append(value)
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def smooth(losses: Array) -> Array:
    """Compute the running mean, corrected for its start at 0."""
    mean, found = 0.0, np.empty(len(losses))
    for i, value in enumerate(losses):
        mean = SMOOTH * mean + (1 - SMOOTH) * value
        found[i] = mean / (1 - SMOOTH ** (i + 1))
    return found


def suggested(rates: Array, losses: Array) -> RateSearch:
    """Find where the smoothed loss falls fastest, before it is least."""
    if len(losses) < 10:
        got = f"{len(losses)} finite losses"
        raise TrainingError("lr_find: the loss explodes at once.", got=got, hint="a smaller low; scaled inputs")
    smoothed = smooth(losses)
    slope = np.gradient(smoothed, np.log(rates))
    end = max(int(smoothed.argmin()), 2)
    best = int(slope[:end].argmin())
    if not slope[best] < 0:
        raise TrainingError("lr_find: no rate makes the loss fall.", hint="doctor.check(model, batch) looks for why")
    return RateSearch(float(rates[best]), rates, losses, smoothed)


def drawn(found: RateSearch) -> Any:
    """Draw the loss at each rate."""
    made: Any = figure(6.4, 4)
    axes = made.subplots()
    axes.plot(found.rates, found.losses, color=BLUE, alpha=0.35, linewidth=1, label="loss")
    axes.plot(found.rates, found.smoothed, color=BLUE, label="smoothed")
    axes.axvline(found.rate, color=ORANGE, linestyle="--", label=f"suggested: {found.rate:.2g}")
    top = max(float(found.smoothed[: max(len(found.losses) // 2, 1)].max()), float(found.smoothed[0]))
    axes.set_ylim(min(0.0, float(found.losses.min())), 1.5 * top if top > 0 else None)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, labelcolor=INK)
    return made
