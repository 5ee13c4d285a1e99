"""How a plan does it: the passes one by one and on random programs, memory, counts, and what people see of it."""

import gc
import importlib
import re
import shutil
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_data import trained

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.compiler import Compiled, memory
from tinygrad_mnist.core import backend
from tinygrad_mnist.core.errors import CaptureError, DTypeError
from tinygrad_mnist.optim import SGD, Adam


def flat(*layers):
    return nn.Sequential(nn.Flatten(), *layers)


STEPS = {  # the six of the benchmark: model, optimizer, batch (the convolutional ones a quarter of it)
    "128 relu sgd": (lambda: flat(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)), lambda p: SGD(p, lr=0.1), 64),
    "100 100 sigmoid momentum": (
        lambda: flat(nn.Linear(784, 100), nn.Sigmoid(), nn.Linear(100, 100), nn.Sigmoid(), nn.Linear(100, 10)),
        lambda p: SGD(p, lr=0.1, momentum=0.9), 200,
    ),
    "300 100 relu adam": (
        lambda: flat(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)), Adam, 200,
    ),
    "80 70 relu sgd": (
        lambda: flat(nn.Linear(784, 80), nn.ReLU(), nn.Linear(80, 70), nn.ReLU(), nn.Linear(70, 10)),
        lambda p: SGD(p, lr=0.1), 64,
    ),
    "conv32 pool 128": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            flat(nn.Linear(32 * 13 * 13, 128), nn.ReLU(), nn.Linear(128, 10)),
        ), Adam, 16,
    ),
    "conv32 conv64 pool 128": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            flat(nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10)),
        ), Adam, 16,
    ),
}  # fmt: skip


def compiled_step(name):
    """A compiled step that has settled, and a batch for it."""
    make, optimizer_of, n = STEPS[name]
    model = make()
    step = tg.compile(trained(model, optimizer_of(model.parameters())))
    draw = np.random.default_rng(0)
    x, y = tg.from_numpy(draw.random((n, 1, 28, 28), dtype=np.float32)), tg.from_numpy(draw.integers(0, 10, n))
    for _ in range(3):
        step(x, y)
    return step, x, y


# ---------------------------------------------------------------- memory and counts


@pytest.mark.parametrize("name", STEPS)
def test_a_replay_allocates_no_arrays_and_nothing_grows(name):
    """What is left are Python's own small objects and, in convolutional steps, buffers inside NumPy's loops."""
    step, x, y = compiled_step(name)
    convolutional = "conv" in name
    bound, peaks, blocks = step.latest.replay.bound.function, [], []
    tracemalloc.start()
    try:
        for _ in range(12):  # the first fill Python's lists of free objects, and the scratch memory of each thread
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            step(x, y)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    buffers = 128 if convolutional else 40 if np.lib.NumpyVersion(np.__version__) < "2.3.0" else 4
    assert min(peaks) < buffers * 1024  # the arrays have megabytes
    for _ in range(4):
        for _ in range(5):
            step(x, y)
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    assert step.latest.replay.bound.function is bound  # nor was anything bound anew
    assert min(np.diff(blocks)) < (100 if convolutional else 20)  # other threads allocate at times of their own


