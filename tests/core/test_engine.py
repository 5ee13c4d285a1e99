"""The engine as a sceptic sees it: work done once, memory owned and freed, and never a silently wrong gradient.

Rule calls are counted, not timed. Changes in place are tried by hand and by random programs, which are compared
with the same program written without any change in place. Look next at test_tensor.py.
"""

from __future__ import annotations

import functools
import gc
import itertools
import os
import threading
import weakref
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import GradientError, GraphFreedError, InPlaceError, ShapeError
from tinygrad_mnist.core.graph import Node
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.ops.index import ARRAY
from tinygrad_mnist.ops.index import setitem as write


def leaf(*values, dtype=np.float64):
    return tg.tensor(np.array(values, dtype=dtype), requires_grad=True)


def values(t):
    return np.asarray(t).tolist()


@pytest.fixture
def rule_calls(monkeypatch):
    """Count how often each rule runs, by (primitive, argument)."""
    counts = Counter()

    def counted(key, rule):
        @functools.wraps(rule)
        def wrapper(*args, **kwargs):
            counts[key] += 1
            return rule(*args, **kwargs)

        return wrapper

    for name, primitive in registry.items():
        for argument, rule in list(primitive.rules.items()):
            monkeypatch.setitem(primitive.rules, argument, counted((name, argument), rule))
    return counts


