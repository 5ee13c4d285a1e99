"""Schedules against PyTorch's, step by step: several on one optimizer, rates set by hand, groups, compiled steps."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_mnist as tg
from tinygrad_mnist import optim
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, StateDictError
from tinygrad_mnist.optim import lr_scheduler

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of")  # PyTorch's, of its own order

NAMES = ["lr", "initial_lr", "max_lr", "min_lr", "momentum", "betas", "max_momentum", "base_momentum"]


def pair(name, rates, **settings):
    """Make an optimizer of ours and one of PyTorch's, with a group per rate."""
    ours = [{"params": [tg.ones(2, dtype=tg.float64, requires_grad=True)], "lr": lr} for lr in rates]
    theirs = [{"params": [torch.ones(2, dtype=torch.float64, requires_grad=True)], "lr": lr} for lr in rates]
    return getattr(optim, name)(ours, **settings), getattr(torch.optim, name)(theirs, **settings)


def train(ours, theirs):
    for optimizer in (ours, theirs):
        optimizer.zero_grad()
        sum((g["params"][0] ** 2).sum() for g in optimizer.param_groups).backward()
        optimizer.step()


def agree(ours, theirs, schedules=()):
    for mine, its in zip(ours.param_groups, theirs.param_groups, strict=True):
        assert {k for k in NAMES if k in mine} == {k for k in NAMES if k in its}
        for key in (k for k in NAMES if k in mine):
            np.testing.assert_allclose(mine[key], its[key], rtol=1e-12, atol=1e-300, err_msg=key)
    for mine, its in schedules:
        np.testing.assert_allclose(mine.get_last_lr(), its.get_last_lr(), rtol=1e-12, atol=1e-300)
        assert mine.last_epoch == its.last_epoch


def per_group(draw, count, numbers):
    return draw(st.one_of(numbers, st.lists(numbers, min_size=count, max_size=count)))


OTHERS = ["MultiStepLR", "ConstantLR", "LinearLR", "PolynomialLR", "MultiplicativeLR", "CyclicLR",
          "CosineAnnealingWarmRestarts"]  # fmt: skip


def other(draw, name, gamma, groups):
    """Draw what one of the further schedules is made with."""
    length, share = draw(st.integers(1, 9)), st.sampled_from([1.0, 0.25, 1 / 3])
    if name == "MultiStepLR":
        return {"milestones": draw(st.lists(st.integers(0, 9), max_size=4)), "gamma": gamma}
    if name == "ConstantLR":
        return {"factor": draw(share), "total_iters": draw(st.sampled_from([0, length]))}
    if name == "LinearLR":
        ends = st.sampled_from([0.0, 0.5, 1.0])
        return {"start_factor": draw(share), "end_factor": draw(ends), "total_iters": length}
    if name == "PolynomialLR":
        return {"total_iters": length, "power": draw(st.sampled_from([1.0, 0.5, 2.0]))}
    if name == "MultiplicativeLR":
        functions = [lambda t: 1 - 0.1 / (1 + t), lambda t: gamma]
        return {"lr_lambda": functions[0] if draw(st.booleans()) else [functions[i % 2] for i in range(groups)]}
    if name == "CosineAnnealingWarmRestarts":
        return {"T_0": length, "T_mult": draw(st.integers(1, 3)), "eta_min": draw(st.sampled_from([0.0, 0.003]))}
    scale = {"scale_fn": lambda x: 1 / (1 + x), "scale_mode": draw(st.sampled_from(["cycle", "iterations"]))}
    return {
        "base_lr": per_group(draw, groups, st.floats(0.001, 0.01)), "cycle_momentum": draw(st.booleans()),
        "max_lr": per_group(draw, groups, st.floats(0.01, 1.0)), "step_size_up": length,
        "step_size_down": draw(st.sampled_from([None, 1, 4])), "gamma": min(gamma, 1.0),
        "mode": draw(st.sampled_from(["triangular", "triangular2", "exp_range"])),
        "base_momentum": per_group(draw, groups, st.floats(0.5, 0.85)),
        "max_momentum": per_group(draw, groups, st.floats(0.85, 0.99)), **(scale if draw(st.booleans()) else {}),
    }  # fmt: skip


