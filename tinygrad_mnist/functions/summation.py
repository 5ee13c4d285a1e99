"""PyTorch's sums of products over any dimensions: einsum and tensordot.

Two operands at a time meet in one product of matrices. Look next at contractions.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..ops import elementwise, layout, reduce, views
from .dims import as_axis, integer, need
from .pieces import listed
from .products import matmul
from .shapes import permute
from .types import Tensor, Values

Labels = list[Any]


def check(name: str, tensors: Sequence[Any], dims: Sequence[int]) -> None:
    """Raise unless tensors have these numbers of dimensions, and one dtype."""
    need(all(isinstance(x, Var | np.ndarray) for x in tensors), f"{name}: expected tensors.", *tensors, kind=DTypeError)
    wanted = ", ".join(map(str, dims))
    need([x.ndim for x in tensors] == [*dims], f"{name}: expected tensors of {wanted} dimensions.", *tensors)
    alike = all(x.dtype == tensors[0].dtype for x in tensors)
    need(alike, f"{name}: the tensors differ in dtype.", *tensors, kind=DTypeError, hint="x.to(y.dtype)")


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sum products over the indices that an equation does not keep.

    Args:
        equation: indices of each operand and, after "->", of the result (unless given: those that occur once, in
            alphabetical order); "..." for dimensions that broadcast. Or operands and lists of numbers for their
            indices by turns, at the end those of the result.
    Raises:
        ArgumentError for an equation that is none, ShapeError for operands that do not fit it

    Example:
        >>> tg.einsum("bij,bjk->bik", tg.ones(2, 3, 4), tg.ones(2, 4, 5)).shape
        (2, 3, 5)
    """
    if not isinstance(equation, str):
        given = (equation, *operands)
        lists, end = given[1::2], given[-1:] if len(given) % 2 else ()
        spelled = ["".join("..." if i is ... else chr(65 + i + 6 * (i > 25)) for i in of) for of in (*lists, *end)]
        equation = ",".join(spelled[: len(lists)]) + "".join(f"->{s}" for s in spelled[len(lists) :])
        operands = given[: 2 * len(lists) : 2]
    operands = listed(operands)
    terms, out = _labels(equation, operands)
    size: dict[Any, int] = {}
    parts: list[tuple[Any, Labels]] = []
    for x, labels in zip(operands, terms, strict=True):
        x, labels = _diagonals(x, labels)
        for name, n in zip(labels, x.shape, strict=True):
            fits = size.setdefault(name, n) == n or 1 in (n, size[name])
            need(fits, f"einsum: index {name} of {equation!r} has the sizes {size[name]} and {n}.", *operands)
            size[name] = n if size[name] == 1 else size[name]
        parts.append((x, labels))
    need(all(name in size for name in out), f"einsum: {equation!r} has an index in its result alone.", *operands)
    while len(parts) > 1:
        i, j = _cheapest(parts, out, size) if len(parts) > 2 else (0, 1)
        kept = {*out}.union(*(labels for k, (_, labels) in enumerate(parts) if k not in (i, j)))
        joined = _pair(*parts[i], *parts[j], kept)
        parts = [joined, *(p for k, p in enumerate(parts) if k not in (i, j))]
    return _ordered(*parts[0], out)


