"""What a step cannot repeat is refused, with its line and what to do, and nothing else is hidden by that."""

import cProfile
import functools
import itertools
import logging
import operator
import os
import random
import re
import sys
import time
import warnings
from collections import defaultdict

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core import backend
from tinygrad_mnist.core.errors import ArgumentError, CaptureError, IndexRangeError, ShapeError
from tinygrad_mnist.core.scope import state
from tinygrad_mnist.optim import Adam

X = tg.tensor([1.0, 2.0, 3.0])


def training(lr=0.1):
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    optimizer = Adam(model.parameters(), lr=lr)

    def step(x, y, index):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), y) + x[index].sum() * 0
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


@pytest.mark.parametrize("calls", [0, 1, 2, 5])
@pytest.mark.parametrize("labels, index, kind", [
    ([0, 1, 2, 0], [0, 1], ArgumentError), ([0, 1, 0], [0, 1], ShapeError), ([0, 1, 0, 0], [0, 4], IndexRangeError),
])
def test_a_failing_step_fails_as_without_compile(calls, labels, index, kind):
    errors, states = [], []
    for wrap in (lambda f: f, tg.compile):
        tg.manual_seed(0)
        model, optimizer, step = training()
        step = wrap(step)
        x, good, where = tg.ones(4, 3), tg.tensor([0, 1, 0, 1]), tg.tensor([0, 1])
        for _ in range(calls):
            step(x, good, where)
        with pytest.raises(kind) as caught:
            step(x, tg.tensor(labels), tg.tensor(index))
        errors.append(str(caught.value))
        found = [(p.tolist(), p.grad is None) for p in model.parameters()]
        step(x, good, where)
        states.append((found, [p.tolist() for p in model.parameters()], [p.grad.tolist() for p in model.parameters()]))
    assert errors[0] == errors[1]
    assert states[0] == states[1]


# ---------------------------------------------------------------- what is refused


class Remembers(nn.Module):
    def forward(self, x):
        self.last = x * 2
        return self.last


W = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
SHARED = tg.tensor([1.0, 2.0, 3.0, 4.0])
HISTORY = (W * 2).sum()
remembers = Remembers()
dice, numbers = random.Random(0), np.random.default_rng(0)
stays = np.ones(3, np.float32)


def leaf_of_numpy(x):
    return (x * tg.from_numpy(np.linspace(0, 1, 3, dtype=np.float32))).sum()


def two_names(x):
    with tg.no_grad():
        SHARED[:3].sum()
        other = VIEW * 1
        SHARED.add_(1)
    return other


VIEW = SHARED[1:]


def fill(batch):
    batch["y"] = batch["x"] * 2
    return batch["y"]

