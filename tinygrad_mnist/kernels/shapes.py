"""The geometry that convolution and pooling share: sizes, which input a tap reads, memory order, and the checks.

Axes, here and everywhere: N images, C channels, H W height and width; O out-channels, KH KW taps of the kernel, OH OW
height and width of the output. Along one axis, output i reads input i * stride + tap * dilation - padding at each tap.

Knows shapes and errors only: no arithmetic on values, no Tensor. Look next at conv.py and pool.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import ArgumentError, ShapeError

Pair = tuple[int, int]


def conv_output_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Count the positions of a kernel along one axis.

    Math:
        ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def tap_slices(offset: int, size: int, stride: int, outputs: int) -> tuple[slice, slice]:
    """Pair the outputs whose input at i * stride + offset exists with those inputs: two slices of equal length.

    Args:
        offset: tap * dilation - padding
        size: inputs along the axis
        outputs: outputs along the axis
    """
    first = max(0, -(offset // stride))
    last = max(first, min(outputs, (size - 1 - offset) // stride + 1))
    if first == last:
        return slice(0, 0), slice(0, 0)
    return slice(first, last), slice(first * stride + offset, (last - 1) * stride + offset + 1, stride)


def empty_channels_last(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Allocate an array of shape (N, C, H, W) whose memory runs N, H, W, C."""
    n, c, h, w = shape
    return np.empty((n, h, w, c), dtype).transpose(0, 3, 1, 2)


def is_channels_last(x: Array) -> bool:
    """Tell whether the channels of x (N, C, H, W) are neighbours in memory."""
    return x.shape[1] == 1 or abs(x.strides[1]) < abs(x.strides[3])


def flatten(*arrays: Array) -> list[Array] | None:
    """View arrays of one shape as vectors in the order of their memory, if that is the same for all and has no gaps."""
    for views in (arrays, [x.transpose(0, 2, 3, 1) for x in arrays if x.ndim == 4]):
        if views and all(v.flags.c_contiguous for v in views):
            return [v.reshape(-1) for v in views]
    return None


def check_window(name: str, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
    """Refuse a window that is not one, or does not fit once into the padded input.

    Raises:
        ArgumentError: for a value out of range
        ShapeError: for a kernel larger than the padded input
    """
    for label, pair, least in (("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0),
                               ("dilation", dilation, 1)):
        if min(pair) < least:
            raise ArgumentError(f"{name}: {label} is {pair}.", expected=f"two integers of at least {least}")
    reach = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    padded = (size[0] + 2 * padding[0], size[1] + 2 * padding[1])
    if reach[0] > padded[0] or reach[1] > padded[1]:
        raise ShapeError(
            f"{name}: the kernel is larger than the padded input.",
            got=f"kernel {kernel} with dilation {dilation} reaches over {reach}, "
                f"input {size} with padding {padding} is {padded}",
            expected="a kernel that fits at least once",
            hint="a smaller kernel or dilation, more padding, or fewer poolings before this layer",
        )


def check_conv2d(x: Array, w: Array, b: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
    """Refuse arguments of conv2d that do not fit each other, and guess what was meant.

    Raises:
        ShapeError: for ranks, channels, groups and kernel size
        ArgumentError: for a value out of range
    """
    got = f"x {x.shape}, weight {w.shape}" + ("" if b is None else f", bias {b.shape}")
    if w.ndim != 4:
        raise ShapeError(f"conv2d: weight has {_count(w.ndim, 'axis', 'axes')} but needs 4.", got=got,
                         expected="weight (out_channels, in_channels / groups, kernel height, kernel width)")
    if groups < 1:
        raise ArgumentError(f"conv2d: groups is {groups}.", expected="an integer of at least 1")
    if 0 in w.shape:
        raise ShapeError("conv2d: weight is empty.", got=got, expected="at least one of every axis")
    outputs, channels = w.shape[0], w.shape[1] * groups
    if x.ndim != 4:
        raise ShapeError(f"conv2d: x has {_count(x.ndim, 'axis', 'axes')} but needs 4.", got=got,
                         expected="x (N, channels, height, width)", hint=_missing_axis_hint(x.shape, channels))
    if x.shape[1] != channels:
        if x.shape[3] == channels:
            hint = "looks like channels-last; use x.permute(0, 3, 1, 2)"
        elif groups > 1 and x.shape[1] % groups:
            hint = f"groups that divides the {x.shape[1]} channels of x"
        else:
            hint = f"Conv2d(in_channels={x.shape[1]}, ...)"
            hint += " or repeat the channel axis of x" if x.shape[1] == 1 else ""
        times = "" if groups == 1 else " * groups"
        raise ShapeError(f"conv2d: x has {_count(x.shape[1], 'channel', 'channels')} but weight expects {channels}.",
                         got=got + ("" if groups == 1 else f", groups {groups}"),
                         expected=f"x.shape[1] == weight.shape[1]{times}", hint=hint)
    if outputs % groups:
        raise ShapeError(f"conv2d: groups {groups} does not divide the {outputs} out-channels.", got=got,
                         expected="weight.shape[0] % groups == 0")
    if b is not None and b.shape != (outputs,):
        raise ShapeError("conv2d: bias does not have one value per out-channel.", got=got,
                         expected=f"bias ({outputs},)")
    check_window("conv2d", x.shape[2:], w.shape[2:], stride, padding, dilation)


def _missing_axis_hint(shape: tuple[int, ...], channels: int) -> str:
    if len(shape) == 3 and shape[0] == channels:
        return "looks like one image without a batch axis; use x.unsqueeze(0)"
    if len(shape) == 3 and channels == 1:
        return "looks like images without a channel axis; use x.unsqueeze(1)"
    if len(shape) == 2:
        return f"for flat images, x.reshape(-1, {channels}, height, width)"
    return ""


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
