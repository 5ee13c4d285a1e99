"""autograd.grad and retain_grad: what they give, add up, refuse and leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import leaf, values

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core.errors import GradientError, ShapeError

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
