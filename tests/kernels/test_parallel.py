"""The pool of threads, the number of BLAS's threads around it, and the memory that kernels use again.

Look next at tinygrad_mnist/kernels/parallel.py, blas.py and scratch.py.
"""

from __future__ import annotations

import functools
import gc
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from graphs import in_threads

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError
from tinygrad_mnist.kernels import parallel
from tinygrad_mnist.kernels import scratch as scratch_module
from tinygrad_mnist.kernels.blas import Blas
from tinygrad_mnist.kernels.parallel import for_each, get_num_threads, set_num_threads
from tinygrad_mnist.kernels.scratch import release, scratch


@pytest.fixture(autouse=True)
def two_threads():
    before = get_num_threads()
    set_num_threads(2)
    yield
    set_num_threads(before)


@pytest.fixture
def blas():
    found = parallel._find_blas()
    if not found.get():
        pytest.skip("a BLAS that cannot be told how many threads to use")
    return found


# ---- the pool --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_every_item_is_done_once(threads, count):
    set_num_threads(threads)
    done = []
    for_each(done.append, range(count))
    assert sorted(done) == list(range(count))
    for_each(done.append, (x for x in range(count)))
    assert sorted(done) == sorted([*range(count), *range(count)])


def test_work_is_shared():
    seen = set()

    def work(i):
        seen.add(threading.get_ident())
        time.sleep(0.01)

    for_each(work, range(6))
    assert len(seen) == 2 and threading.get_ident() in seen
    set_num_threads(1)
    seen.clear()
    for_each(work, range(3))
    assert seen == {threading.get_ident()}


def test_calls_inside_an_item_run_in_its_thread():
    def outer(i):
        mine = []
        for_each(lambda j: mine.append(threading.get_ident()), range(5))
        assert mine == [threading.get_ident()] * 5

    for_each(outer, range(20))


def test_calls_from_several_threads_do_not_mix():
    wrong = []

    def user(k):
        for _ in range(100):
            out = np.zeros(30)

            def work(i, out=out):
                out[i] = i + k

            for_each(work, range(30))
            if not np.array_equal(out, np.arange(30) + k):
                wrong.append(k)

    in_threads(*(functools.partial(user, k) for k in range(4)))
    assert not wrong


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_is_raised_in_the_caller_after_all_have_stopped(error, blas):
    outside = blas.get()
    busy, begun = [], []

    def work(i):
        begun.append(i)
        busy.append(i)
        time.sleep(0.002)
        busy.remove(i)
        if i == 3:
            raise error("three")

    with pytest.raises(error, match="three"):
        for_each(work, range(1000))
    assert not busy and len(begun) < 20
    assert blas.get() == outside
    done = []
    for_each(done.append, range(10))
    assert sorted(done) == list(range(10))


def test_errors_go_through_without_threads_too():
    set_num_threads(1)
    with pytest.raises(ZeroDivisionError):
        for_each(lambda i: 1 / i, [1, 0])


def test_workers_know_the_callers_errstate():
    large = np.full(100_000, 1e4, np.float32)

    def work(i):
        time.sleep(0.005)  # so that the other thread gets some
        np.exp(large)

    with np.errstate(over="ignore"):
        for_each(work, range(6))  # a warning would be an error
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        for_each(work, range(6))


def test_work_that_is_not_worth_it_wakes_nobody():
    seen = set()

    def work(i):
        seen.add(threading.get_ident())
        time.sleep(0.005)

    parallel.fall_asleep()
    assert not parallel.is_awake()
    for_each(work, range(6), wake=False)
    assert seen == {threading.get_ident()}
    for_each(work, range(6))
    assert parallel.is_awake()
    seen.clear()
    for_each(work, range(6), wake=False)
    assert len(seen) == 2


