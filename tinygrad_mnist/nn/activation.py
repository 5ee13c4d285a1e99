"""Layers without parameters: activations and probabilities; and PReLU, which has one.

Each is its function with settings: nn/functional/activation.py has the formulas. Read after layer.py.
"""

from __future__ import annotations

from typing import Any

from ..tensors.creation import full
from ..tensors.tensor import Tensor
from . import functional as F
from .layer import MADE, REQUIRED, Layer, Learned, layer
from .parameter import Parameter

ReLU = layer("ReLU", F.relu)
ReLU6 = layer("ReLU6", F.relu6)
LeakyReLU = layer("LeakyReLU", F.leaky_relu, "negative_slope={negative_slope}")
RReLU = layer("RReLU", F.rrelu, "lower={lower}, upper={upper}", trains=True)
ELU = layer("ELU", F.elu, "alpha={alpha}")
SELU = layer("SELU", F.selu)
CELU = layer("CELU", F.celu, "alpha={alpha}")
GELU = layer("GELU", F.gelu, "approximate={approximate!r}")
SiLU = layer("SiLU", F.silu)
Mish = layer("Mish", F.mish)
Softplus = layer("Softplus", F.softplus, "beta={beta}, threshold={threshold}")
Softsign = layer("Softsign", F.softsign)
Tanh = layer("Tanh", F.tanh)
Tanhshrink = layer("Tanhshrink", F.tanhshrink)
Sigmoid = layer("Sigmoid", F.sigmoid)
LogSigmoid = layer("LogSigmoid", F.logsigmoid)
Hardtanh = layer("Hardtanh", F.hardtanh, "min_val={min_val}, max_val={max_val}")
Hardsigmoid = layer("Hardsigmoid", F.hardsigmoid)
Hardswish = layer("Hardswish", F.hardswish)
Hardshrink = layer("Hardshrink", F.hardshrink, "{lambd}")
Softshrink = layer("Softshrink", F.softshrink, "{lambd}")
Threshold = layer("Threshold", F.threshold, "threshold={threshold}, value={value}", threshold=REQUIRED, value=REQUIRED,
                  inplace=False)  # fmt: skip
GLU = layer("GLU", F.glu, "dim={dim}")
Softmin = layer("Softmin", F.softmin, "dim={dim}", dim=None)


def softmax_of_channels(input: Tensor) -> Tensor:
    """Turn logits of (N, C, H, W) or (C, H, W) into probabilities along the channels."""
    return F.softmax(input, -3)


Softmax2d = layer("Softmax2d", softmax_of_channels)


class Softmax(Layer):
    """Probabilities from logits along a dimension. CrossEntropyLoss includes it: do not put it before that loss."""

    settings = {"dim": None}
    shown = "dim={dim}"
    dim: int | None

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(Softmax):
    """Log-probabilities from logits along a dimension; NLLLoss takes them."""

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class PReLU(Learned):
    """Keep what is positive, and multiply the rest by a slope that is learned, one or one per channel."""

    settings = {"num_parameters": 1, "init": 0.25, **MADE}
    shown = "num_parameters={num_parameters}"
    num_parameters: int
    init: float

    def _build(self, bias: bool, made: dict[str, Any]) -> None:
        self.weight = Parameter(full((self.num_parameters,), self.init, **made))

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)
