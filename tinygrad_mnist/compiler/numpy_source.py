"""Write a program as Python source: one NumPy or kernel call per instruction, each into memory that is there already.

TEMPLATES says, per primitive, how it is computed into {out}; a primitive without one is called as it is and its result
copied, which is right but allocates. Look next at replay.py, which gives the names their arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..capture.program import Instruction, Program, Value
from ..kernels.sums import SMALL
from ..ops.reduce import reduced_axes
from .passes import is_literal

UFUNCS = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "true_divide", "power": "power",
    "negative": "negative", "absolute": "absolute", "sign": "sign", "square": "square", "sqrt": "sqrt", "exp": "exp",
    "expm1": "expm1", "log": "log", "log1p": "log1p", "sin": "sin", "cos": "cos", "tanh": "tanh",
    "maximum": "maximum", "minimum": "minimum", "dropout": "multiply", "equal": "equal", "not_equal": "not_equal",
    "less": "less", "less_equal": "less_equal", "greater": "greater", "greater_equal": "greater_equal",
    "logical_not": "invert", "logical_and": "bitwise_and", "logical_or": "bitwise_or", "isnan": "isnan",
    "isfinite": "isfinite",
}  # fmt: skip

# {0}, {1} ... are the inputs, {0.T} a transposed one, {out} the result, {saved} the residual, {settings} what is static
TEMPLATES = {
    "reciprocal": "np.true_divide(1, {0}, out={out})",
    "clamp": "np.clip({0}, {low}, {high}, out={out})",
    "sigmoid": "sigmoid({0}, out={out})",
    "where": "np.copyto({out}, {2}); np.copyto({out}, {1}, where={0})",
    "clone": "np.copyto({out}, {0})",
    "cast": "np.copyto({out}, {0}, casting='unsafe')",
    "matmul": "{product}({0}, {1}, out={out})",
    "argmax": "np.argmax({0}, axis={axis}, keepdims={keepdims}, out={out})",
    "argmin": "np.argmin({0}, axis={axis}, keepdims={keepdims}, out={out})",
    "relu": "relu({0}, out={out})",
    "keep": "keep({0}, {1}, out={out})",
    "sum_to": "sum_to({0}, {shape}, out={out})",
    "softmax": "softmax({0}, {settings}, out={out})",
    "log_softmax": "log_softmax({0}, {settings}, out={out})",
    "cross_entropy": "check_classes('cross_entropy', {0}, {1}); "
    "cross_entropy({0}, {1}, {settings}, out={out}, probabilities={saved})",
    "less_one_hot": "less_one_hot({0}, {1}, {2}, {settings}, out={out})",
    "conv2d": "conv2d({0}, {1}, {2}, {settings}, out={out})",
    "conv2d_input_gradient": "conv2d_input_gradient({0}, {1}, {settings}, out={out})",
    "conv2d_weight_gradient": "conv2d_weight_gradient({0}, {1}, {settings}, out={out})",
    "max_pool2d": "max_pool2d({0}, kernel={kernel_size}, stride={stride}, padding={padding}, "
    "out={out}, winners={saved})",
    "max_pool2d_values": "max_pool2d_values({0}, kernel={kernel_size}, stride={stride}, padding={padding}, out={out})",
    "pool_scatter": "pool_scatter({0}, {1}, x_shape={x_shape}, kernel={kernel_size}, stride={stride}, "
    "padding={padding}, out={out})",
    "pool_gather": "pool_gather({0}, {1}, kernel={kernel_size}, stride={stride}, padding={padding}, out={out})",
} | {name: f"np.{ufunc}({{0}}, {{1}}, out={{out}})" for name, ufunc in UFUNCS.items()}
UNARY = {"negative", "absolute", "sign", "square", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tanh",
         "logical_not", "isnan", "isfinite"}  # fmt: skip
TEMPLATES |= {name: f"np.{UFUNCS[name]}({{0}}, out={{out}})" for name in UNARY}

OF_FLOATS = {"sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sign", "square", "power", "power_scalar"}
STRETCHING = UFUNCS.keys() - UNARY  # operations that make their operands the same shape

VIEWS = {
    "reshape": "{0}.reshape({shape})", "transpose": "{0}.transpose({axes})", "getitem": "{0}[{index}]",
    "broadcast_to": "np.broadcast_to({0}, {shape})", "flip": "np.flip({0}, {axis})",
}  # fmt: skip

# Operations that may write their result over an input, with the positions of such inputs.
OVERWRITES: dict[str, tuple[int, ...]] = {
    **{name: (0,) if name in UNARY else (0, 1) for name in UFUNCS},
    "clone": (0,), "relu": (0,), "sigmoid": (0,), "reciprocal": (0,), "clamp": (0,), "softmax": (0,), "where": (2,),
    "keep": (0,), "less_one_hot": (0,), "power_scalar": (0,), "setitem": (0,),
}  # fmt: skip


class Writer:
    """Collects the lines of the generated function and the things that it refers to."""

    def __init__(self, functions: dict[str, Any]) -> None:
        self.product = "np.matmul"  # in a step without convolutions, which keep a pool of threads busy
        self.lines: list[str] = []
        self.owners: list[Instruction] = []  # of each line
        self.names: dict[str, Any] = {"np": np, **functions}
        self.outside: dict[str, Any] = {}  # those among the names that belong to the user: tensors, optimizers ...
        self.known: dict[int, str] = {}  # their names, by id
        self.views: dict[str, str] = {}  # name -> expression of a view, evaluated once

    def of(self, x: Any) -> str:
        """Name a value, or spell a number or a setting."""
        return x.holder.name if isinstance(x, Value) else self.setting(x, "number")

    def setting(self, x: Any, name: str) -> str:
        """Spell a static argument, or name what cannot be spelled."""
        return spelled(x) if is_literal(x) else self.named(x, name)

    def view(self, x: Value, expression: str) -> str:
        """Name a view of a value: made once where the value's memory stays, at every call where it is an input's."""
        if moves(x):
            return self.of(x) + expression
        name = self.of(x) + "".join(c if c.isalnum() else "_" for c in expression).rstrip("_")
        self.views[name] = self.of(x) + expression
        return name

    def refer(self, thing: Any, name: str) -> str:
        """Give a Python object from outside a name in the source."""
        name = self.named(thing, name)
        self.outside[name] = thing
        return name

    def named(self, thing: Any, name: str) -> str:
        """Give a Python object a name in the source."""
        if id(thing) not in self.known:
            while name in self.names:
                name += "_"
            self.names[name], self.known[id(thing)] = thing, name
        return self.known[id(thing)]


class Operand(str):
    """The name of an input in a template."""

    writer: Writer
    value: Any

    @property
    def T(self) -> str:
        """Name its transpose."""
        return self.writer.view(self.value, ".T")


def moves(x: Value) -> bool:
    """Tell whether the memory of a value is another at every call."""
    return x.root.fresh or x.root.origin in ("input", "gradient")


def spelled(x: Any) -> str:
    """Spell a number or a setting in Python."""
    if isinstance(x, float) and (x != x or x in (float("inf"), float("-inf"))):
        return f"float('{x}')"
    if isinstance(x, np.dtype):
        return f"np.dtype('{x.str}')"
    return f"({''.join(f'{spelled(item)}, ' for item in x).rstrip()})" if isinstance(x, tuple) else repr(x)


def spelled_index(s: Instruction) -> str:
    """Spell a basic index as people write it; what it gives is to be a view, also of one element, not a number."""
    parts = ["..."] if s.outputs[0].shape == () and ... not in s.static["index"] else []
    for i in reversed(s.static["index"]):
        ends = [i.start, i.stop] + ([i.step] if i.step is not None else []) if isinstance(i, slice) else []
        parts.append(":".join("" if e is None else repr(e) for e in ends) if ends else "..." if i is ... else repr(i))
    return ", ".join(reversed(parts)) or "..."


Write = Callable[[Writer, Instruction], list[str]]
WRITERS: dict[str, Write] = {}


def writes(*names: str) -> Callable[[Write], Write]:
    """Register how operations are written that need more than a template."""

    def register(write: Write) -> Write:
        WRITERS.update(dict.fromkeys(names, write))
        return write

    return register


def _template(w: Writer, s: Instruction, template: str) -> list[str]:
    if s.name == "clone" and s.in_place:
        return []
    if s.name in OF_FLOATS and s.inputs[0].dtype.kind != "f":  # where NumPy's dtypes are not ours
        return as_it_is(w, s)
    operands = []
    for i, x in enumerate(s.inputs):
        stretch = s.name in STRETCHING and isinstance(x, Value) and 0 < len(x.shape) and x.shape != s.outputs[0].shape
        operands.append(Operand(f"stretched('{i}', {w.of(x)}, {s.outputs[0].shape})" if stretch else w.of(x)))
        operands[-1].writer, operands[-1].value = w, x
    static = {k: w.setting(v, k) for k, v in s.static.items()}
    settings = ", ".join(f"{k}={v}" for k, v in static.items())
    outputs = dict(zip(("out", "saved"), map(w.of, s.outputs), strict=False))
    return [template.format(*operands, product=w.product, settings=settings, **static, **outputs)]


WRITERS |= {name: partial(_template, template=text) for name, text in TEMPLATES.items()}


@writes("max_pool2d")
def _max_pool2d(w: Writer, s: Instruction) -> list[str]:
    return _template(w, s, TEMPLATES["max_pool2d" if len(s.outputs) == 2 else "max_pool2d_values"])


@writes("power_scalar")
def _power(w: Writer, s: Instruction) -> list[str]:
    return _template(w, s, TEMPLATES["square"] if s.static["exponent"] == 2 else "np.power({0}, {exponent}, out={out})")


@writes("linear")
def _linear(w: Writer, s: Instruction) -> list[str]:
    shape = s.outputs[0].shape
    plus = "" if s.inputs[2] is None else f"; np.add({{out}}, stretched('bias', {{2}}, {shape}), out={{out}})"
    return _template(w, s, "{product}({0}, {1.T}, out={out})" + plus)


@writes("reshape")
def _reshape(w: Writer, s: Instruction) -> list[str]:
    x, out = s.inputs[0], s.outputs[0]  # not a view: the memory of x runs in another order
    return [f"np.copyto({w.view(out, f'.reshape({x.shape})')}, {w.of(x)})"]


@writes("setitem")
def _setitem(w: Writer, s: Instruction) -> list[str]:
    whole = s.static["index"] == (Ellipsis,)
    return _template(w, s, "np.copyto({out}, {1}, casting='unsafe')") if whole else as_it_is(w, s)


@writes("sum", "mean", "amax", "amin")
def _reduction(w: Writer, s: Instruction) -> list[str]:
    x, out = s.inputs[0], s.outputs[0]
    if x.dtype != out.dtype:
        return as_it_is(w, s)
    axes = reduced_axes(len(x.shape), s.static["axis"])
    names = {"sum": "sum_axes", "mean": "np.add.reduce", "amax": "np.maximum.reduce", "amin": "np.minimum.reduce"}
    all_or_small = len(x.shape) < 2 or s.static["axis"] is None or math.prod(x.shape) <= SMALL
    function = "np.add.reduce" if s.name == "sum" and all_or_small else names[s.name]
    place = f"{axes}" if function == "sum_axes" else f"axis={axes}"
    line = f"{function}({w.of(x)}, {place}, keepdims={s.static['keepdims']}, out={w.of(out)})"
    if s.name == "mean":
        number = np.prod([x.shape[a] for a in axes], dtype=np.int64)
        line += f"; np.true_divide({w.of(out)}, np.{x.dtype}({number}), out={w.of(out)})"
    return [line]


@writes("draw")
def _draw(w: Writer, s: Instruction) -> list[str]:
    fill, generator = s.action
    settings = "".join(f", {k}={spelled(v)}" for k, v in s.static.items())
    w.names[fill.__name__] = fill
    return [f"{fill.__name__}({w.of(s.outputs[0])}, {w.refer(generator, 'generator')}{settings})"]


@writes("write")
def _write(w: Writer, s: Instruction) -> list[str]:
    old, value = s.inputs
    return [] if value.holder is old.holder else [f"np.copyto({w.of(old)}, {w.of(value)}, casting='unsafe')"]


@writes("effect")
def _effect(w: Writer, s: Instruction) -> list[str]:
    owner = getattr(s.action, "__self__", None)
    if owner is None:
        return [f"{w.refer(s.action, 'action')}()"]
    return [f"{w.refer(owner, type(owner).__name__.lower())}.{s.action.__name__}()"]


@writes("update")
def _update(w: Writer, s: Instruction) -> list[str]:
    optimizer, p, group = s.action
    name = w.refer(optimizer, type(optimizer).__name__.lower())
    return [f"{name}.apply({w.refer(p, f'{w.of(s.inputs[0])}_tensor')}, {w.of(s.inputs[1])}, "
            f"{w.refer(group, f'{name}_group')})"]  # fmt: skip


def call_of(w: Writer, s: Instruction) -> str:
    """Spell a view, or the call of a primitive's own function."""
    if s.name == "transpose" and s.static["axes"] == tuple(reversed(range(len(s.inputs[0].shape)))):
        return f"{w.of(s.inputs[0])}.T"
    if s.name in VIEWS and len(s.inputs) == 1:
        static = {k: spelled_index(s) if k == "index" else w.setting(v, k) for k, v in s.static.items()}
        return VIEWS[s.name].format(w.of(s.inputs[0]), **static)
    name = w.named(s.primitive.forward if s.primitive is not None else None, f"{s.name}_")
    return f"{name}({', '.join([*map(w.of, s.inputs), *(f'{k}={w.setting(v, k)}' for k, v in s.static.items())])})"


