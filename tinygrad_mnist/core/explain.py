"""What a failing operation says: its name, what it got and should have got, and the module that called it.

Knows no operation. primitive.py asks when a forward function raises. Look next at errors.py, which has the kinds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import DTypeError, IndexRangeError, ShapeError, TinygradError
from .scope import state


def explained(name: str, error: Exception, arrays: dict[str, Any]) -> Exception:
    """Turn a failure of an operation on these arguments into an error that names all of this."""
    where = "" if state.scope is None else state.scope.within()
    if isinstance(error, TinygradError):
        error.where = error.where or where
        return error
    if not isinstance(error, ValueError | TypeError | IndexError):
        return error
    got = ", ".join(f"{n} {describe(x)}" for n, x in arrays.items() if x is not None)
    better: TinygradError
    if "broadcast" in str(error):
        shapes = [np.shape(x) for x in arrays.values() if x is not None]
        better = ShapeError(
            f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast.",
            got=got,
            expected="sizes equal, or 1, axis by axis from the last one",
            hint=broadcast_hint(shapes),
        )
    elif isinstance(error, IndexError):
        better = IndexRangeError(f"{name}: {error}", got=got)
    elif isinstance(error, TypeError):
        better = DTypeError(f"{name}: {error}", got=got)
    else:
        better = ShapeError(f"{name}: {error}", got=got)
    better.where = where
    return better


def describe(x: Any) -> str:
    """Name shape and dtype of an argument for an error message."""
    return f"{x.shape} {x.dtype}" if isinstance(x, np.ndarray) else repr(x)


def broadcast_hint(shapes: list[tuple[int, ...]]) -> str:
    """Guess the fix for two shapes that do not broadcast."""
    if len(shapes) == 2:
        for small, large in (shapes, shapes[::-1]):
            if len(small) == 1 and len(large) == 2 and small[0] == large[0]:
                return f"unsqueeze(1): {small} -> {(small[0], 1)} lines up with axis 0 of {large}"
            if small == large[::-1] and len(small) == 2:
                return "one of the two is transposed: use .T"
    return "reshape, unsqueeze or expand one of them"