@st.composite
def schedule(draw, groups):
    """Name a schedule and draw what it is made with."""
    name = draw(st.sampled_from(["StepLR", "ExponentialLR", "CosineAnnealingLR", "LambdaLR", "OneCycleLR",
                                 "ReduceLROnPlateau", *OTHERS]))  # fmt: skip
    gamma = draw(st.floats(0.3, 1.2))
    if name in OTHERS:
        return name, other(draw, name, gamma, groups)
    if name == "StepLR":
        return name, {"step_size": draw(st.integers(1, 5)), "gamma": gamma}
    if name == "ExponentialLR":
        return name, {"gamma": gamma}
    if name == "CosineAnnealingLR":
        return name, {"T_max": draw(st.integers(1, 9)), "eta_min": draw(st.sampled_from([0.0, 0.003]))}
    if name == "LambdaLR":
        functions = [lambda t: 1 / (1 + t), lambda t: gamma**t]
        one = draw(st.booleans())
        return name, {"lr_lambda": functions[0] if one else [functions[i % 2] for i in range(groups)]}
    if name == "OneCycleLR":
        length = draw(st.integers(30, 60))
        ends = {"total_steps": length} if draw(st.booleans()) else {"epochs": 6, "steps_per_epoch": length}
        return name, {
            **ends, "max_lr": per_group(draw, groups, st.floats(0.01, 1.0)), "pct_start": draw(st.floats(0.1, 0.5)),
            "anneal_strategy": draw(st.sampled_from(["cos", "linear"])), "cycle_momentum": draw(st.booleans()),
            "base_momentum": per_group(draw, groups, st.floats(0.5, 0.85)),
            "max_momentum": per_group(draw, groups, st.floats(0.85, 0.99)), "div_factor": draw(st.floats(2, 30)),
            "final_div_factor": draw(st.floats(1, 1e4)), "three_phase": draw(st.booleans()),
        }  # fmt: skip
    return name, {
        "mode": draw(st.sampled_from(["min", "max"])), "factor": draw(st.floats(0.1, 0.9)),
        "patience": draw(st.integers(0, 3)), "threshold": draw(st.sampled_from([0.0, 1e-4, 0.1, 1.0])),
        "threshold_mode": draw(st.sampled_from(["rel", "abs"])), "cooldown": draw(st.integers(0, 2)),
        "min_lr": per_group(draw, groups, st.sampled_from([0.0, 1e-3])),
        "eps": draw(st.sampled_from([0.0, 1e-8, 1e-3])),
    }  # fmt: skip


@given(st.data())
def test_random_schedules_together_are_pytorchs(data):
    groups = data.draw(st.integers(1, 3))
    kind = data.draw(st.sampled_from(["SGD", "Adam", "AdamW"]))
    ours, theirs = pair(kind, data.draw(st.lists(st.floats(1e-3, 1.0), min_size=groups, max_size=groups)))
    train(ours, theirs)
    both = []
    for name, settings in data.draw(st.lists(schedule(groups), min_size=1, max_size=3)):
        makers = (lr_scheduler, ours), (torch.optim.lr_scheduler, theirs)
        both.append(tuple(getattr(module, name)(optimizer, **settings) for module, optimizer in makers))
        agree(ours, theirs, both)
    acts = st.sampled_from([*range(len(both)), *range(len(both)), "train", "by hand", "resume"])
    for act in data.draw(st.lists(acts, min_size=5, max_size=28)):
        if act == "train":
            train(ours, theirs)
        elif act == "by hand":
            rate = data.draw(st.floats(1e-3, 1.0))
            for g in (*ours.param_groups, *theirs.param_groups):
                g["lr"] = rate
        elif act == "resume":  # in whichever order
            saved = json.loads(json.dumps([mine.state_dict() for mine, _ in both]))
            rates = copy.deepcopy([{k: v for k, v in g.items() if k != "params"} for g in ours.param_groups])
            for (mine, _), one in zip(both, saved, strict=True):
                mine.load_state_dict(one)
            assert rates == [{k: v for k, v in g.items() if k != "params"} for g in ours.param_groups]
        else:
            figure = [data.draw(st.floats(-2, 2))] if isinstance(both[act][0], lr_scheduler.ReduceLROnPlateau) else []
            for one in both[act]:
                one.step(*figure)
        agree(ours, theirs, both)


