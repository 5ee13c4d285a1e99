"""The training step in scikit-learn: MLPClassifier.partial_fit on one batch. It has no convolutions."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier


def convert(step, images, labels):
    return images, labels


def build(step, weights, variant):
    if not step.is_mlp:
        raise NotImplementedError("scikit-learn has no convolutions")
    model = MLPClassifier(
        hidden_layer_sizes=step.hidden,
        activation={"relu": "relu", "sigmoid": "logistic"}[step.activation],
        solver="adam" if step.optimizer == "adam" else "sgd",
        learning_rate_init=step.lr,
        momentum=0.9 if step.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        alpha=0.0,  # no weight decay, as in the others
        batch_size=step.batch,
        shuffle=False,
        random_state=0,
    )
    # The weights come into being with the first batch. Then they get our values, and the optimizer starts anew.
    blank = np.zeros((step.batch, step.widths[0]), np.float32)
    model.partial_fit(blank, np.arange(step.batch) % 10, classes=np.arange(10))
    for own, values in zip(model.coefs_, weights[::2], strict=True):
        own[...] = values.T
    for own, values in zip(model.intercepts_, weights[1::2], strict=True):
        own[...] = values
    del model._optimizer

    def train_step(images, labels):
        model.partial_fit(images, labels)
        return model.loss_

    return train_step
