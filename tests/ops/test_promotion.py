"""In which dtype operands meet, and functions of floats compute: a table by hand, and every pair against PyTorch."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import TinygradError

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
VALUES: dict[str, tuple[Any, Any]] = {
    "i": ([1, 2, 3], 2), "u": ([1, 2, 3], 2), "b": ([True, False, True], True), "f": ([0.1, -2.3, 3.7], 0.3),
}  # fmt: skip
Operation = Callable[[Any, Any, Any], Any]  # of tinygrad_mnist or torch, and two operands


def operand(dtype: str, axes: int) -> np.ndarray[Any, Any]:
    return np.array(VALUES[np.dtype(dtype).kind][axes == 0], dtype)


def method(name: str) -> Operation:
    return lambda m, a, b: getattr(a, name)(b)


def function(name: str) -> Operation:
    return lambda m, a, b: getattr(m, name)(a, b)


OPERATIONS: dict[str, Operation] = {
    "add twice": lambda m, a, b: m.add(a, b, alpha=2), "add half": lambda m, a, b: m.add(a, b, alpha=0.5),
    "sub twice": lambda m, a, b: m.sub(a, b, alpha=2), "add_ twice": lambda m, a,
    b: a.add_(b, alpha=2) if hasattr(b, "dtype") else a, "6 & a": lambda m, a, b: 6 & a, "True | a": lambda m, a,
    b: True | a, "True ** a": lambda m, a, b: True**a, "clamp": lambda m, a, b: a.clamp(b),
    **{name: function(name) for name in ("add", "sub", "mul", "div", "pow", "maximum", "minimum")},
    **{name: method(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{name: method(name) for name in ("add_", "sub_", "mul_", "div_", "pow_")},
    **{f.__name__: lambda m, a, b, f=f: f(a, b) for f in (operator.add, operator.and_, operator.or_, operator.lt)},
    "where": lambda m, a, b: m.where(m.tensor([True, False, True]), a, b), "cat": lambda m, a, b: m.cat([a, b], 0),
    "stack": lambda m, a, b: m.stack([a, b], 0),
}


def agree(got: Any, want: Any) -> bool:
    eps = np.finfo(want.dtype).eps if want.dtype.kind == "f" else 0
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    return np.allclose(got.astype(float), want.astype(float), rtol=2 * eps, atol=0, equal_nan=True)


def compared(f: Callable[[Any, list[Any]], Any], torch: Any, operands: list[Any], rtol: Any = None) -> str:
    """Tell how a call differs from PyTorch's; nothing where it agrees, or PyTorch refuses."""
    def of(wrap: Any) -> list[Any]:
        return [wrap(x.copy()) if isinstance(x, np.ndarray) else x for x in operands]

    try:
        want = np.asarray(f(torch, of(torch.from_numpy)))
    except (RuntimeError, TypeError, IndexError):
        return ""
    try:
        with np.errstate(all="ignore"):
            got = f(tg, of(tg.tensor)).numpy()
    except TinygradError as error:
        return f"{want.dtype} but {error}"
    if rtol is not None and got.dtype == want.dtype and np.allclose(got, want, rtol=rtol, atol=1e-6, equal_nan=True):
        return ""
    return "" if agree(got, want) else f"{want.dtype} {want.tolist()} but {got.dtype} {got.tolist()}"


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.filterwarnings("ignore")
def test_every_pair_of_dtypes_and_ranks_meets_as_in_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    wrong = []
    pairs: list[list[Any]] = []
    for a, b, i, j in itertools.product(DTYPES, DTYPES, (0, 1), (0, 1)):
        pairs.append([operand(a, i), operand(b, j)])
    for a, i, number in itertools.product(DTYPES, (0, 1), (2, True, 0.3)):
        pairs.append([operand(a, i), number])
    for pair in pairs:
        said = compared(lambda m, xs: OPERATIONS[name](m, *xs), torch, pair)
        if said:
            wrong.append(f"{[(np.shape(x), getattr(x, 'dtype', x)) for x in pair]}: {said}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("a", "i", "b", "j", "result"), [
    ("float32", 1, "float64", 0, "float32"), ("float64", 0, "float32", 1, "float32"),
    ("float32", 0, "float64", 0, "float64"), ("float32", 1, "float64", 1, "float64"),
    ("float16", 1, "float32", 0, "float16"), ("float16", 1, "int64", 1, "float16"),
    ("int32", 1, "int64", 0, "int32"), ("uint8", 1, "int8", 0, "uint8"), ("uint8", 1, "int8", 1, "int16"),
    ("int64", 1, "float16", 0, "float16"), ("int64", 1, "float64", 0, "float64"), ("bool", 1, "int8", 0, "int8"),
    ("int64", 0, "float32", 1, "float32"), ("bool", 0, "bool", 1, "bool"),
])  # fmt: skip
def test_a_scalar_tensor_counts_only_across_kinds(a: str, i: int, b: str, j: int, result: str) -> None:
    x, y = tg.tensor(operand(a, i)), tg.tensor(operand(b, j))
    assert (x * y).dtype == result
    assert tg.maximum(x, y).dtype == result
    assert tg.where(tg.tensor([True, False, True]), x, y).dtype == result
    if i:
        assert (x * operand(b, j)).dtype == result  # an array counts as the tensor that it could be


