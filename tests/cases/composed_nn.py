"""Cases of what is composed for networks: products, losses, layers without state."""

from collections.abc import Callable
from typing import Any

import numpy as np
from strategies import Array, Call, Draw

from tinygrad_mnist import functions as F
from tinygrad_mnist.nn import functional as NF

from .composed import composed, one_dim, text
from .images import conv2d_oracle, pool_oracles
from .products import build_linear, build_softmax, linear_oracle, softmax_oracle

# products


def build_matmul_ranks(d: Draw) -> Call:
    left, right = d.choose([((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,)),
                            ((2, 2, 3), (3, 1)), ((1, 3), (3, 1)), ((2, 1, 1, 3), (2, 3, 2))])  # fmt: skip
    return Call([d.values(left), d.values(right)], {}, d.seed)


composed("matmul ranks", F.matmul, build_matmul_ranks, np.matmul)
composed("a @ b", lambda x, y: x @ y, build_matmul_ranks, np.matmul)
composed("linear", NF.linear, build_linear, linear_oracle)
composed("softmax", F.softmax, lambda d: build_softmax(d, "dim"), lambda x, dim: softmax_oracle(x, dim))
composed("log_softmax", F.log_softmax, lambda d: build_softmax(d, "dim"), lambda x, dim: np.log(softmax_oracle(x, dim)))
composed("logsumexp", F.logsumexp, lambda d: one_dim(d, empty=False),
         lambda x, dim, keepdim: np.log(np.exp(x).sum(dim, keepdims=keepdim)))  # fmt: skip


composed("one_hot", NF.one_hot, lambda d: Call([d.integers(0, 3, d.shape())], {"num_classes": 3}, d.seed),
         lambda x, num_classes: np.eye(num_classes, dtype=int)[x], order=0,
         torch=lambda m, x, num_classes: m.nn.functional.one_hot(x, num_classes))  # fmt: skip

# losses

REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


def build_mse(d: Draw) -> Call:
    shape = d.shape(empty=False)
    return Call([d.values(shape), d.values(shape)], {"reduction": d.choose(list(REDUCE))}, d.seed)


composed("mse_loss", NF.mse_loss, build_mse, lambda x, y, reduction: REDUCE[reduction]((x - y) ** 2))


def build_class_loss(d: Draw, **static: Any) -> Call:
    shapes = [((3, 4), (3,)), ((1, 1), (1,)), ((4,), ()), ((2, 3, 2), (2, 2)), ((2, 3, 1, 2), (2, 1, 2)),
              ((3, 2, 1, 1, 2), (3, 1, 1, 2))]  # fmt: skip
    shape, target = d.choose(shapes)
    x, classes = d.values(shape), shape[1] if len(shape) > 1 else shape[0]
    return Call([x, d.integers(0, classes, target)], {"reduction": d.choose(list(REDUCE)), **static}, d.seed)


def class_losses(x: Array, target: Array, logs: Callable[[Array], Array], smoothing: float = 0.0) -> Array:
    x, target = (x[None], target[None]) if x.ndim == 1 else (x, target)
    out = np.zeros(target.shape)
    for at in np.ndindex(target.shape):
        log_p = logs(x[(at[0], slice(None), *at[1:])])
        out[at] = -(1 - smoothing) * log_p[target[at]] - smoothing * log_p.mean()
    return out


def log_p(x: Array) -> Array:
    return np.log(softmax_oracle(x, -1))


def unbatched(losses: Array, x: Array, reduction: str) -> Array:
    return losses.reshape(()) if x.ndim == 1 and reduction == "none" else REDUCE[reduction](losses)


composed("nll_loss", NF.nll_loss, build_class_loss,
         lambda x, target, reduction: unbatched(class_losses(x, target, lambda row: row), x, reduction))  # fmt: skip
