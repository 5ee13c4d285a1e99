"""The doctor's signals against NumPy; what it refuses; what a checkpoint keeps; a wrong signal is caught."""

import math

import numpy as np
import pytest
from ailing import CLASSES, FEATURES, adam, clusters, examined, mlp, quiet, scaled, sgd

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, DTypeError
from tinygrad_mnist.training import RULES, Callback, Checkpoint, Doctor, Rule, fit
from tinygrad_mnist.training.doctor import look as looking
from tinygrad_mnist.training.doctor.look import look, norm, surprise, update_ratios


def arrays(model):
    return [p.detach().numpy().copy() for p in model.parameters()]


def test_activations_and_classes_are_those_of_numpy():
    model = nn.Sequential(nn.Linear(FEATURES, 20), nn.ReLU(), nn.Linear(20, 9), nn.Tanh(), nn.Linear(9, CLASSES))
    scaled(model, 6, slice(1, 2))
    x, y = clusters(64)
    w1, b1, w2, b2, w3, b3 = arrays(model)
    hidden = np.maximum(x @ w1.T + b1, 0)
    bounded = np.tanh(hidden @ w2.T + b2)
    scores = (bounded @ w3.T + b3).astype(np.float64)
    outputs = model(tg.from_numpy(x))
    seen = look(1, model, nn.CrossEntropyLoss()(outputs, tg.from_numpy(y)), outputs, tg.from_numpy(y))
    (active,), (share,) = seen.active.values(), seen.saturated.values()
    assert (active == (hidden > 0).any(axis=0)).all()
    assert share == pytest.approx((np.abs(bounded) > 0.97).mean(), abs=2 / bounded.size) and share > 0.05
    assert [*seen.saturated] == ["tanh in 3 Tanh"] and [*seen.active] == ["relu in 1 ReLU"]
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = -np.log(probabilities[np.arange(64), y]).mean()
    assert seen.surprise == pytest.approx(expected, rel=1e-5) and seen.loss == pytest.approx(expected, rel=1e-5)
    assert (seen.guesses == np.bincount(scores.argmax(1), minlength=CLASSES)).all()
    assert (seen.labels == np.bincount(y, minlength=CLASSES)).all()
    assert seen.reach == pytest.approx(np.abs(x).max()) and seen.spread == pytest.approx(scores.std(0).mean(), rel=1e-5)


def test_units_of_images_are_channels_and_the_last_activation_is_not_hidden():
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 16, 1), nn.Sigmoid())
    x = np.random.default_rng(0).normal(size=(8, 1, 6, 6)).astype(np.float32)
    outputs = model(tg.from_numpy(x))
    seen = look(1, model, nn.BCELoss()(outputs, tg.ones(8, 1)), outputs, tg.ones(8, 1))
    assert [mask.shape for mask in seen.active.values()] == [(5,)] and not seen.saturated and seen.classes == 0
    assert seen.twice == "" and seen.unreached == []


def test_ratios_are_those_of_the_step():
    model = mlp(16)
    model[0].weight.data.zero_()  # which has no relative change
    doctor, before = quiet()[0], arrays(model)
    fit(model, clusters(32), epochs=1, batch_size=32, optimizer=sgd(model, 0.5), callbacks=[doctor], progress=False)
    (seen,) = doctor._judge.course.looks
    change = np.linalg.norm((arrays(model)[2] - before[2]).astype(np.float64))
    assert [*seen.ratios] == ["2.weight"] and change > 1e-3
    assert seen.ratios["2.weight"] == pytest.approx(change / np.linalg.norm(before[2].astype(np.float64)), rel=1e-4)
    assert doctor.worst["rate_too_high"] == seen.ratios["2.weight"]
    moved, before = [("w", tg.tensor([[3.0, 4.0]]))], np.array([[3.0, 0.0]], np.float32)
    assert update_ratios(moved, {"w": before}, {"w": 3.0})["w"] == pytest.approx(4 / 3)
    assert update_ratios(moved, {"w": before}, {"w": 0.0}) == {} and norm(np.float32([[3, 4]])) == 5


