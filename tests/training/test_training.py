"""`tg.training.fit`: the loop, early stopping, Ctrl-C, logs; clipping and the schedule that looks at a figure.

A killed run that is resumed: test_checkpoints.py.
"""

from __future__ import annotations

import collections
import csv
import json
import math
import os
import signal
import sys
import threading
import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import (
    ArgumentError,
    CaptureError,
    DTypeError,
    GradientError,
    MissingDependencyError,
    ShapeError,
    TrainingError,
)
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.optim import SGD, Adam
from tinygrad_mnist.optim.lr_scheduler import ExponentialLR, OneCycleLR, ReduceLROnPlateau
from tinygrad_mnist.training import (
    Callback,
    Checkpoint,
    EarlyStopping,
    History,
    KeepBest,
    Log,
    accuracy,
    evaluate,
    fit,
    predict,
)

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


def samples(n=60, features=5, classes=3, seed=0):
    """A problem that a small network learns in a few epochs."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, features)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0.5)


def network(dropout=0.0):
    tg.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3))


def weights_of(model):
    return [p.detach().numpy().copy() for p in model.parameters()]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


# ---------------------------------------------------------------- the loop


@pytest.mark.parametrize("compile", [False, True])
def test_fit_does_what_the_loop_written_out_does(compile):
    x, y = samples()
    model, optimizer = network(0.2), None
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = ExponentialLR(optimizer, 0.9)
    tg.manual_seed(3)
    losses = []
    for _ in range(4):
        total = 0.0
        for inputs, targets in DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
        schedule.step()
        losses.append(total / 60)
    wanted = weights_of(model)

    model = network(0.2)
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    tg.manual_seed(3)
    history = fit(
        model, (x, y), epochs=4, batch_size=16, optimizer=optimizer, schedule=ExponentialLR(optimizer, 0.9),
        compile=compile,
    )  # fmt: skip
    assert same(weights_of(model), wanted)
    assert history["train_loss"] == losses
    assert history["lr"] == pytest.approx([0.1, 0.09, 0.081, 0.0729])
    assert history.ended == "all epochs done" and history.best_epoch is None


def test_it_learns_and_tells_how_it_went():
    x, y = samples(300)
    model = network()
    history = fit(model, (x, y), valid=samples(100, seed=1), epochs=15, optimizer=Adam(model.parameters(), lr=0.03))
    columns = ["epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "lr", "seconds"]
    assert list(history[0]) == columns and len(history) == 15
    assert history["epoch"] == list(range(1, 16)) and history[-1]["epoch"] == 15 and len(history[:3]) == 3
    assert history["valid_accuracy"][-1] > 0.85 > history["valid_accuracy"][0]
    assert all(s > 0 for s in history["seconds"])
    assert evaluate(model, samples(100, seed=1)) == {
        "loss": history["valid_loss"][-1], "accuracy": history["valid_accuracy"][-1]
    }  # fmt: skip
    outputs = predict(model, x, batch_size=7)
    np.testing.assert_allclose(outputs, model(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert accuracy(outputs, y) == evaluate(model, (x, y))["accuracy"]
    assert "15 epochs" in repr(history) and "all epochs done" in repr(history)
    with pytest.raises(ArgumentError, match="valid_loss"):
        history["validation_loss"]


def test_figures_of_unequal_batches_are_means_over_samples():
    x, y = samples(50)
    model = network()
    history = fit(
        model, (x, y), valid=DataLoader(TensorDataset(x, y), batch_size=32), epochs=1, batch_size=32,
        optimizer=SGD(model.parameters(), lr=0.0),
        metrics={"accuracy": accuracy, "first": lambda outputs, targets: float(targets[0] * 0 + len(targets))},
    )  # fmt: skip
    whole = nn.functional.cross_entropy(model(x), tg.from_numpy(y)).item()
    assert history[0]["train_loss"] == pytest.approx(whole) == history[0]["valid_loss"]
    assert history[0]["train_accuracy"] == pytest.approx(accuracy(model(x), y))
    assert history[0]["valid_first"] == pytest.approx((32 * 32 + 18 * 18) / 50)


@pytest.mark.parametrize("per", ["epoch", "batch"])
def test_schedules_step_per_epoch_or_per_batch(per):
    x, y = samples(48)
    model = network()
    optimizer = SGD(model.parameters(), lr=1.0)
    schedule = ExponentialLR(optimizer, 0.5)
    fit(model, (x, y), epochs=2, batch_size=16, optimizer=optimizer, schedule=schedule, schedule_every=per)
    assert optimizer.param_groups[0]["lr"] == 0.5 ** (2 if per == "epoch" else 6)


def test_one_cycle_ends_with_the_last_batch():
    x, y = samples(48)
    model = network()
    optimizer = Adam(model.parameters())
    schedule = OneCycleLR(optimizer, max_lr=0.1, total_steps=6)
    fit(model, (x, y), epochs=2, batch_size=16, optimizer=optimizer, schedule=schedule, schedule_every="batch")
    assert schedule.last_epoch == 6


def test_l2_shrinks_weights_and_leaves_biases_alone():
    x, y = samples(32)
    decayed = network()
    matrices = [p for p in decayed.parameters() if p.ndim > 1]
    rest = [p for p in decayed.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.3}, {"params": rest}]
    tg.manual_seed(0)
    fit(decayed, (x, y), epochs=3, batch_size=8, optimizer=SGD(groups, lr=0.1))
    for compile in (False, True):
        penalized = network()
        tg.manual_seed(0)
        optimizer = SGD(penalized.parameters(), lr=0.1)
        history = fit(penalized, (x, y), epochs=3, batch_size=8, optimizer=optimizer, l2=0.3, compile=compile)
        for a, b in zip(weights_of(penalized), weights_of(decayed), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    plain = fit(network(), (x, y), epochs=1, batch_size=8, optimizer=None)
    assert history[0]["train_loss"] < plain[0]["train_loss"] + 0.5  # the loss without the penalty


def test_other_data_and_losses():
    x, y = samples(40)
    target = (x[:, :1] * 2 + 1).astype(np.float32)
    model = nn.Linear(5, 1)
    optimizer = SGD(model.parameters(), lr=0.1)
    history = fit(
        model, TensorDataset(x, target), epochs=60, batch_size=10, loss_function=nn.MSELoss(), optimizer=optimizer,
        metrics={"worst": lambda outputs, targets: abs(outputs - targets).max().item()},
    )  # fmt: skip
    assert history[-1]["train_loss"] < 1e-3 and "train_accuracy" not in history[-1]
    assert history[-1]["train_worst"] < 0.3

    class Batches:  # a loader of somebody else's, with three parts and two inputs
        def __iter__(self):
            for i in range(0, 40, 10):
                part = slice(i, i + 10)
                yield (x[part, :2], x[part, 2:]), y[part], np.full(10, 2, np.float32)

    class Two(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(5, 3)

        def forward(self, left, right):
            return self.layer(tg.cat([left, right], 1))

    model = Two()
    history = fit(
        model, Batches(), epochs=2, optimizer=SGD(model.parameters(), lr=0.1), metrics=["accuracy"],
        loss_function=lambda outputs, labels, weights: (
            nn.functional.cross_entropy(outputs, labels, reduction="none") * tg.from_numpy(weights)
        ).mean(),
    )  # fmt: skip
    assert len(history) == 2 and 0 < history[-1]["train_accuracy"] <= 1


def test_modes_are_as_they_were_after_evaluating_and_predicting():
    model = network(0.5)
    model[2].training = False
    x, y = samples(20)
    evaluate(model, (x, y))
    predict(model, x)
    assert model.training and not model[2].training
    fit(model, (x, y), valid=(x, y), epochs=1)
    assert model.training and model[2].training  # trained, so in training mode


def test_a_loss_that_is_not_finite_ends_the_training_and_says_where():
    x, y = samples(40)
    x[25] = np.inf
    model = network()
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="the loss became nan") as caught:
        fit(model, DataLoader(TensorDataset(x, y), batch_size=10), optimizer=SGD(model.parameters(), lr=0.1))
    assert "epoch 1, batch 3, lr 0.1; 5 numbers of the inputs are nan or infinite" in str(caught.value)
    assert "np.isfinite finds these" in str(caught.value)
    x[25] = 1e38  # finite, but its outputs are not
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="try       a lower lr"):
        fit(model, DataLoader(TensorDataset(x, y), batch_size=10), optimizer=SGD(model.parameters(), lr=0.1))
    wanted = np.full((40, 3), np.nan, np.float32)
    with pytest.raises(TrainingError, match="30 numbers of the targets are nan"):
        fit(network(), (samples(40)[0], wanted), batch_size=10, loss_function=nn.MSELoss())
    with pytest.raises(TrainingError, match="no batch"):
        fit(network(), Nothing())


class Nothing:
    """Yield no batch."""

    def __iter__(self):
        return iter(())


# ---------------------------------------------------------------- early stopping and the best weights


class Script(Callback):
    """Set the weights to the number of the epoch and the watched figure to a script."""

    def __init__(self, figures, then=None):
        self.figures, self.then = figures, then

    def on_epoch_end(self, run):
        epoch = len(run.history)
        run.history[-1]["train_loss"] = self.figures[min(epoch, len(self.figures)) - 1]
        with tg.no_grad():
            for p in run.model.parameters():
                p.fill_(float(epoch))

    def on_batch_end(self, run):
        if self.then is not None and run.epoch == len(self.figures):
            self.then()


def scripted(figures, stopper, then=None, **kwargs):
    """Fit with scripted figures; the model, and the history or what was raised."""
    model = nn.Linear(5, 3)
    optimizer = SGD(model.parameters(), lr=0.0)
    callbacks = [Script(figures, then), stopper]
    try:
        epochs = len(figures) + (then is not None)
        history = fit(model, samples(10), epochs=epochs, callbacks=callbacks, optimizer=optimizer, **kwargs)
    except BaseException as error:
        return model, error
    return model, history


def values(model):
    return {float(x) for p in model.parameters() for x in np.unique(p.detach().numpy())}


def test_early_stopping_waits_and_restores():
    stopper = EarlyStopping(patience=2)
    model, history = scripted([5, 3, 4, 2, 2.5, math.nan, 1, 0], stopper)
    assert len(history) == 6 and history.best_epoch == 4 and values(model) == {4.0}
    assert "train_loss has not got better for 2 epochs" in history.ended


def test_small_gains_are_kept_but_do_not_count_as_progress():
    model, history = scripted([5, 4.9, 4.8, 4.7], EarlyStopping(patience=2, min_delta=0.5))
    assert len(history) == 3 and values(model) == {3.0}
    model, history = scripted([5, 4.7, 4.4, 4.1, 3.8], EarlyStopping(patience=2, min_delta=0.5))
    assert len(history) == 5  # 4.4 is half a unit below 5


def test_the_best_weights_come_back_when_all_epochs_are_done():
    model, history = scripted([3, 1, 2], EarlyStopping(patience=5))
    assert len(history) == 3 and values(model) == {2.0} and history.best_epoch == 2
    model, history = scripted([3, 1, 2], KeepBest("train_loss", mode="max"))
    assert values(model) == {1.0}


def fail():
    raise ZeroDivisionError("planted")


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_twice():
    interrupt()
    interrupt()


@pytest.mark.parametrize(
    ("then", "error"),
    [(fail, ZeroDivisionError), pytest.param(interrupt, KeyboardInterrupt, marks=POSIX),
     pytest.param(interrupt_twice, KeyboardInterrupt, marks=POSIX)],
)  # fmt: skip
def test_the_best_weights_come_back_on_every_exit(then, error):
    stopper = EarlyStopping(patience=9)
    model, raised = scripted([3, 1, 2], stopper, then)
    assert isinstance(raised, error) and values(model) == {2.0} and stopper.best_epoch == 2


@POSIX
def test_ctrl_c_may_return_the_history():
    model, history = scripted([3, 1, 2], EarlyStopping(patience=9), interrupt, on_interrupt="return")
    assert history.ended == "interrupted" and len(history) == 3 and values(model) == {2.0}


@POSIX
def test_ctrl_c_while_the_best_weights_come_back_does_not_keep_them_from_it():
    class Slow(KeepBest):
        def on_end(self, run):
            interrupt()
            interrupt()
            super().on_end(run)

    model, raised = scripted([3, 1, 2], Slow())
    assert isinstance(raised, KeyboardInterrupt) and values(model) == {2.0}


@POSIX
def test_a_first_ctrl_c_lets_the_batch_be_finished():
    seen = []

    class Watch(Callback):
        def on_batch_end(self, run):
            seen.append(run.batch)

    def loss(outputs, targets):
        if len(seen) == 2:
            interrupt()
        return nn.functional.cross_entropy(outputs, targets)

    model = network()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(model, samples(60), batch_size=10, loss_function=loss, callbacks=[Watch()])
    assert seen == [1, 2, 3]
    assert signal.getsignal(signal.SIGINT) is before


@POSIX
def test_a_handler_of_the_program_is_left_alone():
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append(1))
    try:
        model, history = scripted([3, 2], KeepBest(), interrupt)
        assert calls and len(history) == 3
    finally:
        signal.signal(signal.SIGINT, before)


def test_fit_in_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(fit(network(), samples(20), epochs=2)))
    thread.start()
    thread.join()
    assert len(found[0]) == 2


def test_the_best_weights_come_back_though_another_callback_fails_at_the_end():
    class Bad(KeepBest):
        def on_end(self, run):
            raise ZeroDivisionError("planted")

    best = KeepBest()
    model = nn.Linear(5, 3)
    with pytest.raises(ZeroDivisionError):
        optimizer = SGD(model.parameters(), lr=0.0)
        fit(model, samples(10), epochs=3, callbacks=[Script([3, 1, 2]), Bad(), best], optimizer=optimizer)
    assert values(model) == {2.0}


def test_errors_at_the_end_do_not_hide_the_first():
    class Early(Callback):
        def on_start(self, run):
            self.ready = True

        def on_end(self, run):
            raise AttributeError("planted at the end") if not hasattr(self, "ready") else ValueError("second")

    model, raised = scripted([3, 2], Early(), fail)
    assert isinstance(raised, ZeroDivisionError) and "ValueError: second" in raised.__notes__[0]
    with pytest.raises(ArgumentError, match="no column"):  # on_end is for those who have started
        fit(network(), samples(10), callbacks=[KeepBest("nothing"), Early()])


@POSIX
def test_ctrl_c_is_not_lost_to_an_error():
    def both():
        interrupt()
        raise ZeroDivisionError("planted")

    model, raised = scripted([3, 1, 2], KeepBest(), both)
    assert isinstance(raised, KeyboardInterrupt) and isinstance(raised.__cause__, ZeroDivisionError)
    assert values(model) == {2.0}


def test_whether_less_is_better_must_be_clear():
    with pytest.raises(ArgumentError, match="is less better"):
        fit(network(), samples(10), metrics={"err": lambda *_: 1.0}, callbacks=[KeepBest("train_err")])
    fit(network(), samples(10), epochs=1, metrics={"err": lambda *_: 1.0}, callbacks=[KeepBest("train_err", "min")])


def test_weights_that_are_not_finite_end_the_training():
    x, y = samples(20)
    model = network()

    def loss(outputs, targets):  # finite, with a gradient that is not
        return nn.functional.cross_entropy(outputs, targets) + (outputs * 0).abs().sum() ** 0.5

    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="weights are no longer finite after epoch 1"):
        fit(model, (x, y), batch_size=20, loss_function=loss, epochs=3)


def test_models_of_several_outputs():
    class Two(nn.Module):
        def __init__(self):
            self.first, self.second = nn.Linear(5, 3), nn.Linear(5, 2)

        def forward(self, x):
            return self.first(x), {"second": self.second(x)}

    x, y = samples(40)
    model = Two()
    history = fit(
        model, DataLoader([(x[i], (y[i], y[i] % 2)) for i in range(40)], batch_size=38), epochs=1,
        loss_function=lambda out, targets: (
            nn.functional.cross_entropy(out[0], targets[0]) + nn.functional.cross_entropy(out[1]["second"], targets[1])
        ), optimizer=SGD(model.parameters(), lr=0.0),
    )  # fmt: skip
    first, second = model(x)
    parts = nn.functional.cross_entropy(first, tg.from_numpy(y)), nn.functional.cross_entropy(
        second["second"], tg.from_numpy(y % 2)
    )
    assert history[0]["train_loss"] == pytest.approx((parts[0] + parts[1]).item(), rel=1e-5)  # 38 and 2 samples
    plain = nn.Sequential(nn.Linear(5, 3))
    assert predict(plain, x, batch_size=7).shape == (40, 3)

    class Pair(nn.Module):
        def forward(self, left, right):
            return left + right, left

    added, left = predict(Pair(), (x, x), batch_size=7)
    np.testing.assert_array_equal(added, x + x)
    np.testing.assert_array_equal(left, x)


def test_images_of_classes():
    outputs, targets = np.zeros((2, 3, 4, 4)), np.zeros((2, 4, 4), int)
    outputs[:, 1, 0] = 1
    assert accuracy(outputs, targets) == 0.75


def test_float64_data_for_a_compiled_float32_model():
    x, y = samples(20)
    with pytest.warns(UserWarning, match="inputs are float64 and weights float32") as caught:
        compiled = fit(network(), (x.astype(np.float64), y), epochs=2, batch_size=7, compile=True)
    assert len(caught) == 1 and len(compiled) == 2


def test_a_callback_used_again_begins_anew():
    stopper = EarlyStopping(patience=2)
    scripted([3, 0.5, 2, 2], stopper)
    model, history = scripted([3, 2, 1], stopper)
    assert len(history) == 3 and values(model) == {3.0} and stopper.best == 1


def test_weights_that_were_kept_are_copies():
    stopper = KeepBest()
    model, _ = scripted([3, 1, 2], stopper)
    with tg.no_grad():
        for p in model.parameters():
            p.fill_(77.0)
    kept = stopper.kept["parameters"].values()
    assert {float(x) for w in kept for x in np.unique(w.numpy())} == {2.0}


def test_what_cannot_be_watched_is_refused_before_the_training():
    x, y = samples(10)
    with pytest.raises(ArgumentError, match="no column 'valid_accuracy'"):
        fit(network(), (x, y), callbacks=[KeepBest("valid_accuracy")])
    for monitor, hint in (("accuracy", "monitor='valid_accuracy'"), ("val_loss", "monitor='valid_loss'")):
        with pytest.raises(ArgumentError, match=hint):
            fit(network(), (x, y), valid=(x, y), callbacks=[KeepBest(monitor)])
    with pytest.raises(ArgumentError, match="monitor='train_accuracy'"):
        fit(network(), (x, y), callbacks=[KeepBest("accuracy")])
    with pytest.raises(ArgumentError, match=r"valid=\.\.\. \(in an estimator early_stopping=True\)"):
        fit(network(), (x, y), callbacks=[KeepBest("val_loss")])
    with pytest.raises(ArgumentError, match="mode"):
        KeepBest(mode="low")
    with pytest.raises(ArgumentError, match="patience"):
        EarlyStopping(patience=0)
    assert KeepBest("valid_accuracy").better(0.5, 0.4, column="valid_accuracy")


def test_a_callback_may_stop_within_an_epoch():
    class Stop(Callback):
        def on_batch_end(self, run):
            if run.batch == 2:
                run.stop("enough")

    history = fit(network(), samples(60), batch_size=10, callbacks=[Stop()])
    assert history.ended == "enough" and len(history) == 0


# ---------------------------------------------------------------- logs and bars


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_logs(tmp_path, suffix):
    path = tmp_path / "new" / f"log.{suffix}"
    history = fit(network(), samples(30), valid=samples(10), epochs=3, callbacks=[Log(path)])
    text = path.read_text()
    if suffix == "csv":
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(text.splitlines())]
    else:
        rows = [json.loads(line) for line in text.splitlines()]
    assert rows == history.rows


def test_a_log_with_a_figure_that_is_not_a_number_is_json(tmp_path):
    path = tmp_path / "log.jsonl"
    fit(network(), samples(30), epochs=1, metrics={"odd": lambda *_: math.nan}, callbacks=[Log(path)])
    assert json.loads(path.read_text(), parse_constant=pytest.fail)["train_odd"] is None


def test_a_log_that_cannot_be_written_is_told_before_the_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot be written"):
        fit(network(), samples(10), callbacks=[Log(tmp_path / "file" / "log.csv")])
    with pytest.raises(ArgumentError, match="csv or"):
        Log("log.txt")


def test_the_bar_shows_batches_and_figures(capsys):
    pytest.importorskip("tqdm")
    fit(network(), samples(60), valid=samples(10), epochs=2, batch_size=20, progress=True)
    err = capsys.readouterr().err
    assert "epoch 2/2" in err and "3/3" in err and "valid_loss" in err
    fit(network(), samples(20), epochs=1)  # no terminal here
    fit(network(), samples(20), epochs=1, progress=False)
    assert capsys.readouterr().err == ""


def test_a_bar_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(fit(network(), samples(20), epochs=1)) == 1
    with pytest.raises(MissingDependencyError, match="tqdm"):
        fit(network(), samples(20), epochs=1, progress=True)


# ---------------------------------------------------------------- arguments


def same_name(value):
    def constant(outputs, targets):
        return value

    return constant


class Helped(Callback):
    """Has methods and properties of its own whose names begin as ours do."""

    seen = 0

    @property
    def on_gpu(self):
        raise AttributeError("planted")

    def on_improvement(self):
        self.seen += 1

    def on_epoch_end(self, run):
        self.on_improvement()


class Foreign(Callback):
    def on_epoch_begin(self, run):
        """Wait in vain."""


def test_methods_that_nothing_calls_are_told():
    with pytest.warns(UserWarning, match="nothing calls Foreign.on_epoch_begin; there are on_start, .*on_epoch_end"):
        fit(network(), samples(10), epochs=1, callbacks=[Foreign()])
    helped = Helped()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(network(), samples(10), epochs=2, callbacks=collections.deque([helped]))
    assert helped.seen == 2


@pytest.mark.parametrize(
    ("kwargs", "error", "said"),
    [
        ({"epochs": 0}, ArgumentError, "epochs must be a whole number"),
        ({"epochs": 2.0}, ArgumentError, "epochs must be a whole number"),
        ({"batch_size": -1}, ArgumentError, "batch_size must be"),
        ({"l2": -1.0}, ArgumentError, "l2 is out of range"),
        ({"metrics": ["precision"]}, ArgumentError, "'precision' is unknown"),
        ({"metrics": {"loss": accuracy}}, ArgumentError, "cannot be used"),
        ({"schedule_every": "step"}, ArgumentError, "schedule_every is 'step'"),
        ({"on_interrupt": "ignore"}, ArgumentError, "on_interrupt is 'ignore'"),
        ({"resume": True}, ArgumentError, "needs a checkpoint"),
        ({"clip_norm": 0.0}, ArgumentError, "clip_norm must be positive"),
        ({"valid": samples(0)}, ArgumentError, "gives no batch"),
        ({"valid": Nothing()}, TrainingError, "gave no batch"),
        ({"optimizer": "adam"}, DTypeError, "(?s)str 'adam'.*optimizer=tg.optim.Adam"),
        ({"optimizer": SGD}, DTypeError, "the class SGD"),
        ({"schedule": ExponentialLR}, DTypeError, "the class ExponentialLR"),
        ({"loss_function": "mse"}, DTypeError, "(?s)str 'mse'.*MSELoss"),
        ({"loss_function": nn.MSELoss}, DTypeError, "with brackets"),
        ({"callbacks": EarlyStopping()}, DTypeError, "must be a list"),
        ({"callbacks": [EarlyStopping]}, DTypeError, "with brackets"),
        ({"callbacks": [lambda run: None]}, DTypeError, "derived from"),
        ({"callbacks": [Checkpoint("run.npz")]}, DTypeError, r"fit\(checkpoint=\.\.\.\) takes it"),
        ({"callbacks": "best"}, DTypeError, "must be a list"),
        ({"metrics": [same_name(1.0), same_name(2.0)]}, ArgumentError, "two metrics are called 'constant'"),
        ({"metrics": [lambda outputs, targets: 0.0]}, ArgumentError, "functions that have a name"),
        ({"optimizer": SGD([nn.Parameter(np.zeros(3, np.float32))], lr=1.0)}, ArgumentError, "no parameter of this"),
        ({"schedule": ExponentialLR(SGD([nn.Parameter([1.0])], lr=1.0), 0.5)}, ArgumentError, "another optimizer"),
        ({"compile": "fortran"}, ArgumentError, "fortran"),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_arguments_that_do_not_fit(kwargs, error, said):
    with pytest.raises(error, match=said):
        fit(network(), samples(10), **{"epochs": 1, **kwargs})


def test_data_and_models_that_do_not_fit():
    x, y = samples(10)
    with pytest.raises(DTypeError, match="must be a Module"):
        fit(lambda x: x, (x, y))
    with pytest.raises(DTypeError, match="only once"):
        fit(network(), iter([(x, y)]))
    fit(network(), (x.tolist(), y.tolist()), epochs=1, metrics="accuracy")
    with pytest.raises(DTypeError, match="no source of batches"):
        fit(network(), 3)
    with pytest.raises(ArgumentError, match=r"must be \(inputs, targets\)"):
        fit(network(), DataLoader(TensorDataset(x), batch_size=5))
    with pytest.raises(ShapeError, match="accuracy"):
        accuracy(np.zeros((3, 2)), np.zeros(4))
    with pytest.raises(DTypeError, match="(?s)a list of 2 arrays.*a tuple"):
        fit(network(), [x, y])
    with pytest.raises(DTypeError, match="evaluate: the data can be no source"):
        evaluate(network(), {"x": x, "y": y})
    with pytest.raises(ArgumentError, match="(?s)5 samples, batch_size 10, drop_last.*smaller batch_size"):
        fit(network(), DataLoader(TensorDataset(x[:5], y[:5]), batch_size=10, drop_last=True))
    with pytest.raises(DTypeError, match=r"(?s)Forgetful: its forward gave None.*return in Forgetful\.forward"):
        fit(Forgetful(), (x, y))
    optimizer = SGD((model := network()).parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match="looks at epochs"):
        schedule = ReduceLROnPlateau(optimizer)
        fit(model, (x, y), optimizer=optimizer, schedule=schedule, schedule_every="batch")


class Forgetful(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x):
        self.layer(x)


@pytest.mark.parametrize("targets", [np.zeros((10, 1), np.float32), np.zeros(10, np.float32), np.zeros(10, np.int64)])
def test_a_forgotten_loss_function_is_told(targets):
    x, one = samples(10)[0], nn.Linear(5, 1)
    for forgotten in (lambda: fit(one, (x, targets), epochs=1), lambda: evaluate(one, (x, targets))):
        with pytest.raises(ArgumentError, match="(?s)Cross-entropy compares.*MSELoss"):
            forgotten()
    with pytest.raises(ArgumentError, match="MSELoss"):  # several outputs, compared with numbers
        fit(network(), (x, np.zeros(10, np.float32)), epochs=1)
    with pytest.raises(ShapeError, match="a single output is always the largest"):
        accuracy(np.zeros((10, 1)), targets)
    shares = np.full((10, 3), 1 / 3, np.float32)  # probabilities are targets of cross-entropy
    assert fit(network(), (x, shares), epochs=1)[-1]["train_loss"] > 0


def test_metrics_are_named_by_their_functions():
    def confidence(outputs, targets):
        return float(tg.softmax(outputs, 1).numpy().max(1).mean())

    history = fit(network(), samples(10), epochs=1, metrics=["accuracy", confidence])
    assert list(history[0]) == ["epoch", "train_loss", "train_accuracy", "train_confidence", "lr", "seconds"]
    assert "train_confidence" in history and "valid_loss" not in history and history[0] in history
    assert 1 / 3 < history[0]["train_confidence"] < 1
    assert "train_loss" not in History()
    assert "train_confidence" in fit(network(), samples(10), epochs=1, metrics=confidence)[0]


class Sum(nn.Module):
    """A model of two inputs."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(5, 3), nn.Linear(2, 3)

    def forward(self, a, b):
        return self.left(a) + self.right(b)


