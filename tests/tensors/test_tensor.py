"""Tensors as people meet them: made, indexed, converted, mixed with numbers and NumPy arrays, copied and saved.

Look next at test_engine.py for gradients and test_parity_torch.py for every function.
"""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, GradientError, InPlaceError, ShapeError

# ---------------------------------------------------------------- made


def test_numbers_and_lists_get_the_default_dtypes():
    assert tg.tensor(1.5).dtype == np.float32 and tg.tensor([1, 2]).dtype == np.int64
    assert tg.tensor([[1, 2.5]]).dtype == np.float32 and tg.tensor([True]).dtype == np.bool_
    assert tg.tensor([np.float64(1.5)]).dtype == np.float32
    assert tg.tensor([]).dtype == np.float32 and tg.tensor([]).shape == (0,)
    assert tg.Tensor([1.5]).dtype == np.float32 and tg.Tensor([1]).dtype == np.int64
    assert nn.Parameter([1.5]).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool"])
def test_arrays_keep_their_dtype(dtype):
    a = np.ones((2, 3), dtype)
    for t in (tg.tensor(a), tg.from_numpy(a), tg.Tensor(a), tg.tensor(tg.from_numpy(a)), tg.tensor([a, a])):
        assert t.dtype == dtype
    assert tg.tensor(a, dtype=tg.float32).dtype == np.float32
    assert tg.tensor(a[0, 0]).dtype == dtype  # a NumPy scalar has a dtype, too


def test_tensor_copies_and_from_numpy_shares():
    a = np.zeros(3, np.float32)
    copied, shared = tg.tensor(a), tg.from_numpy(a)
    a[0] = 5
    assert copied.tolist() == [0, 0, 0] and shared.tolist() == [5, 0, 0]
    shared[1] = 7
    assert a.tolist() == [5, 7, 0] and shared.numpy() is a and np.asarray(shared) is a


def test_tensor_from_tensors_keeps_values_and_dtype():
    t = tg.tensor([tg.tensor(1.0), tg.tensor(2.0)])
    assert t.tolist() == [1, 2] and t.dtype == np.float32
    assert tg.tensor([tg.tensor(1), tg.tensor(2)]).dtype == np.int64
    assert tg.tensor([tg.ones(2, dtype=tg.float64)]).dtype == np.float64
    assert tg.tensor(tg.ones(2), requires_grad=True).is_leaf


def test_bad_data_is_refused():
    with pytest.raises(ArgumentError, match="nested lists of equal lengths"):
        tg.tensor([[1, 2], [3]])
    for bad in ("text", None, {"a": 1}, 1j):
        with pytest.raises(DTypeError, match="cannot hold"):
            tg.tensor(bad)
    with pytest.raises(DTypeError, match="not an array"):
        tg.from_numpy([1.0])
    with pytest.raises(DTypeError):
        tg.from_numpy(np.array(["a"]))


def test_filled_tensors():
    assert tg.zeros(2, 3).tolist() == [[0] * 3] * 2 and tg.zeros((2, 3)).shape == (2, 3)
    assert tg.ones([2]).tolist() == [1, 1] and tg.zeros().shape == ()
    assert tg.full((2,), 7).dtype == np.int64 and tg.full((2,), 7.0).dtype == np.float32
    assert tg.full((2,), 1, dtype=tg.float64).dtype == np.float64 and tg.full((1,), True).dtype == np.bool_
    assert tg.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]] and tg.eye(2).dtype == np.float32
    assert tg.zeros(2, dtype=tg.int64).dtype == np.int64 and tg.ones(1, requires_grad=True).requires_grad
    assert tg.zeros(0, 3).shape == (0, 3)


def test_counted_tensors():
    assert tg.arange(4).tolist() == [0, 1, 2, 3] and tg.arange(4).dtype == np.int64
    assert tg.arange(1, 7, 2).tolist() == [1, 3, 5] and tg.arange(3.0).dtype == np.float32
    assert tg.arange(0, 1, 0.25).tolist() == [0, 0.25, 0.5, 0.75] and tg.arange(2, dtype=tg.float64).dtype == np.float64
    assert tg.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1] and tg.linspace(0, 1, 2).dtype == np.float32


def test_drawn_tensors():
    u, n = tg.rand(100, 100), tg.randn(100, 100)
    assert u.dtype == n.dtype == np.float32
    assert 0 <= u.array.min() < 0.01 and 0.99 < u.array.max() < 1 and abs(u.array.mean() - 0.5) < 0.02
    assert abs(n.array.mean()) < 0.05 and abs(n.array.std() - 1) < 0.03
    assert tg.rand(2, dtype=tg.float64).dtype == np.float64 and tg.randn((2, 3)).shape == (2, 3)
    r = tg.randint(2, 5, (1000,))
    assert set(r.tolist()) == {2, 3, 4} and r.dtype == np.int64 and tg.randint(3, (4, 2)).shape == (4, 2)
    assert sorted(tg.randperm(10).tolist()) == list(range(10)) and tg.randperm(10).dtype == np.int64
    with pytest.raises(ArgumentError):
        tg.randint(3)


