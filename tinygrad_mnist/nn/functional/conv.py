"""Convolutions of one and two dimensions, and their transposes, as functions with PyTorch's names.

All of them are ops/conv.py's three: of one dimension is on images one pixel high, and a transposed convolution is the
gradient of a convolution in its input, with whose rules it is differentiated. Read after arguments.py; look next at
pool.py.
"""

from __future__ import annotations

from typing import Any

from ...core.errors import ArgumentError, ShapeError
from ...core.graph import Array
from ...functions import pad
from ...functions.types import Tensor
from ...kernels.shapes import Pair
from ...ops import conv, layout
from .arguments import as_images, data, each, like_weight, numbers

Sizes = int | tuple[int, ...] | list[int]
Images = Tensor | Array
BEFORE = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}  # of a height


def _conv(
    name: str, count: int, input: Any, weight: Any, bias: Images | None = None, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlate sequences or images with filters.

    Shapes:
        input (N, C, *L) or (C, *L), weight (O, C / groups, *K), bias (O,) or None -> (N, O, *OL) or (O, *OL), with as
        many dimensions L as the name says
    Args:
        padding: zeros on each side, or "valid" (none), or "same" (output as large as input; stride 1)
    Raises:
        ShapeError: if input and weight disagree on C or the filter is larger than the padded input
    """
    input = like_weight(name, input, weight)
    steps, spread = numbers(stride, f"{name}: stride", count), numbers(dilation, f"{name}: dilation", count)
    if padding == "same":
        if set(steps) != {1}:
            raise ArgumentError(f"{name}: padding='same' needs stride 1.", got=f"stride {stride}")
        total = [d * (k - 1) for d, k in zip(spread, weight.shape[2:], strict=True)]
        if any(t % 2 for t in total):  # an even filter: the odd pixel goes after the image, as in PyTorch
            input = pad(input, [n for t in reversed(total) for n in (t // 2, t - t // 2)])
        padding = [0 if any(t % 2 for t in total) else t // 2 for t in total]
    widths = numbers(0 if padding == "valid" else padding, f"{name}: padding", count)
    # images; or what the operation itself explains
    if count == 2 and (input.ndim != 3 or weight.ndim != 4 or input.shape[0] != weight.shape[1] * groups):
        out: Tensor = conv.conv2d(input, weight, bias, stride=steps, padding=widths, dilation=spread, groups=groups)
        return out
    if weight.ndim != count + 2 or input.ndim not in (count + 1, count + 2):
        raise ShapeError(f"{name}: the input or the weight has the wrong number of dimensions.",
                         got=f"input {tuple(input.shape)}, weight {tuple(weight.shape)}",
                         expected=f"weight of {count + 2}, input of {count + 1} or {count + 2}")  # fmt: skip
    kernel = weight if count == 2 else layout.reshape(weight, shape=(*weight.shape[:2], 1, weight.shape[2]))
    shapes = geometry(stride=steps, padding=widths, dilation=spread)
    out = as_images(name, count, input, lambda x: conv.conv2d(x, kernel, bias, groups=groups, **shapes))
    return out


def geometry(**settings: tuple[int, ...]) -> dict[str, Pair]:
    """Write settings of one dimension as those of an image one pixel high."""
    return {k: (BEFORE[k], v[0]) if len(v) == 1 else (v[0], v[1]) for k, v in settings.items()}


def _conv_transpose(
    name: str, count: int, input: Any, weight: Any, bias: Any = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Tensor:  # fmt: skip
    """Spread sequences or images over filters: a convolution's gradient in its input, as an operation of its own.

    Shapes:
        input (N, C, *L) or (C, *L), weight (C, O / groups, *K), bias (O,) or None -> (N, O, *OL) or (O, *OL);
        OL = (L - 1) s - 2 pad + d (K - 1) + output_padding + 1
    Args:
        output_padding: rows and columns more, after the others; less than the stride or the dilation
    """
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "output_padding": output_padding}
    input = like_weight(name, input, weight)
    shapes = geometry(**{k: numbers(v, f"{name}: {k}", count) for k, v in settings.items()})
    more = shapes.pop("output_padding")
    steps, widths, spread = (shapes[k] for k in ("stride", "padding", "dilation"))
    got = f"input {tuple(input.shape)}, weight {tuple(weight.shape)}"
    if weight.ndim != count + 2 or 0 in weight.shape or groups < 1:
        raise ShapeError(f"{name}: the weight does not fit.", got=f"{got}, groups {groups}",
                         expected=f"weight (in_channels, out_channels / groups, {'K' if count == 1 else 'KH, KW'})")
    data(name, input, count + 1, count + 2)
    channels = input.shape[-count - 1]
    if channels != weight.shape[0] or channels % groups:
        raise ShapeError(f"{name}: the input has {channels} channels but the weight expects {weight.shape[0]}.",
                         got=f"{got}, groups {groups}",
                         expected="input channels == weight.shape[0], a multiple of groups")  # fmt: skip
    for label, values, least in (("stride", steps, 1), ("padding", widths, 0), ("dilation", spread, 1)):
        if min(values) < least:
            raise ArgumentError(f"{name}: {label} is {values[-count:]}.", expected=f"at least {least}")
    if any(not 0 <= m < max(s, d) for m, s, d in zip(more, steps, spread, strict=True)):
        raise ArgumentError(f"{name}: output_padding is {more[-count:]}.",
                            expected="at least 0, and less than the stride or the dilation")  # fmt: skip
    outputs = weight.shape[1] * groups
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise ShapeError(f"{name}: bias does not have one value per out-channel.",
                         got=f"{got}, bias {tuple(bias.shape)}", expected=f"bias ({outputs},)")  # fmt: skip
    kernel = weight if count == 2 else layout.reshape(weight, shape=(*weight.shape[:2], 1, weight.shape[2]))

    def spread_images(x: Any) -> Any:
        full = [(x.shape[2 + a] - 1) * steps[a] + spread[a] * (kernel.shape[2 + a] - 1) + 1 for a in (0, 1)]
        size = [f - 2 * w + m for f, w, m in zip(full, widths, more, strict=True)]
        if min(size) < 1 or min(x.shape[2:]) < 1:
            raise ShapeError(f"{name}: nothing is left of the output.", got=f"{got}, padding {widths[-count:]}",
                             expected="less padding")  # fmt: skip
        if more[0] < steps[0] and more[1] < steps[1]:
            shape = (x.shape[0], outputs, *size)
            return conv.conv2d_input_gradient(x, kernel, x_shape=shape, groups=groups, **shapes)
        whole = {**shapes, "padding": (0, 0)}  # a convolution of the output would see more than the input
        out = conv.conv2d_input_gradient(x, kernel, x_shape=(x.shape[0], outputs, *full), groups=groups, **whole)
        cut = tuple((-w, m - w) for w, m in zip(widths, more, strict=True))
        return layout.pad(out, width=((0, 0), (0, 0), *cut), value=0)

    out: Tensor = as_images(name, count, input, spread_images)
    return out if bias is None else out + layout.reshape(bias, shape=(outputs,) + (1,) * count)


conv1d, conv2d = each(_conv)
conv_transpose1d, conv_transpose2d = each(_conv_transpose)
