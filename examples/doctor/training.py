"""One training of the gallery: how it is described and run, by `fit` or by a loop of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.training import Doctor, fit

SAMPLES, VALID = 6400, 1000


class Data(NamedTuple):
    """Images as numbers from 0 to 1 and their labels, for training and for validation."""

    x: np.ndarray
    y: np.ndarray
    valid_x: np.ndarray
    valid_y: np.ndarray


def data_of(dataset) -> Data:
    """Take the first images of a data set; of a small one a sixth for validation, and the others several times."""
    count = min(SAMPLES + VALID, len(dataset.labels))
    valid = min(VALID, count // 6)
    x = np.asarray(dataset.images, np.float32)[:count, None] / np.max(dataset.images)
    y = np.asarray(dataset.labels, np.int64)[:count]
    at = np.arange(SAMPLES) % (count - valid)
    return Data(x[at], y[at], x[count - valid :], y[count - valid :])


def mlp(data, *sizes, act=nn.ReLU):
    """Make a multilayer perceptron with these hidden layers."""
    widths = [data.x[0].size, *sizes]
    layers = [part for i, o in zip(widths, widths[1:], strict=False) for part in (nn.Linear(i, o), act())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(widths[-1], 10))


def cnn(data, *, act=nn.ReLU, dropout=0.0, channels=(8, 16)):
    """Make a small convolutional network."""
    side = data.x.shape[-1] // 4
    first, second = channels
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1), act(), nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1), act(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(dropout), nn.Linear(second * side * side, 10),
    )  # fmt: skip


def weights(model):
    """List the matrices and filters of a model."""
    return [p for p in model.parameters() if p.ndim > 1]


def adam(model, lr=1e-3):
    return tg.optim.Adam(model.parameters(), lr=lr)


def sgd(model, lr=0.1, momentum=0.0):
    return tg.optim.SGD(model.parameters(), lr=lr, momentum=momentum)


@dataclass
class Training:
    """A training: what it is called, which symptom it has (None: it is healthy), and how it is made.

    model: of the data; optimizer: of the model; change: of the data; settings: of fit, or a function of (optimizer,
    steps); loop: instead of fit, a function of (model, optimizer, data, doctor)
    """

    name: str
    symptom: str | None
    model: Callable[[Data], nn.Module]
    optimizer: Callable[[nn.Module], Any] = adam
    change: Callable[[Data, np.random.Generator], Data] = lambda data, draw: data
    settings: Any = field(default_factory=dict)
    loop: Callable[..., None] | None = None
    epochs: int = 2
    batch: int = 64

    def run(self, data: Data, seed: int, stop: bool = False, say: Callable[[str], Any] = lambda text: None) -> Doctor:
        """Train and give the doctor that looked on. stop: end with the first verdict."""
        tg.manual_seed(seed)
        data = self.change(data, np.random.default_rng(seed))
        model = self.model(data)
        optimizer, doctor = self.optimizer(model), Doctor(say=say, stop=stop)
        if self.loop is not None:
            doctor.watch(model, optimizer)
            self.loop(model, optimizer, data, doctor)
            return doctor
        settings = self.settings
        if callable(settings):
            settings = settings(optimizer, self.epochs * -(-len(data.y) // self.batch))
        settings = {"valid": (data.valid_x, data.valid_y), **settings}
        if "train" not in settings:
            settings["train"] = data.x, data.y
        elif callable(settings["train"]):
            settings["train"] = settings["train"](data)
        try:
            fit(model, epochs=self.epochs, batch_size=self.batch, optimizer=optimizer, callbacks=[doctor],
                progress=False, **settings)  # fmt: skip
        except tg.errors.TrainingError:
            pass  # the loss is no number any more: the doctor has said so
        return doctor


def loop(body, epochs=2, batch=64):
    """Make a loop over batches whose body is body(model, optimizer, x, y, doctor, step)."""

    def run(model, optimizer, data, doctor):
        loader = tg.data.DataLoader(tg.data.TensorDataset(data.x, data.y), batch_size=batch, shuffle=True)
        step = 0
        for _ in range(epochs):
            for x, y in loader:
                step += 1
                body(model, optimizer, x, y, doctor, step)
            doctor.epoch()

    return run
