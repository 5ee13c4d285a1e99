"""`tg.sklearn`: scikit-learn's own checks of an estimator, and everything that its users do with one."""

import functools
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from estimators import NeuralClassifier, NeuralRegressor, quick
from training_data import calling

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.optim import SGD, AdamW
from tinygrad_mnist.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau
from tinygrad_mnist.training import KeepBest

pytest.importorskip("sklearn", "1.6")

import joblib
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

# as scikit-learn sets its own MLPs up for these checks; no check is expected to fail
ESTIMATORS = [NeuralClassifier(max_iter=100), NeuralRegressor(max_iter=100)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check, monkeypatch):
    if "array_api" not in check.func.__name__:
        check(estimator)
        return
    code = f"""
import sklearn.utils.estimator_checks as checks, tinygrad_mnist as tg
estimator = tg.sklearn.{type(estimator).__name__}(max_iter=100)
checks.{check.func.__name__}("name", estimator, *{check.args[1:]!r}, **{check.keywords!r})
"""  # SciPy reads its switch when it is loaded
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

# ---------------------------------------------------------------- learning


def test_it_classifies_as_well_as_scikit_learns_own(digits):
    x, y = digits
    settings = dict(hidden_layer_sizes=(64,), max_iter=60, random_state=0, n_iter_no_change=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = NeuralClassifier(**settings).fit(x[:1300], y[:1300])
        theirs = MLPClassifier(**settings).fit(x[:1300], y[:1300])
    assert ours.score(x[1300:], y[1300:]) > 0.95
    assert abs(ours.score(x[1300:], y[1300:]) - theirs.score(x[1300:], y[1300:])) < 0.02
    assert ours.n_iter_ == theirs.n_iter_ == len(ours.loss_curve_) == 60
    assert ours.loss_curve_[-1] == pytest.approx(theirs.loss_curve_[-1], rel=0.3)


def test_it_regresses():
    x, y = load_diabetes(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    scale = y.std()
    model = NeuralRegressor((20,), max_iter=150, learning_rate_init=0.01, random_state=0, early_stopping=True)
    model.fit(x[:350], y[:350] / scale)
    assert model.score(x[350:], y[350:] / scale) > 0.35
    two = np.stack([y / scale, -y / scale], 1)
    assert model.fit(x, two).predict(x).shape == (len(x), 2)
    assert model.predict(x.astype(np.float32)).dtype == np.float64


def test_float32_stays_float32(blobs):
    x, y = blobs
    model = quick().fit(x, y)
    assert {p.dtype for p in model.module_.parameters()} == {np.dtype(np.float32)}
    assert model.predict_proba(x).dtype == np.float32
    assert quick().fit(x.astype(np.float64), y).predict_proba(x).dtype == np.float64
    chosen = quick(dtype="float32").fit(x.astype(np.float64), y)
    np.testing.assert_array_equal(chosen.predict_proba(x.astype(np.float64)), model.predict_proba(x))
    assert quick(dtype=np.float64).fit(x, y).predict_proba(x).dtype == np.float64


def test_probabilities(blobs):
    x, y = blobs
    model = quick().fit(x, y)
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.log(p), model.predict_log_proba(x), rtol=1e-3, atol=1e-5)
    assert list(model.classes_) == ["blue", "green", "red"]
    np.testing.assert_array_equal(model.classes_[p.argmax(1)], model.predict(x))
    assert model.score(x, y) > 0.9


@pytest.mark.parametrize("solver", ["sgd", lambda p: SGD(p, lr=0.1)])
def test_the_penalty_is_scikit_learns(solver):
    """Full batches of plain gradient descent from the same weights: the same weights in the end."""
    x, y = make_blobs(40, centers=2, n_features=3, random_state=1)
    start = np.random.default_rng(0).normal(size=(2, 3))
    load = calling(on_start=lambda run: run.model.load_state_dict({"0.weight": start, "0.bias": np.zeros(2)}))
    ours = NeuralClassifier(
        (), solver=solver, momentum=0.0, alpha=2.0, batch_size=40, learning_rate_init=0.1, max_iter=1, tol=None,
        callbacks=[load],
    ).fit(x, y)  # fmt: skip
    logits = x @ start.T
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gradient = (p - np.eye(2)[y]).T @ x / 40 + 2.0 / 40 * start  # what MLPClassifier's documentation says of alpha
    np.testing.assert_allclose(ours.module_[0].weight.detach().numpy(), start - 0.1 * gradient, rtol=1e-6)


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize("kwargs", [
    dict(solver="sgd"), dict(solver="adamw", alpha=0.1), dict(solver=lambda p: SGD(p, lr=0.05)), dict(dropout=0.2),
    dict(activation="tanh"), dict(activation="logistic", learning_rate_init=0.05), dict(activation="identity"),
    dict(schedule="cosine"), dict(schedule="one_cycle"),
    dict(schedule=lambda o, steps: ExponentialLR(o, 0.1 ** (1 / steps))), dict(clip_norm=0.5), dict(shuffle=False),
    dict(batch_size=13), dict(compile=False), dict(compile=True), dict(hidden_layer_sizes=7),
    dict(hidden_layer_sizes=(9, 8)), dict(early_stopping=True), dict(nesterovs_momentum=False, solver="sgd"),
    dict(class_weight={"red": 2, "green": 1, "blue": 1}), dict(tol=1e-3, n_iter_no_change=2, max_iter=500),
    dict(module=lambda n, m: nn.Sequential(nn.Linear(n, 12), nn.Tanh(), nn.Dropout(0.1), nn.Linear(12, m))),
], ids=lambda kwargs: "-".join(kwargs))  # fmt: skip
def test_every_parameter_does_something_and_learns(blobs, kwargs):
    x, y = blobs
    plain = quick().fit(x, y)
    first, second = (quick().set_params(**kwargs).fit(x, y) for _ in range(2))
    assert first.score(x, y) > 0.8
    same = np.array_equal(first.predict_proba(x), plain.predict_proba(x))
    assert same == (kwargs in (dict(compile=True), dict(compile=False)))
    np.testing.assert_array_equal(first.predict_proba(x), second.predict_proba(x))  # by random_state


def test_the_plateau_schedule_lowers_the_rate(blobs):
    model = quick(schedule="plateau", n_iter_no_change=1, max_iter=60, solver="sgd", learning_rate_init=2.0).fit(*blobs)
    assert model.history_["lr"][-1] <= 2.0 * 0.2**2 and model.history_["lr"][0] == 2.0
    by_hand = lambda o, steps: ReduceLROnPlateau(o, factor=0.1, patience=0)  # noqa: E731
    assert quick(schedule=by_hand, max_iter=60, learning_rate_init=2.0).fit(*blobs).history_["lr"][-1] < 0.3


def test_many_steps_are_compiled(blobs, monkeypatch):
    seen = []
    fit = tg.training.fit

    def spy(*args, **kwargs):
        seen.append(kwargs["compile"])
        return fit(*args, **kwargs)

    monkeypatch.setattr("tinygrad_mnist.sklearn.estimator.fit", spy)
    for kwargs in (dict(max_iter=9), dict(max_iter=1000), dict(max_iter=1000, compile=False)):
        quick(tol=10.0, n_iter_no_change=1, **kwargs).fit(*blobs)
    quick(max_iter=1000, tol=10.0, n_iter_no_change=1, module=lambda n, m: nn.Linear(n, m)).fit(*blobs)
    assert seen == [False, True, False, False]


def test_a_seed_is_the_estimators_own(blobs):
    x, y = blobs
    tg.manual_seed(5)
    before = tg.rand(3).tolist()
    tg.manual_seed(5)
    module = lambda n, m: nn.Sequential(nn.Linear(n, 12), nn.Dropout(0.5), nn.Linear(12, m))  # noqa: E731
    quick(module=module, dropout=0.5).fit(x, y)
    assert tg.rand(3).tolist() == before  # the default generator was left alone
    probabilities = [quick().set_params(random_state=s).fit(x, y).predict_proba(x) for s in (0, 0, 1, None, None)]
    np.testing.assert_array_equal(probabilities[0], probabilities[1])
    assert not np.array_equal(probabilities[1], probabilities[2])
    assert not np.array_equal(probabilities[3], probabilities[4])


def test_early_stopping_holds_out_and_brings_the_best_weights_back(digits):
    x, y = digits
    model = NeuralClassifier(
        (32,), early_stopping=True, validation_fraction=0.2, n_iter_no_change=3, random_state=0, max_iter=300,
        learning_rate_init=0.02,
    ).fit(x, y)  # fmt: skip
    assert 3 < model.n_iter_ < 300 and "early stopping" in model.history_.ended
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.9
    assert model.validation_scores_[model.history_.best_epoch - 1] == model.best_validation_score_


def test_the_validation_score_of_a_regressor_is_r2():
    x, y = load_diabetes(return_X_y=True)
    kept = {}
    look = calling(on_epoch_end=lambda run: kept.update(valid=run.valid))
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y))
    for sample_weight in (None, weights):
        model = NeuralRegressor((5,), max_iter=1, early_stopping=True, tol=None, random_state=0, callbacks=[look])
        model.fit(x, np.stack([y / 100, y**2 / 1e4], 1), sample_weight=sample_weight)
        parts = [kept["valid"].dataset._arrays[i] for i in range(2 + (sample_weight is not None))]
        outputs = tg.training.predict(model.module_, parts[0])
        wanted = r2_score(parts[1], outputs, sample_weight=None if sample_weight is None else parts[2])
        assert model.validation_scores_[0] == pytest.approx(wanted)