@pytest.fixture
def no_collector():
    """Switch the garbage collector off, so that what is freed is freed by reference counting alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def nodes_alive():
    return sum(type(o) is Node for o in gc.get_objects())


# ---------------------------------------------------------------- the garbage collector waits


def test_no_search_for_cycles_while_a_graph_grows():
    model = nn.Sequential(*(part for _ in range(400) for part in (nn.Linear(2, 2), nn.Tanh())))
    x, searches = tg.randn(3, 2), []
    gc.callbacks.append(lambda phase, info: searches.append(phase))
    try:
        gc.collect()
        del searches[:]
        y = model(x)
        during_forward = len(searches)
        y = y.sum()
        del searches[:]
        y.backward()
        during_backward = len(searches)
    finally:
        gc.callbacks.pop()
    assert during_forward == during_backward == 0 and gc.isenabled()


def test_the_collector_is_as_it_was_after_errors_and_where_it_is_off(no_collector):
    class Failing(nn.Module):
        def forward(self, x):
            assert not gc.isenabled()
            raise RuntimeError("no")

    for was_on in (False, True):
        (gc.enable if was_on else gc.disable)()
        with pytest.raises(RuntimeError, match="no"):
            nn.Sequential(Failing())(tg.ones(1))
        assert gc.isenabled() == was_on
        x = leaf(1.0)
        y = x * x
        y.backward()
        with pytest.raises(GraphFreedError):
            y.backward()
        assert gc.isenabled() == was_on


# ---------------------------------------------------------------- each rule once, no recursion


def test_diamond_of_forty_levels_takes_each_rule_once(rule_calls):
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**40
    assert rule_calls == {("add", "a"): 40, ("add", "b"): 40}


def test_diamond_with_two_different_arms_takes_each_rule_once(rule_calls):
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y.sin() * 0 + y * 2
    y.backward()
    assert x.grad.item() == 2.0**40
    assert rule_calls[("sin", "x")] == 40 and rule_calls[("multiply", "a")] == 80 and rule_calls[("multiply", "b")] == 0


def test_diamond_at_second_order_takes_linear_work(rule_calls):
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    (g,) = grad(y * y, x, create_graph=True)
    (gg,) = grad(g, x)
    assert gg.item() == 2 * 2.0**80
    assert sum(rule_calls.values()) < 500


def test_chain_of_100_000_operations_forward_backward_and_freed(no_collector):
    before = nodes_alive()
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward(retain_graph=True)
    assert x.grad.item() == 1.0
    assert nodes_alive() == before + 100_000
    del y
    assert nodes_alive() == before


def test_chain_of_20_000_operations_at_second_order():
    x = leaf(2.0)
    y = x * x
    for _ in range(10_000):
        y = y + 1.0
        y = -y
    (g,) = grad(y, x, create_graph=True)
    (gg,) = grad(g, x)
    assert g.item() == 4.0 and gg.item() == 2.0


def test_chain_of_100_000_changes_in_place_is_freed(no_collector):
    before = nodes_alive()
    x = leaf(1.0)
    y = x * 1
    for _ in range(20_000):
        y += 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y
    assert nodes_alive() == before


def test_fan_out_adds_every_branch():
    x = leaf(3.0)
    (x * 2 + x * x + x.sin() + x).backward()
    assert x.grad.item() == pytest.approx(2 + 6 + np.cos(3.0) + 1)


@pytest.mark.parametrize("build, want", [
    (lambda a, b: a + a, (2.0, None)),
    (lambda a, b: b + b + a * 0, (0.0, 2.0)),
    (lambda a, b: a * a * a, (12.0, None)),
    (lambda a, b: a / a + b, (0.0, 1.0)),
    (lambda a, b: a**a, (4 * (np.log(2.0) + 1), None)),
])  # fmt: skip
def test_the_same_tensor_on_both_sides(build, want):
    a, b = leaf(2.0), leaf(5.0)
    build(a, b).backward()
    assert a.grad.item() == pytest.approx(want[0])
    assert (b.grad is None) if want[1] is None else b.grad.item() == want[1]


def test_order_of_creation_does_not_matter():
    """A node made early and used late is pulled back after everything that used it."""
    x = leaf(2.0)
    early = x * 3
    late = x * 5
    (late * early + early * 7).backward()
    assert x.grad.item() == 5 * 6 + 3 * 10 + 21


# ---------------------------------------------------------------- what nobody needs is not computed


def test_gradient_of_the_image_batch_is_never_computed(rule_calls):
    layers = nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 4), nn.Linear(4, 3)
    model = nn.Sequential(*layers)
    x, target = tg.randn(5, 1, 8, 8), tg.zeros(5, dtype=np.int64)
    nn.CrossEntropyLoss()(model(x), target).backward()
    assert rule_calls[("conv2d", "w")] == rule_calls[("conv2d", "b")] == 1
    assert rule_calls[("conv2d", "x")] == 0
    assert rule_calls[("linear", "x")] == 2  # both get an input that depends on weights before it
    assert x.gradient is None


def test_frozen_layers_cost_nothing(rule_calls):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1))
    for module in (model[0], model[1]):
        module.requires_grad_(False)
    model(tg.randn(2, 4)).sum().backward()
    assert rule_calls == {("sum", "x"): 1, ("linear", "w"): 1, ("linear", "b"): 1}
    assert model[0].weight.grad is None


def test_grad_walks_only_between_outputs_and_inputs(rule_calls):
    x, z = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x.sin()
    y = (h.exp() * z.cos()).sum()
    grad(y, h)
    assert rule_calls[("sin", "x")] == 0 and rule_calls[("cos", "x")] == 0
    assert rule_calls[("exp", "x")] == 1 and rule_calls[("multiply", "b")] == 0


def test_constants_have_no_rule_calls(rule_calls):
    w = leaf(1.0, 2.0)
    (w * tg.tensor([3.0, 4.0]) + np.array([1.0, 1.0])).sum().backward()
    assert rule_calls == {("sum", "x"): 1, ("add", "a"): 1, ("multiply", "a"): 1}


# ---------------------------------------------------------------- ownership


def check_ownership(owners, others=()):
    """Every gradient is writeable and shares memory with no other one, nor with any other array given."""
    arrays = [t.gradient.array for t in owners]
    for a in arrays:
        assert a.flags.writeable
    for a, b in itertools.combinations([*arrays, *others], 2):
        assert not np.may_share_memory(a, b)


SHARERS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "same twice": lambda a, b: a + a + b,
    "reshape": lambda a, b: a.reshape(-1) + b.reshape(-1),
    "transpose": lambda a, b: a.T + b.T,
    "flip": lambda a, b: a.flip(0) + b,
    "rows": lambda a, b: tg.cat([a, b]),
    "stack": lambda a, b: tg.stack([a, b]),
    "split": lambda a, b: tg.cat([*a.split(1), *b.split(2)]),
    "index": lambda a, b: a[:, None] + b[None],
    "expand": lambda a, b: a.expand(4, 2, 3) + b,
    "sum": lambda a, b: a.sum() + b.sum(0),
    "sum keepdim": lambda a, b: a.sum(1, True) + b.sum((0, 1)),
    "mean": lambda a, b: a.mean() + b.mean(),
    "clone": lambda a, b: a.clone() + b.clone(),
    "identity only": lambda a, b: tg.stack([a, b]).sum(0),
    "cast": lambda a, b: a.float() + b.float(),
    "maximum": lambda a, b: tg.maximum(a, b),
    "where": lambda a, b: tg.where(tg.tensor([True, False, True]), a, b),
    "squeeze": lambda a, b: a.unsqueeze(0).squeeze(0) + b.flatten().view(2, 3),
    "setitem": lambda a, b: overwritten(a, b),
}


def overwritten(a, b):
    y = a * 1
    y[0] = b[1]
    return y + b


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", SHARERS)
def test_gradients_are_owned(name, create_graph):
    a, b = leaf([1.0, 2, 3], [4, 5, 6]), leaf([6.0, 5, 4], [3, 2, 1])
    y = SHARERS[name](a, b)
    y.retain_grad()
    seed = tg.tensor(np.linspace(1, 2, y.numel()).reshape(y.shape), dtype=y.dtype)
    before = seed.array.copy()
    y.backward(seed, create_graph=create_graph)
    check_ownership([a, b, y], [seed.array, a.array, b.array, y.array])
    kept = b.grad.array.copy(), y.grad.array.copy()
    with tg.no_grad():
        a.grad.mul_(0.0)
    np.testing.assert_array_equal(seed.array, before)
    np.testing.assert_array_equal(b.grad.array, kept[0])
    np.testing.assert_array_equal(y.grad.array, kept[1])
    for t in (a, b, y):
        t.grad = None


def test_gradient_of_the_root_itself_is_a_copy_of_the_seed():
    x, seed = leaf(1.0, 2.0), tg.tensor(np.array([3.0, 4.0]))
    x.backward(seed)
    x.grad.mul_(0)
    assert values(seed) == [3.0, 4.0]


def test_chains_of_views_own_what_they_store():
    x = leaf([1.0, 2], [3, 4])
    a = x.T
    b = a.reshape(-1)
    c = b[1:]
    for t in (a, b, c):
        t.retain_grad()
    c.backward(tg.tensor(np.array([1.0, 2, 3])))
    check_ownership([x, a, b, c])
    assert values(c.grad) == [1, 2, 3] and values(b.grad) == [0, 1, 2, 3]
    assert values(a.grad) == [[0, 1], [2, 3]] and values(x.grad) == [[0, 2], [1, 3]]


def test_two_backward_passes_accumulate_into_the_same_tensor():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert x.grad is first and values(x.grad) == [3 + 2, 3 + 4]


def test_accumulated_gradient_is_not_the_first_one_shared():
    a, b = leaf(1.0, 1.0), leaf(1.0, 1.0)
    for _ in range(3):
        (a + b).sum().backward()
    assert values(a.grad) == values(b.grad) == [3, 3]
    a.grad.zero_()
    assert values(b.grad) == [3, 3]


def test_a_gradient_set_by_hand_is_added_to():
    x = leaf(1.0)
    x.grad = tg.tensor(np.array([10.0]))
    (x * 2).sum().backward()
    assert values(x.grad) == [12]


def test_an_input_named_twice_gets_two_gradients():
    x = leaf(1.0, 2.0)
    a, b = grad((x * x).sum(), [x, x])
    assert not np.may_share_memory(a.array, b.array) and values(a) == values(b) == [2, 4]


def test_gradients_in_the_graph_of_the_gradient_are_kept_when_two_leaves_share_one():
    a, b = leaf(2.0), leaf(3.0)
    u = leaf(1.0)
    (a + b).backward(u, create_graph=True)
    (a.grad * a.grad).sum().backward()
    assert values(u.grad) == [2] and values(b.grad) == [1]  # a.grad = u: d(u²)/du = 2
    a.grad = b.grad = None


# ---------------------------------------------------------------- freed without the garbage collector


def grown(x):
    y = x * 1
    y += y * 3
    return y


def retained(x):
    y = x.exp()
    y.retain_grad()
    return y * 2


def through_setitem(x):
    y = tg.zeros(2, dtype=np.float64)
    y[0] = x[1]
    y[1:] = x[:1] * 2
    return y


def second_order(x):
    (g,) = grad((x * x * x).sum(), x, create_graph=True)
    return g


def module_call(x):
    return nn.Sequential(nn.Linear(2, 3, dtype=np.float64), nn.Tanh())(x)


GRAPHS = {
    "expression": lambda x: (x * x).sin() + x,
    "views": lambda x: x.reshape(1, 2).T.flip(0)[0:1].expand(3, 2 if False else 1),
    "grown in place": grown,
    "retained": retained,
    "setitem": through_setitem,
    "second order": second_order,
    "module": module_call,
    "x += f(x) twice": lambda x: grown(grown(x)),
    "detached": lambda x: x * x.detach() + (x * 1).detach(),
    "max": lambda x: x.max(0).values + x.amax(),
}


@pytest.mark.parametrize("use", ["dropped", "backward", "retain_graph", "grad", "failed backward"])
@pytest.mark.parametrize("name", GRAPHS)
def test_graph_is_freed_without_the_collector(name, use, no_collector):
    x = leaf(1.0, 2.0)
    before = nodes_alive()
    y = GRAPHS[name](x)
    root = y.sum()
    alive = [weakref.ref(y), weakref.ref(root)]
    assert nodes_alive() > before
    if use == "backward":
        root.backward()
    elif use == "retain_graph":
        root.backward(retain_graph=True)
        root.backward()
    elif use == "grad":
        grad(root, x)
    elif use == "failed backward":
        root.backward()
        with pytest.raises(GraphFreedError):
            root.backward()
    del y, root
    x.grad = None
    assert [r() for r in alive] == [None, None]
    assert nodes_alive() == before


def test_backward_with_create_graph_is_freed_once_the_gradient_is_dropped(no_collector):
    x = leaf(1.0, 2.0)
    before = nodes_alive()
    y = (x * x).sum()
    y.backward(create_graph=True)
    assert nodes_alive() > before
    x.grad = None  # .grad holds the graph that holds x: the one cycle, as in PyTorch
    del y
    assert nodes_alive() == before


def test_freed_graph_lets_go_of_its_arrays(no_collector):
    x = leaf(*range(10))
    h = x * 2
    y = (h * h).sum()
    array = weakref.ref(h.array)
    del h
    assert array() is not None
    y.backward()
    assert array() is None and y.node is not None


def test_training_loop_keeps_nothing(no_collector):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    optimizer = optim.Adam(model.parameters())
    counts = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tg.randn(5, 4)), tg.zeros(5, dtype=np.int64))
        loss.backward()
        optimizer.step()
        counts.append(nodes_alive())
    assert len(set(counts)) == 1


# ---------------------------------------------------------------- second backward


def test_second_backward_names_the_operation_and_the_line_of_the_first():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    line = test_second_backward_names_the_operation_and_the_line_of_the_first.__code__.co_firstlineno + 3
    with pytest.raises(GraphFreedError, match=rf"sum.*already used.*test_engine\.py:{line}"):
        y.backward()
    assert values(x.grad) == [4.0]


def test_second_backward_through_a_shared_part():
    x = leaf(2.0)
    shared = x * x
    shared.sin().backward()
    with pytest.raises(GraphFreedError, match="multiply"):
        shared.cos().backward()


def test_retain_graph_allows_another_backward_and_the_last_one_frees():
    x = leaf(2.0)
    y = x * x * x
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 36.0
    with pytest.raises(GraphFreedError):
        y.backward()


def test_grad_frees_what_it_walked_and_nothing_else():
    x, z = leaf(2.0), leaf(3.0)
    h = x * x
    y = (h * h * z.exp()).sum()
    (gh,) = grad(y, h)
    assert values(gh) == [pytest.approx(8 * np.exp(3.0))]
    h.backward(gh)  # backward in two parts: what lies before h was not touched
    assert x.grad.item() == pytest.approx(4 * 8 * np.exp(3.0))
    with pytest.raises(GraphFreedError):
        y.backward()


def test_create_graph_retains_unless_told_otherwise():
    x = leaf(2.0)
    y = x * x
    grad(y, x, create_graph=True)
    grad(y, x, create_graph=True, retain_graph=False)
    with pytest.raises(GraphFreedError):
        grad(y, x)


def test_operations_without_saved_values_are_freed_all_the_same():
    x = leaf(2.0)
    y = x + 1
    y.backward()
    with pytest.raises(GraphFreedError, match="add"):
        y.backward()


# ---------------------------------------------------------------- autograd.grad


def test_grad_leaves_every_grad_alone():
    x, z = leaf(2.0), leaf(3.0)
    gx, gz = grad((x * z).sum(), [x, z])
    assert (values(gx), values(gz)) == ([3.0], [2.0]) and x.grad is None and z.grad is None
    assert not gx.requires_grad


def test_grad_of_unused_inputs():
    x, z = leaf(2.0), leaf(3.0)
    with pytest.raises(GradientError, match=r"do not depend on inputs\[1\]"):
        grad((x * x).sum(), [x, z])
    gx, gz = grad((x * x).sum(), [x, z], allow_unused=True)
    assert values(gx) == [4.0] and gz is None


def test_grad_of_several_outputs_is_the_sum():
    x = leaf(2.0)
    (g,) = grad([(x * x).sum(), (3 * x).sum()], x)
    assert values(g) == [7.0]
    y = x * x
    (g,) = grad([y.sum(), (y * y).sum(), y], x, [tg.tensor(1.0), tg.tensor(1.0), tg.tensor([10.0])])
    assert values(g) == [4 + 4 * 8 + 40]


def test_grad_outputs_weigh_the_outputs():
    x = leaf(1.0, 2.0, 3.0)
    for given_ in (tg.tensor([1.0, 0.0, 2.0]), [tg.tensor([1.0, 0.0, 2.0])], np.array([1.0, 0, 2])):
        (g,) = grad(x * x, x, given_)
        assert values(g) == [2.0, 0.0, 12.0]


def test_grad_outputs_must_match_outputs():
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match="one cotangent for each output"):
        grad([x * 2, x * 3], x, [tg.ones(2)])
    with pytest.raises(ShapeError, match="another shape"):
        grad(x * 2, x, tg.ones(3))


def test_grad_wants_inputs_that_require_gradients():
    x = leaf(1.0)
    with pytest.raises(GradientError, match=r"inputs\[0\] requires no gradient"):
        grad((x * x).sum(), tg.ones(1))


def test_grad_of_intermediate_inputs():
    x = leaf(2.0)
    h = x * x
    y = h * h * x
    gh, gx = grad(y.sum(), [h, x])
    assert values(gh) == [2 * 4 * 2] and values(gx) == [5 * 16]


def test_grad_of_an_input_that_is_the_output():
    x = leaf(2.0)
    y = x * x
    gy, gx = grad(y.sum() * 1, [y, x])
    assert values(gy) == [1.0] and values(gx) == [4.0]
    assert values(grad(x, x, tg.tensor([5.0]))[0]) == [5.0]


def test_derivatives_of_any_order():
    x = leaf(1.5)
    y = (x**5).sum()
    want = [5 * 1.5**4, 20 * 1.5**3, 60 * 1.5**2, 120 * 1.5, 120.0]
    for w in want:
        (y,) = grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(w)


def test_cotangent_can_be_differentiated():
    x, u = leaf(2.0), leaf(3.0)
    (g,) = grad(x * x, x, u, create_graph=True)
    assert values(grad(g.sum(), u)[0]) == [4.0]


def test_backward_with_create_graph_inside_no_grad_still_records():
    x = leaf(2.0)
    y = (x * x * x).sum()
    with tg.no_grad():
        y.backward(create_graph=True)
        y.backward(create_graph=True)
    assert x.grad.requires_grad
    assert values(grad(x.grad.sum(), x)[0]) == [24.0]
    x.grad = None


def test_mixed_precision_at_second_order():
    x, y = leaf(2.0, dtype=np.float32), leaf(3.0)
    gx, gy = grad((x * y * y).sum(), [x, y], create_graph=True)
    assert gx.dtype == np.float32 and gy.dtype == np.float64
    hx, hy = grad(gx.sum() + gy.sum(), [x, y])
    assert (hx.dtype, hy.dtype) == (np.float32, np.float64) and values(hx) == [6.0] and values(hy) == [6 + 4]


def test_leaf_frozen_after_the_forward_pass_gets_no_gradient():
    x, z = leaf(2.0), leaf(3.0)
    y = (x * z).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None and values(z.grad) == [2.0]


# ---------------------------------------------------------------- retain_grad


def test_retain_grad_keeps_intermediate_gradients_and_adds_up():
    x = leaf(2.0)
    h = x * x
    h.retain_grad()
    y = h * 3
    y.backward(retain_graph=True)
    y.backward()
    assert values(h.grad) == [6.0] and values(x.grad) == [24.0]


def test_retain_grad_follows_changes_in_place():
    x = leaf(2.0)
    h = x * 1
    h.retain_grad()
    h *= 5
    h.retain_grad()
    (h * 3).backward()
    assert values(h.grad) == [3.0] and values(x.grad) == [15.0]


def test_retain_grad_needs_a_gradient_and_does_nothing_to_a_leaf():
    with pytest.raises(GradientError):
        tg.ones(1).retain_grad()
    x = leaf(1.0)
    x.retain_grad()
    (x * 2).backward()
    assert values(x.grad) == [2.0]


def test_retained_tensor_may_die():
    x = leaf(1.0)

    def inner():
        h = x * 2
        h.retain_grad()
        return h * 3

    inner().backward()
    assert values(x.grad) == [6.0]


def test_retain_grad_under_create_graph_can_be_differentiated():
    x = leaf(2.0)
    h = x * x
    h.retain_grad()
    (h * h).backward(create_graph=True)
    assert values(grad(h.grad.sum(), x)[0]) == [8.0]  # h.grad = 2 x²
    x.grad = h.grad = None


# ---------------------------------------------------------------- recording on and off


def test_no_grad_and_enable_grad_nest():
    x = leaf(1.0)
    seen = [tg.is_grad_enabled()]
    with tg.no_grad():
        seen.append((x * 1).requires_grad)
        with tg.enable_grad():
            seen.append((x * 1).requires_grad)
            with tg.no_grad():
                seen.append((x * 1).requires_grad)
            seen.append((x * 1).requires_grad)
        seen.append((x * 1).requires_grad)
    seen.append(tg.is_grad_enabled())
    assert seen == [True, False, True, False, True, False, True]


def test_recording_is_put_back_after_an_error():
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert tg.is_grad_enabled()


def test_no_grad_and_enable_grad_as_decorators():
    @tg.no_grad()
    def frozen(depth):
        assert not tg.is_grad_enabled()
        if depth:
            thawed(depth - 1)
            assert not tg.is_grad_enabled()

    @tg.enable_grad()
    def thawed(depth):
        assert tg.is_grad_enabled()
        frozen(depth)
        assert tg.is_grad_enabled()

    frozen(3)
    assert tg.is_grad_enabled()


def run(*functions):
    """Run functions in threads of their own and raise what any of them raised."""
    errors = []

    def guarded(f):
        try:
            f()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(f,)) for f in functions]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
        assert not t.is_alive()
    if errors:
        raise errors[0]


def test_no_grad_belongs_to_its_thread():
    inside, done = threading.Event(), threading.Event()

    def one():
        with tg.no_grad():
            inside.set()
            assert done.wait(10)
            assert not tg.is_grad_enabled()

    def two():
        assert inside.wait(10)
        assert tg.is_grad_enabled() and (leaf(1.0) * 2).requires_grad
        done.set()

    run(one, two)


def test_one_no_grad_object_shared_by_two_threads():
    """Entered by A, then by B (which was not recording), left by A, then by B: each gets its own state back."""
    shared = tg.no_grad()
    steps = [threading.Event() for _ in range(3)]

    def a():
        with shared:
            steps[0].set()
            assert steps[1].wait(10)
        assert tg.is_grad_enabled()
        steps[2].set()

    def b():
        with tg.no_grad():
            assert steps[0].wait(10)
            with shared:
                steps[1].set()
                assert steps[2].wait(10)
            assert not tg.is_grad_enabled()
        assert tg.is_grad_enabled()

    run(a, b)


def test_backward_in_several_threads_on_graphs_of_their_own():
    barrier = threading.Barrier(4, timeout=10)
    found = {}

    def work(k):
        def body():
            x = leaf(float(k))
            barrier.wait()
            for _ in range(20):
                y = x
                for _ in range(20):
                    y = y * 1 + x
                y.backward()
            found[k] = values(x.grad)

        return body

    run(*(work(k) for k in range(4)))
    assert found == {k: [420.0] for k in range(4)}


def test_backward_in_another_thread_than_forward():
    x = leaf(2.0)
    y = x * x
    run(y.backward)
    assert values(x.grad) == [4.0]


def test_backward_inside_no_grad():
    x = leaf(2.0)
    y = x * x
    with tg.no_grad():
        y.backward()
    assert values(x.grad) == [4.0] and not x.grad.requires_grad


# ---------------------------------------------------------------- changed in place: by hand


def w3():
    return leaf(1.0, 2.0, 3.0)


def under_no_grad(t):
    with tg.no_grad():
        t.mul_(2)


def through_detach(t):
    t.detach().mul_(2)


def through_view(t):
    with tg.no_grad():
        t[1:] *= 2


def through_row_of_view(t):
    with tg.no_grad():
        t.reshape(1, 3)[0].mul_(2)


def through_setitem_on_detached(t):
    t.detach()[0] = 9.0


def through_numpy_out(t):
    with tg.no_grad():
        np.multiply(t, 2, out=t)


def through_numpy_copyto(t):
    with tg.no_grad():
        np.copyto(t, 7.0)


def through_fill_diagonal(t):
    with tg.no_grad():
        np.fill_diagonal(t.view(1, 3), 9)


def through_add_at(t):
    with tg.no_grad():
        np.add.at(t, [0], 5)


def through_parameter(t):
    nn.Parameter(t.detach()).detach().zero_()


def through_copy(t):
    with tg.no_grad():
        t.copy_(np.array([5.0, 5, 5]))


def through_fill(t):
    with tg.no_grad():
        t.fill_(0.5)


CHANGES = [
    under_no_grad, through_detach, through_view, through_row_of_view, through_setitem_on_detached, through_numpy_out,
    through_numpy_copyto, through_fill_diagonal, through_add_at, through_parameter, through_copy, through_fill,
]  # fmt: skip

# name: (what is computed from w and c, which of "w", "c", "y" (the result) the rule reads)
READS = {
    "multiply": (lambda w, c: w * c, {"c"}),
    "square": (lambda w, c: w.square(), {"w"}),
    "exp": (lambda w, c: w.exp(), {"y"}),
    "sqrt": (lambda w, c: w.sqrt(), {"y"}),
    "relu": (lambda w, c: w.relu(), {"y"}),
    "sigmoid": (lambda w, c: w.sigmoid(), {"y"}),
    "log": (lambda w, c: w.log(), {"w"}),
    "sin": (lambda w, c: w.sin(), {"w"}),
    "add": (lambda w, c: w + c, set()),
    "subtract": (lambda w, c: c - w, set()),
    "divide": (lambda w, c: w / c, {"c"}),
    "negative": (lambda w, c: -w, set()),
    "clone": (lambda w, c: w.clone(), set()),
    "mean": (lambda w, c: w.mean(0, keepdim=True).expand(3) * 1, set()),
    "cat": (lambda w, c: tg.cat([w, c]), {"w", "c"}),  # stricter than needed: it reads sizes only
    "softmax": (lambda w, c: w.softmax(0), {"y"}),
    "maximum": (lambda w, c: tg.maximum(w, c), {"w", "c"}),
    "matmul": (lambda w, c: c.reshape(3, 1) @ w.reshape(1, 3), {"c"}),
    "where": (lambda w, c: tg.where(c > 2, w, c), set()),
    "flip": (lambda w, c: w.flip(0) * 1, set()),
    "cumulative": (lambda w, c: (w * c) * w, {"w", "c"}),
}


@pytest.mark.parametrize("what", ["w", "c", "y"])
@pytest.mark.parametrize("name", READS)
def test_change_between_forward_and_backward(name, what):
    """An error where the rule reads what was changed, the gradient of the value before the change where it does not."""
    compute, read = READS[name]
    for change in CHANGES:
        w, c = w3(), tg.tensor(np.array([4.0, 1.5, 2.5]))
        target = {"w": w, "c": c}
        y = compute(w, c)
        (want,) = grad(y, w, np.ones(y.shape), retain_graph=True)
        if what == "y":
            if y.shape != (3,):
                continue
            target["y"] = y
        change(target[what])
        if what in read:
            with pytest.raises(InPlaceError, match="changed in place"):
                y.backward(np.ones(y.shape))
        else:
            y.backward(np.ones(y.shape))
            np.testing.assert_array_equal(w.grad.array, want.array)


def test_error_names_the_operation_and_the_module():
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    y = model(tg.ones(1, 2))
    with tg.no_grad():
        y += 1
    with pytest.raises(InPlaceError, match=r"tanh in 1 Tanh: its result was changed in place"):
        y.sum().backward()


def test_optimizer_step_between_forward_and_backward():
    for make in (lambda p: optim.SGD(p, lr=0.1), lambda p: optim.Adam(p), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)):
        w, v = w3(), w3()
        first, second = (w * v).sum(), (w + v).sum()
        first.backward(retain_graph=True)
        make([w, v]).step()
        with pytest.raises(InPlaceError, match="multiply"):
            first.backward()
        w.grad = None
        second.backward()
        assert values(w.grad) == [1, 1, 1]


def test_optimizer_step_on_a_transposed_parameter_is_noticed_and_kept_in_place():
    base = tg.tensor(np.arange(6.0).reshape(2, 3))
    w = base.T.requires_grad_()
    y = (w * w).sum()
    y.backward(retain_graph=True)
    optim.SGD([w], lr=1.0).step()
    np.testing.assert_array_equal(base.array, -np.arange(6.0).reshape(2, 3))
    with pytest.raises(InPlaceError):
        y.backward()


def test_load_state_dict_between_forward_and_backward():
    layer = nn.Linear(2, 2)
    layer2 = nn.Linear(2, 1)
    y = layer2(layer(tg.ones(1, 2))).sum()
    layer2.load_state_dict(nn.Linear(2, 1).state_dict())
    with pytest.raises(InPlaceError, match="linear in Linear"):
        y.backward()


def test_index_changed_between_forward_and_backward():
    x, index = w3(), tg.tensor([0, 1])
    y = x[index]
    index += 1
    with pytest.raises(InPlaceError):
        y.sum().backward()
    z = x.gather(0, index)
    index -= 1
    with pytest.raises(InPlaceError):
        z.sum().backward()


def test_tensor_as_a_slice_bound_is_read_at_once():
    x, i, j = w3(), tg.tensor(0), tg.tensor(2)
    y = x[i:j]
    i += 1
    j += 1
    y.sum().backward()
    assert values(x.grad) == [1, 1, 0]


def test_labels_changed_between_forward_and_backward():
    x, target = leaf([1.0, 2.0], [3.0, 1.0]), tg.tensor([0, 1])
    y = nn.functional.cross_entropy(x, target)
    target[0] = 1
    with pytest.raises(InPlaceError, match="cross_entropy"):
        y.backward()


def test_condition_and_mask_changed_between_forward_and_backward():
    x, condition = w3(), tg.tensor([True, False, True])
    y = tg.where(condition, x, 0.0)
    z = x[condition]
    condition[1] = True
    for t in (y, z):
        with pytest.raises(InPlaceError):
            t.sum().backward()


def test_change_before_the_forward_pass_is_fine():
    w, c = w3(), tg.ones(3, dtype=np.float64)
    c += 1
    with tg.no_grad():
        w += 1
    (w * c).sum().backward()
    assert values(w.grad) == [2, 2, 2]


def test_change_of_other_memory_is_fine():
    w, c = w3(), tg.ones(3, dtype=np.float64)
    y = (w * c.clone()).sum()
    c += 1
    y.backward()
    assert values(w.grad) == [1, 1, 1]


def test_constant_changed_between_first_and_second_derivative():
    """The gradient's own graph holds c only as a factor: it must notice, too."""
    u, z, c = leaf(1.0), leaf(2.0), tg.tensor(np.array([3.0]))
    (gu,) = grad((u * c * z).sum(), u, create_graph=True)
    assert values(gu) == [6.0]
    c += 10
    with pytest.raises(InPlaceError, match="multiply"):
        grad(gu.sum(), z)


