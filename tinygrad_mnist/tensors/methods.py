"""The methods of Tensor that are functions: `x.sum()` is `tg.sum(x)`, by one call.

The list is written by tests/public_names.py from what functions/ exports. Look next at tensor.py.
"""

from __future__ import annotations

from .. import functions as F
from ..core.graph import Var
from ..functions import dtypes


class Methods(Var):
    """A Var with the functions of functions/ for methods."""

    __slots__ = ()
    to, float, double, half = dtypes.to, *map(dtypes.to_dtype, ("float32", "float64", "float16"))
    int, long, bool = map(dtypes.to_dtype, ("int32", "int64", "bool"))

    # written by tests/public_names.py
    abs, add, addbmm, addmm, addmv, addr, all, amax = F.abs, F.add, F.addbmm, F.addmm, F.addmv, F.addr, F.all, F.amax
    amin, any, argmax, argmin, argsort, argwhere = F.amin, F.any, F.argmax, F.argmin, F.argsort, F.argwhere
    baddbmm, bernoulli, bmm, broadcast_to, cholesky = F.baddbmm, F.bernoulli, F.bmm, F.broadcast_to, F.cholesky
    chunk, clamp, clip, clone, cos, cross, det, diag = F.chunk, F.clamp, F.clip, F.clone, F.cos, F.cross, F.det, F.diag
    diag_embed, diagflat, diagonal, div, divide, dot = F.diag_embed, F.diagflat, F.diagonal, F.div, F.divide, F.dot
    dsplit, eq, erf, exp, expand, expm1, flatten = F.dsplit, F.eq, F.erf, F.exp, F.expand, F.expm1, F.flatten
    flip, fliplr, flipud, gather, ge, ger, gt = F.flip, F.fliplr, F.flipud, F.gather, F.ge, F.ger, F.gt
    hsplit, index_add, index_copy, index_fill = F.hsplit, F.index_add, F.index_copy, F.index_fill
    index_select, inner, inverse, isfinite, isnan = F.index_select, F.inner, F.inverse, F.isfinite, F.isnan
    kron, kthvalue, le, log, log1p, log_softmax = F.kron, F.kthvalue, F.le, F.log, F.log1p, F.log_softmax
    logdet, logsumexp, lt, masked_fill, masked_scatter = F.logdet, F.logsumexp, F.lt, F.masked_fill, F.masked_scatter
    masked_select, matmul, matrix_exp, matrix_power = F.masked_select, F.matmul, F.matrix_exp, F.matrix_power
    max, maximum, mean, min, minimum, mm, moveaxis = F.max, F.maximum, F.mean, F.min, F.minimum, F.mm, F.moveaxis
    movedim, msort, mul, multinomial, multiply, mv = F.movedim, F.msort, F.mul, F.multinomial, F.multiply, F.mv
    narrow, ne, neg, negative, nonzero, outer = F.narrow, F.ne, F.neg, F.negative, F.nonzero, F.outer
    permute, pinverse, pow, prod, put, qr, ravel = F.permute, F.pinverse, F.pow, F.prod, F.put, F.qr, F.ravel
    reciprocal, relu, repeat_interleave, reshape, roll = F.reciprocal, F.relu, F.repeat_interleave, F.reshape, F.roll
    rot90, scatter, scatter_add, scatter_reduce, select = F.rot90, F.scatter, F.scatter_add, F.scatter_reduce, F.select
    sigmoid, sign, sin, slogdet, softmax, sort, split = F.sigmoid, F.sign, F.sin, F.slogdet, F.softmax, F.sort, F.split
    sqrt, square, squeeze, std, sub, subtract, sum = F.sqrt, F.square, F.squeeze, F.std, F.sub, F.subtract, F.sum
    svd, swapaxes, swapdims, t, take, take_along_dim = F.svd, F.swapaxes, F.swapdims, F.t, F.take, F.take_along_dim
    tanh, tensor_split, tile, topk, trace, transpose = F.tanh, F.tensor_split, F.tile, F.topk, F.trace, F.transpose
    tril, triu, unbind, unflatten, unsqueeze, var = F.tril, F.triu, F.unbind, F.unflatten, F.unsqueeze, F.var
    vdot, view, vsplit = F.vdot, F.view, F.vsplit