def test_the_own_loop_and_fit_see_the_same_changes():
    doctors = []
    for loop in (False, True):
        model, (doctor, _) = mlp(16), quiet()
        optimizer, (x, y) = sgd(model), clusters(256)
        loader = tg.data.DataLoader(tg.data.TensorDataset(x, y), batch_size=32)
        if loop:
            doctor.watch(model, optimizer)
            for images, labels in loader:
                logits = model(images)
                loss = nn.CrossEntropyLoss()(logits, labels)
                doctor.step(loss, logits, labels, images)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            doctor.epoch(valid_loss=1.0)
        else:
            fit(model, loader, epochs=1, optimizer=optimizer, callbacks=[doctor], progress=False)
        doctors.append(doctor)
    by_fit, by_hand = ([(s.step, s.ratios, s.surprise) for s in d._judge.course.looks] for d in doctors)
    assert by_fit == by_hand and [step for step, *_ in by_fit] == [1, 3, 5, 7]


def test_a_wrong_signal_is_caught(monkeypatch):
    """The checks above are able to fail: a mean in the place of a norm, units counted over samples."""
    def means(weights, before, sizes):
        return {n: float(np.abs(p.array - before[n]).mean()) for n, p in weights}

    monkeypatch.setattr("tinygrad_mnist.training.doctor.judge.update_ratios", means)
    with pytest.raises(AssertionError):
        test_ratios_are_those_of_the_step()
    monkeypatch.setattr(looking, "active", lambda out: out.max(axis=-1) > 0)
    with pytest.raises((AssertionError, ValueError)):
        test_activations_and_classes_are_those_of_numpy()


def test_looks_come_often_at_first_and_seldom_later():
    steps = []

    class Counting(Doctor):
        def on_loss(self, run, loss, outputs, inputs, targets):
            super().on_loss(run, loss, outputs, inputs, targets)
            if self._judge.pending is not None:
                steps.append(self._judge.steps + 1)

    doctor = Counting(say=lambda text: None)
    model = mlp(8)
    fit(model, clusters(1600), epochs=2, batch_size=16, optimizer=adam(model, 1e-3), callbacks=[doctor], progress=False)
    assert steps == [*range(1, 80, 2), 100, 200]


def test_a_resumed_training_says_nothing_twice_and_keeps_count(tmp_path):
    class Killed(Callback):
        def __init__(self, at):
            self.at = at

        def on_batch_end(self, run):
            if (run.epoch, run.batch) == self.at:
                raise KeyboardInterrupt

    data = clusters()[0] * 100, clusters()[1]

    def train(doctor, *others):
        model = mlp(16)
        fit(model, data, epochs=3, optimizer=adam(model), callbacks=[doctor, *others], progress=False,
            checkpoint=Checkpoint(tmp_path / "run.npz", batches=1), resume=True, on_interrupt="return")  # fmt: skip

    first, second = Doctor(say=lambda text: None), Doctor(say=lambda text: None)
    train(first, Killed((1, 3)))
    second.say = lambda text: pytest.fail(text) if "unscaled" in text else None  # which was said
    train(second, Killed(None))
    assert [v.name for v in second.verdicts][: len(first.verdicts)] == [v.name for v in first.verdicts]
    assert "unscaled_input" in [v.name for v in second.verdicts] and second._judge.steps == 3 * 25
    assert len(second._judge.course.rows) == 3


