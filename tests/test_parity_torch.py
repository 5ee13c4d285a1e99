"""PyTorch as the judge: the same text gives the same values, first and second derivatives, and trained weights.

Also the spelling: argument names and defaults are PyTorch's wherever PyTorch has the thing; exceptions are listed
with reasons.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # tiny tensors: a second thread only waits

CHECK = settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


class Draw:
    """Shapes and options from hypothesis, values from a seed."""

    def __init__(self, data):
        self.array = data
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))

    def one_of(self, *options):
        return self.array.draw(st.sampled_from(options))

    def shape(self, least=0, most=3):
        return tuple(self.array.draw(st.lists(st.integers(1, 4), min_size=least, max_size=most)))

    def any(self, shape):
        return self.rng.uniform(-2, 2, shape)

    def positive(self, shape):
        return self.rng.uniform(0.3, 2.5, shape)

    def distinct(self, shape):
        """Values apart from each other and from 0, for extremes and kinks."""
        size = int(np.prod(shape))
        return (self.rng.permutation(size) - size // 2 + 0.5 + self.rng.uniform(-0.2, 0.2, size)).reshape(shape) * 0.3

    def dims(self, ndim):
        return self.one_of(None, *range(-ndim, ndim), *([(0, -1)] if ndim > 1 else []))

    def stretched(self, shape):
        """A shape that broadcasts with this one."""
        cut = shape[self.one_of(*range(len(shape) + 1)) :]
        return tuple(1 if self.one_of(False, False, True) else s for s in cut)


# A case draws arrays and gives them with a function of (module, its nn.functional, tensors): the same text for both.


def unary(f, kind="any"):
    def case(d):
        return [getattr(d, kind)(d.shape())], f

    return case


def binary(f, kind="any"):
    def case(d):
        shape = d.shape()
        shapes = [shape, d.stretched(shape)]
        if d.one_of(False, True):
            shapes.reverse()
        if kind == "apart":
            both = d.distinct((2, *shape))
            return [both[0], both[1]], f
        return [getattr(d, kind)(s) for s in shapes], f

    return case


def reducing(f, kind="any", some=False):
    def case(d):
        shape = d.shape(1 if some else 0)
        dims, keep = (d.dims(len(shape)) if shape else None), d.one_of(False, True)
        return [getattr(d, kind)(shape)], lambda m, F, x: f(m, x, dims, keep)

    return case


def along(f, kind="any"):
    def case(d):
        shape = d.shape(1)
        dim, keep = d.one_of(*range(-len(shape), len(shape))), d.one_of(False, True)
        return [getattr(d, kind)(shape)], lambda m, F, x: f(m, x, dim, keep)

    return case


def without_none(f):
    """Leave dim out where it is None: some of PyTorch's reductions do not take None."""
    return lambda m, x, dim, keep: f(m, x) if dim is None else f(m, x, dim=dim, keepdim=keep)


def reshaping(d):
    shape = d.shape(1)
    new = d.one_of((-1,), (1, -1), tuple(reversed(shape)), (-1, shape[0]), shape)
    return [d.any(shape)], lambda m, F, x: x.reshape(new)


def permuting(d):
    shape = d.shape(1)
    order = d.one_of(tuple(reversed(range(len(shape)))), tuple(range(-len(shape), 0)), (*range(1, len(shape)), 0))
    return [d.any(shape)], lambda m, F, x: m.permute(x, order)


def transposing(d):
    shape = d.shape(2)
    a, b = (d.one_of(*range(-len(shape), len(shape))) for _ in range(2))
    return [d.any(shape)], lambda m, F, x: m.transpose(x, a, b)


def expanding(d):
    shape = d.shape()
    start = tuple(1 if d.one_of(False, True) else s for s in shape)
    return [d.any(start)], lambda m, F, x: x.expand(2, *shape)


def joining(d):
    shape = d.shape(1)
    dim = d.one_of(*range(-len(shape), len(shape)))
    sizes = [d.one_of(1, 2, 3) for _ in range(3)]
    shapes = [tuple(s if i == dim % len(shape) else old for i, old in enumerate(shape)) for s in sizes]
    return [d.any(s) for s in shapes], lambda m, F, *xs: m.cat(xs, dim)


def stacking(d):
    shape = d.shape()
    dim = d.one_of(*range(-len(shape) - 1, len(shape) + 1))
    return [d.any(shape), d.any(shape)], lambda m, F, *xs: m.stack(xs, dim=dim)


def splitting(d):
    shape = d.shape(1)
    dim, size = d.one_of(*range(-len(shape), len(shape))), d.one_of(1, 2, 3)
    return [d.any(shape)], lambda m, F, x: m.cat([p * (i + 1) for i, p in enumerate(m.split(x, size, dim))], dim)


