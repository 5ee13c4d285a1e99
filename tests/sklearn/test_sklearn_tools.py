"""scikit-learn's own tools with our estimators: pipelines, searches, clones, storing."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from estimators import NeuralClassifier, quick
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

joblib = pytest.importorskip("joblib")


def test_in_a_pipeline_a_grid_and_cross_validation(digits):
    x, y = digits[0][:600], digits[1][:600]
    pipeline = make_pipeline(MinMaxScaler(), quick(max_iter=30))
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.85
    grid = GridSearchCV(
        pipeline, {"neuralclassifier__hidden_layer_sizes": [(2,), (30,)], "neuralclassifier__dropout": [0.0, 0.3]}, cv=2
    )
    grid.fit(x, y)
    assert grid.best_params_["neuralclassifier__hidden_layer_sizes"] == (30,) and grid.best_score_ > 0.85


def test_one_grid_serves_both(digits):
    """The parameters that both have carry the same names."""
    x, y = digits[0][:300], digits[1][:300]
    grid = {"activation": ["tanh"], "learning_rate_init": [1e-2], "alpha": [1e-3], "solver": ["adam", "sgd"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for made in (NeuralClassifier(max_iter=20, random_state=0), MLPClassifier(max_iter=20, random_state=0)):
            assert GridSearchCV(made, grid, cv=2).fit(x, y).best_score_ > 0.7


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_searches_in_parallel_give_what_they_give_in_turn(digits, backend):
    x, y = digits[0][:300], digits[1][:300]
    grid = GridSearchCV(quick(dropout=0.2), {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-2, 1e-3]}, cv=2)
    alone = clone(grid).fit(x, y).cv_results_["mean_test_score"]
    with joblib.parallel_backend(backend, n_jobs=2):
        together = clone(grid).fit(x, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(alone, together)


def test_searches_over_machines_by_dask(digits):
    """joblib's backend `dask`, here with two workers on this machine; the scheduler may as well be anywhere."""
    distributed = pytest.importorskip("distributed")
    x, y = digits[0][:300], digits[1][:300]
    grid = GridSearchCV(quick(), {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-2, 1e-3]}, cv=2)
    alone = clone(grid).fit(x, y).cv_results_["mean_test_score"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with cluster, distributed.Client(cluster), joblib.parallel_backend("dask"):
            together = clone(grid).fit(x, y)
    np.testing.assert_array_equal(alone, together.cv_results_["mean_test_score"])


@pytest.mark.parametrize("dump", [pickle.dumps, None], ids=["pickle", "joblib"])
def test_fitted_estimators_are_stored_and_go_on(blobs, tmp_path, dump):
    x, y = blobs
    model = quick(dropout=0.3, compile=False)
    for _ in range(2):
        model.partial_fit(x, y, classes=np.unique(y))
    if dump is None:
        joblib.dump(model, tmp_path / "model.joblib")
        other = joblib.load(tmp_path / "model.joblib")
    else:
        other = pickle.loads(dump(model))
    np.testing.assert_array_equal(other.predict_proba(x), model.predict_proba(x))
    for each in (model, other):  # the optimizer's state and the generator went along
        each.partial_fit(x, y)
    np.testing.assert_array_equal(other.predict_proba(x), model.predict_proba(x))
    third = copy.deepcopy(model)
    third.partial_fit(x, y)
    assert not np.array_equal(third.predict_proba(x), model.predict_proba(x))


def test_clones_have_parameters_and_nothing_learned(blobs):
    model = quick(hidden_layer_sizes=(3,), class_weight="balanced").fit(*blobs)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        twin.predict(blobs[0])


def test_feature_names():
    pandas = pytest.importorskip("pandas")
    x, y = make_blobs(60, centers=2, n_features=2, random_state=1)
    frame = pandas.DataFrame(x, columns=["width", "height"])
    model = quick().fit(frame, pandas.Series(y))
    assert list(model.feature_names_in_) == ["width", "height"] and model.score(frame, y) > 0.9
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["height", "width"]])