composed("cross_entropy", NF.cross_entropy, lambda d: build_class_loss(d, label_smoothing=d.choose((0.0, 0.1, 1.0))),
         lambda x, target, reduction, label_smoothing: unbatched(
             class_losses(x, target, log_p, label_smoothing), x, reduction))  # fmt: skip


def build_soft_targets(d: Draw) -> Call:
    x = d.values(d.choose(((3, 4), (2, 3, 2), (1, 2, 1, 2))))
    return Call([x, d.array(softmax_oracle(d.rng.normal(size=x.shape), 1))],
                {"reduction": d.choose(list(REDUCE)), "label_smoothing": d.choose((0.0, 0.2, 1))}, d.seed)  # fmt: skip


def soft_oracle(x: Array, target: Array, reduction: str, label_smoothing: float) -> Array:
    smooth = target * (1 - label_smoothing) + label_smoothing / x.shape[1]
    return REDUCE[reduction](-(smooth * np.log(softmax_oracle(x, 1))).sum(1))


composed("cross_entropy of probabilities", NF.cross_entropy, build_soft_targets, soft_oracle)


# layers without state


class SameForEveryDtype(np.random.Generator):
    """NumPy draws other numbers in float32 than in float64; the checks compare the two."""

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        return np.asarray(super().random(size)).astype(dtype)


def fixed_dropout(x: Any, seed: int) -> Any:
    return NF.dropout(x, 0.5, generator=SameForEveryDtype(np.random.PCG64(seed)))


def dropout_oracle(x: Array, seed: int) -> Array:
    return x * 2 * (np.random.default_rng(seed).random(x.shape) >= 0.5)


composed("dropout", fixed_dropout, lambda d: Call([d.values(d.shape())], {"seed": 3}, d.seed), dropout_oracle,
         alone="PyTorch draws other numbers")


def build_same(d: Draw) -> Call:
    w = d.values((2, 1, *d.choose(((3, 3), (2, 3), (2, 2), (1, 4)))))
    return Call([d.values((2, 1, 4, 5)), w], {"dilation": d.choose((1, (1, 2)))}, d.seed)


def same_oracle(x: Array, w: Array, dilation: Any) -> Array:
    spread = (dilation, dilation) if isinstance(dilation, int) else dilation
    total = [s * (k - 1) for s, k in zip(spread, w.shape[2:], strict=True)]
    wide = np.pad(x, ((0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)))
    return conv2d_oracle(wide, w, None, stride=(1, 1), padding=(0, 0), dilation=spread, groups=1)


text("conv2d same", lambda m, x, w, dilation: m.nn.functional.conv2d(x, w, padding="same", dilation=dilation),
     build_same, same_oracle)  # fmt: skip


def build_conv(d: Draw) -> Call:
    groups = d.choose((1, 2))
    arrays = [d.values((2, 2, 4, 5)), d.values((4, 2 // groups, 2, 2)), d.values((4,))]
    options = {"stride": d.choose((2, 1, (1, 2))), "padding": d.choose((1, 0, (1, 0), "valid"))}
    return Call(arrays, {**options, "dilation": d.choose((1, (2, 1))), "groups": groups}, d.seed)


def pairs_of(options: dict[str, Any]) -> dict[str, Any]:
    """Write every form of stride, padding and dilation as a pair (no stride: that of the kernel, which is 2)."""
    pairs = {"valid": (0, 0), None: (2, 2), 0: (0, 0), 1: (1, 1), 2: (2, 2)}
    return {k: v if k == "groups" else pairs.get(v, v) for k, v in options.items()}


composed("conv2d", NF.conv2d, build_conv, lambda x, w, b, **options: conv2d_oracle(x, w, b, **pairs_of(options)))
composed("max_pool2d", NF.max_pool2d,
         lambda d: Call([d.distinct((2, 1, 4, 5))],
                        {"kernel_size": 2, "stride": d.choose((None, 1, (2, 1))), "padding": d.choose((0, 1))}, d.seed),
         lambda x, **options: pool_oracles(x, **pairs_of(options))[0], order=2)  # fmt: skip
