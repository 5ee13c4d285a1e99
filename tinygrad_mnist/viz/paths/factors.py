"""The local derivatives of recorded calls, entry by entry: which element of a result feels which element of an
argument, and how much.

Only the engine's own rules are asked. A rule applied to a one-hot cotangent gives one row of the Jacobian; applied to
many at once, marked by factors of their own, it gives as many rows as do not overlap, and whether they do shows in the
result. Knows no operation and no path. Look next at search.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...autograd.forward import carried, transposed
from ...autograd.function import PART, several
from ...core.errors import ArgumentError
from ...core.faults import no_rule
from ...core.graph import Array, Node, Parent
from ...core.primitive import Primitive

Entries = tuple[Array, Array, Array]  # flat places in the result, flat places in the argument, derivatives
Linear = Callable[[Array], Array]
CLOSE = 1e-9  # how nearly a marked element must have the mark of one other


class TooMany(Exception):
    """There are more derivatives than are to be held at once."""


class Wide:
    """Arrays in float64, each converted once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}

    def __call__(self, x: Any) -> Any:
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.dtype.itemsize >= 8:
            return x
        return self._known.setdefault(id(x), (x, x.astype(np.float64)))[1]


class Call:
    """One recorded call in float64, at the values that it saw: what its rules do to cotangents and to tangents.

    Of a Function with several outputs, each output is a call on the Function's inputs.
    """

    def __init__(self, node: Node, wide: Wide) -> None:
        self.node, self.part = node, None
        inner: Any = node
        if node.primitive is PART:
            self.part, inner = node.static["i"], node.parents[0]
        self.inner: Node = inner
        self.parents: list[Parent] = inner.parents
        own = isinstance(inner.primitive, Primitive)  # a Function saved arrays of its own, in their dtype
        self.args = [wide(x) for x in inner.args] if own else inner.args
        self.out: Array = wide(node.out)
        self.saved = inner.primitive.forward(*self.args, **inner.static)[1] if inner.primitive.residuals else None

    @staticmethod
    def of_several(node: Node) -> bool:
        """Tell whether a Node is one of several outputs of a Function."""
        return node.primitive is PART

    def pull(self, position: int, g: Array, fit: bool = True) -> Array:
        """Give what a cotangent of the result is for an argument, in its shape if it is to fit."""
        primitive, x = self.inner.primitive, self.args[position]
        rule, extra = primitive.rule_at(position)
        if rule is None:
            raise no_rule(primitive, position)
        if primitive.residuals:
            extra = {**extra, "saved": self.saved}
        seen = (g, self.out) if self.part is None else (several({self.part: g}), self.inner.out)
        gx = rule(*seen, *self.args, **self.inner.static, **extra)
        gx = np.zeros(x.shape) if gx is None else np.asarray(gx)
        if fit and gx.shape != x.shape and primitive.unbroadcast is not None:
            gx = primitive.unbroadcast(gx, shape=x.shape)
        return np.asarray(gx)

    def push(self, tangents: dict[int, Array]) -> Array:
        """Give what tangents of arguments do to the result."""
        if self.part is None:
            parts = carried(self.inner, tangents, [self.out, *self.args], self.saved)
        else:
            seen, i = [self.inner.out, *self.args], self.part
            parts = [
                transposed(self.inner, p, t, [self.out, *seen[1:]], {**self.inner.static, "which": p}, i)
                for p, t in tangents.items()
            ]
        total: Array = np.zeros(self.out.shape)
        for t in parts:
            total = total if t is None else total + t
        return total

    def entries(self, position: int, columns: Array, rows: Array, most: int = 10**9) -> Entries:
        """List the derivatives that are not 0 of some elements of the result by some of an argument (flat, sorted).

        Raises:
            TooMany: if there are more than `most`
        """
        x, primitive = self.args[position], self.inner.primitive
        if not columns.size or not rows.size:
            return np.empty(0, int), np.empty(0, int), np.empty(0)
        if isinstance(primitive, Primitive) and "elements" in primitive.batch:
            slope = self.pull(position, np.ones(self.out.shape), fit=False)
            if slope.shape == self.out.shape:  # each element by itself, of arguments that broadcast
                source = np.broadcast_to(np.arange(x.size).reshape(x.shape), slope.shape).reshape(-1)[rows]
                values = slope.reshape(-1)[rows]
                found = np.flatnonzero(np.isin(source, columns) & (values != 0))
                return rows[found], source[found], values[found]
        if (_kinds(columns, x.shape), columns.size) < (_kinds(rows, self.out.shape), rows.size):
            sources, places, values = _joined(probed(lambda t: self.push({position: t}), x.shape, columns, rows), most)
            return places, sources, values
        return _joined(probed(lambda g: self.pull(position, g), self.out.shape, rows, columns), most)


