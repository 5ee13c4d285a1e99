"""What a compiled step takes for granted is checked before every replay; what cannot be repeated is refused."""

import dataclasses
import functools
import threading
import types

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.optim import SGD, lr_scheduler

X = tg.tensor([1.0, 2.0, 3.0])

factor = 2.0
count = 0
settings = {"scale": 1.0, "layers": [1.0, 2.0]}


def scaled(x):
    return x * factor


def plans(step):
    return len(step.order)


# ---------------------------------------------------------------- what may change


def test_a_global_number(monkeypatch):
    step = tg.compile(lambda x: scaled(x) + 1)
    for value in (2.0, 3.0, 3.0, 2.0, 2, 2.0):
        monkeypatch.setitem(globals(), "factor", value)
        assert step(X).tolist() == (X * value + 1).tolist()
    assert plans(step) == 3  # 2 is not 2.0: the dtype of a result may depend on it


def test_a_closure_number():
    def make():
        lr = 0.5

        def step(x):
            return x * lr

        def change(value):
            nonlocal lr
            lr = value

        return tg.compile(step), change

    step, change = make()
    for value in (0.5, 0.25, 0.5, True):
        change(value)
        assert step(X).tolist() == (X * value).tolist()
    assert plans(step) == 3


@pytest.mark.filterwarnings("ignore:compile")  # each change is another plan, more than a plain program has
def test_objects_dicts_and_lists_that_hold_settings(monkeypatch):
    @dataclasses.dataclass(slots=True)
    class Slots:
        shift: float = 1.0

    class Config:
        kind = "sum"

        def __init__(self):
            self.scale, self.inner = 1.0, types.SimpleNamespace(power=2)

        @property
        def twice(self):
            return 2 * self.scale

    config, slots = Config(), Slots()
    step = tg.compile(lambda x: (
        (x * config.twice + slots.shift) ** config.inner.power * settings["scale"] * sum(settings["layers"])
        + (x if config.kind == "sum" else -x)
    ))  # fmt: skip

    def want(x):
        return step.function(x).tolist()

    assert step(X).tolist() == want(X)
    changes = [
        (config, "scale", 3.0), (config.inner, "power", 3), (slots, "shift", 0.5), (Config, "kind", "difference"),
        (config, "inner", types.SimpleNamespace(power=1)),
    ]  # fmt: skip
    for thing, name, value in changes:
        monkeypatch.setattr(thing, name, value)
        assert step(X).tolist() == want(X), name
        assert step(X).tolist() == want(X), name
    monkeypatch.setitem(settings, "scale", 5.0)
    assert step(X).tolist() == want(X)
    monkeypatch.setitem(settings, "layers", [1.0, 2.0, 3.0])
    assert step(X).tolist() == want(X)
    settings["layers"].append(4.0)
    assert step(X).tolist() == want(X)
    settings["layers"][0] = 9.0
    assert step(X).tolist() == want(X)


def test_a_function_that_is_exchanged(monkeypatch):
    step = tg.compile(lambda x: scaled(x))
    assert step(X).tolist() == [2.0, 4.0, 6.0]
    monkeypatch.setitem(globals(), "scaled", lambda x: x - 1)
    assert step(X).tolist() == step(X).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.filterwarnings("ignore:compile")  # each change is another plan, more than a plain program has
def test_settings_of_modules():
    class Net(nn.Module):
        width = 1.0

        def __init__(self):
            self.layers = [nn.Linear(3, 3), nn.Linear(3, 3)]
            self.drop = nn.Dropout(0.5)
            self.options = {"gain": 1.0}

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return self.drop(x) * self.options["gain"] * self.width

    net = Net()
    step = tg.compile(tg.no_grad()(lambda x: net(x)))
    x = tg.ones(2, 3)

    def check():
        for _ in range(3):
            tg.manual_seed(1)
            want = step.function(x).tolist()
            tg.manual_seed(1)
            assert step(x).tolist() == want

    check()
    net.drop.p = 0.25
    check()
    net.options["gain"] = 3.0
    check()
    net.layers[1] = nn.Linear(3, 3)
    check()
    net.layers.append(nn.Linear(3, 3))
    check()
    net.eval()
    check()
    net.drop.train()
    check()
    net.drop = nn.ReLU()
    check()
    Net.width = 2.0
    check()
    net.layers[0].bias = None
    check()


def test_train_and_eval_keep_a_plan_each():
    net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    step = tg.compile(tg.no_grad()(lambda x: net(x)))
    for i in range(6):
        net.train(i % 2 == 0)
        step(X)
    assert plans(step) == 2


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


