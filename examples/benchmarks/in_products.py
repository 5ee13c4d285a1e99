"""Only the matrix products of the step, in NumPy, into arrays made beforehand: the least an MLP can cost.

No bias, no activation, no loss, no update; it does not learn. For each layer: forward, the gradient of the weights and,
but for the first layer, that of the inputs.
"""

from __future__ import annotations

import numpy as np


def convert(step, images, labels):
    return images, labels


class Products:
    """Called with a batch, computes the products of one step. Layer i has the weights matrices[i]."""

    def __init__(self, step, matrices):
        self.matrices = matrices
        self.outputs = [np.empty((step.batch, wide), np.float32) for wide in step.widths[1:]]
        generator = np.random.default_rng(2)  # gradients as they would arrive from behind
        self.arriving = [generator.normal(size=out.shape).astype(np.float32) for out in self.outputs]
        self.of_weights = [np.empty_like(w) for w in matrices]
        self.of_inputs = [np.empty((step.batch, narrow), np.float32) for narrow in step.widths[1:-1]]

    def __call__(self, images, labels):
        inputs = [images, *self.outputs[:-1]]
        for x, weight, out in zip(inputs, self.matrices, self.outputs, strict=True):
            np.matmul(x, weight.T, out=out)
        for i in reversed(range(len(self.matrices))):
            np.matmul(self.arriving[i].T, inputs[i], out=self.of_weights[i])
            if i > 0:
                np.matmul(self.arriving[i], self.matrices[i], out=self.of_inputs[i - 1])


def build(step, weights, variant):
    if not step.is_mlp:
        raise NotImplementedError("the yardstick is for MLPs")
    return Products(step, weights[::2])
