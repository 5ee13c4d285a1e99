"""Is a step repeated rightly? At the second call that a plan could serve, the function runs for real once more, and
the plan on copies of all that it changes. Any difference between the two is an error.

What differs at every call (a draw, a counter, a value read by hand), or is changed unseen, shows here.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MethodType
from typing import Any

import numpy as np

from ..core.errors import CaptureError
from ..core.graph import Array, Var
from .forms import NUMBERS, WORDS


def differing(function: str, pairs: dict[str, tuple[Any, Any]], near: float) -> CaptureError | None:
    """Compare, under each name, what the function itself gave or left with what its plan did."""
    held = [*pairs.get("the leaves", ((), ()))[0], *pairs.get("the tensors", ({}, {}))[0].values()]
    gradients = [x.gradient.array for x in held if x.gradient is not None]  # set by the step, or added to
    gradients += [g for g in pairs.get("the gradient", ((), ()))[0] if isinstance(g, np.ndarray)]
    nearness = Nearness(near, max((s for s in map(size, gradients) if s < np.inf), default=0.0))
    found = (difference(a, b, name, set(), nearness) for name, (a, b) in pairs.items())
    what = next((name for name in found if name), "")
    if not what:
        return None
    return CaptureError(
        f"compile: {function} does something that a replay does not repeat: {what} differs.",
        got="another value from the function itself than from its captured operations",
        expected="a step that computes with tensors only, from its arguments and from what it reads",
        hint="look for NumPy on t.array, random numbers and Python state inside the step, and at own loop= and out=",
    )


@dataclass(frozen=True)
class Nearness:
    """By how much arrays of floats may differ: a share of their length, or the rounding of the longest gradient.

    A gradient that is mathematically 0 (of a bias before a normalization) is what rounding leaves of terms as large as
    other gradients: no digit of it is right, nor of what an optimizer makes of it.
    """

    share: float = 0.0
    gradient: float = 0.0

    def rounding(self, dtype: np.dtype[Any]) -> float:
        """Give the length up to which a gradient of this dtype may be rounding alone."""
        return 64 * float(np.finfo(dtype).eps) * self.gradient  # 64: of a long sum

    def alike(self, a: Array, b: Array) -> bool:
        """Tell whether two arrays are equal, or as near as floats may be."""
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return False
        if a.dtype.kind != "f" or not self.share:
            return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        finite = np.isfinite(a)  # the others must be the same
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            return False
        a, b = a[finite], b[finite]
        allowed = max(self.share * size(a), self.rounding(a.dtype))
        return size(a - b) <= allowed < np.inf or np.array_equal(a, b)

    def is_rounding(self, a: Var | None, b: Var | None) -> bool:
        """Tell whether two gradients differ and are rounding alone."""
        if a is None or b is None or a.dtype.kind != "f" or a.shape != b.shape or np.array_equal(a.array, b.array):
            return False
        return max(size(a.array), size(b.array)) <= self.rounding(a.dtype)


def difference(a: Any, b: Any, name: str, seen: set[int], near: Nearness = Nearness()) -> str:
    """Name the first thing in which two structures of tensors, numbers and objects differ ('' if in none)."""
    if a is b or id(a) in seen:
        return ""
    seen.add(id(a))
    if isinstance(a, NUMBERS + WORDS):
        return "" if type(a) is type(b) and (a == b or a != a) else name
    if isinstance(a, np.ndarray):
        return "" if isinstance(b, np.ndarray) and near.alike(a, b) else name
    if type(a) is not type(b):
        return name
    if isinstance(a, Var):
        pairs = [(f"{name}.grad", a.gradient, b.gradient)]
        if not near.is_rounding(a.gradient, b.gradient):
            pairs.append((name, a.array, b.array))
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


def size(a: Array) -> float:
    """Give the length of an array as a vector."""
    return float(np.linalg.norm(a.ravel().astype(np.float64)))  # whose squares do not overflow in float32
