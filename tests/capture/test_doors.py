"""Few doors for capture: a Var tells the recorder of its own thread how its slots are used, and of nothing else."""

import pytest
from graphs import in_threads

import tinygrad_mnist as tg
from tinygrad_mnist.core.graph import DOORS, PLAIN, Var, slots_watched
from tinygrad_mnist.core.scope import state


class Told(list):
    """A recorder that only listens."""

    def __getattr__(self, name):
        return lambda *args: self.append(name)


@pytest.fixture
def told(monkeypatch):
    with slots_watched():
        monkeypatch.setattr(state, "recorder", Told())
        yield state.recorder
        monkeypatch.undo()
    assert [Var.__dict__[name] for name in DOORS] == [*PLAIN]


def test_use_is_told_and_making_is_not(told):
    p = tg.Tensor([1.0, 2.0])
    assert told == []
    p.requires_grad = True
    p.grad = tg.Tensor([0.0, 1.0])
    assert p.grad.shape == p.shape and p.array.sum() == 3
    assert told == ["requires_grad", "sets_gradient", "reads_gradient", "refuse"]  # this file is not the package's


def test_history_is_no_change_of_requires_grad(told):
    x = tg.Tensor([1.0, 2.0])
    x += tg.Tensor([1.0, 2.0], requires_grad=True)
    assert x.requires_grad and "requires_grad" not in told


def test_eager_work_in_another_thread_is_neither_told_of_nor_disturbed(told):
    found = []

    def work():
        model, x = tg.nn.Linear(3, 2), tg.ones(4, 3)
        optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
        found.extend([model.weight.grad.numpy(), x.array.sum(), state.recorder])

    in_threads(work)
    assert found[0].any() and found[1:] == [12.0, None] and told == []
