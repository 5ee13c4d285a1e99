"""Cases of convolution and pooling."""

from itertools import product
from typing import Any

import numpy as np
from strategies import Array, Call, Draw

from tinygrad_mnist.ops import conv, pool

from .case import Example, a, case

# (stride, padding, dilation, groups): each differs from the others in every place, so that no two can be confused
GEOMETRIES = [
    ((2, 1), (1, 2), (1, 2), 1), ((1, 1), (0, 0), (1, 1), 1), ((1, 2), (0, 1), (2, 1), 2), ((1, 3), (2, 0), (1, 1), 2),
]


def windows(shape: tuple[int, ...], w: Array, geometry: dict[str, Any]) -> Any:
    """Yield, per output position and group, where it is, what it sees in the padded image, and its channels."""
    (sh, sw), (ph, pw), (dh, dw), groups = (geometry[k] for k in ("stride", "padding", "dilation", "groups"))
    kh, kw = w.shape[2:]
    oh, ow = (shape[2] + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (shape[3] + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    for i, j, group in product(range(oh), range(ow), range(groups)):
        outs = slice(group * w.shape[0] // groups, (group + 1) * w.shape[0] // groups)
        ins = slice(group * w.shape[1], (group + 1) * w.shape[1])
        rows, columns = slice(i * sh, i * sh + dh * (kh - 1) + 1, dh), slice(j * sw, j * sw + dw * (kw - 1) + 1, dw)
        yield (slice(None), outs, i, j), (slice(None), ins, rows, columns), outs, (oh, ow)


def padded(x: Array, geometry: dict[str, Any]) -> Array:
    (ph, pw) = geometry["padding"]
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))


def conv2d_oracle(x: Array, w: Array, b: Array | None, **geometry: Any) -> Array:
    wide = padded(x, geometry)
    _, _, _, size = next(iter(windows(x.shape, w, geometry)))
    out = np.zeros((x.shape[0], w.shape[0], *size))
    for at, seen, outs, _ in windows(x.shape, w, geometry):
        out[at] = np.einsum("ncpq,ocpq->no", wide[seen], w[outs])
    return out + (0 if b is None else b[:, None, None])


def input_gradient_oracle(y: Array, w: Array, x_shape: tuple[int, ...], **geometry: Any) -> Array:
    wide = padded(np.zeros(x_shape), geometry)
    for at, seen, outs, _ in windows(x_shape, w, geometry):
        wide[seen] += np.einsum("no,ocpq->ncpq", y[at], w[outs])
    (ph, pw) = geometry["padding"]
    return wide[:, :, ph : ph + x_shape[2], pw : pw + x_shape[3]]


def weight_gradient_oracle(y: Array, x: Array, w_shape: tuple[int, ...], **geometry: Any) -> Array:
    out, wide = np.zeros(w_shape), padded(x, geometry)
    for at, seen, outs, _ in windows(x.shape, out, geometry):
        out[outs] += np.einsum("no,ncpq->ocpq", y[at], wide[seen])
    return out


def draw_conv(d: Draw) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
    stride, padding, dilation, groups = d.choose(GEOMETRIES)
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    images = d.choose((2, 1)) if d.kind != "empty" else 0
    x = d.values((images, d.choose((1, 2)) * groups, 4, 5))
    w = d.values((2 * groups if d.boolean() else groups, x.shape[1] // groups, d.choose((2, 1)), d.choose((2, 3))))
    out = conv2d_oracle(x, w, None, **geometry)
    return x, w, d.values((w.shape[0],)), d.values(out.shape), geometry


def build_conv2d(d: Draw) -> Call:
    x, w, b, _, geometry = draw_conv(d)
    return Call([x, w, b if d.boolean() else None], geometry, d.seed)


def build_input_gradient(d: Draw) -> Call:
    x, w, _, y, geometry = draw_conv(d)
    return Call([y, w], {"x_shape": x.shape, **geometry}, d.seed)


def build_weight_gradient(d: Draw) -> Call:
    x, w, _, y, geometry = draw_conv(d)
    return Call([y, x], {"w_shape": w.shape, **geometry}, d.seed)


PLAIN = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
IMAGE, FILTER = a(1, 2, 3).reshape(1, 1, 1, 3), a(10, 1).reshape(1, 1, 1, 2)
case(conv.conv2d, build_conv2d, conv2d_oracle, torch="conv2d",
     examples=(Example((IMAGE, FILTER, a(0.5)), a(12.5, 23.5).reshape(1, 1, 1, 2),
                       (a(10, 11, 1).reshape(1, 1, 1, 3), a(3, 5).reshape(1, 1, 1, 2), a(2)), PLAIN),))  # fmt: skip
SHARES = a(1, 2).reshape(1, 1, 1, 2)
case(conv.conv2d_input_gradient, build_input_gradient, input_gradient_oracle,
     torch=lambda m, y, w, x_shape, **geometry: m.nn.grad.conv2d_input(x_shape, w, y, **geometry),
     examples=(
         Example((SHARES, FILTER), a(10, 21, 2).reshape(1, 1, 1, 3),
                 (a(11, 11).reshape(1, 1, 1, 2), a(3, 3).reshape(1, 1, 1, 2)), {"x_shape": (1, 1, 1, 3), **PLAIN}),
     ))  # fmt: skip
case(conv.conv2d_weight_gradient, build_weight_gradient, weight_gradient_oracle,
     torch=lambda m, y, x, w_shape, **geometry: m.nn.grad.conv2d_weight(x, w_shape, y, **geometry),
     examples=(
         Example((SHARES, IMAGE), a(5, 8).reshape(1, 1, 1, 2),
                 (a(3, 5).reshape(1, 1, 1, 2), a(1, 3, 2).reshape(1, 1, 1, 3)), {"w_shape": (1, 1, 1, 2), **PLAIN}),
     ))  # fmt: skip

# (kernel_size, stride, padding), again different from each other in every place
POOLS = [((2, 3), (1, 2), (0, 1)), ((2, 2), (2, 2), (0, 0)), ((3, 2), (1, 1), (1, 0)), ((2, 3), (2, 1), (1, 0))]


def build_pool(d: Draw, distinct: bool = True) -> Call:
    kernel_size, stride, padding = d.choose(POOLS)
    shape = (d.choose((2, 1)) if d.kind != "empty" else 0, d.choose((2, 1)), 4, 5)
    x = d.distinct(shape) if distinct else d.array(d.rng.integers(0, 3, shape).astype(float))
    return Call([x], {"kernel_size": kernel_size, "stride": stride, "padding": padding}, d.seed)


def pool_oracles(x: Array, kernel_size: Any, stride: Any, padding: Any) -> tuple[Array, Array]:
    (ph, pw), (kh, kw), (n, c, height, width) = padding, kernel_size, x.shape
    wide = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
    oh, ow = (height + 2 * ph - kh) // stride[0] + 1, (width + 2 * pw - kw) // stride[1] + 1
    out, winners = np.zeros((n, c, oh, ow)), np.zeros((n, c, oh, ow), np.uint8)
    for at in np.ndindex(out.shape):
        top, left = at[2] * stride[0], at[3] * stride[1]
        window = wide[at[0], at[1], top : top + kh, left : left + kw]
        winners[at] = np.argmax(window)
        out[at] = window.flat[winners[at]]
    return out, winners


def pixel(at: tuple[int, ...], tap: int, kernel_size: Any, stride: Any, padding: Any) -> tuple[int, ...]:
    """Index the pixel that a window sees at one of its taps."""
    row, column = divmod(int(tap), kernel_size[1])
    return *at[:2], at[2] * stride[0] + row - padding[0], at[3] * stride[1] + column - padding[1]


case(pool.max_pool2d, build_pool, lambda x, **static: pool_oracles(x, **static)[0], order=2, torch="max_pool2d",
     examples=(
         Example((a(1, 3, 3, 2).reshape(1, 1, 1, 4),), a(3, 3, 3).reshape(1, 1, 1, 3),
                 (a(0, 2, 1, 0).reshape(1, 1, 1, 4),), {"kernel_size": (1, 2), "stride": (1, 1), "padding": (0, 0)}),
     ))  # fmt: skip
case(pool.pool_winners, lambda d: build_pool(d, distinct=False), lambda x, **static: pool_oracles(x, **static)[1],
     order=0, alone="PyTorch numbers the pixels of the image, ours the taps of the window",
     examples=(Example((a(1, 3, 3, 2).reshape(1, 1, 1, 4),), np.array([1, 0, 0], np.uint8).reshape(1, 1, 1, 3),
                       static={"kernel_size": (1, 2), "stride": (1, 1), "padding": (0, 0)}),))  # fmt: skip


def draw_winners(d: Draw) -> tuple[tuple[int, ...], Array, dict[str, Any]]:
    call = build_pool(d, distinct=False)
    return call.args[0].shape, d.array(pool_oracles(call.args[0], **call.static)[1]), call.static


def build_pool_scatter(d: Draw) -> Call:
    shape, winners, static = draw_winners(d)
    return Call([d.values(winners.shape), winners], {"x_shape": shape, **static}, d.seed)


def pool_scatter_oracle(x: Array, winners: Array, x_shape: tuple[int, ...], **static: Any) -> Array:
    out = np.zeros(x_shape)
    for at in np.ndindex(winners.shape):
        out[pixel(at, winners[at], **static)] += x[at]
    return out


def build_pool_gather(d: Draw) -> Call:
    shape, winners, static = draw_winners(d)
    return Call([d.values(shape), winners], static, d.seed)


def pool_gather_oracle(x: Array, winners: Array, **static: Any) -> Array:
    out = np.zeros(winners.shape)
    for at in np.ndindex(winners.shape):
        out[at] = x[pixel(at, winners[at], **static)]
    return out


WINNERS = np.array([1, 0, 0], np.uint8).reshape(1, 1, 1, 3)  # pixels 1, 1 and 2
PAIRS = {"kernel_size": (1, 2), "stride": (1, 1), "padding": (0, 0)}
case(pool.pool_scatter, build_pool_scatter, pool_scatter_oracle, alone="a part of PyTorch's rule of max_pool2d",
     examples=(Example((a(5, 6, 7).reshape(1, 1, 1, 3), WINNERS), a(0, 11, 7, 0).reshape(1, 1, 1, 4),
                       (a(2, 2, 3).reshape(1, 1, 1, 3),), {"x_shape": (1, 1, 1, 4), **PAIRS},
                       g=a(1, 2, 3, 4).reshape(1, 1, 1, 4)),))  # fmt: skip
case(pool.pool_gather, build_pool_gather, pool_gather_oracle, alone="a part of PyTorch's rule of that rule",
     examples=(Example((a(5, 6, 7, 8).reshape(1, 1, 1, 4), WINNERS), a(6, 6, 7).reshape(1, 1, 1, 3),
                       (a(0, 3, 3, 0).reshape(1, 1, 1, 4),), PAIRS, g=a(1, 2, 3).reshape(1, 1, 1, 3)),))  # fmt: skip
