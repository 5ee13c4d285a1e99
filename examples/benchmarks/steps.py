"""What is trained: the six training steps, the weights that they start from and the batches that they see.

Every framework gets the same weights and batches, made here once with NumPy. Knows no framework. Look next at
in_torch.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

CLASSES = 10
SIDE = 28
# Enough images that no batch is seen twice in the time a processor's cache remembers it, few enough to load at once.
IMAGES_AT_HAND = 6400


@dataclass(frozen=True)
class Step:
    """One training step: a model, its optimizer and the size of a batch; the loss is the mean cross-entropy.

    Args:    hidden: widths of the hidden layers; channels: of the 3x3 convolutions (valid, each with ReLU) before them,
             with one 2x2 max-pooling after the last; chain: instead of all that, so many Linear(8, 8) + Tanh
    """

    name: str
    hidden: tuple[int, ...] = ()
    optimizer: str = "sgd"  # or momentum (0.9), adam, none
    lr: float = 0.1
    batch: int = 64
    activation: str = "relu"  # or sigmoid
    channels: tuple[int, ...] = ()
    chain: int = 0

    @property
    def is_mlp(self) -> bool:
        return not self.channels and not self.chain

    @property
    def pooled_side(self) -> int:
        """Height and width of the images that the pooling leaves."""
        return (SIDE - 2 * len(self.channels)) // 2

    @property
    def widths(self) -> tuple[int, ...]:
        """Features before, between and after the linear layers."""
        if self.chain:
            return (CHAIN_WIDTH,) * (self.chain + 1)
        inputs = self.channels[-1] * self.pooled_side**2 if self.channels else SIDE * SIDE
        return (inputs, *self.hidden, CLASSES)


CHAIN_WIDTH = 8

STEPS = {
    step.name: step
    for step in (
        Step("mlp-128-sgd", (128,)),
        Step("mlp-100-100-momentum", (100, 100), "momentum", batch=200, activation="sigmoid"),
        Step("mlp-300-100-adam", (300, 100), "adam", lr=1e-3, batch=200),
        Step("mlp-80-70-sgd", (80, 70)),
        Step("cnn-small", (128,), "adam", lr=1e-3, channels=(32,)),
        Step("cnn-two", (128,), "adam", lr=1e-3, channels=(32, 64)),
    )
}


class Data(NamedTuple):
    """The training images (uint8, N x 28 x 28) and labels, and what has to be said if they are not MNIST."""

    images: np.ndarray
    labels: np.ndarray
    source: str
    notice: str | None


class Material(NamedTuple):
    """What a worker reads: weights in the order and layout of PyTorch's parameters(), and batches to cycle through."""

    weights: list[np.ndarray]  # convolutions (out, in, 3, 3), linear layers (out, in), each followed by its bias
    images: np.ndarray  # float32 in [0, 1]; (batches, batch, 784), for convolutions (batches, batch, 1, 28, 28)
    labels: np.ndarray  # int64 (batches, batch)


def first_weights(step: Step, seed: int = 0) -> list[np.ndarray]:
    """Draw weights and biases from U(-1/√fan_in, 1/√fan_in), the start of PyTorch's layers and of ours."""
    generator = np.random.default_rng(seed)
    shapes: list[tuple[int, ...]] = [
        (wide, narrow, 3, 3) for narrow, wide in zip((1, *step.channels), step.channels, strict=False)
    ]
    shapes += [(wide, narrow) for narrow, wide in zip(step.widths, step.widths[1:], strict=False)]
    weights = []
    for shape in shapes:
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        for part in (shape, shape[:1]):
            weights.append(generator.uniform(-bound, bound, part).astype(np.float32))
    return weights


def batches(step: Step, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Cut the first images into batches; a set too small for that is gone through again."""
    count = max(4, IMAGES_AT_HAND // step.batch)
    if step.chain:  # where the depth is measured the numbers do not matter, only that there are some
        values = np.random.default_rng(1).normal(size=(4, step.batch, CHAIN_WIDTH)).astype(np.float32)
        return values, np.zeros((4, step.batch), np.int64)
    chosen = np.arange(count * step.batch) % len(data.images)
    images = data.images[chosen].astype(np.float32) / np.float32(255)
    shape = (1, SIDE, SIDE) if step.channels else (SIDE * SIDE,)
    return images.reshape(count, step.batch, *shape), data.labels[chosen].reshape(count, step.batch).astype(np.int64)


def save_material(path: Path, step: Step, data: Data) -> None:
    images, labels = batches(step, data)
    weights = {f"weight{i}": w for i, w in enumerate(first_weights(step))}
    np.savez(path, images=images, labels=labels, **weights)


def load_material(path: Path) -> Material:
    with np.load(path) as file:
        weights = [file[f"weight{i}"] for i in range(len(file.files) - 2)]
        return Material(weights, file["images"], file["labels"])
