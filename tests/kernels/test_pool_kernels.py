"""Pooling against naive loops, its adjoints, PyTorch where it is installed, and its errors."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loops_by_hand import LAYOUTS, PLAIN, layouts, pairs

from tinygrad_mnist.core.errors import ArgumentError, ShapeError
from tinygrad_mnist.kernels.conv import conv2d, conv2d_input_gradient
from tinygrad_mnist.kernels.pool import max_pool2d, max_pool2d_values, pool_gather, pool_scatter
from tinygrad_mnist.kernels.shapes import conv_output_size


def max_pool2d_reference(x, kernel, stride, padding):
    n, c, h, w = x.shape
    oh, ow = (conv_output_size(x.shape[2 + a], kernel[a], stride[a], padding[a], 1) for a in (0, 1))
    out, winners = np.empty((n, c, oh, ow), x.dtype), np.empty((n, c, oh, ow), int)
    for a, b, i, j in product(range(n), range(c), range(oh), range(ow)):
        best = None
        for p, q in product(range(kernel[0]), range(kernel[1])):
            row, column = i * stride[0] + p - padding[0], j * stride[1] + q - padding[1]
            if 0 <= row < h and 0 <= column < w:
                value = x[a, b, row, column]
                if best is None or value > best or np.isnan(value):
                    best, winners[a, b, i, j] = value, p * kernel[1] + q
        out[a, b, i, j] = best
    return out, winners


def pool_scatter_reference(g, winners, x_shape, kernel, stride, padding):
    gx = np.zeros(x_shape)
    for n, c, i, j in np.ndindex(winners.shape):
        p, q = divmod(int(winners[n, c, i, j]), kernel[1])
        gx[n, c, i * stride[0] + p - padding[0], j * stride[1] + q - padding[1]] += g[n, c, i, j]
    return gx


@st.composite
def poolings(draw):
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = [draw(st.integers(max(1, kernel[a] - 2 * padding[a]), 9)) for a in (0, 1)]
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size)
    return shape, {"kernel": kernel, "stride": stride, "padding": padding}


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
    geometry = {"kernel": kernel, "stride": stride, "padding": padding}
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
    geometry = {"kernel": (2, 2), "stride": (1, 1), "padding": (0, 0)}
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
    geometry = {"kernel": kernel, "stride": kernel, "padding": (0, 0)}
    out, winners = max_pool2d(x, **geometry)
    assert winners.dtype == kind and winners[0, 0, 0, 0] == kernel[0] * kernel[1] - 1
    np.testing.assert_array_equal(pool_scatter(out, winners, x_shape=x.shape, **geometry), x)


@pytest.mark.parametrize("padding", [(0, 0), (1, 1)])
def test_pixels_that_no_window_reaches_get_zero(padding):
    geometry = {"kernel": (3, 3), "stride": (3, 3), "padding": padding}
    for shape in ((1, 1, 3, 3), (2, 1, 7, 8), (1, 2, 6, 6)):
        x = np.random.default_rng(0).normal(size=shape)
        out, winners = max_pool2d(x, **geometry)
        gx = pool_scatter(out, winners, x_shape=shape, **geometry, out=np.full(shape, np.nan))
        np.testing.assert_array_equal(gx, pool_scatter_reference(out, winners, shape, **geometry))


def test_infinite_shares_reach_the_winner_only():
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    geometry = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    _, winners = max_pool2d(x, **geometry)
    gx = pool_scatter(np.full((1, 1, 1, 1), np.inf), winners, x_shape=x.shape, **geometry)
    np.testing.assert_array_equal(gx[0, 0], [[0, 0], [0, np.inf]])


def test_memory_order_is_kept():
    x = layouts(np.random.default_rng(0).normal(size=(2, 3, 6, 6)))["channels-last"]
    out = conv2d(x, np.ones((4, 3, 3, 3)), None, **PLAIN)
    geometry = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    pooled, winners = max_pool2d(out, **geometry)
    gradient = pool_scatter(pooled, winners, x_shape=out.shape, **geometry)
    for array in (out, pooled, winners, gradient, conv2d_input_gradient(out, np.ones((4, 3, 3, 3)), x_shape=x.shape,
                                                                        **PLAIN)):
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(("x", "kernel", "padding", "error", "words"), [
    ((28, 28), (2, 2), (0, 0), ShapeError, "max_pool2d: x has 2 axes but needs 4"),
    ((1, 1, 1, 4), (2, 2), (0, 0), ShapeError, "max_pool2d: the kernel is larger than the padded input"),
    ((1, 1, 4, 4), (2, 2), (2, 0), ArgumentError, "more than half of the kernel"),
    ((1, 1, 4, 4), (0, 2), (0, 0), ArgumentError, "kernel is (0, 2)"),
])
def test_max_pool2d_errors(x, kernel, padding, error, words):
    with pytest.raises(error) as caught:
        max_pool2d(np.ones(x), kernel=kernel, stride=(2, 2), padding=padding)
    assert words in str(caught.value)