def as_it_is(w: Writer, s: Instruction) -> list[str]:
    """Call the primitive's own function and copy what it gives."""
    out = w.of(s.outputs[0])
    if s.primitive is None or not s.primitive.residuals:
        return [f"np.copyto({out}, {call_of(w, s)}, casting='unsafe')"]
    lines = [f"result, saved = {call_of(w, s)}", f"np.copyto({out}, result, casting='unsafe')"]
    lines += [f"np.copyto({w.of(s.outputs[1])}, saved)"] if len(s.outputs) == 2 else []
    return ["; ".join(lines)]


def write_source(program: Program, functions: dict[str, Any]) -> Writer:
    """Write the body of the replay, one line per instruction; views of memory that stays are not in it."""
    w = Writer(functions)
    w.product = "product" if any(s.name.startswith("conv2d") for s in program.instructions) else w.product
    w.names |= dict.fromkeys(v.name for s in program.instructions for v in (*s.values(), *s.outputs))
    for s in program.instructions:
        if not s.is_view:
            lines = WRITERS.get(s.name, as_it_is)(w, s)
        else:
            lines = [f"{s.outputs[0].name} = {call_of(w, s)}"]  # also where made once: what it names must be there
            lines = lines if moves(s.outputs[0]) else []
        w.lines += lines
        w.owners += [s] * len(lines)
    return w


def fixed_views(program: Program, w: Writer) -> dict[str, str]:
    """List the views that are made once, with the expression of each."""
    views = {s.outputs[0].name: call_of(w, s) for s in program.instructions if s.is_view and not moves(s.outputs[0])}
    return views | w.views
