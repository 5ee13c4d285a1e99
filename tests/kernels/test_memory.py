"""What makes kernels quick changes nothing: places for results, memory used again, threads."""

import math

import numpy as np
import pytest
from loops_by_hand import PLAIN, layouts

from tinygrad_mnist.kernels import conv as conv_module
from tinygrad_mnist.kernels import parallel
from tinygrad_mnist.kernels import pool as pool_module
from tinygrad_mnist.kernels.activation import erf, keep, relu
from tinygrad_mnist.kernels.conv import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from tinygrad_mnist.kernels.pool import max_pool2d, max_pool2d_values, pool_gather, pool_scatter
from tinygrad_mnist.kernels.product import product as matrix_product


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_is_right_to_a_few_units_in_the_last_place(dtype):
    ends = [0.0, -0.0, np.inf, -np.inf]
    x = np.concatenate([np.linspace(-7, 7, 20001), np.geomspace(1e-30, 8, 5001), ends]).astype(dtype)
    wanted = np.array([math.erf(v) for v in x.tolist()])
    found = erf(x)
    assert found.dtype == dtype and np.isnan(erf(dtype(np.nan)))
    assert np.all(np.abs(found - wanted) <= 5 * np.spacing(np.abs(wanted).astype(dtype)))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(x))
    assert erf(np.array([True, False])).dtype == np.float32 and erf(x.astype(np.float16)).dtype == np.float16


def calls(n=6, dtype=np.float32):
    """Every kernel that takes `out`, with its arguments, and what it gives without."""
    random = np.random.default_rng(0)
    x, g = random.normal(size=(n, 4, 12, 12)).astype(dtype), random.normal(size=(n, 8, 10, 10)).astype(dtype)
    w, b = random.normal(size=(8, 4, 3, 3)).astype(dtype), random.normal(size=8).astype(dtype)
    grouped = PLAIN | {"groups": 2, "padding": (1, 1)}
    pooling = {"kernel_size": (3, 3), "stride": (2, 2), "padding": (1, 1)}
    tiles = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    pooled, winners = max_pool2d(x, **pooling)
    small, chosen = max_pool2d(x, **tiles)
    half = np.ascontiguousarray(w[:, :2])
    wide = random.normal(size=(n, 8, 12, 12)).astype(dtype)
    last = layouts(x)["channels-last"]
    found = {
        "conv2d": lambda **k: conv2d(x, w, b, **PLAIN, **k),
        "conv2d, last": lambda **k: conv2d(last, w, b, **PLAIN, **k),
        "conv2d, groups": lambda **k: conv2d(x, half, b, **grouped, **k),
        "weight gradient": lambda **k: conv2d_weight_gradient(g, x, w_shape=w.shape, **PLAIN, **k),
        "weight gradient, groups": lambda **k: conv2d_weight_gradient(wide, x, w_shape=half.shape, **grouped, **k),
        "input gradient": lambda **k: conv2d_input_gradient(g, w, x_shape=x.shape, **PLAIN, **k),
        "input gradient, stride": lambda **k: conv2d_input_gradient(
            g[:, :, :5, :5], w, x_shape=x.shape, **PLAIN | {"stride": (2, 2)}, **k),
        "input gradient, groups": lambda **k: conv2d_input_gradient(wide, half, x_shape=x.shape, **grouped, **k),
        "max_pool2d": lambda **k: max_pool2d(x, **pooling, saved=winners, **k)[0],
        "max_pool2d, last": lambda **k: max_pool2d(last, **tiles, saved=chosen, **k)[0],
        "max_pool2d_values": lambda **k: max_pool2d_values(x, **pooling, **k),
        "pool_scatter": lambda **k: pool_scatter(pooled, winners, x_shape=x.shape, **pooling, **k),
        "pool_scatter, tiles": lambda **k: pool_scatter(small, chosen, x_shape=x.shape, **tiles, **k),
        "pool_gather": lambda **k: pool_gather(x, winners, **pooling, **k), "erf": lambda **k: erf(x, **k),
        "relu": lambda **k: relu(x, **k), "relu, last": lambda **k: relu(last, **k),
        "keep": lambda **k: keep(x, x > 0.5, **k), "product": lambda **k: matrix_product(x, x, **k),
    }  # fmt: skip
    return found


