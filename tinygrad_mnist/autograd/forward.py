"""Forward mode: carry tangents along the recorded calls, first to last, at about the cost of the function itself.

One rule per primitive serves both directions where it can: of an operation on each element the rule is its own
transpose; one that is linear in an argument is applied to the tangent; a few say themselves how; of any other the
rule is transposed by differentiating it. Tangents that are Vars are recorded. Look next at transforms.py.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.engine import RECORDED, Origin, differentiate
from ..core.faults import no_rule
from ..core.graph import Node, Var, enable_grad, reachable
from ..core.primitive import Primitive
from ..core.stale import check_unchanged, reads
from ..core.versions import changes
from ..ops import elementwise as E
from ..ops.broadcast import broadcast_to
from ..ops.layout import cat
from ..ops.pool import pool_gather, pool_winners
from ..ops.promotion import cast
from ..ops.reduce import restore, sum
from ..tensors.tensor import Tensor
from .function import PART, PLACE, several

PACKAGE = __name__.partition(".")[0] + "."
SYMMETRIC = {"softmax"}  # whose Jacobian is its own transpose
LINEAR = {
    "matmul", "linear", "conv2d", "conv2d_input_gradient", "conv2d_weight_gradient", "reshape", "transpose", "flip",
    "broadcast_to", "sum_to", "sum", "mean", "getitem", "put", "gather", "scatter", "pick", "pool_scatter",
    "pool_gather",
}  # in each argument that its rule does not read
ADDED = {"b"}  # arguments that are added to what is linear in the others, or None


def log_softmax_jvp(t: Any, out: Any, x: Any, saved: Any, axis: int) -> Any:
    """Take the mean tangent, weighed by the probabilities, from each."""
    return t - sum(E.exp(out) * t, axis=axis, keepdims=True)


def logsumexp_jvp(t: Any, out: Any, x: Any, saved: Any, axis: Any, keepdims: bool) -> Any:
    """Weigh the tangents by the probabilities."""
    return sum(t * E.exp(x - restore(out, x.shape, axis)), axis=axis, keepdims=keepdims)


def max_pool2d_jvp(t: Any, out: Any, x: Any, saved: Any, **window: Any) -> Any:
    """Read the tangents of the winners."""
    return pool_gather(t, pool_winners(x, **window) if saved is None else saved, **window)


EXPLICIT: dict[str, Any] = {"log_softmax": log_softmax_jvp, "logsumexp": logsumexp_jvp, "max_pool2d": max_pool2d_jvp}


@functools.cache
def linear_in(primitive: Primitive, position: int) -> tuple[int, ...] | None:
    """Tell whether an operation is linear in an argument, by what its rule reads; list the arguments to leave out."""
    names = [*primitive.arguments, *filter(None, [primitive.variadic])]
    rule = primitive.rule_at(position)[0]
    if rule is None or primitive.name not in LINEAR or not primitive.__module__.startswith(PACKAGE):
        return None
    read, own = reads(rule), names[position] if position < len(names) else names[-1]
    others = [i for i, n in enumerate(names) if n != own and n not in read]
    if own in read or "out" in read or any(names[i] not in ADDED for i in others):
        return None
    return tuple(others)


def pushed(node: Node, position: int, t: Any, seen: Sequence[Any], saved: Any) -> Any:
    """Give what the tangent of one argument does to the result. seen: the result and the arguments."""
    primitive: Any = node.primitive
    out = seen[0]
    rule, extra = primitive.rule_at(position)
    if rule is None:
        raise no_rule(primitive, position)
    if isinstance(primitive, Primitive):
        if primitive.name in EXPLICIT and primitive.__module__.startswith(PACKAGE):
            return EXPLICIT[primitive.name](t, *seen, saved, **node.static)
        if primitive.loop is not None or primitive.name in SYMMETRIC:
            extra = {**extra, "saved": saved} if primitive.residuals else extra
            t = t if t.shape == out.shape else broadcast_to(t, shape=out.shape)
            return rule(t, *seen, **node.static, **extra)
        if position == 2 and primitive.name == "linear":
            return broadcast_to(t, shape=out.shape)
        leave_out = linear_in(primitive, position)
        if leave_out is not None:
            arguments = [t if i == position else None if i in leave_out else x for i, x in enumerate(seen[1:])]
            return primitive(*arguments, **node.static)
    if primitive.residuals:  # with them, a rule may use what cannot be differentiated
        extra = {**extra, "saved": None}
    return transposed(node, position, t, seen, {**node.static, **extra})


def transposed(node: Node, position: int, t: Any, seen: Sequence[Any], static: dict[str, Any], i: int = -1) -> Any:
    """Differentiate the rule, which is linear in the cotangent. i: which one of several outputs it is of."""
    rule: Any = node.primitive.rule_at(position)[0]
    array, raw = seen[0], not isinstance(t, Var)
    u = Tensor.wrap(np.zeros(array.shape, array.dtype), True)
    call = [x if x is None or isinstance(x, Var) else Tensor.wrap(np.asarray(x)) for x in seen]
    if i >= 0:
        call[0] = Tensor.wrap(PLACE, True, node)
    elif raw and not isinstance(node.primitive, Primitive):
        call[0] = Tensor.wrap(node.out, True, node)  # a Function records where its result has a history
    with enable_grad():
        gx = rule(u if i < 0 else several({i: u}), *call, **static)
        if gx is not None and gx.shape != t.shape:
            gx = node.primitive.unbroadcast(gx, shape=t.shape)  # type: ignore[misc]
        if gx is not None and gx.dtype != t.dtype:
            gx = cast(gx, dtype=t.dtype)
    if gx is None or not gx.differentiable:
        return None
    return differentiate([gx], [t], [u], not raw, not raw).get(u)


def push(outputs: Sequence[Var], tangents: dict[Origin, Any]) -> list[Any]:
    """Carry the tangents of leaves or Nodes to outputs: arrays or, recorded, Vars; None where there is none."""
    values: dict[Origin, Any] = dict(tangents)
    recorded = any(isinstance(t, Var) for t in values.values())
    with enable_grad():
        for node in reversed(reachable([y.node for y in outputs if y.node is not None])):
            moved = [(i, values[p]) for i, p in enumerate(node.parents) if isinstance(p, Node | Var) and p in values]
            if not moved or node in values:
                continue
            given = [t for _, t in moved]
            if changes.latest > node.index:
                check_unchanged(node, None)
            (_, *seen), saved = ((0, node.out, *node.args), node.saved)
            if recorded:
                (_, *seen), saved = RECORDED.begins(node, next(t for t in values.values() if isinstance(t, Var)))
            if node.out is PLACE:
                values[node] = (moved, seen)  # of several outputs: each asks for its own
                continue
            if node.primitive is PART:
                (_, (moved, inputs)), call, i = moved[0], node.parents[0], node.static["i"]
                own = [{**call.static, "which": p} for p, _ in moved]  # type: ignore[union-attr]
                parts = [
                    transposed(call, p, t, [seen[0], *inputs[1:]], s, i)  # type: ignore[arg-type]
                    for (p, t), s in zip(moved, own, strict=True)
                ]
            elif node.primitive.name == "cat" and len(moved) > 1:
                known = dict(moved)
                parts = [cat(*(known.get(j, x * 0) for j, x in enumerate(node.args)), **node.static)]
            else:
                parts = [pushed(node, i, t, seen, saved) for i, t in moved]
            total = None
            for t in parts:
                if total is None or t is None:
                    total = t if total is None else total
                elif type(total) is np.ndarray and total.base is None and not any(total is x for x in (*seen, *given)):
                    np.add(total, t, out=total)  # ours alone
                else:
                    total = total + t
            if total is not None:
                if total.shape != node.out.shape:
                    total = broadcast_to(total, shape=node.out.shape)
                values[node] = total if total.dtype == node.out.dtype else cast(total, dtype=node.out.dtype)
    return [values.get(y.node or y) for y in outputs]
