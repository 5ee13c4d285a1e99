"""Gradients that must not go wrong unnoticed: no rule, a rule's own memory, 0 beside infinity, the ends of sigmoid."""

from __future__ import annotations

import functools
import itertools
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import ArgumentError, GradientError
from tinygrad_mnist.core.primitive import Primitive, primitive, registry

INF, NAN = float("inf"), float("nan")


def made(forward: Callable[..., Any], **settings: Any) -> Primitive:
    """Make a primitive of a test's own, which the registry forgets afterwards (conftest.py)."""
    registry.pop(forward.__name__, None)
    return primitive(**settings)(forward)


def doubled(x: Any) -> Any:
    return x * 2


@pytest.mark.thread_unsafe(reason="there is one primitive of a name")
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_forgotten_rule_is_an_error_of_backward_alone(create_graph: bool) -> None:
    f = made(doubled)
    x = tg.ones(3, requires_grad=True)
    y = f(x)  # no gradient asked for yet: the call itself is fine
    assert y.tolist() == [2, 2, 2]
    with pytest.raises(GradientError, match="doubled: no derivative with respect to x"):
        y.sum().backward(create_graph=create_graph)
    with tg.no_grad():
        assert not f(x).requires_grad
    (y.detach() * x).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


@pytest.mark.thread_unsafe(reason="there is one primitive of a name")
def test_a_forgotten_rule_is_an_error_in_a_compiled_step() -> None:
    f = made(doubled)

    @tg.compile
    def step(x: Any) -> Any:
        loss = f(x).sum()
        loss.backward()
        return loss

    for _ in range(3):
        with pytest.raises(GradientError, match="doubled: no derivative with respect to x"):
            step(tg.ones(3, requires_grad=True))


@pytest.mark.thread_unsafe(reason="there is one primitive of a name")
def test_what_is_declared_constant_or_gives_integers_needs_no_rule() -> None:
    x = tg.tensor([1.5, 2.5], requires_grad=True)

    def rounded(x: Any) -> Any:
        return np.floor(x)

    def places(x: Any) -> Any:
        return np.argsort(x)

    assert not made(rounded, differentiable=False)(x).requires_grad
    assert not made(places)(x).requires_grad
    assert not (x > 1).requires_grad and not x.argmax().requires_grad and not x.isnan().requires_grad


def test_primitives_without_rules_declare_themselves_constant() -> None:
    assert [p.name for p in registry.values() if bool(p.rules) != p.differentiable] == []


def test_an_overflow_of_the_forwards_own_is_not_explained_as_a_number_of_the_callers() -> None:
    def boom(x: Any) -> Any:
        return x * math.exp(1000.0)

    f = made(boom)
    for x in (tg.ones(2), np.ones(2, np.float32), tg.ones(2, dtype=tg.int64)):
        with pytest.raises(OverflowError, match="math range error"):
            f(x)
    with pytest.raises(ArgumentError, match="from -128 to 127"):
        tg.maximum(tg.ones(2, dtype=tg.int8), 300)
    assert (tg.ones(2, dtype=tg.int8) + 300).tolist() == [45, 45]


@pytest.mark.thread_unsafe(reason="there is one primitive of a name")
@pytest.mark.parametrize("returned", [None, 1.0, [1.0, 1.0, 1.0], "g", np.ones(3, np.float32)], ids=str)
def test_a_rule_that_returns_no_cotangent_is_named(returned: Any) -> None:
    f = made(doubled)

    @f.vjp("x")
    def rule(g: Any, out: Any, x: Any) -> Any:
        return returned

    def step(x: Any) -> Any:
        loss = f(x).sum()
        loss.backward()
        return loss

    for run in (step, tg.compile(step)):  # an array is one, but for a compiled step, which would repeat it
        if run is step and isinstance(returned, np.ndarray):
            continue
        with pytest.raises(GradientError, match="doubled: the rule for x returned no cotangent"):
            run(tg.ones(3, requires_grad=True))


