"""Models that train, compiled, as they do themselves."""

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn

Y = tg.tensor(np.arange(6) % 3)


class Two(nn.Module):
    def __init__(self):
        self.a, self.p, self.q, self.unused = nn.Linear(5, 4), nn.Linear(4, 3), nn.Linear(4, 2), nn.Linear(2, 2)

    def forward(self, x):
        h = self.a(x).tanh()
        return {"p": self.p(h), "q": (self.q(h).relu(), h.detach(), 3)}


class Dropping(nn.Module):
    def __init__(self):
        self.a, self.drop, self.b = nn.Linear(5, 4), nn.Dropout(0.4), nn.Linear(4, 3)

    def forward(self, x, scale=1.0):
        return self.b(self.drop(self.a(x).sigmoid())) * scale


def batch(name, i):
    shape = (6, 1, 6, 6) if name == "convolution" else (6, 5)
    return tg.tensor(np.random.default_rng(i).standard_normal(shape).astype(np.float32))


def ended(loss, *more):
    loss.backward()
    return [loss.detach(), *more]
