"""Write a program as Python source: one NumPy or kernel call per instruction, each into memory that is there already.

A primitive's forward that takes `out` is given it; what another one gives is copied, which is right but allocates. Look
next at replay.py, which gives the names their arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..capture.program import Instruction, Program, Value
from ..core.card import MEMORY, has_argument
from ..kernels.product import product
from ..kernels.scratch import stretched
from ..ops.contract import linear
from .passes import is_literal

VIEWS = {
    "reshape": "{0}.reshape({shape})", "transpose": "{0}.transpose({axes})", "getitem": "{0}[{index}]",
    "broadcast_to": "np.broadcast_to({0}, {shape})",
}  # fmt: skip
PAIR = "result", "saved"


class Writer:
    """Collects the lines of the generated function and the things that it refers to."""

    def __init__(self, program: Program) -> None:
        # convolutions keep a pool of threads busy, which takes products, too
        self.pooled = any(s.name.startswith("conv2d") for s in program.instructions)
        self.lines: list[str] = []
        self.owners: list[Instruction] = []  # of each line
        self.names: dict[str, Any] = {"np": np}
        self.names |= dict.fromkeys(v.name for s in program.instructions for v in (*s.values(), *s.outputs))
        self.outside: dict[str, Any] = {}  # those among the names that belong to the user: tensors, optimizers ...
        self.known: dict[int, str] = {}  # their names, by id
        self.views: dict[str, str] = {}  # name -> expression of a view, evaluated once

    def of(self, x: object) -> str:
        """Name a value, or spell a number or a setting."""
        return x.holder.name if isinstance(x, Value) else self.setting(x, "number")

    def setting(self, x: object, name: str) -> str:
        """Spell a static argument, or name what cannot be spelled."""
        return spelled(x) if is_literal(x) else self.named(x, name)

    def view(self, x: Value, expression: str) -> str:
        """Name a view of a value: made once where the value's memory stays, at every call where it is an input's."""
        if is_moved(x):
            return self.of(x) + expression
        name = self.of(x) + "".join(c if c.isalnum() else "_" for c in expression).rstrip("_")
        self.views[name] = self.of(x) + expression
        return name

    def refer(self, thing: object, name: str) -> str:
        """Give a Python object from outside a name in the source."""
        name = self.named(thing, name)
        self.outside[name] = thing
        return name

    def function(self, function: Callable[..., Any], name: str = "") -> str:
        """Name a function that the source calls."""
        own = getattr(function, "__name__", "")
        return f"np.{own}" if getattr(np, own, None) is function else self.named(function, name or own)

    def named(self, thing: object, name: str) -> str:
        """Give a Python object a name in the source."""
        if id(thing) not in self.known:
            while name in self.names:
                name += "_"
            self.names[name], self.known[id(thing)] = thing, name
        return self.known[id(thing)]


def is_moved(x: Value) -> bool:
    """Tell whether the memory of a value is another at every call."""
    return x.root.fresh or x.root.origin in ("input", "gradient")


def spelled(x: object) -> str:
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


def _draw(w: Writer, s: Instruction) -> list[str]:
    fill, generator = s.action
    settings = "".join(f", {k}={spelled(v)}" for k, v in s.static.items())
    w.names[fill.__name__] = fill
    return [f"{fill.__name__}({w.of(s.outputs[0])}, {w.refer(generator, 'generator')}{settings})"]


def _write(w: Writer, s: Instruction) -> list[str]:
    old, value = s.inputs
    return [] if value.holder is old.holder else [f"np.copyto({w.of(old)}, {w.of(value)}, casting='unsafe')"]


def _effect(w: Writer, s: Instruction) -> list[str]:
    owner = getattr(s.action, "__self__", None)
    if owner is None:
        return [f"{w.refer(s.action, 'action')}()"]
    return [f"{w.refer(owner, type(owner).__name__.lower())}.{s.action.__name__}()"]


def _update(w: Writer, s: Instruction) -> list[str]:
    optimizer, p, group = s.action
    name = w.refer(optimizer, type(optimizer).__name__.lower())
    return [f"{name}.apply({w.refer(p, f'{w.of(s.inputs[0])}_tensor')}, {w.of(s.inputs[1])}, "
            f"{w.refer(group, f'{name}_group')})"]  # fmt: skip


def view_of(w: Writer, s: Instruction) -> str:
    """Spell a view."""
    if s.name == "transpose" and s.static["axes"] == tuple(reversed(range(len(s.inputs[0].shape)))):
        return f"{w.of(s.inputs[0])}.T"
    if s.name in VIEWS and len(s.inputs) == 1:
        static = {k: spelled_index(s) if k == "index" else w.setting(v, k) for k, v in s.static.items()}
        return VIEWS[s.name].format(w.of(s.inputs[0]), **static)
    return call(w, s, w.function(s.primitive.forward, s.name) if s.primitive is not None else "")


def call(w: Writer, s: Instruction, name: str, inputs: Iterable[str] | None = None, **memory: str) -> str:
    """Spell the call of a function with what goes in, the settings and memory for what comes out."""
    settings = {k: w.setting(v, k) for k, v in s.static.items()} | memory
    return f"{name}({', '.join([*(inputs or map(w.of, s.inputs)), *(f'{k}={v}' for k, v in settings.items())])})"


def lines_of(w: Writer, s: Instruction) -> list[str]:
    """Write an instruction: the call of its primitive's forward, into memory that is there already."""
    p = s.primitive
    if p is None or p is linear:
        return WRITERS[s.name](w, s)
    if s.name == "clone" and s.in_place:
        return []
    forward: Any = p.forward
    out, inputs = s.outputs[0], list(map(w.of, s.inputs))
    memory = dict(zip(MEMORY, map(w.of, s.outputs), strict=False))
    given = p.takes_out and p.residuals == (len(memory) == 2)
    pair = p.residuals and (p.unrecorded is None or len(memory) == 2)
    if p.residuals and not pair:
        forward, given = p.unrecorded, has_argument(p.unrecorded, "out")
    elif p.ufunc is not None and (p.convert is None or all(v.dtype.kind == "f" for v in s.values())):
        forward = p.ufunc
    elif p.unchecked is not None and out.dtype.kind == "f" and all(v.dtype == out.dtype for v in s.values()):
        forward = p.unchecked if w.pooled or p.unchecked is not product else np.matmul
    name = w.function(forward, s.name)
    if not given and not pair:
        return [f"np.copyto({memory['out']}, {call(w, s, name)}, casting='unsafe')"]
    if not given:
        copies = (f"np.copyto({x}, {made}, casting='unsafe')" for made, x in zip(PAIR, memory.values(), strict=False))
        return ["; ".join([f"{', '.join(PAIR)} = {call(w, s, name)}", *copies])]
    for i, x in enumerate(s.inputs if p.promote is not None else ()):
        if isinstance(x, Value) and 0 < len(x.shape) and x.shape != out.shape:
            inputs[i] = f"{w.function(stretched)}('{i}', {inputs[i]}, {out.shape})"
    return [call(w, s, name, inputs, **memory)]


