"""tinygrad_mnist: a PyTorch-like autodiff micro-framework on NumPy.

Exports only; nothing is computed and nothing read at import. To read the code start with core/graph.py.
"""

# ruff: noqa: F401  (exports, of which some are listed by name further down, the rest by functions)

import importlib as _importlib
import sys as _sys
from math import e, inf, nan, pi
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from numpy import dtype

from . import autograd, backends, data, func, functions, nn, optim, utils
from .autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .backends import accelerator, set_float32_matmul_precision, use_deterministic_algorithms
from .backends import gpu as cuda
from .compiler.pairs import compile
from .compiler.pairs import model as _model
from .core import backend as _backend
from .core import errors
from .core.absent import absent as _absent
from .core.calls import answer as _answer
from .core.errors import TinygradError
from .core.examples import add_examples as _add_examples
from .functions import linalg
from .kernels.parallel import get_num_threads, set_num_threads
from .tensors import tensor as _tensor
from .tensors.dlpack import from_dlpack
from .tensors.saving import load, save
from .tensors.tensor import Tensor
from .tensors.typed import typed as _typed

# isort: off
from .core.backend import (
    Generator, bool_, double, float16, float32, float64, get_default_dtype, half, int8, int16, int32, int64, long,
    manual_seed, set_default_dtype, short, uint8,
)  # fmt: skip
from .core.device import device, get_default_device, set_default_device
from .tensors.forms import finfo, iinfo, is_floating_point, is_tensor, numel

# what follows here and __all__ are written by tests/public_names.py
from .functions import (
    abs, absolute, acos, acosh, add, addcdiv, addcmul, addmm, addmv, all, allclose, amax, amin, any, arccos, arccosh,
    arcsin, arcsinh, arctan, arctan2, arctanh, argmax, argmin, argsort, argwhere, asin, asinh, atan, atan2, atanh,
    atleast_1d, atleast_2d, baddbmm, bernoulli, bincount, bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or,
    bitwise_right_shift, bitwise_xor, bmm, broadcast_shapes, broadcast_tensors, broadcast_to, bucketize, cat, cdist,
    ceil, chunk, clamp, clamp_max, clamp_min, clip, clone, concat, concatenate, cos, cosh, count_nonzero, cross,
    cumprod, cumsum, det, diag, diag_embed, diagonal, div, divide, dot, einsum, eq, equal, erf, erfc, exp, exp2, expand,
    expm1, fix, flatten, flip, floor, floor_divide, fmod, frac, gather, ge, ger, greater, greater_equal, gt, hstack,
    index_add, index_copy, index_fill, index_select, inner, inverse, isclose, isfinite, isinf, isnan, kthvalue, le,
    lerp, less, less_equal, log, log10, log1p, log2, log_softmax, logaddexp, logcumsumexp, logdet, logical_and,
    logical_not, logical_or, logical_xor, logit, logsumexp, lt, masked_fill, masked_scatter, masked_select, matmul, max,
    maximum, mean, median, meshgrid, min, minimum, mm, moveaxis, movedim, mul, multinomial, multiply, mv, nan_to_num,
    narrow, ne, neg, negative, nonzero, norm, not_equal, outer, pad, permute, pow, prod, quantile, ravel, reciprocal,
    relu, remainder, repeat_interleave, reshape, roll, round, row_stack, rsqrt, scatter, scatter_add, scatter_reduce,
    searchsorted, select, sgn, sigmoid, sign, sin, sinh, softmax, sort, split, sqrt, square, squeeze, stack, std,
    std_mean, sub, subtract, sum, swapaxes, t, take, take_along_dim, tan, tanh, tensordot, tile, topk, trace, transpose,
    tril, triu, true_divide, trunc, unbind, unflatten, unique, unsqueeze, var, var_mean, view, vstack, where, xlogy,
)  # fmt: skip
from .tensors.creation import (
    arange, as_tensor, empty, empty_like, eye, from_numpy, full, full_like, linspace, logspace, normal, ones, ones_like,
    rand, rand_like, randint, randint_like, randn, randn_like, randperm, tensor, tril_indices, triu_indices, zeros,
    zeros_like,
)  # fmt: skip
# isort: on

if _TYPE_CHECKING:
    from . import datasets, training, transforms, viz
    from .export.export import export_onnx
    from .func import vmap
    from .viz import summary

bool, int, float = bool_, int32, float32  # dtypes, as in PyTorch: tg.float, not the builtins

Size, newaxis = tuple, None
globals().update(_typed)  # FloatTensor, LongTensor ...

__version__ = "0.1.0"

vars(backends)["__getattr__"] = _absent(backends.__name__)  # which stands below core/absent.py

# what `import tinygrad_mnist.errors`, PyTorch's programs and pickles of 0.1.0 know by these paths
_known = {"errors": errors, "linalg": linalg, "backend": _backend, "tensor": _tensor, "pairs.model": _model}
_known |= {f"backends.{_name}": getattr(backends, _name) for _name in ("cudnn", "cuda", "mps")} | {"cuda": cuda}
_sys.modules.update({f"{__name__}.{_name}": _module for _name, _module in _known.items()})


def __getattr__(name: str) -> _Any:
    """Load the rooms that most programs do not need when they are first named; `tg.sklearn` needs scikit-learn."""
    if name in ("datasets", "primitive", "sklearn", "training", "transforms", "viz"):
        return _importlib.import_module(f".{name}", __name__)
    if name == "summary":
        return _importlib.import_module(".viz", __name__).summary
    if name == "vmap":
        return func.vmap
    if name == "export_onnx":
        return _importlib.import_module(".export.export", __name__).export_onnx
    return _absent(__name__)(name)


_add_examples(_sys.modules[__name__])

__all__ = [
    "Generator", "Tensor", "TinygradError", "accelerator", "arange", "as_tensor", "autograd", "backends", "bool_",
    "compile", "cuda", "data", "datasets", "device", "double", "empty", "empty_like", "enable_grad", "errors",
    "export_onnx", "eye", "finfo", "float16", "float32", "float64", "from_dlpack", "from_numpy", "full", "full_like",
    "func", "get_default_device", "get_default_dtype", "get_num_threads", "half", "iinfo", "inference_mode", "int16",
    "int32", "int64", "int8", "is_floating_point", "is_grad_enabled", "is_tensor", "linalg", "linspace", "load",
    "logspace", "long", "manual_seed", "nn", "no_grad", "normal", "numel", "ones", "ones_like", "optim", "rand",
    "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "save", "set_default_device",
    "set_default_dtype", "set_float32_matmul_precision", "set_grad_enabled", "set_num_threads", "short", "summary",
    "tensor", "training", "transforms", "tril_indices", "triu_indices", "uint8", "use_deterministic_algorithms",
    "utils", "viz", "vmap", "zeros", "zeros_like",
]
__all__ += functions.__all__  # fmt: skip
_answer(globals(), __all__)
