"""Small trainings that have one mistake each, or none, and what the doctor says of them."""

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.training import Doctor, fit

CLASSES, FEATURES = 4, 12


def clusters(n=1600, seed=0):
    """Points around one centre for each class: easily learned."""
    draw = np.random.default_rng(seed)
    y = draw.integers(0, CLASSES, n)
    centres = np.random.default_rng(99).normal(size=(CLASSES, FEATURES))
    return (centres[y] + draw.normal(size=(n, FEATURES)) * 0.7).astype(np.float32), y


def mlp(*sizes, act=nn.ReLU, seed=0):
    tg.manual_seed(seed)
    widths = [FEATURES, *sizes]
    parts = [part for i, o in zip(widths, widths[1:], strict=False) for part in (nn.Linear(i, o), act())]
    return nn.Sequential(*parts, nn.Linear(widths[-1], CLASSES))


def scaled(model, factor, which=slice(None)):
    with tg.no_grad():
        for p in [p for p in model.parameters() if p.ndim > 1][which]:
            p.mul_(factor)
    return model


def biased(model, value):
    with tg.no_grad():
        for p in [p for p in model.parameters() if p.ndim == 1][:-1]:
            p.fill_(value)
    return model


def adam(model, lr=1e-2):
    return tg.optim.Adam(model.parameters(), lr=lr)


def sgd(model, lr=0.1):
    return tg.optim.SGD(model.parameters(), lr=lr)


def quiet(**settings):
    """A doctor who says nothing aloud."""
    said = []
    return Doctor(say=said.append, **settings), said


def examined(model, data=None, optimizer=None, doctor=None, epochs=6, batch_size=32, **settings):
    """Train by `fit` under a doctor's eyes; give the names of the verdicts in their order."""
    doctor = doctor or quiet()[0]
    try:
        fit(model, data or clusters(), epochs=epochs, batch_size=batch_size, optimizer=optimizer or adam(model),
            callbacks=[doctor], progress=False, **settings)  # fmt: skip
    except tg.errors.TrainingError:
        pass
    return [v.name for v in doctor.verdicts]


def looped(model, doctor, optimizer=None, data=None, epochs=4, before=lambda m, o: o.zero_grad(), loss_function=None,
           forward=None, every=1):  # fmt: skip
    """Train in a loop of one's own; before: what is done before backward."""
    optimizer = optimizer or adam(model)
    doctor.watch(model, optimizer)
    loader = tg.data.DataLoader(tg.data.TensorDataset(*(data or clusters())), batch_size=32, shuffle=True)
    loss_function, step = loss_function or nn.CrossEntropyLoss(), 0
    for _ in range(epochs):
        for x, y in loader:
            step += 1
            outputs = (forward or model)(x)
            loss = loss_function(outputs, y)
            doctor.step(loss, outputs, y, x)
            before(model, optimizer)
            loss.backward()
            if step % every == 0:
                optimizer.step()
        doctor.epoch()
    return [v.name for v in doctor.verdicts]