@given(st.data())
def test_random_sequences_and_chains_are_pytorchs(data):
    groups = data.draw(st.integers(1, 2))
    rates = data.draw(st.lists(st.floats(1e-3, 1.0), min_size=groups, max_size=groups))
    both = pair(data.draw(st.sampled_from(["SGD", "Adam"])), rates)
    train(*both)
    drawn = data.draw(st.lists(schedule(groups).filter(lambda s: s[0] != "ReduceLROnPlateau"), min_size=1, max_size=3))
    kind, nested = data.draw(st.sampled_from(["SequentialLR", "ChainedScheduler"])), data.draw(st.booleans())
    milestones = sorted(data.draw(st.sets(st.integers(1, 9), min_size=len(drawn) - 1, max_size=len(drawn) - 1)))
    made = []
    for module, optimizer in zip((lr_scheduler, torch.optim.lr_scheduler), both, strict=True):
        several = [getattr(module, name)(optimizer, **settings) for name, settings in drawn]
        if nested:
            several[0] = module.ChainedScheduler(several[:1])
        if kind == "SequentialLR":
            made.append(module.SequentialLR(optimizer, several, milestones))
        else:
            made.append(module.ChainedScheduler(several, optimizer))
    acts = st.sampled_from(["step", "step", "step", "train", "resume"])
    for act in data.draw(st.lists(acts, min_size=5, max_size=25)):
        if act == "train":
            train(*both)
        elif act == "resume":
            before = [dict(g, params=None) for g in both[0].param_groups]
            made[0].load_state_dict(json.loads(json.dumps(made[0].state_dict())))
            assert before == [dict(g, params=None) for g in both[0].param_groups]
        else:
            made[0].step(), made[1].step()
        agree(*both)
        np.testing.assert_allclose(made[0].get_last_lr(), made[1].get_last_lr(), rtol=1e-12, atol=1e-300)
    if kind == "SequentialLR":
        assert made[0].last_epoch == made[1].last_epoch


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@given(st.data())
def test_steps_to_an_epoch_are_pytorchs(data):
    name, settings = data.draw(schedule(2).filter(lambda s: s[0] not in ("ReduceLROnPlateau", "OneCycleLR")))
    both = pair("SGD", [0.3, 0.1])
    modules = lr_scheduler, torch.optim.lr_scheduler
    made = [getattr(m, name)(o, **settings) for m, o in zip(modules, both, strict=True)]
    epochs = st.one_of(st.none(), st.integers(0, 12))
    fractions = st.floats(0, 12) if name == "CosineAnnealingWarmRestarts" else st.nothing()
    for epoch in data.draw(st.lists(st.one_of(epochs, fractions), max_size=8)):
        made[0].step(epoch), made[1].step(epoch)
        agree(*both, [made])


def test_what_lambdas_that_are_objects_hold_is_saved():
    class Halved:
        def __init__(self):
            self.by = 2.0

        def __call__(self, t):
            return 1 / self.by**t

    for name in ("LambdaLR", "MultiplicativeLR"):
        first, second = (getattr(lr_scheduler, name)(pair("SGD", [1.0])[0], Halved()) for _ in range(2))
        first.lr_lambdas[0].by = 4.0
        first.step()
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        first.step(), second.step()
        assert first.get_last_lr() == second.get_last_lr() and second.lr_lambdas[0].by == 4.0


def test_states_of_pytorchs_schedules_load():
    for name, settings in (
        ("StepLR", {"step_size": 2}), ("LinearLR", {}), ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}),
    ):  # fmt: skip
        ours, theirs = pair("SGD", [0.3])
        made = [getattr(m, name)(o, **settings) for m, o in ((lr_scheduler, ours), (torch.optim.lr_scheduler, theirs))]
        for _ in range(4):
            made[1].step()
        ours.load_state_dict(theirs.state_dict())
        made[0].load_state_dict(made[1].state_dict())
        assert made[0].get_last_lr() == made[1].get_last_lr()
        made[0].step(), made[1].step()
        agree(ours, theirs, [made])


def test_two_schedules_multiply_and_a_rate_set_by_hand_stays():
    ours, _ = pair("SGD", [1.0])
    a, b = lr_scheduler.StepLR(ours, 2, 0.5), lr_scheduler.ExponentialLR(ours, 0.5)
    seen = []
    for _ in range(4):
        a.step(), b.step()
        seen.append(ours.param_groups[0]["lr"])
    assert seen == [0.5, 0.125, 0.0625, 0.015625]
    ours.param_groups[0]["lr"] = 8.0
    b.step()
    assert ours.param_groups[0]["lr"] == 4.0 and b.get_last_lr() == [4.0] and a.get_last_lr() == [0.03125]


