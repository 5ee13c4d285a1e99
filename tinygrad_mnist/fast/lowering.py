"""Turn the instructions of a program into tasks on rows, as far as kernels/loops.py can do them.

A `lower_...` method adds the tasks of one instruction and tells whether it could; what it cannot is left to NumPy. Look
next at source.py, which writes the loops.
"""

from __future__ import annotations

import math
from typing import Any

from ..capture.program import EFFECTS, Instruction, Program, Value
from .tasks import Task

# Elementwise operations, as an expression of their operands; ZERO and number literals take the dtype of the result.
EXPRESSIONS = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}", "dropout": "{0} * {1}",
    "negative": "-{0}", "absolute": "abs({0})", "square": "{0} * {0}", "sqrt": "math.sqrt({0})",
    "reciprocal": "ONE / {0}", "exp": "math.exp({0})", "expm1": "math.expm1({0})", "log": "math.log({0})",
    "log1p": "math.log1p({0})", "sin": "math.sin({0})", "cos": "math.cos({0})", "tanh": "tanh({0})",
    "sigmoid": "sigmoid({0})", "relu": "ZERO if {0} <= ZERO else {0}", "keep": "{0} if {1} else ZERO", "clone": "{0}",
    "less": "{0} < {1}", "greater": "{0} > {1}", "greater_equal": "{0} >= {1}", "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}", "not_equal": "{0} != {1}", "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
}  # fmt: skip

LARGE_PRODUCT = 1 << 20  # multiplications, from which on another meeting of the threads pays


def channels_last(v: Value) -> bool:
    """Tell whether images lie in memory as H, W, C."""
    return len(v.shape) == 4 and (v.axes == (0, 2, 3, 1) or (v.shape[1] == 1 and v.axes == (0, 1, 2, 3)))


def in_order(v: Value) -> bool:
    """Tell whether the memory order is that of the axes, an axis of size 1 being anywhere."""
    long = [a for a in v.axes if v.shape[a] != 1]
    return long == sorted(long)


class Shares(Value):
    """What each thread has computed of a sum: one array of each."""