def padding(d):
    shape = d.shape(1)
    widths = [d.one_of(0, 1, 2) for _ in range(2 * d.one_of(*range(1, len(shape) + 1)))]
    return [d.any(shape)], lambda m, F, x: F.pad(x, widths, value=0.5)


def gathering(d):
    shape = d.shape(1)
    dim = d.one_of(*range(len(shape)))
    index = d.rng.integers(0, shape[dim], tuple(3 if i == dim else s for i, s in enumerate(shape)))
    return [d.any(shape)], lambda m, F, x: m.gather(x, dim, m.tensor(index))


def choosing(d):
    shape = d.shape()
    condition = d.rng.uniform(size=shape) > 0.5
    return [d.any(shape), d.any(d.stretched(shape))], lambda m, F, x, y: m.where(m.tensor(condition), x, y)


def indexing(d):
    key = d.one_of(
        0, -1, slice(1, None), slice(None, None, 2), (slice(None), 1), (Ellipsis, 0), (None, 1), (0, slice(None), 2),
        ([0, 2, 0],),
        ([0, 1], [1, 1]), (slice(None), [2, 2]), (0, [1, 0]), (Ellipsis, [0, 0]),
    )  # fmt: skip
    return [d.any((3, 3, 4))], lambda m, F, x: x[key]


def multiplying(d):
    i, j, k, n = (d.one_of(1, 2, 3) for _ in range(4))
    shapes = d.one_of(
        ((i, k), (k, j)), ((k,), (k, j)), ((i, k), (k,)), ((k,), (k,)), ((n, i, k), (k, j)), ((i, k), (n, k, j)),
        ((n, i, k), (n, k, j)), ((1, i, k), (n, k, j)), ((2, 1, i, k), (n, k, j)), ((n, i, k), (k,)), ((k,), (n, k, j)),
    )  # fmt: skip
    return [d.any(s) for s in shapes], lambda m, F, a, b: m.matmul(a, b)


def linear(d):
    o, i = d.one_of(1, 2, 3), d.one_of(1, 2, 4)
    x = (*d.shape(most=2), i)
    if d.one_of(False, True):
        return [d.any(x), d.any((o, i)), d.any((o,))], lambda m, F, x, w, b: F.linear(x, w, b)
    return [d.any(x), d.any((o, i))], lambda m, F, x, w: F.linear(x, w)


