"""The passes of a plan one by one, and the check of memory on random programs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mnist.capture.program import Instruction, Program, Value
from tinygrad_mnist.compiler import memory, passes, rewrites
from tinygrad_mnist.core.primitive import registry


def value(shape=(4,), origin="result", source=None, base=None, dtype=np.float32, name=""):
    value.count += 1
    return Value(value.count, shape, dtype, tuple(range(len(shape))), origin, source, base, name)


value.count = 0


def call(name, *inputs, shape=(4,), view=False, **static):
    out = value(shape, base=inputs[0] if view else None)
    return Instruction(name, list(inputs), [out], static, registry[name])


def program(*steps, inputs=(), results=(), gradients=()):
    return Program(list(steps), list(inputs), list(results), list(gradients))


def names(p):
    return [s.name for s in p.instructions]


def test_dead_code_goes_and_effects_stay():
    x = value(origin="input", source=0)
    used, dead = call("exp", x), call("sin", x)
    after = call("cos", dead.outputs[0])
    draw = Instruction("draw", [], [value()], {}, None, (None, None))
    effect = Instruction("effect", [], [], {}, None, print)
    p = program(used, dead, after, draw, effect, inputs=[x], results=used.outputs)
    passes.drop_dead(p)
    assert names(p) == ["exp", "draw", "effect"]


def test_residuals_go_only_where_there_is_a_way_without():
    x = value((1, 1, 4, 4), "input", 0)
    pool = Instruction("max_pool2d", [x], [value((1, 1, 2, 2)), value((1, 1, 2, 2))], {}, registry["max_pool2d"])
    loss = Instruction("cross_entropy", [x], [value(), value()], {}, registry["cross_entropy"])
    p = program(pool, loss, inputs=[x], results=[pool.outputs[0], loss.outputs[0]])
    passes.drop_dead(p)
    assert [len(s.outputs) for s in p.instructions] == [1, 2]


def test_what_is_the_same_is_computed_once_unless_memory_changed_between():
    x = value(origin="input", source=0)
    w = value(origin="state")
    a, b, other = call("add", x, 1.0), call("add", x, 1.0), call("add", x, 1)
    s1, s2 = call("exp", w), call("exp", w)
    write = Instruction("write", [w, a.outputs[0]], [value(origin="state", base=w)])
    p = program(a, b, other, s1, write, s2, inputs=[x], results=[b.outputs[0], s1.outputs[0], s2.outputs[0]])
    passes.share_common(p)
    assert names(p) == ["add", "add", "exp", "write", "exp"]
    assert p.results[0] is a.outputs[0] and p.results[1] is not p.results[2]


def test_constants_are_folded():
    one = value((), "constant", np.float32(1).reshape(()))
    spread = call("broadcast_to", one, shape=(4,), view=True)
    spread.static = {"shape": (4,)}
    double = call("multiply", spread.outputs[0], 2.0)
    x = value(origin="input", source=0)
    use = call("add", x, double.outputs[0])
    p = program(spread, double, use, inputs=[x], results=use.outputs)
    passes.fold_constants(p)
    assert names(p) == ["add"] and use.inputs[1].source.tolist() == [2.0] * 4


def test_identities_and_transposes_that_undo_each_other_go():
    x = value((2, 3), "input", 0)
    same = call("reshape", x, shape=(2, 3), view=True)
    same.static = {"shape": (2, 3)}
    there = call("transpose", same.outputs[0], shape=(3, 2), view=True)
    back = call("transpose", there.outputs[0], shape=(2, 3), view=True)
    again = call("transpose", back.outputs[0], shape=(3, 2), view=True)
    for step in (there, back, again):
        step.static = {"axes": (1, 0)}
    use = call("exp", back.outputs[0], shape=(2, 3))
    turned = call("exp", again.outputs[0], shape=(3, 2))
    p = program(same, there, back, again, use, turned, inputs=[x], results=[*use.outputs, *turned.outputs])
    passes.skip_identities(p)
    passes.drop_dead(p)
    assert use.inputs == [x] and names(p).count("transpose") == 1
    assert turned.inputs[0].base is x and p.instructions[0].static == {"axes": (1, 0)}


def test_a_copy_is_read_through_as_long_as_its_source_stays():
    w, x = value(origin="state"), value(origin="input", source=0)
    copy1 = call("clone", w)
    use = call("add", copy1.outputs[0], x)
    write = Instruction("write", [w, use.outputs[0]], [value(origin="state", base=w)])
    p = program(copy1, use, write, inputs=[x])
    passes.skip_copies(p)
    assert names(p) == ["add", "write"] and use.inputs[0] is w
    copy2 = call("clone", w)  # now the copy is used after the change
    first, late = call("exp", x), None
    late = call("add", copy2.outputs[0], x)
    write = Instruction("write", [w, first.outputs[0]], [value(origin="state", base=w)])
    p = program(copy2, first, write, late, inputs=[x], results=late.outputs)
    passes.skip_copies(p)
    assert names(p) == ["clone", "exp", "write", "add"]


def pooled_step(*, rectified_is_result=False, other_use=False):
    """relu, max_pool2d, and back: the cotangent goes to the winners, then where the rectified values are positive."""
    big, small = (1, 1, 4, 4), (1, 1, 2, 2)
    x, g = value(big, "input", 0, name="x"), value(small, "input", 1, name="g")
    relu = call("relu", x, shape=big)
    rectified = relu.outputs[0]
    window = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    pool = Instruction("max_pool2d", [rectified], [value(small), value(small)], window, registry["max_pool2d"])
    scatter = call("pool_scatter", g, pool.outputs[1], shape=big)
    mask = call("not_equal", rectified, 0, shape=big)
    keep = call("keep", scatter.outputs[0], mask.outputs[0], shape=big)
    steps = [relu, pool, scatter, mask, keep] + ([call("exp", rectified, shape=big)] if other_use else [])
    results = [pool.outputs[0], keep.outputs[0], *(relu.outputs if rectified_is_result else [])]
    return program(*steps, inputs=[x, g], results=results)


def test_windows_are_pooled_before_they_are_rectified_there_and_back():
    p = pooled_step()
    pooled, gradient = p.results
    rewrites.pool_before_rectifying(p)
    assert names(p) == ["max_pool2d", "relu", "not_equal", "keep", "pool_scatter"]
    pool, relu, mask, keep, scatter = p.instructions
    assert pool.inputs == [p.inputs[0]] and relu.inputs == [pool.outputs[0]]
    assert relu.outputs == [pooled] == mask.inputs[:1] and mask.inputs[1] == 0  # the rectified maxima are positive
    assert keep.inputs == [p.inputs[1], mask.outputs[0]] and scatter.inputs == [keep.outputs[0], pool.outputs[1]]
    assert scatter.outputs == [gradient] and p.results == [pooled, gradient]
    assert all(v.shape == (1, 1, 2, 2) for s in (pool, relu, mask, keep) for v in s.outputs)


@pytest.mark.parametrize("why", ["rectified_is_result", "other_use"])
def test_rectified_values_that_somebody_else_wants_are_rectified_first(why):
    p = pooled_step(**{why: True})
    before = names(p)
    rewrites.pool_before_rectifying(p)
    assert names(p) == before


def test_every_gradient_gets_memory_of_its_own():
    x = value(origin="input", source=0)
    a = call("exp", x)
    leaves = [object(), object(), object(), object()]
    view = call("reshape", a.outputs[0], shape=(4,), view=True)
    constant = value(origin="constant", source=np.ones(4, np.float32))
    targets = [a.outputs[0], a.outputs[0], view.outputs[0], constant]
    p = program(a, view, inputs=[x], gradients=list(zip(leaves, targets, strict=True)))
    passes.own_gradients(p)
    owners = [v.root for _, v in p.gradients]
    assert len(set(owners)) == 4 and all(v.origin == "result" for v in owners)


def planned_in_place(*steps, **ends):
    p = program(*steps, **ends)
    memory.run_in_place(p)
    return [s.in_place for s in p.instructions]


def test_in_place_only_at_the_last_use():
    x = value(origin="input", source=0)
    a = call("exp", x)
    b = call("relu", a.outputs[0])
    c = call("add", b.outputs[0], a.outputs[0])
    assert planned_in_place(a, b, c, inputs=[x], results=c.outputs) == [False, False, True]


def test_in_place_never_over_arguments_parameters_constants_or_results():
    for origin in ("input", "state", "constant", "gradient"):
        x = value(origin=origin, source=np.ones(4, np.float32))
        a = call("exp", x)
        assert planned_in_place(a, inputs=[x] if origin == "input" else [], results=a.outputs) == [False]
    x = value(origin="input", source=0)
    a = call("exp", x)
    b = call("relu", a.outputs[0])
    assert planned_in_place(a, b, inputs=[x], results=[a.outputs[0], b.outputs[0]]) == [False, False]


def test_in_place_never_over_memory_seen_in_another_way():
    x = value((2, 2), "input", 0)
    a = call("exp", x, shape=(2, 2))
    turned = call("transpose", a.outputs[0], shape=(2, 2), view=True)
    turned.static, turned.outputs[0].axes = {"axes": (1, 0)}, (1, 0)
    both = call("add", a.outputs[0], turned.outputs[0], shape=(2, 2))
    assert planned_in_place(a, turned, both, inputs=[x], results=both.outputs) == [False, False, False]
    a = call("exp", x, shape=(2, 2))
    twice = call("multiply", a.outputs[0], a.outputs[0], shape=(2, 2))
    assert planned_in_place(a, twice, inputs=[x], results=twice.outputs) == [False, True]


def test_in_place_never_over_a_part_or_another_shape_dtype_or_order():
    x = value((4,), "input", 0)
    for shape, dtype in (((4,), np.float64), ((2, 4), np.float32), ((1,), np.float32)):
        a = Instruction("exp", [x], [value(shape, dtype=dtype)], {}, registry["exp"])
        b = call("add", a.outputs[0], x)
        assert planned_in_place(a, b, inputs=[x], results=b.outputs) == [False, False]
    a = call("exp", x, shape=(8,))
    half = call("getitem", a.outputs[0], view=True)
    b = call("relu", half.outputs[0])
    assert planned_in_place(a, half, b, inputs=[x], results=b.outputs)[2] is False
    a = call("exp", x, shape=(2, 2))
    a.outputs[0].axes = (1, 0)
    b = call("relu", a.outputs[0], shape=(2, 2))
    assert planned_in_place(a, b, inputs=[x], results=b.outputs) == [False, False]


def test_written_values_are_computed_where_they_go_unless_that_is_still_read():
    def steps(reader_between):
        w, x = value(origin="state"), value(origin="input", source=0)
        new = call("multiply", w, x)
        reader = call("exp", w)
        write = Instruction("write", [w, new.outputs[0]], [value(origin="state", base=w)])
        p = program(new, *([reader] if reader_between else []), write, inputs=[x], results=reader.outputs)
        memory.write_through(p)
        return new.outputs[0].in_place

    assert steps(False) and not steps(True)
    w, x = value((2, 2), "state"), value((2, 2), "input", 0)
    product = call("matmul", w, x, shape=(2, 2))  # reads all of w for every element
    p = program(product, Instruction("write", [w, product.outputs[0]], [value((2, 2), "state", base=w)]), inputs=[x])
    memory.write_through(p)
    assert not product.outputs[0].in_place


@st.composite
def programs(draw):
    """Random straight lines of elementwise calls, views and sums on values of a few sizes."""
    x = value((draw(st.integers(1, 40)),), "input", 0)
    made, steps = [x], []
    for _ in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["exp", "relu", "add", "multiply", "flip", "clone", "wide"]))
        a, b = draw(st.sampled_from(made)), draw(st.sampled_from(made))
        if kind == "wide":
            shape = (draw(st.integers(1, 40)),)
            step = call("put", a, shape=shape)
        elif kind in ("add", "multiply") and a.shape == b.shape:
            step = call(kind, a, b, shape=a.shape)
        else:
            kind = kind if kind not in ("add", "multiply") else "exp"
            step = call(kind, a, shape=a.shape, view=kind == "flip")
            step.outputs[0].packed = kind != "flip"
        steps.append(step)
        made.append(step.outputs[0])
    kept = draw(st.lists(st.sampled_from(made[1:]), max_size=3, unique=True))
    pinned = draw(st.lists(st.sampled_from(made[1:]), max_size=2, unique=True))
    return program(*steps, inputs=[x], results=kept, gradients=[(object(), v) for v in pinned])


def living(p):
    """For every instruction, the owners of memory that hold something then."""
    last = p.last_uses()
    born = {}
    for i, step in enumerate(p.instructions):
        for v in step.outputs:
            born.setdefault(v.root, i)
    return [{v for v, start in born.items() if start <= i <= last[v]} for i in range(len(p.instructions))]


def check_memory(p, offsets, size):
    """No two values that live at once share a byte; all lie inside the block, aligned."""
    for alive in living(p):
        spans = sorted((offsets[v], offsets[v] + v.nbytes) for v in alive if v in offsets)
        assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False)), spans
    assert all(o % 64 == 0 and o + v.nbytes <= size for v, o in offsets.items())


@given(programs(), st.booleans())
def test_living_values_never_share_memory(p, in_place):
    passes.own_gradients(p)
    passes.drop_dead(p)
    if in_place:
        memory.run_in_place(p)
    offsets, size = memory.assign_memory(p)
    check_memory(p, offsets, size)
    pinned = {v.root for _, v in p.gradients}
    owners = {v for s in p.instructions for v in s.outputs if v.base is None}
    assert set(offsets) == owners - pinned
    assert size <= sum(memory.room(v) for v in offsets)


def test_the_check_of_memory_finds_a_planted_mistake():
    x = value((16,), "input", 0)
    a, b = call("exp", x, shape=(16,)), call("sin", x, shape=(16,))
    c = call("add", a.outputs[0], b.outputs[0], shape=(16,))
    p = program(a, b, c, inputs=[x], results=c.outputs)
    offsets, size = memory.assign_memory(p)
    check_memory(p, offsets, size)
    offsets[b.outputs[0]] = offsets[a.outputs[0]]
    with pytest.raises(AssertionError):
        check_memory(p, offsets, size)
