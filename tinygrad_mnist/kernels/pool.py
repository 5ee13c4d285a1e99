"""Max-pooling on raw arrays: the maximum of each window, which tap won, and moving values between the two.

`winners` holds, per window, the number of its winning tap in row order: one byte for windows of up to 256 taps.
Scatter and gather go tap by tap over strided views, with no arithmetic on indices, and are each other's adjoint, so
pooling's derivatives of every order are these two again. Work goes over blocks of images that stay in cache. All
results keep the memory order of the input, since a copy into the other costs more than the pooling; `out` may be of
either.
Must not know: Tensor, gradients' bookkeeping, layers. Look next at shapes.py (geometry), ops/pool.py (the calculus).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.backend import Array
from ..core.errors import ArgumentError, ShapeError
from .activation import keep
from .parallel import for_each
from .scratch import contiguous, scratch
from .shapes import Pair, check_window, conv_output_size, empty_channels_last, is_channels_last, tap_slices

# Few and large blocks: between short passes the threads would wait for each other. Measured on inputs of 5 and 9 MB, a
# block of 2 MB takes two thirds of the time of one of 0.5 MB, or of all in one.
_BLOCKS, _MOST_BYTES, _FEW_BYTES = 4, 3 << 20, 1 << 20
_MANY_TAPS = 16  # where passes over all taps take longer than indices
_BOOL = np.dtype(bool)
ONE = (1, 1)

Tap = tuple[slice, ...]  # an index of what the windows see at one of their places


def max_pool2d(
    x: Array, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE, out: Array | None = None,
    saved: Array | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Take the maximum of each window, and remember which tap it was.

    Math:
        out[n,c,i,j] = max_{p,q} x[n, c, i·s + p·d − pad, j·s + q·d − pad], −inf outside x; of equals the first in
        row order wins; a NaN wins over all (the last one, as in PyTorch)
    Shapes:
        x (N, C, H, W) -> out, winners (N, C, OH, OW), winners = p · KW + q
    Raises:
        ShapeError: for a rank other than 4 or a window that does not fit
        ArgumentError: for a value out of range
    """
    shape, last = _output_shape(x, kernel_size, stride, padding, dilation), is_channels_last(x)
    out = _empty(shape, x.dtype, last) if out is None else out
    numbers = np.min_scalar_type(kernel_size[0] * kernel_size[1] - 1)
    winners = _empty(shape, numbers, last) if saved is None else saved
    best, chosen = _ordered(out, last), _ordered(winners, last)
    first = _first_taps(shape, kernel_size, stride, padding, dilation)
    first = first[:, :, None] if last else first
    taps = _taps(shape, kernel_size, stride, dilation, last)

    def work(images: slice) -> None:
        _first_maxima(_framed(x[images], padding, last), taps, first, best[images], chosen[images], last)

    for_each(work, _blocks(x), wake=False)
    return out, winners


def max_pool2d_values(
    x: Array, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE, out: Array | None = None
) -> Array:
    """Take the maximum of each window only, where no derivative is wanted.

    Shapes:
        x (N, C, H, W) -> (N, C, OH, OW)
    """
    shape, last = _output_shape(x, kernel_size, stride, padding, dilation), is_channels_last(x)
    out = _empty(shape, x.dtype, last) if out is None else out
    best, taps = _ordered(out, last), _taps(shape, kernel_size, stride, dilation, last)

    def work(images: slice) -> None:
        here, target = _framed(x[images], padding, last), best[images]
        target[...] = here[taps[0]]
        for tap in taps[1:]:
            np.maximum(target, here[tap], out=target)

    for_each(work, _blocks(x), wake=False)
    return out