def test_seeds_and_generators():
    draws = [
        lambda g: tg.rand(3, generator=g),
        lambda g: tg.randn(3, generator=g),
        lambda g: tg.randperm(9, generator=g),
    ]
    draws.append(lambda g: tg.randint(0, 1000, (5,), generator=g))
    for draw in draws:
        tg.manual_seed(5)
        first, second = draw(None), draw(None)
        tg.manual_seed(5)
        assert draw(None).tolist() == first.tolist() != second.tolist()
        a, b = tg.Generator(3), tg.Generator(3)
        assert draw(a).tolist() == draw(b).tolist()
    g = tg.Generator(1)
    state = g.get_state()
    first = tg.rand(3, generator=g).tolist()
    g.set_state(state)
    assert tg.rand(3, generator=g).tolist() == first


def test_like_another():
    t = tg.zeros(2, 3, dtype=tg.float64)
    for made in (tg.zeros_like(t), tg.ones_like(t), tg.full_like(t, 3), tg.rand_like(t), tg.randn_like(t)):
        assert made.shape == (2, 3) and made.dtype == np.float64
    assert tg.ones_like(t, dtype=tg.int64).dtype == np.int64 and tg.full_like(t, 3).tolist() == [[3] * 3] * 2
    assert tg.zeros_like(tg.tensor(1.0)).shape == () and tg.zeros_like(tg.arange(3)).dtype == np.int64
    assert tg.randint_like(t, 3).dtype == np.float64 and tg.randint_like(t, 5, 6).tolist() == [[5] * 3] * 2


# ---------------------------------------------------------------- dtypes

SCALARS = [2, 2.5, True, np.float64(2.5), np.float32(2.5), np.int64(2), np.float64(3)]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: f"{type(s).__name__} {s}")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_scalar_never_widens(scalar, dtype):
    t = tg.tensor(np.array([1.0, 2.0], dtype), requires_grad=True)
    results = [t + scalar, scalar + t, t - scalar, scalar - t, t * scalar, scalar * t, t / scalar, scalar / t]
    results += [t**scalar, scalar**t, tg.maximum(t, scalar), tg.where(t > scalar, t, scalar), t.clamp(max=scalar)]
    results += [np.add(scalar, t), np.multiply(t, scalar), np.power(scalar, t), np.maximum(scalar, t)]
    for r in results:
        assert isinstance(r, tg.Tensor) and r.dtype == dtype and r.requires_grad
        (g,) = grad(r.sum(), t)
        assert g.dtype == dtype


def test_integers_divide_to_float32_and_count_as_int64():
    i = tg.tensor([1, 2, 4])
    for r in (
        i / 2,
        i / i,
        1 / i,
        i.mean(),
        i.float().mean(),
        i.exp(),
        i.sqrt(),
        i.sigmoid(),
        i + 0.5,
        i * np.float64(1.5),
        i**-1.0,
    ):
        assert r.dtype == np.float32, r
    for r in (i + 1, i * i, i - True, i.sum(), i**2, 2**i, i.max(), i.argmax(), abs(i), -i, (i > 1).sum(), i.prod()):
        assert r.dtype == np.int64, r
    assert (i > 1).dtype == np.bool_ and (2.5 ** tg.tensor([2])).tolist() == [6.25]


def test_mean_of_booleans_and_bytes():
    assert tg.tensor([True, True, False, False]).mean().item() == 0.5
    assert tg.full((300,), 200, dtype=tg.uint8).mean().item() == 200
    assert tg.full((300,), 200, dtype=tg.uint8).sum().item() == 60000
    assert tg.tensor(np.full(200, 100, np.int8)).mean().item() == 100


FLOAT_FUNCTIONS = {
    "abs": lambda x: x.abs(), "add": lambda x: tg.add(x, x, alpha=2), "amax": lambda x: x.amax(1),
    "amin": lambda x: x.amin(),
    "cat": lambda x: tg.cat([x, x]), "clamp": lambda x: x.clamp(0.5, 1), "cos": tg.cos, "div": lambda x: tg.div(x, 3),
    "exp": tg.exp, "expand": lambda x: x[:1].expand(4, 3), "expm1": tg.expm1, "flatten": tg.flatten,
    "flip": lambda x: x.flip(0),
    "gather": lambda x: x.gather(1, tg.tensor([[0], [1]])), "log": tg.log, "log1p": tg.log1p,
    "log_softmax": lambda x: tg.log_softmax(x, 1), "logsumexp": lambda x: tg.logsumexp(x, 1),
    "matmul": lambda x: x @ x.T,
    "max": lambda x: x.max(1).values, "max all": tg.max, "maximum": lambda x: tg.maximum(x, 1.0),
    "mean": lambda x: x.mean(0),
    "min": lambda x: x.min(0).values, "minimum": lambda x: tg.minimum(x, x * 2), "mul": lambda x: x * x,
    "neg": lambda x: -x,
    "pad": lambda x: tg.pad(x, (1, 2)), "permute": lambda x: x.permute(1, 0), "pow": lambda x: x**2.5,
    "pow tensor": lambda x: x**x,
    "prod": lambda x: x.prod(1), "reciprocal": tg.reciprocal, "relu": tg.relu, "reshape": lambda x: x.reshape(-1),
    "sigmoid": tg.sigmoid, "sign": tg.sign, "sin": tg.sin, "softmax": lambda x: tg.softmax(x, 0),
    "split": lambda x: x.split(2, 1)[0],
    "sqrt": tg.sqrt, "square": tg.square, "squeeze": tg.squeeze, "stack": lambda x: tg.stack([x, x], 1), "std": tg.std,
    "sub": lambda x: x - 1, "sum": tg.sum, "tanh": tg.tanh, "transpose": lambda x: x.transpose(0, 1),
    "T": lambda x: x.T,
    "unsqueeze": lambda x: x.unsqueeze(1), "var": lambda x: x.var(1), "where": lambda x: tg.where(x > 1, x, 0.0),
    "index": lambda x: x[0], "index array": lambda x: x[[0, 0]], "clone": lambda x: x.clone(),
    "mse": lambda x: nn.functional.mse_loss(x, x * 2),
    "cross_entropy": lambda x: nn.functional.cross_entropy(x, [0, 1]),
    "smoothed": lambda x: nn.functional.cross_entropy(x, [0, 1], label_smoothing=0.1),
    "nll": lambda x: nn.functional.nll_loss(x, [0, 1]), "dropout": lambda x: nn.functional.dropout(x, 0.5),
    "conv2d": lambda x: nn.functional.conv2d(x.reshape(1, 1, 2, 3), x[:, :2].reshape(1, 1, 2, 2)),
    "max_pool2d": lambda x: nn.functional.max_pool2d(x.reshape(1, 1, 2, 3), 2),
    "linear": lambda x: nn.functional.linear(x, x),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FLOAT_FUNCTIONS)
