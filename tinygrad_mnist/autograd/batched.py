"""A tensor that looks like one example of a batch, and how primitives compute with it.

The axes of the batches stand first, in the order of the vmaps that run, outermost first; `value` has them. What works
on each element broadcasts, what has an axis counts on from them, images are put into one batch; of anything else the
examples are computed one by one. Look next at vmap.py.
"""

from __future__ import annotations

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
from ..ops.contract import matmul, swap
from ..ops.elementwise import add
from ..ops.index import ARRAY
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
Rule = Callable[[Primitive, Arguments, dict[str, Any], tuple[int, ...]], Any]  # NotImplemented: one by one


def broadcasting(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Compute element by element, or a product of matrices: the axes of the batches broadcast as others do."""
    arrays = [x for x in args if isinstance(x, Var | np.ndarray)]
    if len({x.dtype for x in arrays}) > 1 and p.promote is not None and any(x.ndim == 0 for x in arrays):
        return NotImplemented  # a number of each example would count as an array
    most = max(x.ndim for x in arrays)
    if p.unbroadcast is None and len(arrays) > 1:  # all have one shape
        return p(*(front(x, levels, most, full=True) for x in args), **static)
    return p(*(front(x, levels, most) if isinstance(x, Batched) else x for x in args), **static)


def along_axis(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Count axes from behind those of the batches; None is all of an example's."""
    k, ndim, axis = len(levels), max(x.ndim for x in args), static["axis"]
    if ndim == 0 or (axis is None and p.name.startswith("arg")):
        return NotImplemented
    axis = tuple(range(ndim)) if axis is None else axis
    moved = tuple(a % ndim + k for a in axis) if isinstance(axis, tuple) else axis % ndim + k
    more = {"shape": (*(running.sizes[i] for i in levels), *static["shape"])} if "shape" in static else {}
    return p(*(front(x, levels, full=True) for x in args), **{**static, "axis": moved, **more})


def reshaping(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Put the sizes of the batches before the shape."""
    shape = static["shape"]
    value = front(args[0], levels, len(shape) if p.name == "broadcast_to" else None)
    lead = tuple(value.shape[: len(levels)])
    if p.name == "sum_to":
        lead += (1,) * (args[0].ndim - len(shape))
    if -1 in shape:
        rest = -math.prod(shape)
        shape = tuple(args[0].numel() // rest if rest and s == -1 else s for s in shape)
    out = p(value, shape=(*lead, *shape))
    return out if len(lead) == len(levels) else reshape(out, shape=(*lead[: len(levels)], *shape))


def transposing(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Leave the axes of the batches where they are."""
    k, axes = len(levels), static["axes"]
    return p(args[0].value, axes=(*range(k), *(a % len(axes) + k for a in axes)))


def padding(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Pad no axis of a batch."""
    return p(args[0].value, **{**static, "width": (*[(0, 0)] * len(levels), *static["width"])})


def reading(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Read every example at the same places, if these stand side by side (else the result has them in front)."""
    index = static["index"]
    special = [i for i, part in enumerate(index) if isinstance(part, str | int) and not isinstance(part, bool)]
    together = not special or special[-1] - special[0] == len(special) - 1
    if any(isinstance(x, Batched) for x in args[1:]) or (ARRAY in index and not together):
        return NotImplemented
    more = {"shape": (*(running.sizes[i] for i in levels), *static["shape"])} if "shape" in static else {}
    return p(args[0].value, *args[1:], index=(*[slice(None)] * len(levels), *index), **more)


def affine(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Keep a layer whose weights all examples share; of weights of their own make products of matrices."""
    x, w, b = args
    if not isinstance(w, Batched) and not isinstance(b, Batched):
        return p(x.value, w, b)
    rows, n = math.prod(x.shape[:-1]), x.shape[-1]
    matrix = reshape(x, shape=(rows, n))  # of each example, as all that follows
    out = matmul(matrix, swap(w))
    out = out if b is None else add(out, b)
    return front(reshape(out, shape=(*x.shape[:-1], w.shape[0])), levels, full=True)


def together(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Make one batch of all images or rows, if nothing else differs between the examples."""
    apart = IMAGES[p.name]  # how many arguments, of the first, have a row of each example
    if any(isinstance(x, Batched) for x in args[apart:]):
        return NotImplemented
    sizes = tuple(running.sizes[i] for i in levels)
    values = [front(x, levels, full=True) for x in args[:apart]]
    count = math.prod(sizes) * args[0].shape[0]
    rows = [reshape(v, shape=(count, *v.shape[len(levels) + 1 :])) for v in values]
    more = {"x_shape": (count, *static["x_shape"][1:])} if "x_shape" in static else {}
    out = p(*rows, *args[apart:], **{**static, **more})
    return reshape(out, shape=(*sizes, args[0].shape[0], *out.shape[1:]))


IMAGES = {
    "conv2d": 1, "conv2d_input_gradient": 1, "max_pool2d": 1, "pool_winners": 1, "pool_scatter": 2, "pool_gather": 2,
    "cross_entropy": 2, "pick": 2, "less_one_hot": 3,
}  # fmt: skip
RULES: dict[str, Rule] = {
    "matmul": broadcasting, "reshape": reshaping, "broadcast_to": reshaping, "sum_to": reshaping, "pad": padding,
    "transpose": transposing, "getitem": reading, "put": reading, "linear": affine,
    **dict.fromkeys((
        "sum", "mean", "amax", "amin", "argmax", "argmin", "all", "any", "logsumexp", "var", "flip", "cat", "softmax",
        "log_softmax", "gather", "scatter", "share_of_extreme",
    ), along_axis), **dict.fromkeys(IMAGES, together),
}  # fmt: skip


def one_by_one(p: Primitive, args: Arguments, static: dict[str, Any], levels: tuple[int, ...]) -> Any:
    """Compute the examples in turn."""
    sizes = tuple(running.sizes[i] for i in levels)
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
    rule = RULES.get(p.name, broadcasting if p.loop is not None or p.promote is not None else None)
    try:
        out = NotImplemented if rule is None else rule(p, args, static, levels)
    except (AttributeError, KeyError):  # a list or a number where the rule expects an array
        out = NotImplemented
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
