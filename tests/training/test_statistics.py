"""What Statistics keeps: the numbers of the layers as they were, and nothing that changes the training."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, DTypeError
from tinygrad_mnist.core.scope import state
from tinygrad_mnist.training import Callback, Statistics, fit
from tinygrad_mnist.training.statistics import some

ALL = 10**6  # of the numbers


def mlp():
    tg.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


class Batches:
    """The same batches in each epoch."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def batches(count, size=10):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(count, size, 3, 4)).astype(np.float32)
    return Batches([(tg.from_numpy(a), tg.from_numpy(np.argmax(a[:, 0, :3], 1))) for a in x])


def one(model, optimizer, x, y):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def test_the_numbers_are_those_of_the_layers():
    model, statistics = mlp(), Statistics(every=2, samples=ALL)
    optimizer = tg.optim.Adam(model.parameters(), lr=0.05)
    wanted = []
    for x, y in batches(5):
        before = [np.array(p) for p in model.parameters()]
        w1, b1, w2, b2 = before
        hidden = x.numpy().reshape(10, 12) @ w1.T + b1
        with statistics.step(model):
            one(model, optimizer, x, y)
        after = [np.array(p) for p in model.parameters()]
        gradients = [p.grad.numpy().copy() for p in model.parameters()]
        wanted.append((before, after, gradients, hidden, np.maximum(hidden, 0) @ w2.T + b2))
    assert statistics.steps == [1, 3, 5] and statistics.count == 5
    assert list(statistics.activations) == ["1 Linear", "2 ReLU", "3 Linear"], "Flatten gives a mere view"
    assert list(statistics.gradients) == list(statistics.updates) == ["1 Linear", "3 Linear"]
    for i, (before, after, gradients, hidden, out) in enumerate(wanted[::2]):
        for name, x in (("1 Linear", hidden), ("2 ReLU", np.maximum(hidden, 0)), ("3 Linear", out)):
            assert statistics.activations[name][i] == pytest.approx(x.ravel(), abs=1e-5)
        for name, w in (("1 Linear", 0), ("3 Linear", 2)):
            change, old = after[w].astype(float) - before[w], before[w].astype(float)
            assert (statistics.gradients[name][i] == gradients[w].ravel()).all()
            ratio = np.linalg.norm(change) / np.linalg.norm(old)
            assert statistics.ratios[name][i] == pytest.approx(ratio, rel=1e-6)
            kept = statistics.updates[name][i]
            assert kept == pytest.approx((change / np.sqrt(np.mean(old**2))).ravel(), rel=1e-5)
            assert np.sqrt(np.mean(kept.astype(float) ** 2)) == pytest.approx(ratio, rel=1e-5)


@pytest.mark.parametrize("compile", [False, True])
def test_a_training_is_the_same_with_and_without(compile):
    ends = []
    for callbacks in ([], [Statistics(every=3)], [Statistics(every=1), Statistics(every=2)]):
        model, data = mlp(), batches(12)
        fit(model, data, epochs=2, callbacks=callbacks, compile=compile, progress=False)
        ends.append([p.tolist() for p in model.parameters()])
        assert [s.steps[-1] for s in callbacks] == [[], [22], [24, 23]][len(callbacks)]
        for s in callbacks:
            assert all(len(v) == len(s.steps) for t in (s.activations, s.gradients, s.updates, s.ratios)
                       for v in t.values())  # fmt: skip
            assert len(s.activations) == 3 and all(x.size for v in s.activations.values() for x in v)
    assert ends[0] == ends[1] == ends[2]


def test_only_the_steps_that_are_looked_at_are_watched():
    seen = []

    class Look(Callback):
        def on_batch_end(self, run):
            seen.append(state.around is None and not state.plainly)

    class Early(Callback):
        def on_batch_start(self, run):
            seen.append(state.plainly)

    fit(mlp(), batches(5), epochs=1, callbacks=[Statistics(every=2), Early(), Look()], progress=False)
    assert seen == [True, True, False, True] * 2 + [True, True]


def test_several_watch_and_end_in_any_order():
    first, second, model = Statistics(every=1), Statistics(every=1), mlp()
    x = tg.rand(2, 3, 4)
    first.begin(model)
    second.begin(model)
    model(x)
    first.finish()
    first.stop()
    model(x)
    second.finish()
    second.stop()
    assert state.around is None and not state.plainly
    assert first.activations["1 Linear"][0].size == 16 and second.activations["1 Linear"][0].size == 32


def test_long_trainings_are_thinned_out():
    statistics, model = Statistics(every=2, samples=5, keep=4), mlp()
    for _ in range(41):
        with statistics.step(model):
            model(tg.rand(2, 3, 4))
    assert statistics.period == 16 and statistics.steps == [1, 17, 33]
    assert all(len(v) == 3 for v in statistics.activations.values()) and len(statistics.ratios["1 Linear"]) == 3
    assert statistics.ratios["1 Linear"] == [0, 0, 0] and statistics.gradients == {}


