"""The methods of Tensor that are functions: `x.sum()` is `tg.sum(x)`, by one call.

The list is written by tests/public_names.py from what functions/ exports. Look next at tensor.py.
"""

from __future__ import annotations

from .. import functions as F
from ..core.graph import Var
from ..functions import dtypes
from . import hooks


class Methods(Var):
    """A Var with the functions of functions/ for methods."""

    __slots__ = ()
    to, float, double, half = dtypes.to, *map(dtypes.to_dtype, ("float32", "float64", "float16"))
    register_hook, register_post_accumulate_grad_hook = hooks.register_hook, hooks.register_post_accumulate_grad_hook
    int, long, bool = map(dtypes.to_dtype, ("int32", "int64", "bool"))

    # written by tests/public_names.py
    abs, add, all, amax, amin, any, argmax, argmin = F.abs, F.add, F.all, F.amax, F.amin, F.any, F.argmax, F.argmin
    clamp, clip, clone, cos, div, divide, eq, erf = F.clamp, F.clip, F.clone, F.cos, F.div, F.divide, F.eq, F.erf
    exp, expand, expm1, flatten, flip, gather, ge = F.exp, F.expand, F.expm1, F.flatten, F.flip, F.gather, F.ge
    gt, isfinite, isnan, le, log, log1p, log_softmax = F.gt, F.isfinite, F.isnan, F.le, F.log, F.log1p, F.log_softmax
    logsumexp, lt, matmul, max, maximum, mean, min = F.logsumexp, F.lt, F.matmul, F.max, F.maximum, F.mean, F.min
    minimum, mul, multiply, ne, neg, negative = F.minimum, F.mul, F.multiply, F.ne, F.neg, F.negative
    permute, pow, prod, reciprocal, relu, reshape = F.permute, F.pow, F.prod, F.reciprocal, F.relu, F.reshape
    sigmoid, sign, sin, softmax, split, sqrt, square = F.sigmoid, F.sign, F.sin, F.softmax, F.split, F.sqrt, F.square
    squeeze, std, sub, subtract, sum, tanh, transpose = F.squeeze, F.std, F.sub, F.subtract, F.sum, F.tanh, F.transpose
    unsqueeze, var, view = F.unsqueeze, F.var, F.view
