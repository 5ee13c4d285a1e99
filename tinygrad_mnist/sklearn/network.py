"""What an estimator makes of its parameters: the network, the optimizer, the schedule.

Knows nothing of scikit-learn. Look next at estimator.py.
"""

from __future__ import annotations

import copy
import inspect
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.backend import Generator, default_generator
from ..core.errors import ArgumentError, DTypeError
from ..nn import Dropout, Linear, Module, ReLU, Sequential, Sigmoid, Tanh, init
from ..optim import SGD, Adam, AdamW, Optimizer
from ..optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, ReduceLROnPlateau, Scheduler

ACTIVATIONS: dict[str, Callable[[], Module] | None] = {
    "relu": ReLU, "tanh": Tanh, "logistic": Sigmoid, "sigmoid": Sigmoid, "identity": None,
}  # fmt: skip
OPTIMIZERS = "adam", "adamw", "sgd"
Solver = str | Callable[..., Optimizer]
Schedule = str | Callable[..., Scheduler] | None
SCHEDULES = "cosine", "one_cycle", "plateau"
_building = threading.Lock()


def choice(name: str, value: object, allowed: Sequence[str], or_what: str = "") -> None:
    """Raise unless the value is one of the names."""
    if value not in allowed:
        words = ", ".join(map(repr, allowed)) + (f", or {or_what}" if or_what else "")
        raise ArgumentError(f"{name} is {value!r}.", expected=words)


def perceptron(
    features: int, outputs: int, hidden: int | Sequence[int], activation: str, dropout: float, dtype: np.dtype[Any],
    generator: Generator,
) -> Sequential:
    """Build Linear layers with an activation, and dropout where it is asked for, after each but the last.

    Weights start from Glorot's uniform distribution (with half its variance for the logistic function), biases from 0.
    """
    choice("activation", activation, tuple(ACTIVATIONS))
    sizes = [hidden] if isinstance(hidden, int | np.integer) else list(hidden)
    if not all(isinstance(s, int | np.integer) and s > 0 for s in sizes):
        expected = "(100,), (300, 100), ..."
        raise ArgumentError("hidden_layer_sizes must be whole numbers above 0.", got=f"{hidden!r}", expected=expected)
    layers: list[Module] = []
    widths = [features, *map(int, sizes), outputs]
    for i, (before, after) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        layer = Linear(before, after, dtype=dtype, generator=generator)
        gain = 1 / math.sqrt(3) if activation in ("logistic", "sigmoid") else 1.0
        weight, bias = layer.parameters()
        init.xavier_uniform_(weight, gain, generator)
        init.zeros_(bias)
        layers.append(layer)
        if i < len(sizes):
            make = ACTIVATIONS[activation]
            layers += [make()] if make is not None else []
            layers += [Dropout(dropout, generator=generator)] if dropout else []
    return Sequential(*layers)


def check_takes(name: str, function: Callable[..., Any], *arguments: Any, of: str) -> None:
    """Raise unless a user's function can be called with these arguments."""
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (ValueError, TypeError):  # has none to look at
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise DTypeError(f"{name} must be a function of {of}.", got=f"{signature}: {error}") from None


def built(module: Callable[[int, int], Module], features: int, outputs: int, generator: Generator) -> Module:
    """Call a user's factory so that what it draws, and its Dropout layers later, follow from the estimator's seed.

    Raises:
        DTypeError: if it does not give a Module with parameters
    """
    check_takes("module", module, features, outputs, of="(n_features, n_outputs)")
    with _building:  # the default generator is everybody's
        before = default_generator._seed, default_generator._numpy
        try:
            default_generator.manual_seed(int(generator.numpy.integers(2**31)))
            made = module(features, outputs)
        finally:
            default_generator._seed, default_generator._numpy = before
    if not isinstance(made, Module) or next(made.parameters(), None) is None:
        what = "module must make an nn.Module with parameters."
        hint = "module=lambda n, m: nn.Sequential(nn.Linear(n, 50), nn.ReLU(), nn.Linear(50, m))"
        raise DTypeError(what, got=type(made).__name__, expected="a function of (n_features, n_outputs)", hint=hint)
    made = copy.deepcopy(made)  # a factory that gives the same network each time would have folds share it
    for part in made.modules():
        if isinstance(part, Dropout) and part.generator is None:
            part.generator = generator
    return made


def optimizer_for(solver: Solver, module: Module, lr: float, momentum: float, nesterov: bool) -> Optimizer:
    """Make the optimizer of a name or a class, or call a factory on the parameters."""
    if callable(solver):
        own = isinstance(solver, type) and issubclass(solver, Optimizer)
        rated = own and "lr" in inspect.signature(solver).parameters
        made = solver(module.parameters(), lr=lr) if rated else solver(module.parameters())
        if not isinstance(made, Optimizer):
            raise DTypeError("solver must make an optimizer.", got=type(made).__name__)
        return made
    choice("solver", solver, OPTIMIZERS, "a function of the parameters that makes an optimizer")
    parameters = list(module.parameters())
    weights, others = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim < 2]
    groups = [{"params": part} for part in (weights, others) if part]
    if solver == "sgd":
        return SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov and momentum > 0)
    return (Adam if solver == "adam" else AdamW)(groups, lr=lr, weight_decay=0.0)


def decay_in(optimizer: Optimizer, solver: Solver, alpha: float, samples: float) -> float:
    """Have the optimizer shrink weights, and give the penalty that is left for the loss.

    With "adam" and "sgd" that is the L2 penalty, at less cost; with "adamw" alpha is its weight_decay.
    """
    if callable(solver):
        return alpha / samples
    for group in optimizer.param_groups:
        decay = alpha if isinstance(optimizer, AdamW) else alpha / samples
        group["weight_decay"] = decay if group["params"][0].ndim > 1 else 0.0
    return 0.0


def schedule_for(schedule: Schedule, optimizer: Optimizer, steps: int, patience: int) -> tuple[Scheduler | None, str]:
    """Make the schedule of a name, or call a factory on the optimizer and the number of steps; say when it steps."""
    if schedule is None:
        return None, "epoch"
    if callable(schedule):
        check_takes("schedule", schedule, optimizer, steps, of="(optimizer, total steps)")
        made = schedule(optimizer, steps)
        return made, "epoch" if isinstance(made, ReduceLROnPlateau) else "batch"
    choice("schedule", schedule, SCHEDULES, "a function of (optimizer, total steps), stepped after each batch")
    if schedule == "plateau":
        return ReduceLROnPlateau(optimizer, factor=0.2, patience=max(1, patience // 3)), "epoch"
    if schedule == "cosine":
        return CosineAnnealingLR(optimizer, T_max=steps), "batch"
    peak = optimizer.param_groups[0]["lr"]  # momentum stays what the estimator was given
    return OneCycleLR(optimizer, max_lr=peak, total_steps=steps, cycle_momentum=False), "batch"