def test_models_of_several_inputs():
    (a, y), b = samples(40), np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    tg.manual_seed(0)
    model = Sum()
    left, right = (np.array(layer.weight) for layer in (model.left, model.right))
    history = fit(model, ((a, b), y), valid=((a, b), y), epochs=5, batch_size=8)
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert (np.array(model.left.weight) != left).any() and (np.array(model.right.weight) != right).any()
    outputs = predict(model, (a, b), batch_size=7)
    with tg.no_grad():
        np.testing.assert_allclose(outputs, model(tg.tensor(a), tg.tensor(b)).numpy(), rtol=1e-5, atol=1e-6)
    expected = nn.functional.cross_entropy(tg.tensor(outputs), tg.tensor(y)).item()
    assert evaluate(model, ((a, b), y))["loss"] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ShapeError, match=r"inputs of \[40, 39\], targets of \[40\]"):
        fit(model, ((a, b[1:]), y))


def test_a_tuple_of_samples_is_one_input():
    x, y = samples(40)
    xs, ys = zip(*zip(x, y, strict=True), strict=True)  # as one gets them from a list of pairs
    tg.manual_seed(0)
    history = fit(network(), (xs, ys), epochs=1)
    tg.manual_seed(0)
    assert fit(network(), (x, y), epochs=1)[0]["train_loss"] == history[0]["train_loss"]
    numbered = dict(enumerate(zip(x, y, strict=True)))
    assert fit(network(), numbered, epochs=1)[0]["train_loss"] > 0


