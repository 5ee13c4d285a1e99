"""Cases of what normalizations are made of."""

from typing import Any

import numpy as np
from strategies import Array, Call, Draw

from tinygrad_mnist.ops import norms as N

from .case import Example, a, case


def build_rows(d: Draw) -> Call:
    return Call([d.values((d.choose((3, 1)), d.choose((4, 2, 5))))], {"eps": d.choose((0.1, 0.5))}, d.seed)


def standardize_oracle(x: Array, eps: float) -> Array:
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps)


case(N.standardize, build_rows, standardize_oracle,
     torch=lambda m, x, eps: m.nn.functional.layer_norm(x, (x.shape[1],), eps=eps),
     examples=(Example((np.array([[1.0, 3]]),), np.array([[-0.5, 0.5]]), (np.array([[0.1875, -0.1875]]),), {"eps": 3},
                       g=np.array([[1.0, 0]])),))  # fmt: skip


def build_grad(d: Draw) -> Call:
    shape = d.choose(((3, 4), (1, 2), (2, 5)))
    return Call([d.values(shape), d.values(shape), d.values(shape[:1])], {}, d.seed)


def grad_oracle(y: Array, h: Array, r: Array) -> Array:
    return r[:, None] * (y - y.mean(1, keepdims=True) - h * (y * h).mean(1, keepdims=True))


case(N.standardize_grad, build_grad, grad_oracle,
     torch=lambda m, y, h, r: r[:, None] * (y - y.mean(1, keepdim=True) - h * (y * h).mean(1, keepdim=True)),
     examples=(Example((np.array([[1.0, 3]]), np.array([[2.0, 0]]), a(5)), np.array([[-15.0, 5]]),
                       (np.array([[-10.0, 0]]), np.array([[-10.0, -20]]), a(-2))),))  # fmt: skip

SHAPES = (2, 3, 2, 2), (3, 2), (2, 1, 3), (1, 2, 4), (4, 3, 1)


def axes(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def build_channels(d: Draw) -> Call:
    return Call([d.values(d.choose(SHAPES))], {}, d.seed)


case(N.moments, build_channels, lambda x: np.stack([x.mean(axes(x)), x.var(axes(x))]),
     torch=lambda m, x: m.stack([x.mean(axes(x)), x.var(axes(x), correction=0)]),
     examples=(Example((np.array([[1.0, 4], [3, 4]]),), np.array([[2.0, 4], [1, 0]]),
                       (np.array([[-4.5, 0.5], [5.5, 0.5]]),), g=np.array([[1.0, 1], [5, 7]])),
               Example((np.array([[3.0, 4]]),), np.array([[3.0, 4], [0, 0]]), (np.array([[1.0, 2]]),),
                       g=np.array([[1.0, 2], [5, 7]]))))  # fmt: skip


def build_rescale(d: Draw) -> Call:
    shape = d.choose(SHAPES)
    centre, factor, offset = (d.values(shape[1:2]) for _ in range(3))
    more = d.choose(((d.values(shape), d.values(shape[1:2])), (None, None)))
    return Call([d.values(shape), d.choose((centre, None)), factor, d.choose((offset, None)), *more], {}, d.seed)


def rescaled(x: Any, centre: Any, factor: Any, offset: Any, y: Any, share: Any) -> Any:
    lined = [0 if v is None else v.reshape(-1, *(1,) * (x.ndim - 2)) for v in (centre, factor, offset, share)]
    return (x - lined[0]) * lined[1] + lined[2] + (0 if y is None else y * lined[3])


case(N.rescale, build_rescale, rescaled, torch=lambda m, *args: rescaled(*args),
     examples=(Example((np.array([[1.0, 2], [3, 4]]), a(1, 2), a(3, 4), a(5, 6), np.array([[1.0, 0], [0, 1]]),
                        a(1, 2)), np.array([[6.0, 6], [11, 16]]),
                       (np.array([[3.0, 4], [3, 4]]), a(-6, -8), a(2, 2), a(2, 2), np.array([[1.0, 2], [1, 2]]),
                        a(1, 1))),))  # fmt: skip


def build_dot(d: Draw) -> Call:
    shape = d.choose(SHAPES)
    return Call([d.values(shape), d.values(shape), d.choose((d.values(shape[1:2]), None))], {}, d.seed)


def dots(y: Any, x: Any, centre: Any, stack: Any = np.stack) -> Any:
    centred = x if centre is None else x - centre.reshape(-1, *(1,) * (x.ndim - 2))
    return stack([y.sum(axes(x)), (y * centred).sum(axes(x))])


case(N.channel_sums, build_dot, dots, torch=lambda m, *args: dots(*args, m.stack),
     examples=(Example((np.array([[1.0, 2], [3, 4]]), np.array([[5.0, 6], [7, 8]]), a(1, 2)),
                       np.array([[4.0, 6], [22, 32]]),
                       (np.array([[5.0, 5], [7, 7]]), np.array([[1.0, 2], [3, 4]]), a(-4, -6))),))  # fmt: skip


def build_batch(d: Draw) -> Call:
    shape = d.choose(SHAPES)
    return Call([d.values(shape), None, *(d.choose((d.values(shape[1:2]), None)) for _ in range(2))],
                {"eps": d.choose((0.1, 0.5))}, d.seed)  # fmt: skip


def normed(x: Any, known: Any, weight: Any, bias: Any, eps: float) -> Any:
    mean, var = (v.reshape(-1, *(1,) * (x.ndim - 2)) for v in (x.mean(axes(x)), x.var(axes(x))))
    lined = [None if v is None else v.reshape(mean.shape) for v in (weight, bias)]
    out = (x - mean) / np.sqrt(var + eps)
    return out * (1 if lined[0] is None else lined[0]) + (0 if lined[1] is None else lined[1])


case(N.batch_norm, build_batch, normed,
     torch=lambda m, x, known, w, b, eps: m.nn.functional.batch_norm(
         x, None, None, w if w is not None or b is None else m.ones_like(b), b, True, eps=eps),
     examples=(Example((np.array([[1.0], [3]]), None, a(2), a(5)), np.array([[4.0], [6]]),
                       (np.array([[0.375], [-0.375]]), None, a(-0.5), a(1)), {"eps": 3},
                       g=np.array([[1.0], [0]])),))  # fmt: skip