@pytest.mark.parametrize("name, settings", [
    ("StepLR", {"step_size": 2}), ("ExponentialLR", {"gamma": 0.9}), ("CosineAnnealingLR", {"T_max": 9}),
    ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}), ("OneCycleLR", {"max_lr": 0.4, "total_steps": 30}),
    ("MultiStepLR", {"milestones": [2, 4]}), ("LinearLR", {"total_iters": 8}), ("PolynomialLR", {"total_iters": 8}),
    ("ConstantLR", {"total_iters": 4}), ("MultiplicativeLR", {"lr_lambda": lambda t: 0.9}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3}), ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3}),
])  # fmt: skip
def test_resuming_by_last_epoch_and_groups_added_later(name, settings):
    ours, theirs = pair("SGD", [0.2], momentum=0.9)
    train(ours, theirs)
    both = [getattr(m, name)(o, **settings) for m, o in ((lr_scheduler, ours), (torch.optim.lr_scheduler, theirs))]
    for _ in range(3):
        both[0].step(), both[1].step()
    both = [getattr(m, name)(o, **settings, last_epoch=3)
            for m, o in ((lr_scheduler, ours), (torch.optim.lr_scheduler, theirs))]  # fmt: skip
    agree(ours, theirs, [both])
    both[0].step(), both[1].step()
    agree(ours, theirs, [both])
    ours.add_param_group({"params": [tg.ones(1, requires_grad=True)]})
    if name in ("LambdaLR", "OneCycleLR", "MultiplicativeLR", "CosineAnnealingWarmRestarts", "CyclicLR"):
        before = both[0].last_epoch
        with pytest.raises(ArgumentError, match="groups are not those"):
            both[0].step()
        assert both[0].last_epoch == before
    else:
        theirs.add_param_group({"params": [torch.ones(1, requires_grad=True)]})
        both[0].step(), both[1].step()
        np.testing.assert_allclose([g["lr"] for g in ours.param_groups], [g["lr"] for g in theirs.param_groups], 1e-12)


@pytest.mark.parametrize("order", ["schedule first", "optimizer first"])
def test_a_new_process_continues_to_the_bit(order):
    def make():
        ours, _ = pair("Adam", [0.2, 0.1])
        return ours, lr_scheduler.OneCycleLR(ours, 0.3, 20), lr_scheduler.ExponentialLR(ours, 0.9)

    one, other = make(), make()
    for _ in range(7):
        one[1].step(), one[2].step()
    saved = pickle.loads(pickle.dumps([x.state_dict() for x in one]))
    for i in (1, 2, 0) if order == "schedule first" else (0, 1, 2):
        other[i].load_state_dict(saved[i])
    for _ in range(7):
        for x in (*one[1:], *other[1:]):
            x.step()
        settings = [[{k: v for k, v in g.items() if k != "params"} for g in x[0].param_groups] for x in (one, other)]
        assert settings[0] == settings[1]


@pytest.mark.parametrize("before, after", [(0.0, 0.9), (0.9, 0.0)])
def test_a_state_loads_where_momentum_was_turned_on_or_off_since_the_last_step(before, after):
    first, theirs = pair("SGD", [0.2], momentum=before)
    other, unused = pair("SGD", [0.2])
    train(first, theirs)
    first.param_groups[0]["momentum"] = after
    other.load_state_dict(first.state_dict())
    other.param_groups[0]["params"][0].data = first.param_groups[0]["params"][0].data.clone()
    for momentum in (after, 0.5, 0.0, 0.9):
        for optimizer in (first, theirs, other):
            optimizer.param_groups[0]["momentum"] = momentum
        train(first, theirs), train(other, unused)
        found = [o.param_groups[0]["params"][0].detach().numpy() for o in (first, theirs, other)]
        np.testing.assert_allclose(found[0], found[1], 1e-12)
        np.testing.assert_array_equal(found[0], found[2])


def test_states_of_before_load_and_others_are_refused():
    ours, _ = pair("SGD", [0.2])
    schedule = lr_scheduler.ExponentialLR(ours, 0.5)
    ours.param_groups[0]["lr"] = 0.05
    schedule.load_state_dict({"last_epoch": 2, "base_lrs": [0.2]})
    assert schedule.last_epoch == 2 and ours.param_groups[0]["lr"] == 0.05
    with pytest.raises(StateDictError, match="nothing was loaded"):
        schedule.load_state_dict({"last_epoch": 4})
    with pytest.raises(StateDictError, match="rates of 2 groups"):
        schedule.load_state_dict({**schedule.state_dict(), "rates": [1.0, 2.0]})
    assert schedule.last_epoch == 2