def test_floats_keep_their_precision_through_every_function(name, dtype):
    x = tg.tensor(np.array([[0.5, 1.5, 2.5], [1.0, 2.0, 0.7]], dtype), requires_grad=True)
    y = FLOAT_FUNCTIONS[name](x)
    assert y.dtype == dtype
    y.backward(np.ones(y.shape))
    assert x.grad.dtype == dtype and x.grad.shape == x.shape
    (g,) = grad(FLOAT_FUNCTIONS[name](x), x, np.ones(y.shape), create_graph=True)
    assert g.dtype == dtype
    if name != "dropout":
        np.testing.assert_allclose(g.array, x.grad.array, rtol=1e-6, atol=1e-7)


def test_every_public_function_is_in_the_table_above():
    named = {name.split()[0] for name in FLOAT_FUNCTIONS}
    not_floats = {"all", "any", "argmax", "argmin", "isnan", "isfinite", "view"}
    aliases = {"clip": "clamp", "divide": "div", "multiply": "mul", "negative": "neg", "subtract": "sub"}
    for name in tg.functions.__all__:
        assert name in named | not_floats | set(aliases), name


def test_double_precision_survives_pickling_and_byte_order():
    """An array that went through a pickle has a dtype object of its own; a big-endian one, too."""
    values = np.array([0.1, 0.7, 0.3])
    for array in (pickle.loads(pickle.dumps(values)), values.astype(">f8")):
        t = tg.from_numpy(array).requires_grad_()
        for f in (
            tg.sigmoid,
            tg.reciprocal,
            tg.sum,
            tg.mean,
            tg.amax,
            tg.std,
            lambda x: tg.cat([x, x]),
            lambda x: tg.where(x > 0, x, 0.0),
        ):
            assert f(t).dtype.newbyteorder("=") == np.float64
        (t * t).sum().backward()
        np.testing.assert_array_equal(t.grad.array, 2 * values)


def test_conversions_of_dtype_pass_the_gradient_back():
    x = tg.tensor([1.5, 2.5], requires_grad=True)
    y = x.double() * 2
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float32 and x.grad.tolist() == [2, 2]
    assert x.to(tg.float32) is x and x.to("cpu") is x and x.to(y).dtype == np.float64
    assert [x.half().dtype, x.int().dtype, x.long().dtype, x.bool().dtype] == [np.float16, np.int32, np.int64, np.bool_]
    assert not x.long().requires_grad and not x.bool().requires_grad  # a rounded value has no useful derivative
    with pytest.raises(ArgumentError, match="neither a dtype nor the device"):
        x.to("cuda")


# ---------------------------------------------------------------- the face