def test_leaf_changed_between_first_and_second_derivative():
    x = w3()
    (g,) = grad((x**3).sum(), x, create_graph=True)
    with tg.no_grad():
        x += 1
    with pytest.raises(InPlaceError):
        grad(g.sum(), x)


def test_leaf_whose_data_was_replaced_is_noticed_at_second_order_and_harmless_at_first():
    x = w3()
    y = (x * x).sum()
    x.array = np.zeros(3)
    (g,) = grad(y, x, retain_graph=True)
    assert values(g) == [2, 4, 6]
    with pytest.raises(InPlaceError, match="data of a leaf was replaced"):
        grad(y, x, create_graph=True)


# recorded changes: the result takes the value's place


def test_recorded_changes_have_the_gradient_of_the_rewritten_program():
    w = w3()
    y = w * 2
    y += w
    y *= w
    y -= 1
    y /= w.exp()
    y.sum().backward()
    x = w3()
    ((x * 2 + x) * x - 1).div(x.exp()).sum().backward()
    np.testing.assert_allclose(w.grad.array, x.grad.array)


@pytest.mark.parametrize("change, derivative", [
    (lambda y: y.mul_(y), lambda w: 8 * w),
    (lambda y: y.add_(y), lambda w: 4 + 0 * w),
    (lambda y: y.div_(y), lambda w: 0 * w),
    (lambda y: y.sub_(y, alpha=3), lambda w: -4 + 0 * w),
    (lambda y: y.copy_(y * 3), lambda w: 6 + 0 * w),
    (lambda y: y.mul_(y.exp()), lambda w: 2 * np.exp(2 * w) * (1 + 2 * w)),
])  # fmt: skip
def test_a_tensor_changed_by_itself(change, derivative):
    w = w3()
    y = w * 2
    change(y)
    y.sum().backward()
    np.testing.assert_allclose(w.grad.array, derivative(np.array([1.0, 2, 3])))


