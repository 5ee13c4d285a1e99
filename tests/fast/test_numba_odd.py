"""Odd memory, odd numbers, odd names, a missing numba, other processes: the numba backend at its edges."""

import math
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from numba_as_python import numba_plan, trained

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.compiler import compiled
from tinygrad_mnist.core import locks
from tinygrad_mnist.fast import setup
from tinygrad_mnist.nn import functional as F


def repeated(function, *arguments):
    """Compare three calls with eager ones, and give the step."""
    step = tg.compile(function, backend="numba")
    for _ in range(3):
        with np.errstate(all="ignore"):
            got, wanted = step(*arguments), function(*arguments)
        for a, b in zip(got, wanted, strict=True) if isinstance(got, tuple) else [(got, wanted)]:
            np.testing.assert_allclose(a.array, b.array, rtol=1e-5, atol=1e-6)
    return step


W, B, TWO = tg.randn(4, 3), tg.randn(8), tg.from_numpy(np.asfortranarray(np.random.default_rng(0).random((5, 3), "f")))
ODD = {
    "logits in Fortran order": lambda x: F.cross_entropy(TWO * 2, tg.tensor([0, 1, 2, 0, 1])),
    "a bias with gaps": lambda x: F.linear(x, W, B[::2]), "a bias stretched": lambda x: F.linear(x, W, B[:1].expand(4)),
    "a bias computed, with gaps": lambda x: F.linear(x, W, (B * 2)[::2]),
    "no features": lambda x: F.linear(x[:, :0], W[:, :0]), "no rows": lambda x: F.linear(x[:0], W) * 2,
    "transposed": lambda x: (x.T * 2 + 1, tg.exp(x.T)),
    "less than infinity": lambda x: (x + float("-inf"), tg.maximum(x, -float("inf")), x * float("inf")),
    "a product with booleans": lambda x: (x > 0) @ W.T,
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_memory_and_odd_numbers(as_python, name):
    repeated(ODD[name], tg.randn(5, 3))


def test_no_images_at_all(as_python):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.Flatten())

    @tg.compile(backend="numba")
    def step(x):
        model.zero_grad()
        (model(x) * 2).sum().backward()

    for _ in range(3):
        step(tg.ones(0, 1, 7, 7))
        assert all((p.grad.array == 0).all() for p in model.parameters())


NAMES = [("share", "w"), ("at", "carray"), ("ONE", "ZERO"), ("n", "n_value"), ("call", "run")]


@pytest.mark.parametrize("names", NAMES)
def test_arguments_with_any_name(as_python, names):
    body = "lambda {0}, {1}: ({0}.T @ {1}, {0} * 2 + 1, 1 / ({1} * {1} + 1), relu({0}) + {1})".format(*names)
    repeated(eval(body, {"relu": tg.relu}), tg.randn(5, 4), tg.randn(5, 4))


def test_another_byte_order_is_another_plan(as_python):
    step = repeated(lambda x: tg.exp(x) * 2, tg.randn(4, 3))
    x = np.random.default_rng(0).random((4, 3)).astype(">f4")
    for _ in range(3):
        np.testing.assert_allclose(step(tg.from_numpy(x)).array, np.exp(x) * 2, rtol=1e-6)


def test_a_refused_state_is_refused_again(as_python):
    *_, step, optimizer = trained("mlp", "momentum", True)
    weight = next(iter(optimizer.state))
    good = optimizer.state[weight]["momentum_buffer"]
    optimizer.state[weight]["momentum_buffer"] = np.zeros((3, 3))
    for _ in range(3):
        with pytest.raises(tg.TinygradError, match="does not fit"):
            step(tg.ones(4, 3, 4), tg.tensor([0, 1, 2, 0]))
    optimizer.state[weight]["momentum_buffer"] = good
    before = good.copy()
    step(tg.ones(4, 3, 4), tg.tensor([0, 1, 2, 0]))
    assert (good != before).any()


def test_memory_that_cannot_be_written_is_not_written(as_python):
    *_, step, optimizer = trained("mlp", "momentum", True)
    weight = next(iter(optimizer.state))
    fixed = weight.array.tobytes()
    copy = bytes(bytearray(fixed))
    weight.data = tg.from_numpy(np.frombuffer(fixed, np.float32).reshape(weight.shape))
    with pytest.raises((tg.TinygradError, ValueError)):
        for _ in range(3):
            step(tg.ones(4, 3, 4), tg.tensor([0, 1, 2, 0]))
    assert fixed == copy
    *_, step, optimizer = trained("mlp", "momentum", True)
    buffer = next(iter(optimizer.state.values()))["momentum_buffer"] = np.zeros((7, 12), np.float32)
    buffer.flags.writeable = False
    with pytest.raises(tg.TinygradError, match="cannot be written"):
        step(tg.ones(4, 3, 4), tg.tensor([0, 1, 2, 0]))