def test_repr_shows_values_and_what_is_special():
    assert repr(tg.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tg.tensor([1.0], requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(tg.tensor(np.array([1.0]))) == "tensor([1.], dtype=float64)"
    assert repr(tg.tensor(3)) == "tensor(3)" and repr(tg.tensor([True])) == "tensor([ True])"
    assert repr(tg.ones(1, requires_grad=True) * 2) == "tensor([2.], grad_fn=<multiply>)"
    assert repr(tg.zeros(2, 2)) == "tensor([[0., 0.],\n        [0., 0.]])"
    assert "..." in repr(tg.zeros(2000)) and len(repr(tg.zeros(2000, 2000))) < 1000
    assert repr(nn.Parameter([1.0])).startswith("Parameter containing:\ntensor([1.]")
    assert "Linear" in repr(nn.Linear(1, 1)(tg.ones(1, 1)))


def test_facts():
    t = tg.zeros(2, 3, 4)
    assert t.shape == t.size() == (2, 3, 4) and t.size(1) == 3 and t.size(-1) == 4
    assert t.ndim == t.dim() == 3 and t.numel() == 24 and len(t) == 2 and t.T.shape == (4, 3, 2)
    assert t.is_leaf and t.grad_fn is None and t.grad is None
    y = t.requires_grad_() * 2
    assert not y.is_leaf and y.grad_fn.name == "multiply" and y.requires_grad


def test_python_numbers():
    t = tg.tensor([[2.5]])
    assert float(t) == 2.5 and int(t) == 2 and bool(t) and t.item() == 2.5 and not bool(tg.tensor(0.0))
    assert (
        isinstance(t.item(), float)
        and isinstance(tg.tensor(3).item(), int)
        and isinstance(tg.tensor(True).item(), bool)
    )
    assert f"{t:.3f}" == "2.500" and f"{tg.tensor(7):d}" == "7" and f"{tg.ones(2)}" == "tensor([1., 1.])"
    assert f"loss {(tg.ones(2, requires_grad=True) * 2).sum():.1f}" == "loss 4.0"
    assert [10, 20, 30][tg.tensor(1)] == 20 and list(range(tg.tensor(2))) == [0, 1]
    assert round(float(tg.ones(3).sum())) == 3


def test_conversions_that_make_no_sense():
    many = tg.tensor([1.0, 2.0])
    with pytest.raises(ArgumentError, match="truth of a tensor with other than one element"):
        bool(many)
    for convert in (float, int, tg.Tensor.item):
        with pytest.raises(ArgumentError, match="2 elements"):
            convert(many)
    with pytest.raises(TypeError):
        [1, 2][tg.tensor(1.0)]
    with pytest.raises(TypeError, match="0-d"):
        len(tg.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(tg.tensor(1.0))
    with pytest.raises(GradientError, match="detach"):
        many.requires_grad_().numpy()


def test_iteration_unpacks_rows_with_gradients():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    a, b = x
    (a * b).sum().backward()
    assert x.grad.tolist() == [[3, 4], [1, 2]]
    assert [r.tolist() for r in tg.arange(2)] == [0, 1]


def test_hash_is_identity_and_equality_elementwise():
    a, b = tg.ones(2), tg.ones(2)
    assert {a: 1, b: 2}[a] == 1 and hash(a) != hash(b)
    assert (a == b).tolist() == [True, True] and (a != b).any().item() is False and (a == b).all().item() is True


# ---------------------------------------------------------------- indexing

X = np.arange(60.0).reshape(3, 4, 5)
KEYS = [
    0, -1, slice(None), slice(1, 3), slice(None, None, 2), slice(None, None, -1), slice(2, None, -2), None, Ellipsis,
    (0, 1), (0, 1, 2), (slice(None), 1), (Ellipsis, 0), (0, Ellipsis), (None, 1, None),
    (slice(1), Ellipsis, slice(2, 4)),
    [0, 2], [0, 0, 1], ([0, 1], [2, 3]), (slice(None), [1, 1]), ([0, 0], slice(None), [4, 4]), (0, [1, 2]),
    (0, slice(1, 3), [1, 1, 1]),
    (Ellipsis, [0, 0]), ((0, 0), slice(None)), (slice(None), (2, 2, 2)), range(2), (slice(None), range(1, 4)),
    np.array([1, 1, 2]), np.array([[0, 1], [1, 2]]), np.array(2), np.int64(1), np.array([True, False, True]),
    (slice(None), np.array([True, False, True, True])), (np.array([True, False, True]), 0),
    (np.array([0, 1]), np.array([True, True, False, False])),
    X > 30, (X > 30)[:, :, 0], slice(3, 3), [], np.zeros(3, bool), (slice(None), None, 1), True,
    (np.array([2, 0]), None, [1, 1]),
]  # fmt: skip


def as_tensors(key):
    if isinstance(key, tuple):
        return tuple(as_tensors(k) for k in key)
    return tg.tensor(key) if isinstance(key, np.ndarray) else key


@pytest.mark.parametrize("convert", [lambda k: k, as_tensors], ids=["arrays", "tensors"])
@pytest.mark.parametrize("key", KEYS, ids=lambda k: repr(k)[:40])
def test_reading_is_numpys_and_the_gradient_counts_every_read(key, convert):
    x = tg.tensor(X, requires_grad=True)
    y = x[convert(key)]
    want = X[np.array([], int)] if isinstance(key, list) and not key else X[key]
    np.testing.assert_array_equal(y.array, want)
    weights = np.arange(1.0, want.size + 1).reshape(want.shape)
    (y * weights).sum().backward()
    expected = np.zeros_like(X)
    np.add.at(expected, np.array([], int) if isinstance(key, list) and not key else key, weights)
    np.testing.assert_array_equal(x.grad.array, expected)


def writes_twice(key):
    """Which of two writes to one place stays is not defined."""
    counts = np.zeros_like(X)
    np.add.at(counts, np.array([], int) if isinstance(key, list) and not key else key, 1)
    return counts.max() > 1


@pytest.mark.parametrize("key", [k for k in KEYS if not writes_twice(k)], ids=lambda k: repr(k)[:40])
def test_writing_is_numpys_and_the_gradient_follows(key):
    if isinstance(key, list) and not key:
        key = np.array([], int)
    base, value = tg.tensor(X, requires_grad=True), tg.tensor(np.full(X[key].shape, 7.0), requires_grad=True)
    y = base * 1
    y[key] = value
    want = X.copy()
    want[key] = 7
    np.testing.assert_array_equal(y.array, want)
    weights = np.cos(X)
    (y * weights).sum().backward()
    kept = weights.copy()
    kept[key] = 0
    np.testing.assert_array_equal(base.grad.array, kept)
    np.testing.assert_array_equal(value.grad.array, weights[key])
    plain = tg.tensor(X)
    plain[key] = 7
    np.testing.assert_array_equal(plain.array, want)


def test_wrong_indices():
    x = tg.zeros(2, 3)
    with pytest.raises(IndexError, match=r"getitem: index 5 is out of bounds"):
        x[5]
    with pytest.raises(IndexError, match="too many indices"):
        x[0, 0, 0]
    with pytest.raises(DTypeError, match="integers or booleans"):
        x[tg.tensor([0.0])]
    with pytest.raises(IndexError):
        x[tg.tensor([True, False, True])]
    for bad in ("a", 1.5, (0, "array")):
        with pytest.raises(DTypeError, match="cannot be an index"):
            x[bad]


# ---------------------------------------------------------------- operators

OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "**": lambda a, b: a**b,
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(
    "other", [2, 2.0, [1.0, 2.0, 3.0], np.array([3.0, 2.0, 1.0]), np.array([[1.0], [2.0]]), np.float64(2)], ids=repr
)
def test_operators_in_both_orders(name, other):
    f = OPERATORS[name]
    t = tg.tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
    if isinstance(other, list) and name == "**":
        other = np.array(other)
    plain = np.asarray(other)
    for got, want in ((f(t, other), f(t.array, plain)), (f(other, t), f(plain, t.array))):
        assert isinstance(got, tg.Tensor)
        np.testing.assert_allclose(got.array, want, rtol=1e-12)
        assert got.requires_grad == (name in "+-*/**")


def test_gradients_of_reflected_operators():
    for f, want in (
        (lambda t: 3 - t, -1), (lambda t: 3 / t, -3 / 4), (lambda t: 3**t, 9 * np.log(3)),
        (lambda t: np.array([3.0]) @ t, 3),
        (lambda t: [5.0] * t, 5), (lambda t: [5.0] + t, 1), (lambda t: np.array(3.0) - t, -1),
    ):  # fmt: skip
        t = tg.tensor(np.array([2.0]), requires_grad=True)
        f(t).sum().backward()
        assert t.grad.item() == pytest.approx(want)


def test_logic_operators():
    a, b = tg.tensor([True, True, False]), tg.tensor([True, False, False])
    assert (a & b).tolist() == [True, False, False] and (a | b).tolist() == [True, True, False]
    assert (~a).tolist() == [False, False, True]
    assert (~tg.tensor([1])).tolist() == [-2] and (tg.tensor([6]) & 3).tolist() == [2]


def test_unknown_operands_are_refused():
    t = tg.ones(2)
    for bad in ("a", object(), {}):
        with pytest.raises((DTypeError, TypeError)):
            t + bad


def test_in_place_operators_keep_the_object_and_the_memory():
    t = tg.tensor([1.0, 2.0])
    same, data = t, t.array
    t += 1
    t *= 2
    t -= tg.tensor([1.0, 0.0])
    t /= 2
    assert t is same and t.array is data and t.tolist() == [1.5, 3.0]
    t.add_(1, alpha=2).sub_(1).mul_(2).div_(4)
    assert t.tolist() == [1.25, 2.0]
    assert t.fill_(3).tolist() == [3, 3] and t.zero_().tolist() == [0, 0] and t.copy_([1, 2]).tolist() == [1, 2]
    t += np.float64(0.5)
    assert t.dtype == np.float32


def test_in_place_operators_refuse_what_does_not_fit():
    t = tg.ones(2)
    with pytest.raises(ShapeError, match="cannot change the shape"):
        t += tg.ones(3, 2)
    i = tg.tensor([1, 2])
    with pytest.raises(DTypeError, match="does not fit into a int64 tensor"):
        i += 0.5
    with pytest.raises(DTypeError):
        i /= 2
    assert t.tolist() == [1, 1] and i.tolist() == [1, 2]
    with pytest.raises(InPlaceError, match="leaf"):
        tg.ones(1, requires_grad=True).add_(1)


def test_array_plus_equals_tensor_is_refused_where_a_gradient_would_be_lost():
    t = tg.ones(2, requires_grad=True)
    a = np.zeros(2, np.float32)
    with pytest.raises(GradientError, match=r"array \+= tensor"):
        a += t
    with pytest.raises(GradientError):
        np.add(a, t, out=a)
    assert a.tolist() == [0, 0]
    a += t.detach()
    assert a.tolist() == [1, 1]


# ---------------------------------------------------------------- NumPy

UFUNCS = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "square": np.square,
    "abs": np.abs,
    "negative": np.negative, "expm1": np.expm1, "log1p": np.log1p, "sign": np.sign, "reciprocal": np.reciprocal,
    "positive": np.positive,
}  # fmt: skip
FUNCTIONS = {
    "sum": lambda a: np.sum(a), "sum axis": lambda a: np.sum(a, axis=0),
    "sum keepdims": lambda a: np.sum(a, axis=(0, 1), keepdims=True),
    "mean": lambda a: np.mean(a, axis=1), "max": lambda a: np.max(a, axis=1), "min": lambda a: np.min(a),
    "var": lambda a: np.var(a, axis=0),
    "std": lambda a: np.std(a, ddof=1), "prod": lambda a: np.prod(a, axis=0),
    "reshape": lambda a: np.reshape(a, (3, 2)),
    "reshape -1": lambda a: np.reshape(a, -1), "ravel": np.ravel, "transpose": np.transpose,
    "transpose axes": lambda a: np.transpose(a, (1, 0)),
    "squeeze": lambda a: np.squeeze(a[None]), "expand_dims": lambda a: np.expand_dims(a, 1),
    "broadcast_to": lambda a: np.broadcast_to(a, (4, 2, 3)),
    "flip": np.flip, "flip axis": lambda a: np.flip(a, axis=1), "concatenate": lambda a: np.concatenate([a, a], axis=1),
    "stack": lambda a: np.stack([a, a], axis=-1), "where": lambda a: np.where(np.asarray(a) > 1, a, 0.0),
    "clip": lambda a: np.clip(a, 0.6, 2.0),
    "matmul": lambda a: np.matmul(a, np.ones((3, 2))), "matmul left": lambda a: np.matmul(np.ones((4, 2)), a),
    "dot": lambda a: np.dot(a, np.arange(3.0)),
    "dot scalar": lambda a: np.dot(a, 2.0), "maximum": lambda a: np.maximum(a, 1.0),
    "minimum": lambda a: np.minimum(np.ones((2, 3)), a),
    "power": lambda a: np.power(a, 2.0), "power of": lambda a: np.power(2.0, a), "add": lambda a: np.add(np.ones(3), a),
    "divide": lambda a: np.divide(np.ones(3), a), "array @": lambda a: np.ones((2, 2)) @ a,
    "array *": lambda a: np.arange(6.0).reshape(2, 3) * a,
    "array -": lambda a: np.ones(3) - a, "* array": lambda a: a * np.ones((2, 3)),
    "scalar array": lambda a: np.float64(2) * a,
}  # fmt: skip


@pytest.mark.parametrize("name", [*UFUNCS, *FUNCTIONS])
def test_numpy_functions_record(name):
    f = UFUNCS.get(name) or FUNCTIONS[name]
    a = np.array([[0.5, 1.5, 2.5], [1.25, 0.75, 3.0]])
    t = tg.tensor(a, requires_grad=True)
    y = f(t)
    assert isinstance(y, tg.Tensor)
    np.testing.assert_allclose(y.array, f(a), rtol=1e-12)
    assert y.shape == np.shape(f(a)) and y.dtype == np.float64
    (g,) = grad(y.sum(), t)
    step = 1e-6 * np.array([[1, -2, 0.5], [0.7, 1.5, -1]])
    numeric = (np.sum(f(a + step)) - np.sum(f(a - step))) / 2
    assert (g.array * step).sum() == pytest.approx(numeric, rel=1e-5, abs=1e-11)


def test_numpy_arguments_by_position_mean_what_numpy_says():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    t = tg.tensor(a)
    for f in (
        lambda x: np.sum(x, 0, np.float64), lambda x: np.mean(x, 0, np.float64), lambda x: np.max(x, 0, None, True),
        lambda x: np.var(x, 0, np.float64), lambda x: np.prod(x, 0, np.float64), lambda x: np.argmax(x, 1),
        lambda x: np.clip(x, 1, None), lambda x: np.sum(x, axis=0, dtype=np.float64),
        lambda x: np.reshape(x, (3, 2), order="F"),
        lambda x: np.dot(x.reshape(1, 2, 3), np.ones((2, 3, 2), np.float32)), lambda x: np.sum(x, where=a > 2),
    ):  # fmt: skip
        got, want = f(t), f(a)
        np.testing.assert_array_equal(np.asarray(got), want)
        assert got.shape == want.shape


def test_numpy_functions_without_a_rule():
    t = tg.tensor([3.0, 1.0, 2.0])
    assert np.sort(t).tolist() == [1, 2, 3] and np.median(t) == 2 and np.floor(t).tolist() == [3, 1, 2]
    assert np.array_equal(t, t) and np.allclose(t, t) and np.shape(t) == (3,) and np.ndim(t) == 1 and np.size(t) == 3
    w = tg.tensor([3.0, 1.0], requires_grad=True)
    for call in (
        np.sort,
        np.floor,
        np.cumsum,
        np.median,
        lambda x: np.add.reduce(x),
        lambda x: np.exp(x, dtype=np.float64),
    ):
        with pytest.raises(GradientError, match="cannot record"):
            call(w)
    with tg.no_grad():
        assert np.sort(w).tolist() == [1, 3]


def test_asarray_looks_and_array_copies():
    t = tg.tensor([1.0, 2.0], requires_grad=True)
    assert np.asarray(t) is t.array and np.asarray(t, dtype=np.float64).dtype == np.float64
    copied = np.array(t)
    copied[0] = 9
    assert t.tolist() == [1, 2] and np.asarray(t * 2).tolist() == [2, 4]
    assert np.array([tg.tensor(1.0), tg.tensor(2.0)]).tolist() == [1, 2]


def test_numpy_out_writes_into_a_tensor():
    t = tg.zeros(2)
    version = t._version
    np.add(np.ones(2, np.float32), 2, out=t)
    assert t.tolist() == [3, 3] and t._version > version
    np.copyto(t, 5)
    assert t.tolist() == [5, 5]
    with pytest.raises(GradientError):
        np.add(1, 2, out=tg.zeros(2, requires_grad=True))


def test_clamp_by_tensors():
    x = tg.tensor(np.array([0.0, 2.0, 5.0]), requires_grad=True)
    low, high = (
        tg.tensor(np.array([1.0, 1.0, 1.0]), requires_grad=True),
        tg.tensor(np.array([3.0, 3.0, 3.0]), requires_grad=True),
    )
    y = x.clamp(low, high)
    assert y.tolist() == [1, 2, 3]
    y.sum().backward()
    assert (x.grad.tolist(), low.grad.tolist(), high.grad.tolist()) == ([0, 1, 0], [1, 0, 0], [0, 0, 1])
    assert (
        x.clamp(min=low).tolist() == [1, 2, 5]
        and x.clamp(1, high).tolist() == [1, 2, 3]
        and x.clamp(low, 1.5).tolist() == [1, 1.5, 1.5]
    )
    assert np.clip(x, low, 3.0).tolist() == [1, 2, 3]
    assert x.clamp(high, low).tolist() == np.clip(x.array, high.array, low.array).tolist()
    with pytest.raises(ArgumentError):
        x.clamp()


# ---------------------------------------------------------------- copied and saved


def test_detach_shares_and_clone_copies():
    x = tg.ones(2, requires_grad=True)
    d, c = x.detach(), x.clone()
    d[0] = 5
    assert x.tolist() == [5, 1] and c.tolist() == [1, 1] and not d.requires_grad and c.requires_grad


def test_deepcopy_of_leaves():
    x = tg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.tolist() == [1, 2] and y.requires_grad and y.grad.tolist() == [2, 4] and y.dtype == np.float64
    y.grad.zero_()
    with tg.no_grad():
        y += 1
    assert x.tolist() == [1, 2] and x.grad.tolist() == [2, 4]
    a, b = copy.deepcopy([x, x])
    assert a is b
    with pytest.raises(GradientError, match="deepcopy"):
        copy.deepcopy(x * 2)
    assert type(copy.deepcopy(nn.Parameter([1.0]))) is nn.Parameter


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_of_leaves(protocol):
    for t in (
        tg.tensor([1.0, 2.0], requires_grad=True),
        tg.tensor([1, 2]),
        nn.Parameter([1.0]),
        tg.tensor(2.0),
        tg.zeros(0, 2),
    ):
        u = pickle.loads(pickle.dumps(t, protocol))
        assert (
            type(u) is type(t)
            and u.tolist() == t.tolist()
            and u.dtype == t.dtype
            and u.requires_grad == t.requires_grad
        )
        if t.requires_grad:
            (u * u).sum().backward()
            assert u.grad.tolist() == [2 * v for v in np.atleast_1d(t.array)]
    model = pickle.loads(pickle.dumps(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), protocol))
    assert model(tg.ones(1, 2)).shape == (1, 3)


def test_copy_module_and_io():
    x = tg.ones(2)
    buffer = io.BytesIO()
    np.save(buffer, x)
    buffer.seek(0)
    assert np.load(buffer).tolist() == [1, 1]
    assert copy.copy(x).tolist() == [1, 1]


# ---------------------------------------------------------------- functions that only look simple


def test_split_and_pieces():
    x = tg.arange(5.0)
    assert [p.tolist() for p in x.split(2)] == [[0, 1], [2, 3], [4]] and [p.tolist() for p in x.split([1, 4])] == [
        [0],
        [1, 2, 3, 4],
    ]
    with pytest.raises(ShapeError, match="add up to 3"):
        x.split([1, 2])


def test_shape_functions_at_their_edges():
    t = tg.zeros(2, 1, 3)
    assert t.squeeze().shape == (2, 3) and t.squeeze(0).shape == (2, 1, 3) and t.squeeze(-2).shape == (2, 3)
    assert (
        tg.tensor(1.0).flatten().shape == (1,) and t.flatten(1).shape == (2, 3) and tg.tensor(1.0).squeeze().shape == ()
    )
    assert t.unsqueeze(-1).shape == (2, 1, 3, 1) and t.expand(4, -1, 5, 3).shape == (4, 2, 5, 3)
    assert (
        tg.zeros(0, 3).reshape(0, 3).shape == (0, 3) and tg.zeros(2, 0).sum().item() == 0 and t.view(-1).shape == (6,)
    )
    assert t.reshape((3, 2)).shape == t.reshape([3, 2]).shape == t.reshape(3, 2).shape == (3, 2)
    assert t.permute((2, 0, 1)).shape == t.permute(2, 0, 1).shape == t.permute(-1, 0, -2).shape == (3, 2, 1)
    for bad in (
        lambda: t.reshape(4, 2),
        lambda: t.reshape(-1, -1),
        lambda: t.permute(0, 1),
        lambda: t.permute(0, 0, 1),
    ):
        with pytest.raises(ShapeError):
            bad()


def test_empty_batches():
    x = tg.zeros(0, 3, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad.shape == (0, 3)
    assert nn.Linear(3, 2)(tg.zeros(0, 3)).shape == (0, 2)
    with pytest.raises(ShapeError, match="no elements"):
        tg.zeros(0).max()


def test_methods_and_functions_are_the_same():
    for name in ("exp", "sum", "matmul", "softmax", "permute", "var", "gather", "clamp"):
        assert getattr(tg, name) is inspect.getattr_static(tg.Tensor, name)


def test_grad_can_be_set_to_a_tensor_of_the_right_shape_only():
    x = tg.ones(2, requires_grad=True)
    x.grad = tg.tensor([1.0, 2.0])
    assert x.grad.tolist() == [1, 2]
    for bad in (tg.ones(3), np.ones(2), 1.0):
        with pytest.raises(ShapeError):
            x.grad = bad
    x.grad = None
    assert x.grad is None


def test_assigning_requires_grad_is_checked():
    x = tg.zeros(3)
    x.requires_grad = True
    assert x.requires_grad and x.is_leaf
    with pytest.raises(DTypeError, match="only floating-point tensors can require a gradient"):
        tg.arange(3).requires_grad = True
    with pytest.raises(GradientError, match="only a leaf can stop requiring"):
        (x * 2).requires_grad = False
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_data_is_the_tensor_without_history_and_can_be_replaced():
    p = tg.ones(2, requires_grad=True)
    p.data.mul_(3)
    p.data -= 1
    assert p.tolist() == [2, 2] and p.is_leaf and p.requires_grad and not p.data.requires_grad
    (p * p).sum().backward()
    p.data = p.data - 0.5 * p.grad
    assert p.tolist() == [0, 0] and isinstance(p.array, np.ndarray)
    p.data = np.full(2, 7, dtype=np.float32)
    assert p.tolist() == [7, 7]
    for bad in ([1.0, 2.0], np.zeros(2), tg.arange(2), None):
        with pytest.raises(DTypeError, match="data: the values can be replaced"):
            p.data = bad
    assert p.tolist() == [7, 7]


def test_data_replaced_between_forward_and_backward_is_noticed():
    p = tg.ones(2, requires_grad=True)
    loss = (p * p).sum()
    p.data = tg.zeros(2)
    with pytest.raises(InPlaceError):
        loss.backward()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.sum(2),
        lambda x: x.mean((0, 5)), lambda x: x.max(-3), lambda x: x.argmax(2),
        lambda x: x.unsqueeze(5), lambda x: x.unsqueeze(-9),
        lambda x: x.squeeze(4), lambda x: x.flatten(3), lambda x: x.transpose(0, 2),
        lambda x: x.permute(0, 2), lambda x: x.split(1, dim=7), lambda x: tg.cat([x, x], 2), lambda x: tg.stack([x], 3),
        lambda x: x.softmax(2),
        lambda x: x.log_softmax(-4), lambda x: x.flip(2), lambda x: x.prod(3),
        lambda x: x.all(2), lambda x: x.var(2),
        lambda x: x.logsumexp(2), lambda x: x.gather(2, tg.zeros(1, 1, dtype=tg.int64)),
    ],
)  # fmt: skip
def test_a_dimension_that_is_not_there_is_refused(call):
    with pytest.raises(IndexError, match=r"there is no dimension -?\d"):
        call(tg.zeros(2, 3))


