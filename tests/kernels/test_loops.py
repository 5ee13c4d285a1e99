"""kernels/loops.py and image_loops.py, which numba compiles, as plain Python against the package's other kernels."""

import ast
import inspect

import numpy as np
import pytest
from scipy import special

import tinygrad_mnist as tg
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.kernels import conv, image_loops, loops, pool, softmax, update


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def floats(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def near(a, b):
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


def last(x):
    """Give images (N, C, H, W) as rows of H, W, C."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(len(x), -1)


def test_tanh_is_right_to_float32_rounding():
    x = np.concatenate([np.linspace(-12, 12, 4001), [0.0, -0.0, 1e-8, -1e-30, np.inf, -np.inf]]).astype(np.float32)
    got = np.array([loops.tanh(v) for v in x])
    assert got.dtype == np.float32
    assert np.abs(got - np.tanh(x.astype(np.float64))).max() < 4e-7
    small = np.abs(x) < 1e-3
    np.testing.assert_allclose(got[small], x[small], rtol=1e-6)
    assert np.isnan(loops.tanh(np.float32(np.nan)))


def test_sigmoid_is_right_to_four_units_down_to_the_smallest_numbers():
    x = np.concatenate([np.linspace(-87, 40, 6001), [0.0, -0.0, -17, -20]]).astype(np.float32)
    got = np.array([loops.sigmoid(v) for v in x])
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert got.dtype == np.float32
    assert np.max(np.abs(got - exact) / exact) <= 4 * np.finfo(np.float32).eps
    ends = [loops.sigmoid(np.float32(v)) for v in (-np.inf, -1e30, -100, np.inf)]
    assert ends[0] == ends[1] < ends[2] < 1e-43 and ends[0] < 1e-44 and ends[3] == 1
    assert np.isnan(loops.sigmoid(np.float32(np.nan)))
    assert loops.sigmoid_double(-700.0) == pytest.approx(np.exp(-700), rel=1e-15)


@pytest.mark.filterwarnings("ignore:overflow")
def test_exp_is_right_to_a_unit_up_to_the_ends():
    x = np.concatenate([np.linspace(-87, 88.7, 6001), [0.0, -0.0]]).astype(np.float32)
    got, exact = np.array([loops.exp(v) for v in x]), np.exp(x.astype(np.float64))
    assert got.dtype == np.float32 and np.max(np.abs(got - exact) / exact) <= np.finfo(np.float32).eps
    ends = [loops.exp(np.float32(v)) for v in (-np.inf, -200, 89, np.inf)]
    assert ends[0] == ends[1] < 1e-44 and ends[2] == ends[3] == np.inf and np.isnan(loops.exp(np.float32(np.nan)))


@pytest.mark.parametrize(("loop", "oracle"), [
    (loops.floor, np.floor), (loops.ceil, np.ceil), (loops.trunc, np.trunc), (loops.rint, np.rint),
    (loops.softplus, lambda x: np.logaddexp(x, 0)), (loops.normal_double, special.ndtr), (loops.normal, special.ndtr),
])  # fmt: skip
def test_functions_of_a_number(loop, oracle):
    x = np.linspace(-12, 12, 777).astype(np.float32)
    kind, exact = np.float64 if loop is loops.normal_double else np.float32, oracle(x.astype(np.float64))
    got = np.array([loop(kind(v)) for v in x])
    np.testing.assert_allclose(got, exact, rtol=1e-6 if loop is loops.softplus else 0, atol=2e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_and_its_gradient(rng, smoothing):
    x, target = floats(rng, 5, 4) * 3, np.array([0, 3, 1, 1, 2])
    smoothing = np.float32(smoothing)
    out, p = np.empty(5, np.float32), np.empty((5, 4), np.float32)
    loops.cross_entropy(x, target, smoothing, out, p)
    losses, probabilities = softmax.cross_entropy(x, target, smoothing=smoothing)
    near(out, losses)
    near(p, probabilities)
    s, g = floats(rng, 5), np.empty((5, 4), np.float32)
    loops.less_one_hot(p, s, target, smoothing, g)
    near(g, softmax.less_one_hot(probabilities, s, target, smoothing=smoothing))
    loops.softmax(x, p)
    near(p, softmax.softmax(x, axis=1))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_logits_of_minus_infinity_are_classes_that_cannot_be(smoothing):
    x = np.array([[0, 1, -np.inf], [-np.inf, -np.inf, 2], [1, -np.inf, 0], [-np.inf] * 3], np.float32)
    target, out, p = np.array([1, 2, 1, 0]), np.empty(4, np.float32), np.empty_like(x)
    loops.cross_entropy(x, target, np.float32(smoothing), out, p)
    losses, probabilities = softmax.cross_entropy(x, target, smoothing=smoothing)
    np.testing.assert_allclose(out, losses, 1e-6)
    np.testing.assert_allclose(p, probabilities, 1e-6)


ROWS = {
    "sum": loops.row_sums, "mean": loops.row_means, "amax": loops.row_maxima, "amin": loops.row_minima,
    "argmax": loops.first_maxima, "argmin": loops.first_minima, "logsumexp": loops.row_logsumexp,
    "var": loops.row_variances, "log_softmax": loops.log_softmax, "pick": loops.pick,
    "norm": loops.row_norms,
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_each_row_by_itself(rng, name):
    x = np.round(floats(rng, 9, 5) * 2) / 2  # ties
    if name not in ("var", "log_softmax"):
        x[1, 2], x[2, 3] = np.nan, np.inf
    arrays = [x, np.arange(9) % 5][: len(registry[name].arguments)]
    static = {k: v for k, v in {"axis": 1, "keepdims": False, "correction": 1}.items() if k in registry[name].static}
    expected = registry[name](*arrays, **static)
    found = np.empty_like(expected)
    ROWS[name](*arrays, *[np.float32(1)] * (name == "var"), found)
    near(found, expected)
    assert loops.largest(x[0]) == x[0].argmax() and loops.smallest(x[0]) == x[0].argmin()
    assert registry[name].rows is ROWS[name]


def test_cross_entropy_does_not_overflow():
    x = np.array([[1000.0, 0.0], [-1000.0, 1000.0]], np.float32)
    out, p = np.empty(2, np.float32), np.empty((2, 2), np.float32)
    loops.cross_entropy(x, np.array([1, 1]), np.float32(0), out, p)
    assert out.tolist() == [1000.0, 0.0] and p.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_sums(rng):
    x, out = floats(rng, 6, 5), np.full(5, -1, np.float32)
    loops.sum_columns(x, 1, 4, out)
    near(out[1:4], x.sum(0)[1:4])
    assert out[0] == out[4] == -1
    near(loops.total(x[:, 0]), x[:, 0].sum())
    some = np.empty((6, 2), np.float32)
    loops.copy_columns(x, 2, some)
    np.testing.assert_array_equal(some, x[:, 2:4])


CONVOLUTIONS = [(1, 3, 1, 0, 7), (3, 3, 1, 1, 6), (2, 2, 2, 0, 8), (2, 5, 1, 2, 5), (1, 1, 1, 0, 4)]


@pytest.mark.parametrize(("channels", "size", "stride", "pad", "width"), CONVOLUTIONS)
@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_convolution_and_its_gradients(rng, channels, size, stride, pad, width, at_once):
    x, w = floats(rng, 2, channels, width, width), floats(rng, 4, channels, size, size)
    options = {"stride": (stride, stride), "padding": (pad, pad), "dilation": (1, 1), "groups": 1}
    wanted = conv.conv2d(x, w, None, **options)
    oh, ow = wanted.shape[2:]
    g = floats(rng, *wanted.shape)
    at_once = min(at_once, oh)
    packed = np.empty((size * size * channels, 4), np.float32)
    image_loops.pack(w.reshape(4, -1), size * size, packed)
    columns = np.empty((at_once * ow, size * size * channels), np.float32)
    out, gx = np.empty((2, oh * ow * 4), np.float32), np.empty((2, width * width * channels), np.float32)
    partial, product = np.zeros((2, *packed.shape), np.float32), np.empty_like(packed)
    wide = width + 2 * pad
    for n, image in enumerate(last(x)):
        framed = np.full(wide * wide * channels, np.nan, np.float32)
        image_loops.frame(image, width, width, channels, pad, framed)
        geometry = (wide, channels, size, size, stride, oh, ow, at_once)
        image_loops.conv_image(framed, *geometry, packed, columns, out[n])
        pixels = last(g)[n]
        image_loops.conv_weights_image(framed, pixels, *geometry, columns, product, partial[n])
        image_loops.conv_input_image(pixels, *geometry, packed, columns, framed)
        image_loops.crop(framed, width, width, channels, pad, gx[n])
    near(out, last(wanted))
    near(gx, last(conv.conv2d_input_gradient(g, w, x_shape=x.shape, **options)))
    gw = np.full((4, channels * size * size), -1, np.float32)
    image_loops.unpack_sum(partial, size * size, 1, 3, gw)
    wanted = conv.conv2d_weight_gradient(g, x, w_shape=w.shape, **options)
    np.testing.assert_allclose(gw.reshape(w.shape)[1:3], wanted[1:3], rtol=1e-4, atol=1e-4)
    assert (gw[0] == -1).all() and (gw[3] == -1).all()


def test_a_bias_is_a_weight_that_meets_a_column_of_ones(rng):
    x, w, b = floats(rng, 1, 2, 5, 5), floats(rng, 4, 2, 3, 3), floats(rng, 4)
    packed, columns, out = np.empty((19, 4), np.float32), np.empty((6, 19), np.float32), np.empty(36, np.float32)
    image_loops.pack(w.reshape(4, -1), 9, packed)
    packed[18], columns[:, 18] = b, 1
    image_loops.conv_image(last(x)[0], 5, 2, 3, 3, 1, 3, 3, 2, packed, columns, out)
    near(out[None], last(conv.conv2d(x, w, b, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1)))
    total = np.ones(4, np.float32)
    image_loops.sum_image(out, total)
    near(total, 1 + out.reshape(9, 4).sum(0))


@pytest.mark.parametrize(("kernel", "stride"), [((2, 2), (2, 2)), ((3, 2), (2, 1)), ((2, 2), (3, 3))])
def test_pooling_and_its_gradient(rng, kernel, stride):
    x = np.round(floats(rng, 2, 3, 7, 7) * 2) / 2  # ties
    x[0, 0, 1, 1] = np.nan
    options = {"kernel_size": kernel, "stride": stride, "padding": (0, 0)}
    wanted, winners = pool.max_pool2d(x, **options)
    oh, ow = wanted.shape[2:]
    g = floats(rng, *wanted.shape)
    sizes = (7, 3, *kernel, *stride, oh, ow)
    for n, image in enumerate(last(x)):
        out, won = np.empty(oh * ow * 3, np.float32), np.empty(oh * ow * 3, np.uint8)
        image_loops.pool_image(image, *sizes, out, won)
        np.testing.assert_array_equal(out, last(wanted)[n])
        np.testing.assert_array_equal(won, last(winners)[n])
        gx = np.empty(7 * 7 * 3, np.float32)
        image_loops.scatter_image(last(g)[n], won, *sizes, gx)
        near(gx, last(pool.pool_scatter(g, winners, x_shape=x.shape, **options))[n])


def test_turn(rng):
    x, out = floats(rng, 12), np.empty(12, np.float32)
    image_loops.turn(x, 3, 4, out)
    np.testing.assert_array_equal(out.reshape(4, 3), x.reshape(3, 4).T)


@pytest.mark.parametrize(("name", "settings"), [
    ("SGD", {}), ("SGD", {"momentum": 0.9, "dampening": 0.2}), ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {}), ("Adam", {"amsgrad": True}), ("AdamW", {"weight_decay": 0.1}), ("Adadelta", {}), ("NAdam", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5}), ("ASGD", {}), ("Adagrad", {}), ("Adamax", {}), ("RAdam", {}),
])  # fmt: skip
@pytest.mark.parametrize("maximize", [False, True])
def test_the_loops_of_optimizers_are_their_steps(rng, name, settings, maximize):
    """The formula as a loop, beside the same formula in NumPy's calls, for three steps."""
    start = floats(rng, 9)
    for decay in (0.0, 0.1):
        p, q = (tg.tensor(start.copy(), requires_grad=True) for _ in range(2))
        settings = {**settings, "weight_decay": decay, "maximize": maximize}
        a, b = (getattr(tg.optim, name)([x], **settings) for x in (p, q))
        for _ in range(3):
            p.grad = tg.tensor(floats(rng, 9))
            a.step()
            rule, arrays, numbers = b.next_step(q, b.state_of(q, b.param_groups[0]), b.param_groups[0])
            made = {"np": np}
            exec(update.SOURCES[rule.name], made)
            made[rule.name](q.array, p.grad.array, *arrays, *map(np.float32, numbers))
        near(q.array, p.array)
        for x, y in zip(a.state[p].values(), b.state[q].values(), strict=True):
            near(np.asarray(y), np.asarray(x))


def test_every_loop_is_tested_here():
    tested = {n.attr for n in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(test_turn))))
              if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id.endswith("loops")}
    files = (loops, image_loops)
    functions = {name for file in files for name, f in vars(file).items() if inspect.isfunction(f)}
    assert functions - tested == {"patches", "collect"}, "add the loop to ROWS above"  # two that conv_..._image call


@pytest.mark.parametrize("loop", [loops.floor, loops.ceil, loops.trunc, loops.rint])
def test_rounding(loop):
    for x in (-1.5, -0.5, 0.0, 0.5, 2.5, np.inf):
        assert loop(x) == getattr(np, loop.__name__)(x)
