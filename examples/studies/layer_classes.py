"""The layer classes of study e as modules, and the study's own Activation, whose memory was its defect.

Read before layers_and_checking.py.
"""

from __future__ import annotations

import numpy as np

from tinygrad_mnist import errors, nn
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.primitive import primitive

ACTIVATIONS = {"relu": F.relu, "tanh": F.tanh, "sigmoid": F.sigmoid, "linear": lambda x: x}


class InputLayer(nn.Module):
    def __init__(self, features):
        self.features = features

    def forward(self, x):
        return x.reshape(len(x), self.features)


class FullyConnectedLayer(nn.Module):  # its activation is a function without memory, so layers can share it
    def __init__(self, n_in, n_out, activation="relu", dtype=np.float32):
        if activation not in ACTIVATIONS:
            raise errors.ArgumentError(f"activation {activation!r} is unknown.", expected=", ".join(ACTIVATIONS))
        self.affine, self.activation = nn.Linear(n_in, n_out, dtype=dtype), ACTIVATIONS[activation]

    def forward(self, x):
        return self.activation(self.affine(x))


class SoftmaxOutput(nn.Module):  # takes class numbers: no one-hot rows to shrink, no log(p + 1e-10)
    def forward(self, scores, labels):
        return F.cross_entropy(scores, labels)


class LinearOutput(nn.Module):
    def forward(self, scores, values):
        return F.mse_loss(scores, values) / 2


class NeuralNetwork(nn.Module):  # fprop is forward, params is parameters(), bprop is nobody's work any more
    def __init__(self, *layers, std=None):
        self.layers = nn.Sequential(*layers)
        for p in self.parameters() if std else ():
            nn.init.normal_(p, std=std)

    def forward(self, x):
        return self.layers(x)


class Activation:  # the study's own: it remembers its latest input for bprop, and takes any name
    def __init__(self, name):
        self.name = name

    def fprop(self, x):
        self.last_input = x
        return np.maximum(x, 0) if self.name == "relu" else x

    def bprop(self, g):
        return g * (self.last_input > 0) if self.name == "relu" else g


@primitive()
def hand_written(x, *, activation):
    """Make fprop and bprop an operation of ours, so that gradcheck can judge them."""
    return activation.fprop(x)


@hand_written.vjp("x")
def hand_written_vjp_x(g, out, x, *, activation):
    return activation.bprop(g)


def fully_connected(sizes, activations, std=None, dtype=np.float32):
    layers = zip(sizes[:-1], sizes[1:], activations, strict=True)
    return NeuralNetwork(InputLayer(sizes[0]), *(FullyConnectedLayer(*each, dtype) for each in layers), std=std)


def study_net(std=None, dtype=np.float32):
    return fully_connected([784, 80, 70, 10], ["relu", "tanh", "linear"], std, dtype)