class Lowering:
    """Builds the list of tasks."""

    def __init__(self, program: Program, threads: int) -> None:
        self.threads = threads
        self.taken = {v.name for s in program.instructions for v in (*s.values(), *s.outputs)}
        self.tasks: list[Task] = []
        self.made_by = {v: s for s in program.instructions for v in s.outputs}
        self.turned: dict[Value, Value] = {}
        self.index = 0
        kinds = {v.dtype.char for v in self.made_by if v.dtype.kind == "f"}
        self.kind = kinds.pop() if len(kinds) == 1 and kinds <= {"f", "d"} else ""
        for step in program.instructions:
            if step.is_view:
                continue
            lower = getattr(self, f"lower_{step.name}", self.elementwise if step.name in EXPRESSIONS else None)
            if step.name in EFFECTS and step.name != "update" or not self.kind or lower is None or not lower(step):
                self.by_numpy(step)

    # ------------------------------------------------------------ parts

    def add(self, step: Instruction, name: str, inputs: Any, outputs: Any, rows: int, own: Any, **static: Any) -> bool:
        """Append a task, unless an array is empty or a result would lie in memory as rows do not."""
        if any(isinstance(v, Value) and 0 in v.shape for v in (*inputs, *outputs)):
            return False
        if not all(isinstance(v, Shares) or in_order(v) or channels_last(v) for v in outputs):
            return False
        self.tasks.append(Task(name, list(inputs), list(outputs), rows, tuple(own), step, static))
        return True

    def by_numpy(self, step: Instruction) -> None:
        """Leave an instruction to NumPy."""
        self.tasks.append(Task(step.name, step.inputs, step.outputs, None, (), step, step.static))

    def value(
        self, name: str, shape: tuple[int, ...], axes: Any = None, dtype: Any = None, kind: type[Value] = Value
    ) -> Value:
        """Make a value that the program does not have, and whose name no value of it has."""
        self.index += 1
        while f"{name}_{self.index}" in self.taken:
            self.index += 1
        order = tuple(range(len(shape))) if axes is None else axes
        return kind(self.index, shape, dtype or self.kind, order, name=f"{name}_{self.index}")

    def shares(self, shape: tuple[int, ...]) -> Value:
        """Make a value that holds one array of each thread."""
        return self.value("partial", (self.threads, *shape), kind=Shares)

    def plain(self, x: Any) -> bool:
        """Tell whether a value is an array whose memory can be taken as rows: not stretched, transposed or cut."""
        if not isinstance(x, Value) or x.dtype.char not in (self.kind, "l", "q", "B", "?") or not x.dtype.isnative:
            return False
        if (x.dtype.kind == "i" and x.dtype.itemsize != 8) or not (in_order(x) or channels_last(x)):
            return False
        maker, x = self.made_by.get(x), x.holder
        if maker is None or not maker.is_view:
            array = {"constant": x.source, "state": getattr(x.source, "array", None)}.get(x.origin)
            return array is None or bool(array.transpose(x.axes).flags.c_contiguous)
        return maker.name == "reshape" and in_order(x) and in_order(maker.inputs[0]) and self.plain(maker.inputs[0])

    def stretched_from(self, x: Any) -> Any:
        """Look through broadcast_to."""
        while isinstance(x, Value) and x in self.made_by and self.made_by[x].name == "broadcast_to":
            x = self.made_by[x].inputs[0]
        return x

    def turn(self, step: Instruction, x: Value, last: bool) -> Value | None:
        """Bring images to channels-last memory, or to C order; None if they cannot be."""
        if channels_last(x) if last else in_order(x):
            return x
        if len(x.shape) != 4 or not self.plain(x):
            return None
        if x not in self.turned:
            n, c, h, w = x.shape
            out = self.value("turned", x.shape, (0, 2, 3, 1) if last else None)
            sizes = (c, h * w) if last else (h * w, c)
            if not self.add(step, "turn", [x], [out], n, (0,), sizes=sizes):
                return None
            self.turned[x] = out
        return self.turned[x]

    # ------------------------------------------------------------ elementwise and row by row

    def elementwise(self, step: Instruction) -> bool:
        """Operations on each element by itself."""
        out = step.outputs[0]
        if out.dtype.char not in (self.kind, "?") or not out.shape or step.name != "keep" and self.masks(step):
            return False
        inputs, own = [], []
        for i, x in enumerate(map(self.stretched_from, step.inputs)):
            if isinstance(x, Value) and len(x.shape) == 4 and x.shape == out.shape and x.axes != out.axes:
                x = self.turn(step, x, True) if channels_last(out) else None
                if x is None:
                    return False
            how = self.operand(x, out)
            if how is None:
                return False
            inputs.append(x)
            if how in ("same", "column"):
                own.append(i)
        return self.add(step, step.name, inputs, [out], out.shape[0], own)

    def masks(self, step: Instruction) -> bool:
        """Tell whether an operand is boolean, which arithmetic here is not made for."""
        return any(isinstance(x, Value) and x.dtype.kind == "b" for x in step.inputs)

    def operand(self, x: Any, out: Value) -> str | None:
        """Tell how an operand is read: literal, scalar, same, column or vector."""
        if not isinstance(x, Value):
            return "literal"
        if x.origin == "constant" and x.source.size and (x.source == x.source.reshape(-1)[0]).all():
            return "literal"
        if not self.plain(x) or x.dtype.char not in (self.kind, "?"):
            return None
        if x.shape == out.shape and (x.axes == out.axes or (in_order(x) and in_order(out))):
            return "same"
        size = math.prod(x.shape)
        if size == 1:
            return "scalar"
        if len(out.shape) == 2 and x.shape == (out.shape[0], 1):
            return "column"
        if len(out.shape) == 2 and x.shape in ((out.shape[1],), (1, out.shape[1])):
            return "vector"
        return None

    def lower_softmax(self, step: Instruction) -> bool:
        """Probabilities of rows."""
        x, out = step.inputs[0], step.outputs[0]
        fits = len(x.shape) == 2 and step.static["axis"] in (1, -1) and self.plain(x) and in_order(x)
        return fits and x.dtype.char == self.kind and self.add(step, "softmax", [x], [out], out.shape[0], (0,))

    def lower_cross_entropy(self, step: Instruction) -> bool:
        """Losses of rows, and their probabilities."""
        x, target = step.inputs
        if not (self.plain(x) and self.plain(target) and target.dtype.char in "lq" and x.dtype.char == self.kind):
            return False
        outputs = step.outputs if len(step.outputs) == 2 else [step.outputs[0], self.value("probabilities", x.shape)]
        return self.add(step, "cross_entropy", [x, target], outputs, x.shape[0], (0, 1), **step.static)

    def lower_less_one_hot(self, step: Instruction) -> bool:
        """Gradient of cross_entropy."""
        p, s, target = step.inputs
        s = self.stretched_from(s)
        rows = p.shape[0]
        if not self.plain(p) or not self.plain(target) or target.dtype.char not in "lq":
            return False
        constant = s.origin == "constant"
        if not constant and not (self.plain(s) and s.shape == (rows,)):
            return False
        return self.add(step, "less_one_hot", [p, s, target], step.outputs, rows, (0, 1, 2), **step.static)

    # ------------------------------------------------------------ products and sums

    def lower_linear(self, step: Instruction) -> bool:
        """x wᵀ, then + b element by element; a large product by features, so that no two threads go over all of w."""
        x, w, b = step.inputs
        out = step.outputs[0]
        w, turned = self.transposed(w)
        if len(x.shape) != 2 or w is None or not self.plain(x) or not in_order(x) or x.dtype.char != self.kind:
            return False
        if b is not None and self.operand(b, out) is None:
            return False
        rows, features = out.shape
        if not turned and rows <= features and rows * features * x.shape[1] >= LARGE_PRODUCT:
            product = self.value("product", (features, rows))
            name, inputs = ("clone", [product]) if b is None else ("add", [product, b])
            first = self.add(step, "dot", [w, x], [product], features, (0,), turned=True)
            return first and self.add(step, name, inputs, [out], rows, (), turned=True)
        if b is None:
            return self.add(step, "dot", [x, w], [out], rows, (0,), turned=not turned)
        product = self.value("product", out.shape)
        first = self.add(step, "dot", [x, w], [product], rows, (0,), turned=not turned)
        return first and self.add(step, "add", [product, b], [out], rows, (0,))

    def lower_matmul(self, step: Instruction) -> bool:
        """a b, where either may be a transposed view."""
        out = step.outputs[0]
        (a, a_turned), (b, b_turned) = map(self.transposed, step.inputs)
        if a is None or b is None or len(out.shape) != 2 or (a_turned and b_turned):
            return False
        if a_turned:
            return self.add(step, "dot_columns", [a, b], [out], out.shape[0], ())
        return self.add(step, "dot", [a, b], [out], out.shape[0], (0,), turned=b_turned)

    def transposed(self, x: Any) -> tuple[Value | None, bool]:
        """Look through a transpose: the plain matrix, and whether it is transposed."""
        maker = self.made_by.get(x)
        if maker is not None and maker.name == "transpose" and maker.static["axes"] == (1, 0):
            inner, turned = self.transposed(maker.inputs[0])
            return inner, not turned
        fits = isinstance(x, Value) and len(x.shape) == 2 and self.plain(x) and in_order(x)
        fits = fits and x.dtype.char == self.kind
        return (x if fits else None), False

    def lower_sum_to(self, step: Instruction) -> bool:
        """Sum of all rows."""
        x, out = step.inputs[0], step.outputs[0]
        if len(x.shape) != 2 or out.shape != x.shape[1:] or not self.plain(x) or not in_order(x):
            return False
        return self.add(step, "sum_columns", [x], [out], out.shape[0], ())

    def lower_mean(self, step: Instruction) -> bool:
        """Mean of all elements of a vector."""
        x, out = step.inputs[0], step.outputs[0]
        if len(x.shape) != 1 or out.shape not in ((), (1,)) or not self.plain(x) or x.dtype.char != self.kind:
            return False
        return self.add(step, "mean", [x], [out], 1, ())

    def lower_sum(self, step: Instruction) -> bool:
        """Sum over all but the channels of images: the gradient of a convolution's bias."""
        x, out = step.inputs[0], step.outputs[0]
        if len(x.shape) != 4 or step.static != {"axis": (0, 2, 3), "keepdims": False} or not self.plain(x):
            return False
        images = self.turn(step, x, True)
        if images is None:
            return False
        partial = self.shares((x.shape[1],))
        first = self.add(step, "sum_images", [images], [partial], x.shape[0], (0,))
        return first and self.add(step, "sum_columns", [partial], [out], out.shape[0], ())

    # ------------------------------------------------------------ images

    def lower_conv2d(self, step: Instruction) -> bool:
        """Convolution image by image, with the bias."""
        x, w, b = step.inputs
        images = self.images(step, x, w)
        if images is None or not channels_last(step.outputs[0]) or (b is not None and not self.plain(b)):
            return False
        inputs = [images, w] if b is None else [images, w, b]
        return self.add(step, "conv2d", inputs, step.outputs, x.shape[0], (0,), **step.static)

    def windows_fit(self, step: Instruction) -> bool:
        """Tell whether the loops know such windows: alike in both directions, without gaps or groups."""
        s = step.static
        square = s["stride"][0] == s["stride"][1] and s["padding"][0] == s["padding"][1]
        return bool(s["groups"] == 1 and s["dilation"] == (1, 1) and square)

    def images(self, step: Instruction, x: Value, w: Value) -> Value | None:
        """Check what the loops can do, and bring images to channels-last memory."""
        if not self.windows_fit(step) or not self.plain(x) or not self.plain(w):
            return None
        return self.turn(step, x, True) if in_order(w) and x.dtype.char == w.dtype.char == self.kind else None

    def lower_conv2d_weight_gradient(self, step: Instruction) -> bool:
        """Each thread sums its images' shares; then the shares are added up."""
        g, x = step.inputs
        o, c, kh, kw = step.static["w_shape"]
        if not self.windows_fit(step) or not self.plain(g) or not self.plain(x) or x.dtype.char != self.kind:
            return False
        images, g = self.turn(step, x, True), self.turn(step, g, True)
        if images is None or g is None:
            return False
        partial = self.shares((kh * kw * c, o))
        first = self.add(step, "conv2d_weights", [images, g], [partial], x.shape[0], (0, 1), **step.static)
        return first and self.add(step, "unpack_sum", [partial], step.outputs, o, ())

    def lower_conv2d_input_gradient(self, step: Instruction) -> bool:
        """Image by image: what every output passes to the pixels that it saw."""
        g, w = step.inputs
        images = self.images(step, g, w)
        if images is None or not channels_last(step.outputs[0]):
            return False
        return self.add(step, "conv2d_input", [images, w], step.outputs, g.shape[0], (0,), **step.static)

    def lower_max_pool2d(self, step: Instruction) -> bool:
        """Pooling image by image."""
        x = step.inputs[0]
        if step.static["padding"] != (0, 0) or not self.plain(x) or not channels_last(step.outputs[0]):
            return False
        images = self.turn(step, x, True)
        if images is None or x.dtype.char != self.kind:
            return False
        outputs = step.outputs
        if len(outputs) == 1:
            outputs = [*outputs, self.value("winners", outputs[0].shape, outputs[0].axes, "B")]
        return self.add(step, "max_pool2d", [images], outputs, x.shape[0], (0,), **step.static)

    def lower_pool_scatter(self, step: Instruction) -> bool:
        """The gradient of pooling, image by image."""
        g, winners = step.inputs
        if step.static["padding"] != (0, 0) or not channels_last(winners) or not self.plain(winners):
            return False
        images = self.turn(step, g, True)
        if images is None or not channels_last(step.outputs[0]):
            return False
        return self.add(step, "pool_scatter", [images, winners], step.outputs, g.shape[0], (0, 1), **step.static)

    def lower_reshape(self, step: Instruction) -> bool:
        """Flatten channels-last images in C order, or the other way round."""
        x, out = step.inputs[0], step.outputs[0]
        if not self.plain(x) or x.shape[0] != out.shape[0] or not in_order(out) or not channels_last(x):
            return False
        n, c, h, w = x.shape
        return self.add(step, "turn", [x], [out], n, (0,), sizes=(h * w, c))

    # ------------------------------------------------------------ updates

    def lower_update(self, step: Instruction) -> bool:
        """An optimizer's change of a parameter, where the optimizer is one that the loops know."""
        p, g = step.inputs
        optimizer = step.action[0]
        known = knows_loop(type(optimizer))
        if not known or not p.shape or not (self.plain(p) and self.plain(g) and in_order(p) and in_order(g)):
            return False
        return self.add(step, "update", [p, g], step.outputs, p.shape[0], (0, 1))


def knows_loop(kind: type[Any]) -> bool:
    """Tell whether an optimizer's `loop` describes its `update`: no subclass has changed the latter alone."""
    found = [next((i for i, c in enumerate(kind.__mro__) if name in vars(c)), 0) for name in ("loop", "update")]
    return hasattr(kind, "loop") and found[0] <= found[1]