def convolving(d):
    groups, kernel = d.one_of(1, 1, 2), (d.one_of(1, 2, 3), d.one_of(1, 2, 3))
    c, o = groups * d.one_of(1, 2), groups * d.one_of(1, 2)
    options = {"dilation": d.one_of(1, 2), "groups": groups}
    same = d.one_of(False, False, True)
    options |= (
        {"padding": "same"} if same else {"padding": d.one_of(0, 1, (1, 0), "valid"), "stride": d.one_of(1, 2, (1, 2))}
    )
    x, w = d.any((2, c, 6, 5)), d.any((o, c // groups, *kernel))
    if d.one_of(False, True):
        return [x, w, d.any((o,))], lambda m, F, x, w, b: F.conv2d(x, w, b, **options)
    return [x, w], lambda m, F, x, w: F.conv2d(x, w, **options)


def pooling(d):
    kernel = d.one_of(2, 3, (2, 3), (1, 2))
    options = {"stride": d.one_of(None, 1, 2, (2, 1)), "padding": 0 if kernel == (1, 2) else d.one_of(0, 1)}
    return [d.distinct((2, 2, 5, 6))], lambda m, F, x: F.max_pool2d(x, kernel, **options)


def crossing(d):
    shape = d.one_of((4, 3), (1, 5), (2, 3, 4), (2, 3, 2, 2))
    smoothing, reduction = d.one_of(0.0, 0.1, 0.5), d.one_of("mean", "sum", "none")
    options = {"label_smoothing": smoothing, "reduction": reduction}
    if d.one_of(False, True):
        return [d.any(shape), d.positive(shape)], lambda m, F, x, p: F.cross_entropy(
            x, p / p.sum(1, keepdim=True), **options
        )
    target = d.rng.integers(0, shape[1], (shape[0], *shape[2:]))
    return [d.any(shape)], lambda m, F, x: F.cross_entropy(x, m.tensor(target), **options)


def crossing_one(d):
    return [d.any((3,))], lambda m, F, x: F.cross_entropy(x, m.tensor(1), reduction="none")


def likelihood(d):
    shape, reduction = d.one_of((4, 3), (2, 3, 4)), d.one_of("mean", "sum", "none")
    target = d.rng.integers(0, shape[1], (shape[0], *shape[2:]))
    return [d.any(shape)], lambda m, F, x: F.nll_loss(m.log_softmax(x, 1), m.tensor(target), reduction=reduction)


def squared(d):
    shape, reduction = d.shape(), d.one_of("mean", "sum", "none")
    return [d.any(shape), d.any(shape)], lambda m, F, x, y: F.mse_loss(x, y, reduction=reduction)


CASES = {
    "abs": unary(lambda m, F, x: m.abs(x), "distinct"), "exp": unary(lambda m, F, x: m.exp(x)),
    "expm1": unary(lambda m, F, x: m.expm1(x)),
    "log": unary(lambda m, F, x: m.log(x), "positive"), "log1p": unary(lambda m, F, x: m.log1p(x), "positive"),
    "sqrt": unary(lambda m, F, x: m.sqrt(x), "positive"), "square": unary(lambda m, F, x: m.square(x)),
    "sin": unary(lambda m, F, x: m.sin(x)),
    "cos": unary(lambda m, F, x: m.cos(x)), "tanh": unary(lambda m, F, x: m.tanh(x)),
    "sigmoid": unary(lambda m, F, x: m.sigmoid(x)),
    "relu": unary(lambda m, F, x: F.relu(x), "distinct"), "sign": unary(lambda m, F, x: m.sign(x) * x, "distinct"),
    "reciprocal": unary(lambda m, F, x: m.reciprocal(x), "positive"), "neg": unary(lambda m, F, x: m.neg(x)),
    "clone": unary(lambda m, F, x: x.clone()),
    "pow": unary(lambda m, F, x: m.pow(x, 2.5), "positive"), "pow 2": unary(lambda m, F, x: x**2),
    "pow 3": unary(lambda m, F, x: x**3),
    "pow 0": unary(lambda m, F, x: x**0 * x), "pow -1": unary(lambda m, F, x: x**-1, "positive"),
    "rpow": unary(lambda m, F, x: 2.5**x),
    "rdiv": unary(lambda m, F, x: 3 / x, "positive"), "rsub": unary(lambda m, F, x: 3 - x * x),
    "clamp": unary(lambda m, F, x: m.clamp(x, -0.5, 0.7)), "clamp min": unary(lambda m, F, x: m.clamp(x, min=0.1)),
    "clamp tensors": binary(lambda m, F, x, y: m.clamp(x * 2, x, y), "apart"),
    "float64 and back": unary(lambda m, F, x: x.double() * 2),
    "add": binary(lambda m, F, x, y: m.add(x, y, alpha=3)), "sub": binary(lambda m, F, x, y: m.sub(x, y, alpha=0.5)),
    "mul": binary(lambda m, F, x, y: m.mul(x, y)), "div": binary(lambda m, F, x, y: m.div(x, y), "positive"),
    "pow tensors": binary(lambda m, F, x, y: m.pow(x, y), "positive"),
    "maximum": binary(lambda m, F, x, y: m.maximum(x, y), "apart"),
    "minimum": binary(lambda m, F, x, y: m.minimum(x, y), "apart"),
    "max of two": binary(lambda m, F, x, y: m.max(x, y), "apart"),
    "min of two": binary(lambda m, F, x, y: m.min(x, y), "apart"), "where": choosing,
    "sum": reducing(lambda m, x, dim, keep: m.sum(x, dim=dim, keepdim=keep)),
    "mean": reducing(lambda m, x, dim, keep: m.mean(x, dim=dim, keepdim=keep)),
    "amax": reducing(without_none(lambda m, x, **k: m.amax(x, **k)), "distinct"),
    "amin": reducing(without_none(lambda m, x, **k: m.amin(x, **k)), "distinct"),
    "max": reducing(lambda m, x, dim, keep: m.max(x), "distinct"),
    "min": reducing(lambda m, x, dim, keep: m.min(x), "distinct"),
    "max dim": along(lambda m, x, dim, keep: m.max(x, dim=dim, keepdim=keep).values, "distinct"),
    "min dim": along(lambda m, x, dim, keep: m.min(x, dim, keep)[0], "distinct"),
    "prod": reducing(lambda m, x, dim, keep: m.prod(x)),
    "prod dim": along(lambda m, x, dim, keep: m.prod(x, dim=dim, keepdim=keep)),
    "logsumexp": along(lambda m, x, dim, keep: m.logsumexp(x, dim=dim, keepdim=keep)),
    "var": reducing(lambda m, x, dim, keep: m.var(x, dim=dim, correction=0, keepdim=keep)),
    "var unbiased": unary(lambda m, F, x: m.var(m.stack([x, x * x, x + 1]), dim=0)),
    "std": unary(lambda m, F, x: m.std(m.stack([x, x * x, x + 1]), dim=0, keepdim=True)),
    "softmax": along(lambda m, x, dim, keep: m.softmax(x, dim=dim)),
    "log_softmax": along(lambda m, x, dim, keep: m.log_softmax(x, dim=dim)),
    "reshape": reshaping, "permute": permuting, "transpose": transposing, "expand": expanding, "cat": joining,
    "stack": stacking, "split": splitting,
    "pad": padding, "gather": gathering, "index": indexing, "flip": along(lambda m, x, dim, keep: m.flip(x, (dim,))),
    "flatten": unary(lambda m, F, x: m.flatten(x)), "squeeze": unary(lambda m, F, x: m.squeeze(x)),
    "squeeze dim": along(lambda m, x, dim, keep: m.squeeze(x, dim)),
    "unsqueeze": along(lambda m, x, dim, keep: m.unsqueeze(x, dim=dim)),
    "T": unary(lambda m, F, x: x.reshape(-1, 1).T), "matmul": multiplying, "linear": linear, "conv2d": convolving,
    "max_pool2d": pooling,
    "cross_entropy": crossing, "cross_entropy of one": crossing_one, "nll_loss": likelihood, "mse_loss": squared,
}  # fmt: skip


def derivatives(m, F, arrays, f, rng):
    """Value, gradients, and the gradients of a weighed sum of those with respect to the inputs and the cotangent."""
    xs = [m.tensor(a, requires_grad=True) for a in arrays]
    y = f(m, F, *xs)
    u = m.tensor(rng.uniform(-1, 1, tuple(y.shape)), requires_grad=True)
    first = m.autograd.grad(y, xs, u, create_graph=True, allow_unused=True)
    weighed = [(g * m.tensor(rng.uniform(-1, 1, tuple(g.shape)))).sum() for g in first if g is not None]
    second = m.autograd.grad(weighed, [*xs, u], allow_unused=True)
    found = [y, *first, *second]
    return [np.zeros(()) if t is None else t.numpy(force=True) if m is torch else t.array for t in found]


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # PyTorch's remark on even kernels
@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    @CHECK
    @given(st.data())
    def body(data):
        draw = Draw(data)
        arrays, f = CASES[name](draw)
        seed = draw.rng.integers(2**32)
        results = []
        for m, F in ((tg, tg.nn.functional), (torch, torch.nn.functional)):
            results.append(derivatives(m, F, arrays, f, np.random.default_rng(seed)))
        for k, (ours, theirs) in enumerate(zip(*results, strict=True)):
            assert k or ours.shape == theirs.shape
            np.testing.assert_allclose(
                ours, np.broadcast_to(theirs, ours.shape) if not theirs.shape else theirs, rtol=1e-8, atol=1e-9
            )

    body()


def test_every_public_function_has_a_case():
    tried = {name.split()[0] for name in CASES}
    constant = set("all any argmax argmin isnan isfinite eq ne lt le gt ge".split())  # compared below
    same = {
        "clip": "clamp",
        "divide": "div",
        "multiply": "mul",
        "negative": "neg",
        "subtract": "sub",
        "view": "reshape",
    }
    for name in tg.functions.__all__:
        assert same.get(name, name) in tried | constant, name


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_constants_to_differentiation(dtype):
    a = (np.random.default_rng(0).permutation(24).reshape(2, 3, 4) - 11).astype(dtype)
    x, y = tg.tensor(a), torch.tensor(a)
    for dim in (None, 0, 1, -1):
        for keep in (False, True):
            for name in ("argmax", "argmin"):
                ours, theirs = (getattr(m, name)(t, dim=dim, keepdim=keep) for m, t in ((tg, x), (torch, y)))
                if dim is not None or not keep:
                    np.testing.assert_array_equal(ours.array, theirs.numpy())
                assert ours.dtype == np.int64
    for f in (
        lambda t: t == 3, lambda t: t != 3, lambda t: t > 0, lambda t: t >= 2, lambda t: t < -1, lambda t: t <= 0,
        lambda t: (t > 0) & (t < 5), lambda t: (t > 5) | (t < -5), lambda t: ~(t > 0), lambda t: (t > 0).sum(),
        lambda t: t.max(1).indices,
        lambda t: t.long(), lambda t: t.int(), lambda t: t.bool(), lambda t: t.abs(), lambda t: -t, lambda t: t.sum(),
        lambda t: t / 2,
        lambda t: t**2, lambda t: (t > 100).any(), lambda t: (t > -100).all(), lambda t: t.clamp(-3, 3),
        lambda t: (t > 0).any(1), lambda t: (t != 0).all(0, keepdim=True),
        lambda t: t.T if t.ndim == 2 else t,
    ):  # fmt: skip
        np.testing.assert_array_equal(f(x).array, f(y).numpy())
        assert str(f(x).dtype) == str(f(y).dtype).removeprefix("torch.")
    for f in ("isnan", "isfinite"):
        values = np.array([1.0, np.nan, np.inf])
        np.testing.assert_array_equal(
            getattr(tg, f)(tg.tensor(values)).array, getattr(torch, f)(torch.tensor(values)).numpy()
        )


def test_dtype_promotion_of_tensors():
    kinds = ["bool", "uint8", "int32", "int64", "float32", "float64"]
    for a in kinds:
        for b in kinds:
            for f in (lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x / y):
                x, y = np.ones(2, a), np.ones(2, b)
                ours, theirs = f(tg.tensor(x), tg.tensor(y)), f(torch.tensor(x), torch.tensor(y))
                want = str(theirs.dtype).removeprefix("torch.")
                assert str(ours.dtype) == want, (a, b, ours.dtype, want)


def test_kinks_and_ties():
    for name, values in {
        "relu": [0.0, -1.0, 1.0], "abs": [0.0, -1.0], "sign": [0.0, 2.0], "sqrt": [4.0], "amax": [1.0, 3.0, 3.0],
        "amin": [1.0, 1.0, 3.0],
        "max": [2.0, 2.0], "min": [2.0, 2.0, 2.0], "prod": [0.0, 2.0, 3.0], "logsumexp0": [1000.0, 1000.0],
        "sigmoid": [-800.0, 800.0],
        "clamp": [0.0, 1.0, -1.0, 0.5], "prod ": [0.0, 0.0, 3.0], "square": [0.0],
    }.items():  # fmt: skip
        grads = []
        for m in (tg, torch):
            x = m.tensor(np.array(values), requires_grad=True)
            y = (
                m.logsumexp(x, 0)
                if name == "logsumexp0"
                else m.clamp(x, 0.0, 1.0)
                if name == "clamp"
                else getattr(m, name.strip())(x)
            )
            (g,) = m.autograd.grad(y.sum(), x)
            grads.append(np.asarray(g))
        np.testing.assert_array_equal(*grads, err_msg=name)
    for f in (
        lambda m, a, b: m.maximum(a, b), lambda m, a, b: m.minimum(a, b), lambda m, a, b: a**b,
        lambda m, a, b: m.where(a == b, a, b),
    ):  # fmt: skip
        grads = []
        for m in (tg, torch):
            a, b = (m.tensor(np.array(v), requires_grad=True) for v in ([1.0, 2.0, 0.0], [1.0, 2.0, 2.0]))
            grads.append([np.asarray(g) for g in m.autograd.grad(f(m, a, b).sum(), [a, b])])
        np.testing.assert_array_equal(*grads)


# ---------------------------------------------------------------- layers


def in_both(build, *inputs, seed=0):
    """Build a layer in both, give ours PyTorch's weights, and compare results and gradients (inputs and parameters)."""
    torch.manual_seed(seed)
    theirs, ours = build(torch.nn, torch.float64), build(tg.nn, np.float64)
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    results = []
    for m, layer in ((tg, ours), (torch, theirs)):
        xs = [m.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs]
        y = layer(*xs)
        (y * m.tensor(np.cos(np.arange(np.prod(y.shape, dtype=int))).reshape(tuple(y.shape)))).sum().backward()
        found = [y.detach(), *(x.grad for x in xs if x.requires_grad), *(p.grad for p in layer.parameters())]
        results.append([np.asarray(t) for t in found])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


IMAGES = np.random.default_rng(0).standard_normal((2, 4, 6, 7))
ROWS = np.random.default_rng(1).standard_normal((5, 4))
LABELS = np.array([0, 3, 1, 1, 2])
LAYERS = {
    "Linear": (lambda nn, t: nn.Linear(4, 3, dtype=t), ROWS),
    "Linear without bias": (lambda nn, t: nn.Linear(4, 3, bias=False, dtype=t), ROWS),
    "Linear on images": (lambda nn, t: nn.Linear(7, 2, dtype=t), IMAGES),
    "Conv2d": (lambda nn, t: nn.Conv2d(4, 6, 3, dtype=t), IMAGES),
    "Conv2d options": (lambda nn, t: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, False, dtype=t), IMAGES),
    "Conv2d same": (lambda nn, t: nn.Conv2d(4, 6, 3, padding="same", dtype=t), IMAGES),
    "MaxPool2d": (lambda nn, t: nn.MaxPool2d(2), IMAGES),
    "MaxPool2d options": (lambda nn, t: nn.MaxPool2d(3, 2, 1), IMAGES), "Flatten": (lambda nn, t: nn.Flatten(), IMAGES),
    "Flatten dims": (lambda nn, t: nn.Flatten(0, 2), IMAGES), "ReLU": (lambda nn, t: nn.ReLU(), ROWS),
    "Tanh": (lambda nn, t: nn.Tanh(), ROWS),
    "Sigmoid": (lambda nn, t: nn.Sigmoid(), ROWS), "Softmax": (lambda nn, t: nn.Softmax(dim=1), ROWS),
    "LogSoftmax": (lambda nn, t: nn.LogSoftmax(dim=-1), ROWS),
    "Dropout off": (lambda nn, t: nn.Dropout(0.5).eval(), ROWS), "Dropout 1": (lambda nn, t: nn.Dropout(1.0), ROWS),
    "CrossEntropyLoss": (lambda nn, t: nn.CrossEntropyLoss(), ROWS, LABELS),
    "NLLLoss": (lambda nn, t: nn.NLLLoss(reduction="sum"), ROWS, LABELS),
    "CrossEntropyLoss smooth": (lambda nn, t: nn.CrossEntropyLoss(reduction="none", label_smoothing=0.2), ROWS, LABELS),
    "MSELoss": (lambda nn, t: nn.MSELoss(), ROWS, ROWS[::-1].copy()),
    "Sequential": (
        lambda nn, t: nn.Sequential(
            nn.Conv2d(4, 3, 3, dtype=t), nn.Sequential(nn.Flatten(), nn.Linear(60, 2, dtype=t))
        ),
        IMAGES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    in_both(*LAYERS[name])


def test_every_layer_was_tried():
    tried = {name.split()[0] for name in LAYERS}
    for name, kind in vars(tg.nn).items():
        if isinstance(kind, type) and issubclass(kind, tg.nn.Module) and name == kind.__name__:
            assert name in tried | {"Module", "ModuleList", "Loss"}, name


# ---------------------------------------------------------------- training


def train(m, dtype, build, optimizer, x, target, start):
    model = build(m.nn, dtype)
    model.load_state_dict(start)
    step = optimizer(m.optim, model.parameters())
    loss_of = m.nn.CrossEntropyLoss()
    losses = []
    for k in range(30):
        rows = slice(k * 8 % 32, k * 8 % 32 + 8)
        step.zero_grad()
        loss = loss_of(model(m.tensor(x[rows])), m.tensor(target[rows]))
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses, [np.asarray(p.detach()) for p in model.parameters()]


MODELS = {
    "MLP": lambda nn, t: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16, dtype=t), nn.ReLU(), nn.Linear(16, 10, dtype=t)
    ),
    "CNN": lambda nn, t: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, dtype=t), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, dtype=t), nn.Tanh(),
        nn.Flatten(),
        nn.Linear(24, 10, dtype=t),
    ),
}  # fmt: skip
OPTIMIZERS = {
    "SGD": lambda optim, p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda optim, p: optim.Adam(p, lr=0.01),
    "AdamW": lambda optim, p: optim.AdamW(p, lr=0.01),
}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_thirty_steps_of_training(model, optimizer, precision):
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((32, 1, 8, 8)).astype(precision), rng.integers(0, 10, 32)
    torch.manual_seed(0)
    start = MODELS[model](torch.nn, getattr(torch, precision)).state_dict()
    results = [
        train(m, t, MODELS[model], OPTIMIZERS[optimizer], x, target, {k: v.clone() for k, v in start.items()})
        for m, t in ((tg, np.dtype(precision)), (torch, getattr(torch, precision)))
    ]
    tolerance = {"rtol": 1e-7, "atol": 1e-9} if precision == "float64" else {"rtol": 2e-3, "atol": 2e-3}
    assert results[1][0][-1] < results[1][0][0] * 0.9
    np.testing.assert_allclose(results[0][0], results[1][0], **tolerance)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        assert a.dtype == b.dtype == precision
        np.testing.assert_allclose(a, b, **tolerance)


