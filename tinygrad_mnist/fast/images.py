"""Write the tasks on images, one image after the other: convolution and its gradients, pooling, memory orders.

Each method gives lines to stand before the loop over a thread's images, and lines for one image. Read after
source.py, which writes everything else and whose PhaseWriter this is the base of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..capture.program import Value
from .tasks import Task

CACHE_BYTES = 192 * 1024  # for the columns of a convolution: a part of a core's second-level cache


class ImageTasks:
    """Names arrays, numbers, loops and working memory in what one thread does, and writes tasks on images."""

    def __init__(self, kind: str, outside: set[Value]) -> None:
        self.float = {"f": "np.float32", "d": "np.float64"}.get(kind, "np.float32")
        self.kind = kind
        self.outside = outside  # values that are needed beyond the task group that makes them
        self.arrays: dict[str, Value] = {}  # parameters of the function
        self.scratch: dict[str, tuple[tuple[int, ...], str]] = {}  # name -> shape per thread, dtype
        self.loops: set[str] = set()  # functions of kernels/loops.py
        self.local: set[Value] = set()  # values that live in a thread's scratch, one row at a time

    def of(self, v: Value) -> str:
        """Name an array that the function is given."""
        self.arrays[v.name] = v
        return v.name

    def literal(self, x: Any) -> str:
        """Spell a number of the step's dtype."""
        value = x.source.reshape(-1)[0].item() if isinstance(x, Value) else x
        text = repr(value)
        if isinstance(value, float) and not np.isfinite(value):
            text = "np.nan" if value != value else "np.inf" if value > 0 else "-np.inf"
        return f"{self.float}({text})"

    def loop(self, name: str) -> str:
        """Name a function of kernels/loops.py."""
        self.loops.add(name)
        return name

    def per_thread(self, name: str, shape: tuple[int, ...], kind: str = "") -> str:
        """Name working memory of a thread."""
        self.scratch[name] = (shape, kind or self.kind)
        return f"{name}[t]"

    def row(self, v: Value) -> str:
        """Name the current row of an array: of a local one, the thread's."""
        if v in self.local:
            return self.per_thread(v.name, v.shape[1:] and (int(np.prod(v.shape[1:])),), v.dtype.char)
        return f"{self.of(v)}[n]"

    # ------------------------------------------------------------ tasks on images

    def padded(self, x: Value, pad: int, name: str) -> tuple[str, list[str]]:
        """Name the current image framed with zeros, and write its framing."""
        if not pad:
            return self.row(x), []
        _, c, height, width = x.shape
        framed = self.per_thread(f"framed{name}", ((height + 2 * pad) * (width + 2 * pad) * c,))
        return framed, [f"{self.loop('frame')}({self.row(x)}, {height}, {width}, {c}, {pad}, {framed})"]

    def geometry(self, task: Task, x: Value, out: Value, kernel: tuple[int, int], name: str, more: int = 0) -> Any:
        """Spell how windows lie on a framed image, and name the memory for what they see at once."""
        channels, width = x.shape[1], x.shape[3] + 2 * task.static["padding"][0]
        (kh, kw), (oh, ow) = kernel, out.shape[2:]
        taps = kh * kw * channels + more
        at_once = max(1, min(oh, CACHE_BYTES // (ow * taps * np.dtype(self.kind).itemsize)))
        columns = self.per_thread(f"columns{name}", (at_once * ow, taps))
        return f"{width}, {channels}, {kh}, {kw}, {task.static['stride'][0]}, {oh}, {ow}, {at_once}", columns

    def conv2d(self, task: Task) -> tuple[list[str], list[str]]:
        """Convolution of one image with packed kernels."""
        (x, w, *bias), out = task.inputs, task.outputs[0]
        o, c, kh, kw = w.shape
        packed = self.per_thread(f"packed{out.name}", (kh * kw * c + len(bias), o))
        image, lines = self.padded(x, task.static["padding"][0], out.name)
        sizes, columns = self.geometry(task, x, out, (kh, kw), out.name, len(bias))
        first = [f"{self.loop('pack')}({self.of(w)}, {kh * kw}, {packed})"]
        if bias:
            first += [f"for k in range({o}):  # the bias meets a column of ones",
                      f"    {packed[:-1]}, {kh * kw * c}, k] = {self.of(bias[0])}[k]",
                      f"{columns[:-1]}, :, {kh * kw * c}] = 1"]
        call = f"{self.loop('conv_image')}({image}, {sizes}, {packed}, {columns}, {self.row(out)})"
        return first, [*lines, f"{call}  # conv2d {task.step.where}"]

    def conv2d_input(self, task: Task) -> tuple[list[str], list[str]]:
        """Input gradient of one image."""
        (g, w), out = task.inputs, task.outputs[0]
        o, c, kh, kw = w.shape
        _, _, height, width = out.shape
        packed = self.per_thread(f"packed{out.name}", (kh * kw * c, o))
        sizes, columns = self.geometry(task, out, g, (kh, kw), out.name)
        pad, image, after = task.static["padding"][0], self.row(out), []
        if pad:
            image = self.per_thread(f"framed{out.name}", ((height + 2 * pad) * (width + 2 * pad) * c,))
            after = [f"{self.loop('crop')}({image}, {height}, {width}, {c}, {pad}, {self.row(out)})"]
        call = f"{self.loop('conv_input_image')}({self.row(g)}, {sizes}, {packed}, {columns}, {image})"
        first = f"{self.loop('pack')}({self.of(w)}, {kh * kw}, {packed})"
        return [first], [f"{call}  # input gradient", *after]

    def conv2d_weights(self, task: Task) -> tuple[list[str], list[str]]:
        """One image's share of a weight gradient."""
        (x, g), partial = task.inputs, task.outputs[0]
        o, c, kh, kw = task.static["w_shape"]
        image, lines = self.padded(x, task.static["padding"][0], partial.name)
        sizes, columns = self.geometry(task, x, g, (kh, kw), partial.name)
        product = self.per_thread(f"product{partial.name}", (kh * kw * c, o))
        total, name = f"{self.of(partial)}[t]", self.loop("conv_weights_image")
        call = f"{name}({image}, {self.row(g)}, {sizes}, {columns}, {product}, {total})"
        return [f"{total} = {self.literal(0.0)}"], [*lines, f"{call}  # weight gradient"]

    def sum_images(self, task: Task) -> tuple[list[str], list[str]]:
        """One image's share of a bias gradient."""
        total = f"{self.of(task.outputs[0])}[t]"
        call = f"{self.loop('sum_image')}({self.row(task.inputs[0])}, {total})  # bias gradient"
        return [f"{total} = {self.literal(0.0)}"], [call]

    def max_pool2d(self, task: Task) -> tuple[list[str], list[str]]:
        """Pooling of one image."""
        x, (out, winners) = task.inputs[0], task.outputs
        (kh, kw), (sh, sw) = task.static["kernel_size"], task.static["stride"]
        sizes = f"{x.shape[3]}, {x.shape[1]}, {kh}, {kw}, {sh}, {sw}, {out.shape[2]}, {out.shape[3]}"
        call = f"{self.loop('pool_image')}({self.row(x)}, {sizes}, {self.row(out)}, {self.row(winners)})"
        return [], [f"{call}  # max_pool2d {task.step.where}"]

    def pool_scatter(self, task: Task) -> tuple[list[str], list[str]]:
        """Gradient of pooling of one image."""
        (g, winners), out = task.inputs, task.outputs[0]
        (kh, kw), (sh, sw) = task.static["kernel_size"], task.static["stride"]
        sizes = f"{out.shape[3]}, {out.shape[1]}, {kh}, {kw}, {sh}, {sw}, {g.shape[2]}, {g.shape[3]}"
        call = f"{self.loop('scatter_image')}({self.row(g)}, {self.row(winners)}, {sizes}, {self.row(out)})"
        return [], [f"{call}  # max_pool2d's gradient"]

    def turn(self, task: Task) -> tuple[list[str], list[str]]:
        """Bring one image into another memory order."""
        rows, columns = task.static["sizes"]
        return [], [f"{self.loop('turn')}({self.row(task.inputs[0])}, {rows}, {columns}, {self.row(task.outputs[0])})"]
