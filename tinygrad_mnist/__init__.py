"""tinygrad_mnist: a PyTorch-like autodiff micro-framework on NumPy.

Exports only; nothing is computed and nothing read at import. To read the code start with core/graph.py.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import autograd, data, nn, optim, viz
from .autograd import enable_grad, is_grad_enabled, no_grad
from .compiler.pairs import compile
from .core import errors
from .core.errors import TinygradError
from .functions import linalg
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
    abs, add, addbmm, addmm, addmv, addr, all, amax, amin, any, argmax, argmin, argsort, argwhere, atleast_1d,
    atleast_2d, atleast_3d, baddbmm, bernoulli, block_diag, bmm, broadcast_shapes, broadcast_tensors, broadcast_to,
    bucketize, cartesian_prod, cat, cdist, chain_matmul, cholesky, chunk, clamp, clip, clone, column_stack,
    combinations, concat, concatenate, cos, cross, det, diag, diag_embed, diagflat, diagonal, div, divide, dot, dsplit,
    dstack, einsum, eq, erf, exp, expand, expm1, flatten, flip, fliplr, flipud, gather, ge, ger, gt, hsplit, hstack,
    index_add, index_copy, index_fill, index_select, inner, inverse, isfinite, isnan, kron, kthvalue, le, log, log1p,
    log_softmax, logdet, logsumexp, lt, masked_fill, masked_scatter, masked_select, matmul, matrix_exp, matrix_power,
    max, maximum, mean, meshgrid, min, minimum, mm, moveaxis, movedim, msort, mul, multinomial, multiply, mv, narrow,
    ne, neg, negative, nonzero, outer, pad, permute, pinverse, pow, prod, put, qr, ravel, reciprocal, relu,
    repeat_interleave, reshape, roll, rot90, row_stack, scatter, scatter_add, scatter_reduce, searchsorted, select,
    sigmoid, sign, sin, slogdet, softmax, sort, split, sqrt, square, squeeze, stack, std, sub, subtract, sum, svd,
    swapaxes, swapdims, t, take, take_along_dim, tanh, tensor_split, tensordot, tile, topk, trace, transpose, tril,
    triu, unbind, unflatten, unsqueeze, var, vdot, view, vsplit, vstack, where,
)  # fmt: skip
from .tensors.creation import (
    arange, eye, from_numpy, full, full_like, linspace, normal, ones, ones_like, rand, rand_like, randint, randint_like,
    randn, randn_like, randperm, tensor, tril_indices, triu_indices, zeros, zeros_like,
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
    "Generator", "Tensor", "TinygradError", "abs", "add", "addbmm", "addmm", "addmv", "addr", "all", "amax", "amin",
    "any", "arange", "argmax", "argmin", "argsort", "argwhere", "atleast_1d", "atleast_2d", "atleast_3d", "autograd",
    "baddbmm", "bernoulli", "block_diag", "bmm", "bool_", "broadcast_shapes", "broadcast_tensors", "broadcast_to",
    "bucketize", "cartesian_prod", "cat", "cdist", "chain_matmul", "cholesky", "chunk", "clamp", "clip", "clone",
    "column_stack", "combinations", "compile", "concat", "concatenate", "cos", "cross", "data", "det", "diag",
    "diag_embed", "diagflat", "diagonal", "div", "divide", "dot", "double", "dsplit", "dstack", "einsum", "enable_grad",
    "eq", "erf", "errors", "exp", "expand", "expm1", "eye", "flatten", "flip", "fliplr", "flipud", "float16", "float32",
    "float64", "from_numpy", "full", "full_like", "gather", "ge", "ger", "get_num_threads", "gt", "half", "hsplit",
    "hstack", "index_add", "index_copy", "index_fill", "index_select", "inner", "int16", "int32", "int64", "int8",
    "inverse", "is_grad_enabled", "isfinite", "isnan", "kron", "kthvalue", "le", "linalg", "linspace", "load", "log",
    "log1p", "log_softmax", "logdet", "logsumexp", "long", "lt", "manual_seed", "masked_fill", "masked_scatter",
    "masked_select", "matmul", "matrix_exp", "matrix_power", "max", "maximum", "mean", "meshgrid", "min", "minimum",
    "mm", "moveaxis", "movedim", "msort", "mul", "multinomial", "multiply", "mv", "narrow", "ne", "neg", "negative",
    "nn", "no_grad", "nonzero", "normal", "ones", "ones_like", "optim", "outer", "pad", "permute", "pinverse", "pow",
    "prod", "put", "qr", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "ravel",
    "reciprocal", "relu", "repeat_interleave", "reshape", "roll", "rot90", "row_stack", "save", "scatter",
    "scatter_add", "scatter_reduce", "searchsorted", "select", "set_num_threads", "sigmoid", "sign", "sin", "slogdet",
    "softmax", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "sub", "subtract", "sum", "summary", "svd",
    "swapaxes", "swapdims", "t", "take", "take_along_dim", "tanh", "tensor", "tensor_split", "tensordot", "tile",
    "topk", "trace", "training", "transpose", "tril", "tril_indices", "triu", "triu_indices", "uint8", "unbind",
    "unflatten", "unsqueeze", "var", "vdot", "view", "viz", "vsplit", "vstack", "where", "zeros", "zeros_like",
]  # fmt: skip
