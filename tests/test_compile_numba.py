"""`tg.compile(step, backend="numba")`: the generated function against eager steps, run as plain Python and compiled.

Most tests run what was generated as the Python it is: quick, and every model can be tried; every array is checked to be
what the code takes it for. A few compile for real. Two threads share every phase in both.
"""

from __future__ import annotations

import gc
import importlib
import math
import os
import subprocess
import sys
import threading
import tracemalloc
import types
import weakref

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.capture.program import Instruction, Program, Value
from tinygrad_mnist.compiler import compiled
from tinygrad_mnist.core import locks
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.fast import setup
from tinygrad_mnist.fast.plan import assign_by_phase, give_results_their_names
from tinygrad_mnist.fast.tasks import Phase, Task, schedule
from tinygrad_mnist.nn import functional as F

numba = pytest.importorskip("numba", reason="numba is not installed")
numba_plan = importlib.import_module("tinygrad_mnist.fast.plan")
numba_calls = importlib.import_module("tinygrad_mnist.fast.calls")
lowering = importlib.import_module("tinygrad_mnist.fast.lowering")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """Keep what is generated here out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def as_it_is(*args, **options):
    return lambda function: function


def checked(array, shape, dtype):
    """Stand in for numba's carray, which takes the memory at an address for what it is told."""
    assert array.shape == shape and array.dtype == dtype and array.flags.c_contiguous
    return array


def plain_module(source):
    """Stand in for what numba makes of a generated source."""
    module = types.ModuleType("plain")
    vars(module).update(
        np=np, math=math, njit=as_it_is, cfunc=as_it_is, prange=range, carray=checked, PHASE=None,
        at=lambda places, i: places.arrays[i], call=lambda phase, t, places: phase(t, places),
    )  # fmt: skip
    lines = [line for line in source.splitlines() if not line.startswith(("import ", "from "))]
    exec("from __future__ import annotations\n" + "\n".join(lines), vars(module))
    return module


class PlainLauncher:
    def __init__(self, module, phases, threads):
        self.module, self.threads = module, threads
        self.phases = [getattr(module, name) for name in phases]

    def __call__(self, places):
        self.module.run(self.phases, places, self.threads)


@pytest.fixture
def as_python(monkeypatch):
    """Run what is generated as plain Python."""
    monkeypatch.setattr(numba_plan, "compiled_module", plain_module)
    monkeypatch.setattr(numba_calls, "Launcher", PlainLauncher)


class Residual(nn.Module):
    """Operations that the loops do not know stand between those that they do."""

    def __init__(self):
        self.first, self.last = nn.Linear(12, 12), nn.Linear(12, 3)

    def forward(self, x):
        h = tg.tanh(self.first(x.flatten(1)))
        h = h + tg.flip((h * h).mean(1, keepdim=True) * h, [1]) * 0.5
        return self.last(F.softmax(h, 1) + h.abs().sqrt())


def conv_net(padding=0, pool=2, second=True):
    layers = [nn.Conv2d(1, 3, 3, padding=padding), nn.ReLU()]
    if second:
        layers += [nn.Conv2d(3, 4, 3, padding=padding), nn.ReLU()]
    size = (7 + (1 + second) * 2 * (padding - 1)) // pool
    channels = 4 if second else 3
    layers += [nn.MaxPool2d(pool), nn.Flatten(), nn.Linear(channels * size * size, 6), nn.ReLU(), nn.Linear(6, 3)]
    return nn.Sequential(*layers)


