"""autograd.grad and retain_grad: what they give, add up and refuse; derivatives of derivatives against closed forms."""

import math
from typing import Any

import numpy as np
import pytest
from graphs import leaf, values

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor
from tinygrad_mnist.autograd import grad, gradgradcheck
from tinygrad_mnist.core.errors import GradientError, ShapeError
from tinygrad_mnist.nn import functional as NF

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


def test_grad_refuses_what_does_not_fit():
    x = leaf(1.0, 2.0)
    for call, kind, said in (
        (lambda: grad([x * 2, x * 3], x, [tg.ones(2)]), GradientError, "one cotangent for each output"),
        (lambda: grad(x * 2, x, tg.ones(3)), ShapeError, "another shape"),
        (lambda: grad((x * x).sum(), tg.ones(1)), GradientError, r"inputs\[0\] requires no gradient"),
    ):  # fmt: skip
        with pytest.raises(kind, match=said):
            call()


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


def draw(*shape: int, seed: int = 0) -> Tensor:
    return leaf(*np.random.default_rng(seed).normal(size=shape) * 0.7)


def derivatives(y: Tensor, x: Tensor, order: int) -> list[Any]:
    """Differentiate the sum of y again and again."""
    found = []
    for _ in range(order):
        (y,) = grad(y.sum(), x, create_graph=True)
        found.append(y.detach().numpy())
    return found


def dense_hessian(y: Tensor, x: Tensor) -> Any:
    (g,) = grad(y, x, create_graph=True)
    rows = [grad(gi, x, retain_graph=True)[0].numpy().ravel() for gi in g.reshape(-1)]
    return np.stack(rows)


# ---------------------------------------------------------------- closed forms


