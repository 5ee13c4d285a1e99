"""The matrix: every check that a Case goes through, as plain functions that raise AssertionError.

test_primitives.py runs them on examples that hypothesis draws, mutate_rules.py on seeded ones. Look next at
test_primitives.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from cases import Call, Case, Example

from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import grad, gradcheck, gradgradcheck
from tinygrad_mnist.core.graph import no_grad

Array = np.ndarray[Any, np.dtype[Any]]

# relative and absolute: how far a result in this dtype may be from one in float64, for values of order 1 and few terms
TOLERANCE = {np.dtype(np.float64): (1e-12, 1e-12), np.dtype(np.float32): (2e-5, 2e-5)}

# Central differences with h = 1e-6 in float64: rounding leaves 1e-9, the third derivative 1e-12.
NUMERIC = {"eps": 1e-6, "atol": 2e-7, "rtol": 2e-6}


def close(actual: Any, expected: Any, dtype: Any, what: str) -> None:
    """Compare at the tolerance of a dtype; NaN equals NaN."""
    relative, absolute = TOLERANCE.get(np.dtype(dtype), (0.0, 0.0))
    np.testing.assert_allclose(actual, expected, rtol=relative, atol=absolute, err_msg=what)


def forward(case: Case, call: Call) -> Any:
    """Call on raw arrays (on constant Tensors where a function takes no arrays), giving an array or NumPy scalar."""
    if case.raw:
        return case.call(*call.args, **call.static)
    return case.call(*[Tensor.wrap(x) if isinstance(x, np.ndarray) else x for x in call.args], **call.static).array


def leaves(case: Case, call: Call, dtype: Any = None) -> list[Any]:
    """Make the differentiable arguments leaves that share the given memory and layout, the others constant Tensors."""
    wrt = case.wrt(call.args)
    made: list[Any] = []
    for i, x in enumerate(call.args):
        if not isinstance(x, np.ndarray):
            made.append(x)
        else:
            made.append(Tensor.wrap(x if dtype is None or x.dtype.kind != "f" else x.astype(dtype), i in wrt))
    return made


def cotangent(call: Call, out: Any) -> Array:
    """Draw a read-only cotangent for a result."""
    g = np.asarray(np.random.default_rng(call.seed + 1).uniform(0.5, 1.5, np.shape(out)) * 1.0).astype(out.dtype)
    g[...] *= np.where(np.random.default_rng(call.seed).random(g.shape) < 0.5, -1, 1)
    g.flags.writeable = False
    return g


# ---------------------------------------------------------------- the checks


def check_forward(case: Case, call: Call) -> None:
    """The result equals the oracle's, in the dtype of the arguments; read-only arguments stay as they are."""
    out = forward(case, call)
    wide = [x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in call.args]
    expected = np.asarray(case.oracle(*wide, **call.static))
    assert isinstance(out, np.ndarray | np.generic), f"{case.name}: {type(out)}"
    assert out.shape == expected.shape, f"{case.name}: shape {out.shape}, expected {expected.shape}"
    if expected.dtype.kind == "f":
        floats = [x.dtype for x in call.args if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        expected = expected.astype(call.static.get("dtype", floats[0] if floats else np.float32))
    else:
        assert out.dtype.kind == expected.dtype.kind, f"{case.name}: dtype {out.dtype}, expected {expected.dtype}"
        expected = expected.astype(out.dtype)
    assert out.dtype == expected.dtype, f"{case.name}: dtype {out.dtype}, expected {expected.dtype}"
    close(out, expected, out.dtype, case.name)


def check_tensor_call(case: Case, call: Call) -> None:
    """A call on Tensors gives a Tensor with the very bits of the raw call, recorded or not."""
    raw = forward(case, call)
    recorded = case.call(*leaves(case, call), **call.static)
    assert isinstance(recorded, Tensor)
    assert recorded.requires_grad == bool(case.wrt(call.args)), f"{case.name}: requires_grad {recorded.requires_grad}"
    with no_grad():
        constant = case.call(*leaves(case, call), **call.static)
    assert not constant.requires_grad
    for result in (recorded, constant):
        assert type(result.array) is np.ndarray and result.dtype == raw.dtype and result.shape == raw.shape
        np.testing.assert_array_equal(result.array, raw, err_msg=case.name, strict=True)


def check_rules(case: Case, call: Call) -> None:
    """Each rule gives the same raw, recorded, with residuals and without, in the argument's shape and dtype."""
    primitive = case.primitive
    if primitive is None or not primitive.rules:
        return
    result = primitive.forward(*call.args, **call.static)
    out, saved = result if primitive.residuals else (result, None)
    g = cotangent(call, out)
    taped = Tensor.wrap(np.asarray(out)), leaves(case, call)
    for position in case.wrt(call.args):
        rule, extra = primitive.rule_at(position)
        assert rule is not None, f"{primitive.name}: argument {position} has no rule"
        label = f"{rule.__name__} {call!r}"
        extra = {**call.static, **extra}
        without = {"saved": None} if primitive.residuals else {}
        raw = rule(g, out, *call.args, **extra, **without)
        recorded = rule(Tensor.wrap(g, True), taped[0], *taped[1], **extra, **without)
        assert isinstance(raw, np.ndarray | np.generic), f"{label}: raw arrays gave a {type(raw).__name__}"
        assert isinstance(recorded, Tensor), f"{label}: Tensors gave a {type(recorded).__name__}"
        np.testing.assert_array_equal(recorded.array, raw, err_msg=label)
        if primitive.residuals:
            close(rule(g, out, *call.args, **extra, saved=saved), raw, raw.dtype, f"{label} with saved")
        x = call.args[position]
        assert raw.dtype == x.dtype, f"{label}: {raw.dtype} cotangent of a {x.dtype} argument"
        fitted = raw if raw.shape == x.shape or not primitive.unbroadcast else primitive.unbroadcast(raw, shape=x.shape)
        assert fitted.shape == x.shape, f"{label}: cotangent {fitted.shape} of an argument {x.shape}"


def gradients(case: Case, call: Call, create_graph: bool = False, dtype: Any = None, g: Any = None) -> list[Any]:
    """Differentiate the result, weighted with a fixed cotangent, with respect to each differentiable argument."""
    made = leaves(case, call, dtype)
    out = case.call(*made, **call.static)
    seed = Tensor(np.asarray(cotangent(call, out.array) if g is None else g, dtype=out.dtype))
    return list(grad(out, [made[i] for i in case.wrt(call.args)], seed, create_graph=create_graph))


def check_engine(case: Case, call: Call) -> None:
    """Through the engine too, gradients have the shape and dtype of their arguments, raw and recorded alike."""
    if not case.order:
        return
    raw, recorded = gradients(case, call), gradients(case, call, create_graph=True)
    for position, one, other in zip(case.wrt(call.args), raw, recorded, strict=True):
        x = call.args[position]
        label = f"{case.name}, argument {position}"
        assert (one.shape, one.dtype) == (x.shape, x.dtype), f"{label}: {one.shape} {one.dtype} for {x.shape} {x.dtype}"
        assert (other.shape, other.dtype) == (x.shape, x.dtype), f"{label}: {other.shape} {other.dtype}, recorded"
        close(other.array, one.array, x.dtype, label)


def check_precision(case: Case, call: Call) -> None:
    """Gradients in float32 are those in float64, as nearly as float32 can tell."""
    narrow = Call([x.astype(np.float32) if getattr(x, "dtype", None) == np.float64 else x for x in call.args],
                  call.static, call.seed)  # fmt: skip
    g = cotangent(call, forward(case, narrow)).astype(np.float32)
    for small, exact in zip(gradients(case, narrow, g=g), gradients(case, narrow, dtype=np.float64, g=g), strict=True):
        assert small.dtype == np.float32 and exact.dtype == np.float64
        scale = max(1.0, float(np.abs(exact.array).max(initial=0)))
        close(small.array / scale, exact.array / scale, np.float32, f"{case.name}: float32 gradient")


def named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = name
    return function


def function_of_inputs(case: Case, call: Call) -> tuple[Callable[..., Any], list[Any]]:
    """Close over the arguments that have no derivative; give a function of the others, and those."""
    wrt = case.wrt(call.args)

    def function(*inputs: Any) -> Any:
        args = list(call.args)
        for i, x in zip(wrt, inputs, strict=True):
            args[i] = x
        return case.call(*args, **call.static)

    return named(function, f"{case.name} {call!r}"), [Tensor.wrap(call.args[i], True) for i in wrt]


def check_order_1(case: Case, call: Call) -> None:
    """First derivatives equal numeric ones."""
    function, inputs = function_of_inputs(case, call)
    assert gradcheck(function, inputs, seed=call.seed, **NUMERIC)


def check_order_2(case: Case, call: Call) -> None:
    """Second derivatives, with respect to the inputs and the cotangent, equal numeric ones."""
    function, inputs = function_of_inputs(case, call)
    assert gradgradcheck(function, inputs, seed=call.seed, **NUMERIC)


def check_order_3(case: Case, call: Call) -> None:
    """Third derivatives likewise: the second-order check of the first derivative."""
    function, inputs = function_of_inputs(case, call)

    def derivative(*xs: Any) -> Sequence[Any]:
        out = function(*xs)
        # (x * 0) keeps a constant derivative a function of the inputs
        found = grad(out, list(xs), Tensor(cotangent(call, out.array)), create_graph=True)
        return tuple(g + x * 0 for g, x in zip(found, xs, strict=True))

    named(derivative, f"the derivative of {function.__name__}")
    assert gradgradcheck(derivative, inputs, seed=call.seed, **NUMERIC)


ORDERS = {1: check_order_1, 2: check_order_2, 3: check_order_3}


def check_example(case: Case, example: Example) -> None:
    """Numbers written by hand come out, forward and backward, raw and recorded."""
    with warnings.catch_warnings():
        if example.warns:
            warnings.simplefilter("ignore", RuntimeWarning)
        compare_example(case, example)


def compare_example(case: Case, example: Example) -> None:
    call = Call(list(example.args), example.static or {})
    out = forward(case, call)
    expected = np.asarray(example.out)
    assert out.dtype.kind == expected.dtype.kind, f"{case.name}: {out.dtype}"
    close(out, expected, expected.dtype, case.name)
    if isinstance(example.gradients, type):
        with pytest.raises(example.gradients):
            gradients(case, call)
        return
    wanted = [g for g in example.gradients if g is not None]
    assert len(wanted) == len(case.wrt(call.args)), f"{case.name}: an example states every gradient"
    if not wanted:
        return
    g = np.ones(out.shape) if example.g is None else example.g
    for create_graph in (False, True):
        for got, want in zip(gradients(case, call, create_graph, g=g), wanted, strict=True):
            close(got.array, want, want.dtype, f"{case.name}: gradient at {example.args}, create_graph={create_graph}")

