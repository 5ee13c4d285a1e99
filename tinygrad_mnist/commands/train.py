"""`train`: an MLP or a CNN on MNIST, by `fit`: the best weights of all epochs, tested, and saved.

What doctor.py does with the same settings begins here, too. Look next at models.py.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import nn
from ..core.backend import manual_seed
from ..core.files import output_folder
from ..data import DataLoader, Opened, Subset, open_dataset, random_split
from ..optim import SGD, Adam, Optimizer
from ..optim.lr_scheduler import OneCycleLR
from ..training import Callback, History, KeepBest, evaluate, fit
from .draw import out_of
from .line import INTERRUPTED
from .models import build, keep

SMOOTHING = 0.05  # of labels: less sure of them, so better on new images


class Task(NamedTuple):
    """A training that is about to begin."""

    model: nn.Module
    train: Any
    valid: Any
    opened: Opened
    epochs: int
    network: dict[str, Any]  # what the model is built from


def begun(settings: argparse.Namespace, change: Callable[[Any], Any] | None = None) -> Task:
    """Open the data, build the model, and say what they are. change: what is made of the training images."""
    manual_seed(settings.seed)
    opened = open_dataset(settings.data, settings.data_dir)
    print(opened.notice or f"Data: {opened.train.source}")
    images: Any = opened.train if change is None else change(opened.train)
    if settings.images is not None:
        images = Subset(images, np.arange(min(settings.images, len(images))))
    held_out = len(images) // 12  # 5,000 of 60,000 choose the best epoch; the test set is used once, at the end
    train, valid = random_split(images, [len(images) - held_out, held_out])
    network: dict[str, Any] = {"name": settings.model}
    if settings.model == "mlp":
        network |= {"hidden": settings.hidden or [128], "activation": settings.activation or "relu"}
    model = build(**network)
    count = sum(p.numel() for p in model.parameters())
    print(f"{model}\n{count:,} parameters, {len(train):,} images to train on, {held_out:,} to choose the best epoch")
    return Task(model, train, valid, opened, settings.epochs or settings.usual[settings.model], network)


def optimizer_of(settings: argparse.Namespace, model: nn.Module) -> Optimizer:
    """Make the optimizer."""
    if settings.optimizer == "sgd":
        momentum = 0.9 if settings.momentum is None else settings.momentum
        return SGD(model.parameters(), lr=settings.lr or 0.1, momentum=momentum)
    return Adam(model.parameters(), lr=settings.lr or 3e-3)


def trained(settings: argparse.Namespace, task: Task, callback: Callback) -> History:
    """Train, with one callback."""
    loader = DataLoader(task.train, batch_size=settings.batch_size, shuffle=True)
    optimizer = optimizer_of(settings, task.model)
    rate, steps = optimizer.param_groups[0]["lr"], task.epochs * len(loader)
    schedule = OneCycleLR(optimizer, max_lr=rate, total_steps=steps, cycle_momentum=False)
    return fit(
        task.model, loader, valid=task.valid, epochs=task.epochs, optimizer=optimizer, schedule=schedule,
        schedule_every="batch", loss_function=nn.CrossEntropyLoss(label_smoothing=SMOOTHING), callbacks=[callback],
        compile=settings.compile or False, progress=False if settings.quiet else None, on_interrupt="return",
    )  # fmt: skip


def run(settings: argparse.Namespace) -> int:
    """Train, test, save."""
    if settings.out is not None:  # told now, not after training, if it cannot be written
        out_of(settings, (".npz",))
    task = begun(settings)
    # the weights of another set, or of a quick look, must not replace those of a training on MNIST
    data = "digits" if task.opened.notice else settings.data
    of = "" if data in ("auto", "mnist") else f"_{data}"
    name = f"{settings.model}{of}{'_quick' * (settings.images is not None)}.npz"
    path = Path(settings.out) if settings.out is not None else output_folder("runs") / name
    start = time.perf_counter()
    history = trained(settings, task, KeepBest())
    seconds = time.perf_counter() - start
    accuracy = evaluate(task.model, task.opened.test)["accuracy"]
    keep(path, task.model, task.network)
    interrupted = history.ended == "interrupted"
    weights = f"epoch {history.best_epoch}" if history.best_epoch else "the unfinished first epoch"
    print(
        f"{'Interrupted. ' * interrupted}Test accuracy {100 * accuracy:.2f} % ({len(task.opened.test):,} images) "
        f"with the weights of {weights}\nTraining took {seconds:.1f} s. The model is in {path}"
    )
    if task.opened.notice:
        print(task.opened.notice)
    if settings.target is not None and settings.data == "auto" and task.opened.notice:
        print(f"FAILED: the target of {settings.target:g} % is for MNIST, which could not be had")
        return 1
    if settings.target is not None and 100 * accuracy < settings.target:
        print(f"FAILED: test accuracy {100 * accuracy:.2f} % is below the target of {settings.target:g} %")
        return 1
    return INTERRUPTED if interrupted else 0