MODELS = {
    "mlp": ((3, 4), lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 3))),
    "sigmoid": ((12,), lambda: nn.Sequential(
        nn.Linear(12, 7), nn.Sigmoid(), nn.Linear(7, 5), nn.Sigmoid(), nn.Linear(5, 3))),
    "dropout": ((12,), lambda: nn.Sequential(nn.Linear(12, 9), nn.Tanh(), nn.Dropout(0.4), nn.Linear(9, 3))),
    "no bias": ((12,), lambda: nn.Sequential(nn.Linear(12, 9, bias=False), nn.ReLU(), nn.Linear(9, 3, bias=False))),
    "unknown operations": ((3, 4), Residual),
    "convolution": ((1, 7, 7), conv_net),
    "padded": ((1, 7, 7), lambda: conv_net(padding=1)),
    "one convolution": ((1, 7, 7), lambda: conv_net(second=False)),
    "overlapping pools": ((1, 7, 7), lambda: nn.Sequential(
        nn.Conv2d(1, 2, 2, stride=1), nn.MaxPool2d(3, stride=1), nn.Sigmoid(), nn.Flatten(), nn.Linear(32, 3))),
    "strided": ((2, 7, 7), lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2), nn.ReLU(), nn.Conv2d(3, 2, 2), nn.Flatten(), nn.Linear(8, 3))),
    "dilated": ((1, 7, 7), lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, dilation=2), nn.ReLU(), nn.Flatten(), nn.Linear(27, 3))),
    "unlike strides": ((1, 7, 7), lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=(2, 1)), nn.ReLU(), nn.Flatten(), nn.Linear(45, 3))),
    "unlike padding": ((1, 7, 7), lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=(1, 0)), nn.ReLU(), nn.Flatten(), nn.Linear(105, 3))),
    "strided and padded": ((1, 7, 7), lambda: nn.Sequential(
        nn.Conv2d(1, 3, (3, 2), stride=2, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 3, stride=2, padding=2),
        nn.Flatten(), nn.Linear(18, 3))),
    "groups": ((4, 5, 5), lambda: nn.Sequential(
        nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))),
}  # fmt: skip
OPTIMIZERS = {
    "sgd": lambda p: tg.optim.SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1),
    "nesterov": lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: tg.optim.Adam(p, lr=0.01, weight_decay=0.01),
    "adamw": lambda p: tg.optim.AdamW(p, lr=0.01),
}


def trained(model_name, optimizer_name, compile_it, batches=(4, 4, 3, 4, 4, 3, 4), smoothing=0.1):
    """Train a little; give losses, parameters, gradients and the step."""
    shape, make = MODELS[model_name]
    tg.manual_seed(1)
    model = make()
    optimizer = OPTIMIZERS[optimizer_name](model.parameters())
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 2)
    loss_function = nn.CrossEntropyLoss(label_smoothing=smoothing)

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = tg.compile(step, backend="numba") if compile_it else step
    rng, losses = np.random.default_rng(0), []
    for n in batches:
        x = rng.standard_normal((n, *shape)).astype(np.float32)
        losses.append(run(tg.from_numpy(x), tg.from_numpy(rng.integers(0, 3, n))).item())
        schedule.step()
    return losses, [p.array for p in model.parameters()], [p.grad.array for p in model.parameters()], run, optimizer


def same(eager, fast):
    np.testing.assert_allclose(fast[0], eager[0], rtol=1e-5)
    for a, b in zip(eager[1] + eager[2], fast[1] + fast[2], strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)


# ---------------------------------------------------------------- tasks, phases, memory


def value(shape=(4, 3), origin="result", base=None):
    value.count += 1
    return Value(value.count, shape, np.float32, tuple(range(len(shape))), origin, None, base, f"v{value.count}")


value.count = 0


def task(*inputs, rows=4, own=(), name="map", outputs=None, effect=""):
    outputs = [value()] if outputs is None else outputs
    step = Instruction(effect or "exp", list(inputs), outputs, {}, None if effect else registry["exp"])
    return Task(name, list(inputs), outputs, rows, own, step)


def phases_of(*tasks):
    return [[tasks.index(t) for t in (*p.whole, *p.shared)] for p in schedule(list(tasks))]


def test_tasks_share_a_phase_while_each_reads_its_own_rows():
    first = task(value(origin="input"))
    own = task(first.outputs[0], own=(0,))
    all_rows = task(own.outputs[0])  # of another thread's rows too: after a meeting
    aside = task(value(origin="input"))
    assert phases_of(first, own, all_rows, aside) == [[0, 1, 3], [2]]


def test_tasks_with_another_number_of_rows_wait():
    first = task(value(origin="input"), rows=4)
    other = task(first.outputs[0], rows=3, own=(0,), outputs=[value((3, 4))])
    assert phases_of(first, other) == [[0], [1]]


def test_numpys_tasks_open_a_phase_and_wait_for_shared_ones():
    whole = task(value(origin="input"), rows=None)
    reader = task(whole.outputs[0])
    after = task(reader.outputs[0], rows=None)
    assert phases_of(whole, reader, after) == [[0, 1], [2]]


def test_a_change_waits_for_all_who_read_what_was_there_before():
    weight = value(origin="state")
    reader = task(weight)
    change = task(weight, task(value(origin="input")).outputs[0], effect="write", outputs=[weight])
    assert phases_of(reader, change) == [[0], [1]]
    assert phases_of(task(value(origin="input")), change) == [[0, 1]]  # nobody reads it


