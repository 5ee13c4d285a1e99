"""Cases of products, softmax and its losses."""

import math

import numpy as np
from strategies import Array, Call, Draw

from tinygrad_mnist.ops import contract
from tinygrad_mnist.ops import softmax as S

from .case import Example, a, case
from .reductions import TABLE

# ---------------------------------------------------------------- products


def build_matmul(d: Draw) -> Call:
    rows, inner, columns = (d.choose((2, 3, 1) if d.kind != "empty" else (2, 0)) for _ in range(3))
    left, right = d.broadcasting(2, 0, 2)
    return Call([d.values((*left, rows, inner)), d.values((*right, inner, columns))], {}, d.seed)


case(contract.matmul, build_matmul, lambda x, y: np.einsum("...ik,...kj->...ij", x, y), torch="matmul",
     examples=(Example((np.array([[1.0, 2]]), np.array([[3.0, 4], [5, 6]])), np.array([[13.0, 16]]),
                       (np.array([[7.0, 11]]), np.array([[1.0, 1], [2, 2]]))),))  # fmt: skip


def build_linear(d: Draw) -> Call:
    features, outputs = d.choose((3, 2, 1)), d.choose((2, 4))
    bias = d.values((outputs,)) if d.boolean() else None
    lead = d.shape(0, 2)
    return Call([d.values((*lead, features)), d.values((outputs, features)), bias], {}, d.seed)


def linear_oracle(x: Array, w: Array, b: Array | None) -> Array:
    return np.einsum("...i,oi->...o", x, w) + (0 if b is None else b)


case(contract.linear, build_linear, linear_oracle, torch="linear",
     examples=(Example((np.array([[1.0, 2]]), np.array([[3.0, 4], [5, 6]]), a(10, 20)), np.array([[21.0, 37]]),
                       (np.array([[8.0, 10]]), np.array([[1.0, 2], [1, 2]]), a(1, 1))),))  # fmt: skip


# ---------------------------------------------------------------- softmax and its losses


def build_softmax(d: Draw, name: str = "axis", empty: bool = True) -> Call:
    shape = d.shape(least=1, empty=empty)
    return Call([d.values(shape)], {name: d.axis(len(shape))}, d.seed)


def softmax_oracle(x: Array, axis: int) -> Array:
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


THIRDS = a(0, math.log(2))
case(S.softmax, build_softmax, softmax_oracle, torch="softmax",
     examples=(Example((THIRDS,), a(1 / 3, 2 / 3), (a(2 / 9, -2 / 9),), {"axis": 0}, g=a(1, 0)),
               Example((a(1000, 1000),), a(0.5, 0.5), (a(0, 0),), {"axis": -1}),))  # fmt: skip
case(S.log_softmax, build_softmax, lambda x, axis: np.log(softmax_oracle(x, axis)), torch="log_softmax",
     examples=(Example((THIRDS,), a(-math.log(3), math.log(2 / 3)), (a(2 / 3, -2 / 3),), {"axis": 0}, g=a(1, 0)),))


def rows_and_classes(d: Draw) -> tuple[Array, Array]:
    rows, classes = d.choose((3, 2, 1) if d.kind != "empty" else (0,)), d.choose((3, 4, 1))
    return d.values((rows, classes)), d.integers(0, classes, (rows,))


SMOOTHING = (0.0, 0.1)


def smooth_one_hot(target: Array, classes: int, smoothing: float) -> Array:
    return (1 - smoothing) * np.eye(classes)[target] + smoothing / classes


def losses_oracle(x: Array, target: Array, smoothing: float) -> Array:
    wanted = smooth_one_hot(target, x.shape[1], smoothing)
    return -np.array([np.log(softmax_oracle(row, -1)) @ t for row, t in zip(x, wanted, strict=True)], float)


case(
    S.cross_entropy, lambda d: Call([*rows_and_classes(d)], {"smoothing": d.choose(SMOOTHING)}, d.seed), losses_oracle,
    torch=lambda m, x, target, smoothing: m.nn.functional.cross_entropy(
        x, target, reduction="none", label_smoothing=smoothing),
    examples=(
        Example((THIRDS[None], np.array([1])), a(math.log(1.5)), (np.array([[1 / 3, -1 / 3]]),), {"smoothing": 0.0}),
        # half of the mass on the target, the other half spread over both: (3/4) log(3/2) + (1/4) log 3
        Example((THIRDS[None], np.array([1])), a(0.75 * math.log(1.5) + 0.25 * math.log(3)),
                (np.array([[1 / 3 - 1 / 4, 2 / 3 - 3 / 4]]),), {"smoothing": 0.5}),
    ),
)  # fmt: skip


def build_less_one_hot(d: Draw) -> Call:
    p, target = rows_and_classes(d)
    return Call([p, d.values(target.shape), target], {"smoothing": d.choose(SMOOTHING)}, d.seed)


case(S.less_one_hot, build_less_one_hot,
     lambda p, s, target, smoothing: s[:, None] * (p - smooth_one_hot(target, p.shape[1], smoothing)),
     alone="a part of PyTorch's rule of cross_entropy",
     examples=(
         Example((np.array([[0.25, 0.75]]), a(4), np.array([1])), np.array([[1.0, -1]]), (np.array([[4.0, 4]]), a(0)),
                 {"smoothing": 0.0}),
         Example((np.array([[0.5, 0.75]]), a(4), np.array([1])), np.array([[2.0, -1]]), (np.array([[4.0, 8]]), a(0)),
                 {"smoothing": 0.0}, g=np.array([[1.0, 2]])),
         Example((np.array([[0.5, 0.75]]), a(4), np.array([1])), np.array([[1.0, 0]]), (np.array([[4.0, 8]]), a(0.25)),
                 {"smoothing": 0.5}, g=np.array([[1.0, 2]])),
     ))  # fmt: skip
case(S.pick, lambda d: Call([*rows_and_classes(d)], {}, d.seed),
     lambda x, target: np.array([row[t] for row, t in zip(x, target, strict=True)], float),
     torch=lambda m, x, target: x.gather(1, target[:, None])[:, 0],
     examples=(Example((TABLE, np.array([1, 0])), a(5, 4), (np.array([[0.0, 1], [1, 0]]),)),))  # fmt: skip
