"""Images made larger, smaller, cut into windows and looked at through a grid: functions with PyTorch's names.

Interpolation and windows are weighed sums along one axis after the other (ops/blend.py); a grid's places are data, so
that its samples are gathered. Read after pool.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, ShapeError
from ...core.scope import unchanging
from ...functions import clamp, floor, matmul, permute, reshape, where
from ...functions import round as nearest_whole
from ...kernels.blend import Table, nearest_places, turned
from ...ops import elementwise as E
from ...ops import index, layout, promotion
from ...ops.blend import blend
from ...tensors.tensor import Tensor
from .arguments import data, numbers
from .conv import Images, Sizes
from .pool import adaptive_avg_pool1d, adaptive_avg_pool2d

MODES = {"nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "linear": (3,), "bilinear": (4,), "trilinear": (5,),
         "bicubic": (4,), "area": (3, 4)}  # fmt: skip


def interpolate(
    input: Images, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Give images another size.

    Shapes:
        input (N, C, *A) -> (N, C, *size), or *⌊A · scale_factor⌋
    Args:
        mode: nearest, nearest-exact, linear (of 3 dimensions), bilinear or bicubic (of 4), trilinear (of 5), area
        align_corners: let the first and last pixels of both lie on each other; linear and cubic modes only
        recompute_scale_factor: take the scale from the rounded size
    """
    data("interpolate", input, *MODES.get(mode, (3, 4, 5)))
    if mode not in MODES or antialias:
        raise ArgumentError(f"interpolate: {'antialias' if antialias else f'mode {mode!r}'} is not here.",
                            expected=", ".join(MODES) + ", without antialias")  # fmt: skip
    smooth = mode in ("linear", "bilinear", "trilinear", "bicubic")
    if align_corners is not None and not smooth:
        raise ArgumentError(f"interpolate: mode {mode!r} has no align_corners.", expected="a linear or cubic mode")
    if (size is None) == (scale_factor is None):
        raise ArgumentError("interpolate: one of size and scale_factor is needed, and not both.")
    old, count = input.shape[2:], input.ndim - 2
    if size is not None:
        new = numbers(size, "interpolate: size", count)
        scales = [n / m for n, m in zip(old, new, strict=True) if m]
    else:
        factors = list(scale_factor) if isinstance(scale_factor, list | tuple) else [scale_factor] * count
        if len(factors) != count:
            raise ArgumentError("interpolate: one scale_factor for each dimension.", got=f"{scale_factor}")
        new = tuple(math.floor(n * float(f)) for n, f in zip(old, factors, strict=True))
        scales = [1 / float(f) for f in factors]
        if recompute_scale_factor:
            scales = [n / m for n, m in zip(old, new, strict=True) if m]
    if min(*new, *old, 1) < 1:
        raise ArgumentError(f"interpolate: from {tuple(old)} to {new}.", expected="sizes of at least 1")
    if mode == "area":
        return adaptive_avg_pool1d(input, new) if count == 1 else adaptive_avg_pool2d(input, new)
    out: Any = input
    for axis, (n, m, scale) in enumerate(zip(old, new, scales, strict=True), 2):
        if not smooth:
            places = nearest_places(n, m, scale, mode == "nearest-exact")
            table = Table("picks", n, m, places)
            same = places == tuple(range(n))
        else:
            same = n == m and (bool(align_corners) or scale == 1)
            table = Table("cubic" if mode == "bicubic" else "linear", n, m, (scale, bool(align_corners)))
        out = out if same else blend(out, axis=axis, table=table)
    result: Tensor = E.clone(input) if out is input else out
    return result


