"""Gradients are owned, and graphs freed without the garbage collector."""

import itertools
import weakref

import numpy as np
import pytest
from graphs import leaf, nodes_alive, values

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import GraphFreedError

pytestmark = pytest.mark.thread_unsafe(reason="counts the nodes of the whole process")

# ---------------------------------------------------------------- ownership


def check_ownership(owners, others=()):
    """Every gradient is writeable and shares memory with no other one, nor with any other array given."""
    arrays = [t.gradient.array for t in owners]
    for a in arrays:
        assert a.flags.writeable
    for a, b in itertools.combinations([*arrays, *others], 2):
        assert not np.may_share_memory(a, b)


SHARERS = {
    "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "same twice": lambda a, b: a + a + b,
    "reshape": lambda a, b: a.reshape(-1) + b.reshape(-1), "transpose": lambda a, b: a.T + b.T, "flip": lambda a,
    b: a.flip(0) + b, "rows": lambda a, b: tg.cat([a, b]), "stack": lambda a, b: tg.stack([a, b]), "split": lambda a,
    b: tg.cat([*a.split(1), *b.split(2)]), "index": lambda a, b: a[:, None] + b[None], "expand": lambda a,
    b: a.expand(4, 2, 3) + b, "sum": lambda a, b: a.sum() + b.sum(0), "sum keepdim": lambda a,
    b: a.sum(1, True) + b.sum((0, 1)), "mean": lambda a, b: a.mean() + b.mean(), "clone": lambda a,
    b: a.clone() + b.clone(), "identity only": lambda a, b: tg.stack([a, b]).sum(0), "cast": lambda a,
    b: a.float() + b.float(), "maximum": lambda a, b: tg.maximum(a, b), "where": lambda a,
    b: tg.where(tg.tensor([True, False, True]), a, b), "squeeze": lambda a,
    b: a.unsqueeze(0).squeeze(0) + b.flatten().view(2, 3), "setitem": lambda a, b: overwritten(a, b),
}  # fmt: skip


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
    "views": lambda x: x.reshape(1, 2).T.flip(0)[0:1].expand(3, 2 if False else 1), "grown in place": grown,
    "retained": retained, "setitem": through_setitem, "second order": second_order, "module": module_call,
    "x += f(x) twice": lambda x: grown(grown(x)), "detached": lambda x: x * x.detach() + (x * 1).detach(),
    "max": lambda x: x.max(0).values + x.amax(),
}  # fmt: skip


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
