"""Forward mode: carry tangents along the recorded calls, first to last, at about the cost of the function itself.

Knows no operation; the card says how (core/primitive.py): an operation may have a rule for tangents; of one on each
element the rule is its own transpose; one that is linear is applied to the tangents. Of any other the rule is
transposed by differentiating it. Tangents that are Vars are recorded. Look next at transforms.py.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.engine import RECORDED, Origin, differentiate
from ..core.faults import argument, no_rule
from ..core.graph import Node, Var, enable_grad, reachable
from ..core.primitive import Primitive
from ..core.scope import unchanging
from ..core.stale import check_unchanged, reads
from ..core.versions import changes
from ..ops.broadcast import broadcast_to
from ..ops.promotion import cast
from ..ops.reduce import sum
from ..tensors.tensor import Tensor
from .function import PART, PLACE, several


def linear_in(primitive: Primitive, position: int) -> frozenset[str] | None:
    """Name what the rule of an argument reads, if the operation is linear in it."""
    name, rule = argument(primitive, position), primitive.rule_at(position)[0]
    if rule is None or name in primitive.tangents or primitive.linear is False:
        return None
    if primitive.linear is not True and name not in primitive.linear:
        return None
    read = reads(rule) - ({name} if name == primitive.variadic else set())  # of *xs the shapes
    return None if name in read or "out" in read else read


@functools.cache
def grouped(primitive: Primitive, positions: tuple[int, ...]) -> list[tuple[list[int], frozenset[str] | None]]:
    """Put arguments together in which the operation is linear at once; beside each group, what its rules read."""
    groups: list[tuple[list[int], frozenset[str] | None]] = []
    for i in positions:
        read, name = linear_in(primitive, i), argument(primitive, i)
        for k, (group, known) in enumerate(groups):
            names = {argument(primitive, j) for j in group}
            if read is not None and known is not None and name not in known and not names & read:
                groups[k] = ([*group, i], known | read)
                break
        else:
            groups.append(([i], read))
    return groups


def filled(x: Any, value: float, shape: tuple[int, ...] | None = None) -> Any:
    """Give a tensor like x, or an array where x is one, of one value."""
    array = unchanging(np.full(x.shape if shape is None else shape, value, x.dtype))
    return Tensor.wrap(array) if isinstance(x, Var) else array


def pushed(node: Node, ts: dict[int, Any], read: frozenset[str] | None, seen: Sequence[Any], saved: Any) -> Any:
    """Give what the tangents of a group of arguments do to the result. seen: the result and the arguments."""
    primitive: Any = node.primitive
    (position, t), out = next(iter(ts.items())), seen[0]
    rule, extra = primitive.rule_at(position)
    if rule is None:
        raise no_rule(primitive, position)
    if primitive.residuals:
        extra = {**extra, "saved": saved}
    if isinstance(primitive, Primitive):
        known = primitive.tangents.get(str(argument(primitive, position)))
        if known is not None:
            return known(t, *seen, **node.static, **extra)
        elements = "elements" in primitive.batch
        if read is not None and not (elements and len(ts) == 1):
            arguments = []
            for i, x in enumerate(seen[1:]):
                kept = x is None or argument(primitive, i) in read or primitive.rule_at(i)[0] is None
                zeros = x if kept else filled(x, 0) if hasattr(x, "shape") else 0.0
                arguments.append(ts.get(i, zeros))
            return primitive(*arguments, **node.static)
        if elements:
            return rule(t if t.shape == out.shape else broadcast_to(t, shape=out.shape), *seen, **node.static, **extra)
        axes = {k: v for k, v in node.static.items() if k in ("axis", "keepdims")}
        if len(axes) == 2 and len(node.args) == 1 and "axis" in primitive.batch:  # no two results share an element
            return sum(t * rule(filled(out, 1), *seen, **node.static, **extra), **axes)
    if primitive.residuals:  # with them, a rule may use what cannot be differentiated
        extra = {**extra, "saved": None}
    return transposed(node, position, t, seen, {**node.static, **extra})


def carried(node: Node, ts: dict[int, Any], seen: Sequence[Any], saved: Any) -> list[Any]:
    """Give what adds up to the tangent of the result."""
    primitive = node.primitive
    if not isinstance(primitive, Primitive):
        return [pushed(node, {i: t}, None, seen, saved) for i, t in ts.items()]
    groups = grouped(primitive, tuple(ts))
    return [pushed(node, {i: ts[i] for i in group}, read, seen, saved) for group, read in groups]


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
    nodes = reachable([y.node for y in outputs if y.node is not None])[::-1]
    with enable_grad():
        for node in nodes:
            _carry(node, values, recorded)
    return [values.get(y.node or y) for y in outputs]


def _carry(node: Node, values: dict[Origin, Any], recorded: bool) -> None:
    moved = [(i, values[p]) for i, p in enumerate(node.parents) if isinstance(p, Node | Var) and p in values]
    if not moved or node in values:
        return
    if changes.latest > node.index:
        check_unchanged(node, None)
    (_, *seen), saved = ((0, node.out, *node.args), node.saved)
    if recorded:
        (_, *seen), saved = RECORDED.begins(node, next(t for t in values.values() if isinstance(t, Var)))
    if node.out is PLACE:
        values[node] = (moved, seen)  # of several outputs: each asks for its own
        return
    if node.primitive is PART:
        (_, (moved, inputs)), call, i = moved[0], node.parents[0], node.static["i"]
        own = [{**call.static, "which": p} for p, _ in moved]  # type: ignore[union-attr]
        parts = [
            transposed(call, p, t, [seen[0], *inputs[1:]], s, i)  # type: ignore[arg-type]
            for (p, t), s in zip(moved, own, strict=True)
        ]
    else:
        parts = carried(node, dict(moved), seen, saved)
    parts, held = [t for t in parts if t is not None], (*seen, *(t for _, t in moved), saved)
    for t in parts[1:]:
        ours = type(parts[0]) is np.ndarray and parts[0].base is None and not any(parts[0] is x for x in held)
        parts[0] = np.add(parts[0], t, out=parts[0]) if ours else parts[0] + t
    if parts:
        t = parts[0] if parts[0].shape == node.out.shape else broadcast_to(parts[0], shape=node.out.shape)
        values[node] = t if t.dtype == node.out.dtype else cast(t, dtype=node.out.dtype)
