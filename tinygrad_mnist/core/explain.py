"""What a failing operation says: its name, what it got and should have got, and who called it.

Knows no operation. primitive.py asks when a forward function raises. Look next at errors.py, which has the kinds.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np

from .errors import DTypeError, IndexRangeError, ShapeError, TinygradError
from .scope import state

PACKAGE = __name__.partition(".")[0] + "."


def explained(name: str, error: Exception, arrays: dict[str, Any]) -> Exception:
    """Turn a failure of an operation on these arguments into an error that names all of this."""
    where = "" if state.scope is None else state.scope.within()
    if isinstance(error, TinygradError):
        error.where = error.where or where
        return error
    if not isinstance(error, ValueError | TypeError | IndexError):
        return error
    got = ", ".join(f"{n} {describe(x)}" for n, x in arrays.items() if x is not None)
    if "broadcast" in str(error):
        shapes = [np.shape(x) for x in arrays.values() if x is not None]
        what = f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast."
        wanted = "sizes equal, or 1, axis by axis from the last one"
        better: TinygradError = ShapeError(what, got=got, expected=wanted, hint=broadcast_hint(shapes))
    else:
        kinds: dict[type, type[TinygradError]] = {IndexError: IndexRangeError, TypeError: DTypeError}
        kind = next((kinds[builtin] for builtin in kinds if isinstance(error, builtin)), ShapeError)
        better = kind(f"{name}: {error}", got=got)
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


def outside() -> int:
    """Count the frames from the caller to the first one outside this package, as the stacklevel of a warning does."""
    return _outside()[1]


def caller() -> str:
    """Name the first line outside this package on the call stack."""
    frame, _ = _outside()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _outside() -> tuple[FrameType, int]:
    frame, depth = sys._getframe(2), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(PACKAGE):
        frame, depth = frame.f_back, depth + 1
    return frame, depth
