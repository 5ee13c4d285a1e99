"""Kernels against naive loops, their adjoints, PyTorch where it is installed, and their errors.

The loops below are the oracle: one output value at a time, as the formula in each docstring says it. Whatever makes
kernels quick must not change a result: blocks, threads, memory that is used again, and arrays given for the result.
Look next at tinygrad_mnist/kernels/conv.py and pool.py; test_parallel.py has the threads themselves.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mnist.core.errors import ArgumentError, ShapeError
from tinygrad_mnist.kernels import conv as conv_module
from tinygrad_mnist.kernels import parallel, update
from tinygrad_mnist.kernels import pool as pool_module
from tinygrad_mnist.kernels.activation import erf, keep, relu
from tinygrad_mnist.kernels.conv import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from tinygrad_mnist.kernels.pool import max_pool2d, max_pool2d_values, pool_gather, pool_scatter
from tinygrad_mnist.kernels.product import product as matrix_product
from tinygrad_mnist.kernels.shapes import conv_output_size, tap_slices
from tinygrad_mnist.kernels.sums import sum_axes, sum_rows

PLAIN = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}


# ---- oracles ---------------------------------------------------------------------------------------------------------


def meetings(x_shape, w_shape, stride, padding, dilation, groups):
    """Yield (output index, x index, w index) of every product in a convolution."""
    (n, _, h, w), (o, c, kh, kw) = x_shape, w_shape
    oh = conv_output_size(h, kh, stride[0], padding[0], dilation[0])
    ow = conv_output_size(w, kw, stride[1], padding[1], dilation[1])
    for a, b, i, j, k, p, q in product(range(n), range(o), range(oh), range(ow), range(c), range(kh), range(kw)):
        row = i * stride[0] + p * dilation[0] - padding[0]
        column = j * stride[1] + q * dilation[1] - padding[1]
        if 0 <= row < h and 0 <= column < w:
            yield (a, b, i, j), (a, b // (o // groups) * c + k, row, column), (b, k, p, q)


def conv2d_reference(x, w, b, out_shape, **geometry):
    out = np.zeros(out_shape) + (0 if b is None else b[:, None, None])
    for at_out, at_x, at_w in meetings(x.shape, w.shape, **geometry):
        out[at_out] += x[at_x] * w[at_w]
    return out


def gradients_reference(g, x, w, **geometry):
    gx, gw = np.zeros(x.shape), np.zeros(w.shape)
    for at_out, at_x, at_w in meetings(x.shape, w.shape, **geometry):
        gx[at_x] += g[at_out] * w[at_w]
        gw[at_w] += g[at_out] * x[at_x]
    return gx, gw


def max_pool2d_reference(x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    oh, ow = (conv_output_size(x.shape[2 + a], kernel_size[a], stride[a], padding[a], 1) for a in (0, 1))
    out, winners = np.empty((n, c, oh, ow), x.dtype), np.empty((n, c, oh, ow), int)
    for a, b, i, j in product(range(n), range(c), range(oh), range(ow)):
        best = None
        for p, q in product(range(kernel_size[0]), range(kernel_size[1])):
            row, column = i * stride[0] + p - padding[0], j * stride[1] + q - padding[1]
            if 0 <= row < h and 0 <= column < w:
                value = x[a, b, row, column]
                if best is None or value > best or np.isnan(value):
                    best, winners[a, b, i, j] = value, p * kernel_size[1] + q
        out[a, b, i, j] = best
    return out, winners


def pool_scatter_reference(g, winners, x_shape, kernel_size, stride, padding):
    gx = np.zeros(x_shape)
    for n, c, i, j in np.ndindex(winners.shape):
        p, q = divmod(int(winners[n, c, i, j]), kernel_size[1])
        gx[n, c, i * stride[0] + p - padding[0], j * stride[1] + q - padding[1]] += g[n, c, i, j]
    return gx


# ---- inputs ----------------------------------------------------------------------------------------------------------


def layouts(x):
    """The same values of a 4-d array in every memory order that turns up, read-only."""
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    wider = np.zeros((*x.shape[:3], 2 * x.shape[3]), x.dtype)
    wider[..., ::2] = x
    found = {
        "C": np.ascontiguousarray(x),
        "F": np.asfortranarray(x),
        "channels-last": last,
        "channels-last, flipped": np.ascontiguousarray(last[:, ::-1, ::-1, ::-1])[:, ::-1, ::-1, ::-1],
        "flipped": np.ascontiguousarray(x[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1],
        "strided": wider[..., ::2],
        "swapped": np.ascontiguousarray(x.transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2),
    }
    for name, array in found.items():
        np.testing.assert_array_equal(array, x, err_msg=name)
        array.flags.writeable = False
    return found


LAYOUTS = sorted(layouts(np.zeros((1, 1, 1, 1))))


def output_shape(x_shape, w_shape, stride, padding, dilation, groups):
    sizes = [conv_output_size(x_shape[2 + a], w_shape[2 + a], stride[a], padding[a], dilation[a]) for a in (0, 1)]
    return (x_shape[0], w_shape[0], *sizes)


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(draw):
    """Shapes of x and w, and a geometry in which the kernel fits."""
    groups, n = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    c, o = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel, stride, padding, dilation = draw(pairs(1, 4)), draw(pairs(1, 4)), draw(pairs(0, 4)), draw(pairs(1, 3))
    size = [draw(st.integers(max(1, dilation[a] * (kernel[a] - 1) + 1 - 2 * padding[a]), 10)) for a in (0, 1)]
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (n, c * groups, *size), (o * groups, c, *kernel), geometry


@st.composite
def poolings(draw):
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = [draw(st.integers(max(1, kernel[a] - 2 * padding[a]), 9)) for a in (0, 1)]
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size)
    return shape, {"kernel_size": kernel, "stride": stride, "padding": padding}


def with_layouts(random, names, *arrays):
    """Arrays of normal values in the drawn layouts."""
    return [layouts(random.normal(size=shape))[name] for shape, name in zip(arrays, names, strict=True)]


# ---- convolution -----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(convolutions(), st.tuples(*[st.sampled_from(LAYOUTS)] * 3), st.booleans(), st.integers(0, 2**32 - 1))
def test_convolution_and_gradients_match_loops(shapes, names, with_bias, seed):
    x_shape, w_shape, geometry = shapes
    random = np.random.default_rng(seed)
    out_shape = output_shape(x_shape, w_shape, **geometry)
    x, w, g = with_layouts(random, names, x_shape, w_shape, out_shape)
    b = random.normal(size=w_shape[0]) if with_bias else None
    out = conv2d(x, w, b, **geometry)
    gx = conv2d_input_gradient(g, w, x_shape=x_shape, **geometry)
    gw = conv2d_weight_gradient(g, x, w_shape=w_shape, **geometry)
    want_gx, want_gw = gradients_reference(g, x, w, **geometry)
    np.testing.assert_allclose(out, conv2d_reference(x, w, b, out_shape, **geometry), atol=1e-12)
    np.testing.assert_allclose(gx, want_gx, atol=1e-12)
    np.testing.assert_allclose(gw, want_gw, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(convolutions(), st.integers(0, 2**32 - 1), st.integers(1, 4000))
def test_three_kernels_are_adjoint_for_any_block_size(shapes, seed, block_bytes):
    x_shape, w_shape, geometry = shapes
    random = np.random.default_rng(seed)
    x, w = random.normal(size=x_shape), random.normal(size=w_shape)
    g = random.normal(size=output_shape(x_shape, w_shape, **geometry))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv_module, "_BLOCK_BYTES", block_bytes)
        patch.setattr(conv_module, "_BLOCK_WORK", 1)
        forward = np.vdot(g, conv2d(x, w, None, **geometry))
        through_x = np.vdot(x, conv2d_input_gradient(g, w, x_shape=x_shape, **geometry))
        through_w = np.vdot(w, conv2d_weight_gradient(g, x, w_shape=w_shape, **geometry))
    np.testing.assert_allclose([through_x, through_w], forward, atol=1e-10)


@pytest.mark.parametrize(("x_shape", "w_shape", "extra"), [
    ((64, 1, 28, 28), (32, 1, 3, 3), {}),
    ((32, 32, 26, 26), (64, 32, 3, 3), {}),
    ((64, 32, 13, 13), (64, 32, 3, 3), {}),
    ((64, 1, 28, 28), (6, 1, 5, 5), {"padding": (2, 2)}),
    ((17, 6, 14, 14), (16, 6, 5, 5), {}),
    ((9, 16, 29, 27), (32, 16, 3, 3), {"stride": (2, 2), "padding": (1, 1)}),
    ((9, 8, 28, 28), (8, 1, 3, 3), {"groups": 8, "padding": (1, 1)}),
    ((5, 3, 32, 32), (8, 3, 3, 3), {"dilation": (2, 3)}),
    ((5, 1, 28, 28), (12, 1, 7, 7), {"stride": (7, 7)}),
])
def test_real_sizes_match_torch_and_keep_float32(x_shape, w_shape, extra):
    torch = pytest.importorskip("torch")
    geometry = PLAIN | extra
    random = np.random.default_rng(0)
    x, w, b = (random.normal(size=s).astype(np.float32) for s in (x_shape, w_shape, w_shape[:1]))
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, b))
    tout = torch.nn.functional.conv2d(tx, tw, tb, **geometry)
    g = random.normal(size=tuple(tout.shape)).astype(np.float32)
    tout.backward(torch.tensor(g))
    out = conv2d(x, w, b, **geometry)
    gx = conv2d_input_gradient(g, w, x_shape=x_shape, **geometry)
    gw = conv2d_weight_gradient(g, x, w_shape=w_shape, **geometry)
    for mine, theirs in ((out, tout.detach()), (gx, tx.grad), (gw, tw.grad)):
        theirs = theirs.numpy()
        assert mine.dtype == np.float32 and mine.shape == theirs.shape
        assert np.abs(mine - theirs).max() <= 2e-5 * np.abs(theirs).max()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept_and_results_are_fresh(dtype):
    x, w, b = np.ones((2, 3, 4, 5), dtype), np.ones((2, 3, 1, 1), dtype), np.ones(2, dtype)
    g = np.ones((2, 2, 4, 5), dtype)
    results = [
        conv2d(x, w, b, **PLAIN),
        conv2d_input_gradient(g, w, x_shape=x.shape, **PLAIN),
        conv2d_weight_gradient(g, x, w_shape=w.shape, **PLAIN),
        *max_pool2d(x, kernel_size=(1, 1), stride=(1, 1), padding=(0, 0))[:1],
        max_pool2d_values(x, kernel_size=(1, 1), stride=(1, 1), padding=(0, 0)),
    ]
    for result in results:
        assert result.dtype == dtype and result.flags.writeable
        assert not any(np.shares_memory(result, array) for array in (x, w, b, g))
    assert results[0][0, 0, 0, 0] == 4


def test_results_keep_their_memory_to_themselves_between_calls():
    x, w = np.ones((2, 1, 4, 4)), np.ones((1, 1, 2, 2))
    first, second = conv2d(x, w, None, **PLAIN), conv2d(x, w, None, **PLAIN)
    first[...] = 0
    assert (second == 4).all()


def test_rows_that_no_window_reaches_get_zero_gradient():
    g, w = np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2))
    gx = conv2d_input_gradient(g, w, x_shape=(1, 1, 7, 6), **PLAIN | {"stride": (3, 3)})
    np.testing.assert_array_equal(gx[0, 0, :, 0], [1, 1, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(gx[0, 0, 0], [1, 1, 0, 1, 1, 0])


def test_only_outputs_that_read_a_nan_are_nan():
    x = np.zeros((3, 2, 6, 6))
    x[1, 0, 0, 5] = np.nan
    out = conv2d(x, np.ones((4, 2, 3, 3)), np.zeros(4), **PLAIN)
    assert set(map(tuple, np.argwhere(np.isnan(out)))) == {(1, o, 0, 3) for o in range(4)}


def test_no_images():
    x, w = np.zeros((0, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32)
    out = conv2d(x, w, None, **PLAIN)
    assert out.shape == (0, 3, 3, 3) and out.dtype == np.float32
    assert conv2d_input_gradient(out, w, x_shape=x.shape, **PLAIN).shape == x.shape
    np.testing.assert_array_equal(conv2d_weight_gradient(out, x, w_shape=w.shape, **PLAIN), np.zeros_like(w))


# ---- pooling ---------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(poolings(), st.sampled_from(LAYOUTS), st.booleans(), st.integers(0, 2**32 - 1))
def test_pooling_matches_loops(pooling, name, special, seed):
    shape, geometry = pooling
    random = np.random.default_rng(seed)
    values = random.choice([-np.inf, -1, 0, 1, np.inf, np.nan], p=[.3, .2, .2, .2, .05, .05], size=shape)
    x = layouts(values if special else random.integers(0, 4, shape).astype(float))[name]
    out, winners = max_pool2d(x, **geometry)
    want, want_winners = max_pool2d_reference(x, **geometry)
    np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(winners, want_winners)
    np.testing.assert_array_equal(max_pool2d_values(x, **geometry), want)
    np.testing.assert_array_equal(pool_gather(x, winners, **geometry), out)


@settings(deadline=None, max_examples=100)
@given(poolings(), st.tuples(*[st.sampled_from(LAYOUTS)] * 3), st.integers(0, 2**32 - 1))
def test_scatter_and_gather_are_adjoint(pooling, names, seed):
    shape, geometry = pooling
    random = np.random.default_rng(seed)
    x = layouts(random.normal(size=shape))[names[0]]
    _, winners = max_pool2d(x, **geometry)
    v = layouts(random.normal(size=shape))[names[1]]
    g = layouts(random.normal(size=winners.shape))[names[2]]
    gx = pool_scatter(g, winners, x_shape=shape, **geometry)
    assert gx.shape == shape
    np.testing.assert_allclose(gx, pool_scatter_reference(g, winners, shape, **geometry), atol=1e-14)
    np.testing.assert_allclose(np.vdot(g, pool_gather(v, winners, **geometry)), np.vdot(gx, v), atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)),
                                                           ((3, 2), (1, 3), (1, 0))])
@pytest.mark.parametrize("name", ["C", "channels-last"])
def test_pooling_matches_torch_with_nan(kernel, stride, padding, name):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    x = random.integers(-3, 3, (3, 4, 27, 29)).astype(np.float32)
    x[random.random(x.shape) < 0.02] = np.nan
    tx = torch.tensor(x, requires_grad=True)
    want, indices = torch.nn.functional.max_pool2d(tx, kernel, stride, padding, return_indices=True)
    geometry = {"kernel_size": kernel, "stride": stride, "padding": padding}
    out, winners = max_pool2d(layouts(x)[name], **geometry)
    np.testing.assert_array_equal(out, want.detach().numpy())
    p, q = np.divmod(winners.astype(int), kernel[1])  # PyTorch counts in the plane
    row, column = (np.arange(n) * s - pad for n, s, pad in zip(out.shape[2:], stride, padding, strict=True))
    np.testing.assert_array_equal((row[:, None] + p) * x.shape[3] + column + q, indices.numpy())
    g = random.normal(size=out.shape).astype(np.float32)
    want.backward(torch.tensor(g))
    gx = pool_scatter(g, winners, x_shape=x.shape, **geometry)
    assert gx.dtype == out.dtype == np.float32
    np.testing.assert_allclose(gx, tx.grad.numpy(), atol=1e-5)


def test_first_of_equals_wins_and_overlaps_add_up():
    x = np.zeros((1, 1, 3, 3))
    geometry = {"kernel_size": (2, 2), "stride": (1, 1), "padding": (0, 0)}
    out, winners = max_pool2d(x, **geometry)
    np.testing.assert_array_equal(winners[0, 0], [[0, 0], [0, 0]])
    x[0, 0, 1, 1] = 1
    out, winners = max_pool2d(x, **geometry)
    np.testing.assert_array_equal(winners[0, 0], [[3, 2], [1, 0]])
    gx = pool_scatter(np.ones_like(out), winners, x_shape=x.shape, **geometry)
    assert gx[0, 0, 1, 1] == 4 and gx.sum() == 4


@pytest.mark.parametrize(("kernel", "kind"), [((16, 16), np.uint8), ((1, 257), np.uint16)])
def test_winners_take_the_smallest_numbers_that_count_the_taps(kernel, kind):
    x = np.zeros((1, 1, 40, 600), np.float32)
    x[0, 0, kernel[0] - 1, kernel[1] - 1] = 1
    geometry = {"kernel_size": kernel, "stride": kernel, "padding": (0, 0)}
    out, winners = max_pool2d(x, **geometry)
    assert winners.dtype == kind and winners[0, 0, 0, 0] == kernel[0] * kernel[1] - 1
    np.testing.assert_array_equal(pool_scatter(out, winners, x_shape=x.shape, **geometry), x)


@pytest.mark.parametrize("padding", [(0, 0), (1, 1)])
def test_pixels_that_no_window_reaches_get_zero(padding):
    geometry = {"kernel_size": (3, 3), "stride": (3, 3), "padding": padding}
    for shape in ((1, 1, 3, 3), (2, 1, 7, 8), (1, 2, 6, 6)):
        x = np.random.default_rng(0).normal(size=shape)
        out, winners = max_pool2d(x, **geometry)
        gx = pool_scatter(out, winners, x_shape=shape, **geometry, out=np.full(shape, np.nan))
        np.testing.assert_array_equal(gx, pool_scatter_reference(out, winners, shape, **geometry))


def test_infinite_shares_reach_the_winner_only():
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    geometry = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    _, winners = max_pool2d(x, **geometry)
    gx = pool_scatter(np.full((1, 1, 1, 1), np.inf), winners, x_shape=x.shape, **geometry)
    np.testing.assert_array_equal(gx[0, 0], [[0, 0], [0, np.inf]])


def test_memory_order_is_kept():
    x = layouts(np.random.default_rng(0).normal(size=(2, 3, 6, 6)))["channels-last"]
    out = conv2d(x, np.ones((4, 3, 3, 3)), None, **PLAIN)
    geometry = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    pooled, winners = max_pool2d(out, **geometry)
    gradient = pool_scatter(pooled, winners, x_shape=out.shape, **geometry)
    for array in (out, pooled, winners, gradient, conv2d_input_gradient(out, np.ones((4, 3, 3, 3)), x_shape=x.shape,
                                                                        **PLAIN)):
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous


# ---- what makes them quick changes nothing ---------------------------------------------------------------------------


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
        "pool_gather": lambda **k: pool_gather(x, winners, **pooling, **k),
        "erf": lambda **k: erf(x, **k),
        "relu": lambda **k: relu(x, **k),
        "relu, last": lambda **k: relu(last, **k),
        "keep": lambda **k: keep(x, x > 0.5, **k),
        "product": lambda **k: matrix_product(x, x, **k),
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


# ---- activations, sums, updates --------------------------------------------------------------------------------------


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
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


# ---- geometry and errors ---------------------------------------------------------------------------------------------


@given(st.integers(-6, 6), st.integers(1, 8), st.integers(1, 4), st.integers(0, 8))
def test_tap_slices_pair_outputs_with_inputs(offset, size, stride, outputs):
    read, written = tap_slices(offset, size, stride, outputs)
    want = [(i, i * stride + offset) for i in range(outputs) if 0 <= i * stride + offset < size]
    assert list(zip(range(outputs)[read], range(size)[written], strict=True)) == want


@pytest.mark.parametrize(("x", "w", "b", "extra", "error", "words"), [
    ((9, 1, 28, 28), (32, 3, 3, 3), None, {}, ShapeError,
     ["conv2d: x has 1 channel but weight expects 3.", "got       x (9, 1, 28, 28), weight (32, 3, 3, 3)",
      "expected  x.shape[1] == weight.shape[1]",
      "try       Conv2d(in_channels=1, ...) or repeat the channel axis of x"]),
    ((9, 28, 28, 1), (32, 1, 3, 3), None, {}, ShapeError,
     ["x has 28 channels but weight expects 1", "looks like channels-last; use x.permute(0, 3, 1, 2)"]),
    ((9, 28, 28), (32, 1, 3, 3), None, {}, ShapeError, ["x has 3 axes", "channel axis; use x.unsqueeze(1)"]),
    ((1, 28, 28), (32, 1, 3, 3), None, {}, ShapeError, ["x has 3 axes", "batch axis; use x.unsqueeze(0)"]),
    ((9, 784), (32, 1, 3, 3), None, {}, ShapeError, ["x has 2 axes", "x.reshape(-1, 1, height, width)"]),
    ((9,), (32, 1, 3, 3), None, {}, ShapeError, ["x has 1 axis but needs 4"]),
    ((9, 1, 28, 28), (32, 9), None, {}, ShapeError, ["weight has 2 axes but needs 4"]),
    ((9, 1, 28, 28), (0, 1, 3, 3), None, {}, ShapeError, ["weight is empty"]),
    ((9, 5, 8, 8), (4, 2, 3, 3), None, {"groups": 2}, ShapeError,
     ["x has 5 channels but weight expects 4", "groups 2", "weight.shape[1] * groups", "divides the 5 channels"]),
    ((9, 4, 8, 8), (3, 2, 3, 3), None, {"groups": 2}, ShapeError, ["groups 2 does not divide the 3 out-channels"]),
    ((9, 4, 8, 8), (3, 4, 3, 3), (4,), {}, ShapeError, ["bias (4,)", "expected  bias (3,)"]),
    ((9, 1, 2, 2), (3, 1, 3, 5), None, {}, ShapeError, ["kernel is larger", "kernel (3, 5)", "input (2, 2)"]),
    ((9, 1, 4, 4), (3, 1, 3, 3), None, {"dilation": (2, 2)}, ShapeError, ["reaches over (5, 5)"]),
    ((9, 1, 4, 4), (3, 1, 3, 3), None, {"stride": (0, 1)}, ArgumentError, ["stride is (0, 1)", "at least 1"]),
    ((9, 1, 4, 4), (3, 1, 3, 3), None, {"padding": (0, -1)}, ArgumentError, ["padding is (0, -1)", "at least 0"]),
    ((9, 1, 4, 4), (3, 1, 3, 3), None, {"groups": 0}, ArgumentError, ["groups is 0"]),
])
def test_conv2d_errors(x, w, b, extra, error, words):
    with pytest.raises(error) as caught:
        conv2d(np.ones(x), np.ones(w), None if b is None else np.ones(b), **PLAIN | extra)
    for text in words:
        assert text in str(caught.value)


@pytest.mark.parametrize(("x", "kernel", "padding", "error", "words"), [
    ((28, 28), (2, 2), (0, 0), ShapeError, "max_pool2d: x has 2 axes but needs 4"),
    ((1, 1, 1, 4), (2, 2), (0, 0), ShapeError, "max_pool2d: the kernel is larger than the padded input"),
    ((1, 1, 4, 4), (2, 2), (2, 0), ArgumentError, "more than half of the kernel"),
    ((1, 1, 4, 4), (0, 2), (0, 0), ArgumentError, "kernel is (0, 2)"),
])
def test_max_pool2d_errors(x, kernel, padding, error, words):
    with pytest.raises(error) as caught:
        max_pool2d(np.ones(x), kernel_size=kernel, stride=(2, 2), padding=padding)
    assert words in str(caught.value)
