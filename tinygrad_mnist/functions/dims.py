"""Dimensions as people name them (negative ones from the end), checked before anything is done with them.

An integer is anything with `__index__` but a bool: True as a dimension is another argument in the wrong place.
Look next at arithmetic.py.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError, TinygradError, shown

Size = int | Sequence[int]  # or sizes one by one
Dims = Size | None


def need(holds: Any, problem: str, *given: Any, kind: type[TinygradError] = ShapeError, hint: str = "") -> None:
    """Raise an error that shows what was given, tensors by shape and dtype, unless something holds."""
    if not holds:
        shown = (f"{tuple(x.shape)} {x.dtype}" if hasattr(x, "dtype") else f"{x!r:.60}" for x in given)
        raise kind(problem, got=", ".join(shown), hint=hint)


def integer(name: str, what: str, value: Any) -> int:
    """Read an integer: Python's, NumPy's or a tensor of one element; a bool, float or string is a DTypeError."""
    if type(value) is int:
        return value
    dtype = getattr(value, "dtype", None)
    if not isinstance(value, bool) and (dtype is None or (np.dtype(dtype).kind in "iu" and np.size(value) == 1)):
        try:
            return operator.index(value)
        except TinygradError:
            raise  # while a step is captured the number may not be read
        except TypeError:
            pass
    raise DTypeError(f"{name}: {what} must be an int.", got=shown(value))


def flag(name: str, what: str, value: Any) -> bool:
    """Read a switch such as keepdim: True or False, not a number that belongs to another argument."""
    if value is True or value is False:
        return bool(value)
    hint = f"several dimensions go into one tuple: {name}((0, 1))" if what == "keepdim" else ""
    raise DTypeError(f"{name}: {what} must be True or False.", got=shown(value), hint=hint)


def as_axis(name: str, dim: Any, ndim: int) -> int:
    """Count a dimension from 0, if it is an int and -ndim <= dim < ndim; a scalar counts as having one."""
    if type(dim) is int and 0 <= dim < ndim:
        return dim
    size = max(ndim, 1)
    at = integer(name, "a dimension", dim)
    if not -size <= at < size:
        got, wanted = f"a tensor of {ndim} dimensions", f"dim from {-size} to {size - 1}"
        hint = "unsqueeze(0) adds the batch dimension, if that is what is missing" if at == ndim else ""
        raise IndexRangeError(f"{name}: there is no dimension {at}.", got=got, expected=wanted, hint=hint)
    return at % size


def axes_or_all(name: str, dim: Dims, ndim: int) -> Any:
    """Count dimensions from 0: None or an empty sequence (all of them), one, or several."""
    if dim is None:
        return None
    if type(dim) is int and -ndim <= dim < ndim:
        return dim % ndim
    named = as_axes(name, dim, ndim)
    return None if ndim == 0 or named == () else named


def as_axes(name: str, dim: Any, ndim: int) -> Any:
    """Count dimensions from 0: one or several, none of them named twice."""
    if not isinstance(dim, list | tuple):
        return as_axis(name, dim, ndim)
    named = tuple(as_axis(name, d, ndim) for d in dim)
    if len(set(named)) < len(named):
        raise ArgumentError(f"{name}: a dimension is named twice.", got=f"dim = {tuple(dim)}")
    return named


def sizes(name: str, shape: Any, least: int = 0) -> tuple[int, ...]:
    """Read the sizes of a shape, given one by one or as one sequence: ints, none below the least."""
    given = shape
    if len(shape) == 1 and type(shape[0]) is not int:
        first = shape[0]
        listed = isinstance(first, list | tuple) or (isinstance(first, Sequence) and not isinstance(first, str))
        given = first if listed else shape
    read = tuple([s if type(s) is int else integer(name, "a size", s) for s in given])
    if read and min(read) < least:
        expected = f"sizes of at least {least}" if least == 0 else "sizes of at least 0, or -1 where it is to be found"
        raise ShapeError(f"{name}: {min(read)} is no size.", got=f"{read}", expected=expected)
    return read
