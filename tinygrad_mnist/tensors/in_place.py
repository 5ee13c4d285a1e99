"""Changes in place: `x += y`, `x[i] = y`, `x.zero_()`, and when they are refused.

Outside recording a change writes to the memory and notes the tick, so that backward can tell which saved values are
gone. While recording, the result takes the place of the old value in the graph; that is refused where a leaf or
another tensor that looks at the same memory would silently get a wrong gradient. tensor.py hangs these functions on
the class.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import DTypeError, InPlaceError, ShapeError
from ..core.graph import Array, V, Var
from ..core.scope import refuse_captured, state, unchanging
from ..core.versions import Version
from ..functions.arithmetic import scaled
from ..functions.numbers import number, storable
from ..functions.shapes import movedim, reshape
from ..functions.types import Tensor, TensorLike
from ..ops import elementwise
from ..ops import index as indexing
from ..ops.index import ARRAY

SEQUENCES, ARRAYS, NO_INDEX = (list, tuple, range), (Var, np.ndarray), (str, float)  # isinstance takes longer with `|`


def of(function: Any) -> Callable[..., Any]:
    """Make the method that changes a tensor in place as a function computes: `x.sin_()` of tg.sin."""
    name = f"{function.__name__}_"

    @functools.wraps(function)
    def method(self: V, *args: Any, **kwargs: Any) -> V:
        count, keys = len(args), [*kwargs]

        def operation(x: Any, *given: Any) -> Any:
            var = x if isinstance(x, Var) else self.result_type.wrap(x)
            result = function(var, *given[:count], **dict(zip(keys, given[count:], strict=True)))
            return result if var is x else result.array

        operation.__name__ = name
        return change(self, operation, *args, *kwargs.values())

    method.__name__ = method.__qualname__ = name
    return method


def change(x: V, operation: Callable[..., Any], *args: Any, **static: Any) -> V:
    """Make x become operation(x, ...), a primitive or composed, in the same memory: so everything changes in place."""
    name, recorder = operation.__name__, state.recorder
    recorded, bare = x.differentiable, []
    for a in args:
        recorded = recorded or (isinstance(a, Var) and a.differentiable)
        bare.append(a.array if isinstance(a, Var) else a)
    recorded = recorded and state.recording
    if recorder is not None:
        recorder.changes(x, name)
    elif not recorded:
        if operation is indexing.setitem:
            write(x, bare, static["index"])
        else:
            overwrite(x, np.asarray(operation(x.array, *bare, **static)), name)
        x.version.bump()
        return x
    if recorded:
        args = recordable(x, args, name)
    before = x.result_type.wrap(x.array.copy(), x.differentiable, x.node)  # rules see the old value, also of x *= x
    if recorder is not None:
        recorder.same(before.array, x.array)
    result = operation(before, *(before if a is x else a for a in args), **static)
    overwrite(x, result.array, name)
    recorded = recorded and result.node is not None
    x.version.bump(result.node.index if recorded else None)
    if recorder is not None:
        recorder.write(x, result)
    if not recorded:
        if x.node is not None and state.recording:  # of a comparison: constant from now on
            x.differentiable = False
            x.node = None
        return x
    if x.node is not None and x.node.retained is not None:  # .grad of a retained tensor is that of its latest value
        x.node.retained, result.node.retained = x.node.retained.parted()
    x.node, x.version, x.differentiable = result.node, result.node.version, True
    return x


def recordable(x: Var, args: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    """Refuse a recorded change of memory that others look at; give the arguments, copied where they are in it."""
    if x.differentiable and x.node is None:
        what = f"{name}: a leaf that requires a gradient cannot be changed in place while recording."
        hint = "with tg.no_grad(): p -= lr * p.grad  (an update), or p = p - ... (a new tensor)"
        raise InPlaceError(what, got=f"leaf {x.shape}, requires_grad=True", hint=hint)
    if x.version.others(x):
        what = f"{name}: the memory of this tensor is shared with another one (a slice, reshape, transpose or detach)."
        got = f"tensor {x.shape}, changed in place while gradients are recorded"
        wanted = "memory of its own, or no_grad"
        raise InPlaceError(what, got=got, expected=wanted, hint="write x = x + 1 instead of x += 1, or clone() first")
    if not x.array.flags.writeable:  # before anything is recorded
        raise read_only(name, x)
    return tuple(a.copy() if isinstance(a, np.ndarray) and np.may_share_memory(a, x.array) else a for a in args)


def overwrite(x: Var, value: Array, name: str) -> None:
    """Write a value over the memory of x, if shape, dtype and memory allow."""
    if value.shape != x.shape:
        what, got = f"{name}: a change in place cannot change the shape.", f"result {value.shape}"
        raise ShapeError(what, got=got, expected=f"{x.shape}", hint="write x = x + y instead of x += y")
    if not (value.dtype.kind in "iu" and x.dtype.kind in "iu" or np.can_cast(value.dtype, x.dtype, "same_kind")):
        what = f"{name}: a {value.dtype} result does not fit into a {x.dtype} tensor in place."
        raise DTypeError(what, expected="a result of the same kind", hint="convert first: x = x.float()")
    if not x.array.flags.writeable:
        raise read_only(name, x)
    np.copyto(x.array, value, casting="unsafe")


def write(x: Var, bare: list[Any], index: indexing.Index) -> None:
    """Write x[index] = value, given the value and the index arrays; on a copy of x only to explain what fails."""
    try:
        indexing.write(x.array, indexing.fill(index, tuple(bare[1:])), bare[0])
    except Exception:
        overwrite(x, indexing.setitem(x.array, *bare, index=index), "setitem")


def read_only(name: str, x: Var) -> InPlaceError:
    """Explain that the memory of a tensor cannot be changed."""
    what = f"{name}: the memory is read-only (expanded, or from a read-only array)."
    return InPlaceError(what, got=f"tensor {x.shape}", hint="clone() first")


def replace(x: Var, value: Var | Array) -> None:
    """Give x the memory of a tensor or array of the same dtype instead of its own."""
    if not isinstance(value, Var | np.ndarray) or value.dtype != x.dtype:
        what = "data: the values can be replaced by a tensor or an array of the same dtype only."
        got = f"{type(value).__name__} {getattr(value, 'dtype', '')}".strip()
        raise DTypeError(what, got=got, expected=f"a tensor or array of {x.dtype}", hint="t.data = tg.tensor(values)")
    refuse_captured("assignment to .data", "with tg.no_grad(): x.copy_(values)")
    source = value if isinstance(value, Var) else x.result_type.wrap(value)
    x.array, x.version = source.array, source.version
    x.version.share(x, source)
    x.version.bump()


def recast(x: Var, kind: Any) -> None:
    """Give x, and its gradient, memory of another dtype; what looked at the old memory keeps that."""
    if x.dtype == kind:
        return
    refuse_captured("a change of a tensor's dtype", "convert the model outside the step")
    x.array, x.version = x.array.astype(kind), Version()
    if x.gradient is not None:
        x.gradient = x.result_type.wrap(x.gradient.array.astype(kind))


def clear_gradient(x: Var, set_to_none: bool) -> None:
    """Forget `.grad` of a leaf, or set it to 0."""
    if set_to_none:
        x.gradient = None
    elif x.gradient is not None:
        x.gradient = x.result_type.wrap(unchanging(np.zeros(x.shape, x.dtype)))


def add_(self: V, other: TensorLike, *, alpha: float = 1) -> V:
    """Add alpha * other in place."""
    return change(self, elementwise.add, scaled(self, other, alpha))


def sub_(self: V, other: TensorLike, *, alpha: float = 1) -> V:
    """Subtract alpha * other in place."""
    return change(self, elementwise.subtract, scaled(self, other, alpha))


def mul_(self: V, other: TensorLike) -> V:
    """Multiply in place."""
    return change(self, elementwise.multiply, other)


def div_(self: V, other: TensorLike) -> V:
    """Divide in place."""
    return change(self, elementwise.divide, other)


def pow_(self: V, exponent: Tensor | Array | float) -> V:
    """Raise to a power in place, a number or a tensor."""
    if isinstance(exponent, Var | np.ndarray):
        return change(self, elementwise.power, exponent)
    exponent = number("pow_", exponent)
    return change(self, elementwise.power_scalar, exponent=float(exponent) if self.dtype.kind == "f" else exponent)


def copy_(self: V, other: TensorLike) -> V:
    """Take over the values of another tensor or array, which broadcast."""
    return change(self, indexing.setitem, other, index=(Ellipsis,))


def fill_(self: V, value: float) -> V:
    """Set every element."""
    if isinstance(value, int | float) and self.dtype.kind in "iu":
        value = storable("fill_", value, self.dtype)
    return change(self, indexing.setitem, value, index=(Ellipsis,))


def zero_(self: V) -> V:
    """Set every element to 0."""
    return fill_(self, 0)


def split_index(key: Any) -> tuple[indexing.Index, list[Any]]:
    """Separate an index into its static part and its index arrays (tensors, arrays, lists)."""
    index: list[Any] = []
    arrays: list[Any] = []
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, SEQUENCES):
            part = unchanging(np.asarray(part) if len(part) else np.empty(0, dtype=np.int64))
        if isinstance(part, NO_INDEX):
            raise DTypeError(f"indexing: {part!r} cannot be an index.", expected="integers, slices, None or arrays")
        if isinstance(part, slice):  # bounds are read now: a tensor among them may change before backward
            bounds: list[Any] = [part.start, part.stop, part.step]
            part = slice(*(int(v) if hasattr(v, "array") else v for v in bounds))
        if isinstance(part, ARRAYS):
            if part.dtype.kind not in "iub":
                what = "indexing: an index tensor must hold integers or booleans."
                raise DTypeError(what, got=f"{part.dtype} {part.shape}", hint="index.long()")
            if part.ndim == 0 and part.dtype.kind != "b" and state.recorder is None:
                # one position: the result is a view, as of x[0]
                index.append(int(part.array if isinstance(part, Var) else part))
                continue
            index.append(ARRAY)
            arrays.append(part)
        else:
            index.append(part)
    return tuple(index), arrays


def getitem(self: Var, key: Any) -> Tensor:
    """Read self[key]; a view of the memory unless the index holds arrays."""
    index, arrays = split_index(key)
    out = indexing.getitem(self, *arrays, index=index)
    if arrays and (apart := set_apart(self, index, arrays)):
        lead, count, _ = apart
        out = movedim(out, tuple(range(count)), tuple(range(lead, lead + count)))
    return out


def set_apart(self: Var, index: indexing.Index, arrays: list[Any]) -> tuple[int, int, int] | None:
    """Tell where the dimensions of index arrays belong that an integer elsewhere in the index makes NumPy put first.

    PyTorch takes integers first, and then the arrays. Gives how many dimensions come before them, how many they are,
    and how many the result has; None where both agree.
    """
    at = [i for i, part in enumerate(index) if isinstance(part, str)]
    chosen = [i for i, part in enumerate(index) if isinstance(part, str | int)]
    if len(chosen) == len(at) or chosen[-1] - chosen[0] < len(chosen) or at[-1] - at[0] >= len(at):
        return None
    used = [a.ndim if a.dtype.kind == "b" else 1 for a in arrays]
    slices = sum(isinstance(part, slice) for part in index)
    rest = self.ndim - sum(used) - (len(chosen) - len(at)) - slices  # what ... stands for, or what follows the index
    before = sum(rest if part is Ellipsis else part is None or isinstance(part, slice) for part in index[: at[0]])
    count = max(1 if a.dtype.kind == "b" else a.ndim for a in arrays)
    return before, count, count + rest + slices + index.count(None)


def setitem(self: Var, key: Any, value: TensorLike) -> None:
    """Write self[key] = value."""
    if isinstance(value, int | float) and self.dtype.kind in "iu":
        value = storable("indexing", value, self.dtype)
    if not self.array.flags.writeable:
        raise read_only("indexing", self)
    index, arrays = split_index(key)
    if arrays and np.ndim(value) and (apart := set_apart(self, index, arrays)):
        lead, count, ndim = apart
        value = value if isinstance(value, ARRAYS) else np.asarray(value, self.dtype)
        value = reshape(value, (1,) * (ndim - value.ndim) + tuple(value.shape))
        value = movedim(value, tuple(range(lead, lead + count)), tuple(range(count)))
    change(self, indexing.setitem, value, *arrays, index=index)
