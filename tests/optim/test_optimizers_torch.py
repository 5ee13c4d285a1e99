"""Every optimizer beside PyTorch's, step for step in float64: each option, groups, names, states both ways.

Look next at test_optimizers_compiled.py.
"""

import copy
import inspect
import json
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import optim
from tinygrad_mnist.core.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_mnist.kernels import update

torch = pytest.importorskip("torch")

OPTIONS = {
    "SGD": {"lr": [0.02], "momentum": [0.0, 0.9], "dampening": [0.0, 0.3], "weight_decay": [0.0, 0.1]},
    "Adam": {"lr": [0.02], "betas": [(0.5, 0.9)], "eps": [1e-3], "weight_decay": [0.0, 0.1], "amsgrad": [False, True],
             "decoupled_weight_decay": [False, True]},
    "AdamW": {"lr": [0.02], "betas": [(0.0, 0.9)], "weight_decay": [0.0, 0.1], "amsgrad": [False, True]},
    "Adadelta": {"lr": [1.0, 0.3], "rho": [0.9, 0.3, 1.0], "eps": [1e-6, 1e-2], "weight_decay": [0.0, 0.1]},
    "Adagrad": {"lr": [0.1], "lr_decay": [0.0, 0.1], "weight_decay": [0.0, 0.1],
                "initial_accumulator_value": [0.0, 0.2], "eps": [1e-10, 1e-2]},
    "Adamax": {"lr": [0.02], "betas": [(0.9, 0.999), (0.3, 0.6)], "eps": [1e-8, 1e-2], "weight_decay": [0.0, 0.1]},
    "NAdam": {"lr": [0.02], "betas": [(0.9, 0.999), (0.3, 0.6)], "weight_decay": [0.0, 0.1], "eps": [1e-8, 1e-2],
              "momentum_decay": [0.004, 0.1], "decoupled_weight_decay": [False, True]},
    "RAdam": {"lr": [0.02], "betas": [(0.9, 0.999), (0.3, 0.6)], "weight_decay": [0.0, 0.1], "eps": [1e-8, 1e-2],
              "decoupled_weight_decay": [False, True]},
    "RMSprop": {"lr": [0.01], "alpha": [0.99, 0.3], "eps": [1e-8, 1e-2], "weight_decay": [0.0, 0.1],
                "momentum": [0.0, 0.8], "centered": [False, True]},
    "Rprop": {"lr": [0.01], "etas": [(0.5, 1.2), (0.3, 1.9)], "step_sizes": [(1e-6, 50), (1e-3, 0.02)]},
    "ASGD": {"lr": [0.02], "lambd": [1e-4, 0.1], "alpha": [0.75, 0.3], "t0": [1e6, 7], "weight_decay": [0.0, 0.1]},
    "Muon": {"lr": [0.02], "weight_decay": [0.1, 0.0], "momentum": [0.95, 0.3], "nesterov": [True, False],
             "ns_steps": [5, 2], "adjust_lr_fn": [None, "original", "match_rms_adamw"]},
}  # fmt: skip
NO_MAXIMIZE = {"Muon"}


def drawn(name, rng):
    """Draw settings of an optimizer."""
    found = {k: v[rng.integers(len(v))] for k, v in OPTIONS[name].items()}
    if name not in NO_MAXIMIZE:
        found["maximize"] = bool(rng.integers(2))
    if name == "SGD" and found["momentum"] and not found["dampening"]:
        found["nesterov"] = bool(rng.integers(2))
    return found


@pytest.fixture(autouse=True)
def exact_muon_and_small_blocks(monkeypatch):
    """PyTorch's Muon iterates in bfloat16: here in the parameter's dtype, as ours does."""
    monkeypatch.setattr(update, "BLOCK", 32)
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())


def both(name, rng, groups, dtype=np.float64, shapes=((3, 2), (2, 4), (11, 8))):
    """Make an optimizer of ours and one of PyTorch's with the same groups, and the parameters of each."""
    starts = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    ours = [tg.tensor(s, requires_grad=True) for s in starts]
    theirs = [torch.tensor(s, requires_grad=True) for s in starts]
    made = []
    # PyTorch forgets the one that a group asks for
    first = {k: v for k, v in groups[0].items() if k == "initial_accumulator_value"}
    for module, params in ((optim, ours), (torch.optim, theirs)):
        split = [{"params": params[i :: len(groups)], **group, **first} for i, group in enumerate(groups)]
        made.append((getattr(module, name)(split, **first), params))
    return made


