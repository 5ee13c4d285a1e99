"""PyTorch's names for the operations: `dim` and `keepdim` here, `axis` and `keepdims` below.

Each function takes a Tensor first and serves both as `tg.sum(x)` and as the method `x.sum()`. Nothing is computed here
that is not a primitive or built from primitives. Read after ops/; tensor.py hangs these on the class.
"""

from ..ops.activation import relu, sigmoid, tanh
from ..ops.compare import isfinite, isnan, maximum, minimum, where
from ..ops.elementwise import cos, exp, expm1, log, log1p, reciprocal, sign, sin, sqrt, square
from .arithmetic import abs, add, clamp, divide, multiply, negative, pow, subtract
from .padding import pad
from .products import log_softmax, matmul, softmax
from .reductions import all, amax, amin, any, argmax, argmin, logsumexp, max, mean, min, prod, std, sum, var
from .shapes import (
    cat,
    expand,
    flatten,
    flip,
    gather,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)  # fmt: skip

sub, mul, div, neg, clip, view = subtract, multiply, divide, negative, clamp, reshape

__all__ = [
    "abs", "add", "all", "amax", "amin", "any", "argmax", "argmin", "cat", "clamp", "clip", "cos", "div", "divide",
    "exp", "expand", "expm1", "flatten", "flip", "gather", "isfinite", "isnan", "log", "log1p", "log_softmax",
    "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum", "mul", "multiply", "neg", "negative", "pad",
    "permute", "pow", "prod", "reciprocal", "relu", "reshape", "sigmoid", "sign", "sin", "softmax", "split", "sqrt",
    "square", "squeeze", "stack", "std", "sub", "subtract", "sum", "tanh", "transpose", "unsqueeze", "var", "view",
    "where",
]  # fmt: skip
