"""Buffers in `fit`: checkpoints, also those of earlier versions, best weights, and the estimators for scikit-learn."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from training_data import calling
from worlds import KillAfter, Killed

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import StateDictError
from tinygrad_mnist.optim import SGD
from tinygrad_mnist.training import Callback, Checkpoint, KeepBest, fit, predict

draw = np.random.default_rng(0)
X = draw.normal(size=(40, 6)).astype(np.float32) + 1
Y = (X[:, 0] > 1).astype(np.int64)


class Running(nn.Module):
    """Centres by a running mean, and counts; its tensors are buffers, or attributes that nobody registered."""

    def __init__(self, registered=True):
        self.table = np.ones(6, np.float32)  # which never changes
        if registered:
            self.register_buffer("mean", tg.zeros(6))
            self.register_buffer("count", tg.tensor(0))
        else:
            self.mean, self.count = tg.zeros(6), np.array(0)

    def forward(self, x):
        if self.training:
            with tg.no_grad():
                self.mean.mul_(0.9).add_(0.1 * x.mean(0))
                self.count += 1
        return x - self.mean


def trained(path, stop=0, registered=True, epochs=3, **kwargs):
    """Train, from a checkpoint if there is one; give all that must be the same in the end."""
    tg.manual_seed(1)
    model = nn.Sequential(Running(registered), nn.Linear(6, 2))
    best = KeepBest("valid_loss")
    fit(
        model, (X, Y), valid=(X[:20], Y[:20]), epochs=epochs, batch_size=9, optimizer=SGD(model.parameters(), 0.5),
        callbacks=[best, KillAfter(stop)], checkpoint=Checkpoint(path, batches=1, seconds=None), resume=True, **kwargs,
    )  # fmt: skip
    return [x.array.tobytes() for x in model.state_dict().values()], best.best_epoch, int(model[0].count)


@pytest.mark.parametrize("backend", [False, "numpy", "numba"])
def test_a_resumed_run_has_its_buffers(tmp_path, backend):
    wanted = trained(tmp_path / "whole.npz", compile=backend)
    assert wanted[2] == 5 * wanted[1]  # the count of the best epoch
    for stop in (1, 4, 5, 7, 13) if backend != "numba" else (7,):
        path = tmp_path / f"{stop}.npz"
        with pytest.raises(Killed):
            trained(path, stop, compile=backend)
        assert trained(path, compile=backend) == wanted, stop


class Growing(Running):
    """One whose buffer begins with the first batch, and another that has a row more after each."""

    def __init__(self):
        super().__init__()
        self.register_buffer("first", None)
        self.register_buffer("rows", tg.zeros(1, 6))

    def forward(self, x):
        if self.training:
            self.first = x.mean(0) if self.first is None else self.first
            self.rows = tg.cat([self.rows, x[:1]])
        return super().forward(x) - self.first + 0.01 * self.rows.mean(0)


def test_buffers_that_begin_and_grow_are_resumed_and_given_back(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "Running", lambda registered: Growing())
    wanted = trained(tmp_path / "whole.npz")
    for stop in (1, 6, 12):
        path = tmp_path / f"{stop}.npz"
        with pytest.raises(Killed):
            trained(path, stop)
        assert trained(path) == wanted, stop


class Spoilt(Callback):
    """Make later epochs worse, and their buffers others."""

    def on_epoch_end(self, run):
        if run.epoch > 1:
            run.history.rows[-1]["train_loss"] += 100.0
            run.model[0].first, run.model[0].rows, run.model[0].late = None, tg.ones(7, 6), tg.ones(2)


def test_best_weights_come_with_the_buffers_of_their_epoch():
    model = nn.Sequential(Growing(), nn.Linear(6, 2))
    model[0].register_buffer("late", None)
    fit(model, (X, Y), epochs=3, batch_size=10, callbacks=[Spoilt(), KeepBest()])
    assert model[0].rows.shape == (5, 6) and model[0].count.item() == 4
    assert model[0].first is not None and model[0].late is None


def form_1(state, registered):
    """Bring a checkpoint to the layout of version 0.1.0: tensors that are no parameters under `path:name`."""
    before = np.full(6, 0.5, np.float32), np.array(3)

    def apart(model):
        parameters = {k: v for k, v in model.items() if "weight" in k or "bias" in k}
        mean, count = (model["0.mean"], model["0.count"]) if registered else before
        besides = {"0:table": np.ones(6, np.float32), "0:mean": mean, "0:count": count}
        return {"parameters": parameters, "besides": besides}

    kept = state["callbacks"][0]["kept"]
    callbacks = [state["callbacks"][0] | {"kept": None if kept is None else apart(kept)}, *state["callbacks"][1:]]
    return {**state, "form": 1, "model": apart(state["model"]), "callbacks": callbacks}


@pytest.mark.parametrize("stop", [2, 7])  # before there are best weights, and after
def test_a_checkpoint_of_form_1_goes_on(tmp_path, stop):
    wanted, path = trained(tmp_path / "whole.npz"), tmp_path / "run.npz"
    with pytest.raises(Killed):
        trained(path, stop)
    tg.save(form_1(tg.load(path), True), path)
    assert trained(path) == wanted
    assert tg.load(path)["form"] == 2


def test_a_checkpoint_of_form_1_sets_what_is_no_buffer(tmp_path):
    path, seen = tmp_path / "run.npz", []

    def look(run):
        seen.append((run.model[0].mean.tolist(), type(run.model[0].mean), run.model[0].count.tolist()))

    def go():
        model = nn.Sequential(Running(False), nn.Linear(6, 2))
        callbacks = [KeepBest(), calling(on_start=look)]
        fit(model, (X, Y), epochs=2, callbacks=callbacks, checkpoint=path, resume=True)

    with pytest.warns(UserWarning, match=r"changed in training are no buffers: 0\.mean, 0\.count\."):
        go()
    tg.save(form_1({**tg.load(path), "epoch": 2}, False), path)
    go()
    assert seen[1] == ([0.5] * 6, tg.Tensor, 3)


def test_what_is_remembered_without_being_registered_is_told_once(tmp_path):
    def go(**kwargs):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            fit(nn.Sequential(Running(False), nn.Linear(6, 2)), (X, Y), epochs=3, **kwargs)
        return [str(w.message) for w in found], [w.filename for w in found]

    for kwargs in ({"callbacks": [KeepBest()]}, {"checkpoint": tmp_path / "run.npz"}):
        (message,), (file,) = go(**kwargs)
        assert "self.register_buffer" in message and "0.table" not in message and file == __file__
    assert go() == ([], [])  # nothing is to be put back


def test_a_checkpoint_without_a_buffer_of_the_model_is_refused(tmp_path):
    def go(*names):
        model = nn.Sequential(Running(), nn.Linear(6, 2))
        for name in names:
            model[0].register_buffer(name, tg.zeros(2))
        fit(model, (X, Y), epochs=1, checkpoint=tmp_path / "run.npz", resume=True)

    go()
    with pytest.raises(StateDictError, match=r"missing: 0\.new"):
        go("new")


def test_a_buffer_that_is_not_saved_is_not_in_a_checkpoint(tmp_path):
    model = nn.Sequential(Running(), nn.Linear(6, 2))
    model[0].register_buffer("count", tg.tensor(0), persistent=False)
    fit(model, (X, Y), epochs=1, checkpoint=tmp_path / "run.npz")
    assert list(tg.load(tmp_path / "run.npz")["model"]) == ["0.mean", "1.weight", "1.bias"]


@pytest.mark.parametrize("compile", [False, "numpy", "numba"])
def test_estimators_have_buffers(compile):
    pytest.importorskip("sklearn")
    network = tg.sklearn.NeuralClassifier(
        module=lambda n, m: nn.Sequential(Running(), nn.Linear(n, m)), max_iter=4, tol=None, batch_size=10,
        random_state=0, compile=compile,
    ).fit(X, Y)  # fmt: skip
    mean, count = network.module_[0].mean, network.module_[0].count
    assert count.item() == 16 and np.allclose(mean, (1 - 0.9**16) * X.mean(0), atol=0.3)
    before = mean.tolist()
    wanted = network.predict_proba(X)
    network.partial_fit(X, Y)
    assert count.item() == 20 and mean.tolist() != before
    network.module = None  # a lambda, which pickle cannot take
    again = pickle.loads(pickle.dumps(network))
    assert list(again.module_.state_dict()) == ["0.mean", "0.count", "1.weight", "1.bias"]
    np.testing.assert_array_equal(again.predict_proba(X), network.predict_proba(X))
    assert not np.array_equal(wanted, again.predict_proba(X))


def test_evaluation_leaves_buffers_alone():
    model = nn.Sequential(Running(), nn.Linear(6, 2))
    state = copy.deepcopy(model.state_dict())
    predict(model, X)
    tg.training.evaluate(model, (X, Y))
    assert all((x == y).all() for x, y in zip(state.values(), model.state_dict().values(), strict=True))
