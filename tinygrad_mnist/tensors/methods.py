"""The methods of Tensor that are functions: `x.sum()` is `tg.sum(x)`, by one call.

So are changes in place: `x.sin_()` writes what tg.sin gives to the memory of x. The lists are written by
tests/public_names.py from what functions/ exports. Look next at tensor.py.
"""

from __future__ import annotations

from .. import functions as F
from ..core.graph import Var
from ..functions import dtypes
from . import fresh, hooks, in_place


class Methods(Var):
    """A Var with the functions of functions/ for methods."""

    __slots__ = ()
    to, type, type_as, cpu, cuda = dtypes.to, dtypes.type, dtypes.type_as, dtypes.cpu, dtypes.cuda
    float, double, half = map(dtypes.to_dtype, ("float32", "float64", "float16"))
    byte, char, short = map(dtypes.to_dtype, ("uint8", "int8", "int16"))
    register_hook, register_post_accumulate_grad_hook = hooks.register_hook, hooks.register_post_accumulate_grad_hook
    int, long, bool = map(dtypes.to_dtype, ("int32", "int64", "bool"))
    new_zeros, new_ones, new_empty = fresh.new_zeros, fresh.new_ones, fresh.new_empty
    new_full, new_tensor = fresh.new_full, fresh.new_tensor

    # written by tests/public_names.py
    abs, absolute, acos, acosh, add, addcdiv, addcmul = F.abs, F.absolute, F.acos, F.acosh, F.add, F.addcdiv, F.addcmul
    addmm, addmv, all, allclose, amax, amin, any = F.addmm, F.addmv, F.all, F.allclose, F.amax, F.amin, F.any
    arccos, arccosh, arcsin, arcsinh, arctan, arctan2 = F.arccos, F.arccosh, F.arcsin, F.arcsinh, F.arctan, F.arctan2
    arctanh, argmax, argmin, argsort, argwhere, asin = F.arctanh, F.argmax, F.argmin, F.argsort, F.argwhere, F.asin
    asinh, atan, atan2, atanh, baddbmm, bernoulli = F.asinh, F.atan, F.atan2, F.atanh, F.baddbmm, F.bernoulli
    bincount, bitwise_and, bitwise_left_shift = F.bincount, F.bitwise_and, F.bitwise_left_shift
    bitwise_not, bitwise_or, bitwise_right_shift = F.bitwise_not, F.bitwise_or, F.bitwise_right_shift
    bitwise_xor, bmm, broadcast_to, ceil, chunk, clamp = F.bitwise_xor, F.bmm, F.broadcast_to, F.ceil, F.chunk, F.clamp
    clamp_max, clamp_min, clip, clone, cos, cosh = F.clamp_max, F.clamp_min, F.clip, F.clone, F.cos, F.cosh
    count_nonzero, cross, cumprod, cumsum, det, diag = F.count_nonzero, F.cross, F.cumprod, F.cumsum, F.det, F.diag
    diag_embed, diagonal, div, divide, dot, eq, equal = F.diag_embed, F.diagonal, F.div, F.divide, F.dot, F.eq, F.equal
    erf, erfc, exp, exp2, expand, expm1, fix = F.erf, F.erfc, F.exp, F.exp2, F.expand, F.expm1, F.fix
    flatten, flip, floor, floor_divide, fmod, frac = F.flatten, F.flip, F.floor, F.floor_divide, F.fmod, F.frac
    gather, ge, ger, greater, greater_equal, gt = F.gather, F.ge, F.ger, F.greater, F.greater_equal, F.gt
    index_add, index_copy, index_fill, index_select = F.index_add, F.index_copy, F.index_fill, F.index_select
    inner, inverse, isclose, isfinite, isinf, isnan = F.inner, F.inverse, F.isclose, F.isfinite, F.isinf, F.isnan
    kthvalue, le, lerp, less, less_equal, log, log10 = F.kthvalue, F.le, F.lerp, F.less, F.less_equal, F.log, F.log10
    log1p, log2, log_softmax, logaddexp, logcumsumexp = F.log1p, F.log2, F.log_softmax, F.logaddexp, F.logcumsumexp
    logdet, logical_and, logical_not, logical_or = F.logdet, F.logical_and, F.logical_not, F.logical_or
    logical_xor, logit, logsumexp, lt, masked_fill = F.logical_xor, F.logit, F.logsumexp, F.lt, F.masked_fill
    masked_scatter, masked_select, matmul, max, maximum = F.masked_scatter, F.masked_select, F.matmul, F.max, F.maximum
    mean, median, min, minimum, mm, moveaxis, movedim = F.mean, F.median, F.min, F.minimum, F.mm, F.moveaxis, F.movedim
    mul, multinomial, multiply, mv, nan_to_num, narrow = F.mul, F.multinomial, F.multiply, F.mv, F.nan_to_num, F.narrow
    ne, neg, negative, nonzero, norm, not_equal = F.ne, F.neg, F.negative, F.nonzero, F.norm, F.not_equal
    outer, permute, pow, prod, quantile, ravel = F.outer, F.permute, F.pow, F.prod, F.quantile, F.ravel
    reciprocal, relu, remainder, repeat_interleave = F.reciprocal, F.relu, F.remainder, F.repeat_interleave
    reshape, roll, round, rsqrt, scatter, scatter_add = F.reshape, F.roll, F.round, F.rsqrt, F.scatter, F.scatter_add
    scatter_reduce, select, sgn, sigmoid, sign, sin = F.scatter_reduce, F.select, F.sgn, F.sigmoid, F.sign, F.sin
    sinh, softmax, sort, split, sqrt, square, squeeze = F.sinh, F.softmax, F.sort, F.split, F.sqrt, F.square, F.squeeze
    std, sub, subtract, sum, swapaxes, t, take = F.std, F.sub, F.subtract, F.sum, F.swapaxes, F.t, F.take
    take_along_dim, tan, tanh, tile, topk, trace = F.take_along_dim, F.tan, F.tanh, F.tile, F.topk, F.trace
    transpose, tril, triu, true_divide, trunc, unbind = F.transpose, F.tril, F.triu, F.true_divide, F.trunc, F.unbind
    unflatten, unique, unsqueeze, var, view, xlogy = F.unflatten, F.unique, F.unsqueeze, F.var, F.view, F.xlogy
    abs_, absolute_, acos_, acosh_, addcdiv_ = map(in_place.of, (F.abs, F.absolute, F.acos, F.acosh, F.addcdiv))
    addcmul_, addmm_, addmv_, arccos_, arccosh_ = map(in_place.of, (F.addcmul, F.addmm, F.addmv, F.arccos, F.arccosh))
    arcsin_, arcsinh_, arctan_, arctan2_ = map(in_place.of, (F.arcsin, F.arcsinh, F.arctan, F.arctan2))
    arctanh_, asin_, asinh_, atan_, atan2_ = map(in_place.of, (F.arctanh, F.asin, F.asinh, F.atan, F.atan2))
    atanh_, baddbmm_, bitwise_and_ = map(in_place.of, (F.atanh, F.baddbmm, F.bitwise_and))
    bitwise_left_shift_, bitwise_not_ = map(in_place.of, (F.bitwise_left_shift, F.bitwise_not))
    bitwise_or_, bitwise_right_shift_ = map(in_place.of, (F.bitwise_or, F.bitwise_right_shift))
    bitwise_xor_, ceil_, clamp_, clamp_max_ = map(in_place.of, (F.bitwise_xor, F.ceil, F.clamp, F.clamp_max))
    clamp_min_, clip_, cos_, cosh_, cumprod_ = map(in_place.of, (F.clamp_min, F.clip, F.cos, F.cosh, F.cumprod))
    cumsum_, divide_, eq_, erf_, erfc_, exp_ = map(in_place.of, (F.cumsum, F.divide, F.eq, F.erf, F.erfc, F.exp))
    exp2_, expm1_, fix_, floor_, floor_divide_ = map(in_place.of, (F.exp2, F.expm1, F.fix, F.floor, F.floor_divide))
    fmod_, frac_, ge_, greater_, greater_equal_ = map(in_place.of, (F.fmod, F.frac, F.ge, F.greater, F.greater_equal))
    gt_, index_add_, index_copy_, index_fill_ = map(in_place.of, (F.gt, F.index_add, F.index_copy, F.index_fill))
    le_, lerp_, less_, less_equal_, log_ = map(in_place.of, (F.le, F.lerp, F.less, F.less_equal, F.log))
    log10_, log1p_, log2_, logical_and_ = map(in_place.of, (F.log10, F.log1p, F.log2, F.logical_and))
    logical_not_, logical_or_, logical_xor_ = map(in_place.of, (F.logical_not, F.logical_or, F.logical_xor))
    logit_, lt_, masked_fill_, masked_scatter_ = map(in_place.of, (F.logit, F.lt, F.masked_fill, F.masked_scatter))
    multiply_, nan_to_num_, ne_, neg_, negative_ = map(in_place.of, (F.multiply, F.nan_to_num, F.ne, F.neg, F.negative))
    not_equal_, reciprocal_, relu_, remainder_ = map(in_place.of, (F.not_equal, F.reciprocal, F.relu, F.remainder))
    round_, rsqrt_, scatter_, scatter_add_ = map(in_place.of, (F.round, F.rsqrt, F.scatter, F.scatter_add))
    scatter_reduce_, sgn_, sigmoid_, sign_, sin_ = map(in_place.of, (F.scatter_reduce, F.sgn, F.sigmoid, F.sign, F.sin))
    sinh_, sqrt_, square_, subtract_, tan_ = map(in_place.of, (F.sinh, F.sqrt, F.square, F.subtract, F.tan))
    tanh_, tril_, triu_, true_divide_, trunc_ = map(in_place.of, (F.tanh, F.tril, F.triu, F.true_divide, F.trunc))
    xlogy_, = map(in_place.of, (F.xlogy,))
