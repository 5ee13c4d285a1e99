"""Every use of a compiled model's outputs and gradients gives what the model itself gives."""

import copy

import numpy as np
import pytest
from models import Dropping, Two, Y, batch, ended

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.core.backend import default_generator
from tinygrad_mnist.core.errors import GraphFreedError


class Convolution(nn.Module):
    def __init__(self):
        self.c, self.l = nn.Conv2d(1, 3, 3, padding=1), nn.Linear(27, 3)

    def forward(self, x):
        return self.l(F.max_pool2d(self.c(x).relu(), 2).flatten(1))


class Running(nn.Module):
    def __init__(self):
        self.a, self.b, self.running = nn.Linear(5, 4), nn.Linear(4, 3), tg.zeros(4)

    def forward(self, x):
        h = self.a(x)
        mean = h.mean(0) if self.training else self.running
        if self.training:
            with tg.no_grad():
                self.running.mul_(0.9).add_(mean.detach() * 0.1)
        return self.b(h - mean)


class Recurrent(nn.Module):
    def __init__(self):
        self.a, self.b = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        for _ in range(3):
            x = self.a(x).tanh()
        return self.b(x)


MODELS = {
    "two": Two, "dropping": Dropping, "convolution": Convolution, "running": Running, "recurrent": Recurrent,
    "sequential": lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)),
}  # fmt: skip


def first(out):
    return out["p"] if isinstance(out, dict) else out


def raises(kind, action):
    try:
        action()
    except kind:
        return [tg.ones(1)]
    return [tg.zeros(1)]


def leaf_input(model, x):
    x.requires_grad_()
    return [*ended(first(model(x)).square().mean()), x.grad]


def computed_input(model, x):
    w = tg.ones(1, requires_grad=True)
    return [*ended((first(model(x * w)) ** 2).sum() * w.sum()), w.grad]


def every_output(model, x):
    out = model(x)
    if not isinstance(out, dict):
        return ended(out.abs().sum())
    assert out["q"][2] == 3 and not out["q"][1].requires_grad
    return ended(out["p"].sum() + out["q"][0].square().mean(), out["q"][1])


def retained(model, x):
    loss = F.cross_entropy(first(model(x)), Y)
    loss.backward(retain_graph=True)
    return ended(loss)


def outputs_apart(model, x):
    out = model(x)
    if isinstance(out, dict):
        out["p"].sum().backward(retain_graph=True)
        out["q"][0].mean().backward()
    return []


def freed(model, x):
    loss = first(model(x)).mean()
    loss.backward()
    return raises(GraphFreedError, loss.backward)


def evaluated(model, x):
    model.eval()
    with tg.no_grad():
        out = [first(model(x)), first(model(x))]
    out.append(first(model(x)).detach())
    model.train()
    return out


def clipped(model, x):
    F.cross_entropy(first(model(x)), Y).backward()
    return [nn.utils.clip_grad_norm_(model.parameters(), 0.1)]


def frozen(model, x):
    p = next(model.parameters())
    p.requires_grad_(False)
    try:
        return ended(first(model(x)).mean())
    finally:
        p.requires_grad_(True)


def seeded_between(model, x):
    loss = first(model(x)).mean()
    tg.manual_seed(5)
    return ended(loss)


EXACT = {
    "cross_entropy": lambda model, x: ended(F.cross_entropy(first(model(x)), Y)),
    "mean": lambda model, x: ended(first(model(x)).mean()),
    "transposed": lambda model, x: ended((first(model(x)).T.sin() * tg.tensor(np.arange(18.0).reshape(3, 6))).sum()),
    "two_calls": lambda model, x: ended(F.cross_entropy(first(model(x)), Y) + F.cross_entropy(first(model(x * 2)), Y)),
    "some_gradients": lambda model, x: tg.autograd.grad(first(model(x)).sum(), list(model.parameters())[:1]),
    "smaller": lambda model, x: ended(first(model(x[:4])).mean()),
    "given_an_array": lambda model, x: ended(first(model(x.numpy())).mean()),
    **{use.__name__: use for use in (leaf_input, computed_input, every_output, retained, outputs_apart, freed,
                                     evaluated, clipped, frozen, seeded_between)},
}  # fmt: skip


def higher(model, x):
    x.requires_grad_()
    out = first(model(x)).square().sum()
    (g,) = tg.autograd.grad(out, x, create_graph=True)
    return [*ended(g.square().sum() + out), x.grad]


def higher_of_computed(model, x):
    w = tg.ones(1, requires_grad=True)
    z = x * w
    out = first(model(z)).square().sum()
    (g,) = tg.autograd.grad(out, z, create_graph=True)
    return [*ended(g.square().sum() + out), w.grad]


HIGHER = {"higher": higher, "higher_of_computed": higher_of_computed}


def compare(name, uses, seed, near=False, backend="numpy"):
    """Use a model and its compiled twin alike; outputs, gradients, values, buffers and the dice must agree."""
    tg.manual_seed(seed)
    plain = MODELS[name]()
    model = tg.compile(copy.deepcopy(plain), backend=backend)
    sides = [(m, optim.SGD(m.parameters(), lr=0.005, momentum=0.9, weight_decay=0.1)) for m in (plain, model)]
    for i, use in enumerate(uses):
        seen = []
        for m, optimizer in sides:
            tg.manual_seed(1000 + i)
            if i % 3 == 0:
                optimizer.zero_grad()
            found = [*(EXACT | HIGHER)[use](m, batch(name, i)), *(p.grad for p in m.parameters())]
            optimizer.step()
            running = [m.running] if hasattr(m, "running") else []
            seen.append([*found, *m.parameters(), *running, tg.tensor(default_generator.numpy.random())])
        for j, (a, b) in enumerate(zip(*seen, strict=True)):
            label = f"{name}, {use} at call {i}, {j}"
            if a is None or b is None:
                assert a is b, label
            elif near:
                np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), 1e-3, 1e-4, err_msg=label)
            else:
                assert a.dtype == b.dtype, label
                np.testing.assert_array_equal(b.detach().numpy(), a.detach().numpy(), err_msg=label)


@pytest.mark.parametrize("use", EXACT)
@pytest.mark.parametrize("name", MODELS)
def test_every_use_is_as_eager_bit_for_bit(name, use):
    # a parameter used several times in each of two calls: the same sum in another order
    compare(name, [use] * 4, 1, near=name == "recurrent" and use == "two_calls")


@pytest.mark.filterwarnings("ignore:compile")  # so many kinds of backward ask for many captures
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [n for n in MODELS if n != "recurrent"])
def test_uses_in_any_order(name, seed):
    order = np.random.default_rng(seed).integers(0, len(EXACT), 20)
    compare(name, [[*EXACT][i] for i in order], seed)


@pytest.mark.parametrize("use", HIGHER)
@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_gradients(name, use):
    compare(name, [use] * 3, 1, near=True)


@pytest.mark.parametrize("name", ["two", "dropping", "convolution", "running", "sequential"])
def test_numba_is_near(name):
    pytest.importorskip("numba")
    compare(name, ["cross_entropy", "mean", "leaf_input"] * 2 + ["evaluated"], 1, near=True, backend="numba")


@pytest.mark.parametrize("name", ["sequential", "convolution"])
def test_fifty_steps(name):
    compare(name, ["cross_entropy"] * 50, 3)
