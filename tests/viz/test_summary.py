"""Tables of layers: numbers by hand, the layer that fails, nothing left changed."""

import numpy as np
import pytest
from drawn import Mlp
from training_data import module

import tinygrad_mnist as tg
from tinygrad_mnist import nn, viz
from tinygrad_mnist.core import backend
from tinygrad_mnist.core.errors import ArgumentError, DTypeError
from tinygrad_mnist.core.scope import state


def rows(result):
    return [(r.name, r.output_shape, r.parameters, r.multiply_adds, r.output_bytes) for r in result.rows]


def test_summary_of_an_mlp_by_hand():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
    result = viz.summary(model, (64, 1, 28, 28))
    assert rows(result) == [
        ("Sequential", (64, 10), 0, 0, 64 * 10 * 4), ("0 Flatten", (64, 784), 0, 0, 64 * 784 * 4),
        ("1 Linear(784, 128)", (64, 128), 784 * 128 + 128, 64 * 784 * 128, 64 * 128 * 4),
        ("2 ReLU", (64, 128), 0, 0, 64 * 128 * 4), ("3 Dropout(p=0.5)", (64, 128), 0, 0, 64 * 128 * 4),
        ("4 Linear(128, 10)", (64, 10), 1290, 64 * 1280, 64 * 10 * 4),
    ]  # fmt: skip
    assert result.total_parameters == result.trainable_parameters == 101_770
    assert result.parameter_bytes == 4 * 101_770
    assert result.total_multiply_adds == 64 * (784 * 128 + 1280)
    assert result.activation_bytes == 4 * 64 * (128 + 128 + 10)
    assert result.error is None and result.failed is None and result.not_called == []
    viewed = viz.summary(nn.Sequential(nn.Linear(3, 4), nn.Flatten()), (2, 5, 3))
    assert viewed.activation_bytes == 4 * 2 * 5 * 4  # Flatten gives a view, which is not counted twice


def test_summary_of_a_cnn_by_hand():
    model = nn.Sequential(
        nn.Conv2d(2, 8, 3, stride=2, padding=1, groups=2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 7 * 7, 10)
    )
    result = viz.summary(model, (4, 2, 28, 28))
    assert [r.output_shape for r in result.rows[1:]] == [(4, 8, 14, 14), (4, 8, 7, 7), (4, 392), (4, 10)]
    assert [r.multiply_adds for r in result.rows[1:]] == [4 * 8 * 14 * 14 * 1 * 9, 0, 0, 4 * 392 * 10]
    assert [r.parameters for r in result.rows[1:]] == [8 * 9 + 8, 0, 0, 3930]


def test_summary_prints_a_table():
    lines = str(viz.summary(Mlp(), (5, 6))).splitlines()
    assert lines[0].split() == ["Layer", "Output", "shape", "Parameters", "Multiply-adds", "Output"]
    assert lines[3].split() == ["fc1", "Linear(6,", "4)", "(5,", "4)", "28", "120", "80", "B"]
    assert len({len(line) for line in lines[:5]}) == 1
    assert lines[-3:] == ["parameters     43 (all trainable), 172 B", "multiply-adds  180", "activations    220 B"]
    assert repr(viz.summary(Mlp(), (5, 6))) == "\n".join(lines)


def test_summary_marks_the_layer_that_fails():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(100, 10), nn.ReLU())
    result = viz.summary(model, (2, 1, 28, 28))
    assert [r.name for r in result.rows] == [
        "Sequential", "0 Conv2d(1, 4, kernel_size=(3, 3))", "1 Flatten", "2 Linear(100, 10)",
    ]  # fmt: skip
    assert result.failed is result.rows[-1] and result.failed.output_shape is None
    assert result.rows[2].output_shape == (2, 2704)
    assert result.not_called == ["3 ReLU"]
    text = str(result)
    marked = [line for line in text.splitlines() if line.startswith("✗")]
    assert "2 Linear(100, 10)" in marked[0] and "FAILED" in marked[0]
    assert marked[1] == "✗ The forward pass failed in 2 Linear(100, 10):"
    assert "ShapeError: linear: x has 2704 features but the weight expects 100." in text


def test_summary_leaves_everything_as_it_was():
    class Noisy(nn.Module):
        def __init__(self, fail):
            self.drop, self.fc, self.fail = nn.Dropout(0.5), nn.Linear(3, 3), fail
            self.fc.bias.requires_grad_(False)

        def forward(self, x):
            assert not self.training and not self.drop.training
            with tg.no_grad():
                x = self.fc(self.drop(x + tg.rand(3)))
            if self.fail:
                raise RuntimeError("on purpose")
            return x

    for fail in (False, True):
        model = Noisy(fail)
        model.drop.eval()
        model.fc.train()
        given = tg.tensor([[1.0, 2.0, 3.0]])
        draws = backend.default_generator.get_state()
        result = viz.summary(model, given)
        assert (type(result.error) is RuntimeError) == fail
        assert result.total_multiply_adds == 9  # recorded although the model works under no_grad
        assert (result.total_parameters, result.trainable_parameters) == (12, 9)
        assert backend.default_generator.get_state() == draws
        assert "training" not in vars(model) and model.training and not model.drop.training and model.fc.training
        assert not model.fc.bias.requires_grad and model.fc.weight.grad is None
        assert given.tolist() == [[1.0, 2.0, 3.0]]
        assert state.around is None and state.scope is None


def test_summary_of_shared_and_several():
    parts = {"fc": nn.Linear(3, 3), "spare": nn.Linear(2, 2), "parts": [nn.ReLU()]}
    pair = module(lambda self, a, b: {
        "sum": self.parts[0](self.fc(a) + self.fc(b)), "b": (b @ b.T, np.ones(2))}, called="Pair", **parts)  # fmt: skip
    result = viz.summary(pair, [(4, 3), np.ones((4, 3), np.float32)])
    assert [r.name for r in result.rows] == ["Pair", "fc Linear(3, 3)", "fc Linear(3, 3)", "parts.0 ReLU"]
    assert [r.parameters for r in result.rows] == [0, 12, 0, 0]
    assert [r.multiply_adds for r in result.rows] == [0, 36, 36, 0]
    assert result.rows[0].output_shapes == [(4, 3), (4, 4), (2,)]
    assert result.not_called == ["spare Linear(2, 2)"] and result.total_parameters == 18


def test_summary_of_matmul_and_float64():
    result = viz.summary(module(lambda self, x: x @ self.w, w=nn.Parameter(np.ones((2, 5, 7)))), (2, 3, 5))
    assert result.total_multiply_adds == 2 * 3 * 5 * 7 and result.rows[0].output_bytes == 2 * 3 * 7 * 8


def test_summary_explains_wrong_arguments():
    with pytest.raises(DTypeError, match="must be a model"):
        viz.summary(tg.rand(3), (3,))
    for size in ("64", None, [(1, 2), "x"], ((),)):
        with pytest.raises(DTypeError, match="neither a shape nor a tensor"):
            viz.summary(Mlp(), size)
    with pytest.raises(ArgumentError, match="negative"):
        viz.summary(Mlp(), (-1, 6))