def test_weights_of_samples_and_classes():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 2)).astype(np.float32)
    y = (x[:, 0] + draw.normal(size=400) > 1.5).astype(int)  # one in seven
    plain, balanced, by_hand = (
        quick(class_weight=w).fit(x, y).predict(x).mean() for w in (None, "balanced", {0: 1, 1: 30})
    )
    assert plain < 0.16 < 0.2 < balanced < by_hand - 0.1
    weighted = quick(max_iter=5).fit(x, y, sample_weight=np.where(y, 30, 1))
    by_class = quick(max_iter=5, class_weight={0: 1, 1: 30}).fit(x, y)
    np.testing.assert_allclose(weighted.predict_proba(x), by_class.predict_proba(x), rtol=1e-4, atol=1e-6)
    both = quick(max_iter=5, class_weight={0: 1, 1: 15}).fit(x, y, sample_weight=np.where(y, 2, 1))
    np.testing.assert_allclose(both.predict_proba(x), by_class.predict_proba(x), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="all weights are 0|non-zero"):
        quick().fit(x, y, sample_weight=np.zeros(400))
    with pytest.raises(ValueError, match="validation part are 0"):
        quick(early_stopping=True).fit(x, y, sample_weight=np.eye(400)[0])


def test_partial_fit_is_fit_by_epochs(blobs):
    x, y = blobs
    whole = quick(max_iter=4, compile=False).fit(x, y)
    parts = quick(compile=False)
    for i in range(4):
        parts.partial_fit(x, y, classes=np.unique(y) if i == 0 else None)
    np.testing.assert_array_equal(whole.predict_proba(x), parts.predict_proba(x))
    assert parts.loss_curve_ == whole.loss_curve_ and parts.n_iter_ == 1
    parts.partial_fit(x[y == "red"], y[y == "red"])  # a part with one class
    assert len(parts.classes_) == 3
    regressor = NeuralRegressor((4,), max_iter=3, tol=None, random_state=0)
    target = x[:, 0]
    one = clone(regressor).fit(x, target).predict(x)
    for _ in range(3):
        regressor.partial_fit(x, target)
    np.testing.assert_allclose(regressor.predict(x), one, rtol=1e-5, atol=1e-6)