def test_recorded_change_of_a_value_that_a_rule_reads():
    for spoiled in (lambda h: h * h, lambda h: h.sin(), lambda h: h.log()):
        w = w3()
        h = w * 2
        z = spoiled(h)
        h += 1
        with pytest.raises(InPlaceError):
            (z + h).sum().backward()
    for harmless in (lambda h: h + h, lambda h: h.sum(), lambda h: -h):
        w = w3()
        h = w * 2
        z = harmless(h)
        h += 1
        (z.sum() + (h * h).sum()).backward()
        k = 2 if z.shape and values(z) == [4, 8, 12] else -1 if z.shape else 1
        assert values(w.grad) == [2 * k + 4 * (2 * v + 1) for v in (1, 2, 3)]


def test_recorded_change_of_a_result_that_its_rule_reads():
    w = w3()
    h = w.exp()
    h += 1
    with pytest.raises(InPlaceError, match="exp: its result"):
        h.sum().backward()


def test_constant_becomes_part_of_the_graph():
    w, x = w3(), tg.zeros(3, dtype=np.float64)
    x += w * w
    assert x.requires_grad and not x.is_leaf
    x[0] = w[2] * 5
    x.sum().backward()
    assert values(w.grad) == [0, 4, 6 + 5]


@pytest.mark.parametrize("value_shape", [(), (1,), (3,), (1, 3), (2, 3), (1, 1, 3)])
def test_written_values_broadcast_and_their_gradients_sum(value_shape):
    v = tg.tensor(np.ones(value_shape), requires_grad=True)
    x = tg.zeros(4, 3, dtype=np.float64)
    x[1:3] = v
    weights = np.arange(12.0).reshape(4, 3)
    (x * weights).sum().backward()
    full = weights[1:3]
    if value_shape[-1:] != (3,):
        want = full.sum().reshape(value_shape)
    else:
        want = full.reshape(value_shape) if 2 in value_shape else full.sum(0).reshape(value_shape)
    np.testing.assert_array_equal(v.grad.array, want)


