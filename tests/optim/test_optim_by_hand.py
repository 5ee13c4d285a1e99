"""Optimizers by hand: the numbers stand in comments with their arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import optim


def trajectory(make, start, gradients, dtype=np.float64):
    """Step one parameter along given gradients; list its values."""
    p = tg.tensor(np.array([start], dtype=dtype), requires_grad=True)
    optimizer = make([p])
    values = []
    for g in gradients:
        p.grad = tg.tensor(np.array([g], dtype=dtype))
        optimizer.step()
        values.append(p.array[0].item())
    return values


# ---------------------------------------------------------------- by hand


def test_sgd_by_hand():
    # 1 - 0.1·0.5 = 0.95; 0.95 - 0.1·(-1) = 1.05; 1.05 - 0.1·2 = 0.85
    got = trajectory(lambda p: optim.SGD(p, lr=0.1), 1.0, [0.5, -1.0, 2.0])
    assert got == pytest.approx([0.95, 1.05, 0.85], rel=1e-12)


def test_sgd_weight_decay_by_hand():
    # d = 0.5 + 0.2·1 = 0.7: 1 - 0.07 = 0.93; d = 0.5 + 0.2·0.93 = 0.686: 0.93 - 0.0686 = 0.8614
    got = trajectory(lambda p: optim.SGD(p, lr=0.1, weight_decay=0.2), 1.0, [0.5, 0.5])
    assert got == pytest.approx([0.93, 0.8614], rel=1e-12)


def test_sgd_momentum_by_hand():
    # v = 1: 1 - 0.1 = 0.9; v = 0.9·1 + 1 = 1.9: 0.9 - 0.19 = 0.71; v = 0.9·1.9 + 1 = 2.71: 0.71 - 0.271 = 0.439
    got = trajectory(lambda p: optim.SGD(p, lr=0.1, momentum=0.9), 1.0, [1.0, 1.0, 1.0])
    assert got == pytest.approx([0.9, 0.71, 0.439], rel=1e-12)


def test_sgd_dampening_by_hand():
    # v = 1 (the first step is not dampened): 0.9; v = 0.9 + 0.5·1 = 1.4: 0.9 - 0.14 = 0.76;
    # v = 0.9·1.4 + 0.5·2 = 2.26: 0.76 - 0.226 = 0.534
    got = trajectory(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5), 1.0, [1.0, 1.0, 2.0])
    assert got == pytest.approx([0.9, 0.76, 0.534], rel=1e-12)


def test_sgd_nesterov_by_hand():
    # v = 1, step 1 + 0.9·1 = 1.9: 1 - 0.19 = 0.81; v = 0.9 + 2 = 2.9, step 2 + 0.9·2.9 = 4.61: 0.81 - 0.461 = 0.349
    got = trajectory(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True), 1.0, [1.0, 2.0])
    assert got == pytest.approx([0.81, 0.349], rel=1e-12)


def test_sgd_nesterov_with_weight_decay_by_hand():
    # d = 1 + 0.1·1 = 1.1, v = 1.1, step 1.1 + 0.5·1.1 = 1.65: 1 - 0.165 = 0.835
    # d = 1 + 0.1·0.835 = 1.0835, v = 0.5·1.1 + 1.0835 = 1.6335, step 1.0835 + 0.81675 = 1.90025:
    # 0.835 - 0.190025 = 0.644975
    got = trajectory(lambda p: optim.SGD(p, lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.1), 1.0, [1.0, 1.0])
    assert got == pytest.approx([0.835, 0.644975], rel=1e-12)


def test_adam_by_hand():
    # β₁ = 0.5, β₂ = 0.75, ε = 0, lr = 0.1
    # t=1, g=2: m = 1, v = 0.25·4 = 1; m̂ = 1/0.5 = 2, v̂ = 1/0.25 = 4; step 0.1·2/2 = 0.1: 0.9
    # t=2, g=1: m = 0.5·1 + 0.5·1 = 1, v = 0.75·1 + 0.25·1 = 1; m̂ = 1/0.75 = 4/3, v̂ = 1/0.4375 = 16/7;
    #           step 0.1·(4/3)/√(16/7) = 0.1·√7/3 = 0.0881917104: 0.8118082896
    got = trajectory(lambda p: optim.Adam(p, lr=0.1, betas=(0.5, 0.75), eps=0), 1.0, [2.0, 1.0])
    assert got == pytest.approx([0.9, 0.8118082896], rel=1e-9)


def test_adam_epsilon_is_added_outside_the_root_by_hand():
    # t=1, g=2: m̂ = 2, √v̂ = 2; step 0.1·2/(2 + 2) = 0.05: 0.95
    got = trajectory(lambda p: optim.Adam(p, lr=0.1, betas=(0.5, 0.75), eps=2.0), 1.0, [2.0])
    assert got == pytest.approx([0.95], rel=1e-12)


def test_adam_weight_decay_joins_the_gradient_by_hand():
    # g = 2 + 0.5·1 = 2.5: the first step of Adam is lr·g/|g| = 0.1 all the same, but m = 0.5·2.5 = 1.25
    p = tg.tensor(np.array([1.0]), requires_grad=True)
    optimizer = optim.Adam([p], lr=0.1, betas=(0.5, 0.75), eps=0, weight_decay=0.5)
    p.grad = tg.tensor(np.array([2.0]))
    optimizer.step()
    assert p.item() == pytest.approx(0.9) and optimizer.state[p]["exp_avg"][0] == 1.25
    assert optimizer.state[p]["exp_avg_sq"][0] == 0.25 * 2.5**2


def test_adamw_decay_is_apart_from_the_gradient_by_hand():
    # p = 1·(1 - 0.1·0.5) = 0.95, then the first Adam step 0.1: 0.85; m = 0.5·2 = 1 knows nothing of the decay
    p = tg.tensor(np.array([1.0]), requires_grad=True)
    optimizer = optim.AdamW([p], lr=0.1, betas=(0.5, 0.75), eps=0, weight_decay=0.5)
    p.grad = tg.tensor(np.array([2.0]))
    optimizer.step()
    assert p.item() == pytest.approx(0.85) and optimizer.state[p]["exp_avg"][0] == 1.0
