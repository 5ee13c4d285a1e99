"""Data for the tests of `tg.sklearn`."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def digits():
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return (x[order] / 16).astype(np.float32), y[order]


@pytest.fixture(scope="module")
def blobs():
    datasets, preprocessing = pytest.importorskip("sklearn.datasets"), pytest.importorskip("sklearn.preprocessing")
    x, y = datasets.make_blobs(150, centers=3, n_features=4, random_state=0)
    return preprocessing.StandardScaler().fit_transform(x).astype(np.float32), np.array(["red", "green", "blue"])[y]