CLOSED_FORMS: dict[str, tuple[Any, tuple[float, ...], list[Any]]] = {
    "polynomial": (lambda x: x**4 - 3 * x**3 + 2 * x, (-2.0, 0.0, 0.5, 3.0), [
        lambda x: 4 * x**3 - 9 * x**2 + 2, lambda x: 12 * x**2 - 18 * x, lambda x: 24 * x - 18, lambda x: 24 + 0 * x]),
    "product of itself": (lambda x: x * x * x * x, (-1.5, 0.0, 2.0), [
        lambda x: 4 * x**3, lambda x: 12 * x**2, lambda x: 24 * x, lambda x: 24 + 0 * x]),
    "exp": (tg.exp, (0.5, 1.0, 2.0), [np.exp] * 5),
    "sin": (tg.sin, (0.5, 1.0, 2.0), [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin, np.cos]),
    "log": (tg.log, (0.5, 1.0, 2.0), [
        lambda x, n=n: (-1.0) ** (n + 1) * math.factorial(n - 1) / x**n for n in range(1, 6)]),
    "reciprocal": (tg.reciprocal, (0.5, 1.0, 2.0), [
        lambda x, n=n: (-1.0) ** n * math.factorial(n) / x ** (n + 1) for n in range(1, 6)]),
    "tanh": (tg.tanh, (-1.0, 0.0, 0.3), [  # of t = tanh x: 1 - t², -2t(1 - t²), (6t² - 2)(1 - t²)
        lambda x: 1 - np.tanh(x) ** 2, lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
        lambda x: (6 * np.tanh(x) ** 2 - 2) * (1 - np.tanh(x) ** 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_derivatives_of_high_order_have_their_closed_forms(name: str) -> None:
    function, at, expected = CLOSED_FORMS[name]
    x = leaf(*at)
    for got, want in zip(derivatives(function(x), x, len(expected)), expected, strict=True):
        np.testing.assert_allclose(got, want(x.detach().numpy()), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("f", [lambda x: tg.logsumexp(x, 0), lambda x: NF.cross_entropy(x[None], np.array([2]))])
def test_hessian_of_logsumexp_and_cross_entropy_is_diag_p_less_p_pT(f: Any) -> None:
    """The residual (softmax) is computed again while recording, or that of cross_entropy would be 0."""
    x = draw(5)
    p = np.exp(x.detach().numpy()) / np.exp(x.detach().numpy()).sum()
    np.testing.assert_allclose(dense_hessian(f(x), x), np.diag(p) - np.outer(p, p), rtol=1e-12, atol=1e-15)


def test_hessian_of_a_quadratic_form_is_the_symmetric_part() -> None:
    x, a = draw(4), np.random.default_rng(1).normal(size=(4, 4))
    np.testing.assert_allclose(dense_hessian(x @ (tg.tensor(a) @ x), x), a + a.T, rtol=1e-12)


def test_mixed_derivatives_commute() -> None:
    x, y = draw(3), draw(3, seed=1)
    z = (tg.sin(x) * tg.exp(y * x)).sum()
    gx, gy = grad(z, [x, y], create_graph=True)
    (xy,) = grad(gx.sum(), y, retain_graph=True)
    (yx,) = grad(gy.sum(), x)
    np.testing.assert_allclose(xy.numpy(), yx.numpy(), rtol=1e-12)


# ---------------------------------------------------------------- networks


def mlp(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    return NF.linear(NF.linear(x, w1, b1).tanh(), w2, b2)


def mlp_loss() -> tuple[Tensor, list[Tensor]]:
    parameters = [draw(5, 4, seed=1), draw(5, seed=2), draw(3, 5, seed=3), draw(3, seed=4)]
    x = tg.tensor(np.random.default_rng(5).normal(size=(6, 4)))
    return NF.cross_entropy(mlp(x, *parameters), np.array([0, 2, 1, 1, 0, 2])), parameters


def test_hessian_vector_product_equals_the_dense_hessian_times_the_vector() -> None:
    loss, (w1, *_) = mlp_loss()
    v = np.random.default_rng(6).normal(size=w1.shape)
    (g,) = grad(loss, w1, create_graph=True)
    (hv,) = grad((g * tg.tensor(v)).sum(), w1, retain_graph=True)
    hessian = dense_hessian(loss, w1)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-14)
    np.testing.assert_allclose(hv.numpy().ravel(), hessian @ v.ravel(), rtol=1e-10, atol=1e-13)


def test_hessian_against_differences_of_gradients() -> None:
    loss, (w1, *_) = mlp_loss()
    hessian, h = dense_hessian(loss, w1), 1e-6
    values = w1.detach().numpy()
    for k in (0, 7, 19):
        columns = []
        for step in (h, -h):
            values.flat[k] += step
            again, fresh = mlp_loss()
            fresh[0].array[...] = values
            x = tg.tensor(np.random.default_rng(5).normal(size=(6, 4)))
            again = NF.cross_entropy(mlp(x, *fresh), np.array([0, 2, 1, 1, 0, 2]))
            columns.append(grad(again, fresh[0])[0].numpy().ravel())
            values.flat[k] -= step
        np.testing.assert_allclose(hessian[:, k], (columns[0] - columns[1]) / (2 * h), atol=1e-8)


def test_an_mlp_at_order_2() -> None:
    x = draw(3, 4, seed=9)
    parameters = [draw(5, 4, seed=1), draw(5, seed=2), draw(3, 5, seed=3), draw(3, seed=4)]
    target = np.array([0, 2, 1])
    assert gradgradcheck(lambda *args: NF.cross_entropy(mlp(*args), target), [x, *parameters], atol=1e-7, rtol=1e-5)


def test_a_cnn_at_order_2() -> None:
    def loss(x: Any, w: Any, b: Any, head: Any) -> Any:
        hidden = NF.max_pool2d(NF.conv2d(x, w, b, padding=1).relu(), 2)
        return NF.cross_entropy(NF.linear(hidden.flatten(1), head), np.array([1, 0]))

    inputs = [draw(2, 1, 4, 4, seed=5), draw(2, 1, 3, 3, seed=6), draw(2, seed=7), draw(3, 8, seed=8)]
    assert gradgradcheck(loss, inputs, atol=1e-7, rtol=1e-5)


def test_a_gradient_penalty_trains() -> None:
    """Train a network to have slopes of length 1 everywhere: the loss is a function of a derivative."""
    rng = np.random.default_rng(0)
    parameters = [draw(16, 2, seed=1), draw(16, seed=2), draw(1, 16, seed=3), draw(1, seed=4)]
    optimizer = tg.optim.Adam(parameters, lr=0.02)
    history = []
    for _ in range(60):
        x = leaf(*rng.normal(size=(32, 2)))
        (slope,) = grad(mlp(x, *parameters).sum(), x, create_graph=True)
        penalty = (((slope * slope).sum(1) + 1e-12).sqrt() - 1).square().mean()
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
        history.append(penalty.item())
    assert np.mean(history[-10:]) < 0.2 * np.mean(history[:5]), history[::10]
