"""`lr_find`: a rate that trains, everything as it was afterwards, a picture, and what is refused."""

import numpy as np
import pytest
from ailing import CLASSES, FEATURES, adam, clusters, mlp, sgd

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, TrainingError
from tinygrad_mnist.training import RateSearch, evaluate, fit, lr_find
from tinygrad_mnist.training.rates import smooth, suggested


@pytest.mark.parametrize("make", [adam, sgd, lambda m: tg.optim.SGD(m.parameters(), 0.1, momentum=0.9)])
def test_the_rate_trains_much_better_than_a_hundredth_and_a_thousand_times_of_it(make):
    losses = {}
    for factor in (1, 0.01, 1000):
        model = mlp(32)
        optimizer = make(model)
        found = lr_find(model, clusters(), optimizer=optimizer)
        optimizer.param_groups[0]["lr"] = factor * found.rate
        try:
            with np.errstate(all="ignore"):
                fit(model, clusters(), epochs=1, optimizer=optimizer, progress=False)
            losses[factor] = evaluate(model, clusters(400, seed=5))["loss"]
        except TrainingError:
            losses[factor] = np.inf
    assert losses[1] < 0.5 * min(losses[0.01], losses[1000])


def test_everything_is_as_it_was():
    tg.manual_seed(3)
    model = nn.Sequential(nn.Linear(FEATURES, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, CLASSES)).eval()
    optimizer = adam(model, 0.02)
    x, y = map(tg.from_numpy, clusters(32))
    nn.CrossEntropyLoss()(model(x), y).backward()
    optimizer.step()
    state = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    moments = [{k: np.copy(v) for k, v in s.items()} for s in optimizer.state.values()]
    gradients, draws = [p.grad for p in model.parameters()], tg.get_default_dtype()
    tg.manual_seed(8)
    lr_find(model, clusters(), optimizer=optimizer, steps=30)
    after = tg.rand(3).tolist()
    tg.manual_seed(8)
    assert after == tg.rand(3).tolist() and draws
    assert all(np.array_equal(v, model.state_dict()[k].numpy()) for k, v in state.items())
    now = [{k: np.copy(v) for k, v in s.items()} for s in optimizer.state.values()]
    assert all(np.array_equal(a[k], b[k]) for a, b in zip(moments, now, strict=True) for k in a)
    assert optimizer.param_groups[0]["lr"] == 0.02 and not any(m.training for m in model.modules())
    assert all(a is p.grad for a, p in zip(gradients, model.parameters(), strict=True))


def test_a_number_and_a_figure(tmp_path):
    pytest.importorskip("matplotlib")
    found = lr_find(mlp(16), clusters(400))
    rate, figure = found
    assert isinstance(found, RateSearch) and rate == found.rate == float(found) and found.figure is figure
    axes = figure.axes[0]
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "learning rate"
    assert axes.lines[1].get_ydata() == pytest.approx(found.smoothed) and axes.lines[2].get_xdata()[0] == rate
    figure.savefig(tmp_path / "rates.png")
    assert f"{rate:.2g}" in repr(found) and rate in found.rates


def test_the_rate_is_where_the_smoothed_loss_falls_fastest():
    rates = np.geomspace(1e-4, 1, 60)
    losses = 3 - 2 / (1 + np.exp(-3 * (np.log(rates) - np.log(1e-2))))  # falls fastest at 1e-2
    found = suggested(rates, losses)
    assert 1e-2 < found.rate < 6e-2  # smoothing lags behind
    expected, mean = [], 0.0
    for i, value in enumerate(losses):
        mean = 0.9 * mean + 0.1 * value
        expected.append(mean / (1 - 0.9 ** (i + 1)))
    assert smooth(losses) == pytest.approx(expected) and found.smoothed == pytest.approx(expected)


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda: lr_find("model", clusters(64)), DTypeError, "must be a Module"),
    (lambda: lr_find(mlp(8), clusters(64), low=0), ArgumentError, "low must be positive|low must be a positive"),
    (lambda: lr_find(mlp(8), clusters(64), low=1.0, high=0.1), ArgumentError, "no range"),
    (lambda: lr_find(mlp(8), clusters(64), steps=3), ArgumentError, "no range"),
    (lambda: lr_find(mlp(8), clusters(64), optimizer=0.1), DTypeError, "must be an Optimizer"),
    (lambda: lr_find(mlp(8), (clusters(64)[0] * np.nan, clusters(64)[1])), TrainingError, "explodes at once"),
    (lambda: suggested(np.geomspace(1e-3, 1, 20), np.linspace(1, 2, 20)), TrainingError, "no rate makes the loss fall"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
