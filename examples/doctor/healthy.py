"""Trainings without a mistake, of many kinds: the doctor must find nothing in any of them."""

from __future__ import annotations

from mnist_cnn import CNN
from mnist_mlp import MLP

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.optim import lr_scheduler

from .training import Training, adam, cnn, loop, mlp, sgd, weights


def normalized(data, draw):
    """Subtract the mean of all pixels and divide by their standard deviation."""
    mean, std = data.x.mean(), data.x.std()
    return data._replace(x=(data.x - mean) / std, valid_x=(data.valid_x - mean) / std)


def few(count):
    """Take the first samples only."""
    return lambda data, draw: data._replace(x=data.x[:count], y=data.y[:count])


def he(model):
    """Initialize for relu."""
    for w in weights(model):
        nn.init.kaiming_normal_(w, nonlinearity="relu")
    return model


def xavier(model):
    """Initialize for tanh."""
    for w in weights(model):
        nn.init.xavier_uniform_(w)
    return model


def one_cycle(highest):
    """Settings of the programs in the README: one cycle, smoothed labels."""

    def settings(optimizer, steps):
        schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=highest, total_steps=steps, cycle_momentum=False)
        return {"loss_function": nn.CrossEntropyLoss(label_smoothing=0.05), "schedule": schedule,
                "schedule_every": "batch"}  # fmt: skip

    return settings


def cosine(optimizer, steps):
    return {"schedule": lr_scheduler.CosineAnnealingLR(optimizer, 4)}


def usual(model, optimizer, x, y, doctor, step):
    """A step as everybody writes it."""
    logits = model(x)
    loss = nn.CrossEntropyLoss()(logits, y)
    doctor.step(loss, logits, y, x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def accumulating(model, optimizer, x, y, doctor, step):
    """Two batches for each update, on purpose."""
    logits = model(x)
    loss = nn.CrossEntropyLoss()(logits, y) / 2
    doctor.step(loss, logits, y, x)
    loss.backward()
    if step % 2 == 0:
        optimizer.step()
        optimizer.zero_grad()


def by_hand(model, optimizer, x, y, doctor, step):
    """Gradients set to zero in place, and clipped."""
    logits = model(x)
    loss = nn.CrossEntropyLoss()(logits, y)
    doctor.step(loss, logits, y, x)
    for p in model.parameters():
        if p.grad is not None:
            p.grad.zero_()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()


class Readme(MLP):
    """The README's network, of images of any size."""

    def __init__(self, data):
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(data.x[0].size, 128), nn.ReLU(), nn.Linear(128, 10))


def readme_cnn(data):
    """The README's convolutional network; of small images a smaller one."""
    return CNN() if data.x.shape[-1] == 28 else cnn(data, dropout=0.4, channels=(32, 64))


def normalizing(data):
    width = data.x[0].size
    return nn.Sequential(nn.Flatten(), nn.Linear(width, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3),
                         nn.Linear(128, 10))  # fmt: skip


def smooth(data):
    width = data.x[0].size
    return nn.Sequential(nn.Flatten(), nn.Linear(width, 128), nn.LayerNorm(128), nn.GELU(), nn.Linear(128, 10))


class Rows(nn.Module):
    """A recurrent network that reads an image row by row."""

    def __init__(self, data):
        self.body, self.head = nn.LSTM(data.x.shape[-1], 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.body(x.flatten(0, 1))[0][:, -1])


class Patches(nn.Module):
    """A transformer block over 16 patches."""

    def __init__(self, data):
        self.side = data.x.shape[-1] // 4
        self.embed, self.places = nn.Linear(self.side**2, 32), nn.Parameter(tg.randn(1, 16, 32) * 0.02)
        self.block, self.head = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), nn.Linear(32, 10)

    def forward(self, x):
        patches = x.reshape(-1, 4, self.side, 4, self.side).permute(0, 1, 3, 2, 4).reshape(-1, 16, self.side**2)
        return self.head(self.block(self.embed(patches) + self.places).mean(1))


class Residual(nn.Module):
    """Two convolutions with batch norm, the second beside a shortcut."""

    def __init__(self, data):
        self.first, self.norm = nn.Conv2d(1, 16, 3, padding=1, stride=2), nn.BatchNorm2d(16)
        self.second, self.other = nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.norm(self.first(x)).relu()
        return self.head((x + self.other(self.second(x))).relu().mean((2, 3)))


HEALTHY = [
    Training("MLP, SGD", None, lambda d: mlp(d, 128), sgd),
    Training("MLP, momentum, normalized inputs", None, lambda d: mlp(d, 128), lambda m: sgd(m, 0.02, 0.9), normalized),
    Training("MLP, Adam", None, lambda d: mlp(d, 128), adam),
    Training("MLP, Adam, compiled", None, lambda d: mlp(d, 128), adam, settings={"compile": True}),
    Training("MLP, Adam, cosine schedule", None, lambda d: mlp(d, 128), adam, settings=cosine, epochs=4),
    Training("tanh, SGD", None, lambda d: mlp(d, 128, 64, act=nn.Tanh), sgd, normalized),
    Training("sigmoid, Adam", None, lambda d: mlp(d, 128, act=nn.Sigmoid), lambda m: adam(m, 3e-3)),
    Training("sigmoid, SGD: slow", None, lambda d: mlp(d, 128, act=nn.Sigmoid), sgd, epochs=3),
    Training("4 layers, Adam", None, lambda d: mlp(d, 128, 64, 32), adam),
    Training("8 layers, momentum", None, lambda d: he(mlp(d, *[64] * 7)), lambda m: sgd(m, 0.02, 0.9)),
    Training("8 layers of tanh, SGD", None, lambda d: xavier(mlp(d, *[64] * 7, act=nn.Tanh)), lambda m: sgd(m, 0.05)),
    Training("CNN, Adam", None, cnn, lambda m: adam(m, 2e-3)),
    Training("CNN, momentum", None, cnn, lambda m: sgd(m, 0.05, 0.9)),
    Training("MLP, one sample a batch", None, lambda d: mlp(d, 64), lambda m: sgd(m, 0.01), few(2000), batch=1),
    Training("MLP, 256 samples a batch", None, lambda d: mlp(d, 128), lambda m: adam(m, 3e-3), epochs=6, batch=256),
    Training("batch norm and dropout, Adam", None, normalizing, adam),
    Training("layer norm and gelu, AdamW", None, smooth, lambda m: tg.optim.AdamW(m.parameters(), 1e-3)),
    Training("LSTM, Adam", None, Rows, lambda m: adam(m, 3e-3)),
    Training("transformer block, Adam", None, Patches, adam),
    Training("residual CNN, Adam", None, Residual, lambda m: adam(m, 3e-3)),
    Training("README's MLP, one cycle", None, Readme, lambda m: adam(m, 3e-3), settings=one_cycle(3e-3), epochs=4),
    Training("README's CNN, one cycle", None, readme_cnn, lambda m: adam(m, 2e-3), few(2560), settings=one_cycle(2e-3),
             epochs=3),
    Training("own loop", None, lambda d: mlp(d, 128), sgd, loop=loop(usual)),
    Training("own loop, two batches a step", None, lambda d: mlp(d, 128), sgd, loop=loop(accumulating, batch=32)),
    Training("own loop, zeros in place, clipped", None, lambda d: mlp(d, 128), sgd, loop=loop(by_hand)),
]  # fmt: skip
