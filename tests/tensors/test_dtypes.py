"""Which dtype comes out: numbers never widen, float64 survives every function, conversions pass gradients back."""

import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import DeviceError, DTypeError

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
        i / 2, i / i, 1 / i, i.mean(), i.float().mean(), i.exp(), i.sqrt(), i.sigmoid(), i.softmax(0), i.reciprocal(),
        i + 0.5, i * np.float64(1.5), i**-1.0,
    ):  # fmt: skip
        assert r.dtype == np.float32, r
    for r in (i + 1, i * i, i - True, i.sum(), i**2, 2**i, i.max(), i.argmax(), abs(i), -i, (i > 1).sum(), i.prod()):
        assert r.dtype == np.int64, r
    assert (i > 1).dtype == np.bool_ and (2.5 ** tg.tensor([2])).tolist() == [6.25]


def test_mean_of_booleans_and_bytes():
    assert tg.tensor([True, True, False, False]).mean().item() == 0.5
    assert tg.full((300,), 200, dtype=tg.uint8).mean().item() == 200
    assert tg.full((300,), 200, dtype=tg.uint8).sum().item() == 60000
    assert tg.tensor(np.full(200, 100, np.int8)).mean().item() == 100


def test_double_precision_survives_pickling_and_byte_order():
    """An array that went through a pickle has a dtype object of its own; a big-endian one, too."""
    values = np.array([0.1, 0.7, 0.3])
    for array in (pickle.loads(pickle.dumps(values)), values.astype(">f8")):
        t = tg.from_numpy(array).requires_grad_()
        for f in (
            tg.sigmoid, tg.reciprocal, tg.sum, tg.mean, tg.amax, tg.std, lambda x: tg.cat([x, x]),
            lambda x: tg.where(x > 0, x, 0.0),
        ):  # fmt: skip
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
    with pytest.raises(DeviceError, match="no such device"):
        x.to("cuda")


def test_pytorchs_dtype_names_and_arguments():
    assert (tg.float, tg.double, tg.half) == (tg.float32, tg.float64, tg.float16)
    assert (tg.int, tg.long, tg.bool) == (tg.int32, tg.int64, np.dtype(bool))
    assert tg.ones(2).to(dtype=tg.double).dtype == tg.float64
    for make in (
        tg.arange(3.0, requires_grad=True), tg.linspace(0, 1, 3, requires_grad=True), tg.eye(2, requires_grad=True),
    ):  # fmt: skip
        assert make.requires_grad and make.is_leaf
    with pytest.raises(DTypeError):
        tg.arange(3, requires_grad=True)
    drawn = tg.randint(0, 10, (50,), dtype=tg.float32)
    assert drawn.dtype == tg.float32 and set(drawn.tolist()) <= set(range(10))
