"""Initial values: by their statistics, and those that are not random beside PyTorch's. The older ones: test_nn.py."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import ArgumentError, ShapeError
from tinygrad_mnist.nn import init

torch = pytest.importorskip("torch")


def test_every_name_of_pytorch_is_here_with_its_arguments():
    import inspect

    names = [n for n in torch.nn.init.__all__ if n.endswith("_") or n == "calculate_gain"] if hasattr(
        torch.nn.init, "__all__") else [n for n in vars(torch.nn.init) if n.endswith("_") and n[0] != "_"]  # fmt: skip
    assert len(names) > 12
    for name in names:
        ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (init, torch.nn.init))
        assert {k: p.default for k, p in ours.items()} == {k: p.default for k, p in theirs.items()}, name


@pytest.mark.parametrize("call", [
    ("eye_", (3, 5), {}), ("eye_", (5, 3), {}), ("dirac_", (6, 3, 5), {}), ("dirac_", (6, 3, 3, 4), {"groups": 3}),
    ("dirac_", (2, 7, 3, 3, 2), {}), ("dirac_", (8, 2, 1, 1), {"groups": 2}), ("ones_", (2, 2), {}),
    ("zeros_", (2,), {}), ("constant_", (2, 3), {"val": 0.3}),
], ids=str)  # fmt: skip
def test_what_is_not_random_is_pytorchs(call):
    name, shape, settings = call
    ours, theirs = (getattr(m.nn.init, name)(m.zeros(shape), **settings) for m in (tg, torch))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_gains_are_pytorchs():
    for name in ("linear", "conv1d", "conv3d", "conv_transpose2d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)
    with pytest.raises(ArgumentError, match="slope"):
        init.calculate_gain("leaky_relu", "a")


BOUNDS = [(0.0, 1.0, -2.0, 2.0), (0.0, 0.02, -0.04, 0.04), (1.0, 2.0, -1.0, 1.5), (0.0, 1.0, 2.0, 3.0),
          (0.0, 1.0, -9.0, 9.0), (3.0, 0.5, -1.0, 2.5), (0.0, 1.0, -0.1, 0.1)]  # fmt: skip


@pytest.mark.parametrize("settings", BOUNDS, ids=str)
def test_truncated_normals_have_the_right_distribution(settings):
    stats = pytest.importorskip("scipy.stats")
    mean, std, a, b = settings
    tg.manual_seed(0)
    x = init.trunc_normal_(tg.zeros(100, 200, dtype=tg.float64), mean, std, a, b).numpy().ravel()
    assert a <= x.min() and x.max() <= b
    wanted = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert stats.kstest(x, wanted.cdf).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (4, 2, 3, 3), (20, 2, 2)])
def test_orthogonal_rows_or_columns(shape):
    x = init.orthogonal_(tg.zeros(shape, dtype=tg.float64), 1.5).numpy().reshape(shape[0], -1)
    small = x @ x.T if len(x) <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(small, 2.25 * np.eye(len(small)), atol=1e-12)


def test_orthogonal_matrices_are_drawn_uniformly():
    tg.manual_seed(1)
    angles = [math.atan2(*init.orthogonal_(tg.zeros(2, 2, dtype=tg.float64)).numpy()[0]) for _ in range(2000)]
    counts = np.histogram(angles, 8, (-math.pi, math.pi))[0]
    assert abs(counts - 250).max() < 70


def test_sparse_columns():
    tg.manual_seed(0)
    x = init.sparse_(tg.zeros(50, 400, dtype=tg.float64), 0.33, 0.1).numpy()
    assert ((x == 0).sum(0) == math.ceil(0.33 * 50)).all()
    assert x[x != 0].std() == pytest.approx(0.1, rel=0.03) and (x == 0).sum(1).std() > 0


def test_draws_come_from_the_generator_and_are_repeated_by_compiled_steps():
    for name, settings in (("trunc_normal_", {}), ("orthogonal_", {}), ("sparse_", {"sparsity": 0.5})):
        make = getattr(init, name)
        a, b = (make(tg.zeros(6, 6), **settings, generator=tg.Generator().manual_seed(3)).numpy() for _ in range(2))
        np.testing.assert_array_equal(a, b)
        drawn = tg.compile(lambda x, make=make, settings=settings: make(x * 0, **settings) + x)
        tg.manual_seed(5)
        found = [drawn(tg.ones(6, 6)).numpy() for _ in range(3)]
        tg.manual_seed(5)
        for x in found:
            np.testing.assert_array_equal(x, (make(tg.ones(6, 6), **settings) + 1).numpy())


def test_shapes_that_cannot_be_are_refused():
    for call, error in (
        (lambda: init.eye_(tg.zeros(3)), ShapeError), (lambda: init.dirac_(tg.zeros(3, 3)), ShapeError),
        (lambda: init.dirac_(tg.zeros(4, 3, 3), 3), ArgumentError), (lambda: init.orthogonal_(tg.zeros(3)), ShapeError),
        (lambda: init.sparse_(tg.zeros(3), 0.1), ShapeError),
        (lambda: init.sparse_(tg.zeros(3, 3), 1.5), ArgumentError),
        (lambda: init.trunc_normal_(tg.zeros(3), a=1.0, b=1.0), ArgumentError),
    ):  # fmt: skip
        with pytest.raises(error):
            call()
    for name in ("orthogonal_", "kaiming_uniform_", "trunc_normal_"):
        assert getattr(init, name)(tg.zeros(0, 3)).shape == (0, 3)