def _linear(w: Writer, s: Instruction) -> list[str]:
    (x, weight, bias), out = s.inputs, s.outputs[0]
    line = f"{w.function(product if w.pooled else np.matmul)}({w.of(x)}, {w.view(weight, '.T')}, out={w.of(out)})"
    if bias is not None:
        line += f"; np.add({w.of(out)}, {w.function(stretched)}('bias', {w.of(bias)}, {out.shape}), out={w.of(out)})"
    return [line]


# what is no call of a primitive's forward
WRITERS = {"draw": _draw, "write": _write, "effect": _effect, "update": _update, "linear": _linear}


def write_source(program: Program) -> Writer:
    """Write the body of the replay, one line per instruction; views of memory that stays are not in it."""
    w = Writer(program)
    for s in program.instructions:
        if not s.is_view:
            lines = lines_of(w, s)
        else:
            lines = [f"{s.outputs[0].name} = {view_of(w, s)}"]  # also where made once: what it names must be there
            lines = lines if is_moved(s.outputs[0]) else []
        w.lines += lines
        w.owners += [s] * len(lines)
    return w


def fixed_views(program: Program, w: Writer) -> dict[str, str]:
    """List the views that are made once, with the expression of each."""
    views = {s.outputs[0].name: view_of(w, s) for s in program.instructions if s.is_view and not is_moved(s.outputs[0])}
    return views | w.views
