"""What a training is done with, named once: the run works by it, and a checkpoint keeps the facts about it.

Read after checkpoint.py; step.py and run.py are next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ..core.backend import Generator, default_generator
from ..core.graph import Var
from ..data import DataLoader
from ..nn import Module
from ..nn.layer import Layer
from ..optim.lr_scheduler import Scheduler
from ..optim.optimizer import SCHEDULED, UNUSED, Optimizer
from .callbacks import Callback
from .checkpoint import Checkpoint
from .metrics import Metric
from .progress import Progress

# what is no setting of an optimizer, or moved by schedules and callbacks
MOVED = ("params", "lr", *SCHEDULED, *UNUSED, "param_names", "decoupled_weight_decay")
CYCLED = ("momentum", "betas")  # by OneCycleLR
LATER = ("maximize", "amsgrad")  # which files from before do not have


def settled(loss: Module) -> str:
    """Name a loss and those of its settings that are not the default."""
    if not isinstance(loss, Layer):
        return repr(loss)
    given = [(k, repr(getattr(loss, k)), repr(default)) for k, default in loss.settings.items()]
    return f"{type(loss).__name__}({', '.join(f'{k}={v}' for k, v, default in given if v != default)})"


@dataclass(frozen=True, eq=False, repr=False)
class Settings:
    """The arguments of `fit`, checked and filled in."""

    model: Module
    loader: Any
    valid: Any
    epochs: int
    loss_function: Callable[..., Any]
    optimizer: Optimizer
    metrics: Mapping[str, Metric]
    schedule: Scheduler | None
    schedule_every: str
    l2: float
    clip_norm: float | None
    callbacks: Sequence[Callback]
    checkpoint: Checkpoint | None
    compile: str | None
    progress: Progress

    @property
    def columns(self) -> list[str]:
        """Name what a row of the history will have."""
        parts = ["train", "valid"] if self.valid is not None else ["train"]
        return ["epoch", *(f"{part}_{name}" for part in parts for name in ("loss", *self.metrics)), "lr", "seconds"]

    def facts(self) -> dict[str, Any]:
        """Describe, before the first batch, what must be the same in a run that goes on."""
        data: dict[str, Any] = {"loader": type(self.loader).__name__}
        if isinstance(self.loader, DataLoader):
            names = "batch_size", "shuffle", "drop_last"
            data |= {"samples": len(self.loader.dataset), **{name: getattr(self.loader, name) for name in names}}
        named, loss = getattr(self.loss_function, "__qualname__", type(self.loss_function).__name__), self.loss_function
        groups = [{k: v for k, v in g.items() if v or k not in LATER} for g in self.optimizer.param_groups]
        return {
            **data,
            "optimizer": type(self.optimizer).__name__,
            "schedule": None if self.schedule is None else f"{type(self.schedule).__name__} per {self.schedule_every}",
            "callbacks": [type(c).__name__ for c in self.callbacks],
            "columns": self.columns,
            "settings": [plain(g, less=MOVED + CYCLED * ("max_momentum" in g)) for g in groups],
            "schedule's": {} if self.schedule is None else settings_of(self.schedule),
            "loss": settled(loss) if isinstance(loss, Module) else str(named),
            "network": repr(self.model),
            **{name: getattr(self, name) for name in ("l2", "clip_norm", "compile")},
            "generators": len(self.generators()),
        }

    def generators(self) -> list[np.random.Generator]:
        """List every generator that the training draws from: the default one, and those that loaders, datasets,
        modules, the loss and callbacks hold, themselves or in what they are made of.
        """
        found: dict[int, np.random.Generator] = {id(default_generator.numpy): default_generator.numpy}
        seen: set[int] = set()
        stack: list[object] = [*reversed(self.callbacks), self.loss_function, self.model, self.valid, self.loader]
        while stack:
            x = stack.pop()
            if id(x) in seen or isinstance(x, Var | np.ndarray | str | bytes | type | ModuleType):
                continue
            seen.add(id(x))
            if isinstance(x, Generator | np.random.Generator):
                generator = x if isinstance(x, np.random.Generator) else x.numpy
                found.setdefault(id(generator), generator)
            elif isinstance(x, dict):
                stack.extend(reversed(list(x.values())))
            elif isinstance(x, tuple | list):
                stack.extend(reversed(x[:1000]))  # samples of a dataset hold none
            elif hasattr(x, "__dict__"):
                stack.extend(reversed(list(vars(x).values())))
        return list(found.values())

    def generator_states(self) -> list[Any]:
        """Give the state of every generator."""
        return [g.bit_generator.state for g in self.generators()]

    def set_generators(self, states: list[Any]) -> None:
        """Put the generators into saved states."""
        for generator, state in zip(self.generators(), states, strict=True):
            generator.bit_generator.state = state


def settings_of(schedule: object) -> dict[str, Any]:
    """Give the numbers that a schedule was made with."""
    given = {k: v for k, v in vars(schedule).items() if k[0] != "_" and isinstance(v, int | float | str) and v == v}
    return plain(given)


def plain(settings: dict[str, Any], less: tuple[str, ...] = ()) -> dict[str, Any]:
    """Write settings as they come back from a file."""
    return {k: list(v) if isinstance(v, tuple) else v.item() if isinstance(v, np.generic) else v
            for k, v in settings.items() if k not in less}  # fmt: skip
