"""tinygrad_mnist: a PyTorch-like autodiff micro-framework on NumPy.

Exports only; nothing is computed and nothing read at import. To read the code start with core/graph.py.
"""

import importlib as _importlib
import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import autograd, data, nn, optim, viz
from .autograd import enable_grad, is_grad_enabled, no_grad
from .compiler.pairs import compile
from .compiler.pairs import model as _model
from .core import backend as _backend
from .core import errors
from .core.absent import absent as _absent
from .core.errors import TinygradError
from .kernels.parallel import get_num_threads, set_num_threads
from .tensors import tensor as _tensor
from .tensors.dlpack import from_dlpack
from .tensors.saving import load, save
from .tensors.tensor import Tensor
from .viz import summary

# isort: off
from .core.backend import (
    Generator, bool_, double, float16, float32, float64, half, int8, int16, int32, int64, long, manual_seed, uint8,
)  # fmt: skip
# what follows here and __all__ are written by tests/public_names.py
from .functions import (
    abs, add, all, amax, amin, any, argmax, argmin, cat, clamp, clip, clone, cos, div, divide, eq, erf, exp, expand,
    expm1, flatten, flip, gather, ge, gt, isfinite, isnan, le, log, log1p, log_softmax, logsumexp, lt, matmul, max,
    maximum, mean, min, minimum, mul, multiply, ne, neg, negative, pad, permute, pow, prod, reciprocal, relu, reshape,
    sigmoid, sign, sin, softmax, split, sqrt, square, squeeze, stack, std, sub, subtract, sum, tanh, transpose,
    unsqueeze, var, view, where,
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

# as which `import tinygrad_mnist.errors` and pickles of 0.1.0 know them
for _name, _module in {"errors": errors, "backend": _backend, "tensor": _tensor, "pairs.model": _model}.items():
    _sys.modules[f"{__name__}.{_name}"] = _module


def __getattr__(name: str) -> _Any:
    """Load `tg.training`, and `tg.sklearn` with scikit-learn, when they are first named: most programs need neither."""
    if name in ("sklearn", "training"):
        return _importlib.import_module(f".{name}", __name__)
    return _absent(__name__)(name)


__all__ = [
    "Generator", "Tensor", "TinygradError", "abs", "add", "all", "amax", "amin", "any", "arange", "argmax", "argmin",
    "autograd", "bool_", "cat", "clamp", "clip", "clone", "compile", "cos", "data", "div", "divide", "double",
    "enable_grad", "eq", "erf", "errors", "exp", "expand", "expm1", "eye", "flatten", "flip", "float16", "float32",
    "float64", "from_dlpack", "from_numpy", "full", "full_like", "gather", "ge", "get_num_threads", "gt", "half",
    "int16", "int32", "int64", "int8", "is_grad_enabled", "isfinite", "isnan", "le", "linspace", "load", "log", "log1p",
    "log_softmax", "logsumexp", "long", "lt", "manual_seed", "matmul", "max", "maximum", "mean", "min", "minimum",
    "mul", "multiply", "ne", "neg", "negative", "nn", "no_grad", "ones", "ones_like", "optim", "pad", "permute", "pow",
    "prod", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "reciprocal", "relu",
    "reshape", "save", "set_num_threads", "sigmoid", "sign", "sin", "softmax", "split", "sqrt", "square", "squeeze",
    "stack", "std", "sub", "subtract", "sum", "summary", "tanh", "tensor", "training", "transpose", "uint8",
    "unsqueeze", "var", "view", "viz", "where", "zeros", "zeros_like",
]  # fmt: skip
