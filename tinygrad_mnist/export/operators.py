"""What ONNX calls the operations that are no formulas of single elements, or that have an operator of their own.

Here and no key of the cards: most programs do not have the package that this speaks to, and a card says how to compute.
A method has its primitive's name and arguments (tensors by name, numbers, None). Look next at export.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..kernels.blend import taps
from ..kernels.recurrent import CELLS
from .graph import Graph, named

FIRST, LAST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
GATES = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}  # in ONNX's order


class Operators(Graph):
    """A graph, and how operations are added to it."""

    def shape(self, x: str) -> Any:
        """Give the shape of a tensor as one."""
        return self.add("Shape", x, dtype=np.int64)

    def axes(self, x: str, axis: Any) -> list[int]:
        """List the axes that a reduction is told."""
        return [*range(len(self.shapes[x]))] if axis is None else [*np.atleast_1d(axis).tolist()]

    def reduce(self, op: str, x: str, *, axis: Any, keepdims: bool) -> Any:
        """Reduce numbers to numbers, or truth to truth."""
        shown = self.cast(x, self.out.dtype) if self.out.dtype != bool else self.cast(self.cast(x, bool), np.int32)
        return self.add(op, shown, self.axes(x, axis), keepdims=int(keepdims), noop_with_empty_axes=1)

    def extreme(self, op: str, x: str, *, axis: int | None, keepdims: bool) -> Any:
        """Find an extreme along an axis, or in all of x."""
        row = x if axis is not None else self.add("Reshape", x, [-1])
        found = self.add(op, row, dtype=np.int64, axis=axis or 0, keepdims=int(keepdims and axis is not None))
        return found if axis is not None else self.add("Reshape", found, [1] * len(self.out.shape))

    def _var(self, x: str, *, axis: Any, correction: float, keepdims: bool) -> Any:
        axes = self.axes(x, axis)
        count = np.prod([self.shapes[x][a] for a in axes])
        factor = 1 if not correction else float(count / (count - correction)) if count > correction else np.inf
        text = "variance(x)" if factor == 1 else "variance(x) * factor"
        found = self.formula(text, self.out.dtype, axes, x=x, factor=factor)
        return found if keepdims else self.add("Squeeze", found, axes)

    def _getitem(self, x: str, *arrays: str, index: Any) -> Any:
        if len(arrays) > 1 or arrays and any(type(i) is int for i in index):
            self.add("an index of several arrays")
        used, at = len([i for i in index if i is not None and i is not Ellipsis]), [*index, Ellipsis].index(Ellipsis)
        slices, picks, new, axis, place = [], [], [], 0, 0
        for i in (*index[:at], *[slice(None)] * (len(self.shapes[x]) - used), *index[at + 1 :]):
            if i is None:
                new.append(place)
            elif not isinstance(i, slice):
                picks.append((axis, self.cast(arrays[0] if isinstance(i, str) else i, np.int64)))
                place += len(self.shapes[arrays[0]]) - 1 if isinstance(i, str) else -1
            elif i != slice(None):
                ends = (LAST, FIRST) if i.step is not None and i.step < 0 else (0, LAST)
                start, stop = (end if n is None else n for n, end in zip((i.start, i.stop), ends, strict=True))
                slices.append((start, stop, axis, i.step or 1))
            place, axis = place + 1, axis + (i is not None)
        x = self.add("Slice", x, *map(list, zip(*slices, strict=True))) if slices else x
        for axis, pick in reversed(picks):
            x = self.add("Gather", x, pick, axis=axis)
        return self.add("Unsqueeze", x, new) if new else x

    def _linear(self, x: str, w: str, b: str | None) -> Any:
        if len(self.shapes[x]) == 2:
            return self.add("Gemm", x, w, b, transB=1)
        out = self.add("MatMul", x, self.add("Transpose", w, perm=[1, 0]))
        out = out if b is None else self.add("Add", out, b)
        self.linear[out] = x, w, b
        return out

    def _pick(self, x: str, target: str) -> Any:
        column = self.add("Unsqueeze", self.cast(target, np.int64), [1])
        return self.add("Squeeze", self.add("GatherElements", x, column, axis=1), [1])

    def _cross_entropy(self, x: str, target: str, *, smoothing: float) -> Any:
        logs = self.add("LogSoftmax", x, axis=1)
        chosen, mean = self._pick(logs, target), self.add("ReduceMean", logs, [1], keepdims=0)
        return self.formula("-a - e * (b - a)" if smoothing else "-a", self.out.dtype, a=chosen, b=mean, e=smoothing)

    def _moments(self, x: str) -> Any:
        axes = [0, *range(2, len(self.shapes[x]))]
        both = [self.formula(text, self.out.dtype, axes, x=x) for text in ("mean(x)", "variance(x)")]
        return self.add("Concat", *[self.add("Reshape", v, [1, -1]) for v in both], axis=0)

    def _rescale(self, x: str, centre: Any, factor: Any, offset: Any, y: Any = None, share: Any = None) -> Any:
        for op, each in (("Sub", centre), ("Mul", factor), ("Add", offset)):
            x = x if each is None else self.add(op, x, self._of_channels(each))
        more = y if share is None else self.add("Mul", y, self._of_channels(share))
        return x if y is None else self.add("Add", x, more)

    def _of_channels(self, v: str) -> str:
        return str(self.add("Reshape", v, [-1, *[1] * (len(self.out.shape) - 2)]))

    def _batch_norm(self, x: str, known: Any, weight: Any, bias: Any, *, eps: float) -> Any:
        axes = [0, *range(2, len(self.shapes[x]))]
        mean, variance = (self.formula(text, self.out.dtype, axes, x=x) for text in ("mean(x)", "variance(x)"))
        even = self.formula("(x - m) / math.sqrt(v + e)", self.out.dtype, x=x, m=mean, v=variance, e=eps)
        return self._rescale(even, None, weight, bias)

    def _conv2d_input_gradient(self, y: str, w: str, *, x_shape: Any, groups: int, **settings: Any) -> Any:
        windows, ends = window(**settings), []
        for axis in (0, 1):  # less padding at the end shows what lies beyond the last window; beyond that are zeros
            stride, start, dilation = (windows[k][axis] for k in ("strides", "pads", "dilations"))
            whole = stride * (self.shapes[y][2 + axis] - 1) + dilation * (self.shapes[w][2 + axis] - 1) + 1
            ends.append(whole - start - x_shape[2 + axis])
        windows["pads"][2:] = [max(end, 0) for end in ends]
        x = self.add("ConvTranspose", y, w, group=groups, **windows)
        beyond = [0] * 6 + [max(-end, 0) for end in ends]
        return self.add("Pad", x, beyond, self.cast(0, self.out.dtype)) if any(beyond) else x

    def _pool_winners(self, x: str, **settings: Any) -> Any:  # numbered in their plane, wherever there are winners
        places = self.add("MaxPool", x, outputs=2, **window(**settings))[1]
        return self.add("Mod", places, self.cast(self.shapes[x][2] * self.shapes[x][3], np.int64), dtype=self.out.dtype)

    def _pool_gather(self, x: str, winners: str, **settings: Any) -> Any:
        rows = [self.add("Reshape", v, [0, 0, -1]) for v in (x, winners)]
        return self.add("Reshape", self.add("GatherElements", *rows, axis=2), self.shape(winners))

    def _blend(self, x: str, *, axis: int, table: Any) -> Any:
        matrix = np.zeros((table.size, table.outputs) if table.adjoint else (table.outputs, table.size))
        for to, at, weight in taps(table):
            rows, columns = (np.arange(n)[i] for n, i in zip(matrix.shape, (to, at), strict=True))
            matrix[rows, columns] += 1 if weight is None else weight
        axes = "abcdefgh"[: len(self.shapes[x])]
        equation = f"{axes},z{axes[axis]}->{axes.replace(axes[axis], 'z')}"
        return self.add("Einsum", x, self.constant(matrix, self.out.dtype), equation=equation)

    def _unrolled(self, x: str, h0: str, w: str, b: Any, *, cell: str) -> Any:
        (rows, size), kind, count = self.shapes[w], self.out.dtype, CELLS[cell].states
        # an affine map before becomes part of it
        x, w_x, b_x = self.linear.get(x, (x, self.constant(np.eye(rows), kind), None))
        for index in self.uses if count > 1 and self.out.shape[0] > 1 else ():
            if index is None or index[0] != -1 and index != (Ellipsis, slice(0, size)):
                self.add("the cells of each step")  # ONNX gives the last: they stand for all, as nothing asks for more
        order = np.arange(rows).reshape(-1, size)[GATES.get(cell, [0])].reshape(-1)
        w_x, w, b_x, b = (
            self.constant(np.zeros(rows), kind) if v is None else v if cell not in GATES else
            self.add("Gather", v, self.constant(order, np.int64), axis=0) for v in (w_x, w, b_x, b)
        )  # fmt: skip
        states = self.add("Unsqueeze", h0, [0])
        starts = [self.add("Slice", states, [i * size], [(i + 1) * size], [2]) for i in range(count)]
        operands = [self.add("Unsqueeze", v, [0]) for v in (w_x, w, self.add("Concat", b_x, b, axis=0))]
        settings = {"gru": {"linear_before_reset": 1}, "lstm": {}}.get(cell, {"activations": [cell.capitalize()]})
        op = cell.upper() if cell in GATES else "RNN"
        out, *ends = self.add(op, x, *operands, None, *starts, outputs=1 + count, hidden_size=size, **settings)
        out = self.add("Squeeze", out, [1])
        return out if count == 1 else self.add("Concat", out, self.add("Expand", ends[1], self.shape(out)), axis=2)


def window(stride: Any, padding: Any, dilation: Any = (1, 1), **size: Any) -> dict[str, Any]:
    """Spell the settings of windows."""
    settings = {"strides": stride, "pads": [*padding, *padding], "dilations": dilation, **size}
    return {k.replace("size", "shape"): [*v] for k, v in settings.items()}


def formula(text: str, axes: Any = "") -> Callable[..., Any]:
    """Make the translation of what a formula says."""
    return lambda g, *args, **static: g.formula(text, g.out.dtype, axes, **named(args), **static)


def simple(op: str, bits: str = "") -> Callable[..., Any]:
    """Make the translation to one operator, of the same arguments in the result's dtype; bits: that of integers."""
    return lambda g, *args, **static: g.add(
        bits if bits and g.out.dtype != bool else op, *[None if x is None else g.cast(x, g.out.dtype) for x in args],
        **static)  # fmt: skip


