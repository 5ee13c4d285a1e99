"""Elementwise functions, operators, changes in place and reductions against PyTorch: values at 0, infinity, NaN and
ties, dtypes, shapes, first derivatives there, and whether there is an error at all.

A call is a text, run by both packages on the same arrays.
"""

import itertools
import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.core.errors import TinygradError

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

inf, nan = np.inf, np.nan
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 1e4, -1e4, 1e-4, inf, -inf, nan, 0.3, -0.7, 2.0, 40.25]
ONE = """
    abs acos acosh asin asinh atan atanh ceil cos cosh erf erfc exp exp2 expm1 fix floor frac
    isfinite isinf isnan log log10 log1p log2 logical_not logit nan_to_num neg
    reciprocal round rsqrt sgn sigmoid sign sin sinh sqrt square tan tanh trunc
""".split()
TWO = """
    add atan2 div eq floor_divide fmod ge gt le logaddexp logical_and
    logical_or logical_xor lt maximum minimum mul ne pow remainder sub true_divide xlogy
""".split()
WHOLE = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split()
TEXTS_OF_ONE = [f"m.{name}(x)" for name in ONE] + """
    m.round(x,decimals=1); m.round(x,decimals=-1); m.logit(x,0.1); m.logit(x,eps=1e-6);
    m.nan_to_num(x,2.0,posinf=3.0); m.clamp_min(x,0.5); m.clamp_max(x,0.5); m.clamp(x,0,1);
    m.div(x,2,rounding_mode='floor'); m.div(x,2.5,rounding_mode='trunc'); m.div(x,-2,rounding_mode='trunc');
    x%3; x//3; x%2.5; x//2.5; 5%x; 5//x; -x%3; m.xlogy(x,2);
    m.xlogy(2,x); m.remainder(x,-3); m.fmod(x,3); m.lerp(x,x+1,0.3); m.lerp(x,x*2,0.75);
    x.clone().sin_(); x.clone().clamp_(0,1); x.clone().clamp_(min=0.5); x.clone().round_(decimals=1);
    x.clone().nan_to_num_(nan=1.0); x.clone().eq_(1); x.clone().remainder_(2); x^True; ~x; x&1; x|2; x^3; 1^x;
    x<<1; x>>1; 2<<x; m.equal(x,x); m.allclose(x,x,equal_nan=True);
    m.count_nonzero(x); m.isclose(x,x+1e-9); x.clone().mul_(2); x.clone().exp_(); x.clone().floor_();
    x.clone().sqrt_(); x.clone().addcmul_(x,x,value=2); x.clone().lerp_(x+1,0.25); x.clone().logical_not_();
    x.clone().neg_()
""".replace("\n", " ").split("; ")  # fmt: skip
TEXTS_OF_TWO = [f"m.{name}(x,y)" for name in TWO + WHOLE] + """
    x%y; x//y; m.div(x,y,rounding_mode='floor'); m.div(x,y,rounding_mode='trunc'); m.clamp_min(x,y);
    m.clamp_max(x,y); m.addcmul(x,y,x,value=2); m.addcdiv(x,x,y); m.lerp(x,y,0.25); m.lerp(x,y,y);
    m.isclose(x,y,rtol=0.5); m.isclose(x,y,equal_nan=True); m.allclose(x,y); m.equal(x,y);
    x&y; x|y; x^y; x<<y; x>>y; x.clone().fmod_(y);
    x.clone().floor_divide_(y); x.clone().atan2_(y); x.clone().bitwise_and_(y); x.clone().logical_and_(y);
    x.clone().lt_(y); x.clone().addcdiv_(x,y); x.clone().xlogy_(y)
""".replace("\n", " ").split("; ")  # fmt: skip
FLOATS, INTS = ["float32", "float64", "float16"], ["int64", "int32", "int8", "uint8", "bool"]
# where PyTorch has no kernel for a dtype, ours may have one: it gives the result of the formula
MISSING = ("not implemented", "not supported", "dtype", "must be Tensor", "did not match", "result type",
           "only supports", "Unsupported input", "not support", "overflow", "Expected a floating",
           "0 sized")