MADE_BY_TIME = defaultdict(time.time)
DICE, CLOCK = np.random.default_rng(0), functools.partial(time.perf_counter)
CALLED_BY_C = {
    "map": lambda x: x * list(map(operator.call, [time.perf_counter]))[0],
    "map of print": lambda x: (list(map(print, ["once"])), x)[1],
    "iter": lambda x: x * next(iter(time.perf_counter, None)),
    "operator.call": lambda x: x * operator.call(time.perf_counter),
    "sorted": lambda x: x * sorted([1.0], key=print)[0], "max": lambda x: x * max([1.0], key=print),
    "filter": lambda x: x * len(list(filter(print, [1]))),
    "reduce": lambda x: x * functools.reduce(random.gauss, [1.0, 1.0]),
    "bound": lambda x: x * list(map(DICE.normal, [0.0]))[0], "partial": lambda x: x * CLOCK(),
    "default": lambda x: x * MADE_BY_TIME[len(MADE_BY_TIME)],
}  # fmt: skip
REFUSED = CALLED_BY_C | {
    "a branch": lambda x: x * 2 if x.sum() > 1 else x, "and": lambda x: (x.sum() > 1 and x) * 1,
    "while": lambda x: [x for _ in iter(lambda: bool(x.sum() > 99), False)], "item": lambda x: x * x.sum().item(),
    "float": lambda x: x * float(x.sum()), "int": lambda x: x[: int(x.sum())], "tolist": lambda x: sum(x.tolist()) * x,
    "numpy": lambda x: x * x.numpy().sum(), "asarray": lambda x: x * np.asarray(x).sum(),
    "format": lambda x: (f"{x.sum():.3f}", x)[1], "str": lambda x: (str(x), x)[1],
    "print": lambda x: (print("hello"), x)[1], "print a tensor": lambda x: (print(x), x)[1],
    "max of Python": lambda x: max(x[0], x[1]), "in": lambda x: x * 2 if x[0] in [x[1]] else x,
    "range": lambda x: [x for _ in range(x.sum().long())], "a mask": lambda x: x[x > 1],
    "a list of tensors": lambda x: tg.tensor([x[0], x[1]]), "unrecorded NumPy": lambda x: np.cumsum(x),
    "an array of NumPy": lambda x: x * np.ones(3, np.float32), "a tensor of NumPy's": leaf_of_numpy,
    "a result of NumPy's": lambda x: tg.from_numpy(np.ones(3)), "an array as result": lambda x: np.ones(3),
    "an object as result": lambda x: object(),
    "NumPy's old dice": lambda x: x * np.random.rand(),  # noqa: NPY002
    "NumPy's new dice": lambda x: x * numbers.random(3, dtype=np.float32),
    "Python's dice": lambda x: x * random.random(), "dice of one's own": lambda x: x * dice.random(),
    "the clock": lambda x: x * time.perf_counter(), "a module's attribute": lambda x: remembers(x),
    "data": lambda x: [setattr(SHARED, "data", SHARED * 2), x][1], "an argument in place": lambda x: x.add_(1),
    "an argument's item": lambda x: [x.__setitem__(0, 1.0), x][1],
    "a view in place": lambda x: [(y := x * 2), y[:1].add_(1), y][2],
    "requires_grad": lambda x: [SHARED.requires_grad_(), x][1], "waits for backward": lambda x: (x * W).sum(),
    "retained": lambda x: [(y := (x * W).sum()), y.backward(retain_graph=True), y][2],
    "an old graph": lambda x: HISTORY.backward(), "one memory, two names": two_names,
    "array read by hand": lambda x: x * float(x.array[0]),
    "array as a number of items": lambda x: x[: int((x.array > 0).sum())],
    "array of a result": lambda x: x * 2 if (x * 2).array.sum() > 3 else x,
    "array changed by hand": lambda x: [SHARED.array.__iadd__(1), x * 1][1],
    "a file": lambda x: (open(os.devnull).close(), x)[1], "the screen": lambda x: (sys.stdout.write("hello"), x)[1],
    "a log": lambda x: (logging.getLogger("t").warning("hello"), x)[1],
    "Python's choice": lambda x: x * random.choice([1, 2]), "a bound of a slice": lambda x: x[: x.sum().long()],
    "deepcopy": lambda x: [__import__("copy").deepcopy(SHARED), x][1], "version": lambda x: x * SHARED._version,
    "dice as a number": lambda x: x * numbers.random(), "an iterator": lambda x: x * next(counter),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_line_and_what_to_do(name, capsys):
    step = REFUSED[name]
    with pytest.raises(CaptureError) as caught, tg.enable_grad():
        tg.compile(step)(tg.tensor([1.0, 2.0, 3.0]))
    text = str(caught.value)
    assert name not in CALLED_BY_C or re.search(rf"{re.escape(__file__)}:\d+", text)
    assert "compile: " in text and "\n  try " in text
    assert __file__ in text or "copy.py" in text or "the step changes" in text, text
    assert name in CALLED_BY_C or capsys.readouterr().out == ""
    assert state.recorder is None and state.scope is None and state.recording
    W.grad = None
    eager = (tg.tensor([1.0, 2.0]) * 2).tolist()  # later calls are not affected
    assert eager == [2.0, 4.0] and tg.compile(lambda x: x * 2)(X).tolist() == [2.0, 4.0, 6.0]


def test_a_dict_among_the_arguments_may_not_be_changed():
    with pytest.raises(CaptureError, match="return what changes"):
        tg.compile(fill)({"x": X})
    assert tg.compile(lambda batch: fill(dict(batch)))({"x": X}).tolist() == [2.0, 4.0, 6.0]


def test_the_line_is_the_user_s():
    def step(x):
        y = x * 2
        if y.sum() > 3:
            y = -y
        return y

    with pytest.raises(CaptureError, match=f"{__file__}:{step.__code__.co_firstlineno + 2}"):
        tg.compile(step)(X)


counter = iter(range(100))


def test_a_step_that_catches_everything_does_not_hide_a_refusal():
    def step(x):
        try:
            return x * numbers.random()
        except Exception:
            return x

    with pytest.raises(CaptureError, match=f"{__file__}:{step.__code__.co_firstlineno + 2}"):
        tg.compile(step)(X)


def test_a_running_profiler_hides_nothing_and_goes_on():
    seen = []

    def profiler(frame, event, argument):
        seen.append(event)

    sys.setprofile(profiler)
    try:
        with pytest.raises(CaptureError, match="random"):
            tg.compile(lambda x: x * numbers.random())(X)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    with cProfile.Profile() as profile, pytest.raises(CaptureError, match="random"):
        tg.compile(lambda x: x * numbers.random())(X)
    assert profile.getstats()


def test_nothing_is_drawn_or_changed_by_the_comparison():
    model, optimizer, step = training()
    step = tg.compile(step)
    x, y, index = tg.ones(4, 3), tg.tensor([0, 1, 0, 1]), tg.tensor([0, 1])
    step(x, y, index)
    plan = step.latest
    parameters = [p.array for p in model.parameters()]
    generator = backend.default_generator.get_state()
    states = {k: {n: np.copy(v) for n, v in s.items()} for k, s in optimizer.state_dict()["state"].items()}
    twin = plan.replay.twin()
    for _ in range(3):
        twin.run([x.array, y.array, index.array])
    assert [p.array for p in model.parameters()][0] is parameters[0]
    assert backend.default_generator.get_state() == generator
    for k, s in optimizer.state_dict()["state"].items():
        for n, v in s.items():
            np.testing.assert_array_equal(v, states[k][n])


def test_warnings_of_a_step_stay_warnings():
    model = nn.Linear(3, 2)
    step = tg.compile(tg.no_grad()(lambda x: model(x)))
    x = tg.ones(2, 3, dtype=np.float64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        want = model(x).tolist()
        assert step(x).tolist() == want
    assert any("converted on every call" in str(w.message) for w in caught)


def test_a_step_that_fails_leaves_the_gradient_of_its_argument():
    def step(x, fails):
        (x * x).sum().backward()
        if fails:
            raise ArgumentError("no")
        return x.detach() * 2

    for wrap in (lambda f: f, tg.compile):
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(ArgumentError, match="no"):
            wrap(step)(x, True)
        assert x.grad.tolist() == [2.0, 4.0]


def test_unknown_backends_and_what_is_no_function():
    with pytest.raises(ArgumentError, match="unknown backend"):
        tg.compile(lambda x: x, backend="c")
    with pytest.raises(ArgumentError, match="function or a module"):
        tg.compile(3)
    with pytest.raises(CaptureError, match="not captured yet"):
        tg.compile(lambda x: x).source()


@pytest.mark.parametrize("names", ["ab", "acb", "abc", "abcd"])
def test_a_change_of_memory_known_under_another_name_is_refused_at_once(names):
    buffer = np.arange(4, dtype=np.float32)
    parts = {"a": buffer, "b": buffer[3:4], "c": buffer[1:2], "d": buffer[2:3]}
    known = [tg.from_numpy(parts[n]) for n in names]

    @tg.compile
    def step(x):
        total = sum(t.sum() for t in known)
        known[names.index("b")].add_(1)
        return x * total

    with pytest.raises(CaptureError, match="a change of memory that is both"):
        step(tg.ones(2))


ITERATORS = {
    "list": lambda: iter([1.0] * 9), "repeat": lambda: itertools.repeat(1.0, 9),
    "generator": lambda: (1.0 for _ in range(9)), "count": lambda: itertools.count(1), "zip": lambda: zip([1.0] * 9),
    "map": lambda: map(float, [1] * 9),
}  # fmt: skip


@pytest.mark.parametrize("name", ITERATORS)
def test_an_iterator_among_the_arguments_is_refused_if_the_step_moves_it(name):
    make = ITERATORS[name]

    def step(x, values):
        value = next(values)
        return x * (value[0] if isinstance(value, tuple) else value)

    with pytest.raises(CaptureError, match="the use of values"):
        tg.compile(step)(tg.ones(2), make())
    if name in ("zip", "map"):  # of which nobody can tell whether they were moved
        return
    untouched, idle = tg.compile(lambda x, values: x * 2), make()
    assert [untouched(tg.ones(1), idle).tolist() for _ in range(3)] == [[2.0]] * 3
