"""PyTorch's names for products that sum over shared dimensions: mm, dot, addmm, einsum, tensordot, kron, cross ...

All come down to matmul. Look next at linalg.py.
"""

from __future__ import annotations

from typing import Any

from ..core.errors import DTypeError
from ..ops import elementwise
from .dims import as_axis, need
from .numbers import number
from .pieces import unbind
from .products import matmul
from .shapes import expand, reshape, stack, unsqueeze
from .summation import check, tensordot
from .types import Tensor, Values


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
    return elementwise.multiply(unsqueeze(input, 1), vec2)


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


def addr(input: Values, vec1: Values, vec2: Values, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · outer(vec1, vec2); the input broadcasts."""
    return _blend("addr", input, outer(vec1, vec2), beta, alpha)


def baddbmm(input: Values, batch1: Values, batch2: Values, *, alpha: float = 1, beta: float = 1) -> Tensor:
    """beta · input + alpha · batch1 @ batch2 of stacks of matrices; the input broadcasts."""
    return _blend("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def kron(input: Values, other: Values) -> Tensor:
    """Kronecker product: each element of the input times the whole of the other."""
    ndim = max(input.ndim, other.ndim)
    a, b = ((1,) * (ndim - x.ndim) + tuple(x.shape) for x in (input, other))
    left = reshape(input, [n for size in a for n in (size, 1)])
    right = reshape(other, [n for size in b for n in (1, size)])
    return reshape(elementwise.multiply(left, right), [m * n for m, n in zip(a, b, strict=True)])


def cross(input: Values, other: Values, dim: int | None = None) -> Tensor:
    """Cross product of vectors of 3 along a dimension (None: the first of size 3); the others broadcast."""
    if dim is None:
        dim = next((i for i, size in enumerate(input.shape) if size == 3), -1)
    axis = as_axis("cross", dim, input.ndim)
    fits = input.ndim == other.ndim > 0 and input.shape[axis] == other.shape[axis] == 3
    need(fits, f"cross: expected as many dimensions, and size 3 of dimension {dim}.", input, other)
    (a, b, c), (x, y, z) = unbind(input, axis), unbind(other, axis)
    return stack([b * z - c * y, c * x - a * z, a * y - b * x], axis)