def train(made, rng, count, dtype=np.float64, tolerance=1e-10):
    """Give both the same gradients, some of them none, and compare after every step."""
    (ours, mine), (theirs, its) = made
    worst = 0.0
    for step in range(count):
        for p, q in zip(mine, its, strict=True):
            g = rng.standard_normal(p.shape).astype(dtype) * (rng.random(p.shape) < 0.9) * 10.0 ** rng.integers(-2, 2)
            g = None if step and rng.random() < 0.1 else g.astype(dtype)
            p.grad, q.grad = (None, None) if g is None else (tg.tensor(g), torch.tensor(g))
        ours.step()
        theirs.step()
        for p, q in zip(mine, its, strict=True):
            worst = max(worst, float(np.abs(p.array - q.detach().numpy()).max()))
        assert worst <= tolerance, (step, worst)
    return worst


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", OPTIONS)
def test_random_options_and_groups_are_pytorchs(name, seed):
    rng = np.random.default_rng([seed, len(name)])
    made = both(name, rng, [drawn(name, rng) for _ in range(1 + seed % 3)])
    assert train(made, rng, 60) <= 1e-10
    for p, q in zip(made[0][1], made[1][1], strict=True):
        mine, its = made[0][0].state[p], made[1][0].state[q]
        assert set(its) - {"al"} <= set(mine) | {"momentum_buffer"} and set(mine) - set(its) <= {"step"}
        for key in set(mine) & set(its):
            np.testing.assert_allclose(mine[key], its[key], rtol=1e-9, atol=1e-10, err_msg=key)


@pytest.mark.parametrize("name", OPTIONS)
def test_float32_and_defaults_are_pytorchs(name):
    rng = np.random.default_rng(1)
    train(both(name, rng, [{}], np.float32), rng, 50, np.float32, 2e-3 if name in ("Muon", "Rprop") else 1e-4)
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (optim, torch.optim))
    assert list(ours) == list(theirs) and {k: p.kind for k, p in ours.items()} == {k: p.kind for k, p in theirs.items()}
    assert {k: p.default for k, p in ours.items()} == {k: p.default for k, p in theirs.items()}


SPECIAL = [[np.nan, 1, 2], [np.inf, 1, 2], [0.0, 0, 0], [-np.inf, 1e300, 1e-300], []]


@pytest.mark.parametrize("name", [name for name in OPTIONS if name not in ("Muon", "Adam", "AdamW")])
def test_gradients_that_are_no_numbers_and_odd_shapes_are_pytorchs(name):
    for values in (*SPECIAL, 0.5):
        g = np.array(values, np.float64)
        made = both(name, np.random.default_rng(0), [{}], shapes=(g.shape,))
        for _ in range(3):
            for optimizer, (p,) in made:
                p.grad = tg.tensor(g) if optimizer is made[0][0] else torch.tensor(g)
                optimizer.step()
        np.testing.assert_allclose(made[0][1][0].array, made[1][1][0].detach().numpy(), atol=1e-12)


def test_muon_is_near_pytorchs_bfloat16(monkeypatch):
    monkeypatch.undo()
    rng = np.random.default_rng(1)
    made = both("Muon", rng, [{"lr": 0.01}], np.float32, ((6, 4), (4, 9)))
    train(made, rng, 10, np.float32, 0.02)


# ---------------------------------------------------------------- L-BFGS


