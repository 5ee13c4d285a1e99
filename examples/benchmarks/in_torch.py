"""The training step in PyTorch: the plain loop of its tutorials, or the same with torch.compile."""

from __future__ import annotations

import os

import torch
from torch import nn

from .models import MODELS, loss_of

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))


def model_of(step):
    if step.model:
        return MODELS[step.model](torch)
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
        return torch.optim.AdamW(model.parameters(), lr=step.lr)
    if step.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), lr=step.lr)
    return torch.optim.SGD(model.parameters(), lr=step.lr, momentum=0.9 if step.optimizer == "momentum" else 0.0)


def convert(step, images, labels):
    return torch.from_numpy(images), torch.from_numpy(labels)


def build(step, weights, variant):
    model = model_of(step)
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(values))
    model.train()
    if step.chain:
        return forward_and_backward(model)
    optimizer = optimizer_of(step, model)
    loss_function = loss_of(torch, torch.compile(model) if variant == "torch.compile" else model, step.model)

    def train_step(images, labels):
        optimizer.zero_grad()
        loss = loss_function(images, labels)
        loss.backward()
        optimizer.step()
        return loss

    return train_step


def forward_and_backward(model):
    parameters = list(model.parameters())

    def train_step(x, labels):
        for parameter in parameters:
            parameter.grad = None
        loss = model(x).sum()
        loss.backward()
        return loss

    return train_step
