"""Cases of convolution, pooling and resampling as PyTorch has them: each is PyTorch's own text, in both packages."""

from collections.abc import Callable
from typing import Any

import numpy as np
from strategies import POSITIVE, Array, Call, Draw

from .case import Example, a
from .composed import text
from .images import conv2d_oracle, input_gradient_oracle, pool_oracles
from .windows import matrix_of  # noqa: F401


def in_torch(name: str) -> Callable[..., Any]:
    """Call a function of nn.functional, giving the first of several results."""

    def function(m: Any, *args: Any, **static: Any) -> Any:
        out = getattr(m.nn.functional, name)(*args, **static)
        return out[0] if isinstance(out, tuple) else out

    function.__name__ = name
    return function


def form(d: Draw, *shape: int) -> tuple[int, ...]:
    """Leave out the batch, or not."""
    return shape[1:] if d.boolean() else shape


def batched(function: Callable[..., Array], count: int, x: Array, *args: Any, **static: Any) -> Array:
    """Call an oracle that knows images (N, C, H, W) alone."""
    wide = x if x.ndim == count + 2 else x[None]
    out = function(wide[:, :, None] if count == 1 else wide, *args, **static)
    out = out[:, :, 0] if count == 1 else out
    return out if x.ndim == count + 2 else out[0]


# convolution


def build_conv(d: Draw, count: int, transposed: bool = False) -> Call:
    groups = d.choose((1, 2))
    size, kernel = ((4,), (2,)) if count == 1 else ((4, 5), (2, 3))
    ends = (2, 4 // groups) if transposed else (4, 2 // groups)
    static = {"stride": d.choose((1, 2)), "padding": d.choose((1, 0)), "dilation": d.choose((1, 2)), "groups": groups}
    if transposed:
        static["output_padding"] = d.choose((0, 1)) if max(static["stride"], static["dilation"]) > 1 else 0
    x, w, b = d.values(form(d, 2, 2, *size)), d.values((*ends, *kernel)), d.values((4,))
    return Call([x, w, b if d.boolean() else None], static, d.seed)


def pairs(count: int, static: dict[str, Any]) -> dict[str, Any]:
    plain = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}
    return {k: v if k == "groups" else (plain[k], v) if count == 1 else (v, v) for k, v in static.items()}


def conv_oracle(count: int) -> Callable[..., Array]:
    def oracle(x: Array, w: Array, b: Array | None, **static: Any) -> Array:
        return batched(conv2d_oracle, count, x, w[:, :, None] if count == 1 else w, b, **pairs(count, static))

    return oracle


def transposed_oracle(count: int) -> Callable[..., Array]:
    def whole(x: Array, w: Array, b: Array | None, output_padding: Any, **static: Any) -> Array:
        size = [(n - 1) * s - 2 * p + d * (k - 1) + 1 + m for n, k, s, p, d, m in zip(
            x.shape[2:], w.shape[2:], static["stride"], static["padding"], static["dilation"], output_padding,
            strict=True)]  # fmt: skip
        outputs = w.shape[1] * static["groups"]
        pad = static["padding"]
        full = [n - m + 2 * p for n, m, p in zip(size, output_padding, pad, strict=True)]
        out = input_gradient_oracle(x, w, (len(x), outputs, *full), **{**static, "padding": (0, 0)})
        out = np.pad(out, ((0, 0), (0, 0), *((0, m) for m in output_padding)))
        out = out[:, :, pad[0] : pad[0] + size[0], pad[1] : pad[1] + size[1]]
        return out + (0 if b is None else b[:, None, None])

    def oracle(x: Array, w: Array, b: Array | None, **static: Any) -> Array:
        return batched(whole, count, x, w[:, :, None] if count == 1 else w, b, **pairs(count, static))

    return oracle


for count in (1, 2):
    for name, oracle in ((f"conv{count}d", conv_oracle), (f"conv_transpose{count}d", transposed_oracle)):
        turned = "transpose" in name
        text(f"{name} forms", in_torch(name), lambda d, n=count, t=turned: build_conv(d, n, t), oracle(count), order=2,
             raw=False)  # fmt: skip