class Held:
    """Places in which a rule may keep the array that it returns."""

    attribute = np.ones(3, np.float32)


LISTED = [np.ones(3, np.float32)]
NAMED = {"g": np.ones(3, np.float32)}
VIEWED = np.ones((2, 3), np.float32)
WEAKLY: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


@functools.lru_cache
def remembered() -> Any:
    return np.ones(3, np.float32)


def weakly() -> Any:
    g = WEAKLY.get("g")
    if g is None:
        g = WEAKLY["g"] = np.ones(3, np.float32)
    return g


KEPT: dict[str, Callable[[], Any]] = {
    "list": lambda: LISTED[0], "dict": lambda: NAMED["g"], "attribute": lambda: Held.attribute, "lru_cache": remembered,
    "row": lambda: VIEWED[0], "reshaped": lambda: NAMED["g"].reshape(3), "weak": weakly,
}  # fmt: skip


@pytest.mark.parametrize("place", KEPT)
def test_an_array_that_a_rule_keeps_never_becomes_a_gradient(place: str) -> None:
    f = made(doubled)
    kept = KEPT[place]

    @f.vjp("x")
    def rule(g: Any, out: Any, x: Any) -> Any:
        return kept()

    x, y = tg.ones(3, requires_grad=True), tg.ones(3, requires_grad=True)
    for i in range(1, 4):
        (f(x) + f(y)).sum().backward()
        assert x.grad.tolist() == y.grad.tolist() == [i] * 3
    x.grad.mul_(10)  # as a clip in place would
    assert y.grad.tolist() == [3] * 3
    assert kept().tolist() == [1] * 3

    z = tg.ones(3, requires_grad=True)
    loss = (f(z) + f(z) + f(z) + z).sum()  # a diamond: contributions add up
    loss.backward(retain_graph=True)
    loss.backward()
    assert z.grad.tolist() == [8] * 3
    assert kept().tolist() == [1] * 3


def of(f: Callable[..., Any], *values: Any) -> list[Any]:
    """Give the gradients of f where infinity flows back."""
    xs = [tg.tensor(v, dtype=tg.float64, requires_grad=True) for v in values]
    out = f(*xs)
    out.backward(tg.full(out.shape, INF, dtype=tg.float64))
    recorded = [tg.tensor(v, dtype=tg.float64, requires_grad=True) for v in values]
    out = f(*recorded)
    out.backward(tg.full(out.shape, INF, dtype=tg.float64), create_graph=True)
    for x, again in zip(xs, recorded, strict=True):
        assert x.grad.numpy().tobytes() == again.grad.detach().numpy().tobytes()
    return [x.grad.tolist() for x in xs]


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_value_not_chosen_gets_nothing_even_of_an_infinite_gradient() -> None:
    assert of(tg.maximum, [1, 2, 2, NAN], [2, 1, 2, 1]) == [[0, INF, INF, INF], [INF, 0, INF, INF]]
    assert of(tg.minimum, [1, 2, 2, NAN], [2, 1, 2, 1]) == [[INF, 0, INF, INF], [0, INF, INF, INF]]
    assert of(lambda x: x.clamp(0, 1), [-1, 0, 2, NAN]) == [[0, INF, 0, 0]]
    assert of(lambda x: x.max(), [1, 3, 2, -1]) == [[0, INF, 0, 0]]
    assert of(lambda x: x.max(), [1, NAN, 3]) == [[0, INF, 0]]
    assert of(lambda x: x.amin(0), [1, 3, 2, -1]) == [[0, 0, 0, INF]]
    assert of(tg.sign, [0, 1, -1]) == [[0, 0, 0]]
    assert of(lambda x: x**0, [0, 1, -1]) == [[0, 0, 0]]
    assert of(lambda x: x.clamp(min=0).sqrt(), [-1, 4]) == [[0, INF]]