def test_what_is_done_with_makes_place_in_later_phases_only():
    x = value(origin="input")
    first, second = task(x), task(x)
    third = task(first.outputs[0], second.outputs[0])
    fourth = task(third.outputs[0])
    fifth = task(fourth.outputs[0])
    tasks = [first, second, third, fourth, fifth]
    program = Program([t.step for t in tasks], [x], [fifth.outputs[0]], [])
    offsets, size = assign_by_phase(program, [Phase([], [first, second]), *(Phase([], [t]) for t in tasks[2:])])
    places = [offsets[t.outputs[0]] for t in tasks]
    assert len(set(places[:3])) == 3  # both are read while the third is written
    assert places[3] in places[:2] and places[4] in places[:3] and places[4] != places[3]
    assert size == 3 * 64  # 48 bytes each, from one line of the cache to the next
    crowded, _ = assign_by_phase(program, [Phase([], tasks)])
    assert len(set(crowded.values())) == 5  # threads are at different tasks


def test_what_is_cloned_for_a_gradient_is_computed_there():
    x, gradient = value(origin="input"), value()
    product = Instruction("exp", [x], [value()], {}, registry["exp"])
    clone = Instruction("clone", [product.outputs[0]], [gradient], {}, registry["clone"])
    user = Instruction("sin", [product.outputs[0]], [value()], {}, registry["sin"])
    program = Program([product, clone, user], [x], [user.outputs[0]], [(None, gradient)])
    give_results_their_names(program)
    assert [s.name for s in program.instructions] == ["exp", "sin"]
    assert product.outputs == [gradient] and user.inputs == [gradient]