def test_losses_and_loaders_of_ones_own_are_left_alone():
    class Binary(nn.CrossEntropyLoss):
        def forward(self, input, target):
            return super().forward(tg.cat([input, -input], 1), target)

    class Own(DataLoader):
        def __iter__(self):
            yield tg.tensor(samples(10)[0]), tg.tensor(samples(10)[1] % 2)

    history = fit(nn.Linear(5, 1), Own([], batch_size=10), epochs=1, loss_function=Binary(), metrics=[])
    assert 0 < history[0]["train_loss"] < 5


def test_a_batch_with_parts_of_parts_is_searched_for_nan():
    class Nested(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 3)

        def forward(self, a, rest):
            return self.layer(a) + rest[0].sum() + rest[1].sum()

    x, y = (tg.tensor(part) for part in samples(4))
    batches = [((x, (tg.full((2,), math.nan), tg.ones(3))), y)]
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="2 numbers of the inputs are nan"):
        fit(Nested(), DataLoader(batches, batch_size=1, collate_fn=lambda pairs: pairs[0]), epochs=1)


def test_predict_refuses_what_is_no_batch_of_inputs():
    x, y = samples(600)
    model = network()
    for wrong in (DataLoader(TensorDataset(x, y)), TensorDataset(x, y), "x"):
        with pytest.raises(DTypeError, match="the inputs must be an array"):
            predict(model, wrong)
    with pytest.raises(ShapeError, match=r"(?s)inputs \(5,\), outputs \(3,\).*x\[None\]"):
        predict(model, x[0])
    with pytest.raises(ShapeError, match="(?s)784 features"):  # of what was given, not of a piece of it
        predict(model, np.zeros(784, np.float32))
    assert predict(model, x.tolist()).shape == (600, 3) and predict(model, x[:0]).shape == (0, 3)
    scale = nn.Sequential(nn.ReLU())  # a sample may be a single number
    np.testing.assert_array_equal(predict(scale, np.arange(-700.0, 700.0)), np.maximum(np.arange(-700.0, 700.0), 0))
    np.testing.assert_array_equal(predict(scale, range(-3, 3)), [0, 0, 0, 0, 1, 2])
    double = nn.Linear(5, 3, dtype=np.float64)
    exact = np.random.default_rng(0).normal(size=(7, 5))
    np.testing.assert_array_equal(predict(double, exact.tolist()), predict(double, exact))  # not by way of float32

    class Pooled(nn.Module):  # two outputs per sample, and one per batch
        sizes = []

        def forward(self, x):
            self.sizes.append(len(x))
            return tg.cat([x, x], 0), x.sum().reshape(1)

    pairs, totals = predict(Pooled(), x, batch_size=250)
    assert pairs.shape == (1200, 5) and totals.shape == (3,) and Pooled.sizes == [250, 250, 100]


