"""Indexing and operators: NumPy's results, in both orders, with numbers and arrays, in place; and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import DTypeError, GradientError, InPlaceError, ShapeError

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