def _kinds(elements: Array, shape: tuple[int, ...]) -> int:
    """Count elements that differ in more than their first index, which mostly numbers samples that do not meet."""
    return len(np.unique(elements % (math.prod(shape[1:]) or 1)))


def _joined(found: Iterator[Entries], most: int) -> Entries:
    parts, count = [], 0
    for part in found:
        parts.append(part)
        count += part[0].size
        if count > most:
            raise TooMany
    rows, columns, values = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)


def probed(apply: Linear, shape: tuple[int, ...], elements: Array, seen: Array) -> Iterator[Entries]:
    """Find the matrix of a linear map column by column, many columns at once where they do not overlap.

    A group of elements is sent through as ones, then each with a mark of its own. Where every image is the first one
    times one mark of the group, that mark tells whose it is; else the group is halved. A third, random sending checks.

    Args:
        shape: of what the map takes
        elements: flat places in it
        seen: flat places of the images to look at
    """
    rng = np.random.default_rng(len(elements))
    marks = 1 + rng.random(math.prod(shape))

    def image(group: Array, values: Any) -> Array:
        x = np.zeros(shape)
        x.reshape(-1)[group] = values
        y: Array = apply(x).reshape(-1)[seen]
        return y

    def owners(group: Array) -> Entries | None:
        """Tell which of a group made which image, and how large; None if they overlap."""
        ones = image(group, 1.0)
        at = np.flatnonzero(ones)
        if len(group) > 1:
            marked = image(group, marks[group])
            order = group[np.argsort(marks[group])]
            known = marks[order]
            if np.count_nonzero(marked) != len(at) or not marked[at].all():
                return None
            ratio = marked[at] / ones[at]
            near = np.clip(np.searchsorted(known, ratio), 1, len(known) - 1)
            near -= ratio - known[near - 1] < known[near] - ratio
            if not np.all(np.abs(known[near] - ratio) <= CLOSE):
                return None
            check = rng.standard_normal(len(group))
            by_place = np.empty(marks.size)
            by_place[group] = check
            source = order[near]
            if not np.allclose(image(group, check)[at], ones[at] * by_place[source], rtol=CLOSE, atol=0):
                return None
        else:
            source = np.broadcast_to(group, at.shape)
        return source, seen[at], ones[at]

    shape_of = shape or (1,)
    todo, axes = [elements], _mixing(owners, shape_of, elements)
    while todo:
        group = todo.pop()
        found = owners(group)
        if found is not None:
            yield found
        else:
            todo += _halves(group, shape_of, axes)


def _mixing(owners: Callable[[Array], Any], shape: tuple[int, ...], elements: Array) -> list[tuple[int, ...]]:
    """Order the axes: first those along which elements overlap, together; then those along which one line does not."""
    mixing: list[int] = []
    apart: list[int] = []
    at = np.array(np.unravel_index(elements, shape))
    for axis in range(len(shape)):
        others = np.delete(at, axis, 0)
        line = elements[(others == others[:, :1]).all(0)]
        (mixing if len(line) > 1 and owners(line) is None else apart).append(axis)
    return [(*mixing[::-1],), *((a,) for a in apart[::-1])]


def _halves(group: Array, shape: tuple[int, ...], axes: list[tuple[int, ...]]) -> list[Array]:
    """Split a group in two that lie wider apart: by the lowest bit in which places along the axes differ."""
    at = np.unravel_index(group, shape)
    for together in axes:
        for bit in range(max(shape).bit_length()):
            for axis in together:
                odd = (at[axis] >> bit & 1).astype(bool)
                if odd.any() and not odd.all():
                    return [group[odd], group[~odd]]
    raise ArgumentError("explain: two elements cannot be told apart.", got=f"places {group.tolist()} of {shape}")