@pytest.mark.parametrize("f", [operator.add, operator.mul, operator.truediv, tg.maximum, tg.pow])
def test_gradients_come_back_in_the_dtype_of_each_leaf(f: Any) -> None:
    for a, b in itertools.permutations(DTYPES[:3], 2):
        for i, j in ((0, 1), (1, 0), (1, 1)):
            grads = []
            for create_graph in (False, True):
                x = tg.tensor(np.abs(operand(a, i)), requires_grad=True)
                y = tg.tensor(np.abs(operand(b, j)), requires_grad=True)
                f(x, y).sum().backward(create_graph=create_graph)
                assert (x.grad.dtype, x.grad.shape) == (x.dtype, x.shape)
                assert (y.grad.dtype, y.grad.shape) == (y.dtype, y.shape)
                grads.append(x.grad.detach().numpy().tobytes() + y.grad.detach().numpy().tobytes())
            assert grads[0] == grads[1]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_compiled_step_meets_in_the_same_dtype(backend: str) -> None:
    scale = tg.tensor(0.3, dtype=tg.float64)

    def step(x: Any) -> Any:
        loss = ((x * scale) ** 2 - scale).sum()
        loss.backward()
        return loss

    x, y = (tg.tensor(np.linspace(-1, 2, 12, dtype=np.float32).reshape(3, 4), requires_grad=True) for _ in range(2))
    compiled = tg.compile(step, backend=backend)
    for _ in range(4):
        x.grad = y.grad = None
        want, got = step(x), compiled(y)
        assert got.dtype == want.dtype == tg.float32 and y.grad.dtype == x.grad.dtype == tg.float32
        if backend == "numpy":
            assert got.numpy().tobytes() == want.detach().numpy().tobytes()
            assert y.grad.numpy().tobytes() == x.grad.numpy().tobytes()
        else:
            np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("f", [operator.add, operator.sub, operator.mul, operator.and_, operator.or_])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8"])
def test_a_number_of_numpy_beyond_the_dtype_is_what_the_number_of_python_is(f: Any, dtype: str) -> None:
    x = tg.tensor(np.array([1, 0, 100], dtype))
    for number in (300, -300, 2**40 + 3):
        want = f(x, number)
        for other in (np.int64(number), np.array(number)[()]):
            assert f(x, other).dtype == want.dtype and f(x, other).tolist() == want.tolist()
            assert f(other, x).tolist() == f(number, x).tolist()
    assert (x**np.True_).tolist() == x.tolist() and (np.True_**x).dtype == (True**x).dtype == dtype
    assert tg.tensor([True, False]).pow_(np.True_).tolist() == [True, False]


# ---------------------------------------------------------------- functions of floats, of integers