COUNTS = {  # matrix products; other instructions that are no views; bytes of the block for them
    "128 relu sgd": 5, "100 100 sigmoid momentum": 8, "300 100 relu adam": 8, "80 70 relu sgd": 8,
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_products_of_a_step_are_counted(name, monkeypatch):
    """Two forward and two backward for every layer, but none for the gradient of the batch."""
    step, x, y = compiled_step(name)
    products = []

    class Counting:
        def __getattr__(self, function):
            if function == "matmul":
                products.append(function)
            return getattr(np, function)

    bound = step.latest.replay.bound
    monkeypatch.setitem(bound.names, "np", Counting())
    bound.run([x.array, y.array])
    assert len(products) == COUNTS[name] == step.source().count("np.matmul(")


@pytest.mark.parametrize("name", STEPS)
def test_instructions_and_memory_are_few(name):
    step, *_ = compiled_step(name)
    program = step.program(measure=False)
    layers = STEPS[name][0]().modules()
    weights = sum(isinstance(m, nn.Linear | nn.Conv2d) for m in layers)
    done = [s for s in program.instructions if not s.is_view]
    assert len(done) <= 11 * weights + 2
    assert not [s for s in done if s.name in ("clone", "cast", "write", "broadcast_to")]
    results = {v for s in done for v in s.outputs if v.origin == "result"}
    assert program.size < sum(v.nbytes for v in results)
    assert set(program.offsets) == {v.root for v in results} - {v.root for _, v in program.gradients}
    floats = {v.dtype for s in program.instructions for v in (*s.values(), *s.outputs) if v.dtype.kind == "f"}
    assert floats == {np.dtype(np.float32)}  # no float64 anywhere


# ---------------------------------------------------------------- random steps, all passes together


@st.composite
def recipes(draw):
    """What a random step does, as data: eager and compiled follow the same recipe."""
    places = st.integers(0, 99)
    return draw(st.lists(st.tuples(st.integers(0, 18), places, places), min_size=1, max_size=16))


def running(a, b, j, buffer):
    with tg.no_grad():
        buffer.mul_(0.9).add_(a if a.shape == buffer.shape else a.T)
    return buffer * 1.0 if j % 2 else buffer + 0


def with_a_row(a, b, j, buffer):
    c = a * 1.0
    c[0] = b[0]
    return c


OPERATIONS = [
    lambda a, b, *_: a + b, lambda a, b, *_: a * b, lambda a, *_: a.relu(), lambda a, *_: a.T,
    lambda a, *_: (a - a.mean()).tanh(), lambda a, *_: a.softmax(1), lambda a, *_: a + a.sum(0, keepdim=True),
    lambda a, *_: a.flip(0), lambda a, *_: a.reshape(-1).reshape(*reversed(a.shape)),
    lambda a, b, *_: a.clone().mul_(0.5).add_(b), lambda a, b, *_: tg.where(a > b, a, b * 0.5),
    lambda a, b, *_: a @ (b + 0.5).T @ b, running, lambda a, *_: nn.functional.dropout(a, 0.5),
    lambda a, b, j, _: a[j % a.shape[0]].unsqueeze(0) + a, with_a_row, lambda a, *_: a.sigmoid() + a.sigmoid(),
    lambda a, *_: a.expand(2, *a.shape).sum(0) * 0.5, lambda a, *_: a.clamp(-1, 1).exp().detach(),
]  # fmt: skip


def follow(recipe, x, w, buffer):
    """Compute on 3 x 4 matrices (and 4 x 3 ones), with views, repeats, changes in place and effects."""
    made = [x, w * 1.0]
    for kind, i, j in recipe:
        a, b = made[i % len(made)], made[j % len(made)]
        made.append(OPERATIONS[kind](a, b if b.shape == a.shape else b.T, j, buffer))
    loss = sum((m.square().mean() for m in made[1:]), start=tg.zeros())
    w.grad = None
    loss.backward()
    with tg.no_grad():
        w -= 0.01 * w.grad
    return [m.detach() for m in made[-3:]], loss


@given(recipes())
def test_random_steps_agree_bit_for_bit(recipe):
    runs = []
    for wrap in (lambda f: f, tg.compile):
        draw = np.random.default_rng(0)
        tg.manual_seed(0)
        w = tg.tensor(draw.standard_normal((3, 4)).astype(np.float32), requires_grad=True)
        buffer = tg.tensor(draw.standard_normal((3, 4)).astype(np.float32))
        step = wrap(lambda x, w=w, buffer=buffer: follow(recipe, x, w, buffer))
        log = []
        for _ in range(5):
            with np.errstate(all="ignore"):  # infinities must agree, too
                results, loss = step(tg.tensor(draw.standard_normal((3, 4)).astype(np.float32)))
            arrays = [t.array.copy() for t in (*results, loss, w, w.grad, buffer)]
            log.append(arrays)
        runs.append(log)
    np.testing.assert_equal(runs[1], runs[0])


def still_read(p):
    """Overwrite an input that a later instruction reads."""
    for step in p.instructions:
        if step.name == "add" and step.inputs[0].fits(step.outputs[0]) and step.inputs[0].origin == "result":
            step.outputs[0].take(step.inputs[0])


def all_in_one_place(p):
    """Give every value the same memory."""
    offsets, size = memory.assign_memory(p)
    return dict.fromkeys(offsets, 0), size


def drops_a_write(p):
    """Forget what is written to memory from outside."""
    p.instructions = [s for s in p.instructions if s.name != "write"]


def reads_old_parameters(p):
    """Take what is computed from parameters for constant."""
    for step in p.instructions:
        for v in step.values():
            if v.origin == "state":
                v.source = tg.tensor(v.source.array.copy())


@pytest.mark.parametrize("place, mistake", [
    ("run_in_place", still_read), ("assign_memory", all_in_one_place), ("write_through", drops_a_write),
    ("simplify", reads_old_parameters),
])
def test_planted_mistakes_in_passes_are_caught(place, mistake, monkeypatch):
    def run(wrap):
        w = tg.tensor(np.linspace(0, 1, 9).reshape(3, 3), requires_grad=True)

        def step(x):
            w.grad = None
            y = (x * w).exp()
            z = y + 1
            loss = (z * y).sum() + (z.T @ y).tanh().sum()
            loss.backward()
            with tg.no_grad():
                w.sub_(w.grad, alpha=0.01)
            return loss

        step = wrap(step)
        return [(step(tg.full((3, 3), i / 4, dtype=np.float64)).item(), w.tolist()) for i in range(3)]

    want = run(lambda f: f)
    assert run(tg.compile) == want
    monkeypatch.setattr(importlib.import_module("tinygrad_mnist.compiler.replay"), place, mistake)
    with pytest.raises(CaptureError, match="a replay does not repeat"):  # so wrong that the second call notices
        run(tg.compile)
    monkeypatch.setattr(Compiled, "verify", lambda self, key, plan, tensors, args, kwargs: plan.run(tensors))
    assert run(tg.compile) != want  # and what these tests compare differs


class Net(nn.Module):
    def __init__(self):
        self.net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))

    def forward(self, x):
        return self.net(x)