def test_check_finds_a_model_that_cannot_learn_and_touches_nothing():
    doctor, said = quiet()
    model, (x, y) = mlp(32), clusters(64)
    before, draws = arrays(model), tg.randn(2).tolist()
    tg.manual_seed(4)
    found = doctor.check(model, (x, y))
    assert found.healthy and found.samples == 16 and found.wrong <= 0.05 and found.last < found.first
    assert "0 % wrong" in str(found) and found.steps < 1000
    dropping = nn.Sequential(mlp(32), nn.Dropout(0.9))
    assert doctor.check(dropping, (x, y)).healthy
    tg.manual_seed(4)
    expected = tg.randn(3).tolist()
    tg.manual_seed(4)
    doctor.check(dropping, (x, y))
    assert tg.randn(3).tolist() == expected and draws
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(model), strict=True))
    assert all(p.grad is None for p in model.parameters()) and not said and not doctor.verdicts

    class Blind(nn.Module):
        def __init__(self):
            self.body = mlp(8)

        def forward(self, x):
            return self.body(x * 0)

    stuck = doctor.check(Blind(), (x, y), steps=200)
    assert [v.name for v in stuck.verdicts] == ["stuck"] and stuck.steps == 200 and "16 samples" in str(stuck)
    waiting = nn.Sequential(nn.Linear(FEATURES, 16), nn.Dropout(), nn.ReLU(), nn.Linear(16, CLASSES)).eval()
    (asleep,) = doctor.check(waiting, (x, y)).verdicts
    assert asleep.name == "evaluation_mode" and asleep.seen.endswith("which matters to layer 1 (Dropout)")
    assert "unscaled_input" in [v.name for v in doctor.check(model, (x * 100, y)).verdicts]
    numbers = doctor.check(nn.Linear(FEATURES, 1), (x, x[:, :1] * 2), nn.MSELoss())
    assert numbers.healthy and numbers.wrong <= 0.05


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda: Doctor(off="dead_relu"), DTypeError, "list of names"),
    (lambda: Doctor(off=["dead"]), ArgumentError, "no symptom 'dead'"),
    (lambda: Doctor(rules={"dead": RULES["dead_relu"]}), ArgumentError, "no symptom 'dead'"),
    (lambda: Doctor(rules={"dead_relu": 0.7}), DTypeError, "no rule"),
    (lambda: Doctor(say="loudly"), DTypeError, "function of a text"),
    (lambda: Doctor().watch(mlp(8), 0.1), DTypeError, "a model and its optimizer"),
    (lambda: Doctor().step(tg.tensor(1.0), None, None), ArgumentError, "nothing is watched"),
    (lambda: Doctor().epoch(1.0), ArgumentError, "nothing is watched"),
    (lambda: Doctor().check("model", clusters(8)), DTypeError, "must be a Module"),
    (lambda: Doctor().check(mlp(8), clusters(8), steps=0), ArgumentError, "steps must be"),
    (lambda: Doctor().check(mlp(8), clusters(8)[0]), ArgumentError, "must be \\(inputs, targets\\)"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_a_loss_without_a_living_graph_is_refused():
    model, doctor = mlp(8), Doctor()
    doctor.watch(model, sgd(model))
    x, y = map(tg.from_numpy, clusters(8))
    logits = model(x)
    loss = nn.CrossEntropyLoss()(logits, y)
    loss.backward()
    for bad in (loss, loss.detach(), loss.item()):
        with pytest.raises(ArgumentError, match="no graph"):
            doctor.step(bad, logits, y)


def test_the_table_of_thresholds_keeps_healthy_and_broken_apart():
    assert all(isinstance(rule, Rule) for rule in RULES.values())
    for name, rule in RULES.items():
        assert rule.patience >= 1 and rule.window >= 1 and rule.period >= 1 and rule.warm_up >= 0, name
        for figure, beyond in ((rule.healthy, False), (rule.broken, True)):
            if figure is not None:
                assert (figure > rule.limit if rule.above else figure < rule.limit) == beyond, name
    measured = [name for name, rule in RULES.items() if rule.healthy is not None and rule.broken is not None]
    assert len(measured) >= 9


def test_the_cross_entropy_of_large_outputs_stays_finite():
    scores = np.array([[1e4, 0.0], [0.0, 1e4]], np.float32)
    assert surprise(scores, np.array([0, 1])) == 0 and surprise(scores, np.array([1, 1])) == 5000
    assert math.isnan(surprise(np.full((2, 2), np.nan, np.float32), np.array([0, 1])))


def test_regressions_and_other_targets_are_left_to_what_suits_them():
    doctor, said = quiet()
    x, _ = clusters()
    assert examined(nn.Linear(FEATURES, 2), (x, x[:, :2]), loss_function=nn.MSELoss(), doctor=doctor) == []
    assert not {"constant_predictor", "wrong_start", "shuffled_labels", "unshuffled"} & {*doctor.worst} and not said