def test_copy_broadcasts_and_its_gradient_sums():
    v, x = leaf(2.0), tg.zeros(2, 3, dtype=np.float64)
    x.copy_(v)
    (x * 2).sum().backward()
    assert values(v.grad) == [12.0]


def test_leaf_cannot_be_changed_while_recording():
    w = w3()
    for change in (lambda: w.add_(1), lambda: w.__setitem__(0, 1.0), lambda: w.zero_(), lambda: w.copy_(np.ones(3))):
        with pytest.raises(InPlaceError, match="leaf"):
            change()
    assert values(w) == [1, 2, 3]


@pytest.mark.parametrize("alias", [
    lambda y: y.T, lambda y: y.reshape(-1), lambda y: y[0], lambda y: y[:, 1:], lambda y: y[0, 1],
    lambda y: y.unsqueeze(0), lambda y: y.expand(2, 2, 2), lambda y: y.split(1)[1],
])  # fmt: skip
def test_shared_memory_cannot_be_changed_while_recording(alias):
    w = leaf([1.0, 2], [3, 4])
    y = w * 2
    view = alias(y)
    for changed in (y, view):
        with pytest.raises(InPlaceError):
            changed += 1
    assert values(y) == [[2, 4], [6, 8]]
    del view, changed
    y += 1
    y.sum().backward()
    assert values(w.grad) == [[2, 2], [2, 2]]


