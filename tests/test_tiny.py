"""Whether the engine stands, within seconds: one sharp check for each way it can break.

    python -m pytest tests/test_tiny.py
"""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import GradientError, InPlaceError, ShapeError
from tinygrad_mnist.nn import functional as F


def test_forward_and_backward_by_hand():
    x, w = tg.tensor([[1.0, -2.0], [3.0, 0.5]], requires_grad=True), tg.tensor([[2.0, 1.0]], requires_grad=True)
    y = F.relu(F.linear(x, w) + 1)  # [[1], [7.5]]
    loss = (y * y).mean() - y.sum() / 2
    loss.backward()
    assert loss.item() == (1 + 56.25) / 2 - 4.25
    assert loss.dtype == x.grad.dtype == (x * [0.5, 2.0]).dtype == (x + np.float64(2)).dtype == tg.float32
    assert x.grad.tolist() == [[1.0, 0.5], [14.0, 7.0]]  # (y - 1 / 2) w
    assert w.grad.tolist() == [[0.5 * 1 + 7 * 3, 0.5 * -2 + 7 * 0.5]]
    (y.detach() * w).sum().backward()
    assert w.grad.tolist() == [[21.5 + 8.5, 2.5 + 8.5]]  # added to what was there


def net(x, w, v, b):
    """Loss of a small network that takes an image through most families of operations."""
    h = F.max_pool2d(tg.tanh(F.conv2d(x, w, b[:2], padding=1)), 2)
    h = tg.cat([h.flatten(1), x.amax((2, 3)).exp()], 1)
    h = h / (h.square().sum(1, keepdim=True) + 1).sqrt() + tg.where(h.detach() > 0, h, h * 0.1)
    y = F.linear(h, v, b) * tg.sigmoid(b) - tg.softmax(b, 0) ** 3
    return F.cross_entropy(y, tg.tensor([2, 0])) + y.abs().log().mean() + y.T.reshape(-1)[[0, 3, 0]].var()


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_are_the_numeric_ones(order):
    rng = np.random.default_rng(3)
    shapes = (2, 1, 4, 4), (2, 1, 3, 3), (3, 9), (3,)
    at, along, weights = ([rng.normal(size=s) for s in shapes] for _ in range(3))

    def value(step, wanted):
        """The function at a step along a direction: the loss, or for order 2 a weighed sum of its gradients."""
        leaves = [tg.tensor(a + step * d, requires_grad=True) for a, d in zip(at, along, strict=True)]
        found = net(*leaves)
        if order == 2:
            first = tg.autograd.grad(found, leaves, create_graph=True)
            found = sum((g * tg.tensor(u)).sum() for g, u in zip(first, weights, strict=True))
        if not wanted:
            return found.item()
        return sum((g.numpy() * d).sum() for g, d in zip(tg.autograd.grad(found, leaves), along, strict=True))

    numeric = (value(1e-5, False) - value(-1e-5, False)) / 2e-5
    assert value(0, True) == pytest.approx(numeric, rel=1e-6)


def test_every_path_counts_once_owns_its_gradient_and_none_is_too_deep():
    x, y = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    z = x + y
    for _ in range(20):
        z = z + z
    for _ in range(3000):
        z = z * 1.0
    z.sum().backward()
    assert x.grad.tolist() == y.grad.tolist() == [2.0**20] * 2
    nn.utils.clip_grad_norm_([x], 1.0)
    assert y.grad.tolist() == [2.0**20] * 2


def test_a_change_in_place_is_noticed_or_recorded():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    used = x * 3
    loss = (used * used).sum()
    with tg.no_grad():
        used[0] = 5.0
    with pytest.raises(InPlaceError, match=r"multiply.*\n"):
        loss.backward()
    recorded = x * 3
    recorded[0] = 7.0
    recorded *= 2
    (recorded * recorded).sum().backward()
    assert x.grad.tolist() == [0.0, 144.0]  # of (14)² + (6 x)²


def test_nothing_is_recorded_under_no_grad_nor_through_detach():
    x = tg.tensor([2.0], requires_grad=True)
    with tg.no_grad():
        assert not (x * x).requires_grad
    (x * x.detach()).backward()
    assert x.grad.tolist() == [2.0] and tg.is_grad_enabled()
    with pytest.raises(GradientError):
        (x.detach() * 2).backward()


@pytest.mark.parametrize("kind, options, expected", [
    (tg.optim.SGD, {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.5}, [1.3, 0.285]),  # velocities 7, 10.15
    (tg.optim.Adam, {"lr": 0.5}, [1.5, 1.0]), (tg.optim.AdamW, {"lr": 0.5, "weight_decay": 0.1}, [1.4, 0.83]),
])  # fmt: skip
def test_two_optimizer_steps_by_hand(kind, options, expected):
    p = tg.tensor([2.0], requires_grad=True)
    optimizer = kind([p], **options)
    for want in expected:
        optimizer.zero_grad()
        (p * 6).backward()
        optimizer.step()
        assert p.item() == pytest.approx(want, abs=1e-6)


@pytest.mark.thread_unsafe(reason="seeds the generator that all threads share")
def test_a_compiled_step_is_the_eager_one_and_a_model_is_loaded_as_it_was_saved(tmp_path):
    def train(wrap):
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.3), nn.Linear(5, 3))
        optimizer = tg.optim.Adam(model.parameters(), lr=0.1)

        @wrap
        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        x, y = tg.randn(6, 4), tg.tensor([0, 1, 2, 0, 1, 2])
        return [step(x, y).item() for _ in range(5)], model

    (eager, model), (compiled, twin) = train(lambda step: step), train(tg.compile)
    assert eager == compiled and eager[-1] < eager[0]
    assert [p.tolist() for p in model.parameters()] == [p.tolist() for p in twin.parameters()]
    tg.save(model.state_dict(), tmp_path / "weights.npz")
    other = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.3), nn.Linear(5, 3))
    other.load_state_dict(tg.load(tmp_path / "weights.npz"))
    x = tg.ones(2, 4)
    assert other.eval()(x).tolist() == model.eval()(x).tolist() != other.train()(x).tolist()


def test_an_error_says_what_was_got_expected_and_what_to_do():
    with pytest.raises(ShapeError) as caught:
        tg.ones(2, 3) @ tg.ones(4, 5)
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["matmul:", "got", "expected", "try"]
    assert "(2, 3)" in str(caught.value) and "(4, 5)" in str(caught.value)
