"""What functions of networks ask of their arguments: floats, probabilities, names of reductions, sizes, dimensions.

Look next at activation.py, norm.py, loss.py, conv.py and pool.py, which ask.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, ShapeError, TinygradError
from ...core.explain import outside
from ...core.graph import Array, Var
from ...functions.types import Tensor
from ...ops import layout, promotion, reduce
from ...tensors.in_place import of

HELD = np.ndarray, Var  # a union made at every call takes longer than the question
REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "mean": partial(reduce.mean, axis=None, keepdims=False), "sum": partial(reduce.sum, axis=None, keepdims=False),
    "none": lambda losses: losses,
}  # fmt: skip


def check_probability(name: str, p: float) -> None:
    """Raise unless p lies between 0 and 1."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name} must lie between 0 and 1.", got=f"{p}", expected="a probability or share")


def check_reduction(reduction: str) -> None:
    """Raise unless the name of a reduction is known."""
    if not isinstance(reduction, str):
        raise DTypeError(
            "loss: the first argument of a loss module is its reduction, not the data.",
            got=f"{type(reduction).__name__}", expected="'mean', 'sum' or 'none'",
            hint="make it first: loss_function = CrossEntropyLoss(); loss = loss_function(logits, target)",
        )  # fmt: skip
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"reduction: {reduction!r} is unknown.", expected="'mean', 'sum' or 'none'")


def reduced(losses: Any, reduction: str, shape: tuple[int, ...] | None = None) -> Tensor:
    """Reduce one loss per sample to their mean or sum, or leave them, in a shape if one is given."""
    if type(reduction) is not str or reduction not in REDUCTIONS:
        check_reduction(reduction)
    return REDUCTIONS[reduction](losses if shape is None or reduction != "none" else losses.reshape(shape))


def floats(name: str, x: Any) -> Any:
    """Raise unless x is a tensor or array of floating-point numbers; give it."""
    if isinstance(x, Var | np.ndarray | np.generic) and x.dtype.kind == "f":
        return x
    got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Var | np.ndarray) else f"{type(x).__name__} {x!r:.60}"
    raise DTypeError(f"{name}: the input must hold floating-point numbers.", got=got, hint="x.float()")


def changed(function: Callable[..., Any], input: Any, *settings: Any) -> Any:
    """Do what a function does in the memory of its input: PyTorch's `inplace=True`."""
    return of(function)(input, *settings) if isinstance(input, Var) else function(input, *settings)


def numbers(value: Any, name: str, count: int) -> tuple[int, ...]:
    """Read an int, for all dimensions, or one for each."""
    if type(value) is tuple and len(value) == count and {*map(type, value)} == {int}:
        return value
    whole = int | np.integer
    given = (value,) * count if isinstance(value, whole) else tuple(value) if isinstance(value, list | tuple) else ()
    given = given * count if len(given) == 1 else given
    if len(given) != count or not all(isinstance(v, whole) and not isinstance(v, bool) for v in given):
        many = {1: "an int", 2: "an int or a pair of ints"}.get(count, f"an int or {count} ints")
        raise ArgumentError(f"{name}: expected {many}.", got=repr(value))
    return tuple(int(v) for v in given)


def each(operation: Callable[..., Any], *wide: str) -> Any:
    """Make the functions of one and, with `wide` arguments, two dimensions of what takes their name and number."""
    signature, name = inspect.signature(operation), operation.__name__.strip("_")
    own = [*signature.parameters.values()][2:]
    fewer = [p for p in own if p.name not in wide]
    return (_function(operation, f"{name}{count}d", count, signature.replace(parameters=parameters))
            for count, parameters in ((1, fewer), (2, own)))  # fmt: skip


def _function(operation: Callable[..., Any], name: str, count: int, signature: inspect.Signature) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        return operation(name, count, *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    lines = (operation.__doc__ or "").splitlines()
    gone = {*inspect.signature(operation).parameters} - {*signature.parameters}
    function.__doc__ = "\n".join(line for line in lines if line.partition(":")[0].strip() not in gone)
    function.__module__ = operation.__module__
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def array(name: str, x: Any, hint: str = "") -> None:
    """Raise unless x is a tensor or array."""
    if not isinstance(x, Var | np.ndarray):
        got = f"{type(x).__name__} {x!r:.60}"
        raise DTypeError(f"{name}: the input is neither a tensor nor an array.", got=got, hint=hint)


def like_weight(name: str, x: Any, w: Tensor | Array) -> Any:
    """Bring the input of a layer to the dtype of its weight: floats with a warning, integers never."""
    if isinstance(x, HELD) and x.dtype is w.dtype:
        return x
    array(name, x, "call the module on its input first" if callable(x) else "tg.tensor(data)")
    if x.dtype == w.dtype:
        return x
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: the input holds {x.dtype} values but the weight is {w.dtype}.",
                         got=f"x {tuple(x.shape)} {x.dtype}", expected=f"x of dtype {w.dtype}",
                         hint="x.float() / 255 for pixels, x.float() otherwise")  # fmt: skip
    warnings.warn(
        f"{name}: the input is {x.dtype} and the weight {w.dtype}; the input is converted on every call. "
        f"Convert the data once: x.astype('{w.dtype}') or x.to(tg.{w.dtype}).",
        stacklevel=outside(),
    )
    return x.astype(w.dtype) if isinstance(x, np.ndarray) else promotion.cast(x, dtype=w.dtype)


def data(name: str, x: Any, *ranks: int) -> Any:
    """Raise unless x is a tensor or array of one of these numbers of dimensions; give it."""
    array(name, x)
    if x.ndim not in ranks:
        raise ShapeError(f"{name}: the input has {x.ndim} dimensions.", got=f"input {tuple(x.shape)}",
                         expected=" or ".join(map(str, ranks)))  # fmt: skip
    return x


def as_images(name: str, count: int, x: Any, operation: Callable[[Any], Any]) -> Any:
    """Do on images (N, C, H, W) what is asked for one image or a batch, of one dimension (C, L) or two.

    What the operation gives, one tensor or several, gets x's form back; its errors get the name.
    """
    lead, size = (1, *x.shape[:1]) if x.ndim == count + 1 else x.shape[:2], x.shape[-count:]
    wide = (*lead, *((1, *size) if count == 1 else size))
    try:
        out = operation(x if x.ndim == 4 else layout.reshape(x, shape=wide))
    except TinygradError as error:
        error.problem = error.problem.replace(name.replace("1d", "2d"), name)
        raise

    def formed(part: Any) -> Any:
        shape = part.shape if x.ndim > count + 1 else part.shape[1:]
        return layout.reshape(part, shape=(*shape[:-2], shape[-1]) if count == 1 else shape)

    return out if x.ndim == 4 else tuple(map(formed, out)) if isinstance(out, tuple) else formed(out)