OF_FLOATS: dict[str, Callable[[Any, Any], Any]] = {
    **{name: lambda m, x, name=name: getattr(m, name)(x) for name in (
        "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "sigmoid", "reciprocal", "square", "sign")},
    **{name: lambda m, x, name=name: getattr(m, name)(x, 1) for name in (
        "softmax", "log_softmax", "logsumexp", "sum", "prod")},
    "sum of all": lambda m, x: m.sum(x), "prod of all": lambda m, x: m.prod(x),
    "mean": lambda m, x: m.mean(x.float() if m is not tg else x, 1),
    "var": lambda m, x: m.var(x.float() if m is not tg else x, 1),
    "std": lambda m, x: m.std(x.float() if m is not tg else x, 1),
    **{f"power {n}": lambda m, x, n=n: x**n for n in (2, 3, 2.0, 0.5)},
    **{f"over {n}": lambda m, x, n=n: x / n for n in (3, 0.5, 200.0)},
    # these stay what they are, or count
    **{name: lambda m, x, name=name: getattr(x, name)() for name in (
        "abs", "argmax", "argmin", "long", "int", "bool")},
    "any": lambda m, x: (x > 100).any(), "all": lambda m, x: (x.int() > -100).all(),
    "minus": lambda m, x: -x.int(), "not": lambda m, x: ~(x > 0), "any of rows": lambda m, x: (x > 0).any(1),
    "all of columns": lambda m, x: (x != 0).all(0, keepdim=True), "count": lambda m, x: (x > 0).sum(),
    "places": lambda m, x: x.max(1).indices, "argmax of rows": lambda m, x: m.argmax(x, dim=1, keepdim=True),
    "argmin of columns": lambda m, x: m.argmin(x, dim=0), "between": lambda m, x: x.int().clamp(-3, 3),
    "below 3": lambda m, x: 3 / x, "over itself": lambda m, x: x / x, "power of 2.5": lambda m, x: 2.5**x,
}  # fmt: skip


def integers(dtype: str, seed: int) -> np.ndarray[Any, Any]:
    """Draw small integers (seed 0), or any that 8 bits hold."""
    rng = np.random.default_rng(seed)
    wide = {"int8": (-128, 128), "uint8": (0, 256), "bool": (0, 2)}
    low, high = wide.get(dtype, (-9, 9)) if seed or dtype == "bool" else (0, 20)
    return rng.integers(low, high, (3, 4)).astype(dtype)


@pytest.mark.parametrize("name", OF_FLOATS)
@pytest.mark.parametrize("dtype", DTYPES[3:])
def test_functions_of_floats_take_integers_as_float32(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    f = OF_FLOATS[name]
    for seed in range(3):
        assert not compared(lambda m, xs: f(m, *xs), torch, [integers(dtype, seed)], rtol=3e-6)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "softmax", "logsumexp", "prod", "power 2.0", "sign",
                                  "sqrt", "sin", "expm1", "log1p", "square", "reciprocal", "mean", "var"])  # fmt: skip
@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_step_does_the_same_to_integers(name: str, dtype: str, backend: str) -> None:
    step = tg.compile(lambda x: OF_FLOATS[name](tg, x), backend=backend)
    for seed in range(3):
        x = tg.tensor(integers(dtype, seed))
        want, got = OF_FLOATS[name](tg, x).numpy(), step(x).numpy()
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=0 if backend == "numpy" else 1e-6)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", ["int8", "int64"])
def test_a_compiled_step_raises_integers_to_any_power(backend: str, dtype: str) -> None:
    def powers(x: Any) -> Any:
        return 2**x + (-1) ** x * x**x, x.float() ** x

    step = tg.compile(powers, backend=backend)
    for values in ([1, 2, 3], [0, 1, 5], [-1, -2, 3], [-3, 0, 1]):
        x = tg.tensor(np.array(values).astype(dtype))
        for got, want in zip(step(x), powers(x), strict=True):
            assert got.dtype == want.dtype and got.tolist() == want.tolist()


def test_nothing_is_computed_in_the_small_type() -> None:
    x = tg.tensor(np.array([[200, 100]], np.uint8))
    assert x.logsumexp(1).item() == pytest.approx(200)
    assert tg.tensor(np.array([-128, 127], np.int8)).logsumexp(0).item() == pytest.approx(127)
    assert x.prod().item() == 20000 and x.prod().dtype == tg.int64
    assert tg.tensor([True, True]).sum().item() == 2
    assert tg.tensor(np.array([11], np.uint8)).exp().item() == pytest.approx(np.exp(11), rel=1e-6)
    assert tg.tensor(np.array([12], np.int8)).exp().dtype == tg.float32
