"""The doctor names what is wrong with small trainings made by hand, and finds nothing in healthy ones."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from ailing import CLASSES, FEATURES, adam, biased, clusters, examined, looped, mlp, quiet, scaled, sgd

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.training import RULES, Doctor, fit


def log_of_zero(outputs, targets):
    one_hot = nn.functional.one_hot(targets, CLASSES).float()
    return -(one_hot * (outputs * 1000).softmax(1).log()).sum(1).mean()


class Detached(nn.Module):
    def __init__(self):
        tg.manual_seed(0)
        self.body, self.head = nn.Linear(FEATURES, 16), nn.Linear(16, CLASSES)

    def forward(self, x):
        return self.head(self.body(x).detach().relu())


def shuffled(x, y):
    return x, np.random.default_rng(3).permutation(y)


def in_order(x, y):
    order = np.argsort(y, kind="stable")
    return tg.data.DataLoader(tg.data.TensorDataset(x[order], y[order]), batch_size=32)


HEALTHY = {
    "adam": lambda: examined(mlp(32)),
    "sgd": lambda: examined(m := mlp(32), optimizer=sgd(m)),
    "tanh": lambda: examined(mlp(32, 32, act=nn.Tanh)),
    "sigmoid": lambda: examined(mlp(32, act=nn.Sigmoid)),
    "compiled": lambda: examined(mlp(32), compile=True),
    "one sample": lambda: examined(m := mlp(16), clusters(300), optimizer=sgd(m, 0.01), batch_size=1, epochs=1),
    "dropout and batch norm": lambda: examined(
        nn.Sequential(nn.Linear(FEATURES, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, CLASSES))
    ),
    "numbers": lambda: examined(
        mlp(32), (clusters()[0], clusters()[0][:, :CLASSES] ** 2), loss_function=nn.MSELoss()
    ),
    "own loop": lambda: looped(mlp(32), quiet()[0]),
    "clipped": lambda: looped(
        mlp(32), quiet()[0], before=lambda m, o: (nn.utils.clip_grad_norm_(m.parameters(), 0.1), o.zero_grad())
    ),
    "zeros in place": lambda: looped(
        mlp(32), quiet()[0], before=lambda m, o: [p.grad.zero_() for p in m.parameters() if p.grad is not None]
    ),
    "zeros": lambda: looped(mlp(32), quiet()[0], before=lambda m, o: o.zero_grad(set_to_none=False)),
}  # fmt: skip

BROKEN = {
    "rate_too_high": lambda: examined(m := mlp(32), optimizer=adam(m, 1.0)),
    "rate_too_low": lambda: examined(m := mlp(32), optimizer=adam(m, 1e-8)),
    "vanishing": lambda: examined(m := mlp(*[16] * 8, act=nn.Sigmoid), optimizer=sgd(m)),
    "exploding": lambda: examined(m := mlp(32), optimizer=sgd(m, 1e-6), loss_function=log_of_zero),
    "dead_relu": lambda: examined(biased(mlp(32), -50.0), batch_size=64),
    "saturated": lambda: examined(scaled(mlp(32, act=nn.Tanh), 60, slice(1))),
    "unscaled_input": lambda: examined(mlp(32), (clusters()[0] * 100, clusters()[1])),
    "wrong_start": lambda: examined(m := scaled(mlp(32), 300, slice(-1, None)), optimizer=adam(m, 1e-5)),
    "constant_predictor": lambda: examined(mlp(32), epochs=30, batch_size=64, l2=10.0),
    "unshuffled": lambda: examined(mlp(32), in_order(*clusters())),
    "shuffled_labels": lambda: examined(m := mlp(32), shuffled(*clusters(6000)), optimizer=adam(m, 1e-3), epochs=1),
    "overfitting": lambda: examined(mlp(128), clusters(24), epochs=60, valid=shuffled(*clusters(200))),
    "zero_grad": lambda: looped(m := mlp(32), quiet()[0], sgd(m, 0.01), before=lambda m, o: None),
    "evaluation_mode": lambda: looped(
        nn.Sequential(nn.Linear(FEATURES, 16), nn.Dropout(), nn.ReLU(), nn.Linear(16, CLASSES)).eval(), quiet()[0]
    ),
    "double_softmax": lambda: looped(m := mlp(32), quiet()[0], forward=lambda x: m(x).softmax(1).reshape(-1, CLASSES)),
    "unreached": lambda: examined(Detached()),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_a_healthy_training(name):
    assert HEALTHY[name]() == []


@pytest.mark.parametrize("name", BROKEN)
def test_the_mistake_is_the_first_verdict(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of arithmetic with numbers that are none
        found = BROKEN[name]()
    assert found and found[0] == name and len(set(found)) == len(found)


def test_every_symptom_is_provoked_here_but_the_one_of_check():
    assert {*BROKEN, "stuck"} == {*RULES}


def test_gradients_summed_on_purpose_are_no_mistake():
    def before(model, optimizer):
        nonlocal step
        if step % 3 == 0:
            optimizer.zero_grad()
        step += 1

    step, (doctor, said) = 0, quiet()
    model = mlp(32)
    assert looped(model, doctor, sgd(model), before=before, every=3, epochs=8) == [] and not said
    assert doctor.worst["rate_too_low"] > 1e-3  # changes are seen, though two steps of three make none


def test_a_softmax_behind_a_sigmoid_or_in_a_binary_loss_is_named():
    doctor, _ = quiet()
    model = nn.Sequential(nn.Linear(FEATURES, 1), nn.Sigmoid())
    x = tg.randn(8, FEATURES)
    found = doctor.check(model, (x, tg.ones(8, 1)), nn.BCEWithLogitsLoss(), steps=1)
    assert found.verdicts[0].name == "double_softmax" and "sigmoid in 1 Sigmoid" in found.verdicts[0].seen
    assert doctor.check(model, (x, tg.ones(8, 1)), nn.BCELoss()).healthy
    inner = nn.Sequential(nn.Linear(FEATURES, 8), nn.Softmax(1), nn.Linear(8, CLASSES))  # hidden, so no mistake
    assert "double_softmax" not in [v.name for v in doctor.check(inner, (x, tg.zeros(8).long()), steps=1).verdicts]


def test_a_verdict_is_said_once_with_figure_threshold_and_advice():
    doctor, said = quiet()
    examined(m := mlp(32), optimizer=adam(m, 1e-8), doctor=doctor, epochs=10)
    (text,) = said
    (verdict,) = doctor.verdicts
    assert text == str(verdict) and verdict.figure < verdict.threshold == RULES["rate_too_low"].limit
    for part in ("Doctor, step ", "rate too low", "seen ", "figure ", "at least 0.0001", "try ", "lr_find"):
        assert part in text
    long = str(replace(verdict, advice=" ".join(["word"] * 40)))
    assert max(map(len, long.splitlines())) <= 88 and long.count("word") == 40 and "\n          word" in long
    assert "instead of 1e-08" in verdict.advice


def test_a_symptom_is_switched_off_by_its_name():
    doctor, said = quiet(off=["unscaled_input"])
    data = clusters()[0] * 100, clusters()[1]
    assert "unscaled_input" not in examined(mlp(32), data, doctor=doctor)
    assert "unscaled_input" not in doctor.worst and not any("unscaled" in text for text in said)
    strict = {"unscaled_input": RULES["unscaled_input"]._replace(limit=1.0)}
    assert examined(mlp(32), doctor=quiet(rules=strict)[0])[0] == "unscaled_input"
    doctor, _ = quiet(off=["double_softmax", "stuck"])
    assert doctor.check(nn.Sequential(mlp(8), nn.Softmax(1), nn.Flatten()), clusters(32), steps=1).healthy


def test_the_training_ends_at_the_first_verdict_where_that_is_asked_for():
    doctor, _ = quiet(stop=True)
    model = mlp(32)
    history = fit(model, clusters(), epochs=3, optimizer=adam(model, 1.0), callbacks=[doctor], progress=False)
    assert [v.step for v in doctor.verdicts] == [1] and history.ended == "doctor: rate too high"


def test_the_first_operation_that_is_not_finite_is_named():
    doctor, _ = quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy, of the logarithm
        examined(m := mlp(32), optimizer=sgd(m, 1e-6), loss_function=log_of_zero, doctor=doctor)
    assert "log is the first operation" in doctor.verdicts[0].seen and doctor.verdicts[0].figure == math.inf
    data = clusters()[0].copy(), clusters()[1]
    data[0][:, 0] = np.nan
    doctor, _ = quiet()
    assert examined(mlp(32), data, doctor=doctor)[0] == "exploding"
    assert "by the batch" in doctor.verdicts[0].seen
    doctor, _ = quiet()
    with np.errstate(all="ignore"):
        assert examined(m := mlp(32), optimizer=sgd(m, 1e38), doctor=doctor)[0] == "rate_too_high"
    assert "far less" in doctor.verdicts[0].advice and "1e+38" in doctor.verdicts[0].advice


@pytest.mark.parametrize("compiled", [False, True])
def test_a_training_is_the_same_to_the_bit_under_the_doctors_eyes(compiled):
    def weights(watched):
        tg.manual_seed(5)
        model = nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, CLASSES))
        callbacks = [Doctor(say=lambda text: None)] if watched else []
        data = shuffled(*clusters(3000))  # so that trials are made at the end of the epoch
        fit(model, data, epochs=2, optimizer=adam(model, 1e-3), callbacks=callbacks, progress=False,
            compile=compiled)  # fmt: skip
        return [p.detach().numpy().copy() for p in model.parameters()], tg.rand(3).tolist()

    (plain, draws), (seen, others) = weights(False), weights(True)
    assert all(np.array_equal(a, b) for a, b in zip(plain, seen, strict=True)) and draws == others
