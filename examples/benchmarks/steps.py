"""What is trained: the six first training steps, the five newer ones, and what a worker reads of each.

Every framework gets the same weights and batches, made once by material.py. Knows no framework. Look next at
models.py and in_torch.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

CLASSES = 10
SIDE = 28


@dataclass(frozen=True)
class Step:
    """One training step: a model, its optimizer and the size of a batch; the loss is the mean cross-entropy.

    Args:    hidden: widths of the hidden layers; channels: of the 3x3 convolutions (valid, each with ReLU) before them,
             with one 2x2 max-pooling after the last; chain: instead of all that, so many Linear(8, 8) + Tanh;
             model: instead of all that, one of models.py
    """

    name: str
    hidden: tuple[int, ...] = ()
    optimizer: str = "sgd"  # or momentum (0.9), adam, adamw, none
    lr: float = 0.1
    batch: int = 64
    activation: str = "relu"  # or sigmoid
    channels: tuple[int, ...] = ()
    chain: int = 0
    model: str = ""

    @property
    def is_mlp(self) -> bool:
        return not self.channels and not self.chain and not self.model

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
        Step("resnet", optimizer="adam", lr=1e-3, model="resnet"),
        Step("vit", optimizer="adamw", lr=1e-3, model="vit"),
        Step("gpt", optimizer="adamw", lr=1e-3, batch=32, model="gpt"),
        Step("gru", optimizer="adam", lr=1e-3, model="gru"),
        Step("autoencoder", optimizer="adam", lr=1e-3, model="autoencoder"),
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
    images: np.ndarray  # float32 in [0, 1]; (batches, batch, 784), for convolutions (batches, batch, 1, 28, 28); for
    # the GRU (batches, batch, 28, 28); for the GPT, int64, characters (batches, batch, 64)
    labels: np.ndarray  # int64 (batches, batch), for the GPT (batches, batch, 64)


def load_material(path: Path) -> Material:
    with np.load(path) as file:
        weights = [file[f"weight{i}"] for i in range(len(file.files) - 2)]
        return Material(weights, file["images"], file["labels"])
