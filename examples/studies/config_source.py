"""The training of study d written a second time, as the study wrote it: plain NumPy, nothing of the framework.

It follows the description of the study's code: weights are (inputs, outputs), each layer seeds NumPy anew, gradients
are sums over the batch, a learning rate is multiplied by a number called momentum, and L2_penalty is kept and never
read. config_net.py compares its weights, step by step, with those that our optimizer makes of the same configuration.
"""

from __future__ import annotations

import numpy as np


class SourceNetwork:
    """A net of sigmoids and a softmax, trained as the study trained it."""

    def __init__(self, sizes, seed, learning_rate, momentum, L2_penalty):  # noqa: N803 the study's name
        self.learning_rate, self.momentum, self.L2_penalty = learning_rate, momentum, L2_penalty
        self.weights, self.biases = [], []
        for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
            self.weights.append(np.random.RandomState(seed).normal(0, 1, (inputs, outputs)))
            self.biases.append(np.zeros(outputs))

    def forward(self, x):
        """Compute the outputs of all layers, x first and probabilities last."""
        outputs = [x]
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            outputs.append(1 / (1 + np.exp(-(outputs[-1] @ w + b))))
        scores = np.exp(outputs[-1] @ self.weights[-1] + self.biases[-1])
        return [*outputs, scores / scores.sum(1, keepdims=True)]

    def step(self, x, labels):
        """Take one step on one batch."""
        *outputs, probabilities = self.forward(x)
        delta = probabilities - np.eye(probabilities.shape[1])[labels]
        for i in reversed(range(len(self.weights))):
            d_w, d_b = outputs[i].T @ delta, delta.sum(0)
            if i > 0:
                delta = (delta @ self.weights[i].T) * outputs[i] * (1 - outputs[i])
            self.weights[i] -= self.learning_rate * self.momentum * d_w
            self.biases[i] -= self.learning_rate * self.momentum * d_b

    def train(self, images, labels, batch, epochs):
        """Go through the images in their order, as often as asked; give itself."""
        for _ in range(epochs):
            for start in range(0, len(labels), batch):
                self.step(images[start : start + batch], labels[start : start + batch])
        return self

    def vector(self):
        """Give all weights and biases, in the order of our parameters, where weights are (outputs, inputs)."""
        layers = zip(self.weights, self.biases, strict=True)
        return np.concatenate([part.ravel() for w, b in layers for part in (w.T, b)])


def outer_products(x, delta):
    """Compute d_w as the study did: a product for every weight and every image, and then their sum."""
    products = x.T[:, None, :] * delta.T[None, :, :]
    return products.sum(2), products.nbytes
