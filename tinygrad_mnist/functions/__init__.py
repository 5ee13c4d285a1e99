"""PyTorch's names for the operations: `dim` and `keepdim` here, `axis` and `keepdims` below.

Each function takes a Tensor first and serves both as `tg.sum(x)` and as the method `x.sum()`. Nothing is computed here
that is not a primitive or built from primitives. Read after ops/. The lists below are written by tests/public_names.py.
"""

# isort: off
from .arithmetic import add, clamp, pow, subtract
from .contractions import (
    addbmm, addmm, addmv, addr, baddbmm, bmm, chain_matmul, cross, dot, inner, kron, mm, mv, outer, vdot,
)  # fmt: skip
from .decompositions import cdist, cholesky, det, inverse, logdet, matrix_exp, matrix_power, pinverse, qr, slogdet, svd
from .elementwise import (
    abs, clone, cos, divide, eq, erf, exp, expm1, ge, gt, isfinite, isnan, le, log, log1p, lt, maximum, minimum,
    multiply, ne, negative, reciprocal, relu, sigmoid, sign, sin, sqrt, square, tanh, where,
)  # fmt: skip
from .indexing import (
    argwhere, index_add, index_copy, index_fill, index_select, masked_fill, masked_scatter, masked_select, nonzero, put,
    scatter, scatter_add, scatter_reduce, take, take_along_dim,
)  # fmt: skip
from .moving import (
    diag, diag_embed, diagflat, diagonal, fliplr, flipud, movedim, ravel, repeat_interleave, roll, rot90, swapaxes,
    swapdims, t, tile, trace, tril, triu, unflatten,
)  # fmt: skip
from .padding import pad
from .pieces import (
    atleast_1d, atleast_2d, atleast_3d, block_diag, broadcast_shapes, broadcast_tensors, broadcast_to, cartesian_prod,
    chunk, column_stack, combinations, concatenate, dsplit, dstack, hsplit, hstack, meshgrid, narrow, select,
    tensor_split, unbind, vsplit, vstack,
)  # fmt: skip
from .products import log_softmax, matmul, softmax
from .reductions import all, amax, amin, any, argmax, argmin, logsumexp, max, mean, min, prod, std, sum, var
from .shapes import cat, expand, flatten, flip, gather, permute, reshape, split, squeeze, stack, transpose, unsqueeze
from .sorting import argsort, bernoulli, bucketize, kthvalue, msort, multinomial, searchsorted, sort, topk
from .summation import einsum, tensordot

sub, mul, div, neg, clip, view = subtract, multiply, divide, negative, clamp, reshape
concat, row_stack, moveaxis, ger = cat, vstack, movedim, outer

__all__ = [
    "abs", "add", "addbmm", "addmm", "addmv", "addr", "all", "amax", "amin", "any", "argmax", "argmin", "argsort",
    "argwhere", "atleast_1d", "atleast_2d", "atleast_3d", "baddbmm", "bernoulli", "block_diag", "bmm",
    "broadcast_shapes", "broadcast_tensors", "broadcast_to", "bucketize", "cartesian_prod", "cat", "cdist",
    "chain_matmul", "cholesky", "chunk", "clamp", "clip", "clone", "column_stack", "combinations", "concat",
    "concatenate", "cos", "cross", "det", "diag", "diag_embed", "diagflat", "diagonal", "div", "divide", "dot",
    "dsplit", "dstack", "einsum", "eq", "erf", "exp", "expand", "expm1", "flatten", "flip", "fliplr", "flipud",
    "gather", "ge", "ger", "gt", "hsplit", "hstack", "index_add", "index_copy", "index_fill", "index_select", "inner",
    "inverse", "isfinite", "isnan", "kron", "kthvalue", "le", "log", "log1p", "log_softmax", "logdet", "logsumexp",
    "lt", "masked_fill", "masked_scatter", "masked_select", "matmul", "matrix_exp", "matrix_power", "max", "maximum",
    "mean", "meshgrid", "min", "minimum", "mm", "moveaxis", "movedim", "msort", "mul", "multinomial", "multiply", "mv",
    "narrow", "ne", "neg", "negative", "nonzero", "outer", "pad", "permute", "pinverse", "pow", "prod", "put", "qr",
    "ravel", "reciprocal", "relu", "repeat_interleave", "reshape", "roll", "rot90", "row_stack", "scatter",
    "scatter_add", "scatter_reduce", "searchsorted", "select", "sigmoid", "sign", "sin", "slogdet", "softmax", "sort",
    "split", "sqrt", "square", "squeeze", "stack", "std", "sub", "subtract", "sum", "svd", "swapaxes", "swapdims", "t",
    "take", "take_along_dim", "tanh", "tensor_split", "tensordot", "tile", "topk", "trace", "transpose", "tril", "triu",
    "unbind", "unflatten", "unsqueeze", "var", "vdot", "view", "vsplit", "vstack", "where",
]  # fmt: skip
