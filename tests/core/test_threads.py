"""Threads with tensors of their own: they compute what they would one after the other, and see no mode of another's.

What all threads share, as in PyTorch: the default generator, the default dtype, the number of the kernels' threads and
the search for NaN.
"""

from __future__ import annotations

import ast
import gc
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core import alone
from tinygrad_mnist.core.lines import FIRST, Lines
from tinygrad_mnist.core.syntax import parsed
from tinygrad_mnist.core.versions import Version, changes, tick
from tinygrad_mnist.kernels import parallel, softmax

THREADS = 4
pytestmark = pytest.mark.thread_unsafe(reason="starts threads, and compares with what one alone does")


@pytest.fixture(autouse=True)
def one_after_the_other_often() -> Iterator[None]:
    """Have Python's threads take turns every 20 µs, so that they meet wherever they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    yield
    sys.setswitchinterval(before)


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Call functions in threads of their own that start together; what one raises is raised."""
    start = threading.Barrier(len(functions), timeout=60)

    def call(function: Callable[[], Any]) -> Any:
        start.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(120) for future in [pool.submit(call, f) for f in functions]]


def perceptron(random: np.random.Generator) -> nn.Module:
    return nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4))


def convolutional(random: np.random.Generator) -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 3, 4)), nn.Conv2d(1, 3, 3, padding=1), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.3, generator=random), nn.Linear(6, 4),
    )  # fmt: skip


def recurrent(random: np.random.Generator) -> nn.Module:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates, self.out = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 4)

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            return self.out(nn.functional.softmax(self.gates(x.reshape(-1, 4, 3))[0], dim=-1)[:, -1])

    return Last()


MODELS = [perceptron, convolutional, recurrent, perceptron]
OPTIMIZERS = [tg.optim.Adam, tg.optim.SGD, tg.optim.AdamW, tg.optim.RMSprop]


def training(i: int, steps: int = 25, compiled: bool = False) -> Callable[[], list[bytes]]:
    """Build model i, and give what trains it and gives all losses and weights."""
    tg.manual_seed(i)
    random = np.random.default_rng(i)
    model = MODELS[i](random)
    optimizer = OPTIMIZERS[i](model.parameters(), lr=0.01)
    x = [tg.tensor(random.standard_normal((16 + i, 12)).astype(np.float32)) for _ in range(3)]
    y = tg.tensor(random.integers(0, 4, 16 + i))

    def step(x: tg.Tensor) -> tg.Tensor:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def train() -> list[bytes]:
        run = tg.compile(step) if compiled else step
        losses = [run(x[i % 3]).detach().numpy().tobytes() for i in range(steps)]
        return [*losses, *(value.numpy().tobytes() for value in model.state_dict().values())]

    return train


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_trainings_side_by_side_are_those_one_after_the_other(threads, compiled):
    threads(1)  # a product that BLAS divides among threads of its own may round otherwise
    alone = [training(i, compiled=compiled)() for i in range(THREADS)]
    beside = at_once(*(training(i, compiled=compiled) for i in range(THREADS)))
    assert [len(found) for found in alone] == [len(found) for found in beside]
    assert beside == alone
    assert alone[0][0] != alone[0][3]  # something is learnt


def test_derivatives_of_any_order_side_by_side():
    def derivatives() -> list[bytes]:
        x = tg.linspace(-1, 1, 50, dtype=tg.float64).requires_grad_()
        found, y = [], (x.sin() * x.exp()).sum()
        for _ in range(4):
            (gradient,) = tg.autograd.grad(y, x, create_graph=True)
            found.append(gradient.detach().numpy().tobytes())
            y = gradient.sum()
        value = tg.func.jvp(lambda x: (x * x).sin(), (x.detach(),), (tg.ones_like(x),))[1]
        batch = tg.func.vmap(lambda row: row.softmax(0))(x.detach().reshape(5, 10))
        return [*found, value.numpy().tobytes(), batch.numpy().tobytes()]

    alone = derivatives()
    assert at_once(*[derivatives] * THREADS) == [alone] * THREADS


