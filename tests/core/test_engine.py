"""The engine as a sceptic sees it: work done once, memory owned and freed, and never a silently wrong gradient.

Rule calls are counted, not timed. Changes in place are tried by hand and by random programs, which are compared
with the same program written without any change in place. Look next at test_tensor.py.
"""

import functools
import gc
import threading
from collections import Counter

import numpy as np
import pytest
from graphs import in_threads, leaf, nodes_alive, values

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import GraphFreedError
from tinygrad_mnist.core.primitive import registry


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


@pytest.mark.thread_unsafe(reason="there is one collector")
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


@pytest.mark.thread_unsafe(reason="counts the nodes of the whole process")
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


@pytest.mark.thread_unsafe(reason="counts the nodes of the whole process")
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
    (lambda a, b: a + a, (2.0, None)), (lambda a, b: b + b + a * 0, (0.0, 2.0)), (lambda a, b: a * a * a, (12.0, None)),
    (lambda a, b: a / a + b, (0.0, 1.0)), (lambda a, b: a**a, (4 * (np.log(2.0) + 1), None)),
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


# ---------------------------------------------------------------- second backward


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


@pytest.mark.thread_unsafe(reason="exchanges a primitive's forward")
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

    in_threads(one, two)


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

    in_threads(a, b)


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

    in_threads(*(work(k) for k in range(4)))
    assert found == {k: [420.0] for k in range(4)}


def test_backward_in_another_thread_than_forward():
    x = leaf(2.0)
    y = x * x
    in_threads(y.backward)
    assert values(x.grad) == [4.0]


def test_backward_inside_no_grad():
    x = leaf(2.0)
    y = x * x
    with tg.no_grad():
        y.backward()
    assert values(x.grad) == [4.0] and not x.grad.requires_grad
