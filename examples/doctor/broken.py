"""Trainings with one mistake each: the doctor's first verdict must name it."""

from __future__ import annotations

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn

from .healthy import few, normalizing, usual
from .training import Training, adam, cnn, loop, mlp, sgd, weights


def scaled(model, factor, which=slice(None)):
    """Multiply weights by a factor."""
    with tg.no_grad():
        for w in weights(model)[which]:
            w.mul_(factor)
    return model


def biased(model, value):
    """Set the biases of all layers but the last."""
    with tg.no_grad():
        for b in [p for p in model.parameters() if p.ndim == 1][:-1]:
            b.fill_(value)
    return model


def pixels(data, draw):
    return data._replace(x=data.x * 255, valid_x=data.valid_x * 255)


def shuffled(data, draw):
    return data._replace(y=draw.permutation(data.y))


def shifted(data, draw):
    return data._replace(y=np.roll(data.y, 1))


def sorted_by_class(data, draw):
    order = np.argsort(data.y, kind="stable")
    return data._replace(x=data.x[order], y=data.y[order])


def in_order(data):
    return tg.data.DataLoader(tg.data.TensorDataset(data.x, data.y), batch_size=64, shuffle=False)


def log_of_zero(outputs, targets):
    """Cross-entropy the dangerous way: the logarithm of a softmax that has run into 0."""
    one_hot = tg.nn.functional.one_hot(targets, 10).float()
    return -(one_hot * (outputs * 400).softmax(1).log()).sum(1).mean()


def wrong_sign(outputs, targets):
    return -nn.functional.cross_entropy(outputs, targets)


def without_zero_grad(model, optimizer, x, y, doctor, step):
    logits = model(x)
    loss = nn.CrossEntropyLoss()(logits, y)
    doctor.step(loss, logits, y, x)
    loss.backward()
    optimizer.step()


def evaluating(model, optimizer, x, y, doctor, step):
    model.eval()
    usual(model, optimizer, x, y, doctor, step)


class Detached(nn.Module):
    """A network whose first layer is cut off from the loss."""

    def __init__(self, data):
        self.body, self.head = nn.Linear(data.x[0].size, 128), nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.body(x.flatten(1)).relu().detach())


def ending_in_softmax(data):
    return nn.Sequential(mlp(data, 128), nn.Softmax(1), nn.Flatten())


BROKEN = [
    Training("SGD, lr 5", "rate_too_high", lambda d: mlp(d, 128), lambda m: sgd(m, 5)),
    Training("Adam, lr 0.1", "rate_too_high", lambda d: mlp(d, 128), lambda m: adam(m, 0.1)),
    Training("CNN, SGD, lr 30", "rate_too_high", cnn, lambda m: sgd(m, 30)),
    Training("SGD, lr 1e-6", "rate_too_low", lambda d: mlp(d, 128), lambda m: sgd(m, 1e-6)),
    Training("Adam, lr 1e-7", "rate_too_low", lambda d: mlp(d, 128), lambda m: adam(m, 1e-7)),
    Training("8 layers of sigmoid, SGD", "vanishing", lambda d: mlp(d, *[64] * 7, act=nn.Sigmoid), sgd),
    Training("10 layers of tanh, weights x 0.3", "vanishing", lambda d: scaled(mlp(d, *[64] * 9, act=nn.Tanh), 0.3),
             lambda m: sgd(m, 0.5)),
    Training("logarithm of 0", "exploding", lambda d: mlp(d, 128), lambda m: sgd(m, 1e-4),
             settings={"loss_function": log_of_zero}),
    Training("wrong sign of the loss", "exploding", lambda d: mlp(d, 128), sgd, settings={"loss_function": wrong_sign}),
    Training("biases of -5", "dead_relu", lambda d: biased(mlp(d, 128), -5.0), adam),
    Training("weights all 0", "dead_relu", lambda d: scaled(biased(mlp(d, 128), 0.0), 0.0), adam),
    Training("CNN, biases of -2", "dead_relu", lambda d: biased(cnn(d), -2.0), lambda m: adam(m, 2e-4)),
    Training("tanh, weights x 40", "saturated", lambda d: scaled(mlp(d, 128, act=nn.Tanh), 40, slice(1)), adam),
    Training("sigmoid, weights x 80", "saturated", lambda d: scaled(mlp(d, 128, act=nn.Sigmoid), 80, slice(1)), adam),
    Training("pixels from 0 to 255, Adam", "unscaled_input", lambda d: mlp(d, 128), adam, pixels),
    Training("pixels from 0 to 255, CNN", "unscaled_input", cnn, adam, pixels),
    Training("last weights x 100", "wrong_start", lambda d: scaled(mlp(d, 128), 100, slice(-1, None)), adam),
    Training("all weights x 8", "wrong_start", lambda d: scaled(mlp(d, 128, 64, 32), 8), lambda m: adam(m, 2e-4)),
    Training("l2 of 10", "constant_predictor", lambda d: mlp(d, 128), adam, settings={"l2": 10.0},
             epochs=6),
    Training("batches sorted by class", "unshuffled", lambda d: mlp(d, 128), adam, sorted_by_class,
             settings={"train": in_order}),
    Training("labels shuffled", "shuffled_labels", lambda d: mlp(d, 128), adam, shuffled),
    Training("labels shifted by one sample", "shuffled_labels", cnn, adam, shifted),
    Training("100 samples, 40 epochs", "overfitting", lambda d: mlp(d, 256, 128), adam, few(100), epochs=40),
    Training("no zero_grad", "zero_grad", lambda d: mlp(d, 128), lambda m: sgd(m, 0.01), loop=loop(without_zero_grad)),
    Training("trained in eval()", "evaluation_mode", normalizing, adam, loop=loop(evaluating)),
    Training("softmax before cross-entropy", "double_softmax", ending_in_softmax, adam),
    Training("a detached layer", "unreached", Detached, adam),
]  # fmt: skip