def test_parts_are_weighed_by_what_they_are_given(blobs):
    x, y = blobs[0], (blobs[1] == "red").astype(int)
    plain, heavy = quick(), quick(class_weight={1: 50})
    for model in (plain, heavy):
        for part in (y == 0, y == 1) * 3:  # one class at a time, so within a part all weights are alike
            model.partial_fit(x[part], y[part], classes=[0, 1])
    assert heavy.predict_proba(x)[:, 1].mean() > plain.predict_proba(x)[:, 1].mean() + 0.01
    with pytest.raises(ValueError, match="needs all samples at once"):
        quick(class_weight="balanced").partial_fit(x, y, classes=[0, 1])


def test_partial_fit_after_a_schedule_has_its_rate_again(blobs):
    x, y = blobs
    model = quick(schedule="cosine").fit(x, y)
    assert model.history_["lr"][-1] < 1e-3
    before = model.predict_proba(x)
    model.partial_fit(x, y)
    assert model.optimizer_.param_groups[0]["lr"] == 0.01 and np.abs(model.predict_proba(x) - before).max() > 1e-4


def test_threads_predict_side_by_side(blobs):
    """Nothing switches dropout on while another thread predicts."""
    x, y = blobs
    model = quick(dropout=0.5).fit(x, y)
    assert not any(m.training for m in model.module_.modules())
    wanted = model.predict_proba(x)
    found = joblib.Parallel(n_jobs=4, backend="threading")(joblib.delayed(model.predict_proba)(x) for _ in range(40))
    assert all(np.array_equal(p, wanted) for p in found)