@pytest.mark.parametrize("n", [0, 6])
@pytest.mark.parametrize("name", ["C", "channels-last"])
@pytest.mark.parametrize("kernel", sorted(calls()))
def test_results_go_where_they_are_told(kernel, name, n):
    function = calls(n)[kernel]
    want = function()
    out = np.full(want.shape, np.nan, want.dtype)
    if name == "channels-last":
        out = np.ascontiguousarray(out.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert function(out=out) is out
    np.testing.assert_allclose(out, want, rtol=0, atol=1e-5 if kernel == "product" else 0)


@pytest.mark.parametrize("name", ["C", "channels-last"])
def test_winners_go_where_they_are_told(name):
    geometry = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    x = layouts(np.random.default_rng(0).normal(size=(3, 4, 6, 6)))[name]
    want, chosen = max_pool2d(x, **geometry)
    for order in ("C", "channels-last"):
        winners = layouts(np.full(chosen.shape, 99, chosen.dtype))[order].copy(order="K")
        out, same = max_pool2d(x, **geometry, saved=winners)
        assert same is winners
        np.testing.assert_array_equal(winners, chosen)
        np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("kernel", sorted(set(calls()) - {"product"}))
def test_with_a_place_for_the_result_nothing_large_is_allocated(kernel, threads):
    threads(1)  # another thread would get its scratch memory at any time
    tracemalloc = pytest.importorskip("tracemalloc")
    function = calls(1000)[kernel]  # results of 0.6 MB and more
    out = function().copy(order="K")
    function(out=out)  # now scratch memory is there
    tracemalloc.start()
    try:
        function(out=out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    mask = out.size if kernel == "keep" else 0  # the comparison makes it here
    assert peak < 150_000 + mask, f"{peak} bytes"  # NumPy's own buffer, for adding in place, takes 66 kB


@pytest.mark.parametrize("kernel", sorted(calls()))
def test_threads_change_no_bit(kernel, threads, monkeypatch):
    monkeypatch.setattr(conv_module, "_BLOCK_WORK", 1)
    monkeypatch.setattr(pool_module, "_FEW_BYTES", 0)
    function = calls(37)[kernel]
    threads(1)
    want = function()
    for n in (2, 3):
        threads(n)
        for _ in range(3):
            parallel.for_each(lambda i: None, range(2))  # from here on the pool is awake
            np.testing.assert_array_equal(function(), want)


@pytest.mark.parametrize("shape", [(3, 5), (600, 700), (20, 3, 5), (500, 600, 2), (4,)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_products_are_those_of_numpy(shape, dtype, threads):
    random = np.random.default_rng(0)
    a = random.normal(size=shape).astype(dtype)
    b = random.normal(size=(shape[-1], 7)).astype(dtype)
    threads(2)
    for awake in (False, True):
        if awake:
            parallel.for_each(lambda i: None, range(2))
        for left, right in ((a, b), (b.T, a.T)) if a.ndim == 2 else ((a, b),):
            got = matrix_product(left, right)
            assert got.dtype == dtype
            np.testing.assert_allclose(got, left @ right, rtol=1e-2 if dtype == np.float16 else 1e-4, atol=1e-3)


def test_a_large_product_is_shared_only_while_the_pool_is_awake(threads, monkeypatch):
    shares = []
    module = "tinygrad_mnist.kernels.product"
    monkeypatch.setattr(f"{module}.for_each", lambda f, items, wake: shares.append([f(i) for i in items]))
    threads(2)
    a, b = np.ones((64, 1000), np.float32), np.ones((1000, 128), np.float32)
    parallel.fall_asleep()
    assert (matrix_product(a, b) == 1000).all() and not shares
    parallel.for_each(lambda i: None, range(2))
    assert (matrix_product(a, b) == 1000).all() and [len(s) for s in shares] == [2]
    for _ in range(100):  # nothing wakes the pool again: products go back to BLAS, by number, not by time
        matrix_product(a, b)
    assert 60 < len(shares) < 70 and not parallel.is_awake()
