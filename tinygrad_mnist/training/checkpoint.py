"""A training on disk: everything that a killed run needs to end with the same bits as one that was not killed.

That is: weights, optimizer, schedule, callbacks, history, the sums of the epoch under way, the position in it, and the
state of every generator now and when the epoch began (from which its order of samples is drawn again). One file,
replaced as a whole; nothing in it is code. Read after run.py.
"""

from __future__ import annotations

import itertools
import os
import time
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.backend import Generator, default_generator
from ..core.errors import ArgumentError, DataError, OutputError, StateDictError
from ..core.files import check_output, output_path, remove_leftovers
from ..core.graph import Var
from ..data import DataLoader
from ..nn import Module
from ..optim.optimizer import SCHEDULED, check_at_least
from ..tensors.saving import load, save
from .model_state import give_back, model_state

if TYPE_CHECKING:
    from .run import Run

FORM = 1  # of the file
KINDS = {"facts": dict, "history": list, "epoch": int, "batch": int, "sums": dict, "sizes": dict}  # of what it holds
CYCLED = ("momentum", "betas")  # what OneCycleLR moves


class Checkpoint:
    """Where and how often a training is written down: after every epoch, and in between.

    Args:    path: a file, replaced as a whole each time; batches: also after so many batches (None: not by number);
             seconds: also after so much time (None: not by time)
    Raises:  ArgumentError for figures below 1 batch or 0 seconds
    """

    def __init__(
        self, path: str | os.PathLike[str], batches: int | None = None, seconds: float | None = 30.0
    ) -> None:
        self.path, self.batches, self.seconds = output_path(path, "Checkpoint"), batches, seconds
        if batches is not None:
            check_at_least("Checkpoint", 1, batches=batches)
        if seconds is not None:
            check_at_least("Checkpoint", 0, seconds=seconds)
        self.written = time.monotonic()

    def open(self, run: Run, resume: bool) -> bool:
        """Restore what is there, if that is wanted; tell whether there was something.

        Raises:  ArgumentError where a file is there that is not to be continued; OutputError if none can be written;
                 DataError, StateDictError for a file that is damaged or of another training
        """
        run.facts = facts(run)  # before anything moves
        if os.path.isdir(self.path):
            raise OutputError(
                "fit: the checkpoint must be a file, and this is a folder.",
                got=str(self.path),
                hint=f"checkpoint={str(self.path / 'run.npz')!r}",
            )
        check_output(self.path, "fit: the checkpoint")
        remove_leftovers(self.path)
        self.written = time.monotonic()
        if not self.path.exists():
            return False
        if not resume:
            raise ArgumentError(
                "fit: the checkpoint is there already, and would be overwritten.",
                got=str(self.path),
                hint="resume=True to go on from it, or delete it, or choose another path",
            )
        state = load(self.path)
        try:
            restore(run, state)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:  # something else inside
            raise DataError(
                "fit: the checkpoint is damaged.",
                got=f"{self.path}: {type(error).__name__} {error}",
                expected="what fit(checkpoint=...) wrote",
            ) from error
        if run.warm_up():
            restore(run, state)
        return True

    def after_batch(self, run: Run) -> None:
        """Write, if it is time to."""
        by_number = self.batches is not None and run.batch % self.batches == 0
        if by_number or (self.seconds is not None and time.monotonic() - self.written >= self.seconds):
            self.write(run)

    def write(self, run: Run) -> None:
        """Write now."""
        save(gather(run), self.path)
        self.written = time.monotonic()


def gather(run: Run) -> dict[str, Any]:
    """Collect the state of a run, as `tg.save` takes it."""
    return {
        "form": FORM,
        "facts": run.facts,
        "model": model_state(run.model),
        "optimizer": run.optimizer.state_dict(),
        "schedule": run.schedule.state_dict() if run.schedule is not None else None,
        "callbacks": [c.state_dict() for c in run.callbacks],
        "history": run.history.rows,
        "epoch": run.epoch,
        "batch": run.batch,
        "sums": run.sums,
        "samples": run.samples,
        "seconds": run.elapsed(),
        "sizes": run.sizes,
        "stopping": run.stopping,
        "generators": run.before or [g.bit_generator.state for g in generators(run)],
        "epoch_generators": run.epoch_generators,
    }


