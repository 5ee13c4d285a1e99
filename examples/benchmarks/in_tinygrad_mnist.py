"""The training step in this package: the loop as it stands (eager), or recorded once and replayed by tg.compile.

`replay` runs the recording with NumPy, `fast` with machine code made by numba. Compare with in_torch.py.
"""

from __future__ import annotations

import tinygrad_mnist as tg
from tinygrad_mnist import nn

from .models import MODELS, loss_of


def model_of(step):
    if step.model:
        return MODELS[step.model](tg)
    if step.chain:
        return nn.Sequential(*(part for _ in range(step.chain) for part in (nn.Linear(8, 8), nn.Tanh())))
    layers, narrow = [], 1
    for wide in step.channels:
        layers += [nn.Conv2d(narrow, wide, kernel_size=3), nn.ReLU()]
        narrow = wide
    if step.channels:
        layers += [nn.MaxPool2d(2), nn.Flatten()]
    activation = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[step.activation]
    for narrow, wide in zip(step.widths, step.widths[1:], strict=False):
        layers += [nn.Linear(narrow, wide), activation()]
    return nn.Sequential(*layers[:-1])  # logits, so nothing after the last layer


def optimizer_of(step, model):
    if step.optimizer == "adamw":
        return tg.optim.AdamW(model.parameters(), lr=step.lr)
    if step.optimizer == "adam":
        return tg.optim.Adam(model.parameters(), lr=step.lr)
    return tg.optim.SGD(model.parameters(), lr=step.lr, momentum=0.9 if step.optimizer == "momentum" else 0.0)


def convert(step, images, labels):
    return tg.from_numpy(images), tg.from_numpy(labels)


def compiled(function, variant):
    if variant == "replay":
        return tg.compile(function)
    return tg.compile(function, backend="numba") if variant == "fast" else function


def build(step, weights, variant):
    model = model_of(step)
    with tg.no_grad():
        for parameter, values in zip(model.parameters(), weights, strict=True):
            parameter.copy_(values)
    model.train()
    if step.chain:
        return compiled(forward_and_backward(model), variant)
    optimizer = optimizer_of(step, model)
    loss_function = loss_of(tg, model, step.model)

    def train_step(images, labels):
        optimizer.zero_grad()
        loss = loss_function(images, labels)
        loss.backward()
        optimizer.step()
        return loss

    return compiled(train_step, variant)


def forward_and_backward(model):
    parameters = list(model.parameters())

    def train_step(x, labels):
        for parameter in parameters:
            parameter.grad = None
        loss = model(x).sum()
        loss.backward()
        return loss

    return train_step