def test_a_list_that_a_module_appends_to_is_appended_to_at_every_call():
    appends = Appends()
    step = tg.compile(lambda x: appends(x))
    for i in range(4):
        assert step(X * i).tolist() == (X * i * 2).tolist()
    assert [x.array[0] for x in appends.seen] == [0.0, 1.0, 2.0, 3.0]


def test_a_new_attribute_set_by_the_step_is_not_forgotten():
    trainer = types.SimpleNamespace()

    @tg.compile
    def step(x):
        trainer.last = x.sum()
        return trainer.last

    for i in range(4):
        step(X * i)
        assert trainer.last.item() == 6.0 * i


def test_the_rate_of_a_schedule_that_a_step_returns():
    w = tg.ones(3, requires_grad=True)
    optimizer = SGD([w], lr=1.0)
    schedule = lr_scheduler.StepLR(optimizer, 1, 0.5)

    @tg.compile
    def step(x):
        optimizer.zero_grad()
        (x * w).sum().backward()
        optimizer.step()
        return schedule.get_last_lr()[0]

    seen = []
    for i in range(6):
        seen.append(step(X))
        if i % 2:
            schedule.step()
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_train_called_inside_the_step():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))

    @tg.compile
    @tg.no_grad()
    def step(x):
        model.train()
        return model(x)

    def check():
        tg.manual_seed(3)
        want = step.function(X).tolist()
        tg.manual_seed(3)
        assert step(X).tolist() == want and model.training

    for i in range(8):
        if i % 3 == 0:
            model.eval()
        check()
    assert plans(step) == 1


def test_a_rate_set_inside_the_step():
    w = tg.ones(3, requires_grad=True)
    optimizer = SGD([w], lr=1.0)

    @tg.compile
    def step(x, lr):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        (x * w).sum().backward()
        optimizer.step()

    want = np.ones(3, np.float32)
    for lr in (1.0, 1.0, 0.5, 1.0, 0.5, 0.5, 0.5):
        step(X, lr)
        want -= np.float32(lr) * X.array
        assert w.tolist() == want.tolist() and optimizer.param_groups[0]["lr"] == lr


def test_callable_objects_partial_functions_and_modules_of_settings(monkeypatch):
    class Step:
        def __init__(self):
            self.scale, self.table = 2.0, {"shift": 1.0}

        def __getitem__(self, key):
            return self.table[key]

        def __call__(self, x, power):
            return (x * self.scale + self["shift"] + config.offset) ** power

    config = types.ModuleType("config")
    config.offset = 0.0
    step = Step()
    compiled = tg.compile(functools.partial(step, power=2))

    def check():
        for _ in range(2):
            assert compiled(X).tolist() == step(X, 2).tolist()

    check()
    step.scale = 3.0
    check()
    step.table["shift"] = 5.0
    check()
    config.offset = 7.0
    check()
    assert plans(compiled) == 4


def test_settings_of_an_optimizer_read_by_hand():
    w = tg.ones(3, requires_grad=True)
    optimizer = SGD([w], lr=1.0)

    @tg.compile
    def step(x):
        w.grad = None
        (x * w).sum().backward()
        with tg.no_grad():
            w.sub_(w.grad, alpha=optimizer.param_groups[0]["lr"])

    want = np.ones(3, np.float32)
    for lr in (1.0, 1.0, 0.5, 0.5, 1.0):
        optimizer.param_groups[0]["lr"] = lr
        step(X)
        want -= lr * X.array
        assert w.tolist() == want.tolist()


def test_old_plans_are_forgotten():
    step = tg.compile(lambda x: x * 2)
    with pytest.warns(UserWarning, match="more than 32 kinds of arguments"):
        for n in range(1, 41):
            assert step(tg.ones(n)).tolist() == [2.0] * n
    assert plans(step) == 32 and sum(map(len, step.plans.values())) == 32
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


def test_a_compiled_model_in_evaluation():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    fast = tg.compile(model)
    with tg.no_grad():
        for _ in range(3):
            x = tg.rand(5, 3)
            assert fast(x).tolist() == model(x).tolist()
    assert fast(x).requires_grad  # and trains: see test_compile_model.py


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

    threads = [threading.Thread(target=work, args=(float(v),)) for v in (1, 2, 3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures and w.tolist() == [-1200.0] * 3


class Appends(nn.Module):
    def __init__(self):
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return x * 2