# pooling


def build_max(d: Draw, count: int) -> Call:
    size = (6,) if count == 1 else (5, 6)
    static = {"kernel_size": d.choose((2, 3)), "stride": d.choose((2, 1, 3)), "padding": d.choose((0, 1)),
              "dilation": d.choose((1, 2)), "ceil_mode": d.boolean(), "return_indices": d.boolean()}  # fmt: skip
    return Call([d.distinct(form(d, 2, 2, *size))], static, d.seed)


def starts(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> range:
    """Tell where windows begin."""
    free = size + 2 * padding - dilation * (kernel - 1) - 1
    n = -(-free // stride) + 1 if ceil_mode else free // stride + 1
    n -= ceil_mode and (n - 1) * stride >= size + padding
    return range(-padding, n * stride - padding, stride)


def windowed(count: int, of_window: Callable[..., float]) -> Callable[..., Array]:
    """Make the oracle of a pooling from what one window gives, of its pixels and of how many taps it has."""

    def whole(x: Array, kernel_size: int, stride: int, padding: int = 0, dilation: int = 1, ceil_mode: bool = False,
              **more: Any) -> Array:  # fmt: skip
        more.pop("return_indices", None)
        tall = (kernel_size, stride, padding, dilation) if count == 2 else (1, 1, 0, 1)
        tops = starts(x.shape[2], *tall, ceil_mode and count == 2)
        lefts = starts(x.shape[3], kernel_size, stride, padding, dilation, ceil_mode)
        out = np.zeros((*x.shape[:2], len(tops), len(lefts)))
        for i, top in enumerate(tops):
            for j, left in enumerate(lefts):
                rows = [r for r in (top + p * tall[3] for p in range(tall[0])) if 0 <= r < x.shape[2]]
                columns = [c for c in (left + q * dilation for q in range(kernel_size)) if 0 <= c < x.shape[3]]
                taps = (min(top + tall[0], x.shape[2] + tall[2]) - top) * (
                    min(left + kernel_size, x.shape[3] + padding) - left)  # fmt: skip
                seen = x[:, :, rows][:, :, :, columns].reshape(*x.shape[:2], -1)
                out[:, :, i, j] = of_window(seen, taps, **more)
        return out

    return lambda x, *args, **static: batched(whole, count, x, *args, **static)


def average(seen: Array, taps: int, count_include_pad: bool = True, divisor_override: int | None = None) -> Any:
    return seen.sum(-1) / (divisor_override or (taps if count_include_pad else seen.shape[-1]))


def build_avg(d: Draw, count: int) -> Call:
    static = {"kernel_size": d.choose((2, 3)), "stride": d.choose((2, 1, 3)), "padding": d.choose((0, 1)),
              "ceil_mode": d.boolean(), "count_include_pad": d.boolean()}  # fmt: skip
    if count == 2:
        static["divisor_override"] = d.choose((None, 3))
    return Call([d.values(form(d, 2, 2, *((6,) if count == 1 else (5, 6))))], static, d.seed)


def build_lp(d: Draw, count: int) -> Call:
    x = d.values(form(d, 2, 2, *((6,) if count == 1 else (4, 5))), POSITIVE)
    return Call([x], {"norm_type": d.choose((2, 1, 3.0)), "kernel_size": 2, "stride": d.choose((1, 2))}, d.seed)


def power_mean(seen: Array, taps: int, norm_type: float) -> Any:
    return (seen**norm_type).sum(-1) ** (1 / norm_type)


for count in (1, 2):
    text(f"max_pool{count}d forms", in_torch(f"max_pool{count}d"), lambda d, n=count: build_max(d, n),
         windowed(count, lambda seen, taps: seen.max(-1)), order=2, raw=False)  # fmt: skip
    text(f"avg_pool{count}d", in_torch(f"avg_pool{count}d"), lambda d, n=count: build_avg(d, n),
         windowed(count, average), order=2, raw=False)  # fmt: skip
    text(f"lp_pool{count}d", in_torch(f"lp_pool{count}d"), lambda d, n=count: build_lp(d, n),
         windowed(count, power_mean), order=2, raw=False)  # fmt: skip


def build_adaptive(d: Draw, count: int, distinct: bool) -> Call:
    shape = form(d, 2, 2, *((5,) if count == 1 else (4, 5)))
    size = d.choose((2, 1, 3, 6)) if count == 1 else d.choose(((2, 3), (1, 1), (4, 2), (None, 6)))
    return Call([d.distinct(shape) if distinct else d.values(shape)], {"output_size": size}, d.seed)


def adaptive(count: int, reduction: Any) -> Callable[..., Array]:
    def along(x: Array, axis: int, outputs: int | None) -> Array:
        size = x.shape[axis]
        outputs = outputs or size
        parts = [np.take(x, range(o * size // outputs, -(-(o + 1) * size // outputs)), axis) for o in range(outputs)]
        return np.stack([reduction(part, axis) for part in parts], axis)

    def oracle(x: Array, output_size: Any) -> Array:
        sizes = (output_size,) if count == 1 else output_size
        for axis, outputs in zip(range(-count, 0), sizes, strict=True):
            x = along(x, axis % x.ndim, outputs)
        return x

    return oracle


for count in (1, 2):
    for name, reduction in (("avg", np.mean), ("max", np.max)):
        text(f"adaptive_{name}_pool{count}d", in_torch(f"adaptive_{name}_pool{count}d"),
             lambda d, n=count, distinct=name == "max": build_adaptive(d, n, distinct), adaptive(count, reduction),
             order=2, raw=False)  # fmt: skip


def build_unpool(d: Draw) -> Call:
    x = d.distinct((2, 1, 4, 5))
    static = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    values, winners = pool_oracles(np.asarray(x, np.float64), **static)
    row, column = np.divmod(winners.astype(np.int64), 2)
    at = (np.arange(2)[:, None] * 2 + row) * 5 + np.arange(2) * 2 + column
    return Call([d.array(values), at], {"output_size": d.choose(((4, 5), (2, 1, 4, 5)))}, d.seed)


def unpool_oracle(x: Array, at: Array, output_size: Any) -> Array:
    out = np.zeros((*x.shape[:2], 20))
    np.put_along_axis(out, at.reshape(*x.shape[:2], -1), x.reshape(*x.shape[:2], -1), 2)
    return out.reshape(*x.shape[:2], 4, 5)


text("max_unpool2d", lambda m, x, at, output_size: m.nn.functional.max_unpool2d(x, at, 2, output_size=output_size),
     build_unpool, unpool_oracle, order=2, raw=False)  # fmt: skip
text("max_unpool1d", lambda m, x, at: m.nn.functional.max_unpool1d(x, at, 2),
     lambda d: Call([d.values((2, 2)), np.array([[0, 3], [1, 2]])], {}, d.seed),
     lambda x, at: np.array([[x[0, 0], 0, 0, x[0, 1]], [0, x[1, 0], x[1, 1], 0]]), order=2, raw=False)  # fmt: skip


# windows as columns


def columns_oracle(x: Array, kernel_size: Any, dilation: int, padding: int, stride: int) -> Array:
    kh, kw = kernel_size
    wide = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh, ow = ((n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(wide.shape[2:], kernel_size, strict=True))
    out = np.zeros((*x.shape[:2], kh, kw, oh, ow))
    for p, q, i, j in np.ndindex(kh, kw, oh, ow):
        out[:, :, p, q, i, j] = wide[:, :, i * stride + p * dilation, j * stride + q * dilation]
    return out.reshape(len(x), -1, oh * ow)


WINDOWS = [((2, 3), 1, 1, 2), ((2, 2), 2, 0, 1), ((1, 2), 1, 0, 1)]
NAMES = ("kernel_size", "dilation", "padding", "stride")


def build_unfold(d: Draw) -> Call:
    return Call([d.values(form(d, 2, 2, 4, 5))], dict(zip(NAMES, d.choose(WINDOWS), strict=True)), d.seed)


def unfold_oracle(x: Array, **window: Any) -> Array:
    return columns_oracle(x, **window) if x.ndim == 4 else columns_oracle(x[None], **window)[0]


def build_fold(d: Draw) -> Call:
    window = dict(zip(NAMES, d.choose(WINDOWS), strict=True))
    shape = columns_oracle(np.zeros((2, 2, 4, 5)), **window).shape
    return Call([d.values(form(d, *shape))], {"output_size": (4, 5), **window}, d.seed)


def fold_oracle(x: Array, output_size: Any, **window: Any) -> Array:
    pixels = np.arange(1, 41.0).reshape(1, 2, 4, 5)
    seen = columns_oracle(pixels, **window)[0].reshape(-1).astype(int)  # 0 on the padding
    wide = x.reshape(-1, x.shape[-2] * x.shape[-1])
    out = np.stack([np.bincount(seen, row, 41)[1:].reshape(2, 4, 5) for row in wide])
    return out if x.ndim == 3 else out[0]


text("unfold of images", in_torch("unfold"), build_unfold, unfold_oracle, order=2, raw=False)
text("fold", in_torch("fold"), build_fold, fold_oracle, order=2, raw=False)


# other sizes, channels and pixels

SIZES: list[dict[str, Any]] = [
    {"size": (5, 3), "mode": "bilinear", "align_corners": False},
    {"size": (2, 6), "mode": "bilinear", "align_corners": True},
    {"scale_factor": 2, "mode": "nearest"}, {"scale_factor": (1.5, 0.6), "mode": "nearest"},
    {"scale_factor": 1.7, "mode": "nearest-exact"}, {"size": (4, 7), "mode": "bicubic", "align_corners": False},
    {"scale_factor": 1.6, "mode": "bilinear", "recompute_scale_factor": True}, {"size": 2, "mode": "area"},
]  # fmt: skip


def interpolate_oracle(x: Array, mode: str, size: Any = None, scale_factor: Any = None, align_corners: Any = False,
                       recompute_scale_factor: bool = False) -> Array:  # fmt: skip
    from tinygrad_mnist.kernels.blend import Table

    for axis in (2, 3):
        n = x.shape[axis]
        if size is None:
            factor = scale_factor if not isinstance(scale_factor, tuple) else scale_factor[axis - 2]
            m = int(n * factor)
            scale = n / m if recompute_scale_factor else 1 / factor
        else:
            m = size if isinstance(size, int) else size[axis - 2]
            scale = n / m
        if mode.startswith("nearest"):
            at = [min(int((o + (0.5 if mode == "nearest-exact" else 0)) * scale), n - 1) for o in range(m)]
            x = np.take(x, at, axis)
            continue
        kind = {"bilinear": "linear", "bicubic": "cubic", "area": "adaptive"}[mode]
        table = Table(kind, n, m, () if mode == "area" else (scale, bool(align_corners)))
        x = np.moveaxis(np.tensordot(matrix_of(table), x, (1, axis)), 0, axis)
    return x


text("interpolate", in_torch("interpolate"), lambda d: Call([d.values((2, 2, 3, 4))], d.choose(SIZES), d.seed),
     interpolate_oracle, order=2, raw=False)  # fmt: skip
text("interpolate linear", in_torch("interpolate"),
     lambda d: Call([d.values((2, 2, 3))], {"size": 5, "mode": "linear", "align_corners": d.boolean()}, d.seed),
     lambda x, size, mode, align_corners: interpolate_oracle(
         x[:, :, None], "bilinear", size=(1, size), align_corners=align_corners)[:, :, 0],
     order=2, raw=False)  # fmt: skip


def shuffled(x: Array, r: int) -> Array:
    *lead, c, h, w = x.shape
    out = np.zeros((*lead, c // r**2, h * r, w * r))
    for k, i, j in np.ndindex(c, h, w):
        out[..., k // r**2, i * r + k % r**2 // r, j * r + k % r] = x[..., k, i, j]
    return out


def unshuffled(x: Array, r: int) -> Array:
    *lead, c, h, w = x.shape
    out = np.zeros((*lead, c * r**2, h // r, w // r))
    for k, i, j in np.ndindex(c, h, w):
        out[..., k * r**2 + i % r * r + j % r, i // r, j // r] = x[..., k, i, j]
    return out


text("pixel_shuffle", lambda m, x, r: m.nn.functional.pixel_shuffle(x, r),
     lambda d: Call([d.values(form(d, 2, 8, 2, 3))], {"r": 2}, d.seed), shuffled, order=2, raw=False)
text("pixel_unshuffle", lambda m, x, r: m.nn.functional.pixel_unshuffle(x, r),
     lambda d: Call([d.values(form(d, 2, 2, 2, 6))], {"r": 2}, d.seed), unshuffled, order=2, raw=False)
text("channel_shuffle", lambda m, x, n: m.nn.ChannelShuffle(n)(x),
     lambda d: Call([d.values((2, 4, 2, 3))], {"n": 2}, d.seed), lambda x, n: x[:, [0, 2, 1, 3]], order=2, raw=False)


# grids


def affine_oracle(theta: Array, size: Any, align_corners: bool) -> Array:
    _, _, h, w = size
    out = np.zeros((len(theta), h, w, 2))
    for i, j in np.ndindex(h, w):
        y, x = ((2 * at / (n - 1) - 1 if align_corners else (2 * at + 1) / n - 1) for at, n in ((i, h), (j, w)))
        out[:, i, j] = theta @ np.array([x, y, 1])
    return out


text("affine_grid", in_torch("affine_grid"),
     lambda d: Call([d.values((2, 2, 3))], {"size": (2, 1, 3, 4), "align_corners": d.boolean()}, d.seed), affine_oracle,
     order=2, raw=False)  # fmt: skip


def place(g: float, n: int, padding_mode: str, align_corners: bool) -> float:
    at = (g + 1) / 2 * (n - 1) if align_corners else ((g + 1) * n - 1) / 2
    if padding_mode == "reflection":
        low, high = (0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)
        at = (at - low) % (2 * (high - low))
        at = low + min(at, 2 * (high - low) - at)
    return at if padding_mode == "zeros" else min(max(at, 0.0), n - 1.0)


def sample_oracle(x: Array, grid: Array, mode: str, padding_mode: str, align_corners: bool) -> Array:
    _, c, h, w = x.shape
    out = np.zeros((len(x), c, *grid.shape[1:3]))
    for k, i, j in np.ndindex(*grid.shape[:3]):
        u, v = (place(grid[k, i, j, axis], n, padding_mode, align_corners) for axis, n in ((0, w), (1, h)))
        if mode == "nearest":
            u, v = np.round(u), np.round(v)
        for p, q in np.ndindex(2, 2):
            row, column = int(np.floor(v)) + p, int(np.floor(u)) + q
            if 0 <= row < h and 0 <= column < w:
                out[k, :, i, j] += x[k, :, row, column] * (1 - abs(v - row)) * (1 - abs(u - column))
    return out


def build_sample(d: Draw) -> Call:
    mode, corners = d.choose(("bilinear", "nearest")), d.boolean()
    places = np.array([-0.93, -0.61, -0.22, 0.17, 0.55, 0.87, 1.33, -1.41])  # none on a pixel, between two, or a border
    static = {"mode": mode, "padding_mode": d.choose(("zeros", "border", "reflection")), "align_corners": corners}
    x, grid = d.values((2, 2, 3, 4)), d.array(d.rng.choice(places, (2, 2, 3, 2)))
    return Call([x, grid] if mode == "bilinear" else [x, grid], static, d.seed)


text("grid_sample", in_torch("grid_sample"), build_sample, sample_oracle, order=1, constant=(1,), raw=False)
text("grid_sample of the grid", in_torch("grid_sample"),
     lambda d: (lambda call: Call(call.args, {**call.static, "mode": "bilinear"}, call.seed))(build_sample(d)),
     sample_oracle, order=2, raw=False,
     examples=(Example((a(1, 3).reshape(1, 1, 1, 2), np.zeros((1, 1, 1, 2))), np.full((1, 1, 1, 1), 2.0),
                       (a(0.5, 0.5).reshape(1, 1, 1, 2), np.array([[[[2.0, 0]]]])),
                       {"mode": "bilinear", "padding_mode": "border", "align_corners": False}),))  # fmt: skip

