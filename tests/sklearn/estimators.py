"""The estimators, and a quick one, for the tests of `tg.sklearn`."""

import pytest

import tinygrad_mnist as tg

pytest.importorskip("sklearn", "1.6")
NeuralClassifier, NeuralRegressor = tg.sklearn.NeuralClassifier, tg.sklearn.NeuralRegressor


def quick(**kwargs):
    settings = dict(hidden_layer_sizes=(16,), max_iter=20, learning_rate_init=0.01, random_state=0, tol=None)
    return NeuralClassifier(**{**settings, **kwargs})
