"""The same steps eagerly and compiled, compared bit for bit in all that they change."""

import copy
import importlib.util

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.backend import default_generator
from tinygrad_mnist.optim import SGD

CLASSES = 3


class Mlp(nn.Module):
    def __init__(self, p=0.2):
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Dropout(p),
            nn.Linear(8, 6), nn.Sigmoid(), nn.Linear(6, CLASSES),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x)


def batches(shape=(3, 4), sizes=(6, 6, 6, 2, 6), count=12, seed=0):
    """Batches of changing size, with labels."""
    draw = np.random.default_rng(seed)
    for i in range(count):
        n = sizes[i % len(sizes)]
        yield tg.from_numpy(draw.random((n, *shape), dtype=np.float32)), tg.from_numpy(draw.integers(0, CLASSES, n))


def snapshot(*things):
    """Copies of everything that can change: tensors, gradients, optimizers, schedules, the generator."""
    found = []
    for thing in (*things, default_generator):
        if isinstance(thing, nn.Module):
            for name, p in thing.named_parameters():
                found += [(name, p.array.copy()), (f"{name}.grad", None if p.grad is None else p.grad.array.copy())]
        elif isinstance(thing, tg.Tensor):
            found += [("tensor", thing.array.copy()), ("grad", None if thing.grad is None else thing.grad.array.copy())]
        elif hasattr(thing, "param_groups"):
            state = thing.state_dict()
            found += [(k, [copy.deepcopy(v) for v in s.values()]) for k, s in state["state"].items()]
            found += [("group", {k: v for k, v in g.items()}) for g in state["param_groups"]]
        elif hasattr(thing, "last_epoch"):
            found.append(("schedule", thing.state_dict()))
        elif hasattr(thing, "get_state"):
            found.append(("generator", copy.deepcopy(thing.get_state())))
    return found


def plain(x):
    """Tensors of a result as arrays."""
    if isinstance(x, tg.Tensor):
        return x.array.copy()
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, tuple | list):
        return [type(x).__name__, *map(plain, x)]
    return x


def agree(make, data, between=None):
    """Run a step as it is and compiled, from the same start, and compare everything after every call.

    make() gives the step and the things that it changes; between(i, *things) is called before call i. With the NumPy
    backend every bit is the same; with numba's, whose source is run as Python, the first calls are so to rounding.
    """
    want, _ = logged(make, data, between, lambda f: f)
    got, compiled = logged(make, data, between, tg.compile)
    for i, (mine, its) in enumerate(zip(want, got, strict=True)):
        np.testing.assert_equal(its[0], mine[0], err_msg=f"result of call {i}")
        for (name, a), (_, b) in zip(its[1], mine[1], strict=True):
            np.testing.assert_equal(a, b, err_msg=f"{name} after call {i}")
    if importlib.util.find_spec("numba") is not None:
        with pytest.MonkeyPatch.context() as patch:
            importlib.import_module("numba_as_python").in_place_of_numba(patch)
            got, _ = logged(make, data[:FEW], between, tg.compile(backend="numba"))
        for i, (mine, its) in enumerate(zip(want[:FEW], got, strict=True)):
            near(its, mine, f"numba, call {i}")
    return compiled


FEW = 8


def logged(make, data, between, wrap):
    """Give what every call returns and leaves, and the step."""
    tg.manual_seed(7)
    step, *things = make()
    step = wrap(step)
    log = []
    for i, batch in enumerate(data):
        if between is not None:
            between(i, *things)
        batch = [tg.from_numpy(x.array) if isinstance(x, tg.Tensor) else x for x in batch]
        log.append((plain(step(*batch)), snapshot(*things)))
    return log, step


def near(got, want, where):
    """Compare structures of arrays and numbers, floats to a share of their length as vectors."""
    if isinstance(want, dict):
        assert got.keys() == want.keys(), where
        for key in want:
            near(got[key], want[key], f"{where} {key}")
    elif isinstance(want, list | tuple):
        assert len(got) == len(want), where
        for a, b in zip(got, want, strict=True):
            near(a, b, where)
    elif isinstance(want, float | np.floating) or (isinstance(want, np.ndarray) and want.dtype.kind == "f"):
        assert np.shape(got) == np.shape(want), where
        if np.isfinite(want).all():
            assert np.linalg.norm(np.subtract(got, want)) <= 1e-3 * np.linalg.norm(want) + 1e-5, where
    else:
        np.testing.assert_equal(got, want, err_msg=where)


def small(dropout=0.2):
    model = Mlp(dropout)
    return model, SGD(model.parameters(), lr=0.1, momentum=0.9)
