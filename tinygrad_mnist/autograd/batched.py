"""A tensor that looks like one example of a batch, and how primitives compute with it.

The axes of the batches stand first, in the order of the vmaps that run, outermost first; `value` has them. Knows no
operation: which way to compute each takes, its card says (`batch`, core/primitive.py); without one the examples are
computed one by one. Look next at vmap.py.
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import GradientError
from ..core.graph import Var
from ..core.primitive import Primitive
from ..ops import index as indexing
from ..ops.broadcast import broadcast_to
from ..ops.layout import cat, reshape, transpose
from ..tensors.tensor import Tensor


class Running(threading.local):
    """The vmaps that run in this thread: level -> number of examples."""

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}


running = Running()


def _hidden(x: Any) -> Any:
    raise GradientError(
        "vmap: the values of a batched tensor cannot be looked at, or changed in place, inside the function.",
        got=f"a tensor {x.shape} of each of {[running.sizes.get(i) for i in x.levels]} examples",
        expected="operations on tensors: no item(), numpy(), if, or += on it",
        hint="tg.where(condition, a, b) instead of a branch",
    )


class Batched(Tensor):
    """One example's view of a batch."""

    __slots__ = ("value", "levels")
    value: Any
    levels: tuple[int, ...]
    array: Any = property(_hidden, lambda x, value: _hidden(x))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of one example's axes."""
        return tuple(self.value.shape[len(self.levels) :])

    @property
    def ndim(self) -> int:
        """Number of one example's axes."""
        return int(self.value.ndim) - len(self.levels)

    @property
    def dtype(self) -> Any:
        """NumPy dtype of the elements."""
        return self.value.dtype

    def numel(self) -> int:
        """Number of one example's elements."""
        return math.prod(self.shape)

    def detach(self) -> Any:
        """Give the same without history."""
        return batched(self.value.detach(), self.levels)

    def contiguous(self) -> Any:
        """Give the same in C order, of the whole batch."""
        return batched(self.value.contiguous(), self.levels)

    def __repr__(self) -> str:
        return f"batched{self.levels}({self.value!r})"


def batched(value: Any, levels: tuple[int, ...]) -> Any:
    """Make a batch look like one example."""
    if not levels:
        return value
    x = Batched.__new__(Batched)
    x.value, x.levels, x.node, x.version, x._gradient = value, levels, value.node, value.version, None
    x._differentiable = value.differentiable
    return x


def front(x: Any, levels: tuple[int, ...], ndim: int | None = None, full: bool = False) -> Any:
    """Give the value with an axis for each of these levels in front (of size 1 unless full) and this many behind."""
    own, value = (x.levels, x.value) if isinstance(x, Batched) else ((), x)
    shape = tuple(value.shape)[len(own) :]
    sizes = tuple(running.sizes[i] if i in own else 1 for i in levels)
    ones = (1,) * ((ndim or 0) - len(shape))
    if (*sizes, *ones, *shape) != tuple(value.shape):
        value = reshape(value, shape=(*sizes, *ones, *shape))
    if full and sizes != (wanted := tuple(running.sizes[i] for i in levels)):
        value = broadcast_to(value, shape=(*wanted, *ones, *shape))
    return value


Arguments = tuple[Any, ...]
Way = Callable[[Primitive, Arguments, dict[str, Any], tuple[int, ...]], Any]  # NotImplemented: another way


