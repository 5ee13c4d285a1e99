"""Cases of layout and indexing."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from strategies import Array, Call, Draw

from tinygrad_mnist.ops import index as I  # noqa: E741
from tinygrad_mnist.ops import layout as L

from .case import Example, a, case
from .reductions import TABLE

ARRAY = I.ARRAY


# ---------------------------------------------------------------- layout


def build_reshape(d: Draw) -> Call:
    shape = d.shape()
    size = math.prod(shape)
    options: list[Any] = [(size,), (1, size), shape[::-1], (size, 1, 1)]
    options += [(-1,), (1, -1)] if size else []
    return Call([d.values(shape)], {"shape": d.choose(options)}, d.seed)


case(L.reshape, build_reshape, lambda x, shape: x.reshape(shape), torch=lambda m, x, shape: x.reshape(shape),
     examples=(Example((a(1, 2),), np.array([[1.0], [2]]), (a(1, 1),), {"shape": (2, 1)}),))  # fmt: skip


def build_transpose(d: Draw) -> Call:
    shape = d.shape()
    ndim = len(shape)
    axes = d.choose(list(map(tuple, {(*range(ndim),), (*range(1, ndim), 0)[:ndim], (*reversed(range(ndim)),)})))
    return Call([d.values(shape)], {"axes": tuple(i - ndim if d.boolean() else i for i in axes)}, d.seed)


case(
    L.transpose, build_transpose, lambda x, axes: np.einsum(x, list(range(x.ndim)), [i % max(x.ndim, 1) for i in axes]),
    torch=lambda m, x, axes: x.permute(axes),
    examples=(Example((np.array([[1.0, 2]]),), np.array([[1.0], [2]]), (np.array([[3.0, 4]]),), {"axes": (1, 0)},
                      g=np.array([[3.0], [4]])),),
)  # fmt: skip


def build_flip(d: Draw) -> Call:
    shape = d.shape()
    axes = range(-len(shape), len(shape))
    axis = d.choose([(), *((i,) for i in axes), *([(0, -1)] if len(shape) > 1 else [])])
    return Call([d.values(shape)], {"axis": axis}, d.seed)


def flip_oracle(x: Array, axis: tuple[int, ...]) -> Array:
    flipped = [i % x.ndim for i in axis]
    return x[tuple(slice(None, None, -1 if i in flipped else 1) for i in range(x.ndim))]


case(L.flip, build_flip, flip_oracle, torch=lambda m, x, axis: x.flip(axis),
     examples=(Example((a(1, 2),), a(2, 1), (a(4, 3),), {"axis": (0,)}, g=a(3, 4)),))  # fmt: skip


def build_pad(d: Draw) -> Call:
    shape = tuple(size + 2 for size in d.shape(empty=False))
    width = tuple(d.choose(((0, 0), (1, 2), (2, 0), (-1, 1), (0, -2), (-1, -1))) for _ in shape)
    return Call([d.values(shape)], {"width": width, "value": d.choose((0.0, 3.0))}, d.seed)


def pad_oracle(x: Array, width: Any, value: float) -> Array:
    grown = [(max(before, 0), max(after, 0)) for before, after in width]
    wider = np.pad(x, grown, constant_values=value) if width else x
    ends = [size + min(after, 0) for (_, after), size in zip(width, wider.shape, strict=True)]
    return wider[tuple(slice(max(-before, 0), end) for (before, _), end in zip(width, ends, strict=True))]


case(L.pad, build_pad, pad_oracle,
     torch=lambda m, x, width, value: m.nn.functional.pad(x, [n for pair in width[::-1] for n in pair], value=value),
     examples=(Example((a(1, 2),), a(9, 1, 2, 9, 9), (a(1, 1),), {"width": ((1, 2),), "value": 9.0}),
               Example((a(1, 2, 3),), a(2, 3, 0), (a(0, 4, 5),), {"width": ((-1, 1),), "value": 0.0}, g=a(4, 5, 6)),))


def pieces(d: Draw) -> tuple[list[Array], int]:
    shape = list(d.shape(least=1))
    axis = d.axis(len(shape))
    arrays = []
    for _ in range(d.choose((2, 1, 3))):
        shape[axis] = d.choose((2, 1, 3) if d.exact else (2, 1, 3, 0))
        arrays.append(d.values(tuple(shape)))
    return arrays, axis


def build_cat(d: Draw) -> Call:
    arrays, axis = pieces(d)
    return Call(arrays, {"axis": axis}, d.seed)


case(L.cat, build_cat, lambda *xs, axis: np.concatenate(xs, axis), torch=lambda m, *xs, axis: m.cat(xs, axis),
     examples=(Example((a(1), a(2, 3)), a(1, 2, 3), (a(4), a(5, 6)), {"axis": 0}, g=a(4, 5, 6)),))  # fmt: skip


# ---------------------------------------------------------------- index

# (shape, static index, index arrays): every kind of index, with elements named twice where arrays allow it
INDICES: list[tuple[tuple[int, ...], tuple[Any, ...], list[Any]]] = [
    ((), (Ellipsis,), []), ((), (None,), []), ((4,), (slice(1, 3),), []), ((4,), (-1,), []),
    ((4, 3), (slice(None, None, -2), 1), []), ((4, 3), (Ellipsis, None, slice(0, 2)), []),
    ((2, 3, 2), (1, Ellipsis, 0), []), ((4,), (ARRAY,), [[0, 2, 2, -1]]), ((4, 3), (ARRAY,), [[[3, 0], [0, 0]]]),
    ((4, 3), (slice(None), ARRAY), [[1, 1]]), ((4, 3), (ARRAY, ARRAY), [[[0], [3]], [2, 2]]),
    ((4, 3), (ARRAY, slice(1, None)), [[1, 3, 1]]), ((4, 3), (ARRAY,), [[True, False, True, True]]),
    ((2, 3), (ARRAY,), [[[True, False, True], [False, False, True]]]),
    ((2, 3), (slice(None), ARRAY), [[False, False, False]]), ((2, 3), (ARRAY, ARRAY), [[True, False], [1, 1]]),
    ((0, 3), (slice(None), 1), []),
]


def draw_index(d: Draw) -> tuple[tuple[int, ...], tuple[Any, ...], list[Array]]:
    chosen = [i for i in INDICES if d.kind == "any" or (not i[0] if d.kind == "scalar" else 0 in i[0])]
    shape, index, arrays = d.choose(chosen)
    return shape, index, [np.array(x) for x in arrays]


def places(shape: tuple[int, ...], index: Any, arrays: Sequence[Any]) -> Array:
    """Number the elements in C order; give the numbers of those that an index names."""
    numbers = np.arange(math.prod(shape)).reshape(shape)[I.fill(index, tuple(np.asarray(x) for x in arrays))]
    return np.array(numbers, order="C")


def build_getitem(d: Draw) -> Call:
    shape, index, arrays = draw_index(d)
    return Call([d.values(shape), *arrays], {"index": index}, d.seed)


def build_put(d: Draw) -> Call:
    shape, index, arrays = draw_index(d)
    part = np.zeros(shape)[I.fill(index, tuple(arrays))].shape
    return Call([d.values(part), *arrays], {"index": index, "shape": shape}, d.seed)


def put_oracle(x: Array, *arrays: Array, index: Any, shape: tuple[int, ...]) -> Array:
    named = np.ravel(places(shape, index, arrays))
    return np.bincount(named, np.ravel(x), math.prod(shape)).reshape(shape).astype(float)


def build_setitem(d: Draw) -> Call:
    shape, index, arrays = draw_index(d)
    part = np.zeros(shape)[I.fill(index, tuple(arrays))].shape
    value = d.choose([part, (), (1, *part), tuple(1 for _ in part)])
    return Call([d.values(shape), d.values(value), *arrays], {"index": index}, d.seed)


def setitem_oracle(x: Array, value: Array, *arrays: Array, index: Any) -> Array:
    positions = places(x.shape, index, arrays)
    value = value.reshape(value.shape[max(value.ndim - np.ndim(positions), 0) :])
    out = np.array(x, float).reshape(-1)
    for at, v in zip(np.ravel(positions), np.ravel(np.broadcast_to(value, np.shape(positions))), strict=True):
        out[at] = v
    return out.reshape(x.shape)


case(I.getitem, build_getitem, lambda x, *arrays, index: x[I.fill(index, arrays)],
     torch=lambda m, x, *arrays, index: m.take(x, m.tensor(places(x.shape, index, arrays))),
     examples=(Example((a(5, 6, 7), np.array([2, 0, 2])), a(7, 5, 7), (a(1, 0, 2),), {"index": (ARRAY,)}),))
case(
    I.put, build_put, put_oracle,
    torch=lambda m, x, *arrays, index, shape: x.new_zeros(shape).put(
        m.tensor(places(shape, index, arrays)), x, accumulate=True),
    examples=(
        Example((a(5, 6, 7), np.array([2, 0, 2])), a(6, 0, 12), (a(3, 1, 3),), {"index": (ARRAY,), "shape": (3,)},
                g=a(1, 2, 3)),
        # a mask beside another array can name an element twice
        Example((a(5, 6), np.array([True, False]), np.array([1, 1])), np.array([[0.0, 11], [0, 0]]), (a(2, 2),),
                {"index": (ARRAY, ARRAY), "shape": (2, 2)}, g=np.full((2, 2), 2.0)),
    ),
)  # fmt: skip
case(
    I.setitem, build_setitem, setitem_oracle,
    alone="PyTorch leaves open which value stays where an element is named twice",
    examples=(
        Example((a(5, 6), a(1)), a(5, 1), (a(1, 0), a(1)), {"index": (-1,)}),
        Example((a(5, 6, 7), a(1)), a(1, 1, 7), (a(0, 0, 1), a(2)), {"index": (slice(0, 2),)}),
        # an element named twice keeps the last value, and only that one has a gradient
        Example((a(5, 6, 7), a(1, 2), np.array([0, 0])), a(2, 6, 7), (a(0, 1, 1), a(0, 1)), {"index": (ARRAY,)}),
    ),
)  # fmt: skip


def stays_oracle(x: Array, *arrays: Array, index: Any) -> Array:
    positions = places(x.shape, index, arrays)
    later = np.ravel(positions).tolist()
    return np.array([at not in later[i + 1 :] for i, at in enumerate(later)], float).reshape(np.shape(positions))


case(I.stays, build_getitem, stays_oracle, order=0, alone="as setitem",
     examples=(Example((a(5, 6, 7), np.array([2, 0, 2])), a(0, 1, 1), static={"index": (ARRAY,)}),))  # fmt: skip


def draw_along(d: Draw) -> tuple[tuple[int, ...], Array, int]:
    shape = d.shape(least=1, empty=False)
    axis = d.axis(len(shape))
    picked = [d.choose((1, size)) for size in shape]
    picked[axis] = d.choose((2, 3) if d.kind != "empty" else (0,))
    return shape, d.integers(0, shape[axis], tuple(picked)), axis


def build_gather(d: Draw) -> Call:
    shape, index, axis = draw_along(d)
    return Call([d.values(shape), index], {"axis": axis}, d.seed)


def gather_oracle(x: Array, index: Array, axis: int) -> Array:
    out = np.zeros(index.shape)
    for at in np.ndindex(index.shape):
        source = list(at)
        source[axis] = index[at]
        out[at] = x[tuple(source)]
    return out


def build_scatter(d: Draw) -> Call:
    shape, index, axis = draw_along(d)
    return Call([d.values(index.shape), index], {"axis": axis, "shape": shape}, d.seed)


def scatter_oracle(x: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
    out = np.zeros(shape)
    for at in np.ndindex(index.shape):
        target = list(at)
        target[axis] = index[at]
        out[tuple(target)] += x[at]
    return out


PICK = np.array([[1], [0]])
case(I.gather, build_gather, gather_oracle, torch=lambda m, x, index, axis: m.gather(x, axis, index),
     examples=(Example((TABLE, PICK), np.array([[5.0], [4]]), (np.array([[0.0, 1], [1, 0]]),), {"axis": 1}),))
case(I.scatter, build_scatter, scatter_oracle,
     torch=lambda m, x, index, axis, shape: x.new_zeros(shape).scatter_add(axis, index, x),
     examples=(Example((np.array([[7.0], [8]]), PICK), np.array([[0.0, 7], [8, 0]]), (np.array([[5.0], [4]]),),
                       {"axis": 1, "shape": (2, 2)}, g=TABLE),))  # fmt: skip
