"""What config_net.py trains: a configuration, the network and the optimizer it stands for, and its early stopping.

Read after config_net.toml.
"""

from __future__ import annotations

import tomllib
from types import SimpleNamespace

import numpy as np

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.data import DataLoader, TensorDataset
from tinygrad_mnist.training import Callback, EarlyStopping, fit

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
SETTINGS = {  # every key of the configuration, with its type or its words
    "layers": list, "activation": tuple(ACTIVATIONS), "init": ("normal", "xavier"), "same_stream": bool, "seed": int,
    "batch": int, "shuffle": bool, "epochs": int, "loss": ("sum", "mean"), "lr": float, "momentum": float,
    "momentum_as": ("factor", "velocity", "dampened", "nesterov"), "l2": float, "l2_read": bool, "patience": int,
    "early_stop": ("previous, alias", "best, copy"),
}  # fmt: skip


def changed(config, **changes):
    """Give a copy of a configuration with some settings changed; refuse what is no setting, or not of its kind."""
    for key, value in changes.items():
        wanted = SETTINGS.get(key)
        if wanted is None:
            raise tg.errors.ArgumentError(f"config_net: there is no setting {key!r}.", expected=", ".join(SETTINGS))
        if value not in wanted if isinstance(wanted, tuple) else type(value) is not wanted:
            raise tg.errors.ArgumentError(f"config_net: {key} = {value!r} does not fit.", expected=str(wanted))
    return SimpleNamespace(**{**vars(config), **changes})


def read_configs(path):
    """Read the configurations as written and corrected; the second changes the first."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    if set(tables) != {"as_written", "corrected"} or set(SETTINGS) - set(tables["as_written"]):
        problem = f"{path.name}: [as_written] must have every setting, [corrected] those that change."
        raise tg.errors.ArgumentError(problem)
    as_written = changed(SimpleNamespace(), **tables["as_written"])
    return as_written, changed(as_written, **tables["corrected"])


def build(config, dtype=np.float32):
    """Make the network that a configuration describes."""
    rng, layers = np.random.default_rng(config.seed), []
    for inputs, outputs in zip(config.layers[:-1], config.layers[1:], strict=True):
        layer = nn.Linear(inputs, outputs, dtype=dtype)
        nn.init.zeros_(layer.bias)
        if config.init == "xavier":
            nn.init.xavier_uniform_(layer.weight, generator=rng)
        else:
            draw = np.random.RandomState(config.seed) if config.same_stream else rng
            layer.weight.array[...] = draw.normal(0, 1, (inputs, outputs)).T
        layers += [layer, ACTIVATIONS[config.activation]()]
    return nn.Sequential(*layers[:-1])


def make_optimizer(config, model):
    """Make what the word momentum stands for."""
    # `fit` works with the mean over the batch; the gradient of the sum is that of the mean, times the batch.
    lr, gamma = config.lr * (config.batch if config.loss == "sum" else 1), config.momentum
    velocity = {"lr": lr, "momentum": gamma}
    settings = {"factor": {"lr": lr * gamma}, "velocity": velocity, "nesterov": {**velocity, "nesterov": True},
                "dampened": {**velocity, "dampening": gamma}}  # fmt: skip
    return tg.optim.SGD(model.parameters(), **settings[config.momentum_as])


class StopAsWritten(Callback):
    """Early stopping as the study had it: it compares with the epoch before, and keeps an alias of the model."""

    def __init__(self, patience):
        self.patience, self.waited, self.previous = patience, 0, float("inf")

    def on_epoch_end(self, run):
        loss = run.history[-1]["valid_loss"]
        self.waited, self.previous = self.waited + 1 if loss >= self.previous else 0, loss
        if self.waited == 0:
            self.best = run.model.state_dict()  # shares its memory with the model: this is the alias
            self.copy = {name: p.clone() for name, p in self.best.items()}  # and this would have been a copy
        if self.waited >= self.patience:
            run.model.load_state_dict(self.best)
            run.stop("early stopping as written")


STOPPING = {"previous, alias": StopAsWritten, "best, copy": EarlyStopping}


class BatchLosses(Callback):
    """The loss of each batch of each epoch. The study printed that of an epoch's last batch, and no other."""

    def __init__(self):
        self.epochs = [[]]

    def on_batch_end(self, run):
        self.epochs[-1].append(run.loss)

    def on_epoch_end(self, run):
        self.epochs.append([])

    def last(self):
        """Give the loss of the last batch of each epoch."""
        return [losses[-1] for losses in self.epochs if losses]

    def spread(self, epoch):
        """Give mean and standard deviation over the last 50 batches of an epoch."""
        losses = self.epochs[epoch][-50:]
        return float(np.mean(losses)), float(np.std(losses, ddof=1))


def train(config, data, callbacks=(), epochs=None, dtype=np.float32):
    """Train the network of a configuration; give it with its history."""
    tg.manual_seed(config.seed)
    model = build(config, dtype)
    loader = DataLoader(TensorDataset(*data["train"]), config.batch, shuffle=config.shuffle)
    return model, fit(
        model, loader, valid=data["valid"], optimizer=make_optimizer(config, model), callbacks=callbacks,
        l2=config.l2 if config.l2_read else 0.0, compile=True, progress=False, epochs=epochs or config.epochs,
    )  # fmt: skip


def weights_of(model):
    """Copy all weights as they are now, in one vector."""
    return np.concatenate([p.array.ravel() for p in model.parameters()])