@pytest.mark.parametrize("settings, message", [
    ({}, "length of the cycle is missing"), ({"epochs": 3}, "length of the cycle is missing"),
    ({"total_steps": 0}, "total_steps must be"), ({"total_steps": 2.5}, "total_steps must be"),
    ({"epochs": 0, "steps_per_epoch": 3}, "epochs must be"),
    ({"epochs": 2, "steps_per_epoch": 1.5}, "steps_per_epoch must"),
    ({"total_steps": 9, "anneal_strategy": "log"}, "anneal_strategy"),
    ({"total_steps": 9, "pct_start": -1}, "pct_start"),
    ({"total_steps": 9, "max_lr": [1.0, 2.0]}, "max_lr must have one value"),
    ({"total_steps": 9, "max_momentum": [0.9, 0.8]}, "max_momentum must have one value"),
])  # fmt: skip
def test_one_cycle_refuses(settings, message):
    ours, _ = pair("SGD", [0.2])
    before = dict(ours.param_groups[0])
    with pytest.raises(ArgumentError, match=message):
        lr_scheduler.OneCycleLR(ours, **{"max_lr": 1.0, **settings})
    assert ours.param_groups[0] == before


@pytest.mark.parametrize("name, settings, wrong", [
    ("StepLR", {"step_size": 2}, ["gamma"]), ("ExponentialLR", {}, ["gamma"]),
    ("CosineAnnealingLR", {"T_max": 2}, ["eta_min"]),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9}, ["pct_start", "div_factor", "final_div_factor"]),
])  # fmt: skip
def test_what_is_no_number_is_refused_when_the_schedule_is_made(name, settings, wrong):
    for label in wrong:
        for value in (None, "a", [0.1]):
            with pytest.raises(DTypeError, match=f"{name}: {label}: expected a number"):
                getattr(lr_scheduler, name)(pair("SGD", [0.2], momentum=0.9)[0], **settings, **{label: value})


def test_other_misuse_is_refused():
    ours, _ = pair("SGD", [0.2], momentum=0.9)
    lr_scheduler.OneCycleLR(ours, 1.0, 9, cycle_momentum=False)
    with pytest.raises(ArgumentError, match="groups are not those"):
        lr_scheduler.OneCycleLR(ours, 1.0, 9, last_epoch=2)
    ours, _ = pair("SGD", [0.2])
    for make, kind, said in (
        (lambda: lr_scheduler.LambdaLR(ours, 0.5), DTypeError, "lr_lambda must be a function"),
        (lambda: lr_scheduler.StepLR(ours, 2, last_epoch=3), ArgumentError, "no 'initial_lr'"),
        (lambda: lr_scheduler.ReduceLROnPlateau(ours, threshold_mode="log"), ArgumentError, "threshold_mode"),
        (lambda: lr_scheduler.ReduceLROnPlateau(ours, min_lr=[0.1, 0.2]), ArgumentError, "min_lr must have one value"),
        (lambda: lr_scheduler.LinearLR(ours, start_factor=0.0), ArgumentError, "start_factor must not be 0"),
        (lambda: lr_scheduler.ConstantLR(ours, 1.5), ArgumentError, "factor is out of range"),
        (lambda: lr_scheduler.CyclicLR(ours, 0.1, 0.2, mode="sine"), ArgumentError, "mode 'sine'"),
        (lambda: lr_scheduler.CosineAnnealingWarmRestarts(ours, 0), ArgumentError, "T_0 must be a whole"),
        (lambda: lr_scheduler.SequentialLR(ours, [], []), ArgumentError, "got no schedulers"),
        (lambda: lr_scheduler.SequentialLR(ours, [lr_scheduler.LinearLR(ours)], [3]), ArgumentError, "a milestone"),
        (lambda: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(ours)]), ArgumentError, "of several"),
    ):  # fmt: skip
        with pytest.raises(kind, match=said):
            make()

    class Plain(optim.Optimizer):
        pass

    with pytest.raises(ArgumentError, match="neither momentum nor betas"):
        lr_scheduler.OneCycleLR(Plain([tg.ones(1)], {"lr": 0.1}), 1.0, 9)


