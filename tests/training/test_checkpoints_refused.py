"""Checkpoints that are refused: of another training, damaged, or in the way."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import World, mlp, samples

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.core.errors import ArgumentError, DataError, OutputError, StateDictError
from tinygrad_mnist.optim import SGD, Adam
from tinygrad_mnist.optim.lr_scheduler import ExponentialLR
from tinygrad_mnist.training import Checkpoint, KeepBest, fit

# ---------------------------------------------------------------- what is refused


def test_a_checkpoint_that_is_there_is_not_overwritten(tmp_path):
    world = World("momentum", tmp_path / "run.npz")
    world.fit()
    before = world.path.read_bytes()
    with pytest.raises(ArgumentError, match="there already") as caught:
        fit(world.model, world.data, checkpoint=world.path)
    assert "resume=True" in str(caught.value) and world.path.read_bytes() == before


def test_a_path_is_a_checkpoint_per_epoch(tmp_path):
    model = mlp()
    fit(model, samples(40, 0), epochs=2, checkpoint=str(tmp_path / "deep" / "run.npz"))
    assert tg.load(tmp_path / "deep" / "run.npz")["epoch"] == 2


OTHERS = {
    "optimizer": dict(optimizer=lambda m: Adam(m.parameters())),
    "batch_size": dict(batch_size=10),
    "callbacks": dict(callbacks=[KeepBest()]),
    "l2": dict(l2=0.1),
    "columns": dict(metrics=[]),
    "schedule": dict(schedule=lambda o: ExponentialLR(o, 0.5)),
    "samples": dict(data=samples(41, 0)),
    "compile": dict(compile=True),
    "settings": dict(optimizer=lambda m: SGD(m.parameters(), lr=0.1, momentum=0.5)),
    "loss": dict(loss_function=nn.CrossEntropyLoss(label_smoothing=0.1), metrics=["accuracy"]),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, what):
    def go(model, data=None, optimizer=lambda m: SGD(m.parameters(), lr=0.1), schedule=None, **kwargs):
        data = samples(40, 0) if data is None else data
        made = optimizer(model)
        fit(
            model, data, optimizer=made, epochs=1, checkpoint=tmp_path / "run.npz", resume=True,
            schedule=None if schedule is None else schedule(made), **{"batch_size": 9, **kwargs},
        )  # fmt: skip

    go(mlp())
    model = mlp()
    before = [p.detach().numpy().copy() for p in model.parameters()]
    with pytest.raises(StateDictError, match="of another training") as caught:
        go(model, **OTHERS[what])
    assert f"{what} " in str(caught.value)
    for p, q in zip(before, model.parameters(), strict=True):
        np.testing.assert_array_equal(p, q.detach().numpy())


def test_files_that_are_no_checkpoints(tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="damaged"):
        fit(mlp(), samples(10, 0), checkpoint=path, resume=True)
    assert path.read_bytes() == b"PK nothing"
    tg.save(mlp().state_dict(), path)
    with pytest.raises(StateDictError, match="no checkpoint"):
        fit(mlp(), samples(10, 0), checkpoint=path, resume=True)
    path.unlink()
    fit(mlp(), samples(10, 0), epochs=1, checkpoint=path)
    with pytest.raises(StateDictError, match="of another training") as caught:
        fit(cnn_like_mlp(), samples(10, 0), checkpoint=path, resume=True)
    assert len(str(caught.value).splitlines()) == 4 and r"\n" not in str(caught.value)  # one line of each
    for resume in (False, True):
        with pytest.raises(OutputError, match="(?s)this is a folder.*run.npz"):
            fit(mlp(), samples(10, 0), checkpoint=tmp_path, resume=resume)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        fit(mlp(), samples(10, 0), checkpoint=tmp_path / "file" / "run.npz")
    with pytest.raises(ArgumentError, match="batches"):
        Checkpoint(path, batches=0)
    with pytest.raises(ArgumentError, match="seconds"):
        Checkpoint(path, seconds=-1)


def cnn_like_mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 9), nn.ReLU(), nn.Dropout(0.3), nn.Linear(9, 2))
