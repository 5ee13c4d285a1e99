"""The methods of Tensor that are functions: `x.sum()` is `tg.sum(x)`, by one call.

So are changes in place: `x.sin_()` writes what tg.sin gives to the memory of x. The lists are written by
tests/public_names.py from what functions/ exports. Look next at tensor.py.
"""

from __future__ import annotations

from .. import functions as F
from ..functions import dtypes
from . import in_place, new
from .facts import Facts


class Methods(Facts):
    """A Var with the functions of functions/ for methods."""

    __slots__ = ()
    to, type, type_as, cpu, cuda = dtypes.to, dtypes.type, dtypes.type_as, dtypes.cpu, dtypes.cuda
    float, double, half = map(dtypes.to_dtype, ("float32", "float64", "float16"))
    byte, char, short = map(dtypes.to_dtype, ("uint8", "int8", "int16"))
    int, long, bool = map(dtypes.to_dtype, ("int32", "int64", "bool"))
    new_zeros, new_ones, new_empty = new.new_zeros, new.new_ones, new.new_empty
    new_full, new_tensor = new.new_full, new.new_tensor

    # written by tests/public_names.py
    abs, absolute, acos, acosh, add, addcdiv = F.abs, F.absolute, F.acos, F.acosh, F.add, F.addcdiv
    addcmul, addmm, addmv, addr, all, allclose, amax = F.addcmul, F.addmm, F.addmv, F.addr, F.all, F.allclose, F.amax
    amin, any, arccos, arccosh, arcsin, arcsinh = F.amin, F.any, F.arccos, F.arccosh, F.arcsin, F.arcsinh
    arctan, arctan2, arctanh, argmax, argmin, argsort = F.arctan, F.arctan2, F.arctanh, F.argmax, F.argmin, F.argsort
    argwhere, asin, asinh, atan, atan2, atanh = F.argwhere, F.asin, F.asinh, F.atan, F.atan2, F.atanh
    baddbmm, bernoulli, bincount, bitwise_and = F.baddbmm, F.bernoulli, F.bincount, F.bitwise_and
    bitwise_left_shift, bitwise_not, bitwise_or = F.bitwise_left_shift, F.bitwise_not, F.bitwise_or
    bitwise_right_shift, bitwise_xor, bmm, broadcast_to = F.bitwise_right_shift, F.bitwise_xor, F.bmm, F.broadcast_to
    ceil, chunk, clamp, clamp_max, clamp_min, clip = F.ceil, F.chunk, F.clamp, F.clamp_max, F.clamp_min, F.clip
    clone, cos, cosh, count_nonzero, cross, cumprod = F.clone, F.cos, F.cosh, F.count_nonzero, F.cross, F.cumprod
    cumsum, deg2rad, det, diag, diag_embed, diagonal = F.cumsum, F.deg2rad, F.det, F.diag, F.diag_embed, F.diagonal
    div, divide, dot, eq, equal, erf, erfc, exp = F.div, F.divide, F.dot, F.eq, F.equal, F.erf, F.erfc, F.exp
    exp2, expand, expm1, fix, flatten, flip, floor = F.exp2, F.expand, F.expm1, F.fix, F.flatten, F.flip, F.floor
    floor_divide, fmod, frac, gather, ge, ger = F.floor_divide, F.fmod, F.frac, F.gather, F.ge, F.ger
    greater, greater_equal, gt, index_add, index_copy = F.greater, F.greater_equal, F.gt, F.index_add, F.index_copy
    index_fill, index_select, inner, inverse, isclose = F.index_fill, F.index_select, F.inner, F.inverse, F.isclose
    isfinite, isinf, isnan, kron, kthvalue, le, lerp = F.isfinite, F.isinf, F.isnan, F.kron, F.kthvalue, F.le, F.lerp
    less, less_equal, log, log10, log1p, log2 = F.less, F.less_equal, F.log, F.log10, F.log1p, F.log2
    log_softmax, logaddexp, logcumsumexp, logdet = F.log_softmax, F.logaddexp, F.logcumsumexp, F.logdet
    logical_and, logical_not, logical_or, logical_xor = F.logical_and, F.logical_not, F.logical_or, F.logical_xor
    logit, logsumexp, lt, masked_fill, masked_scatter = F.logit, F.logsumexp, F.lt, F.masked_fill, F.masked_scatter
    masked_select, matmul, max, maximum, mean, median = F.masked_select, F.matmul, F.max, F.maximum, F.mean, F.median
    min, minimum, mm, moveaxis, movedim, mul = F.min, F.minimum, F.mm, F.moveaxis, F.movedim, F.mul
    multinomial, multiply, mv, nan_to_num, nanmean = F.multinomial, F.multiply, F.mv, F.nan_to_num, F.nanmean
    nansum, narrow, ne, neg, negative, nonzero, norm = F.nansum, F.narrow, F.ne, F.neg, F.negative, F.nonzero, F.norm
    not_equal, outer, permute, pow, prod, quantile = F.not_equal, F.outer, F.permute, F.pow, F.prod, F.quantile
    rad2deg, ravel, reciprocal, relu, remainder = F.rad2deg, F.ravel, F.reciprocal, F.relu, F.remainder
    repeat_interleave, reshape, roll, round, rsqrt = F.repeat_interleave, F.reshape, F.roll, F.round, F.rsqrt
    scatter, scatter_add, scatter_reduce, select, sgn = F.scatter, F.scatter_add, F.scatter_reduce, F.select, F.sgn
    sigmoid, sign, sin, sinh, softmax, sort, split = F.sigmoid, F.sign, F.sin, F.sinh, F.softmax, F.sort, F.split
    sqrt, square, squeeze, std, sub, subtract, sum = F.sqrt, F.square, F.squeeze, F.std, F.sub, F.subtract, F.sum
    swapaxes, t, take, take_along_dim, tan, tanh = F.swapaxes, F.t, F.take, F.take_along_dim, F.tan, F.tanh
    tile, topk, trace, transpose, tril, triu = F.tile, F.topk, F.trace, F.transpose, F.tril, F.triu
    true_divide, trunc, unbind, unflatten, unique = F.true_divide, F.trunc, F.unbind, F.unflatten, F.unique
    unsqueeze, var, view, xlogy = F.unsqueeze, F.var, F.view, F.xlogy
    abs_, absolute_, acos_, acosh_, addcdiv_ = map(in_place.of, (F.abs, F.absolute, F.acos, F.acosh, F.addcdiv))
    addcmul_, addmm_, addmv_, addr_, arccos_ = map(in_place.of, (F.addcmul, F.addmm, F.addmv, F.addr, F.arccos))
    arccosh_, arcsin_, arcsinh_, arctan_ = map(in_place.of, (F.arccosh, F.arcsin, F.arcsinh, F.arctan))
    arctan2_, arctanh_, asin_, asinh_, atan_ = map(in_place.of, (F.arctan2, F.arctanh, F.asin, F.asinh, F.atan))
    atan2_, atanh_, baddbmm_, bitwise_and_ = map(in_place.of, (F.atan2, F.atanh, F.baddbmm, F.bitwise_and))
    bitwise_left_shift_, bitwise_not_ = map(in_place.of, (F.bitwise_left_shift, F.bitwise_not))
    bitwise_or_, bitwise_right_shift_ = map(in_place.of, (F.bitwise_or, F.bitwise_right_shift))
    bitwise_xor_, ceil_, clamp_, clamp_max_ = map(in_place.of, (F.bitwise_xor, F.ceil, F.clamp, F.clamp_max))
    clamp_min_, clip_, cos_, cosh_, cumprod_ = map(in_place.of, (F.clamp_min, F.clip, F.cos, F.cosh, F.cumprod))
    cumsum_, deg2rad_, divide_, eq_, erf_ = map(in_place.of, (F.cumsum, F.deg2rad, F.divide, F.eq, F.erf))
    erfc_, exp_, exp2_, expm1_, fix_, floor_ = map(in_place.of, (F.erfc, F.exp, F.exp2, F.expm1, F.fix, F.floor))
    floor_divide_, fmod_, frac_, ge_, greater_ = map(in_place.of, (F.floor_divide, F.fmod, F.frac, F.ge, F.greater))
    greater_equal_, gt_, index_add_ = map(in_place.of, (F.greater_equal, F.gt, F.index_add))
    index_copy_, index_fill_, le_, lerp_ = map(in_place.of, (F.index_copy, F.index_fill, F.le, F.lerp))
    less_, less_equal_, log_, log10_, log1p_ = map(in_place.of, (F.less, F.less_equal, F.log, F.log10, F.log1p))
    log2_, logical_and_, logical_not_ = map(in_place.of, (F.log2, F.logical_and, F.logical_not))
    logical_or_, logical_xor_, logit_, lt_ = map(in_place.of, (F.logical_or, F.logical_xor, F.logit, F.lt))
    masked_fill_, masked_scatter_, multiply_ = map(in_place.of, (F.masked_fill, F.masked_scatter, F.multiply))
    nan_to_num_, ne_, neg_, negative_ = map(in_place.of, (F.nan_to_num, F.ne, F.neg, F.negative))
    not_equal_, rad2deg_, reciprocal_, relu_ = map(in_place.of, (F.not_equal, F.rad2deg, F.reciprocal, F.relu))
    remainder_, round_, rsqrt_, scatter_ = map(in_place.of, (F.remainder, F.round, F.rsqrt, F.scatter))
    scatter_add_, scatter_reduce_, sgn_ = map(in_place.of, (F.scatter_add, F.scatter_reduce, F.sgn))
    sigmoid_, sign_, sin_, sinh_, sqrt_ = map(in_place.of, (F.sigmoid, F.sign, F.sin, F.sinh, F.sqrt))
    square_, subtract_, tan_, tanh_, tril_ = map(in_place.of, (F.square, F.subtract, F.tan, F.tanh, F.tril))
    triu_, true_divide_, trunc_, xlogy_ = map(in_place.of, (F.triu, F.true_divide, F.trunc, F.xlogy))
