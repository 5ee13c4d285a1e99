"""PyTorch's names for the operations: `dim` and `keepdim` here, `axis` and `keepdims` below.

Each function takes a Tensor first and serves both as `tg.sum(x)` and as the method `x.sum()`. Nothing is computed here
that is not a primitive or built from primitives. Read after ops/. The lists below are written by tests/public_names.py.
"""

# isort: off
from .arithmetic import add, clamp, pow, subtract
from .elementwise import (
    abs, clone, cos, divide, eq, erf, exp, expm1, ge, gt, isfinite, isnan, le, log, log1p, lt, maximum, minimum,
    multiply, ne, negative, reciprocal, relu, sigmoid, sign, sin, sqrt, square, tanh, where,
)  # fmt: skip
from .padding import pad
from .products import log_softmax, matmul, softmax
from .reductions import all, amax, amin, any, argmax, argmin, logsumexp, max, mean, min, prod, std, sum, var
from .shapes import cat, expand, flatten, flip, gather, permute, reshape, split, squeeze, stack, transpose, unsqueeze

sub, mul, div, neg, clip, view = subtract, multiply, divide, negative, clamp, reshape

__all__ = [
    "abs", "add", "all", "amax", "amin", "any", "argmax", "argmin", "cat", "clamp", "clip", "clone", "cos", "div",
    "divide", "eq", "erf", "exp", "expand", "expm1", "flatten", "flip", "gather", "ge", "gt", "isfinite", "isnan", "le",
    "log", "log1p", "log_softmax", "logsumexp", "lt", "matmul", "max", "maximum", "mean", "min", "minimum", "mul",
    "multiply", "ne", "neg", "negative", "pad", "permute", "pow", "prod", "reciprocal", "relu", "reshape", "sigmoid",
    "sign", "sin", "softmax", "split", "sqrt", "square", "squeeze", "stack", "std", "sub", "subtract", "sum", "tanh",
    "transpose", "unsqueeze", "var", "view", "where",
]  # fmt: skip
