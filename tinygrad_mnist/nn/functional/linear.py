"""The affine map and the bilinear form as functions.

Read after arguments.py; ops/contract.py has the products.
"""

from __future__ import annotations

from ...core.errors import ShapeError
from ...core.graph import Array
from ...functions import matmul, permute, reshape, sum
from ...functions.types import Tensor
from ...ops import contract
from .arguments import like_weight


def linear(input: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array | None = None) -> Tensor:
    """Map the last dimension affinely.

    Math:
        out = x wᵀ + b
    Shapes:
        input (*, I), weight (O, I), bias (O,) or None -> (*, O); with weight (I,) and bias () or None -> (*)
    """
    if weight.ndim != 2:
        if weight.ndim != 1 or input.ndim == 0 or (bias is not None and not bias.ndim < input.ndim == 1):
            raise ShapeError("linear: the weight or the bias has the wrong number of dimensions.",
                             got=f"input {tuple(input.shape)}, weight {tuple(weight.shape)}"
                             + ("" if bias is None else f", bias {tuple(bias.shape)}"),
                             expected="weight (O, I) and bias (O,), or weight (I,) and no bias")  # fmt: skip
        out = matmul(like_weight("linear", input, weight), weight)
        return out if bias is None else out + bias
    return contract.linear(like_weight("linear", input, weight), weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Map two inputs to one output, linearly in each.

    Math:
        out_o = Σ_ij x1_i w_oij x2_j + b_o
    Shapes:
        input1 (*, I), input2 (*, J), weight (O, I, J), bias (O,) -> (*, O)
    """
    o, i, j = weight.shape
    if input1.shape[:-1] != input2.shape[:-1] or input1.shape[-1] != i or input2.shape[-1] != j:
        raise ShapeError("bilinear: the inputs do not fit.", got=f"{tuple(input1.shape)}, {tuple(input2.shape)}",
                         expected=f"(*, {i}), (*, {j})")  # fmt: skip
    lead = tuple(input1.shape[:-1])
    left = reshape(matmul(reshape(input1, (-1, i)), reshape(permute(weight, (1, 0, 2)), (i, o * j))), (-1, o, j))
    out = reshape(sum(left * reshape(input2, (-1, 1, j)), -1), (*lead, o))
    return out if bias is None else out + bias
