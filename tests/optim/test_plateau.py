"""The schedule that looks at a figure: as PyTorch's, in `fit`, and its mistakes."""

import json

import numpy as np
import pytest
from training_data import network, samples

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, CaptureError
from tinygrad_mnist.optim import SGD
from tinygrad_mnist.optim.lr_scheduler import ReduceLROnPlateau
from tinygrad_mnist.training import fit


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_plateau_schedule_is_pytorchs(mode):
    torch = pytest.importorskip("torch")
    ours = SGD([nn.Parameter([1.0])], lr=1.0)
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    settings = {"mode": mode, "factor": 0.5, "patience": 2, "threshold": 0.01, "min_lr": 0.1}
    mine, its = ReduceLROnPlateau(ours, **settings), torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **settings)
    draw = np.random.default_rng(0)
    for i in range(60):
        figure = float(1 / (1 + i // 5) + draw.normal() * 0.05)
        mine.step(figure)
        its.step(figure)
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"])
        if i == 30:
            state = mine.state_dict()
            mine = ReduceLROnPlateau(ours, **settings)
            mine.load_state_dict(json.loads(json.dumps(state)))
        if i == 45:  # PyTorch's own, and that of an older file
            state = its.state_dict()
            mine = ReduceLROnPlateau(ours, **settings)
            mine.load_state_dict(json.loads(json.dumps(state)))
            assert (mine.best, mine.num_bad_epochs) == (its.best, its.num_bad_epochs)
            mine.load_state_dict({"last_epoch": 45, "base_lrs": [1.0], "best": its.best, "waited": its.num_bad_epochs})
    assert ours.param_groups[0]["lr"] == pytest.approx(0.1)


def test_the_plateau_schedule_in_fit_and_its_mistakes():
    x, y = samples(20)
    model = network()
    optimizer = SGD(model.parameters(), lr=1e-9)  # nothing gets better
    schedule = ReduceLROnPlateau(optimizer, patience=0, eps=0.0)
    fit(model, (x, y), valid=(x, y), epochs=4, optimizer=optimizer, schedule=schedule)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-12)
    with pytest.raises(ArgumentError, match="missing"):
        schedule.step()
    with pytest.raises(ArgumentError, match="mode"):
        ReduceLROnPlateau(optimizer, mode="up")
    with pytest.raises(ArgumentError, match="factor"):
        ReduceLROnPlateau(optimizer, factor=1.0)

    @tg.compile
    def step():
        schedule.step(1.0)

    with pytest.raises(CaptureError, match="outside the compiled step"):
        step()