# text -> why PyTorch gives another slope somewhere
APART = {
    "m.logit(x,0.1)": "NaN of NaN, where clamp has 0",
    "m.logit(x,eps=1e-6)": "likewise", "m.logit(x)": "NaN outside [0, 1], as is the value",
    "m.atan2(x,y)": "of integers of 8 bits, whose squares wrap", "m.pow(x,y)": "of integers: log is a single here",
}


def to_array(t):
    return t.numpy(force=True) if isinstance(t, torch.Tensor) else getattr(t, "array", np.asarray(t))


def run(text, module, arrays, grad):
    made = [module.tensor(np.array(a, order="C") if module is torch else a) for a in arrays]
    if grad:
        made = [t.requires_grad_() if "float" in str(t.dtype) else t for t in made]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            out = eval(text.strip(), {"m": module, "np": np}, dict(zip("xy", made, strict=False)))
        except Exception as error:
            return error, []
        outs = out if isinstance(out, tuple) else (out,)
        slopes = []
        if grad and getattr(outs[0], "requires_grad", False):
            try:
                outs[0].sum().backward()
            except Exception as error:
                return error, []
            slopes = [to_array(t.grad) if t.grad is not None else np.zeros(t.shape) for t in made]
    return [to_array(t) for t in outs], slopes


def check(text, arrays, grad=True):
    """Compare, unless PyTorch has no kernel; give whether there was something to compare."""
    theirs, their_slopes = run(text, torch, arrays, grad)
    ours, slopes = run(text, tg, arrays, grad)
    label = f"{text} of {[(a.dtype, a.shape) for a in arrays]}"
    if isinstance(ours, Exception):
        assert isinstance(ours, TinygradError), f"{label}: {type(ours).__name__}: {ours}"
        assert isinstance(theirs, Exception), f"{label}: {ours}"
        return False
    if isinstance(theirs, Exception):
        assert any(word in str(theirs) for word in MISSING) or "derivative" in str(theirs), f"{label}: no {theirs}"
        return False
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype, f"{label}: {a.dtype} {a.shape}, PyTorch {b.dtype} {b.shape}"
        near(a, b, label, arrays)
    for a, b in zip(slopes, their_slopes, strict=False):
        near(a, b, f"gradient of {label}", arrays)
    return True


def near(a, b, label, arrays):
    narrow = max({"float16": 4e-3, "float32": 1e-5}.get(str(x.dtype), 1e-9) for x in (a, *arrays))
    with np.errstate(all="ignore"):
        bad = ~(np.isclose(a, b, rtol=narrow, atol=narrow, equal_nan=True))
    if bad.any():
        at = tuple(np.argwhere(bad)[0])
        raise AssertionError(f"{label}: {a[at]!r}, PyTorch {b[at]!r} at {at} of {arrays}")


def values(dtype, count=20):
    if dtype == "bool":
        return np.arange(count) % 3 == 0
    if "int" in dtype:
        return np.array([(k * 7 % 11) - (0 if dtype == "uint8" else 5) for k in range(count)], dtype)
    return np.array(SPECIAL, dtype)[:count]


@pytest.mark.parametrize("text", [t.strip() for t in TEXTS_OF_ONE])
def test_of_one(text):
    grad = text not in APART
    for dtype in FLOATS + INTS:
        whole = values(dtype)
        for x in (whole, whole[4:5].reshape(()), whole[:0], whole.reshape(4, 5)[:, ::2].T):
            check(text, [x], grad)


@pytest.mark.parametrize("text", [t.strip() for t in TEXTS_OF_TWO])
def test_of_two(text):
    for left, right in itertools.product(["float32", "float64", "int64", "int8", "uint8", "bool"], repeat=2):
        x, y = values(left), values(right)
        for arrays in ((np.repeat(x, 20), np.tile(y, 20)), (x.reshape(4, 5), y[:5]), (x, y[3:4].reshape(()))):
            check(text, arrays, text not in APART)