def test_memory_without_writing_rights():
    y = tg.zeros(1).expand(3)
    with pytest.raises(InPlaceError, match="read-only"):
        y += 1


def test_views_see_changes_and_changes_see_views():
    x = tg.zeros(2, 3)
    for view in (x.T, x.view(6), x[0], x[:, 1], x.detach(), x.unsqueeze(1), x[0, 1]):
        version = x._version
        view += 1
        assert x._version > version and view._version == x._version
    assert values(x) == [[5, 7, 5], [4, 5, 4]]


def test_many_views_are_noted_in_linear_memory():
    x = tg.zeros(2, 2)
    for _ in range(1000):
        x.view(4)
    assert len(x.version.sharers) < 100
    kept = [x.view(4) for _ in range(1000)]
    assert len(x.version.sharers) < 3000 and x.version.others(x)
    del kept
    assert not x.version.others(x)


# ---------------------------------------------------------------- changed in place: random programs


class Memory:
    """A piece of memory as a value: a change makes another value, never touching the one before."""

    def __init__(self, value):
        self.value = value  # a flat tensor

    def read(self, at, detached):
        value = self.value[tg.tensor(at)]
        return value.detach() if detached else value

    def write(self, at, new, tracked):
        if tracked:
            self.value = write(self.value, new, at, index=(ARRAY,))
        else:  # the value changes and the derivative stays: what a change outside the graph means
            old = self.value.detach()
            with tg.enable_grad():  # exactly the new value: the difference in brackets is 0
                self.value = write(old, new.detach(), at, index=(ARRAY,)) + (self.value - old)