def test_a_forgotten_batch_axis_is_told_by_flatten():
    with pytest.raises(IndexError) as caught:
        nn.Flatten()(tg.zeros(784))
    assert "unsqueeze(0) adds the batch dimension" in str(caught.value)


def test_pytorchs_dtype_names_and_arguments():
    assert (tg.float, tg.double, tg.half) == (tg.float32, tg.float64, tg.float16)
    assert (tg.int, tg.long, tg.bool) == (tg.int32, tg.int64, np.dtype(bool))
    assert tg.ones(2).to(dtype=tg.double).dtype == tg.float64
    for make in (
        tg.arange(3.0, requires_grad=True),
        tg.linspace(0, 1, 3, requires_grad=True),
        tg.eye(2, requires_grad=True),
    ):
        assert make.requires_grad and make.is_leaf
    with pytest.raises(DTypeError):
        tg.arange(3, requires_grad=True)
    drawn = tg.randint(0, 10, (50,), dtype=tg.float32)
    assert drawn.dtype == tg.float32 and set(drawn.tolist()) <= set(range(10))


def test_power_in_place_keeps_the_tensor():
    x = tg.tensor([2.0, 3.0])
    alias, version = x, x._version
    x **= 2
    assert x is alias and x.tolist() == [4, 9] and x._version > version
    a = tg.tensor([2.0, 3.0], requires_grad=True)
    y = a * 1
    y **= 3
    y.sum().backward()
    assert a.grad.tolist() == [12, 27]
    z = tg.tensor([2.0, 3.0])
    z **= tg.tensor([3.0, 2.0])
    assert z.tolist() == [8, 9]


def test_a_numpy_function_passes_our_own_errors_on():
    with pytest.raises(DTypeError, match="clamp|dimension|cannot compute"):
        np.add(tg.ones(2), "text")
    with pytest.raises(DTypeError, match="a dimension must be an int"):
        np.squeeze(tg.ones(2, 1), "argument")
