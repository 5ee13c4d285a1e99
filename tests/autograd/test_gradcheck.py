"""The judge on trial: planted wrong rules must fail gradcheck or gradgradcheck, right ones must pass.

A checker that checks nothing passes every test; these are its negative controls. Look next at mutate_rules.py, which
plants a mistake in every rule there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import gradcheck, gradgradcheck
from tinygrad_mnist.core.errors import DTypeError, GradcheckError, GradientError
from tinygrad_mnist.core.primitive import Primitive, registry
from tinygrad_mnist.ops.broadcast import sum_to
from tinygrad_mnist.ops.elementwise import cos, exp, sin
from tinygrad_mnist.ops.layout import transpose
from tinygrad_mnist.ops.reduce import restore, sum

pytestmark = pytest.mark.thread_unsafe(reason="plants primitives, of which there is one of a name")


def plant(forward: Callable[..., Any], rules: dict[str, Callable[..., Any]], **options: Any) -> Primitive:
    """Make a primitive that exists for one test only (conftest.py)."""
    made = Primitive(forward, **{"residuals": False, "view": False, "unbroadcast": None, **options})
    for argument, rule in rules.items():
        made.vjp(argument)(rule)
    return made


def leaf(*shape: int, seed: int = 0) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape), requires_grad=True)


# ---------------------------------------------------------------- one argument: x -> sin x


def planted(x: Any) -> Any:
    return np.sin(x)


ONE_ARGUMENT: dict[str, Any] = {
    "wrong_factor": lambda g, out, x: g * cos(x) * 1.001, "wrong_sign": lambda g, out, x: -g * cos(x),
    "dropped_cotangent": lambda g, out, x: cos(x), "dropped_factor": lambda g, out, x: g, "nothing": lambda g, out,
    x: g * 0, "not_a_number": lambda g, out, x: g * float("nan"), "infinite": lambda g, out, x: g * 0 + float("inf"),
}  # fmt: skip


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("rule", ONE_ARGUMENT.values(), ids=ONE_ARGUMENT)
def test_a_wrong_rule_is_caught(rule: Any, shape: tuple[int, ...]) -> None:
    op = plant(planted, {"x": rule})
    with pytest.raises(GradcheckError, match="a derivative disagrees"):
        gradcheck(op, leaf(*shape))
    assert not gradcheck(op, leaf(*shape), raise_exception=False)


@pytest.mark.parametrize("seed", range(5))
def test_a_right_rule_passes(seed: int) -> None:
    op = plant(planted, {"x": lambda g, out, x: g * cos(x)})
    assert gradcheck(op, leaf(2, 3, seed=seed), seed=seed)
    assert gradgradcheck(op, leaf(2, 3, seed=seed), seed=seed)


@pytest.mark.parametrize("shape", [(2,), (3,), (2, 3), (40,)])
def test_a_rule_that_is_a_little_too_large_everywhere_is_caught_whatever_the_seed(shape: tuple[int, ...]) -> None:
    wrong = plant(lambda x: np.sin(x), {"x": lambda g, out, x: g * cos(x) * 1.01})
    x = tg.tensor(np.random.default_rng(1).normal(size=shape), requires_grad=True)
    assert not [seed for seed in range(300) if gradcheck(wrong, x, seed=seed, raise_exception=False)]


def test_the_message_names_input_index_both_numbers_and_seed() -> None:
    op = plant(planted, {"x": lambda g, out, x: g * cos(x) * np.array([1.0, 1.0, 2.0])})
    x = tg.tensor(np.array([0.0, 0.0, np.pi / 3]), requires_grad=True)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(op, [x], seed=17)
    text = str(caught.value)
    assert text.startswith("gradcheck: planted: a derivative disagrees with its numeric estimate.")
    assert "input 0[2], output 0[2]: computed 1, numeric 0.5" in text and "seed 17" in text


# ---------------------------------------------------------------- two arguments, axes


def test_the_message_names_a_function_with_a_backward_of_its_own() -> None:
    class Halved(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    with pytest.raises(GradcheckError, match="gradcheck: Halved: .*"):
        gradcheck(Halved.apply, leaf(2))


def test_swapped_arguments_are_caught() -> None:
    rules = {"a": lambda g, out, a, b: g / a, "b": lambda g, out, a, b: -g * a / b / b}
    op = plant(lambda a, b: a / b, rules, unbroadcast=sum_to)
    with pytest.raises(GradcheckError, match=r"input 0\["):
        gradcheck(op, [leaf(3), leaf(3, seed=1)])
    assert gradcheck(op, [leaf(3).detach(), leaf(3, seed=1)])  # the other rule is right


def softmax_of_rows(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


WEIGHT = np.where(np.arange(2000) == 1234, 1.2, 1.0)
WRONG: dict[str, Any] = {  # forward, its rule, what it is tried on
    # the random direction weighs each entry; 1 wrong in 2 000 by 20 % is more than rounding allows
    "one entry among many": (np.sin, lambda g, out, x: g * cos(x) * WEIGHT, leaf(2000)),
    "a dropped term": (softmax_of_rows, lambda g, out, x: out * g, leaf(3, 3)),
    "along the wrong axis": (
        softmax_of_rows, lambda g, out, x: out * (g - sum(g * out, axis=0, keepdims=True)), leaf(3, 3)),
    "a missing transpose": (
        lambda x: x.T * 1, lambda g, out, x: transpose(transpose(g, axes=(1, 0)), axes=(1, 0)), leaf(3, 3)),
    "summed over the wrong axis": (lambda x: x.sum(1), lambda g, out, x: restore(g, x.shape, 0), leaf(3, 3)),
    "infinite": (lambda x: np.where(x > 1.0, np.inf, x), lambda g, out, x: g,  # the numeric one: no agreement
                 tg.tensor(np.array([1.0]), requires_grad=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_of_any_shape_is_caught(name: str) -> None:
    forward, rule, x = WRONG[name]
    op = plant(lambda x: forward(x), {"x": rule})
    assert not gradcheck(op, x, raise_exception=False)
    place, at = (r"\[\d+" + r", \d+" * (a.ndim - 1) + r"\]" for a in (x, forward(x.detach().numpy())))
    with pytest.raises(GradcheckError, match=f"input 0{place}, output 0{at}"):
        gradcheck(op, x)


def test_the_rule_of_softmax_passes() -> None:
    good = plant(softmax_of_rows, {"x": lambda g, out, x: out * (g - sum(g * out, axis=1, keepdims=True))})
    assert gradcheck(good, leaf(3, 3)) and gradgradcheck(good, leaf(3, 3))


# ---------------------------------------------------------------- right at order 1, wrong at order 2


def constant(x: Any) -> Any:
    return x.detach() if isinstance(x, tg.Tensor) else x


ORDER_2: dict[str, Any] = {
    "captured_value": lambda g, out, x: g * np.cos(x.array if isinstance(x, tg.Tensor) else x),
    "detached_argument": lambda g, out, x: g * cos(constant(x)),
    "detached_cotangent": lambda g, out, x: constant(g) * cos(x),
    "wrong_when_recorded": lambda g, out, x: g * cos(x) * (2 if isinstance(g, tg.Tensor) else 1),
}


@pytest.mark.parametrize("shape", [(), (2, 3)])
@pytest.mark.parametrize("rule", ORDER_2.values(), ids=ORDER_2)
def test_a_rule_right_only_at_order_1_is_caught_at_order_2(rule: Any, shape: tuple[int, ...]) -> None:
    op = plant(planted, {"x": rule})
    assert gradcheck(op, leaf(*shape))
    with pytest.raises(GradcheckError, match="gradient of planted|create_graph"):
        gradgradcheck(op, leaf(*shape))
    assert not gradgradcheck(op, leaf(*shape), raise_exception=False)


def test_a_residual_used_as_a_constant_is_caught() -> None:
    def rectified(x: Any) -> Any:
        return np.log1p(np.exp(x)), 1 / (1 + np.exp(-x))

    def rule(again: Callable[[Any], Any]) -> Callable[..., Any]:
        return lambda g, out, x, *, saved=None: g * (saved if saved is not None else again(x))

    op = plant(rectified, {"x": rule(lambda x: 1 / (1 + np.exp(-x.array)))}, residuals=True)  # keeps it
    assert gradcheck(op, leaf(3))
    with pytest.raises(GradcheckError):
        gradgradcheck(op, leaf(3))
    del registry["rectified"]
    op = plant(rectified, {"x": rule(lambda x: 1 / (1 + exp(-x)))}, residuals=True)  # computes it again
    assert gradcheck(op, leaf(3)) and gradgradcheck(op, leaf(3))


def test_a_wrong_derivative_of_a_gradient_primitive_is_caught() -> None:
    """The rule of a rule: x -> sin x is right, but the primitive its rule calls has a wrong rule of its own."""

    def slope(x: Any) -> Any:
        return np.cos(x)

    plant(slope, {"x": lambda g, out, x: g * sin(x)})  # the sign is missing
    op = plant(planted, {"x": lambda g, out, x: g * registry["slope"](x)})
    assert gradcheck(op, leaf(3))
    with pytest.raises(GradcheckError):
        gradgradcheck(op, leaf(3))


# ---------------------------------------------------------------- what it accepts and refuses


def test_several_inputs_and_outputs() -> None:
    def function(x: Any, y: Any, constant: Any) -> Any:
        return x * y + constant, (x / y).sum()

    inputs = [leaf(2, 3), leaf(3, seed=1), tg.tensor(np.ones((2, 3)))]
    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


def test_an_output_that_does_not_depend_on_an_input() -> None:
    assert gradcheck(lambda x, y: x * 2, [leaf(2), leaf(3)])
    assert gradgradcheck(lambda x, y: x * 2, [leaf(2), leaf(3)])


def test_inputs_without_a_gradient_are_refused() -> None:
    with pytest.raises(GradientError, match="no input requires a gradient"):
        gradcheck(sin, tg.tensor(np.ones(2)))


def test_float32_is_refused_with_advice() -> None:
    with pytest.raises(DTypeError, match="float64"):
        gradcheck(sin, tg.ones(2, requires_grad=True))


def test_checking_leaves_no_gradient_behind() -> None:
    x = leaf(3)
    assert gradcheck(sin, x) and gradgradcheck(sin, x)
    assert x.grad is None


def test_planted_primitives_are_gone() -> None:
    assert not {"planted", "rectified", "slope", "softmax_of_rows", "<lambda>"} & set(registry)
