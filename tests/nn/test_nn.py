"""Layers, losses and initial values against formulas written out in NumPy, by hand where a shared mistake could hide.

test_nn_torch.py compares the same with PyTorch; kernels and derivatives have tests of their own.
"""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_mnist.nn import init

RNG = np.random.default_rng(0)


def normal(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def log_softmax(x, axis=1):
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


# ---------------------------------------------------------------- layers


def test_linear():
    layer = nn.Linear(4, 3)
    w, b = layer.weight.array, layer.bias.array
    assert w.shape == (3, 4) and b.shape == (3,) and w.dtype == np.float32
    for shape in ((4,), (2, 4), (5, 2, 4), (0, 4)):
        x = normal(*shape, dtype=np.float32)
        np.testing.assert_allclose(layer(x).array, x @ w.T + b, rtol=1e-5, atol=1e-6)
    plain = nn.Linear(4, 3, bias=False)
    assert plain.bias is None and len(list(plain.parameters())) == 1
    np.testing.assert_allclose(plain(x).array, x @ plain.weight.array.T, rtol=1e-5)
    assert nn.Linear(4, 3, dtype=np.float64).weight.dtype == np.float64


@pytest.mark.parametrize("settings", [
    {}, {"stride": 2}, {"padding": 1}, {"padding": (2, 0), "stride": (1, 2)}, {"dilation": 2}, {"groups": 2},
    {"bias": False}, {"padding": "same"}, {"padding": "valid"}, {"padding": "same", "dilation": 2},
    {"groups": 4, "padding": 1, "stride": 3},
])  # fmt: skip
def test_conv2d(settings):
    """The layer is the function, whose arithmetic the Cases compare with loops."""
    layer, x = nn.Conv2d(4, 8, (3, 2), dtype=np.float64, **settings), normal(2, 4, 7, 8)
    assert layer.weight.shape == (8, 4 // settings.get("groups", 1), 3, 2)
    assert layer.bias is None if settings.get("bias") is False else layer.bias.shape == (8,)
    options = {k: v for k, v in settings.items() if k != "bias"}
    np.testing.assert_array_equal(layer(x).array, F.conv2d(x, layer.weight, layer.bias, **options).array)
    assert options.get("padding") != "same" or layer(x).shape == (2, 8, 7, 8)


def test_same_padding_wants_stride_one():
    with pytest.raises(ArgumentError, match="padding='same' needs stride 1"):
        nn.Conv2d(1, 1, 3, stride=2, padding="same")(tg.zeros(1, 1, 5, 5))
    with pytest.raises(ArgumentError):
        nn.Conv2d(1, 1, 3, padding="full")(tg.zeros(1, 1, 5, 5))


def test_max_pool2d():
    x = np.arange(2 * 3 * 6 * 7.0).reshape(2, 3, 6, 7)
    RNG.shuffle(x.reshape(-1))
    got = nn.MaxPool2d(2)(x)
    want = x[:, :, :, :6].reshape(2, 3, 3, 2, 3, 2).max((3, 5))
    np.testing.assert_array_equal(got.array, want)
    assert nn.MaxPool2d(3, 2, 1)(x).shape == (2, 3, 3, 4) and nn.MaxPool2d((1, 7), stride=1)(x).shape == (2, 3, 6, 1)
    np.testing.assert_array_equal(nn.MaxPool2d(6, 1)(x).array[:, :, 0, 0], x[:, :, :, :6].max((2, 3)))
    assert nn.MaxPool is nn.MaxPool2d and nn.Conv2D is nn.Conv2d


def test_flatten():
    x = tg.zeros(2, 3, 4, 5)
    assert nn.Flatten()(x).shape == (2, 60) and nn.Flatten(0)(x).shape == (120,)
    assert nn.Flatten(1, 2)(x).shape == (2, 12, 5)
    assert nn.Flatten(-2)(x).shape == (2, 3, 20) and nn.Flatten()(tg.zeros(0, 3, 2)).shape == (0, 6)


@pytest.mark.parametrize(("layer", "function"), [
    (nn.ReLU(), F.relu), (nn.Tanh(), tg.tanh), (nn.Sigmoid(), tg.sigmoid), (nn.Softmax(1), lambda x: F.softmax(x, 1)),
    (nn.Softmax(dim=0), lambda x: F.softmax(x, 0)), (nn.Softmax(-1), lambda x: F.softmax(x, -1)),
    (nn.LogSoftmax(1), lambda x: F.log_softmax(x, 1)),
], ids=str)  # fmt: skip
def test_activations_are_their_functions(layer, function):
    x = normal(3, 4) * 3
    np.testing.assert_array_equal(layer(x).array, function(tg.tensor(x)).array)


def test_activations_at_extremes():
    x = np.array([-1000.0, 0.0, 1000.0, -np.inf, np.inf])
    assert nn.Sigmoid()(x).tolist() == [0, 0.5, 1, 0, 1] and nn.Tanh()(x).tolist() == [-1, 0, 1, -1, 1]
    assert nn.Softmax(0)(x[:3]).tolist() == [0, 0, 1] and nn.LogSoftmax(0)(x[:3]).tolist() == [-2000, -1000, 0]
    t = tg.tensor(np.array([0.0, -1.0, 2.0]), requires_grad=True)
    t.relu().sum().backward()
    assert t.grad.tolist() == [0, 0, 1]
    assert F.cross_entropy(np.array([[1000.0, 0.0]]), [1]).item() == 1000


# ---------------------------------------------------------------- dropout


def test_dropout_statistics():
    x = np.ones((200, 500), np.float32)
    for p in (0.1, 0.5, 0.8):
        y = nn.Dropout(p, generator=tg.Generator(1))(x).array
        kept = y != 0
        assert abs(kept.mean() - (1 - p)) < 0.01 and np.allclose(y[kept], 1 / (1 - p)) and abs(y.mean() - 1) < 0.02
        assert y.dtype == np.float32
        assert abs(np.corrcoef(kept[0], kept[1])[0, 1]) < 0.2


def test_dropout_in_evaluation_and_at_its_limits():
    x = tg.randn(4, 5)
    assert nn.Dropout(0.5).eval()(x) is x and nn.Dropout(0.0)(x).tolist() == x.tolist()
    assert not nn.Dropout(1.0)(x).array.any() and F.dropout(x, 0.5, training=False) is x
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ArgumentError, match="Dropout: p must lie between 0 and 1"):
            nn.Dropout(p)
        with pytest.raises(ArgumentError, match="dropout: p must lie between 0 and 1"):
            F.dropout(x, p)


def test_dropout_draws_a_fresh_mask_from_its_generator():
    x = tg.ones(100)
    layer = nn.Dropout(0.5, generator=tg.Generator(3))
    first, second = layer(x).tolist(), layer(x).tolist()
    assert first != second and nn.Dropout(0.5, generator=tg.Generator(3))(x).tolist() == first
    tg.manual_seed(7)
    a = nn.Dropout()(x).tolist()
    tg.manual_seed(7)
    assert nn.Dropout()(x).tolist() == a != nn.Dropout()(x).tolist()
    first, second = (F.dropout(x, generator=np.random.default_rng(3)).tolist() for _ in range(2))
    assert first == second


def test_dropout_gradient_is_its_mask():
    x = tg.ones(50, requires_grad=True)
    y = F.dropout(x, 0.3)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()


# ---------------------------------------------------------------- initial values


def within(values, low, high):
    """Uniform over [low, high]: inside, near both ends, mean and variance as they should be."""
    n = values.size
    assert values.min() >= low and values.max() <= high
    assert values.min() < low + (high - low) * 20 / n and values.max() > high - (high - low) * 20 / n
    assert abs(values.mean() - (low + high) / 2) < 5 * (high - low) / math.sqrt(12 * n)
    assert abs(values.std() - (high - low) / math.sqrt(12)) < 0.1 * (high - low)


def test_linear_and_conv_start_as_in_pytorch():
    layer = nn.Linear(100, 300)
    within(layer.weight.array, -0.1, 0.1)
    within(layer.bias.array, -0.1, 0.1)
    conv = nn.Conv2d(8, 300, (2, 4), groups=2)  # fan_in = 8 / 2 · 2 · 4 = 32
    within(conv.weight.array, -1 / math.sqrt(32), 1 / math.sqrt(32))
    within(conv.bias.array, -1 / math.sqrt(32), 1 / math.sqrt(32))


def test_layers_repeat_from_a_generator_and_a_seed():
    for make in (lambda g: nn.Linear(3, 2, generator=g), lambda g: nn.Conv2d(1, 2, 3, generator=g)):
        a, b, c = make(tg.Generator(5)), make(tg.Generator(5)), make(tg.Generator(6))
        assert a.weight.tolist() == b.weight.tolist() != c.weight.tolist() and a.bias.tolist() == b.bias.tolist()
        tg.manual_seed(2)
        d = make(None)
        tg.manual_seed(2)
        assert make(None).weight.tolist() == d.weight.tolist() != make(None).weight.tolist()


W = (300, 40, 2, 5)  # fan_in 40 · 10 = 400, fan_out 300 · 10 = 3000


@pytest.mark.parametrize("fill, bound", [
    (lambda t: init.uniform_(t, -2, 2), 2), (lambda t: init.xavier_uniform_(t), math.sqrt(6 / 3400)),
    (lambda t: init.xavier_uniform_(t, gain=3.0), 3 * math.sqrt(6 / 3400)),
    (lambda t: init.kaiming_uniform_(t), math.sqrt(2) * math.sqrt(3 / 400)),
    (lambda t: init.kaiming_uniform_(t, nonlinearity="relu", mode="fan_out"), math.sqrt(2) * math.sqrt(3 / 3000)),
    (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), 1 / math.sqrt(400)),
    (lambda t: init.kaiming_uniform_(t, nonlinearity="tanh"), 5 / 3 * math.sqrt(3 / 400)),
])  # fmt: skip
def test_uniform_initial_values(fill, bound):
    t = tg.zeros(*W)
    assert fill(t) is t
    within(t.array, -bound, bound)