def upsample(
    input: Images, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """Give images another size: the older name of `interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def _window(name: str, *settings: Any) -> list[tuple[int, ...]]:
    """Read kernel_size, dilation, padding, stride as pairs."""
    found = [numbers(v, f"{name}: {label}", 2)
             for v, label in zip(settings, ("kernel_size", "dilation", "padding", "stride"), strict=True)]  # fmt: skip
    if any(min(v) < least for v, least in zip(found, (1, 1, 0, 1), strict=True)):
        raise ArgumentError(f"{name}: a size is too small.", got=f"kernel_size, dilation, padding, stride = {found}")
    return found


def _columns(name: str, size: Sequence[int], window: list[tuple[int, ...]]) -> list[Table]:
    """Describe the windows along height and width: all pixels at their first tap, then at the next."""
    tables = []
    for n, k, d, p, s in zip(size, *window, strict=True):
        outputs = (n + 2 * p - d * (k - 1) - 1) // s + 1
        if outputs < 1:
            raise ShapeError(f"{name}: the window is larger than the padded image.", got=f"{tuple(size)}, {window}",
                             expected="a window that fits at least once")  # fmt: skip
        tables.append(Table("windows", n, outputs * k, (k, s, p, d, "", outputs)))
    return tables


def unfold(
    input: Images, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """Lay out what each window sees as a column: ([N,] C, H, W) -> ([N,] C · KH · KW, windows)."""
    window = _window("unfold", kernel_size, dilation, padding, stride)
    x = data("unfold", input, 3, 4)
    kh, kw = window[0]
    rows, columns = _columns("unfold", x.shape[-2:], window)
    images = reshape(x, -1, *x.shape[-2:]) if x.ndim == 3 else reshape(x, x.shape[0] * x.shape[1], *x.shape[2:])
    seen = blend(blend(images, axis=1, table=rows), axis=2, table=columns)
    parts = reshape(seen, images.shape[0], kh, rows.outputs // kh, kw, columns.outputs // kw)
    windows = rows.outputs // kh * (columns.outputs // kw)
    lead = x.shape[:-3]
    return reshape(permute(parts, 0, 1, 3, 2, 4), *lead, x.shape[-3] * kh * kw, windows)


def fold(
    input: Images, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """Add columns to the pixels that their windows see, as `unfold`'s adjoint: -> ([N,] C, *output_size)."""
    window = _window("fold", kernel_size, dilation, padding, stride)
    x, size = data("fold", input, 2, 3), numbers(output_size, "fold: output_size", 2)
    kh, kw = window[0]
    rows, columns = _columns("fold", size, window)
    oh, ow = rows.outputs // kh, columns.outputs // kw
    if x.shape[-2] % (kh * kw) or x.shape[-1] != oh * ow:
        raise ShapeError("fold: the columns do not fit the windows.", got=f"input {tuple(x.shape)}",
                         expected=f"(N, a multiple of {kh * kw}, {oh * ow})")  # fmt: skip
    channels = x.shape[-2] // (kh * kw)
    parts = permute(reshape(x, math.prod(x.shape[:-2]) * channels, kh, kw, oh, ow), 0, 1, 3, 2, 4)
    seen = reshape(parts, parts.shape[0], kh * oh, kw * ow)
    out = blend(blend(seen, axis=2, table=turned(columns)), axis=1, table=turned(rows))
    return reshape(out, *x.shape[:-2], channels, *size)


# ---------------------------------------------------------------- pixels and channels


def _least(name: str, x: Any, factor: Any, ndim: int, sizes: Sequence[int]) -> int:
    """Read a factor that divides sizes of x."""
    (n,) = numbers(factor, f"{name}: the factor", 1)
    pairs = zip(sizes[::2], sizes[1::2], strict=True)
    if np.ndim(x) < ndim or n < 1 or any(x.shape[axis] % n**power for axis, power in pairs):
        raise ShapeError(f"{name}: {n} does not fit.", got=f"input {tuple(x.shape)}",
                         expected=f"{ndim} dimensions or more, of sizes that can be divided")  # fmt: skip
    return n


def pixel_shuffle(input: Images, upscale_factor: int) -> Tensor:
    """Make pixels of channels: (*, C r², H, W) -> (*, C, H r, W r)."""
    r = _least("pixel_shuffle", input, upscale_factor, 3, (-3, 2))
    *lead, c, h, w = input.shape
    parts = permute(reshape(input, math.prod(lead), c // r**2, r, r, h, w), 0, 1, 4, 2, 5, 3)
    return reshape(parts, *lead, c // r**2, h * r, w * r)


def pixel_unshuffle(input: Images, downscale_factor: int) -> Tensor:
    """Make channels of pixels: (*, C, H r, W r) -> (*, C r², H, W)."""
    r = _least("pixel_unshuffle", input, downscale_factor, 3, (-2, 1, -1, 1))
    *lead, c, h, w = input.shape
    parts = permute(reshape(input, math.prod(lead), c, h // r, r, w // r, r), 0, 1, 3, 5, 2, 4)
    return reshape(parts, *lead, c * r**2, h // r, w // r)


def channel_shuffle(input: Images, groups: int) -> Tensor:
    """Take the channels from the groups in turn: (N, C, *)."""
    n = _least("channel_shuffle", input, groups, 3, (1, 1))
    parts = reshape(input, input.shape[0], n, input.shape[1] // n, math.prod(input.shape[2:]))
    return reshape(permute(parts, 0, 2, 1, 3), *input.shape)


# ---------------------------------------------------------------- grids


def affine_grid(theta: Images, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Give where pixels come from under an affine map: theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2)."""
    if np.ndim(theta) != 3 or len(size) != 4 or tuple(theta.shape) != (size[0], 2, 3):
        raise ShapeError("affine_grid: theta and size do not fit.", got=f"theta {np.shape(theta)}, size {tuple(size)}",
                         expected="theta (N, 2, 3) and size (N, C, H, W)")  # fmt: skip
    (n, _, h, w), kind = size, theta.dtype
    axes = [np.linspace(-1, 1, m) * (1 if align_corners or m < 2 else (m - 1) / m) * (m > 1) for m in (w, h)]
    base = np.stack([*np.broadcast_arrays(axes[0], axes[1][:, None]), np.ones((h, w))], -1).astype(kind)
    pixels: Any = unchanging(base.reshape(1, h * w, 3))
    pixels = Tensor.wrap(pixels) if isinstance(theta, Tensor) else pixels  # whose transpose a step must know
    return reshape(matmul(pixels, permute(theta, 0, 2, 1)), n, h, w, 2)


def grid_sample(
    input: Images, grid: Images, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """Read images at places of a grid, whose -1 and 1 are the borders (or, with align_corners, the outer pixels).

    Shapes:
        input (N, C, H, W), grid (N, OH, OW, 2) of (x, y) -> (N, C, OH, OW)
    Args:
        mode: bilinear or nearest
        padding_mode: zeros outside, or what stands at the border, or the image mirrored
    """
    data("grid_sample", input, 4)
    data("grid_sample", grid, 4)
    if mode not in ("bilinear", "nearest") or padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(f"grid_sample: mode {mode!r}, padding_mode {padding_mode!r}.",
                            expected="bilinear or nearest; zeros, border or reflection")  # fmt: skip
    if grid.shape[0] != input.shape[0] or grid.shape[3] != 2 or 0 in input.shape[1:] or grid.dtype != input.dtype:
        raise ShapeError("grid_sample: input and grid do not fit.",
                         got=f"input {tuple(input.shape)} {input.dtype}, grid {tuple(grid.shape)} {grid.dtype}",
                         expected="grid (N, OH, OW, 2) of input's dtype")  # fmt: skip
    n, c, *size = input.shape
    oh, ow = grid.shape[1:3]
    places = []
    for axis, m in enumerate(reversed(size)):
        at = layout.reshape(index.getitem(grid, index=(Ellipsis, axis)), shape=(n, oh * ow))
        at = (at + 1) / 2 * (m - 1) if align_corners else ((at + 1) * m - 1) / 2
        if padding_mode == "reflection":
            at = _mirrored(at, *((0, 2 * (m - 1)) if align_corners else (-1, 2 * m - 1)))
        if padding_mode != "zeros":  # at the border, too, the place does not matter
            at = where((at > 0) & (at < m - 1), at, clamp(_detached(at), 0, m - 1))
        places.append(at)
    flat = reshape(permute(input, 0, 2, 3, 1), n * size[0] * size[1], c)
    images = unchanging((np.arange(n) * (size[0] * size[1]))[:, None])
    total: Any = None
    lows = [(floor if mode == "bilinear" else nearest_whole)(_detached(at)) for at in places]
    for corner in itertools.product((0, 1), repeat=2) if mode == "bilinear" else [(0, 0)]:
        weight: Any = None
        inside: Any = None
        pixel: Any = images
        for at, low, upper, m, step in zip(places, lows, corner, reversed(size), (1, size[1]), strict=True):
            share = None if mode == "nearest" else at - low if upper else 1 - (at - low)
            weight = share if weight is None else weight * share
            here = low + upper
            valid = (here >= 0) & (here <= m - 1)
            inside = valid if inside is None else inside & valid
            pixel = pixel + promotion.cast(clamp(where(valid, here, 0.0), 0, m - 1), dtype=np.dtype(np.int64)) * step
        seen = index.getitem(flat, pixel, index=(index.ARRAY,))
        kept = promotion.cast(inside, dtype=input.dtype)
        weight = kept if weight is None else where(inside, weight, 0.0)
        part = seen * reshape(weight, n, oh * ow, 1)
        total = part if total is None else total + part
    return permute(reshape(total, n, oh, ow, c), 0, 3, 1, 2)


def _mirrored(at: Any, twice_low: int, twice_high: int) -> Any:
    """Mirror places at half of two numbers until they lie between them."""
    if twice_low == twice_high:
        return at * 0
    low, span = twice_low / 2, (twice_high - twice_low) / 2
    at = E.absolute(at - low)
    times = floor(_detached(at) / span)
    extra = at - times * span
    return where(times / 2 == floor(times / 2), extra + low, span - extra + low)


def _detached(x: Any) -> Any:
    """Take values without their derivatives."""
    return x.detach() if isinstance(x, Tensor) else x

