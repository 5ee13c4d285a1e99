"""`tg.training.fit`: the loop, early stopping, Ctrl-C, logs; clipping and the schedule that looks at a figure.

A killed run that is resumed: test_checkpoints.py.
"""

import csv
import dataclasses
import inspect
import json
import math

import numpy as np
import pytest
from training_data import Nothing, calling, module, network, samples, weights_of

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, TrainingError
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.optim import SGD, Adam
from tinygrad_mnist.optim.lr_scheduler import ExponentialLR, OneCycleLR
from tinygrad_mnist.training import Log, accuracy, evaluate, fit, predict
from tinygrad_mnist.training.settings import Settings


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


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

    model = module(lambda self, left, right: self.layer(tg.cat([left, right], 1)), layer=nn.Linear(5, 3))
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


def test_settings_are_frozen_and_what_a_run_makes_of_them_is_not():
    seen = []

    def shorter(run):
        seen.append({f.name: getattr(run, f.name) for f in dataclasses.fields(Settings)})
        run.epochs = 2

    model = nn.Linear(5, 3)
    history = fit(model, samples(), epochs=5, l2=0.5, callbacks=[calling(on_epoch_end=shorter)])
    assert len(history) == 2 and [s["epochs"] for s in seen] == [5, 2]
    assert seen[0]["model"] is model and seen[0]["l2"] == 0.5 and seen[0]["schedule_every"] == "epoch"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings(**seen[0]).epochs = 3


@pytest.mark.parametrize("name", ["callbacks", "checkpoint", "settings", "step"])
def test_what_a_run_stands_on_does_not_import_it(name):
    assert "import Run" not in inspect.getsource(getattr(tg.training, name))  # not even for types