def test_a_step_that_fails_leaves_nothing():
    statistics, model = Statistics(every=1), mlp()
    with pytest.raises(ZeroDivisionError), statistics.step(model):
        model(tg.rand(2, 3, 4))
        1 / 0  # noqa: B018
    assert statistics.steps == [] and state.around is None and not state.plainly

    class Fails(Callback):
        def on_batch_end(self, run):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(model, batches(2), epochs=1, callbacks=[Fails(), statistics], progress=False)
    assert statistics.steps == [] and state.around is None and not state.plainly


class Odd(nn.Module):
    """Layers of several outputs, called twice, frozen, not called, with weights of its own, and none of them floats."""

    def __init__(self):
        self.words, self.recurrent, self.norm = nn.Embedding(7, 4), nn.LSTM(4, 4, batch_first=True), nn.LayerNorm(4)
        self.twice, self.frozen, self.idle = nn.Linear(4, 4), nn.Linear(4, 3), nn.Linear(2, 2)
        self.frozen.requires_grad_(False)
        self.own = nn.Parameter(tg.zeros(4))

    def forward(self, ids):
        x = self.norm(self.recurrent(self.words(ids))[0]) + self.own
        return self.frozen(self.twice(self.twice(x).tanh())[:, -1])


def test_layers_of_all_kinds():
    tg.manual_seed(0)
    model, statistics = Odd(), Statistics(every=1, samples=ALL)
    data = Batches([(tg.arange(10).reshape(2, 5) % 7, tg.tensor([0, 2]))] * 3)
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    fit(model, data, epochs=1, callbacks=[statistics], optimizer=optimizer, progress=False)
    sizes = {name: [x.size for x in v] for name, v in statistics.activations.items()}
    assert sizes == {
        "words Embedding": [40] * 3, "recurrent LSTM": [40] * 3, "norm LayerNorm": [40] * 3,
        "twice Linear": [80] * 3, "frozen Linear": [6] * 3, "Odd": [6] * 3,
    }  # fmt: skip
    assert "frozen Linear" not in statistics.gradients and "idle Linear" not in statistics.gradients
    assert "frozen Linear" not in statistics.ratios and statistics.ratios["idle Linear"] == [0, 0, 0]
    assert statistics.gradients["norm LayerNorm"][0].size == 8, "both, since neither has two dimensions"
    assert np.isnan(statistics.ratios["Odd"][0]) and statistics.updates["Odd"][0].size == 0, "from zeros"
    assert statistics.ratios["Odd"][1] > 0


def test_a_resumed_run_has_the_same(tmp_path):
    class Killed(Exception):
        pass

    class Kill(Callback):
        left = 7

        def on_batch_end(self, run):
            self.left -= 1
            if self.left == 0:
                raise Killed

    def run(path, kill):
        statistics = Statistics(every=2, samples=20, keep=6)
        callbacks = [statistics, Kill()]
        callbacks[1].left = kill
        fit(mlp(), batches(5), epochs=4, callbacks=callbacks, checkpoint=path, resume=True, progress=False)
        return statistics

    whole = run(tmp_path / "whole.npz", -1)
    with pytest.raises(Killed):
        run(tmp_path / "killed.npz", 7)
    again = run(tmp_path / "killed.npz", -1)
    assert whole.steps == again.steps and whole.period == again.period == 4
    for kind in ("activations", "gradients", "updates"):
        a, b = getattr(whole, kind), getattr(again, kind)
        assert {k: [x.tolist() for x in v] for k, v in a.items()} == {k: [x.tolist() for x in v] for k, v in b.items()}
    assert whole.ratios == again.ratios


def test_another_training_begins_anew():
    statistics = Statistics(every=1)
    for _ in range(2):
        fit(mlp(), batches(3), epochs=1, callbacks=[statistics], progress=False)
    assert statistics.steps == [1, 2, 3] and repr(statistics) == "Statistics(3 steps of 3, 3 layers)"


def test_some_elements_come_from_everywhere():
    array = np.arange(64 * 500).reshape(64, 500)
    for view in (array, array.T, array[::-1, ::2]):
        taken = some(view, 512)
        assert taken.dtype == np.float32 and taken.size == 512 and set(taken) <= set(view.ravel().astype(np.float32))
        assert len(set(taken // 500)) == 64 and len(set(taken % 500)) > 150  # every row, and columns all over
        assert taken.mean() == pytest.approx(view.mean(), rel=0.05)
    assert some(array[:2, :3], 6).tolist() == array[:2, :3].ravel().tolist()


def test_arguments_that_make_no_sense_are_refused():
    for wrong in ({"every": 0}, {"samples": 0}, {"keep": 1.5}, {"keep": 1}):
        with pytest.raises(ArgumentError, match="Statistics"):
            Statistics(**wrong)
    with pytest.raises(DTypeError, match="Statistics.step: expected the model"), Statistics().step([]):
        pass