@pytest.mark.parametrize("seed", range(12))
def test_leaves_may_get_the_same_gradient(as_python, seed):
    draw = np.random.default_rng(seed)
    leaves = [tg.zeros(*shape, requires_grad=True) for shape in [(6,), (4, 6), (6,), (4, 6), (6,)]]
    order = [leaves[i] for i in draw.integers(0, 5, 6)]

    def step(x):
        y = x * x if seed % 2 else x
        for i, leaf in enumerate(order):
            y = y + (leaf + order[i - 1] if i % 2 else leaf)
        (y**2).sum().backward()

    run = tg.compile(step, backend="numba")
    for _ in range(3):
        found, x = [], tg.tensor(draw.normal(size=(4, 6)).astype(np.float32))
        for call in (step, run):
            for leaf in leaves:
                leaf.grad = None
            call(x)
            found.append([None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves])
        for mine, its in zip(*found, strict=True):
            assert (mine is None) == (its is None)
            np.testing.assert_allclose(0 if its is None else its, 0 if mine is None else mine, rtol=1e-5)


def test_the_first_result_is_the_caller_s_alone(as_python):
    step = tg.compile(lambda x: x * 2, backend="numba")
    first = weakref.ref(step(tg.ones(3, 2)).array)
    assert first() is None


def test_another_number_of_threads_is_another_plan(as_python, monkeypatch):
    step = trained("mlp", "sgd", True)[3]
    before = step.plan()
    monkeypatch.setattr(numba_plan, "get_num_threads", lambda: 3)
    step(tg.randn(4, 3, 4), tg.tensor([0, 1, 2, 0]))
    assert step.plan() is not before and step.plan().replay.threads == 3


@pytest.mark.parametrize(("buffer", "said"), [
    (np.zeros((7, 13), np.float32), r"got       float32 \(7, 13\)\n  expected  float32 \(7, 12\)"),
    (np.zeros((7, 12)), r"got       float64 \(7, 12\)"), ([[0.0] * 12] * 7, "got       list"),
    (np.zeros((7, 12), np.float32, order="F"), "np.ascontiguousarray"),
])  # fmt: skip
def test_optimizer_arrays_that_do_not_fit_are_refused(as_python, buffer, said):
    *_, step, optimizer = trained("mlp", "momentum", True)
    weight = next(iter(optimizer.state))
    optimizer.state[weight]["momentum_buffer"] = buffer
    with pytest.raises(tg.TinygradError, match=said):
        step(tg.ones(4, 3, 4), tg.tensor([0, 1, 2, 0]))


def test_a_parameter_that_is_a_part_of_a_larger_array(as_python):
    found = []
    for compile_it in (False, True):
        whole = np.arange(48, dtype=np.float32).reshape(4, 12) / 48
        w = tg.from_numpy(whole[:, ::2]).requires_grad_()
        optimizer = tg.optim.Adam([w], lr=0.1)

        def step(x, y, w=w, optimizer=optimizer):
            optimizer.zero_grad()
            loss = F.cross_entropy(F.linear(x, w), y)
            loss.backward()
            optimizer.step()
            return loss

        run = tg.compile(step, backend="numba") if compile_it else step
        for _ in range(4):
            run(tg.ones(5, 6), tg.tensor([0, 1, 2, 0, 3]))
        found.append(whole)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_missing_numba_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)

    @tg.compile(backend="numba")
    def step(x):
        return x + 1

    with pytest.raises(tg.TinygradError, match="needs numba and SciPy") as caught:
        step(tg.ones(2))
    assert "pip install" in str(caught.value)


def test_the_cache_serves_another_process(tmp_path):
    program = """
import sys, time
import numpy as np, tinygrad_mnist as tg
@tg.compile(backend="numba")
def step(x):
    return tg.tanh(x) * 2 + 1
x = tg.from_numpy(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))
for _ in range(3):
    got = step(x)
np.testing.assert_allclose(got.array, np.tanh(x.array) * 2 + 1, rtol=1e-6)
module = step.plan().replay.module
print(module.phase_0.cache_hits, sum(module.run.stats.cache_hits.values()))
"""
    counts = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        counts.append(done.stdout.split())
    assert counts == [["0", "0"], ["1", "1"]]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file where the folder would be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    step = tg.compile(lambda x: x * 3 + 2, backend="numba")
    for _ in range(3):
        np.testing.assert_array_equal(step(tg.ones(2, 3)).array, np.full((2, 3), 5, np.float32))
    assert (tmp_path / "file").read_text() == "a file where the folder would be"


def test_backends_are_named():
    assert set(compiled.PLANNERS) == {"numpy", "numba"}


def test_one_process_at_a_time_compiles(tmp_path, monkeypatch):
    """Else each would go on with code of its own, and find in the cache the other's, which may round in another way."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    step = tg.compile(lambda x: (x * 2 + 1).tanh(), backend="numba")
    thread = threading.Thread(target=step, args=(tg.ones(3),))
    with locks.locked(setup.cache_folder(), 0.0) as alone:  # as another process would hold it
        assert alone
        thread.start()
        thread.join(1.0)
        assert thread.is_alive() and not list(tmp_path.rglob("*.nbc"))
    thread.join()
    assert list(tmp_path.rglob("*.nbc")) and step(tg.ones(3)).tolist() == pytest.approx([math.tanh(3)] * 3)