# ---------------------------------------------------------------- spelling

X, M = np.array([[0.5, 2.0, 1.0], [1.5, 0.25, 3.0]]), np.ones((3, 2))

# by argument: what is given for those without a default, as keywords for both; by function: what else is needed
GIVEN = {
    "condition": X > 1, "dim": 1, "dim0": 0, "dim1": 1, "exponent": 2, "index": np.array([[0], [1]]), "input": X,
    "other": X * 2, "split_size_or_sections": 2, "tensor": X, "tensors": [X, X],
}  # fmt: skip
BESIDES = {
    "clamp": {"min": 1.0}, "clip": {"min": 1.0}, "flip": {"dims": (0, 1)}, "matmul": {"other": M},
    "permute": {"dims": (1, 0)}, "reshape": {"shape": (3, 2)},
    **{name: {"other": X**2} for name in "eq ne lt le gt ge".split()},
}  # fmt: skip

# What differs on purpose, and why
METHODS_ONLY = {"view", "expand", "pad"}  # pad is in torch.nn.functional
# dim=None means "all" for ours and for most of PyTorch; these of PyTorch's take no None where they take dim at all
NO_NONE = {"amax", "amin", "prod", "max", "min", "squeeze"}


def call(m, name, given):
    return getattr(m, name)(**{k: convert(m, v) for k, v in given.items()})


