"""The paths behind gradients of layers of every kind: recurrent, normalized, attending, deep, and with too many."""

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, viz
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.viz.paths import search as explain_paths


def recurrent(kind):
    layer = kind(4, 5, batch_first=True)
    return layer, layer(tg.randn(3, 6, 4))[0].square().mean()


def normalized():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    )
    return model, F.cross_entropy(model(tg.randn(4, 1, 6, 6)), tg.tensor([0, 2, 1, 1]))


def attending():
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.2, batch_first=True)
    return layer, (layer(tg.randn(2, 4, 8)) * tg.randn(2, 4, 8)).sum()


@pytest.mark.parametrize("make", [
    lambda: recurrent(nn.RNN), lambda: recurrent(nn.LSTM), lambda: recurrent(nn.GRU), normalized, attending,
], ids=["rnn", "lstm", "gru", "batch norm", "attention"])  # fmt: skip
def test_every_parameter_of_a_layer_can_be_explained(make):
    tg.manual_seed(0)
    layer, loss = make()
    for name, p in layer.named_parameters():
        found = viz.explain(loss, (p, tuple(min(1, n - 1) for n in p.shape)))
        assert found.complete and found.agrees and found.numeric is not None and found.name.startswith(name), str(found)
        assert found.count > 0 or found.exact == 0


def test_too_many_derivatives_are_not_held(monkeypatch):
    tg.manual_seed(0)
    model, loss = normalized()
    entry = model[0].weight[1, 0, 1, 1]
    whole = viz.explain(loss, entry)
    monkeypatch.setattr(explain_paths, "MOST", 200)  # of 64 · 64 that a channel's normalization has
    some = viz.explain(loss, entry)
    assert whole.complete and not some.complete and some.agrees and 0 < some.count < whole.count
    assert all(layer.edges is None or len(layer.edges.factor) <= 200 for layer in some.cone.layers.values())


def test_a_deep_chain_needs_no_recursion():
    w = tg.tensor([0.5, 2.0], requires_grad=True)
    x = w
    for _ in range(3000):
        x = x * 1.0001
    found = viz.explain(x.sum(), w[1])
    assert found.count == 1 and len(found.paths[0].steps) == 3001 and found.agrees
    assert found.exact == pytest.approx(1.0001**3000, rel=1e-3)
