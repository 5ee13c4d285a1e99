"""Samples and a small network, for what trains."""

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.training import Callback


def samples(n=60, features=5, classes=3, seed=0):
    """A problem that a small network learns in a few epochs."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, features)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0.5)


def network(dropout=0.0):
    tg.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3))


def weights_of(model):
    return [p.detach().numpy().copy() for p in model.parameters()]


class Nothing:
    """Yield no batch."""

    def __iter__(self):
        return iter(())


def module(forward, called="Made", **parts):
    """Make a model of its parts and of what its forward does with them."""
    made = type(called, (nn.Module,), {"forward": forward})()
    vars(made).update(parts)
    return made


def calling(**methods):
    """Make a callback of functions of the run, named as its methods."""
    return type("Calling", (Callback,), {k: lambda self, run, f=f: f(run) for k, f in methods.items()})()


def trained(model, optimizer, loss_function=None, after=lambda: None):
    """The usual training step."""
    loss_function = loss_function or nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        after()
        return loss

    return step