@pytest.mark.parametrize("mode", [tg.no_grad, tg.inference_mode, lambda: tg.set_grad_enabled(False)])
def test_a_mode_is_that_of_its_thread(mode):
    inside, seen = threading.Event(), threading.Event()

    def without() -> tuple[bool, bool, bool]:
        with mode():
            inside.set()
            assert seen.wait(30)
            during, result = tg.is_grad_enabled(), tg.ones(2, requires_grad=True) * 2
        return during, result.requires_grad, tg.is_grad_enabled()

    def within() -> tuple[bool, bool]:
        assert inside.wait(30)
        result = tg.is_grad_enabled(), (tg.ones(2, requires_grad=True) * 2).requires_grad
        seen.set()
        return result

    assert at_once(without, within) == [(False, False, True), (True, True)]


def test_a_new_thread_records_whatever_started_it():
    with tg.no_grad():
        assert at_once(tg.is_grad_enabled) == [True]


def test_the_module_that_an_error_names_is_that_of_its_thread():
    narrow, wide = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 6)), nn.Sequential(nn.ReLU(), nn.Linear(7, 8))

    def said(model: nn.Module) -> set[str]:
        found = set()
        for _ in range(30):
            with pytest.raises(tg.errors.ShapeError) as error:
                model(tg.ones(2, 3))
            found.add(error.value.where)
        return found

    def at(model: nn.Module) -> Callable[[], set[str]]:
        return lambda: said(model)

    assert at_once(at(narrow), at(wide)) == [{"1 Linear of Sequential"}] * 2


def test_a_later_change_stays_the_latest():
    version, before = Version(), tick()
    version.bump()
    latest = changes.latest
    version.bump(before)  # a tick drawn before another thread noted its change
    assert changes.latest == latest and version.tick == before


def test_changes_in_place_are_noticed_beside_other_changes():
    def noticed() -> int:
        count = 0
        for _ in range(60):
            x = tg.ones(3, requires_grad=True)
            y = x.exp()
            z = y * y
            y += 1
            try:
                z.sum().backward()
            except tg.errors.InPlaceError:
                count += 1
        return count

    assert at_once(*[noticed] * THREADS) == [60] * THREADS


def test_lines_are_noted_until_the_last_who_asked_has_gone():
    first, second = tg.viz.record_lines(), tg.viz.record_lines()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert Lines.until == float("inf")
    second.__exit__(None, None, None)
    assert FIRST <= Lines.until < float("inf")


def test_there_is_one_blas_for_all_threads(monkeypatch):
    monkeypatch.setattr(parallel, "_blas", {})
    assert len({id(blas) for blas in at_once(*[parallel._find_blas] * 8)}) == 1


def test_losses_of_batches_of_many_sizes_side_by_side():
    def losses(first: int) -> Callable[[], list[float]]:
        def compute() -> list[float]:
            softmax._counted = np.arange(4)  # made anew, as at a first call
            sizes = range(first, first + 600, 7)
            return [nn.functional.cross_entropy(tg.zeros(n, 2), tg.zeros(n, dtype=tg.int64)).item() for n in sizes]

        return compute

    for found in at_once(*map(losses, (1, 90, 400, 900))):
        assert found == pytest.approx([np.log(2)] * len(found), rel=1e-6)


def test_an_error_in_one_thread_leaves_the_others_alone():
    def fails() -> None:
        for _ in range(20):
            with pytest.raises(tg.errors.ShapeError), tg.no_grad():
                nn.Linear(3, 4)(tg.ones(2, 5))
        assert tg.is_grad_enabled()

    alone = training(0)()
    assert at_once(training(0), fails, fails)[0] == alone