# ---------------------------------------------------------------- clipping


def gradients(model, seed=0, scale=30.0):
    x, y = samples(20, seed=seed)
    (nn.functional.cross_entropy(model(x), y) * scale).backward()
    return [p.grad.numpy().copy() for p in model.parameters()]


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_the_norm_of_all_gradients_is_clipped_as_in_pytorch(norm_type, max_norm):
    torch = pytest.importorskip("torch")
    model = network()
    before = gradients(model)
    theirs = [torch.nn.Parameter(torch.zeros(g.shape)) for g in before]
    for p, g in zip(theirs, before, strict=True):
        p.grad = torch.from_numpy(g.copy())
    wanted = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm, norm_type)
    assert norm.item() == pytest.approx(wanted.item(), rel=1e-5)
    for p, q in zip(model.parameters(), theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-4, atol=1e-7)


def test_hand_computed_clipping():
    p, q = nn.Parameter([0.0, 0.0]), nn.Parameter([0.0])
    p.grad, q.grad = tg.tensor([3.0, 0.0]), tg.tensor([4.0])
    assert nn.utils.clip_grad_norm_([p, q], 1.0).item() == 5
    np.testing.assert_allclose([*p.grad.tolist(), *q.grad.tolist()], [0.6, 0, 0.8], rtol=1e-5)
    nn.utils.clip_grad_value_([p, q], 0.7)
    np.testing.assert_allclose([*p.grad.tolist(), *q.grad.tolist()], [0.6, 0, 0.7], rtol=1e-5)
    p.grad = None
    assert nn.utils.clip_grad_norm_(p, 1.0).item() == 0
    q.grad = tg.tensor([np.nan])
    with pytest.raises(GradientError, match="not finite"):
        nn.utils.clip_grad_norm_([q], 1.0, error_if_nonfinite=True)
    with pytest.raises(ArgumentError, match="norm_type"):
        nn.utils.clip_grad_norm_([q], 1.0, norm_type=-1.0)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_compiled_step_clips_as_well(backend):
    if backend == "numba":
        pytest.importorskip("numba")
    found = []
    for compile in (False, backend):
        model = network()
        tg.manual_seed(0)
        fit(
            model, samples(40), epochs=3, batch_size=10, clip_norm=0.05, compile=compile,
            optimizer=SGD(model.parameters(), lr=0.5),
        )  # fmt: skip
        found.append(weights_of(model))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    drift = math.sqrt(sum(float(np.square(a - b).sum()) for a, b in zip(found[0], weights_of(network()), strict=True)))
    assert 0 < drift <= 12 * 0.5 * 0.05 * 1.001  # no step was longer than lr · clip_norm