@pytest.mark.parametrize("fill, mean, std", [
    (lambda t: init.normal_(t, 3.0, 0.5), 3, 0.5), (lambda t: init.xavier_normal_(t), 0, math.sqrt(2 / 3400)),
    (lambda t: init.kaiming_normal_(t), 0, math.sqrt(2 / 400)),
    (lambda t: init.kaiming_normal_(t, nonlinearity="linear", mode="fan_out"), 0, 1 / math.sqrt(3000)),
    (lambda t: init.kaiming_normal_(t, a=1.0), 0, 1 / math.sqrt(400)),
])  # fmt: skip
def test_normal_initial_values(fill, mean, std):
    t = tg.zeros(*W)
    assert fill(t) is t
    assert abs(t.array.mean() - mean) < 5 * std / math.sqrt(t.numel()) and abs(t.array.std() / std - 1) < 0.02
    assert np.abs(t.array - mean).max() > 3 * std and t.dtype == np.float32


def test_constant_initial_values_and_parameters():
    p = nn.Parameter(tg.zeros(2, 2))
    assert init.ones_(p).tolist() == [[1, 1], [1, 1]] and init.constant_(p, 2.5).tolist() == [[2.5] * 2] * 2
    assert init.zeros_(p).tolist() == [[0, 0], [0, 0]] and p.requires_grad and p.is_leaf
    first, second = (init.normal_(tg.zeros(3), generator=tg.Generator(1)).tolist() for _ in range(2))
    assert first == second