def test_a_result_of_the_step_keeps_its_own_memory():
    x, gradient = value(origin="input"), value()
    product = Instruction("exp", [x], [value()], {}, registry["exp"])
    clone = Instruction("clone", [product.outputs[0]], [gradient], {}, registry["clone"])
    program = Program([product, clone], [x], [product.outputs[0]], [(None, gradient)])
    give_results_their_names(program)
    assert [s.name for s in program.instructions] == ["exp", "clone"]


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize("model", MODELS)
def test_models_as_python(as_python, model, optimizer):
    same(trained(model, optimizer, False), trained(model, optimizer, True))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers_as_python(as_python, optimizer):
    eager, fast = trained("mlp", optimizer, False), trained("mlp", optimizer, True)
    same(eager, fast)
    for a, b in zip(eager[4].state.values(), fast[4].state.values(), strict=True):
        assert a.keys() == b.keys() and a["step"] == b["step"]
        for name in set(a) - {"step"}:
            np.testing.assert_allclose(b[name], a[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", ["mlp", "no bias", "dropout", "convolution"])
def test_large_products_are_shared_out_by_features(as_python, monkeypatch, model):
    monkeypatch.setattr(lowering, "LARGE_PRODUCT", 0)
    eager, fast = (trained(model, "adam", compile_it, batches=(4, 10, 4, 10)) for compile_it in (False, True))
    same(eager, fast)
    step, rng = fast[3], np.random.default_rng(0)
    turned = []
    for n in (4, 10, 10):
        x = rng.standard_normal((n, *MODELS[model][0])).astype(np.float32)
        step(tg.from_numpy(x), tg.from_numpy(rng.integers(0, 3, n)))
        turned.append("[k, n]" in step.source())
    assert turned[0] and not turned[2], "where there are at least as many features as rows"


@pytest.mark.parametrize("model", ["dropout", "sigmoid"])
def test_200_steps_with_short_batches_a_schedule_and_evaluation_between(as_python, model):
    shape, make = MODELS[model]
    logs = []
    for wrap in (lambda f: f, tg.compile(backend="numba")):
        tg.manual_seed(1)
        net = make()
        optimizer = tg.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        schedule = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)

        def train(x, y, net=net, optimizer=optimizer):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss

        train, evaluate = wrap(train), wrap(tg.no_grad()(lambda x, net=net: net(x)))
        rng, log = np.random.default_rng(0), []
        for i in range(200):
            x = tg.from_numpy(rng.standard_normal((3 if i % 7 == 6 else 8, *shape)).astype(np.float32))
            net.train()
            log.append(train(x, tg.from_numpy(rng.integers(0, 3, len(x)))).array)
            schedule.step()
            net.eval()
            log.append(evaluate(x).array)
        logs.append(log + [p.array for p in net.parameters()])
    for a, b in zip(*logs, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-3, atol=2e-4)


def test_products_have_one_blas_thread_each_while_the_step_runs(monkeypatch):
    seen = []

    class Watching(PlainLauncher):
        def __call__(self, places):
            seen.append(blas.get())
            super().__call__(places)

    blas = numba_plan.Blas(importlib.import_module("scipy.linalg.cython_blas"))
    monkeypatch.setattr(numba_plan, "compiled_module", plain_module)
    monkeypatch.setattr(numba_calls, "Launcher", Watching)
    before = blas.get()
    if not before:
        pytest.skip("this BLAS does not say how many threads it has")
    step = trained("mlp", "sgd", True, batches=(4,))[3]
    blas.choose(3)
    try:
        step(tg.ones(4, 3, 4), tg.tensor([0, 1, 2, 0]))
        step(tg.ones(4, 3, 4), tg.tensor([0, 1, 2, 0]))
        after = blas.get()
    finally:
        blas.choose(before)
    assert set(seen) == {1} and after == 3


@pytest.mark.parametrize("model", ["mlp", "convolution"])
def test_a_step_leaves_nothing_behind_and_makes_no_arrays(model):
    step = trained(model, "adam", True, batches=(64,) * 3)[3]
    x, y = tg.randn(64, *MODELS[model][0]), tg.from_numpy(np.arange(64) % 3)
    for _ in range(20):
        step(x, y)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(20):
            step(x, y)
        start = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(100):
            step(x, y)
        end, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert end - start < 1024  # after 100 steps
    assert peak - start < 4096  # Python's own small objects: the signature, the result


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_any_number_of_threads(as_python, monkeypatch, threads):
    monkeypatch.setattr(numba_plan, "get_num_threads", lambda: threads)
    monkeypatch.setattr(numba, "set_num_threads", lambda n: None)
    same(trained("convolution", "adam", False), trained("convolution", "adam", True))


@pytest.mark.parametrize("model", ["sigmoid", "padded"])
def test_compiled_for_real(model):
    eager, fast = trained(model, "adam", False, smoothing=0.0), trained(model, "adam", True, smoothing=0.0)
    same(eager, fast)
    again = trained(model, "adam", True, smoothing=0.0)
    assert fast[0] == again[0], "threads that do not wait for each other give other numbers from run to run"


def test_division_by_zero_is_numpys():
    @tg.compile(backend="numba")
    def divide(a, b):
        return a / b

    a, b = tg.tensor([[1.0, -1.0, 0.0]] * 3), tg.tensor([[0.0, 0.0, 0.0]] * 3)
    with np.errstate(all="ignore"):
        for _ in range(3):
            out = divide(a, b).numpy()
    assert np.isposinf(out[:, 0]).all() and np.isneginf(out[:, 1]).all() and np.isnan(out[:, 2]).all()


def plan_of(step):
    return step.plan().replay


def test_the_whole_step_is_one_kernel_of_few_phases(as_python):
    plan = plan_of(trained("mlp", "adam", True)[3])
    assert len(plan.kernels) == 1 and len(plan.kernels[0].phases) == 2
    assert not [task for task in plan.tasks if task.rows is None], "NumPy has nothing to do"
    plan = plan_of(trained("convolution", "adam", True)[3])
    assert len(plan.kernels) == 1 and len(plan.kernels[0].phases) == 2


def test_products_of_a_step_are_counted(as_python):
    source = trained("mlp", "sgd", True)[3].source()
    assert source.count("np.dot(") == 5  # two forward, two for weights, one for the hidden layer: none for the input


def test_what_lies_between_convolution_and_pooling_is_one_image(as_python):
    plan = plan_of(trained("one convolution", "sgd", True)[3])
    scratch = plan.kernels[0].scratch
    assert any(name.startswith("conv2d") for name in scratch)
    assert not any(v.name.startswith("conv2d") for v in plan.program.offsets)
    row = next(line for line in str(plan.program).splitlines() if " conv2d " in line)
    assert "scratch, a row" in row


def test_the_source_is_readable(as_python):
    source = trained("dropout", "adam", True)[3].source()
    wanted = "# linear in 0 Linear", "layer_0_weight.T", "for t in prange(threads):", "adam(layer_0_weight[", "kept("
    for line in wanted:
        assert line in source
    compile(source, "source", "exec")


def test_the_table_times_a_kernel_as_a_whole(as_python):
    program = trained("unknown operations", "sgd", True)[3].program()
    timed = [s.name for s in program.instructions if s.microseconds]
    assert "linear" not in timed and "flip" in timed and len(program.wholes) > 1
    assert all(spent > 0 for spent in program.wholes.values()) and "instructions at once: " in str(program)


def test_operations_that_the_loops_do_not_know_go_to_numpy(as_python):
    plan = plan_of(trained("groups", "sgd", True)[3])
    whole = {task.name for task in plan.tasks if task.rows is None}
    assert {"conv2d", "conv2d_weight_gradient"} <= whole and "linear" not in whole


def test_a_model_in_evaluation(as_python):
    model = MODELS["convolution"][1]()
    predict = tg.compile(model, backend="numba")
    x = tg.randn(4, 1, 7, 7)
    with tg.no_grad():
        for _ in range(3):
            np.testing.assert_allclose(predict(x).array, model(x).array, rtol=1e-5, atol=1e-6)


def test_an_optimizer_that_changes_update_alone_is_left_to_numpy(as_python):
    class Signed(tg.optim.SGD):
        def update(self, p, g, state, group):
            p -= group["lr"] * np.sign(g)

    known = lowering.knows_loop
    assert known(tg.optim.SGD) and known(tg.optim.AdamW) and not known(Signed)


def test_parameters_and_state_replaced_between_calls(as_python):
    losses, parameters, _, step, optimizer = trained("mlp", "adam", True)
    saved = {k: {n: np.copy(v) for n, v in s.items()} for k, s in enumerate(optimizer.state.values())}
    state = optimizer.state_dict()
    rng = np.random.default_rng(5)
    x, y = tg.from_numpy(rng.standard_normal((4, 3, 4)).astype(np.float32)), tg.tensor([0, 1, 2, 0])
    before = [p.copy() for p in parameters]
    first = step(x, y).item()
    leaves = list(optimizer.state)
    for p, old in zip(leaves, before, strict=True):
        p.data = tg.from_numpy(old.copy())
    optimizer.load_state_dict(state)
    for s, old in zip(optimizer.state.values(), saved.values(), strict=True):
        for name, value in old.items():
            if name != "step":
                s[name][...] = value
            else:
                s[name] = int(value)
    assert step(x, y).item() == first
    after = [p.array.copy() for p in leaves]
    assert all((a != b).any() for a, b in zip(after, before, strict=True))


def test_wrong_labels_are_refused_before_anything_is_done(as_python):
    step, optimizer = trained("mlp", "adam", True)[3:]
    x, before = tg.randn(4, 3, 4), [p.array.copy() for p in optimizer.state]
    for bad in (3, -1):
        with pytest.raises(tg.TinygradError, match=rf"target\[2\] is {bad}, but there are 3 classes"):
            step(x, tg.tensor([0, 1, bad, 2]))
    assert all(np.array_equal(a, p.array) for a, p in zip(before, optimizer.state, strict=True))


def test_momentum_turned_on_and_off_between_calls(as_python):
    found = []
    for compile_it in (False, True):
        *_, step, optimizer = trained("mlp", "sgd", compile_it)
        rng = np.random.default_rng(3)
        for momentum in (0.0, 0.9, 0.9, 0.9, 0.0, 0.0, 0.9):
            optimizer.param_groups[0]["momentum"] = momentum
            x = tg.from_numpy(rng.standard_normal((4, 3, 4)).astype(np.float32))
            step(x, tg.tensor([0, 1, 2, 0]))
        found.append([p.array.copy() for p in optimizer.state])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)