TABLE: dict[str, Callable[..., Any]] = {
    **{name: partial(lambda op, g, x, **how: g.reduce(op, x, **how), f"Reduce{op}") for name, op in {
        "sum": "Sum", "mean": "Mean", "amax": "Max", "amin": "Min", "logsumexp": "LogSumExp", "norm": "L2",
        "all": "Min", "any": "Max", "prod": "Prod"}.items()},
    **{f"arg{m}": partial(lambda op, g, x, **how: g.extreme(op, x, **how), f"Arg{m.title()}") for m in ("max", "min")},
    **{name: simple(op) for name, op in {
        "relu": "Relu", "matmul": "MatMul", "maximum": "Max", "minimum": "Min", "sign": "Sign", "mish": "Mish",
        "softmax": "Softmax", "log_softmax": "LogSoftmax", "cat": "Concat", "det": "Det"}.items()},
    **{f"bitwise_{op.lower()}": simple(op, f"Bitwise{op}") for op in ("And", "Or", "Xor", "Not")},
    "standardize": formula("(x - mean(x)) / math.sqrt(variance(x) + eps)", [1]),
    "logaddexp": formula("(a if a > b else b) + math.log1p(math.exp(-abs(a - b)))"),
    "xlogy": formula("0 if a == 0 else a * math.log(b)"), "remainder": formula("a - loops.floor(a / b) * b"),
    "floor_divide": formula("loops.floor(a / b)"),  # of floats: Floor takes no integers
    **{name: lambda g, x, low, high: simple("Clip")(g, x, low, high) for name in ("clamp", "hardtanh")},
    **{name: lambda g, x, **settings: x for name in ("cast", "pool_positions", "within")},  # as every result is cast
    "reshape": lambda g, x, shape: g.add("Reshape", x, list(shape), allowzero=int(0 in shape)),
    "broadcast_to": lambda g, x, shape: g.add("Expand", x, list(shape)),
    "transpose": lambda g, x, axes: g.add("Transpose", x, perm=[a % len(axes) for a in axes]),
    "flip": lambda g, x, axis: g.add("Slice", x, *(len(axis) * [n] for n in (LAST, FIRST)), [*axis], len(axis) * [-1]),
    "pad": lambda g, x, width, value: g.add("Pad", x, [*np.transpose(width).flat], g.cast(value, g.out.dtype)),
    "mirror": lambda g, x, width, mode: g.add("Pad", x, [*np.transpose(width).flat], mode=MODES[mode]),
    "gather": lambda g, x, index, axis: g.add("GatherElements", x, g.cast(index, np.int64), axis=axis),
    "place": lambda g, x, value, index, axis: g.add("ScatterElements", x, g.cast(index, np.int64), g.add(
        "Expand", g.cast(value, g.out.dtype), g.shape(index)), axis=axis),
    "scatter": lambda g, x, index, axis, shape: g.add("ScatterElements", g.add(
        "Expand", g.cast(0, g.out.dtype), list(shape)), g.cast(index, np.int64), x, axis=axis, reduction="add"),
    "argtopk": lambda g, x, count, axis, largest: g.add(
        "TopK", x, [count], outputs=2, axis=axis, largest=int(largest))[1],
    "argsort": lambda g, x, axis, descending: g.add(
        "TopK", x, [g.shapes[x][axis]], outputs=2, axis=axis, largest=int(descending))[1],
    "cumsum": lambda g, x, axis, reverse: g.add(
        "CumSum", g.cast(x, g.out.dtype), g.cast(axis, np.int64), reverse=int(reverse)),
    "gelu": lambda g, x, approximate: g.add("Gelu", x, approximate="tanh" if approximate else "none"),
    "conv2d": lambda g, x, w, b, groups, **windows: g.add("Conv", x, w, b, group=groups, **window(**windows)),
    "max_pool2d": lambda g, x, **windows: g.add("MaxPool", x, **window(**windows)),
}  # fmt: skip
TABLE |= {name[1:]: method for name, method in vars(Operators).items() if name[0] == "_" != name[1]}
