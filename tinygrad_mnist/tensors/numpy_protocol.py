"""NumPy functions on tensors: `np.exp(t)`, `array * t`, `np.sum(t, axis=0)` record like our own.

A primitive's card says which ufunc it is; a table says the rest. A function without an entry computes on plain arrays
where no gradient is at stake, and refuses otherwise. Memory goes out by DLPack, too, to NumPy and to others; dlpack.py
takes it in. tensor.py hangs the protocols on the class; knows no Tensor, only Var.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functions as F
from ..core.errors import GradientError, SharingError, TinygradError, reason
from ..core.graph import Var
from ..core.primitive import answering
from ..core.scope import refuse_captured, state
from ..ops import compare, elementwise, reduce

# besides the ufuncs that are one primitive each, whose cards say so
UFUNCS: dict[np.ufunc, Callable[..., Any]] = {
    np.power: lambda a, b: F.pow(a, b) if isinstance(a, Var | np.ndarray) else b.__rpow__(a),  # also of numbers
    np.positive: lambda x: x,
    np.matmul: F.matmul,  # also of vectors
}


# functions that write to their first argument
WRITERS = {np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask}


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _dot(a: Any, b: Any) -> Any:
    """Multiply as np.dot does: scalars element by element; beyond matrices every row with every column."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return elementwise.multiply(a, b)
    if np.ndim(b) <= 2:
        return F.matmul(a, b)
    return on_arrays("np.dot", np.dot, (a, b), {}, into=None)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.sum: lambda a, axis=None, *, keepdims=False: reduce.sum(a, axis=_axes(axis), keepdims=keepdims),
    np.mean: lambda a, axis=None, *, keepdims=False: reduce.mean(a, axis=_axes(axis), keepdims=keepdims),
    np.max: lambda a, axis=None, *, keepdims=False: reduce.amax(a, axis=_axes(axis), keepdims=keepdims),
    np.min: lambda a, axis=None, *, keepdims=False: reduce.amin(a, axis=_axes(axis), keepdims=keepdims),
    np.argmax: lambda a, axis=None, *, keepdims=False: reduce.argmax(a, axis=axis, keepdims=keepdims),
    np.argmin: lambda a, axis=None, *, keepdims=False: reduce.argmin(a, axis=axis, keepdims=keepdims),
    np.var: lambda a, axis=None, *, ddof=0, keepdims=False: F.var(a, _axes(axis), correction=ddof, keepdim=keepdims),
    np.std: lambda a, axis=None, *, ddof=0, keepdims=False: F.std(a, _axes(axis), correction=ddof, keepdim=keepdims),
    np.prod: lambda a, axis=None, *, keepdims=False: reduce.prod(a, axis=axis, keepdims=keepdims),
    np.reshape: lambda a, shape: F.reshape(a, shape),
    np.ravel: lambda a: F.flatten(a),
    np.transpose: lambda a, axes=None: F.permute(a, tuple(axes or reversed(range(a.ndim)))),
    np.squeeze: lambda a, axis=None: F.squeeze(a, axis),
    np.expand_dims: lambda a, axis: F.unsqueeze(a, axis),
    np.broadcast_to: lambda array, shape: F.expand(array, shape if isinstance(shape, tuple) else (shape,)),
    np.flip: lambda m, axis=None: F.flip(m, tuple(range(m.ndim)) if axis is None else axis),
    np.concatenate: lambda arrays, axis=0: F.cat(arrays, axis),
    np.stack: lambda arrays, axis=0: F.stack(arrays, axis),
    np.where: lambda condition, x, y: compare.where(condition, x, y),
    np.clip: lambda a, a_min=None, a_max=None: F.clamp(a, a_min, a_max),
    np.dot: _dot,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.array.size,
}


def ufunc(self: Var, function: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Answer NumPy's call of a ufunc in which some argument is a Var."""
    ours = UFUNCS.get(function) or answering.get(function)
    if method == "__call__" and ours is not None and not kwargs:
        return ours(*inputs)
    into = inputs[:1] if method == "at" else kwargs.get("out")
    return on_arrays(f"np.{function.__name__}", getattr(function, method), inputs, kwargs, into)


def function(self: Var, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer NumPy's call of one of its other functions in which some argument is a Var."""
    if func in FUNCTIONS and kwargs.get("out") is None:
        kwargs = {k: v for k, v in kwargs.items() if k not in ("out", "dtype") or v is not None}
        try:
            return FUNCTIONS[func](*args, **kwargs)
        except TypeError as error:
            if isinstance(error, TinygradError) or "argument" not in str(error):
                raise  # not a keyword that the table lacks
    into = args[:1] or list(kwargs.values())[:1] if func in WRITERS else kwargs.get("out")
    return on_arrays(f"np.{func.__name__}", func, args, kwargs, into)


def on_arrays(name: str, function: Callable[..., Any], args: Any, kwargs: Any, into: Any) -> Any:
    """Run a NumPy function on the bare arrays, unless that would drop a gradient."""
    used = list(_variables([args, kwargs]))
    if state.recording and any(v.differentiable for v in used):
        why, hint = "it has no rule", "tensor.detach() where no gradient is wanted"
        if into is not None:
            why = "the result goes into a plain array (out=, or array += tensor)"
            hint = f"array = array + tensor instead of +=; or {hint}"
        what = f"{name}: cannot record this call on a tensor that requires grad: {why}."
        got = ", ".join(f"tensor {v.shape} {v.dtype}" for v in used)
        wanted = "a function that tinygrad_mnist records, writing to a new tensor"
        raise GradientError(what, got=got, expected=wanted, hint=hint)
    refuse_captured(f"{name}, which is not one of the recorded operations")
    result = function(*_bare(args), **_bare(kwargs))
    for v in _variables(into):
        v.version.bump()  # backward must notice
    return result


def _variables(x: Any) -> Any:
    if isinstance(x, Var):
        yield x
    elif isinstance(x, list | tuple):
        for item in x:
            yield from _variables(item)
    elif isinstance(x, dict):
        yield from _variables(list(x.values()))


def _bare(x: Any) -> Any:
    if isinstance(x, Var):
        return x.array
    if isinstance(x, list | tuple):
        return type(x)(_bare(item) for item in x)
    return {k: _bare(v) for k, v in x.items()} if isinstance(x, dict) else x


def dlpack(x: Var, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
    """Give another library a view of a tensor's memory; streams, which GPUs have, are nothing here."""
    refuse_captured("sharing memory by DLPack")
    if x.differentiable:
        what = "__dlpack__: this tensor requires a gradient, which another library cannot carry on."
        raise SharingError(what, got=f"tensor {x.shape} {x.dtype}, requires_grad=True", hint="t.detach()")
    asked = {"max_version": max_version, "dl_device": dl_device, "copy": copy}  # NumPy 2.0 knows none of them
    try:
        if min(x.array.strides, default=0) < 0 and not copy:
            raise ValueError("strides that are negative")  # PyTorch ends the whole process on them
        return x.array.__dlpack__(**{key: value for key, value in asked.items() if value is not None})
    except Exception as error:
        what, got = "__dlpack__: this memory cannot be shared.", f"{x.shape} {x.dtype}: {reason(error)}"
        wanted = "memory on the CPU that may be written to, strides of at least 0"
        raise SharingError(what, got=got, expected=wanted, hint="t.clone()") from error


def dlpack_device(x: Var) -> tuple[int, int]:
    """Say where the memory is, in DLPack's numbers: on the CPU."""
    return 1, 0
