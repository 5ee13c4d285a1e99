"""Pooling in one and two dimensions as functions with PyTorch's names: maxima, means, power means, and back.

Maxima are ops/pool.py's; a mean over windows is one weighed sum along the rows and one along the columns
(ops/blend.py), with the divisor in its weights. Read after conv.py; look next at resampling.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.scope import unchanging
from ...functions import mean, relu, sign
from ...functions import pow as power
from ...functions.types import Tensor
from ...kernels.blend import Table, adaptive_windows
from ...kernels.shapes import Pair, check_window
from ...ops import index, layout, pool
from ...ops.blend import blend
from ...ops.elementwise import absolute
from .arguments import as_images, data, each, numbers
from .conv import Images, Sizes, geometry


def _window(name: str, count: int, x: Any, **settings: Any) -> dict[str, Any]:
    """Read kernel, stride, padding and dilation as pairs, the height of what has none being 1."""
    window = {k: numbers(v, f"{name}: {k}", count) for k, v in settings.items() if v is not None and v != ()}
    window.setdefault("stride", window["kernel_size"])
    return geometry(**window)


def _outputs(name: str, x: Any, window: dict[str, Any], ceil_mode: bool) -> Pair:
    """Count the windows along each axis."""
    spread = window.get("dilation", (1, 1))
    size = (1 << 40, 1 << 40) if ceil_mode else (x.shape[2], x.shape[3])  # windows may reach beyond: counted below
    check_window(name, size, window["kernel_size"], window["stride"], window["padding"], spread)
    found = []
    for size, k, s, p, d in zip(x.shape[2:], window["kernel_size"], window["stride"], window["padding"], spread,
                                strict=True):  # fmt: skip
        if 2 * p > d * (k - 1) + 1:
            raise ArgumentError(f"{name}: padding {window['padding']} is more than half of the kernel.",
                                got=f"kernel {window['kernel_size']}", hint="pad x before pooling")  # fmt: skip
        n = (size + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil_mode else 0)) // s + 1
        found.append(n - 1 if ceil_mode and (n - 1) * s >= size + p else n)
    if min(found) < 1 or min(x.shape[2:]) < 1:
        raise ShapeError(f"{name}: no window fits.", got=f"input {tuple(x.shape)}, {window}", expected="one that fits")
    return found[0], found[1]


def _max_pool(
    name: str, count: int, input: Images, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    dilation: Sizes = 1, ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Take the largest element of every window; windows lie side by side unless a stride is given.

    Shapes:
        input (N, C, *L) or (C, *L), L of as many dimensions as the name says -> (N, C, *OL) or (C, *OL); with
        return_indices a pair of these
    Args:
        ceil_mode: let the last windows begin inside the image and reach beyond it
        return_indices: give where in their plane the largest were, as max_unpool takes it
    """
    x: Any = input
    if count == 2 and not (ceil_mode or return_indices) and dilation in (1, (1, 1)) and np.ndim(x) != 3:
        size = numbers(kernel_size, f"{name}: kernel_size", 2)
        steps = size if stride is None or stride == () else numbers(stride, f"{name}: stride", 2)
        return pool.max_pool2d(x, kernel_size=size, stride=steps, padding=numbers(padding, f"{name}: padding", 2))
    window = _window(name, count, x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
    if window["dilation"] == (1, 1):
        del window["dilation"]

    def operation(images: Any) -> Any:
        width, more = images.shape[3], [(0, 0)]  # what the last windows reach beyond
        if ceil_mode:
            windows = zip(images.shape[2:], _outputs(name, images, window, True), window["kernel_size"],
                          window["stride"], window["padding"], window.get("dilation", (1, 1)), strict=True)  # fmt: skip
            more = [(0, max(0, (n - 1) * s + d * (k - 1) + 1 - size - 2 * p)) for size, n, k, s, p, d in windows]
        if any(after for _, after in more):
            least = -math.inf if images.dtype.kind == "f" else int(np.iinfo(images.dtype).min)
            images = layout.pad(images, width=((0, 0), (0, 0), *more), value=least)
        values = pool.max_pool2d(images, **window)
        if not return_indices:
            return values
        return values, pool.pool_positions(pool.pool_winners(images, **window), width=width, **window)

    return as_images(name, count, data(name, x, count + 1, count + 2), operation)


max_pool1d, max_pool2d = each(_max_pool)


def _avg_pool(
    name: str, count: int, input: Images, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """Average every window: (N, C, *L) or (C, *L) -> (N, C, *OL) or (C, *OL).

    Args:
        count_include_pad: divide by the taps on the padding, too
        divisor_override: divide by this instead
    """
    x, divisor = input, divisor_override
    window = _window(name, count, x, kernel_size=kernel_size, stride=stride, padding=padding)
    data(name, x, count + 1, count + 2)
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: averages are of floating-point numbers.", got=str(x.dtype), hint="x.float()")
    if divisor == 0:
        raise ArgumentError(f"{name}: divisor_override is 0.", expected="a number other than 0")
    divided = "" if divisor is not None else "padded" if count_include_pad else "inside"

    def operation(images: Any) -> Any:
        for axis, outputs in enumerate(_outputs(name, images, window, ceil_mode)):
            k, s, p = (window[setting][axis] for setting in ("kernel_size", "stride", "padding"))
            table = Table("windows", images.shape[2 + axis], outputs, (k, s, p, 1, divided))
            images = images if (k, s, p) == (1, 1, 0) else blend(images, axis=2 + axis, table=table)
        return images if divisor is None else images / divisor

    out: Tensor = as_images(name, count, x, operation)
    return out


avg_pool1d, avg_pool2d = each(_avg_pool, "divisor_override")


def _lp_pool(
    name: str, count: int, input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """Give the power mean's sum (Σ xᵖ)^(1/p) of every window, with p = norm_type."""
    size = numbers(kernel_size, f"{name}: kernel_size", count)
    means = _avg_pool(name, count, power(input, norm_type), size, stride, 0, ceil_mode, True, None)
    return power(sign(means) * relu(absolute(means)) * math.prod(size), 1.0 / norm_type)  # the root as PyTorch takes it


lp_pool1d, lp_pool2d = each(_lp_pool)


def _adaptive_sizes(name: str, count: int, x: Any, output_size: Any) -> Pair:
    """Read the sizes of the output, a None being that of the input."""
    data(name, x, count + 1, count + 2)
    given = list(output_size) if isinstance(output_size, list | tuple) else [output_size] * count
    if len(given) == count:
        given = [n if m is None else m for m, n in zip(given, x.shape[-count:], strict=True)]
    wanted = numbers(given, f"{name}: output_size", count)
    if min(wanted) < 0 or min(x.shape[-count:]) < 1:
        raise ArgumentError(f"{name}: output_size is {wanted}.", got=f"input {tuple(x.shape)}", expected="at least 0")
    return (1, *wanted)[-2], wanted[-1]


def _adaptive_avg_pool(name: str, count: int, input: Images, output_size: Any) -> Tensor:
    """Average windows that divide images into `output_size` as evenly as they can; None keeps a size."""
    x: Any = input
    if (wanted := _adaptive_sizes(name, count, x, output_size)) == (1, 1) and count == 2:
        return mean(x, (-2, -1), True)

    def operation(images: Any) -> Any:
        for axis, outputs in enumerate(wanted, 2):
            table = Table("adaptive", images.shape[axis], outputs)
            images = images if table.size == outputs else blend(images, axis=axis, table=table)
        return images

    out: Tensor = as_images(name, count, x, operation)
    return out


adaptive_avg_pool1d, adaptive_avg_pool2d = each(_adaptive_avg_pool)


def _adaptive_max_pool(name: str, count: int, input: Images, output_size: Any, return_indices: bool = False) -> Any:
    """Take the largest of windows that divide images into `output_size` as evenly as they can; None keeps a size."""
    x: Any = input
    wanted = _adaptive_sizes(name, count, x, output_size)

    def operation(images: Any) -> Any:
        kernel, seen = [], []
        for axis, outputs in enumerate(wanted, 2):  # each window's pixels side by side, its last one repeated
            start, end = adaptive_windows(images.shape[axis], outputs)
            most = int((end - start).max(initial=1))
            places = np.minimum(start[:, None] + np.arange(most), end[:, None] - 1).reshape(-1)
            kernel.append(most)
            seen.append(places)
            if len(places) != images.shape[axis] or (places != np.arange(len(places))).any():
                table = Table("picks", images.shape[axis], len(places), tuple(places.tolist()))
                images = blend(images, axis=axis, table=table)
        window: Any = {"kernel_size": tuple(kernel), "stride": tuple(kernel), "padding": (0, 0)}
        values = pool.max_pool2d(images, **window)
        if not return_indices:
            return values
        at = pool.pool_positions(pool.pool_winners(images, **window), width=images.shape[3], **window)
        pixels = unchanging((seen[0][:, None] * x.shape[-1] + seen[1]).reshape(-1))
        return values, index.getitem(pixels, at, index=(index.ARRAY,))

    return as_images(name, count, x, operation)


adaptive_max_pool1d, adaptive_max_pool2d = each(_adaptive_max_pool)


def _max_unpool(
    name: str, count: int, input: Images, indices: Images, kernel_size: Sizes, stride: Sizes | None = None,
    padding: Sizes = 0, output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Put maxima back where max_pool found them, into zeros; output_size: where pooling left rows over."""
    x: Any = input
    data(name, x, count + 1, count + 2)
    if tuple(indices.shape) != tuple(x.shape) or indices.dtype != np.int64:
        raise ShapeError(f"{name}: the indices must be int64 and of the input's shape.",
                         got=f"input {tuple(x.shape)}, indices {tuple(indices.shape)} {indices.dtype}")  # fmt: skip
    window = {k: numbers(v, f"{name}: {k}", count) for k, v in (("kernel_size", kernel_size), ("padding", padding))}
    steps = window["kernel_size"] if stride is None or stride == () else numbers(stride, f"{name}: stride", count)
    size = tuple((n - 1) * s - 2 * p + k for n, s, p, k in
                 zip(x.shape[-count:], steps, window["padding"], window["kernel_size"], strict=True))  # fmt: skip
    if output_size is not None:
        wanted = numbers(list(output_size)[-count:], f"{name}: output_size", count)
        if any(not n - s < w < n + s for n, s, w in zip(size, steps, wanted, strict=True)):
            raise ArgumentError(f"{name}: output_size is {wanted}.", expected=f"about {size}: less than a stride away")
        size = wanted
    lead = x.shape[:-count]
    planes, pixels = math.prod(lead), math.prod(size)
    flat, at = (layout.reshape(t, shape=(planes, math.prod(x.shape[-count:]))) for t in (x, indices))
    put = index.place(unchanging(np.zeros((planes, pixels), x.dtype)), flat, at, axis=1)
    out: Tensor = layout.reshape(put, shape=(*lead, *size))
    return out


max_unpool1d, max_unpool2d = each(_max_unpool)
