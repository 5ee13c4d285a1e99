"""Rewrite what a step computes into something equal that is less work.

These know what operations mean, unlike passes.py. Each rewrite is exact: the same numbers come out. Look next at
numpy_source.py.
"""

from __future__ import annotations

from ..capture.program import Instruction, Program, Value
from .passes import next_index


def pool_before_rectifying(program: Program) -> None:
    """Take the maximum of each window first and rectify the maxima: a quarter of the values for windows of 2 x 2.

    max(relu(x)) = relu(max(x)). Back, a cotangent that is dropped where relu(x) is 0 and went to winners only may as
    well be dropped before it goes to the winners, where the maximum is 0.
    """
    users: dict[Value, list[Instruction]] = {}
    maker: dict[Value, Instruction] = {}
    for step in program.instructions:
        for value in step.values():
            users.setdefault(value, []).append(step)
        for value in step.outputs:
            maker[value] = step
    kept = {v.root for v in program.kept()}
    for pool in list(program.instructions):
        rectified = pool.inputs[0] if pool.name == "max_pool2d" else None
        relu = maker.get(rectified) if isinstance(rectified, Value) else None
        if relu is None or rectified is None or relu.name != "relu" or rectified in kept:
            continue
        masks = [s for s in users[rectified] if s is not pool]
        drops = [_dropped(mask, users, maker, pool) for mask in masks]
        if any(drop is None for drop in drops):
            continue
        _exchange(program, relu, pool)
        for mask, drop in zip(masks, drops, strict=True):
            if drop is not None:
                _drop_first(program, mask, drop, maker[drop.inputs[0]], pool, relu)


def _dropped(
    mask: Instruction, users: dict[Value, list[Instruction]], maker: dict[Value, Instruction], pool: Instruction
) -> Instruction | None:
    """Find keep(pool_scatter(g, winners), rectified != 0), if that is all that a use of the rectified values is for."""
    if mask.name != "not_equal" or mask.inputs[1] != 0 or isinstance(mask.inputs[1], Value):
        return None
    after = users.get(mask.outputs[0], [])
    if len(after) != 1 or after[0].name != "keep" or after[0].inputs[1] is not mask.outputs[0]:
        return None
    scatter = maker.get(after[0].inputs[0])
    alone = scatter is not None and len(users[scatter.outputs[0]]) == 1
    if scatter is None or not alone or scatter.name != "pool_scatter" or scatter.inputs[1] is not pool.outputs[-1]:
        return None
    return after[0]


def _exchange(program: Program, relu: Instruction, pool: Instruction) -> None:
    """Make relu, pool into pool, relu, under the same name for the result."""
    pooled = pool.outputs[0]
    raw = Value(next_index(program), pooled.shape, pooled.dtype, pooled.axes)
    pool.inputs, pool.outputs = [relu.inputs[0]], [raw, *pool.outputs[1:]]
    relu.inputs, relu.outputs = [raw], [pooled]
    steps = program.instructions
    steps.remove(relu)
    steps.insert(steps.index(pool) + 1, relu)


def _drop_first(
    program: Program, mask: Instruction, drop: Instruction, scatter: Instruction, pool: Instruction, relu: Instruction
) -> None:
    """Make scatter, keep into keep, scatter, on pooled values, under the same name for the result."""
    pooled, g, result = relu.outputs[0], scatter.inputs[0], drop.outputs[0]
    number = next_index(program)
    positive = Value(number, pooled.shape, mask.outputs[0].dtype, pooled.axes)
    kept = Value(number + 1, g.shape, g.dtype, pooled.axes)
    mask.inputs, mask.outputs = [pooled, mask.inputs[1]], [positive]
    drop.inputs, drop.outputs = [g, positive], [kept]
    scatter.inputs, scatter.outputs = [kept, scatter.inputs[1]], [result]
    steps = program.instructions
    for step in (mask, drop):
        steps.remove(step)
        steps.insert(steps.index(scatter), step)
