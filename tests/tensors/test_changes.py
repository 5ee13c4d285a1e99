"""A tensor changed in place: noticed between forward and backward, recorded where it can be, refused where not."""

import numpy as np
import pytest
from graphs import leaf, values

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import InPlaceError


def w3():
    return leaf(1.0, 2.0, 3.0)


def in_no_grad(change):
    """Let a change be made without recording."""

    def changed(t):
        with tg.no_grad():
            change(t)

    return changed


CHANGES = [
    lambda t: t.detach().mul_(2), lambda t: t.detach().__setitem__(0, 9.0),
    lambda t: nn.Parameter(t.detach()).detach().zero_(),
    *map(in_no_grad, [
        lambda t: t.mul_(2), lambda t: t[1:].mul_(2), lambda t: t[1].zero_(), lambda t: t.reshape(1, 3)[0].mul_(2),
        lambda t: np.multiply(t, 2, out=t), lambda t: np.copyto(t, 7.0), lambda t: np.fill_diagonal(t.view(1, 3), 9),
        lambda t: np.add.at(t, [0], 5), lambda t: t.copy_(np.array([5.0, 5, 5])), lambda t: t.fill_(0.5),
    ]),
]  # fmt: skip

# name: (what is computed from w and c, which of "w", "c", "y" (the result) the rule reads)
READS = {
    "multiply": (lambda w, c: w * c, {"c"}), "square": (lambda w, c: w.square(), {"w"}),
    "exp": (lambda w, c: w.exp(), {"y"}), "sqrt": (lambda w, c: w.sqrt(), {"y"}),
    "relu": (lambda w, c: w.relu(), {"y"}), "sigmoid": (lambda w, c: w.sigmoid(), {"y"}),
    "log": (lambda w, c: w.log(), {"w"}), "sin": (lambda w, c: w.sin(), {"w"}), "add": (lambda w, c: w + c, set()),
    "subtract": (lambda w, c: c - w, set()), "divide": (lambda w, c: w / c, {"c"}),
    "negative": (lambda w, c: -w, set()), "clone": (lambda w, c: w.clone(), set()),
    "mean": (lambda w, c: w.mean(0, keepdim=True).expand(3) * 1, set()),
    "cat": (lambda w, c: tg.cat([w, c]), {"w", "c"}),  # stricter than needed: it reads sizes only
    "softmax": (lambda w, c: w.softmax(0), {"y"}),
    "maximum": (lambda w, c: tg.maximum(w, c), {"w", "c"}),
    "matmul": (lambda w, c: c.reshape(3, 1) @ w.reshape(1, 3), {"c"}),
    "where": (lambda w, c: tg.where(c > 2, w, c), set()), "flip": (lambda w, c: w.flip(0) * 1, set()),
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
    (lambda y: y.mul_(y), lambda w: 8 * w), (lambda y: y.add_(y), lambda w: 4 + 0 * w),
    (lambda y: y.div_(y), lambda w: 0 * w), (lambda y: y.sub_(y, alpha=3), lambda w: -4 + 0 * w),
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


def test_writing_into_a_tensor_without_axes():
    x = leaf(2.0)
    y = x * 1
    y[...] = 3.0
    (y * y).backward()
    assert y.item() == 3.0 and x.grad.item() == 0.0