class Name:
    """A variable of the program: the tensor under test, and where its elements lie in which Memory."""

    def __init__(self, tensor, memory, at, detached=False, is_leaf=False):
        self.tensor, self.memory, self.at, self.detached, self.is_leaf = tensor, memory, at, detached, is_leaf

    def model(self):
        return self.memory.read(self.at, self.detached)


UNARY = [
    lambda x: x.sin(), lambda x: x.tanh(), lambda x: x.sigmoid(), lambda x: x.relu(), lambda x: -x, lambda x: x.clone(),
    lambda x: x * 0.5, lambda x: x.exp() * 0.1, lambda x: x.softmax(0), lambda x: x * x, lambda x: 1 / (2 + x * x),
    lambda x: x.clamp(-0.5, 0.5), lambda x: (x * x + 1).sqrt(), lambda x: x + 1, lambda x: (x * x + 1).log(), abs,
]  # fmt: skip
BINARY = [
    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: a / (1.5 + b * b), tg.maximum,
    lambda a, b: tg.where(a > b, a, b * 2), lambda a, b: a + b.sum(), lambda a, b: a * b.mean(),
]  # fmt: skip
VIEWS = [
    lambda t: t.reshape(-1), lambda t: t.T, lambda t: t[1:], lambda t: t.flip(0), lambda t: t[:1],
    lambda t: t.unsqueeze(0), lambda t: t[..., ::2],
]  # fmt: skip
IN_PLACE = [
    (lambda t, o: t.add_(o), lambda t, o: t + o),
    (lambda t, o: t.mul_(o), lambda t, o: t * o),
    (lambda t, o: t.sub_(o), lambda t, o: t - o),
    (lambda t, o: t.copy_(o), lambda t, o: o + t * 0),
    (lambda t, o: t.__itruediv__(2 + o * o), lambda t, o: t / (2 + o * o)),
    (lambda t, o: t.__setitem__(slice(0, 1), o[:1] * 1), lambda t, o: tg.cat([o[:1], t[1:]])),
    (lambda t, o: t.zero_(), lambda t, o: t * 0 + o * 0),
    (lambda t, o: t.__iadd__(1.0), lambda t, o: t + 1.0 + 0 * o.detach()),
    (lambda t, o: np.add(t.detach(), 0.5, out=t.detach()), None),  # a writer outside the graph
]


