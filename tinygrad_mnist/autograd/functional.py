"""As PyTorch's autograd.functional: Jacobians, and products with them, of functions of one tensor or a tuple of them.

Spelled with the transforms beside it. Look next at transforms.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.absent import absent as _absent
from ..core.errors import ArgumentError, GradientError
from ..core.graph import Var
from . import transforms
from .forward import filled
from .transforms import Call
from .trees import flatten, mapped

Function = Callable[..., Any]


def _inputs(inputs: Any, create_graph: bool) -> tuple[Any, ...]:
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return given if create_graph else tuple(x.detach() for x in given)


def _called(func: Function, given: tuple[Any, ...], name: str, strict: bool, has_aux: bool = False) -> Call:
    call = Call(func, name, given, has_aux=has_aux)
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


def _product(name: str, summary: str) -> Function:
    """Make the product of a vector with the Jacobian of a function, or with the Hessian: that of its gradient."""
    forward, second = name in ("jvp", "hvp"), name in ("hvp", "vhp")

    def product(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
        given = _inputs(inputs, create_graph)
        if second:
            func = transforms.grad_and_value(_scalar(func, name), tuple(range(len(given))))
        call = _called(func, given, name, strict, has_aux=second)
        like = call.inputs if forward else call.outputs
        if v is None and (len(like) != 1 or like[0].numel() != 1):
            what = f"{name}: v may be left out only where it would be one number."
            raise ArgumentError(what, hint=f"{name}(f, x, v)")
        vector = [filled(like[0], 1)] if v is None else flatten(v)[0]
        found = call.push(vector) if forward else call.pull(vector, create_graph)
        if name != "jvp" and not isinstance(inputs, tuple):
            found = found[0]
        both = call.auxiliary() if second else call.make(call.outputs), found
        return both if create_graph else mapped(lambda x: x.detach(), both)

    product.__name__ = product.__qualname__ = name
    product.__doc__ = summary
    return product


vjp = _product("vjp", "Give func(*inputs) and vᵀJ.")
jvp = _product("jvp", "Give func(*inputs) and J v, in forward mode.")
vhp = _product("vhp", "Give the value of a scalar function and vᵀH.")
hvp = _product("hvp", "Give the value of a scalar function and H v: forward mode over reverse mode.")


def _derivative(
    name: str, func: Function, inputs: Any, create_graph: bool, strict: bool, strategy: str
) -> Any:  # fmt: skip
    makers = {"reverse-mode": transforms.jacrev, "forward-mode": transforms.jacfwd}
    if strategy not in makers:
        raise ArgumentError(f"{name}: strategy {strategy!r} is unknown.", expected="'reverse-mode' or 'forward-mode'")
    given = _inputs(inputs, create_graph)
    which = tuple(range(len(given))) if isinstance(inputs, tuple) else 0
    if name == "hessian":
        func = transforms.grad(_scalar(func, name), which)
    if strict:
        call = _called(func, given, name, True)
        for i in range(len(call.outputs)):
            call.pull([filled(y, float(i == j)) for j, y in enumerate(call.outputs)], True)
    found = makers[strategy](func, which)(*given)
    return found if create_graph else mapped(lambda x: x.detach(), found)


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
    return _derivative("jacobian", func, inputs, create_graph, strict, strategy)


def hessian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """Give the second derivatives of a scalar function in every pair of inputs."""
    return _derivative("hessian", func, inputs, create_graph, strict, outer_jacobian_strategy)


__getattr__ = _absent(__name__)