def convert(m, value):
    if isinstance(value, list):
        return [convert(m, v) for v in value]
    return m.tensor(value) if isinstance(value, np.ndarray) else value


def flat(result):
    if isinstance(result, tuple | list):
        return [np.asarray(r) for r in result]
    return [np.asarray(result)]


@pytest.mark.parametrize("name", sorted(set(tg.functions.__all__) - METHODS_ONLY))
def test_functions_take_pytorchs_names_and_defaults(name):
    required = [p.name for p in inspect.signature(getattr(tg, name)).parameters.values() if p.default is p.empty]
    given = {p: GIVEN[p] for p in required if p != "more"} | BESIDES.get(name, {})
    ours, theirs = flat(call(tg, name, given)), flat(call(torch, name, given))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b)
    function = getattr(tg, name)
    for key, parameter in inspect.signature(function).parameters.items():
        if (
            parameter.default is inspect.Parameter.empty
            or key in given
            or (parameter.default is None and name in NO_NONE)
        ):
            continue
        extra = {key: parameter.default}
        if key == "keepdim" and name in NO_NONE | {"sum", "mean"}:
            extra["dim"] = 0  # PyTorch takes keepdim only together with dim
            assert inspect.signature(function).parameters["keepdim"].default is False
        named = flat(call(torch, name, {**given, **extra}))
        plain = flat(call(torch, name, {**given, **{k: v for k, v in extra.items() if k != key}}))
        for a, b in zip(named, plain, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{name}({key}={parameter.default})")


OURS_ONLY = {
    "dtype": "NumPy dtypes", "generator": "PyTorch draws from a global generator; ours can be given one",
}  # fmt: skip
DIFFERENT_DEFAULTS = {
    ("Linear", "dtype"): "PyTorch's None means the default dtype, which is float32", ("Conv2d", "dtype"): "as Linear",
    ("Softmax", "dim"): "PyTorch's None guesses with a warning; ours is the last", ("LogSoftmax", "dim"): "as Softmax",
    ("grad", "allow_unused"): "PyTorch's None means False, but for materialize_grads, which ours has not",
}  # fmt: skip


def compare_signatures(name, ours, theirs):
    mine, other = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
    for key, parameter in mine.items():
        if key == "generator":
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        assert key in other, f"{name}: {key} is not an argument of PyTorch's"
        if (name, key) not in DIFFERENT_DEFAULTS:
            assert parameter.default == other[key].default, (
                f"{name}: {key}={parameter.default}, PyTorch {other[key].default}"
            )
        else:
            assert parameter.default != other[key].default, f"{name}: {key} no longer differs"
    order = [k for k in mine if k in other and mine[k].kind is mine[k].POSITIONAL_OR_KEYWORD]
    assert order == sorted(order, key=list(other).index), f"{name}: the order of arguments differs"


SIGNED = "Linear Flatten Conv2d ReLU Tanh Sigmoid Softmax LogSoftmax Dropout NLLLoss MSELoss CrossEntropyLoss".split()


@pytest.mark.parametrize("name", SIGNED)
def test_layers_have_pytorchs_signature(name):
    compare_signatures(name, getattr(tg.nn, name), getattr(torch.nn, name))


def test_max_pool_has_pytorchs_arguments():
    import torch.nn.modules.pooling as pooling

    compare_signatures("MaxPool2d", tg.nn.MaxPool2d, pooling._MaxPoolNd.__init__)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss", "mse_loss", "dropout"])
def test_functional_has_pytorchs_signature(name):
    compare_signatures(name, getattr(tg.nn.functional, name), getattr(torch.nn.functional, name))


def test_functional_builtins_have_pytorchs_names():
    x, w, b = np.ones((1, 2, 4, 4)), np.ones((4, 1, 3, 3)), np.ones(4)
    options = {
        k: p.default
        for k, p in inspect.signature(tg.nn.functional.conv2d).parameters.items()
        if p.default is not p.empty
    }
    assert options == {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    rows, matrix = np.ones((2, 4)), np.ones((3, 4))
    for m in (tg, torch):
        t, F = m.tensor, m.nn.functional
        assert tuple(F.conv2d(input=t(x), weight=t(w), bias=t(b), stride=1, padding=0, dilation=1, groups=2).shape) == (
            1,
            4,
            2,
            2,
        )
        assert tuple(F.linear(input=t(rows), weight=t(matrix), bias=None).shape) == (2, 3)
        assert tuple(F.max_pool2d(input=t(x), kernel_size=2, stride=None, padding=0).shape) == (1, 2, 2, 2)
        assert tuple(F.pad(input=t(x), pad=(1, 1), value=2.0).shape) == (1, 2, 4, 6)


INITS = "uniform_ normal_ constant_ ones_ zeros_ calculate_gain xavier_uniform_ xavier_normal_".split()


@pytest.mark.parametrize("name", [*INITS, "kaiming_uniform_", "kaiming_normal_"])
def test_init_has_pytorchs_signature(name):
    compare_signatures(name, getattr(tg.nn.init, name), getattr(torch.nn.init, name))


def test_fans_and_gains():
    for shape in ((3, 4), (6, 2, 3, 5)):
        assert tg.nn.init.fans(tg.zeros(*shape)) == torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(shape))
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu"):
        assert tg.nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert tg.nn.init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_optimizers_have_pytorchs_signature(name):
    compare_signatures(name, getattr(tg.optim, name), getattr(torch.optim, name))
    for method in ("step", "zero_grad", "state_dict", "load_state_dict", "add_param_group"):
        ours, theirs = (set(inspect.signature(getattr(getattr(m.optim, name), method)).parameters) for m in (tg, torch))
        if method == "add_param_group":
            assert ours == {"self", "group"}  # PyTorch: param_group; given by position everywhere
        else:
            assert ours <= theirs | {"closure"}


def test_backward_and_grad_have_pytorchs_signature():
    compare_signatures("backward", tg.Tensor.backward, torch.Tensor.backward)
    compare_signatures("grad", tg.autograd.grad, torch.autograd.grad)
    ours, theirs = (
        inspect.signature(tg.autograd.gradcheck).parameters,
        inspect.signature(torch.autograd.gradcheck).parameters,
    )
    assert [k for k in ours if k not in theirs] == ["seed"]


# Methods of Tensor that PyTorch's does not have
EXTRA_METHODS = {
    "wrap": "how graph.py makes a Var", "array": "the NumPy array behind it",
    "gradient": "where `.grad` is kept",
    "differentiable": "where requires_grad is kept",
    "node": "what grad_fn gives",
    "version": "what _version counts", "result_type": "what operations give (a method of another meaning in PyTorch)",
}  # fmt: skip


def test_methods_exist_in_pytorch():
    names = {n for n in dir(tg.Tensor) if not n.startswith("_")}
    unknown = {n for n in names if not hasattr(torch.Tensor, n)}
    assert unknown <= set(EXTRA_METHODS), unknown - set(EXTRA_METHODS)


def test_module_methods_exist_in_pytorch_with_its_arguments():
    for name in (
        "parameters",
        "named_parameters",
        "named_modules",
        "train",
        "eval",
        "zero_grad",
        "requires_grad_",
        "load_state_dict",
    ):
        for key, parameter in inspect.signature(getattr(tg.nn.Module, name)).parameters.items():
            theirs = inspect.signature(getattr(torch.nn.Module, name)).parameters
            assert key in theirs and parameter.default == theirs[key].default, (name, key)


def test_creation_takes_pytorchs_names():
    for call_ in (
        lambda m: m.tensor([1.0], dtype=m.float64, requires_grad=True),
        lambda m: m.zeros(2, 3, dtype=m.float64, requires_grad=True),
        lambda m: m.zeros((2, 3)), lambda m: m.ones(2), lambda m: m.full((2,), fill_value=3.0),
        lambda m: m.full((2,), 3),
        lambda m: m.arange(5), lambda m: m.arange(1, 5, 2), lambda m: m.arange(0.0, 1.0, 0.25),
        lambda m: m.arange(start=0, end=4, step=2),
        lambda m: m.linspace(0, 1, steps=5), lambda m: m.eye(3), lambda m: m.eye(2, m=3),
        lambda m: m.zeros_like(input=m.ones(2)),
        lambda m: m.full_like(m.ones(2), 4), lambda m: m.ones_like(m.ones(2, dtype=m.int64)),
        lambda m: m.tensor([True]), lambda m: m.tensor(2),
    ):  # fmt: skip
        ours, theirs = call_(tg), call_(torch)
        np.testing.assert_allclose(np.asarray(ours), theirs.detach().numpy())
        assert (
            str(ours.dtype) == str(theirs.dtype).removeprefix("torch.") and ours.requires_grad == theirs.requires_grad
        )
    for call_ in (
        lambda m: m.rand(2, 3), lambda m: m.randn((2, 3)), lambda m: m.randint(5, (2, 3)),
        lambda m: m.randint(low=1, high=5, size=(2, 3)),
        lambda m: m.randperm(6), lambda m: m.rand_like(m.ones(2, 3)), lambda m: m.randn_like(input=m.ones(2)),
        lambda m: m.randint_like(m.ones(2), 5),
    ):  # fmt: skip
        ours, theirs = call_(tg), call_(torch)
        assert ours.shape == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
