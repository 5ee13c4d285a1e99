"""As PyTorch's autograd.functional: Jacobians, and products with them, of functions of one tensor or a tuple of them.

Spelled with the transforms beside it. Look next at transforms.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError, GradientError
from ..core.graph import Var
from ..tensors.creation import ones_like
from . import transforms
from .transforms import Call
from .trees import flatten, mapped

Function = Callable[..., Any]


def _inputs(inputs: Any, create_graph: bool) -> tuple[Any, ...]:
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return given if create_graph else tuple(x.detach() for x in given)


def _done(result: Any, inputs: Any, create_graph: bool, inside: bool = True) -> Any:
    """Unpack what belongs to a single input, and drop the history unless it was asked for."""
    result = result[0] if inside and not isinstance(inputs, tuple) else result
    return result if create_graph else mapped(lambda x: x.detach(), result)


def _vector(v: Any, like: list[Any], name: str) -> list[Any]:
    if v is not None:
        return flatten(v)[0]
    if len(like) != 1 or like[0].numel() != 1:
        raise ArgumentError(f"{name}: v may be left out only where it would be one number.", hint=f"{name}(f, x, v)")
    return [ones_like(like[0].detach())]


def _call(func: Function, inputs: Any, name: str, create_graph: bool, strict: bool) -> Call:
    call = Call(func, name, _inputs(inputs, create_graph))
    call.strict = strict
    if strict and not all(y.differentiable for y in call.outputs):
        raise GradientError(f"{name}: with strict=True every output must depend on the inputs.")
    return call


def _scalar(func: Function, name: str) -> Function:
    def scalar(*xs: Any) -> Any:
        y = func(*xs)
        if not isinstance(y, Var) or y.numel() != 1:  # type: ignore[attr-defined]
            raise GradientError(f"{name}: the function must return one scalar.", got=f"{getattr(y, 'shape', type(y))}")
        return y.reshape(())  # type: ignore[attr-defined]

    return scalar


def vjp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """Give func(*inputs) and vᵀJ."""
    call = _call(func, inputs, "vjp", create_graph, strict)
    found = call.pull(_vector(v, call.outputs, "vjp"), create_graph)
    return _done(call.make(call.outputs), inputs, create_graph, False), _done(found, inputs, create_graph)


def jvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """Give func(*inputs) and J v, in forward mode."""
    call = _call(func, inputs, "jvp", create_graph, strict)
    found = call.push(_vector(v, call.inputs, "jvp"))
    return _done(call.make(call.outputs), inputs, create_graph, False), _done(found, inputs, create_graph, False)


def _second(func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool, name: str) -> Any:
    given = _inputs(inputs, create_graph)
    both = transforms.grad_and_value(_scalar(func, name), tuple(range(len(given))))
    call = Call(both, name, given, has_aux=True)  # its value beside the gradient, which is differentiated
    call.strict = strict
    vector = _vector(v, call.inputs, name)
    found = call.push(vector) if name == "hvp" else call.pull(vector, create_graph)
    return _done(call.auxiliary(), inputs, create_graph, False), _done(found, inputs, create_graph)


def hvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """Give the value of a scalar function and H v: forward mode over reverse mode."""
    return _second(func, inputs, v, create_graph, strict, "hvp")


def vhp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """Give the value of a scalar function and vᵀH."""
    return _second(func, inputs, v, create_graph, strict, "vhp")


def _maker(name: str, strategy: str) -> Any:
    makers = {"reverse-mode": transforms.jacrev, "forward-mode": transforms.jacfwd}
    if strategy not in makers:
        raise ArgumentError(f"{name}: strategy {strategy!r} is unknown.", expected="'reverse-mode' or 'forward-mode'")
    return makers[strategy]


def jacobian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """Give the Jacobian of every output in every input; it is vectorized in any case.

    Args:
        create_graph: record, so that it can be differentiated again
        strict: an output or input that nothing depends on is an error, not zeros
        strategy: "reverse-mode" or "forward-mode"

    Example:
        >>> tg.autograd.functional.jacobian(lambda x: x * x, tg.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    make, given = _maker("jacobian", strategy), _inputs(inputs, create_graph)
    if strict:
        call = _call(func, inputs, "jacobian", create_graph, True)
        for i in range(len(call.outputs)):
            call.pull([ones_like(y.detach()) * (i == j) for j, y in enumerate(call.outputs)], True)
    found = make(func, tuple(range(len(given))) if isinstance(inputs, tuple) else 0)(*given)
    return _done(found, inputs, create_graph, False)


def hessian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """Give the second derivatives of a scalar function in every pair of inputs."""
    make, given = _maker("hessian", outer_jacobian_strategy), _inputs(inputs, create_graph)
    which = tuple(range(len(given))) if isinstance(inputs, tuple) else 0
    first = transforms.grad(_scalar(func, "hessian"), which)
    if strict:
        call = _call(first, inputs, "hessian", create_graph, True)
        call.pull([ones_like(y.detach()) for y in call.outputs], True)
    return _done(make(first, which)(*given), inputs, create_graph, False)