def test_views_made_in_many_threads_are_all_known():
    base = tg.zeros(8, 2)
    kept = at_once(*[lambda: [base[i % 8] for i in range(1100)]] * 4)
    shared = {id(v) for views in kept for v in views}
    assert shared <= {id(ref()) for ref in base.version.sharers.values() if ref() is not None}
    del kept, shared
    for _ in range(5):
        _ = [base.unbind() for _ in range(1000)]  # several at once, so that no count is hit exactly
    assert len(base.version.sharers) < 40_000


def disturbed(work: Callable[[], list[Any]]) -> list[Any]:
    """Work while another thread draws from all generators that threads share."""
    done = threading.Event()

    def draws() -> None:
        while not done.is_set():
            tg.rand(3)
            np.random.rand()

    def works() -> list[Any]:
        try:
            return work()
        finally:
            done.set()

    return at_once(draws, works)[1]


def steps_that_draw() -> list[Any]:
    """Compile a function and a model that draw; give how many of their numbers were dropped."""
    drop = nn.Sequential(*[nn.Dropout(0.5)] * 30)

    def step(x: tg.Tensor) -> tg.Tensor:
        for _ in range(100):
            x = nn.functional.dropout(x, 0.01)
        return x

    x = tg.ones(50, requires_grad=True)
    results = [f(t) for f, t in ((tg.compile(step), x.detach()), (tg.compile(drop), x)) for _ in range(3)]
    for y in results[3:]:
        y.sum().backward()
    return [(y == 0).sum().item() for y in results]


@pytest.mark.skipif(not isinstance(np.random.PCG64().lock, alone.REENTRANT), reason="NumPy before 2.4")
def test_draws_of_other_threads_wait_until_a_step_is_captured():
    for _ in range(4):
        found = disturbed(steps_that_draw)
        assert all(5 < n < 50 for n in found[:3]) and found[3:] == [50] * 3


def test_vmap_counts_the_draws_of_its_own_thread():
    def squares() -> list[Any]:
        return [tg.func.vmap(lambda x: (x * x).sum())(tg.ones(4, 3)).tolist() for _ in range(100)]

    assert disturbed(squares) == [[3.0] * 4] * 100
    with pytest.raises(tg.errors.GradientError, match="drew random numbers"):
        disturbed(lambda: [tg.func.vmap(nn.functional.dropout)(tg.ones(4, 3))])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_process_forked_during_a_capture_can_draw():
    """A child that found a lock held by nobody would wait for ever, which is told by the signal that ends it."""
    alarm = getattr(signal, "alarm", lambda _: None)

    def forks() -> list[Any]:
        codes = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                alarm(20)
                tg.rand(2), np.random.rand()
                os._exit(0)
            codes.append(os.waitpid(child, 0)[1])
        return codes

    done = threading.Event()

    def holds() -> None:
        while not done.is_set():
            with alone.alone():
                time.sleep(1e-3)
            time.sleep(1e-4)

    def works() -> list[Any]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
                return forks()
        finally:
            done.set()

    assert at_once(holds, works)[1] == [0] * 20


def test_where_draws_cannot_wait_a_capture_that_they_disturb_says_so(monkeypatch):
    monkeypatch.setattr(alone, "REENTRANT", type(None))  # as before NumPy 2.4
    with pytest.raises(tg.errors.CaptureError, match="if another thread drew meanwhile, give that thread a generator"):
        disturbed(steps_that_draw)


class Parsing:
    """Garbage that parses when it is collected: what another thread may do while this one makes a tree."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        ast.parse("1")


def test_parsing_is_not_stopped_by_what_else_is_parsed() -> None:
    """Until Python 3.12 it is a SystemError, and the first optimizers of two threads could meet it."""
    text = "p = p - lr * (m / (sqrt(v) + eps))\n" * 100
    expected, before = ast.dump(ast.parse(text)), gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(50):
            Parsing()
            assert ast.dump(parsed(text)) == expected
    finally:
        gc.set_threshold(*before)
        gc.collect()
    with pytest.raises(SyntaxError, match="a formula"):
        parsed("p = (", name="a formula")
