"""Optimizers and schedules: by hand, against PyTorch where it is installed, saved and continued, refusing bad settings.

The numbers of the hand-computed trajectories stand in comments with their arithmetic.
Look next at ../nn/test_nn_torch.py.
"""

import json
import tracemalloc

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import optim
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, StateDictError
from tinygrad_mnist.optim import lr_scheduler

# ---------------------------------------------------------------- defaults and trajectories of PyTorch


SETTINGS = [
    ("SGD", {"lr": 0.05}), ("SGD", {"lr": 0.05, "weight_decay": 0.1}), ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.5, "dampening": 0.3}), ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "dampening": 0.1, "weight_decay": 0.05}), ("SGD", {"lr": 0.0}), ("Adam", {}),
    ("Adam", {"lr": 0.05}), ("Adam", {"lr": 0.05, "betas": (0.5, 0.9)}), ("Adam", {"lr": 0.05, "betas": (0.0, 0.0)}),
    ("Adam", {"lr": 0.05, "eps": 0.1}), ("Adam", {"lr": 0.05, "weight_decay": 0.1}), ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3}), ("AdamW", {"lr": 0.05, "weight_decay": 0.0, "betas": (0.8, 0.95)}),
]  # fmt: skip


@pytest.mark.parametrize("name, settings", SETTINGS, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_trajectories_are_those_of_pytorch(name, settings, dtype):
    """60 steps down a function of three parameters: one larger than a block, two without gradient at times."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    starts = [rng.standard_normal(s).astype(dtype) for s in ((3, 2), (), (17_000,))]
    ours = [tg.tensor(s, requires_grad=True) for s in starts]
    theirs = [torch.tensor(s, requires_grad=True) for s in starts]
    optimizers = getattr(optim, name)(ours, **settings), getattr(torch.optim, name)(theirs, foreach=False, **settings)
    for step in range(60):
        for parameters, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            a, b, c = parameters
            loss = (a * a).sum() * 0.1 + (a.sum() * 0.1 - b) ** 2 + ((c - b) ** 2).sum() * 2e-4
            if step % 3 == 1:
                loss = (a * a).sum()  # b and c get no gradient
            loss.backward()
            optimizer.step()
        for x, y in zip(ours, theirs, strict=True):
            # Adam magnifies rounding of tiny gradients
            rtol, atol = (1e-9, 1e-10) if dtype == np.float64 else (2e-3, 2e-3)
            np.testing.assert_allclose(x.array, y.detach().numpy(), rtol=rtol, atol=atol)
    assert all(p.dtype == dtype for p in ours)


# ---------------------------------------------------------------- groups, state, saving


def quadratic(parameters):
    loss = parameters[0].sum() * 0
    for k, p in enumerate(parameters):
        loss = loss + ((p - k) * (p - k) * (k + 1)).sum()
    return loss


def leaves(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [tg.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes]


def step(optimizer, parameters, times=1):
    for _ in range(times):
        optimizer.zero_grad()
        quadratic(parameters).backward()
        optimizer.step()


def test_groups_have_settings_of_their_own():
    p, q, r = leaves(2, 2, 2)
    before = [x.array.copy() for x in (p, q, r)]
    optimizer = optim.SGD([{"params": [p]}, {"params": q, "lr": 0.5, "momentum": 0.9}], lr=0.1)
    optimizer.add_param_group({"params": [r], "weight_decay": 1.0})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5, 0.1]
    assert [g["momentum"] for g in optimizer.param_groups] == [0, 0.9, 0]
    for x in (p, q, r):
        x.grad = tg.ones(2, dtype=np.float64)
    optimizer.step()
    np.testing.assert_allclose(p.array, before[0] - 0.1)
    np.testing.assert_allclose(q.array, before[1] - 0.5)
    np.testing.assert_allclose(r.array, before[2] - 0.1 * (1 + before[2]))


def test_settings_can_change_between_steps():
    (p,) = leaves(1)
    optimizer = optim.SGD([p], lr=0.1)
    p.grad = tg.ones(1, dtype=np.float64)
    start = p.item()
    optimizer.step()
    optimizer.param_groups[0].update(lr=1.0, momentum=0.5)
    optimizer.step()  # v = 1
    optimizer.step()  # v = 0.5 + 1
    assert p.item() == pytest.approx(start - 0.1 - 1.0 - 1.5)


def test_parameters_without_gradient_stay_and_cost_no_state():
    p, q = leaves(2, 2)
    optimizer = optim.Adam([p, q])
    before = q.array.copy()
    p.grad = tg.ones(2, dtype=np.float64)
    optimizer.step()
    np.testing.assert_array_equal(q.array, before)
    assert list(optimizer.state) == [p]


MAKERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "SGD dampening": lambda p: optim.SGD(p, lr=0.01, momentum=0.9, dampening=0.5, weight_decay=0.1),
    "SGD plain": lambda p: optim.SGD(p, lr=0.01), "Adam": lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "groups": lambda p: optim.SGD([{"params": p[:1]}, {"params": p[1:], "momentum": 0.9, "lr": 0.02}], lr=0.01),
}


@pytest.mark.parametrize("name", MAKERS)
def test_saved_state_continues_bit_for_bit(name):
    make = MAKERS[name]
    straight, broken = leaves((3, 2), 4), leaves((3, 2), 4)
    first = make(straight)
    step(first, straight, 9)
    second = make(broken)
    step(second, broken, 4)
    saved = second.state_dict()
    moved = [tg.tensor(p.array.copy(), requires_grad=True) for p in broken]
    third = make(moved)
    third.load_state_dict(saved)
    step(second, broken, 5)  # what was loaded was copied: the old optimizer goes on without disturbing the new one
    step(third, moved, 5)
    for a, b, c in zip(straight, broken, moved, strict=True):
        np.testing.assert_array_equal(a.array, c.array)
        np.testing.assert_array_equal(b.array, c.array)


def test_loading_restores_the_settings():
    p, q = leaves(2), leaves(2)
    a = optim.SGD(p, lr=0.3, momentum=0.9, nesterov=True)
    step(a, p, 2)
    b = optim.SGD(q, lr=0.1)
    b.load_state_dict(a.state_dict())
    assert b.param_groups[0]["lr"] == 0.3 and b.param_groups[0]["nesterov"]
    np.testing.assert_array_equal(b.state[q[0]]["momentum_buffer"], a.state[p[0]]["momentum_buffer"])


def test_state_dict_names_parameters_by_position_and_can_be_json():
    p = leaves(2, 3)
    optimizer = optim.Adam(p)
    step(optimizer, p)
    saved = optimizer.state_dict()
    assert [g["params"] for g in saved["param_groups"]] == [[0, 1]] and set(saved["state"]) == {0, 1}
    plain = json.loads(json.dumps(saved, default=lambda a: a.tolist()))
    other = leaves(2, 3)
    again = optim.Adam(other)
    again.load_state_dict(plain)
    assert again.state[other[1]]["step"] == 1
    np.testing.assert_array_equal(again.state[other[1]]["exp_avg"], optimizer.state[p[1]]["exp_avg"])


def test_state_of_another_optimizer_is_refused_and_nothing_changes():
    p = leaves(2, 3)
    adam = optim.Adam(p)
    step(adam, p)
    saved = adam.state_dict()
    for other, problem in (
        (optim.SGD(leaves(2, 3), momentum=0.9), "does not fit"), (optim.Adam(leaves(2)), "groups of"),
        (optim.Adam(leaves(2, 4)), r"exp_avg \(3,\) instead of \(4,\)"),
    ):
        settings = [dict(g, params=None) for g in other.param_groups]
        with pytest.raises(StateDictError, match=problem):
            other.load_state_dict(saved)
        assert other.state == {} and settings == [dict(g, params=None) for g in other.param_groups]
    with pytest.raises(StateDictError, match="no groups"):
        adam.load_state_dict({})


def test_zero_grad_forgets_or_zeroes():
    p, q = leaves(2, 2)
    optimizer = optim.SGD([p, q], lr=0.1)
    p.grad = tg.ones(2, dtype=np.float64)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0] and q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_zeroing_a_recorded_gradient_lets_go_of_its_graph():
    (p,) = leaves(2)
    (p * p).sum().backward(create_graph=True)
    optimizer = optim.SGD([p], lr=0.1)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0] and not p.grad.requires_grad


def test_closure_is_called_with_recording_and_gives_the_loss():
    p = leaves(2)
    optimizer = optim.SGD(p, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = quadratic(p)
        loss.backward()
        return loss

    before = quadratic(p).item()
    with tg.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == before and quadratic(p).item() < before


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.Adam(p, lr=0.1)])
def test_memory_order_of_parameters_and_gradients_does_not_matter(make):
    rng = np.random.default_rng(0)
    start, g = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    results = []
    for order_p in "CF":
        for order_g in "CF":
            p = tg.from_numpy(np.array(start, order=order_p)).requires_grad_()
            alias = p.detach()
            optimizer = make([p])
            for _ in range(2):
                p.grad = tg.from_numpy(np.array(g, order=order_g))
                optimizer.step()
            results.append(p.array)
            np.testing.assert_array_equal(alias.array, p.array)
    for r in results[1:]:
        np.testing.assert_array_equal(r, results[0])
    assert not np.allclose(results[0], start)


@pytest.mark.thread_unsafe(reason="traces the memory of all threads")
@pytest.mark.parametrize("name, settings", [s for s in SETTINGS if s[1].get("lr") != 0.0], ids=str)
def test_steps_need_no_memory_of_the_parameters_size(name, settings, threads):
    threads(1)  # another thread would get its scratch memory at any time
    p = tg.zeros(1_000_000, requires_grad=True)
    p.grad = tg.ones(1_000_000)
    optimizer = getattr(optim, name)([p], **settings)
    data = p.array
    optimizer.step()  # makes the state
    tracemalloc.start()
    try:
        optimizer.step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000  # the parameter has 4 000 000 bytes
    assert p.array is data and p.grad.tolist()[0] == 1.0


def test_the_gradient_is_not_changed_by_a_step():
    for make in MAKERS.values():
        ps = leaves(2, 3)
        for p in ps:
            p.grad = tg.ones(*p.shape, dtype=np.float64)
        make(ps).step()
        assert all(set(p.grad.tolist()) == {1.0} for p in ps)


def test_repr_names_the_settings():
    text = repr(optim.SGD(leaves(2, 3), lr=0.1))
    assert "SGD(" in text and "2 tensors, 5 numbers" in text and "lr=0.1" in text


# ---------------------------------------------------------------- schedules

SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}), ("StepLR", {"step_size": 7}), ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 10}), ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}), ("OneCycleLR", {"max_lr": 0.5, "total_steps": 25}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 40, "pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 100.0}),
]  # fmt: skip


@pytest.mark.parametrize("name, settings", SCHEDULES, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_schedules_are_those_of_pytorch(name, settings):
    torch = pytest.importorskip("torch")
    p, q = leaves(1, 1)
    ours = optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.4}], lr=0.2)
    a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    theirs = torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.4}], lr=0.2)
    mine = getattr(lr_scheduler, name)(ours, **settings)
    other = getattr(torch.optim.lr_scheduler, name)(theirs, **settings)
    for _ in range(25):
        np.testing.assert_allclose(mine.get_last_lr(), other.get_last_lr(), rtol=1e-9, atol=1e-15)
        assert mine.get_last_lr() == [g["lr"] for g in ours.param_groups]
        ours.step()
        mine.step()
        theirs.step()
        other.step()


@pytest.mark.parametrize("name, settings", SCHEDULES, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_schedules_continue_from_their_state(name, settings):
    def make():
        return getattr(lr_scheduler, name)(optim.SGD(leaves(1), lr=0.2), **settings)

    straight, first, second = make(), make(), make()
    for _ in range(9):
        straight.step()
    for _ in range(4):
        first.step()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.get_last_lr() == first.get_last_lr()
    for _ in range(5):
        second.step()
    assert second.get_last_lr() == straight.get_last_lr()


def test_schedules_by_hand():
    # 0.8, halved every 2 steps
    schedule = lr_scheduler.StepLR(optim.SGD(leaves(1), lr=0.8), step_size=2, gamma=0.5)
    assert [(*schedule.get_last_lr(), schedule.step())[0] for _ in range(5)] == [0.8, 0.8, 0.4, 0.4, 0.2]
    # cosine from 1 to 0.2 in 4 steps: 0.2 + 0.8·(1 + cos(πt/4))/2
    schedule = lr_scheduler.CosineAnnealingLR(optim.SGD(leaves(1), lr=1.0), T_max=4, eta_min=0.2)
    got = [(*schedule.get_last_lr(), schedule.step())[0] for _ in range(5)]
    assert got == pytest.approx([1.0, 0.2 + 0.4 * (1 + 0.5**0.5), 0.6, 0.2 + 0.4 * (1 - 0.5**0.5), 0.2])


def test_one_cycle_refuses_to_go_on_after_its_end():
    schedule = lr_scheduler.OneCycleLR(optim.SGD(leaves(1), lr=0.1), max_lr=1.0, total_steps=3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(ArgumentError, match="beyond the end"):
        schedule.step()


# ---------------------------------------------------------------- bad settings


@pytest.mark.parametrize("name, settings, message", [
    ("SGD", {"lr": -0.1}, "SGD: lr is out of range"), ("SGD", {"lr": float("nan")}, "SGD: lr is out of range"),
    ("SGD", {"momentum": -0.5}, "SGD: momentum is out of range"),
    ("SGD", {"weight_decay": -1.0}, "SGD: weight_decay is out of range"),
    ("SGD", {"nesterov": True}, "SGD: nesterov needs momentum"),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "SGD: nesterov needs momentum and no dampening"),
    ("Adam", {"lr": -1.0}, "Adam: lr is out of range"), ("Adam", {"betas": (1.0, 0.9)}, "Adam: beta1 is out of range"),
    ("Adam", {"betas": (0.9, -0.1)}, "Adam: beta2 is out of range"),
    ("Adam", {"eps": -1e-8}, "Adam: eps is out of range"),
    ("AdamW", {"weight_decay": -0.1}, "AdamW: weight_decay is out of range"),
])  # fmt: skip
def test_settings_out_of_range(name, settings, message):
    with pytest.raises(ArgumentError, match=message):
        getattr(optim, name)(leaves(1), **settings)


def test_wrong_parameters():
    (p,) = leaves(1)
    for wrong, error, message in (
        (p, DTypeError, "SGD: params is a single tensor"), ([p, p], ArgumentError, "given twice"),
        ([{"params": [p]}, {"params": [p]}], ArgumentError, "given twice"),
        ([p, p * 2], DTypeError, r"params\[1\] cannot be optimized"), ([tg.tensor([1])], DTypeError, "int64"),
        ([np.ones(2)], DTypeError, "ndarray"), ([{"params": [p], "lr": -1.0}], ArgumentError, "out of range"),
        ([("p", p), tg.ones(2)], ArgumentError, "some parameters have names"),
        ([{"params": [("p", p)]}, {"params": [tg.ones(2)]}], ArgumentError, "some parameters have names"),
        ([{"params": [p], "learning_rate": 1}], ArgumentError, "unknown setting 'learning_rate'"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            optim.SGD(wrong)


ADAM = {"lr": 0.1, "betas": (0.5, 0.75)}
# name: the optimizer, the gradients that come, where a parameter that starts at 1 goes, and (of some) its moments
BY_HAND = {
    # 1 - 0.1·0.5 = 0.95; 0.95 - 0.1·(-1) = 1.05; 1.05 - 0.1·2 = 0.85
    "sgd": (lambda p: optim.SGD(p, lr=0.1), [0.5, -1.0, 2.0], [0.95, 1.05, 0.85]),
    # d = 0.5 + 0.2·1 = 0.7: 1 - 0.07 = 0.93; d = 0.5 + 0.2·0.93 = 0.686: 0.93 - 0.0686 = 0.8614
    "sgd weight decay": (lambda p: optim.SGD(p, lr=0.1, weight_decay=0.2), [0.5, 0.5], [0.93, 0.8614]),
    # v = 1: 1 - 0.1 = 0.9; v = 0.9·1 + 1 = 1.9: 0.9 - 0.19 = 0.71; v = 0.9·1.9 + 1 = 2.71: 0.71 - 0.271 = 0.439
    "sgd momentum": (lambda p: optim.SGD(p, lr=0.1, momentum=0.9), [1.0, 1.0, 1.0], [0.9, 0.71, 0.439]),
    # v = 1 (the first step is not dampened): 0.9; v = 0.9 + 0.5·1 = 1.4: 0.9 - 0.14 = 0.76;
    # v = 0.9·1.4 + 0.5·2 = 2.26: 0.76 - 0.226 = 0.534
    "sgd dampening": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5), [1.0, 1.0, 2.0], [0.9, 0.76, 0.534]),
    # v = 1, step 1 + 0.9·1 = 1.9: 1 - 0.19 = 0.81; v = 0.9 + 2 = 2.9, step 2 + 0.9·2.9 = 4.61: 0.81 - 0.461 = 0.349
    "sgd nesterov": (lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True), [1.0, 2.0], [0.81, 0.349]),
    # d = 1 + 0.1·1 = 1.1, v = 1.1, step 1.1 + 0.5·1.1 = 1.65: 1 - 0.165 = 0.835
    # d = 1 + 0.1·0.835 = 1.0835, v = 0.5·1.1 + 1.0835 = 1.6335, step 1.0835 + 0.81675 = 1.90025:
    # 0.835 - 0.190025 = 0.644975
    "sgd nesterov, weight decay": (
        lambda p: optim.SGD(p, lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.1), [1.0, 1.0], [0.835, 0.644975]),
    # t=1, g=2: m = 1, v = 0.25·4 = 1; m̂ = 1/0.5 = 2, v̂ = 1/0.25 = 4; step 0.1·2/2 = 0.1: 0.9
    # t=2, g=1: m = 0.5·1 + 0.5·1 = 1, v = 0.75·1 + 0.25·1 = 1; m̂ = 1/0.75 = 4/3, v̂ = 1/0.4375 = 16/7;
    #           step 0.1·(4/3)/√(16/7) = 0.1·√7/3 = 0.08819171036881969: 0.8118082896311803
    "adam": (lambda p: optim.Adam(p, eps=0, **ADAM), [2.0, 1.0], [0.9, 0.8118082896311803]),
    # g = 2 + 0.5·1 = 2.5: the first step of Adam is lr·g/|g| = 0.1 all the same, but m = 0.5·2.5, v = 0.25·2.5²
    "adam weight decay": (lambda p: optim.Adam(p, eps=0, weight_decay=0.5, **ADAM), [2.0], [0.9], [1.25, 1.5625]),
    # p = 1·(1 - 0.1·0.5) = 0.95, then the first Adam step 0.1: 0.85; m = 0.5·2 = 1 knows nothing of the decay
    "adamw weight decay": (lambda p: optim.AdamW(p, eps=0, weight_decay=0.5, **ADAM), [2.0], [0.85], [1.0, 1.0]),
    # ε is added outside the root. t=1, g=2: m̂ = 2, √v̂ = 2; step 0.1·2/(2 + 2) = 0.05: 0.95
    "adam epsilon": (lambda p: optim.Adam(p, eps=2.0, **ADAM), [2.0], [0.95]),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    make, gradients, expected, *moments = BY_HAND[name]
    p = tg.tensor(np.array([1.0]), requires_grad=True)
    optimizer = make([p])
    for g, want in zip(gradients, expected, strict=True):
        p.grad = tg.tensor(np.array([g]))
        optimizer.step()
        assert p.item() == pytest.approx(want, rel=1e-12)
    for wanted in moments:
        assert [optimizer.state[p][m][0] for m in ("exp_avg", "exp_avg_sq")] == wanted
