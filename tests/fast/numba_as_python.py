"""What is generated for numba, run as the Python it is; every array is checked to be what the code takes it for."""

import importlib
import math
import types

import numpy as np
import pytest
from training_data import trained as usual_step

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.nn import functional as F

numba = pytest.importorskip("numba", reason="numba is not installed")
numba_plan = importlib.import_module("tinygrad_mnist.fast.plan")
numba_calls = importlib.import_module("tinygrad_mnist.fast.calls")


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


def in_place_of_numba(monkeypatch):
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
    "unknown operations": ((3, 4), Residual), "convolution": ((1, 7, 7), conv_net),
    "padded": ((1, 7, 7), lambda: conv_net(padding=1)), "one convolution": ((1, 7, 7), lambda: conv_net(second=False)),
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
    "adam": lambda p: tg.optim.Adam(p, lr=0.01, weight_decay=0.01), "adamw": lambda p: tg.optim.AdamW(p, lr=0.01),
}


def trained(model_name, optimizer_name, compile_it, batches=(4, 4, 3, 4, 4, 3, 4), smoothing=0.1):
    """Train a little; give losses, parameters, gradients and the step."""
    shape, make = MODELS[model_name]
    tg.manual_seed(1)
    model = make()
    optimizer = OPTIMIZERS[optimizer_name](model.parameters())
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 2)
    step = usual_step(model, optimizer, nn.CrossEntropyLoss(label_smoothing=smoothing))
    run = tg.compile(step, backend="numba") if compile_it else step
    rng, losses = np.random.default_rng(0), []
    for n in batches:
        x = rng.standard_normal((n, *shape)).astype(np.float32)
        losses.append(run(tg.from_numpy(x), tg.from_numpy(rng.integers(0, 3, n))).item())
        schedule.step()
    return losses, [p.array for p in model.parameters()], [p.grad.array for p in model.parameters()], run, optimizer
