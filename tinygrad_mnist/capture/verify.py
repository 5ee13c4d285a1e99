"""Is a step repeated rightly? At the second call that a plan could serve, the function runs for real once more, and
the plan on copies of all that it changes. Any difference between the two is an error.

What differs at every call (a draw, a counter, a value read by hand), or is changed unseen, shows here.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..graph import Var
from .forms import NUMBERS, WORDS


def differing(function: str, pairs: dict[str, tuple[Any, Any]], near: float) -> CaptureError | None:
    """Compare, under each name, what the function itself gave or left with what its plan did."""
    found = (difference(a, b, name, set(), near) for name, (a, b) in pairs.items())
    what = next((name for name in found if name), "")
    if not what:
        return None
    return CaptureError(
        f"compile: {function} does something that a replay does not repeat: {what} differs.",
        got="another value from the function itself than from its captured operations",
        expected="a step that computes with tensors only, from its arguments and from what it reads",
        hint="look for NumPy on t.array, random numbers and Python state inside the step",
    )


def difference(a: Any, b: Any, name: str, seen: set[int], near: float = 0.0) -> str:
    """Name the first thing in which two structures of tensors, numbers and objects differ ('' if in none).

    Args:    near: by how much arrays of floats may differ, in shares of their length as vectors
    """
    if a is b or id(a) in seen:
        return ""
    seen.add(id(a))
    if isinstance(a, NUMBERS + WORDS):
        return "" if type(a) is type(b) and (a == b or a != a) else name
    if isinstance(a, np.ndarray):
        return "" if isinstance(b, np.ndarray) and alike(a, b, near) else name
    if type(a) is not type(b):
        return name
    if isinstance(a, Var):
        pairs = [(name, a.array, b.array), (f"{name}.grad", a.gradient, b.gradient)]
    elif isinstance(a, dict | list | tuple):
        keys = a if isinstance(a, dict) else range(len(a))
        labels = [f"{name}[{k!r:.20}]" if isinstance(k, NUMBERS + WORDS) else f"{name} of a tensor" for k in keys]
        inside = [x.values() if isinstance(x, dict) else x for x in (a, b)]
        pairs = [(name, len(a), len(b)), *zip(labels, *inside, strict=False)]
    elif isinstance(a, MethodType):
        pairs = [(name, a.__self__, b.__self__)]
    elif isinstance(a, np.random.Generator):
        pairs = [(name, a.bit_generator.state, b.bit_generator.state)]
    else:
        pairs = [(name, getattr(a, "__dict__", None), getattr(b, "__dict__", None))]
    found = (difference(x, y, label, seen, near) for label, x, y in pairs)
    return next((label for label in found if label), "")


def alike(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], near: float) -> bool:
    """Tell whether two arrays are equal, or as near as floats may be."""
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return False
    if a.dtype.kind != "f" or not near:
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    close = np.linalg.norm(np.subtract(a, b).ravel()) <= near * np.linalg.norm(a.ravel())
    return bool(close) or np.array_equal(a, b, equal_nan=True)
