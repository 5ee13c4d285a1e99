"""The training step in MyGrad, as its documentation has it: functions on tensors, the update written in NumPy."""

from __future__ import annotations

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import relu, sigmoid
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy


def convert(step, images, labels):
    return images, labels


def logits_of(step, parameters, x):
    activation = {"relu": relu, "sigmoid": sigmoid}[step.activation]
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    convolutions, linear = pairs[: len(step.channels)], pairs[len(step.channels) :]
    for weight, bias in convolutions:
        x = relu(conv_nd(x, weight, stride=1) + bias.reshape(1, -1, 1, 1))
    if convolutions:
        x = max_pool(x, (2, 2), 2)
        x = x.reshape(len(x), -1)
    for weight, bias in linear[:-1]:
        x = activation(mg.matmul(x, weight) + bias)
    weight, bias = linear[-1]
    return mg.matmul(x, weight) + bias


class Update:
    """Plain descent, momentum or Adam: MyGrad has no optimizers of its own."""

    def __init__(self, step, parameters):
        self.step, self.count = step, 0
        self.first = [np.zeros_like(p.data) for p in parameters]
        self.second = [np.zeros_like(p.data) for p in parameters]

    def __call__(self, parameters):
        lr = self.step.lr
        self.count += 1
        for p, m, v in zip(parameters, self.first, self.second, strict=True):
            g = p.grad
            if self.step.optimizer == "adam":
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p.data -= lr / (1 - 0.9**self.count) * m / (np.sqrt(v / (1 - 0.999**self.count)) + 1e-8)
            elif self.step.optimizer == "momentum":
                m *= 0.9
                m += g
                p.data -= lr * m
            else:
                p.data -= lr * g


def build(step, weights, variant):
    parameters = [mg.tensor(w.T.copy() if w.ndim == 2 else w) for w in weights]
    update = Update(step, parameters)

    def train_step(images, labels):
        loss = softmax_crossentropy(logits_of(step, parameters, images), labels)
        loss.backward()
        update(parameters)
        return loss.item()

    return train_step
