"""Indexing, operators and NumPy's functions: NumPy's results, in both orders, in place, with `out`; and gradients."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, GradientError, InPlaceError, ShapeError

# ---------------------------------------------------------------- indexing

X = np.arange(60.0).reshape(3, 4, 5)
KEYS = [
    0, -1, slice(None), slice(1, 3), slice(None, None, 2), slice(None, None, -1), slice(2, None, -2), None, Ellipsis,
    (0, 1), (0, 1, 2), (slice(None), 1), (Ellipsis, 0), (0, Ellipsis), (None, 1, None),
    (slice(1), Ellipsis, slice(2, 4)), [0, 2], [0, 0, 1], ([0, 1], [2, 3]), (slice(None), [1, 1]),
    ([0, 0], slice(None), [4, 4]), (0, [1, 2]), (Ellipsis, [0, 0]), ((0, 0), slice(None)),
    (slice(None), (2, 2, 2)), range(2), (slice(None), range(1, 4)), np.array([1, 1, 2]), np.array([[0, 1], [1, 2]]),
    np.array(2), np.int64(1), np.array([True, False, True]), (slice(None), np.array([True, False, True, True])),
    (np.array([True, False, True]), 0), (np.array([0, 1]), np.array([True, True, False, False])), X > 30,
    (X > 30)[:, :, 0], slice(3, 3), [], np.zeros(3, bool), (slice(None), None, 1), True,
    (np.array([2, 0]), None, [1, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "order"), [
    ((0, slice(1, 3), [1, 1, 1]), (1, 0)), ((1, None, [0, 2]), (1, 0)), ((slice(None), [0, 1], None, 2), (1, 0, 2)),
    ((slice(None), 2, None, [[0, 1]]), (2, 3, 0, 1)),
], ids=str)  # fmt: skip
def test_integers_are_taken_before_index_arrays_as_in_pytorch(key, order):
    x = tg.tensor(X, requires_grad=True)
    y, theirs = x[key], np.moveaxis(X[key], range(len(order)), order) if len(order) < 4 else X[:, 2][:, None][:, :,
        [[0, 1]]]
    np.testing.assert_array_equal(y.array, theirs)
    y.sum().backward()
    assert x.grad.sum().item() == y.numel()
    with tg.no_grad():
        z = tg.zeros(3, 4, 5, dtype=tg.float64)
        z[key] = y
        np.testing.assert_array_equal(z[key].array, theirs)
        z[key] = theirs[0] if len(theirs) else 0
        np.testing.assert_array_equal(z[key].array, np.broadcast_to(theirs[0], theirs.shape))


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


@pytest.mark.parametrize(("key", "kind", "said"), [
    (5, IndexError, "getitem: index 5 is out of bounds"), ((0, 0, 0), IndexError, "too many indices"),
    (tg.tensor([0.0]), DTypeError, "integers or booleans"), (tg.tensor([True, False, True]), IndexError, "."),
    ("a", DTypeError, "cannot be an index"), (1.5, DTypeError, "cannot be an index"),
    ((0, "array"), DTypeError, "cannot be an index"),
], ids=str)  # fmt: skip
def test_wrong_indices(key, kind, said):
    with pytest.raises(kind, match=said):
        tg.zeros(2, 3)[key]


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


UFUNCS = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "square": np.square,
    "abs": np.abs, "negative": np.negative, "expm1": np.expm1, "log1p": np.log1p, "sign": np.sign,
    "reciprocal": np.reciprocal, "positive": np.positive,
}  # fmt: skip
FUNCTIONS = {
    "sum": lambda a: np.sum(a), "sum axis": lambda a: np.sum(a, axis=0),
    "sum keepdims": lambda a: np.sum(a, axis=(0, 1), keepdims=True), "mean": lambda a: np.mean(a, axis=1),
    "max": lambda a: np.max(a, axis=1), "min": lambda a: np.min(a), "var": lambda a: np.var(a, axis=0),
    "std": lambda a: np.std(a, ddof=1), "prod": lambda a: np.prod(a, axis=0),
    "reshape": lambda a: np.reshape(a, (3, 2)), "reshape -1": lambda a: np.reshape(a, -1), "ravel": np.ravel,
    "transpose": np.transpose, "transpose axes": lambda a: np.transpose(a, (1, 0)),
    "squeeze": lambda a: np.squeeze(a[None]), "expand_dims": lambda a: np.expand_dims(a, 1),
    "broadcast_to": lambda a: np.broadcast_to(a, (4, 2, 3)), "flip": np.flip, "flip axis": lambda a: np.flip(a, axis=1),
    "concatenate": lambda a: np.concatenate([a, a], axis=1), "stack": lambda a: np.stack([a, a], axis=-1),
    "where": lambda a: np.where(np.asarray(a) > 1, a, 0.0), "clip": lambda a: np.clip(a, 0.6, 2.0),
    "matmul": lambda a: np.matmul(a, np.ones((3, 2))), "matmul left": lambda a: np.matmul(np.ones((4, 2)), a),
    "dot": lambda a: np.dot(a, np.arange(3.0)), "dot scalar": lambda a: np.dot(a, 2.0),
    "maximum": lambda a: np.maximum(a, 1.0), "minimum": lambda a: np.minimum(np.ones((2, 3)), a),
    "power": lambda a: np.power(a, 2.0), "power of": lambda a: np.power(2.0, a), "add": lambda a: np.add(np.ones(3), a),
    "divide": lambda a: np.divide(np.ones(3), a), "array @": lambda a: np.ones((2, 2)) @ a,
    "array *": lambda a: np.arange(6.0).reshape(2, 3) * a, "array -": lambda a: np.ones(3) - a,
    "* array": lambda a: a * np.ones((2, 3)), "scalar array": lambda a: np.float64(2) * a,
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
    assert np.sort(t).tolist() == [1, 2, 3] and np.median(t) == 2 and np.fabs(t).tolist() == [3, 1, 2]
    assert np.array_equal(t, t) and np.allclose(t, t) and np.shape(t) == (3,) and np.ndim(t) == 1 and np.size(t) == 3
    w = tg.tensor([3.0, 1.0], requires_grad=True)
    for call in (
        np.sort, np.fabs, np.cumsum, np.median, lambda x: np.add.reduce(x), lambda x: np.exp(x, dtype=np.float64),
    ):  # fmt: skip
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


def test_clamp_by_a_tensor_and_a_number():
    x, low, high = (tg.tensor(np.array(v)) for v in ([0.0, 2.0, 5.0], [1.0] * 3, [3.0] * 3))
    assert x.clamp(min=low).tolist() == [1, 2, 5] and x.clamp(1, high).tolist() == [1, 2, 3]
    assert x.clamp(low, 1.5).tolist() == [1, 1.5, 1.5] and np.clip(x, low, 3.0).tolist() == [1, 2, 3]
    with pytest.raises(ArgumentError):
        x.clamp()


def test_a_numpy_function_passes_our_own_errors_on():
    with pytest.raises(DTypeError, match="clamp|dimension|cannot compute"):
        np.add(tg.ones(2), "text")
    with pytest.raises(DTypeError, match="a dimension must be an int"):
        np.squeeze(tg.ones(2, 1), "argument")