# ---------------------------------------------------------------- the schedule that looks at a figure


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_plateau_schedule_is_pytorchs(mode):
    torch = pytest.importorskip("torch")
    ours = SGD([nn.Parameter([1.0])], lr=1.0)
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    settings = {"mode": mode, "factor": 0.5, "patience": 2, "threshold": 0.01, "min_lr": 0.1}
    mine, its = ReduceLROnPlateau(ours, **settings), torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **settings)
    draw = np.random.default_rng(0)
    for i in range(60):
        figure = float(1 / (1 + i // 5) + draw.normal() * 0.05)
        mine.step(figure)
        its.step(figure)
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"])
        if i == 30:
            state = mine.state_dict()
            mine = ReduceLROnPlateau(ours, **settings)
            mine.load_state_dict(json.loads(json.dumps(state)))
    assert ours.param_groups[0]["lr"] == pytest.approx(0.1)


def test_the_plateau_schedule_in_fit_and_its_mistakes():
    x, y = samples(20)
    model = network()
    optimizer = SGD(model.parameters(), lr=1e-9)  # nothing gets better
    schedule = ReduceLROnPlateau(optimizer, patience=0, eps=0.0)
    fit(model, (x, y), valid=(x, y), epochs=4, optimizer=optimizer, schedule=schedule)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-12)
    with pytest.raises(ArgumentError, match="missing"):
        schedule.step()
    with pytest.raises(ArgumentError, match="mode"):
        ReduceLROnPlateau(optimizer, mode="up")
    with pytest.raises(ArgumentError, match="factor"):
        ReduceLROnPlateau(optimizer, factor=1.0)

    @tg.compile
    def step():
        schedule.step(1.0)

    with pytest.raises(CaptureError, match="outside the compiled step"):
        step()