class Program:
    """Runs statements on tensors, changing them in place, and beside it the same statements on values."""

    def __init__(self):
        self.names = []
        self.refused = 0
        self.leaves = []
        self.changes = 0
        for k, start in enumerate(([0.3, -0.7, 0.9, 0.2], [-0.4, 0.8, 0.5, -0.6])):
            tensor = tg.tensor(np.array(start).reshape(2, 2), requires_grad=True)
            origin = tg.tensor(np.array(start), requires_grad=True)
            self.leaves.append((tensor, origin))
            self.names.append(Name(tensor, Memory(origin), np.arange(4).reshape(2, 2), is_leaf=True))
            constant = np.array(start[::-1]) + k
            at = np.arange(4).reshape(2, 2)
            self.names.append(Name(tg.tensor(constant.reshape(2, 2)), Memory(tg.tensor(constant)), at))

    def pick(self, i):
        return self.names[i % len(self.names)]

    def add(self, tensor, model, quiet):
        at = np.arange(max(model.numel(), 1)).reshape(model.shape)
        self.names.append(Name(tensor, Memory(model.reshape(-1)), at, detached=quiet))

    def statement(self, kind, i, j, k, quiet):
        a, b = self.pick(i), self.pick(j)
        if quiet:
            with tg.no_grad():
                self.run(kind, a, b, k, True)
        else:
            self.run(kind, a, b, k, False)

    def run(self, kind, a, b, k, quiet):
        if kind == 0:
            f = UNARY[k % len(UNARY)]
            self.add(f(a.tensor), f(a.model()), quiet)
        elif kind == 1 and a.at.shape == b.at.shape:
            f = BINARY[k % len(BINARY)]
            self.add(f(a.tensor, b.tensor), f(a.model(), b.model()), quiet)
        elif kind == 2:
            view = VIEWS[k % len(VIEWS)]
            tensor = view(a.tensor)
            if tensor.numel() and np.may_share_memory(tensor.array, a.tensor.array):
                at = np.asarray(view(tg.tensor(a.at)))
                self.names.append(Name(tensor, a.memory, at, detached=a.detached or quiet))
            elif tensor.numel():  # a reshape that had to copy
                self.add(tensor, view(a.model()), quiet or a.detached)
        elif kind == 3:
            self.names.append(Name(a.tensor.detach(), a.memory, a.at, detached=True))
        elif kind in (4, 5, 6) and a.at.shape == b.at.shape:
            self.change(a, b, IN_PLACE[k % len(IN_PLACE)], quiet)
        elif kind == 7 and len(self.names) > 3 and not a.is_leaf:
            self.names.remove(a)

    def change(self, a, b, pair, quiet):
        in_place, rewritten = pair
        outside = rewritten is None
        new = (a.model().detach() + 0.5) if outside else rewritten(a.model(), b.model())
        try:
            in_place(a.tensor, b.tensor)
        except InPlaceError:
            self.refused += 1
            return
        self.changes += 1
        # recorded if anything involved is tracked; a detached name that nobody shares then becomes tracked
        reads_b = pair not in IN_PLACE[6:]
        tracked = not quiet and not outside and (self.tracked(a) or (reads_b and self.tracked(b)))
        a.memory.write(a.at, new, tracked)
        if tracked:
            a.detached = False

    @staticmethod
    def tracked(name):
        return name.memory.value.requires_grad and not name.detached

    def loss(self, chosen, curved=False):
        """Weigh every chosen name (or its cube), once for the tensors and once for the values."""
        ours = model = None
        for n, name in enumerate(self.names):
            if chosen >> n & 1:
                weights = np.cos(np.arange(name.at.size) + n).reshape(name.at.shape)
                x, y = name.tensor, name.model()
                x, y = (x * x * x, y * y * y) if curved else (x, y)
                x, y = (x * weights).sum(), (y * weights).sum()
                ours, model = (x, y) if ours is None else (ours + x, model + y)
        return ours, model

    def check_values(self):
        for name in self.names:
            np.testing.assert_allclose(name.tensor.array, name.model().array, rtol=1e-9, atol=1e-12)
            assert name.tensor.requires_grad == self.tracked(name)


NUMBER = st.integers(0, 15)
KIND, QUIET = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5, 6, 7]), st.sampled_from([False, False, True])
STATEMENT = st.tuples(KIND, NUMBER, NUMBER, NUMBER, QUIET)
STATEMENTS = functools.partial(st.lists, STATEMENT)
PROGRAMS = settings(max_examples=int(os.environ.get("PROGRAMS", "400")), derandomize=True, deadline=None)


def test_random_programs_give_the_right_gradient_or_an_error():
    outcomes = Counter()

    @PROGRAMS
    @given(STATEMENTS(min_size=6, max_size=14), st.integers(1, 2**12))
    def body(statements, chosen):
        program = Program()
        for statement in statements:
            program.statement(*statement)
        program.check_values()
        ours, model = program.loss(chosen | 1)
        try:
            ours.backward()
        except InPlaceError:
            outcomes["error"] += 1
            return
        outcomes["gradient after changes" if program.changes else "gradient"] += 1
        outcomes["refused"] += program.refused
        model.backward()
        for tensor, origin in program.leaves:
            mine = np.zeros(4) if tensor.grad is None else tensor.grad.array.reshape(-1)
            want = np.zeros(4) if origin.grad is None else origin.grad.array
            np.testing.assert_allclose(mine, want, rtol=1e-7, atol=1e-9)

    body()
    assert min(outcomes[k] for k in ("error", "gradient after changes", "refused")) >= 10, outcomes


def second_derivatives(first, inputs):
    """Differentiate a weighed sum of gradients, absent and constant ones counting as 0."""
    weighed = [(g.reshape(-1) * np.cos(np.arange(4.0))).sum() for g in first if g is not None and g.requires_grad]
    second = grad(weighed, inputs, allow_unused=True) if weighed else [None] * len(inputs)
    return [np.zeros(4) if g is None else g.array.reshape(-1) for g in second]


def test_random_programs_at_second_order_with_a_change_between_the_derivatives():
    outcomes = Counter()

    @PROGRAMS
    @given(STATEMENTS(min_size=4, max_size=10), STATEMENTS(min_size=1, max_size=4), st.integers(1, 2**12))
    def body(statements, later, chosen):
        program = Program()
        for statement in statements:
            program.statement(*statement)
        ours, model = program.loss(chosen | 1, curved=True)
        xs, origins = zip(*program.leaves, strict=True)
        try:
            first = grad(ours, xs, create_graph=True, allow_unused=True)
        except InPlaceError:
            outcomes["first error"] += 1
            return
        wanted = grad(model, origins, create_graph=True, allow_unused=True)
        for statement in later:
            program.statement(*statement)
        try:
            mine = second_derivatives(first, xs)
        except InPlaceError:
            outcomes["second error"] += 1
            return
        outcomes["second derivative"] += 1
        for g, h in zip(mine, second_derivatives(wanted, origins), strict=True):
            np.testing.assert_allclose(g, h, rtol=1e-6, atol=1e-8)

    body()
    assert min(outcomes[k] for k in ("second error", "second derivative")) >= 10, outcomes


def test_residuals_are_computed_only_for_calls_that_are_recorded():
    pool, calls = registry["max_pool2d"], []
    full, quick = pool.forward, pool.unrecorded
    x = tg.randn(2, 3, 4, 4, requires_grad=True)
    try:
        pool.forward = lambda *args, **static: calls.append("winners") or full(*args, **static)
        pool.unrecorded = lambda *args, **static: calls.append("values") or quick(*args, **static)
        recorded = tg.nn.functional.max_pool2d(x, 2)
        with tg.no_grad():
            unrecorded = tg.nn.functional.max_pool2d(x, 2)
        tg.nn.functional.max_pool2d(x.detach(), 2)
    finally:
        pool.forward, pool.unrecorded = full, quick
    assert calls == ["winners", "values", "values"]
    assert recorded.tolist() == unrecorded.tolist() and recorded.requires_grad and not unrecorded.requires_grad


def test_writing_into_a_tensor_without_axes():
    x = leaf(2.0)
    y = x * 1
    y[...] = 3.0
    (y * y).backward()
    assert y.item() == 3.0 and x.grad.item() == 0.0