def test_a_constant_target_among_others():
    x = np.random.default_rng(0).normal(size=(200, 3))
    y = np.stack([10 * x[:, 0], np.zeros(200)], 1)
    model = NeuralRegressor((8,), early_stopping=True, max_iter=60, learning_rate_init=0.03, random_state=0, tol=None)
    model.fit(x, y)
    assert np.isfinite(model.validation_scores_).all() and model.best_validation_score_ > 0.3
    assert model.history_.best_epoch > 10


def test_networks_of_another_shape_are_refused(blobs):
    x, y = blobs
    with pytest.raises(ValueError, match="outputs of another shape"):
        quick(module=lambda n, m: nn.Linear(n, m + 1)).fit(x, y)
    with pytest.raises(ValueError, match="outputs of another shape"):
        NeuralRegressor(module=lambda n, m: nn.Linear(n, 1), tol=None).fit(x, x[:, :2])
    with pytest.raises(TypeError, match="must be a function"):
        quick(module=nn.Linear(4, 3)).fit(x, y)
    same = nn.Linear(4, 3)
    first = quick(module=lambda n, m: same).fit(x, y)
    assert first.module_ is not same and clone(first).fit(x, y).module_ is not first.module_


def test_a_fit_that_is_refused_changes_nothing(blobs):
    x, y = blobs
    model = quick().fit(x, y)
    before = model.predict_proba(x)
    with pytest.raises(ValueError, match="solver is 'bad'"):
        model.set_params(solver="bad").fit(x[:, :3], np.arange(len(y)) % 2)
    np.testing.assert_array_equal(model.predict_proba(x), before)
    fresh = quick()
    with pytest.raises(ValueError, match="NaN"):
        fresh.partial_fit(np.full((2, 3), np.nan), [5, 6], classes=[5, 6])
    fresh.partial_fit(x, y, classes=np.unique(y))


def test_warm_start_goes_on(blobs):
    x, y = blobs
    model = quick(max_iter=3, warm_start=True)
    losses = [model.fit(x, y).loss_ for _ in range(4)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0] / 1.5
    peer = MLPClassifier((16,), max_iter=3, warm_start=True, random_state=0)
    for _ in range(4):
        with pytest.warns(ConvergenceWarning):
            peer.fit(x, y)
    assert model.n_iter_ == peer.n_iter_ == 3 and len(model.loss_curve_) == len(peer.loss_curve_) == 12
    assert model.loss_curve_[2::3] == losses
    model.set_params(early_stopping=True).fit(x, y)
    assert model.n_iter_ == 3 and len(model.validation_scores_) == 3
    assert model.fit(x, y).n_iter_ == 3 and len(model.validation_scores_) == 6
    assert model.best_validation_score_ == max(model.validation_scores_)
    model.set_params(early_stopping=False)
    with pytest.raises(ValueError, match="not there before"):
        model.fit(x, np.where(y == "red", "pink", y))
    cold = quick(max_iter=3)
    assert cold.fit(x, y).loss_ == cold.fit(x, y).loss_


def test_callbacks_are_copied_for_each_fit(blobs):
    x, y = blobs
    best = KeepBest("train_loss")
    model = quick(callbacks=[best])
    model.fit(x, y)
    assert best.best is None and model.callbacks_[0].best == min(model.loss_curve_)
    first = model.callbacks_[0]
    model.fit(x, y)
    assert model.callbacks_[0] is not first


def test_a_line_per_epoch(blobs, capsys):
    quick(max_iter=2, verbose=True).fit(*blobs)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2, train_loss")