def valley(x, y):
    """Rosenbrock's valley in several dimensions, and a bowl."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum() + ((y - 3) ** 2).sum() * 0.5


@pytest.mark.parametrize("settings", [
    {}, {"lr": 0.3, "max_iter": 7}, {"line_search_fn": "strong_wolfe"}, {"max_iter": 1},
    {"line_search_fn": "strong_wolfe", "history_size": 3},
    {"line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 6}, {"lr": 1e-3, "history_size": 2, "max_eval": 5},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 1.0}, {"lr": 5.0, "line_search_fn": "strong_wolfe"},
    {"lr": 0.1, "tolerance_change": 1.0},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lbfgs_is_pytorchs(settings, dtype):
    """As near as PyTorch's is to itself begun one rounding away, whose difference the search makes grow."""
    starts = np.array([-1.2, 1.0, 0.7, -0.4], dtype), np.array([[1.0, 2.0], [0.0, -4.0]], dtype)
    moved = np.nextafter(starts[0], dtype(9)), np.nextafter(starts[1], dtype(9))

    def loss_of(x, y):
        if settings.get("line_search_fn"):  # steps of a fixed length would leave the valley
            return valley(x, y)
        return (x**4).sum() + ((x[1:] - x[:-1]) ** 2).sum() + ((y - 3) ** 2).sum() * 0.5

    def run(library, starts):
        params = [library.tensor(s, requires_grad=True) for s in starts]
        optimizer = library.optim.LBFGS(params, **settings)

        def closure():
            optimizer.zero_grad()
            loss = loss_of(*params)
            loss.backward()
            return loss

        for _ in range(8):
            loss = optimizer.step(closure).item()
            state = optimizer.state[params[0]]
            yield np.concatenate([[loss], *(p.detach().numpy().ravel() for p in params)]), state["func_evals"]

    least, grown = 1e-10 if dtype == np.float64 else 1e-4, 0.0
    runs = run(tg, starts), run(torch, starts), run(torch, moved)
    for (mine, calls), (its, known), (near, others) in zip(*runs, strict=True):
        grown = max(grown, 100 * np.abs(its - near).max())
        assert np.abs(mine - its).max() <= max(least, grown)
        assert calls == known or known != others or dtype == np.float32 or grown > 1e-6


def test_lbfgs_continues_to_the_bit_from_its_state_and_from_pytorchs():
    def make(start, **settings):
        p = tg.tensor(np.array(start), requires_grad=True)
        return p, optim.LBFGS([p], max_iter=3, line_search_fn="strong_wolfe", **settings)

    def go(p, optimizer, times):
        def closure():
            optimizer.zero_grad()
            loss = valley(p, p[:1])
            loss.backward()
            return loss

        for _ in range(times):
            optimizer.step(closure)

    p, straight = make([-1.2, 1.0, 0.3])
    go(p, straight, 4)
    for stored in (lambda x: x, lambda x: json.loads(json.dumps(x, default=lambda x: x.tolist())), copy.deepcopy):
        q, other = make(p.array)
        other.load_state_dict(stored(straight.state_dict()))
        start = p.array.copy()
        go(p, straight, 3), go(q, other, 3)
        np.testing.assert_array_equal(p.array, q.array)
        assert not np.array_equal(start, p.array)
    x = torch.tensor([-1.2, 1.0, 0.3], dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.LBFGS([x], max_iter=3, line_search_fn="strong_wolfe")
    p, ours = make([-1.2, 1.0, 0.3])
    go(x, theirs, 3)
    p.data = tg.tensor(x.detach().numpy().copy())
    ours.load_state_dict(theirs.state_dict())
    go(x, theirs, 3), go(p, ours, 3)
    np.testing.assert_allclose(p.array, x.detach().numpy(), rtol=0, atol=1e-10)


# ---------------------------------------------------------------- groups, names, states, hooks


@pytest.mark.parametrize("name", OPTIONS)
def test_states_continue_to_the_bit_and_come_from_pytorch(name, tmp_path):
    rng = np.random.default_rng(5)
    made = both(name, rng, [drawn(name, rng), drawn(name, rng)])
    train(made, rng, 9)
    (ours, mine), (theirs, its) = made
    tg.save(ours.state_dict(), tmp_path / "state.npz")
    saved = [ours.state_dict(), copy.deepcopy(ours.state_dict()), pickle.loads(pickle.dumps(ours.state_dict())),
             json.loads(json.dumps(ours.state_dict(), default=lambda x: x.tolist())), tg.load(tmp_path / "state.npz"),
             theirs.state_dict()]  # fmt: skip
    assert set(saved[-1]["state"]) <= set(saved[0]["state"]) == set(saved[4]["state"]) == {0, 1, 2}
    assert [g["params"] for g in saved[0]["param_groups"]] == [g["params"] for g in saved[-1]["param_groups"]]
    others = []
    for one in saved:
        moved = [tg.tensor(p.array.copy(), requires_grad=True) for p in mine]
        others.append((getattr(optim, name)([{"params": moved[::2]}, {"params": moved[1::2]}]), moved))
        others[-1][0].load_state_dict(one)
    for _ in range(9):
        for p, *rest in zip(mine, its, *(moved for _, moved in others), strict=True):
            g = rng.standard_normal(p.shape)
            for q in rest:
                q.grad = torch.tensor(g) if isinstance(q, torch.Tensor) else tg.tensor(g)
            p.grad = tg.tensor(g)
        for optimizer in (ours, theirs, *(o for o, _ in others)):
            optimizer.step()
    for i, (_, moved) in enumerate(others):
        for p, q in zip(mine, moved, strict=True):
            tolerance = 1e-9 if i == len(others) - 1 else 0
            np.testing.assert_allclose(p.array, q.array, rtol=0, atol=tolerance, err_msg=f"{i}")


def test_named_parameters_are_taken_with_their_names():
    model = tg.nn.Linear(2, 1)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["params"] == list(model.parameters())
    theirs = torch.optim.SGD(torch.nn.Linear(2, 1).named_parameters(), lr=0.3)
    optimizer.load_state_dict(theirs.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.3


def test_a_rate_that_is_a_tensor_is_read_at_every_step(tmp_path):
    rate, p = tg.tensor(0.1, dtype=tg.float64), tg.ones(1, dtype=tg.float64, requires_grad=True)
    optimizer = optim.Adagrad([p], lr=rate)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    p.grad = tg.ones(1, dtype=tg.float64)
    optimizer.step()
    assert p.item() == pytest.approx(0.9)
    schedule.step()
    assert rate.item() == 0.05
    other = optim.Adagrad([tg.ones(1, dtype=tg.float64, requires_grad=True)])
    tg.save(optimizer.state_dict(), tmp_path / "state.npz")
    other.load_state_dict(tg.load(tmp_path / "state.npz"))
    rate.fill_(7.0)
    assert other.param_groups[0]["lr"] == 0.05
    other.param_groups[0]["params"][0].grad = tg.ones(1, dtype=tg.float64)
    other.step()
    with pytest.raises(ArgumentError, match="lr must be one number"):
        optim.SGD([p], lr=tg.ones(2))


WRONG = [
    ("Adadelta", {"rho": 1.1}), ("Adadelta", {"eps": -1.0}), ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}), ("Adamax", {"betas": (1.0, 0.9)}),
    ("NAdam", {"betas": (0.9, 1.0)}),
    ("NAdam", {"momentum_decay": -1.0}), ("RAdam", {"weight_decay": -1.0}), ("RMSprop", {"alpha": -0.1}),
    ("RMSprop", {"momentum": -0.1}), ("Rprop", {"etas": (1.5, 1.2)}), ("ASGD", {"lr": -1.0}), ("LBFGS", {"lr": -1.0}),
    ("Muon", {"adjust_lr_fn": "other"}), ("Muon", {"momentum": -1.0}), ("Adam", {"lr": -1.0}), ("SGD", {"lr": -1.0}),
]  # fmt: skip


