"""Trainings of several kinds, built afresh and broken off after any batch."""

import json

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.optim import SGD, Adam, AdamW
from tinygrad_mnist.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, OneCycleLR, ReduceLROnPlateau
from tinygrad_mnist.training import Callback, Checkpoint, EarlyStopping, Log, fit


class Killed(BaseException):
    """What breaks a run off, as far as Python can tell."""


class KillAfter(Callback):
    """Break off after so many batches of this process. Not part of what must be the same: it watches, no more."""

    def __init__(self, batches):
        self.left = batches

    def on_batch_end(self, run):
        self.left -= 1
        if self.left == 0:
            raise Killed


def samples(n, seed):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 1, 6, 6)).astype(np.float32)
    return x, (x[:, 0, 0, 0] > 0).astype(np.int64)


EPOCHS, BATCHES = 3, 5  # of 9 samples, the last of 4


def mlp(generator=None):
    dropout = nn.Dropout(0.3, generator=generator)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), dropout, nn.Linear(8, 2))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten(), nn.Linear(16, 2)
    )


class Others:
    """A loader of somebody else's, which draws from the default generator as it goes."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __iter__(self):
        order = tg.randperm(40).numpy()
        for i in range(0, 40, 9):
            yield self.x[order[i : i + 9]], self.y[order[i : i + 9]]


def with_loader_of_its_own(x, y):
    return DataLoader(TensorDataset(x, y), batch_size=9, shuffle=True, generator=tg.Generator(5))


WORLDS = {  # model, optimizer, schedule of (optimizer), per what, data of (x, y), further arguments
    "momentum": (mlp, lambda p: SGD(p, 0.1, momentum=0.9), lambda o: ExponentialLR(o, 0.7), "epoch", None, {}),
    "adam, one cycle, own generators": (
        lambda: mlp(tg.Generator(7)), Adam, lambda o: OneCycleLR(o, 0.05, EPOCHS * BATCHES), "batch",
        with_loader_of_its_own, {},
    ),
    "adamw, cosine, l2, clipping": (
        mlp, lambda p: AdamW(p, 0.02), lambda o: CosineAnnealingLR(o, 4), "batch", None, {"l2": 0.1, "clip_norm": 0.5}
    ),
    "plateau, somebody else's loader": (
        mlp, lambda p: SGD(p, 0.2), lambda o: ReduceLROnPlateau(o, patience=0, threshold=0.3), "epoch", Others, {}
    ),
    "convolution": (cnn, lambda p: Adam(p, 0.01), None, "epoch", None, {}),
    "replayed": (mlp, lambda p: Adam(p, 0.02), lambda o: ExponentialLR(o, 0.9), "batch", None, {"compile": True}),
    "machine code": (mlp, lambda p: SGD(p, 0.1, momentum=0.5), None, "epoch", None, {"compile": "numba"}),
}  # fmt: skip


class World:
    """Everything of one training, made anew as a new process would."""

    def __init__(self, name, path):
        make, optimizer_of, schedule_of, per, data_of, self.kwargs = WORLDS[name]
        tg.manual_seed(11)
        self.model = make()
        optimizer = optimizer_of(self.model.parameters())
        x, y = samples(40, 0)
        self.data = (x, y) if data_of is None else data_of(x, y)
        self.path, self.stopper, self.log = path, EarlyStopping(patience=9), Log(path.with_suffix(".jsonl"))
        self.kwargs = {
            "optimizer": optimizer, "schedule": None if schedule_of is None else schedule_of(optimizer),
            "schedule_every": per, "batch_size": 9, "valid": samples(20, 1), "epochs": EPOCHS, **self.kwargs,
        }  # fmt: skip

    def fit(self, kill_after=None, epochs=None, **checkpoint):
        callbacks = [self.stopper, self.log, KillAfter(kill_after or 10**9)]
        kwargs = {**self.kwargs, "epochs": epochs or EPOCHS}
        return fit(
            self.model, self.data, callbacks=callbacks, resume=True,
            checkpoint=Checkpoint(self.path, **{"batches": 1, "seconds": None, **checkpoint}), **kwargs,
        )  # fmt: skip

    def end(self, history):
        """All that must be the same in the end, to the bit."""
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history]
        logged = [json.loads(line) for line in self.log.path.read_text().splitlines()]
        assert logged == history.rows  # every epoch once
        draws = tg.rand(3).tolist()
        optimizer = self.kwargs["optimizer"]
        state = [
            {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in optimizer.state[p].items()}
            for p in self.model.parameters()
        ]
        weights = [p.detach().numpy().tobytes() for p in self.model.parameters()]
        return weights, state, rows, history.best_epoch, optimizer.param_groups[0]["lr"], draws
