"""In which dtype two arrays of different dtypes meet: PyTorch's rule.

Arrays with axes decide; one without counts only where it is of a higher kind (bool, then integers, then floats). Where
NumPy would decide otherwise, the operands are converted first, by a primitive, so that the gradient of each comes back
in its own dtype. Knows no operation but the conversion. Look next at broadcast.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.backend import Defaults
from ..core.graph import Array, Var
from ..core.primitive import primitive
from ..core.scope import state, unchanging

DType = np.dtype[Any]

RANK = {"b": 0, "i": 1, "u": 1, "f": 2}  # of kinds: signed or not, integers are one


@primitive(loop=lambda dtype: "x != 0" if np.dtype(dtype).kind == "b" else "x")
def cast(x: Array, *, dtype: DType, out: Array | None = None) -> Array:
    """Convert to another dtype; the gradient is converted back."""
    if out is None:
        return x.astype(dtype)
    np.copyto(out, x, casting="unsafe")
    return out


@cast.vjp("x")
def cast_vjp_x(g: Any, out: Any, x: Any, *, dtype: Any) -> Any:
    return cast(g, dtype=x.dtype)


@lru_cache(maxsize=1024)
def meet(operands: tuple[tuple[DType, bool], ...]) -> DType:
    """Find PyTorch's common dtype of operands. operands: the dtype of each and whether it has axes."""
    wide = [dtype for dtype, axes in operands if axes]
    lone = [dtype for dtype, axes in operands if not axes]
    if not wide or max((RANK[d.kind] for d in lone), default=0) > max(RANK[d.kind] for d in wide):
        wide = lone
    top = max(RANK[d.kind] for d in wide)  # an integer among floats changes nothing, however many digits it has
    return np.result_type(*(d for d in wide if RANK[d.kind] == top))


@lru_cache(maxsize=1024)
def _conversion(operands: tuple[tuple[DType, bool], ...]) -> DType | None:
    """Find the dtype to convert to, None where NumPy, with its float64 of integers undone, comes to the same."""
    ours, theirs = meet(operands), np.result_type(*(dtype for dtype, _ in operands))
    if theirs.char == "d" and all(dtype.char != "d" for dtype, _ in operands):
        theirs = Defaults.dtype
    return None if ours == theirs else ours


Defaults.forget += [_conversion.cache_clear]


def promoted(args: Sequence[Any], arrays: Sequence[Any], always: bool = False) -> list[Any] | None:
    """Convert operands to the dtype in which PyTorch has them meet; None where NumPy has them meet there too.

    args are Vars and arrays, arrays the same with their arrays in the place of Vars. always: also where NumPy would not
    need it, for what squares or rounds them.
    """
    operands = tuple((x.dtype, x.ndim > 0) for x in arrays)
    found = meet if always else _conversion
    dtype = found(operands) if all(dtype.kind in RANK for dtype, _ in operands) else None
    if dtype is None:
        return None
    known = [x if isinstance(x, Var) else a for x, a in zip(args, arrays, strict=True)]
    if state.recorder is not None:  # which is to see arrays converted, and to know that lists stay as they are
        kind = next(x.result_type for x in args if isinstance(x, Var))
        known = [
            kind.wrap(a) if isinstance(x, np.ndarray) else x if isinstance(x, Var) else unchanging(a)
            for x, a in zip(args, arrays, strict=True)
        ]
    return [x if a.dtype == dtype else cast(x, dtype=dtype) for x, a in zip(known, arrays, strict=True)]


def alike(args: Sequence[Any], arrays: Sequence[Any]) -> list[Any] | None:
    """Convert operands to the dtype in which PyTorch has them meet."""
    return promoted(args, arrays, always=True)


def promoted_floats(args: Sequence[Any], arrays: Sequence[Any]) -> list[Any] | None:
    """Convert operands as `promoted` does, but leave integers, of which the operation makes floats, as they are."""
    return promoted(args, arrays) if any(x.dtype.kind == "f" for x in arrays) else None


def floating(x: Array) -> Array:
    """Give an argument of a function of floats as floats: of integers and booleans the default dtype, as in PyTorch.

    NumPy would compute with the smallest float that holds the integers, which for those of 8 bits is float16.
    """
    return x if type(x) is not np.ndarray or x.dtype.kind == "f" else x.astype(Defaults.dtype)


def counting(x: Array) -> Array:
    """Give booleans as integers, as which PyTorch multiplies them by themselves."""
    return x.astype(np.int64) if x.dtype.kind == "b" else x