def net_step():
    tg.manual_seed(2)
    model = Net()
    optimizer = Adam(model.parameters(), lr=0.01)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 3)

    @tg.compile
    def step(images, labels):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss

    batch = tg.rand(8, 6), tg.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    for _ in range(3):
        step(*batch)
    return step, batch, model, optimizer, schedule


def test_the_table_lists_every_instruction_and_adds_up():
    step, *_ = net_step()
    program = step.program()
    head, rule, *rows = str(program).splitlines()
    assert head.split() == ["#", "op", "shapes", "result", "buffer", "bytes", "in", "place", "µs", "%", "module"]
    assert set(rule) == {"─"}
    table, totals = rows[: rows.index("")], rows[rows.index("") + 1 :]
    assert [row.split()[1] for row in table] == [s.name for s in program.instructions]
    column = head.index("module")
    modules = [row[column:] for row in table]
    assert modules[0] == "net.0 Linear" and "net.3 Linear (backward)" in modules and "Adam" in modules
    relu = next(row for row in table if " relu " in row)
    assert "yes" in relu and "(8, 5) → (8, 5)" in relu and "arena 0" in relu
    assert totals[0].startswith(f"{len(table)} instructions")
    without = sum(v.nbytes for s in program.instructions for v in s.outputs if v.origin == "result" and not s.is_view)
    assert totals[1].startswith(f"arena {program.size:,} bytes; without reuse {without:,}; gradients ")
    assert "forward" in totals[2] and "backward" in totals[2] and "update" in totals[2]
    assert all(s.microseconds is not None and s.microseconds >= 0 for s in program.instructions)
    assert program.size < without


