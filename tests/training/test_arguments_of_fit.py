"""What `fit`, `evaluate` and `predict` take and refuse: data, models, losses, metrics."""

import collections
import math
import warnings

import numpy as np
import pytest
from training_data import Nothing, module, network, samples

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, ShapeError, TrainingError
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.optim import SGD
from tinygrad_mnist.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau
from tinygrad_mnist.training import Callback, Checkpoint, EarlyStopping, History, accuracy, evaluate, fit, predict


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


@pytest.mark.parametrize(("kwargs", "error", "said"), [
    ({"epochs": 0}, ArgumentError, "epochs must be a whole number"),
    ({"epochs": 2.0}, ArgumentError, "epochs must be a whole number"),
    ({"batch_size": -1}, ArgumentError, "batch_size must be"), ({"l2": -1.0}, ArgumentError, "l2 is out of range"),
    ({"metrics": ["precision"]}, ArgumentError, "'precision' is unknown"),
    ({"metrics": {"loss": accuracy}}, ArgumentError, "cannot be used"),
    ({"schedule_every": "step"}, ArgumentError, "schedule_every is 'step'"),
    ({"on_interrupt": "ignore"}, ArgumentError, "on_interrupt is 'ignore'"),
    ({"resume": True}, ArgumentError, "needs a checkpoint"),
    ({"clip_norm": 0.0}, ArgumentError, "clip_norm must be positive"),
    ({"valid": samples(0)}, ArgumentError, "gives no batch"), ({"valid": Nothing()}, TrainingError, "gave no batch"),
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
], ids=lambda x: "-".join(x) if isinstance(x, dict) else "")  # fmt: skip
def test_arguments_that_do_not_fit(kwargs, error, said):
    with pytest.raises(error, match=said):
        fit(network(), samples(10), **{"epochs": 1, **kwargs})


def test_data_and_models_that_do_not_fit():
    x, y = samples(10)
    fit(network(), (x.tolist(), y.tolist()), epochs=1, metrics="accuracy")
    for model, data, error, said in (
        (lambda x: x, (x, y), DTypeError, "must be a Module"), (network(), iter([(x, y)]), DTypeError, "only once"),
        (network(), 3, DTypeError, "no source of batches"),
        (network(), [x, y], DTypeError, "(?s)a list of 2 arrays.*a tuple"),
        (network(), DataLoader(TensorDataset(x), batch_size=5), ArgumentError, r"must be \(inputs, targets\)"),
        (network(), DataLoader(TensorDataset(x[:5], y[:5]), batch_size=10, drop_last=True), ArgumentError,
         "(?s)5 samples, batch_size 10, drop_last.*smaller batch_size"),
        (Forgetful(), (x, y), DTypeError, r"(?s)Forgetful: its forward gave None.*return in Forgetful\.forward"),
    ):  # fmt: skip
        with pytest.raises(error, match=said):
            fit(model, data)
    with pytest.raises(ShapeError, match="accuracy"):
        accuracy(np.zeros((3, 2)), np.zeros(4))
    with pytest.raises(DTypeError, match="evaluate: the data can be no source"):
        evaluate(network(), {"x": x, "y": y})
    optimizer = SGD((model := network()).parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match="looks at epochs"):
        schedule = ReduceLROnPlateau(optimizer)
        fit(model, (x, y), optimizer=optimizer, schedule=schedule, schedule_every="batch")


class Forgetful(nn.Module):
    def __init__(self):
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


def test_models_of_several_inputs():
    (a, y), b = samples(40), np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    tg.manual_seed(0)
    parts = {"left": nn.Linear(5, 3), "right": nn.Linear(2, 3)}
    model = module(lambda self, a, b: self.left(a) + self.right(b), **parts)
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
    model = module(lambda self, a, rest: self.layer(a) + rest[0].sum() + rest[1].sum(), layer=nn.Linear(5, 3))
    x, y = (tg.tensor(part) for part in samples(4))
    batches = [((x, (tg.full((2,), math.nan), tg.ones(3))), y)]
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="2 numbers of the inputs are nan"):
        fit(model, DataLoader(batches, batch_size=1, collate_fn=lambda pairs: pairs[0]), epochs=1)


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
