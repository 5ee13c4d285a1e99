"""The "reasonable network" that study e asks for: chosen by validation images, trained on all, tested once."""

from __future__ import annotations

from layer_classes import FullyConnectedLayer, InputLayer, NeuralNetwork, study_net

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.training import evaluate, fit


def convolutions():
    features = nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2)
    head = FullyConnectedLayer(256, 128), nn.Dropout(0.25), FullyConnectedLayer(128, 10, "linear")
    return NeuralNetwork(*features, InputLayer(256), *head)


def train_reasonable(make, images, labels, epochs, valid=None):
    """Train with Adam and one cycle of the learning rate to its end, so that no epoch needs to be chosen."""
    tg.manual_seed(0)
    net, loader = make(), DataLoader(TensorDataset(images, labels), 64, shuffle=True)
    optimizer = tg.optim.Adam(net.parameters(), lr=3e-3)
    schedule = tg.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, total_steps=epochs * len(loader), cycle_momentum=False
    )
    how = {"optimizer": optimizer, "schedule": schedule, "schedule_every": "batch", "compile": True, "progress": False}
    return net, fit(net, loader, valid=valid, epochs=epochs, **how)


def reasonable(study, training, test):
    """Choose between nets by validation images, train the choice on all 60,000, test it once."""
    images, labels = training.arrays(channel=True)
    valid, first, rows = (images[50_000:], labels[50_000:]), 10_000 if study.quick else 50_000, []
    plans = ("784-80-70-10", study_net, 8), ("2 convolutions", convolutions, 4)
    for name, make, epochs in plans if not study.quick else [(*plan[:2], 1) for plan in plans]:
        net, history = train_reasonable(make, images[:first], labels[:first], epochs, valid)
        rows.append([name, epochs, sum(history["seconds"]), 1 - history["valid_accuracy"][-1], make])
    columns = ["Adam, one cycle", "epochs", "seconds", "validation error"]
    study.table(f"Candidates, trained on {first:,} images", columns, [row[:4] for row in rows])
    name, epochs, _, _, make = min(rows, key=lambda row: row[3])
    net, history = train_reasonable(make, images, labels, epochs)
    error = 1 - evaluate(net, test.arrays(channel=True))["accuracy"]
    got = f"{100 * error:.2f} % ({name}, {sum(history['seconds']):.0f} s on all {len(images):,} images, tested once)"
    study.compare("test error of a reasonable network", "1.5 % or less is asked for", "none was built", got)
    study.check("test error of the reasonable network", error, 0.006, 0.03 if study.quick else 0.012)
