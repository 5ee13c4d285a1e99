"""What layers on images read from their arguments: sizes for each dimension, dtypes, a batch dimension left out.

Look next at conv.py, pool.py and resampling.py, which ask.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, ShapeError, TinygradError
from ...core.explain import outside
from ...core.graph import Array, Var
from ...functions.types import Tensor
from ...kernels.shapes import Pair
from ...ops import layout, promotion


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


def each(operation: Callable[..., Any]) -> Any:
    """Make the functions of one and of two dimensions of an operation that takes their name and number first."""
    signature = inspect.signature(operation)
    own = signature.replace(parameters=[*signature.parameters.values()][2:])
    return (_function(operation, f"{operation.__name__.strip('_')}{count}d", count, own) for count in (1, 2))


def _function(operation: Callable[..., Any], name: str, count: int, signature: inspect.Signature) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        return operation(name, count, *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__module__, function.__doc__ = operation.__module__, operation.__doc__
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def pair(value: Any, name: str) -> Pair:
    """Read an int or a pair of ints as (height, width)."""
    height, width = numbers(value, name, 2)
    return height, width


def like_weight(name: str, x: Any, w: Tensor | Array) -> Any:
    """Bring the input of a layer to the dtype of its weight: floats with a warning, integers never."""
    if not isinstance(x, Var | np.ndarray):
        raise DTypeError(
            f"{name}: the input is neither a tensor nor an array.",
            got=f"{type(x).__name__} {x!r:.60}",
            hint="call the module on its input first" if callable(x) else "tg.tensor(data)",
        )
    if x.dtype == w.dtype:
        return x
    if x.dtype.kind != "f":
        raise DTypeError(
            f"{name}: the input holds {x.dtype} values but the weight is {w.dtype}.",
            got=f"x {tuple(x.shape)} {x.dtype}",
            expected=f"x of dtype {w.dtype}",
            hint="x.float() / 255 for pixels, x.float() otherwise",
        )
    warnings.warn(
        f"{name}: the input is {x.dtype} and the weight {w.dtype}; the input is converted on every call. "
        f"Convert the data once: x.astype('{w.dtype}') or x.to(tg.{w.dtype}).",
        stacklevel=outside(),
    )
    return x.astype(w.dtype) if isinstance(x, np.ndarray) else promotion.cast(x, dtype=w.dtype)


def data(name: str, x: Any, *ranks: int) -> Any:
    """Raise unless x is a tensor or array of one of these numbers of dimensions; give it."""
    if not isinstance(x, Var | np.ndarray):
        raise DTypeError(f"{name}: the input is neither a tensor nor an array.", got=f"{type(x).__name__} {x!r:.60}")
    if x.ndim not in ranks:
        raise ShapeError(
            f"{name}: the input has {x.ndim} dimensions.",
            got=f"input {tuple(x.shape)}",
            expected=" or ".join(map(str, ranks)),
        )
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
    if x.ndim == 4:
        return out
    if isinstance(out, tuple):
        return tuple(_formed(part, x.ndim, count) for part in out)
    return _formed(out, x.ndim, count)


def _formed(out: Any, ndim: int, count: int) -> Any:
    """Leave out the batch or the height that was put in."""
    shape = out.shape if ndim > count + 1 else out.shape[1:]
    return layout.reshape(out, shape=(*shape[:-2], shape[-1]) if count == 1 else shape)
