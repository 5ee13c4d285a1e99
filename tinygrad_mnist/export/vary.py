"""Sizes that vary: found by comparing the graphs of a model for inputs of several sizes.

In each run but the first and the last one size is one more, which tells how numbers grow with it; in the last all are
others, which tells whether they grow evenly. Look next at export.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..capture import forms
from ..core.errors import ExportError
from ..core.graph import Var

Sizes = dict[str, int]
Places = dict[str, list[tuple[str, int]]]  # of each size the inputs and axes that have it


def tried(places: Places, shapes: dict[str, tuple[int, ...]]) -> list[Sizes]:
    """List the sizes to run with."""
    base = {x: max(2, shapes[name][axis]) for x, ((name, axis), *_) in places.items()}
    last = [{x: n + 3 + i for i, (x, n) in enumerate(base.items())}] if base else []
    return [base, *({**base, x: n + 1} for x, n in base.items()), *last]


def resized(call: Any, names: list[str], places: Places, sizes: Sizes) -> Any:
    """Give arguments of these sizes, whose elements repeat; each is a tensor of its own."""
    rest = iter(names)

    def replace(x: Any, _: str) -> Any:
        if not isinstance(x, Var) and not forms.is_data(x):
            return x
        name, array = next(rest), x.array if isinstance(x, Var) else x
        for label, axis in [(label, axis) for label, of in places.items() for other, axis in of if other == name]:
            array = array.take(np.arange(sizes[label]) % max(array.shape[axis], 1), axis)
        return type(x).wrap(array[...]) if isinstance(x, Var) else array[...]

    kwargs = forms.visit(call[1], "", replace)
    return forms.visit(call[0], "", replace), kwargs


def dims(shapes: list[Any], sizes: list[Sizes]) -> list[Any]:
    """Describe a shape by those of all runs: numbers, names of sizes, None for what is neither."""
    labels = {tuple(size[x] for size in sizes): x for x in sizes[0]}
    return [n[0] if len({*n}) == 1 else labels.get(n) for n in zip(*shapes, strict=True)]


def vary(graphs: list[Any], sizes: list[Sizes], places: Places) -> None:
    """Have the first of the graphs compute what differs between them from the sizes of its inputs.

    Raises:
        ExportError: where something else does
    """
    g, hint, instead = graphs[0], f"leave {', '.join(places)} out of dynamic_axes", {}
    if any(other.nodes != g.nodes for other in graphs):
        raise ExportError("export_onnx: the model computes otherwise for inputs of other sizes.", hint=hint)
    nodes, g.nodes = g.nodes, []
    reshaped = {node.input[1] for node in nodes if node.op_type == "Reshape"}

    def of_sizes(numbers: list[Any], one_left: bool = False) -> Any:
        """Give a tensor of integers, which are these in the runs, or None; a new shape may leave one size open."""
        growth = {x: n - numbers[0] for x, n in zip(places, numbers[1:], strict=False)}
        start = numbers[0] - sum(k * sizes[0][x] for x, k in growth.items())
        odd = numbers[-1] != start + sum(k * sizes[-1][x] for x, k in growth.items())
        varying = np.any([n != numbers[0] for n in numbers], axis=0)
        left = varying if varying.sum() == 1 else odd
        if one_left and left.sum() == 1 and -1 not in numbers[0]:
            start, growth, odd = np.where(left, -1, start), {x: k * ~left for x, k in growth.items()}, odd & ~left
        total = None if odd.any() else g.constant(start)
        for x, k in growth.items() if total else ():
            (name, axis), *_ = places[x]
            size = g.add("Squeeze", g.add("Shape", name, dtype=np.int64, start=axis, end=axis + 1), [0])
            total = g.add("Add", total, g.add("Mul", g.constant(k), size)) if k.any() else total
        return total

    for name, first in [*g.arrays.items()]:
        arrays = [other.arrays[name] for other in graphs]
        if all(a is first or a.shape == first.shape and (a == first).all() for a in arrays):
            continue
        shape = [np.array(a.shape) for a in arrays]
        if first.dtype == np.int64 and {a.shape for a in arrays} == {first.shape}:
            instead[name] = of_sizes(arrays, name in reshaped)
        elif first.size and all((a == first.flat[0]).all() for a in arrays):
            instead[name] = (whole := of_sizes(shape)) and g.add("Expand", g.constant(first.flat[0]), whole)
        elif first.ndim == 1 and all((a == np.arange(a.size)).all() for a in arrays):
            end = (whole := of_sizes(shape)) and g.add("Squeeze", whole, [0])
            instead[name] = end and g.cast(g.add("Range", g.cast(0, np.int64), end, g.cast(1, np.int64)), first.dtype)
        if not instead.get(name):
            raise ExportError("export_onnx: a number that this needs does not grow evenly with the sizes.",
                              got=next((n.name for n in nodes if name in n.input), name), hint=hint)  # fmt: skip
    for node in nodes:
        node.input[:] = [instead.get(x, x) for x in node.input]
    g.nodes += nodes
