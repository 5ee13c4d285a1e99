"""Every primitive, and every public function built from them, through the whole matrix of checks.

Adding an operation means adding one Case to cases/; nothing here changes. Look next at test_gradcheck.py, which tests
the judge.
"""

import inspect
from typing import Any

import numpy as np
import pytest
from cases import CASES, PRIMITIVE_CASES, Call, Case
from hypothesis import given
from hypothesis import strategies as st
from matrix import ORDERS, check_engine, check_example, check_forward, check_precision, check_rules, check_tensor_call
from strategies import LAYOUTS, NOT_ZERO, calls, lay_out, seeded

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import ShapeError
from tinygrad_mnist.core.primitive import registry

every = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
differentiable = [c for c in CASES.values() if c.order]
every_differentiable = pytest.mark.parametrize("case", differentiable, ids=[c.name for c in differentiable])


# ---------------------------------------------------------------- completeness


def test_every_primitive_has_a_case() -> None:
    tested = {c.primitive.name for c in CASES.values() if c.primitive is not None}
    assert tested == set(registry), "add a Case to tests/cases for each primitive that has none"


def test_every_rule_is_checked() -> None:
    """The Cases differentiate every argument that has a rule, and each argument they differentiate has one."""
    checked = set()
    for case in PRIMITIVE_CASES.values():
        for seed in range(20):
            for position in case.wrt(case.build(seeded(seed)).args):
                arguments = case.primitive.arguments
                checked.add((case.primitive.name, (*arguments, case.primitive.variadic)[min(position, len(arguments))]))
    assert checked == {(p.name, argument) for p in registry.values() for argument in p.rules}


def test_every_case_has_a_twin_in_pytorch_or_a_reason() -> None:
    assert not [case.name for case in CASES.values() if bool(case.torch) == bool(case.alone)]


def test_every_primitive_has_an_example() -> None:
    assert not [name for name, case in PRIMITIVE_CASES.items() if not case.examples and ":" not in name]


# ---------------------------------------------------------------- the matrix


def drawn(case: Case, *checks: Any, dtype: Any = np.float64, exact: bool = False) -> None:
    """Run checks on calls that hypothesis draws."""

    @given(calls(case.build, dtype, exact=exact))
    def run(call: Call) -> None:
        for check in checks:
            check(case, call)

    run()


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward(case: Case, dtype: Any) -> None:
    drawn(case, check_forward, check_tensor_call, dtype=dtype)


@every_differentiable
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rules(case: Case, dtype: Any) -> None:
    drawn(case, check_rules, check_engine, dtype=dtype)


@every_differentiable
def test_float32_gradient(case: Case) -> None:
    drawn(case, check_precision, dtype=np.float32, exact=True)


@pytest.mark.parametrize(
    ("order", "case"), [pytest.param(n, c, id=f"{n}-{c.name}") for c in differentiable for n in range(1, c.order + 1)]
)
def test_order(case: Case, order: int) -> None:
    drawn(case, ORDERS[order], exact=True)


@every
@pytest.mark.parametrize("kind", ["scalar", "empty"])
def test_smallest_shapes(case: Case, kind: str) -> None:
    """0-d arrays and arrays without elements, wherever the operation takes them."""
    for seed in range(4):
        call = case.build(seeded(seed, kind=kind, exact=False))
        check_forward(case, call)
        check_tensor_call(case, call)
        check_rules(case, call)
        check_engine(case, call)
        if case.order:
            ORDERS[1](case, case.build(seeded(seed, kind=kind)))


EXAMPLES = [pytest.param(c, e, id=f"{c.name}-{i}") for c in CASES.values() for i, e in enumerate(c.examples)]


@pytest.mark.parametrize(("case", "example"), EXAMPLES)
def test_numbers_by_hand(case: Case, example: Any) -> None:
    check_example(case, example)


# ---------------------------------------------------------------- what the matrix does not reach


@pytest.mark.parametrize("name", ["amax", "amin", "argmax", "argmin"])
def test_an_extreme_of_nothing_is_an_error(name: str) -> None:
    with pytest.raises(ShapeError, match=f"{name}: no elements"):
        registry[name](np.zeros((0, 3)), axis=0, keepdims=False)


def test_mean_and_variance_of_too_little_are_nan_and_warn() -> None:
    x = tg.tensor([2.0], requires_grad=True)
    with pytest.warns(RuntimeWarning):
        out = tg.var(x)
    with pytest.warns(RuntimeWarning):
        out.backward()
    assert np.isnan(out.item()) and np.isnan(x.grad.item())
    with pytest.warns(RuntimeWarning):
        assert np.isnan(tg.mean(tg.zeros(0)).item())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_test_layouts_are_what_they_say(layout: str) -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    y = lay_out(x, layout)
    np.testing.assert_array_equal(y, x)
    assert not y.flags.writeable
    expected = {"C": (96, 32, 8), "F": (8, 16, 48), "strided": (63 * 8 * 2, 9 * 8 * 2, 16), "negative": (-96, -32, -8),
                "permuted": (96, 8, 24)}  # fmt: skip
    assert y.strides == expected[layout]


def test_mutation_of_an_argument_is_noticed() -> None:
    """The negative control of the read-only inputs."""

    def careless(x: Any) -> Any:
        x *= 2
        return x

    call = CASES["exp"].build(seeded(0))
    with pytest.raises(ValueError, match="read-only"):
        check_forward(Case("careless", careless, CASES["exp"].build, lambda x: 2 * x), call)


def test_every_primitive_says_what_it_does() -> None:
    """The first line of the docstring is a sentence."""
    first_lines = {p.name: (inspect.getdoc(p) or "").partition("\n")[0] for p in registry.values()}
    assert not [name for name, line in first_lines.items() if not line.endswith(".")]


seeds = st.integers(0, 2**16)


@given(seeds)
def test_domains_keep_their_distance(seed: int) -> None:
    draw = seeded(seed)
    first, second = draw.distinct((3, 4)), draw.distinct((3, 4), offset=0.1)
    gaps = np.abs(np.subtract.outer(first.ravel(), first.ravel())) + np.eye(12)
    assert gaps.min() > 0.13 and np.abs(np.subtract.outer(first, second)).min() > 0.03
    kinked = seeded(seed).values((50,), NOT_ZERO)
    assert np.abs(kinked).min() >= 0.4