CHANGES = {
    "SGD": [{"lr": 0.03}, {"weight_decay": 0.1}, {"momentum": 0.5}, {"dampening": 0.3}, {"dampening": 0.0},
            {"nesterov": True}, {"momentum": 0.0, "nesterov": False}, {"momentum": 0.9}, {"lr": np.array(0.02)}],
    "Adam": [{"lr": 0.03}, {"weight_decay": 0.1}, {"betas": (0.5, 0.9)}, {"eps": 0.1}, {"lr": np.array(0.02)}],
}  # fmt: skip
CHANGES["AdamW"] = CHANGES["Adam"]


def run(kind, backend, change, steps):
    """Train a small network, a change of the settings before each step; give the weights after each."""
    tg.manual_seed(3)
    w = tg.randn(6, 4, requires_grad=True)
    optimizer = getattr(optim, kind)([w], lr=0.05)
    change = change(optimizer)
    x = tg.Tensor(np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32))

    def step(x):
        optimizer.zero_grad()
        (x @ w).square().mean().backward()
        optimizer.step()

    step = tg.compile(step, backend=backend) if backend else step
    found = []
    for i in range(steps):
        change(i)
        step(x)
        found.append(np.array(w.detach().numpy()))
    return found


@pytest.mark.thread_unsafe(reason="seeds the generator that all threads share")
@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("what", ["by hand", "in place", "one cycle"])
def test_compiled_steps_read_changed_settings(kind, backend, what):
    def by_hand(optimizer):
        def change(i):
            optimizer.param_groups[0].update(CHANGES[kind][i // 3 % len(CHANGES[kind])])

        return change

    def in_place(optimizer):
        group = optimizer.param_groups[0]
        group |= {name: np.array(group[name]) for name in ("lr", "weight_decay", "eps", "momentum") if name in group}

        def change(i):
            for name in ("lr", "weight_decay"):
                group[name][...] = 0.05 / (i // 3 + 1)

        return change

    def one_cycle(optimizer):
        schedule = lr_scheduler.OneCycleLR(optimizer, 0.1, 27)
        return lambda i: schedule.step() if i else None

    change = {"by hand": by_hand, "in place": in_place, "one cycle": one_cycle}[what]
    eager, compiled = run(kind, None, change, 27), run(kind, backend, change, 27)
    for a, b in zip(eager, compiled, strict=True):
        if backend == "numpy":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


def test_a_schedule_of_ones_own_gives_a_factor_or_rates():
    class Halving(lr_scheduler.Scheduler):
        def factor(self, t):
            return 0.5**t

    ours, _ = pair("SGD", [0.8, 0.4])
    schedule = Halving(ours)
    schedule.step()
    assert schedule.get_last_lr() == [0.4, 0.2]
    with pytest.raises(TypeError, match=r"Scheduler must define factor\(t\) or get_lr\(\)"):
        lr_scheduler.Scheduler(ours)


SCHEDULES = {
    "MultiStepLR": {"milestones": [2, 4, 4]}, "ConstantLR": {"total_iters": 3}, "LinearLR": {"total_iters": 4},
    "PolynomialLR": {"total_iters": 20}, "MultiplicativeLR": {"lr_lambda": lambda t: 0.9},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3},
    "CosineAnnealingWarmRestarts": {"T_0": 3, "T_mult": 2}, "SequentialLR": {}, "ChainedScheduler": {},
}  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_step_inside_compiled_steps(name, backend):
    def make(wrap):
        w = tg.ones(3, requires_grad=True)
        optimizer = optim.RMSprop([w], lr=0.2, momentum=0.5)
        several = [lr_scheduler.LinearLR(optimizer), lr_scheduler.ExponentialLR(optimizer, 0.9)]
        more = [optimizer] if name == "SequentialLR" else []
        given = {"SequentialLR": (*more, several, [4]), "ChainedScheduler": (several,)}.get(name, (optimizer,))
        schedule = getattr(lr_scheduler, name)(*given, **SCHEDULES[name])

        def step(x):
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()
            schedule.step()

        step, found = wrap(step), []
        for i in range(12):
            step(tg.full((3,), i - 5.5))
            found.append([*w.tolist(), *schedule.get_last_lr(), optimizer.param_groups[0]["momentum"]])
        return found

    if backend == "numba":
        pytest.importorskip("numba")
    assert make(lambda f: f) == make(tg.compile(backend=backend))
