"""Max-pooling on raw arrays: the maximum of each window, which pixel won, and moving values between the two.

`winners` holds, per window, the flat index of its winner in the H * W plane of the input. Scatter and gather through
it are each other's adjoint, so pooling's derivatives of every order are these two again. All results keep the memory
order of the input, channels last or not, since a copy into the other order costs more than the pooling.

Must not know: Tensor, gradients' bookkeeping, layers. Look next at shapes.py (geometry), ops/pool.py (the calculus).
"""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError, ShapeError
from .shapes import Array, Pair, check_window, conv_output_size, empty_channels_last, is_channels_last


def max_pool2d(x: Array, *, kernel: Pair, stride: Pair, padding: Pair) -> tuple[Array, Array]:
    """Take the maximum of each window, and remember where it was.

    Math:    out[n,c,i,j] = max_{p,q} x[n, c, i·s + p − pad, j·s + q − pad], −inf outside x; of equals the first in row
             order wins; a NaN wins over all (the last one, as in PyTorch)
    Shapes:  x (N, C, H, W) -> out, winners (N, C, OH, OW)
    Raises:  ShapeError for a rank other than 4 or a window that does not fit; ArgumentError for a value out of range
    """
    taps = _tap_views(x, kernel, stride, padding)
    width, (oh, ow) = x.shape[3], taps[0].shape[2:]
    # A winner is the index of the window's first tap plus the offset p * W + q of the tap. Small integers are quick.
    reach = (x.shape[2] + 2 * padding[0]) * (width + 2 * padding[1])
    dtype = np.dtype(next(kind for kind in (np.int16, np.int32, np.int64) if reach <= np.iinfo(kind).max))
    offsets = [p * width + q for p in range(kernel[0]) for q in range(kernel[1])]
    top = np.arange(oh) * stride[0] - padding[0]
    left = np.arange(ow) * stride[1] - padding[1]
    # Before any comparison the winner is the first tap inside x, which may be all -inf.
    first = (np.maximum(top, 0) - top)[:, None] * width + np.maximum(left, 0) - left

    out = taps[0].copy(order="K")
    offset = np.empty_like(out, dtype)
    offset[...] = first
    better = np.empty_like(out, bool)
    candidate = np.empty_like(offset)
    for tap, here in zip(taps[1:], offsets[1:], strict=True):
        np.greater(tap, out, out=better)
        np.maximum(out, tap, out=out)
        # Offsets grow along the taps inside x, so the last tap that was better is the largest offset.
        np.multiply(better.view(np.int8), dtype.type(here), out=candidate)
        np.maximum(offset, candidate, out=offset)
    if np.isnan(out).any():
        for tap, here in zip(taps, offsets, strict=True):
            np.copyto(offset, dtype.type(here), where=np.isnan(tap))
    offset += (top[:, None] * width + left).astype(dtype)
    return out, offset


def max_pool2d_values(x: Array, *, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """Take the maximum of each window only: a third of the time, where no derivative is wanted.

    Shapes:  x (N, C, H, W) -> (N, C, OH, OW)
    """
    taps = _tap_views(x, kernel, stride, padding)
    out = taps[0].copy(order="K")
    for tap in taps[1:]:
        np.maximum(out, tap, out=out)
    return out


def pool_scatter(g: Array, winners: Array, *, x_shape: tuple[int, ...]) -> Array:
    """Add each value at its window's winner; windows may overlap, so a pixel can win several times.

    Math:    gx[n,c,k] = Σ g[n,c,i,j] over the windows with winners[n,c,i,j] = k
    Shapes:  g, winners (N, C, OH, OW) -> x_shape (N, C, H, W)
    """
    last = is_channels_last(winners)
    gx = empty_channels_last(x_shape, g.dtype) if last else np.empty(x_shape, g.dtype)
    gx[...] = 0
    np.add.at(_flat(gx, last), _flat_index(winners, x_shape, last), _flat(g, last))
    return gx


def pool_gather(x: Array, winners: Array) -> Array:
    """Pick the value at each window's winner: the adjoint of pool_scatter.

    Math:    out[n,c,i,j] = x[n, c, winners[n,c,i,j]]
    Shapes:  x (N, C, H, W), winners (N, C, OH, OW) -> (N, C, OH, OW)
    """
    last = is_channels_last(winners)
    out = empty_channels_last(winners.shape, x.dtype) if last else np.empty(winners.shape, x.dtype)
    _flat(out, last)[...] = _flat(x, last)[_flat_index(winners, x.shape, last)]
    return out


def _tap_views(x: Array, kernel: Pair, stride: Pair, padding: Pair) -> list[Array]:
    """Return for each tap, in row order, the values (N, C, OH, OW) that the windows see there."""
    if x.ndim != 4:
        raise ShapeError(f"max_pool2d: x has {x.ndim} axes but needs 4.", got=f"x {x.shape}",
                         expected="x (N, channels, height, width)")
    check_window("max_pool2d", x.shape[2:], kernel, stride, padding, (1, 1))
    if 2 * padding[0] > kernel[0] or 2 * padding[1] > kernel[1]:
        raise ArgumentError(f"max_pool2d: padding {padding} is more than half of the kernel {kernel}.",
                            expected="windows that all see a pixel", hint="pad x before pooling")
    n, c, h, w = x.shape
    oh = conv_output_size(h, kernel[0], stride[0], padding[0], 1)
    ow = conv_output_size(w, kernel[1], stride[1], padding[1], 1)
    if padding != (0, 0):
        shape = (n, c, h + 2 * padding[0], w + 2 * padding[1])
        framed = empty_channels_last(shape, x.dtype) if is_channels_last(x) else np.empty(shape, x.dtype)
        framed[...] = -np.inf
        framed[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w] = x
        x = framed
    rows = [slice(p, p + (oh - 1) * stride[0] + 1, stride[0]) for p in range(kernel[0])]
    columns = [slice(q, q + (ow - 1) * stride[1] + 1, stride[1]) for q in range(kernel[1])]
    return [x[:, :, row, column] for row in rows for column in columns]


def _flat(x: Array, last: bool) -> Array:
    """Flatten x (N, C, H, W) in the order N, H, W, C if last, else N, C, H, W: a view where the memory runs so."""
    return (x.transpose(0, 2, 3, 1) if last else x).reshape(-1)


def _flat_index(winners: Array, x_shape: tuple[int, ...], last: bool) -> Array:
    """Turn indices into a plane into indices into the whole array, both flattened as by _flat."""
    n, c, h, w = x_shape
    if last:
        index = winners.transpose(0, 2, 3, 1) * np.intp(c)
        index += np.arange(n)[:, None, None, None] * (h * w * c) + np.arange(c)
    else:
        index = winners.astype(np.intp)
        index += (np.arange(n * c) * (h * w)).reshape(n, c, 1, 1)
    return index.reshape(-1)
