"""Every optimizer in compiled steps, to the bit as by itself, in place and without memory; settings may change.

The options are those of test_optimizers_torch.py.
"""

import tracemalloc

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import optim
from tinygrad_mnist.capture.guards.walk import Walk
from tinygrad_mnist.core.errors import CaptureError

OPTIONS = {
    "SGD": [{"momentum": 0.9, "maximize": True, "weight_decay": 0.1}, {"maximize": True},
            {"maximize": True, "nesterov": True, "momentum": 0.5}],
    "Adam": [{"amsgrad": True, "maximize": True}, {"maximize": True, "weight_decay": 0.1}, {"amsgrad": True}],
    "AdamW": [{"amsgrad": True}, {"maximize": True}], "Adadelta": [{}, {"weight_decay": 0.1, "maximize": True}],
    "Adagrad": [{"lr_decay": 0.1}, {"maximize": True, "initial_accumulator_value": 0.5}],
    "Adamax": [{}, {"weight_decay": 0.1, "maximize": True}],
    "NAdam": [{"decoupled_weight_decay": True, "weight_decay": 0.1}],
    "RAdam": [{}, {"decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True}],
    "RMSprop": [{}, {"centered": True, "momentum": 0.9}, {"momentum": 0.5, "weight_decay": 0.1, "maximize": True}],
    "Rprop": [{}, {"maximize": True}], "ASGD": [{"t0": 3}, {"lambd": 0.1, "weight_decay": 0.1}],
    "Muon": [{}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}],
}  # fmt: skip
EACH = [(name, settings) for name, all_ in OPTIONS.items() for settings in all_]
LOOPS = ("SGD", "Adam", "AdamW")  # whose updates are part of numba's loops, in another rounding
CHANGES = {"lr": 0.03, "weight_decay": 0.2, "eps": 1e-3, "momentum": 0.7, "alpha": 0.5, "rho": 0.5, "maximize": True,
           "betas": (0.5, 0.7), "centered": True, "amsgrad": True}  # fmt: skip


def run(name, settings, backend, count=9, resume=None):
    """Train two matrices with gradients that are the arguments themselves; change a setting from time to time."""
    rng = np.random.default_rng(2)
    ws = [tg.tensor(rng.standard_normal((6, 5)).astype(np.float32), requires_grad=True) for _ in range(2)]
    optimizer = getattr(optim, name)([{"params": ws[:1]}, {"params": ws[1:], **settings}])

    def step(x, y):
        optimizer.zero_grad()
        ((ws[0] * x).sum() + (ws[1] * y).sum()).backward()
        optimizer.step()

    if backend:
        step = tg.compile(step, backend=backend)
    found, changes = [], [(k, v) for k, v in CHANGES.items() if k in optimizer.defaults]
    for i in range(count + 2 * len(changes)):
        if i >= count and not (i - count) % 2:
            key, value = changes[(i - count) // 2]
            optimizer.param_groups[0][key] = value
        if i == resume:
            saved = optimizer.state_dict()
            optimizer = getattr(optim, name)([{"params": ws[:1]}, {"params": ws[1:]}])
            optimizer.load_state_dict(saved)
        step(*(tg.tensor(rng.standard_normal((6, 5)).astype(np.float32)) for _ in ws))
        found.append([w.array.copy() for w in ws])
    return found


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("name", "settings"), EACH, ids=lambda x: x if isinstance(x, str) else "-".join(x))
def test_compiled_steps_are_the_plain_ones(name, settings, backend):
    if backend == "numba":
        pytest.importorskip("numba")
    for resume in (None, 4):
        plain, compiled = run(name, settings, None), run(name, settings, backend, resume=resume)
        for i, (a, b) in enumerate(zip(plain, compiled, strict=True)):
            assert not np.array_equal(a, plain[i - 1])
            if backend == "numba" and name in LOOPS:
                np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)
            else:
                np.testing.assert_array_equal(a, b, err_msg=f"step {i}")


@pytest.mark.parametrize("name", LOOPS)
def test_formulas_are_the_package_s_own_and_no_step_walks_over_them(name, monkeypatch):
    walked = []
    was = Walk.reach_function
    monkeypatch.setattr(Walk, "reach_function", lambda self, f: walked.append(f.__name__) or was(self, f))
    run(name, {}, "numpy", count=2)
    assert "step" in walked and not {"change", "numbers"} & {*walked}


@pytest.mark.thread_unsafe(reason="traces the memory of all threads")
@pytest.mark.parametrize(("name", "settings"), [x for x in EACH if x[0] != "Muon"], ids=str)
def test_steps_need_no_memory_of_the_parameters_size(name, settings, threads):
    threads(1)  # another thread would get its scratch memory at any time
    p = tg.zeros(300_000, requires_grad=True)
    p.grad = tg.ones(300_000)
    optimizer = getattr(optim, name)([p], **settings)
    data = p.array
    optimizer.step()  # makes the state
    tracemalloc.start()
    try:
        optimizer.step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000 and p.array is data and (p.grad.array == 1).all()


def test_lbfgs_cannot_be_compiled_and_says_so():
    p = tg.ones(3, requires_grad=True)
    optimizer = optim.LBFGS([p])

    @tg.compile
    def step(x):
        return optimizer.step(lambda: ((p - x) ** 2).sum())

    with pytest.raises(CaptureError, match=r"LBFGS.step\(\)"):
        step(tg.zeros(3))


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "Muon"])
def test_memory_order_does_not_matter(name):
    rng = np.random.default_rng(0)
    start, g = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    results = []
    for order_p in "CF":
        for order_g in "CF":
            p = tg.from_numpy(np.array(start, order=order_p)).requires_grad_()
            optimizer = getattr(optim, name)([p])
            for _ in range(3):
                p.grad = tg.from_numpy(np.array(g, order=order_g))
                optimizer.step()
            results.append(p.array)
    for r in results[1:]:
        np.testing.assert_array_equal(r, results[0])
