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
    abs, absolute, acos, acosh, add, addbmm, addcdiv = F.abs, F.absolute, F.acos, F.acosh, F.add, F.addbmm, F.addcdiv
    addcmul, addmm, addmv, addr, all, allclose, amax = F.addcmul, F.addmm, F.addmv, F.addr, F.all, F.allclose, F.amax
    amin, aminmax, any, arccos, arccosh, arcsin = F.amin, F.aminmax, F.any, F.arccos, F.arccosh, F.arcsin
    arcsinh, arctan, arctan2, arctanh, argmax, argmin = F.arcsinh, F.arctan, F.arctan2, F.arctanh, F.argmax, F.argmin
    argsort, argwhere, asin, asinh, atan, atan2 = F.argsort, F.argwhere, F.asin, F.asinh, F.atan, F.atan2
    atanh, baddbmm, bernoulli, bincount, bitwise_and = F.atanh, F.baddbmm, F.bernoulli, F.bincount, F.bitwise_and
    bitwise_left_shift, bitwise_not, bitwise_or = F.bitwise_left_shift, F.bitwise_not, F.bitwise_or
    bitwise_right_shift, bitwise_xor, bmm, broadcast_to = F.bitwise_right_shift, F.bitwise_xor, F.bmm, F.broadcast_to
    ceil, cholesky, chunk, clamp, clamp_max = F.ceil, F.cholesky, F.chunk, F.clamp, F.clamp_max
    clamp_min, clip, clone, copysign, cos, cosh = F.clamp_min, F.clip, F.clone, F.copysign, F.cos, F.cosh
    count_nonzero, cross, cummax, cummin, cumprod = F.count_nonzero, F.cross, F.cummax, F.cummin, F.cumprod
    cumsum, deg2rad, det, diag, diag_embed, diagflat = F.cumsum, F.deg2rad, F.det, F.diag, F.diag_embed, F.diagflat
    diagonal, digamma, div, divide, dot, dsplit, eq = F.diagonal, F.digamma, F.div, F.divide, F.dot, F.dsplit, F.eq
    equal, erf, erfc, erfinv, exp, exp2, expand = F.equal, F.erf, F.erfc, F.erfinv, F.exp, F.exp2, F.expand
    expm1, fix, flatten, flip, fliplr, flipud = F.expm1, F.fix, F.flatten, F.flip, F.fliplr, F.flipud
    float_power, floor, floor_divide, fmax, fmin = F.float_power, F.floor, F.floor_divide, F.fmax, F.fmin
    fmod, frac, gather, gcd, ge, ger, greater = F.fmod, F.frac, F.gather, F.gcd, F.ge, F.ger, F.greater
    greater_equal, gt, heaviside, histc, hsplit = F.greater_equal, F.gt, F.heaviside, F.histc, F.hsplit
    hypot, index_add, index_copy, index_fill = F.hypot, F.index_add, F.index_copy, F.index_fill
    index_select, inner, inverse, isclose, isfinite = F.index_select, F.inner, F.inverse, F.isclose, F.isfinite
    isinf, isnan, isneginf, isposinf, kron, kthvalue = F.isinf, F.isnan, F.isneginf, F.isposinf, F.kron, F.kthvalue
    lcm, le, lerp, less, less_equal, lgamma, log = F.lcm, F.le, F.lerp, F.less, F.less_equal, F.lgamma, F.log
    log10, log1p, log2, log_softmax, logaddexp = F.log10, F.log1p, F.log2, F.log_softmax, F.logaddexp
    logaddexp2, logcumsumexp, logdet, logical_and = F.logaddexp2, F.logcumsumexp, F.logdet, F.logical_and
    logical_not, logical_or, logical_xor, logit = F.logical_not, F.logical_or, F.logical_xor, F.logit
    logsumexp, lt, masked_fill, masked_scatter = F.logsumexp, F.lt, F.masked_fill, F.masked_scatter
    masked_select, matmul, matrix_exp, matrix_power = F.masked_select, F.matmul, F.matrix_exp, F.matrix_power
    max, maximum, mean, median, min, minimum, mm = F.max, F.maximum, F.mean, F.median, F.min, F.minimum, F.mm
    mode, moveaxis, movedim, msort, mul, multinomial = F.mode, F.moveaxis, F.movedim, F.msort, F.mul, F.multinomial
    multiply, mv, nan_to_num, nanmean, nanmedian = F.multiply, F.mv, F.nan_to_num, F.nanmean, F.nanmedian
    nanquantile, nansum, narrow, ne, neg, negative = F.nanquantile, F.nansum, F.narrow, F.ne, F.neg, F.negative
    nonzero, norm, not_equal, outer, permute = F.nonzero, F.norm, F.not_equal, F.outer, F.permute
    pinverse, pow, prod, put, qr, quantile, rad2deg = F.pinverse, F.pow, F.prod, F.put, F.qr, F.quantile, F.rad2deg
    ravel, reciprocal, relu, remainder = F.ravel, F.reciprocal, F.relu, F.remainder
    repeat_interleave, reshape, roll, rot90, round = F.repeat_interleave, F.reshape, F.roll, F.rot90, F.round
    rsqrt, scatter, scatter_add, scatter_reduce = F.rsqrt, F.scatter, F.scatter_add, F.scatter_reduce
    select, sgn, sigmoid, sign, signbit, sin, sinc = F.select, F.sgn, F.sigmoid, F.sign, F.signbit, F.sin, F.sinc
    sinh, slogdet, softmax, sort, split, sqrt = F.sinh, F.slogdet, F.softmax, F.sort, F.split, F.sqrt
    square, squeeze, std, sub, subtract, sum, svd = F.square, F.squeeze, F.std, F.sub, F.subtract, F.sum, F.svd
    swapaxes, swapdims, t, take, take_along_dim, tan = F.swapaxes, F.swapdims, F.t, F.take, F.take_along_dim, F.tan
    tanh, tensor_split, tile, topk, trace, transpose = F.tanh, F.tensor_split, F.tile, F.topk, F.trace, F.transpose
    tril, triu, true_divide, trunc, unbind, unflatten = F.tril, F.triu, F.true_divide, F.trunc, F.unbind, F.unflatten
    unique, unique_consecutive, unsqueeze, var, vdot = F.unique, F.unique_consecutive, F.unsqueeze, F.var, F.vdot
    view, vsplit, xlogy = F.view, F.vsplit, F.xlogy
    abs_, absolute_, acos_, acosh_, addbmm_ = map(in_place.of, (F.abs, F.absolute, F.acos, F.acosh, F.addbmm))
    addcdiv_, addcmul_, addmm_, addmv_, addr_ = map(in_place.of, (F.addcdiv, F.addcmul, F.addmm, F.addmv, F.addr))
    arccos_, arccosh_, arcsin_, arcsinh_ = map(in_place.of, (F.arccos, F.arccosh, F.arcsin, F.arcsinh))
    arctan_, arctan2_, arctanh_, asin_, asinh_ = map(in_place.of, (F.arctan, F.arctan2, F.arctanh, F.asin, F.asinh))
    atan_, atan2_, atanh_, baddbmm_ = map(in_place.of, (F.atan, F.atan2, F.atanh, F.baddbmm))
    bitwise_and_, bitwise_left_shift_ = map(in_place.of, (F.bitwise_and, F.bitwise_left_shift))
    bitwise_not_, bitwise_or_ = map(in_place.of, (F.bitwise_not, F.bitwise_or))
    bitwise_right_shift_, bitwise_xor_, ceil_ = map(in_place.of, (F.bitwise_right_shift, F.bitwise_xor, F.ceil))
    clamp_, clamp_max_, clamp_min_, clip_ = map(in_place.of, (F.clamp, F.clamp_max, F.clamp_min, F.clip))
    copysign_, cos_, cosh_, cumprod_, cumsum_ = map(in_place.of, (F.copysign, F.cos, F.cosh, F.cumprod, F.cumsum))
    deg2rad_, digamma_, divide_, eq_, erf_ = map(in_place.of, (F.deg2rad, F.digamma, F.divide, F.eq, F.erf))
    erfc_, erfinv_, exp_, exp2_, expm1_, fix_ = map(in_place.of, (F.erfc, F.erfinv, F.exp, F.exp2, F.expm1, F.fix))
    float_power_, floor_, floor_divide_, fmod_ = map(in_place.of, (F.float_power, F.floor, F.floor_divide, F.fmod))
    frac_, gcd_, ge_, greater_, greater_equal_ = map(in_place.of, (F.frac, F.gcd, F.ge, F.greater, F.greater_equal))
    gt_, heaviside_, hypot_, index_add_ = map(in_place.of, (F.gt, F.heaviside, F.hypot, F.index_add))
    index_copy_, index_fill_, lcm_, le_, lerp_ = map(in_place.of, (F.index_copy, F.index_fill, F.lcm, F.le, F.lerp))
    less_, less_equal_, lgamma_, log_, log10_ = map(in_place.of, (F.less, F.less_equal, F.lgamma, F.log, F.log10))
    log1p_, log2_, logical_and_, logical_not_ = map(in_place.of, (F.log1p, F.log2, F.logical_and, F.logical_not))
    logical_or_, logical_xor_, logit_, lt_ = map(in_place.of, (F.logical_or, F.logical_xor, F.logit, F.lt))
    masked_fill_, masked_scatter_, multiply_ = map(in_place.of, (F.masked_fill, F.masked_scatter, F.multiply))
    nan_to_num_, ne_, neg_, negative_ = map(in_place.of, (F.nan_to_num, F.ne, F.neg, F.negative))
    not_equal_, put_, rad2deg_, reciprocal_ = map(in_place.of, (F.not_equal, F.put, F.rad2deg, F.reciprocal))
    relu_, remainder_, round_, rsqrt_ = map(in_place.of, (F.relu, F.remainder, F.round, F.rsqrt))
    scatter_, scatter_add_, scatter_reduce_ = map(in_place.of, (F.scatter, F.scatter_add, F.scatter_reduce))
    sgn_, sigmoid_, sign_, sin_, sinc_, sinh_ = map(in_place.of, (F.sgn, F.sigmoid, F.sign, F.sin, F.sinc, F.sinh))
    sqrt_, square_, subtract_, tan_, tanh_ = map(in_place.of, (F.sqrt, F.square, F.subtract, F.tan, F.tanh))
    tril_, triu_, true_divide_, trunc_, xlogy_ = map(in_place.of, (F.tril, F.triu, F.true_divide, F.trunc, F.xlogy))
