"""Kernels against naive loops, their adjoints, PyTorch where it is installed, and their errors.

The loops below are the oracle: one output value at a time, as the formula in each docstring says it. Whatever makes
kernels quick must not change a result: blocks, threads, memory that is used again, and arrays given for the result.
Look next at tinygrad_mnist/kernels/conv.py and pool.py; test_parallel.py has the threads themselves.
"""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loops_by_hand import LAYOUTS, PLAIN, layouts, pairs

from tinygrad_mnist.core.errors import ArgumentError, ShapeError
from tinygrad_mnist.kernels import blend
from tinygrad_mnist.kernels import conv as conv_module
from tinygrad_mnist.kernels.conv import conv2d, conv2d_input_gradient, conv2d_weight_gradient
from tinygrad_mnist.kernels.pool import max_pool2d, max_pool2d_values, pool_gather, pool_scatter
from tinygrad_mnist.kernels.shapes import conv_output_size, tap_slices


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


def output_shape(x_shape, w_shape, stride, padding, dilation, groups):
    sizes = [conv_output_size(x_shape[2 + a], w_shape[2 + a], stride[a], padding[a], dilation[a]) for a in (0, 1)]
    return (x_shape[0], w_shape[0], *sizes)


@st.composite
def convolutions(draw):
    """Shapes of x and w, and a geometry in which the kernel fits."""
    groups, n = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    c, o = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel, stride, padding, dilation = draw(pairs(1, 4)), draw(pairs(1, 4)), draw(pairs(0, 4)), draw(pairs(1, 3))
    size = [draw(st.integers(max(1, dilation[a] * (kernel[a] - 1) + 1 - 2 * padding[a]), 10)) for a in (0, 1)]
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (n, c * groups, *size), (o * groups, c, *kernel), geometry


# ---- convolution -----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=150)
@given(convolutions(), st.tuples(*[st.sampled_from(LAYOUTS)] * 3), st.booleans(), st.integers(0, 2**32 - 1))
def test_convolution_and_gradients_match_loops(shapes, names, with_bias, seed):
    x_shape, w_shape, geometry = shapes
    random = np.random.default_rng(seed)
    out_shape = output_shape(x_shape, w_shape, **geometry)
    shaped = zip(names, (x_shape, w_shape, out_shape), strict=True)
    x, w, g = (layouts(random.normal(size=shape))[name] for name, shape in shaped)
    b = random.normal(size=w_shape[0]) if with_bias else None
    out = conv2d(x, w, b, **geometry)
    gx = conv2d_input_gradient(g, w, x_shape=x_shape, **geometry)
    gw = conv2d_weight_gradient(g, x, w_shape=w_shape, **geometry)
    want_gx, want_gw = gradients_reference(g, x, w, **geometry)
    np.testing.assert_allclose(out, conv2d_reference(x, w, b, out_shape, **geometry), atol=1e-12)
    np.testing.assert_allclose(gx, want_gx, atol=1e-12)
    np.testing.assert_allclose(gw, want_gw, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(convolutions(), st.integers(0, 2**32 - 1), st.integers(1, 500))
def test_three_kernels_are_adjoint_for_any_block_size(shapes, seed, block_values):
    x_shape, w_shape, geometry = shapes
    random = np.random.default_rng(seed)
    x, w = random.normal(size=x_shape), random.normal(size=w_shape)
    g = random.normal(size=output_shape(x_shape, w_shape, **geometry))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv_module, "_BLOCK_VALUES", block_values)
        patch.setattr(conv_module, "_BLOCK_WORK", 1)
        forward = np.vdot(g, conv2d(x, w, None, **geometry))
        through_x = np.vdot(x, conv2d_input_gradient(g, w, x_shape=x_shape, **geometry))
        through_w = np.vdot(w, conv2d_weight_gradient(g, x, w_shape=w_shape, **geometry))
    np.testing.assert_allclose([through_x, through_w], forward, atol=1e-10)


@pytest.mark.parametrize(("x_shape", "w_shape", "extra"), [
    ((64, 1, 28, 28), (32, 1, 3, 3), {}), ((32, 32, 26, 26), (64, 32, 3, 3), {}),
    ((64, 32, 13, 13), (64, 32, 3, 3), {}), ((64, 1, 28, 28), (6, 1, 5, 5), {"padding": (2, 2)}),
    ((17, 6, 14, 14), (16, 6, 5, 5), {}), ((9, 16, 29, 27), (32, 16, 3, 3), {"stride": (2, 2), "padding": (1, 1)}),
    ((9, 8, 28, 28), (8, 1, 3, 3), {"groups": 8, "padding": (1, 1)}),
    ((5, 3, 32, 32), (8, 3, 3, 3), {"dilation": (2, 3)}), ((5, 1, 28, 28), (12, 1, 7, 7), {"stride": (7, 7)}),
])  # fmt: skip
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
        conv2d(x, w, b, **PLAIN), conv2d_input_gradient(g, w, x_shape=x.shape, **PLAIN),
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


@st.composite
def poolings(draw):
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = [draw(st.integers(max(1, kernel[a] - 2 * padding[a]), 9)) for a in (0, 1)]
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size)
    return shape, {"kernel_size": kernel, "stride": stride, "padding": padding}


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
    gx = conv2d_input_gradient(out, np.ones((4, 3, 3, 3)), x_shape=x.shape, **PLAIN)
    for array in (out, pooled, winners, gradient, gx):
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous


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


def test_the_adjoint_of_uneven_means_reads_each_window_that_an_input_is_in_once():
    assert len(blend.taps(blend.turned(blend.Table("adaptive", 1000, 62)))) == 2  # it was 18
