"""Ways to write a step: each does compiled what it does eagerly."""

import numpy as np
import pytest
from agreement import CLASSES, Mlp, agree, batches, small
from training_data import trained

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.autograd import grad
from tinygrad_mnist.core import backend
from tinygrad_mnist.optim import Adam


@pytest.mark.parametrize("set_to_none", [True, False, None])
def test_gradients_accumulate(set_to_none):
    """Without zero_grad in the step; with it outside, every third call, in either way."""

    def make():
        model, optimizer = small()

        def step(x, y):
            loss = nn.CrossEntropyLoss()(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return step, model, optimizer

    def between(i, model, optimizer):
        if set_to_none is not None and i % 3 == 0:
            optimizer.zero_grad(set_to_none=set_to_none)

    step = agree(make, list(batches(count=30)), between)
    assert len(step.order) <= 4


def micro_batches_inside_one_step():
    model, optimizer = small()

    def step(x, y):
        model.zero_grad(set_to_none=False)
        for i in range(3):
            part = slice(2 * i, 2 * i + 2)
            (nn.CrossEntropyLoss()(model(x[part]), y[part]) / 3).backward()
        optimizer.step()
        return [p.grad.square().sum() for p in model.parameters()]

    return step, model, optimizer


def gradients_clipped_by_their_norm():
    model, optimizer = small()

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), y)
        loss.backward()
        with tg.no_grad():
            norm = sum((p.grad * p.grad).sum() for p in model.parameters()).sqrt()
            scale = (0.5 / (norm + 1e-6)).clamp(max=1.0)
            for p in model.parameters():
                p.grad *= scale
        optimizer.step()
        return loss, norm

    return step, model, optimizer


def grad_written_by_hand():
    w = tg.tensor(np.linspace(-1, 1, 12).reshape(12, 1), dtype=np.float32, requires_grad=True)

    def step(x, y):
        loss = ((x.reshape(-1, 12) @ w).squeeze(1) - y.float()).square().mean()
        (g,) = grad(loss, w)
        with tg.no_grad():
            w.sub_(g, alpha=0.1)
        return {"loss": loss.detach(), "gradient": g}

    return step, w


def gradient_penalty_through_create_graph():
    model, optimizer = small(0.0)

    def step(x, y):
        optimizer.zero_grad()
        x.requires_grad_()
        loss = nn.CrossEntropyLoss()(model(x), y)
        (g,) = grad(loss, x, create_graph=True)
        total = loss + 0.1 * g.square().sum()
        total.backward()
        optimizer.step()
        return loss, total

    return step, model, optimizer


def backward_with_create_graph():
    w = tg.tensor(np.linspace(-1, 1, 4), requires_grad=True)

    def step(x, y):
        w.grad = None
        (w.sin() * x.sum()).sum().backward(create_graph=True)
        (second,) = grad(w.grad.square().sum(), w)
        w.grad = None
        with tg.no_grad():
            w.sub_(second, alpha=0.001)
        return second

    return step, w


class Tied(nn.Module):
    def __init__(self):
        self.a, self.b, self.out = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, CLASSES)
        self.b.weight = self.a.weight

    def forward(self, x):
        x = x.flatten(1)
        return self.out(self.b(self.a(self.a(x).tanh()).relu()))


def tied_weights_and_a_module_called_twice():
    model = Tied()
    optimizer = Adam(model.parameters(), lr=0.01)
    return trained(model, optimizer), model, optimizer


def a_branch_that_a_parameter_takes_no_part_in():
    model, optimizer = small()
    model.unused = nn.Linear(3, 3)
    optimizer.add_param_group({"params": list(model.unused.parameters()), "lr": 0.5})
    return trained(model, optimizer), model, optimizer


OWN = backend.Generator(5)


def random_numbers_of_every_kind():
    OWN.manual_seed(5)

    def step(x, y):
        noise = tg.randn(*x.shape) + tg.rand(*x.shape, generator=OWN) + tg.rand(2, 3, 4, dtype=np.float64).sum()
        order = tg.randperm(len(x))
        tg.rand(3)  # moves the generator on, though nobody needs it
        return noise, x[order], tg.randint(0, 9, (2, 2)), nn.functional.dropout(x, 0.5, generator=OWN)

    return step, OWN


WAYS = {
    micro_batches_inside_one_step: {"sizes": (6,), "count": 30}, gradients_clipped_by_their_norm: {"count": 30},
    grad_written_by_hand: {"count": 30}, gradient_penalty_through_create_graph: {"count": 30},
    backward_with_create_graph: {"count": 10}, tied_weights_and_a_module_called_twice: {"count": 30},
    a_branch_that_a_parameter_takes_no_part_in: {"count": 6}, random_numbers_of_every_kind: {"count": 10},
}  # fmt: skip


@pytest.mark.parametrize("make", WAYS, ids=lambda make: make.__name__)
def test_it_does_compiled_what_it_does_eagerly(make):
    agree(make, list(batches(**WAYS[make])))


def test_hand_written_updates():
    def make():
        model = Mlp()
        average = [p.detach().clone() for p in model.parameters()]
        velocity = [tg.zeros(*p.shape) for p in model.parameters()]

        def step(x, y):
            for p in model.parameters():
                p.grad = None
            loss = nn.CrossEntropyLoss()(model(x), y)
            loss.backward()
            with tg.no_grad():
                for p, v, a in zip(model.parameters(), velocity, average, strict=True):
                    v *= 0.9
                    v += p.grad
                    p -= 0.1 * v
                    a.mul_(0.99).add_(p, alpha=0.01)
            return loss

        return step, model, *average, *velocity

    compiled = agree(make, list(batches(count=200)))
    assert ", out=net_1_weight)" in compiled.source()  # in place, as written


def test_parameters_frozen_and_thawed_between_calls():
    def make():
        model, optimizer = small()
        return trained(model, optimizer), model, optimizer

    def between(i, model, optimizer):
        model.net._list()[1].requires_grad_(i // 3 % 2 == 1)

    agree(make, list(batches(count=24)), between)


def test_changes_in_place_of_the_step_s_own_tensors():
    def make():
        w = tg.tensor(np.linspace(0.5, 1, 12).reshape(3, 4), requires_grad=True)

        def step(x, y):
            a = x * w
            a += 1
            a[:, 0] = 0.5
            b = tg.zeros(3, 4)
            b[0] = a[0, 1]
            b += a
            b *= b
            a.relu()
            w.grad = None
            b.sum().backward()
            return a, b

        return step, w

    agree(make, [(x[0].double(), y) for x, y in batches(count=10)])


def test_manual_seed_repeats_a_compiled_step():
    model, optimizer = small(0.5)
    step = tg.compile(lambda x, y: nn.CrossEntropyLoss()(model(x), y).detach())
    (x, y), *_ = batches()
    values = []
    for _ in range(4):
        tg.manual_seed(11)
        values.append((step(x, y).item(), step(x, y).item()))
    assert len(set(values)) == 1 and values[0][0] != values[0][1]
