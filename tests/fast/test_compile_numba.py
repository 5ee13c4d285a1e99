"""`tg.compile(step, backend="numba")`: the generated function against eager steps, run as plain Python and compiled.

Most tests run what was generated as the Python it is: quick, and every model can be tried; every array is checked to be
what the code takes it for. A few compile for real. Two threads share every phase in both.
"""

import gc
import importlib
import tracemalloc

import numpy as np
import pytest
from numba_as_python import MODELS, OPTIMIZERS, PlainLauncher, numba, numba_calls, numba_plan, plain_module, trained

import tinygrad_mnist as tg
from tinygrad_mnist.capture.program import Instruction, Program, Value
from tinygrad_mnist.core.primitive import registry
from tinygrad_mnist.fast.plan import assign_by_phase, give_results_their_names
from tinygrad_mnist.fast.tasks import Phase, Task, schedule
from tinygrad_mnist.nn import functional as F

lowering = importlib.import_module("tinygrad_mnist.fast.lowering")


def same(eager, fast):
    np.testing.assert_allclose(fast[0], eager[0], rtol=1e-5)
    for a, b in zip(eager[1] + eager[2], fast[1] + fast[2], strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)


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
    wanted = "# linear in 0 Linear", "layer_0_weight.T", "for t in prange(threads):", "(layer_0_weight[", "kept("
    assert "def adam_" in source
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


def test_an_optimizer_that_changes_update_alone_is_left_to_numpy(as_python):
    class Signed(tg.optim.SGD):
        def update(self, p, g, state, group):
            p -= group["lr"] * np.sign(g)

    class Halved(tg.optim.SGD):
        def next_step(self, p, state, group):
            rule, arrays, numbers = super().next_step(p, state, group)
            return rule, arrays, tuple(n / 2 for n in numbers)

    class Own(tg.optim.SGD):
        def __init__(self, params, lr):
            super().__init__(params, lr)

    known = lowering.knows_loop
    assert known(tg.optim.SGD) and known(tg.optim.AdamW) and known(Own) and not known(Signed) and not known(Halved)


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


def test_equal_gradients_of_two_parameters_are_both_there():
    x, gradient = value(origin="input"), value()
    total = Instruction("exp", [x], [value()], {}, registry["exp"])
    clone = Instruction("clone", [total.outputs[0]], [gradient], {}, registry["clone"])
    program = Program([total, clone], [x], [], [(None, total.outputs[0]), (None, gradient)])
    give_results_their_names(program)
    assert [s.name for s in program.instructions] == ["exp", "clone"]
