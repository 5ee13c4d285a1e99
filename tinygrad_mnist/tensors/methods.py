"""The methods of Tensor that are functions: `x.sum()` is `tg.sum(x)`, by one call.

So are changes in place: `x.sin_()` writes what tg.sin gives to the memory of x. The lists are written by
tests/public_names.py from what functions/ exports. Look next at tensor.py.
"""

from __future__ import annotations

from .. import functions as F
from ..core.graph import Var
from ..functions import dtypes
from . import in_place


class Methods(Var):
    """A Var with the functions of functions/ for methods."""

    __slots__ = ()
    to, float, double, half = dtypes.to, *map(dtypes.to_dtype, ("float32", "float64", "float16"))
    int, long, bool = map(dtypes.to_dtype, ("int32", "int64", "bool"))

    # written by tests/public_names.py
    abs, absolute, acos, acosh, add, addcdiv = F.abs, F.absolute, F.acos, F.acosh, F.add, F.addcdiv
    addcmul, all, allclose, amax, amin, aminmax, any = F.addcmul, F.all, F.allclose, F.amax, F.amin, F.aminmax, F.any
    arccos, arccosh, arcsin, arcsinh, arctan, arctan2 = F.arccos, F.arccosh, F.arcsin, F.arcsinh, F.arctan, F.arctan2
    arctanh, argmax, argmin, asin, asinh, atan = F.arctanh, F.argmax, F.argmin, F.asin, F.asinh, F.atan
    atan2, atanh, bincount, bitwise_and = F.atan2, F.atanh, F.bincount, F.bitwise_and
    bitwise_left_shift, bitwise_not, bitwise_or = F.bitwise_left_shift, F.bitwise_not, F.bitwise_or
    bitwise_right_shift, bitwise_xor, ceil, clamp = F.bitwise_right_shift, F.bitwise_xor, F.ceil, F.clamp
    clamp_max, clamp_min, clip, clone, copysign, cos = F.clamp_max, F.clamp_min, F.clip, F.clone, F.copysign, F.cos
    cosh, count_nonzero, cummax, cummin, cumprod = F.cosh, F.count_nonzero, F.cummax, F.cummin, F.cumprod
    cumsum, deg2rad, digamma, div, divide, eq, equal = F.cumsum, F.deg2rad, F.digamma, F.div, F.divide, F.eq, F.equal
    erf, erfc, erfinv, exp, exp2, expand, expm1 = F.erf, F.erfc, F.erfinv, F.exp, F.exp2, F.expand, F.expm1
    fix, flatten, flip, float_power, floor = F.fix, F.flatten, F.flip, F.float_power, F.floor
    floor_divide, fmax, fmin, fmod, frac, gather = F.floor_divide, F.fmax, F.fmin, F.fmod, F.frac, F.gather
    gcd, ge, greater, greater_equal, gt, heaviside = F.gcd, F.ge, F.greater, F.greater_equal, F.gt, F.heaviside
    histc, hypot, isclose, isfinite, isinf, isnan = F.histc, F.hypot, F.isclose, F.isfinite, F.isinf, F.isnan
    isneginf, isposinf, lcm, le, lerp, less = F.isneginf, F.isposinf, F.lcm, F.le, F.lerp, F.less
    less_equal, lgamma, log, log10, log1p, log2 = F.less_equal, F.lgamma, F.log, F.log10, F.log1p, F.log2
    log_softmax, logaddexp, logaddexp2, logcumsumexp = F.log_softmax, F.logaddexp, F.logaddexp2, F.logcumsumexp
    logical_and, logical_not, logical_or, logical_xor = F.logical_and, F.logical_not, F.logical_or, F.logical_xor
    logit, logsumexp, lt, matmul, max, maximum, mean = F.logit, F.logsumexp, F.lt, F.matmul, F.max, F.maximum, F.mean
    median, min, minimum, mode, mul, multiply = F.median, F.min, F.minimum, F.mode, F.mul, F.multiply
    nan_to_num, nanmean, nanmedian, nanquantile = F.nan_to_num, F.nanmean, F.nanmedian, F.nanquantile
    nansum, ne, neg, negative, norm, not_equal = F.nansum, F.ne, F.neg, F.negative, F.norm, F.not_equal
    permute, pow, prod, quantile, rad2deg, reciprocal = F.permute, F.pow, F.prod, F.quantile, F.rad2deg, F.reciprocal
    relu, remainder, reshape, round, rsqrt, sgn = F.relu, F.remainder, F.reshape, F.round, F.rsqrt, F.sgn
    sigmoid, sign, signbit, sin, sinc, sinh, softmax = F.sigmoid, F.sign, F.signbit, F.sin, F.sinc, F.sinh, F.softmax
    split, sqrt, square, squeeze, std, sub, subtract = F.split, F.sqrt, F.square, F.squeeze, F.std, F.sub, F.subtract
    sum, tan, tanh, transpose, true_divide, trunc = F.sum, F.tan, F.tanh, F.transpose, F.true_divide, F.trunc
    unique, unique_consecutive, unsqueeze, var, view = F.unique, F.unique_consecutive, F.unsqueeze, F.var, F.view
    xlogy = F.xlogy
    abs_, absolute_, acos_, acosh_, addcdiv_ = map(in_place.of, (F.abs, F.absolute, F.acos, F.acosh, F.addcdiv))
    addcmul_, arccos_, arccosh_, arcsin_ = map(in_place.of, (F.addcmul, F.arccos, F.arccosh, F.arcsin))
    arcsinh_, arctan_, arctan2_, arctanh_ = map(in_place.of, (F.arcsinh, F.arctan, F.arctan2, F.arctanh))
    asin_, asinh_, atan_, atan2_, atanh_ = map(in_place.of, (F.asin, F.asinh, F.atan, F.atan2, F.atanh))
    bitwise_and_, bitwise_left_shift_ = map(in_place.of, (F.bitwise_and, F.bitwise_left_shift))
    bitwise_not_, bitwise_or_ = map(in_place.of, (F.bitwise_not, F.bitwise_or))
    bitwise_right_shift_, bitwise_xor_, ceil_ = map(in_place.of, (F.bitwise_right_shift, F.bitwise_xor, F.ceil))
    clamp_, clamp_max_, clamp_min_, clip_ = map(in_place.of, (F.clamp, F.clamp_max, F.clamp_min, F.clip))
    copysign_, cos_, cosh_, cumprod_, cumsum_ = map(in_place.of, (F.copysign, F.cos, F.cosh, F.cumprod, F.cumsum))
    deg2rad_, digamma_, divide_, eq_, erf_ = map(in_place.of, (F.deg2rad, F.digamma, F.divide, F.eq, F.erf))
    erfc_, erfinv_, exp_, exp2_, expm1_, fix_ = map(in_place.of, (F.erfc, F.erfinv, F.exp, F.exp2, F.expm1, F.fix))
    float_power_, floor_, floor_divide_, fmod_ = map(in_place.of, (F.float_power, F.floor, F.floor_divide, F.fmod))
    frac_, gcd_, ge_, greater_, greater_equal_ = map(in_place.of, (F.frac, F.gcd, F.ge, F.greater, F.greater_equal))
    gt_, heaviside_, hypot_, lcm_, le_, lerp_ = map(in_place.of, (F.gt, F.heaviside, F.hypot, F.lcm, F.le, F.lerp))
    less_, less_equal_, lgamma_, log_, log10_ = map(in_place.of, (F.less, F.less_equal, F.lgamma, F.log, F.log10))
    log1p_, log2_, logical_and_, logical_not_ = map(in_place.of, (F.log1p, F.log2, F.logical_and, F.logical_not))
    logical_or_, logical_xor_, logit_, lt_ = map(in_place.of, (F.logical_or, F.logical_xor, F.logit, F.lt))
    multiply_, nan_to_num_, ne_, neg_ = map(in_place.of, (F.multiply, F.nan_to_num, F.ne, F.neg))
    negative_, not_equal_, rad2deg_ = map(in_place.of, (F.negative, F.not_equal, F.rad2deg))
    reciprocal_, relu_, remainder_, round_ = map(in_place.of, (F.reciprocal, F.relu, F.remainder, F.round))
    rsqrt_, sgn_, sigmoid_, sign_, sin_, sinc_ = map(in_place.of, (F.rsqrt, F.sgn, F.sigmoid, F.sign, F.sin, F.sinc))
    sinh_, sqrt_, square_, subtract_, tan_ = map(in_place.of, (F.sinh, F.sqrt, F.square, F.subtract, F.tan))
    tanh_, true_divide_, trunc_, xlogy_ = map(in_place.of, (F.tanh, F.true_divide, F.trunc, F.xlogy))
