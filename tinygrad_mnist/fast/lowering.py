"""Turn the instructions of a program into tasks on rows, as far as kernels/loops.py can do them.

A `lower_...` method adds the tasks of one instruction and tells whether it could; what it cannot is left to NumPy. Look
next at source.py, which writes the loops.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ..capture.program import EFFECTS, Instruction, Program, Value
from ..kernels import loops
from ..ops import elementwise
from .elements import source_of
from .rows import Rows, Shares, channels_last, in_order, is_number
from .tasks import Task

LARGE_PRODUCT = 1 << 20  # multiplications, from which on another meeting of the threads pays


class Lowering(Rows):
    """Builds the list of tasks."""

    def __init__(self, program: Program, threads: int) -> None:
        super().__init__(program, threads)
        self.rows: dict[Any, str] = {}  # users' loops over rows, by name
        for step in program.instructions:
            if step.is_view:
                continue
            if not self.kind or not (self.special(step) or self.elementwise(step) or self.by_rows(step)):
                self.tasks.append(Task(step.name, step.inputs, step.outputs, None, (), step, step.static))  # by NumPy

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
        alike = all(v.shape in (x.shape, x.shape[:1]) for v in step.values())
        alike = alike and all(v.shape[:1] == x.shape[:1] for v in outputs)
        if not all(fit) or not last or late or not alike or not source_of(p.rows):
            return False
        own, name = range(len(step.inputs)), self.loop_name(p.rows)
        return self.add(step, "by_row", step.inputs, outputs, x.shape[0], own, p, loop=name)

    def loop_name(self, rows: Any) -> str:
        """Name a loop over rows: those of two users may be called the same, or as one of the package."""
        name = str(rows.__name__)
        if vars(loops).get(name) is rows:
            return name
        while (name := f"{name}_rows") in {*self.taken, *self.rows.values()} and rows not in self.rows:
            pass
        return self.rows.setdefault(rows, name)

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
        optimizer, tensor, group = step.action
        if not knows_loop(type(optimizer)) or not optimizer.loop_name(group) or not p.shape or not fit:
            return False
        return self.add(step, "update", [p, g], step.outputs, p.shape[0], (0, 1))


def knows_loop(kind: type[Any]) -> bool:
    """Tell whether an optimizer's formula describes its `update`: no subclass has changed one of the others alone."""
    names = ("next_steps", "next_step", "update")
    found = [next((i for i, c in enumerate(kind.__mro__) if name in vars(c)), 0) for name in names]
    return hasattr(kind, "next_steps") and found[0] <= min(found)
