"""PyTorch's names for the operations: `dim` and `keepdim` here, `axis` and `keepdims` below.

Each function takes a Tensor first and serves both as `tg.sum(x)` and as the method `x.sum()`. Nothing is computed here
that is not a primitive or built from primitives. Read after ops/. The lists below are written by tests/public_names.py.
"""

from ..core.calls import answer as _answer

# isort: off
from .arithmetic import add, clamp, clamp_max, clamp_min, divide, pow, subtract, true_divide
from .contractions import addmm, addmv, baddbmm, bmm, cross, dot, einsum, inner, mm, mv, outer, tensordot
from .elementwise import (
    abs, acos, acosh, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or,
    bitwise_right_shift, bitwise_xor, ceil, clone, cos, cosh, det, eq, erf, erfc, exp, exp2, expm1, floor, floor_divide,
    fmod, frac, ge, gt, inverse, isfinite, isinf, isnan, le, log, log10, log1p, log2, logaddexp, logical_and,
    logical_not, logical_or, logical_xor, lt, maximum, minimum, multiply, ne, negative, reciprocal, relu, remainder,
    rsqrt, sigmoid, sign, sin, sinh, sqrt, square, tan, tanh, trunc, where, xlogy,
)  # fmt: skip
from .formulas import addcdiv, addcmul, allclose, equal, isclose, lerp, logit, nan_to_num, round
from .indexing import (
    argwhere, index_add, index_copy, index_fill, index_select, masked_fill, masked_scatter, masked_select, nonzero,
    scatter, scatter_add, scatter_reduce, take, take_along_dim,
)  # fmt: skip
from .linalg import cdist, logdet
from .moving import diag, diag_embed, diagonal, repeat_interleave, roll, swapaxes, t, tile, trace, tril, triu, unflatten
from .norms import norm
from .order import (
    argsort, bernoulli, bincount, bucketize, count_nonzero, kthvalue, median, multinomial, quantile, searchsorted, sort,
    topk, unique,
)  # fmt: skip
from .padding import pad
from .pieces import (
    atleast_1d, atleast_2d, broadcast_shapes, broadcast_tensors, broadcast_to, chunk, concatenate, hstack, meshgrid,
    narrow, select, unbind, vstack,
)  # fmt: skip
from .products import log_softmax, matmul, softmax
from .reductions import (
    all, amax, amin, any, argmax, argmin, cumprod, cumsum, logcumsumexp, logsumexp, max, mean, min, prod, std, std_mean,
    sum, var, var_mean,
)  # fmt: skip
from .shapes import (
    cat, expand, flatten, flip, gather, movedim, permute, ravel, reshape, split, squeeze, stack, transpose, unsqueeze,
)  # fmt: skip

sub, mul, div, neg, clip, view, fix, sgn = subtract, multiply, divide, negative, clamp, reshape, trunc, sign
absolute, arctan2, greater, greater_equal, less, less_equal, not_equal = abs, atan2, gt, ge, lt, le, ne
arcsin, arccos, arctan, arcsinh, arccosh, arctanh, concat = asin, acos, atan, asinh, acosh, atanh, cat
row_stack, moveaxis, ger = vstack, movedim, outer

__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "addmm", "addmv", "all", "allclose", "amax",
    "amin", "any", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin",
    "argsort", "argwhere", "asin", "asinh", "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "baddbmm",
    "bernoulli", "bincount", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "bmm", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "bucketize", "cat", "cdist", "ceil",
    "chunk", "clamp", "clamp_max", "clamp_min", "clip", "clone", "concat", "concatenate", "cos", "cosh",
    "count_nonzero", "cross", "cumprod", "cumsum", "det", "diag", "diag_embed", "diagonal", "div", "divide", "dot",
    "einsum", "eq", "equal", "erf", "erfc", "exp", "exp2", "expand", "expm1", "fix", "flatten", "flip", "floor",
    "floor_divide", "fmod", "frac", "gather", "ge", "ger", "greater", "greater_equal", "gt", "hstack", "index_add",
    "index_copy", "index_fill", "index_select", "inner", "inverse", "isclose", "isfinite", "isinf", "isnan", "kthvalue",
    "le", "lerp", "less", "less_equal", "log", "log10", "log1p", "log2", "log_softmax", "logaddexp", "logcumsumexp",
    "logdet", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logsumexp", "lt", "masked_fill",
    "masked_scatter", "masked_select", "matmul", "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mm",
    "moveaxis", "movedim", "mul", "multinomial", "multiply", "mv", "nan_to_num", "narrow", "ne", "neg", "negative",
    "nonzero", "norm", "not_equal", "outer", "pad", "permute", "pow", "prod", "quantile", "ravel", "reciprocal", "relu",
    "remainder", "repeat_interleave", "reshape", "roll", "round", "row_stack", "rsqrt", "scatter", "scatter_add",
    "scatter_reduce", "searchsorted", "select", "sgn", "sigmoid", "sign", "sin", "sinh", "softmax", "sort", "split",
    "sqrt", "square", "squeeze", "stack", "std", "std_mean", "sub", "subtract", "sum", "swapaxes", "t", "take",
    "take_along_dim", "tan", "tanh", "tensordot", "tile", "topk", "trace", "transpose", "tril", "triu", "true_divide",
    "trunc", "unbind", "unflatten", "unique", "unsqueeze", "var", "var_mean", "view", "vstack", "where", "xlogy",
]  # fmt: skip

_answer(globals(), __all__)
