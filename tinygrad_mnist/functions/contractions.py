"""PyTorch's names for products that sum over shared dimensions: mm, dot, addmm, cross, einsum, tensordot ...

All come down to matmul; two operands at a time meet in one. Look next at linalg.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..ops import elementwise, layout, reduce
from .dims import as_axis, integer, need
from .numbers import number
from .pieces import listed, unbind
from .products import matmul
from .shapes import expand, permute, stack, unsqueeze
from .types import Tensor, Values

Labels = list[Any]


def check(name: str, tensors: Sequence[Any], dims: Sequence[int]) -> None:
    """Raise unless tensors have these numbers of dimensions, and one dtype."""
    need(all(isinstance(x, Var | np.ndarray) for x in tensors), f"{name}: expected tensors.", *tensors, kind=DTypeError)
    wanted = ", ".join(map(str, dims))
    need([x.ndim for x in tensors] == [*dims], f"{name}: expected tensors of {wanted} dimensions.", *tensors)
    alike = all(x.dtype == tensors[0].dtype for x in tensors)
    need(alike, f"{name}: the tensors differ in dtype.", *tensors, kind=DTypeError, hint="x.to(y.dtype)")


def mm(input: Values, mat2: Values) -> Tensor:
    """Product of two matrices."""
    check("mm", (input, mat2), (2, 2))
    return matmul(input, mat2)


def bmm(input: Values, mat2: Values) -> Tensor:
    """Product of two stacks of matrices, of which there are as many."""
    check("bmm", (input, mat2), (3, 3))
    need(input.shape[0] == mat2.shape[0], "bmm: the stacks differ in size.", input, mat2, hint="matmul")
    return matmul(input, mat2)


def mv(input: Values, vec: Values) -> Tensor:
    """Product of a matrix and a vector."""
    check("mv", (input, vec), (2, 1))
    return matmul(input, vec)


def dot(input: Values, tensor: Values) -> Tensor:
    """Sum of the products of two vectors."""
    check("dot", (input, tensor), (1, 1))
    return matmul(input, tensor)


def inner(input: Values, other: Values) -> Tensor:
    """Sum of the products over the last dimension of both; with a scalar, the product."""
    if input.ndim == 0 or other.ndim == 0:
        return elementwise.multiply(input, other)
    return tensordot(input, other, ([-1], [-1]))


def outer(input: Values, vec2: Values) -> Tensor:
    """Products of each element of one vector with each of another."""
    need((input.ndim, vec2.ndim) == (1, 1), "outer: expected two vectors.", input, vec2)
    times = matmul if input.dtype == vec2.dtype else elementwise.multiply
    return times(unsqueeze(input, 1), unsqueeze(vec2, 0))


def _blend(name: str, input: Any, product: Any, beta: Any, alpha: Any) -> Tensor:
    """beta · input + alpha · product, of the product's shape; with beta 0 the input may hold anything."""
    beta, alpha = number(name, beta), number(name, alpha)
    whole = product.dtype.kind == "f" or isinstance(beta, int) and isinstance(alpha, int)
    need(whole, f"{name}: of integers beta and alpha must be integers.", product, beta, alpha, kind=DTypeError)
    check(name, (input, product), (input.ndim, product.ndim))
    product = product if alpha == 1 else elementwise.multiply(product, alpha)
    input = expand(input, tuple(product.shape))  # or an error: the product is not to grow
    if beta == 0:
        return product
    return elementwise.add(product, input if beta == 1 else elementwise.multiply(input, beta))


def addmm(input: Values, mat1: Values, mat2: Values, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · mat1 @ mat2; the input broadcasts."""
    return _blend("addmm", input, mm(mat1, mat2), beta, alpha)


def addmv(input: Values, mat: Values, vec: Values, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · mat @ vec; the input broadcasts."""
    return _blend("addmv", input, mv(mat, vec), beta, alpha)


def baddbmm(input: Values, batch1: Values, batch2: Values, *, alpha: float = 1, beta: float = 1) -> Tensor:
    """beta · input + alpha · batch1 @ batch2 of stacks of matrices; the input broadcasts."""
    return _blend("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def cross(input: Values, other: Values, dim: int | None = None) -> Tensor:
    """Cross product of vectors of 3 along a dimension (None: the first of size 3); the others broadcast."""
    if dim is None:
        dim = next((i for i, size in enumerate(input.shape) if size == 3), -1)
    axis = as_axis("cross", dim, input.ndim)
    fits = input.ndim == other.ndim > 0 and input.shape[axis] == other.shape[axis] == 3
    need(fits, f"cross: expected as many dimensions, and size 3 of dimension {dim}.", input, other)
    (a, b, c), (x, y, z) = unbind(input, axis), unbind(other, axis)
    return stack([b * z - c * y, c * x - a * z, a * y - b * x], axis)


# ---------------------------------------------------------------- over any dimensions


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum products over the indices that an equation does not keep.

    Args:
        equation: indices of each operand and, after "->", of the result (unless given: those that occur once, in
            alphabetical order); "..." for dimensions that broadcast
    Raises:
        ArgumentError: for an equation that is none
        ShapeError: for operands that do not fit it

    Example:
        >>> tg.einsum("bij,bjk->bik", tg.ones(2, 3, 4), tg.ones(2, 4, 5)).shape
        (2, 3, 5)
    """
    need(isinstance(equation, str), "einsum: the equation must be a str.", equation, kind=DTypeError)
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
    while len(parts) > 1:  # from left to right, as in PyTorch
        first, second, *parts = parts
        parts = [_pair(*first, *second, {*out}.union(*(labels for _, labels in parts))), *parts]
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
            return _diagonals(layout.diagonal(x, offset=0, axis1=i, axis2=j), [*rest, name])
    return x, labels


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
    if not summed and (batch or a.dtype != b.dtype):
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
    fits = len(left) == len(right) and all(a.shape[i] == b.shape[j] or 1 in (a.shape[i], b.shape[j])
                                           for i, j in zip(left, right, strict=True))  # fmt: skip
    need(fits, f"tensordot: dimensions {left} of a and {right} of b differ.", a, b)
    for i, j in zip(left, right, strict=True):  # one element is multiplied with the sum of the others
        a = reduce.sum(a, axis=i, keepdims=True) if a.shape[i] != b.shape[j] == 1 else a
        b = reduce.sum(b, axis=j, keepdims=True) if b.shape[j] != a.shape[i] == 1 else b
    names: list[Any] = [*range(a.ndim)]
    others: list[Any] = [left[right.index(j)] if j in right else a.ndim + j for j in range(b.ndim)]
    out = [n for n in [*names, *others] if n not in left]
    return _ordered(*_pair(a, names, b, others, {*out}), out)