def facts(run: Run) -> dict[str, Any]:
    """Describe, before the first batch, what must be the same in a run that goes on."""
    loader = run.loader
    data: dict[str, Any] = {"loader": type(loader).__name__}
    if isinstance(loader, DataLoader):
        names = "batch_size", "shuffle", "drop_last"
        data |= {"samples": len(loader.dataset), **{name: getattr(loader, name) for name in names}}
    schedule = None if run.schedule is None else f"{type(run.schedule).__name__} per {run.schedule_every}"
    return {
        **data,
        "optimizer": type(run.optimizer).__name__,
        "schedule": schedule,
        "callbacks": [type(c).__name__ for c in run.callbacks],
        "columns": list(run.columns),
        "settings": [plain(group) for group in own_settings(run.optimizer)],
        "schedule's": {} if run.schedule is None else plain(settings_of(run.schedule)),
        "loss": describe(run.loss_function),
        "network": repr(run.model),
        "l2": run.l2,
        "clip_norm": run.clip_norm,
        "compile": run.compile,
        "generators": len(generators(run)),
    }


def own_settings(optimizer: Any) -> list[dict[str, Any]]:
    """Give an optimizer's settings by group, less lr and what schedules and callbacks move."""
    return [
        {k: v for k, v in g.items() if k not in ("params", "lr", *SCHEDULED, *CYCLED * ("max_momentum" in g))}
        for g in optimizer.param_groups
    ]


def settings_of(schedule: Any) -> dict[str, Any]:
    """Give the numbers that a schedule was made with."""
    return {k: v for k, v in vars(schedule).items() if k[0] != "_" and isinstance(v, int | float | str) and v == v}


def plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Write settings as they come back from a file."""
    return {k: list(v) if isinstance(v, tuple) else v.item() if isinstance(v, np.generic) else v
            for k, v in settings.items()}  # fmt: skip


def describe(function: Any) -> str:
    """Name a loss function."""
    named = getattr(function, "__qualname__", type(function).__name__)
    return repr(function) if isinstance(function, Module) else str(named)


def restore(run: Run, state: dict[str, Any]) -> None:
    """Put a run into the state that `gather` collected.

    Raises:  StateDictError if it is of another training, naming what differs
    """
    if not isinstance(state, dict) or state.get("form") != FORM:
        raise StateDictError("fit: the file is no checkpoint of a training.", expected="what fit(checkpoint=...) wrote")
    wrong = [k for k, kind in KINDS.items() if type(state[k]) is not kind]
    if wrong or not all(type(row) is dict for row in state["history"]) or str in map(type, state["sums"].values()):
        raise TypeError(f"in {wrong or 'history or sums'}")  # which `open` explains; nothing was changed
    own, saved = run.facts, state["facts"]
    differing = [difference(k, saved.get(k), own[k]) for k in own if saved.get(k) != own[k]]
    if differing:
        raise StateDictError(
            "fit: the checkpoint is of another training.",
            got="; ".join(differing),
            expected="the arguments that the run began with (epochs may be more)",
            hint="another checkpoint path for another training",
        )
    give_back(run.model, state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    if run.schedule is not None:
        run.schedule.load_state_dict(state["schedule"])
        # the rates as they were, to the bit: a schedule may compute them from more than its own state
        for group, saved_group in zip(run.optimizer.param_groups, state["optimizer"]["param_groups"], strict=True):
            group["lr"] = saved_group["lr"]
    for callback, its in zip(run.callbacks, state["callbacks"], strict=True):
        callback.load_state_dict(its)
    run.history.rows[:] = state["history"]
    run.epoch, run.batch, run.stopping = state["epoch"], state["batch"], state["stopping"]
    run.sums, run.samples, run.sizes = dict(state["sums"]), state["samples"], dict(state["sizes"])
    run.spent = state["seconds"]
    run.epoch_generators = state["epoch_generators"]
    set_generators(run, state["generators"])


def difference(name: str, saved: Any, own: Any) -> str:
    """Say in which line two descriptions differ first."""
    if isinstance(saved, str) and isinstance(own, str) and "\n" in saved + own:
        pairs = itertools.zip_longest(saved.splitlines(), own.splitlines(), fillvalue="nothing")
        saved, own = next((a.strip(), b.strip()) for a, b in pairs if a != b)
    return f"{name} {saved!r}, now {own!r}"


def generators(run: Run) -> list[np.random.Generator]:
    """List every generator that the training draws from: the default one, and those that loaders, datasets, modules,
    the loss and callbacks hold, themselves or in what they are made of.
    """
    found: dict[int, np.random.Generator] = {id(default_generator.numpy): default_generator.numpy}
    seen: set[int] = set()
    stack: list[Any] = [*reversed(run.callbacks), run.loss_function, run.model, run.valid, run.loader]
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


def set_generators(run: Run, states: list[Any]) -> None:
    """Put the generators into saved states."""
    for generator, state in zip(generators(run), states, strict=True):
        generator.bit_generator.state = state
