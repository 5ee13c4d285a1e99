"""A training on disk: everything that a killed run needs to end with the same bits as one that was not killed.

That is: weights, optimizer, schedule, callbacks, history, the sums of the epoch under way, the position in it, and the
state of every generator now and when the epoch began (from which its order of samples is drawn again). One file,
replaced as a whole; nothing in it is code. Read after callbacks.py; settings.py has what is compared.
"""

from __future__ import annotations

import itertools
import os
import time
from typing import Any, Protocol

import numpy as np

from ..core.errors import ArgumentError, DataError, OutputError, StateDictError
from ..core.files import check_output, output_path, remove_leftovers
from ..nn import Module
from ..optim.optimizer import check_at_least
from ..tensors.saving import load, save
from .callbacks import Training

FORM = 2  # of the file; in 1, tensors that are no parameters were apart
KINDS = {"facts": dict, "history": list, "epoch": int, "batch": int, "sums": dict, "sizes": dict}  # of what it holds


class Resumable(Training, Protocol):
    """What a checkpoint asks of a Run, besides."""

    def facts(self) -> dict[str, Any]:
        """Describe what must be the same in a run that goes on."""

    def state_dict(self) -> dict[str, Any]:
        """Give everything else."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from it."""

    def warm_up(self) -> bool:
        """Do what a compiled step does before it is replayed; tell whether weights changed."""


class Checkpoint:
    """Where and how often a training is written down: after every epoch, and in between.

    Args:
        path: a file, replaced as a whole each time
        batches: also after so many batches (None: not by number)
        seconds: also after so much time (None: not by time)
    Raises:
        ArgumentError: for figures below 1 batch or 0 seconds
    """

    def __init__(self, path: str | os.PathLike[str], batches: int | None = None, seconds: float | None = 30.0) -> None:
        self.path, self.batches, self.seconds = output_path(path, "Checkpoint"), batches, seconds
        if batches is not None:
            check_at_least("Checkpoint", 1, batches=batches)
        if seconds is not None:
            check_at_least("Checkpoint", 0, seconds=seconds)
        self.written = time.monotonic()
        self.facts: dict[str, Any] = {}  # of the run, which a file must share

    def open(self, run: Resumable, resume: bool) -> None:
        """Restore what is there, if that is wanted.

        Raises:
            ArgumentError: where a file is there that is not to be continued
            OutputError: if none can be written
            DataError, StateDictError: for a file that is damaged or of another training
        """
        self.facts = run.facts()  # before anything moves
        if os.path.isdir(self.path):
            got, hint = str(self.path), f"checkpoint={str(self.path / 'run.npz')!r}"
            raise OutputError("fit: the checkpoint must be a file, and this is a folder.", got=got, hint=hint)
        check_output(self.path, "fit: the checkpoint")
        remove_leftovers(self.path)
        self.written = time.monotonic()
        if not self.path.exists():
            return
        if not resume:
            what = "fit: the checkpoint is there already, and would be overwritten."
            hint = "resume=True to go on from it, or delete it, or choose another path"
            raise ArgumentError(what, got=str(self.path), hint=hint)
        state = load(self.path)
        try:
            self.restore(run, state)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:  # something else inside
            got, wanted = f"{self.path}: {type(error).__name__} {error}", "what fit(checkpoint=...) wrote"
            raise DataError("fit: the checkpoint is damaged.", got=got, expected=wanted) from error
        if run.warm_up():
            self.restore(run, state)

    def restore(self, run: Resumable, state: dict[str, Any]) -> None:
        """Put a run into the state that was written.

        Raises:
            StateDictError: if it is of another training, naming what differs
        """
        if not isinstance(state, dict) or state.get("form") not in (1, FORM):
            wanted = "what fit(checkpoint=...) wrote"
            raise StateDictError("fit: the file is no checkpoint of a training.", expected=wanted)
        wrong = [k for k, kind in KINDS.items() if type(state[k]) is not kind]
        if wrong or not all(type(row) is dict for row in state["history"]) or str in map(type, state["sums"].values()):
            raise TypeError(f"in {wrong or 'history or sums'}")  # which `open` explains; nothing was changed
        own, saved = self.facts, state["facts"]
        differing = [difference(k, saved.get(k), own[k]) for k in own if saved.get(k) != own[k]]
        if differing:
            got, expected = "; ".join(differing), "the arguments that the run began with (epochs may be more)"
            hint = "another checkpoint path for another training"
            raise StateDictError("fit: the checkpoint is of another training.", got=got, expected=expected, hint=hint)
        run.load_state_dict(upgraded(state, run.model) if state["form"] == 1 else state)

    def after_batch(self, run: Resumable) -> None:
        """Write, if it is time to."""
        by_number = self.batches is not None and run.batch % self.batches == 0
        if by_number or (self.seconds is not None and time.monotonic() - self.written >= self.seconds):
            self.write(run)

    def write(self, run: Resumable) -> None:
        """Write now."""
        save({"form": FORM, "facts": self.facts, **run.state_dict()}, self.path)
        self.written = time.monotonic()


def upgraded(state: dict[str, Any], model: Module) -> dict[str, Any]:
    """Bring a file of form 1, which had tensors that are no parameters under `path:name`, to the form of today.

    Those that are buffers by now join the parameters; others, which no state dict has, are set here.
    """
    modules, saved = dict(model.named_modules()), model.state_dict()

    def joined(parts: Any) -> Any:
        if not isinstance(parts, dict) or set(parts) != {"parameters", "besides"}:
            return parts
        besides = {key.replace(":", ".").lstrip("."): value for key, value in parts["besides"].items()}
        return parts["parameters"] | {k: v for k, v in besides.items() if k in saved}

    for key, value in state["model"]["besides"].items():
        path, _, name = key.rpartition(":")
        if key.replace(":", ".").lstrip(".") not in saved:
            is_array = isinstance(getattr(modules[path], name, None), np.ndarray)
            setattr(modules[path], name, np.array(value) if is_array else value.clone())
    callbacks = [{k: joined(v) if k == "kept" else v for k, v in c.items()} for c in state["callbacks"]]
    return {**state, "model": joined(state["model"]), "callbacks": callbacks}


def difference(name: str, saved: object, own: object) -> str:
    """Say in which line two descriptions differ first."""
    if isinstance(saved, str) and isinstance(own, str) and "\n" in saved + own:
        pairs = itertools.zip_longest(saved.splitlines(), own.splitlines(), fillvalue="nothing")
        saved, own = next((a.strip(), b.strip()) for a, b in pairs if a != b)
    return f"{name} {saved!r}, now {own!r}"