def test_no_thread_to_be_had(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parallel, "_pool", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = []
    for_each(done.append, range(10))
    assert sorted(done) == list(range(10))


def test_interruptions_leave_nothing_behind():
    probe = """
import os, random, signal, threading, time
from tinygrad_mnist.kernels import parallel
parallel.set_num_threads(2)
stop = threading.Event()
busy = []
def interrupt():
    while not stop.is_set():
        time.sleep(random.random() * 0.004)
        os.kill(os.getpid(), signal.SIGINT)
def work(i):
    busy.append(i)
    time.sleep(0.001)
    busy.remove(i)
def run(end):
    hit = 0
    while time.monotonic() < end:
        try:
            parallel.for_each(work, range(6))
        except KeyboardInterrupt:
            hit += 1
    return hit
def ignore(number, frame):
    pass
usual = signal.getsignal(signal.SIGINT)
signal.signal(signal.SIGINT, ignore)
threading.Thread(target=interrupt, daemon=True).start()
end = time.monotonic() + 1
hit = 0
while time.monotonic() < end:
    try:
        signal.signal(signal.SIGINT, usual)
        hit += run(end)
        signal.signal(signal.SIGINT, ignore)
    except KeyboardInterrupt:
        hit += 1
while True:
    try:
        signal.signal(signal.SIGINT, ignore)
        break
    except KeyboardInterrupt:
        pass
stop.set()
done = []
parallel.for_each(done.append, range(10))
blas = parallel._find_blas()
print(hit > 20, sorted(done) == list(range(10)), blas.get() in (0, 2), blas.limited)
"""
    if not hasattr(os, "fork"):
        pytest.skip("signals of another kind")
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["True", "True", "True", "False"], result.stderr


def test_a_forked_child_makes_threads_of_its_own():
    probe = """
import os, threading, time, warnings
from tinygrad_mnist.kernels import parallel
warnings.simplefilter("ignore")
parallel.set_num_threads(2)
def work(i):
    seen.add(threading.get_ident())
    time.sleep(0.01)
seen = set()
parallel.for_each(work, range(6))
child = os.fork()
seen = set()
parallel.for_each(work, range(6))
if child == 0:
    os._exit(len(seen))
print(len(seen), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["2", "2"], result.stderr


def test_nothing_is_started_at_import():
    probe = "import threading, tinygrad_mnist.kernels.parallel as p; print(threading.active_count(), p._pool, p._blas)"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["1", "None", "{}"]


# ---- how many --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "2", None])
def test_a_number_of_threads_is_a_positive_integer(n):
    with pytest.raises(ArgumentError, match="set_num_threads"):
        set_num_threads(n)
    assert get_num_threads() == 2


def test_the_number_is_that_of_blas_too(blas):
    for n in (1, 2):
        set_num_threads(n)
        assert get_num_threads() == blas.get() == n


def test_blas_uses_one_thread_while_the_pool_works(blas):
    found = []
    for_each(lambda i: found.append(blas.get()), range(4))
    assert found == [1] * 4 and blas.get() == 2
    assert parallel.with_one_blas_thread(blas.get) == 1 and blas.get() == 2
    for_each(lambda i: set_num_threads(1), range(4))  # holds from the end of the call
    assert blas.get() == 1


def test_a_user_that_never_left_counts_only_while_it_lives():
    told = []
    blas = Blas(np.linalg._umath_linalg)
    blas.set, blas.get = told.append, lambda: 4

    class User:
        pass

    lost, other = User(), User()
    blas.enter(lost)
    blas.enter(other)
    blas.leave(other)
    assert told == [1]
    del lost
    gc.collect()
    blas.enter(other)
    blas.leave(other)
    assert told == [1, 4] and not blas.limited


@pytest.mark.parametrize(("variable", "value"), [("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")])
def test_the_environment_limits_the_default(variable, value, blas):
    probe = "from tinygrad_mnist.kernels import parallel as p; print(p.get_num_threads())"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True,
                            env={**os.environ, variable: value})
    assert result.stdout.strip() == "1"


@pytest.mark.parametrize(("content", "want"), [
    ("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("odd", 8),
])  # fmt: skip
def test_a_quota_counts_like_missing_cores(content, want, monkeypatch, tmp_path):
    file = tmp_path / "cpu.max"
    file.write_text(content)
    real = open
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr("os.path.exists", lambda path: True)
    monkeypatch.setattr("builtins.open", lambda path, *a, **k: real(file if "cgroup" in str(path) else path, *a, **k))
    assert parallel._cores() == want


# ---- scratch memory --------------------------------------------------------------------------------------------------


def test_scratch_is_the_same_memory_again():
    first = scratch("test", (3, 4), np.float32)
    first[...] = 7
    again = scratch("test", (3, 4), np.float32)
    assert again is first and (again == 7).all()
    assert np.shares_memory(first, scratch("test", (2, 2), np.float64))
    assert not np.shares_memory(first, scratch("another test", (3, 4), np.float32))


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (1000, 3), (10, 20, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float32, np.float64])
def test_scratch_has_what_was_asked_for(shape, dtype):
    array = scratch("test", shape, np.dtype(dtype))
    assert array.shape == shape and array.dtype == dtype
    assert array.flags.c_contiguous and array.flags.writeable
    assert array.ctypes.data % 64 == 0


def test_scratch_grows_and_keeps_no_smaller_buffer():
    small = scratch("growing", (10,), np.float32)
    large = scratch("growing", (100_000,), np.float32)
    assert not np.shares_memory(small, large)
    assert np.shares_memory(large, scratch("growing", (10,), np.float32))


def test_scratch_is_each_threads_own_and_dies_with_it():
    mine, theirs = scratch("test", (10,), np.float32), []
    before = len(scratch_module._everyone)
    in_threads(lambda: theirs.append(scratch("test", (10,), np.float32)))
    assert not np.shares_memory(mine, theirs[0])
    gc.collect()
    assert len(scratch_module._everyone) == before


def test_many_shapes_are_not_remembered_for_ever():
    for i in range(1000):
        scratch("test", (i,), np.float32)
    assert len(scratch_module._mine.held.views) <= 256


def test_release_lets_go():
    array = scratch("test", (1000, 1000), np.float32)
    array[...] = 1
    release()
    assert not scratch_module._mine.held.buffers and (array == 1).all()
    assert not np.shares_memory(array, scratch("test", (1000, 1000), np.float32))


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_memory_once_freed_is_not_paged_in_again():
    probe = """
import resource, numpy as np
from tinygrad_mnist.kernels.scratch import scratch
scratch("test", (1,), np.float32)
def step():
    kept = [np.ones((600, 600), np.float32) for _ in range(10)]
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5): step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
step()
print(faults())
"""
    usual = {name: x for name, x in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}  # dask sets some
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, env=usual)
    if not hasattr(scratch_module._c_library(), "mallopt"):
        pytest.skip("another C library")
    assert int(result.stdout) < 500  # 14 MB are 3 500 pages a step


def test_a_convolutional_training_repeats_itself_bit_for_bit_whatever_the_pauses():
    """The pool is awake by the number of products since it worked, so that time decides nothing."""

    def weights(pause):
        parallel.fall_asleep()
        tg.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(),
            nn.Linear(32 * 6 * 6, 250), nn.ReLU(), nn.Linear(250, 10),
        )  # fmt: skip
        optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(4):
            images, labels = tg.rand(64, 1, 28, 28), tg.randint(0, 10, (64,))
            features = model[:4](images)
            assert parallel.is_awake()
            time.sleep(pause)
            loss = nn.functional.cross_entropy(model[4:](features), labels)
            optimizer.zero_grad()
            time.sleep(pause)
            loss.backward()
            optimizer.step()
        return [p.detach().numpy() for p in model.parameters()]

    np.testing.assert_equal(weights(0), weights(0.08))
