"""PyTorch's names for what is a formula of other operations, or has settings: round, lerp, isclose ...

What takes arrays alone stands in elementwise.py. Look next at reductions.py.
"""

from __future__ import annotations

import numpy as np

from ..core.errors import ArgumentError, DTypeError
from ..core.graph import Var
from ..core.scope import refuse_captured
from ..kernels.elementary import same
from ..ops import elementary, elementwise, promotion, reduce
from .arithmetic import clamp
from .dims import integer, need
from .numbers import number
from .types import Tensor, TensorLike


def round(input: TensorLike, *, decimals: int = 0) -> Tensor:
    """Nearest number with so many decimals (negative ones: tens, hundreds ...), an even one halfway."""
    decimals = integer("round", "decimals", decimals)
    if not decimals:
        return elementary.rint(input)
    kind = getattr(input, "dtype", np.dtype("f"))
    if kind.kind != "f":
        raise DTypeError("round: decimals of integers.", got=f"decimals = {decimals}", hint="x.float().round(...)")
    if kind.char == "e":  # which would overflow
        wide = round(promotion.cast(input, dtype=np.dtype(np.float32)), decimals=decimals)
        return promotion.cast(wide, dtype=kind)
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return elementwise.divide(elementary.rint(elementwise.multiply(input, scale)), scale)
    return elementwise.multiply(elementary.rint(elementwise.divide(input, scale)), scale)


def logit(input: TensorLike, eps: float | None = None) -> Tensor:
    """Logarithm of input / (1 - input), the inverse of the sigmoid; eps: input is limited to [eps, 1 - eps] first."""
    x = elementwise.add(input if eps is None else clamp(input, eps, 1 - eps), 0.0)  # -0 counts as 0
    return elementwise.log(x) - elementwise.log1p(-x)


def lerp(input: TensorLike, end: TensorLike, weight: TensorLike) -> Tensor:
    """Point between input and end: input + weight (end - input); weight is a number or a tensor."""
    return elementary.lerp(input, end, weight)


def addcmul(input: TensorLike, tensor1: TensorLike, tensor2: TensorLike, *, value: float = 1) -> Tensor:
    """Sum input + value · tensor1 · tensor2."""
    product = elementwise.multiply(tensor1, tensor2)
    return elementwise.add(input, product if value == 1 else elementwise.multiply(product, number("addcmul", value)))


def addcdiv(input: TensorLike, tensor1: TensorLike, tensor2: TensorLike, *, value: float = 1) -> Tensor:
    """Sum input + value · tensor1 / tensor2."""
    if all(getattr(x, "dtype", np.dtype("f")).kind != "f" for x in (tensor1, tensor2)):
        raise DTypeError("addcdiv: integers are not divided here.", hint="tensor1.float(), or addcmul with 1 / tensor2")
    quotient = elementwise.divide(tensor1, tensor2)
    return elementwise.add(input, quotient if value == 1 else elementwise.multiply(quotient, number("addcdiv", value)))


def nan_to_num(
    input: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:  # fmt: skip
    """Replace what is not a number, and infinities (None: by the largest numbers); no gradient passes there."""
    return elementary.nan_to_num(input, nan=nan or 0.0, posinf=posinf, neginf=neginf)


# ---------------------------------------------------------------- comparisons


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:  # fmt: skip
    """Tell where |input - other| is at most atol + rtol |other|, or both are equal."""
    kinds = [getattr(x, "dtype", type(x).__name__) for x in (input, other)]
    if kinds[0] != kinds[1] or isinstance(kinds[0], str):
        raise DTypeError("isclose: expected two tensors of one dtype.", got=f"{kinds[0]} and {kinds[1]}")
    need(rtol >= 0 and atol >= 0, "isclose: rtol and atol must not be negative.", rtol, atol, kind=ArgumentError)
    return elementary.isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:  # fmt: skip
    """Tell whether every |input - other| is at most atol + rtol |other|."""
    return bool(reduce.all(isclose(input, other, rtol, atol, equal_nan), axis=None, keepdims=False))


def equal(input: Tensor, other: Tensor) -> bool:
    """Tell whether both have the same shape and elements."""
    if not (hasattr(input, "shape") and hasattr(other, "shape")):
        raise DTypeError("equal: expected two tensors.", got=f"{type(input).__name__} and {type(other).__name__}")
    if input.shape != other.shape:
        return False
    refuse_captured("equal(), whose answer is True or False")
    return same(*(x.array if isinstance(x, Var) else x for x in (input, other)))