def test_asking_for_the_table_changes_nothing():
    logs = []
    for look in (False, True):
        step, batch, model, optimizer, schedule = net_step()
        log = []
        for _ in range(4):
            if look:
                str(step.program())
                step.source()
                tg.viz.program(step)
            log.append(step(*batch).item())
            log += [p.tolist() for p in model.parameters()] + [p.grad.tolist() for p in model.parameters()]
            log += [schedule.last_epoch, optimizer.param_groups[0]["lr"], backend.default_generator.get_state()]
            log += [np.asarray(v).tolist() for s in optimizer.state_dict()["state"].values() for v in s.values()]
        logs.append(log)
    assert logs[0] == logs[1]


def test_the_table_without_measuring_and_of_large_arguments():
    step, *_ = net_step()
    assert "µs:" not in str(step.program(measure=False))
    big = tg.compile(lambda x, y: (x[y] * 2).sum())
    x, y = tg.ones(700, 400), tg.arange(5)
    for _ in range(2):
        assert big(x, y).item() == 4000.0
    assert big.latest.sample is None and "getitem" in str(big.program())  # measured with zeros


def test_the_source_names_parameters_modules_and_arguments():
    step, *_ = net_step()
    source = step.source()
    lines = source.splitlines()
    assert "def step(images, labels):" in lines
    for text in (
        "    # net.0 Linear", "    # net.3 Linear, backward", "    # Adam", "    kept(kept_1, generator, p=0.5)",
        "    relu(linear_1, out=linear_1)", "    steplr.step()", "    return [mean_1.copy()]",
        "    adam.apply(net_0_weight_tensor, net_0_weight_grad, adam_group)", "net_3_weight_T = net_3_weight.T",
    ):  # fmt: skip
        assert text in lines, text
    assert any(line.startswith("    np.matmul(images, net_0_weight_T, out=linear_1)") for line in lines)
    compile(source, "<step>", "exec")


def test_argument_names_that_python_numpy_or_the_step_use_already():
    step = tg.compile(lambda np, step, relu, kept, product, sum: (np + step).relu() * relu + kept - product * sum)
    batch = [tg.tensor([float(i), 2.0 * i]) for i in range(6)]
    for _ in range(3):
        assert step(*batch).tolist() == step.function(*batch).tolist()


def test_the_picture_shows_instructions_values_places_and_phases():
    step, *_ = net_step()
    source = tg.viz.program(step).source
    program = step.program(measure=False)
    assert source.count("bgcolor=") >= len([s for s in program.instructions if s.outputs and not s.is_view])
    for text in ("net.0 Linear", "net.3 Linear, backward", "<b>relu</b>", "net_0_weight", "images", "result 0", "Adam"):
        assert text in source, text
    assert source.count("#dd8b34") >= sum(s.in_place for s in program.instructions)
    assert len(re.findall(r"^\s*o\d+ \[", source, re.M)) == len(program.instructions)
    colors = dict(re.findall(r'bgcolor="(#\w+)"[^>]*><font[^>]*>arena ([\d,]+)', source))
    assert colors  # one colour per place in the block
    with pytest.raises(DTypeError, match="expected a compiled step"):
        tg.viz.program(lambda x: x)


@pytest.mark.skipif(shutil.which("dot") is None, reason="the program `dot` of graphviz is not installed")
def test_the_picture_can_be_laid_out(tmp_path):
    step, *_ = net_step()
    path = tg.viz.program(step, direction="LR").save(tmp_path / "step.svg")
    assert Path(path).read_text(encoding="utf-8").count("<svg") == 1


def test_a_deep_step_needs_no_recursion():
    w = tg.ones(2, requires_grad=True)

    @tg.compile
    def step(x):
        w.grad = None
        y = x * w
        for _ in range(3000):
            y = y.tanh() if False else y * 1.0001
        y.sum().backward()
        return y

    for _ in range(3):
        y = step(tg.ones(2))
    assert y.array[0] == pytest.approx(1.0001**3000, rel=1e-3)
    assert step.program(measure=False).size <= 256