def _labels(equation: str, operands: Any) -> tuple[list[Labels], Labels]:
    """Read the indices of every operand and of the result; those that ... stands for are counted from the last."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    letters = equation.replace(" ", "").replace("->", "").replace("...", "").replace(",", "")
    legal = all(c.isascii() and c.isalpha() for c in letters) and all(t.count("...") < 2 for t in (*texts, right))
    need(legal, f"einsum: {equation!r} is no equation: letters, commas, ... and one ->.", *operands, kind=ArgumentError)
    fits = len(texts) == len(operands) and all(isinstance(x, Var | np.ndarray) for x in operands)
    need(fits, f"einsum: {equation!r} has {len(texts)} operands.", *operands, kind=ArgumentError)
    rest = [x.ndim - len(t.replace("...", "")) for x, t in zip(operands, texts, strict=True)]
    fits = all(n == 0 or n > 0 and "..." in t for n, t in zip(rest, texts, strict=True))
    need(fits, f"einsum: {equation!r} has other numbers of indices than the operands of dimensions.", *operands)
    most = max(rest)

    def read(text: str, count: int) -> Labels:
        before, dots, after = text.partition("...")
        return [*before, *(range(most - count, most) if dots else ()), *after]

    terms = [read(t, n) for t, n in zip(texts, rest, strict=True)]
    if arrow:
        out = read(right, most)
        need(len({*out}) == len(out), f"einsum: {equation!r} has an index twice in its result.", kind=ArgumentError)
        return terms, out
    return terms, [*range(most), *sorted(c for c in {*letters} if letters.count(c) == 1)]


def _diagonals(x: Any, labels: Labels) -> tuple[Any, Labels]:
    """Take diagonals until no index occurs twice."""
    for name in labels:
        if labels.count(name) > 1:
            i = labels.index(name)
            j = labels.index(name, i + 1)
            need(x.shape[i] == x.shape[j], f"einsum: index {name} has two sizes in one operand.", x)
            rest = [n for k, n in enumerate(labels) if k not in (i, j)]
            return _diagonals(views.diagonal(x, offset=0, axis1=i, axis2=j), [*rest, name])
    return x, labels


def _cheapest(parts: list[tuple[Any, Labels]], out: Labels, size: dict[Any, int]) -> tuple[int, int]:
    """Choose the two operands whose product is the smallest."""

    def cost(i: int, j: int) -> int:
        others = {*out}.union(*(labels for k, (_, labels) in enumerate(parts) if k not in (i, j)))
        return math.prod(size[name] for name in {*parts[i][1], *parts[j][1]} & others)

    return min(((i, j) for j in range(len(parts)) for i in range(j)), key=lambda pair: cost(*pair))


def _without(x: Any, labels: Labels, drop: Any, sums: bool) -> tuple[Any, Labels]:
    """Sum over indices, or drop them where their size is 1."""
    axes = tuple(i for i, name in enumerate(labels) if name in drop)
    if axes:
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        x = reduce.sum(x, axis=axes, keepdims=False) if sums else layout.reshape(x, shape=shape)
    return x, [name for name in labels if name not in drop]


def _pair(a: Any, left: Labels, b: Any, right: Labels, kept: set[Any]) -> tuple[Any, Labels]:
    """Multiply two operands and sum over what they share and nothing keeps: one matmul."""
    shared = {*left} & {*right}
    alone = [{n for n in shared if x.shape[of.index(n)] == 1 != y.shape[other.index(n)]}
             for x, of, y, other in ((a, left, b, right), (b, right, a, left))]  # fmt: skip
    (a, left), (b, right) = _without(a, left, alone[0], False), _without(b, right, alone[1], False)
    a, left = _without(a, left, {*left} - {*right} - kept, True)
    b, right = _without(b, right, {*right} - {*left} - kept, True)
    batch = [n for n in left if n in right and n in kept]
    summed = [n for n in left if n in right and n not in kept]
    rows, columns = [n for n in left if n not in right], [n for n in right if n not in left]
    sizes = dict(zip([*left, *right], [*a.shape, *b.shape], strict=True))
    counts = [tuple(sizes[n] for n in group) for group in (batch, rows, summed, columns)]
    a, b = _turned(a, left, [*batch, *rows, *summed]), _turned(b, right, [*batch, *summed, *columns])
    if not summed:
        a = layout.reshape(a, shape=(*counts[0], *counts[1], *(1,) * len(columns)))
        b = layout.reshape(b, shape=(*counts[0], *(1,) * len(rows), *counts[3]))
        return elementwise.multiply(a, b), [*batch, *rows, *columns]
    n, i, k, j = map(math.prod, counts)
    lead = (n,) if batch else ()
    product = matmul(layout.reshape(a, shape=(*lead, i, k)), layout.reshape(b, shape=(*lead, k, j)))
    return layout.reshape(product, shape=(*counts[0], *counts[1], *counts[3])), [*batch, *rows, *columns]


def _turned(x: Any, labels: Labels, wanted: Labels) -> Any:
    return x if labels == wanted else permute(x, tuple(labels.index(n) for n in wanted))


def _ordered(x: Any, labels: Labels, out: Labels) -> Any:
    """Sum over what the result does not have, and put its indices in order."""
    x, labels = _without(x, labels, {*labels} - {*out}, True)
    return _turned(x, labels, out)


def tensordot(a: Values, b: Values, dims: Any = 2) -> Tensor:
    """Sum of products over the last `dims` dimensions of a and the first of b, or over those listed for each."""
    if isinstance(dims, list | tuple) and len(dims) == 2 and all(isinstance(d, list | tuple) for d in dims):
        left, right = ([as_axis("tensordot", d, x.ndim) for d in of] for x, of in zip((a, b), dims, strict=True))
    else:
        count = integer("tensordot", "dims", dims)
        left, right = list(range(a.ndim - count, a.ndim)), list(range(count))
        need(0 <= count <= min(a.ndim, b.ndim), f"tensordot: no {count} dimensions.", a, b, kind=ArgumentError)
    check("tensordot", (a, b), (a.ndim, b.ndim))
    fits = len(left) == len(right) and all(a.shape[i] == b.shape[j] for i, j in zip(left, right, strict=True))
    need(fits, f"tensordot: dimensions {left} of a and {right} of b differ.", a, b)
    names: list[Any] = [*range(a.ndim)]
    others: list[Any] = [left[right.index(j)] if j in right else a.ndim + j for j in range(b.ndim)]
    out = [n for n in [*names, *others] if n not in left]
    return _ordered(*_pair(a, names, b, others, {*out}), out)