def test_gains_and_their_errors():
    assert init.calculate_gain("relu") == math.sqrt(2) and init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04) and init.calculate_gain("linear") == 1
    with pytest.raises(ArgumentError, match="'swish' is unknown"):
        init.calculate_gain("swish")
    with pytest.raises(ArgumentError, match="mode 'fan' is unknown"):
        init.kaiming_normal_(tg.zeros(2, 2), mode="fan")
    with pytest.raises(ShapeError, match="two dimensions or more"):
        init.xavier_uniform_(tg.zeros(3))


# ---------------------------------------------------------------- losses


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_are_their_functions(reduction):
    """The functions themselves are compared with loops by their Cases, in every shape, reduction and smoothing."""
    x, target, y = normal(4, 3), np.array([0, 2, 1, 1]), normal(4, 3)
    for smoothing in (0.0, 0.1, 1.0):
        layer = nn.CrossEntropyLoss(reduction=reduction, label_smoothing=smoothing)
        for wanted in (target, np.exp(log_softmax(y))):
            assert layer(x, wanted).tolist() == F.cross_entropy(
                x, wanted, reduction=reduction, label_smoothing=smoothing
            ).tolist()
    assert nn.NLLLoss(reduction=reduction)(x, target).tolist() == F.nll_loss(
        x, target, reduction=reduction
    ).tolist()
    assert nn.MSELoss(reduction)(x, y).tolist() == F.mse_loss(x, y, reduction).tolist()


def test_unknown_reductions():
    assert F.softmax is tg.softmax
    for make in (nn.CrossEntropyLoss, nn.NLLLoss, nn.MSELoss):
        with pytest.raises(ArgumentError, match="'average' is unknown"):
            make(reduction="average")
    with pytest.raises(ArgumentError):
        F.mse_loss(tg.ones(1), tg.ones(1), reduction="max")


def test_softmax_before_cross_entropy_warns():
    x = tg.tensor(normal(2, 3), requires_grad=True)
    with pytest.warns(UserWarning, match="comes from softmax, but cross_entropy applies softmax itself"):
        F.cross_entropy(x.softmax(1), [0, 1])
    F.cross_entropy(x, [0, 1])
    F.nll_loss(x.log_softmax(1), [0, 1])


