"""Write the tasks on images, one image after the other: convolution and its gradients, pooling, memory orders.

Each method gives lines to stand before the loop over a thread's images, and lines for one image. Read after
numba_source.py, which writes everything else and whose PhaseWriter this is the base of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .program import Value
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
        text = f"np.{value}" if isinstance(value, float) and not np.isfinite(value) else repr(value)
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

    def conv(self, task: Task, x: Value, weight: str, kernel: Any, pad: int, stride: int, out: Value) -> list[str]:
        """Write the convolution of one image with packed kernels, framed with zeros where padded."""
        _, channels, height, width = x.shape
        kh, kw = kernel
        oh, ow = out.shape[2:]
        image, wide = self.row(x), width + 2 * pad
        lines = []
        if pad:
            framed = self.per_thread(f"framed{out.name}", ((height + 2 * pad) * wide * channels,))
            lines.append(f"{self.loop('frame')}({image}, {height}, {width}, {channels}, {pad}, {framed})")
            image = framed
        at_once = self.rows_at_once(oh, ow, kh * kw * channels)
        columns = self.per_thread(f"columns{out.name}", (at_once * ow, kh * kw * channels))
        self.loops |= {"patches", "conv_image"}
        result = f"{self.row(out)}.reshape(({oh * ow}, {out.shape[1]}))"
        lines.append(
            f"conv_image({image}, {wide}, {channels}, {kh}, {kw}, {stride}, {oh}, {ow}, {at_once}, {weight}, "
            f"{columns}, {result})  # {task.step.name} {task.step.where}"
        )
        return lines

    def rows_at_once(self, oh: int, ow: int, taps: int) -> int:
        """Choose how many output rows' columns fit into the cache."""
        return max(1, min(oh, CACHE_BYTES // (ow * taps * np.dtype(self.kind).itemsize)))

    def conv2d(self, task: Task) -> tuple[list[str], list[str]]:
        """Convolution of one image."""
        x, w = task.inputs
        o, c, kh, kw = w.shape
        packed = self.per_thread(f"packed{task.outputs[0].name}", (kh * kw * c, o))
        first = [f"{self.loop('pack')}({self.of(w)}.reshape({w.shape}), {packed})"]
        s = task.static
        return first, self.conv(task, x, packed, (kh, kw), s["padding"][0], s["stride"][0], task.outputs[0])

    def conv2d_input(self, task: Task) -> tuple[list[str], list[str]]:
        """Input gradient of one image."""
        g, w = task.inputs
        o, c, kh, kw = w.shape
        packed = self.per_thread(f"packed{task.outputs[0].name}", (kh * kw * o, c))
        first = [f"{self.loop('pack_flipped')}({self.of(w)}.reshape({w.shape}), {packed})"]
        pad = kh - 1 - task.static["padding"][0]
        return first, self.conv(task, g, packed, (kh, kw), pad, 1, task.outputs[0])

    def conv2d_weights(self, task: Task) -> tuple[list[str], list[str]]:
        """One image's share of a weight gradient."""
        x, g = task.inputs
        partial = task.outputs[0]
        o, c, kh, kw = task.static["w_shape"]
        pad, stride = task.static["padding"][0], task.static["stride"][0]
        _, _, height, width = x.shape
        oh, ow = g.shape[2:]
        image, wide, lines = self.row(x), width + 2 * pad, []
        if pad:
            framed = self.per_thread(f"framed{partial.name}", ((height + 2 * pad) * wide * c,))
            lines.append(f"{self.loop('frame')}({image}, {height}, {width}, {c}, {pad}, {framed})")
            image = framed
        at_once = self.rows_at_once(oh, ow, kh * kw * c)
        columns = self.per_thread(f"columns{partial.name}", (at_once * ow, kh * kw * c))
        product = self.per_thread(f"product{partial.name}", (kh * kw * c, o))
        self.loops |= {"patches", "conv_weights_image"}
        lines.append(
            f"conv_weights_image({image}, {self.row(g)}.reshape(({oh * ow}, {o})), {wide}, {c}, {kh}, {kw}, {stride}, "
            f"{oh}, {ow}, {at_once}, {columns}, {product}, {self.of(partial)}[t])  # weight gradient"
        )
        return [f"{self.of(partial)}[t] = {self.literal(0.0)}"], lines

    def add_channels(self, task: Task) -> tuple[list[str], list[str]]:
        """Add a convolution's bias."""
        x, b = task.inputs
        out = task.outputs[0]
        c, pixels = out.shape[1], out.shape[2] * out.shape[3]
        source, target = self.row(x), self.row(out)
        return [], [
            f"for k in range({pixels}):  # bias {task.step.where}",
            f"    for c in range({c}):",
            f"        {target[:-1]}, k * {c} + c] = {source[:-1]}, k * {c} + c] + {self.of(b)}[c]",
        ]

    def sum_images(self, task: Task) -> tuple[list[str], list[str]]:
        """One image's share of a bias gradient."""
        x, partial = task.inputs[0], task.outputs[0]
        c, pixels = x.shape[1], x.shape[2] * x.shape[3]
        return [f"{self.of(partial)}[t] = {self.literal(0.0)}"], [
            f"for k in range({pixels}):  # bias gradient",
            f"    for c in range({c}):",
            f"        {self.of(partial)}[t, c] += {self.row(x)[:-1]}, k * {c} + c]",
        ]

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
