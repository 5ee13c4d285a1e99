"""tinygrad_mnist: a PyTorch-like autodiff micro-framework on NumPy.

Exports only; nothing is computed and nothing read at import. To read the code start with core/graph.py.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import autograd, backends, data, nn, optim, utils, viz
from .autograd import enable_grad, is_grad_enabled, no_grad
from .backends import accelerator
from .backends import gpu as cuda
from .compiler.pairs import compile
from .core import errors
from .core.errors import TinygradError
from .kernels.parallel import get_num_threads, set_num_threads
from .tensors.saving import load, save
from .tensors.tensor import Tensor
from .viz import summary

# isort: off
from .core.backend import (
    Generator, bool_, double, float16, float32, float64, get_default_dtype, half, int8, int16, int32, int64, long,
    manual_seed, set_default_dtype, short, uint8,
)  # fmt: skip
from .core.device import device, get_default_device, set_default_device
from .tensors.facts import finfo, iinfo, is_floating_point, is_tensor, numel
# what follows here and __all__ are written by tests/public_names.py
from .functions import (
    abs, add, all, amax, amin, any, argmax, argmin, cat, clamp, clip, clone, cos, div, divide, eq, erf, exp, expand,
    expm1, flatten, flip, gather, ge, gt, isfinite, isnan, le, log, log1p, log_softmax, logsumexp, lt, matmul, max,
    maximum, mean, min, minimum, mul, multiply, ne, neg, negative, pad, permute, pow, prod, reciprocal, relu, reshape,
    sigmoid, sign, sin, softmax, split, sqrt, square, squeeze, stack, std, sub, subtract, sum, tanh, transpose,
    unsqueeze, var, view, where,
)  # fmt: skip
from .tensors.creation import (
    arange, as_tensor, empty, empty_like, eye, from_numpy, full, full_like, linspace, logspace, ones, ones_like, rand,
    rand_like, randint, randint_like, randn, randn_like, randperm, tensor, zeros, zeros_like,
)  # fmt: skip
# isort: on

if _TYPE_CHECKING:
    from . import datasets, training, transforms

bool, int, float = bool_, int32, float32  # dtypes, as in PyTorch: tg.float, not the builtins

__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    """Load the rooms that most programs do not need when they are first named; `tg.sklearn` needs scikit-learn."""
    if name in ("datasets", "sklearn", "training", "transforms"):
        return _importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Generator", "Tensor", "TinygradError", "abs", "accelerator", "add", "all", "amax", "amin", "any", "arange",
    "argmax", "argmin", "as_tensor", "autograd", "backends", "bool_", "cat", "clamp", "clip", "clone", "compile", "cos",
    "cuda", "data", "datasets", "device", "div", "divide", "double", "empty", "empty_like", "enable_grad", "eq", "erf",
    "errors", "exp", "expand", "expm1", "eye", "finfo", "flatten", "flip", "float16", "float32", "float64",
    "from_numpy", "full", "full_like", "gather", "ge", "get_default_device", "get_default_dtype", "get_num_threads",
    "gt", "half", "iinfo", "int16", "int32", "int64", "int8", "is_floating_point", "is_grad_enabled", "is_tensor",
    "isfinite", "isnan", "le", "linspace", "load", "log", "log1p", "log_softmax", "logspace", "logsumexp", "long", "lt",
    "manual_seed", "matmul", "max", "maximum", "mean", "min", "minimum", "mul", "multiply", "ne", "neg", "negative",
    "nn", "no_grad", "numel", "ones", "ones_like", "optim", "pad", "permute", "pow", "prod", "rand", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "randperm", "reciprocal", "relu", "reshape", "save",
    "set_default_device", "set_default_dtype", "set_num_threads", "short", "sigmoid", "sign", "sin", "softmax", "split",
    "sqrt", "square", "squeeze", "stack", "std", "sub", "subtract", "sum", "summary", "tanh", "tensor", "training",
    "transforms", "transpose", "uint8", "unsqueeze", "utils", "var", "view", "viz", "where", "zeros", "zeros_like",
]  # fmt: skip