def pool_scatter(
    g: Array, winners: Array, *, x_shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Pair,
    dilation: Pair = ONE, out: Array | None = None,
) -> Array:  # fmt: skip
    """Add each value at its window's winner; windows may overlap, so a pixel can win several times.

    Math:
        gx[n,c,h,v] = Σ g[n,c,i,j] over the windows with h = i·s + p − pad, v = j·s + q − pad for their winner
        p · KW + q
    Shapes:
        g, winners (N, C, OH, OW) -> x_shape (N, C, H, W)
    """
    last = is_channels_last(winners)
    gx = _empty(x_shape, g.dtype, last) if out is None else out
    pixels, shares, chosen = _ordered(gx, last), _ordered(g, last), _ordered(winners, last)
    taps = _tap_slices(x_shape, winners.shape, kernel_size, stride, padding, dilation, last)
    apart = all(dilation[a] * (kernel_size[a] - 1) < stride[a] for a in (0, 1))
    whole = x_shape[2:] == (g.shape[2] * stride[0], g.shape[3] * stride[1])
    tiled = kernel_size == stride and padding == (0, 0) and dilation == ONE and whole

    if apart and len(taps) > _MANY_TAPS:  # each window writes one pixel, found by its number
        gx[...] = 0
        window: Any = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
        row, column = np.divmod(pool_positions(winners, width=x_shape[3], **window), x_shape[3])
        image, channel, _, _ = np.ogrid[: x_shape[0], : x_shape[1], :1, :1]
        gx[image, channel, row, column] = g
        return gx

    def work(images: slice) -> None:
        here, share, choice = pixels[images], contiguous(shares[images], "pool shares"), chosen[images]
        won = scratch("pool mask", choice.shape, _BOOL)
        kept = scratch("pool kept", share.shape, share.dtype)
        source, target = _whole_pixels(kept, here, last)
        if not tiled:
            here[...] = 0
        for number, (read, written) in enumerate(taps):
            np.equal(choice, number, out=won)
            keep(share, won, kept)
            if apart:
                target[written] = source[read]
            else:
                met = here[written]
                met += kept[read]

    for_each(work, _blocks(gx), wake=False)
    return gx


