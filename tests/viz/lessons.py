"""Runs that the player plays: each gives a loss, and names for tensors."""

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.nn import functional as F


def leaf(*values):
    return tg.tensor(values[0] if len(values) == 1 else list(values), requires_grad=True)


def expression():
    """Two weights; w is used three times, s twice."""
    x, w, b = leaf(2.0), leaf(-3.0), leaf(6.5)
    s = w * x + b
    loss = (tg.tanh(s) * s - 1.0) ** 2 + w * w * 0.1
    return loss, {"x": x, "w": w, "b": b, "s": s, "loss": loss}


def mlp(rows=4):
    tg.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    x, target = tg.rand(rows, 1, 28, 28), tg.tensor([3, 0, 9, 4] * (rows // 4))
    logits = model(x)
    loss = F.cross_entropy(logits, target)
    return loss, {"x": x, "target": target, "logits": logits, "loss": loss}


def convolutional():
    tg.manual_seed(2)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(48, 5), nn.LogSoftmax(1),
    )  # fmt: skip
    x = tg.rand(2, 1, 8, 8)
    h = model(x)
    h = tg.cat([h, h[:, [0, 0]].exp(), tg.where(h > -1, h, h * 0.5)], 1)
    return h.square().mean() + h.amax(1).sum(), {"x": x}


def attention():
    tg.manual_seed(3)
    block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    x = tg.rand(2, 3, 8, requires_grad=True)
    return block(x).var(), {"x": x}


class Both(tg.autograd.Function):
    """Sine and cosine at once: the cotangents of several outputs travel together."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin(), x.cos()

    @staticmethod
    def backward(ctx, gs, gc):
        (x,) = ctx.saved_tensors
        return gs * x.cos() - gc * x.sin()


def several():
    x = leaf(0.5, 1.0)
    s, c = Both.apply(x)
    return (s * 2 + c).sum(), {"x": x}