SPECIAL = [0.0, 1.0, -1.0, 2.5, INF, -INF, NAN]
CHOSEN: dict[str, Callable[..., Any]] = {
    "relu": lambda m, x, y: m.relu(x), "relu, root": lambda m, x, y: m.relu(x) ** 0.5, "clamp": lambda m, x,
    y: x.clamp(-1, 1), "clamp crossed": lambda m, x, y: x.clamp(1, -1), "clamp by NaN": lambda m, x,
    y: x.clamp(min=NAN), "clamp, root": lambda m, x, y: x.clamp(min=0.5).sqrt(), "least a tensor": lambda m, x,
    y: x.clamp(min=y), "most a tensor": lambda m, x, y: x.clamp(max=y), "between tensors": lambda m, x,
    y: x.clamp(y, m.ones_like(y)), "maximum": lambda m, x, y: m.maximum(x, y), "minimum": lambda m, x,
    y: m.minimum(x, y), "where": lambda m, x, y: m.where(x > y, x, y), "root of one": lambda m, x,
    y: m.where(x > 0, m.sqrt(x), y), "power": lambda m, x, y: m.pow(x, y), "power 0": lambda m, x, y: x**0 * y,
    "max": lambda m, x, y: m.max(x, 0)[0], "gather": lambda m, x, y: x.gather(0, m.tensor([0])),
    "sum with itself": lambda m, x, y: x.logsumexp(0), "softmax": lambda m, x, y: x.log_softmax(0),
}  # fmt: skip


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_and_gradients_beside_infinity_and_nan_are_pytorch_s(name: str) -> None:
    torch = pytest.importorskip("torch")

    def run(m: Any, x: float, y: float, g: float) -> Any:
        leaves = [m.tensor([v], dtype=m.float64).requires_grad_() for v in (x, y)]
        out = CHOSEN[name](m, *leaves)
        out.backward(m.full(out.shape, g, dtype=m.float64))
        grads = [0.0 if leaf.grad is None else leaf.grad.item() for leaf in leaves]
        return [out.detach().numpy().item(), *grads]

    for x, y, g in itertools.product(SPECIAL, SPECIAL, (1.0, INF, NAN)):
        np.testing.assert_allclose(run(tg, x, y, g), run(torch, x, y, g), 1e-12, err_msg=f"{x}, {y}, of {g}")


@pytest.mark.parametrize(("dtype", "wide", "low"), [("f", np.float64, -87.0), ("d", np.longdouble, -708.0)])
def test_sigmoid_keeps_four_units_to_the_end(dtype: Any, wide: Any, low: float) -> None:
    if np.finfo(wide).eps >= np.finfo(dtype).eps:
        pytest.skip("no wider float to compare with")
    x = np.concatenate([np.linspace(low, 40, 20001), [-17, -20, 0, -0.0]]).astype(dtype)
    exact = 1 / (1 + np.exp(-x.astype(wide)))
    got = tg.sigmoid(tg.tensor(x)).numpy()
    assert np.max(np.abs(got - exact) / exact) <= 4 * np.finfo(dtype).eps
    leaf = tg.tensor(x, requires_grad=True)
    leaf.sigmoid().sum().backward()
    slope = exact / (1 + np.exp(x.astype(wide)))
    near = x <= 0  # above, 1 - out is exact but out itself is rounded
    assert np.max(np.abs(leaf.grad.numpy() - slope)[near] / slope[near]) <= 8 * np.finfo(dtype).eps


def test_sigmoid_of_the_largest_numbers_neither_overflows_nor_warns() -> None:
    x = tg.tensor([-INF, -1e30, -100.0, 100.0, 1e30, INF, NAN])
    got = x.sigmoid()
    assert got.tolist()[:2] == [0, 0] and 0 < got[2].item() < 1e-42 and got.tolist()[3:6] == [1, 1, 1]
    assert bool(got[6].isnan())
    step = tg.compile(lambda x: x.sigmoid() * 1)
    for _ in range(3):
        assert step(x).numpy().tobytes() == got.numpy().tobytes()
    assert tg.tensor(-20.0).sigmoid().item() == pytest.approx(2.0611537e-09, rel=5e-7)
