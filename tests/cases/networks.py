"""Cases of what is composed for networks beside products: activations, norms, attention, losses; texts for both."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from strategies import ANYWHERE, POSITIVE, Array, Call, Domain, Draw

import tinygrad_mnist as tg

from .case import Example
from .composed import one, text
from .composed_nn import REDUCE
from .gates import SELU_ALPHA, SELU_SCALE, gelu_oracle, sigmoid, sp

SHARES = Domain(0.1, 0.9)
EDGES = Domain(-5, 5, (-3.0, 0.0, 3.0))


def named(name: str, twin: str, build: Callable[[Draw], Call], oracle: Any, **options: Any) -> None:
    """Add the Case of a function of nn.functional under its own name."""
    text(name, lambda m, *args, **static: getattr(m.nn.functional, twin)(*args, **static), build, oracle, **options)


def of_one(name: str, oracle: Callable[..., Array], domain: Domain = ANYWHERE, order: int = 3, **choices: Any) -> None:
    def build(d: Draw) -> Call:
        return one(d, domain, **{k: d.choose(v) for k, v in choices.items()})

    named(name, name, build, oracle, order=order)


of_one("relu6", lambda x: np.clip(x, 0, 6), Domain(-2, 8, (0.0, 6.0)), 2)
of_one("leaky_relu", lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), EDGES, 2,
       negative_slope=(0.01, 0.5, 2))  # fmt: skip
of_one("threshold", lambda x, threshold, value: np.where(x > threshold, x, value), Domain(-2, 2, (0.5,)), 2,
       threshold=(0.5,), value=(0.0, -3.0))  # fmt: skip
of_one("hardshrink", lambda x, lambd: np.where(np.abs(x) > lambd, x, 0), Domain(-2, 2, (-0.5, 0.5)), 2, lambd=(0.5,))
of_one("elu", lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))), EDGES, 2, alpha=(1, 0.5))
of_one("celu", lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)), EDGES, 2,
       alpha=(1, 0.5))  # fmt: skip
of_one("selu", lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))), EDGES, 2)
of_one("gelu", lambda x, approximate: gelu_oracle(x, approximate == "tanh"), approximate=("none", "tanh"))
of_one("logsigmoid", lambda x: -sp(-x))
of_one("softsign", lambda x: x / (1 + np.abs(x)), EDGES, 2)
of_one("tanhshrink", lambda x: x - np.tanh(x))
text("hardsigmoid", lambda m, x: m.nn.functional.hardsigmoid(x) if m.__name__ == "tinygrad_mnist" else
     m.nn.functional.relu6(x + 3) / 6,  # PyTorch's takes 1/6 in single precision
     lambda d: one(d, Domain(-2.8, 2.8)), lambda x: np.clip(x + 3, 0, 6) / 6, order=1)  # fmt: skip
of_one("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, EDGES, 2)


def build_prelu(d: Draw) -> Call:
    x = d.values(d.choose(((3,), (2, 3), (2, 3, 2))), EDGES)
    return Call([x, d.values((x.shape[1] if x.ndim > 1 and d.boolean() else 1,))], {}, d.seed)


named("prelu", "prelu", build_prelu, order=2, oracle=lambda x, w: np.where(
    x > 0, x, x * (w if w.size == 1 or x.ndim < 2 else w.reshape(-1, *(1,) * (x.ndim - 2)))))  # fmt: skip
named("glu", "glu", lambda d: Call([d.values((2, 4, 2))], {"dim": d.choose((1, -1, 0))}, d.seed),
      lambda x, dim: np.split(x, 2, dim)[0] * sigmoid(np.split(x, 2, dim)[1]))  # fmt: skip
named("softmin", "softmin", lambda d: Call([d.values((2, 3))], {"dim": d.choose((1, -1, 0))}, d.seed),
      lambda x, dim: np.exp(-x) / np.exp(-x).sum(dim, keepdims=True))  # fmt: skip


def build_embedding(d: Draw) -> Call:
    numbers = d.integers(0, 4, d.choose(((3,), (2, 3), ())))
    return Call([numbers, d.values((4, 2))], {"norm_type": d.choose((2.0, 1.0))}, d.seed)


named("embedding", "embedding", build_embedding, lambda at, w, norm_type: w[at], raw=False,
      examples=(Example((np.array([1, 0, 1]), np.array([[1.0], [2]])), np.array([[2.0], [1], [2]]),
                        (None, np.array([[1.0], [2]]))),))  # fmt: skip

# norms


def standard(x: Array, axes: Any, eps: float) -> Array:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def affine(x: Array, w: Any, b: Any) -> Array:
    lined = [v.reshape(-1, *(1,) * (x.ndim - 2)) for v in (w, b)]
    return x * lined[0] + lined[1]


def build_norm(d: Draw, shapes: Any = ((3, 2), (2, 4, 3), (2, 2, 2, 2)), **static: Any) -> Call:
    shape = d.choose(shapes)
    return Call([d.values(shape), d.values(shape[1:2]), d.values(shape[1:2])],
                {"eps": 0.1, **{k: d.choose(v) for k, v in static.items()}}, d.seed)  # fmt: skip


text("batch_norm", lambda m, x, w, b, eps: m.nn.functional.batch_norm(x, None, None, w, b, True, 0.1, eps), build_norm,
     lambda x, w, b, eps: affine(standard(x, (0, *range(2, x.ndim)), eps), w, b))  # fmt: skip
KEPT_MEAN, KEPT_VAR = np.array([0.3, -0.2, 1.0, 0.5]), np.array([0.5, 2.0, 1.0, 0.25])


def kept(m: Any, x: Any, w: Any, b: Any, eps: float) -> Any:
    mean, var = (m.tensor(v[: x.shape[1]].tolist(), dtype=x.dtype) for v in (KEPT_MEAN, KEPT_VAR))
    return m.nn.functional.batch_norm(x, mean, var, w, b, eps=eps)


def kept_oracle(x: Array, w: Array, b: Array, eps: float) -> Array:
    factor = w / np.sqrt(KEPT_VAR[: len(w)] + eps)
    return affine(x, factor, b - KEPT_MEAN[: len(w)] * factor)


text("batch_norm kept", kept, build_norm, kept_oracle, raw=False)
text("group_norm", lambda m, x, w, b, groups, eps: m.nn.functional.group_norm(x, groups, w, b, eps),
     lambda d: build_norm(d, ((2, 4, 3), (3, 2), (1, 4, 2, 2)), groups=(1, 2)),
     lambda x, w, b, groups, eps: affine(standard(x.reshape(len(x), groups, -1), 2, eps).reshape(x.shape), w, b))
text("instance_norm", lambda m, x, w, b, eps: m.nn.functional.instance_norm(x, weight=w, bias=b, eps=eps),
     lambda d: build_norm(d, ((2, 4, 3), (2, 2, 2, 2))),
     lambda x, w, b, eps: affine(standard(x, tuple(range(2, x.ndim)), eps), w, b))  # fmt: skip


def build_layer(d: Draw) -> Call:
    tail = d.choose(((3,), (2, 3)))
    lead = d.choose(((2,), (2, 1), ()))
    return Call([d.values((*lead, *tail)), d.values(tail), d.values(tail)], {"eps": 0.1}, d.seed)


text("layer_norm", lambda m, x, w, b, eps: m.nn.functional.layer_norm(x, tuple(w.shape), w, b, eps), build_layer,
     lambda x, w, b, eps: standard(x, tuple(range(x.ndim - w.ndim, x.ndim)), eps) * w + b)  # fmt: skip
text("rms_norm", lambda m, x, w, b, eps: m.nn.functional.rms_norm(x, tuple(w.shape), w, eps) + b, build_layer,
     lambda x, w, b, eps: x / np.sqrt((x * x).mean(tuple(range(x.ndim - w.ndim, x.ndim)), keepdims=True) + eps) * w + b)


def response(x: Array, size: int, alpha: float) -> Array:
    out = np.empty(x.shape)
    for c in range(x.shape[1]):
        near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        out[:, c] = x[:, c] / (1 + alpha / size * (near**2).sum(1)) ** 0.75
    return out


named("local_response_norm", "local_response_norm",
      lambda d: Call([d.values((2, 4, 3))], {"size": d.choose((1, 2, 3)), "alpha": 0.5}, d.seed), response)  # fmt: skip


def p_norm(x: Array, p: float, axis: int, keepdims: bool = False) -> Array:
    return np.linalg.norm(x, p, axis, keepdims)


named("normalize", "normalize",
      lambda d: Call([d.distinct((3, 4), 0.1)], {"p": d.choose((2, 1, 3.5, math.inf)), "dim": d.choose((1, 0, -1))},
                     d.seed),
      lambda x, p, dim: x / p_norm(x, p, dim, True), order=2)  # fmt: skip


def pair(d: Draw, shape: Any, *domains: Domain, **static: Any) -> Call:
    return Call([d.values(shape, domain) for domain in domains], {k: d.choose(v) for k, v in static.items()}, d.seed)


named("cosine_similarity", "cosine_similarity", lambda d: pair(d, (3, 2), POSITIVE, ANYWHERE, dim=(1, 0, -1)),
      lambda x, y, dim: (x * y).sum(dim) / (p_norm(x, 2, dim) * p_norm(y, 2, dim)), order=2)  # fmt: skip
named("pairwise_distance", "pairwise_distance",
      lambda d: pair(d, (3, 2), POSITIVE, Domain(-2.5, -0.4), p=(2, 1, 3), keepdim=(False, True)),
      lambda x, y, p, keepdim: p_norm(x - y + 1e-6, p, -1, keepdim), order=2)  # fmt: skip

# attention, bilinear


def build_attention(d: Draw) -> Call:
    lead = d.choose(((), (2,), (1, 2)))
    q, k, v = d.values((*lead, 3, 2)), d.values((*lead, 4, 2)), d.values((*lead, 4, 3))
    seen = d.array(np.random.default_rng(d.seed).random((3, 4)) < 0.6)
    mask = d.choose((None, seen, d.values((3, 4))))
    return Call([q, k, v, mask], {"causal": mask is None and d.boolean(), "scale": d.choose((None, 0.4))}, d.seed)


def attention(q: Array, k: Array, v: Array, mask: Any, causal: bool, scale: float | None) -> Array:
    scores = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    scores = scores if mask is None else np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    scores = np.where(np.tril(np.ones((3, 4), bool)), scores, -np.inf) if causal else scores
    w = np.exp(scores)
    return w / np.maximum(w.sum(-1, keepdims=True), 1e-300) @ v


text("scaled_dot_product_attention", lambda m, q, k, v, mask, causal, scale:
     m.nn.functional.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale), build_attention,
     attention)  # fmt: skip
named("bilinear", "bilinear", lambda d: Call([d.values((2, 3)), d.values((2, 2)), d.values((4, 3, 2)), d.values((4,))],
      {}, d.seed), lambda x, y, w, b: np.einsum("ni,oij,nj->no", x, w, y) + b)  # fmt: skip


# losses: each of an oracle per element, and a reduction


def loss(
    name: str, oracle: Any, *domains: Any, order: int = 2, twin: str = "", shape: Any = None,
    constant: tuple[int, ...] = (), **choices: Any,
) -> None:
    """Add the Case of a loss. domains: where its arguments come from, or what draws one, of the shape."""

    def build(d: Draw) -> Call:
        size = d.choose(shape or ((3, 2), (4,), (2, 1, 2)))
        args = [d.values(size, x) if isinstance(x, Domain) else x(d, size) for x in domains]
        static = {k: d.choose(v) for k, v in choices.items()}
        return Call(args, {"reduction": d.choose([*REDUCE]), **static}, d.seed)

    def reduced(*args: Any, reduction: str, **static: Any) -> Any:
        return REDUCE[reduction](oracle(*args, **static))

    def call(m: Any, *args: Any, **static: Any) -> Any:
        args = [t.long() if name.startswith("multi") and "int" in str(t.dtype) and m is not tg else t for t in args]
        return getattr(m.nn.functional, twin or name)(*args, **static)

    text(name, call, build, reduced, order=order, constant=constant)


def signs(d: Draw, size: Any) -> Array:
    return d.array(d.rng.integers(0, 2, size) * 2.0 - 1)


def first(d: Draw, size: Any) -> Array:
    return d.array(d.rng.integers(0, 2, size[:1]) * 2.0 - 1)


def labels(d: Draw, size: Any) -> Array:
    return d.integers(0, size[1], (size[0], *size[2:]))


def bent(x: Array, y: Array, near: float) -> Array:
    d = np.abs(x - y)
    return np.where(d < near, d * d / 2, near * (d - near / 2))


LOW, HIGH = Domain(-2.0, -0.7), Domain(0.5, 2.0)
loss("l1_loss", lambda x, y: np.abs(x - y), HIGH, LOW)
loss("smooth_l1_loss", lambda x, y, beta: bent(x, y, beta) / beta, HIGH, LOW, beta=(5.0, 0.5))
loss("huber_loss", lambda x, y, delta: bent(x, y, delta), HIGH, LOW, delta=(5.0, 0.5))
loss("binary_cross_entropy", lambda x, t: -(t * np.log(x) + (1 - t) * np.log(1 - x)), SHARES, SHARES)
loss("binary_cross_entropy_with_logits", lambda x, t: sp(x) - t * x, ANYWHERE, SHARES)
text("binary_cross_entropy_with_logits weighted", lambda m, x, t, w, p:
     m.nn.functional.binary_cross_entropy_with_logits(x, t, w, pos_weight=p), lambda d: Call(
         [d.values((3, 2)), d.values((3, 2), SHARES), d.values((3, 2)), d.values((2,), POSITIVE)], {}, d.seed),
     lambda x, t, w, p: (w * (p * t * sp(-x) + (1 - t) * sp(x))).mean(), constant=(2, 3))  # fmt: skip
text("kl_div", lambda m, x, t, log_target, reduction: m.nn.functional.kl_div(
         x, m.log(t) if log_target else t, reduction=reduction, log_target=log_target),
     lambda d: pair(d, (3, 2), LOW, SHARES, log_target=(True, False), reduction=("batchmean", "sum", "none")),
     lambda x, t, log_target, reduction: {"sum": np.sum, "none": lambda y: y, "batchmean": lambda y: y.sum() / 3}[
         reduction](t * (np.log(t) - x)))  # fmt: skip
loss("poisson_nll_loss", lambda x, t, log_input, full: (np.exp(x) - t * x if log_input else x - t * np.log(x + 1e-8))
     + full * np.where(t > 1, t * np.log(t) - t + 0.5 * np.log(2 * np.pi * t), 0), POSITIVE,
     Domain(0.3, 3.0, (1.0,)), log_input=(True, False), full=(False, True))  # fmt: skip
loss("gaussian_nll_loss", lambda x, t, v, full: 0.5 * (np.log(v) + (x - t) ** 2 / v + full * math.log(2 * math.pi)),
     ANYWHERE, ANYWHERE, POSITIVE, full=(False, True))  # fmt: skip
loss("hinge_embedding_loss", lambda x, t: np.where(t == 1, x, np.maximum(0, 1 - x)), Domain(-2, 2, (1.0,)), signs,
     constant=(1,))  # fmt: skip
loss("margin_ranking_loss", lambda x, y, t, margin: np.maximum(0, margin - t * (x - y)), HIGH, LOW, signs,
     margin=(0, 0.3), constant=(2,))  # fmt: skip
loss("soft_margin_loss", lambda x, t: sp(-t * x), ANYWHERE, signs, constant=(1,))
loss("cosine_embedding_loss", lambda x, y, t: np.where(
         t == 1, 1 - (c := (x * y).sum(-1) / np.sqrt(((x * x).sum(-1) + 1e-12) * ((y * y).sum(-1) + 1e-12))),
         np.maximum(0, c)),
     POSITIVE, HIGH, first, shape=((3, 2), (2, 4)), constant=(2,))  # fmt: skip
loss("multi_margin_loss", lambda x, t, p: np.array([
         sum(max(0, 1 - r[k] + r[j]) ** p for j in range(4) if j != k) / 4 for r, k in zip(x, t, strict=True)]),
     lambda d, size: d.distinct(size, 0.05), labels, shape=((3, 4),), p=(1, 2))  # fmt: skip
loss("multilabel_soft_margin_loss", lambda x, t: (sp(x) - t * x).mean(-1), ANYWHERE, SHARES, shape=((3, 2), (2, 4)))
loss("multilabel_margin_loss", lambda x, t: np.array([
         sum(max(0, 1 - r[k] + r[j]) for k in s[:2] for j in range(4) if j not in s[:2]) / 4
         for r, s in zip(x, t, strict=True)]),
     lambda d, size: d.distinct(size, 0.05), lambda d, size: d.array(np.array([[1, 3, -1, 0]] * size[0])),
     shape=((3, 4),))  # fmt: skip


def triplets(a: Array, p: Array, n: Array, swap: bool, margin: int) -> Array:
    far = p_norm(a - n + 1e-6, 2, -1)
    far = np.minimum(far, p_norm(p - n + 1e-6, 2, -1)) if swap else far
    return np.maximum(0, 5 + p_norm(a - p + 1e-6, 2, -1) - far)


loss("triplet_margin_loss", triplets, HIGH, LOW, ANYWHERE, shape=((3, 2), (2, 4)), swap=(False, True), margin=(5,),
     twin="triplet_margin_loss")  # fmt: skip


def build_weighed(d: Draw, **static: Any) -> Call:
    shape = d.choose(((4, 3), (2, 3, 2), (3,)))
    target = d.integers(0, 3, (shape[0], *shape[2:]) if len(shape) > 1 else ())
    target = target if (target != 1).any() else np.zeros_like(target)  # one at least that counts
    return Call([d.values(shape), target, d.values((3,), POSITIVE)],
                {"reduction": d.choose([*REDUCE]), "ignore_index": d.choose((1, -100)),
                 **{k: d.choose(v) for k, v in static.items()}}, d.seed)  # fmt: skip


def weighed(x: Array, target: Array, w: Array, reduction: str, ignore_index: int, label_smoothing: float = 0) -> Array:
    rows = np.moveaxis(x if x.ndim > 1 else x[None], 1, -1)
    rows = rows - np.log(np.exp(rows).sum(-1, keepdims=True))
    places = target if x.ndim > 1 else target[None]
    valid = places != ignore_index
    own = -np.take_along_axis(rows, places[..., None], -1)[..., 0] * w[places]
    losses = valid * ((1 - label_smoothing) * own + label_smoothing / 3 * -(rows * w).sum(-1))
    if reduction == "mean":
        with np.errstate(all="ignore"):
            return losses.sum() / (valid * w[places]).sum()
    return losses.sum() if reduction == "sum" else losses.reshape(np.shape(target))


text("cross_entropy weighted", lambda m, x, t, w, **s: m.nn.functional.cross_entropy(
         x, t if m is tg else t.long(), w, **s),
     lambda d: build_weighed(d, label_smoothing=(0.0, 0.2)), weighed, constant=(2,))  # fmt: skip
text("nll_loss weighted", lambda m, x, t, w, **s: m.nn.functional.nll_loss(
         m.nn.functional.log_softmax(x, 1 if x.ndim > 1 else 0), t if m is tg else t.long(), w, **s),
     build_weighed, weighed, constant=(2,))  # fmt: skip