@pytest.mark.parametrize("name, settings", WRONG)
def test_settings_that_pytorch_refuses_are_refused(name, settings):
    with pytest.raises(ValueError):
        getattr(torch.optim, name)([torch.ones(2, 2)], **settings)
    with pytest.raises(ArgumentError, match=name):
        getattr(optim, name)([tg.ones(2, 2, requires_grad=True)], **settings)


@pytest.mark.parametrize("name", OPTIONS)
def test_what_only_pytorch_has_is_accepted_unused_and_refused_by_name(name):
    makes = getattr(optim, name)
    flags = {"foreach", "fused", "capturable", "differentiable"} & set(inspect.signature(makes).parameters)
    makes([tg.ones(2, 2, requires_grad=True)], **{k: False for k in flags})
    for flag in flags:
        with pytest.raises(ArgumentError, match=f"{name}: {flag}=True is PyTorch's alone"):
            makes([tg.ones(2, 2, requires_grad=True)], **{flag: True})


def test_parameters_that_cannot_be():
    p, q = tg.ones(3, requires_grad=True), tg.ones(2, requires_grad=True)
    for make, error, message in (
        (lambda: optim.Muon([p]), ShapeError, "no matrix"),
        (lambda: optim.SGD([{"params": {p}}]), DTypeError, "no order"),
        (lambda: optim.LBFGS([{"params": [p]}, {"params": [q]}]), ArgumentError, "one group"),
        (lambda: optim.LBFGS([p], line_search_fn="other"), ArgumentError, "line_search_fn"),
        (lambda: optim.LBFGS([p]).step(), ArgumentError, "closure is missing"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            make()
    optimizer = optim.Adadelta([p])
    with pytest.raises(ArgumentError, match="rho is out of range"):
        optimizer.add_param_group({"params": [tg.ones(2, requires_grad=True)], "rho": 2.0})
    assert len(optimizer.param_groups) == 1
