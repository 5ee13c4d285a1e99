"""Compiled steps and models that change buffers: as eager ones do, or refused; on both backends, in either mode.

Look next at compile_world.py for everything else that a step may do.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.core.errors import CaptureError, TinygradError


def add_one(m, y):
    m.count += 1


def add_to_mean(m, y):
    m.mean += 0.1 * (y.mean(0) - m.mean)


def set_items(m, y):
    m.mean[:] = y.mean(0)
    m.mean[0] = m.other[1]


def all_of_them(m, y):
    for b in m.buffers():
        b.add_(1)


def by_name(m, y):
    for name, b in m.named_buffers():
        if name == "mean":
            b.copy_(y.mean(0))


# what a forward may do to buffers, under no_grad
REPEATED = {
    "decay": lambda m, y: m.mean.mul_(0.9).add_(0.1 * y.mean(0)),
    "copy_": lambda m, y: m.mean.copy_(0.5 * m.mean + 0.5 * y.mean(0)),
    "count += 1": add_one, "mean +=": add_to_mean, "items": set_items, "buffers()": all_of_them,
    "named_buffers()": by_name, "count.add_": lambda m, y: m.count.add_(1),
    "fill_": lambda m, y: m.other.fill_(2.0), "zero_": lambda m, y: m.mean.zero_(),
    "a mean by counting": lambda m, y: m.mean.add_((y.mean(0) - m.mean) / m.count.add_(1)),
    "where": lambda m, y: m.mean.copy_(tg.where(m.count > 2, y.mean(0), m.mean)),
    "of one and another": lambda m, y: m.other.mul_(0.5).sub_(m.mean),
    "a buffer inside": lambda m, y: m.inner.mean.copy_(m.mean + y.mean(0)),
    "getattr": lambda m, y: getattr(m, "mean").add_(y.mean(0)),  # noqa: B009
    "detach": lambda m, y: m.mean.detach().add_(y.mean(0)),
}  # fmt: skip


def assign(m, y):
    m.mean = 0.9 * m.mean + 0.1 * y.mean(0)


def assign_count(m, y):
    m.count = m.count + 1


def assign_none_s(m, y):
    m.later = y.mean(0)


def swap(m, y):
    m.mean, m.other = m.other, m.mean


def delete(m, y):
    del m.other


REFUSED = {
    "assigned": assign, "count assigned": assign_count, "assigned to None": assign_none_s, "swapped": swap,
    "deleted": delete, "registered": lambda m, y: m.register_buffer("mean", y.mean(0)),
    "a new one": lambda m, y: m.register_buffer(f"b{len(vars(m))}", y.mean(0)),
    "setattr": lambda m, y: setattr(m, "mean", y.mean(0)), "vars": lambda m, y: vars(m).update(mean=y.mean(0)),
    "item": lambda m, y: m.count.fill_(m.count.item() + 1), "data": lambda m, y: setattr(m.mean, "data", y.mean(0)),
    "load_state_dict": lambda m, y: m.load_state_dict({"mean": y.mean(0)}, strict=False),
}  # fmt: skip
USES = {
    "less mean": lambda m, y: y - m.mean, "times other": lambda m, y: y * m.other, "times count": lambda m,
    y: y * (m.count + 1), "less batch": lambda m, y: y - y.mean(0), "inner": lambda m, y: y + m.inner.mean * m.mask,
}  # fmt: skip


class Buffers(nn.Module):
    """A model whose forward changes and uses buffers as it is told."""

    def __init__(self, *told, inner=True):
        self.told = told
        self.register_buffer("mean", tg.zeros(3))
        self.register_buffer("count", tg.tensor(0))
        self.register_buffer("other", tg.ones(3), persistent=False)
        self.register_buffer("mask", tg.tensor([1.0, 0.0, 1.0]))
        self.register_buffer("later", None)
        self.w = nn.Parameter(tg.ones(3))
        self.inner = Buffers(inner=False) if inner else None

    def forward(self, x):
        y = x * self.w
        for name in self.told:
            if name in USES:
                y = USES[name](self, y)
            elif self.training:
                with tg.no_grad():
                    (REPEATED.get(name) or REFUSED[name])(self, y)
        return y + self.mean


def x(i):
    return tg.tensor(np.random.default_rng(i).standard_normal((4, 3)).astype(np.float32))


def shown(model, result):
    """All that twins must agree on after a call."""
    tensors = [*dict(model.named_buffers()).values(), *model.parameters(), *(p.grad for p in model.parameters())]
    return list(dict(model.named_buffers())), [np.array(t.detach()) for t in [result, *tensors] if t is not None]


def used(model, kind, backend, calls, between=lambda model, i: None):
    """Train and evaluate a model; give what each call shows, and at an error its type as the last."""
    optimizer, seen = optim.SGD(model.parameters(), 0.1), []
    called = tg.compile(model, backend=backend) if backend and kind == "model" else model

    def step(x):
        optimizer.zero_grad()
        loss = called(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = tg.compile(step, backend=backend) if backend and kind == "step" else step
    for i in calls:
        between(model, i)
        try:
            if model.training:
                result = step(x(i))
            else:
                with tg.no_grad():
                    result = called(x(i))
        except (TinygradError, AttributeError) as error:  # "deleted" may have been done
            return [*seen, type(error)]
        seen.append(shown(model, result))
    return seen


def agree(wanted, found, near):
    for i, (a, b) in enumerate(zip(wanted, found, strict=True)):
        assert isinstance(a, tuple) and isinstance(b, tuple) and a[0] == b[0], (i, a, b)
        for p, q in zip(a[1], b[1], strict=True):
            assert p.dtype == q.dtype
            np.testing.assert_allclose(q, p, 1e-4, 1e-5) if near else np.testing.assert_array_equal(q, p)


def from_outside(model, i):
    """What a program does to a model between its calls."""
    model.train(i % 5 < 3)
    if i == 6:
        model.mean.fill_(5.0)
    elif i == 7:
        model.load_state_dict({"count": 9, "mean": [1.0, 2.0, 3.0]}, strict=False)
    elif i == 10:
        model.mean, model.later = tg.ones(3), tg.ones(1)
    elif i == 12:
        model.inner.mean = model.mean  # now one buffer in two places


WAYS = [("numpy", "step"), ("numpy", "model"), ("numba", "step")]


@pytest.mark.parametrize(("backend", "kind"), WAYS)
@pytest.mark.parametrize("name", REPEATED)
def test_what_a_forward_does_to_buffers_is_repeated(name, backend, kind):
    calls = range(16) if backend == "numpy" else range(9)
    runs = [used(Buffers("less batch", name), kind, b, calls, from_outside) for b in (None, backend)]
    agree(*runs, near=backend == "numba")
    assert len({str(show) for show in runs[0]}) > 5


@pytest.mark.parametrize(("backend", "kind"), WAYS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_repeated_is_refused_in_training_alone(name, backend, kind):
    assert used(Buffers(name), kind, backend, [0, 1, 2])[-1] is CaptureError
    model = Buffers(name).eval()
    agree(used(copy.deepcopy(model), kind, None, range(4)), used(model, kind, backend, range(4)), backend == "numba")


def test_an_assignment_is_refused_with_what_to_do():
    with pytest.raises(CaptureError, match=r"changes Buffers\.mean(.|\n)*change it in place under tg\.no_grad"):
        tg.compile(Buffers("assigned"))(x(0))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_compiled_models_go_on(again):
    plain = Buffers("less mean", "decay", "count += 1")
    model = tg.compile(copy.deepcopy(plain))
    for i in range(8):
        model = again(model) if i in (3, 6) else model
        agree(used(plain, "", None, [i]), used(model, "", None, [i]), near=False)
    assert plain.count.item() == 8


def told_by(draw):
    """Compose a forward, and what happens between its calls."""
    words = [*REPEATED, *USES] if draw.random() < 0.9 else [*REPEATED, *USES, *REFUSED]
    told = [words[i] for i in draw.integers(0, len(words), draw.integers(1, 6))]
    modes, events = draw.random(8) < 0.7, draw.integers(0, 8, 8)

    def between(model, i):
        model.train(bool(modes[i]))
        if events[i] == 0:
            model.mean.add_(1)
        elif events[i] == 1:
            model.mean = tg.ones(3) * i
        elif events[i] == 2:
            model.load_state_dict({"mean": np.full(3, i)}, strict=False)
        elif events[i] == 3:
            model.other = model.mean  # two names for one tensor
        elif events[i] == 4:
            model.inner.register_buffer("mean", tg.ones(3) * i, persistent=bool(i % 2))

    return told, between


COMPOSED = [*((b, k, s) for b, k in WAYS[:2] for s in range(30)), *(("numba", "model", s) for s in range(3))]


@pytest.mark.parametrize(("backend", "kind", "seed"), COMPOSED)
def test_what_is_composed_is_as_eager_or_refused(backend, kind, seed):
    told, between = told_by(np.random.default_rng(seed))
    wanted, found = (used(Buffers(*told), kind, b, range(8), between) for b in (None, backend))
    if found[-1] is CaptureError:
        found, wanted = found[:-1], wanted[: len(found) - 1]
    elif isinstance(wanted[-1], type):
        assert found.pop() is wanted.pop()
    agree(wanted, found, backend == "numba")