def test_not_converged_is_said(blobs):
    with pytest.warns(ConvergenceWarning, match=r"all 2 epochs \(max_iter\)") as caught:
        NeuralClassifier(max_iter=2).fit(*blobs)
    assert caught[0].filename == __file__


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(("kwargs", "said"), [
    (dict(hidden_layer_sizes=(5, 0)), "hidden_layer_sizes must be whole numbers above 0"),
    (dict(hidden_layer_sizes=(5.5,)), "hidden_layer_sizes must be whole numbers above 0"),
    (dict(tol=-1.0), "tol must be"), (dict(tol="small"), "tol must be"),
    (dict(activation="swish"), "activation is 'swish'"),
    (dict(solver="lbfgs"), "solver is 'lbfgs'"), (dict(schedule="linear"), "schedule is 'linear'"),
    (dict(max_iter=0), "max_iter must be"), (dict(alpha=-1), "alpha must be"), (dict(dropout=1.5), "dropout"),
    (dict(batch_size=0), "batch_size must be"), (dict(batch_size="all"), "batch_size must be"),
    (dict(validation_fraction=1.0), "validation_fraction must"), (dict(n_iter_no_change=0), "n_iter_no_change must"),
    (dict(early_stopping=True, validation_fraction=0.005), "validation set is too small|should be greater"),
    (dict(learning_rate_init=-1.0), "lr"), (dict(dtype="int32"), "dtype must be"),
    (dict(alpha=float("nan")), "alpha must be"), (dict(dtype="float64", module=nn.Linear), "dtype is for"),
    (dict(compile="fortran"), "fortran"),
], ids=lambda x: "-".join(x) if isinstance(x, dict) else "")  # fmt: skip
def test_parameters_out_of_range(blobs, kwargs, said):
    with pytest.raises(ValueError, match=said):
        quick().set_params(**kwargs).fit(*blobs)


def test_factories_that_make_something_else(blobs):
    for kwargs in (dict(module=lambda n, m: nn.ReLU()), dict(module=lambda n, m: 3), dict(solver=lambda p: list(p))):
        with pytest.raises(TypeError, match="must make"):
            quick(**kwargs).fit(*blobs)
    for kwargs, said in (
        (dict(module=lambda: nn.Linear(2, 2)), r"module must be a function of \(n_features, n_outputs"),
        (dict(schedule=lambda o: None), r"schedule must be a function of \(optimizer, total steps"),
        (dict(callbacks=KeepBest()), "callbacks must be a list"),
        (dict(callbacks=[KeepBest]), "KeepBest is no callback"),
    ):
        with pytest.raises(TypeError, match=said):
            quick(**kwargs).fit(*blobs)
    model = quick(solver=lambda p: AdamW(p, lr=0.01)).fit(*blobs)
    assert isinstance(model.optimizer_, AdamW)
    model = quick(solver=AdamW, learning_rate_init=0.03).fit(*blobs)  # the rate reaches an optimizer's class
    assert isinstance(model.optimizer_, AdamW) and model.history_["lr"] == [0.03] * model.n_iter_

    class Own(SGD):
        def __init__(self, params):
            super().__init__(params, lr=0.25)

    assert quick(solver=Own, learning_rate_init=0.03).fit(*blobs).history_["lr"] == [0.25] * 20

    @functools.wraps(lambda n, m, hidden: None)
    def wrapper(n, m):
        return nn.Linear(n, m)

    assert quick(module=wrapper).fit(*blobs).score(*blobs) > 0.5


def test_partial_fits_mistakes(blobs):
    x, y = blobs
    model, classes = quick().partial_fit(x, y, classes=np.unique(y)), np.unique(y)
    regressor = NeuralRegressor(max_iter=1, tol=None).partial_fit(x, x[:, 0])
    for estimator, target, given, said in (
        (quick(), y, {}, "classes must be given"), (model, y, {"classes": ["red"]}, "not what it was"),
        (quick(early_stopping=True), y, {"classes": classes}, "does not support early_stopping"),
        (model, np.full(len(x), "violet"), {}, "not there before"),
        (regressor, x[:, :2], {}, "another number of outputs"),
        (NeuralRegressor(early_stopping=True), x[:, 0], {}, "early_stopping"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            estimator.partial_fit(x, target, **given)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_after_ctrl_c_there_is_a_network(blobs):
    interrupt = calling(on_epoch_end=lambda run: run.epoch == 3 and os.kill(os.getpid(), signal.SIGINT))
    model = quick(callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        model.fit(*blobs)
    assert model.n_iter_ == 3 and model.predict(blobs[0]).shape == (150,)


def test_without_scikit_learn_the_reason_is_told():
    code = """
import sys
sys.modules["sklearn"] = None
import tinygrad_mnist as tg
try:
    tg.sklearn
except ImportError as error:
    print(type(error).__name__, error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "MissingDependencyError" in result.stdout and "tinygrad_mnist[sklearn]" in result.stdout
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        tg.nothing  # noqa: B018
