"""Cases of what cuts, moves, repeats, reads and writes parts: one line of a table each, the text for both packages."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from strategies import NOT_ZERO, POSITIVE, Array, Call, Draw

from .composed import text


class Of:
    """A shape with a domain (None: distinct values) instead of plain values."""

    def __init__(self, shape: tuple[int, ...], domain: Any = None) -> None:
        self.shape, self.domain = shape, domain


def spread(d: Draw, spec: Any) -> Any:
    """Draw the argument that a table describes: a shape, a shape with a domain, or numbers as they are."""
    if isinstance(spec, Of):
        return d.distinct(spec.shape) if spec.domain is None else d.values(spec.shape, spec.domain)
    return d.values(spec) if isinstance(spec, tuple) else d.array(np.array(spec))


def built(*rows: tuple[Any, ...]) -> Callable[[Draw], Call]:
    """Make what builds a call from one of several rows: arguments, and at the end the options."""

    def build(d: Draw) -> Call:
        *args, options = d.choose(rows)
        return Call([spread(d, spec) for spec in args], dict(options), d.seed)

    return build


def table(entries: dict[str, tuple[Any, ...]], **options: Any) -> None:
    """Add a Case for each entry: the text, the oracle, and the rows."""
    for name, (function, oracle, *rows) in entries.items():
        text(name, function, built(*rows), oracle, **options)


def at(dim: int, part: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * dim, part)


def rows_of(x: Array, dim: int, index: Array, rows: Any, combine: Any = lambda old, new: new) -> Array:
    out, dim = np.array(x), dim % x.ndim
    for i, to in enumerate(index):
        out[at(dim, to)] = combine(out[at(dim, to)], rows if np.ndim(rows) == 0 else rows[at(dim, i)])
    return out


def scattered(x: Array, index: Array, src: Any, dim: int, combine: Any = lambda old, new: new) -> Array:
    out = np.array(x)
    for where in np.ndindex(index.shape):
        to = (*where[:dim], index[where], *where[dim + 1 :])
        out[to] = combine(out[to], src[where] if np.ndim(src) else src)
    return out


FIVE, DIMS = (5, 4), [{"dim": 0}, {"dim": 1}, {"dim": -1}]
table({
    "chunk": (lambda m, x, n, part: m.chunk(x, n, 0)[part], lambda x, n, part: x[2 * part : 2 * part + 2],
              (FIVE, {"n": 3, "part": 0}), (FIVE, {"n": 3, "part": 2})),
    "unbind": (lambda m, x, dim: m.unbind(x, dim)[1], lambda x, dim: x.take(1, dim), *((FIVE, d) for d in DIMS)),
    "narrow": (lambda m, x, start: m.narrow(x, 1, start, 2), lambda x, start: x[:, start:][:, :2],
               *((FIVE, {"start": s}) for s in (0, 2, -3))),
    "select": (lambda m, x, dim: m.select(x, dim, -2), lambda x, dim: x.take(-2, dim), *((FIVE, d) for d in DIMS)),
    "concatenate": (lambda m, x, y: m.concatenate((x, y), 1), lambda x, y: np.concatenate((x, y), 1),
        (FIVE, (5, 1), {})),
    "concat": (lambda m, x, y: m.concat((x, y)), lambda x, y: np.concatenate((x, y)), (FIVE, (1, 4), {})),
    "hstack": (lambda m, x, y: m.hstack((x, y)), lambda x, y: np.hstack((x, y)), ((2,), (3,), {}), (FIVE, (5, 1), {}),
               ((), (2,), {})),
    "vstack": (lambda m, x, y: m.vstack((x, y)), lambda x, y: np.vstack((x, y)), ((3,), (2, 3), {}), ((), (), {})),
    "row_stack": (lambda m, x, y: m.row_stack((x, y)), lambda x, y: np.vstack((x, y)), ((3,), (2, 3), {})),
    "atleast_1d": (lambda m, x: m.atleast_1d(x) * 2, lambda x: 2 * np.atleast_1d(x), ((), {}), (FIVE, {})),
    "atleast_2d": (lambda m, x: m.atleast_2d([x, x])[1] * 2, lambda x: 2 * np.atleast_2d(x), ((), {}), ((3,), {}),
        (FIVE, {})),
    "broadcast_to": (lambda m, x: m.broadcast_to(x, (3, 2, 4)), lambda x: np.broadcast_to(x, (3, 2, 4)),
                     ((2, 1), {}), ((1, 1, 4), {}), ((), {})),
    "broadcast_shapes": (lambda m, x, y: x.reshape((1, 2)).expand(m.broadcast_shapes((3, 1), 2)) + y,
                         lambda x, y: x.reshape(1, 2) + y + np.zeros((3, 1)), ((2,), (3, 2), {})),
    "broadcast_tensors": (lambda m, x, y: m.broadcast_tensors(x, y)[0] * y, lambda x, y: x * y,
                          ((2, 1), (3,), {}), ((), (2, 2), {})),
    "meshgrid": (lambda m, x, y, part, indexing: m.meshgrid(x, y, indexing=indexing)[part] * x.sum() * y.sum(),
                 lambda x, y, part, indexing: np.meshgrid(x, y, indexing=indexing)[part] * x.sum() * y.sum(),
                 *(((2,), (3,), {"part": p, "indexing": i}) for p in (0, 1) for i in ("ij", "xy"))),
    }, raw=False)  # fmt: skip


table({
    "movedim": (lambda m, x, to: m.movedim(x, (0, 2), to), lambda x, to: np.moveaxis(x, (0, 2), to),
                *(((2, 3, 4), {"to": t}) for t in ((1, 0), (-1, 0), (2, 1)))),
    "moveaxis": (lambda m, x: m.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), ((2, 3, 4), {})),
    "swapaxes": (lambda m, x: m.swapaxes(x, 0, -1), lambda x: x.swapaxes(0, -1), ((2, 3, 4), {})),
    "t": (lambda m, x: m.t(x), np.transpose, ((2, 3), {}), ((3,), {}), ((), {})),
    "unflatten": (lambda m, x, sizes: m.unflatten(x, 1, sizes), lambda x, sizes: x.reshape(2, *sizes),
                  ((2, 6), {"sizes": (2, 3)}), ((2, 6), {"sizes": (3, -1, 1)})),
    "ravel": (lambda m, x: m.ravel(x), np.ravel, ((2, 3), {}), ((), {})),
    "roll": (lambda m, x, by, dims: m.roll(x, by, dims), lambda x, by, dims: np.roll(x, by, dims or None),
             ((2, 3), {"by": 1, "dims": ()}), ((2, 3), {"by": (1, -5), "dims": (0, 1)}),
                 ((2, 3), {"by": 0, "dims": 1})),
    "tile": (lambda m, x, dims: m.tile(x, dims), lambda x, dims: np.tile(x, dims), ((2, 3), {"dims": (2,)}),
        ((3,), {"dims": (2, 1, 2)})),
    "repeat": (lambda m, x, times: x.repeat(*times) + x.repeat(times),
               lambda x, times: 2 * np.tile(x, times), ((2, 3), {"times": (2, 1, 3)}), ((), {"times": (2,)})),
    "repeat_interleave": (lambda m, x, n, dim: m.repeat_interleave(x, n, dim), lambda x, n, dim: np.repeat(x, n, dim),
                          ((2, 3), {"n": 2, "dim": None}), ((2, 3), {"n": 3, "dim": 1})),
    "tril": (lambda m, x, k: m.tril(x, k), np.tril, *((s, {"k": k}) for k in (0, 1, -1, 5) for s in ((3, 3),
        (2, 2, 3)))),
    "triu": (lambda m, x, k: m.triu(x, k), np.triu, *((s, {"k": k}) for k in (0, 1, -1, -5) for s in ((3, 3), (2, 3)))),
    "diagonal": (lambda m, x, k, dims: m.diagonal(x, k, *dims), lambda x, k, dims: np.diagonal(x, k, *dims),
                 *(((2, 3, 4), {"k": k, "dims": d}) for k in (0, 1, -1, 9) for d in ((0, 1), (-1, 0)))),
    "diag_embed": (lambda m, x, k: m.diag_embed(x, k), lambda x, k: np.stack([np.diag(v, k) for v in x]),
                   ((2, 3), {"k": 0}), ((2, 3), {"k": -1})),
    "diag": (lambda m, x, k: m.diag(x, k), np.diag, *((s, {"k": k}) for k in (0, 1, -2) for s in ((3,), (3, 4)))),
    "trace": (lambda m, x: m.trace(x), np.trace, ((2, 3), {}), ((3, 3), {})),
    ".mT": (lambda m, x: x.mT + x.contiguous().mT, lambda x: 2 * x.swapaxes(-1, -2), ((2, 3, 2), {})),
    "unfold": (lambda m, x, dim, size, step: x.unfold(dim, size, step) + x.unfold(dim, size, step).contiguous(),
               lambda x, dim, size, step: 2 * np.lib.stride_tricks.sliding_window_view(x, size,
                   dim)[at(dim, slice(None, None, step))],
               *((FIVE, {"dim": d, "size": s, "step": t}) for d in (0, 1) for s in (2, 3) for t in (1, 2, 4))),
    "expand_as": (lambda m, x, y: x.expand_as(y).reshape_as(y).view_as(y) * y, lambda x, y: x * y,
        ((2, 1), (2, 3), {})),
}, raw=False)  # fmt: skip

FOUR, PICKS = (4, 3), [2, 0, 2]
ALONG = [([[1, 0, 0], [3, 3, 1], [3, 0, 1]], 0), ([[1, 0, 0], [2, 2, 1], [0, 0, 0]], 1)]
table({
    "index_select": (lambda m, x, i, dim: m.index_select(x, dim, i), lambda x, i, dim: x.take(i, dim) if x.ndim else x,
                     *((FOUR, PICKS, d) for d in DIMS), ((), [0], {"dim": 0})),
    "index_add": (lambda m, x, i, y, dim: m.index_add(x, dim, i, y, alpha=2),
                  lambda x, i, y, dim: rows_of(x, dim, i, 2 * y, np.add),
                  (FOUR, PICKS, (3, 3), {"dim": 0}), (FOUR, [1, 1], (4, 2), {"dim": 1})),
    "index_copy": (lambda m, x, i, y, dim: m.index_copy(x, dim, i, y), lambda x, i, y, dim: rows_of(x, dim, i, y),
                   (FOUR, [2, 0], (2, 3), {"dim": 0}), (FOUR, [1], (4, 1), {"dim": 1})),
    "index_fill": (lambda m, x, i, dim: m.index_fill(x, dim, i, 0.5), lambda x, i, dim: rows_of(x, dim, i, 0.5),
                   *((FOUR, PICKS, d) for d in DIMS)),
    "scatter": (lambda m, x, i, y, dim: m.scatter(x, dim, i, y), lambda x, i, y, dim: scattered(x, i, y, dim),
                (FOUR, [[1, 0, 3], [2, 1, 1]], (2, 3), {"dim": 0}), (FOUR, [[2, 0], [1, 2]], (2, 2), {"dim": 1})),
    "scatter number": (lambda m, x, i, dim: m.scatter(x, dim, i, 0.5) + m.scatter(x, dim, i, value=1.0),
                       lambda x, i, dim: scattered(x, i, 0.5, dim) + scattered(x, i, 1.0, dim),
                           *((FOUR, i, {"dim": d}) for i, d in ALONG)),
    "scatter_add": (lambda m, x, i, y, dim: m.scatter_add(x, dim, i, y),
                    lambda x, i, y, dim: scattered(x, i, y, dim, np.add),
                        *((FOUR, i, (3, 3), {"dim": d}) for i, d in ALONG)),
    "take_along_dim": (lambda m, x, i, dim: m.take_along_dim(x, i, dim), lambda x, i,
        dim: np.take_along_axis(x, i, dim),
                       (FOUR, [[3, 1, 0]], {"dim": 0}), (FOUR, [[0], [2], [1], [1]], {"dim": 1})),
    "take": (lambda m, x, i: m.take(x, i), np.take, (FOUR, [[5, 0], [5, -1]], {})),
    "masked_fill": (lambda m, x, k: m.masked_fill(x, k, 0.5), lambda x, k: np.where(k, 0.5, x),
                    (FOUR, [True, False, True], {}), ((3,), [[True, False, True], [False, True, False]], {})),
    "rows": (lambda m, x, k: x[:, k] + x[k][:, k], lambda x, k: x[:, k] + x[k][:, k], ((3, 3), [2, 0, 0], {})),
}, raw=False)  # fmt: skip
REDUCTIONS: dict[str, Any] = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
table({
    f"scatter_reduce {name}": (
        lambda m, x, i, y, dim, own, name=name: m.scatter_reduce(x, dim, i, y, name, include_self=own),
        lambda x, i, y, dim, own, name=name: reduced(x, i, y, dim, own, name),
        *((Of(FOUR, NOT_ZERO), i, Of((3, 3), NOT_ZERO), {"dim": d, "own": own}) for i,
            d in ALONG for own in (True, False)))
    for name in [*REDUCTIONS, "mean"]
}, raw=False, order=2)  # fmt: skip


def reduced(x: Array, index: Array, src: Array, dim: int, own: bool, name: str) -> Array:
    found: dict[Any, list[float]] = {where: [x[where]] if own else [] for where in np.ndindex(x.shape)}
    for where in np.ndindex(index.shape):
        found[(*where[:dim], index[where], *where[dim + 1 :])].append(src[where])
    function = np.mean if name == "mean" else lambda values: reduce(REDUCTIONS[name], values)
    return np.array([function(values or [x[where]]) for where, values in found.items()]).reshape(x.shape)


# in the order of values
ORDERED = [(Of(s), {"dim": d, "down": down}) for s in ((4,), (3, 4)) for d in (0, -1) for down in (False, True)]


def sorted_(x: Array, dim: int, down: bool) -> Array:
    return x if not x.ndim else np.flip(np.sort(x, dim), dim) if down else np.sort(x, dim)


table({
    "sort": (lambda m, x, dim, down: m.sort(x, dim, down).values, sorted_, *ORDERED,
        (Of(()), {"dim": 0, "down": False})),
    "topk": (lambda m, x, dim, down: m.topk(x, 2, dim, down)[0], lambda x, dim,
        down: sorted_(x, dim, down).take([0, 1], dim),
             *ORDERED),
    "kthvalue": (lambda m, x, dim, keepdim: m.kthvalue(x, 2, dim, keepdim).values,
                 lambda x, dim, keepdim: np.sort(x, dim).take([1] if keepdim else 1, dim),
                 *((Of((3, 4)), {"dim": d, "keepdim": k}) for d in (0, 1) for k in (True, False))),
}, raw=False)  # fmt: skip
table({
    "argsort": (lambda m, x, dim, down: m.argsort(x, dim, down), lambda x, dim,
        down: np.argsort(-x if down else x, dim),
                *ORDERED),
    "searchsorted": (lambda m, x, y, right: m.searchsorted(m.sort(x).values, y, right=right),
                     lambda x, y, right: np.searchsorted(np.sort(x), y, "right" if right else "left"),
                     *(((5,), s, {"right": r}) for s in ((), (2, 3)) for r in (True, False))),
    "searchsorted rows": (lambda m, x, y: m.searchsorted(m.sort(x).values, y), lambda x, y: np.stack(
        [np.searchsorted(np.sort(a), b) for a, b in zip(x, y, strict=True)]), ((2, 5), (2, 3), {})),
    "bucketize": (lambda m, x, y: m.bucketize(y, m.sort(x).values), lambda x, y: np.searchsorted(np.sort(x), y),
        ((5,), (2,), {})),
}, raw=False, order=0)  # fmt: skip

BY_VALUES: dict[str, tuple[Any, ...]] = {
    "masked_select": (lambda m, x, k: m.masked_select(x, k), lambda x, k: x[np.broadcast_to(k, x.shape)],
                      (FOUR, [True, False, True], {})),
    "masked_scatter": (lambda m, x, k, y: m.masked_scatter(x, k, y) * 2, lambda x, k, y: 2 * scattered(
        x.ravel(), np.flatnonzero(np.broadcast_to(k, x.shape)), y, 0).reshape(x.shape),
            (FOUR, [True, False, True], (8,), {})),
    "repeats": (lambda m, x, n: m.repeat_interleave(x, n, 0), lambda x, n: np.repeat(x, n, 0),
        (FOUR, [2, 0, 1, 3], {})),
}
table(BY_VALUES, raw=False)  # fmt: skip
table({
    "argwhere": (lambda m, x: m.argwhere(x > 0), lambda x: np.argwhere(x > 0), (FOUR, {}), ((), {})),
    "nonzero as tuple": (lambda m, x: m.nonzero(x > 0, as_tuple=True)[1], lambda x: np.nonzero(x > 0)[1], (FOUR, {})),
}, raw=False, order=0)  # fmt: skip
table({  # where chance has no choice
    "bernoulli": (lambda m, x: m.bernoulli(m.where(x > 0, x * 0 + 1, x * 0)), lambda x: np.where(x > 0, 1.0, 0.0),
        (FOUR, {})),
    "bernoulli_": (lambda m, x: (x * 1).bernoulli_((x > 0) * 1.0), lambda x: np.where(x > 0, 1.0, 0.0), (FOUR, {})),
    "multinomial": (lambda m, x, again: m.multinomial(x, 1, again), lambda x, again: np.array([[0], [0]]),
                    *((Of((2, 1), POSITIVE), {"again": again}) for again in (True, False))),
}, raw=False, order=0)  # fmt: skip

# in place
table({
    "masked_fill_": (lambda m, x, k: (x * 1).masked_fill_(k, 0.5), lambda x, k: np.where(k, 0.5, x),
        (FOUR, [True, False, True], {})),
    "scatter_": (lambda m, x, i, y: (x * 1).scatter_(1, i, y), lambda x, i, y: scattered(x, i, y, 1),
        (FOUR, [[1, 0]], (1, 2), {})),
    "scatter_add_": (lambda m, x, i, y: (x * 1).scatter_add_(dim=1, index=i, src=y),
                     lambda x, i, y: scattered(x, i, y, 1, np.add), (FOUR, [[1, 1]], (1, 2), {})),
    "index_add_": (lambda m, x, i, y: (x * 1).index_add_(0, i, y, alpha=2), lambda x, i,
        y: rows_of(x, 0, i, 2 * y, np.add),
                   (FOUR, PICKS, (3, 3), {})),
    "index_copy_": (lambda m, x, i, y: (x * 1).index_copy_(0, i, y), lambda x, i, y: rows_of(x, 0, i, y),
        (FOUR, [1, 0], (2, 3), {})),
    "index_fill_": (lambda m, x, i: (x * 1).index_fill_(0, i, 2.0), lambda x, i: rows_of(x, 0, i, 2.0),
        (FOUR, [1, 0], {})),
    "index_put_": (lambda m, x, i, y, more: (x * 1).index_put_((i, i), y, more),
                   lambda x, i, y, more: put_at(x, i, y, more),
                   *(((3, 3), [1, 0], (2,), {"more": more}) for more in (False, True))),
    "tril_": (lambda m, x: (x * 1).tril_(), np.tril, ((3, 3), {})),
    "triu_": (lambda m, x: (x * 1).triu_(1), lambda x: np.triu(x, 1), ((3, 3), {})),
    "addmm_": (lambda m, x, a, b: (x * 1).addmm_(a, b, beta=0.5, alpha=2), lambda x, a, b: 0.5 * x + 2 * a @ b,
        ((2, 2), (2, 3), (3, 2), {})),
}, raw=False)  # fmt: skip


def put_at(x: Array, i: Array, y: Array, more: bool) -> Array:
    out = np.array(x)
    out[i, i] = out[i, i] + y if more else y
    return out