def broadcasting(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Compute element by element, or with matrices: the axes of the batches broadcast as others do."""
    arrays = [x for x in args if isinstance(x, Var | np.ndarray)]
    if len({x.dtype for x in arrays}) > 1 and p.promote is not None and any(x.ndim == 0 for x in arrays):
        return NotImplemented  # a number of each example would count as an array
    most = max(x.ndim for x in arrays)
    if p.unbroadcast is None and len(arrays) > 1:  # all have one shape
        return p(*(front(x, levels, most, full=True) for x in args), **static)
    return p(*(front(x, levels, most) if isinstance(x, Batched) else x for x in args), **static)


def leading(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Put the axes of the batches before those of the first argument."""
    return NotImplemented if any(isinstance(x, Batched) for x in args[1:]) else p(args[0].value, *args[1:], **static)


def along_axis(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Count axes from behind those of the batches; None is all of an example's."""
    k, sizes, ndim = len(levels), sizes_of(levels), max(x.ndim for x in args if hasattr(x, "ndim"))
    if ndim == 0 or ("axis" in static and static["axis"] is None and not p.rules):
        return NotImplemented  # positions in the flattened example
    more: dict[str, Any] = {"shape": (*sizes, *static["shape"])} if "shape" in static else {}
    for name in AXES.intersection(static):
        axis = tuple(range(ndim)) if static[name] is None else static[name]
        more[name] = tuple(a % ndim + k for a in axis) if isinstance(axis, tuple) else axis + k if axis >= 0 else axis
    return p(*(front(x, levels, full=True) if hasattr(x, "ndim") else x for x in args), **{**static, **more})


def to_shape(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Put the sizes of the batches before the shape, with which that of the argument broadcasts."""
    sizes, shape, x = sizes_of(levels), static["shape"], args[0]
    wide = max(len(shape), x.ndim)
    out = p(front(x, levels, wide), shape=(*sizes, *(1,) * (wide - len(shape)), *shape))
    return out if wide == len(shape) else reshape(out, shape=(*sizes, *shape))


def in_rows(apart: int, p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Make one batch of all rows, as images are, if nothing but the first arguments differs between the examples."""
    if any(isinstance(x, Batched) for x in args[apart:]):
        return NotImplemented
    sizes = sizes_of(levels)
    values = [front(x, levels, full=True) for x in args[:apart]]
    count = math.prod(sizes) * args[0].shape[0]
    rows = [reshape(v, shape=(count, *v.shape[len(levels) + 1 :])) for v in values]
    more = {"x_shape": (count, *static["x_shape"][1:])} if "x_shape" in static else {}
    out = p(*rows, *args[apart:], **{**static, **more})
    return reshape(out, shape=(*sizes, args[0].shape[0], *out.shape[1:]))


def by_function(way: Any, p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Have a function that stands beside the operation compute."""
    own, more = args[: len(p.arguments)], args[len(p.arguments) :]
    if any(isinstance(x, Batched) for x in more):
        return NotImplemented
    return way(sizes_of(levels), *(x if x is None else front(x, levels, full=True) for x in own), *more, **static)


AXES = {"axis", "axis1", "axis2"}
WAYS: dict[Any, Way] = {
    "elements": broadcasting, "matrices": broadcasting, "leading": leading, "axis": along_axis, "shape": to_shape,
}  # fmt: skip


def sizes_of(levels: tuple[int, ...]) -> tuple[int, ...]:
    """Give the numbers of examples."""
    return tuple(running.sizes[i] for i in levels)


def one_by_one(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Compute the examples in turn."""
    sizes = sizes_of(levels)
    values = [front(x, levels, full=True) if isinstance(x, Batched) else x for x in args]
    outs = []
    for at in itertools.product(*map(range, sizes)):
        one = [
            indexing.getitem(v, index=at) if isinstance(x, Batched) else x for v, x in zip(values, args, strict=True)
        ]
        out = p(*one, **static)
        outs.append(reshape(out, shape=(1, *out.shape)))
    if not outs:
        raise GradientError(f"vmap: {p.name} has no example to compute.", expected="a batch of at least one")
    return reshape(cat(*outs, axis=0), shape=(*sizes, *outs[0].shape[1:]))


def handle(plain: Callable[..., Any], p: Primitive, args: Arguments, static: dict[str, Any]) -> Any:
    """Compute on the batches where an argument stands for one."""
    if not any(isinstance(x, Batched) for x in args):
        return plain(p, args, static)
    levels = tuple(sorted({i for x in args if isinstance(x, Batched) for i in x.levels}))
    out: Any = NotImplemented
    for way in p.batch:
        kind = WAYS.get(way) or functools.partial(in_rows if isinstance(way, int) else by_function, way)
        try:
            out = kind(p, args, static, levels)
        except AttributeError:  # a list or a number where an array is expected
            continue
        if out is not NotImplemented:
            break
    return batched(one_by_one(p, args, static, levels) if out is NotImplemented else out, levels)


def moved(value: Any, source: int, target: int) -> Any:
    """Move an axis."""
    axes = [i for i in range(value.ndim) if i != source]
    axes.insert(target, source)
    return value if axes == list(range(value.ndim)) else transpose(value, axes=tuple(axes))


def lifted(x: Any) -> Any:
    """Give a tensor a copy for each example of every vmap that runs: a gradient of it is one example's."""
    levels = tuple(running.sizes)
    return batched(front(x, levels, full=True), levels) if levels else x


def bare(x: Any) -> Any:
    """Give the whole batch."""
    return x.value if isinstance(x, Batched) else x
