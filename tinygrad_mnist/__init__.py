"""tinygrad_mnist: a PyTorch-like autodiff micro-framework on NumPy.

Exports only; nothing is computed and nothing read at import. To read the code start with core/graph.py.
"""

# ruff: noqa: F401  (exports, of which some are listed by name further down, the rest by functions)

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import autograd, data, functions, nn, optim, viz
from .autograd import enable_grad, is_grad_enabled, no_grad
from .compiler.pairs import compile
from .core import errors
from .core.errors import TinygradError
from .export.export import export_onnx
from .kernels.parallel import get_num_threads, set_num_threads
from .tensors.saving import load, save
from .tensors.tensor import Tensor
from .viz import summary

# isort: off
from .core.backend import (
    Generator, bool_, double, float16, float32, float64, half, int8, int16, int32, int64, long, manual_seed, uint8,
)  # fmt: skip
# what follows here and __all__ are written by tests/public_names.py
from .functions import (
    abs, absolute, acos, acosh, add, addcdiv, addcmul, all, allclose, amax, amin, aminmax, any, arccos, arccosh, arcsin,
    arcsinh, arctan, arctan2, arctanh, argmax, argmin, asin, asinh, atan, atan2, atanh, bincount, bitwise_and,
    bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, cat, ceil, clamp, clamp_max,
    clamp_min, clip, clone, copysign, cos, cosh, count_nonzero, cummax, cummin, cumprod, cumsum, deg2rad, digamma, div,
    divide, eq, equal, erf, erfc, erfinv, exp, exp2, expand, expm1, fix, flatten, flip, float_power, floor,
    floor_divide, fmax, fmin, fmod, frac, gather, gcd, ge, greater, greater_equal, gt, heaviside, histc, hypot, isclose,
    isfinite, isin, isinf, isnan, isneginf, isposinf, lcm, le, lerp, less, less_equal, lgamma, log, log10, log1p, log2,
    log_softmax, logaddexp, logaddexp2, logcumsumexp, logical_and, logical_not, logical_or, logical_xor, logit,
    logsumexp, lt, matmul, max, maximum, mean, median, min, minimum, mode, mul, multiply, nan_to_num, nanmean,
    nanmedian, nanquantile, nansum, ne, neg, negative, norm, not_equal, pad, permute, polygamma, pow, prod, quantile,
    rad2deg, reciprocal, relu, remainder, reshape, round, rsqrt, sgn, sigmoid, sign, signbit, sin, sinc, sinh, softmax,
    split, sqrt, square, squeeze, stack, std, std_mean, sub, subtract, sum, tan, tanh, transpose, true_divide, trunc,
    unique, unique_consecutive, unsqueeze, var, var_mean, view, where, xlogy,
)  # fmt: skip
from .tensors.creation import (
    arange, eye, from_numpy, full, full_like, linspace, ones, ones_like, rand, rand_like, randint, randint_like, randn,
    randn_like, randperm, tensor, zeros, zeros_like,
)  # fmt: skip
# isort: on

if _TYPE_CHECKING:
    from . import training

bool, int, float = bool_, int32, float32  # dtypes, as in PyTorch: tg.float, not the builtins

__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    """Load `tg.training`, and `tg.sklearn` with scikit-learn, when they are first named: most programs need neither."""
    if name in ("sklearn", "training"):
        return _importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Generator", "Tensor", "TinygradError", "arange", "autograd", "bool_", "compile", "data", "double", "enable_grad",
    "errors", "export_onnx", "eye", "float16", "float32", "float64", "from_numpy", "full", "full_like",
    "get_num_threads", "half", "int16", "int32", "int64", "int8", "is_grad_enabled", "linspace", "load", "long",
    "manual_seed", "nn", "no_grad", "ones", "ones_like", "optim", "rand", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "randperm", "save", "set_num_threads", "summary", "tensor", "training", "uint8", "viz",
    "zeros", "zeros_like",
]
__all__ += functions.__all__  # fmt: skip
