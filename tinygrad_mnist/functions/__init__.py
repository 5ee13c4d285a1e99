"""PyTorch's names for the operations: `dim` and `keepdim` here, `axis` and `keepdims` below.

Each function takes a Tensor first and serves both as `tg.sum(x)` and as the method `x.sum()`. Nothing is computed here
that is not a primitive or built from primitives. Read after ops/. The lists below are written by tests/public_names.py.
"""

# isort: off
from .arithmetic import add, clamp, clamp_max, clamp_min, divide, pow, subtract, true_divide
from .comparisons import allclose, equal, isclose, isin, isneginf, isposinf
from .counting import bincount, count_nonzero, histc, unique, unique_consecutive
from .cumulative import cummax, cummin, cumprod, cumsum, logcumsumexp
from .elementwise import (
    abs, acos, acosh, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or,
    bitwise_right_shift, bitwise_xor, ceil, clone, copysign, cos, cosh, eq, erf, erfc, erfinv, exp, exp2, expm1, floor,
    floor_divide, fmax, fmin, fmod, gcd, ge, gt, heaviside, hypot, isfinite, isinf, isnan, lcm, le, lgamma, log, log10,
    log1p, log2, logaddexp, logaddexp2, logical_and, logical_not, logical_or, logical_xor, lt, maximum, minimum,
    multiply, ne, negative, reciprocal, relu, remainder, rsqrt, sigmoid, sign, signbit, sin, sinh, sqrt, square, tan,
    tanh, trunc, where, xlogy,
)  # fmt: skip
from .formulas import (
    addcdiv, addcmul, deg2rad, digamma, float_power, frac, lerp, logit, nan_to_num, polygamma, rad2deg, round, sinc,
)  # fmt: skip
from .norms import norm
from .order import aminmax, median, mode, nanmedian, nanquantile, quantile
from .padding import pad
from .products import log_softmax, matmul, softmax
from .reductions import (
    all, amax, amin, any, argmax, argmin, logsumexp, max, mean, min, nanmean, nansum, prod, std, std_mean, sum, var,
    var_mean,
)  # fmt: skip
from .shapes import cat, expand, flatten, flip, gather, permute, reshape, split, squeeze, stack, transpose, unsqueeze

sub, mul, div, neg, clip, view, fix, sgn = subtract, multiply, divide, negative, clamp, reshape, trunc, sign
absolute, arctan2, greater, greater_equal, less, less_equal, not_equal = abs, atan2, gt, ge, lt, le, ne
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh

__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "all", "allclose", "amax", "amin", "aminmax",
    "any", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "asin",
    "asinh", "atan", "atan2", "atanh", "bincount", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "cat", "ceil", "clamp", "clamp_max", "clamp_min", "clip", "clone", "copysign",
    "cos", "cosh", "count_nonzero", "cummax", "cummin", "cumprod", "cumsum", "deg2rad", "digamma", "div", "divide",
    "eq", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expand", "expm1", "fix", "flatten", "flip", "float_power",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "frac", "gather", "gcd", "ge", "greater", "greater_equal", "gt",
    "heaviside", "histc", "hypot", "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "lcm", "le",
    "lerp", "less", "less_equal", "lgamma", "log", "log10", "log1p", "log2", "log_softmax", "logaddexp", "logaddexp2",
    "logcumsumexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logsumexp", "lt", "matmul",
    "max", "maximum", "mean", "median", "min", "minimum", "mode", "mul", "multiply", "nan_to_num", "nanmean",
    "nanmedian", "nanquantile", "nansum", "ne", "neg", "negative", "norm", "not_equal", "pad", "permute", "polygamma",
    "pow", "prod", "quantile", "rad2deg", "reciprocal", "relu", "remainder", "reshape", "round", "rsqrt", "sgn",
    "sigmoid", "sign", "signbit", "sin", "sinc", "sinh", "softmax", "split", "sqrt", "square", "squeeze", "stack",
    "std", "std_mean", "sub", "subtract", "sum", "tan", "tanh", "transpose", "true_divide", "trunc", "unique",
    "unique_consecutive", "unsqueeze", "var", "var_mean", "view", "where", "xlogy",
]  # fmt: skip
