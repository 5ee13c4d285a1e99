"""Products that sum over a shared axis: matrix product and the affine map of a Linear layer.

Look next at conv.py.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.errors import ShapeError
from ..core.graph import Array
from ..core.primitive import primitive
from ..kernels.product import product
from .broadcast import sum_to
from .layout import reshape, transpose


# leading axes broadcast: cotangents are summed back
@primitive(unbroadcast=sum_to, unchecked=product, linear=True, batch="matrices")
def matmul(a: Array, b: Array, *, out: Array | None = None) -> Array:
    """Matrix product over the last two axes; leading axes broadcast.

    Math:
        out[..., i, j] = Σ_k a[..., i, k] · b[..., k, j]
    Shapes:
        a (*A, I, K), b (*B, K, J) -> (*broadcast(A, B), I, J)
    Raises:
        ShapeError: if the K of a and b differ
    """
    if a.shape[-1] != b.shape[-2]:
        what, got = f"matmul: a has {a.shape[-1]} columns but b has {b.shape[-2]} rows.", f"a {a.shape}, b {b.shape}"
        raise ShapeError(what, got=got, expected="a.shape[-1] == b.shape[-2]", hint=_matmul_hint(a.shape, b.shape))
    return product(a, b, out)


def _matmul_hint(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    if a[-1] == b[-1]:
        return "a @ b.T: the last axes match"
    if a[-2] == b[-2]:
        return "a.T @ b: the first axes match"
    return "check which axis of each holds the features"


def swap(x: Any) -> Any:
    """Exchange the last two axes."""
    return transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@matmul.vjp("a")
def matmul_vjp_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    return matmul(g, swap(b))


@matmul.vjp("b")
def matmul_vjp_b(g: Any, out: Any, a: Any, b: Any) -> Any:
    return matmul(swap(a), g)


def each_its_own(sizes: tuple[int, ...], x: Any, w: Any, b: Any) -> Any:
    """Compute affine maps whose weights differ as products of matrices."""
    rows, kept = math.prod(x.shape[len(sizes) : -1]), x.shape[:-1]
    out = matmul(reshape(x, shape=(*sizes, rows, x.shape[-1])), swap(w))
    out = out if b is None else out + reshape(b, shape=(*sizes, 1, b.shape[-1]))
    return reshape(out, shape=(*kept, w.shape[-2]))


@primitive(unbroadcast=sum_to, linear=True, batch=("leading", each_its_own))
def linear(x: Array, w: Array, b: Array | None, *, out: Array | None = None) -> Array:
    """Affine map x wᵀ + b of the last axis, as a Linear layer has it.

    Shapes:
        x (*, I), w (O, I), b (O,) or None -> (*, O)
    """
    if x.ndim == 0 or x.shape[-1] != w.shape[1]:
        raise _linear_error(x, w)
    out = product(x, w.T, out)
    if b is not None:
        out += b
    return out


def _linear_error(x: Array, w: Array) -> ShapeError:
    features = x.shape[-1] if x.ndim else 0
    tail = math.prod(x.shape[1:])
    if x.ndim > 2 and tail == w.shape[1]:
        hint = f"add Flatten() before this layer: {x.shape} -> {(x.shape[0], tail)}"
    elif x.ndim > 2:
        hint = f"add Flatten() before this layer and make it Linear({tail}, {w.shape[0]})"
    else:
        hint = f"make this layer Linear({features}, {w.shape[0]}), or change what comes before it"
    what = f"linear: x has {features} features but the weight expects {w.shape[1]}."
    return ShapeError(what, got=f"x {x.shape}, weight {w.shape}", expected="x.shape[-1] == weight.shape[1]", hint=hint)


@linear.vjp("x")
def linear_vjp_x(g: Any, out: Any, x: Any, w: Any, b: Any) -> Any:
    return linear(g, swap(w), None)  # g w, also where g is a vector


@linear.vjp("w")
def linear_vjp_w(g: Any, out: Any, x: Any, w: Any, b: Any) -> Any:
    rows = math.prod(x.shape[:-1])
    return matmul(swap(reshape(g, shape=(rows, w.shape[0]))), reshape(x, shape=(rows, w.shape[1])))


@linear.vjp("b")
def linear_vjp_b(g: Any, out: Any, x: Any, w: Any, b: Any) -> Any:
    return g  # summed over the rows as any argument that broadcasts