def test_targets_in_a_wrong_order_of_dimensions_are_not_flattened_into_each_other():
    x = normal(2, 3, 4)
    for shape in ((4, 2), (8,), (2, 2, 2), (2, 4, 1)):
        for loss in (F.cross_entropy, F.nll_loss):
            with pytest.raises(ShapeError, match=r"expected  target \(2, 4\)"):
                loss(tg.tensor(x), tg.zeros(*shape, dtype=np.int64))


# ---------------------------------------------------------------- inputs the way people get them wrong


def test_float64_batches_are_converted_with_a_warning():
    for layer, x in ((nn.Linear(2, 1), np.ones((1, 2))), (nn.Conv2d(1, 1, 1), np.ones((1, 1, 2, 2)))):
        with pytest.warns(UserWarning, match="float64 and the weight float32"):
            assert layer(x).dtype == np.float32
        x = tg.tensor(x, requires_grad=True)
        with pytest.warns(UserWarning):
            layer(x).sum().backward()
        assert x.grad.dtype == np.float64 and layer.weight.grad.dtype == np.float32


def test_sizes_are_checked():
    for make in (
        lambda: nn.Linear(0, 1), lambda: nn.Linear(1, -1), lambda: nn.Linear(1.5, 1), lambda: nn.Conv2d(0, 1, 1),
        lambda: nn.Conv2d(3, 4, 1, groups=2), lambda: nn.Conv2d(1, 1, (1, 2, 3)), lambda: nn.Conv2d(1, 1, 1.5),
        lambda: nn.MaxPool2d("2"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError):
            make()


def test_batch_norm_says_where_channels_seem_to_come_last():
    with pytest.raises(ShapeError, match=r"permute\(0, 3, 1, 2\)"):
        nn.BatchNorm2d(3)(tg.ones(4, 28, 28, 3))
    with pytest.raises(ShapeError) as error:
        nn.BatchNorm2d(3)(tg.ones(4, 5, 28, 28))
    assert "permute" not in str(error.value)


def test_options_out_of_range_are_refused():
    logits, labels = tg.zeros(2, 3), tg.tensor([0, 1])
    for smoothing in (-1, 2.0):
        with pytest.raises(ArgumentError, match="label_smoothing must lie between 0 and 1"):
            nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, labels)
    with pytest.raises(ArgumentError, match="expected  0 <= pct_start <= 1$"):
        tg.optim.lr_scheduler.OneCycleLR(tg.optim.SGD([tg.ones(1)]), 1.0, 10, pct_start=5.0)


def test_settings_that_cannot_be_meant_are_refused():
    x, running = tg.ones(2, 3), (tg.zeros(3), tg.ones(3))
    for call, error, message in (
        (lambda: nn.BatchNorm1d(3, eps=0.0)(x), ArgumentError, "eps must be positive"),
        (lambda: F.batch_norm(x, *running, eps=-1.0), ArgumentError, "eps must be positive"),
        (lambda: F.cross_entropy(x, tg.tensor([0, 1]), "sum"), DTypeError, "(?s)weight must.*reduction='sum'"),
        (lambda: F.nll_loss(x, tg.tensor([0, 1]), [1, 2, 3]), DTypeError, "nll_loss: weight must be a tensor"),
        (lambda: nn.CrossEntropyLoss(ignore_index=1)(x, x), ArgumentError, "ignore_index is of class numbers"),
        (lambda: nn.LSTM(3, 5, bias=0), DTypeError, "bias must be True or False"),
        (lambda: nn.GRU(3, 5, 1, True, "False"), DTypeError, "batch_first must be True or False"),
        (lambda: nn.HuberLoss(delta=1 + 0j)(x, x), DTypeError, "delta: expected a number"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert F.batch_norm(x, *running, eps=0.0).tolist() == x.tolist()


def test_a_class_that_brings_another_function_or_other_settings_runs_them():
    class Doubled(nn.ReLU):
        function = staticmethod(lambda input, inplace=False: input * 2)

    class Scaled(nn.GELU):
        function = staticmethod(lambda input, scale: input * scale)
        settings = {"scale": 3.0}

    class Own(nn.ReLU):
        function = staticmethod(lambda input, inplace=False: input * 2)

        def forward(self, input):
            return input * 5

    x = tg.tensor([-1.0, 1.0])
    assert Doubled()(x).tolist() == [-2, 2] and Scaled()(x).tolist() == [-3, 3] and Own()(x).tolist() == [-5, 5]
    assert Scaled(4.0)(x).tolist() == [-4, 4] and nn.ReLU()(x).tolist() == [0, 1]
