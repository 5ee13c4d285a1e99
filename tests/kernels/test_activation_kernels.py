"""Activations, sums and updates of parameters against their definitions."""

import numpy as np
import pytest
from loops_by_hand import LAYOUTS, layouts

from tinygrad_mnist.kernels import parallel, update
from tinygrad_mnist.kernels.activation import keep, relu
from tinygrad_mnist.kernels.sums import sum_axes, sum_rows

SHAPES = [(), (0,), (5,), (3, 0), (64, 10), (70_000,), (3, 5, 80, 90)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_relu_and_keep_match_their_definitions(shape, dtype):
    x = np.asarray(np.random.default_rng(0).normal(size=shape)).astype(dtype)
    flat = x.reshape(-1)
    flat[::7], flat[1::7], flat[2::7], flat[3::7] = np.nan, np.inf, -np.inf, -0.0
    for name in LAYOUTS if x.ndim == 4 else ["C"]:
        y = layouts(x)[name] if x.ndim == 4 else x
        np.testing.assert_array_equal(relu(y), np.where(y <= 0, 0, y))
        mask = np.random.default_rng(1).random(shape) < 0.5
        for chosen in (mask, mask.astype(np.int64)):
            kept = keep(y, chosen)
            assert kept.dtype == dtype and relu(y).dtype == dtype
            np.testing.assert_array_equal(kept, np.where(mask, y, 0))
        assert not np.signbit(keep(y, np.zeros(shape, bool))).any()


def test_relu_of_integers_and_of_stretched_arrays():
    np.testing.assert_array_equal(relu(np.array([-2, 0, 3])), [0, 0, 3])
    stretched = np.broadcast_to(np.float32([-1, 2]), (400, 300, 2))
    np.testing.assert_array_equal(relu(stretched), np.maximum(stretched, 0))
    np.testing.assert_array_equal(keep(stretched, stretched > 0), np.maximum(stretched, 0))


@pytest.mark.parametrize("shape", [
    (0, 3), (3, 0), (64, 10), (64, 128), (999, 6), (30_011, 3), (20, 4000), (5, 7, 9, 11), (9, 8, 40, 41),
], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8, bool])
def test_sums_match_numpy(shape, dtype):
    values = (np.random.default_rng(0).normal(size=shape) * 3).astype(dtype)
    exact = values.astype(np.int64 if values.dtype.kind in "iub" else np.float64)
    tolerance = {"f": 1e-3, "d": 1e-11}.get(values.dtype.char, 0)
    for x in layouts(values).values() if values.ndim == 4 else [values]:
        for axes in [(0,), (0, 1), (1,), (0, 2, 3), (1, 3)]:
            if axes[-1] < x.ndim:
                for keepdims in (False, True):
                    wide = None if values.dtype.kind == "f" else np.int64
                    got = sum_axes(x, axes, keepdims=keepdims, dtype=wide)
                    want = exact.sum(axis=axes, keepdims=keepdims)
                    assert got.shape == want.shape and got.dtype == (wide or dtype)
                    np.testing.assert_allclose(got, want, atol=tolerance, rtol=1e-6)


def test_half_precision_sums_are_those_of_numpy():
    x = np.random.default_rng(0).normal(size=(999, 6)).astype(np.float16)
    np.testing.assert_array_equal(sum_rows(x), np.add.reduce(x, axis=0))


def test_folded_sums_lose_less_than_numpy():
    x = np.random.default_rng(0).random((40_000, 32), np.float32)
    exact = x.sum(axis=0, dtype=np.float64)
    assert np.abs(sum_rows(x) - exact).max() < np.abs(np.add.reduce(x, axis=0) - exact).max()


def adam_reference(p, g, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    if weight_decay:
        p, g = (p * (1 - lr * weight_decay), g) if decoupled else (p, g + weight_decay * p)
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    return p - lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


def sgd_reference(p, g, v, lr, momentum, dampening, weight_decay, nesterov, first):
    d = g + weight_decay * p
    v = d if first else momentum * v + (1 - dampening) * d
    return p - lr * (d + momentum * v if nesterov else v), v


SIZES = [0, 1, 10, update.BLOCK + 3, 3 * update.BLOCK + 5]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("weight_decay", [0, 0.1])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_follows_its_formula_in_any_number_of_pieces(size, weight_decay, decoupled, dtype, threads, monkeypatch):
    random = np.random.default_rng(0)
    start = [random.normal(size=size).astype(dtype) for _ in range(3)] + [random.random(size).astype(dtype)]
    numbers = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": weight_decay,
               "decoupled": decoupled, "step": 3}
    check_update(update.adam, adam_reference, start, [0, 2, 3], numbers, threads, monkeypatch)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("momentum", "dampening", "nesterov", "first"), [
    (0.9, 0, False, True), (0.9, 0, False, False), (0.9, 0.2, False, False), (0.9, 0, True, False),
])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
def test_sgd_follows_its_formula_in_any_number_of_pieces(
    size, momentum, dampening, nesterov, first, weight_decay, threads, monkeypatch
):
    random = np.random.default_rng(0)
    start = [random.normal(size=size) for _ in range(3)]
    numbers = {"lr": 0.1, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
               "nesterov": nesterov, "first": first}
    check_update(update.sgd, sgd_reference, start, [0, 2], numbers, threads, monkeypatch)
    p, g, _ = start
    plain = numbers | {"momentum": 0, "dampening": 0, "nesterov": False}
    want = p - 0.1 * (g + weight_decay * p)
    update.sgd(p, g, None, **plain)
    np.testing.assert_allclose(p, want, rtol=1e-12)


def check_update(change, reference, start, written, numbers, threads, monkeypatch):
    """An update equals its reference to rounding, and itself to the bit however it is cut."""
    want = reference(*start, **numbers)
    results = []
    for n, block in ((1, 1 << 40), (1, 1000), (2, update.BLOCK)):
        threads(n)
        monkeypatch.setattr(update, "BLOCK", block)
        monkeypatch.setattr(update, "_SHARE", block)
        parallel.for_each(lambda i: None, range(2))
        arrays = [x.copy() for x in start]
        change(*arrays, **numbers)
        np.testing.assert_array_equal(arrays[1], start[1])
        results.append([arrays[i] for i in written])
    for got, expected in zip(results[0], want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5 if got.dtype == np.float32 else 1e-12, atol=1e-6)
    np.testing.assert_equal(results[1:], results[:1] * 2)
