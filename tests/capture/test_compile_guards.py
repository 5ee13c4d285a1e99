"""What a compiled step takes for granted is checked before every replay; what cannot be repeated is refused."""

import functools

import pytest
from graphs import in_threads

import tinygrad_mnist as tg
from tinygrad_mnist.optim import SGD

X = tg.tensor([1.0, 2.0, 3.0])

factor = 2.0
count = 0


def scaled(x):
    return x * factor


def plans(step):
    return len(step.order)


# ---------------------------------------------------------------- what may change


def test_requires_grad_and_grad_mode():
    w = tg.ones(3, requires_grad=True)

    @tg.compile
    def step(x):
        loss = (x * w).sum()
        if loss.requires_grad:
            loss.backward()
        return loss

    step(X)
    step(X)
    step(X)
    assert w.grad.tolist() == [3.0, 6.0, 9.0]
    w.requires_grad_(False)
    step(X)
    step(X)
    assert w.grad.tolist() == [3.0, 6.0, 9.0]
    w.requires_grad_(True)
    with tg.no_grad():
        step(X)
    step(X)
    assert w.grad.tolist() == [4.0, 8.0, 12.0]


def test_numbers_among_the_arguments_and_keywords():
    step = tg.compile(lambda x, a, *, b=1.0, mode="plus": x * a + b if mode == "plus" else x * a - b)
    calls = ((2.0, 1.0, "plus"), (2, 1.0, "plus"), (3.0, 1.0, "plus"), (2.0, 4.0, "minus"), (True, 1, "plus"))
    for a, b, mode in calls:
        for _ in range(3):
            assert step(X, a, b=b, mode=mode).tolist() == step.function(X, a, b=b, mode=mode).tolist()


def test_what_changes_at_every_call_is_named(monkeypatch):
    step = tg.compile(lambda x, index: x * index + factor)
    with pytest.warns(UserWarning, match=r"captured 8 times .* the argument index changes") as caught:
        for i in range(12):
            assert step(X, i).tolist() == (X * i + 2.0).tolist()
    assert len(caught) == 1 and caught[0].filename == __file__
    other = tg.compile(lambda x: x * factor)
    with pytest.warns(UserWarning, match="because factor changes"):
        for i in range(9):
            monkeypatch.setitem(globals(), "factor", float(i))
            assert other(X).tolist() == (X * i).tolist()


def test_what_the_step_itself_changes_is_done_at_every_call_and_named():
    class Meter:
        def __init__(self):
            self.total, self.seen = 0.0, []

        def update(self, loss):
            self.total = self.total + 1
            self.seen.append(loss)

    meter, on = Meter(), False

    @tg.compile
    def step(x):
        global count
        nonlocal on
        count, on = count + 1, not on
        y = x * 2 if on else x * 3
        meter.update(y)
        return y

    before = count
    with pytest.warns(UserWarning, match="because (count|on|meter.total|the length of meter.seen) changes"):
        results = [step(X).array[0] for _ in range(10)]
    assert count == before + 10 and meter.total == 10 and len(meter.seen) == 10
    assert results == [2.0, 3.0] * 5


def test_old_plans_are_forgotten():
    step = tg.compile(lambda x: x * 2)
    with pytest.warns(UserWarning, match="more than 32 kinds of arguments"):
        for n in range(1, 41):
            assert step(tg.ones(n)).tolist() == [2.0] * n
    assert plans(step) == 32 and sum(map(len, step.plans.values())) == 32 and len(step.captures) <= 128
    assert len(step.plans) <= 32 and all(step.plans.values())
    assert step(tg.ones(1)).tolist() == [2.0]


def test_methods_are_compiled_per_object():
    class Trainer:
        def __init__(self, lr):
            self.lr, self.w = lr, tg.ones(3, requires_grad=True)

        @tg.compile
        def step(self, x):
            self.w.grad = None
            (x * self.w).sum().backward()
            with tg.no_grad():
                self.w -= self.lr * self.w.grad
            return self.lr

    a, b = Trainer(1.0), Trainer(2.0)
    for _ in range(3):
        assert a.step(X) == 1.0 and b.step(X) == 2.0
    assert a.w.tolist() == [-2.0, -5.0, -8.0] and b.w.tolist() == [-5.0, -11.0, -17.0]
    b.lr = 0.0
    b.step(X)
    assert b.w.tolist() == [-5.0, -11.0, -17.0]


def test_a_compiled_function_inside_another():
    w = tg.ones(3, requires_grad=True)
    inner = tg.compile(lambda x: scaled(x) * w)

    @tg.compile
    def outer(x):
        w.grad = None
        inner(x).sum().backward()
        return w.grad * 1

    for value in (2.0, 2.0, 2.0, 5.0):
        globals()["factor"] = value
        assert outer(X).tolist() == (X * value).tolist()
    globals()["factor"] = 2.0
    assert plans(outer) == 2 and plans(inner) == 0


def test_two_threads_call_the_same_step():
    w = tg.zeros(3, requires_grad=True)
    optimizer = SGD([w], lr=1.0)

    @tg.compile
    def step(x):
        optimizer.zero_grad()
        loss = (x * w).sum()
        loss.backward()
        optimizer.step()
        return x * 2

    failures = []

    def work(value):
        for _ in range(200):
            if step(tg.tensor([value] * 3)).tolist() != [2 * value] * 3:
                failures.append(value)

    in_threads(*(functools.partial(work, float(v)) for v in (1, 2, 3)))
    assert not failures and w.tolist() == [-1200.0] * 3