def pool_gather(
    x: Array, winners: Array, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """Pick the value at each window's winner: the adjoint of pool_scatter.

    Math:
        out[n,c,i,j] = x[n, c, i·s + p − pad, j·s + q − pad] with p · KW + q = winners[n,c,i,j]
    Shapes:
        x (N, C, H, W), winners (N, C, OH, OW) -> (N, C, OH, OW)
    """
    last = is_channels_last(winners)
    out = _empty(winners.shape, x.dtype, last) if out is None else out
    picked, pixels, chosen = _ordered(out, last), _ordered(x, last), _ordered(winners, last)
    taps = _tap_slices(x.shape, winners.shape, kernel_size, stride, padding, dilation, last)

    def work(images: slice) -> None:
        target, here, choice = picked[images], pixels[images], chosen[images]
        won = scratch("pool mask", choice.shape, _BOOL)
        shares, kept = (scratch(name, choice.shape, x.dtype) for name in ("pool tap", "pool kept"))
        target[...] = 0
        for number, (windows, seen) in enumerate(taps):
            np.equal(choice, number, out=won)
            shares[windows] = here[seen]  # once out of its stride, where all that follows is quick
            keep(shares, won, kept)
            target[windows] += kept[windows]

    for_each(work, _blocks(x), wake=False)
    return out


def _first_maxima(x: Array, taps: list[Tap], first: Array, best: Array, chosen: Array, last: bool) -> None:
    """Write the largest of the taps, and the number of the first tap that has it, into best and chosen."""
    here = scratch("pool tap", best.shape, best.dtype)
    better = scratch("pool mask", best.shape, _BOOL)
    candidate = scratch("pool candidate", best.shape, chosen.dtype)
    source, target = _whole_pixels(x, here, last)
    best[...] = x[taps[0]]
    chosen[...] = first
    for number, tap in enumerate(taps[1:], 1):
        target[...] = source[tap]  # once out of its stride, where all that follows is quick
        np.greater(here, best, out=better)
        np.maximum(best, here, out=best)
        # Numbers grow along the taps, so the last tap that was better is the largest number.
        np.multiply(better.view(np.uint8), chosen.dtype.type(number), out=candidate)
        np.maximum(chosen, candidate, out=chosen)
    if np.isnan(best, out=better).any():
        for number, tap in enumerate(taps):
            np.copyto(chosen, chosen.dtype.type(number), where=np.isnan(x[tap]))


def pool_positions(
    winners: Array, *, width: int, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair = ONE
) -> Array:
    """Number the pixel that won, in row order of its plane, whose rows have `width` pixels.

    Math:
        (i·s + p·d − pad) · width + j·s + q·d − pad with p · KW + q = winners[n,c,i,j]
    """
    row, column = np.divmod(winners.astype(np.int64), kernel_size[1])
    row = row * dilation[0] + (np.arange(row.shape[2]) * stride[0] - padding[0])[:, None]
    column = column * dilation[1] + np.arange(row.shape[3]) * stride[1] - padding[1]
    positions: Array = row * width + column
    return positions


def _first_taps(shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """Number each window's first tap inside x, its winner before any comparison, for x may be all -inf: (OH, OW)."""
    starts = (np.maximum(padding[a] - np.arange(shape[2 + a]) * stride[a], 0) for a in (0, 1))
    rows, columns = (-(-start // dilation[a]) for a, start in enumerate(starts))
    numbers: Array = rows[:, None] * kernel[1] + columns
    return numbers


def _output_shape(x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> tuple[int, ...]:
    if x.ndim != 4:
        raise ShapeError(f"max_pool2d: x has {x.ndim} axes but needs 4.", got=f"x {x.shape}",
                         expected="x (N, channels, height, width)")
    check_window("max_pool2d", x.shape[2:], kernel, stride, padding, dilation)
    if any(2 * padding[a] > dilation[a] * (kernel[a] - 1) + 1 for a in (0, 1)):
        raise ArgumentError(f"max_pool2d: padding {padding} is more than half of the kernel {kernel}.",
                            expected="windows that all see a pixel", hint="pad x before pooling")
    sizes = (conv_output_size(x.shape[2 + a], kernel[a], stride[a], padding[a], dilation[a]) for a in (0, 1))
    return (*x.shape[:2], *sizes)


def _framed(x: Array, padding: Pair, last: bool) -> Array:
    """Return x with its axes in the order of memory, in a frame of -inf where there is padding."""
    (n, c, h, w), (ph, pw) = x.shape, padding
    inner = _ordered(x, last)
    if padding == (0, 0):
        return inner
    framed = scratch("pool frame", (n, h + 2 * ph, w + 2 * pw, c) if last else (n, c, h + 2 * ph, w + 2 * pw), x.dtype)
    framed[...] = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    framed[_at(slice(ph, ph + h), slice(pw, pw + w), last)] = inner
    return framed


def _taps(shape: tuple[int, ...], kernel: Pair, stride: Pair, dilation: Pair, last: bool) -> list[Tap]:
    """Index for each tap, in row order, what the windows see there in the framed input."""
    rows, columns = (
        [slice(p * d, p * d + (outputs - 1) * s + 1, s) for p in range(k)]
        for k, s, d, outputs in zip(kernel, stride, dilation, shape[2:], strict=True)
    )
    return [_at(row, column, last) for row in rows for column in columns]


def _tap_slices(
    x_shape: tuple[int, ...], shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair,
    last: bool,
) -> list[tuple[Tap, Tap]]:  # fmt: skip
    """Return for each tap, in row order, the windows whose pixel there exists, and those pixels: two indices."""
    rows = [tap_slices(p * dilation[0] - padding[0], x_shape[2], stride[0], shape[2]) for p in range(kernel[0])]
    columns = [tap_slices(q * dilation[1] - padding[1], x_shape[3], stride[1], shape[3]) for q in range(kernel[1])]
    return [(_at(row[0], column[0], last), _at(row[1], column[1], last)) for row in rows for column in columns]


def _at(row: slice, column: slice, last: bool) -> Tap:
    """Index height and width of axes in the order of memory."""
    return (slice(None), row, column) if last else (slice(None), slice(None), row, column)


def _ordered(x: Array, last: bool) -> Array:
    """View x (N, C, H, W) with its axes in the order of memory: N, H, W, C if last."""
    return x.transpose(0, 2, 3, 1) if last else x


def _whole_pixels(x: Array, y: Array, last: bool) -> tuple[Array, Array]:
    """View both so that copies between them go by whole pixels, where the channels of one are neighbours in both."""
    if not last or x.shape[3] == 1 or x.dtype != y.dtype or not (x.flags.c_contiguous and y.flags.c_contiguous):
        return x, y
    pixel = np.dtype(f"V{x.shape[3] * x.itemsize}")  # of np.void NumPy asks Python code, whose interruption it drops
    return x.view(pixel)[..., 0], y.view(pixel)[..., 0]


def _empty(shape: tuple[int, ...], dtype: np.dtype[Any], last: bool) -> Array:
    return empty_channels_last(shape, dtype) if last else np.empty(shape, dtype)


def _blocks(x: Array) -> list[slice]:
    """Cut the images of x into equal blocks, or leave them together where they are few."""
    count = max(_BLOCKS, -(-x.nbytes // _MOST_BYTES)) if x.nbytes > _FEW_BYTES else 1
    size = max(1, -(-len(x) // count))
    return [slice(first, first + size) for first in range(0, len(x), size)]
