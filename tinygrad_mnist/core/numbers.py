"""What Python's and NumPy's numbers become beside arrays: nothing that widens them, and nothing out of their range.

functions/numbers.py does the same for numbers that are to be stored. Knows no Var. Look next at primitive.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import Array, Defaults
from .errors import ArgumentError, DTypeError
from .explain import describe

FLOAT64 = np.dtype(np.float64)


def constant(x: Any, name: str) -> Any:
    """Make an argument that is neither Var, array nor Python number into one that NumPy will not widen."""
    if isinstance(x, np.generic):
        return x.item()
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        wanted = "a tensor, an array, a number, or nested lists of numbers"
        raise DTypeError(f"{name}: cannot compute with {type(x).__name__} {x!r:.60}.", expected=wanted)
    return array.astype(Defaults.dtype) if array.dtype is FLOAT64 and not isinstance(x, np.ndarray) else array


def within(
    name: str, modular: bool, error: OverflowError, args: tuple[Any, ...], arrays: list[Any], static: dict[str, Any]
) -> tuple[Any, ...]:
    """Bring Python's integers into the range of the integer arrays they meet, as PyTorch does, or refuse them."""
    kind = np.result_type(*(x for x in arrays if isinstance(x, np.ndarray | np.generic)))
    range_ = np.iinfo(kind if kind.kind in "iu" else np.int64)
    low, high = int(range_.min), int(range_.max)
    numbers = [x for x in (*arrays, *static.values()) if isinstance(x, int)]
    if all(low <= x <= high for x in numbers):
        raise error  # of the forward's own
    if not modular or kind.kind not in "iu" or not all(-(2**63) <= x < 2**63 for x in numbers):
        got = ", ".join(describe(x) for x in arrays if x is not None)
        wanted, hint = f"from {low} to {high}", "a wider dtype: x.long(), or x.float()"
        raise ArgumentError(f"{name}: a number does not fit into {kind}.", got=got, expected=wanted, hint=hint)
    size = high - low + 1
    return tuple((int(x) - low) % size + low if type(x) is int or isinstance(x, np.integer) else x for x in args)


def narrow(out: Array, arrays: list[Any]) -> Array:
    """Undo NumPy's habit of answering integers with float64: only a float64 input gives a float64 result."""
    # by kind, not identity: an array from a pickle or of the other byte order has a float64 of its own
    if any(type(x) is np.ndarray and x.dtype.char == "d" for x in arrays):
        return out
    return out.astype(Defaults.dtype)
