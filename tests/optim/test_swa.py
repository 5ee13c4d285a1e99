"""Averages of models, their schedule and their batch norms, beside PyTorch's."""

import copy

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.core.errors import ArgumentError
from tinygrad_mnist.optim import swa_utils

torch = pytest.importorskip("torch")


class Net(nn.Module):
    def __init__(self, norm):
        self.a, self.norm, self.b = nn.Linear(3, 4), norm, nn.Linear(4, 2)

    def forward(self, x):
        return self.b(self.norm(self.a(x)))


class TorchNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4, affine=False), torch.nn.Linear(4, 2)

    forward = Net.forward


def nets():
    theirs, ours = TorchNet(), Net(nn.BatchNorm1d(4, affine=False))
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def change(ours, theirs, rng):
    """Give both the same new numbers."""
    state = {k: abs(rng.standard_normal(v.shape)) if v.is_floating_point() else v.numpy() + 4 for k, v in
             theirs.state_dict().items()}  # fmt: skip
    theirs.load_state_dict({k: torch.tensor(np.asarray(v)) for k, v in state.items()})
    ours.load_state_dict(state)


WAYS = {
    "swa": lambda m: {}, "ema": lambda m: {"avg_fn": m.get_ema_avg_fn(0.9)},
    "swa fn": lambda m: {"avg_fn": m.get_swa_avg_fn()},
    "multi ema": lambda m: {"multi_avg_fn": m.get_ema_multi_avg_fn(0.99)},
    "multi ema, fast": lambda m: {"multi_avg_fn": m.get_ema_multi_avg_fn(0.3)},
    "multi swa": lambda m: {"multi_avg_fn": m.get_swa_multi_avg_fn()},
    "own": lambda m: {"avg_fn": lambda a, b, n: a * 0.25 + b * 0.75},
}  # fmt: skip


BEYOND = ("multi swa", True)  # PyTorch does not average the count of batches so


@pytest.mark.parametrize(("way", "use_buffers"), [(w, b) for w in WAYS for b in (False, True) if (w, b) != BEYOND])
def test_averages_are_pytorchs(way, use_buffers):
    rng, (ours, theirs) = np.random.default_rng(0), nets()
    mine = swa_utils.AveragedModel(ours, **WAYS[way](swa_utils), use_buffers=use_buffers)
    its = torch.optim.swa_utils.AveragedModel(theirs, **WAYS[way](torch.optim.swa_utils), use_buffers=use_buffers)
    assert list(mine.state_dict()) == list(its.state_dict())
    for _ in range(50):
        change(ours, theirs, rng)
        mine.update_parameters(ours), its.update_parameters(theirs)
        for (name, a), b in zip(mine.state_dict().items(), its.state_dict().values(), strict=True):
            atol = 2e-5 if a.dtype.kind == "f" else 2  # counts are cut off
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=atol, err_msg=name)
    x = rng.standard_normal((5, 3)).astype(np.float32)
    mine.eval(), its.eval()
    found = mine(tg.tensor(x)).detach().numpy(), its(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-4)
    twin = swa_utils.AveragedModel(ours, **WAYS[way](swa_utils), use_buffers=use_buffers)
    twin.load_state_dict(mine.state_dict())
    change(ours, theirs, rng)
    mine.update_parameters(ours), twin.update_parameters(ours)
    for a, b in zip(mine.state_dict().values(), twin.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_averages_in_float64_are_pytorchs_to_1e_12():
    values = [np.random.default_rng(i).standard_normal(9) for i in range(60)]
    for way in WAYS:
        found = []
        for library, module in ((tg, swa_utils), (torch, torch.optim.swa_utils)):

            class Point(library.nn.Module):
                def __init__(self, library=library):
                    super().__init__()
                    self.p = library.nn.Parameter(library.tensor(values[0]))

            point = Point()
            average = module.AveragedModel(point, **WAYS[way](module))
            for x in values:
                with library.no_grad():
                    point.p.copy_(library.tensor(x))
                average.update_parameters(point)
            found.append(average.module.p.detach().numpy())
        np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-13)


def test_statistics_of_batch_norms_are_means_over_the_loader():
    rng, (ours, theirs) = np.random.default_rng(1), nets()
    change(ours, theirs, rng)
    batches = [rng.standard_normal((8, 3)).astype(np.float32) for _ in range(5)]
    ours.eval(), theirs.eval()
    swa_utils.update_bn([(tg.tensor(x), 1) for x in batches], ours)
    torch.optim.swa_utils.update_bn([(torch.tensor(x), 1) for x in batches], theirs)
    for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6, err_msg=name)
    assert ours.norm.momentum == 0.1 and not ours.training
    plain = nn.Linear(2, 2)
    swa_utils.update_bn([], plain)  # nothing to do


@pytest.mark.parametrize("settings", [
    {"swa_lr": 0.05}, {"swa_lr": [0.05, 0.5]}, {"swa_lr": 0.3, "anneal_epochs": 0}, {"swa_lr": 0.3, "anneal_epochs": 1},
    {"swa_lr": 0.05, "anneal_epochs": 4, "anneal_strategy": "linear"},
])  # fmt: skip
@pytest.mark.parametrize("sequence", [False, True])
def test_the_schedule_is_pytorchs(settings, sequence):
    made = []
    for library, module in ((tg, optim), (torch, torch.optim)):
        params = [library.ones(1, requires_grad=True) for _ in range(2)]
        optimizer = module.SGD([{"params": params[:1]}, {"params": params[1:], "lr": 0.9}], lr=0.2)
        one = module.swa_utils.SWALR(optimizer, **copy.deepcopy(settings))
        if sequence:
            first = module.lr_scheduler.ExponentialLR(optimizer, 0.9)
            one = module.lr_scheduler.SequentialLR(optimizer, [first, one], [4])
        params[0].grad = library.ones(1)
        optimizer.step()
        made.append((optimizer, one))
    for step in range(20):
        np.testing.assert_allclose(*([g["lr"] for g in o.param_groups] for o, _ in made), rtol=1e-12, err_msg=f"{step}")
        for _, one in made:
            one.step()
        if step == 7:
            made[0][1].load_state_dict(made[0][1].state_dict())


def test_misuse_is_refused():
    model, optimizer = nn.Linear(2, 2), optim.SGD([tg.ones(1, requires_grad=True)], lr=0.1)
    for make, message in (
        (lambda: swa_utils.AveragedModel(model, avg_fn=max, multi_avg_fn=max), "exclude each other"),
        (lambda: swa_utils.AveragedModel(model, device="cuda"), "no device cuda"),
        (lambda: swa_utils.get_ema_multi_avg_fn(1.5), "decay is out of range"),
        (lambda: swa_utils.SWALR(optimizer, 0.1, anneal_strategy="log"), "anneal_strategy"),
        (lambda: swa_utils.SWALR(optimizer, [0.1, 0.2]), "one value for each group"),
    ):
        with pytest.raises(ArgumentError, match=message):
            make()