REDUCED = """
    m.norm(x,{p}{d}); m.norm(x,{p}{d},keepdim=True); x.norm({p}); m.median(x{d});
    m.median(x); m.cumsum(x{d});
    m.cumprod(x{d}); m.logcumsumexp(x{d}); m.count_nonzero(x{d});
    m.count_nonzero(x); m.var_mean(x{d}); m.std_mean(x,correction=0{k}); m.var_mean(x,unbiased=False);
    m.sum(x{d},dtype=m.float64);
    m.sum(x,dtype=m.int32); m.mean(x,dtype=m.float64{k}); m.prod(x{d},dtype=m.float64);
    m.cumsum(x{d},dtype=m.float64); m.quantile(x,0.3{d});
    m.quantile(x,m.tensor([0.1,0.75],dtype=x.dtype){d},keepdim=True);
    m.quantile(x,0.5,interpolation='{i}');
    m.quantile(x,0.25,keepdim=True); m.sum(x,axis={a}); m.mean(x,axis={a},keepdims=True); m.std(x,axis={a});
    m.amax(x,axis={a}); m.cumsum(x,axis={a}); m.median(x,axis={a}); m.median(x{d},keepdims=True);
    m.all(x,axis={a}); m.argmax(x,axis={a},keepdims=True); m.max(x,axis={a}); m.sum(x{d},out=None);
    m.prod(x,axis={a}); x.sum(axis={a}); x.cumprod(axis={a}); m.var(x{d},correction=2); m.logsumexp(x,axis={a});
    m.unique(x); m.unique(x,return_inverse=True,return_counts=True); m.unique(x{k});
    m.unique(x,return_inverse=True{k}); m.norm(x); x.norm(p='fro');
    m.norm(x,2,(0,)); m.bincount(x); m.bincount(x,minlength=4); m.bincount(x,m.tensor([0.5,1,2,0.25,4]));
    m.norm(x,dtype=m.float64); m.norm(x,float('inf'),{a},True)
""".replace("\n", " ").split(";")  # fmt: skip


# PyTorch: mode of NaN depends on the order; the variance of infinities; slopes are NaN beside NaN, where ours go to it
AT_NAN = ("amax", "prod", "var", "std")


def fillings(text):
    for p in ("0", "1", "2", "3", "0.5", "1.5", "-1", "-2.5", "inf", "-inf") if "{p}" in text else ("",):
        for a in ("0", "-1", "1", "5") if "{d}" in text or "{k}" in text or "{a}" in text else ("",):
            for i in ("linear", "lower", "higher", "midpoint", "nearest", "odd") if "{i}" in text else ("",):
                yield text.strip().format(p=p.replace("inf", "float('inf')"), d=f",{a}", k=f",dim={a}", a=a, i=i)


def tables(dtype):
    rng = np.random.default_rng(3)
    if dtype in INTS:
        whole = rng.integers(0 if dtype == "uint8" else -2, 3, (4, 5))
        return [whole.astype(dtype), whole[0].astype(dtype), whole[:0].astype(dtype), np.array(2, dtype)]
    x = rng.normal(size=(4, 5)).astype(dtype)
    ties, missing, zeros = np.round(x), np.where(rng.random((4, 5)) < 0.2, nan, x).astype(dtype), x.copy()
    zeros[1], zeros[2, 1:3] = 0, 0
    ends = np.where(rng.random((4, 5)) < 0.2, inf, x).astype(dtype)
    return [x, ties, missing, zeros, ends, x[0], x[:, :1], x[:0], np.array(1.5, dtype), x[::2, ::-1]]


@pytest.mark.parametrize("text", [t.strip() for t in REDUCED])
def test_reductions(text):
    for filled in fillings(text):
        for dtype in ("float64", "float32", "int64", "uint8", "bool"):
            for x in tables(dtype):
                nans = x.dtype.kind == "f" and not np.isfinite(x).all()
                ties = len(np.unique(x)) < x.size
                if nans and any(word in text for word in ("var", "std")):  # see AT_NAN
                    continue
                if "median" in text and ties or not x.size and ("median" in text or "cumm" in text):
                    continue  # which of equal ones is named; of nothing PyTorch takes any dimension
                grad = not (nans and any(word in text for word in AT_NAN)) and not (ties and "quantile" in text)
                check(filled, [x], grad and "correction=2" not in text)