def test_names_that_the_generated_function_uses_itself(as_python):
    k, adam, partial_1 = tg.randn(3), tg.randn(4, 3), tg.randn(3)

    @tg.compile(backend="numba")
    def step(t, n):
        return (t * n + k) * adam + partial_1

    t, n = tg.randn(4, 3), tg.randn(4, 3)
    for _ in range(3):
        np.testing.assert_allclose(step(t, n).array, ((t * n + k) * adam + partial_1).array, rtol=1e-6)


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
    "a bias with gaps": lambda x: F.linear(x, W, B[::2]),
    "a bias stretched": lambda x: F.linear(x, W, B[:1].expand(4)),
    "a bias computed, with gaps": lambda x: F.linear(x, W, (B * 2)[::2]),
    "no features": lambda x: F.linear(x[:, :0], W[:, :0]),
    "no rows": lambda x: F.linear(x[:0], W) * 2,
    "transposed": lambda x: (x.T * 2 + 1, tg.exp(x.T)),
    "less than infinity": lambda x: (x + float("-inf"), tg.maximum(x, -float("inf")), x * float("inf")),
    "a product with booleans": lambda x: (x > 0) @ W.T,
}


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
    (np.zeros((7, 12)), r"got       float64 \(7, 12\)"),
    ([[0.0] * 12] * 7, "got       list"),
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
    with pytest.raises(tg.TinygradError, match="unknown backend 'cuda'"):
        tg.compile(lambda x: x, backend="cuda")
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
