"""Turn the instructions of a program into tasks on rows, as far as kernels/loops.py can do them.

A `lower_...` method adds the tasks of one instruction and tells whether it could; what it cannot is left to NumPy. Look
next at source.py, which writes the loops.
"""

from __future__ import annotations

import inspect
import math
import re
import textwrap
from typing import Any

from ..capture.program import EFFECTS, Instruction, Program, Value
from ..core.primitive import Primitive
from ..ops import elementwise
from .tasks import Task

LARGE_PRODUCT = 1 << 20  # multiplications, from which on another meeting of the threads pays


def channels_last(v: Value) -> bool:
    """Tell whether images lie in memory as H, W, C."""
    return len(v.shape) == 4 and (v.axes == (0, 2, 3, 1) or (v.shape[1] == 1 and v.axes == (0, 1, 2, 3)))


def is_number(x: Any) -> bool:
    """Tell whether an operand is one number: one of Python's, or a constant all of whose elements are the same."""
    if not isinstance(x, Value):
        return True
    return x.origin == "constant" and bool(x.source.size and (x.source == x.source.reshape(-1)[0]).all())


def source_of(function: Any) -> str:
    """Give the source of a function that is to be compiled, "" where there is none, as of a lambda."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except OSError:
        return ""
    return text if text.startswith("def ") else ""


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
            if not self.kind or not (self.special(step) or self.elementwise(step) or self.by_rows(step)):
                self.tasks.append(Task(step.name, step.inputs, step.outputs, None, (), step, step.static))  # by NumPy

    # ------------------------------------------------------------ parts

    def add(
        self, step: Instruction, name: str, inputs: Any, outputs: Any, rows: int, own: Any, of: Primitive | None = None,
        **static: Any,
    ) -> bool:  # fmt: skip
        """Append a task, unless an array is empty or a result would lie in memory as rows do not."""
        if any(isinstance(v, Value) and 0 in v.shape for v in (*inputs, *outputs)):
            return False
        if not all(isinstance(v, Shares) or in_order(v) or channels_last(v) for v in outputs):
            return False
        self.tasks.append(Task(name, list(inputs), list(outputs), rows, tuple(own), step, static, of))
        return True

    def value(
        self, name: str, shape: tuple[int, ...], axes: Any = None, dtype: Any = None, kind: type[Value] = Value
    ) -> Value:
        """Make a value that the program does not have, and whose name no value of it has."""
        self.index += 1
        while f"{name}_{self.index}" in self.taken:
            self.index += 1
        order = tuple(range(len(shape))) if axes is None else axes
        return kind(self.index, shape, dtype or self.kind, order, name=f"{name}_{self.index}")

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

    def special(self, step: Instruction) -> bool:
        """Operations that more is known about here than their cards say."""
        lower = getattr(self, f"lower_{step.name}", None)
        return lower is not None and (step.name in EFFECTS) == (step.primitive is None) and bool(lower(step))

    # ------------------------------------------------------------ elementwise and row by row

    def elementwise(self, step: Instruction) -> bool:
        """Operations on each element by itself, whose cards have a loop."""
        p = step.primitive
        if p is None or p.loop is None or len(step.outputs) > 1 + (p.saves is not None):
            return False
        out, words = step.outputs[0], re.findall(r"\w+", p.element(step.static))
        numbers = all(isinstance(x, int | float) for name, x in step.static.items() if name in words)
        full = len(step.inputs) == len(p.arguments) and all(x is not None for x in step.inputs)
        if out.dtype.char not in (self.kind, "?") or not out.shape or not numbers or not full:
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
        for saved in step.outputs[1:]:  # first, since the result may lie in the memory of x
            if not self.add(step, "elements", inputs, [saved], out.shape[0], own, p.saves):
                return False
        return self.add(step, "elements", inputs, [out], out.shape[0], own, p)

    def operand(self, x: Any, out: Value) -> str | None:
        """Tell how an operand is read: literal, scalar, same, column or vector."""
        if is_number(x):
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

    def by_rows(self, step: Instruction) -> bool:
        """Operations on each row of a matrix by itself, whose cards have the loop."""
        p = step.primitive
        x = step.inputs[0] if step.inputs else None
        if p is None or p.rows is None or not isinstance(x, Value) or len(x.shape) != 2 or x.dtype.char != self.kind:
            return False
        outputs, labels = step.outputs, {v.root for v in step.values() if v.dtype.kind in "iu"}
        fit = [isinstance(v, Value) and (v.origin == "constant" or self.plain(v) and in_order(v)) for v in step.inputs]
        last = step.static.get("axis", 1) in (1, -1, (1,), (-1,)) and len(outputs) == 1 + p.residuals
        last = last and ("shape" not in step.static or step.static["shape"] == (x.shape[0], 1))
        late = p.check is not None and any(v.root in labels for task in self.tasks if task.rows for v in task.outputs)
        alike = all(v.shape[:1] == x.shape[:1] for v in (*step.values(), *outputs))
        if not all(fit) or not last or late or not alike or not source_of(p.rows):
            return False
        return self.add(step, "by_row", step.inputs, outputs, x.shape[0], range(len(step.inputs)), p)

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
            last, inputs = (elementwise.clone, [product]) if b is None else (elementwise.add, [product, b])
            first = self.add(step, "dot", [w, x], [product], features, (0,), turned=True)
            return first and self.add(step, "elements", inputs, [out], rows, (), last, turned=True)
        if b is None:
            return self.add(step, "dot", [x, w], [out], rows, (0,), turned=not turned)
        product = self.value("product", out.shape)
        first = self.add(step, "dot", [x, w], [product], rows, (0,), turned=not turned)
        return first and self.add(step, "elements", [product, b], [out], rows, (0,), elementwise.add)

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
        alone = len(x.shape) == 4 and step.static == {"axis": (0, 2, 3), "keepdims": False}
        images = self.images(step, x) if alone else None
        if images is None:
            return False
        partial = self.value("partial", (self.threads, x.shape[1]), kind=Shares)
        first = self.add(step, "sum_images", images, [partial], x.shape[0], (0,))
        return first and self.add(step, "sum_columns", [partial], [out], out.shape[0], ())

    # ------------------------------------------------------------ images

    def images(self, step: Instruction, *images: Value) -> list[Value] | None:
        """Bring images to channels-last memory, if the loops know what is asked of them.

        Windows of a convolution must be alike in both directions, without gaps or groups, and pools unpadded.
        """
        s = step.static
        fit = s.get("padding", (0, 0)) == (0, 0) and s.get("dilation", (1, 1)) == (1, 1)
        if "groups" in s:
            square = s["stride"][0] == s["stride"][1] and s["padding"][0] == s["padding"][1]
            fit = s["groups"] == 1 and s["dilation"] == (1, 1) and square
        if not fit or not all(self.plain(x) and x.dtype.char == self.kind for x in images):
            return None
        turned = [self.turn(step, x, True) for x in images]
        return [x for x in turned if x is not None] if None not in turned else None

    def can_be_packed(self, w: Value) -> bool:
        """Tell whether the loops can order these kernels."""
        return self.plain(w) and in_order(w) and w.dtype.char == self.kind

    def lower_conv2d(self, step: Instruction) -> bool:
        """Convolution image by image, with the bias."""
        x, w, *bias = [v for v in step.inputs if v is not None]
        images = self.images(step, x) if self.can_be_packed(w) else None
        if images is None or not channels_last(step.outputs[0]) or not all(map(self.plain, bias)):
            return False
        return self.add(step, "conv2d", [*images, w, *bias], step.outputs, x.shape[0], (0,), **step.static)

    def lower_conv2d_weight_gradient(self, step: Instruction) -> bool:
        """Each thread sums its images' shares; then the shares are added up."""
        g, x = step.inputs
        o, c, kh, kw = step.static["w_shape"]
        images = self.images(step, x, g)
        if images is None:
            return False
        partial = self.value("partial", (self.threads, kh * kw * c, o), kind=Shares)
        first = self.add(step, "conv2d_weights", images, [partial], x.shape[0], (0, 1), **step.static)
        return first and self.add(step, "unpack_sum", [partial], step.outputs, o, ())

    def lower_conv2d_input_gradient(self, step: Instruction) -> bool:
        """Image by image: what every output passes to the pixels that it saw."""
        g, w = step.inputs
        images = self.images(step, g) if self.can_be_packed(w) else None
        if images is None or not channels_last(step.outputs[0]):
            return False
        return self.add(step, "conv2d_input", [*images, w], step.outputs, g.shape[0], (0,), **step.static)

    def lower_max_pool2d(self, step: Instruction) -> bool:
        """Pooling image by image."""
        x, outputs = step.inputs[0], step.outputs
        images = self.images(step, x) if channels_last(outputs[0]) else None
        if images is None:
            return False
        if len(outputs) == 1:
            outputs = [*outputs, self.value("winners", outputs[0].shape, outputs[0].axes, "B")]
        return self.add(step, "max_pool2d", images, outputs, x.shape[0], (0,), **step.static)

    def lower_pool_scatter(self, step: Instruction) -> bool:
        """The gradient of pooling, image by image."""
        g, winners = step.inputs
        images = self.images(step, g) if channels_last(winners) and self.plain(winners) else None
        if images is None or not channels_last(step.outputs[0]):
            return False
        return self.add(step, "pool_scatter", [*images, winners], step.outputs, g.shape[0], (0, 1), **step.static)

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
        fit = self.plain(p) and self.plain(g) and in_order(p) and in_order(g)
        if not knows_loop(type(step.action[0])) or not p.shape or not fit:
            return False
        return self.add(step, "update", [p, g], step.outputs, p.shape[0], (0, 1))


def knows_loop(kind: type[Any]) -> bool:
    """Tell whether an optimizer's `loop` describes its `update`: no subclass has changed the latter alone."""
    found = [next((i for i, c in enumerate(kind.__mro__) if name in vars(c)), 0) for name in ("loop", "update")]
    return hasattr(kind, "loop") and found[0] <= found[1]
